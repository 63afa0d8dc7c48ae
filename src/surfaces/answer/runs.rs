//! The JSON form of answers about projects, runs and lineage.

use crate::contract::{Canonical, Value};
use crate::interpretation::{
    ArtifactRow, BestRun, LineageTraversal, MetricDelta, ProjectList, ProjectRow, RankedRun, RecordRow,
    RunComparison, RunList, RunRow, RunSnapshot, RunSummary, SeriesPoint, SeriesRow, StageRow, StepSeries,
    WriterRow,
};
use crate::surfaces::answer::parts::{list, notes, number, text, with};
use std::collections::BTreeMap;

fn run(r: &RunRow) -> Value {
    let conflicts = list(&r.conflicts, |c| Value::text(c));
    Value::Map(BTreeMap::from_iter(
        [
            ("run_id", Value::text(&r.run_ref)),
            ("project_ref", Value::text(&r.project_ref)),
            ("project_name", Value::text(&r.project_name)),
            ("name", Value::text(&r.name)),
            ("status", r.shown_status().into()),
            ("started_at", text(&r.started_at)),
            ("ended_at", text(&r.ended_at)),
            ("end_message", r.end_message.clone().into()),
            ("end_reason", r.end_reason.clone().into()),
            ("last_sign_of_life", text(&r.interrupted_at)),
            ("attempts", r.attempts.into()),
            (
                "annotations",
                list(&r.notes, |(at, text)| {
                    Value::map([("at", Value::text(at)), ("text", Value::text(text))])
                }),
            ),
            ("metadata", r.metadata.clone().into()),
            ("description", r.description.clone().into()),
            ("params", r.params.clone().into()),
            ("tags", r.tags.clone().into()),
            ("code_revision", r.code_revision.clone().into()),
            ("dataset_ref", r.dataset_ref.clone().into()),
            ("command", r.command.clone().into()),
            ("conflicts", conflicts),
        ]
        .map(|(k, v)| (k.to_owned(), v)),
    ))
}

fn point(p: &SeriesPoint) -> Value {
    Value::map([
        ("observed_at", Value::text(p.observed_at)),
        ("step", p.step.into()),
        ("value", p.value.clone().into()),
        ("superseded", p.is_superseded.into()),
    ])
}

fn writer(w: &WriterRow) -> Value {
    Value::map([
        ("attempt", w.attempt.into()),
        ("joined", w.joined.as_str().into()),
        ("from_step", w.joined.from_step().into()),
        ("label", w.label.clone().into()),
        ("host", w.host.clone().into()),
        ("process", w.process_number.into()),
        ("status", w.shown_status().into()),
        ("started_at", Value::text(w.started_at)),
        ("ended_at", text(&w.ended_at)),
        ("end_message", w.end_message.clone().into()),
        ("end_reason", w.end_reason.clone().into()),
        ("last_sign_of_life", text(&w.interrupted_at)),
    ])
}

fn record(r: &RecordRow) -> Value {
    with(r.record.to_value(), vec![("process_label", r.process_label.clone().into())])
}

fn series(s: &SeriesRow) -> Value {
    Value::map([
        ("metric_key", Value::text(&s.metric_key)),
        ("stage_id", text(&s.stage_ref)),
        ("stage_name", s.stage_name.clone().into()),
        ("count", s.count.into()),
        ("non_finite", s.non_finite.into()),
        ("value", s.last.value.clone().into()),
        ("first", point(&s.first)),
        ("last", point(&s.last)),
        ("min", number(Some(s.min).filter(|min| !min.is_nan()))),
        ("max", number(Some(s.max).filter(|max| !max.is_nan()))),
    ])
}

fn summary(r: &RunSummary) -> Value {
    with(run(&r.run), vec![("metrics", list(&r.metrics, series))])
}

pub(super) fn project_list(answer: &ProjectList) -> Value {
    let project = |p: &ProjectRow| {
        Value::map([
            ("project_ref", Value::text(&p.project_ref)),
            ("name", Value::text(&p.name)),
            ("created_at", text(&p.created_at)),
            ("description", p.description.clone().into()),
            ("tags", p.tags.clone().into()),
            ("conflicts", list(&p.conflicts, |c| Value::text(c))),
        ])
    };
    Value::map([("projects", list(&answer.projects, project)), ("notes", notes(&answer.notes))])
}

pub(super) fn step_series(s: &StepSeries) -> Value {
    Value::map([
        ("run_ref", Value::text(&s.run_ref)),
        ("stage_id", text(&s.stage_ref)),
        ("metric_key", Value::text(&s.metric_key)),
        ("points", list(&s.points, point)),
        ("notes", notes(&s.notes)),
    ])
}

pub(super) fn best_run(b: &BestRun) -> Value {
    let ranked = |r: &RankedRun| with(run(&r.run), vec![("value", number(Some(r.value)))]);
    Value::map([
        ("metric_key", Value::text(&b.metric_key)),
        ("stage_name", b.stage_name.clone().into()),
        ("goal", b.goal.as_str().into()),
        ("ranking", list(&b.ranking, ranked)),
        ("without", list(&b.without, |run| Value::text(run))),
        ("notes", notes(&b.notes)),
    ])
}

pub(super) fn run_list(answer: &RunList) -> Value {
    Value::map([("runs", list(&answer.runs, summary)), ("notes", notes(&answer.notes))])
}

fn stage(s: &StageRow) -> Value {
    Value::map([
        ("stage_id", Value::text(&s.stage_ref)),
        ("name", Value::text(&s.name)),
        ("status", s.shown_status().into()),
        ("end_message", s.end_message.clone().into()),
        ("end_reason", s.end_reason.clone().into()),
        ("metadata", s.metadata.clone().into()),
        ("order", s.order_index.into()),
        ("conflicts", list(&s.conflicts, |c| Value::text(c))),
        ("started_at", text(&s.started_at)),
        ("ended_at", text(&s.ended_at)),
    ])
}

fn artifact(a: &ArtifactRow) -> Value {
    let more = vec![
        ("body", text(&a.body)),
        ("body_present", a.body_present.into()),
        ("conflict", a.conflict.into()),
    ];
    with(a.manifest.to_value(), more)
}

pub(super) fn run_snapshot(s: &RunSnapshot) -> Value {
    Value::map([
        ("run", run(&s.run)),
        ("writers", list(&s.writers, writer)),
        ("stages", list(&s.stages, stage)),
        ("environments", list(&s.environments, |e| e.snapshot.to_value())),
        ("metrics", list(&s.metrics, series)),
        ("records", list(&s.records, record)),
        ("artifacts", list(&s.artifacts, artifact)),
        ("relations", list(&s.relations, Canonical::to_value)),
        ("notes", notes(&s.notes)),
    ])
}

fn delta(d: &MetricDelta) -> Value {
    Value::map([
        ("metric_key", Value::text(&d.metric_key)),
        ("left_value", number(d.left_value)),
        ("right_value", number(d.right_value)),
        ("delta", number(d.delta)),
        ("change_ratio", number(d.change_ratio)),
    ])
}

pub(super) fn comparison(c: &RunComparison) -> Value {
    let stages = list(&c.stages, |s| {
        let side = |side: &Option<(crate::contract::StageRef, crate::contract::RunStatus)>| match side {
            Some((stage, status)) => (Value::text(stage), Value::from(*status)),
            None => (Value::Null, Value::Null),
        };
        let ((left_id, left_status), (right_id, right_status)) = (side(&s.left), side(&s.right));
        Value::map([
            ("stage_name", Value::text(&s.stage_name)),
            ("left_stage_id", left_id),
            ("left_status", left_status),
            ("right_stage_id", right_id),
            ("right_status", right_status),
            ("metric_deltas", list(&s.metric_deltas, delta)),
        ])
    });
    let params = list(&c.params, |p| {
        Value::map([
            ("key", Value::text(&p.key)),
            ("left_value", p.left.clone().into()),
            ("right_value", p.right.clone().into()),
        ])
    });
    let artifacts = list(&c.artifact_changes, |a| {
        Value::map([
            ("artifact_kind", Value::text(&a.artifact_kind)),
            ("change", a.change.into()),
            ("left_ref", text(&a.left_ref)),
            ("right_ref", text(&a.right_ref)),
        ])
    });
    let provenance = Value::map([
        ("code_revision_changed", c.code_revision_changed.into()),
        ("dataset_changed", c.dataset_changed.into()),
        ("environment_changed", c.environment_changed.into()),
    ]);
    Value::map([
        ("left_run_id", Value::text(&c.left.run_ref)),
        ("right_run_id", Value::text(&c.right.run_ref)),
        ("summary", Value::text(&c.summary)),
        ("params", params),
        ("metric_deltas", list(&c.metric_deltas, delta)),
        ("stage_comparisons", stages),
        ("artifact_changes", artifacts),
        ("provenance_comparison", provenance),
        ("notes", notes(&c.notes)),
    ])
}

pub(super) fn lineage(t: &LineageTraversal) -> Value {
    let edges = list(&t.steps, |s| {
        let more = vec![
            ("direction", s.direction.as_str().into()),
            ("depth", s.depth.into()),
            ("from_ref", Value::text(&s.from)),
            ("to_ref", Value::text(&s.to)),
        ];
        match &s.edge {
            Some(edge) => with(edge.to_value(), more),
            None => {
                let (part, whole) =
                    if s.from.kind() == "stage" { (&s.from, &s.to) } else { (&s.to, &s.from) };
                let relation = [
                    ("relation_type", "part_of".into()),
                    ("source_ref", Value::text(part)),
                    ("target_ref", Value::text(whole)),
                ];
                with(Value::map(relation), more)
            }
        }
    });
    Value::map([
        ("root_ref", Value::text(&t.root)),
        ("edges", edges),
        ("visited_refs", list(&t.visited, |r| Value::text(r))),
        ("notes", notes(&t.notes)),
    ])
}
