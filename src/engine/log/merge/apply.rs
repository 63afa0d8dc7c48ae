//! Carrying out what a merge planned for one stream of the target: files written aside, synced, renamed, one by one in the
//! order of their numbers.

use crate::engine::chain::Chain;
use crate::engine::entry::{Entry, Seq, StreamId, canonical_head};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::{FLAG_CLOSE, FRAME_ENTRIES_MAX, frame_salt, put_entries, put_mark};
use crate::engine::log::format::header::{Mark, SegmentHeader};
use crate::engine::log::format::names;
use crate::engine::log::format::pending::{PendingEntries, PendingEntry};
use crate::engine::log::merge::content::{Content, content_of};
use crate::engine::log::merge::history::{HistoryReader, Lost, Sides};
use crate::engine::log::merge::plan::{Action, Outline, Plan, Range, content_len};
use crate::engine::log::merge::quarantine::{Quarantined, keep_segment};
use crate::engine::storage::{File, OpenMode, publish, read_full_at, temporary_path, write_all_at};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHUNK: usize = 1 << 20;
/// Payload bytes of one frame that is written anew, and at most this part of a segment: enough to share what repeats,
/// little to lose by one flipped bit.
const RUN_BYTES_MAX: u64 = 64 << 10;
const RUNS_A_SEGMENT: u64 = 64;
/// So much of what nobody can read goes along into a new segment, to keep it known that something is lost; all of it is in
/// quarantine.
const LOST_BYTES_MAX: u64 = 64 << 10;

/// A directory of the target, and a file in it that has not got its name yet.
struct Staged<'a> {
    sides: &'a Sides<'a>,
    temporary: PathBuf,
    to: PathBuf,
    file: Arc<dyn File>,
    len: u64,
}

impl<'a> Staged<'a> {
    fn new(sides: &'a Sides<'a>, stream: StreamId, base: Seq) -> Result<Staged<'a>> {
        let dir = names::stream_dir(sides.into, stream);
        let storage = sides.storage.as_ref();
        let temporary = temporary_path(storage, &dir, "segment");
        let temporary = temporary.map_err(|e| Error::io("name a file in", &dir, e))?;
        let file = storage.open(&temporary, OpenMode::CreateNew);
        let file = file.map_err(|e| Error::io("create", &temporary, e))?;
        Ok(Staged { sides, temporary, to: names::segment_path(sides.into, stream, base), file, len: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = write_all_at(self.file.as_ref(), self.len, bytes);
        written.map_err(|e| self.abandon("write", e))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Copies bytes of another file behind what is written.
    fn write_from(&mut self, path: &Path, file: &dyn File, from: u64, end: u64) -> Result<()> {
        let mut buffer = vec![0u8; CHUNK];
        let mut at = from;
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(CHUNK);
            let part = buffer.get_mut(..want).unwrap_or_default();
            let got = match read_full_at(file, at, part) {
                Ok(got) => got,
                Err(e) => {
                    let _ = self.abandon("read", io::ErrorKind::Other.into());
                    return Err(Error::io("read segment", path, e));
                }
            };
            if got == 0 {
                break;
            }
            self.write(part.get(..got).unwrap_or_default())?;
            at += got as u64;
        }
        Ok(())
    }

    fn publish(self) -> Result<u64> {
        let published =
            self.file.sync().and_then(|()| publish(self.sides.storage.as_ref(), &self.temporary, &self.to));
        published.map_err(|e| self.abandon("publish", e))?;
        Ok(self.len)
    }

    fn abandon(&self, action: &'static str, e: io::Error) -> Error {
        // Best effort: the next merge removes a leftover.
        let _ = self.sides.storage.remove_file(&self.temporary);
        Error::io(action, &self.to, e)
    }
}

/// Makes a stream's directory ready: no leftovers of a merge that was interrupted, no unfinished segments, no lock file, so
/// that no writer ever continues what is not its own any more.
pub(super) fn prepare(sides: &Sides<'_>, stream: StreamId) -> Result<()> {
    let dir = names::stream_dir(sides.into, stream);
    let storage = sides.storage.as_ref();
    let wrap = |e| Error::io("create", &dir, e);
    storage.create_dir_all(&dir).map_err(wrap)?;
    let mut removed = false;
    for name in storage.list(&dir).map_err(|e| Error::io("list", &dir, e))? {
        let leftover = name.name.starts_with("segment-") && name.name.ends_with(".tmp");
        let lock = [names::LOCK_NAME, names::LEFT_NAME].contains(&name.name.as_str());
        let unfinished = match names::parse_segment(&name.name) {
            Some(base) if name.is_file => {
                matches!(content_of(storage, sides.into, stream, base)?, Content::Unfinished)
            }
            Some(_) | None => false,
        };
        if name.is_file && (leftover || lock || unfinished) {
            let path = dir.join(&name.name);
            storage.remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
            removed = true;
        }
    }
    if removed { storage.sync_dir(&dir).map_err(|e| Error::io("sync", &dir, e)) } else { Ok(()) }
}

/// Copies a segment of the source as it is, over the target's. Returns its length.
pub(super) fn copy_segment(sides: &Sides<'_>, stream: StreamId, base: Seq) -> Result<u64> {
    let path = names::segment_path(sides.from, stream, base);
    let wrap = |e| Error::io("read segment", &path, e);
    let file = sides.storage.open(&path, OpenMode::Read).map_err(wrap)?;
    let len = file.len().map_err(wrap)?;
    let mut staged = Staged::new(sides, stream, base)?;
    staged.write_from(&path, file.as_ref(), 0, len)?;
    staged.publish()
}

/// Removes segments of the target, last first, so that what is left is a shorter stream at any time.
pub(super) fn remove_segments(sides: &Sides<'_>, stream: StreamId, bases: &[Seq]) -> Result<()> {
    let storage = sides.storage.as_ref();
    for base in bases.iter().rev() {
        let path = names::segment_path(sides.into, stream, *base);
        match storage.remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io("remove", &path, e)),
            Ok(()) | Err(_) => {}
        }
    }
    let dir = names::stream_dir(sides.into, stream);
    storage.sync_dir(&dir).map_err(|e| Error::io("sync", &dir, e))
}

/// What carrying out a plan wrote.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    pub(super) bytes: u64,
    pub(super) quarantined: Vec<Quarantined>,
}

/// Carries out a plan. Repeating an interrupted one, planned again, comes to the same entries.
pub(super) fn carry_out(
    sides: &Sides<'_>,
    plan: &Plan,
    quarantine: &Path,
    segment_bytes_max: u64,
) -> Result<Replaced> {
    let mut done = Replaced::default();
    prepare(sides, plan.id)?;
    let replaced = plan.ranges.iter().filter(|range| range.action != Action::Keep).map(|range| range.base);
    let damaged = |base: &Seq| {
        plan.target.strays.contains(base) || plan.target.file(*base).is_some_and(|file| file.damaged)
    };
    for base in replaced.filter(damaged).chain(plan.remove_damaged.iter().copied()) {
        done.quarantined.extend(keep_segment(sides.storage.as_ref(), sides.into, plan.id, base, quarantine)?);
    }
    if !plan.remove.is_empty() {
        remove_segments(sides, plan.id, &plan.remove)?;
    }
    if plan.ranges.iter().any(|range| range.action == Action::Encode) {
        Encoder::new(sides, plan, quarantine, segment_bytes_max)?.run(&mut done)?;
    } else {
        for range in plan.ranges.iter().filter(|range| range.action == Action::Copy) {
            done.bytes += copy_segment(sides, plan.id, range.base)?;
        }
    }
    Ok(done)
}

/// Writes the segments of a plan from the entries of its parts.
struct Encoder<'a> {
    sides: &'a Sides<'a>,
    plan: &'a Plan,
    quarantine: &'a Path,
    segment_bytes_max: u64,
    entries: HistoryReader,
    upcoming: Option<Entry>,
    /// The number expected next, and the chain before it, where that is known.
    next: Seq,
    chain: Option<Chain>,
    last_time: u64,
    previous_salt: u64,
}

/// A segment being written.
struct Encoding<'a> {
    staged: Staged<'a>,
    salt: u64,
    run: PendingEntries,
    run_bytes_max: usize,
    stream: StreamId,
    first: Seq,
}

impl Encoding<'_> {
    fn len(&self) -> u64 {
        self.staged.len + self.run.payload_bytes() as u64
    }

    /// Adds an entry: to the frame begun, if it comes behind the one before and there is room.
    fn push(&mut self, entry: &Entry) -> Result<()> {
        let Entry { stamp, kind, version, payload, .. } = entry;
        let row = PendingEntry { kind: *kind, version: *version, time: stamp.time, payload };
        let follows = stamp.seq == self.first.plus(self.run.len() as u64) && stamp.time >= self.run.times().1;
        let full = self.run.payload_bytes() >= self.run_bytes_max || self.run.len() >= FRAME_ENTRIES_MAX;
        let mut alone = PendingEntries::new();
        alone.push(row);
        if !follows || full || !self.run.fit_with(&alone) {
            self.end_frame()?;
            self.first = stamp.seq;
        }
        self.run.push(row);
        Ok(())
    }

    fn end_frame(&mut self) -> Result<()> {
        if self.run.is_empty() {
            return Ok(());
        }
        let mut frame = Vec::new();
        put_entries(
            &mut frame,
            &mut Vec::new(),
            &self.run,
            self.stream,
            self.first,
            frame_salt(self.salt, self.staged.len),
        );
        self.run.clear();
        self.staged.write(&frame)
    }
}

impl<'a> Encoder<'a> {
    fn new(
        sides: &'a Sides<'a>,
        plan: &'a Plan,
        quarantine: &'a Path,
        segment_bytes_max: u64,
    ) -> Result<Encoder<'a>> {
        let mut entries = HistoryReader::open(sides, &plan.parts)?;
        let upcoming = entries.next_entry()?;
        Ok(Encoder {
            sides,
            plan,
            quarantine,
            segment_bytes_max,
            entries,
            upcoming,
            next: plan.origin.map_or(Seq::FIRST, |origin| origin.first),
            chain: Some(Chain::from_link(Chain::ORIGIN)),
            last_time: 0,
            previous_salt: 0,
        })
    }

    fn run(mut self, done: &mut Replaced) -> Result<()> {
        for range in &self.plan.ranges {
            let header =
                |outline: &'a Outline| outline.file(range.base).and_then(|file| file.header.as_ref());
            let headers = (header(&self.plan.target), header(&self.plan.source));
            if range.base > self.next {
                self.chain = None;
            }
            self.next = self.next.max(range.base);
            let known = |header: Option<&SegmentHeader>| header.and_then(SegmentHeader::known_chain);
            // Each segment continues the chain with a piece of its own.
            let link = self.chain.as_ref().map(Chain::link);
            self.chain = link.or(known(headers.0)).or(known(headers.1)).map(Chain::from_link);
            match range.action {
                Action::Keep => {
                    self.pass(range)?;
                    self.previous_salt = headers.0.map_or(0, |header| header.salt);
                }
                Action::Copy => {
                    self.pass(range)?;
                    done.bytes += copy_segment(self.sides, self.plan.id, range.base)?;
                    self.previous_salt = headers.1.map_or(0, |header| header.salt);
                }
                Action::Encode => self.encode(range, headers.0.or(headers.1), done)?,
            }
        }
        Ok(())
    }

    /// The next entry of a range, as one of the plan's stream; the chain goes on over it.
    fn take(&mut self, range: &Range) -> Result<Option<Entry>> {
        let here = |entry: &mut Entry| range.until.is_none_or(|until| entry.stamp.seq < until);
        let Some(mut entry) = self.upcoming.take_if(here) else { return Ok(None) };
        self.upcoming = self.entries.next_entry()?;
        entry.stamp.stream = self.plan.id;
        if entry.stamp.seq != self.next {
            self.chain = None;
        }
        if let Some(chain) = &mut self.chain {
            let head = canonical_head(&entry.stamp, entry.kind, entry.version, entry.payload.len());
            chain.push(&head);
            chain.push(&entry.payload);
        }
        self.next = entry.stamp.seq.next();
        self.last_time = entry.stamp.time;
        Ok(Some(entry))
    }

    fn pass(&mut self, range: &Range) -> Result<()> {
        while self.take(range)?.is_some() {}
        Ok(())
    }

    fn encode(&mut self, range: &Range, like: Option<&SegmentHeader>, done: &mut Replaced) -> Result<()> {
        let is_last = range.until.is_none();
        // A file of the target must be replaced by one file, and the links of the chain hang on where segments begin;
        // what is new may be several.
        let may_roll = is_last && like.is_none();
        let mut segment = self.begin(range.base, like)?;
        loop {
            if may_roll && segment.len() >= self.segment_bytes_max && self.upcoming.is_some() {
                segment.end_frame()?;
                done.bytes += segment.staged.publish()?;
                self.chain = self.chain.take().map(|chain| Chain::from_link(chain.link()));
                if self.plan.target.strays.contains(&self.next) {
                    let (storage, into) = (self.sides.storage.as_ref(), self.sides.into);
                    let kept = keep_segment(storage, into, self.plan.id, self.next, self.quarantine)?;
                    done.quarantined.extend(kept);
                }
                segment = self.begin(self.next, None)?;
            }
            let Some(entry) = self.take(range)? else { break };
            segment.push(&entry)?;
        }
        segment.end_frame()?;
        if is_last {
            self.end(&mut segment)?;
        }
        done.bytes += segment.staged.publish()?;
        Ok(())
    }

    fn begin(&mut self, base: Seq, like: Option<&SegmentHeader>) -> Result<Encoding<'a>> {
        let mut salt = [0u8; 8];
        let entropy = self.sides.storage.entropy(&mut salt);
        entropy.map_err(|e| Error::io("read random bytes for", self.sides.into, e))?;
        let header = SegmentHeader {
            stream: self.plan.id,
            home: None,
            base,
            chain: self.chain.as_ref().map_or(Chain::ORIGIN, Chain::link),
            // The segment behind may repeat the salt of the one that was here.
            salt: like.map_or(u64::from_le_bytes(salt).max(1), |header| header.salt),
            previous_salt: self.previous_salt,
            time: like.map_or(self.upcoming.as_ref().map_or(0, |e| e.stamp.time), |header| header.time),
            origin: self.plan.origin,
        };
        self.previous_salt = header.salt;
        let mut staged = Staged::new(self.sides, self.plan.id, base)?;
        staged.write(&header.encode())?;
        let (run, stream, first) = (PendingEntries::new(), self.plan.id, Seq(0));
        let run_bytes_max = (self.segment_bytes_max / RUNS_A_SEGMENT).min(RUN_BYTES_MAX) as usize;
        Ok(Encoding { staged, salt: header.salt, run, run_bytes_max, stream, first })
    }

    /// What is known of the end of the stream: a mark, bytes that nobody can read.
    fn end(&mut self, segment: &mut Encoding<'_>) -> Result<()> {
        if let Some(next) = self.plan.mark {
            let chain = self.chain.as_ref().filter(|_| next == self.next);
            let mark = Mark { chain: chain.map_or(Chain::ORIGIN, Chain::link), seal: None };
            let mut frame = Vec::new();
            let salt = frame_salt(segment.salt, segment.staged.len);
            put_mark(&mut frame, FLAG_CLOSE, next, self.last_time, &mark.encode(), salt);
            segment.staged.write(&frame)?;
        }
        match &self.plan.lost {
            Some(lost) => self.put_lost(segment, lost),
            None => Ok(()),
        }
    }

    fn put_lost(&self, segment: &mut Encoding<'_>, lost: &Lost) -> Result<()> {
        let path = names::segment_path(self.sides.log(lost.side), lost.stream, lost.segment);
        let wrap = |e| Error::io("read segment", &path, e);
        let file = self.sides.storage.open(&path, OpenMode::Read).map_err(wrap)?;
        let end = content_len(file.as_ref()).map_err(wrap)?.min(lost.offset + LOST_BYTES_MAX);
        segment.staged.write_from(&path, file.as_ref(), lost.offset, end)
    }
}
