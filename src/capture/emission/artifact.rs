//! The description of an artifact to register: file, kind, relation to the scope.

use crate::capture::emission::step::Step;
use crate::contract::issue::Issues;
use crate::contract::model::declare::{model, part};
use crate::contract::rules::object::json_map;
use crate::contract::rules::token::{LOWER_SNAKE, token};
use crate::contract::words::words;
use crate::contract::{ArtifactRef, ErrorCode, Members, Value};
use std::path::{Path, PathBuf};

words! {
    /// The relation of a scope to an artifact.
    ArtifactRole, "a role of an artifact", ErrorCode::Marker, {
        /// The scope produced the artifact. The relation `produced_by` is recorded.
        Output = "output",
        /// The scope reads the artifact. The relation `used` is recorded.
        Input = "input",
    }
}

words! {
    /// The way in which the file of an artifact is added to the workspace.
    IngestMode, "an ingest mode", ErrorCode::Marker, {
        /// The content is copied, and the file stays.
        Copy = "copy",
        /// The file is removed when body and manifest are durable. A crash at any moment leaves the file, or the
        /// artifact with its body. On the file system of the workspace, no byte is copied if the file is a regular file
        /// with one name. No program may write to the file any more.
        Move = "move",
        /// Like `move`, for a file that was written into the staging directory of the workspace (`Contexta::paths`).
        Adopt = "adopt",
        /// The content stays outside the workspace. The path can be a URI, such as `s3://bucket/key`, which is not
        /// read. The manifest has the location, and for a local file its size and its digest.
        Reference = "reference",
    }
}

model! {
    /// A file to store as an artifact of a run. A key or ref that the run has registered before replaces the earlier
    /// artifact.
    ArtifactRegistration ("ArtifactRegistrationEmission") {
        /// The kind, such as `model_bundle` or `dataset_snapshot`.
        artifact_kind: String,
        /// The file.
        path: PathBuf,
    } or {
        /// The ref of the artifact; by default made from `key`, or from the name of the file.
        artifact_ref: Option<ArtifactRef> = None,
        /// The last component of the artifact's ref; by default made from the name of the file.
        key: Option<String> = None,
        /// The relation of the scope to the artifact.
        role: ArtifactRole = ArtifactRole::Output,
        /// Additional data, as a JSON object.
        attributes: Members = Members::new(),
        /// The way in which the file is added to the workspace; by default the mode of the session.
        ingest_mode: Option<IngestMode> = None,
        /// The training step at which the file was made, such as the step of a checkpoint. It is recorded as the
        /// attribute `step`.
        step: Option<i64> = None,
        /// `true` to record the SHA-256 digest of the file in the manifest.
        compute_hash: bool = true,
        /// `true` to register the artifact although the file does not exist. A degraded marker names the missing file.
        allow_missing: bool = false,
    }
}

part!(ArtifactRegistration, "ArtifactRegistrationEmission", RecordPayload);

impl ArtifactRegistration {
    /// Describes a file that the scope produced, such as a `model_bundle`.
    #[must_use]
    pub fn output(kind: &str, path: impl AsRef<Path>) -> ArtifactRegistration {
        ArtifactRegistration::new(kind, path.as_ref())
    }

    /// Describes a file that the scope reads, such as a `dataset_snapshot`.
    #[must_use]
    pub fn input(kind: &str, path: impl AsRef<Path>) -> ArtifactRegistration {
        ArtifactRegistration { role: ArtifactRole::Input, ..ArtifactRegistration::output(kind, path) }
    }

    /// Sets the key of the artifact, in any script. The last component of the artifact's ref is made from the key; by
    /// default it is made from the name of the file.
    #[must_use]
    pub fn key(mut self, key: &str) -> ArtifactRegistration {
        self.key = Some(key.to_owned());
        self
    }

    /// Sets the ref of the artifact. The artifact must belong to the run of the scope.
    #[must_use]
    pub fn artifact_ref(mut self, artifact: ArtifactRef) -> ArtifactRegistration {
        self.artifact_ref = Some(artifact);
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, key: &str, value: impl Into<Value>) -> ArtifactRegistration {
        self.attributes.insert(key.to_owned(), value.into());
        self
    }

    /// Sets the way in which the file is added to the workspace.
    #[must_use]
    pub fn ingest_mode(mut self, mode: IngestMode) -> ArtifactRegistration {
        self.ingest_mode = Some(mode);
        self
    }

    /// Sets the training step at which the file was made.
    #[must_use]
    pub fn step(mut self, step: impl Into<Step>) -> ArtifactRegistration {
        self.step = Some(step.into().0);
        self
    }

    /// Leaves the SHA-256 digest out of the manifest.
    #[must_use]
    pub fn without_hash(mut self) -> ArtifactRegistration {
        self.compute_hash = false;
        self
    }

    /// Registers the artifact although the file does not exist.
    #[must_use]
    pub fn allow_missing(mut self) -> ArtifactRegistration {
        self.allow_missing = true;
        self
    }

    fn check_fields(&mut self, issues: &mut Issues) {
        token(issues, "artifact_kind", &mut self.artifact_kind, LOWER_SNAKE, ErrorCode::ArtifactKind);
        json_map(issues, "attributes", &mut self.attributes);
    }
}
