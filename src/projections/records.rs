//! Positions of events, spans and degraded records in the log, by run and stage. The tables do not contain the records.

use crate::contract::{Degradation, RecordType};
use crate::engine::Result;
use crate::engine::entries::EntryRef;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Point, PointOrder, Projection, TableSpec, Tables};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::kind;
use crate::projections::known_series::KnownSeries;
use crate::projections::tables::RECORDS;

/// The projection that fills [`RECORDS`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordsProjection;

impl Projection<Captured> for RecordsProjection {
    fn name(&self) -> &'static str {
        "records"
    }

    fn version(&self) -> u32 {
        5
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[RECORDS]
    }

    fn wants(&self, kind: Kind) -> bool {
        matches!(kind, kind::EVENT | kind::SPAN | kind::DEGRADED | kind::METRIC)
    }

    fn apply_encoded(&self, entry: EntryRef<'_>, tables: &mut Tables) -> Result<bool> {
        // `KnownSeries` contains no series of a metric with a degradation marker. The metric of this entry
        // therefore has no marker.
        Ok(entry.kind == kind::METRIC && tables.scratch::<KnownSeries>().point(entry).is_some())
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
        let fact = &applied.event.fact;
        let (Some(family), Some((observation, identity))) = (fact.family(), fact.observation()) else {
            return Ok(());
        };
        // Two imports may contain the same record. Readers recognise the duplicate by the digest of the ref.
        let value = identity.map_or_else(Vec::new, |(record_ref, _)| keys::ref_digest(record_ref).to_vec());
        let mut add = |name: &str| {
            let stage = observation.stage_execution_ref.as_ref();
            let order = PointOrder::new(observation.observed_at.micros(), applied.stamp);
            let point = Point { order, measure: None, value: value.clone() };
            tables.add_point(RECORDS, &keys::records(&observation.run_ref, name, stage), point);
        };
        if family != RecordType::Metric {
            add(family.as_str());
        }
        if observation.degradation_marker != Degradation::None {
            add(&keys::marked(family));
        }
        Ok(())
    }
}
