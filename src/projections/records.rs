//! Where events, spans and degraded markers stand in the log, by run: positions, no copies.

use crate::engine::Result;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Point, PointOrder, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::keys;
use crate::projections::tables::RECORDS;

/// Fills [`RECORDS`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordsProjection;

impl Projection<Captured> for RecordsProjection {
    fn name(&self) -> &'static str {
        "records"
    }

    fn version(&self) -> u32 {
        3
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[RECORDS]
    }

    fn wants(&self, kind: Kind) -> bool {
        matches!(kind, entry::EVENT | entry::SPAN | entry::DEGRADED)
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables<'_>) -> Result<()> {
        let fact = &applied.event.fact;
        if let (Some(family), Some((seen, brought))) = (fact.family(), fact.observation()) {
            let order = PointOrder { time: seen.observed_at.micros(), stamp: applied.stamp };
            let key = keys::records(&seen.run_ref, family.as_str());
            // Two imports may bring one record: by its ref they are known as one.
            let value = brought.map_or_else(Vec::new, |(own, _)| keys::ref_digest(own).to_vec());
            tables.add_point(RECORDS, &key, Point { order, measure: None, value });
        }
        Ok(())
    }
}
