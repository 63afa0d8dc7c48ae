//! Events and degraded markers, read from the log by their positions.

use crate::contract::{DegradedRecord, EventRecord, Fact, RecordRef, RunRef, Timestamp, Valid};
use crate::engine::entry::Position;
use crate::projections::keys;
use crate::projections::tables::RECORDS;
use crate::store::error::Result;
use crate::store::note::{Note, Severity};
use crate::store::view::StoreView;

/// A record of either family.
#[derive(Debug, Clone, PartialEq)]
pub enum StoredRecord {
    /// An event.
    Event(Valid<EventRecord>),
    /// A degraded marker.
    Degraded(Valid<DegradedRecord>),
}

/// A record and its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRow {
    /// The record.
    pub record: StoredRecord,
    /// Its place.
    pub position: Position,
}

/// The ref of a captured record: its family and its place in the log, so no two are alike.
pub fn captured_ref(run: &RunRef, family: &str, position: Position) -> crate::contract::Result<RecordRef> {
    RecordRef::under(run, &format!("{family}-{}-{}", position.stream, position.seq))
}

impl StoreView<'_> {
    /// The events and degraded markers of a run by when they were observed, and a note for each that the
    /// projections know of but the log no longer gives.
    pub fn records(&self, run: &RunRef) -> Result<(Vec<RecordRow>, Vec<Note>)> {
        let mut points = Vec::new();
        for family in ["event", "degraded"] {
            points.extend(self.view.series(RECORDS, &keys::records(run, family))?);
        }
        points.sort_by_key(|p| p.order);
        let positions: Vec<Position> = points.iter().map(|p| p.order.stamp.position()).collect();
        let mut rows = Vec::new();
        let mut notes = Vec::new();
        for (found, position) in self.facts_at(&positions)?.into_iter().zip(positions) {
            let record = match found {
                Some((entry, captured)) => {
                    let recorded_at = Timestamp::from_nanos(entry.stamp.time);
                    record_of(captured.fact, run, position, recorded_at)?
                }
                None => None,
            };
            match record {
                Some(record) => rows.push(RecordRow { record, position }),
                None => {
                    let message = format!("the record at {position} is no longer readable in the log");
                    notes.push(
                        Note::new(Severity::Error, "record_unreadable", message).with("position", position),
                    );
                }
            }
        }
        Ok((rows, notes))
    }
}

fn record_of(fact: Fact, run: &RunRef, at: Position, recorded_at: Timestamp) -> Result<Option<StoredRecord>> {
    Ok(match fact {
        Fact::Event(draft) => {
            Some(StoredRecord::Event(draft.into_record(captured_ref(run, "event", at)?, recorded_at)?))
        }
        Fact::Degraded(draft) => {
            Some(StoredRecord::Degraded(draft.into_record(captured_ref(run, "degraded", at)?, recorded_at)?))
        }
        _ => None,
    })
}
