//! What records happen in: project, run, deployment, stage, batch, sample, operation, environment.

use crate::contract::SCHEMA_VERSION;
use crate::contract::error::{ContractError, ErrorCode, Result};
use crate::contract::extension::ExtensionFieldSet;
use crate::contract::issue::Issues;
use crate::contract::json::Value;
use crate::contract::model::{Members, model, part, versioned};
use crate::contract::models::words;
use crate::contract::refs::{
    ArtifactRef, BatchRef, DeploymentRef, EnvironmentRef, OperationRef, ProjectRef, RunRef, SampleRef,
    StableRef, StageRef,
};
use crate::contract::rules::{
    Rules, child_of, json_map, name, optional_text, own_ref, text, text_map, trim, under,
};
use crate::contract::time::Timestamp;
use std::collections::BTreeMap;

words! {
    /// How far a run, deployment, stage or batch has come.
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

model! {
    /// A named collection of runs.
    Project ("Project") {
        /// `project:P`
        project_ref: ProjectRef,
        /// The name, as people write it.
        name: String,
        /// When it was first heard of.
        created_at: Timestamp,
    } or {
        /// In words.
        description: Option<String> = None,
        /// Labels.
        tags: BTreeMap<String, String> = BTreeMap::new(),
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Fields of other namespaces.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

model! {
    /// One execution of a training or evaluation program.
    Run ("Run") {
        /// `run:P.R`
        run_ref: RunRef,
        /// Its project.
        project_ref: ProjectRef,
        /// The name, as people write it; runs may share one.
        name: String,
        /// How far it has come.
        status: RunStatus,
        /// When it began.
        started_at: Timestamp,
    } or {
        /// When it ended; there if and only if the status is not open.
        ended_at: Option<Timestamp> = None,
        /// In words.
        description: Option<String> = None,
        /// Hyper-parameters: numbers, texts, truth values.
        params: Members = Members::new() => Mapping; sparse,
        /// Labels.
        tags: BTreeMap<String, String> = BTreeMap::new(); sparse,
        /// Anything else.
        metadata: Members = Members::new(); sparse,
        /// The revision of the code that ran.
        code_revision: Option<String> = None,
        /// What it was trained or evaluated on, in whatever form the user has.
        dataset_ref: Option<String> = None,
        /// The command line.
        command: Option<String> = None,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Fields of other namespaces.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

model! {
    /// Something of a project put to use.
    DeploymentExecution ("DeploymentExecution") {
        /// `deployment:P.D`
        deployment_execution_ref: DeploymentRef,
        /// Its project.
        project_ref: ProjectRef,
        /// The last component of its ref.
        deployment_name: String,
        /// How far it has come.
        status: RunStatus,
        /// When it began.
        started_at: Timestamp,
    } or {
        /// When it ended; there if and only if the status is not open.
        ended_at: Option<Timestamp> = None,
        /// Its place among the deployments of the project.
        order_index: Option<u64> = None,
        /// The run it comes from; of the same project.
        run_ref: Option<RunRef> = None,
        /// What is deployed; of the same project.
        artifact_ref: Option<ArtifactRef> = None,
        /// What it saw around itself; of the run, or else of the same project.
        environment_snapshot_ref: Option<EnvironmentRef> = None,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Fields of other namespaces.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

model! {
    /// A phase of a run.
    StageExecution ("StageExecution") {
        /// `stage:P.R.S`
        stage_execution_ref: StageRef,
        /// Its run.
        run_ref: RunRef,
        /// The last component of its ref.
        stage_name: String,
        /// How far it has come.
        status: RunStatus,
        /// When it began.
        started_at: Timestamp,
    } or {
        /// When it ended; there if and only if the status is not open.
        ended_at: Option<Timestamp> = None,
        /// Its place among the stages of the run.
        order_index: Option<u64> = None,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Fields of other namespaces.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

model! {
    /// A unit of data that a stage worked through.
    BatchExecution ("BatchExecution") {
        /// `batch:P.R.S.B`
        batch_execution_ref: BatchRef,
        /// Its run.
        run_ref: RunRef,
        /// Its stage.
        stage_execution_ref: StageRef,
        /// The last component of its ref.
        batch_name: String,
        /// How far it has come.
        status: RunStatus,
        /// When it began.
        started_at: Timestamp,
    } or {
        /// When it ended; there if and only if the status is not open.
        ended_at: Option<Timestamp> = None,
        /// Its place among the batches of the stage.
        order_index: Option<u64> = None,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Fields of other namespaces.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

model! {
    /// One example that was looked at.
    SampleObservation ("SampleObservation") {
        /// `sample:P.R.S[.B].X`
        sample_observation_ref: SampleRef,
        /// Its run.
        run_ref: RunRef,
        /// Its stage.
        stage_execution_ref: StageRef,
        /// The last component of its ref.
        sample_name: String,
        /// When it was looked at.
        observed_at: Timestamp,
    } or {
        /// Its batch, if its stage has batches.
        batch_execution_ref: Option<BatchRef> = None,
        /// How long it is to be kept, in the user's own words.
        retention_class: Option<String> = None,
        /// How it was redacted, in the user's own words.
        redaction_profile: Option<String> = None,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Fields of other namespaces.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

model! {
    /// One operation within a stage or batch.
    OperationContext ("OperationContext") {
        /// `op:P.R.S[.B].O`
        operation_context_ref: OperationRef,
        /// Its run.
        run_ref: RunRef,
        /// Its stage.
        stage_execution_ref: StageRef,
        /// The last component of its ref.
        operation_name: String,
        /// When it happened.
        observed_at: Timestamp,
    } or {
        /// Its batch, if its stage has batches.
        batch_execution_ref: Option<BatchRef> = None,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Fields of other namespaces.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

model! {
    /// What a run saw around itself.
    EnvironmentSnapshot ("EnvironmentSnapshot") {
        /// `environment:P.R.K`
        environment_snapshot_ref: EnvironmentRef,
        /// Its run.
        run_ref: RunRef,
        /// When it was taken.
        captured_at: Timestamp,
        /// Operating system and machine.
        platform: String,
    } or {
        /// The Python interpreter, where one is involved.
        python_version: Option<String> = None,
        /// The language runtime, such as `rust`, and its version.
        runtime: Option<Runtime> = None,
        /// Packages by name.
        packages: BTreeMap<String, String> = BTreeMap::new(),
        /// Environment variables that the user asked for by name.
        environment_variables: BTreeMap<String, String> = BTreeMap::new(),
        /// Accelerators, such as GPUs.
        devices: Vec<Device> = Vec::new(); sparse,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Fields of other namespaces.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

model! {
    /// A language runtime.
    Runtime ("Runtime") {
        /// Its name, such as `rust`.
        name: String,
        /// Its version.
        version: String,
    } or {}
}

model! {
    /// An accelerator.
    Device ("Device") {
        /// Its name, as its driver gives it.
        name: String,
    } or {
        /// Its memory in bytes.
        memory_bytes: Option<u64> = None => SizeBytes,
        /// The version of its driver.
        driver: Option<String> = None,
    }
}

versioned!(Project, "Project", Project);
versioned!(Run, "Run", Run);
versioned!(DeploymentExecution, "DeploymentExecution", DeploymentExecution);
versioned!(StageExecution, "StageExecution", StageExecution);
versioned!(BatchExecution, "BatchExecution", BatchExecution);
versioned!(SampleObservation, "SampleObservation", SampleObservation);
versioned!(OperationContext, "OperationContext", OperationContext);
versioned!(EnvironmentSnapshot, "EnvironmentSnapshot", EnvironmentSnapshot);
part!(Runtime, "Runtime", JsonShape);
part!(Device, "Device", JsonShape);

/// Status and end belong together, and an end does not lie before its start.
fn check_lifecycle(issues: &mut Issues, status: RunStatus, started: Timestamp, ended: Option<Timestamp>) {
    match (status, ended) {
        (RunStatus::Open, Some(_)) => {
            issues.error(ErrorCode::StatusTransition, "ended_at", "an open execution has no end");
        }
        (RunStatus::Open, None) => {}
        (status, None) => {
            let message = format!("an execution that is {status} needs an end");
            issues.error(ErrorCode::StatusTransition, "ended_at", message);
        }
        (_, Some(ended)) if ended < started => {
            let message = format!("the end {ended} lies before the start {started}");
            issues.error(ErrorCode::ContextTimeOrder, "ended_at", message);
        }
        _ => {}
    }
}

/// A parameter is a finite number, a text or a truth value, under a name.
pub fn check_param(key: &str, value: &Value) -> Result<()> {
    if trim(key).is_empty() {
        return Err(ContractError::field(ErrorCode::Mapping, "params", "a parameter needs a name"));
    }
    let fits = match value {
        Value::Bool(_) | Value::Int(_) | Value::Text(_) => true,
        Value::Float(_) | Value::Big(_) => value.unwritable(1).is_none(),
        Value::Null | Value::List(_) | Value::Map(_) => false,
    };
    if fits {
        return Ok(());
    }
    let message =
        format!("the parameter {key:?} is {}, not a finite number, a text or a truth value", value.sort());
    Err(ContractError::field(ErrorCode::Mapping, "params", message))
}

fn same_project(issues: &mut Issues, field: &str, inner: &StableRef, project: &ProjectRef) {
    under(issues, ErrorCode::ContextPrefix, field, inner, project);
}

impl Project {
    fn settle_fields(&mut self, issues: &mut Issues) {
        text(issues, "name", &mut self.name);
        optional_text(issues, "description", &mut self.description);
        text_map(issues, "tags", &mut self.tags);
    }
}

impl Run {
    fn settle_fields(&mut self, issues: &mut Issues) {
        check_lifecycle(issues, self.status, self.started_at, self.ended_at);
        child_of(issues, ErrorCode::ContextPrefix, "run_ref", &self.run_ref, &self.project_ref);
        text(issues, "name", &mut self.name);
        for (field, value) in [
            ("description", &mut self.description),
            ("code_revision", &mut self.code_revision),
            ("dataset_ref", &mut self.dataset_ref),
            ("command", &mut self.command),
        ] {
            optional_text(issues, field, value);
        }
        for (key, value) in &self.params {
            issues.take("", check_param(key, value));
        }
        let params = std::mem::take(&mut self.params);
        self.params = params.into_iter().map(|(key, value)| (trim(&key).to_owned(), value)).collect();
        text_map(issues, "tags", &mut self.tags);
        json_map(issues, "metadata", &mut self.metadata);
    }
}

impl DeploymentExecution {
    fn settle_fields(&mut self, issues: &mut Issues) {
        const PREFIX: ErrorCode = ErrorCode::ContextPrefix;
        name(issues, "deployment_name", &mut self.deployment_name);
        check_lifecycle(issues, self.status, self.started_at, self.ended_at);
        let own = &self.deployment_execution_ref;
        own_ref(issues, "deployment_execution_ref", own, &self.project_ref, &self.deployment_name);
        if let Some(run) = &self.run_ref {
            child_of(issues, PREFIX, "run_ref", run, &self.project_ref);
        }
        if let Some(artifact) = &self.artifact_ref {
            same_project(issues, "artifact_ref", artifact, &self.project_ref);
        }
        if let Some(environment) = &self.environment_snapshot_ref {
            match &self.run_ref {
                Some(run) => child_of(issues, PREFIX, "environment_snapshot_ref", environment, run),
                None => same_project(issues, "environment_snapshot_ref", environment, &self.project_ref),
            }
        }
    }
}

impl StageExecution {
    fn settle_fields(&mut self, issues: &mut Issues) {
        name(issues, "stage_name", &mut self.stage_name);
        check_lifecycle(issues, self.status, self.started_at, self.ended_at);
        own_ref(issues, "stage_execution_ref", &self.stage_execution_ref, &self.run_ref, &self.stage_name);
    }
}

impl BatchExecution {
    fn settle_fields(&mut self, issues: &mut Issues) {
        name(issues, "batch_name", &mut self.batch_name);
        check_lifecycle(issues, self.status, self.started_at, self.ended_at);
        let stage = &self.stage_execution_ref;
        child_of(issues, ErrorCode::ContextPrefix, "stage_execution_ref", stage, &self.run_ref);
        own_ref(issues, "batch_execution_ref", &self.batch_execution_ref, stage, &self.batch_name);
    }
}

/// Stage under run, batch under stage, and the own ref under the nearest of them.
fn check_owner(
    issues: &mut Issues,
    (field, own, called): (&str, &StableRef, &str),
    run: &RunRef,
    stage: &StageRef,
    batch: Option<&BatchRef>,
) {
    child_of(issues, ErrorCode::ContextPrefix, "stage_execution_ref", stage, run);
    if let Some(batch) = batch {
        child_of(issues, ErrorCode::ContextPrefix, "batch_execution_ref", batch, stage);
    }
    own_ref(issues, field, own, batch.map_or(&**stage, |batch| batch), called);
}

impl SampleObservation {
    fn settle_fields(&mut self, issues: &mut Issues) {
        name(issues, "sample_name", &mut self.sample_name);
        let own = ("sample_observation_ref", &*self.sample_observation_ref, self.sample_name.as_str());
        let batch = self.batch_execution_ref.as_ref();
        check_owner(issues, own, &self.run_ref, &self.stage_execution_ref, batch);
        optional_text(issues, "retention_class", &mut self.retention_class);
        optional_text(issues, "redaction_profile", &mut self.redaction_profile);
    }
}

impl OperationContext {
    fn settle_fields(&mut self, issues: &mut Issues) {
        name(issues, "operation_name", &mut self.operation_name);
        let own = ("operation_context_ref", &*self.operation_context_ref, self.operation_name.as_str());
        let batch = self.batch_execution_ref.as_ref();
        check_owner(issues, own, &self.run_ref, &self.stage_execution_ref, batch);
    }
}

impl EnvironmentSnapshot {
    fn settle_fields(&mut self, issues: &mut Issues) {
        let (own, run) = (&self.environment_snapshot_ref, &self.run_ref);
        child_of(issues, ErrorCode::ContextPrefix, "environment_snapshot_ref", own, run);
        optional_text(issues, "python_version", &mut self.python_version);
        if let Some(runtime) = &mut self.runtime {
            issues.within("runtime", |issues| Rules::settle(runtime, issues));
        }
        text(issues, "platform", &mut self.platform);
        text_map(issues, "packages", &mut self.packages);
        text_map(issues, "environment_variables", &mut self.environment_variables);
        issues.within("devices", |issues| {
            for (n, device) in self.devices.iter_mut().enumerate() {
                issues.at_index(n, |issues| Rules::settle(device, issues));
            }
        });
    }
}

impl Runtime {
    fn settle_fields(&mut self, issues: &mut Issues) {
        text(issues, "name", &mut self.name);
        text(issues, "version", &mut self.version);
    }
}

impl Device {
    fn settle_fields(&mut self, issues: &mut Issues) {
        text(issues, "name", &mut self.name);
        optional_text(issues, "driver", &mut self.driver);
    }
}
