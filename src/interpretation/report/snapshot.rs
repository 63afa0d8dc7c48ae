//! The report on one run.

use crate::interpretation::query::{RunSnapshot, record_line};
use crate::interpretation::report::model::{Block, Cell, Excerpt, ReportDocument, ReportSection, Table};
use crate::store::{Note, RunRow, SeriesRow};

/// The text that tables show instead of the name of a stage, for a series outside any stage.
pub(super) const NO_STAGE: &str = "(run)";

/// Builds the report on everything known about one run. Equal snapshots give equal reports.
pub fn snapshot_report(snapshot: &RunSnapshot) -> ReportDocument {
    let summary = ReportSection::new("Run Summary", Block::Pairs(run_facts(&snapshot.run)));
    let mut sections = vec![summary, parameters(&snapshot.run)];
    sections.extend(writers(snapshot));
    sections.extend([
        stages(snapshot),
        metrics(snapshot),
        artifacts(snapshot),
        lineage(snapshot),
        events(snapshot),
        environment(snapshot),
        notes_section(&snapshot.notes),
    ]);
    ReportDocument { title: format!("Run Snapshot Report: {}", snapshot.run.run_ref), sections }
}

/// Builds a short report on a run: the first section of [`snapshot_report`], and the notes.
pub fn summary_report(snapshot: &RunSnapshot) -> ReportDocument {
    let summary = ReportSection::new("", Block::Pairs(run_facts(&snapshot.run)));
    ReportDocument {
        title: snapshot.run.run_ref.to_string(),
        sections: vec![summary, notes_section(&snapshot.notes)],
    }
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
    facts.extend(run.notes.iter().map(|(_, note)| ("Note".to_owned(), Cell::text(note))));
    facts.extend(run.metadata.iter().map(|(key, value)| (format!("Metadata {key}"), Cell::text(value))));
    facts.extend(run.tags.iter().map(|(key, value)| (format!("Tag {key}"), Cell::text(value))));
    facts
}

fn parameters(run: &RunRow) -> ReportSection {
    let rows = run.params.iter().map(|(key, value)| vec![Cell::text(key), Cell::text(value)]);
    ReportSection::table("Parameters", Table::new(&["Parameter", "Value"], rows.collect()), "No parameters.")
}

/// Builds the table of the writers of a run. Returns `None` if no writer has a label and there are fewer than two
/// writers.
fn writers(snapshot: &RunSnapshot) -> Option<ReportSection> {
    if !snapshot.writers.iter().any(|writer| writer.label.is_some()) && snapshot.writers.len() < 2 {
        return None;
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
    Some(ReportSection::table("Writers", Table::new(&columns, rows.collect()), "No writers."))
}

fn stages(snapshot: &RunSnapshot) -> ReportSection {
    let rows = snapshot.stages.iter().map(|stage| {
        vec![
            Cell::text(&stage.name),
            Cell::text(stage.shown_status()),
            Cell::time(stage.started_at),
            Cell::duration(stage.started_at, stage.ended_at),
        ]
    });
    let table = Table::new(&["Stage", "Status", "Started", "Duration"], rows.collect());
    ReportSection::table("Stages", table, "No stages.")
}

fn stage_name(row: &SeriesRow) -> &str {
    row.stage_name.as_deref().unwrap_or(NO_STAGE)
}

fn metrics(snapshot: &RunSnapshot) -> ReportSection {
    let rows = snapshot.metrics.iter().map(|series| {
        vec![
            Cell::text(stage_name(series)),
            Cell::text(series.key.metric()),
            Cell::Count(series.count),
            Cell::measured(&series.first.value),
            Cell::measured(&series.last.value),
            series.min.as_ref().map_or(Cell::Missing, Cell::measured),
            series.max.as_ref().map_or(Cell::Missing, Cell::measured),
        ]
    });
    let columns = ["Stage", "Metric", "Points", "First", "Last", "Min", "Max"];
    ReportSection::table("Metrics", Table::new(&columns, rows.collect()), "No metrics.")
}

fn artifacts(snapshot: &RunSnapshot) -> ReportSection {
    let rows = snapshot.artifacts.iter().map(|artifact| {
        let manifest = &artifact.manifest;
        vec![
            Cell::text(&manifest.artifact_ref),
            Cell::text(&manifest.artifact_kind),
            Cell::optional(manifest.size_bytes.as_ref()),
            manifest.hash_value.clone().map_or(Cell::Missing, Cell::Digest),
        ]
    });
    let table = Table::new(&["Artifact", "Kind", "Bytes", "SHA-256"], rows.collect());
    ReportSection::table("Artifacts", table, "No artifacts.")
}

fn lineage(snapshot: &RunSnapshot) -> ReportSection {
    let rows = snapshot.relations.iter().map(|edge| {
        vec![
            Cell::text(&edge.source_ref),
            Cell::Text(edge.relation_type.as_str().replace('_', " ")),
            Cell::text(&edge.target_ref),
        ]
    });
    ReportSection::table(
        "Lineage",
        Table::new(&["Source", "Relation", "Target"], rows.collect()),
        "No lineage.",
    )
}

fn events(snapshot: &RunSnapshot) -> ReportSection {
    let rows = snapshot.events.iter().map(|row| {
        let line = record_line(&row.record);
        vec![
            Cell::Time(line.observed_at),
            Cell::Text(line.level),
            Cell::Text(line.key),
            Cell::Text(line.message),
        ]
    });
    let table = Table::new(&["Observed", "Level", "Key", "Message"], rows.collect()).excerpt(Excerpt::Last);
    ReportSection::table("Events", table, "No events.")
}

fn environment(snapshot: &RunSnapshot) -> ReportSection {
    let mut rows = Vec::new();
    let mut add = |name: &str, value: &str| rows.push(vec![Cell::text(name), Cell::text(value)]);
    for row in &snapshot.environments {
        let environment = &row.snapshot;
        add("platform", &environment.platform);
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
    let table = Table::new(&["Name", "Value"], rows).excerpt(Excerpt::First);
    ReportSection::table("Environment", table, "No environment snapshot.")
}

/// Returns the section with the notes of an answer.
pub(super) fn notes_section(notes: &[Note]) -> ReportSection {
    ReportSection::new("Completeness Notes", Block::Notes(notes.to_vec()))
}
