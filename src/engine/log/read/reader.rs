//! Reading one stream: commits, gaps and findings in the order of the sequence numbers.
//!
//! Invariants:
//! 1. An entry is handed out once, whole, in order, and only if every checksum over it holds.
//! 2. A number that is not handed out before a later one was is named in a [`Gap`] between the two.
//! 3. Damage is a value; only an I/O error of the file system is an error.
//! 4. The end of a stream that another process may be writing is never called damage (`ScanMode::Follow`); damage
//!    anywhere is confirmed by a second reading.
//! 5. A segment whose creation was not finished is passed over, and named by `unfinished_creation`.

use crate::engine::chain::Chain;
use crate::engine::checksum::Digest;
use crate::engine::entry::{Gap, GapCause, Seq, StreamId, canonical_head};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::{FLAG_SEAL, FrameHeader, decode_entries};
use crate::engine::log::format::header::{FRAMES_AT, HeaderFault, SegmentHeader};
use crate::engine::log::format::mark::Mark;
use crate::engine::log::format::names;
use crate::engine::log::read::directory::{ResumePoint, list_segments, origin_of, read_headers};
use crate::engine::log::read::item::{Commit, Finding, FindingKind, Item, Tail};
use crate::engine::log::read::scan::{SegmentScan, Step};
use crate::engine::log::read::source::Source;
use crate::engine::storage::{File, OpenMode, Storage};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a reader wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanMode {
    /// The entries so far; an unfinished end is left for the next time.
    Follow,
    /// Everything: chain and seals are checked, an unfinished end is torn.
    Full,
}

/// Reads one stream from a point on.
#[derive(Debug)]
pub struct StreamReader {
    storage: Arc<dyn Storage>,
    log: PathBuf,
    stream: StreamId,
    segments: Vec<Seq>,
    upcoming: usize,
    mode: ScanMode,
    expected: Seq,
    chain: Option<Chain>,
    counts: (u64, u64),
    last_time: u64,
    scan: Option<SegmentScan>,
    cause: GapCause,
    queue: VecDeque<Item>,
    tail: Tail,
    sealed: bool,
    header: Option<SegmentHeader>,
    end: Option<ResumePoint>,
    watched: BTreeMap<Seq, Option<Digest>>,
    /// Nothing was read yet, and reading begins where the stream does.
    at_start: bool,
    /// The last segment met whose creation was not finished.
    unfinished_creation: Option<Seq>,
}

impl StreamReader {
    /// Reads the whole stream.
    pub fn open(
        storage: &Arc<dyn Storage>,
        log: &Path,
        stream: StreamId,
        mode: ScanMode,
    ) -> Result<StreamReader> {
        StreamReader::open_at(storage, log, stream, mode, ResumePoint::START)
    }

    /// Reads on from `at`: a point that an earlier reader ended at. If that segment is gone, from the next one on.
    pub fn open_at(
        storage: &Arc<dyn Storage>,
        log: &Path,
        stream: StreamId,
        mode: ScanMode,
        at: ResumePoint,
    ) -> Result<StreamReader> {
        let segments = list_segments(storage.as_ref(), log, stream)?;
        let upcoming = segments.partition_point(|base| *base < at.segment);
        let mut reader = StreamReader {
            storage: Arc::clone(storage),
            log: log.to_path_buf(),
            stream,
            segments,
            upcoming,
            mode,
            expected: at.next,
            chain: (at.next == Seq::FIRST).then(|| Chain::from_link(Chain::ORIGIN)),
            counts: (0, 0),
            last_time: 0,
            scan: None,
            cause: GapCause::SegmentMissing,
            queue: VecDeque::new(),
            tail: Tail::Open,
            sealed: false,
            header: None,
            end: None,
            watched: BTreeMap::new(),
            at_start: at == ResumePoint::START,
            unfinished_creation: None,
        };
        if reader.segments.get(upcoming) == Some(&at.segment) && at.offset >= FRAMES_AT {
            reader.open_segment(Some(at.offset))?;
        }
        Ok(reader)
    }

    /// Remembers the link after entry `seq` when it comes by (in full mode).
    pub fn watch(&mut self, seq: Seq) {
        self.watched.insert(seq, (seq == Seq(0)).then_some(Chain::ORIGIN));
    }

    /// The link after a watched entry, if it came by and no gap lies between it and the header of its segment.
    pub fn watched(&self, seq: Seq) -> Option<Digest> {
        self.watched.get(&seq).copied().flatten()
    }

    /// The next value; `None` at the end, which [`StreamReader::tail`] then describes.
    pub fn next_item(&mut self) -> Result<Option<Item>> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(Some(item));
            }
            if self.scan.is_none() {
                if self.upcoming >= self.segments.len() {
                    return Ok(None);
                }
                self.open_segment(None)?;
                continue;
            }
            self.step()?;
        }
    }

    /// How the stream ends, once all items are read.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Whether the last segment carries a seal: its writer had begun another one.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Returns the segment whose creation was not finished, if the stream has one: it never held an entry, and is passed
    /// over. At the end of a stream the tail is [`Tail::Unfinished`], as a writer may be creating it.
    pub fn unfinished_creation(&self) -> Option<Seq> {
        self.unfinished_creation
    }

    /// Ends the reading with the segment it begins with, as if it were the last one.
    pub(in crate::engine::log) fn end_behind_first(&mut self) {
        self.segments.truncate(self.upcoming.saturating_add(1));
    }

    /// The number the next entry will have.
    pub fn next_seq(&self) -> Seq {
        self.expected
    }

    /// Time of the last entry seen; 0 for none.
    pub fn last_time(&self) -> u64 {
        self.last_time
    }

    /// The chain after the last entry, if no gap lies between it and the header of its segment (in full mode).
    pub fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    /// The header of the segment read last.
    pub fn header(&self) -> Option<&SegmentHeader> {
        self.header.as_ref()
    }

    /// Where to read on later, once all items are read.
    pub fn resume_point(&self) -> ResumePoint {
        let start = ResumePoint { segment: self.expected, offset: 0, next: self.expected };
        self.end.map_or(start, |end| ResumePoint { next: self.expected, ..end })
    }

    fn is_last(&self) -> bool {
        self.upcoming >= self.segments.len()
    }

    fn find(&mut self, kind: FindingKind, segment: Seq, offset: u64, len: u64) {
        self.queue.push_back(Item::Finding(Finding { kind, stream: self.stream, segment, offset, len }));
    }

    /// Everything before `next` that was not handed out is missing.
    fn reach(&mut self, next: Seq) {
        if next > self.expected {
            let gap = Gap {
                stream: self.stream,
                first: self.expected,
                last: Some(next.previous()),
                cause: self.cause,
            };
            self.queue.push_back(Item::Gap(gap));
            self.expected = next;
            self.chain = None;
        }
    }

    /// Nothing bounds what is missing from here on.
    fn lose_rest(&mut self) {
        let gap = Gap { stream: self.stream, first: self.expected, last: None, cause: self.cause };
        self.queue.push_back(Item::Gap(gap));
        self.chain = None;
    }

    fn open_segment(&mut self, offset: Option<u64>) -> Result<()> {
        let Some(base) = self.segments.get(self.upcoming).copied() else { return Ok(()) };
        self.upcoming += 1;
        let path = names::segment_path(&self.log, self.stream, base);
        let wrap = |e| Error::io("read segment", &path, e);
        let file = match self.storage.open(&path, OpenMode::Read) {
            Ok(file) => file,
            // Deleted since the directory was listed; a later segment or mark will tell what is missing.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(wrap(e)),
        };
        let mut headers = read_headers(file.as_ref(), self.stream, base).map_err(wrap)?;
        if headers.may_be_creation && self.is_creation(base)? {
            // Its writer may have finished it by now.
            headers = read_headers(file.as_ref(), self.stream, base).map_err(wrap)?;
            if headers.may_be_creation {
                self.pass_over_creation(base);
                return Ok(());
            }
        } else if headers.may_be_creation {
            headers = read_headers(file.as_ref(), self.stream, base).map_err(wrap)?;
        }
        if std::mem::take(&mut self.at_start) {
            let origin = match &headers.header {
                Ok(header) if header.stream == self.stream && header.base == base => header.origin,
                _ => origin_of(self.storage.as_ref(), &self.log, self.stream)?,
            };
            // What comes before is not missing: it is the parent's.
            self.expected = origin.map_or(self.expected, |origin| origin.first);
        }
        for (at, len) in &headers.damaged {
            self.find(FindingKind::HeaderCopy, base, *at, *len);
        }
        let follow = self.mode == ScanMode::Follow && self.is_last();
        let header = match headers.header {
            Ok(header) if header.stream != self.stream || header.base != base => {
                self.find(FindingKind::Foreign, base, 0, FRAMES_AT);
                self.skip_segment();
                return Ok(());
            }
            Ok(header) if headers.unfinished && self.is_last() => {
                self.reach(header.base);
                return self.end_unfinished(base, file.as_ref()).map_err(wrap);
            }
            Ok(header) => Some(header),
            Err(HeaderFault::Newer { version }) => {
                self.find(FindingKind::Newer { version }, base, 0, FRAMES_AT);
                self.skip_segment();
                return Ok(());
            }
            Err(HeaderFault::Damaged) if headers.unfinished && self.is_last() => {
                return self.end_unfinished(base, file.as_ref()).map_err(wrap);
            }
            Err(HeaderFault::Damaged) => {
                self.find(FindingKind::HeaderLost, base, 0, FRAMES_AT);
                None
            }
        };
        let salt = match &header {
            Some(header) => Some(header.salt),
            None => self.salt_from_next()?,
        };
        let Some(salt) = salt else {
            self.skip_segment();
            return Ok(());
        };
        if let Some(header) = &header
            && offset.is_none()
        {
            self.reach(header.base);
            let known = header.known_chain();
            if let (Some(chain), Some(known), ScanMode::Full) = (&self.chain, known, self.mode)
                && chain.link() != known
            {
                self.find(FindingKind::ChainBroken, base, 0, FRAMES_AT);
            }
            self.chain = known.map(Chain::from_link);
        } else if header.is_none() && offset.is_none() {
            // What the lost header said of the chain follows from the entries before, if none of them is missing.
            let chain = self.chain.take().filter(|_| self.expected == base);
            self.chain = chain.map(|chain| Chain::from_link(chain.link()));
        }
        // A map is for files nobody changes: every segment but the last is finished. Checks read with pread.
        let mapped = self.mode == ScanMode::Follow && self.is_finished()?;
        self.scan = Some(SegmentScan {
            base,
            salt,
            source: Source::new(file, mapped).map_err(wrap)?,
            offset: offset.unwrap_or(FRAMES_AT),
            after_mark: false,
            follow,
        });
        self.header = header;
        self.counts = (0, 0);
        self.sealed = false;
        self.cause = GapCause::Damaged;
        Ok(())
    }

    /// Returns whether nothing was ever in a segment whose file holds part of a header area: its numbers were given out before
    /// it, or it is the last one and nothing shows that its creation was finished. A seal would, as the segment before
    /// is sealed afterwards.
    fn is_creation(&self, base: Seq) -> Result<bool> {
        if self.expected > base {
            return Ok(true);
        }
        let before = self.upcoming.checked_sub(2).and_then(|before| self.segments.get(before));
        if !self.is_last() || self.expected != base {
            return Ok(false);
        }
        before.map_or(Ok(true), |before| self.ends_without_seal(*before))
    }

    /// Returns whether a segment is readable to its end and carries no seal.
    fn ends_without_seal(&self, base: Seq) -> Result<bool> {
        let at = ResumePoint { segment: base, offset: 0, next: base };
        let mut reader = StreamReader::open_at(&self.storage, &self.log, self.stream, ScanMode::Follow, at)?;
        reader.end_behind_first();
        while reader.next_item()?.is_some() {}
        let is_whole = matches!(reader.tail, Tail::Open | Tail::Closed) && reader.end.is_some();
        Ok(is_whole && !reader.sealed)
    }

    /// Records that a segment never held an entry. The tail is that of the segment before if its numbers go beyond this one.
    fn pass_over_creation(&mut self, base: Seq) {
        self.unfinished_creation = Some(base);
        if self.expected == base {
            self.tail = Tail::Unfinished { offset: 0 };
        }
    }

    /// The last segment has no whole header area: its creation is not finished, or was never, or it was cut, and then
    /// nothing tells how many entries it held.
    fn end_unfinished(&mut self, base: Seq, file: &dyn File) -> io::Result<()> {
        self.tail = Tail::Unfinished { offset: 0 };
        if self.mode == ScanMode::Full {
            self.find(FindingKind::Torn, base, 0, file.len()?);
            self.cause = GapCause::Damaged;
            self.lose_rest();
        }
        Ok(())
    }

    /// Whether the writer has gone on to the next segment: its header area is whole. A creation that fails leaves it
    /// otherwise, and the writer in this one.
    fn is_finished(&self) -> Result<bool> {
        let Some(next) = self.segments.get(self.upcoming) else { return Ok(false) };
        let path = names::segment_path(&self.log, self.stream, *next);
        let Ok(file) = self.storage.open(&path, OpenMode::Read) else { return Ok(false) };
        let headers = read_headers(file.as_ref(), self.stream, *next);
        let headers = headers.map_err(|e| Error::io("read segment", &path, e))?;
        Ok(headers.header.is_ok_and(|h| h.stream == self.stream && h.base == *next) && !headers.unfinished)
    }

    /// The segment that comes next repeats the salt of this one.
    fn salt_from_next(&self) -> Result<Option<u64>> {
        let Some(next) = self.segments.get(self.upcoming) else { return Ok(None) };
        let path = names::segment_path(&self.log, self.stream, *next);
        let wrap = |e| Error::io("read segment", &path, e);
        let file = self.storage.open(&path, OpenMode::Read).map_err(wrap)?;
        let headers = read_headers(file.as_ref(), self.stream, *next).map_err(wrap)?;
        let next = headers.header.ok().filter(|h| h.stream == self.stream && h.base == *next);
        Ok(next.map(|h| h.previous_salt))
    }

    fn skip_segment(&mut self) {
        self.cause = GapCause::SegmentUnreadable;
        if self.is_last() {
            self.tail = Tail::Unfinished { offset: 0 };
            self.lose_rest();
        }
    }

    fn step(&mut self) -> Result<()> {
        let Some(scan) = &mut self.scan else { return Ok(()) };
        let base = scan.base;
        let (log, stream) = (&self.log, self.stream);
        // The path is made for an error only: this runs once per frame.
        let wrap = |e| Error::io("read segment", &names::segment_path(log, stream, base), e);
        match scan.next_twice().map_err(wrap)? {
            Step::Frame { offset, header, payload } if header.entries == 0 => {
                self.take_mark(base, offset, &header, &payload)
            }
            Step::Frame { offset, header, payload } => {
                self.take_entries(base, offset, &header, &payload);
                Ok(())
            }
            Step::Damage { offset, end, torn } => {
                let torn = torn && self.is_last();
                let kind = if torn { FindingKind::Torn } else { FindingKind::Damaged };
                self.find(kind, base, offset, end - offset);
                self.cause = GapCause::Damaged;
                let at_end = self.scan.as_ref().is_some_and(|s| s.offset >= s.source.file_len());
                if at_end {
                    self.end_segment(Tail::Unfinished { offset }, GapCause::Damaged);
                }
                if at_end && self.is_last() {
                    self.lose_rest();
                }
                Ok(())
            }
            Step::End { tail } => {
                self.end_segment(tail, GapCause::SegmentMissing);
                Ok(())
            }
        }
    }

    fn end_segment(&mut self, tail: Tail, cause: GapCause) {
        self.tail = tail;
        self.cause = cause;
        if let Some(scan) = self.scan.take() {
            self.end = Some(ResumePoint { segment: scan.base, offset: scan.offset, next: self.expected });
        }
    }

    fn take_entries(&mut self, base: Seq, offset: u64, header: &FrameHeader, payload: &[u8]) {
        if header.first < self.expected {
            self.find(FindingKind::Doubled, base, offset, header.frame_len());
            return;
        }
        self.reach(header.first);
        let Some(entries) = decode_entries(header, payload, self.stream) else {
            self.find(FindingKind::Unreadable, base, offset, header.frame_len());
            self.reach(header.next());
            return;
        };
        if let (Some(chain), ScanMode::Full) = (&mut self.chain, self.mode) {
            for entry in &entries {
                let head = canonical_head(&entry.stamp, entry.kind, entry.version, entry.payload.len());
                chain.push(&head);
                chain.push(&entry.payload);
                if let Some(link) = self.watched.get_mut(&entry.stamp.seq) {
                    *link = Some(chain.link());
                }
            }
        }
        self.expected = header.next();
        self.last_time = entries.last().map_or(self.last_time, |e| e.stamp.time);
        self.counts.0 += entries.len() as u64;
        self.counts.1 += 1;
        self.queue.push_back(Item::Commit(Commit {
            segment: base,
            offset,
            end: offset + header.frame_len(),
            entries,
        }));
    }

    fn take_mark(&mut self, base: Seq, offset: u64, header: &FrameHeader, payload: &[u8]) -> Result<()> {
        let sealed = header.flags == FLAG_SEAL;
        let Some(mark) = Mark::decode(payload, sealed).filter(|_| header.first >= self.expected) else {
            let kind =
                if header.first < self.expected { FindingKind::Doubled } else { FindingKind::Unreadable };
            self.find(kind, base, offset, header.frame_len());
            return Ok(());
        };
        self.sealed |= sealed;
        let whole_before = header.first == self.expected;
        self.reach(header.first);
        if self.mode == ScanMode::Follow {
            return Ok(());
        }
        // A merge that wrote this mark behind a gap could not know the chain.
        let known = mark.chain != Chain::ORIGIN;
        if known && self.chain.as_ref().is_some_and(|chain| chain.link() != mark.chain) {
            self.find(FindingKind::ChainBroken, base, offset, header.frame_len());
        }
        if let (Some(seal), true) = (&mark.seal, whole_before) {
            let counted = (seal.entries, seal.frames) == self.counts && seal.bytes == offset;
            if !counted || self.digest_before(base, offset)? != seal.digest {
                self.find(FindingKind::SealBroken, base, offset, header.frame_len());
            }
        }
        Ok(())
    }

    fn digest_before(&mut self, base: Seq, end: u64) -> Result<Digest> {
        let path = names::segment_path(&self.log, self.stream, base);
        let wrap = |e| Error::io("read segment", &path, e);
        let file = self.storage.open(&path, OpenMode::Read).map_err(wrap)?;
        let mut source = Source::new(file, false).map_err(wrap)?;
        let mut hasher = blake3::Hasher::new();
        let mut at = 0;
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(256 << 10);
            let bytes = source.bytes(at, want).map_err(wrap)?;
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            at += bytes.len() as u64;
        }
        Ok(Digest(*hasher.finalize().as_bytes()))
    }
}
