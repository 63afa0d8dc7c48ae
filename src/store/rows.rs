//! Rows of projects, runs, stages and environments.

use crate::contract::{EnvironmentSnapshot, ProjectRef, RunRef, RunStatus, StageRef, Timestamp, Value};
use crate::projections::metadata::{METADATA_PREFIX, PARAM_PREFIX};
use crate::store::attributes::Attributes;
use crate::store::writers::{INTERRUPTED, Lifecycle};
use std::collections::BTreeMap;

/// A project.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProjectRow {
    /// The ref.
    pub project_ref: ProjectRef,
    /// The name; the last component of the ref if no name was recorded.
    pub name: String,
    /// The time of creation; `None` if no fact about the project is in the log.
    pub created_at: Option<Timestamp>,
    /// The description; `None` if no description was recorded.
    pub description: Option<String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// The names of the attributes with a conflict, as in [`Attributes::conflicts`].
    pub conflicts: Vec<String>,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunRow {
    /// The ref.
    pub run_ref: RunRef,
    /// The ref of the project.
    pub project_ref: ProjectRef,
    /// The name of the project.
    pub project_name: String,
    /// The name; the last component of the ref if the start is not in the log.
    pub name: String,
    /// The status. It follows from the ends of all writers of the newest attempt.
    pub status: RunStatus,
    /// The time of the last sign of life of a run that is open, and whose processes have all died; `None` for any other
    /// run.
    pub interrupted_at: Option<Timestamp>,
    /// The time of the start of the first attempt; `None` if the start is not in the log.
    pub started_at: Option<Timestamp>,
    /// The time of the end; `None` if the end is not in the log, or while the run is open.
    pub ended_at: Option<Timestamp>,
    /// The message of the end, such as the text of an error.
    pub end_message: Option<String>,
    /// The reason of the end, such as `scope_dropped`.
    pub end_reason: Option<String>,
    /// The number of attempts: 1, and 1 more for each resume. 0 for a run that was imported.
    pub attempts: usize,
    /// The description; `None` if no description was recorded.
    pub description: Option<String>,
    /// The notes that people added to the run, with the time of each note, oldest first.
    pub notes: Vec<(Timestamp, String)>,
    /// The parameters.
    pub params: BTreeMap<String, Value>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// Additional data, as the members of a JSON object.
    pub metadata: BTreeMap<String, Value>,
    /// The revision of the code.
    pub code_revision: Option<String>,
    /// The reference to the data set: free text, such as a path or URL.
    pub dataset_ref: Option<String>,
    /// The command line.
    pub command: Option<String>,
    /// The names of the attributes with a conflict, as in [`Attributes::conflicts`].
    pub conflicts: Vec<String>,
}

/// A stage of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StageRow {
    /// The ref.
    pub stage_ref: StageRef,
    /// The name; the last component of the ref if no name was recorded.
    pub name: String,
    /// The status.
    pub status: RunStatus,
    /// The time of the start; `None` if the start is not in the log.
    pub started_at: Option<Timestamp>,
    /// The time of the end; `None` if the end is not in the log.
    pub ended_at: Option<Timestamp>,
    /// `true` if the stage is open, and the processes that captured its run have all died.
    pub is_interrupted: bool,
    /// The message of the end, such as the text of an error.
    pub end_message: Option<String>,
    /// The reason of the end, such as `scope_dropped`.
    pub end_reason: Option<String>,
    /// Additional data, as the members of a JSON object.
    pub metadata: BTreeMap<String, Value>,
    /// The position among the stages of the run; `None` if no position was recorded.
    pub order_index: Option<u64>,
    /// The names of the attributes with a conflict, as in [`Attributes::conflicts`].
    pub conflicts: Vec<String>,
}

/// An environment snapshot of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EnvironmentRow {
    /// The snapshot.
    pub snapshot: EnvironmentSnapshot,
}

impl StageRow {
    /// Returns the status as answers show it: `interrupted` for a stage that is open and whose processes have all died,
    /// otherwise the status.
    pub fn shown_status(&self) -> &'static str {
        if self.is_interrupted { INTERRUPTED } else { self.status.as_str() }
    }
}

impl RunRow {
    /// Returns the status as answers show it: `interrupted` for a run that is open and whose processes have all died,
    /// otherwise the status.
    pub fn shown_status(&self) -> &'static str {
        if self.interrupted_at.is_some() { INTERRUPTED } else { self.status.as_str() }
    }
}

/// Returns the project that the ref of a run contains.
pub(super) fn project_of(run: &RunRef) -> Option<ProjectRef> {
    ProjectRef::of(run.components().next()?).ok()
}

/// Creates the row of a project.
pub(super) fn project_row(project_ref: ProjectRef, attributes: &Attributes) -> ProjectRow {
    ProjectRow {
        name: attributes.text("name").unwrap_or_else(|| project_ref.value().to_owned()),
        project_ref,
        created_at: attributes.time("created_at"),
        description: attributes.text("description"),
        tags: attributes.tags(),
        conflicts: attributes.conflicts.clone(),
    }
}

/// Creates the row of a run.
pub(super) fn run_row(
    run_ref: RunRef,
    project_ref: ProjectRef,
    project_name: String,
    attributes: Attributes,
    lifecycle: &Lifecycle,
) -> RunRow {
    RunRow {
        name: attributes.text("name").unwrap_or_else(|| run_ref.last_component().to_owned()),
        run_ref,
        project_ref,
        project_name,
        status: attributes.status(),
        interrupted_at: lifecycle.interrupted_at,
        started_at: attributes.time("started_at"),
        ended_at: attributes.time("ended_at"),
        end_message: attributes.text("end_message"),
        end_reason: attributes.text("end_reason"),
        attempts: lifecycle.attempts,
        notes: attributes.notes(),
        metadata: attributes.with_prefix(METADATA_PREFIX),
        description: attributes.text("description"),
        params: attributes.with_prefix(PARAM_PREFIX),
        tags: attributes.tags(),
        code_revision: attributes.text("code_revision"),
        dataset_ref: attributes.text("dataset_ref"),
        command: attributes.text("command"),
        conflicts: attributes.conflicts,
    }
}
