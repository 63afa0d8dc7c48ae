//! The end of the stream of this process at the previous catch-up.

use crate::engine::entry::Seq;
use crate::engine::log::OpenSegment;
use crate::engine::projection::cursor::Cursor;
use crate::engine::storage::File;
use std::sync::{Arc, Weak};

/// The end of the stream of this process, up to which a catch-up has read its open segment.
#[derive(Debug, Clone)]
pub(super) struct OwnEnd {
    /// The open file of the segment.
    file: Weak<dyn File>,
    /// The sequence number and the checksum of the last entry.
    last: (Seq, u32),
}

impl OwnEnd {
    /// Creates the end of an open segment whose entries were read up to `last`.
    pub(super) fn of(open: &OpenSegment, last: (Seq, u32)) -> OwnEnd {
        OwnEnd { file: Arc::downgrade(&open.file), last }
    }

    /// Returns true if the cursor is at this end, and the writer still has the same file open. The frames before the
    /// cursor are then unchanged, because only this process writes to the file.
    pub(super) fn is_end_of(&self, cursor: &Cursor, open: &OpenSegment) -> bool {
        self.last == cursor.last && Weak::ptr_eq(&self.file, &Arc::downgrade(&open.file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::StreamId;
    use crate::engine::storage::sim::SimDisk;
    use crate::engine::storage::{OpenMode, Storage};
    use std::path::Path;

    #[test]
    fn own_end_is_the_end_of_a_cursor_only_with_the_same_entry_and_the_same_open_file() {
        let storage: Arc<dyn Storage> = SimDisk::new(1).process(1);
        let open = || OpenSegment {
            stream: StreamId([1; 16]),
            base: Seq(1),
            salt: 1,
            path: Path::new("/segment").into(),
            file: storage.open(Path::new("/segment"), OpenMode::Create).unwrap(),
            end: 4096,
            next: Seq(3),
        };
        let (segment, reopened) = (open(), open());
        let cursor = |last| Cursor { last, ..Cursor::start() };
        let end = OwnEnd::of(&segment, (Seq(2), 7));
        assert!(end.is_end_of(&cursor((Seq(2), 7)), &segment));
        assert!(!end.is_end_of(&cursor((Seq(1), 7)), &segment));
        assert!(!end.is_end_of(&cursor((Seq(2), 8)), &segment));
        // Another process may have appended while the segment was closed.
        assert!(!end.is_end_of(&cursor((Seq(2), 7)), &reopened));
        drop(segment);
        assert!(!end.is_end_of(&cursor((Seq(2), 7)), &open()));
    }
}
