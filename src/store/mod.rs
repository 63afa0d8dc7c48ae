//! Floor 3: typed writes and reads of one workspace. Callers append facts and read rows; lower floors encode facts as
//! bytes.
//!
//! [`Journal`] appends facts and bodies. [`Store`] answers questions about one consistent [`StoreView`], whose
//! [`Note`]s report missing entries.
//!
//! Stability: Advanced.

pub mod alias;
pub mod artifacts;
mod assembly;
pub mod attributes;
pub mod body;
pub mod delivery;
mod duplicates;
pub mod erasures;
pub mod error;
mod find;
pub mod history;
pub mod imports;
pub mod journal;
pub mod lifecycle;
pub mod lineage;
pub mod listings;
pub mod location;
mod log_records;
pub mod metadata;
pub mod moment;
pub mod note;
pub mod objects;
mod order;
mod planes;
pub mod record_ref;
pub mod records;
pub mod rows;
mod run_catalog;
mod run_codec;
mod run_gaps;
pub mod run_rows;
pub mod series;
pub mod source;
pub mod tree;
pub mod view;
pub mod workspace;
pub mod writers;

pub use crate::contract::Severity;
pub(crate) use crate::engine::blob_lock::BlobUse;
pub use crate::engine::chain::Head;
pub use crate::engine::entry::{Position, Seq, Stamp, StreamId};
pub(crate) use crate::engine::fault::{chain, panic_message};
pub use crate::engine::log::Durability;
pub(crate) use crate::engine::parallel;
pub(crate) use crate::projections::encoded::{EncodedEvent, EncodedFact};
pub(crate) use crate::projections::encoded_series::{EncodedPoint, EncodedSeries, PointValue};
pub(crate) use crate::projections::entry::Captured;
pub use crate::projections::series_key::SeriesKey;
pub use artifacts::ArtifactRow;
pub use attributes::Attributes;
pub use body::StoredBody;
pub use delivery::{DeadLetter, DeadLetters, LetterState, LineFile, SpillReplay, WaitingDelivery};
pub(crate) use delivery::{DeadLetterFile, SinkCursor, Spill, StreamFacts, cursor_rows, waiting_deliveries};
pub use error::{Error, Result};
pub use history::{HistoryEntry, HistoryValue, ValueState};
pub use journal::{Journal, Receipt};
pub use lifecycle::WriterRow;
pub(crate) use log_records::LogRecord;
pub use moment::{Moment, ParseMomentError};
pub use note::Note;
pub use planes::PlaneError;
pub(crate) use planes::{PlaneDirs, PlaneWrites, Planes};
pub use records::RecordRow;
pub use rows::{EnvironmentRow, ProjectRow, RunRow, StageRow};
pub use series::{Attempts, SeriesPoint, SeriesRow};
pub use source::{SourceBody, SourceMode};
pub use view::StoreView;
pub use workspace::Store;
