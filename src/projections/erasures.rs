//! Erasures of runs.

use crate::contract::Fact;
use crate::engine::Result;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::kind;
use crate::projections::tables::ERASURES;

/// The projection that fills [`ERASURES`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErasuresProjection;

impl Projection<Captured> for ErasuresProjection {
    fn name(&self) -> &'static str {
        "erasures"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[ERASURES]
    }

    fn wants(&self, kind: Kind) -> bool {
        kind == kind::ERASURE
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
        if let Fact::Erasure(erasure) = &applied.event.fact {
            let key = erasure.run_ref().as_str().as_bytes();
            tables.put_version(ERASURES, key, applied.stamp, &[], &entry::row(applied));
        }
        Ok(())
    }
}
