//! Methods of `StoreView` that read events, spans and degraded records. The tables contain only the positions of the
//! records; the records are read from the log.

use crate::contract::{AnyRecord, RecordType, RunRef, Severity};
use crate::engine;
use crate::engine::entry::Stamp;
use crate::engine::entry::{Entry, Position};
use crate::engine::projection::Point;
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::tables::RECORDS;
use crate::store::duplicates::without_duplicates;
use crate::store::error::Result;
use crate::store::note::Note;
use crate::store::record_ref::record_at;
use crate::store::view::StoreView;
use crate::store::writers::WriterRow;

/// A record and its position in the log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordRow {
    /// The record.
    pub record: AnyRecord,
    /// The position of the record's entry in the log.
    pub position: Position,
    /// The label of the process that captured the record, such as `rank-3`; `None` if the process has no label, or
    /// several.
    pub process_label: Option<String>,
}

impl StoreView<'_> {
    /// Reads the records at these positions of the log, in the order of `positions`; `None` for an unreadable entry or
    /// a fact that is not a record.
    pub(crate) fn records_at(&self, positions: &[Position]) -> Result<Vec<Option<AnyRecord>>> {
        let record = |found: Option<(Entry, Captured)>| match found {
            Some((entry, captured)) => Ok(record_at(captured.fact, entry.stamp)?),
            None => Ok(None),
        };
        self.facts_at(positions)?.into_iter().map(record).collect()
    }

    /// Returns the events, spans and degraded records of a run, ordered by time of observation. `writers` are the writers
    /// of the run. Also returns a note for
    /// each record in the tables that cannot be read from the log.
    pub fn records(&self, run: &RunRef, writers: &[WriterRow]) -> Result<(Vec<RecordRow>, Vec<Note>)> {
        let mut points = Vec::new();
        for family in [RecordType::Event, RecordType::Span, RecordType::Degraded] {
            let found = self.view.series(RECORDS, &keys::records(run, family.as_str()))?;
            let found = found.collect::<engine::Result<Vec<Point>>>()?;
            let identity = |p: &Point| Some((p.order.stamp, p.value.first_chunk::<8>().copied()));
            points.extend(without_duplicates(run, family, found, identity)?.unwrap_or_default());
        }
        points.sort_by_key(|p| p.order);
        let stamps: Vec<Stamp> = points.iter().map(|p| p.order.stamp).collect();
        let positions: Vec<Position> = stamps.iter().map(Stamp::position).collect();
        let mut rows = Vec::new();
        let mut notes = Vec::new();
        for (found, stamp) in self.records_at(&positions)?.into_iter().zip(stamps) {
            let position = stamp.position();
            match found {
                Some(record) => {
                    let process_label = WriterRow::label_at(writers, stamp).map(str::to_owned);
                    rows.push(RecordRow { record, position, process_label });
                }
                None => {
                    let message = format!("the record at {position} cannot be read from the log");
                    notes.push(
                        Note::new(Severity::Error, "record_unreadable", message).with("position", position),
                    );
                }
            }
        }
        Ok((rows, notes))
    }
}
