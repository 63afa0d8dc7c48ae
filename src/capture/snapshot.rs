//! The environment snapshot of a run, and the uncommitted change of its code.

use crate::capture::environment;
use crate::capture::environment::code::{Change, Code};
use crate::capture::environment::host::Host;
use crate::capture::environment::{devices, packages};
use crate::capture::error::Result;
use crate::capture::secrets::Redaction;
use crate::capture::session::SessionInner;
use crate::contract::{
    ArtifactManifest, ArtifactRef, CodeState, EnvironmentRef, EnvironmentSnapshot, Fact, HostDescription,
    RunRef, Runtime, Timestamp, Valid, Value,
};
use crate::store::location;
use std::collections::BTreeMap;

/// The kind, and the last component of the ref, of the artifact with the uncommitted change.
const CHANGE_KIND: &str = "code_change";
const CHANGE_KEY: &str = "code-change";

/// The parts of an environment snapshot that the program states.
#[derive(Debug)]
pub(super) struct Stated<'a> {
    pub(super) runtime: Option<&'a Runtime>,
    pub(super) packages: &'a BTreeMap<String, String>,
}

impl SessionInner {
    /// Describes the git repository that contains the current directory; `None` if there is none, or if the description
    /// is turned off.
    pub(super) fn code(&self) -> Option<Code> {
        self.options.code_revision.then(environment::code::of_current_directory).flatten()
    }

    /// Returns the facts of the environment snapshot of a run: the snapshot, and the artifact with the uncommitted change
    /// of the code. The body of the artifact is stored. If it cannot be stored, the snapshot states the reason.
    pub(super) fn environment(
        &self,
        run: &RunRef,
        now: Timestamp,
        code: Option<Code>,
        stated: &Stated<'_>,
    ) -> Result<Vec<Fact>> {
        let own = EnvironmentRef::under(run, "runtime")?;
        let mut snapshot = EnvironmentSnapshot::new(own, run.clone(), now, environment::platform());
        snapshot.runtime = stated.runtime.cloned();
        if self.options.packages {
            snapshot.packages = packages::of_current_directory();
            snapshot.packages.extend(stated.packages.clone());
        }
        snapshot.environment_variables = environment::variables(&self.options.environment_variables);
        snapshot.devices = devices::of_this_machine();
        snapshot.host = Some(host());
        let mut facts = Vec::new();
        if let Some(code) = code {
            let mut state = CodeState::new();
            (state.branch, state.remote, state.dirty) = (code.branch, code.remote, code.is_dirty);
            state.untracked = code.untracked;
            match code.change {
                Change::None => {}
                Change::LeftOut(reason) => state.diff_left_out = Some(reason),
                Change::Diff(_) if self.options.artifacts_read_only => {
                    state.diff_left_out = Some("artifacts cannot be written".to_owned());
                }
                Change::Diff(diff) => match self.change_artifact(run, now, &diff) {
                    Ok(fact) => facts.push(fact),
                    Err(error) => state.diff_left_out = Some(format!("it could not be stored: {error}")),
                },
            }
            snapshot.code = Some(state);
        }
        facts.insert(0, Valid::new(Redaction::new(&self.redactor).of(snapshot))?.into());
        Ok(facts)
    }

    /// Stores the uncommitted change as a body, and returns the fact of its artifact.
    fn change_artifact(&self, run: &RunRef, now: Timestamp, diff: &[u8]) -> Result<Fact> {
        let body = self.journal.store_bytes_body(&self.redactor.redact_diff(diff))?;
        let own = ArtifactRef::under(run, CHANGE_KEY)?;
        let (producer, location) = (self.options.producer.as_str(), location::of_body(&body.digest));
        let mut manifest = ArtifactManifest::new(own, CHANGE_KIND, now, producer, run.clone(), location);
        manifest.hash_value = Some(body.sha256.clone());
        manifest.size_bytes = Some(body.size);
        manifest.attributes.insert("file_name".to_owned(), Value::from("change.diff"));
        Ok(Fact::Artifact(Box::new(Valid::new(manifest)?), Some(body.digest.0)))
    }
}

fn host() -> HostDescription {
    let host = Host::of_this_machine();
    let mut description = HostDescription::new();
    description.name = host.name;
    description.os = host.os;
    description.kernel = host.kernel;
    description.cpu = host.cpu;
    description.cpu_count = host.cpu_count;
    description.memory_bytes = host.memory_bytes;
    description.cpu_limit_millis = host.cpu_limit_millis;
    description.memory_limit_bytes = host.memory_limit_bytes;
    description
}
