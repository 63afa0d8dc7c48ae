//! Runs by name, and by the last component of the run's ref.

use crate::contract::fact::Change;
use crate::contract::{Fact, Object, RunRef};
use crate::engine::Result;
use crate::engine::entries::EntryRef;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::kind;
use crate::projections::known_series::KnownSeries;
use crate::projections::tables::RUN_NAMES;

/// The projection that fills [`RUN_NAMES`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunsProjection;

impl Projection<Captured> for RunsProjection {
    fn name(&self) -> &'static str {
        "runs"
    }

    fn version(&self) -> u32 {
        3
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[RUN_NAMES]
    }

    fn wants(&self, kind: Kind) -> bool {
        matches!(
            kind,
            kind::RUN
                | kind::WRITER
                | kind::ANNOTATION
                | kind::ENDED
                | kind::PARAM
                | kind::EVENT
                | kind::METRIC
                | kind::DEGRADED
                | kind::SPAN
        )
    }

    fn apply_encoded(&self, entry: EntryRef<'_>, tables: &mut Tables) -> Result<bool> {
        // The first metric of a series in a group of entries is decoded, and adds the row of the run. Later metrics of
        // the series add no row.
        Ok(entry.kind == kind::METRIC && tables.scratch::<KnownSeries>().point(entry).is_some())
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
        let mut put = |text: &str, run: &RunRef| tables.insert(RUN_NAMES, keys::run_name(text, run));
        match &applied.event.fact {
            Fact::Object(Object::Run(run)) => {
                put(&run.name, &run.run_ref);
                put(run.run_ref.last_component(), &run.run_ref);
            }
            Fact::Ended(ended) => {
                if let Ok(run) = RunRef::try_from(ended.subject().clone()) {
                    put(run.last_component(), &run);
                }
            }
            Fact::Annotation(annotation) => {
                if let (Change::Name(name), Ok(run)) =
                    (annotation.change(), RunRef::try_from(annotation.subject().clone()))
                {
                    put(name, &run);
                }
            }
            Fact::Writer(writer) => put(writer.run_ref().last_component(), writer.run_ref()),
            Fact::Param(param) => put(param.run_ref().last_component(), param.run_ref()),
            fact => {
                if let Some((observation, _)) = fact.observation() {
                    put(observation.run_ref.last_component(), &observation.run_ref);
                }
            }
        }
        Ok(())
    }
}
