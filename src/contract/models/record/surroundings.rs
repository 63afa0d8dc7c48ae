//! The refs that records and artifact manifests have in common.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::refs::stable::StableRef;
use crate::contract::refs::typed::{BatchRef, DeploymentRef, OperationRef, RunRef, SampleRef, StageRef};
use crate::contract::rules::place::{child_of, under};

/// The refs that records and artifact manifests have in common: run, deployment, stage, batch, sample and operation.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) run: &'a RunRef,
    pub(crate) deployment: &'a Option<DeploymentRef>,
    pub(crate) stage: &'a Option<StageRef>,
    pub(crate) batch: &'a Option<BatchRef>,
    pub(crate) sample: &'a Option<SampleRef>,
    pub(crate) operation: &'a Option<OperationRef>,
}

impl Surroundings<'_> {
    /// Checks the refs. The deployment must be in the run's project, and the stage directly under the run. Batch,
    /// sample and operation require a stage and must be under the stage. If there is a batch, sample and operation must
    /// be directly under the batch. A missing stage is reported with the code `missing`, any other error with the code
    /// `prefix`.
    pub(crate) fn check(&self, issues: &mut Issues, prefix: ErrorCode, missing: ErrorCode) {
        if let Some(deployment) = self.deployment
            && deployment.components().next() != self.run.components().next()
        {
            let message = format!("{deployment} does not belong to the project of {}", self.run);
            issues.error(prefix, "deployment_execution_ref", message);
        }
        if let Some(stage) = self.stage {
            child_of(issues, prefix, "stage_execution_ref", stage, self.run);
        }
        let inner: [(&str, Option<&StableRef>); 3] = [
            ("batch_execution_ref", self.batch.as_deref()),
            ("sample_observation_ref", self.sample.as_deref()),
            ("operation_context_ref", self.operation.as_deref()),
        ];
        for (field, inner) in inner {
            let Some(inner) = inner else { continue };
            let Some(stage) = self.stage else {
                issues.error(missing, field, format!("{inner} requires stage_execution_ref"));
                continue;
            };
            under(issues, prefix, field, inner, stage);
            if let (Some(batch), false) = (self.batch, field == "batch_execution_ref") {
                child_of(issues, prefix, field, inner, batch);
            }
        }
    }
}
