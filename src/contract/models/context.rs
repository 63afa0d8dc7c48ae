//! What records happen in: project, run, stage, environment.

use crate::contract::error::{ContractError, ErrorCode, Result};
use crate::contract::json::{Canonical, Value};
use crate::contract::models::{ref_value, words};
use crate::contract::refs::{EnvironmentRef, ProjectRef, RunRef, StageRef, is_component};
use crate::contract::rules::{Rules, child_of, json_map, optional_text, text, text_map};
use crate::contract::time::Timestamp;
use std::collections::BTreeMap;

words! {
    /// How far a run or stage has come.
    RunStatus, "a status", ErrorCode::Status, {
        /// Not ended yet, or its end was never recorded.
        Open = "open",
        /// Ended well.
        Completed = "completed",
        /// Ended badly.
        Failed = "failed",
        /// Ended before its end.
        Cancelled = "cancelled",
    }
}

/// A named collection of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// `project:P`
    pub project_ref: ProjectRef,
    /// The name, as people write it.
    pub name: String,
    /// When it was first heard of.
    pub created_at: Timestamp,
    /// In words.
    pub description: Option<String>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// Version of the schema.
    pub schema_version: String,
}

/// One execution of a training or evaluation program.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// `run:P.R`
    pub run_ref: RunRef,
    /// Its project.
    pub project_ref: ProjectRef,
    /// The name, as people write it; runs may share one.
    pub name: String,
    /// How far it has come.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; there if and only if the status is not open.
    pub ended_at: Option<Timestamp>,
    /// In words.
    pub description: Option<String>,
    /// Hyper-parameters: numbers, texts, truth values.
    pub params: BTreeMap<String, Value>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// The revision of the code that ran.
    pub code_revision: Option<String>,
    /// What it was trained or evaluated on, in whatever form the user has.
    pub dataset_ref: Option<String>,
    /// The command line.
    pub command: Option<String>,
    /// Version of the schema.
    pub schema_version: String,
}

/// A phase of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StageExecution {
    /// `stage:P.R.S`
    pub stage_execution_ref: StageRef,
    /// Its run.
    pub run_ref: RunRef,
    /// The last component of its ref.
    pub stage_name: String,
    /// How far it has come.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; there if and only if the status is not open.
    pub ended_at: Option<Timestamp>,
    /// Its place among the stages of the run.
    pub order_index: Option<u64>,
    /// Version of the schema.
    pub schema_version: String,
}

/// What a run saw around itself.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentSnapshot {
    /// `environment:P.R.K`
    pub environment_snapshot_ref: EnvironmentRef,
    /// Its run.
    pub run_ref: RunRef,
    /// When it was taken.
    pub captured_at: Timestamp,
    /// The Python interpreter, where one is involved.
    pub python_version: Option<String>,
    /// The language runtime, such as `rust`, and its version.
    pub runtime: Option<(String, String)>,
    /// Operating system and machine.
    pub platform: String,
    /// Packages by name.
    pub packages: BTreeMap<String, String>,
    /// Environment variables that the user asked for by name.
    pub environment_variables: BTreeMap<String, String>,
    /// Version of the schema.
    pub schema_version: String,
}

/// Status and end belong together, and an end does not lie before its start.
fn check_lifecycle(status: RunStatus, started: Timestamp, ended: Option<Timestamp>) -> Result<()> {
    match (status, ended) {
        (RunStatus::Open, Some(_)) => {
            Err(ContractError::field(ErrorCode::StatusTransition, "ended_at", "an open execution has no end"))
        }
        (RunStatus::Open, None) => Ok(()),
        (status, None) => {
            let message = format!("an execution that is {status} needs an end");
            Err(ContractError::field(ErrorCode::StatusTransition, "ended_at", message))
        }
        (_, Some(ended)) if ended < started => {
            let message = format!("the end {ended} lies before the start {started}");
            Err(ContractError::field(ErrorCode::ContextTimeOrder, "ended_at", message))
        }
        _ => Ok(()),
    }
}

impl Rules for Project {
    fn settle(&mut self) -> Result<()> {
        text("name", &mut self.name)?;
        optional_text("description", &mut self.description)?;
        text_map("tags", &mut self.tags)?;
        text("schema_version", &mut self.schema_version)
    }
}

impl Rules for Run {
    fn settle(&mut self) -> Result<()> {
        child_of(ErrorCode::ContextPrefix, "run_ref", &self.run_ref, &self.project_ref)?;
        check_lifecycle(self.status, self.started_at, self.ended_at)?;
        text("name", &mut self.name)?;
        for (field, value) in [
            ("description", &mut self.description),
            ("code_revision", &mut self.code_revision),
            ("dataset_ref", &mut self.dataset_ref),
            ("command", &mut self.command),
        ] {
            optional_text(field, value)?;
        }
        json_map("params", &mut self.params)?;
        for (key, value) in &self.params {
            check_param(key, value)?;
        }
        text_map("tags", &mut self.tags)?;
        text("schema_version", &mut self.schema_version)
    }
}

/// A parameter is a number, a text or a truth value.
pub fn check_param(key: &str, value: &Value) -> Result<()> {
    if crate::contract::rules::trim(key).is_empty() {
        return Err(ContractError::field(ErrorCode::Mapping, "params", "a parameter needs a name"));
    }
    match value {
        Value::Bool(_) | Value::Int(_) | Value::Text(_) => Ok(()),
        Value::Float(f) if f.is_finite() => Ok(()),
        _ => {
            let message = format!("the parameter {key:?} is not a finite number, a text or a truth value");
            Err(ContractError::field(ErrorCode::Mapping, "params", message))
        }
    }
}

impl Rules for StageExecution {
    fn settle(&mut self) -> Result<()> {
        child_of(ErrorCode::ContextPrefix, "stage_execution_ref", &self.stage_execution_ref, &self.run_ref)?;
        text("stage_name", &mut self.stage_name)?;
        if !is_component(&self.stage_name) {
            let message = format!("{:?} cannot be part of a ref", self.stage_name);
            return Err(ContractError::field(ErrorCode::Component, "stage_name", message));
        }
        if self.stage_execution_ref.last_component() != self.stage_name {
            let message = format!("{} does not end in {:?}", self.stage_execution_ref, self.stage_name);
            return Err(ContractError::field(ErrorCode::ContextPrefix, "stage_name", message));
        }
        check_lifecycle(self.status, self.started_at, self.ended_at)?;
        text("schema_version", &mut self.schema_version)
    }
}

impl Rules for EnvironmentSnapshot {
    fn settle(&mut self) -> Result<()> {
        let (own, run) = (&self.environment_snapshot_ref, &self.run_ref);
        child_of(ErrorCode::ContextPrefix, "environment_snapshot_ref", own, run)?;
        optional_text("python_version", &mut self.python_version)?;
        if let Some((name, version)) = &mut self.runtime {
            text("runtime.name", name)?;
            text("runtime.version", version)?;
        }
        text("platform", &mut self.platform)?;
        text_map("packages", &mut self.packages)?;
        text_map("environment_variables", &mut self.environment_variables)?;
        text("schema_version", &mut self.schema_version)
    }
}

/// A map that the reference's objects do not have: left out when empty.
fn unless_empty(value: Value) -> Value {
    match value {
        Value::Map(members) if members.is_empty() => Value::Null,
        other => other,
    }
}

impl Canonical for Project {
    fn to_value(&self) -> Value {
        Value::map([
            ("project_ref", ref_value(&self.project_ref)),
            ("name", Value::text(&self.name)),
            ("created_at", Value::text(self.created_at)),
            ("description", self.description.clone().into()),
            ("tags", self.tags.clone().into()),
            ("schema_version", Value::text(&self.schema_version)),
            ("extensions", Value::List(Vec::new())),
        ])
    }
}

impl Canonical for Run {
    fn to_value(&self) -> Value {
        Value::map([
            ("run_ref", ref_value(&self.run_ref)),
            ("project_ref", ref_value(&self.project_ref)),
            ("name", Value::text(&self.name)),
            ("status", self.status.into()),
            ("started_at", Value::text(self.started_at)),
            ("ended_at", self.ended_at.map(|t| t.to_string()).into()),
            ("description", self.description.clone().into()),
            ("params", unless_empty(self.params.clone().into())),
            ("tags", unless_empty(self.tags.clone().into())),
            ("code_revision", self.code_revision.clone().into()),
            ("dataset_ref", self.dataset_ref.clone().into()),
            ("command", self.command.clone().into()),
            ("schema_version", Value::text(&self.schema_version)),
            ("extensions", Value::List(Vec::new())),
        ])
    }
}

impl Canonical for StageExecution {
    fn to_value(&self) -> Value {
        Value::map([
            ("stage_execution_ref", ref_value(&self.stage_execution_ref)),
            ("run_ref", ref_value(&self.run_ref)),
            ("stage_name", Value::text(&self.stage_name)),
            ("status", self.status.into()),
            ("started_at", Value::text(self.started_at)),
            ("ended_at", self.ended_at.map(|t| t.to_string()).into()),
            ("order_index", self.order_index.into()),
            ("schema_version", Value::text(&self.schema_version)),
            ("extensions", Value::List(Vec::new())),
        ])
    }
}

impl Canonical for EnvironmentSnapshot {
    fn to_value(&self) -> Value {
        let runtime = self.runtime.as_ref().map_or(Value::Null, |(name, version)| {
            Value::map([("name", Value::text(name)), ("version", Value::text(version))])
        });
        Value::map([
            ("environment_snapshot_ref", ref_value(&self.environment_snapshot_ref)),
            ("run_ref", ref_value(&self.run_ref)),
            ("captured_at", Value::text(self.captured_at)),
            ("python_version", self.python_version.clone().into()),
            ("runtime", runtime),
            ("platform", Value::text(&self.platform)),
            ("packages", self.packages.clone().into()),
            ("environment_variables", self.environment_variables.clone().into()),
            ("schema_version", Value::text(&self.schema_version)),
            ("extensions", Value::List(Vec::new())),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::rules::Valid;

    fn run() -> Run {
        Run {
            run_ref: RunRef::parse("run:p.r").unwrap(),
            project_ref: ProjectRef::parse("project:p").unwrap(),
            name: " demo ".into(),
            status: RunStatus::Open,
            started_at: Timestamp::parse("2024-06-01T12:00:00.500000Z").unwrap(),
            ended_at: None,
            description: None,
            params: BTreeMap::new(),
            tags: BTreeMap::new(),
            code_revision: None,
            dataset_ref: None,
            command: None,
            schema_version: "1.0.0".into(),
        }
    }

    #[test]
    fn a_run_without_the_new_fields_has_the_references_canonical_form() {
        let mut closed = run();
        closed.status = RunStatus::Completed;
        closed.ended_at = Some(Timestamp::parse("2024-06-01T12:05:00Z").unwrap());
        assert_eq!(
            Valid::new(closed).unwrap().to_json().unwrap(),
            r#"{"ended_at":"2024-06-01T12:05:00Z","extensions":[],"name":"demo","project_ref":"project:p","run_ref":"run:p.r","schema_version":"1.0.0","started_at":"2024-06-01T12:00:00.500000Z","status":"completed"}"#
        );
    }

    #[test]
    fn broken_rules_have_their_codes() {
        let check = |change: &dyn Fn(&mut Run)| {
            let mut broken = run();
            change(&mut broken);
            Valid::new(broken).unwrap_err().code.as_str()
        };
        assert_eq!(check(&|r| r.status = RunStatus::Failed), "context_invalid_status_transition");
        assert_eq!(check(&|r| r.ended_at = Some(r.started_at)), "context_invalid_status_transition");
        // The reference compared texts and accepted this end, half a second before the start.
        let early = Timestamp::parse("2024-06-01T12:00:00Z").unwrap();
        let end_early = |r: &mut Run| (r.status, r.ended_at) = (RunStatus::Completed, Some(early));
        assert_eq!(check(&end_early), "context_invalid_time_order");
        assert_eq!(check(&|r| r.name = " ".into()), "context_invalid_string");
        let other = ProjectRef::parse("project:q").unwrap();
        assert_eq!(check(&|r| r.project_ref = other.clone()), "context_ref_prefix_mismatch");
        assert_eq!(check(&|r| drop(r.params.insert("x".into(), Value::Null))), "context_invalid_mapping");
        assert_eq!(check(&|r| drop(r.tags.insert("x".into(), " ".into()))), "context_invalid_mapping");
        assert_eq!(RunStatus::parse("done").unwrap_err().code.as_str(), "context_invalid_status");
    }
}
