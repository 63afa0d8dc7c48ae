//! Opening of the segments of a stream.

use crate::engine::chain::Chain;
use crate::engine::entry::{GapCause, Seq};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::header::{FRAMES_AT, HeaderFault};
use crate::engine::log::format::names;
use crate::engine::log::read::directory::{ResumePoint, origin_of, read_headers};
use crate::engine::log::read::item::{FindingKind, Tail};
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use crate::engine::log::read::scan::SegmentScan;
use crate::engine::log::read::source::Source;
use crate::engine::storage::{File, OpenMode};
use std::io;

impl StreamReader {
    pub(super) fn open_segment(&mut self, offset: Option<u64>) -> Result<()> {
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
            self.chain = known.filter(|_| !self.skips_chain).map(Chain::from_link);
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
}
