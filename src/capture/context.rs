//! The refs that a scope adds to its records and artifacts.

use crate::capture::error::{Error, Result};
use crate::contract::{
    ArtifactManifest, BatchRef, DeploymentRef, Observation, OperationRef, RunRef, SampleRef, StageRef,
    Timestamp,
};

/// The refs that a scope adds to its records and artifacts: its own ref, and the refs of the scopes that contain it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) run: Option<RunRef>,
    pub(super) deployment: Option<DeploymentRef>,
    pub(super) stage: Option<StageRef>,
    pub(super) batch: Option<BatchRef>,
    pub(super) sample: Option<SampleRef>,
    pub(super) operation: Option<OperationRef>,
}

impl Context {
    /// Returns the run. Error: the scope is a deployment that is not linked to a run. Records and artifacts belong to a
    /// run.
    pub(super) fn run(&self) -> Result<&RunRef> {
        self.run.as_ref().ok_or(Error::DeploymentWithoutRun)
    }

    /// Returns the stage. Error: the scope is not within a stage.
    pub(super) fn stage(&self) -> Result<&StageRef> {
        self.stage.as_ref().ok_or(Error::StageRequired)
    }

    /// Returns producer, time and refs of a record.
    pub(super) fn observation(&self, observed_at: Timestamp, producer: &str) -> Result<Observation> {
        let mut observation = Observation::new(observed_at, producer, self.run()?.clone());
        observation.deployment_execution_ref = self.deployment.clone();
        observation.stage_execution_ref = self.stage.clone();
        observation.batch_execution_ref = self.batch.clone();
        observation.sample_observation_ref = self.sample.clone();
        observation.operation_context_ref = self.operation.clone();
        Ok(observation)
    }

    /// Sets the refs in the manifest of an artifact.
    pub(super) fn describe(&self, manifest: &mut ArtifactManifest) {
        manifest.deployment_execution_ref = self.deployment.clone();
        manifest.stage_execution_ref = self.stage.clone();
        manifest.batch_execution_ref = self.batch.clone();
        manifest.sample_observation_ref = self.sample.clone();
        manifest.operation_context_ref = self.operation.clone();
    }
}
