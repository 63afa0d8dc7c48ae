//! Lineage edges by ref and by the refs of their ends.

use crate::contract::{Fact, Object};
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
        2
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[RELATIONS, ENDS]
    }

    fn wants(&self, kind: Kind) -> bool {
        kind == kind::RELATION
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
        if let Fact::Object(Object::Relation(edge)) = &applied.event.fact {
            let relation = edge.relation_ref.as_str().as_bytes();
            tables.put_version(
                RELATIONS,
                relation,
                applied.stamp,
                &applied.event.replaces,
                &entry::row(applied),
            );
            for end in [&edge.source_ref, &edge.target_ref] {
                tables.insert(ENDS, keys::join(&[end.as_str().as_bytes(), relation]));
            }
        }
        Ok(())
    }
}
