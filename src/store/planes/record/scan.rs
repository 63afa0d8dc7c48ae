//! The scan of records. The iterator returns the records in the order in which they were appended.

use crate::contract::{RecordType, Timestamp};
use crate::engine::entry::{Entry, GapCause, Position, Stamp};
use crate::engine::log::ordered::{Ordered, OrderedReader};
use crate::engine::projection::ErasedEvents;
use crate::engine::projection::Note as EngineNote;
use crate::projections::entry::Captured;
use crate::projections::kind::{DEGRADED, EVENT, METRIC, SPAN, kind_name};
use crate::store::error::Result;
use crate::store::planes::record::filter::ScanFilter;
use crate::store::planes::record::gap::KnownGap;
use crate::store::planes::record::item::{MalformedRecord, ScanItem, StoredRecord};
use crate::store::planes::shared::Planes;
use crate::store::record_ref::record_at;
use crate::store::view::StoreView;
use std::collections::VecDeque;

/// The number of entries that are read in one step.
const BATCH_ENTRIES: usize = 512;

/// An iterator over the records that a filter accepts. The records have the order in which they were
/// appended. Only records that were in the log when the scan began are returned. A record that is in the log
/// several times is returned once.
///
/// The iterator has at most 512 entries in memory. If the filter contains a run, only the records of this run
/// are read, and each of these records needs 32 bytes of additional memory. The iterator ends after the first
/// error.
#[derive(Debug)]
#[must_use = "the scan reads nothing until the iterator is advanced"]
pub struct RecordScan {
    planes: Planes,
    filter: ScanFilter,
    source: Source,
    /// The greatest stamp of an entry that the scan reads; `None` for all entries of the log.
    last: Option<Stamp>,
    ready: VecDeque<ScanItem>,
}

/// The entries that a scan reads.
#[derive(Debug)]
enum Source {
    /// All entries of the log that are not erased.
    Log(Box<OrderedReader>, ErasedEvents),
    /// The stamps of the records of one run.
    Run(std::vec::IntoIter<Stamp>),
    /// No further entries: the scan has read all its entries, or has returned an error.
    Ended,
}

/// An entry that was read, before duplicate records are removed.
enum Read {
    Item(ScanItem),
    /// A record of an import. Other entries may contain the same record.
    Imported(Box<StoredRecord>, Stamp),
}

impl RecordScan {
    /// Begins a scan. Errors: the filter is invalid, or the log cannot be read.
    pub(super) fn begin(planes: &Planes, filter: &ScanFilter) -> Result<RecordScan> {
        filter.check()?;
        let families = filter.record_type.as_ref().map_or(RecordType::ALL, std::slice::from_ref);
        let (source, ready, last) = planes.read(|view| {
            let Some(run) = &filter.run_ref else {
                return Ok((
                    Source::Log(Box::new(view.view.scan()?), view.view.erased()),
                    VecDeque::new(),
                    view.as_of,
                ));
            };
            let stamps = view.record_stamps(run, families, filter.stage_execution_ref.as_ref())?;
            // The tables contain no records of a gap, so the gaps of the log are returned before the records.
            let gaps = view.view.notes().iter().filter_map(|note| match note {
                EngineNote::Gap(gap) => Some(ScanItem::Gap(Box::new(gap.into()))),
                _ => None,
            });
            Ok((Source::Run(stamps.into_iter()), gaps.collect(), view.as_of))
        })?;
        let (planes, filter) = (planes.clone(), filter.clone());
        Ok(RecordScan { planes, filter, source, last, ready })
    }

    /// Reads the next entries. Returns `false` at the end.
    fn fill(&mut self) -> Result<bool> {
        match &mut self.source {
            Source::Ended => return Ok(false),
            Source::Log(reader, erased) => {
                let mut read = Vec::new();
                for _ in 0..BATCH_ENTRIES {
                    match reader.next_item()? {
                        Some(Ordered::Gap(gap)) if gap.cause == GapCause::Erased => {}
                        Some(Ordered::Gap(gap)) => {
                            read.push(Read::Item(ScanItem::Gap(Box::new((&gap).into()))))
                        }
                        Some(Ordered::Entry(entry)) if self.last.is_none_or(|last| entry.stamp <= last) => {
                            read.extend(read_entry(entry, Some(erased)))
                        }
                        // The entries are in the order of their stamps, so no later entry belongs to the scan.
                        Some(Ordered::Entry(_)) | None => {
                            self.source = Source::Ended;
                            break;
                        }
                    }
                }
                self.judge(read)?;
            }
            Source::Run(stamps) => {
                let stamps: Vec<Stamp> = stamps.by_ref().take(BATCH_ENTRIES).collect();
                if stamps.is_empty() {
                    return Ok(false);
                }
                // The stamps from the tables contain only one entry of each record, so no duplicates are
                // removed here.
                let positions: Vec<Position> = stamps.iter().map(Stamp::position).collect();
                let entries = self.planes.read(|view| Ok(view.view.entries(&positions)?))?;
                for (entry, stamp) in entries.into_iter().zip(stamps) {
                    match entry.map(|entry| read_entry(entry, None)) {
                        Some(read) => self.ready.extend(read.map(Read::into_item)),
                        None => self.ready.push_back(ScanItem::Gap(Box::new(unreadable(stamp)))),
                    }
                }
            }
        }
        Ok(true)
    }

    /// Adds items that were read from the log. If several entries contain the same record, only the effective
    /// entry is added.
    fn judge(&mut self, read: Vec<Read>) -> Result<()> {
        let is_effective = |view: &StoreView<'_>| {
            let mut flags = Vec::new();
            for item in &read {
                flags.push(match item {
                    Read::Item(_) => true,
                    Read::Imported(stored, stamp) => view.is_effective(stored.record_ref(), *stamp)?,
                });
            }
            Ok(flags)
        };
        let has_imported = read.iter().any(|item| matches!(item, Read::Imported(..)));
        let flags = if has_imported { self.planes.read(is_effective)? } else { vec![true; read.len()] };
        let kept = read.into_iter().zip(flags).filter_map(|(item, kept)| kept.then(|| item.into_item()));
        self.ready.extend(kept);
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<ScanItem>> {
        loop {
            while let Some(item) = self.ready.pop_front() {
                match &item {
                    ScanItem::Record(stored) if !self.filter.accepts(&stored.record) => {}
                    _ => return Ok(Some(item)),
                }
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }
}

impl Iterator for RecordScan {
    type Item = Result<ScanItem>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.advance();
        if item.is_err() {
            // Nothing is ready, because items are added after all reads have succeeded.
            self.source = Source::Ended;
        }
        item.transpose()
    }
}

impl Read {
    fn into_item(self) -> ScanItem {
        match self {
            Read::Item(item) => item,
            Read::Imported(stored, _) => ScanItem::Record(stored),
        }
    }
}

/// Reads an entry as a record. Returns `None` if the kind of the entry is known and is not a kind of records.
/// Also returns `None` if `erased` contains the event of the entry.
fn read_entry(entry: Entry, erased: Option<&ErasedEvents>) -> Option<Read> {
    let kind = kind_name(entry.kind);
    if kind.is_some() && ![EVENT, METRIC, SPAN, DEGRADED].contains(&entry.kind) {
        return None;
    }
    let stamp = entry.stamp;
    let (reason, is_unknown) = match Captured::of_entry(&entry) {
        Ok(Some(captured)) => {
            if erased.is_some_and(|erased| erased.contains(&captured, stamp)) {
                return None;
            }
            let is_imported = captured.fact.observation().is_some_and(|(_, identity)| identity.is_some());
            match record_at(captured.fact, stamp) {
                Ok(record) => {
                    let (position, appended_at) = (stamp.position(), Timestamp::from_nanos(stamp.time));
                    let stored = Box::new(StoredRecord { record: record?, position, appended_at });
                    return Some(match is_imported {
                        true => Read::Imported(stored, stamp),
                        false => Read::Item(ScanItem::Record(stored)),
                    });
                }
                Err(e) => (format!("the record breaks a rule: {e}"), false),
            }
        }
        Ok(None) => (format!("this build does not read version {} of this kind", entry.version.0), true),
        Err(e) => (format!("the payload cannot be decoded: {e}"), false),
    };
    Some(Read::Item(ScanItem::Malformed(Box::new(MalformedRecord {
        position: stamp.position(),
        appended_at: Timestamp::from_nanos(stamp.time),
        kind: kind.map_or_else(|| entry.kind.0.to_string(), str::to_owned),
        is_unknown,
        reason,
        payload: entry.payload,
    }))))
}

/// Returns the gap for a record that is in the tables and cannot be read from the log.
fn unreadable(stamp: Stamp) -> KnownGap {
    let message = format!("the record at {} cannot be read from the log", stamp.position());
    KnownGap {
        stream: Some(stamp.stream),
        start_sequence: Some(stamp.seq),
        end_sequence: Some(stamp.seq),
        ..KnownGap::new("record_unreadable", message)
    }
}
