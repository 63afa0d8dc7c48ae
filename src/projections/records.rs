//! Where events and degraded markers stand in the log, by run: positions, no copies.

use crate::contract::{Fact, RunRef, Timestamp};
use crate::engine::Result;
use crate::engine::entry::{Kind, Stamp};
use crate::engine::projection::{Applied, Point, PointOrder, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::keys;
use crate::projections::tables::RECORDS;

/// Fills [`RECORDS`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordsProjection;

fn post(tables: &mut Tables<'_>, run: &RunRef, family: &str, observed_at: Timestamp, stamp: Stamp) {
    let order = PointOrder { time: observed_at.micros(), stamp };
    let point = Point { order, measure: None, value: Vec::new() };
    tables.add_point(RECORDS, &keys::records(run, family), point);
}

impl Projection<Captured> for RecordsProjection {
    fn name(&self) -> &'static str {
        "records"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[RECORDS]
    }

    fn wants(&self, kind: Kind) -> bool {
        matches!(kind, entry::EVENT | entry::DEGRADED)
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables<'_>) -> Result<()> {
        match &applied.event.fact {
            Fact::Event(d) => post(tables, &d.run_ref, "event", d.observed_at, applied.stamp),
            Fact::Degraded(d) => post(tables, &d.run_ref, "degraded", d.observed_at, applied.stamp),
            _ => {}
        }
        Ok(())
    }
}
