//! The JSON form of comparisons.

use crate::contract::{StageRef, Value};
use crate::interpretation::{
    ArtifactChange, ArtifactKindCounts, BaselineDifference, BestRun, MetricDelta, MetricRow,
    MultiRunComparison, ParamDelta, ProvenanceComparison, RankedRun, ReportComparison, RunComparison,
    SectionDiff, StageComparison,
};
use crate::surfaces::answer::parts::with;
use crate::surfaces::answer::rows::provenance;
use crate::surfaces::answer::to_json::{ToJson, object};

impl ToJson for MetricDelta {
    fn json(&self) -> Value {
        let (left, right) = (self.left.as_ref(), self.right.as_ref());
        object!(self;
            metric_key, stage_name, left_value: left.map(|m| &m.value), right_value: right.map(|m| &m.value), delta,
            change_ratio, change_percent, left_step: left.and_then(|m| m.step), right_step: right.and_then(|m| m.step),
            left_unit: left.and_then(|m| m.unit.as_ref()), right_unit: right.and_then(|m| m.unit.as_ref()),
            evidence_links: Vec::<String>::new(), completeness_notes, notes
        )
    }
}

impl ToJson for ParamDelta {
    fn json(&self) -> Value {
        object!(self; key, left_value: self.left, right_value: self.right)
    }
}

impl ToJson for StageComparison {
    fn json(&self) -> Value {
        fn stage<'s>(side: &'s Option<(StageRef, &'static str)>) -> Option<&'s StageRef> {
            side.as_ref().map(|(stage, _)| stage)
        }
        fn status(side: &Option<(StageRef, &'static str)>) -> Option<&'static str> {
            side.as_ref().map(|(_, status)| *status)
        }
        object!(self;
            stage_name, left_stage_id: stage(&self.left), right_stage_id: stage(&self.right),
            left_status: status(&self.left), right_status: status(&self.right), metric_deltas, completeness_notes,
            evidence_links
        )
    }
}

impl ToJson for ArtifactChange {
    fn json(&self) -> Value {
        object!(self; artifact_kind, left_ref, right_ref, change, evidence_links, change_detail)
    }
}

impl ToJson for ProvenanceComparison {
    fn json(&self) -> Value {
        object!(self;
            code_revision_changed, config_hash_changed, environment_changed, dataset_refs_changed,
            left_provenance: self.left.as_ref().map(|(record, run)| provenance(record, run)),
            right_provenance: self.right.as_ref().map(|(record, run)| provenance(record, run))
        )
    }
}

pub(super) fn comparison(c: &RunComparison) -> Value {
    object!(c;
        left_run_id: c.left.run_ref, right_run_id: c.right.run_ref, summary, params, metadata, tags, metric_deltas,
        stage_comparisons, artifact_changes, completeness_notes, evidence_links, provenance_comparison, environment,
        code_revision_changed, dataset_changed, environment_changed, notes
    )
}

impl ToJson for MetricRow {
    fn json(&self) -> Value {
        object!(self;
            metric_key, stage_name, values, differences, best_run_id: self.best_run, is_higher_better,
            evidence_links: Vec::<String>::new()
        )
    }
}

impl ToJson for BaselineDifference {
    fn json(&self) -> Value {
        let (value, baseline) = (&self.value, &self.baseline);
        object!(self;
            metric_key, stage_name, value: value.value, step: value.step, unit: value.unit,
            baseline_value: baseline.value, baseline_step: baseline.step, baseline_unit: baseline.unit, difference,
            percent, steps_differ: self.steps_differ(), units_differ: self.units_differ()
        )
    }
}

impl ToJson for ArtifactKindCounts {
    fn json(&self) -> Value {
        object!(self; artifact_kind, counts)
    }
}

pub(super) fn many(c: &MultiRunComparison) -> Value {
    let ids: Vec<_> = c.runs.iter().map(|run| &run.run_ref).collect();
    let names: Vec<_> = c.runs.iter().map(|run| &run.name).collect();
    object!(c;
        run_ids: ids, run_names: names, baseline_run_id: c.baseline, metric_table, artifact_kind_counts, completeness_notes, evidence_links,
        summary, notes
    )
}

impl ToJson for RankedRun {
    fn json(&self) -> Value {
        let more = vec![("value", self.measured.value.json()), ("step", self.measured.step.json())];
        with(self.run.json(), more)
    }
}

pub(super) fn best_run(b: &BestRun) -> Value {
    let best = b.best().map(|best| &best.run.run_ref);
    object!(b; metric_key, stage_name, goal: b.goal.as_str(), best_run_id: best, ranking, without, notes)
}

impl ToJson for SectionDiff {
    fn json(&self) -> Value {
        object!(self; section_title, left_body, right_body, changed)
    }
}

pub(super) fn reports(c: &ReportComparison) -> Value {
    object!(c; left_title, right_title, section_diffs, completeness_notes)
}
