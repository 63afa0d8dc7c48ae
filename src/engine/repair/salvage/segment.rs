//! New segments with salvaged entries.

use crate::engine::chain::Chain;
use crate::engine::domain::Domain;
use crate::engine::entry::{Entry, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::frame::{frame_salt, put_entries};
use crate::engine::log::header::SegmentHeader;
use crate::engine::log::names::{segment_path, stream_dir};
use crate::engine::log::pending::{PendingEntries, PendingEntry};
use crate::engine::storage::{OpenMode, Storage, write_all_at};
use std::path::Path;
use std::sync::Arc;

/// The number of payload bytes at which a frame is ended.
const FRAME_PAYLOAD_MAX: usize = 64 << 10;

/// Writes a segment with `entries` durably. The entries are sorted by sequence number, and each number occurs once.
/// Sequence numbers between the entries may be missing. Readers report them as a gap. The stream in the stamps of the
/// entries is not used. Without entries, the function writes nothing.
///
/// The segment has no home, and the directory gets no lock file, so no writer continues the stream. Errors: the file
/// exists or cannot be written.
pub(crate) fn write_segment(
    storage: &Arc<dyn Storage>,
    log: &Path,
    (stream, domain): (StreamId, Domain),
    entries: &[Entry],
) -> Result<()> {
    let Some(first) = entries.first() else { return Ok(()) };
    let (dir, path) = (stream_dir(log, stream), segment_path(log, stream, first.stamp.seq));
    let wrap = |e| Error::io("write segment", &path, e);
    let mut salt = [0; 8];
    storage.entropy(&mut salt).map_err(|e| Error::io("read random bytes for", &path, e))?;
    let header = SegmentHeader {
        stream,
        home: None,
        base: first.stamp.seq,
        chain: Chain::ORIGIN,
        salt: u64::from_le_bytes(salt).max(1),
        previous_salt: 0,
        time: first.stamp.time,
        origin: None,
        domain,
    };
    storage.create_dir_all(&dir).map_err(|e| Error::io("create", &dir, e))?;
    let file = storage.open(&path, OpenMode::CreateNew).map_err(wrap)?;
    let mut bytes = header.encode();
    let mut at = 0;
    let mut frame = Frame { stream, salt: header.salt, first: header.base, rows: PendingEntries::new() };
    for entry in entries {
        if !frame.accepts(entry) {
            frame.put(&mut bytes, at);
            write_all_at(file.as_ref(), at, &bytes).map_err(wrap)?;
            at += bytes.len() as u64;
            bytes.clear();
            frame.first = entry.stamp.seq;
        }
        frame.rows.push(row(entry));
    }
    frame.put(&mut bytes, at);
    write_all_at(file.as_ref(), at, &bytes).map_err(wrap)?;
    file.sync().map_err(wrap)?;
    storage.sync_dir(&dir).map_err(|e| Error::io("sync", &dir, e))
}

/// The frame that is being collected.
struct Frame {
    stream: StreamId,
    salt: u64,
    first: Seq,
    rows: PendingEntries,
}

impl Frame {
    /// Returns true if the entry can be added to the frame: it follows the last entry, and there is room for it.
    fn accepts(&self, entry: &Entry) -> bool {
        if self.rows.is_empty() {
            return true;
        }
        let mut alone = PendingEntries::new();
        alone.push(row(entry));
        entry.stamp.seq == self.first.plus(self.rows.len() as u64)
            && entry.stamp.time >= self.rows.times().1
            && self.rows.payload_bytes() < FRAME_PAYLOAD_MAX
            && self.rows.fit_with(&alone)
    }

    /// Appends the frame to `out`. The bytes in `out` are written at the offset `at` of the segment.
    fn put(&mut self, out: &mut Vec<u8>, at: u64) {
        let salt = frame_salt(self.salt, at + out.len() as u64);
        put_entries(out, &mut Vec::new(), &self.rows, self.stream, self.first, salt);
        self.rows.clear();
    }
}

fn row(entry: &Entry) -> PendingEntry<'_> {
    let Entry { stamp, kind, version, payload, .. } = entry;
    PendingEntry { kind: *kind, version: *version, time: stamp.time, payload }
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests {
    use super::*;
    use crate::engine::entry::{Gap, Kind, PayloadVersion, Stamp};
    use crate::engine::log::{Item, ScanMode, StreamReader};
    use crate::engine::storage::sim::SimDisk;

    #[test]
    fn written_segment_has_the_entries_and_the_gaps_between_them() {
        let storage = SimDisk::new(1).process(1);
        let stream = StreamId([7; 16]);
        let entry = |seq: u64| Entry {
            stamp: Stamp { time: 1000 - seq.min(500), stream: StreamId([0; 16]), seq: Seq(seq) },
            kind: Kind(3),
            version: PayloadVersion(1),
            payload: vec![seq as u8; 9000],
            checksum: 0,
        };
        let seqs: Vec<u64> = (5..40).chain([60, 61]).collect();
        let entries: Vec<Entry> = seqs.iter().copied().map(entry).collect();
        let domain = Domain::new("test", 1).unwrap();
        let log = Path::new("/log");
        write_segment(&storage, log, (stream, domain), &entries).unwrap();
        write_segment(&storage, log, (stream, domain), &entries).unwrap_err();
        let mut reader = StreamReader::open(&storage, log, stream, ScanMode::Full).unwrap();
        let (mut read, mut gaps) = (Vec::new(), Vec::new());
        while let Some(item) = reader.next_item().unwrap() {
            match item {
                Item::Commit(commit) => read.extend(commit.entries),
                Item::Gap(Gap { first, last, .. }) => gaps.push((first.0, last.map(|last| last.0))),
                Item::Finding(finding) => panic!("{finding}"),
            }
        }
        assert_eq!(gaps, [(1, Some(4)), (40, Some(59))]);
        assert_eq!(read.iter().map(|entry| entry.stamp.seq.0).collect::<Vec<_>>(), seqs);
        for (read, written) in read.iter().zip(&entries) {
            assert_eq!((&read.payload, read.stamp.time), (&written.payload, written.stamp.time));
        }
    }
}
