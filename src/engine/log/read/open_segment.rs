//! The open segment of a writer of this process, for a reader of the same process.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::read::item::Commit;
use crate::engine::storage::File;
use std::sync::Arc;

/// The open segment of a writer, up to the end of the last complete frame. The bytes before this end do not change,
/// because only this process writes to the stream.
#[derive(Debug, Clone)]
pub struct OpenSegment {
    /// The stream of the writer.
    pub stream: StreamId,
    /// The first sequence number of the segment.
    pub base: Seq,
    /// The salt of the segment.
    pub salt: u64,
    /// The file, open for reading and writing.
    pub file: Arc<dyn File>,
    /// The offset of the end of the last complete frame.
    pub end: u64,
    /// The time at which the end was read. Every append after the end happens at or after this time.
    pub at: u64,
    /// The sequence number after that of the last entry.
    pub next: Seq,
    /// The frames that the writer wrote recently; `None` if they were not recorded.
    pub written: Option<WrittenFrames>,
}

/// All frames of an open segment between the offset `start` and [`OpenSegment::end`], as a reader would read them from the
/// file.
#[derive(Debug, Clone)]
pub struct WrittenFrames {
    /// The offset of the first frame, or [`OpenSegment::end`] if there is no frame.
    pub start: u64,
    /// The sequence number and the checksum of the last entry before `start`; `None` if this process did not append the
    /// entry to this segment.
    pub before: Option<(Seq, u32)>,
    /// The frames, in order.
    pub commits: Vec<Commit>,
}
