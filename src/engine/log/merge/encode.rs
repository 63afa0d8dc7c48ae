//! Writing of new segment files in the target, from the entries of both logs.

use crate::engine::chain::Chain;
use crate::engine::checksum::Digest;
use crate::engine::entry::{Entry, Seq, StreamId, canonical_head};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::erased::ErasedRange;
use crate::engine::log::format::frame::{FLAG_CLOSE, FLAG_SEAL, frame_salt, put_entries, put_mark};
use crate::engine::log::format::header::SegmentHeader;
use crate::engine::log::format::limits::FRAME_ENTRIES_MAX;
use crate::engine::log::format::mark::Mark;
use crate::engine::log::format::names;
use crate::engine::log::format::pending::{PendingEntries, PendingEntry};
use crate::engine::log::merge::end::Lost;
use crate::engine::log::merge::history::{HistoryReader, Past};
use crate::engine::log::merge::outline::Outline;
use crate::engine::log::merge::plan::{Action, Plan, Range};
use crate::engine::log::merge::quarantine::{Quarantined, quarantine_segment};
use crate::engine::log::merge::sealing::Sealing;
use crate::engine::log::merge::sides::Sides;
use crate::engine::log::merge::staged::{Staged, copy_segment};
use crate::engine::log::read::source::content_len;
use crate::engine::storage::OpenMode;
use std::path::Path;

/// Number of payload bytes at which a new frame is ended. A longer frame stores similar entries in less space, because
/// a payload is stored as a difference from the previous payload of the same kind in the frame. A shorter frame loses
/// fewer entries if one of its bytes is damaged.
const FRAME_PAYLOAD_MAX: u64 = 64 << 10;
/// Minimum number of frames in a full segment. If segments are small, frames are ended at fewer than
/// [`FRAME_PAYLOAD_MAX`] payload bytes.
const FRAMES_PER_SEGMENT: u64 = 64;
/// Maximum number of unreadable bytes that are copied into a new segment to show that entries are lost. The quarantine
/// holds all unreadable bytes.
const LOST_BYTES_MAX: u64 = 64 << 10;

/// The changes of an applied plan: the number of written bytes, and the copies in quarantine.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    pub(super) bytes: u64,
    pub(super) quarantined: Vec<Quarantined>,
}

/// The writer of the planned segments. The entries are read from the copies of streams that [`Plan::parts`] lists.
pub(super) struct Encoder<'a> {
    sides: &'a Sides<'a>,
    plan: &'a Plan,
    quarantine: &'a Path,
    segment_bytes_max: u64,
    entries: HistoryReader,
    upcoming: Option<Past>,
    /// The sequence number of the next entry.
    next: Seq,
    /// The chain over the entries before the next entry; `None` if the chain is unknown.
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
    /// The erased entries before the next frame.
    erased: Option<ErasedRange>,
    /// The seal, if the replaced file had one.
    sealing: Option<Sealing>,
}

impl Encoding<'_> {
    fn len(&self) -> u64 {
        self.staged.len + self.run.payload_bytes() as u64
    }

    fn push(&mut self, past: &Past) -> Result<()> {
        match past {
            Past::Entry(entry) => {
                self.end_erased()?;
                self.push_entry(entry)
            }
            Past::Erased(range) => {
                self.end_frame()?;
                if !self.erased.as_mut().is_some_and(|erased| erased.extend(*range)) {
                    self.end_erased()?;
                    self.erased = Some(*range);
                }
                Ok(())
            }
        }
    }

    /// Writes the frames that replace the erased entries before the next frame.
    fn end_erased(&mut self) -> Result<()> {
        let Some(range) = self.erased.take() else { return Ok(()) };
        let mut frames = Vec::new();
        range.put(&mut frames, self.salt, self.staged.len);
        self.write(&frames)
    }

    /// Writes the frames of everything that was added.
    fn end_frames(&mut self) -> Result<()> {
        self.end_frame()?;
        self.end_erased()
    }

    /// Adds an entry to the current frame. Begins a new frame first if the entry does not directly follow the last
    /// entry of the frame, or does not fit.
    fn push_entry(&mut self, entry: &Entry) -> Result<()> {
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
        if let Some(sealing) = &mut self.sealing {
            sealing.push_frame(self.first, self.staged.len, self.run.len() as u64, self.run.times());
        }
        self.run.clear();
        self.write(&frame)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(sealing) = &mut self.sealing {
            sealing.push_bytes(bytes);
        }
        self.staged.write(bytes)
    }

    /// Appends a mark.
    fn put_mark(&mut self, flags: u16, next: Seq, time: u64, mark: &Mark) -> Result<()> {
        let mut frame = Vec::new();
        let salt = frame_salt(self.salt, self.staged.len);
        put_mark(&mut frame, flags, next, time, &mark.encode(), salt);
        self.staged.write(&frame)
    }
}

impl<'a> Encoder<'a> {
    pub(super) fn new(
        sides: &'a Sides<'a>,
        plan: &'a Plan,
        quarantine: &'a Path,
        segment_bytes_max: u64,
    ) -> Result<Encoder<'a>> {
        let mut entries = HistoryReader::open(sides, &plan.parts)?;
        let upcoming = entries.next_past()?;
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

    pub(super) fn run(mut self, done: &mut Replaced) -> Result<()> {
        for range in &self.plan.ranges {
            let header =
                |outline: &'a Outline| outline.file(range.base).and_then(|file| file.header.as_ref());
            let headers = (header(&self.plan.target), header(&self.plan.source));
            if range.base > self.next {
                self.chain = None;
            }
            self.next = self.next.max(range.base);
            let known = |header: Option<&SegmentHeader>| header.and_then(SegmentHeader::known_chain);
            // The chain of each segment begins with the link at the end of the previous segment.
            let link = self.chain.as_ref().map(Chain::link);
            self.chain = link.or(known(headers.0)).or(known(headers.1)).map(Chain::from_link);
            match range.action {
                Action::Keep => {
                    self.skip(range)?;
                    self.previous_salt = headers.0.map_or(0, |header| header.salt);
                }
                Action::Copy => {
                    self.skip(range)?;
                    done.bytes += copy_segment(self.sides, self.plan.id, range.base)?;
                    self.previous_salt = headers.1.map_or(0, |header| header.salt);
                }
                Action::Encode => self.encode(range, headers.0.or(headers.1), done)?,
            }
        }
        Ok(())
    }

    /// Returns the next element of a range; `None` at the end of the range. A returned entry has the id of the planned
    /// stream, and the chain includes the entry.
    fn next_past(&mut self, range: &Range) -> Result<Option<Past>> {
        let in_range = |past: &mut Past| range.until.is_none_or(|until| past.first() < until);
        let Some(past) = self.upcoming.take_if(in_range) else { return Ok(None) };
        Ok(Some(match past {
            Past::Entry(mut entry) => {
                self.upcoming = self.entries.next_past()?;
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
                Past::Entry(entry)
            }
            Past::Erased(erased) => {
                let rest = range.until.and_then(|until| erased.from(until));
                self.upcoming = match rest {
                    Some(rest) => Some(Past::Erased(rest)),
                    None => self.entries.next_past()?,
                };
                let erased = range.until.and_then(|until| erased.until(until)).unwrap_or(erased);
                self.chain = None;
                self.next = erased.next();
                self.last_time = self.last_time.max(erased.time);
                Past::Erased(erased)
            }
        }))
    }

    fn skip(&mut self, range: &Range) -> Result<()> {
        while self.next_past(range)?.is_some() {}
        Ok(())
    }

    fn encode(&mut self, range: &Range, replaced: Option<&SegmentHeader>, done: &mut Replaced) -> Result<()> {
        let is_last = range.until.is_none();
        // An existing file must be replaced by one file, because the links of the chain depend on where segments begin.
        // New entries may fill several files.
        let may_roll = is_last && replaced.is_none();
        let mut segment = self.begin(range.base, replaced)?;
        loop {
            if may_roll && segment.len() >= self.segment_bytes_max && self.upcoming.is_some() {
                segment.end_frames()?;
                done.bytes += segment.staged.publish()?;
                self.chain = self.chain.take().map(|chain| Chain::from_link(chain.link()));
                if self.plan.target.strays.contains(&self.next) {
                    let (storage, into) = (self.sides.storage.as_ref(), self.sides.into);
                    let kept = quarantine_segment(storage, into, self.plan.id, self.next, self.quarantine)?;
                    done.quarantined.extend(kept);
                }
                segment = self.begin(self.next, None)?;
            }
            let Some(past) = self.next_past(range)? else { break };
            segment.push(&past)?;
        }
        segment.end_frames()?;
        match segment.sealing.take() {
            Some(sealing) => {
                let (next, chain) = (sealing.next, self.link_before(sealing.next));
                let mark = Mark { chain, seal: Some(sealing.seal()) };
                segment.put_mark(FLAG_SEAL, next, self.last_time, &mark)?;
            }
            None if is_last => self.end(&mut segment)?,
            None => {}
        }
        done.bytes += segment.staged.publish()?;
        Ok(())
    }

    fn begin(&mut self, base: Seq, replaced: Option<&SegmentHeader>) -> Result<Encoding<'a>> {
        let mut salt = [0u8; 8];
        let entropy = self.sides.storage.entropy(&mut salt);
        entropy.map_err(|e| Error::io("read random bytes for", self.sides.into, e))?;
        let next = self.plan.target.files.iter().find(|file| file.base > base);
        let next = next.and_then(|file| file.header.as_ref());
        let repeated = next.map(|header| header.previous_salt).filter(|salt| *salt > 0);
        let header = SegmentHeader {
            stream: self.plan.id,
            home: None,
            base,
            chain: self.chain.as_ref().map_or(Chain::ORIGIN, Chain::link),
            // The header of the next segment may repeat the salt of the replaced segment.
            salt: replaced.map(|header| header.salt).or(repeated).unwrap_or(u64::from_le_bytes(salt).max(1)),
            previous_salt: self.previous_salt,
            time: replaced.map_or(self.upcoming.as_ref().map_or(0, Past::time), |header| header.time),
            origin: self.plan.origin,
            domain: replaced.map_or(self.plan.domain(self.sides.domain), |header| header.domain),
        };
        self.previous_salt = header.salt;
        let mut segment = Encoding {
            staged: Staged::new(self.sides, self.plan.id, base)?,
            salt: header.salt,
            run: PendingEntries::new(),
            run_bytes_max: (self.segment_bytes_max / FRAMES_PER_SEGMENT).min(FRAME_PAYLOAD_MAX) as usize,
            stream: self.plan.id,
            first: Seq(0),
            erased: None,
            sealing: self.plan.seals.get(&base).copied().map(Sealing::new),
        };
        segment.write(&header.encode())?;
        Ok(segment)
    }

    /// Returns the link of the chain before the entry `next` for a mark. If entries before the mark are missing or erased,
    /// returns the link in the old mark. Returns zeros if no mark has the link.
    fn link_before(&self, next: Seq) -> Digest {
        let chain = self.chain.as_ref().filter(|_| next == self.next).map(Chain::link);
        let kept = |outline: &Outline| outline.links.get(&next.previous()).copied();
        chain.or(kept(&self.plan.target)).or(kept(&self.plan.source)).unwrap_or(Chain::ORIGIN)
    }

    /// Writes the planned end of the stream: the mark, if the plan has one. If entries were lost at the end, a copy of
    /// the unreadable bytes follows, so that readers of the merged stream also report the loss.
    fn end(&mut self, segment: &mut Encoding<'_>) -> Result<()> {
        if let Some(next) = self.plan.mark {
            let mark = Mark { chain: self.link_before(next), seal: None };
            segment.put_mark(FLAG_CLOSE, next, self.last_time, &mark)?;
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
