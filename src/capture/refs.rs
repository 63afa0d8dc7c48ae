//! The refs that a scope adds to its records and artifacts.

use crate::contract::{ArtifactManifest, BatchRef, DeploymentRef, OperationRef, RunRef, SampleRef, StageRef};

/// The refs that a scope adds to its records and artifacts: its own ref, and the refs of the scopes that contain it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::capture) struct Context {
    pub(in crate::capture) run: Option<RunRef>,
    pub(in crate::capture) deployment: Option<DeploymentRef>,
    pub(in crate::capture) stage: Option<StageRef>,
    pub(in crate::capture) batch: Option<BatchRef>,
    pub(in crate::capture) sample: Option<SampleRef>,
    pub(in crate::capture) operation: Option<OperationRef>,
}

impl Context {
    /// Sets the refs in the manifest of an artifact.
    pub(in crate::capture) fn describe(&self, manifest: &mut ArtifactManifest) {
        manifest.deployment_execution_ref = self.deployment.clone();
        manifest.stage_execution_ref = self.stage.clone();
        manifest.batch_execution_ref = self.batch.clone();
        manifest.sample_observation_ref = self.sample.clone();
        manifest.operation_context_ref = self.operation.clone();
    }
}
