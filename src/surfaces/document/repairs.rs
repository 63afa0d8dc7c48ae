//! Documents that show plans and results of repairs.

use crate::interpretation::{Block, Cell, Note, ReportDocument, ReportSection, Table};
use crate::recovery::{
    BodyAction, BodyRepair, Forgotten, Gap, RecoveryStatus, RepairPlan, RepairResult, RepairStep, Unrepaired,
};

/// Returns a document with the plan of a repair.
pub(crate) fn repair_plan(plan: &RepairPlan) -> ReportDocument {
    let is_idle =
        plan.is_empty() && plan.unread.is_empty() && plan.unrepaired.is_empty() && plan.bodies.is_empty();
    let first = if is_idle { "nothing to repair".to_owned() } else { format!("plan {}", plan.fingerprint) };
    let mut sections = vec![ReportSection::new("", Block::List(with_source(first, &plan.source)))];
    let heals = plan.heals.iter().map(|heal| {
        let missing =
            if heal.missing > 0 { format!(", still missing: {}", heal.missing) } else { String::new() };
        vec![
            Cell::text(heal.stream.to_string()),
            Cell::text(format!("entries added: {}{missing}", heal.added)),
        ]
    });
    sections.extend(table("Streams to heal", ["Stream", "Entries"], heals.collect()));
    sections.extend(steps("Steps", &plan.steps));
    sections.extend(rest(&plan.unrepaired, &plan.bodies, &plan.forgets, &plan.notes));
    ReportDocument { title: "Repair plan".to_owned(), sections }
}

/// Returns a document with the result of a repair.
pub(crate) fn repair(result: &RepairResult) -> ReportDocument {
    let text = format!(
        "streams healed: {}, steps applied: {}, copies in quarantine: {}, losses recorded: {}",
        result.healed.len(),
        result.applied.len(),
        result.quarantined.len(),
        result.recorded_losses
    );
    let verdict = Block::Verdict {
        is_good: result.status == RecoveryStatus::Success,
        verdict: result.status.as_str().to_owned(),
        text,
    };
    let mut sections = vec![ReportSection::new("", verdict)];
    if result.source.is_some() {
        sections.push(ReportSection::new("", Block::List(with_source(String::new(), &result.source))));
    }
    let healed = result.healed.iter().map(|(stream, added)| {
        vec![Cell::text(stream.to_string()), Cell::text(format!("entries added: {added}"))]
    });
    sections.extend(table("Healed streams", ["Stream", "Entries"], healed.collect()));
    sections.extend(steps("Applied steps", &result.applied));
    let missing =
        result.missing.iter().map(|gap| vec![Cell::text(gap.stream.to_string()), Cell::text(range(gap))]);
    sections.extend(table("Missing entries", ["Stream", "Entries"], missing.collect()));
    let copies: Vec<String> = result.quarantined.iter().map(|path| path.display().to_string()).collect();
    if !copies.is_empty() {
        sections.push(ReportSection::new("Copies in quarantine", Block::List(copies)));
    }
    sections.extend(rest(&result.unrepaired, &result.bodies, &result.forgotten, &result.notes));
    ReportDocument { title: "Repair".to_owned(), sections }
}

fn with_source(first: String, source: &Option<String>) -> Vec<String> {
    let source = source.as_ref().map(|source| format!("source: {source}"));
    [Some(first).filter(|line| !line.is_empty()), source].into_iter().flatten().collect()
}

/// Returns a section with a table; `None` if the table has no rows.
fn table(title: &str, columns: [&str; 2], rows: Vec<Vec<Cell>>) -> Option<ReportSection> {
    (!rows.is_empty()).then(|| ReportSection::table(title, Table::new(&columns, rows), ""))
}

/// Returns a section with a line for each step. A path can be longer than a column of a table.
fn steps(title: &str, steps: &[RepairStep]) -> Option<ReportSection> {
    let line = |step: &RepairStep| {
        let lost: Vec<String> = step.lost.iter().map(range).collect();
        let lost =
            if lost.is_empty() { String::new() } else { format!("; lost entries: {}", lost.join(", ")) };
        format!("{step}{lost}")
    };
    let lines: Vec<String> = steps.iter().map(line).collect();
    (!lines.is_empty()).then(|| ReportSection::new(title, Block::List(lines)))
}

fn range(gap: &Gap) -> String {
    match gap.last {
        Some(last) if last == gap.first => last.to_string(),
        Some(last) => format!("{} to {last}", gap.first),
        None => format!("an unknown number after {}", gap.first.previous()),
    }
}

/// Returns the sections that plans and results have in common.
fn rest(
    unrepaired: &[Unrepaired],
    bodies: &[BodyRepair],
    forgotten: &[Forgotten],
    notes: &[Note],
) -> Vec<ReportSection> {
    let left: Vec<String> = unrepaired.iter().map(|left| format!("{}: {left}", left.code())).collect();
    let mut sections = Vec::new();
    if !left.is_empty() {
        sections.push(ReportSection::new("Not repaired", Block::List(left)));
    }
    // The digest of a body is too long for a column of a table.
    let body = |body: &BodyRepair| format!("{}: {}, {}", body.digest, body.state.name(), action(body.action));
    let bodies: Vec<String> = bodies.iter().map(body).collect();
    if !bodies.is_empty() {
        sections.push(ReportSection::new("Bodies", Block::List(bodies)));
    }
    let forgotten: Vec<String> = forgotten.iter().map(forgotten_line).collect();
    if !forgotten.is_empty() {
        sections.push(ReportSection::new("Forgotten", Block::List(forgotten)));
    }
    sections.push(ReportSection::new("Notes", Block::Notes(notes.to_vec())));
    sections
}

fn action(action: BodyAction) -> &'static str {
    match action {
        BodyAction::Heal => "healed from the source",
        BodyAction::Quarantine => "moved to quarantine",
        BodyAction::None => "lost",
    }
}

fn forgotten_line(forgotten: &Forgotten) -> String {
    match forgotten {
        Forgotten::Stream { stream, last } => format!("stream {stream} up to entry {last}"),
        Forgotten::Body { digest } => format!("body {digest}"),
    }
}
