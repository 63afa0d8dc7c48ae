//! [`DeploymentScope`], the handle of a deployment, and the description of a deployment to start.

use crate::capture::context::Context;
use crate::capture::error::{Error, Result};
use crate::capture::intake::Intake;
use crate::capture::scope::{NewScope, Scope, ScopeKind};
use crate::capture::scopes::methods::{capture_methods, durable_end_methods, handle};
use crate::capture::session::Session;
use crate::contract::refs::is_component;
use crate::contract::{
    ArtifactRef, DeploymentExecution, DeploymentRef, EnvironmentRef, RunRef, RunStatus, Value,
};
use std::collections::BTreeMap;

handle! {
    /// The handle of a deployment. Clones are handles of the same deployment. If the last handle is dropped while the
    /// deployment is open, the deployment is marked as failed, with the reason `scope_dropped`.
    ///
    /// Records and artifacts belong to a run. A deployment can capture them if it was described with the run that
    /// produced the deployed artifact.
    DeploymentScope {
        /// Returns the ref of the deployment.
        deployment_ref: DeploymentRef = deployment
    }
}

capture_methods!(DeploymentScope);
durable_end_methods!(DeploymentScope);

/// The description of a deployment that has not started.
#[derive(Debug, Clone)]
#[must_use]
pub struct DeploymentBuilder {
    session: Session,
    name: String,
    id: Option<String>,
    run: Option<RunRef>,
    artifact: Option<ArtifactRef>,
    environment: Option<EnvironmentRef>,
    metadata: BTreeMap<String, Value>,
}

impl Session {
    /// Describes a deployment; [`DeploymentBuilder::start`] starts it.
    pub fn deployment(&self, name: &str) -> DeploymentBuilder {
        DeploymentBuilder {
            session: self.clone(),
            name: name.to_owned(),
            id: None,
            run: None,
            artifact: None,
            environment: None,
            metadata: BTreeMap::new(),
        }
    }
}

impl DeploymentBuilder {
    /// Sets the id: the last component of the deployment's ref. By default the id is made from the name and a random
    /// suffix, so that deployments of the same name stay separate.
    pub fn deployment_id(mut self, id: &str) -> DeploymentBuilder {
        self.id = Some(id.to_owned());
        self
    }

    /// Sets the run that produced the deployed artifact. Records of the deployment belong to this run.
    pub fn run(mut self, run: &RunRef) -> DeploymentBuilder {
        self.run = Some(run.clone());
        self
    }

    /// Sets the deployed artifact.
    pub fn artifact(mut self, artifact: &ArtifactRef) -> DeploymentBuilder {
        self.artifact = Some(artifact.clone());
        self
    }

    /// Sets the environment snapshot of the run.
    pub fn environment(mut self, environment: &EnvironmentRef) -> DeploymentBuilder {
        self.environment = Some(environment.clone());
        self
    }

    /// Adds a member to the metadata.
    pub fn metadata(mut self, key: &str, value: impl Into<Value>) -> DeploymentBuilder {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// Starts the deployment. The start is on disk when the method returns. Errors: a value breaks a rule, run or
    /// artifact belong to another project, or the workspace is read-only or cannot be written.
    pub fn start(self) -> Result<DeploymentScope> {
        let session = &self.session.inner;
        if session.options.records_read_only {
            return Err(Error::ReadOnly { what: "deployments" });
        }
        let now = session.now();
        let id = session.id_of(&self.name, self.id.as_deref(), "deployment")?;
        let own = DeploymentRef::under(&session.project_ref, &id)?;
        // A name that is a component of a ref must be the last component of the deployment's ref.
        let name = if is_component(&self.name) { id.as_str() } else { self.name.as_str() };
        let mut deployment =
            DeploymentExecution::new(own.clone(), session.project_ref.clone(), name, RunStatus::Open, now);
        deployment.run_ref = self.run.clone();
        deployment.artifact_ref = self.artifact;
        deployment.environment_snapshot_ref = self.environment;
        deployment.metadata = self.metadata;
        let mut intake = Intake::new(&session.redactor);
        let deployment = intake.object(deployment)?;
        let mut facts = Vec::from_iter(session.project_fact(now)?);
        let name = deployment.deployment_name.clone();
        facts.push(deployment.into());
        let new = NewScope {
            kind: ScopeKind::Deployment,
            own: (&own).into(),
            name,
            context: Context { run: self.run, deployment: Some(own.clone()), ..Context::default() },
            started_at: now,
            writer: None,
        };
        let (scope, receipt) = Scope::open(self.session.clone(), None, new, facts, intake)?;
        if receipt.is_some() {
            session.project_was_recorded();
        }
        Ok(DeploymentScope { scope, own })
    }
}
