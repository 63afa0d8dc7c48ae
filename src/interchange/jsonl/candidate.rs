//! Valid lines. Each line is encoded once. The encoded fact is compared with the workspace, checked against the size
//! limit, and appended to the log.

use crate::contract::fact::ImportOrigin;
use crate::contract::{
    AnyRecord, ArtifactManifest, DroppedMember, Fact, Object, ObjectKind, RecordRef, RunStatus, StableRef,
    Valid,
};
use crate::engine::codec::{CodecError, PAYLOAD_BYTES_MAX};
use crate::interchange::jsonl::line::{Line, LineContent, LineWarning};
use crate::interchange::jsonl::loss::is_loss;
use crate::interchange::jsonl::rejection::Rejection;
use crate::store::EncodedFact;

/// The greatest length in bytes of the payload of an imported line, with the origin of the line. The remaining 1,024
/// bytes of the log's limit are for the digest of a body and the stamps of replaced facts.
const OBJECT_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - 1024;

/// A valid line that may be imported.
pub(super) struct Candidate {
    /// The kind of the line.
    pub(super) kind: &'static str,
    /// The ref of the object, artifact or record.
    pub(super) subject: StableRef,
    /// Warnings: deviations from the contract that do not prevent the import.
    pub(super) warnings: Vec<LineWarning>,
    /// Members that were left out because they are invalid.
    pub(super) dropped: Vec<DroppedMember>,
    /// The digest of the content (for an artifact, of the manifest), by which a repeated line is recognised.
    pub(super) digest: [u8; 16],
    /// The encoded fact; for an artifact, without the digest of the body.
    pub(super) encoded: EncodedFact,
    /// The length of the payload in bytes, with the origin, and without the stamps of facts that this fact replaces.
    pub(super) len: usize,
    /// The type of the item, and the properties that the import needs.
    pub(super) item: Item,
}

/// The object, artifact or record of a line, with the properties that the import needs.
pub(super) enum Item {
    /// The kind of an object, and its status; `None` if objects of this kind have no status.
    Object(ObjectKind, Option<RunStatus>),
    /// An artifact, with the path of the body's file.
    Artifact(Box<Valid<ArtifactManifest>>, Option<String>),
    /// A record.
    Record {
        /// The ref of the record.
        record_ref: RecordRef,
        /// `true` for a degraded record that an import created for a loss.
        is_loss: bool,
    },
}

impl Candidate {
    /// Encodes a line. Errors: the log cannot store the fact.
    pub(super) fn new(line: Line) -> Result<Candidate, Box<Rejection>> {
        let Line { content, warnings, dropped } = line;
        let subject = content.own_ref();
        let kind = content.kind();
        let refuse = |e: CodecError| {
            let rejection = match e {
                CodecError::TooLarge { len } => too_large(len),
                e => Rejection::new("import_object_unwritable", e.to_string()),
            };
            Box::new(Rejection { kind: Some(kind.to_owned()), run: subject.run(), ..rejection })
        };
        let (encoded, item) = match content {
            LineContent::Object(object) => {
                let item = Item::Object(object.kind(), status_of(&object));
                (EncodedFact::of_object(&object).map_err(refuse)?, item)
            }
            LineContent::Artifact(manifest, path) => {
                let encoded = EncodedFact::of_manifest(&manifest).map_err(refuse)?;
                (encoded, Item::Artifact(manifest, path))
            }
            LineContent::Record(record) => {
                let record_ref = record.envelope().record_ref.clone();
                let fact = fact_of(record)?;
                let item = Item::Record { record_ref, is_loss: is_loss(&fact) };
                (EncodedFact::new(&fact).map_err(refuse)?, item)
            }
        };
        let longest = ImportOrigin { import: [0; 16], line: u64::MAX };
        let len = match encoded.payload_len(longest) {
            Ok(len) if len <= OBJECT_BYTES_MAX => len,
            Ok(len) => return Err(refuse(CodecError::TooLarge { len })),
            Err(e) => return Err(refuse(e)),
        };
        let digest = encoded.content_digest().map_err(refuse)?;
        Ok(Candidate { kind, subject, warnings, dropped, digest, encoded, len, item })
    }
}

fn fact_of(record: AnyRecord) -> Result<Fact, Box<Rejection>> {
    record.into_fact().map_err(|e| Box::new(Rejection::new(e.code.as_str(), e.message)))
}

fn too_large(len: usize) -> Rejection {
    Rejection::new("import_object_too_large", format!("an object of {len} bytes is too large for the log"))
}

/// Returns the status of an object; `None` if objects of its kind have no status.
pub(super) fn status_of(object: &Object) -> Option<RunStatus> {
    Some(match object {
        Object::Run(run) => run.status,
        Object::Stage(stage) => stage.status,
        Object::Batch(batch) => batch.status,
        Object::Deployment(deployment) => deployment.status,
        _ => return None,
    })
}

impl Item {
    /// Returns `true` for an object with status open.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Item::Object(_, Some(RunStatus::Open)))
    }

    /// Returns `true` for an object that has ended.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self, Item::Object(_, Some(status)) if *status != RunStatus::Open)
    }

    /// Returns `true` for a record.
    pub(super) fn is_record(&self) -> bool {
        matches!(self, Item::Record { .. })
    }

    /// Returns `true` for a degraded record that an import created for a loss.
    pub(super) fn is_loss(&self) -> bool {
        matches!(self, Item::Record { is_loss: true, .. })
    }
}
