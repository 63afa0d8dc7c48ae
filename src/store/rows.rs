//! Rows of projects, runs, stages and environments.

use crate::contract::fact::Mark;
use crate::contract::{EnvironmentSnapshot, ProjectRef, RunRef, RunStatus, StageRef, Timestamp, Value};
use crate::projections::metadata::{METADATA_PREFIX, PARAM_PREFIX};
use crate::store::attributes::Attributes;
use crate::store::lifecycle::{INTERRUPTED, Lifecycle};
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
    /// The status. For a captured run, the writers of the newest attempt determine it.
    pub status: RunStatus,
    /// The time of the last entry of the open writers if the run is open and the processes of all these writers have
    /// died; otherwise `None`.
    pub interrupted_at: Option<Timestamp>,
    /// The time of the start of the first attempt; `None` if the start is not in the log.
    pub started_at: Option<Timestamp>,
    /// The time of the end; `None` if the run is open or the end is not in the log.
    pub ended_at: Option<Timestamp>,
    /// The message of the end, such as the text of an error.
    pub end_message: Option<String>,
    /// The reason of the end, such as `scope_dropped`.
    pub end_reason: Option<String>,
    /// The number of attempts: 1 plus the number of resumes; 0 for an imported run.
    pub attempts: usize,
    /// The description; `None` if no description was recorded.
    pub description: Option<String>,
    /// The notes on the run, each with its time, oldest first.
    pub notes: Vec<(Timestamp, String)>,
    /// The parameters.
    pub params: BTreeMap<String, Value>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// `true` if the run is archived. Lists leave out archived runs by default.
    pub is_archived: bool,
    /// `true` if the run is starred.
    pub is_starred: bool,
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
    /// `true` if the stage is open and its run is interrupted ([`RunRow::interrupted_at`]).
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
    /// Returns the status that answers show: `interrupted` if the stage is interrupted, otherwise the status.
    pub fn shown_status(&self) -> &'static str {
        if self.is_interrupted { INTERRUPTED } else { self.status.as_str() }
    }
}

impl RunRow {
    /// Returns the duration of the run in microseconds. Returns `None` if the start or the end is unknown, or
    /// if the end is before the start.
    #[must_use]
    pub fn duration_micros(&self) -> Option<i64> {
        let micros = self.ended_at?.micros_since(self.started_at?);
        (micros >= 0).then_some(micros)
    }

    /// Returns the status that answers show: `interrupted` if the run is interrupted, otherwise the status.
    pub fn shown_status(&self) -> &'static str {
        if self.interrupted_at.is_some() { INTERRUPTED } else { self.status.as_str() }
    }
}

/// Returns the project that the ref of a run contains.
pub(super) fn project_of(run: &RunRef) -> Option<ProjectRef> {
    ProjectRef::of(run.components().next()?).ok()
}

/// Creates the row of a project.
pub(super) fn project_row(project_ref: ProjectRef, mut attributes: Attributes) -> ProjectRow {
    ProjectRow {
        name: attributes.take_text("name").unwrap_or_else(|| project_ref.value().to_owned()),
        project_ref,
        created_at: attributes.time("created_at"),
        description: attributes.take_text("description"),
        tags: attributes.take_tags(),
        conflicts: attributes.conflicts,
    }
}

/// Creates the row of a run.
pub(super) fn run_row(
    run_ref: RunRef,
    project_ref: ProjectRef,
    project_name: String,
    mut attributes: Attributes,
    lifecycle: &Lifecycle,
) -> RunRow {
    RunRow {
        name: attributes.take_text("name").unwrap_or_else(|| run_ref.last_component().to_owned()),
        run_ref,
        project_ref,
        project_name,
        status: attributes.status(),
        interrupted_at: lifecycle.interrupted_at,
        started_at: attributes.time("started_at"),
        ended_at: attributes.time("ended_at"),
        end_message: attributes.take_text("end_message"),
        end_reason: attributes.take_text("end_reason"),
        attempts: lifecycle.attempts,
        is_archived: attributes.has_mark(Mark::Archived),
        is_starred: attributes.has_mark(Mark::Starred),
        notes: attributes.take_notes(),
        metadata: attributes.take_with_prefix(METADATA_PREFIX),
        description: attributes.take_text("description"),
        params: attributes.take_with_prefix(PARAM_PREFIX),
        tags: attributes.take_tags(),
        code_revision: attributes.take_text("code_revision"),
        dataset_ref: attributes.take_text("dataset_ref"),
        command: attributes.take_text("command"),
        conflicts: attributes.conflicts,
    }
}
