//! `contexta run show`

use crate::contract::AnyRecord;
use crate::interpretation::{RunSnapshot, query};
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::{Cli, RunArgs};
use crate::surfaces::cli::commands::existing;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::text::{duration, heading, second, series_name, short, table};
use crate::surfaces::wire;

/// Events shown; the JSON answer has all.
const RECORDS_MAX: usize = 20;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RunArgs, out: &Output) -> Outcome {
    let snapshot = existing(cli)?.run_snapshot(&args.run)?;
    out.notes(&snapshot.notes);
    if out.is_json() {
        out.json(&wire::run_snapshot(&snapshot))?;
    } else {
        out.text(&text(out, &snapshot))?;
    }
    Ok(0)
}

fn text(out: &Output, s: &RunSnapshot) -> String {
    let run = &s.run;
    let mut facts = vec![
        vec!["Run".to_owned(), run.run_ref.to_string()],
        vec!["Name".to_owned(), run.name.clone()],
        vec!["Project".to_owned(), run.project_name.clone()],
        vec!["Status".to_owned(), run.status.to_string()],
        vec!["Started".to_owned(), second(run.started_at)],
        vec!["Took".to_owned(), duration(run.started_at, run.ended_at)],
    ];
    for (name, value) in [
        ("Description", &run.description),
        ("Code", &run.code_revision),
        ("Data set", &run.dataset_ref),
        ("Command", &run.command),
    ] {
        facts.extend(value.as_ref().map(|v| vec![name.to_owned(), v.clone()]));
    }
    facts.extend(run.tags.iter().map(|(k, v)| vec![format!("Tag {k}"), v.clone()]));
    facts.extend(s.environments.iter().map(|e| vec!["Platform".to_owned(), e.snapshot.platform.clone()]));
    let mut text = table(out, &["", ""], &facts, "");

    text.push_str(&heading(out, "Parameters"));
    let params: Vec<_> = run.params.iter().map(|(k, v)| vec![k.clone(), v.to_string()]).collect();
    text.push_str(&table(out, &["", ""], &params, "none"));

    text.push_str(&heading(out, "Stages"));
    let stages: Vec<_> = s
        .stages
        .iter()
        .map(|g| {
            vec![
                g.name.clone(),
                g.status.to_string(),
                second(g.started_at),
                duration(g.started_at, g.ended_at),
            ]
        })
        .collect();
    text.push_str(&table(out, &["STAGE", "STATUS", "STARTED", "TOOK"], &stages, "none"));

    text.push_str(&heading(out, "Metrics"));
    let metrics: Vec<_> = s
        .metrics
        .iter()
        .map(|m| {
            let (first, last) = (m.first.value.as_f64(), m.last.value.as_f64());
            vec![series_name(m), m.count.to_string(), short(first), short(last), short(m.min), short(m.max)]
        })
        .collect();
    text.push_str(&table(out, &["METRIC", "POINTS", "FIRST", "LAST", "MIN", "MAX"], &metrics, "none"));

    text.push_str(&heading(out, "Artifacts"));
    let artifacts: Vec<_> = s
        .artifacts
        .iter()
        .map(|a| {
            let m = &a.manifest;
            let size = m.size_bytes.map_or_else(|| "-".to_owned(), |n| n.to_string());
            let hash = m.hash_value.as_deref().unwrap_or("-").chars().take(16).collect();
            vec![m.artifact_ref.to_string(), m.artifact_kind.clone(), size, hash]
        })
        .collect();
    text.push_str(&table(out, &["ARTIFACT", "KIND", "BYTES", "SHA-256"], &artifacts, "none"));

    text.push_str(&heading(out, "Lineage"));
    let relation = |e: &crate::contract::LineageEdge| {
        vec![e.source_ref.to_string(), e.relation_type.as_str().replace('_', " "), e.target_ref.to_string()]
    };
    let relations: Vec<_> = s.relations.iter().map(relation).collect();
    text.push_str(&table(out, &["", "", ""], &relations, "none"));

    text.push_str(&heading(out, "Events"));
    let skipped = s.records.len().saturating_sub(RECORDS_MAX);
    let records: Vec<_> = s.records.iter().skip(skipped).map(|r| record(&r.record)).collect();
    if skipped > 0 {
        text.push_str(&format!("({skipped} earlier ones)\n"));
    }
    text.push_str(&table(out, &["OBSERVED", "LEVEL", "KEY", "MESSAGE"], &records, "none"));
    text
}

fn record(record: &AnyRecord) -> Vec<String> {
    let line = query::record_line(record);
    vec![second(Some(line.observed_at)), line.level, line.key, line.message]
}
