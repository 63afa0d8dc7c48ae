//! The report on two runs.

use crate::contract::{MetricValue, StageRef, Value};
use crate::interpretation::compare::two::compare;
use crate::interpretation::compare::{ComparePolicy, MetricDelta, ParamDelta, RunComparison};
use crate::interpretation::diagnostics::{DiagnosticsPolicy, DiagnosticsResult, diagnose};
use crate::interpretation::error::Result;
use crate::interpretation::evidence::{CompletenessNote, add_new};
use crate::interpretation::provenance::environment::EnvironmentDiff;
use crate::interpretation::report::model::{Block, Cell, Excerpt, ReportDocument, ReportSection, Table};
use crate::interpretation::report::parts::{
    completeness, diagnostics, flag_text, issues, metric_label, value_text,
};
use crate::interpretation::report::policy::ReportPolicy;
use crate::store::Store;

/// The diagnoses of the left and the right run.
pub type Diagnoses = [DiagnosticsResult; 2];

/// Compares two runs and diagnoses both at one position of the log.
pub fn read_comparison(
    store: &Store,
    [left, right]: [&str; 2],
    policy: &ComparePolicy,
    diagnostics: &DiagnosticsPolicy,
) -> Result<(RunComparison, Diagnoses)> {
    store.read(|view| {
        let comparison = compare(view, left, right, policy)?;
        let left = diagnose(view, comparison.left.run_ref.as_str(), diagnostics)?;
        let right = diagnose(view, comparison.right.run_ref.as_str(), diagnostics)?;
        Ok((comparison, [left, right]))
    })
}

/// Builds the report on the comparison of two runs without diagnoses. Equal comparisons give equal reports.
pub fn comparison_report(comparison: &RunComparison) -> ReportDocument {
    build(comparison, None, &ReportPolicy::default())
}

/// Builds the report on the comparison of two runs and on their diagnoses. Equal answers give equal reports.
pub fn diagnosed_comparison_report(
    comparison: &RunComparison,
    diagnoses: &Diagnoses,
    policy: &ReportPolicy,
) -> ReportDocument {
    build(comparison, Some(diagnoses), policy)
}

fn build(comparison: &RunComparison, diagnoses: Option<&Diagnoses>, policy: &ReportPolicy) -> ReportDocument {
    let mut sections = vec![summary(comparison), metric_deltas(comparison), artifact_changes(comparison)];
    sections.extend(diagnoses.map(|diagnoses| diagnostics_of(comparison, diagnoses)));
    let mut missing = comparison.completeness_notes.clone();
    for (side, diagnosis) in ["left", "right"].into_iter().zip(diagnoses.into_iter().flatten()) {
        add_new(&mut missing, of_side(side, &diagnosis.completeness_notes));
    }
    sections.extend(completeness(policy, &missing, &comparison.notes));
    sections.extend(provenance(comparison).filter(|_| policy.include_lineage_summary));
    let (left, right) = (&comparison.left.run_ref, &comparison.right.run_ref);
    policy.document(&format!("Run Comparison Report: {left} vs {right}"), sections)
}

/// Returns the notes of one run. The summary of each note has the prefix `left:` or `right:`.
fn of_side(side: &str, notes: &[CompletenessNote]) -> Vec<CompletenessNote> {
    let of_side = |note: &CompletenessNote| CompletenessNote {
        summary: format!("{side}:{}", note.summary),
        ..note.clone()
    };
    notes.iter().map(of_side).collect()
}

/// Returns the column headings of a table that has a column for each run, between the columns `before` and `after`.
fn with_runs<'a>(comparison: &'a RunComparison, before: &[&'a str], after: &[&'a str]) -> Vec<&'a str> {
    let runs = [comparison.left.run_ref.last_component(), comparison.right.run_ref.last_component()];
    [before, &runs, after].concat()
}

fn summary(comparison: &RunComparison) -> ReportSection {
    let mut blocks = vec![Block::Text(comparison.summary.clone())];
    blocks.extend(Block::headed("Runs", runs(comparison)));
    let differing = [
        ("Parameters", "Parameter", &comparison.params),
        ("Metadata", "Member", &comparison.metadata),
        ("Tags", "Tag", &comparison.tags),
    ];
    for (heading, column, deltas) in differing {
        blocks.extend(Block::headed(heading, differences(comparison, column, deltas)));
    }
    blocks.extend(Block::headed("Stages", stages(comparison)));
    blocks.push(Block::Heading("Code, data and environment".to_owned()));
    blocks.push(Block::Pairs(facts(comparison)));
    if let Some(environment) = &comparison.environment {
        blocks.extend(Block::headed("Environment", environment_changes(comparison, environment)));
    }
    ReportSection::of_lines("Summary", vec![comparison.summary.clone()], "")
        .with_blocks(blocks)
        .with_links(comparison.evidence_links.iter().cloned())
}

fn runs(comparison: &RunComparison) -> Table {
    let rows = [("left", &comparison.left), ("right", &comparison.right)].map(|(side, run)| {
        vec![
            Cell::text(side),
            Cell::text(&run.name),
            Cell::text(run.shown_status()),
            Cell::time(run.started_at),
            Cell::duration(run.started_at, run.ended_at),
            Cell::text(&run.run_ref),
        ]
    });
    Table::new(&["Side", "Run", "Status", "Started", "Duration", "Ref"], rows.to_vec())
}

fn differences(comparison: &RunComparison, column: &str, deltas: &[ParamDelta]) -> Table {
    let value = |value: &Option<Value>| Cell::optional(value.as_ref());
    let rows = deltas.iter().map(|d| vec![Cell::text(&d.key), value(&d.left), value(&d.right)]);
    Table::new(&with_runs(comparison, &[column], &[]), rows.collect())
}

fn stages(comparison: &RunComparison) -> Table {
    let status =
        |side: &Option<(StageRef, &'static str)>| Cell::optional(side.as_ref().map(|(_, status)| status));
    let rows = comparison.stage_comparisons.iter().map(|s| {
        let deltas = Cell::Count(s.metric_deltas.len() as u64);
        vec![Cell::text(&s.stage_name), status(&s.left), status(&s.right), deltas]
    });
    Table::new(&with_runs(comparison, &["Stage"], &["Metrics that differ"]), rows.collect())
}

fn facts(comparison: &RunComparison) -> Vec<(String, Cell)> {
    let facts = [
        ("Code revision", comparison.code_revision_changed),
        ("Data set", comparison.dataset_changed),
        ("Environment", comparison.environment_changed),
    ];
    let change = |changed: Option<bool>| match changed {
        Some(true) => "changed",
        Some(false) => "same",
        None => "not recorded in both runs",
    };
    facts.map(|(name, changed)| (name.to_owned(), Cell::text(change(changed)))).to_vec()
}

fn environment_changes(comparison: &RunComparison, environment: &EnvironmentDiff) -> Table {
    let kinds = [
        ("package", &environment.packages),
        ("variable", &environment.variables),
        ("device", &environment.devices),
        ("machine", &environment.machine),
    ];
    let mut rows = Vec::new();
    for (kind, changes) in kinds {
        let all = changes.added.iter().chain(&changes.removed).chain(&changes.changed);
        rows.extend(all.map(|change| {
            let value = |value: &Option<String>| Cell::optional(value.as_ref());
            vec![
                Cell::text(kind),
                Cell::text(&change.key),
                value(&change.left_value),
                value(&change.right_value),
            ]
        }));
    }
    Table::new(&with_runs(comparison, &["Kind", "Name"], &[]), rows).excerpt(Excerpt::First)
}

fn metric_deltas(comparison: &RunComparison) -> ReportSection {
    let in_stages = comparison.stage_comparisons.iter().flat_map(|stage| &stage.metric_deltas);
    let deltas: Vec<&MetricDelta> = comparison.metric_deltas.iter().chain(in_stages).collect();
    let label = |delta: &MetricDelta| metric_label(delta.stage_name.as_deref(), &delta.metric_key);
    let line = |delta: &&MetricDelta| {
        let left = value_text(delta.left.as_ref().map(|left| &left.value));
        let right = value_text(delta.right.as_ref().map(|right| &right.value));
        format!("{}: left={left}, right={right}, delta={}", label(delta), value_text(delta.delta.as_ref()))
    };
    let value = |value: Option<&MetricValue>| value.map_or(Cell::Missing, Cell::measured);
    let rows = deltas.iter().map(|delta| {
        let (left, right) = (delta.left.as_ref(), delta.right.as_ref());
        let unit = left.or(right).and_then(|side| side.unit.clone());
        vec![
            Cell::Text(label(delta)),
            value(left.map(|left| &left.value)),
            value(right.map(|right| &right.value)),
            value(delta.delta.as_ref()),
            Cell::number(delta.change_ratio),
            Cell::number(delta.change_percent),
            Cell::optional(left.and_then(|left| left.step)),
            Cell::optional(right.and_then(|right| right.step)),
            Cell::optional(unit),
        ]
    });
    let after = ["Delta", "Ratio", "Percent", "Left step", "Right step", "Unit"];
    let table = Table::new(&with_runs(comparison, &["Metric"], &after), rows.collect()).details(4);
    ReportSection::of_lines("Metric Deltas", deltas.iter().map(line).collect(), "No metric deltas.")
        .with_blocks([Block::table(table, "No metric deltas.")])
}

fn artifact_changes(comparison: &RunComparison) -> ReportSection {
    let lines = comparison.artifact_changes.iter().map(|change| {
        let (left, right) = (value_text(change.left_ref.as_ref()), value_text(change.right_ref.as_ref()));
        format!("{}: {} ({left} -> {right})", change.artifact_kind, change.change)
    });
    let rows = comparison.artifact_changes.iter().map(|change| {
        vec![
            Cell::text(&change.artifact_kind),
            Cell::text(change.change),
            Cell::optional(change.left_ref.as_ref()),
            Cell::optional(change.right_ref.as_ref()),
            Cell::optional(change.change_detail),
        ]
    });
    let columns = with_runs(comparison, &["Kind", "Change"], &["Detail"]);
    let table = Table::new(&columns, rows.collect()).details(1);
    ReportSection::of_lines("Artifact Changes", lines.collect(), "No artifact changes.")
        .with_blocks([Block::table(table, "No artifact changes.")])
}

/// Returns the section with the problems of both runs. The blocks describe both runs. The lines and the links
/// describe only the left run.
fn diagnostics_of(comparison: &RunComparison, [left, right]: &Diagnoses) -> ReportSection {
    let mut blocks = Vec::new();
    for (side, run, diagnosis) in [("Left", &comparison.left, left), ("Right", &comparison.right, right)] {
        blocks.push(Block::Heading(format!("{side} run: {}", run.name)));
        blocks.extend(issues(diagnosis));
    }
    diagnostics(left).with_blocks(blocks)
}

/// Returns the section on the provenance; `None` if neither run has provenance.
fn provenance(comparison: &RunComparison) -> Option<ReportSection> {
    let provenance = comparison.provenance_comparison.as_ref()?;
    let flags = [
        ("code_revision_changed", provenance.code_revision_changed),
        ("config_hash_changed", provenance.config_hash_changed),
        ("environment_changed", provenance.environment_changed),
        ("dataset_refs_changed", provenance.dataset_refs_changed),
    ];
    let lines = flags.iter().map(|(name, flag)| format!("{name}: {}", flag_text(*flag))).collect();
    let pairs = flags.map(|(name, flag)| (name.to_owned(), Cell::text(flag_text(flag)))).to_vec();
    Some(ReportSection::of_lines("Provenance", lines, "").with_blocks([Block::Pairs(pairs)]))
}
