//! Facts: the sum type of all data that can be captured or imported. The log assigns a position and a time to each
//! fact.
//!
//! Facts are small: the start of a run is one fact, the end of the run another, and a parameter a third. The state of
//! an object is derived from all facts about it, so that two processes can capture into one run independently.

pub(crate) mod annotation;
pub(crate) mod any_record;
pub(crate) mod captured;
pub(crate) mod draft;
pub(crate) mod ended;
pub(crate) mod erasure;
pub(crate) mod import;
pub(crate) mod param;
pub(crate) mod writer;

pub use annotation::{Annotation, Change, Mark};
pub use any_record::AnyRecord;
pub use captured::Fact;
pub use draft::RecordDraft;
pub use ended::Ended;
pub use erasure::{ErasedEntries, ErasureStep, RewrittenSegment, RunErasure};
pub use import::{Import, ImportOrigin};
pub use param::Param;
pub use writer::{Joined, Process, ProcessId, Writer, WriterId};
