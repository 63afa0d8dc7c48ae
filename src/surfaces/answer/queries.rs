//! The JSON form of answers to queries on runs and their parts.

use crate::contract::Value;
use crate::interpretation::{
    ArtifactHits, BatchList, DeploymentList, ProjectList, RecordPage, RunList, RunSnapshot, RunSummary,
    SampleList, StepPoint, StepSeries,
};
use crate::surfaces::answer::parts::{list, text, with};
use crate::surfaces::answer::rows::{deployment, provenance};
use crate::surfaces::answer::to_json::{ToJson, object};

pub(super) fn project_list(answer: &ProjectList) -> Value {
    object!(answer; projects, notes)
}

impl ToJson for RunSummary {
    fn json(&self) -> Value {
        with(
            self.run.json(),
            vec![("metrics", self.metrics.json()), ("differences", self.differences.json())],
        )
    }
}

pub(super) fn run_list(answer: &RunList) -> Value {
    object!(answer;
        runs, total, next_offset, next_page: text(&answer.next_page), baseline_run_id: answer.baseline, notes
    )
}

pub(super) fn deployment_list(answer: &DeploymentList) -> Value {
    object!(answer; deployments: list(&answer.deployments, deployment), notes)
}

pub(super) fn batch_list(answer: &BatchList) -> Value {
    object!(answer; batches, notes)
}

pub(super) fn sample_list(answer: &SampleList) -> Value {
    object!(answer; samples, notes)
}

pub(super) fn record_page(answer: &RecordPage) -> Value {
    object!(answer; records, total, next_offset, notes)
}

pub(super) fn artifact_hits(answer: &ArtifactHits) -> Value {
    object!(answer; artifacts, total, notes)
}

pub(super) fn run_snapshot(s: &RunSnapshot) -> Value {
    use crate::contract::Canonical;
    object!(s;
        run, writers, deployments: list(&s.deployments, deployment), stages, batches, samples,
        environments: list(&s.environments, |e| e.snapshot.to_value()), metrics, records: s.records.records,
        records_total: s.records.total, records_next_offset: s.records.next_offset, artifacts, relations,
        provenance: s.provenance.as_ref().map(|record| provenance(record, &s.run.run_ref)), evidence_links,
        completeness_notes, notes
    )
}

impl ToJson for StepPoint {
    fn json(&self) -> Value {
        object!(self; step, value, smoothed, observed_at, superseded: self.is_superseded)
    }
}

pub(super) fn step_series(s: &StepSeries) -> Value {
    object!(s;
        run_id: s.run_ref, metric_key, stage_id: s.stage_ref, points, points_total, step_width, has_steps, unit, series,
        completeness_notes, notes
    )
}
