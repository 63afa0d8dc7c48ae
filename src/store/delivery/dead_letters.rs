//! The file of dead letters: facts whose delivery to a sink was given up (docs/FORMAT.md, section 21).
//!
//! Each line is a JSON object. Lines are only appended, so a process that appends never removes a line of another
//! process. The state of a letter is the state in its last line. A line that cannot be read is counted and skipped, so a
//! torn line hides no other letter.
//!
//! The first line of a letter has the state `dead`, and describes the payload and the error. Later lines change the
//! state: `queued`, `dead`, `delivered` or `discarded`. A line without a state has the state `dead`.

use crate::contract::Value;
use crate::contract::json::read::{TEXT_BYTES_MAX, parse};
use crate::contract::json::write::canonical;
use crate::engine::entry::Position;
use crate::engine::error::Error;
use crate::engine::storage::replace::{FileReplacement, remove_stale};
use crate::engine::storage::{File, FileReader, OpenMode, Storage, exists};
use crate::store::delivery::line_file::LineFile;
use crate::store::error::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the file, in the outbox.
const NAME: &str = "dead_letter.jsonl";
/// The beginning of the names of temporary files.
const STEM: &str = "dead-letter";

/// The state of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LetterState {
    /// No replay delivers the fact.
    Dead,
    /// The next replay delivers the fact.
    Queued,
    /// The sink has accepted the fact.
    Delivered,
    /// The user has given up the delivery. The fact is still in the log.
    Discarded,
}

impl LetterState {
    const ALL: [LetterState; 4] =
        [LetterState::Dead, LetterState::Queued, LetterState::Delivered, LetterState::Discarded];

    /// Returns the stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LetterState::Dead => "dead",
            LetterState::Queued => "queued",
            LetterState::Delivered => "delivered",
            LetterState::Discarded => "discarded",
        }
    }

    fn parse(text: &str) -> Option<LetterState> {
        LetterState::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A fact whose delivery to a sink was given up. The fact is still in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The position of the fact in the log or the outbox.
    pub replay_ref: Position,
    /// The name of the sink.
    pub sink: String,
    /// The state.
    pub state: LetterState,
    /// The family of the payload, such as `RECORD`.
    pub family: String,
    /// The name of the payload's type, such as `MetricRecord`.
    pub payload_type: String,
    /// The ref of the captured object, if the payload has one.
    pub payload_ref: Option<String>,
    /// The time of the capture, as text.
    pub captured_at: String,
    /// The time of the last failed delivery, as text.
    pub failed_at: String,
    /// The code of the last error.
    pub error_code: String,
    /// The message of the last error.
    pub last_error: String,
    /// The number of failed deliveries since the fact was queued.
    pub attempts: u32,
}

/// The content of a file of dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetters {
    /// The letters that were neither delivered nor discarded. The list is sorted by sink and position.
    pub letters: Vec<DeadLetter>,
    /// The number of lines that could not be read.
    pub unreadable: u64,
}

/// The file of dead letters in an outbox.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetterFile {
    storage: Arc<dyn Storage>,
    path: PathBuf,
}

impl DeadLetterFile {
    /// Creates the handle of the file in the directory `outbox`. Reads and writes nothing.
    pub(crate) fn new(storage: &Arc<dyn Storage>, outbox: &Path) -> DeadLetterFile {
        DeadLetterFile { storage: Arc::clone(storage), path: outbox.join(NAME) }
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the letters that were neither delivered nor discarded. Only one line and the letters without their payloads
    /// are in memory. Errors: the file exists and cannot be read.
    pub(crate) fn read(&self) -> Result<DeadLetters> {
        self.read_lines().map_err(|e| Error::io("read", &self.path, e).into())
    }

    fn read_lines(&self) -> io::Result<DeadLetters> {
        let mut found: BTreeMap<(String, Position), DeadLetter> = BTreeMap::new();
        let mut unreadable = 0;
        self.each_line(|line| {
            if line.iter().all(u8::is_ascii_whitespace) {
                return Ok(());
            }
            if value_of(line).and_then(|value| apply(&mut found, &value)).is_none() {
                unreadable += 1;
            }
            Ok(())
        })?;
        let is_open = |letter: &DeadLetter| matches!(letter.state, LetterState::Dead | LetterState::Queued);
        let letters = found.into_values().filter(is_open).collect();
        Ok(DeadLetters { letters, unreadable })
    }

    /// Returns the positions of the facts of all letters. Delivered and discarded letters are included.
    pub(crate) fn positions(&self) -> Result<BTreeSet<Position>> {
        let mut positions = BTreeSet::new();
        let read = self.each_line(|line| {
            positions.extend(position_in(line));
            Ok(())
        });
        read.map_err(|e| Error::io("read", &self.path, e))?;
        Ok(positions)
    }

    /// Removes all lines of the letters with these positions, and replaces the file durably. Holds the lock of appends
    /// from the copy to the replacement, so no line of another process is lost. Does nothing if the file does not exist.
    /// Errors: [`Error::LocksUnsupported`] if the file system has no locks, because another process could append a line
    /// that the replacement does not contain.
    pub(crate) fn remove(&self, positions: &BTreeSet<Position>) -> Result<()> {
        let wrap = |e| Error::io("write", &self.path, e);
        let Some(locked) = self.locked()? else { return Ok(()) };
        let replace = || {
            let dir = self.path.parent().unwrap_or(Path::new("."));
            remove_stale(self.storage.as_ref(), dir, STEM);
            let mut kept = FileReplacement::create(&self.storage, &self.path, STEM)?;
            // On some platforms, only the locked file itself can be read.
            parts_of(&locked, |part| match part {
                Part::Line(line) if position_in(line).is_some_and(|found| positions.contains(&found)) => {
                    Ok(())
                }
                Part::Line(bytes) | Part::Rest(bytes) => kept.write_all(bytes),
            })?;
            // An append that waits for the lock finds the new file.
            let published = kept.publish();
            drop(locked);
            published
        };
        Ok(replace().map_err(wrap)?)
    }

    /// Checks that the file can be locked, so that [`DeadLetterFile::remove`] loses no line of another process. Errors:
    /// [`Error::LocksUnsupported`], or another process holds the lock for too long.
    pub(crate) fn check_lock(&self) -> Result<()> {
        self.locked().map(drop)
    }

    /// Opens and locks the file. Returns `None` if the file does not exist.
    fn locked(&self) -> Result<Option<Arc<dyn File>>> {
        let wrap = |e| Error::io("lock", &self.path, e);
        if !exists(self.storage.as_ref(), &self.path).map_err(wrap)? {
            return Ok(None);
        }
        // A second lock on a locked file has no defined result, so another handle shows whether the file system has locks.
        let probe = self.storage.open(&self.path, OpenMode::Create).map_err(wrap)?;
        probe.try_lock().map_err(|source| Error::not_locked(&self.path, source))?;
        drop(probe);
        Ok(Some(LineFile::of(Arc::clone(&self.storage), &self.path).locked().map_err(wrap)?))
    }

    /// Calls `f` with each line. A line includes its line break. The part of a line beyond the limit of a JSON text is left
    /// out. Does nothing if the file does not exist.
    fn each_line(&self, mut f: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let line = |part: Part<'_>| match part {
            Part::Line(line) => f(line),
            Part::Rest(_) => Ok(()),
        };
        match self.storage.open(&self.path, OpenMode::Read) {
            Ok(file) => parts_of(&file, line),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Appends a line with these members. The line is on disk when the method returns.
    pub(crate) fn append(&self, line: &Value) -> Result<()> {
        let file = LineFile::of(Arc::clone(&self.storage), &self.path).synced(true);
        let text = canonical(line).map_err(io::Error::other);
        let appended = text.and_then(|text| file.append(&text));
        appended.map_err(|e| Error::io("write", &self.path, e).into())
    }

    /// Appends a line that changes the state of a letter.
    pub(crate) fn set_state(&self, letter: &DeadLetter) -> Result<()> {
        self.append(&Value::map([
            ("replay_ref", Value::text(letter.replay_ref)),
            ("sink_name", letter.sink.as_str().into()),
            ("state", letter.state.as_str().into()),
            ("attempts", letter.attempts.into()),
            ("failed_at", letter.failed_at.as_str().into()),
            ("last_error", letter.last_error.as_str().into()),
            ("error_code", letter.error_code.as_str().into()),
        ]))
    }
}

/// A part of a line.
#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    /// A line with its line break. A line that is longer than the limit of a JSON text is cut at the limit.
    Line(&'a [u8]),
    /// A part of the rest of the line that was cut.
    Rest(&'a [u8]),
}

/// Calls `f` with the parts of a file in their order.
fn parts_of(file: &Arc<dyn File>, mut f: impl FnMut(Part<'_>) -> io::Result<()>) -> io::Result<()> {
    let mut input = BufReader::new(FileReader::new(Arc::clone(file)));
    let mut line = Vec::new();
    while next_line(&mut input, &mut line)? {
        f(Part::Line(&line))?;
        let mut is_cut = line.len() > TEXT_BYTES_MAX && line.last() != Some(&b'\n');
        while is_cut {
            let rest = input.fill_buf()?;
            let end = rest.iter().position(|byte| *byte == b'\n');
            is_cut = end.is_none() && !rest.is_empty();
            let (rest, _) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            f(Part::Rest(rest))?;
            let used = rest.len();
            input.consume(used);
        }
    }
    Ok(())
}

/// Returns the JSON value of a line; `None` if the line cannot be parsed.
fn value_of(line: &[u8]) -> Option<Value> {
    std::str::from_utf8(line).ok().and_then(|text| parse(text).ok())
}

/// Returns the position of the fact of a line; `None` if the line describes no letter.
fn position_in(line: &[u8]) -> Option<Position> {
    value_of(line)?.get("replay_ref").and_then(Value::as_str)?.parse().ok()
}

/// Reads the next line into `line`. A line that is longer than the limit of a JSON text is cut after the limit, so that it
/// cannot be parsed. Returns `false` at the end of the file.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let limit = TEXT_BYTES_MAX as u64 + 1;
    Ok((&mut *input).take(limit).read_until(b'\n', line)? > 0)
}

/// Applies a line to the letters. Returns `None` if the line describes no letter.
fn apply(found: &mut BTreeMap<(String, Position), DeadLetter>, line: &Value) -> Option<()> {
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let replay_ref: Position = text("replay_ref")?.parse().ok()?;
    let sink = text("sink_name")?.to_owned();
    let state = text("state").map_or(Some(LetterState::Dead), LetterState::parse)?;
    let attempts = match line.get("attempts") {
        Some(Value::Int(n)) => u32::try_from(*n).ok()?,
        _ => 0,
    };
    let letter = found.entry((sink.clone(), replay_ref)).or_insert_with(|| DeadLetter {
        replay_ref,
        sink,
        state,
        family: String::new(),
        payload_type: String::new(),
        payload_ref: None,
        captured_at: String::new(),
        failed_at: String::new(),
        error_code: String::new(),
        last_error: String::new(),
        attempts,
    });
    (letter.state, letter.attempts) = (state, attempts);
    let members = [
        ("family", &mut letter.family),
        ("payload_type", &mut letter.payload_type),
        ("captured_at", &mut letter.captured_at),
        ("failed_at", &mut letter.failed_at),
        ("error_code", &mut letter.error_code),
        ("last_error", &mut letter.last_error),
    ];
    for (name, member) in members {
        if let Some(value) = text(name) {
            value.clone_into(member);
        }
    }
    if let Some(value) = text("payload_ref") {
        letter.payload_ref = Some(value.to_owned());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::storage::sim::SimDisk;

    const STREAM: &str = "07070707070707070707070707070707";

    fn file(disk: &SimDisk) -> DeadLetterFile {
        let storage: Arc<dyn Storage> = disk.process(1);
        DeadLetterFile::new(&storage, Path::new("/outbox"))
    }

    fn states(disk: &SimDisk) -> (Vec<(String, LetterState, u32)>, u64) {
        let read = file(disk).read().unwrap();
        let of = |letter: DeadLetter| (letter.replay_ref.seq.to_string(), letter.state, letter.attempts);
        (read.letters.into_iter().map(of).collect(), read.unreadable)
    }

    /// The long line is not a letter. A removal keeps every byte of the line, and does not join it with the next line.
    #[test]
    fn line_beyond_the_limit_is_kept_and_the_next_lines_are_letters() {
        let line = |seq: u32| format!("{{\"replay_ref\":\"{STREAM}:{seq}\",\"sink_name\":\"s\"}}\n");
        for length in [TEXT_BYTES_MAX, TEXT_BYTES_MAX + 1, TEXT_BYTES_MAX + 100_000] {
            let disk = SimDisk::new(1);
            let long = format!("{}\n", "x".repeat(length));
            let path = Path::new("/outbox/dead_letter.jsonl");
            disk.overwrite(path, [line(1), long.clone(), line(2), line(3)].concat().into_bytes());
            let seqs = |states: Vec<(String, LetterState, u32)>| {
                states.into_iter().map(|state| state.0).collect::<Vec<_>>()
            };
            let (letters, unreadable) = states(&disk);
            assert_eq!(
                (seqs(letters), unreadable),
                (vec!["1".into(), "2".into(), "3".into()], 1),
                "{length}"
            );
            let removed = [1, 2].map(|seq| format!("{STREAM}:{seq}").parse().unwrap());
            file(&disk).remove(&BTreeSet::from(removed)).unwrap();
            assert!(disk.read(path).unwrap() == [long, line(3)].concat().into_bytes(), "{length}");
        }
    }

    #[test]
    fn last_line_of_a_letter_decides_and_bad_lines_are_counted() {
        let disk = SimDisk::new(1);
        assert_eq!(file(&disk).read().unwrap(), DeadLetters::default());
        let line = |seq: u32, more: &str| {
            format!("{{\"replay_ref\":\"{STREAM}:{seq}\",\"sink_name\":\"s\"{more}}}\n")
        };
        let text = [
            line(1, ",\"attempts\":3,\"family\":\"RECORD\""),
            line(2, ",\"attempts\":1"),
            "{\"replay_ref\":\"x\"}\n".into(),
            "not json\n\n".into(),
            line(1, ",\"state\":\"queued\",\"attempts\":0"),
            line(2, ",\"state\":\"delivered\""),
            line(3, ",\"state\":\"unknown\""),
            "{\"replay_ref\":\"070".into(),
        ];
        disk.overwrite(Path::new("/outbox/dead_letter.jsonl"), text.concat().into_bytes());
        assert_eq!(states(&disk), (vec![("1".to_owned(), LetterState::Queued, 0)], 4));
        let mut letter = file(&disk).read().unwrap().letters.remove(0);
        assert_eq!(letter.family, "RECORD");
        letter.state = LetterState::Dead;
        // The append ends the torn line, so the new line can be read.
        file(&disk).set_state(&letter).unwrap();
        assert_eq!(states(&disk), (vec![("1".to_owned(), LetterState::Dead, 0)], 4));
    }

    #[test]
    fn line_beyond_the_limit_is_skipped_in_bounded_memory() {
        let disk = SimDisk::new(2);
        let mut bytes = vec![b'x'; 2 * TEXT_BYTES_MAX];
        bytes.push(b'\n');
        let good = format!("{{\"replay_ref\":\"{STREAM}:5\",\"sink_name\":\"s\"}}\n");
        bytes.extend_from_slice(good.as_bytes());
        disk.overwrite(Path::new("/outbox/dead_letter.jsonl"), bytes);
        assert_eq!(states(&disk), (vec![("5".to_owned(), LetterState::Dead, 0)], 1));
    }
}
