//! Compaction: closed segments are written anew, with their entries as compressed columns in large frames.
//!
//! Entries, sequence numbers, stamps, the boundaries of segments, the chain and the heads stay the same. Erasure uses
//! the same code: entries that a caller names are then left out, and a frame in their place tells how many there were.
//!
//! Invariants:
//! 1. A segment is replaced only after every new frame was decoded and its entries equal the entries that were read,
//!    and after the new file was read again and has the digest of the bytes that were written.
//! 2. A segment with any damage is left unchanged. Compaction never removes evidence.
//! 3. A segment that a writer may still change is left unchanged.
//! 4. The replacement is a renaming. After a crash, the old or the new file is complete.

mod compactor;
mod plan;
mod report;
mod rewriting;
mod site;

pub use compactor::{compact, erase_segments};
pub use plan::{CompactionOptions, CompactionPlan, PlannedSegment, plan_compaction};
pub use report::{CompactionReport, SegmentCompaction, SegmentSkip, SkippedSegment};
pub use site::CompactedLog;
