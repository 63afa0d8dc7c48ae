//! Everything known about one run.

use crate::contract::{
    BatchExecution, DeploymentExecution, LineageEdge, ProvenanceRecord, RelationRef, RunStatus,
    SampleObservation, StableRef, Timestamp,
};
use crate::interpretation::error::{Error, Result};
use crate::interpretation::evidence::{EvidenceLink, unique};
use crate::interpretation::query::line::record_line;
use crate::interpretation::query::listing::with_projects;
use crate::interpretation::query::record_page::{self, FAMILIES, RecordPage, RecordQuery, WITHOUT_METRICS};
use crate::store::{
    self, ArtifactRow, Attempts, EnvironmentRow, Note, RecordRow, RunRow, SeriesRow, Severity, StageRow,
    Stamp, Store, StoreView, WriterRow,
};
use std::collections::BTreeMap;

/// The greatest number of links to samples in the evidence links of a run. The same limit applies to links to
/// records.
const LINKS_MAX: usize = 10;
/// The greatest number of metric points that are all read to find the earliest records of a run. If a run has
/// more points, only the first point of each series is read.
const POINTS_EXACT_MAX: u64 = 10_000;

/// Everything known about one run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunSnapshot {
    /// The run.
    pub run: RunRow,
    /// The writers of the run, in the order in which they joined the run. A writer is a process that captures the run
    /// or has captured it.
    pub writers: Vec<WriterRow>,
    /// The deployments of the run, each with the name of its project, ordered by position, start and ref.
    pub deployments: Vec<(DeploymentExecution, String)>,
    /// The stages, ordered by position, start and ref.
    pub stages: Vec<StageRow>,
    /// The batches, ordered by stage, position, start and ref.
    pub batches: Vec<BatchExecution>,
    /// The samples, ordered by stage, batch, time of observation and ref.
    pub samples: Vec<SampleObservation>,
    /// The environment snapshots, ordered by time and ref.
    pub environments: Vec<EnvironmentRow>,
    /// The summaries of the metric series, ordered by stage and key.
    pub metrics: Vec<SeriesRow>,
    /// The first page of all records: events, metric points, spans and degraded records, in the order in which they
    /// were appended. [`list_records`](crate::interpretation::query::record_page::list_records) returns further pages.
    pub records: RecordPage,
    /// The events, spans and degraded records, ordered by time of observation.
    pub events: Vec<RecordRow>,
    /// The artifacts, ordered by ref.
    pub artifacts: Vec<ArtifactRow>,
    /// The lineage edges of the run and of its stages, batches, artifacts and deployments, ordered by ref.
    pub relations: Vec<LineageEdge>,
    /// The newest provenance record about a lineage edge of the run or of one of its stages, artifacts and
    /// deployments.
    pub provenance: Option<ProvenanceRecord>,
    /// Links to the run and its parts.
    pub evidence_links: Vec<EvidenceLink>,
    /// Codes of parts that the run does not have, such as `artifact_list_empty`.
    pub completeness_notes: Vec<String>,
    /// Notes on missing, contradictory and unusual data.
    pub notes: Vec<Note>,
}

/// Returns everything known about one run. `run` is the run's ref, its id, its name, or a prefix of its id or name.
/// `attempts` determines whether the summaries contain the metric points that a later attempt superseded.
pub fn run_snapshot(store: &Store, run: &str, attempts: Attempts) -> Result<RunSnapshot> {
    store.read(|view| snapshot(view, run, attempts))
}

/// Returns the snapshot of the run that an artifact belongs to; `None` if there is no such artifact. Error: the run of
/// the artifact is not in the workspace.
pub fn artifact_origin(store: &Store, artifact: &str) -> Result<Option<RunSnapshot>> {
    store.read(|view| {
        let artifact = match view.find_artifact(artifact)? {
            Some(artifact) => artifact.manifest,
            None => return Ok(None),
        };
        match snapshot(view, artifact.run_ref.as_str(), Attempts::Newest) {
            Err(Error::Store(store::Error::RunNotFound { .. })) => Err(Error::ArtifactOriginIncomplete {
                artifact: artifact.artifact_ref.to_string(),
                run: artifact.run_ref.to_string(),
            }),
            found => found.map(Some),
        }
    })
}

/// The parts of a run that services other than the snapshot need.
#[derive(Debug, Clone)]
pub(in crate::interpretation) struct Outline {
    pub(in crate::interpretation) run: RunRow,
    pub(in crate::interpretation) deployments: Vec<DeploymentExecution>,
    pub(in crate::interpretation) stages: Vec<StageRow>,
    pub(in crate::interpretation) batches: Vec<BatchExecution>,
    pub(in crate::interpretation) samples: Vec<SampleObservation>,
    pub(in crate::interpretation) metrics: Vec<SeriesRow>,
    pub(in crate::interpretation) artifacts: Vec<ArtifactRow>,
    pub(in crate::interpretation) relations: Vec<LineageEdge>,
    pub(in crate::interpretation) provenance: Option<ProvenanceRecord>,
    pub(in crate::interpretation) evidence_links: Vec<EvidenceLink>,
    pub(in crate::interpretation) completeness_notes: Vec<String>,
    /// Notes on incomplete, contradictory and unusual data.
    pub(in crate::interpretation) notes: Vec<Note>,
}

/// Reads the outline of a run: all its parts except the records.
pub(in crate::interpretation) fn outline(
    view: &StoreView<'_>,
    run: &str,
    attempts: Attempts,
) -> Result<Outline> {
    outline_of_run(view, view.find_run(run)?, attempts)
}

/// Reads the outline of a run that was already looked up.
pub(in crate::interpretation) fn outline_of_run(
    view: &StoreView<'_>,
    run: RunRow,
    attempts: Attempts,
) -> Result<Outline> {
    outline_of(view, run, attempts, None)
}

/// Reads the outline of a run. `stamps` contains the stamps of all records of the run in the order of the
/// records. `stamps` is `None` if the stamps have not been read.
fn outline_of(
    view: &StoreView<'_>,
    run: RunRow,
    attempts: Attempts,
    stamps: Option<&[Stamp]>,
) -> Result<Outline> {
    let own = &run.run_ref;
    let mut stages = view.stages(own)?;
    for stage in &mut stages {
        stage.is_interrupted = stage.status == RunStatus::Open && run.interrupted_at.is_some();
    }
    let (batches, mut notes) = view.batches(own, None)?;
    let (samples, more) = view.samples(own, None, None)?;
    notes.extend(more);
    let deployments = view.deployments_of(own)?;
    let artifacts = view.artifacts(Some(own))?;
    let metrics = view.summaries(own, attempts)?;
    let mut relations = BTreeMap::new();
    let ends = [&**own].into_iter().chain(stages.iter().map(|s| &*s.stage_ref));
    let ends = ends.chain(deployments.iter().map(|d| &*d.deployment_execution_ref));
    for end in ends.chain(artifacts.iter().map(|a| &*a.manifest.artifact_ref)) {
        for edge in view.relations_of(end)? {
            relations.insert(edge.relation_ref.clone(), edge);
        }
    }
    let provenance = newest_provenance(view, relations.keys())?;
    for batch in &batches {
        for edge in view.relations_of(&batch.batch_execution_ref)? {
            relations.insert(edge.relation_ref.clone(), edge);
        }
    }
    let relations: Vec<LineageEdge> = relations.into_values().collect();
    let mut outline = Outline {
        run,
        deployments,
        stages,
        batches,
        samples,
        metrics,
        artifacts,
        relations,
        provenance,
        evidence_links: Vec::new(),
        completeness_notes: Vec::new(),
        notes,
    };
    let first = match stamps {
        Some(stamps) => stamps.iter().take(LINKS_MAX).copied().collect(),
        None => first_records(view, &outline)?,
    };
    outline.evidence_links = links(view, &outline, &first)?;
    outline.completeness_notes = missing_parts(view, &outline)?;
    let more = unusual(&outline);
    outline.notes.extend(more);
    Ok(outline)
}

/// Returns the newest provenance record about one of the edges in `edges`.
fn newest_provenance<'r>(
    view: &StoreView<'_>,
    edges: impl Iterator<Item = &'r RelationRef>,
) -> Result<Option<ProvenanceRecord>> {
    let mut newest: Option<ProvenanceRecord> = None;
    let order = |r: &ProvenanceRecord| (r.asserted_at, r.relation_ref.clone(), r.provenance_ref.clone());
    for edge in edges {
        for record in view.provenance_of(edge)? {
            if newest.as_ref().is_none_or(|newest| order(newest) < order(&record)) {
                newest = Some(record);
            }
        }
    }
    Ok(newest)
}

/// Returns links to the run and its parts. `first` contains the stamps of the records that are linked.
fn links(view: &StoreView<'_>, outline: &Outline, first: &[Stamp]) -> Result<Vec<EvidenceLink>> {
    let mut links = vec![EvidenceLink::new("run", &outline.run.run_ref, &outline.run.name)];
    let deployment = |d: &DeploymentExecution| {
        EvidenceLink::new("deployment", &d.deployment_execution_ref, &d.deployment_name)
    };
    links.extend(outline.deployments.iter().map(deployment));
    links.extend(outline.stages.iter().map(|s| EvidenceLink::new("stage", &s.stage_ref, &s.name)));
    let batch = |b: &BatchExecution| EvidenceLink::new("batch", &b.batch_execution_ref, &b.batch_name);
    links.extend(outline.batches.iter().map(batch));
    let sample =
        |s: &SampleObservation| EvidenceLink::new("sample", &s.sample_observation_ref, &s.sample_name);
    links.extend(outline.samples.iter().take(LINKS_MAX).map(sample));
    let artifact =
        |a: &ArtifactRow| EvidenceLink::new("artifact", &a.manifest.artifact_ref, &a.manifest.artifact_kind);
    links.extend(outline.artifacts.iter().map(artifact));
    let (records, _) = view.records_with_stamps(first, &[])?;
    links.extend(records.iter().map(|row| {
        let line = record_line(&row.record);
        EvidenceLink::new("record", &row.record.envelope().record_ref, line.key)
    }));
    Ok(unique(links))
}

/// Returns the stamps of the earliest records of a run. If the run has more than [`POINTS_EXACT_MAX`] metric points,
/// only the first point of each series is considered.
fn first_records(view: &StoreView<'_>, outline: &Outline) -> Result<Vec<Stamp>> {
    let run = &outline.run.run_ref;
    let points: u64 = outline.metrics.iter().map(|row| row.count).sum();
    let mut stamps = if points <= POINTS_EXACT_MAX {
        view.record_stamps(run, &FAMILIES, None)?
    } else {
        let mut stamps = view.record_stamps(run, &WITHOUT_METRICS, None)?;
        stamps.extend(outline.metrics.iter().map(|row| row.first.stamp));
        stamps.sort_unstable();
        stamps
    };
    stamps.truncate(LINKS_MAX);
    Ok(stamps)
}

/// Returns the codes of the parts that a run does not have.
fn missing_parts(view: &StoreView<'_>, outline: &Outline) -> Result<Vec<String>> {
    let counts = view.record_counts(&outline.run.run_ref)?;
    let mut missing = Vec::new();
    let mut note = |is_missing: bool, code: &str| {
        if is_missing {
            missing.push(code.to_owned());
        }
    };
    note(outline.stages.is_empty(), "stage_list_empty");
    note(outline.deployments.is_empty(), "deployment_list_empty");
    note(!outline.stages.is_empty() && outline.batches.is_empty(), "batch_list_empty");
    note(!outline.batches.is_empty() && outline.samples.is_empty(), "sample_list_empty");
    note(outline.artifacts.is_empty(), "artifact_list_empty");
    note(outline.relations.is_empty(), "relation_scope_empty");
    note(counts.is_empty() && outline.metrics.is_empty(), "record_scope_empty");
    note(outline.provenance.is_none(), "provenance_missing");
    for stage in &outline.stages {
        let measured = outline.metrics.iter().any(|row| row.key.stage_ref.as_ref() == Some(&stage.stage_ref));
        let has_records = measured || counts.contains_key(&Some(stage.stage_ref.clone()));
        note(!has_records, &format!("missing_stage_records:{}", stage.name));
    }
    Ok(missing)
}

pub(in crate::interpretation) fn snapshot(
    view: &StoreView<'_>,
    run: &str,
    attempts: Attempts,
) -> Result<RunSnapshot> {
    let run = view.find_run(run)?;
    let stamps = view.record_stamps(&run.run_ref, &FAMILIES, None)?;
    let outline = outline_of(view, run, attempts, Some(&stamps))?;
    let own = &outline.run.run_ref;
    let writers = view.writers(own)?;
    let mut page = record_page::page_of(view, &writers, &stamps, &RecordQuery::default())?;
    let (events, event_notes) = view.records(own, &writers)?;
    let mut notes = [view.notes(), outline.notes, event_notes].concat();
    // The notes of the records and the notes of the events can contain the same note.
    notes.extend(std::mem::take(&mut page.notes));
    notes.dedup();
    Ok(RunSnapshot {
        environments: view.environments(own)?,
        writers,
        deployments: with_projects(view, outline.deployments)?,
        stages: outline.stages,
        batches: outline.batches,
        samples: outline.samples,
        metrics: outline.metrics,
        records: page,
        events,
        artifacts: outline.artifacts.into_iter().map(|artifact| view.with_sha256(artifact)).collect(),
        relations: outline.relations,
        provenance: outline.provenance,
        evidence_links: outline.evidence_links,
        completeness_notes: outline.completeness_notes,
        notes,
        run: outline.run,
    })
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
        note.with("metric", row.key.metric()).with("stage", row.stage_name.as_deref().unwrap_or("(run)"))
    })
}

/// Returns notes on missing and conflicting facts of a run.
pub(super) fn run_notes(run: &RunRow) -> Vec<Note> {
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

/// Returns notes on contradictory and unusual data of a run.
fn unusual(s: &Outline) -> Vec<Note> {
    let mut notes = run_notes(&s.run);
    notes.extend(s.stages.iter().filter_map(|g| time_order(&g.stage_ref, g.started_at, g.ended_at)));
    notes.extend(non_finite_notes(&s.metrics));
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
