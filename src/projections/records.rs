//! Positions of events, spans and degraded records in the log, by run and stage. The tables do not contain the records.

use crate::engine::Result;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Point, PointOrder, Projection, TableSpec, Tables};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::kind;
use crate::projections::tables::RECORDS;

/// The projection that fills [`RECORDS`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordsProjection;

impl Projection<Captured> for RecordsProjection {
    fn name(&self) -> &'static str {
        "records"
    }

    fn version(&self) -> u32 {
        4
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[RECORDS]
    }

    fn wants(&self, kind: Kind) -> bool {
        matches!(kind, kind::EVENT | kind::SPAN | kind::DEGRADED)
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
        let fact = &applied.event.fact;
        if let (Some(family), Some((observation, identity))) = (fact.family(), fact.observation()) {
            let order = PointOrder::new(observation.observed_at.micros(), applied.stamp);
            let key = keys::records(
                &observation.run_ref,
                family.as_str(),
                observation.stage_execution_ref.as_ref(),
            );
            // Two imports may contain the same record. Readers recognise the duplicate by the digest of the ref.
            let value =
                identity.map_or_else(Vec::new, |(record_ref, _)| keys::ref_digest(record_ref).to_vec());
            tables.add_point(RECORDS, &key, Point { order, measure: None, value });
        }
        Ok(())
    }
}
