//! A deployment.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Members;
use crate::contract::model::declare::{model, versioned};
use crate::contract::models::lifecycle::{RunStatus, check_end, check_lifecycle};
use crate::contract::refs::stable::StableRef;
use crate::contract::refs::typed::{ArtifactRef, DeploymentRef, EnvironmentRef, ProjectRef, RunRef};
use crate::contract::rules::object::json_map;
use crate::contract::rules::place::{child_of, own_ref, under};
use crate::contract::rules::token::name;
use crate::contract::time::Timestamp;
use crate::contract::version::SCHEMA_VERSION;

model! {
    /// A deployment of an artifact in a project.
    DeploymentExecution ("DeploymentExecution") {
        /// The ref, `deployment:PROJECT.DEPLOYMENT`.
        deployment_execution_ref: DeploymentRef,
        /// The project.
        project_ref: ProjectRef,
        /// The name of the deployment. If the name can be a component of a ref, it must be the last component of
        /// `deployment_execution_ref`.
        deployment_name: String,
        /// The status.
        status: RunStatus,
        /// The start.
        started_at: Timestamp,
    } or {
        /// The end; present if and only if the status is not open.
        ended_at: Option<Timestamp> = None,
        /// The position among the deployments of the project.
        order_index: Option<u64> = None,
        /// The run that produced the deployed artifact, in the same project.
        run_ref: Option<RunRef> = None,
        /// The deployed artifact, in the same project.
        artifact_ref: Option<ArtifactRef> = None,
        /// An environment snapshot of the run in `run_ref`. If `run_ref` is `None`, a snapshot of any run of the
        /// project.
        environment_snapshot_ref: Option<EnvironmentRef> = None,
        /// Additional data, as a JSON object.
        metadata: Members = Members::new(); sparse,
        /// The message of the end, such as the text of an error.
        end_message: Option<String> = None,
        /// The reason of the end: a token such as `scope_dropped`.
        end_reason: Option<String> = None,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Extensions: additional fields, grouped by namespace.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

versioned!(DeploymentExecution, "DeploymentExecution", DeploymentExecution);

fn same_project(issues: &mut Issues, field: &str, inner: &StableRef, project: &ProjectRef) {
    under(issues, ErrorCode::ContextPrefix, field, inner, project);
}

impl DeploymentExecution {
    fn check_fields(&mut self, issues: &mut Issues) {
        const PREFIX: ErrorCode = ErrorCode::ContextPrefix;
        name(issues, "deployment_name", &mut self.deployment_name);
        check_lifecycle(issues, self.status, self.started_at, self.ended_at);
        check_end(issues, &mut self.end_message, &mut self.end_reason);
        json_map(issues, "metadata", &mut self.metadata);
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
