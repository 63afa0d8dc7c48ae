//! The manifest of an artifact.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Members;
use crate::contract::model::declare::{model, versioned};
use crate::contract::models::record::surroundings::Surroundings;
use crate::contract::refs::typed::{
    ArtifactRef, BatchRef, DeploymentRef, OperationRef, RunRef, SampleRef, StageRef,
};
use crate::contract::rules::object::json_map;
use crate::contract::rules::place::child_of;
use crate::contract::rules::text::{optional_text, text};
use crate::contract::rules::token::{DOT_TOKEN, LOWER_SNAKE, token};
use crate::contract::time::Timestamp;
use crate::contract::version::SCHEMA_VERSION;

/// The known artifact kinds. Any other kind causes a warning.
pub const ARTIFACT_KINDS: &[&str] = &[
    "dataset_snapshot",
    "feature_set",
    "checkpoint",
    "config_snapshot",
    "model_bundle",
    "report_bundle",
    "export_package",
    "evidence_bundle",
    "debug_bundle",
];

model! {
    /// The description of an artifact and the location of its body.
    ArtifactManifest ("ArtifactManifest") {
        /// The ref, `artifact:PROJECT.RUN.KEY`.
        artifact_ref: ArtifactRef,
        /// The kind, such as `model_bundle` or `dataset_snapshot`.
        artifact_kind: String,
        /// The time of creation.
        created_at: Timestamp,
        /// The program that created the artifact: a token such as `sdk.rust`.
        producer_ref: String,
        /// The run that the artifact belongs to.
        run_ref: RunRef,
        /// The location of the body: `blake3:<digest>` for a body that was captured in a workspace, or any text from an
        /// import.
        location_ref: String,
    } or {
        /// The deployment that the artifact belongs to, in the same project.
        deployment_execution_ref: Option<DeploymentRef> = None,
        /// The stage that the artifact belongs to.
        stage_execution_ref: Option<StageRef> = None,
        /// The batch that the artifact belongs to.
        batch_execution_ref: Option<BatchRef> = None,
        /// The sample that the artifact belongs to.
        sample_observation_ref: Option<SampleRef> = None,
        /// The operation that the artifact belongs to.
        operation_context_ref: Option<OperationRef> = None,
        /// The SHA-256 digest of the body. Capture writes 64 lower-case hexadecimal digits; an import can have another
        /// text.
        hash_value: Option<String> = None,
        /// The length of the body in bytes.
        size_bytes: Option<u64> = None => SizeBytes,
        /// Additional data, as a JSON object.
        attributes: Members = Members::new(),
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Extensions: additional fields, grouped by namespace.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

versioned!(ArtifactManifest, "ArtifactManifest", ArtifactManifest, warnings);

impl ArtifactManifest {
    fn check_fields(&mut self, issues: &mut Issues) {
        token(issues, "artifact_kind", &mut self.artifact_kind, LOWER_SNAKE, ErrorCode::ArtifactKind);
        token(issues, "producer_ref", &mut self.producer_ref, DOT_TOKEN, ErrorCode::ArtifactProducer);
        text(issues, "location_ref", &mut self.location_ref);
        optional_text(issues, "hash_value", &mut self.hash_value);
        json_map(issues, "attributes", &mut self.attributes);
        child_of(issues, ErrorCode::ArtifactPrefix, "artifact_ref", &self.artifact_ref, &self.run_ref);
        Surroundings {
            run: &self.run_ref,
            deployment: &self.deployment_execution_ref,
            stage: &self.stage_execution_ref,
            batch: &self.batch_execution_ref,
            sample: &self.sample_observation_ref,
            operation: &self.operation_context_ref,
        }
        .check(issues, ErrorCode::ArtifactPrefix, ErrorCode::ArtifactStage);
    }

    fn warnings(&self, issues: &mut Issues) {
        match self.hash_value.as_deref() {
            None => {
                let message = "without a hash, an import cannot check that the body belongs to the manifest";
                issues.warning(ErrorCode::HashMissing, "hash_value", message);
            }
            Some(_) if self.sha256().is_none() => {
                let message =
                    "the hash is not a SHA-256 digest of 64 hexadecimal digits, so it is not checked";
                issues.warning(ErrorCode::HashFormat, "hash_value", message);
            }
            Some(_) => {}
        }
        if self.size_bytes.is_none() {
            issues.warning(
                ErrorCode::SizeMissing,
                "size_bytes",
                "without a size, an import cannot check the length of the body",
            );
        }
        if !ARTIFACT_KINDS.contains(&self.artifact_kind.as_str()) {
            let message = format!("{} is not one of {}", self.artifact_kind, ARTIFACT_KINDS.join(", "));
            issues.warning(ErrorCode::KindUnknown, "artifact_kind", message);
        }
    }

    /// Returns the SHA-256 digest that [`hash_value`](ArtifactManifest::hash_value) contains, as 64 lower-case
    /// hexadecimal digits. A prefix `sha256:` is removed. Returns `None` if `hash_value` contains no such digest.
    pub fn sha256(&self) -> Option<String> {
        let claimed = self.hash_value.as_deref()?;
        let digits = claimed.strip_prefix("sha256:").unwrap_or(claimed);
        let plain = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| digits.to_ascii_lowercase())
    }
}
