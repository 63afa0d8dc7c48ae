//! Floor 5: is everything there, and how to get it back.
//!
//! [`verify`] walks log, projections and bodies without changing anything; [`rebuild`] makes the projections anew;
//! [`inspect`] shows what lies in the log; [`merge`] takes over what another workspace holds.
//!
//! Stability: Advanced.

pub mod error;
pub mod inspect;
pub mod merge;
pub mod rebuild;
pub mod verify;

pub use crate::engine::chain::Head;
pub use error::{Error, Result};
pub use inspect::{DumpedEntry, SegmentRow, StreamRow};
pub use merge::MergeReport;
pub use rebuild::RebuildReport;
pub use verify::{Outcome, Problem, ProjectionState, StreamReport, VerifyOptions, VerifyReport};
