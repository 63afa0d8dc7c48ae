//! The JSON form of every answer. Keys are sorted. Absent values are null, with one exception: a lineage step without
//! an edge has only the type and the two refs of an edge. New versions add members, but never remove them.

#[cfg(feature = "cli")]
use crate::client::TablesDigest;
use crate::client::{ExportReport, ImportReport};
use crate::contract::json::write::pretty;
use crate::contract::{Canonical, MetricValue, Result, Value};
use crate::interpretation::{
    ArtifactRow, BestRun, Block, LineageTraversal, MetricDelta, Note, ProjectList, ProjectRow, RankedRun,
    RecordRow, ReportDocument, ReportSection, RunComparison, RunList, RunRow, RunSnapshot, RunSummary,
    SeriesPoint, SeriesRow, StageRow, StepSeries, Table, WriterRow,
};
use crate::recovery::merge::{Change, Fork, Side, StreamMerge};
use crate::recovery::{
    DumpedEntry, MergeReport, Problem, ProjectionState, RebuildReport, StreamRow, VerifyReport,
};
use crate::surfaces::escape;
use crate::surfaces::markdown::{NO_NOTES, note_line};
use std::collections::BTreeMap;

/// An answer of the library with a JSON form, which is also the output of the command with `--format json`.
pub trait Answer {
    /// Returns the JSON form as a value.
    fn to_value(&self) -> Value;

    /// Returns the JSON form as indented text. Hidden and control characters in texts are written as `\u` escapes.
    /// Errors: the value contains a number that is not finite.
    fn to_json(&self) -> Result<String> {
        Ok(escape::document(pretty(&self.to_value())?))
    }
}

macro_rules! json_forms {
    ($($answer:ty => $form:ident),+ $(,)?) => {
        $(impl Answer for $answer {
            fn to_value(&self) -> Value {
                $form(self)
            }
        })+
    };
}

json_forms! {
    BestRun => best_run,
    DumpedEntry => dumped,
    ExportReport => export,
    ImportReport => import,
    LineageTraversal => lineage,
    MergeReport => merge,
    Note => note,
    ProjectList => project_list,
    RebuildReport => rebuild,
    ReportDocument => report,
    RunComparison => comparison,
    RunList => run_list,
    RunSnapshot => run_snapshot,
    StepSeries => step_series,
    StreamRow => stream,
    VerifyReport => verify,
}

fn list<T>(items: &[T], f: impl Fn(&T) -> Value) -> Value {
    Value::List(items.iter().map(f).collect())
}

fn text<T: ToString>(value: &Option<T>) -> Value {
    value.as_ref().map_or(Value::Null, |v| Value::Text(v.to_string()))
}

/// Returns a number. A number that is not finite has no JSON form and becomes the text `NaN`, `Infinity` or `-Infinity`.
fn number(value: Option<f64>) -> Value {
    value.map(|number| Value::from(MetricValue::from(number))).into()
}

/// Adds members to the JSON object `value` and returns the object. If `value` is not an object, returns `value`
/// unchanged.
fn with(value: Value, more: Vec<(&str, Value)>) -> Value {
    match value {
        Value::Map(mut members) => {
            members.extend(more.into_iter().map(|(k, v)| (k.to_owned(), v)));
            Value::Map(members)
        }
        other => other,
    }
}

fn note(n: &Note) -> Value {
    let details: BTreeMap<String, Value> =
        n.details.iter().map(|(k, v)| ((*k).to_owned(), Value::text(v))).collect();
    Value::map([
        ("severity", n.severity.as_str().into()),
        ("code", n.code.into()),
        ("message", Value::text(&n.message)),
        ("details", Value::Map(details)),
    ])
}

fn notes(all: &[Note]) -> Value {
    list(all, note)
}

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

fn project_list(answer: &ProjectList) -> Value {
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

fn step_series(s: &StepSeries) -> Value {
    Value::map([
        ("run_ref", Value::text(&s.run_ref)),
        ("stage_id", text(&s.stage_ref)),
        ("metric_key", Value::text(&s.metric_key)),
        ("points", list(&s.points, point)),
        ("notes", notes(&s.notes)),
    ])
}

fn best_run(b: &BestRun) -> Value {
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

fn run_list(answer: &RunList) -> Value {
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

fn run_snapshot(s: &RunSnapshot) -> Value {
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

fn comparison(c: &RunComparison) -> Value {
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

fn lineage(t: &LineageTraversal) -> Value {
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

fn problem(p: &Problem) -> Value {
    let lost = p.lost.map_or(Value::Null, |(first, last)| {
        Value::map([("first", first.0.into()), ("last", last.map(|s| s.0).into())])
    });
    Value::map([
        ("code", p.code.into()),
        ("stream", text(&p.stream)),
        ("segment", p.segment.map(|s| s.0).into()),
        ("offset", p.offset.into()),
        ("len", p.len.into()),
        ("lost", lost),
        ("message", Value::text(&p.message)),
    ])
}

fn verify(r: &VerifyReport) -> Value {
    let streams = list(&r.streams, |s| {
        Value::map([
            ("stream", Value::text(s.stream)),
            ("segments", s.segments.into()),
            ("entries", s.entries.into()),
            ("head", text(&s.head)),
            ("live", s.live.into()),
            ("closed", s.closed.into()),
        ])
    });
    let (state, tables) = match &r.projections {
        ProjectionState::Match => ("match", Value::List(Vec::new())),
        ProjectionState::Mismatch { tables } => ("mismatch", list(tables, |t| Value::text(t))),
        ProjectionState::Skipped => ("skipped", Value::List(Vec::new())),
    };
    Value::map([
        ("outcome", r.outcome.as_str().into()),
        ("entries", r.entries().into()),
        ("bodies", r.bodies.into()),
        ("heads", r.heads.into()),
        ("projections", Value::map([("state", state.into()), ("tables", tables)])),
        ("streams", streams),
        ("problems", list(&r.problems, problem)),
        ("notes", notes(&r.notes)),
    ])
}

fn rebuild(r: &RebuildReport) -> Value {
    Value::map([
        ("entries", r.entries.into()),
        ("digest", Value::text(r.digest)),
        ("saved", r.not_saved.is_none().into()),
        ("notes", notes(&r.notes)),
    ])
}

/// Returns the JSON form of the digest of the tables, with notes.
#[cfg(feature = "cli")]
pub(crate) fn digest(digest: &TablesDigest, all: &[Note]) -> Value {
    let table = |(name, digest, rows): &(String, _, u64)| {
        Value::map([("name", Value::text(name)), ("digest", Value::text(digest)), ("rows", (*rows).into())])
    };
    Value::map([
        ("digest", Value::text(digest.digest)),
        ("tables", list(&digest.tables, table)),
        ("notes", notes(all)),
    ])
}

fn report(document: &ReportDocument) -> Value {
    Value::map([("title", Value::text(&document.title)), ("sections", list(&document.sections, section))])
}

fn section(s: &ReportSection) -> Value {
    Value::map([("title", Value::text(&s.title)), ("blocks", list(&s.blocks, block))])
}

fn block(b: &Block) -> Value {
    let paragraph = |text: &str| Value::map([("type", "text".into()), ("text", Value::text(text))]);
    let items = |texts: Vec<Value>| Value::map([("type", "list".into()), ("items", Value::List(texts))]);
    match b {
        Block::Text(text) => paragraph(text),
        Block::Verdict { verdict, text, .. } => paragraph(&format!("{verdict}: {text}")),
        Block::List(texts) => items(texts.iter().map(Value::text).collect()),
        Block::Tree(tree) => items(tree.iter().map(|item| Value::text(&item.text)).collect()),
        Block::Pairs(pairs) => {
            let rows = list(pairs, |(name, value)| Value::List(vec![Value::text(name), Value::text(value)]));
            let columns = Value::List(vec!["".into(), "".into()]);
            Value::map([("type", "table".into()), ("columns", columns), ("rows", rows)])
        }
        Block::Table(table) => table_value(table),
        Block::Notes(notes) if notes.is_empty() => paragraph(NO_NOTES),
        Block::Notes(notes) => items(notes.iter().map(|note| Value::Text(note_line(note))).collect()),
    }
}

fn table_value(table: &Table) -> Value {
    Value::map([
        ("type", "table".into()),
        ("columns", list(&table.columns, |column| Value::text(column))),
        ("rows", list(&table.rows, |row| list(row, |cell| Value::text(cell)))),
    ])
}

fn merge(r: &MergeReport) -> Value {
    let stream = |s: &StreamMerge| {
        let (added, filled) = match s.change {
            Change::United { added, filled } => (Some(added), Some(filled)),
            _ => (None, None),
        };
        let reason = match s.change {
            Change::Skipped(reason) => Some(reason.name().to_owned()),
            _ => None,
        };
        Value::map([
            ("stream", Value::text(s.stream)),
            ("change", s.change.name().into()),
            ("reason", reason.into()),
            ("added", added.into()),
            ("filled", filled.into()),
            ("bytes", s.bytes.into()),
        ])
    };
    let fork = |f: &Fork| {
        Value::map([
            ("stream", Value::text(f.stream)),
            ("first", f.first.0.into()),
            ("kept", if f.kept == Side::Target { "target" } else { "source" }.into()),
            ("derived", Value::text(f.derived)),
        ])
    };
    let quarantined = list(&r.log.quarantined, |q| Value::Text(q.path.display().to_string()));
    Value::map([
        ("bodies", r.bodies.into()),
        ("streams", list(&r.log.streams, stream)),
        ("forks", list(&r.log.forks, fork)),
        ("quarantined", quarantined),
        ("notes", notes(&r.notes)),
    ])
}

fn import(r: &ImportReport) -> Value {
    let kinds = r.kinds.iter().map(|(kind, n)| {
        let counts = Value::map([
            ("new", n.new.into()),
            ("unchanged", n.unchanged.into()),
            ("refused", n.refused.into()),
        ]);
        (kind.clone(), counts)
    });
    let refused = list(&r.refused, |one| {
        Value::map([
            ("line", one.line.into()),
            ("code", one.rejection.code.into()),
            ("path", one.rejection.path.as_str().into()),
            ("message", one.rejection.message.as_str().into()),
            ("kind", one.rejection.kind.clone().into()),
            ("run_ref", one.rejection.run.as_ref().map(ToString::to_string).into()),
        ])
    });
    let dropped = list(&r.dropped, |one| {
        Value::map([
            ("line", one.line.into()),
            ("subject_ref", Value::text(&one.subject)),
            ("code", one.member.code.as_str().into()),
            ("path", one.member.path.as_str().into()),
            ("message", one.member.message.as_str().into()),
        ])
    });
    let bodies = list(&r.bodies, |one| {
        Value::map([
            ("line", one.line.into()),
            ("artifact_ref", Value::text(&one.artifact_ref)),
            ("body", one.body.as_str().into()),
            ("code", one.code.into()),
            ("message", one.message.as_str().into()),
        ])
    });
    Value::map([
        ("import", r.import.clone().into()),
        ("source", r.source.as_str().into()),
        ("lines", r.lines.into()),
        ("kinds", Value::Map(kinds.collect())),
        ("bodies_stored", r.bodies_stored.into()),
        ("bodies_missing", r.bodies_missing.into()),
        ("bodies_differing", r.bodies_differing.into()),
        ("bodies", bodies),
        ("members_dropped", r.members_dropped.into()),
        ("dropped", dropped),
        ("complete", r.is_complete().into()),
        ("warnings", counts(&r.warnings)),
        ("refused", refused),
        ("refused_total", r.total().refused.into()),
        ("quarantine", r.quarantine.as_ref().map(|p| p.to_string_lossy().into_owned()).into()),
        ("not_kept", r.not_kept.into()),
        ("cut", r.cut.clone().into()),
        ("notes", notes(&r.notes)),
    ])
}

fn export(r: &ExportReport) -> Value {
    Value::map([
        ("kinds", counts(&r.kinds)),
        ("bodies", r.bodies.into()),
        ("bodies_missing", r.bodies_missing.into()),
        ("notes", notes(&r.notes)),
        ("note_counts", counts(&r.note_counts)),
    ])
}

fn counts(map: &BTreeMap<&'static str, u64>) -> Value {
    Value::Map(map.iter().map(|(name, n)| ((*name).to_owned(), (*n).into())).collect())
}

/// Returns the JSON form of the heads of all streams, with the problems and notes of the check that computed them.
#[cfg(feature = "cli")]
pub(crate) fn heads(heads: &[String], r: &VerifyReport) -> Value {
    Value::map([
        ("heads", list(heads, |head| Value::text(head))),
        ("problems", list(&r.problems, problem)),
        ("notes", notes(&r.notes)),
    ])
}

fn stream(s: &StreamRow) -> Value {
    let segments = list(&s.segments, |g| {
        Value::map([("base", g.base.0.into()), ("bytes", g.bytes.into()), ("created_at", text(&g.created))])
    });
    Value::map([
        ("stream", Value::text(s.stream)),
        ("entries", s.entries.into()),
        ("last", s.last.0.into()),
        ("last_time", text(&s.last_time)),
        ("live", s.live.into()),
        ("closed", s.closed.into()),
        ("segments", segments),
        ("notes", notes(&s.notes)),
    ])
}

/// Returns the JSON form of a list of streams.
#[cfg(feature = "cli")]
pub(crate) fn streams(rows: &[StreamRow]) -> Value {
    Value::map([("streams", list(rows, stream))])
}

fn dumped(e: &DumpedEntry) -> Value {
    let origin = e.origin.as_ref().map_or(Value::Null, |(import, line)| {
        Value::map([("import", Value::text(import)), ("line", (*line).into())])
    });
    Value::map([
        ("stream", Value::text(e.stream)),
        ("seq", e.seq.0.into()),
        ("time", Value::text(e.time)),
        ("kind", Value::text(&e.kind)),
        ("bytes", e.bytes.into()),
        ("origin", origin),
        ("object", e.object.clone().into()),
    ])
}
