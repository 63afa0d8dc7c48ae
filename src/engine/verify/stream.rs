//! The check of one stream.

use crate::engine::chain::Head;
use crate::engine::domain::Domain;
use crate::engine::entries::EntryRef;
use crate::engine::entry::{Event, StreamId};
use crate::engine::error::Result;
use crate::engine::log::directory::{is_held, list_segments};
use crate::engine::log::{Commit, Item, ScanMode, StreamReader, Tail};
use crate::engine::storage::Storage;
use crate::engine::verify::head::{HeadState, compare_head};
use crate::engine::verify::note::LogNote;
use crate::engine::verify::problems::Problems;
use crate::engine::verify::report::StreamReport;
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
    /// The saved heads of the stream.
    pub(super) heads: Vec<Head>,
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
        let stream = self.stream;
        // The lock of the stream is tested before and after the read, because a writer that exists at either time may
        // have written during the read.
        let live_before = self.is_live();
        let segments = list_segments(self.storage.as_ref(), self.log, stream)?.len();
        let reader = StreamReader::open(self.storage, self.log, stream, ScanMode::Full)?;
        let mut reader = reader.of_domain(self.domain)?;
        self.heads.iter().for_each(|head| reader.watch(head.seq));
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
        let mut heads = 0;
        for head in &self.heads {
            match compare_head(head, &reader, &mut problems) {
                HeadState::Confirmed => heads += 1,
                HeadState::Refuted => {}
                HeadState::Unknown => notes.push(LogNote::HeadUnchecked { head: *head }),
            }
        }
        let last = reader.next_seq().previous();
        let head = reader.chain().map(|chain| Head { stream, seq: last, digest: chain.link() });
        let closed = reader.tail() == Tail::Closed;
        let stream = StreamReport { stream, segments, entries, head, live, closed };
        Ok(StreamScan { stream, problems, notes, heads })
    }

    fn is_live(&self) -> bool {
        is_held(self.storage.as_ref(), self.log, self.stream)
    }
}

/// Reads a stream to its end, and adds the problems that are found. Returns the number of intact entries.
fn read_items<E: Event>(
    reader: &mut StreamReader,
    problems: &mut Problems,
    advance: &mut dyn FnMut(u64),
) -> Result<u64> {
    let mut entries = 0;
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Commit(commit) => {
                problems.end_finding();
                advance(commit.end - commit.offset);
                entries += commit.entries.len() as u64;
                commit.entries.iter().for_each(|entry| check_payload::<E>(&commit, entry, problems));
            }
            Item::Gap(gap) => problems.add_gap(&gap, reader.header().map(|header| header.base)),
            Item::Finding(finding) => problems.add_finding(finding),
        }
    }
    problems.end_finding();
    Ok(entries)
}

fn check_payload<E: Event>(commit: &Commit, entry: EntryRef<'_>, problems: &mut Problems) {
    if let Err(error) = E::decode(entry.kind, entry.version, entry.payload)
        && E::KINDS.iter().any(|(kind, _)| *kind == entry.kind)
    {
        problems.add_unreadable(commit, entry, &error);
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
