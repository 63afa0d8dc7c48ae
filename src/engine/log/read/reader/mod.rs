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

mod frames;
mod opening;

use crate::engine::chain::Chain;
use crate::engine::checksum::Digest;
use crate::engine::domain::Domain;
use crate::engine::entry::{Gap, GapCause, Seq, StreamChecksums, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::{FLAG_SEAL, decode_checked};
use crate::engine::log::format::header::{FRAMES_AT, SegmentHeader};
use crate::engine::log::format::mark::Mark;
use crate::engine::log::format::names;
use crate::engine::log::read::directory::{ResumePoint, list_segments};
use crate::engine::log::read::item::{Finding, FindingKind, Item, Tail};
use crate::engine::log::read::open_segment::OpenSegment;
use crate::engine::log::read::scan::{SegmentScan, Step};
use crate::engine::log::read::source::Source;
use crate::engine::storage::Storage;
use std::collections::{BTreeMap, VecDeque};
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
    /// The link in the last mark.
    mark_link: Option<Digest>,
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
    /// The verifier of the checksums of the entries.
    checksums: StreamChecksums,
    /// True if a full scan computes neither the chain nor the digests in seals.
    skips_chain: bool,
    /// The last mark that contains a link: the sequence number of the entry before the mark, and the link.
    last_mark: Option<(Seq, Digest)>,
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
    pub fn open_listed(
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

    /// Opens a reader of the frames of an open segment, with [`ScanMode::Follow`]. The reader reads from `at`, which
    /// must be the beginning or the end of a frame of the segment, to [`OpenSegment::end`]. It uses the open file of
    /// the writer. It reads neither the header of the segment nor another segment.
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

    /// Creates a reader without an open segment.
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
            mark_link: None,
            last_seal: None,
            header: None,
            end: None,
            watched: BTreeMap::new(),
            at_start: at == ResumePoint::START,
            unfinished_creation: None,
            domain: None,
            checksums: StreamChecksums::of(stream),
            skips_chain: false,
            last_mark: None,
        }
    }

    /// Restricts the reader to one domain: a segment of another domain, or of a newer version of `domain`, is an error.
    /// A segment whose header is damaged or names another segment is still reported as damage.
    pub fn of_domain(mut self, domain: Domain) -> Result<StreamReader> {
        self.domain = Some(domain);
        self.header.iter().try_for_each(|header| header.check_domain(domain))?;
        Ok(self)
    }

    /// Configures a full scan that computes neither the chain nor the digests in seals. The scan still checks
    /// checksums, sequence numbers and gaps.
    pub(in crate::engine) fn without_chain(mut self) -> StreamReader {
        self.skips_chain = true;
        self.chain = None;
        self
    }

    /// Returns the first sequence number of the segment that is being read. Call it directly after
    /// [`StreamReader::next_item`] has returned a gap of erased entries, to find the segment with the frame of the gap.
    pub(in crate::engine::log) fn open_segment_base(&self) -> Option<Seq> {
        self.scan.as_ref().map(|scan| scan.base)
    }

    /// Returns the last mark with a link that a full scan has read: the sequence number of the entry before
    /// the mark, and the link after this entry. The entries before the mark may be missing.
    pub(in crate::engine::log) fn last_mark(&self) -> Option<(Seq, Digest)> {
        self.last_mark
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

    /// Returns the sequence number of the first entry of the next item. Returns `None` if the next item is
    /// not a commit, or if there is no next item. The next call of [`StreamReader::next_item`] returns the
    /// item.
    pub(in crate::engine) fn first_of_next_commit(&mut self) -> Result<Option<Seq>> {
        self.has_next_item()?;
        Ok(match self.queue.front() {
            Some(Item::Commit(commit)) => commit.entries.first().map(|entry| entry.stamp.seq),
            _ => None,
        })
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

    /// Puts back the last item that [`StreamReader::next_item`] returned. The next call returns this item again.
    pub(in crate::engine) fn return_again(&mut self, item: Item) {
        self.queue.push_front(item);
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

    /// Returns the link of the chain in the last mark that was read. Only a full scan reads the content of marks.
    pub(in crate::engine::log) fn mark_link(&self) -> Option<Digest> {
        self.mark_link
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
}
