//! Imports, and the digests of imported facts. If a fact is imported again, the import recognises the fact by the
//! digest.

use crate::contract::{Fact, StableRef};
use crate::engine::Result;
use crate::engine::checksum::hex;
use crate::engine::codec::CodecError;
use crate::engine::entries::EntryRef;
use crate::engine::entry::Kind;
use crate::engine::error::Error;
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::projections::encoded::EncodedFact;
use crate::projections::entry::{self, Captured};
use crate::projections::keys;
use crate::projections::kind;
use crate::projections::known_series::KnownSeries;
use crate::projections::tables::{IMPORTED, IMPORTS};

/// The projection that fills [`IMPORTS`] and [`IMPORTED`].
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
        !matches!(kind, kind::ENDED | kind::PARAM)
    }

    fn apply_encoded(&self, entry: EntryRef<'_>, tables: &mut Tables) -> Result<bool> {
        // An entry whose point is known without decoding is a captured metric, which adds no row here.
        Ok(entry.kind == kind::METRIC && tables.scratch::<KnownSeries>().point(entry).is_some())
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
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
        } else if let Some(subject) = imported_subject(captured) {
            let digest = content_digest(captured, applied.entry).map_err(|source| Error::Codec {
                kind: "unwritable",
                position: Some(applied.stamp.position()),
                source,
            })?;
            tables.put_version(IMPORTED, &keys::imported(&subject, &digest), applied.stamp, &[], &[]);
        }
        Ok(())
    }
}

/// Returns the ref of the object, artifact or record that an imported fact is about; `None` for a captured fact, and
/// for a fact about anything else.
fn imported_subject(captured: &Captured) -> Option<StableRef> {
    let identity = captured.fact.observation().and_then(|(_, identity)| identity);
    match (&captured.fact, identity, captured.origin) {
        (_, Some((record_ref, _)), _) => Some(record_ref.clone().into()),
        (Fact::Object(object), _, Some(_)) => Some(object.own_ref().clone()),
        (Fact::Artifact(manifest, _), _, Some(_)) => Some(manifest.artifact_ref.clone().into()),
        _ => None,
    }
}

/// Returns the digest of a fact. The digest of an artifact does not cover the BLAKE3 digest of the artifact's body.
fn content_digest(captured: &Captured, entry: EntryRef<'_>) -> std::result::Result<[u8; 16], CodecError> {
    let encoded = EncodedFact::of_payload(captured, entry.version, entry.payload)?;
    match &captured.fact {
        Fact::Artifact(_, Some(_)) => encoded.without_artifact_body().content_digest(),
        _ => encoded.content_digest(),
    }
}
