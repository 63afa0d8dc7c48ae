//! The reader of one stream: commits, gaps and findings in the order of the sequence numbers.
//!
//! Invariants:
//! 1. An entry is returned once, complete, in order, and only if every checksum that covers it is valid.
//! 2. A [`Gap`] names every sequence number that is missing between two returned entries.
//! 3. Damage is returned as a value. Only an I/O error of the file system, or a segment of a foreign domain
//!    ([`StreamReader::of_domain`]), is an error.
//! 4. [`ScanMode::Follow`] never reports an unfinished end of a stream as damage, because another process may be
//!    writing there. In both modes, damage is confirmed by a second read.
//! 5. A segment whose creation was not finished is skipped, and returned by [`StreamReader::unfinished_creation`].

use crate::engine::chain::Chain;
use crate::engine::checksum::Digest;
use crate::engine::domain::Domain;
use crate::engine::entries::Entries;
use crate::engine::entry::{Gap, GapCause, Seq, StreamChecksums, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::{FLAG_SEAL, FrameHeader, decode_checked};
use crate::engine::log::format::header::{FRAMES_AT, HeaderFault, SegmentHeader};
use crate::engine::log::format::mark::Mark;
use crate::engine::log::format::names;
use crate::engine::log::read::directory::{ResumePoint, list_segments, origin_of, read_headers};
use crate::engine::log::read::item::{Commit, Finding, FindingKind, Item, Tail};
use crate::engine::log::read::open_segment::OpenSegment;
use crate::engine::log::read::scan::{SegmentScan, Step};
use crate::engine::log::read::source::Source;
use crate::engine::storage::{File, OpenMode, Storage};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The extent of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanMode {
    /// Reads the entries written so far. An unfinished end is left for a later read.
    Follow,
    /// Reads as [`ScanMode::Follow`] does, also checks the chain and the seals, and reports an unfinished end as torn.
    Full,
}

/// A reader of one stream.
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
    last_seal: Option<(Seq, Seq)>,
    header: Option<SegmentHeader>,
    end: Option<ResumePoint>,
    watched: BTreeMap<Seq, Option<Digest>>,
    /// True if reading begins with the start of the stream and no segment was opened yet.
    at_start: bool,
    /// The last segment whose creation was not finished.
    unfinished_creation: Option<Seq>,
    /// The domain of the program that reads the stream; `None` if segments of every domain are read.
    domain: Option<Domain>,
    /// Checks the checksums of the entries.
    checksums: StreamChecksums,
}

impl StreamReader {
    /// Opens a reader of the whole stream.
    pub fn open(
        storage: &Arc<dyn Storage>,
        log: &Path,
        stream: StreamId,
        mode: ScanMode,
    ) -> Result<StreamReader> {
        StreamReader::open_at(storage, log, stream, mode, ResumePoint::START)
    }

    /// Opens a reader that begins at a point of the stream, such as the end of an earlier read. If the segment of this
    /// point is missing, reading begins with the next segment.
    pub fn open_at(
        storage: &Arc<dyn Storage>,
        log: &Path,
        stream: StreamId,
        mode: ScanMode,
        at: ResumePoint,
    ) -> Result<StreamReader> {
        StreamReader::open_listed(
            storage,
            log,
            mode,
            at,
            (stream, list_segments(storage.as_ref(), log, stream)?),
        )
    }

    /// Opens a reader as [`StreamReader::open_at`] does with [`ScanMode::Follow`]. Segments that begin after `last` are
    /// not read.
    pub(in crate::engine) fn open_until(
        storage: &Arc<dyn Storage>,
        log: &Path,
        stream: StreamId,
        at: ResumePoint,
        last: Seq,
    ) -> Result<StreamReader> {
        let mut segments = list_segments(storage.as_ref(), log, stream)?;
        segments.retain(|base| *base <= last);
        StreamReader::open_listed(storage, log, ScanMode::Follow, at, (stream, segments))
    }

    /// Opens a reader as [`StreamReader::open_at`] does, without listing the directory of the stream: it reads only these
    /// segments, as if the stream had no other files. `segments` are their first sequence numbers, ascending.
    pub(in crate::engine) fn open_listed(
        storage: &Arc<dyn Storage>,
        log: &Path,
        mode: ScanMode,
        at: ResumePoint,
        (stream, segments): (StreamId, Vec<Seq>),
    ) -> Result<StreamReader> {
        let mut reader = StreamReader::over(storage, log, mode, at, (stream, segments));
        if reader.segments.get(reader.upcoming) == Some(&at.segment) && at.offset >= FRAMES_AT {
            reader.open_segment(Some(at.offset))?;
        }
        Ok(reader)
    }

    /// Opens a reader of the frames of an open segment, with [`ScanMode::Follow`]. The reader begins at the point `at`,
    /// which must be the beginning or the end of a frame of the segment, and ends at [`OpenSegment::end`]. It uses the
    /// open file of the writer, does not read the header, and reads no other segment.
    pub(in crate::engine) fn of_open_segment(
        storage: &Arc<dyn Storage>,
        log: &Path,
        open: &OpenSegment,
        at: ResumePoint,
    ) -> StreamReader {
        let segments = (open.stream, vec![open.base]);
        let mut reader = StreamReader::over(storage, log, ScanMode::Follow, at, segments);
        reader.upcoming = 1;
        reader.cause = GapCause::Damaged;
        reader.scan = Some(SegmentScan {
            base: open.base,
            salt: open.salt,
            source: Source::beginning(Arc::clone(&open.file), open.end),
            offset: at.offset,
            after_mark: false,
            follow: true,
        });
        reader
    }

    /// Creates a reader that has not opened a segment yet.
    fn over(
        storage: &Arc<dyn Storage>,
        log: &Path,
        mode: ScanMode,
        at: ResumePoint,
        (stream, segments): (StreamId, Vec<Seq>),
    ) -> StreamReader {
        let upcoming = segments.partition_point(|base| *base < at.segment);
        StreamReader {
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
            last_seal: None,
            header: None,
            end: None,
            watched: BTreeMap::new(),
            at_start: at == ResumePoint::START,
            unfinished_creation: None,
            domain: None,
            checksums: StreamChecksums::of(stream),
        }
    }

    /// Restricts the reader to one domain: a segment of another domain, or of a newer version of `domain`, is an error.
    /// A segment whose header is damaged or names another segment is still reported as damage.
    pub fn of_domain(mut self, domain: Domain) -> Result<StreamReader> {
        self.domain = Some(domain);
        self.header.iter().try_for_each(|header| header.check_domain(domain))?;
        Ok(self)
    }

    /// Requests the link of the chain after entry `seq`. [`StreamReader::watched`] returns the link once the entry was
    /// read. Only a full scan computes links.
    pub fn watch(&mut self, seq: Seq) {
        self.watched.insert(seq, (seq == Seq(0)).then_some(Chain::ORIGIN));
    }

    /// Returns the link that [`StreamReader::watch`] requested; `None` if the entry was not read by a full scan, or if
    /// the chain before the entry is unknown, for example because an earlier entry of its segment is missing.
    pub fn watched(&self, seq: Seq) -> Option<Digest> {
        self.watched.get(&seq).copied().flatten()
    }

    /// Returns true if there is a next item. Reads the item if it was not read yet; the next call of
    /// [`StreamReader::next_item`] then returns the item without reading.
    pub(in crate::engine) fn has_next_item(&mut self) -> Result<bool> {
        while self.queue.is_empty() && self.advance()? {}
        Ok(!self.queue.is_empty())
    }

    /// Returns the next item; `None` at the end, which [`StreamReader::tail`] then describes.
    pub fn next_item(&mut self) -> Result<Option<Item>> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(Some(item));
            }
            if !self.advance()? {
                return Ok(None);
            }
        }
    }

    /// Takes one step of reading: opens the next segment, or reads the next frame or the next damaged bytes. Returns
    /// false at the end of the stream.
    fn advance(&mut self) -> Result<bool> {
        if self.scan.is_some() {
            self.step()?;
        } else if self.is_last() {
            return Ok(false);
        } else {
            self.open_segment(None)?;
        }
        Ok(true)
    }

    /// Returns the state of the end of the stream. Call it only after all items were read.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Returns true if the segment that was read last has a seal. A writer seals a segment only after it has created
    /// the next segment.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Returns the last segment with a seal among those that were read, and the sequence number after its last entry.
    pub(in crate::engine::log) fn last_seal(&self) -> Option<(Seq, Seq)> {
        self.last_seal
    }

    /// Returns the last segment whose creation was not finished; `None` if the stream has no such segment. The segment
    /// never held an entry and is skipped. If the next entry of the stream would belong to this segment, the tail is
    /// [`Tail::Unfinished`], because a writer may be creating the segment.
    pub fn unfinished_creation(&self) -> Option<Seq> {
        self.unfinished_creation
    }

    /// Restricts the reader to the segment that it begins with: later segments are not read.
    pub(in crate::engine::log) fn end_behind_first(&mut self) {
        self.segments.truncate(self.upcoming.saturating_add(1));
    }

    /// Returns the sequence number after the last entry that was read or is known to be missing.
    pub fn next_seq(&self) -> Seq {
        self.expected
    }

    /// Returns the time of the last entry that was read; 0 if there is none.
    pub fn last_time(&self) -> u64 {
        self.last_time
    }

    /// Returns the chain over the entries up to the last entry that was read. Call it only for a full scan. Returns
    /// `None` if the chain is unknown, because an earlier entry of the same segment is missing or the segment's header
    /// does not contain the link.
    pub fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    /// Returns the header of the segment that was read last; `None` if no segment was read or its header is damaged.
    pub fn header(&self) -> Option<&SegmentHeader> {
        self.header.as_ref()
    }

    /// Returns the point at which a later reader continues. Call it only after all items were read.
    pub fn resume_point(&self) -> ResumePoint {
        let start = ResumePoint { segment: self.expected, offset: 0, next: self.expected };
        self.end.map_or(start, |end| ResumePoint { next: self.expected, ..end })
    }

    fn is_last(&self) -> bool {
        self.upcoming >= self.segments.len()
    }

    fn record_finding(&mut self, kind: FindingKind, segment: Seq, offset: u64, len: u64) {
        self.queue.push_back(Item::Finding(Finding { kind, stream: self.stream, segment, offset, len }));
    }

    /// Records a gap for the sequence numbers before `next` that were not read.
    fn record_gap_before(&mut self, next: Seq) {
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

    /// Records a gap of unknown length at the end of the stream. [`StreamReader::chain`] stays valid, because the chain
    /// covers only the entries before the gap.
    fn record_unbounded_gap(&mut self) {
        let gap = Gap { stream: self.stream, first: self.expected, last: None, cause: self.cause };
        self.queue.push_back(Item::Gap(gap));
    }

    fn open_segment(&mut self, offset: Option<u64>) -> Result<()> {
        let Some(base) = self.segments.get(self.upcoming).copied() else { return Ok(()) };
        self.upcoming += 1;
        let path = names::segment_path(&self.log, self.stream, base);
        let wrap = |e| Error::io("read segment", &path, e);
        let file = match self.storage.open(&path, OpenMode::Read) {
            Ok(file) => file,
            // The segment was deleted after the directory was listed. A later segment or mark shows which entries are
            // missing.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(wrap(e)),
        };
        let mut headers = read_headers(file.as_ref(), self.stream, base).map_err(wrap)?;
        if headers.may_be_creation && self.is_creation(base)? {
            // The writer may have finished the creation in the meantime.
            headers = read_headers(file.as_ref(), self.stream, base).map_err(wrap)?;
            if headers.may_be_creation {
                self.skip_creation(base);
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
            // Entries with earlier numbers are not missing: they belong to the parent.
            self.expected = origin.map_or(self.expected, |origin| origin.first);
        }
        if let (Ok(header), Some(domain)) = (&headers.header, self.domain)
            && header.stream == self.stream
            && header.base == base
        {
            header.check_domain(domain)?;
        }
        for (at, len) in &headers.damaged {
            self.record_finding(FindingKind::HeaderCopy, base, *at, *len);
        }
        let follow = self.mode == ScanMode::Follow && self.is_last();
        let header = match headers.header {
            Ok(header) if header.stream != self.stream || header.base != base => {
                self.record_finding(FindingKind::Foreign, base, 0, FRAMES_AT);
                self.skip_segment();
                return Ok(());
            }
            Ok(header) if headers.unfinished && self.is_last() => {
                self.record_gap_before(header.base);
                return self.end_unfinished(base, file.as_ref()).map_err(wrap);
            }
            Ok(header) => Some(header),
            Err(HeaderFault::Newer { version }) => {
                self.record_finding(FindingKind::Newer { version }, base, 0, FRAMES_AT);
                self.skip_segment();
                return Ok(());
            }
            Err(HeaderFault::Damaged) if headers.unfinished && self.is_last() => {
                return self.end_unfinished(base, file.as_ref()).map_err(wrap);
            }
            Err(HeaderFault::Damaged) => {
                self.record_finding(FindingKind::HeaderLost, base, 0, FRAMES_AT);
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
            self.record_gap_before(header.base);
            let known = header.known_chain();
            if let (Some(chain), Some(known), ScanMode::Full) = (&self.chain, known, self.mode)
                && chain.link() != known
            {
                self.record_finding(FindingKind::ChainBroken, base, 0, FRAMES_AT);
            }
            self.chain = known.map(Chain::from_link);
        } else if header.is_none() && offset.is_none() {
            // If no entry before the damaged header is missing, the link in the header is the link after those entries.
            let chain = self.chain.take().filter(|_| self.expected == base);
            self.chain = chain.map(|chain| Chain::from_link(chain.link()));
        }
        // Only a finished segment is mapped, because its file is never truncated. A full scan reads with pread.
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

    /// Returns true if the segment that begins with `base` never held an entry. The caller has checked that the file
    /// holds only a part of the two header copies (`Headers::may_be_creation`).
    ///
    /// There are two such cases. In the first, earlier segments contain the sequence number `base`. In the second, the
    /// segment is the last one, no earlier entry is missing, and the segment before it is readable to its end and has
    /// no seal (or does not exist). A writer seals a segment only after it has created the next segment.
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

    /// Returns true if the segment that begins with `base` is readable to its end and has no seal.
    fn ends_without_seal(&self, base: Seq) -> Result<bool> {
        let at = ResumePoint { segment: base, offset: 0, next: base };
        let mut reader = StreamReader::open_at(&self.storage, &self.log, self.stream, ScanMode::Follow, at)?;
        reader.end_behind_first();
        while reader.next_item()?.is_some() {}
        let is_whole = matches!(reader.tail, Tail::Open | Tail::Closed) && reader.end.is_some();
        Ok(is_whole && !reader.sealed)
    }

    /// Records that the segment that begins with `base` never held an entry. If no earlier segment holds the sequence
    /// number `base`, a writer may be creating the segment: the tail is then [`Tail::Unfinished`]. Otherwise the
    /// earlier segment determines the tail.
    fn skip_creation(&mut self, base: Seq) {
        self.unfinished_creation = Some(base);
        if self.expected == base {
            self.tail = Tail::Unfinished { offset: 0 };
        }
    }

    /// Ends the stream at its last segment, whose header is incomplete. Either the creation of the segment is not
    /// finished, or the file was truncated and an unknown number of entries is lost. A full scan reports a torn end and
    /// a gap.
    fn end_unfinished(&mut self, base: Seq, file: &dyn File) -> io::Result<()> {
        self.tail = Tail::Unfinished { offset: 0 };
        if self.mode == ScanMode::Full {
            self.record_finding(FindingKind::Torn, base, 0, file.len()?);
            self.cause = GapCause::Damaged;
            self.record_unbounded_gap();
        }
        Ok(())
    }

    /// Returns true if the current segment is finished, which means that the next segment has a complete header. An
    /// incomplete header does not count: if the creation of the next segment failed, the writer continues in the
    /// current segment.
    fn is_finished(&self) -> Result<bool> {
        let Some(next) = self.segments.get(self.upcoming) else { return Ok(false) };
        let path = names::segment_path(&self.log, self.stream, *next);
        let Ok(file) = self.storage.open(&path, OpenMode::Read) else { return Ok(false) };
        let headers = read_headers(file.as_ref(), self.stream, *next);
        let headers = headers.map_err(|e| Error::io("read segment", &path, e))?;
        Ok(headers.header.is_ok_and(|h| h.stream == self.stream && h.base == *next) && !headers.unfinished)
    }

    /// Returns the salt of the current segment from the header of the next segment, which repeats the salt. Returns
    /// `None` if there is no next segment or its header is damaged.
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
            self.record_unbounded_gap();
        }
    }

    fn step(&mut self) -> Result<()> {
        let Some(scan) = &mut self.scan else { return Ok(()) };
        let base = scan.base;
        let (log, stream) = (&self.log, self.stream);
        // The path is created only for an error, because this function runs once for each frame.
        let wrap = |e| Error::io("read segment", &names::segment_path(log, stream, base), e);
        match scan.next_confirmed().map_err(wrap)? {
            Step::Frame { offset, header } if header.first < self.expected => {
                self.record_finding(FindingKind::Doubled, base, offset, header.frame_len());
                Ok(())
            }
            Step::Frame { offset, header } if header.entries == 0 => {
                let mark =
                    Mark::decode(scan.payload(offset, &header).map_err(wrap)?, header.flags == FLAG_SEAL);
                self.read_mark(base, offset, &header, mark)
            }
            Step::Frame { offset, header } => {
                let payload = scan.payload(offset, &header).map_err(wrap)?;
                let entries = decode_checked(&header, payload, &self.checksums);
                self.read_entries(base, offset, &header, entries);
                Ok(())
            }
            Step::Damage { offset, end, torn } => {
                let torn = torn && self.is_last();
                let kind = if torn { FindingKind::Torn } else { FindingKind::Damaged };
                self.record_finding(kind, base, offset, end - offset);
                self.cause = GapCause::Damaged;
                let at_end = self.scan.as_ref().is_some_and(|s| s.offset >= s.source.file_len());
                if at_end {
                    self.end_segment(Tail::Unfinished { offset }, GapCause::Damaged);
                }
                if at_end && self.is_last() {
                    self.record_unbounded_gap();
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

    /// Records the entries of a frame. `entries` is `None` if this build cannot decode the frame; a finding and a gap
    /// are then recorded instead.
    fn read_entries(&mut self, base: Seq, offset: u64, header: &FrameHeader, entries: Option<Entries>) {
        self.record_gap_before(header.first);
        let Some(entries) = entries else {
            self.record_finding(FindingKind::Unreadable, base, offset, header.frame_len());
            self.record_gap_before(header.next());
            return;
        };
        if let (Some(chain), ScanMode::Full) = (&mut self.chain, self.mode) {
            for entry in &entries {
                chain.push(&entry.canonical_head());
                chain.push(entry.payload);
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

    /// Records a gap if entries before the mark are missing. In a full scan, also compares the mark with the entries
    /// before the mark, and records each difference as a finding. `mark` is `None` if this build cannot decode the
    /// mark, which is recorded as a finding.
    fn read_mark(&mut self, base: Seq, offset: u64, header: &FrameHeader, mark: Option<Mark>) -> Result<()> {
        let Some(mark) = mark else {
            self.record_finding(FindingKind::Unreadable, base, offset, header.frame_len());
            return Ok(());
        };
        if header.flags == FLAG_SEAL {
            self.sealed = true;
            self.last_seal = Some((base, header.first));
        }
        let whole_before = header.first == self.expected;
        self.record_gap_before(header.first);
        if self.mode == ScanMode::Follow {
            return Ok(());
        }
        // Zeros mean that a merge wrote this mark after a gap and did not know the link.
        let known = mark.chain != Chain::ORIGIN;
        if known && self.chain.as_ref().is_some_and(|chain| chain.link() != mark.chain) {
            self.record_finding(FindingKind::ChainBroken, base, offset, header.frame_len());
        }
        if let (Some(seal), true) = (&mark.seal, whole_before) {
            let counted = (seal.entries, seal.frames) == self.counts && seal.bytes == offset;
            if !counted || self.digest_before(base, offset)? != seal.digest {
                self.record_finding(FindingKind::SealBroken, base, offset, header.frame_len());
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
