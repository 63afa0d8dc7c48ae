//! Removal of the last entries of a stream: all entries after a stamp. No writer may use the stream.

use crate::engine::entry::{Seq, Stamp, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::{frame_salt, put_entries};
use crate::engine::log::format::names;
use crate::engine::log::format::pending::{PendingEntries, PendingEntry};
use crate::engine::log::read::directory::list_segments;
use crate::engine::log::read::{Commit, Item, ScanMode, StreamReader};
use crate::engine::storage::{OpenMode, Storage, write_all_at};
use std::path::Path;
use std::sync::Arc;

/// Removes all entries of a stream whose stamps are greater than `until`. Times increase within a stream, so
/// the remaining entries are a prefix of the stream. Returns `true` if entries remain. If no entry remains,
/// the directory of the stream is kept without segments.
///
/// The function changes segment files in place. The caller must own the log: no other process may read or
/// write the log. After an error, the caller must discard the log.
pub fn cut_stream(storage: &Arc<dyn Storage>, log: &Path, stream: StreamId, until: Stamp) -> Result<bool> {
    let mut reader = StreamReader::open(storage, log, stream, ScanMode::Follow)?;
    let mut has_entries = false;
    while let Some(item) = reader.next_item()? {
        let Item::Commit(commit) = item else { continue };
        let kept = commit.entries.iter().take_while(|entry| entry.stamp <= until).count();
        if kept < commit.entries.len() {
            let salt = reader.header().map(|header| header.salt);
            drop(reader);
            let cut = Cut { storage, log, stream };
            return match (has_entries || kept > 0, salt) {
                (false, _) => cut.remove_segments(Seq(0)).map(|()| false),
                (true, salt) => cut.end_at(&commit, kept, salt).map(|()| true),
            };
        }
        has_entries = true;
    }
    Ok(has_entries)
}

/// A stream from which the last entries are removed.
struct Cut<'a> {
    storage: &'a Arc<dyn Storage>,
    log: &'a Path,
    stream: StreamId,
}

impl Cut<'_> {
    /// Removes the segments whose first sequence number is greater than `base`.
    fn remove_segments(&self, base: Seq) -> Result<()> {
        let segments = list_segments(self.storage.as_ref(), self.log, self.stream)?;
        for removed in segments.into_iter().filter(|segment| *segment > base) {
            let path = names::segment_path(self.log, self.stream, removed);
            self.storage.remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
        }
        let dir = names::stream_dir(self.log, self.stream);
        self.storage.sync_dir(&dir).map_err(|e| Error::io("sync", &dir, e))
    }

    /// Ends the stream after the first `kept` entries of a commit. `salt` is `None` if both copies of the
    /// segment header are damaged. In this case, no frame can be written, so the whole commit is removed.
    fn end_at(&self, commit: &Commit, kept: usize, salt: Option<u64>) -> Result<()> {
        self.remove_segments(commit.segment)?;
        let path = names::segment_path(self.log, self.stream, commit.segment);
        let wrap = |e| Error::io("shorten segment", &path, e);
        let mut rows = PendingEntries::new();
        for entry in commit.entries.iter().take(kept) {
            let (kind, version, time) = (entry.kind, entry.version, entry.stamp.time);
            rows.push(PendingEntry { kind, version, time, payload: entry.payload });
        }
        let mut frame = Vec::new();
        if let (Some(salt), Some(first)) = (salt, commit.entries.first().filter(|_| kept > 0)) {
            let salt = frame_salt(salt, commit.offset);
            put_entries(&mut frame, &mut Vec::new(), &rows, self.stream, first.stamp.seq, salt);
        }
        let file = self.storage.open(&path, OpenMode::ReadWrite).map_err(wrap)?;
        file.set_len(commit.offset).map_err(wrap)?;
        write_all_at(file.as_ref(), commit.offset, &frame).map_err(wrap)?;
        file.sync().map_err(wrap)
    }
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests {
    use super::*;
    use crate::engine::domain::Domain;
    use crate::engine::entry::{Kind, PayloadVersion};
    use crate::engine::log::{Durability, Log, LogOptions};
    use crate::engine::storage::sim::SimDisk;

    /// Returns all stamps of a stream. The second result is the number of findings and gaps.
    fn read(storage: &Arc<dyn Storage>, stream: StreamId) -> (Vec<Stamp>, usize) {
        let mut reader = StreamReader::open(storage, Path::new("/log"), stream, ScanMode::Full).unwrap();
        let (mut stamps, mut faults) = (Vec::new(), 0);
        while let Some(item) = reader.next_item().unwrap() {
            match item {
                Item::Commit(commit) => stamps.extend(commit.entries.iter().map(|entry| entry.stamp)),
                _ => faults += 1,
            }
        }
        (stamps, faults)
    }

    #[test]
    fn stream_is_cut_after_every_entry() {
        let disk = SimDisk::new(1);
        let writer = disk.process(1);
        let domain = Domain::new("test", 1).unwrap();
        let options = LogOptions { segment_bytes_max: 6 << 10, ..LogOptions::new(domain) };
        let log = Log::new(Arc::clone(&writer), "/log".into(), options);
        for commit in 0..12u8 {
            let mut entries = PendingEntries::new();
            for entry in 0..3u8 {
                let payload = [commit, entry].repeat(100);
                let version = PayloadVersion(1);
                entries.push(PendingEntry { kind: Kind(7), version, time: 0, payload: &payload });
            }
            log.append_encoded(&entries, Durability::Flush).unwrap();
        }
        log.close().unwrap();
        let stream =
            crate::engine::log::directory::list_streams(writer.as_ref(), Path::new("/log")).unwrap()[0];
        let (all, faults) = read(&writer, stream);
        assert_eq!((all.len(), faults), (36, 0));
        assert!(list_segments(writer.as_ref(), Path::new("/log"), stream).unwrap().len() > 2);
        for kept in 0..=all.len() {
            let disk = disk.fork();
            let storage = disk.process(2);
            let until = kept.checked_sub(1).map_or(Stamp { time: 0, stream, seq: Seq(0) }, |last| all[last]);
            let has_entries = cut_stream(&storage, Path::new("/log"), stream, until).unwrap();
            assert_eq!(has_entries, kept > 0);
            assert_eq!(read(&storage, stream), (all[..kept].to_vec(), 0), "{kept}");
        }
    }
}
