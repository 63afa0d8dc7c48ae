//! The description and the start of a run.

use crate::capture::context::Context;
use crate::capture::error::{Error, Result};
use crate::capture::intake::Intake;
use crate::capture::params::{dotted, flat, members_of};
use crate::capture::scope::{NewScope, Scope, ScopeKind};
use crate::capture::scopes::RunScope;
use crate::capture::session::Session;
use crate::capture::snapshot::Stated;
use crate::contract::fact::Joined;
use crate::contract::{ContractError, Fact, Members, Run, RunRef, RunStatus, Runtime, Value};
use serde::Serialize;
use std::collections::BTreeMap;

/// The description of a run that has not started.
#[derive(Debug, Clone)]
#[must_use]
pub struct RunBuilder {
    session: Session,
    name: String,
    run_id: Option<String>,
    description: Option<String>,
    params: BTreeMap<String, Value>,
    tags: BTreeMap<String, String>,
    metadata: BTreeMap<String, Value>,
    code_revision: Option<String>,
    dataset_ref: Option<String>,
    command: Option<String>,
    runtime: Option<Runtime>,
    packages: BTreeMap<String, String>,
    label: Option<String>,
    config: Option<Members>,
    /// The first error of `params` or `config_snapshot`: the value has no JSON form, or is not an object.
    unusable: Option<ContractError>,
}

impl Session {
    /// Describes a run; [`RunBuilder::start`] starts the run.
    pub fn run(&self, name: &str) -> RunBuilder {
        RunBuilder::new(self.clone(), name)
    }
}

impl RunBuilder {
    fn new(session: Session, name: &str) -> RunBuilder {
        RunBuilder {
            session,
            name: name.to_owned(),
            run_id: None,
            description: None,
            params: BTreeMap::new(),
            tags: BTreeMap::new(),
            metadata: BTreeMap::new(),
            code_revision: None,
            dataset_ref: None,
            command: None,
            runtime: None,
            packages: BTreeMap::from([("contexta".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
            label: None,
            config: None,
            unusable: None,
        }
    }

    /// Sets the id, from which the last component of the run's ref is made. An id of lower-case letters, digits and
    /// dashes stays unchanged. To any other id, digits are added that make the component distinct. By default the id is
    /// made from the name and a random suffix, so that runs of the same name in several processes stay separate. Runs
    /// with the same id in one project are the same run.
    pub fn run_id(mut self, id: &str) -> RunBuilder {
        self.run_id = Some(id.to_owned());
        self
    }

    /// Sets the description.
    pub fn description(mut self, text: &str) -> RunBuilder {
        self.description = Some(text.to_owned());
        self
    }

    /// Sets the label of this process as a writer of the run, such as `rank-0`.
    pub fn label(mut self, label: &str) -> RunBuilder {
        self.label = Some(label.to_owned());
        self
    }

    /// Adds a hyper-parameter: a number, a text or a boolean.
    pub fn param(mut self, key: &str, value: impl Into<Value>) -> RunBuilder {
        self.params.insert(key.to_owned(), value.into());
        self
    }

    /// Adds the members of a serializable value, such as a configuration struct, as hyper-parameters. The members of
    /// nested objects get dotted names: `optimizer.lr`. If the value is not an object, [`start`](RunBuilder::start)
    /// returns the error.
    pub fn params<T: Serialize + ?Sized>(mut self, params: &T) -> RunBuilder {
        match dotted(params) {
            Ok(params) => self.params.extend(params),
            Err(error) => self.unusable = self.unusable.or(Some(error)),
        }
        self
    }

    /// Adds the configuration of the program. Its members become hyper-parameters as with
    /// [`params`](RunBuilder::params). A parameter that is given separately takes precedence over a member of the same
    /// name. The configuration is also stored as the artifact `config-snapshot`, with a lineage edge from the run to
    /// the artifact, and the provenance of this edge. Secrets are replaced in the parameters and in the artifact. If
    /// the value is not an object, [`start`](RunBuilder::start) returns the error.
    pub fn config_snapshot<T: Serialize + ?Sized>(mut self, config: &T) -> RunBuilder {
        match Value::from_serialize(config).and_then(members_of) {
            Ok(members) => self.config = Some(members),
            Err(error) => self.unusable = self.unusable.or(Some(error)),
        }
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, key: &str, value: &str) -> RunBuilder {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a member to the metadata of the run. The value is a number, a text, a boolean, a list or an object.
    pub fn metadata(mut self, key: &str, value: impl Into<Value>) -> RunBuilder {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// Sets the revision of the code. By default the revision is the commit that is checked out in the git repository
    /// that contains the current directory.
    pub fn code_revision(mut self, revision: &str) -> RunBuilder {
        self.code_revision = Some(revision.to_owned());
        self
    }

    /// Sets a free-text reference to the data set that the run is trained or evaluated on, such as a path or URL.
    pub fn dataset_ref(mut self, dataset: &str) -> RunBuilder {
        self.dataset_ref = Some(dataset.to_owned());
        self
    }

    /// Sets the command line. The command line is never read from the process, because it can contain secrets.
    pub fn command(mut self, command: &str) -> RunBuilder {
        self.command = Some(command.to_owned());
        self
    }

    /// Sets the language runtime and its version in the environment snapshot.
    pub fn runtime(mut self, name: &str, version: &str) -> RunBuilder {
        self.runtime = Some(Runtime::new(name, version));
        self
    }

    /// Adds a package and its version to the environment snapshot. The snapshot contains packages only with
    /// [`CaptureOptions::packages`](crate::capture::CaptureOptions::packages).
    pub fn package(mut self, name: &str, version: &str) -> RunBuilder {
        self.packages.insert(name.to_owned(), version.to_owned());
        self
    }

    /// Starts the run. Project, run and environment snapshot are appended in one commit, which is on disk when the
    /// method returns. Errors: a value breaks a rule, or the workspace is read-only or cannot be written.
    pub fn start(self) -> Result<RunScope> {
        let session = &self.session.inner;
        // Every capture needs a run, so an error for the run prevents all captures.
        if session.options.records_read_only {
            return Err(Error::ReadOnly { what: "runs" });
        }
        if let Some(error) = self.unusable {
            return Err(error.into());
        }
        let now = session.now();
        let id = session.id_of(&self.name, self.run_id.as_deref(), "run")?;
        let run_ref = RunRef::under(&session.project_ref, &id)?;
        let code = if session.options.environment { session.code() } else { None };
        let mut run =
            Run::new(run_ref.clone(), session.project_ref.clone(), self.name.as_str(), RunStatus::Open, now);
        run.description = self.description.clone();
        run.params = self.config.clone().map(flat).transpose()?.unwrap_or_default();
        run.params.extend(self.params);
        run.tags = self.tags.clone();
        run.metadata = self.metadata.clone();
        run.code_revision = self.code_revision.or_else(|| match &code {
            Some(code) => code.revision.clone(),
            None => session.revision(),
        });
        run.dataset_ref = self.dataset_ref.clone();
        run.command = self.command.clone();
        let mut intake = Intake::new(&session.redactor);
        let run = intake.object(run)?;
        let mut facts = Vec::from_iter(session.project_fact(now)?);
        let place = facts.len() as u64;
        let name = run.name.clone();
        let started = session.new_writer(&run_ref, Joined::Started, self.label.as_deref(), now)?;
        let params = Vec::from_iter(run.params.keys().cloned());
        facts.push(run.into());
        let mut held = None;
        if session.options.environment {
            let stated = Stated { runtime: self.runtime.as_ref(), packages: &self.packages };
            facts.extend(session.environment(&run_ref, now, code, &stated, &mut intake, &mut held)?);
        }
        if let Some(config) = self.config {
            facts.extend(session.config_snapshot(&run_ref, now, config, &mut intake, &mut held)?);
        }
        let writer = started.id();
        facts.push(Fact::Writer(started));
        let new = NewScope {
            kind: ScopeKind::Run,
            own: (&run_ref).into(),
            name,
            context: Context { run: Some(run_ref), ..Context::default() },
            started_at: now,
            writer: Some(writer),
        };
        let (scope, receipt) = Scope::open(self.session.clone(), None, new, facts, intake)?;
        if let Some(receipt) = receipt {
            session.project_was_recorded();
            let set_by = receipt.stamp(place);
            scope.children().params = params.into_iter().map(|key| (key, set_by)).collect();
        }
        drop(held);
        RunScope::of(scope).ok_or(Error::NoCurrentRun)
    }
}
