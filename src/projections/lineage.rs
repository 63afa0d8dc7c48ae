//! Lineage edges by ref, and an index of edges, deployments and provenance records. The keys of the index are
//! the refs that these objects name.

use crate::contract::{Fact, Object, StableRef};
use crate::engine::Result;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::keys;
use crate::projections::kind;
use crate::projections::tables::{ENDS, RELATIONS};

/// The projection that fills [`RELATIONS`] and [`ENDS`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineageProjection;

impl Projection<Captured> for LineageProjection {
    fn name(&self) -> &'static str {
        "lineage"
    }

    fn version(&self) -> u32 {
        3
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[RELATIONS, ENDS]
    }

    fn wants(&self, kind: Kind) -> bool {
        matches!(kind, kind::RELATION | kind::DEPLOYMENT | kind::PROVENANCE)
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
        let mut link = |named: Option<&StableRef>, own: &StableRef| {
            if let Some(named) = named {
                tables.insert(ENDS, keys::join(&[named.as_str().as_bytes(), own.as_str().as_bytes()]));
            }
        };
        match &applied.event.fact {
            Fact::Object(Object::Relation(edge)) => {
                link(Some(&edge.source_ref), &edge.relation_ref);
                link(Some(&edge.target_ref), &edge.relation_ref);
                let relation = edge.relation_ref.as_str().as_bytes();
                let row = entry::row(applied);
                tables.put_version(RELATIONS, relation, applied.stamp, &applied.event.replaces, &row);
            }
            Fact::Object(Object::Deployment(deployment)) => {
                let own = &deployment.deployment_execution_ref;
                link(deployment.run_ref.as_deref(), own);
                link(deployment.artifact_ref.as_deref(), own);
                link(deployment.environment_snapshot_ref.as_deref(), own);
            }
            Fact::Object(Object::Provenance(provenance)) => {
                link(Some(&provenance.relation_ref), &provenance.provenance_ref);
            }
            _ => {}
        }
        Ok(())
    }
}
