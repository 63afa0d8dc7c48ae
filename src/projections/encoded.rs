//! Encoded facts. A fact is encoded once, and the bytes are used for comparisons, for size limits and for the log.

use crate::contract::fact::ImportOrigin;
use crate::contract::{ArtifactManifest, Fact, Object};
use crate::engine::checksum::Digest;
use crate::engine::codec::{CodecError, PAYLOAD_BYTES_MAX};
use crate::engine::entry::{Event, Kind, PayloadVersion, Stamp};
use crate::projections::encoding::{
    encode_artifact, encode_body, encode_header, encode_object, encode_payload,
};
use crate::projections::entry::{Captured, kind_of_fact, version_of_fact};
use crate::projections::kind::{ARTIFACT, KINDS, V1, kind_of};

/// An encoded fact, without the header of the payload. Equal facts have equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodedFact {
    kind: Kind,
    version: PayloadVersion,
    body: Vec<u8>,
}

impl EncodedFact {
    /// Encodes a fact.
    pub(crate) fn new(fact: &Fact) -> Result<EncodedFact, CodecError> {
        let mut body = Vec::new();
        encode_body(fact, &mut body)?;
        Ok(EncodedFact { kind: kind_of_fact(fact), version: version_of_fact(fact), body })
    }

    /// Encodes an object.
    pub(crate) fn of_object(object: &Object) -> Result<EncodedFact, CodecError> {
        let mut body = Vec::new();
        encode_object(object, &mut body)?;
        Ok(EncodedFact { kind: kind_of(object.kind()), version: V1, body })
    }

    /// Encodes an artifact without the digest of its body.
    pub(crate) fn of_manifest(manifest: &ArtifactManifest) -> Result<EncodedFact, CodecError> {
        let mut body = Vec::new();
        encode_artifact(manifest, None, &mut body)?;
        Ok(EncodedFact { kind: ARTIFACT, version: V1, body })
    }

    /// Returns the encoded fact in the payload of an entry. `captured` is the decoded payload.
    pub(super) fn of_payload(
        captured: &Captured,
        version: PayloadVersion,
        payload: &[u8],
    ) -> Result<EncodedFact, CodecError> {
        // This build may write another version of the payload for the same fact.
        if version != version_of_fact(&captured.fact) {
            return EncodedFact::new(&captured.fact);
        }
        let mut header = Vec::new();
        encode_header(&captured.replaces, captured.origin, &mut header)?;
        let body = payload.get(header.len()..).unwrap_or_default().to_vec();
        Ok(EncodedFact { kind: kind_of_fact(&captured.fact), version, body })
    }

    /// Adds the digest of the artifact's body to an artifact that was encoded without a digest.
    pub(crate) fn with_artifact_body(mut self, digest: &[u8; 32]) -> EncodedFact {
        debug_assert!(self.kind == ARTIFACT && self.body.last() == Some(&0));
        // The payload of an artifact ends in its optional digest: 0, or 1 and the digest.
        self.body.pop();
        self.body.push(1);
        self.body.extend_from_slice(digest);
        self
    }

    /// Returns the encoded artifact without the digest of its body.
    pub(super) fn without_artifact_body(mut self) -> EncodedFact {
        debug_assert!(self.kind == ARTIFACT);
        self.body.truncate(self.body.len().saturating_sub(33));
        self.body.push(0);
        self
    }

    /// Returns a digest of the fact. The digest does not depend on the replaced entries and the origin.
    pub(crate) fn content_digest(&self) -> Result<[u8; 16], CodecError> {
        let mut payload = Vec::new();
        encode_payload(&[], None, &mut payload, |out| {
            out.extend_from_slice(&self.body);
            Ok(())
        })?;
        let Digest(whole) = Digest::of(&payload);
        Ok(whole.first_chunk().copied().unwrap_or_default())
    }

    /// Returns the length of the payload of this fact with this origin and without replaced entries. Error: the length
    /// exceeds the limit of a payload.
    pub(crate) fn payload_len(&self, origin: ImportOrigin) -> Result<usize, CodecError> {
        let mut header = Vec::new();
        encode_header(&[], Some(origin), &mut header)?;
        match header.len() + self.body.len() {
            len if len > PAYLOAD_BYTES_MAX => Err(CodecError::TooLarge { len }),
            len => Ok(len),
        }
    }
}

/// An encoded fact as an event of the engine, with the origin of the fact and the entries that the fact replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodedEvent {
    /// The fact.
    pub(crate) fact: EncodedFact,
    /// The stamps of the entries that this fact replaces.
    pub(crate) replaces: Vec<Stamp>,
    /// The import and the line of an imported fact; `None` for a captured fact.
    pub(crate) origin: Option<ImportOrigin>,
}

impl Event for EncodedEvent {
    const KINDS: &'static [(Kind, PayloadVersion)] = KINDS;

    fn kind(&self) -> Kind {
        self.fact.kind
    }

    fn payload_version(&self) -> PayloadVersion {
        self.fact.version
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        encode_payload(&self.replaces, self.origin, out, |out| {
            out.extend_from_slice(&self.fact.body);
            Ok(())
        })
    }

    fn decode(
        kind: Kind,
        version: PayloadVersion,
        payload: &[u8],
    ) -> Result<Option<EncodedEvent>, CodecError> {
        let Some(captured) = Captured::decode(kind, version, payload)? else { return Ok(None) };
        let fact = EncodedFact::of_payload(&captured, version, payload)?;
        Ok(Some(EncodedEvent { fact, replaces: captured.replaces, origin: captured.origin }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::json::read::parse;
    use crate::contract::model::from_value;

    #[test]
    fn artifact_payload_with_and_without_body_matches_encoding_of_the_fact() {
        let manifest = r#"{"artifact_ref":"artifact:p.r.a","artifact_kind":"model_bundle",
            "created_at":"2024-01-31T12:00:00Z","producer_ref":"x","run_ref":"run:p.r","location_ref":"here"}"#;
        let manifest: crate::contract::Valid<ArtifactManifest> =
            from_value(parse(manifest).unwrap()).unwrap();
        let without = EncodedFact::of_manifest(&manifest).unwrap();
        let fact = |body| Fact::Artifact(Box::new(manifest.clone()), body);
        assert_eq!(without, EncodedFact::new(&fact(None)).unwrap());
        let with = without.clone().with_artifact_body(&[7; 32]);
        assert_eq!(with, EncodedFact::new(&fact(Some([7; 32]))).unwrap());
        assert_eq!(with.clone().without_artifact_body(), without);

        let import = ImportOrigin { import: [9; 16], line: 3 };
        let origin = Some(import);
        let captured = Captured { origin, ..Captured::from(fact(Some([7; 32]))) };
        let (mut expected, mut encoded) = (Vec::new(), Vec::new());
        captured.encode(&mut expected).unwrap();
        EncodedEvent { fact: with.clone(), replaces: Vec::new(), origin }.encode(&mut encoded).unwrap();
        assert_eq!(encoded, expected);
        assert_eq!(with.payload_len(import).unwrap(), expected.len());
        assert_eq!(EncodedFact::of_payload(&captured, V1, &expected).unwrap(), with);
    }
}
