//! Answers into reports. Pure: the same answer gives the same report.

use crate::contract::json::write::float;
use crate::contract::{Timestamp, Value};
use crate::interpretation::compare::{MetricDelta, RunComparison};
use crate::interpretation::query::{RunSnapshot, record_line};
use crate::interpretation::report::model::{Block, ReportDocument, ReportSection};
use crate::store::{Note, RunRow, SeriesRow};

fn optional(value: &Option<impl ToString>) -> String {
    value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), float)
}

fn duration(started: Option<Timestamp>, ended: Option<Timestamp>) -> String {
    match (started, ended) {
        (Some(started), Some(ended)) => format!("{:.3} s", ended.micros_since(started) as f64 / 1e6),
        _ => "-".to_owned(),
    }
}

fn run_section(run: &RunRow) -> ReportSection {
    let mut rows = vec![
        vec!["Run".to_owned(), run.run_ref.to_string()],
        vec!["Name".to_owned(), run.name.clone()],
        vec!["Project".to_owned(), run.project_name.clone()],
        vec!["Status".to_owned(), run.status.to_string()],
        vec!["Started".to_owned(), optional(&run.started_at)],
        vec!["Duration".to_owned(), duration(run.started_at, run.ended_at)],
    ];
    for (name, value) in [
        ("Description", &run.description),
        ("Code revision", &run.code_revision),
        ("Data set", &run.dataset_ref),
        ("Command", &run.command),
    ] {
        if let Some(value) = value {
            rows.push(vec![name.to_owned(), value.clone()]);
        }
    }
    ReportSection::table("Run Summary", &["", ""], rows, "")
}

fn notes_section(notes: &[Note]) -> ReportSection {
    let line = |n: &Note| format!("{}: {} ({})", n.severity.as_str(), n.message, n.code);
    ReportSection::list("Completeness Notes", notes.iter().map(line).collect(), "Nothing is missing.")
}

fn stage_name(row: &SeriesRow) -> String {
    row.stage_ref.as_ref().map_or_else(|| "(run)".to_owned(), |s| s.last_component().to_owned())
}

/// The report on one run.
pub fn snapshot_report(s: &RunSnapshot) -> ReportDocument {
    let params = s.run.params.iter().map(|(k, v)| vec![k.clone(), v.to_string()]).collect();
    let stages = s.stages.iter().map(|stage| {
        vec![stage.name.clone(), stage.status.to_string(), duration(stage.started_at, stage.ended_at)]
    });
    let metrics = s.metrics.iter().map(|m| {
        vec![
            stage_name(m),
            m.metric_key.clone(),
            m.count.to_string(),
            m.first.value.to_string(),
            m.last.value.to_string(),
            float(m.min),
            float(m.max),
        ]
    });
    let artifacts = s.artifacts.iter().map(|a| {
        vec![
            a.manifest.artifact_ref.to_string(),
            a.manifest.artifact_kind.clone(),
            optional(&a.manifest.size_bytes),
            optional(&a.manifest.hash_value),
        ]
    });
    let records = s.records.iter().map(|r| {
        let line = record_line(&r.record);
        vec![line.observed_at.to_string(), line.level, line.key, line.message]
    });
    let relations = s.relations.iter().map(|e| {
        vec![e.source_ref.to_string(), e.relation_type.as_str().replace('_', " "), e.target_ref.to_string()]
    });
    let mut environment = Vec::new();
    for row in &s.environments {
        let snapshot = &row.snapshot;
        environment.push(vec!["platform".to_owned(), snapshot.platform.clone()]);
        if let Some(runtime) = &snapshot.runtime {
            environment.push(vec![runtime.name.clone(), runtime.version.clone()]);
        }
        environment.extend(snapshot.devices.iter().map(|d| vec!["device".to_owned(), d.name.clone()]));
        environment.extend(snapshot.packages.iter().map(|(k, v)| vec![k.clone(), v.clone()]));
        environment
            .extend(snapshot.environment_variables.iter().map(|(k, v)| vec![format!("${k}"), v.clone()]));
    }
    ReportDocument {
        title: format!("Run Snapshot Report: {}", s.run.run_ref),
        sections: vec![
            run_section(&s.run),
            ReportSection::table("Parameters", &["Parameter", "Value"], params, "No parameters."),
            ReportSection::table("Stages", &["Stage", "Status", "Duration"], stages.collect(), "No stages."),
            ReportSection::table(
                "Metrics",
                &["Stage", "Metric", "Points", "First", "Last", "Min", "Max"],
                metrics.collect(),
                "No metrics.",
            ),
            ReportSection::table(
                "Artifacts",
                &["Artifact", "Kind", "Bytes", "SHA-256"],
                artifacts.collect(),
                "No artifacts.",
            ),
            ReportSection::table("Lineage", &["", "Relation", ""], relations.collect(), "No lineage."),
            ReportSection::table(
                "Events",
                &["Observed", "Level", "Key", "Message"],
                records.collect(),
                "No events.",
            ),
            ReportSection::table("Environment", &["", ""], environment, "No environment snapshot."),
            notes_section(&s.notes),
        ],
    }
}

fn delta_rows<'a>(stage: &'a str, deltas: &'a [MetricDelta]) -> impl Iterator<Item = Vec<String>> + 'a {
    deltas.iter().map(move |d| {
        let ratio = d.change_ratio.map_or_else(|| "-".to_owned(), |r| format!("{r:.4}"));
        let key = d.metric_key.clone();
        vec![stage.to_owned(), key, number(d.left_value), number(d.right_value), number(d.delta), ratio]
    })
}

/// The report on two runs.
pub fn comparison_report(c: &RunComparison) -> ReportDocument {
    let outside = delta_rows("(run)", &c.metric_deltas);
    let metrics = outside.chain(c.stages.iter().flat_map(|s| delta_rows(&s.stage_name, &s.metric_deltas)));
    let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
    let params = c.params.iter().map(|p| vec![p.key.clone(), shown(&p.left), shown(&p.right)]);
    let status = |side: &Option<(crate::contract::StageRef, crate::contract::RunStatus)>| {
        side.as_ref().map_or_else(|| "-".to_owned(), |(_, status)| status.to_string())
    };
    let stages = c.stages.iter().map(|s| vec![s.stage_name.clone(), status(&s.left), status(&s.right)]);
    let artifacts = c.artifact_changes.iter().map(|a| {
        vec![a.artifact_kind.clone(), a.change.to_owned(), optional(&a.left_ref), optional(&a.right_ref)]
    });
    let answer = |changed: Option<bool>| match changed {
        Some(true) => "changed",
        Some(false) => "same",
        None => "not known of both",
    };
    let provenance = [
        ("Code revision", c.code_revision_changed),
        ("Data set", c.dataset_changed),
        ("Environment", c.environment_changed),
    ];
    let provenance = provenance.map(|(what, changed)| vec![what.to_owned(), answer(changed).to_owned()]);
    ReportDocument {
        title: format!("Run Comparison Report: {} vs {}", c.left.run_ref, c.right.run_ref),
        sections: vec![
            ReportSection { title: "Summary".to_owned(), blocks: vec![Block::Text(c.summary.clone())] },
            ReportSection::table(
                "Parameters",
                &["Parameter", "Left", "Right"],
                params.collect(),
                "No parameter differs.",
            ),
            ReportSection::table(
                "Metric Deltas",
                &["Stage", "Metric", "Left", "Right", "Delta", "Right / Left"],
                metrics.collect(),
                "No metric differs.",
            ),
            ReportSection::table("Stages", &["Stage", "Left", "Right"], stages.collect(), "No stages."),
            ReportSection::table(
                "Artifact Changes",
                &["Kind", "Change", "Left", "Right"],
                artifacts.collect(),
                "No artifact changes.",
            ),
            ReportSection::table("Provenance", &["", ""], provenance.to_vec(), ""),
            notes_section(&c.notes),
        ],
    }
}
