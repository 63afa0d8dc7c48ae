//! Queries on projects, runs and the content of one run.

use crate::contract::{AnyRecord, LineageEdge, RunRef, RunStatus, StableRef, StageRef, Timestamp};
use crate::interpretation::error::{Error, Result};
use crate::store::{
    ArtifactRow, Attempts, EnvironmentRow, Note, ProjectRow, RecordRow, RunRow, SeriesPoint, SeriesRow,
    Severity, StageRow, Store, StoreView, WriterRow,
};
use std::collections::BTreeMap;

/// All projects.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProjectList {
    /// The projects, ordered by ref.
    pub projects: Vec<ProjectRow>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// A run in a list, with summaries of its metrics.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunSummary {
    /// The run.
    pub run: RunRow,
    /// The summaries of the metric series, ordered by stage and key.
    pub metrics: Vec<SeriesRow>,
}

/// A list of runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunList {
    /// The runs, ordered by project, start and ref.
    pub runs: Vec<RunSummary>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Everything known about one run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunSnapshot {
    /// The run.
    pub run: RunRow,
    /// The writers: the processes that capture, or captured, the run, in the order in which they joined it.
    pub writers: Vec<WriterRow>,
    /// The stages, ordered by order index, start and ref.
    pub stages: Vec<StageRow>,
    /// The environment snapshots.
    pub environments: Vec<EnvironmentRow>,
    /// The summaries of the metric series, ordered by stage and key.
    pub metrics: Vec<SeriesRow>,
    /// The events, spans and degraded records, ordered by time of observation.
    pub records: Vec<RecordRow>,
    /// The artifacts, ordered by ref.
    pub artifacts: Vec<ArtifactRow>,
    /// The lineage edges whose source or target is the run, one of its stages or one of its artifacts, ordered by ref.
    pub relations: Vec<LineageEdge>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// The points of one metric of a run, in one stage or outside any stage.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepSeries {
    /// The run.
    pub run_ref: RunRef,
    /// The stage; `None` outside any stage.
    pub stage_ref: Option<StageRef>,
    /// The metric.
    pub metric_key: String,
    /// The points, ordered by time of observation.
    pub points: Vec<SeriesPoint>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Lists all projects.
pub fn list_projects(store: &Store) -> Result<ProjectList> {
    store.read(|view| Ok(ProjectList { projects: view.projects()?, notes: view.notes() }))
}

/// Lists all runs, or the runs of the project with this ref or name.
pub fn list_runs(store: &Store, project: Option<&str>) -> Result<RunList> {
    store.read(|view| {
        let project = project.map(|asked| view.find_project(asked)).transpose()?;
        let runs = view.runs_with_series(project.as_ref())?.into_iter();
        let runs: Vec<_> = runs.map(|(run, metrics)| RunSummary { run, metrics }).collect();
        let mut notes = view.notes();
        notes.extend(runs.iter().flat_map(|r| run_notes(&r.run)));
        Ok(RunList { runs, notes })
    })
}

/// Returns everything known about one run. `run` is the run's ref, its id, its name, or a prefix of its id or name.
/// `attempts` are those whose metric points the summaries contain.
pub fn run_snapshot(store: &Store, run: &str, attempts: Attempts) -> Result<RunSnapshot> {
    Ok(store.read(|view| snapshot(view, run, attempts))?)
}

pub(super) fn snapshot(
    view: &StoreView<'_>,
    run: &str,
    attempts: Attempts,
) -> crate::store::Result<RunSnapshot> {
    let run = view.find_run(run)?;
    let writers = view.writers(&run.run_ref)?;
    let mut stages = view.stages(&run.run_ref)?;
    for stage in &mut stages {
        stage.is_interrupted = stage.status == RunStatus::Open && run.interrupted_at.is_some();
    }
    let artifacts = view.artifacts(Some(&run.run_ref))?;
    let metrics = view.summaries(&run.run_ref, attempts)?;
    let (records, record_notes) = view.records(&run.run_ref, &writers)?;
    let mut relations = BTreeMap::new();
    let ends = [&*run.run_ref].into_iter().chain(stages.iter().map(|s| &*s.stage_ref));
    for end in ends.chain(artifacts.iter().map(|a| &*a.manifest.artifact_ref)) {
        for edge in view.relations_of(end)? {
            relations.insert(edge.relation_ref.clone(), edge);
        }
    }
    let mut snapshot = RunSnapshot {
        environments: view.environments(&run.run_ref)?,
        run,
        writers,
        stages,
        metrics,
        records,
        artifacts,
        relations: relations.into_values().collect(),
        notes: view.notes(),
    };
    snapshot.notes.extend(record_notes);
    let more = completeness(&snapshot);
    snapshot.notes.extend(more);
    Ok(snapshot)
}

/// Returns a note if an object ended before it started.
fn time_order(subject: &StableRef, started: Option<Timestamp>, ended: Option<Timestamp>) -> Option<Note> {
    let (started, ended) = started.zip(ended).filter(|(started, ended)| ended < started)?;
    let message =
        format!("the end {ended} of {subject} is before its start {started}; its duration is unknown");
    Some(Note::new(Severity::Warning, "time_order", message).with("subject", subject))
}

/// Returns a note for each series with values that are NaN or infinite.
fn non_finite_notes(metrics: &[SeriesRow]) -> impl Iterator<Item = Note> {
    metrics.iter().filter(|row| row.non_finite > 0).map(|row| {
        let message = format!(
            "values of {} that are NaN or infinite: {} of {}",
            row.label(),
            row.non_finite,
            row.count
        );
        let note = Note::new(Severity::Warning, "metric_not_finite", message);
        note.with("metric", &row.metric_key).with("stage", row.stage_name.as_deref().unwrap_or("(run)"))
    })
}

/// Returns notes on missing and conflicting facts of a run.
fn run_notes(run: &RunRow) -> Vec<Note> {
    let mut notes = Vec::from_iter(time_order(&run.run_ref, run.started_at, run.ended_at));
    if run.started_at.is_none() {
        let message = format!("the start of {} is not in the log", run.run_ref);
        notes.push(Note::new(Severity::Warning, "run_start_missing", message).with("run", &run.run_ref));
    }
    for attribute in &run.conflicts {
        let message = format!(
            "different values of {attribute} were recorded for {}; one of them is shown, if possible a captured one",
            run.run_ref
        );
        let note = Note::new(Severity::Warning, "fact_conflict", message);
        notes.push(note.with("run", &run.run_ref).with("attribute", attribute));
    }
    notes
}

fn completeness(s: &RunSnapshot) -> Vec<Note> {
    let mut notes = run_notes(&s.run);
    notes.extend(s.stages.iter().filter_map(|g| time_order(&g.stage_ref, g.started_at, g.ended_at)));
    notes.extend(non_finite_notes(&s.metrics));
    let mut absent = |is_absent: bool, code: &'static str, what: &str| {
        if is_absent {
            notes.push(
                Note::new(Severity::Info, code, format!("the run has no {what}")).with("run", &s.run.run_ref),
            );
        }
    };
    absent(s.stages.is_empty(), "stage_list_empty", "stages");
    absent(s.artifacts.is_empty(), "artifact_list_empty", "artifacts");
    absent(s.relations.is_empty(), "relation_scope_empty", "lineage");
    absent(s.records.is_empty() && s.metrics.is_empty(), "record_scope_empty", "records");
    for stage in &s.stages {
        let measured = s.metrics.iter().any(|m| m.stage_ref.as_ref() == Some(&stage.stage_ref));
        let noted = s.records.iter().any(|r| stage_of(r) == Some(&stage.stage_ref));
        if !measured && !noted {
            let message = format!("stage {} has no records", stage.name);
            notes.push(
                Note::new(Severity::Info, "missing_stage_records", message).with("stage", &stage.stage_ref),
            );
        }
    }
    let stages = s.stages.iter().map(|g| (g.stage_ref.as_str(), !g.conflicts.is_empty()));
    let artifacts = s.artifacts.iter().map(|a| (a.manifest.artifact_ref.as_str(), a.conflict));
    for (subject, _) in stages.chain(artifacts).filter(|(_, conflict)| *conflict) {
        let message = format!(
            "different facts were recorded about {subject}; one of them is shown, if possible a captured one"
        );
        notes.push(Note::new(Severity::Warning, "fact_conflict", message).with("subject", subject));
    }
    for artifact in &s.artifacts {
        if let Some(reason) = &artifact.body_error {
            let own = &artifact.manifest.artifact_ref;
            let message = format!("the body of {own} could not be read: {reason}");
            let note = Note::new(Severity::Error, "artifact_body_unchecked", message);
            notes.push(note.with("artifact", own));
        } else if artifact.body.is_some() && !artifact.body_present {
            let message = format!("the body of {} is missing", artifact.manifest.artifact_ref);
            let note = Note::new(Severity::Error, "artifact_body_missing", message);
            notes.push(note.with("artifact", &artifact.manifest.artifact_ref));
        }
    }
    notes
}

/// A record as one row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordLine {
    /// The time of observation.
    pub observed_at: Timestamp,
    /// The level, severity or status.
    pub level: String,
    /// The key or name.
    pub key: String,
    /// The message or value.
    pub message: String,
}

/// Converts a record to one row of a table.
pub fn record_line(record: &AnyRecord) -> RecordLine {
    let (level, key, message) = match record {
        AnyRecord::Event(e) => (e.payload.level.to_string(), &e.payload.event_key, e.payload.message.clone()),
        AnyRecord::Degraded(d) => {
            (format!("degraded {}", d.payload.severity), &d.payload.issue_key, d.payload.summary.clone())
        }
        AnyRecord::Span(s) => {
            let micros = s.payload.ended_at.micros_since(s.payload.started_at);
            let message = match micros {
                0.. => format!("{} ms", micros as f64 / 1000.0),
                _ => "unknown duration: the end is before the start".to_owned(),
            };
            (format!("span {}", s.payload.status), &s.payload.span_name, message)
        }
        AnyRecord::Metric(m) => ("metric".to_owned(), &m.payload.metric_key, m.payload.value.to_string()),
    };
    RecordLine { observed_at: record.envelope().observation.observed_at, level, key: key.clone(), message }
}

fn stage_of(row: &RecordRow) -> Option<&StageRef> {
    row.record.envelope().observation.stage_execution_ref.as_ref()
}

/// Returns the points of one metric of a run. `stage` selects the points of the stage with this name; `None` selects
/// the points outside any stage. If there are no points outside any stage, and the metric has only one series in the
/// run, `None` selects this series. `attempts` are those whose points the answer contains. Errors: there is no such
/// series.
pub fn step_series(
    store: &Store,
    run: &str,
    metric_key: &str,
    stage: Option<&str>,
    attempts: Attempts,
) -> Result<StepSeries> {
    let found = store.read(|view| {
        let run = view.find_run(run)?;
        let all = view.summaries(&run.run_ref, attempts)?;
        let of_key: Vec<&SeriesRow> = all.iter().filter(|s| s.metric_key == metric_key).collect();
        let chosen = match stage {
            Some(_) => of_key.iter().find(|s| s.is_of_stage(stage)),
            None => match of_key.iter().find(|s| s.stage_ref.is_none()) {
                Some(outside) => Some(outside),
                None if of_key.len() == 1 => of_key.first(),
                None => None,
            },
        };
        let Some(row) = chosen else {
            let known = all.iter().map(SeriesRow::label).collect();
            return Ok::<_, Error>(Err((run.run_ref.to_string(), known)));
        };
        let points = view.points(&run.run_ref, row.stage_ref.as_ref(), metric_key, attempts)?;
        Ok(Ok(StepSeries {
            run_ref: run.run_ref,
            stage_ref: row.stage_ref.clone(),
            metric_key: metric_key.to_owned(),
            points,
            notes: view.notes(),
        }))
    })?;
    found.map_err(|(run, known)| Error::MetricNotFound {
        run,
        metric_key: metric_key.to_owned(),
        stage: stage.map(str::to_owned),
        known,
    })
}
