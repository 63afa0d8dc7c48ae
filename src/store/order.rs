//! The orders in which objects of one kind are listed, as sort keys. Objects without a position come after objects with
//! a position.

use crate::contract::{BatchExecution, DeploymentExecution, SampleObservation, StageExecution};

/// Returns the sort key of a position.
fn index(index: Option<u64>) -> u64 {
    index.unwrap_or(u64::MAX)
}

/// Returns the sort key of deployments: project, name, position, start and ref.
pub(in crate::store) fn deployment(d: &DeploymentExecution) -> impl Ord + use<> {
    (d.project_ref.clone(), d.deployment_name.clone(), deployment_of_subject(d))
}

/// Returns the sort key of the deployments of one run, artifact or environment: position, start and ref.
pub(in crate::store) fn deployment_of_subject(d: &DeploymentExecution) -> impl Ord + use<> {
    (index(d.order_index), d.started_at, d.deployment_execution_ref.clone())
}

/// Returns the sort key of stages: run, position, start and ref.
pub(in crate::store) fn stage(s: &StageExecution) -> impl Ord + use<> {
    (s.run_ref.clone(), index(s.order_index), s.started_at, s.stage_execution_ref.clone())
}

/// Returns the sort key of batches: run, stage, position, start and ref.
pub(in crate::store) fn batch(b: &BatchExecution) -> impl Ord + use<> {
    let place = (b.run_ref.clone(), b.stage_execution_ref.clone());
    (place, index(b.order_index), b.started_at, b.batch_execution_ref.clone())
}

/// Returns the sort key of samples: run, stage, batch, time of observation and ref. Samples without a batch come last
/// in their stage.
pub(in crate::store) fn sample(s: &SampleObservation) -> impl Ord + use<> {
    let batch = s.batch_execution_ref.clone();
    let place = (s.run_ref.clone(), s.stage_execution_ref.clone(), batch.is_none(), batch);
    (place, s.observed_at, s.sample_observation_ref.clone())
}
