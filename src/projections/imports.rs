//! What came from other stores: each import, and a mark for every fact of it, so that a second import of the same says
//! nothing twice.

use crate::contract::Fact;
use crate::engine::Result;
use crate::engine::checksum::hex;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::keys;
use crate::projections::tables::{IMPORTED, IMPORTS};

/// Fills [`IMPORTS`] and [`IMPORTED`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImportsProjection;

impl Projection<Captured> for ImportsProjection {
    fn name(&self) -> &'static str {
        "imports"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[IMPORTS, IMPORTED]
    }

    fn wants(&self, kind: Kind) -> bool {
        !matches!(kind, entry::ENDED | entry::PARAM)
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables<'_>) -> Result<()> {
        let captured = applied.event;
        if let Fact::Import(import) = &captured.fact {
            let key = hex(&import.id);
            tables.put_version(
                IMPORTS,
                key.as_bytes(),
                applied.stamp,
                &captured.replaces,
                &entry::row(applied),
            );
        } else if let Some((subject, digest)) =
            captured.imported_mark().map_err(|e| entry::unwritten(applied, e))?
        {
            let key = keys::imported(&subject, &digest);
            tables.put_version(IMPORTED, &key, applied.stamp, &[], &[]);
        }
        Ok(())
    }
}
