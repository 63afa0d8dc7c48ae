//! Documents of diagnoses, trends, statistics, anomalies, alerts, provenance, and lists of artifacts.

use crate::contract::MetricValue;
use crate::interpretation::aggregation::QUANTILES;
use crate::interpretation::provenance::environment::Changes;
use crate::interpretation::{
    AlertReport, AnomalyReport, ArtifactHits, BaselineDifference, Block, Cell, CompletenessNote,
    DiagnosticsIssue, DiagnosticsResult, EnvironmentDiff, MetricAggregate, MetricTrend, MultiRunComparison,
    Note, ReportDocument, ReportSection, ReproducibilityAudit, Table,
};
use crate::surfaces::markdown::completeness_line;
use crate::surfaces::terminal::short;

/// Returns sections with the notes of a service and the notes on missing data.
pub(super) fn notes(completeness: &[CompletenessNote], notes: &[Note]) -> Vec<ReportSection> {
    let mut sections = Vec::new();
    if !completeness.is_empty() {
        let lines = completeness.iter().map(completeness_line).collect();
        sections.push(ReportSection::new("Completeness notes", Block::List(lines)));
    }
    sections.push(ReportSection::new("Notes", Block::Notes(notes.to_vec())));
    sections
}

/// Returns a number with all its digits.
fn exact(number: f64) -> Cell {
    Cell::text(MetricValue::from(number))
}

/// Returns the difference from a baseline as text, such as `+0.5, +25.0 %`.
pub(super) fn difference_text(found: &BaselineDifference) -> String {
    let Some(difference) = &found.difference else { return "other unit".to_owned() };
    let sign = if difference.as_f64() > 0.0 { "+" } else { "" };
    let difference = match difference {
        MetricValue::Float(number) => short(*number),
        whole => whole.to_string(),
    };
    let step = if found.steps_differ() { ", other step" } else { "" };
    match found.percent {
        Some(percent) => format!("{sign}{difference}, {percent:+.1} %{step}"),
        None => format!("{sign}{difference}{step}"),
    }
}

fn document(title: String, sections: Vec<ReportSection>, more: Vec<ReportSection>) -> ReportDocument {
    ReportDocument { title, sections: sections.into_iter().chain(more).collect() }
}

/// Returns a document with a row for each metric and a column for each run.
pub(crate) fn compare_many(answer: &MultiRunComparison) -> ReportDocument {
    let mut columns = vec!["Stage".to_owned(), "Metric".to_owned()];
    columns.extend(answer.runs.iter().map(|run| run.run_ref.last_component().to_owned()));
    columns.push("Best".to_owned());
    let rows = answer.metric_table.iter().map(|row| {
        let mut cells = vec![Cell::optional(row.stage_name.as_ref()), Cell::text(&row.metric_key)];
        let difference = |n: usize| row.differences.get(n).and_then(Option::as_ref);
        cells.extend(row.values.iter().enumerate().map(|(n, value)| match (value, difference(n)) {
            (Some(value), Some(difference)) => {
                Cell::Text(format!("{value} ({})", difference_text(difference)))
            }
            (Some(value), None) => Cell::text(value),
            (None, _) => Cell::Missing,
        }));
        cells.push(Cell::optional(row.best_run.as_ref().map(|run| run.last_component().to_owned())));
        cells
    });
    let table = Table { columns, rows: rows.collect(), ..Table::default() };
    let runs = answer.runs.iter().map(|run| run.run_ref.to_string()).collect();
    let kinds = answer.artifact_kind_counts.iter().map(|row| {
        let mut cells = vec![Cell::text(&row.artifact_kind)];
        cells.extend(row.counts.iter().map(|count| Cell::Count(*count as u64)));
        cells
    });
    let mut kind_columns = vec!["Artifacts".to_owned()];
    kind_columns.extend(answer.runs.iter().map(|run| run.run_ref.last_component().to_owned()));
    let kinds = Table { columns: kind_columns, rows: kinds.collect(), ..Table::default() };
    let mut sections = vec![
        ReportSection::new("", Block::Text(answer.summary.clone())),
        ReportSection::new("Runs", Block::List(runs)),
        ReportSection::table("Metrics", table, "no metrics"),
    ];
    if !kinds.rows.is_empty() {
        sections.push(ReportSection::new("Artifacts", Block::Table(kinds)));
    }
    document("Comparison".to_owned(), sections, notes(&answer.completeness_notes, &answer.notes))
}

/// Returns a document with the problems of a run.
pub(crate) fn diagnosis(answer: &DiagnosticsResult) -> ReportDocument {
    let row = |issue: &DiagnosticsIssue| {
        vec![
            Cell::text(issue.severity.as_str()),
            Cell::text(issue.code),
            Cell::text(&issue.summary),
            Cell::text(&issue.subject_ref),
        ]
    };
    let issues: Vec<_> = answer.issues.iter().chain(&answer.findings).map(row).collect();
    let counts = vec![
        ("Run".to_owned(), Cell::text(&answer.run.run_ref)),
        ("Issues".to_owned(), Cell::Count(answer.issues.len() as u64)),
        ("Findings".to_owned(), Cell::Count(answer.findings.len() as u64)),
    ];
    let table = Table::new(&["Severity", "Code", "Problem", "Subject"], issues);
    let sections = vec![
        ReportSection::new("", Block::Pairs(counts)),
        ReportSection::table("Problems", table, "no problems"),
    ];
    document("Diagnosis".to_owned(), sections, notes(&answer.completeness_notes, &answer.notes))
}

/// Returns a document with a row for each artifact.
pub(crate) fn artifacts(answer: &ArtifactHits) -> ReportDocument {
    let rows = answer.artifacts.iter().map(|artifact| {
        let manifest = &artifact.manifest;
        vec![
            Cell::text(&manifest.artifact_ref),
            Cell::text(&manifest.artifact_kind),
            Cell::text(&manifest.run_ref),
            Cell::optional(artifact.size_bytes()),
        ]
    });
    let table = Table::new(&["Artifact", "Kind", "Run", "Bytes"], rows.collect());
    let sections = vec![ReportSection::table("", table, "no artifacts")];
    document("Artifacts".to_owned(), sections, notes(&[], &answer.notes))
}

/// Returns a document with a row for each run.
pub(crate) fn trend(answer: &MetricTrend) -> ReportDocument {
    let rows = answer.points.iter().map(|point| {
        let mut cells = vec![
            Cell::text(&point.run_ref),
            Cell::optional(point.stage_name.as_ref()),
            Cell::text(&point.measured.value),
            Cell::optional(point.measured.step),
            Cell::Time(point.measured.observed_at),
        ];
        if answer.baseline.is_some() {
            cells.push(Cell::optional(point.difference.as_ref().map(difference_text)));
        }
        cells
    });
    let mut columns = vec!["Run", "Stage", "Value", "Step", "Observed"];
    columns.extend(answer.baseline.as_ref().map(|_| "Difference"));
    let table = Table::new(&columns, rows.collect());
    let count = vec![
        ("Metric".to_owned(), Cell::text(&answer.metric_key)),
        ("Points".to_owned(), Cell::Count(answer.points.len() as u64)),
    ];
    let sections =
        vec![ReportSection::new("", Block::Pairs(count)), ReportSection::table("", table, "no values")];
    document(
        format!("Trend of {}", answer.metric_key),
        sections,
        notes(&answer.completeness_notes, &answer.notes),
    )
}

/// Returns a document with the statistics of a metric.
pub(crate) fn aggregate(answer: &MetricAggregate) -> ReportDocument {
    let mut pairs = vec![
        ("Metric".to_owned(), Cell::text(&answer.metric_key)),
        ("Count".to_owned(), Cell::Count(answer.count as u64)),
        ("Mean".to_owned(), exact(answer.mean)),
        ("Std".to_owned(), exact(answer.std)),
        ("Min".to_owned(), exact(answer.min)),
        ("Max".to_owned(), exact(answer.max)),
    ];
    let quantiles = QUANTILES.iter().zip(&answer.quantiles);
    pairs.extend(quantiles.map(|((name, _), value)| ((*name).to_owned(), exact(*value))));
    let sections = vec![ReportSection::new("", Block::Pairs(pairs))];
    let title = format!("Statistics of {}", answer.metric_key);
    document(title, sections, notes(&answer.completeness_notes, &answer.notes))
}

/// Returns a document with a row for each metric of a run.
pub(crate) fn anomalies(answer: &AnomalyReport) -> ReportDocument {
    let rows = answer.anomalies.iter().map(|result| {
        let [low, high] = result.expected_range;
        vec![
            Cell::text(&result.metric_key),
            Cell::text(&result.actual_value),
            exact(low),
            exact(high),
            exact(result.z_score),
            Cell::text(result.severity.as_str()),
        ]
    });
    let columns = ["Metric", "Value", "From", "To", "z-score", "Severity"];
    let counts = vec![
        ("Run".to_owned(), Cell::text(&answer.run_ref)),
        ("Count".to_owned(), Cell::Count(answer.anomalies.len() as u64)),
        (
            "Anomalies".to_owned(),
            Cell::Count(answer.anomalies.iter().filter(|result| result.is_anomaly()).count() as u64),
        ),
    ];
    let sections = vec![
        ReportSection::new("", Block::Pairs(counts)),
        ReportSection::table("", Table::new(&columns, rows.collect()), "no metric has enough earlier values"),
    ];
    let completeness: Vec<CompletenessNote> =
        answer.anomalies.iter().flat_map(|result| result.completeness_notes.iter().cloned()).collect();
    document(format!("Anomalies of {}", answer.run_ref), sections, notes(&completeness, &answer.notes))
}

/// Returns a document with a row for each rule and run.
pub(crate) fn alerts(answer: &AlertReport) -> ReportDocument {
    let rows = answer.results.iter().map(|result| {
        vec![
            Cell::text(&result.run_ref),
            Cell::text(result.rule.rule_name()),
            result.actual_value.as_ref().map_or(Cell::Missing, Cell::text),
            Cell::text(&result.rule.threshold),
            Cell::text(if result.triggered { "yes" } else { "no" }),
            Cell::text(result.severity.as_str()),
        ]
    });
    let columns = ["Run", "Rule", "Value", "Threshold", "Triggered", "Severity"];
    let sections = vec![ReportSection::table("", Table::new(&columns, rows.collect()), "no rules")];
    let of_results = answer.results.iter().flat_map(|result| &result.completeness_notes);
    let completeness: Vec<CompletenessNote> =
        answer.completeness_notes.iter().chain(of_results).cloned().collect();
    document("Alerts".to_owned(), sections, notes(&completeness, &answer.notes))
}

/// Returns a document with the reproducibility of a run.
pub(crate) fn audit(answer: &ReproducibilityAudit) -> ReportDocument {
    let mut pairs = vec![
        ("Run".to_owned(), Cell::text(&answer.run_ref)),
        ("Status".to_owned(), Cell::text(answer.status)),
        ("Score".to_owned(), Cell::Text(format!("{:.0} %", answer.score() * 100.0))),
        ("Environment".to_owned(), Cell::optional(answer.environment.as_ref())),
        ("Platform".to_owned(), Cell::optional(answer.platform.as_ref())),
        ("Python".to_owned(), Cell::optional(answer.python_version.as_ref())),
        ("Packages".to_owned(), Cell::Count(answer.package_count as u64)),
        ("Variables".to_owned(), Cell::Count(answer.environment_variable_count as u64)),
    ];
    let check = |(name, passed): &(&str, bool)| {
        (name.replace('_', " "), Cell::text(if *passed { "recorded" } else { "missing" }))
    };
    pairs.extend(answer.checks.iter().map(check));
    let sections = vec![ReportSection::new("", Block::Pairs(pairs))];
    let title = format!("Reproducibility of {}", answer.run_ref);
    document(title, sections, notes(&answer.completeness_notes, &answer.notes))
}

/// Returns a document with the differences of two environments.
pub(crate) fn environment_diff(answer: &EnvironmentDiff) -> ReportDocument {
    let yes = |changed: bool| Cell::text(if changed { "yes" } else { "no" });
    let changes = |changes: &Changes| {
        Cell::Count((changes.added.len() + changes.removed.len() + changes.changed.len()) as u64)
    };
    let pairs = vec![
        ("Left run".to_owned(), Cell::optional(answer.left_run.as_ref())),
        ("Right run".to_owned(), Cell::optional(answer.right_run.as_ref())),
        ("Python changed".to_owned(), yes(answer.python_version_changed)),
        ("Platform changed".to_owned(), yes(answer.platform_changed)),
        ("Package changes".to_owned(), changes(&answer.packages)),
        ("Variable changes".to_owned(), changes(&answer.variables)),
    ];
    let mut sections = vec![ReportSection::new("", Block::Pairs(pairs))];
    let groups = [
        ("Packages", &answer.packages),
        ("Variables", &answer.variables),
        ("Devices", &answer.devices),
        ("Machine", &answer.machine),
    ];
    for (title, group) in groups {
        let all = group.added.iter().chain(&group.removed).chain(&group.changed);
        let rows = all.map(|change| {
            vec![
                Cell::text(&change.key),
                Cell::optional(change.left_value.as_ref()),
                Cell::optional(change.right_value.as_ref()),
            ]
        });
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            let table = Table::new(&["Name", "Left", "Right"], rows);
            sections.push(ReportSection::new(title, Block::Table(table)));
        }
    }
    let more = notes(&answer.completeness_notes, &answer.notes);
    document("Environments".to_owned(), sections, more)
}
