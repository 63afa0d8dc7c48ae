//! Required refs of a scope, and the observation that its records begin with.

use crate::capture::error::{Error, Result};
use crate::contract::{Observation, RunRef, StageRef, Timestamp};

pub(in crate::capture) use crate::capture::refs::Context;

impl Context {
    /// Returns the run. Error: the scope is a deployment that is not linked to a run. Records and artifacts belong to a
    /// run.
    pub(in crate::capture) fn run(&self) -> Result<&RunRef> {
        self.run.as_ref().ok_or(Error::DeploymentWithoutRun)
    }

    /// Returns the stage. Error: the scope is not within a stage.
    pub(in crate::capture) fn stage(&self) -> Result<&StageRef> {
        self.stage.as_ref().ok_or(Error::StageRequired)
    }

    /// Returns producer, time and refs of a record.
    pub(in crate::capture) fn observation(
        &self,
        observed_at: Timestamp,
        producer: &str,
    ) -> Result<Observation> {
        let mut observation = Observation::new(observed_at, producer, self.run()?.clone());
        observation.deployment_execution_ref = self.deployment.clone();
        observation.stage_execution_ref = self.stage.clone();
        observation.batch_execution_ref = self.batch.clone();
        observation.sample_observation_ref = self.sample.clone();
        observation.operation_context_ref = self.operation.clone();
        Ok(observation)
    }
}
