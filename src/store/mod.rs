//! Floor 3: typed writes and reads. What goes in is a fact, what comes out is a row; bytes stay below.
//!
//! [`Journal`] appends facts and bodies. [`Store`] answers from one consistent [`StoreView`]; each file beside
//! this one adds the reads of one plane to it. Every view carries [`Note`]s on what it lacks.
//!
//! Stability: Advanced.

pub mod artifacts;
pub mod error;
pub mod interchange;
pub mod journal;
pub mod lineage;
pub mod metadata;
pub mod note;
pub mod objects;
pub mod records;
pub mod series;
pub mod view;

pub use crate::engine::chain::Head;
pub use crate::engine::entry::{Position, Stamp};
pub use crate::engine::log::Durability;
pub use artifacts::ArtifactRow;
pub use error::{Error, Result};
pub use journal::{Journal, Receipt};
pub use metadata::{Attributes, EnvironmentRow, ProjectRow, RunRow, StageRow};
pub use note::{Note, Severity};
pub use records::RecordRow;
pub use series::{SeriesPoint, SeriesRow};
pub use view::{Store, StoreView};
