//! What a run leaves behind: the manifest of an artifact.

use crate::contract::error::{ErrorCode, Result};
use crate::contract::json::{Canonical, Value};
use crate::contract::models::record::Surroundings;
use crate::contract::models::{optional_ref, ref_value};
use crate::contract::refs::{
    ArtifactRef, BatchRef, DeploymentRef, OperationRef, RunRef, SampleRef, StageRef,
};
use crate::contract::rules::{DOT_TOKEN, LOWER_SNAKE, Rules, child_of, json_map, optional_text, text, token};
use crate::contract::time::Timestamp;
use std::collections::BTreeMap;

/// What an artifact is and where its body lies.
#[derive(Debug, Clone, PartialEq)]
pub struct ArtifactManifest {
    /// `artifact:P.R.K`
    pub artifact_ref: ArtifactRef,
    /// What sort of thing, such as `model_bundle`, `dataset_snapshot`.
    pub artifact_kind: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it: a token such as `sdk.rust`.
    pub producer_ref: String,
    /// Its run.
    pub run_ref: RunRef,
    /// Where the body lies: `blake3:<digest>` in this workspace, or anything an import brought.
    pub location_ref: String,
    /// The deployment it belongs to.
    pub deployment_execution_ref: Option<DeploymentRef>,
    /// The stage it belongs to.
    pub stage_execution_ref: Option<StageRef>,
    /// The batch it belongs to.
    pub batch_execution_ref: Option<BatchRef>,
    /// The sample it belongs to.
    pub sample_observation_ref: Option<SampleRef>,
    /// The operation it belongs to.
    pub operation_context_ref: Option<OperationRef>,
    /// SHA-256 of the body: 64 lower-case hexadecimal digits when captured here.
    pub hash_value: Option<String>,
    /// Length of the body in bytes.
    pub size_bytes: Option<u64>,
    /// Anything else.
    pub attributes: BTreeMap<String, Value>,
    /// Version of the schema.
    pub schema_version: String,
}

impl Rules for ArtifactManifest {
    fn settle(&mut self) -> Result<()> {
        token("artifact_kind", &mut self.artifact_kind, LOWER_SNAKE, ErrorCode::ArtifactKind)?;
        token("producer_ref", &mut self.producer_ref, DOT_TOKEN, ErrorCode::ArtifactProducer)?;
        text("location_ref", &mut self.location_ref)?;
        optional_text("hash_value", &mut self.hash_value)?;
        json_map("attributes", &mut self.attributes)?;
        text("schema_version", &mut self.schema_version)?;
        child_of(ErrorCode::ArtifactPrefix, "artifact_ref", &self.artifact_ref, &self.run_ref)?;
        let around = Surroundings {
            run: &self.run_ref,
            stage: &self.stage_execution_ref,
            batch: &self.batch_execution_ref,
            sample: &self.sample_observation_ref,
            operation: &self.operation_context_ref,
        };
        around.check(ErrorCode::ArtifactPrefix, ErrorCode::ArtifactStage)
    }
}

impl Canonical for ArtifactManifest {
    fn to_value(&self) -> Value {
        Value::map([
            ("artifact_ref", ref_value(&self.artifact_ref)),
            ("artifact_kind", Value::text(&self.artifact_kind)),
            ("created_at", Value::text(self.created_at)),
            ("producer_ref", Value::text(&self.producer_ref)),
            ("run_ref", ref_value(&self.run_ref)),
            ("location_ref", Value::text(&self.location_ref)),
            ("deployment_execution_ref", optional_ref(&self.deployment_execution_ref)),
            ("stage_execution_ref", optional_ref(&self.stage_execution_ref)),
            ("batch_execution_ref", optional_ref(&self.batch_execution_ref)),
            ("sample_observation_ref", optional_ref(&self.sample_observation_ref)),
            ("operation_context_ref", optional_ref(&self.operation_context_ref)),
            ("hash_value", self.hash_value.clone().into()),
            ("size_bytes", self.size_bytes.into()),
            ("attributes", self.attributes.clone().into()),
            ("schema_version", Value::text(&self.schema_version)),
            ("extensions", Value::List(Vec::new())),
        ])
    }
}
