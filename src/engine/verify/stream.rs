//! The check of one stream.

use crate::engine::chain::Head;
use crate::engine::domain::Domain;
use crate::engine::entry::{Event, Seq, StreamId};
use crate::engine::error::Result;
use crate::engine::log::directory::{ResumePoint, is_held, list_segments};
use crate::engine::log::{ScanMode, StreamReader, Tail};
use crate::engine::storage::Storage;
use crate::engine::verify::head::{HeadState, compare_head, compare_known, compare_known_link};
use crate::engine::verify::note::LogNote;
use crate::engine::verify::options::{KnownEnd, LogCheck};
use crate::engine::verify::problems::Problems;
use crate::engine::verify::report::StreamReport;
use crate::engine::verify::segments::{read_items, read_segment};
use crate::engine::verify::share::Share;
use std::path::Path;
use std::sync::Arc;

/// The maximum number of times that a stream is read. A stream that has a writer and seems damaged is read again,
/// because the writer may have been in the middle of a write.
const READS_MAX: usize = 3;

/// A stream to check.
#[derive(Debug)]
pub(super) struct StreamCheck<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    pub(super) log: &'a Path,
    pub(super) domain: Domain,
    pub(super) stream: StreamId,
    pub(super) check: &'a LogCheck<'a>,
    /// The number of problems after which further problems are only counted.
    pub(super) problems_max: usize,
}

/// The result of reading one stream.
#[derive(Debug)]
pub(super) struct StreamScan {
    pub(super) stream: StreamReport,
    pub(super) problems: Problems,
    pub(super) notes: Vec<LogNote>,
    /// The number of saved heads that the stream confirmed.
    pub(super) heads: u64,
    /// The number of segments of the stream.
    pub(super) segments: usize,
}

impl StreamCheck<'_> {
    /// Reads the stream, up to [`READS_MAX`] times if it has a writer and seems to be damaged. `advance` receives the
    /// length of each commit of the first read.
    pub(super) fn run<E: Event>(&self, advance: &mut dyn FnMut(u64)) -> Result<StreamScan> {
        let mut scan = self.read::<E>(advance)?;
        for _ in 1..READS_MAX {
            if !scan.stream.live || scan.problems.is_empty() {
                break;
            }
            scan = self.read::<E>(&mut |_| {})?;
        }
        Ok(scan)
    }

    fn read<E: Event>(&self, advance: &mut dyn FnMut(u64)) -> Result<StreamScan> {
        // The lock of the stream is tested before and after the read, because a writer that exists at either time may
        // have written during the read.
        let live_before = self.is_live();
        let bases = list_segments(self.storage.as_ref(), self.log, self.stream)?;
        let mut scan = match self.check.share {
            // Exactly one share reports the entries of a stream whose segments have all disappeared.
            Some(share) if bases.is_empty() && share.has_segment(self.stream, Seq::FIRST) => {
                self.read_all::<E>(0, advance)?
            }
            Some(share) => self.read_share::<E>(share, &bases, advance)?,
            None => self.read_all::<E>(bases.len(), advance)?,
        };
        scan.stream.live |= live_before;
        Ok(scan)
    }

    fn read_all<E: Event>(&self, segments: usize, advance: &mut dyn FnMut(u64)) -> Result<StreamScan> {
        let (stream, check) = (self.stream, self.check);
        let live_before = self.is_live();
        let mut reader = self.reader(ResumePoint::START)?;
        let heads: Vec<&Head> = check.heads.iter().filter(|head| head.stream == stream).collect();
        let known: Vec<&KnownEnd> = check.known.iter().filter(|known| known.stream == stream).collect();
        heads.iter().for_each(|head| reader.watch(head.seq));
        known.iter().for_each(|known| reader.watch(known.seq));
        let mut problems = Problems::new(stream, self.problems_max);
        let entries = read_items::<E>(&mut reader, &mut problems, advance)?;
        let live = live_before || self.is_live();
        let mut notes = end_notes(stream, &reader, live, entries);
        if notes.iter().any(|note| matches!(note, LogNote::StreamInFlight { .. })) {
            // An incomplete end of a stream with a writer is a write in progress, not a loss.
            problems.remove_unfinished_end();
        }
        if problems.erased > 0 {
            notes.push(LogNote::EntriesErased { stream, entries: problems.erased });
        }
        let mut confirmed = 0;
        for head in heads {
            match compare_head(head, &reader, &mut problems) {
                HeadState::Confirmed => confirmed += 1,
                HeadState::Refuted => {}
                HeadState::Unknown => notes.push(LogNote::HeadUnchecked { head: *head }),
            }
        }
        compare_known(&known, &reader, &mut problems);
        let last = reader.next_seq().previous();
        let head = reader.chain().map(|chain| Head { stream, seq: last, digest: chain.link() });
        let closed = reader.tail() == Tail::Closed;
        let stream = StreamReport { stream, segments, entries, last, head, live, closed };
        Ok(StreamScan { stream, problems, notes, heads: confirmed, segments })
    }

    /// Reads the segments of the stream that are in the share.
    fn read_share<E: Event>(
        &self,
        share: Share,
        bases: &[Seq],
        advance: &mut dyn FnMut(u64),
    ) -> Result<StreamScan> {
        let (stream, live) = (self.stream, self.is_live());
        let mut problems = Problems::new(stream, self.problems_max);
        let (mut entries, mut segments, mut notes) = (0, 0, Vec::new());
        let (mut end, mut closed) = (Seq(0), false);
        let first = bases.first();
        let known: Vec<&KnownEnd> = self.check.known.iter().filter(|known| known.stream == stream).collect();
        for base in bases.iter().filter(|base| share.has_segment(stream, **base)) {
            let start = ResumePoint { segment: *base, offset: 0, next: *base };
            let mut reader = self.reader(if Some(base) == first { ResumePoint::START } else { start })?;
            let next = bases.iter().find(|next| *next > base);
            let known: Vec<&KnownEnd> = known.iter().copied().filter(|known| known.seq >= *base).collect();
            known.iter().for_each(|known| reader.watch(known.seq));
            let read = read_segment::<E>(&mut reader, *base, &mut problems, advance)?;
            (entries, segments) = (entries + read, segments + 1);
            if let Some(next) = next {
                let known = known.iter().filter(|known| known.seq < *next);
                known.for_each(|known| compare_known_link(known, &reader, &mut problems));
                continue;
            }
            let live = live || self.is_live();
            notes = end_notes(stream, &reader, live, read);
            if notes.iter().any(|note| matches!(note, LogNote::StreamInFlight { .. })) {
                problems.remove_unfinished_end();
            }
            compare_known(&known, &reader, &mut problems);
            (end, closed) = (reader.next_seq().previous(), reader.tail() == Tail::Closed);
        }
        let live = live || self.is_live();
        let stream = StreamReport { stream, segments, entries, last: end, head: None, live, closed };
        Ok(StreamScan { stream, problems, notes, heads: 0, segments: bases.len() })
    }

    fn reader(&self, at: ResumePoint) -> Result<StreamReader> {
        let reader = StreamReader::open_at(self.storage, self.log, self.stream, ScanMode::Full, at)?;
        let reader = reader.of_domain(self.domain)?;
        Ok(if self.check.chain { reader } else { reader.without_chain() })
    }

    fn is_live(&self) -> bool {
        is_held(self.storage.as_ref(), self.log, self.stream)
    }
}

/// Returns the notes on the end of a stream.
fn end_notes(stream: StreamId, reader: &StreamReader, live: bool, entries: u64) -> Vec<LogNote> {
    let mut notes = Vec::new();
    if live && matches!(reader.tail(), Tail::Unfinished { .. }) {
        notes.push(LogNote::StreamInFlight { stream });
    } else if let Some(segment) = reader.unfinished_creation() {
        notes.push(LogNote::SegmentUnfinished { stream, segment });
    }
    if !live && entries > 0 && reader.tail() == Tail::Open {
        notes.push(LogNote::StreamNotClosed { stream, after: reader.next_seq().previous() });
    }
    notes
}
