//! Required refs of a scope, the observation that its records begin with, and degraded markers of capture itself.

use crate::capture::error::{Error, Result};
use crate::contract::{
    Degradation, DegradedCategory, DegradedPayload, DegradedSeverity, Fact, Observation, RecordDraft, RunRef,
    StableRef, StageRef, Timestamp, Valid,
};

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

    /// Returns a degraded marker: data of this scope is missing or doubtful.
    pub(in crate::capture) fn marker(
        &self,
        observed_at: Timestamp,
        producer: &str,
        payload: DegradedPayload,
    ) -> Result<Fact> {
        let mut observation = self.observation(observed_at, producer)?;
        observation.degradation_marker = Degradation::CaptureGap;
        Ok(Fact::Degraded(Valid::new(RecordDraft::of(observation, payload))?))
    }
}

/// Returns the payload of a degraded marker that warns: data about `subject` is missing or doubtful.
pub(in crate::capture) fn warning(issue_key: &str, summary: String, subject: StableRef) -> DegradedPayload {
    let (category, severity) = (DegradedCategory::Capture, DegradedSeverity::Warning);
    let mut payload = DegradedPayload::new(issue_key, category, severity, summary);
    payload.subject_ref = Some(subject);
    payload
}
