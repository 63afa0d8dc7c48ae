//! Artifact manifests by ref, and references to the bodies of artifacts.

use crate::contract::Fact;
use crate::engine::Result;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::kind;
use crate::projections::tables::{ARTIFACTS, BODIES};

/// The projection that fills [`ARTIFACTS`] and [`BODIES`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArtifactsProjection;

impl Projection<Captured> for ArtifactsProjection {
    fn name(&self) -> &'static str {
        "artifacts"
    }

    fn version(&self) -> u32 {
        2
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[ARTIFACTS, BODIES]
    }

    fn wants(&self, kind: Kind) -> bool {
        kind == kind::ARTIFACT
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
        if let Fact::Artifact(manifest, body) = &applied.event.fact {
            let key = manifest.artifact_ref.as_str().as_bytes();
            tables.put_version(ARTIFACTS, key, applied.stamp, &applied.event.replaces, &entry::row(applied));
            if let Some(digest) = body {
                tables.insert(BODIES, [&digest[..], key].concat());
            }
        }
        Ok(())
    }
}
