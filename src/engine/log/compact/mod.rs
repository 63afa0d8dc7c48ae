//! Compaction of closed segments. Each segment is written anew, and its entries are stored as compressed
//! columns in large frames.
//!
//! Entries, sequence numbers, stamps, the boundaries of segments, the chain and the heads stay the same.
//! Erasure uses the same code. The entries that a caller selects are left out, and a frame that replaces them
//! contains their number.
//!
//! Invariants:
//! 1. A segment is replaced only after two checks have succeeded. Every new frame is decoded, and its entries
//!    are compared with the old entries. The new file is read again, and its digest is compared with the
//!    digest of the written bytes.
//! 2. A segment with any damage is left unchanged. Compaction never removes evidence.
//! 3. A segment that a writer may still change is left unchanged.
//! 4. The new file replaces the old file by a rename. After a crash, the path leads to the complete old file
//!    or to the complete new file.

mod compactor;
mod plan;
mod report;
mod rewriting;
mod site;

pub use compactor::{compact, erase_segments};
pub use plan::{CompactionOptions, CompactionPlan, PlannedSegment, plan_compaction};
pub use report::{CompactionReport, SegmentCompaction, SegmentSkip, SkippedSegment};
pub use site::CompactedLog;
