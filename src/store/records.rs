//! Events, spans and degraded markers, read from the log by their positions.

use crate::contract::{AnyRecord, Fact, RecordRef, RecordType, RunRef, Timestamp};
use crate::engine;
use crate::engine::entry::{Position, Stamp};
use crate::engine::projection::Point;
use crate::projections::keys;
use crate::projections::tables::RECORDS;
use crate::store::error::Result;
use crate::store::note::{Note, Severity};
use crate::store::series::distinct;
use crate::store::view::StoreView;

/// A record and its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRow {
    /// The record.
    pub record: AnyRecord,
    /// Its place.
    pub position: Position,
}

/// The ref of a captured record: its family and its place in the log, so no two are alike.
pub fn captured_ref(run: &RunRef, family: RecordType, at: Position) -> crate::contract::Result<RecordRef> {
    RecordRef::under(run, &format!("{family}-{}-{}", at.stream, at.seq))
}

/// The place that the ref of a captured record names.
pub(crate) fn place_of(record_ref: &RecordRef) -> Option<(RecordType, Position)> {
    let mut parts = record_ref.last_component().split('-');
    let (family, stream, seq) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = parts.next().is_none() && seq.bytes().all(|b| b.is_ascii_digit()) && !seq.starts_with('0');
    let position = Position { stream: stream.parse().ok()?, seq: seq.parse().ok()? };
    family.parse().ok().filter(|_| plain).map(|family| (family, position))
}

/// The record that an entry's fact is, with the identity it brought or else the one its place gives it; `None`: it is
/// none.
pub(crate) fn record_at(fact: Fact, stamp: Stamp) -> crate::contract::Result<Option<AnyRecord>> {
    let recorded_at = Timestamp::from_nanos(stamp.time);
    fact.into_record(|run, family| Ok((captured_ref(run, family, stamp.position())?, recorded_at)))
}

impl StoreView<'_> {
    /// The events, spans and degraded markers of a run by when they were observed, and a note for each that the
    /// projections know of but the log no longer gives.
    pub fn records(&self, run: &RunRef) -> Result<(Vec<RecordRow>, Vec<Note>)> {
        let mut points = Vec::new();
        for family in [RecordType::Event, RecordType::Span, RecordType::Degraded] {
            let found = self.view.series(RECORDS, &keys::records(run, family.as_str()))?;
            let found = found.collect::<engine::Result<Vec<Point>>>()?;
            let seen = |p: &Point| Some((p.order.stamp, p.value.first_chunk::<8>().copied()));
            points.extend(distinct(run, family, found, seen)?.unwrap_or_default());
        }
        points.sort_by_key(|p| p.order);
        let positions: Vec<Position> = points.iter().map(|p| p.order.stamp.position()).collect();
        let mut rows = Vec::new();
        let mut notes = Vec::new();
        for (found, position) in self.facts_at(&positions)?.into_iter().zip(positions) {
            let record = match found {
                Some((entry, captured)) => record_at(captured.fact, entry.stamp)?,
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
