//! The record of the frames that a writer has appended to its open segment. A reader of the same process takes the
//! entries from the record, and does not read them from the file.
//!
//! Invariant: the record contains every frame between its start and the end of the last complete frame of the segment, in
//! order, or nothing is recorded. A frame is added after its write has succeeded. The record belongs to one segment of one
//! process: it is dropped with the state of the segment, for example after a failed sync, and in a forked child.

use crate::engine::entries::Entries;
use crate::engine::entry::{Entry, Seq, Stamp, StreamChecksums, StreamId};
use crate::engine::log::format::pending::PendingEntries;
use crate::engine::log::read::{Commit, WrittenFrames};

/// The maximum number of recorded entries. A writer that appends more without a reader records nothing until the next
/// read, so that the record needs little memory and time.
const ENTRIES_MAX: usize = 256;
/// The maximum number of recorded payload bytes.
const BYTES_MAX: usize = 64 << 10;

/// The recorded frames of a segment.
#[derive(Debug, Default)]
pub(super) struct FrameRecord {
    /// `None` if nothing is recorded.
    frames: Option<WrittenFrames>,
    entries: usize,
    bytes: usize,
    /// The sequence number and the checksum of the last entry that was appended, also if it was not recorded; `None` before
    /// the first append to the segment.
    last: Option<(Seq, u32)>,
}

/// A frame that was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrittenFrame<'a> {
    pub(super) stream: StreamId,
    /// The first sequence number of the segment.
    pub(super) segment: Seq,
    /// The sequence number of the first entry.
    pub(super) first: Seq,
    /// The offset of the first byte.
    pub(super) offset: u64,
    /// The offset after the last byte.
    pub(super) end: u64,
    /// The entries in the frame, at least one.
    pub(super) entries: &'a PendingEntries,
    /// The checksum of the last entry.
    pub(super) checksum: u32,
}

impl FrameRecord {
    /// Returns the recorded frames, and begins a new record at the offset `end`, the end of the last complete frame.
    pub(super) fn take(&mut self, end: u64) -> Option<WrittenFrames> {
        (self.entries, self.bytes) = (0, 0);
        self.frames.replace(WrittenFrames { start: end, before: self.last, commits: Vec::new() })
    }

    /// Adds a frame. If the record would be too large, ends the record.
    pub(super) fn add(&mut self, frame: WrittenFrame<'_>) {
        let count = frame.entries.len() as u64;
        self.last = Some((frame.first.plus(count).previous(), frame.checksum));
        let Some(frames) = &mut self.frames else { return };
        self.entries += frame.entries.len();
        self.bytes += frame.entries.payload_bytes();
        if self.entries > ENTRIES_MAX || self.bytes > BYTES_MAX {
            self.frames = None;
            return;
        }
        let WrittenFrame { segment, offset, end, .. } = frame;
        let entries = frame.recorded_entries();
        frames.commits.push(Commit { segment, offset, end, entries });
    }
}

impl WrittenFrame<'_> {
    /// Returns the entries as a reader would read them from the stream.
    fn recorded_entries(&self) -> Entries {
        let checksums = StreamChecksums::of(self.stream);
        let mut entries = Entries::with_capacity(self.entries.len(), self.entries.payload_bytes());
        for (n, entry) in (0..).zip(self.entries.iter()) {
            let stamp = Stamp { time: entry.time, stream: self.stream, seq: self.first.plus(n) };
            let mut entry = Entry {
                stamp,
                kind: entry.kind,
                version: entry.version,
                payload: entry.payload,
                checksum: 0,
            };
            entry.checksum = checksums.checksum(&entry);
            entries.push(entry, None, (0, 0));
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::domain::Domain;
    use crate::engine::entry::{Kind, PayloadVersion};
    use crate::engine::log::directory::ResumePoint;
    use crate::engine::log::{Durability, Item, Log, LogOptions, Payloads, ScanMode, StreamReader};
    use crate::engine::storage::sim::{Fault, Moment, SimDisk};
    use std::io;
    use std::path::Path;

    const LOG: &str = "/log";

    fn append(log: &Log, count: usize, len: usize) -> crate::engine::error::Result<()> {
        let encode = |n: usize, out: &mut Vec<u8>| out.extend(std::iter::repeat_n(n as u8, len));
        let payloads = Payloads { kind: Kind(1), version: PayloadVersion(1), count, len_max: len, encode };
        log.append_payloads(payloads, 5, Durability::Flush).map(|_| ())
    }

    fn taken(log: &Log) -> Option<Vec<Commit>> {
        log.open_segment().unwrap().written.map(|written| written.commits)
    }

    #[test]
    fn recorded_frames_are_the_frames_that_a_reader_reads() {
        let disk = SimDisk::new(1);
        let process = disk.spawn(1);
        let options = LogOptions::new(Domain::new("toy", 1).unwrap());
        let log = Log::new(process.clone(), LOG.into(), options);
        append(&log, 1, 10).unwrap();
        assert_eq!(taken(&log), None, "nothing is recorded before the first call");
        assert_eq!(taken(&log), Some(vec![]));
        append(&log, 3, 7).unwrap();
        // The frame of a failed write is removed from the file and not recorded.
        process.plan(Moment::Change(process.changes()), Fault::ErrorAfter(io::ErrorKind::Other));
        append(&log, 1, 9).unwrap_err();
        append(&log, 1, 0).unwrap();
        let open = log.open_segment().unwrap();
        let written = open.written.unwrap();
        let storage = disk.process(2);
        let start = ResumePoint::START;
        let mut reader =
            StreamReader::open_at(&storage, Path::new(LOG), open.stream, ScanMode::Full, start).unwrap();
        let mut read = Vec::new();
        while let Some(item) = reader.next_item().unwrap() {
            match item {
                Item::Commit(commit) => read.push(commit),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(read.len(), 3);
        assert_eq!(written.commits, read[1..]);
        assert_eq!((written.start, read[2].end), (read[1].offset, open.end));
        let last_of = |commit: &Commit| commit.entries.last().map(|last| (last.stamp.seq, last.checksum));
        assert_eq!(written.before, last_of(&read[0]));
        let before = || log.open_segment().unwrap().written.unwrap().before;
        assert_eq!(before(), last_of(&read[2]));
        assert_eq!(before(), last_of(&read[2]), "nothing was appended since");
        // The last entry of an append that is not recorded is known too.
        append(&log, ENTRIES_MAX + 1, 1).unwrap();
        assert!(log.open_segment().unwrap().written.is_none());
        let (seq, _) = before().unwrap();
        assert_eq!(seq, Seq(last_of(&read[2]).unwrap().0.0 + ENTRIES_MAX as u64 + 1));
    }

    #[test]
    fn record_ends_if_it_would_be_too_large_and_begins_again_at_the_next_call() {
        let disk = SimDisk::new(1);
        let log = Log::new(disk.process(1), LOG.into(), LogOptions::new(Domain::new("toy", 1).unwrap()));
        append(&log, 1, 1).unwrap();
        for (counts, len, is_recorded) in [
            (&[ENTRIES_MAX][..], 1, true),
            (&[ENTRIES_MAX, 1], 1, false),
            (&[1], BYTES_MAX, true),
            (&[1], BYTES_MAX + 1, false),
            (&[1, 1, 1], 1, true),
        ] {
            taken(&log);
            counts.iter().for_each(|count| append(&log, *count, len).unwrap());
            let frames = taken(&log).map(|commits| commits.len());
            assert_eq!(frames, is_recorded.then_some(counts.len()), "{counts:?}");
        }
    }
}
