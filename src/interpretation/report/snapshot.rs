//! The report on one run.

use crate::contract::{DeploymentExecution, SampleObservation};
use crate::interpretation::diagnostics::{DiagnosticsPolicy, DiagnosticsResult, diagnose};
use crate::interpretation::error::Result;
use crate::interpretation::evidence::{CompletenessNote, add_new};
use crate::interpretation::query::snapshot::snapshot;
use crate::interpretation::query::{RunSnapshot, record_line};
use crate::interpretation::report::model::{Block, Cell, Excerpt, ReportDocument, ReportSection, Table};
use crate::interpretation::report::parts::{
    NO_STAGE, SERIES_COLUMNS, completeness, diagnostics, name_table, of_kinds, series_cells,
};
use crate::interpretation::report::policy::ReportPolicy;
use crate::store::{Attempts, RunRow, Store};

/// The number of samples that the lines of the report name.
const SAMPLES_MAX: usize = 20;

/// Reads a snapshot of a run and its diagnosis at one position of the log.
pub fn read_snapshot(
    store: &Store,
    run: &str,
    policy: &DiagnosticsPolicy,
) -> Result<(RunSnapshot, DiagnosticsResult)> {
    store.read(|view| {
        let snapshot = snapshot(view, run, Attempts::Newest)?;
        let diagnosis = diagnose(view, snapshot.run.run_ref.as_str(), policy)?;
        Ok((snapshot, diagnosis))
    })
}

/// Builds the report on a snapshot of a run without a diagnosis. Equal snapshots give equal reports.
pub fn snapshot_report(snapshot: &RunSnapshot) -> ReportDocument {
    build(snapshot, None, &ReportPolicy::default())
}

/// Builds the report on a snapshot of a run and on its diagnosis. Equal answers give equal reports.
pub fn diagnosed_snapshot_report(
    snapshot: &RunSnapshot,
    diagnosis: &DiagnosticsResult,
    policy: &ReportPolicy,
) -> ReportDocument {
    build(snapshot, Some(diagnosis), policy)
}

fn build(
    snapshot: &RunSnapshot,
    diagnosis: Option<&DiagnosticsResult>,
    policy: &ReportPolicy,
) -> ReportDocument {
    let mut sections = vec![
        summary(snapshot),
        stages(snapshot),
        artifacts(snapshot, policy),
        batches(snapshot),
        deployments(snapshot),
        samples(snapshot),
    ];
    sections.extend(diagnosis.map(diagnostics));
    let mut missing = Vec::new();
    add_new(&mut missing, snapshot.completeness_notes.iter().map(CompletenessNote::warning));
    add_new(&mut missing, diagnosis.into_iter().flat_map(|diagnosis| diagnosis.completeness_notes.clone()));
    sections.extend(completeness(policy, &missing, &snapshot.notes));
    sections.extend(provenance(snapshot).filter(|_| policy.include_lineage_summary));
    policy.document(&format!("Run Snapshot Report: {}", snapshot.run.run_ref), sections)
}

/// Builds a short report on a run: the facts and annotations, and the notes.
pub fn summary_report(snapshot: &RunSnapshot) -> ReportDocument {
    let summary = ReportSection::of_lines("", run_lines(&snapshot.run), "");
    let notes = ReportSection::new("Notes", Block::Notes(snapshot.notes.clone()));
    ReportDocument {
        title: snapshot.run.run_ref.to_string(),
        sections: vec![summary.with_blocks(run_blocks(&snapshot.run)), notes],
    }
}

fn run_lines(run: &RunRow) -> Vec<String> {
    vec![
        format!("run_id: {}", run.run_ref),
        format!("name: {}", run.name),
        format!("status: {}", run.shown_status()),
        format!("project: {}", run.project_name),
    ]
}

fn summary(snapshot: &RunSnapshot) -> ReportSection {
    let mut blocks = run_blocks(&snapshot.run);
    let count = |name: &str, count: usize| (name.to_owned(), Cell::Count(count as u64));
    blocks.push(Block::Pairs(vec![
        count("Stages", snapshot.stages.len()),
        count("Artifacts", snapshot.artifacts.len()),
        count("Records", snapshot.records.total),
        count("Missing parts", snapshot.completeness_notes.len()),
    ]));
    blocks.extend(writers(snapshot));
    blocks.extend(Block::headed("Environment", environment(snapshot)));
    let links = of_kinds(&snapshot.evidence_links, &["run"]);
    let section = ReportSection::of_lines("Run Summary", run_lines(&snapshot.run), "");
    section.with_blocks(blocks).with_links(links)
}

/// Returns the facts of a run, its parameters, tags, metadata and notes.
fn run_blocks(run: &RunRow) -> Vec<Block> {
    let values = |values: &std::collections::BTreeMap<String, crate::contract::Value>, heading: &str| {
        name_table(heading, values.iter().map(|(name, value)| (name.clone(), Cell::text(value))))
    };
    let tags = name_table("Tag", run.tags.iter().map(|(name, value)| (name.clone(), Cell::text(value))));
    let notes = run.notes.iter().map(|(at, text)| vec![Cell::Time(*at), Cell::text(text)]);
    let mut blocks = vec![Block::Pairs(run_facts(run))];
    blocks.extend(Block::headed("Parameters", values(&run.params, "Parameter")));
    blocks.extend(Block::headed("Tags", tags));
    blocks.extend(Block::headed("Metadata", values(&run.metadata, "Member")));
    blocks.extend(Block::headed("Notes", Table::new(&["Time", "Note"], notes.collect())));
    blocks
}

fn run_facts(run: &RunRow) -> Vec<(String, Cell)> {
    let mut facts = vec![
        ("Run".to_owned(), Cell::text(&run.run_ref)),
        ("Name".to_owned(), Cell::text(&run.name)),
        ("Project".to_owned(), Cell::text(&run.project_name)),
        ("Status".to_owned(), Cell::text(run.shown_status())),
        ("Started".to_owned(), Cell::time(run.started_at)),
        ("Duration".to_owned(), Cell::duration(run.started_at, run.ended_at)),
    ];
    for (name, value) in [
        ("Description", &run.description),
        ("Code revision", &run.code_revision),
        ("Data set", &run.dataset_ref),
        ("Command", &run.command),
        ("End", &run.end_message),
    ] {
        facts.extend(value.as_ref().map(|value| (name.to_owned(), Cell::text(value))));
    }
    if let Some(at) = run.interrupted_at {
        facts.push(("Last sign of life".to_owned(), Cell::time(Some(at))));
    }
    if run.attempts > 1 {
        facts.push(("Attempts".to_owned(), Cell::text(run.attempts)));
    }
    facts
}

/// Returns the table of the writers of a run. Returns nothing if no writer has a label and there are fewer than two
/// writers.
fn writers(snapshot: &RunSnapshot) -> Vec<Block> {
    if !snapshot.writers.iter().any(|writer| writer.label.is_some()) && snapshot.writers.len() < 2 {
        return Vec::new();
    }
    let rows = snapshot.writers.iter().map(|writer| {
        vec![
            Cell::Count(writer.attempt as u64),
            Cell::text(writer.joined.as_str()),
            Cell::optional(writer.label.as_ref()),
            Cell::text(writer.shown_status()),
            Cell::time(Some(writer.started_at)),
            Cell::duration(Some(writer.started_at), writer.ended_at),
        ]
    });
    let columns = ["Attempt", "Writer", "Label", "Status", "Started", "Duration"];
    Block::headed("Writers", Table::new(&columns, rows.collect()))
}

fn environment(snapshot: &RunSnapshot) -> Table {
    let mut rows = Vec::new();
    let mut add = |name: &str, value: &str| rows.push(vec![Cell::text(name), Cell::text(value)]);
    for row in &snapshot.environments {
        let environment = &row.snapshot;
        add("platform", &environment.platform);
        environment.python_version.iter().for_each(|version| add("python", version));
        if let Some(runtime) = &environment.runtime {
            add(&runtime.name, &runtime.version);
        }
        if let Some(host) = &environment.host {
            let names =
                [("host", &host.name), ("os", &host.os), ("kernel", &host.kernel), ("cpu", &host.cpu)];
            names.iter().for_each(|(name, text)| text.iter().for_each(|text| add(name, text)));
            let numbers = [
                ("cpu count", host.cpu_count),
                ("memory bytes", host.memory_bytes),
                ("cpu limit (thousandths)", host.cpu_limit_millis),
                ("memory limit bytes", host.memory_limit_bytes),
            ];
            numbers.iter().for_each(|(name, n)| n.iter().for_each(|n| add(name, &n.to_string())));
        }
        if let Some(code) = &environment.code {
            code.branch.iter().for_each(|branch| add("branch", branch));
            code.remote.iter().for_each(|remote| add("remote", remote));
            code.dirty.iter().for_each(|dirty| add("uncommitted change", if *dirty { "yes" } else { "no" }));
            code.diff_left_out.iter().for_each(|reason| add("change not recorded", reason));
        }
        environment.devices.iter().for_each(|device| add("device", &device.name));
        environment.packages.iter().for_each(|(name, version)| add(name, version));
        environment.environment_variables.iter().for_each(|(name, value)| add(&format!("${name}"), value));
    }
    Table::new(&["Name", "Value"], rows).excerpt(Excerpt::First)
}

fn stages(snapshot: &RunSnapshot) -> ReportSection {
    let line = |stage: &crate::store::StageRow| {
        format!("{}: status={}, stage_id={}", stage.name, stage.shown_status(), stage.stage_ref)
    };
    let rows = snapshot.stages.iter().map(|stage| {
        vec![
            Cell::text(&stage.name),
            Cell::text(stage.shown_status()),
            Cell::time(stage.started_at),
            Cell::duration(stage.started_at, stage.ended_at),
            Cell::text(&stage.stage_ref),
        ]
    });
    let table = Table::new(&["Stage", "Status", "Started", "Duration", "Ref"], rows.collect()).details(1);
    let mut blocks = vec![Block::table(table, "No stages.")];
    blocks.extend(Block::headed("Metrics", metrics(snapshot)));
    blocks.extend(Block::headed("Events", events(snapshot)));
    let lines = snapshot.stages.iter().map(line).collect();
    let links = of_kinds(&snapshot.evidence_links, &["stage"]);
    ReportSection::of_lines("Stages", lines, "No stages.").with_blocks(blocks).with_links(links)
}

fn metrics(snapshot: &RunSnapshot) -> Table {
    let rows = snapshot.metrics.iter().map(|series| {
        let stage = series.stage_name.as_deref().unwrap_or(NO_STAGE);
        let mut cells = vec![Cell::text(stage), Cell::Text(series.key.metric())];
        cells.extend(series_cells(series));
        cells.push(Cell::optional(series.first.step));
        cells.push(Cell::optional((!series.units.is_empty()).then(|| series.units.join(", "))));
        cells
    });
    let columns = [&["Stage", "Metric"], &SERIES_COLUMNS[..], &["First step", "Unit"]].concat();
    Table::new(&columns, rows.collect()).details(3)
}

fn events(snapshot: &RunSnapshot) -> Table {
    let rows = snapshot.events.iter().map(|row| {
        let line = record_line(&row.record);
        vec![
            Cell::Time(line.observed_at),
            Cell::Text(line.level),
            Cell::Text(line.key),
            Cell::Text(line.message),
        ]
    });
    Table::new(&["Observed", "Level", "Key", "Message"], rows.collect()).excerpt(Excerpt::Last)
}

fn artifacts(snapshot: &RunSnapshot, policy: &ReportPolicy) -> ReportSection {
    let manifests = || snapshot.artifacts.iter().map(|artifact| &artifact.manifest);
    let lines = manifests()
        .map(|m| format!("{}: ref={}, location={}", m.artifact_kind, m.artifact_ref, m.location_ref));
    let rows = snapshot.artifacts.iter().map(|artifact| {
        let m = &artifact.manifest;
        vec![
            Cell::text(&m.artifact_ref),
            Cell::text(&m.artifact_kind),
            Cell::optional(artifact.size_bytes()),
            m.hash_value.clone().map_or(Cell::Missing, Cell::Digest),
            Cell::text(&m.location_ref),
        ]
    });
    let columns = ["Artifact", "Kind", "Bytes", "SHA-256", "Location"];
    let mut blocks = vec![Block::table(Table::new(&columns, rows.collect()).details(1), "No artifacts.")];
    if policy.include_lineage_summary {
        blocks.extend(Block::headed("Lineage", lineage(snapshot)));
    }
    let links = of_kinds(&snapshot.evidence_links, &["artifact"]);
    ReportSection::of_lines("Artifacts", lines.collect(), "No artifacts.")
        .with_blocks(blocks)
        .with_links(links)
}

fn lineage(snapshot: &RunSnapshot) -> Table {
    let rows = snapshot.relations.iter().map(|edge| {
        vec![
            Cell::text(&edge.source_ref),
            Cell::Text(edge.relation_type.as_str().replace('_', " ")),
            Cell::text(&edge.target_ref),
        ]
    });
    Table::new(&["Source", "Relation", "Target"], rows.collect())
}

fn batches(snapshot: &RunSnapshot) -> ReportSection {
    let lines = snapshot.batches.iter().map(|batch| {
        let stage = batch.stage_execution_ref.last_component();
        let order = batch.order_index.unwrap_or(0);
        format!("{}: stage={stage}, status={}, order={order}", batch.batch_name, batch.status.as_str())
    });
    let rows = snapshot.batches.iter().map(|batch| {
        vec![
            Cell::text(&batch.batch_name),
            Cell::text(batch.stage_execution_ref.last_component()),
            Cell::text(batch.status.as_str()),
            Cell::Count(batch.order_index.unwrap_or(0)),
            Cell::Time(batch.started_at),
            Cell::duration(Some(batch.started_at), batch.ended_at),
        ]
    });
    let columns = ["Batch", "Stage", "Status", "Order", "Started", "Duration"];
    let table = Table::new(&columns, rows.collect()).excerpt(Excerpt::First);
    let links = of_kinds(&snapshot.evidence_links, &["batch"]);
    ReportSection::of_lines("Batches", lines.collect(), "No batches.")
        .with_blocks([Block::table(table, "No batches.")])
        .with_links(links)
}

fn deployments(snapshot: &RunSnapshot) -> ReportSection {
    let line = |deployment: &DeploymentExecution| {
        let mut line = format!("{}: status={}", deployment.deployment_name, deployment.status.as_str());
        line.extend(deployment.run_ref.iter().map(|run| format!(", run_id={run}")));
        line.extend(deployment.artifact_ref.iter().map(|artifact| format!(", artifact_ref={artifact}")));
        line
    };
    let all = || snapshot.deployments.iter().map(|(deployment, _)| deployment);
    let rows = all().map(|deployment| {
        vec![
            Cell::text(&deployment.deployment_name),
            Cell::text(deployment.status.as_str()),
            Cell::optional(deployment.artifact_ref.as_ref()),
            Cell::Time(deployment.started_at),
            Cell::optional(deployment.run_ref.as_ref()),
        ]
    });
    let columns = ["Deployment", "Status", "Artifact", "Started", "Run"];
    let table = Table::new(&columns, rows.collect()).details(1);
    let links = of_kinds(&snapshot.evidence_links, &["deployment"]);
    ReportSection::of_lines("Deployments", all().map(line).collect(), "No deployments.")
        .with_blocks([Block::table(table, "No deployments.")])
        .with_links(links)
}

fn samples(snapshot: &RunSnapshot) -> ReportSection {
    let line = |sample: &SampleObservation| {
        let mut line = format!("{}: observed_at={}", sample.sample_name, sample.observed_at);
        line.extend(sample.retention_class.iter().map(|class| format!(", retention={class}")));
        line.extend(sample.redaction_profile.iter().map(|profile| format!(", redaction={profile}")));
        line
    };
    let mut lines: Vec<String> = snapshot.samples.iter().take(SAMPLES_MAX).map(line).collect();
    let more = snapshot.samples.len().saturating_sub(SAMPLES_MAX);
    if more > 0 {
        lines.push(format!("... and {more} more."));
    }
    let rows = snapshot.samples.iter().map(|sample| {
        vec![
            Cell::text(&sample.sample_name),
            Cell::Time(sample.observed_at),
            Cell::optional(sample.retention_class.as_ref()),
            Cell::optional(sample.redaction_profile.as_ref()),
        ]
    });
    let columns = ["Sample", "Observed", "Retention", "Redaction"];
    let table = Table::new(&columns, rows.take(SAMPLES_MAX).collect());
    let mut blocks = vec![Block::table(table, "No samples.")];
    if more > 0 {
        blocks.push(Block::Text(format!("... and {more} more.")));
    }
    let links = of_kinds(&snapshot.evidence_links, &["sample"]);
    ReportSection::of_lines("Samples", lines, "No samples.").with_blocks(blocks).with_links(links)
}

/// Returns the section on the provenance; `None` if the run has none.
fn provenance(snapshot: &RunSnapshot) -> Option<ReportSection> {
    let record = snapshot.provenance.as_ref()?;
    let members = [
        ("provenance_ref", Cell::text(&record.provenance_ref)),
        ("relation_ref", Cell::text(&record.relation_ref)),
        ("assertion_mode", Cell::text(record.assertion_mode.as_str())),
        ("asserted_at", Cell::Time(record.asserted_at)),
    ];
    let lines = members.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let mut pairs = members.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let more = [
        ("formation_context_ref", record.formation_context_ref.as_ref().map(ToString::to_string)),
        ("policy_ref", record.policy_ref.clone()),
        ("evidence_bundle_ref", record.evidence_bundle_ref.as_ref().map(ToString::to_string)),
    ];
    let known = more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Cell::Text(value?))));
    pairs.extend(known);
    let links = of_kinds(&snapshot.evidence_links, &["run", "artifact"]);
    let section = ReportSection::of_lines("Provenance", lines, "");
    Some(section.with_blocks([Block::Pairs(pairs)]).with_links(links))
}
