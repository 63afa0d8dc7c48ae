//! The report on the state of a workspace: projects, runs by status, interrupted runs, and notes on missing data.

use crate::interpretation::error::Result;
use crate::interpretation::report::model::{Block, Cell, Excerpt, ReportDocument, ReportSection, Table};
use crate::interpretation::report::parts::{completeness, status_table, value_text};
use crate::interpretation::report::policy::ReportPolicy;
use crate::store::{Note, ProjectRow, RunRow, Store};
use std::sync::Arc;

/// The state of a workspace.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WorkspaceState {
    /// The projects, ordered by name and ref.
    pub projects: Vec<ProjectRow>,
    /// The runs of all projects, ordered by ref.
    pub runs: Vec<Arc<RunRow>>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Reads the projects and runs of a workspace at one position of the log.
pub fn read_workspace(store: &Store) -> Result<WorkspaceState> {
    store.read(|view| {
        let (mut projects, mut runs) = (view.projects()?, view.runs(None)?);
        projects.sort_by(|a, b| (&a.name, &a.project_ref).cmp(&(&b.name, &b.project_ref)));
        runs.sort_by(|a, b| a.run_ref.cmp(&b.run_ref));
        Ok(WorkspaceState { projects, runs, notes: view.notes() })
    })
}

/// Builds the report on the state of a workspace.
pub fn health_report(state: &WorkspaceState, policy: &ReportPolicy) -> ReportDocument {
    let mut sections = vec![projects(state), statuses(state), interrupted(state)];
    sections.extend(completeness(policy, &[], &state.notes));
    policy.document("Workspace Health Report", sections)
}

fn projects(state: &WorkspaceState) -> ReportSection {
    let count = |project: &ProjectRow| {
        state.runs.iter().filter(|run| run.project_ref == project.project_ref).count() as u64
    };
    let lines =
        state.projects.iter().map(|p| format!("{}: name={}, runs={}", p.project_ref, p.name, count(p)));
    let rows = state.projects.iter().map(|project| {
        vec![Cell::text(&project.project_ref), Cell::text(&project.name), Cell::Count(count(project))]
    });
    let table = Table::new(&["Project", "Name", "Runs"], rows.collect()).excerpt(Excerpt::First);
    ReportSection::of_lines("Projects", lines.collect(), "No projects.")
        .with_blocks([Block::table(table, "No projects.")])
}

fn statuses(state: &WorkspaceState) -> ReportSection {
    let table = status_table(state.runs.iter().map(|run| run.shown_status()));
    let line = |row: &Vec<Cell>| row.iter().map(Cell::to_string).collect::<Vec<_>>().join(": ");
    let lines = table.rows.iter().map(line).collect();
    ReportSection::of_lines("Runs By Status", lines, "No runs.")
        .with_blocks([Block::table(table, "No runs.")])
}

fn interrupted(state: &WorkspaceState) -> ReportSection {
    let runs = || state.runs.iter().filter(|run| run.interrupted_at.is_some());
    let lines = runs().map(|run| {
        format!("{}: name={}, last_seen={}", run.run_ref, run.name, value_text(run.interrupted_at))
    });
    let rows = runs()
        .map(|run| vec![Cell::text(&run.run_ref), Cell::text(&run.name), Cell::time(run.interrupted_at)]);
    let table = Table::new(&["Run", "Name", "Last sign of life"], rows.collect());
    ReportSection::of_lines("Interrupted Runs", lines.collect(), "No interrupted runs.")
        .with_blocks([Block::table(table, "No interrupted runs.")])
}
