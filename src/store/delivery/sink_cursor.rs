//! The cursor of one sink in one stream: the position after the last entry that the sink received.
//!
//! Invariants:
//! 1. The file is written under a temporary name and then renamed, so it is always complete. If it can be created, it
//!    is created before the entry at its first sequence number is appended.
//! 2. A process holds the lock of the file while it appends to the stream or replays the stream.
//! 3. The file has two slots for the position, and each save overwrites the older slot. If a save is interrupted, the
//!    other slot still has the previous position. The sink then receives entries again, but no entry is skipped.
//!
//! The file has three blocks of 512 bytes. The first block has three lines: a title, `<stream>:<first sequence
//! number>`, and the BLAKE3 digest of the second line. Each of the other two blocks is a slot with one line, `<number
//! of saves> <next sequence number> <number of failures> <check>`. The numbers have leading zeros. The check is the
//! first 16 hexadecimal digits of the BLAKE3 digest of the text before it, without the last space.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Position, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::storage::replace::FileReplacement;
use crate::engine::storage::{File, OpenMode, Storage, read_full_at, write_all_at};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TITLE: &str = "contexta sink cursor 1";
const BLOCK: usize = 512;
/// The extension of the names of cursor files.
const EXTENSION: &str = "cursor";

/// The cursor of one sink in one stream.
#[derive(Debug)]
pub(crate) struct SinkCursor {
    path: PathBuf,
    /// The locked file; `None` if the file cannot be used, so that the position is only in memory.
    file: Option<Arc<dyn File>>,
    /// The position at which this process began to use the cursor.
    first: Seq,
    next: Seq,
    failures: u32,
    saves: u64,
    is_changed: bool,
}

impl SinkCursor {
    /// Opens and locks the cursor of the stream `stream` in the directory of a sink. If the cursor does not exist,
    /// creates it with the position `first`. Returns `None` if another process holds the lock. Errors: the file cannot
    /// be created or read, or its first block is not that of a cursor of this stream.
    pub(crate) fn open(
        storage: &Arc<dyn Storage>,
        dir: &Path,
        stream: StreamId,
        first: Seq,
    ) -> Result<Option<SinkCursor>> {
        let path = path_of(dir, stream);
        let file = match storage.open(&path, OpenMode::ReadWrite) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                create(storage, &path, Position { stream, seq: first })
                    .map_err(|e| Error::io("create", &path, e))?;
                storage.open(&path, OpenMode::ReadWrite)
            }
            opened => opened,
        };
        let file = file.map_err(|e| Error::io("open", &path, e))?;
        // An error means that the file system has no locks. Only one process at a time may then use the cursor.
        if matches!(file.try_lock(), Ok(false)) {
            return Ok(None);
        }
        let mut bytes = vec![0; 3 * BLOCK];
        let got = read_full_at(file.as_ref(), 0, &mut bytes).map_err(|e| Error::io("read", &path, e))?;
        bytes.truncate(got);
        let Some((saves, next, failures)) = newest_of(&bytes, stream) else {
            let reason = "the first block is damaged, or names another stream".to_owned();
            return Err(Error::CursorUnusable { path, reason });
        };
        Ok(Some(SinkCursor { path, file: Some(file), first: next, next, failures, saves, is_changed: false }))
    }

    /// Reads the cursor of a stream without a lock. Returns the sequence number of the next entry to deliver,
    /// and the number of failed deliveries of this entry. Returns `None` if the cursor cannot be read.
    pub(super) fn peek(storage: &dyn Storage, dir: &Path, stream: StreamId) -> Option<(Seq, u32)> {
        let file = storage.open(&path_of(dir, stream), OpenMode::Read).ok()?;
        let mut bytes = vec![0; 3 * BLOCK];
        let got = read_full_at(file.as_ref(), 0, &mut bytes).ok()?;
        bytes.truncate(got);
        newest_of(&bytes, stream).map(|(_, next, failures)| (next, failures))
    }

    /// Creates a cursor without a file, for the case that the file cannot be used.
    pub(crate) fn detached(next: Position) -> SinkCursor {
        let (path, next) = (PathBuf::new(), next.seq);
        SinkCursor { path, file: None, first: next, next, failures: 0, saves: 0, is_changed: false }
    }

    /// Returns the streams that have a cursor in the directory of a sink, the oldest first.
    pub(crate) fn list(storage: &dyn Storage, dir: &Path) -> Result<Vec<StreamId>> {
        let entries = match storage.list(dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(Error::io("list", dir, e)),
        };
        let stream = |name: &str| name.strip_suffix(EXTENSION)?.strip_suffix('.')?.parse().ok();
        let mut streams: Vec<StreamId> = entries.iter().filter_map(|entry| stream(&entry.name)).collect();
        streams.sort();
        Ok(streams)
    }

    /// Returns the sequence number of the next entry to deliver. The sink has received the entries before it, or these
    /// entries are not delivered to the sink.
    pub(crate) fn next(&self) -> Seq {
        self.next
    }

    /// Returns the number of failed deliveries of the next entry.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns `true` if the position is saved in a file.
    pub(crate) fn is_attached(&self) -> bool {
        self.file.is_some()
    }

    /// Moves the position to the entry after `seq`. Has no effect if the position is already after `seq`.
    pub(crate) fn pass(&mut self, seq: Seq) {
        if seq >= self.next {
            (self.next, self.failures, self.is_changed) = (seq.next(), 0, true);
        }
    }

    /// Moves the position to that of a cursor without a file, which this cursor replaces. Has no effect if this position
    /// is before the position at which the other cursor began: the sink has not received the entries between these
    /// positions. The sink then receives the entries of the other cursor again.
    pub(crate) fn replace(&mut self, detached: &SinkCursor) {
        if self.next >= detached.first && detached.next > detached.first {
            self.pass(detached.next.previous());
        }
    }

    /// Counts a failed delivery of the next entry.
    pub(crate) fn fail(&mut self) {
        (self.failures, self.is_changed) = (self.failures.saturating_add(1), true);
    }

    /// Writes the position to the file if the position has changed. The write is not synced, so the file may have an
    /// older position after a power cut. After an error, a later call tries again.
    pub(crate) fn save(&mut self) -> Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| self.is_changed) else { return Ok(()) };
        let saves = self.saves + 1;
        let slot = encode_slot(saves, self.next, self.failures);
        let offset = if saves.is_multiple_of(2) { BLOCK } else { 2 * BLOCK };
        write_all_at(file.as_ref(), offset as u64, slot.as_bytes())
            .map_err(|e| Error::io("write", &self.path, e))?;
        (self.saves, self.is_changed) = (saves, false);
        Ok(())
    }
}

/// Returns the path of a stream's cursor in the directory of a sink.
fn path_of(dir: &Path, stream: StreamId) -> PathBuf {
    dir.join(format!("{stream}.{EXTENSION}"))
}

/// Reads the newest slot of a cursor. Returns the number of saves, the next sequence number and the number of
/// failures. Returns `None` if the first block is damaged or names another stream.
fn newest_of(bytes: &[u8], stream: StreamId) -> Option<(u64, Seq, u32)> {
    let first = first_of(bytes).filter(|first| first.stream == stream)?;
    let slots = [1, 2].map(|n| slot_of(bytes.get(n * BLOCK..(n + 1) * BLOCK).unwrap_or_default()));
    Some(slots.into_iter().flatten().max().unwrap_or((0, first.seq, 0)))
}

fn create(storage: &Arc<dyn Storage>, path: &Path, first: Position) -> io::Result<()> {
    let text = first.to_string();
    let mut bytes = format!("{TITLE}\n{text}\n{}\n", Digest::of(text.as_bytes())).into_bytes();
    bytes.resize(3 * BLOCK, 0);
    let mut new = FileReplacement::create(storage, path, EXTENSION)?;
    new.write_all(&bytes)?;
    new.publish()
}

fn first_of(bytes: &[u8]) -> Option<Position> {
    let text = std::str::from_utf8(bytes.get(..BLOCK)?).ok()?;
    let mut lines = text.split('\n');
    let (title, position, digest) = (lines.next()?, lines.next()?, lines.next()?);
    let is_whole = title == TITLE && Digest::of(position.as_bytes()).to_string() == digest;
    position.parse().ok().filter(|_| is_whole)
}

fn check_of(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string().chars().take(16).collect()
}

fn encode_slot(saves: u64, next: Seq, failures: u32) -> String {
    let text = format!("{saves:020} {:020} {failures:010}", next.0);
    let check = check_of(&text);
    format!("{text} {check}\n")
}

fn slot_of(bytes: &[u8]) -> Option<(u64, Seq, u32)> {
    let line = std::str::from_utf8(bytes.split(|b| *b == b'\n').next()?).ok()?;
    let (text, check) = line.rsplit_once(' ')?;
    let mut words = text.split(' ');
    let (saves, next, failures) = (words.next()?, words.next()?, words.next()?);
    let slot = (saves.parse().ok()?, Seq(next.parse().ok()?), failures.parse().ok()?);
    Some(slot).filter(|_| check_of(text) == check)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::storage::sim::SimDisk;

    const STREAM: StreamId = StreamId([7; 16]);

    fn open(disk: &SimDisk, process: u32) -> Option<SinkCursor> {
        let storage: Arc<dyn Storage> = disk.process(process);
        SinkCursor::open(&storage, Path::new("/sinks/a"), STREAM, Seq(5)).unwrap()
    }

    #[test]
    fn position_reads_back_and_interrupted_save_leaves_the_previous_position() {
        let disk = SimDisk::new(1);
        let mut cursor = open(&disk, 1).unwrap();
        assert_eq!((cursor.next(), cursor.failures()), (Seq(5), 0));
        for seq in 5..9 {
            cursor.pass(Seq(seq));
            cursor.save().unwrap();
        }
        cursor.fail();
        cursor.save().unwrap();
        drop(cursor);
        let cursor = open(&disk, 2).unwrap();
        assert_eq!((cursor.next(), cursor.failures()), (Seq(9), 1));
        drop(cursor);
        let path = PathBuf::from(format!("/sinks/a/{STREAM}.cursor"));
        let good = disk.read(&path).unwrap();
        for at in [BLOCK, 2 * BLOCK] {
            for byte in at..at + 60 {
                let mut bad = good.clone();
                bad[byte] ^= 1;
                disk.overwrite(&path, bad);
                assert!(open(&disk, 3).unwrap().next() >= Seq(8), "byte {byte}");
            }
        }
        let mut bad = good;
        bad[30] ^= 1;
        disk.overwrite(&path, bad);
        let storage: Arc<dyn Storage> = disk.process(4);
        let error = SinkCursor::open(&storage, Path::new("/sinks/a"), STREAM, Seq(5)).unwrap_err();
        assert_eq!(error.code(), "cursor_unusable");
    }

    #[test]
    fn replacing_a_cursor_without_a_file_skips_no_entry() {
        let disk = SimDisk::new(3);
        let mut cursor = open(&disk, 1).unwrap();
        let mut detached = SinkCursor::detached(Position { stream: STREAM, seq: Seq(8) });
        detached.pass(Seq(9));
        for (passed, next) in [(None, 5), (Some(6), 7), (Some(7), 10), (Some(11), 12)] {
            passed.into_iter().for_each(|seq| cursor.pass(Seq(seq)));
            cursor.replace(&detached);
            assert_eq!(cursor.next(), Seq(next), "{passed:?}");
        }
    }

    #[test]
    fn cursor_has_one_owner() {
        let disk = SimDisk::new(2);
        let held = open(&disk, 1).unwrap();
        assert!(open(&disk, 2).is_none());
        drop(held);
        assert!(open(&disk, 2).is_some());
    }
}
