//! Floor 5: checks and recovery of a workspace.
//!
//! [`verify`] checks log, projections and bodies without changing anything, [`rebuild`] derives the projections from
//! the log again, [`inspect`] lists the content of the log, and [`merge`] copies the streams and bodies of another
//! workspace.
//!
//! Stability: Advanced.

pub mod error;
pub mod inspect;
pub mod merge;
pub mod rebuild;
pub mod verify;

pub use crate::engine::chain::Head;
pub use crate::engine::progress::Progress;
pub use error::{Error, Result};
pub use inspect::{DumpItem, DumpedEntry, LogDump, SegmentRow, StreamRow};
pub use merge::MergeReport;
pub use rebuild::{RebuildOptions, RebuildReport};
pub use verify::{Outcome, Problem, ProjectionState, StreamReport, VerifyOptions, VerifyReport};
