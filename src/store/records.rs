//! [`RecordStore`] and its types, and methods of `StoreView` that read events, spans and degraded records.
//! The tables contain only the positions of these records. The records are read from the log.

use crate::contract::{AnyRecord, RecordRef, RecordType, RunRef, Severity, StageRef};
use crate::engine::entry::Stamp;
use crate::engine::entry::{Entry, Position};
use crate::engine::parallel;
use crate::engine::projection::{Point, TableSpec};
use crate::projections::entry::Captured;
use crate::projections::tables::{RECORDS, SERIES};
use crate::projections::{keys, series};
use crate::store::duplicates::without_duplicates;
use crate::store::error::Result;
use crate::store::lifecycle::WriterRow;
use crate::store::note::Note;
use crate::store::record_ref::{position_of, record_at};
use crate::store::view::{PIECE_ENTRIES, StoreView};
use std::collections::BTreeMap;

pub use crate::engine::repair::RepairPlan;
pub use crate::store::planes::record::{
    AppendReceipt, AppendRejection, AppendResult, IntegrityReport, IntegrityState, KnownGap, MalformedRecord,
    RecordScan, RecordStore, ReplayMode, ReplayResult, SalvagedRecord, ScanFilter, ScanItem, StoredRecord,
};

/// A record and its position in the log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordRow {
    /// The record.
    pub record: AnyRecord,
    /// The position of the record's entry in the log.
    pub position: Position,
    /// The label of the process that captured the record, such as `rank-3`. `None` if the process has no label, or has
    /// several writers with different labels.
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
        parallel::map_owned(self.facts_at(positions)?, PIECE_ENTRIES, record).into_iter().collect()
    }

    /// Returns the position in the ref of a captured record; `None` for other refs, and if the log has not reached the
    /// position. The entry at the position may be another record of this workspace.
    pub(super) fn captured_position(&self, own: &RecordRef) -> Result<Option<Position>> {
        let Some((_, position)) = position_of(own) else { return Ok(None) };
        Ok(self.view.has_reached(position)?.then_some(position))
    }

    /// Returns `true` if a captured record has this ref.
    pub(super) fn has_captured_record(&self, own: &RecordRef) -> Result<bool> {
        let Some(position) = self.captured_position(own)? else { return Ok(false) };
        let found = self.records_at(&[position])?.into_iter().flatten().next();
        Ok(found.is_some_and(|record| record.envelope().record_ref == *own))
    }

    /// Returns the events, spans and degraded records of a run, ordered by time of observation. Also returns a note for
    /// each record that is in the tables and cannot be read from the log. `writers` are the writers of the run.
    pub fn records(&self, run: &RunRef, writers: &[WriterRow]) -> Result<(Vec<RecordRow>, Vec<Note>)> {
        let mut points = Vec::new();
        for family in [RecordType::Event, RecordType::Span, RecordType::Degraded] {
            points.extend(self.record_points(run, family, |_| true)?);
        }
        points.sort_by_key(|p| p.order);
        let stamps: Vec<Stamp> = points.iter().map(|p| p.order.stamp).collect();
        self.records_with_stamps(&stamps, writers)
    }

    /// Returns the positions of a run's records of one family, without duplicates. `in_stage` is called with
    /// the ref of a stage, or with an empty text for the records outside any stage. Records for which
    /// `in_stage` returns `false` are left out.
    fn record_points(
        &self,
        run: &RunRef,
        family: RecordType,
        in_stage: impl Fn(&str) -> bool,
    ) -> Result<Vec<Point>> {
        let prefix = match family {
            RecordType::Metric => keys::series_of(run),
            _ => keys::records_of_family(run, family.as_str()),
        };
        self.points_in(table_of(family), &prefix, (run, family), in_stage)
    }

    /// Returns the points of those series of [`SERIES`] or [`RECORDS`] whose keys begin with `prefix`, like
    /// [`StoreView::record_points`].
    fn points_in(
        &self,
        table: TableSpec,
        prefix: &[u8],
        (run, family): (&RunRef, RecordType),
        in_stage: impl Fn(&str) -> bool,
    ) -> Result<Vec<Point>> {
        let mut points = Vec::new();
        for chunk in self.view.chunks(table, prefix)? {
            let chunk = chunk?;
            // The third part of the keys of both tables is the stage.
            let [_, _, rest] = keys::split(chunk.key()).ok_or_else(|| self.malformed_row(table.name))?;
            if in_stage(rest.split('\0').next().unwrap_or_default()) {
                points.extend(chunk.into_points());
            }
        }
        let identity = |point: &Point| identity(table, point);
        without_duplicates(run, family, points, identity)?.ok_or_else(|| self.malformed_row(table.name))
    }

    /// Returns the stamps of a run's records that belong to one of `families`. The stamps are in the order in
    /// which the records were appended. If a record is in the log several times, the result contains only one
    /// of its stamps. If `stage` is given, only the records of this stage are included.
    pub fn record_stamps(
        &self,
        run: &RunRef,
        families: &[RecordType],
        stage: Option<&StageRef>,
    ) -> Result<Vec<Stamp>> {
        let mut stamps = Vec::new();
        for family in families {
            let points =
                self.record_points(run, *family, |of| stage.is_none_or(|stage| stage.as_str() == of))?;
            stamps.extend(points.iter().map(|point| point.order.stamp));
        }
        stamps.sort_unstable();
        Ok(stamps)
    }

    /// Returns the stamps of a run's captured records of one type, in the order in which the records were appended.
    /// Imported records are left out.
    pub fn captured_record_stamps(&self, run: &RunRef, family: RecordType) -> Result<Vec<Stamp>> {
        let table = table_of(family);
        let mut stamps = Vec::new();
        for point in self.record_points(run, family, |_| true)? {
            let (stamp, imported_ref) =
                identity(table, &point).ok_or_else(|| self.malformed_row(table.name))?;
            stamps.extend(imported_ref.is_none().then_some(stamp));
        }
        stamps.sort_unstable();
        Ok(stamps)
    }

    /// Returns the stamps of the records of a run with a degradation marker, in the order in which they were appended.
    pub fn marked_stamps(&self, run: &RunRef) -> Result<Vec<Stamp>> {
        let mut stamps = Vec::new();
        for family in RecordType::ALL {
            let prefix = keys::records_of_family(run, &keys::marked(*family));
            let points = self.points_in(RECORDS, &prefix, (run, *family), |_| true)?;
            stamps.extend(points.iter().map(|point| point.order.stamp));
        }
        stamps.sort_unstable();
        Ok(stamps)
    }

    /// Returns the number of events, spans and degraded records in each stage of a run, and outside any stage. Reads the
    /// positions of the records, not the records.
    pub fn record_counts(&self, run: &RunRef) -> Result<BTreeMap<Option<StageRef>, u64>> {
        let mut counts = BTreeMap::new();
        for family in [RecordType::Event, RecordType::Span, RecordType::Degraded] {
            for chunk in self.view.chunks(RECORDS, &keys::records_of_family(run, family.as_str()))? {
                let chunk = chunk?;
                let malformed = || self.malformed_row(RECORDS.name);
                let [_, _, stage] = keys::split(chunk.key()).ok_or_else(malformed)?;
                let stage = match stage {
                    "" => None,
                    stage => Some(StageRef::parse(stage).map_err(|_| malformed())?),
                };
                *counts.entry(stage).or_insert(0) += chunk.points().len() as u64;
            }
        }
        Ok(counts)
    }

    /// Reads the records with these stamps from the log, in the order of `stamps`. Also returns a note for each record
    /// that cannot be read. `writers` are the writers of the run.
    pub fn records_with_stamps(
        &self,
        stamps: &[Stamp],
        writers: &[WriterRow],
    ) -> Result<(Vec<RecordRow>, Vec<Note>)> {
        let positions: Vec<Position> = stamps.iter().map(Stamp::position).collect();
        let mut rows = Vec::new();
        let mut notes = Vec::new();
        for (found, stamp) in self.records_at(&positions)?.into_iter().zip(stamps) {
            let position = stamp.position();
            match found {
                Some(record) => {
                    let process_label = WriterRow::label_at(writers, *stamp).map(str::to_owned);
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

/// Returns the table with the positions of the records of a type.
fn table_of(family: RecordType) -> TableSpec {
    if family == RecordType::Metric { SERIES } else { RECORDS }
}

/// Returns the stamp of a record and, for an imported record, the digest of the record's ref. `point` is a point of
/// [`SERIES`] or [`RECORDS`]. Returns `None` if the point is malformed.
fn identity(table: TableSpec, point: &Point) -> Option<(Stamp, Option<[u8; 8]>)> {
    let imported_ref = match table {
        SERIES => series::decode(point.borrowed())?.imported_ref,
        _ => point.value.first_chunk::<8>().copied(),
    };
    Some((point.order.stamp, imported_ref))
}
