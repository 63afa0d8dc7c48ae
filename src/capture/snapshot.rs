//! The environment snapshot of a run, the uncommitted change of its code, and its configuration.

use crate::capture::edge::edge;
use crate::capture::environment;
use crate::capture::environment::code::{Change, Code};
use crate::capture::environment::{devices, host, packages};
use crate::capture::error::{Error, Result};
use crate::capture::intake::Intake;
use crate::capture::session::SessionInner;
use crate::contract::json::write::pretty;
use crate::contract::{
    ArtifactManifest, ArtifactRef, AssertionMode, CodeState, EnvironmentRef, EnvironmentSnapshot, Fact,
    Members, ProvenanceRecord, ProvenanceRef, RelationType, RunRef, Runtime, Timestamp, Valid, Value,
};
use crate::store::{BlobUse, location};
use std::collections::BTreeMap;

/// An artifact that capture itself adds to a run.
struct Attached {
    kind: &'static str,
    /// The last component of the artifact's ref.
    key: &'static str,
    file_name: &'static str,
}

/// The artifact with the uncommitted change of the code.
const CHANGE: Attached = Attached { kind: "code_change", key: "code-change", file_name: "change.diff" };
/// The artifact with the configuration of the program.
const CONFIG: Attached =
    Attached { kind: "config_snapshot", key: "config-snapshot", file_name: "config.json" };

/// The parts of an environment snapshot that the program passes to [`RunBuilder`](crate::capture::RunBuilder).
#[derive(Debug)]
pub(super) struct Stated<'a> {
    pub(super) runtime: Option<&'a Runtime>,
    pub(super) packages: &'a BTreeMap<String, String>,
}

impl SessionInner {
    /// Describes the git repository that contains the current directory; `None` if the directory is in no repository,
    /// or if the option `code_revision` is off.
    pub(super) fn code(&self) -> Option<Code> {
        self.options.code_revision.then(environment::code::of_current_directory).flatten()
    }

    /// Returns the revision of the git repository that contains the current directory, without running `git`; `None` if
    /// the directory is in no repository, or if the option `code_revision` is off.
    pub(super) fn revision(&self) -> Option<String> {
        self.options.code_revision.then(environment::revision).flatten()
    }

    /// Returns the facts of the environment snapshot of a run: the snapshot, and the artifact with the uncommitted
    /// change of the code. The method stores the body of the artifact. If the body cannot be stored, the snapshot
    /// states the reason.
    pub(super) fn environment(
        &self,
        run: &RunRef,
        now: Timestamp,
        code: Option<Code>,
        stated: &Stated<'_>,
        intake: &mut Intake<'_>,
        held: &mut Option<BlobUse>,
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
        snapshot.host = Some(host::of_this_machine());
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
                Change::Diff(diff) => {
                    match self.artifact(run, now, &CHANGE, &self.redactor.redact_diff(&diff), held) {
                        Ok(fact) => facts.push(fact),
                        Err(error) => state.diff_left_out = Some(format!("it could not be stored: {error}")),
                    }
                }
            }
            snapshot.code = Some(state);
        }
        facts.insert(0, intake.object(snapshot)?.into());
        Ok(facts)
    }

    /// Returns the environment snapshot of the program that a run executes. The capturing process has a snapshot of its
    /// own. Returns `None` if environments are not recorded, or if neither the runtime nor a package is known.
    pub(super) fn program(
        &self,
        run: &RunRef,
        runtime: Option<Runtime>,
        packages: BTreeMap<String, String>,
        intake: &mut Intake<'_>,
    ) -> Result<Option<Fact>> {
        if !self.options.environment || runtime.is_none() && packages.is_empty() {
            return Ok(None);
        }
        let own = EnvironmentRef::under(run, "runtime-of-program")?;
        let mut snapshot = EnvironmentSnapshot::new(own, run.clone(), self.now(), environment::platform());
        snapshot.runtime = runtime;
        if self.options.packages {
            snapshot.packages = packages;
        }
        snapshot.environment_variables = environment::variables(&self.options.environment_variables);
        Ok(Some(intake.object(snapshot)?.into()))
    }

    /// Returns the facts of the configuration of a run: an artifact, a lineage edge from the run to the artifact, and
    /// the provenance of the edge. The method stores the body of the artifact. If the body cannot be stored, no fact is
    /// returned, and `intake` notes the reason.
    pub(super) fn config_snapshot(
        &self,
        run: &RunRef,
        now: Timestamp,
        mut config: Members,
        intake: &mut Intake<'_>,
        held: &mut Option<BlobUse>,
    ) -> Result<Vec<Fact>> {
        const WHAT: &str = "the configuration snapshot";
        if !self.options.config_snapshot {
            return Ok(Vec::new());
        }
        if self.options.artifacts_read_only {
            intake.leave_out(WHAT, &"artifacts cannot be written");
            return Ok(Vec::new());
        }
        intake.redact("config", &mut config);
        let mut config = Value::Map(config);
        config.name_non_finite();
        let stored = pretty(&config)
            .map_err(Error::from)
            .and_then(|text| self.artifact(run, now, &CONFIG, text.as_bytes(), held));
        let artifact = match stored {
            Ok(stored) => stored,
            Err(error) => {
                intake.leave_out(WHAT, &error);
                return Ok(Vec::new());
            }
        };
        let own = ArtifactRef::under(run, CONFIG.key)?;
        let used = edge(run, run.into(), RelationType::Used, (&own).into(), now)?;
        let provenance = ProvenanceRef::under(run, used.relation_ref.last_component())?;
        let relation = used.relation_ref.clone();
        let mut provenance = ProvenanceRecord::new(provenance, relation, AssertionMode::Explicit, now);
        provenance.formation_context_ref = Some(run.into());
        provenance.policy_ref = Some("capture.config-snapshot".to_owned());
        provenance.evidence_bundle_ref = Some(own);
        Ok(vec![artifact, used.into(), Valid::new(provenance)?.into()])
    }

    /// Stores the content of an artifact as a body, and returns the fact of the artifact. `held` receives the lock on the
    /// bodies, which the caller holds until the fact is appended.
    fn artifact(
        &self,
        run: &RunRef,
        now: Timestamp,
        what: &Attached,
        content: &[u8],
        held: &mut Option<BlobUse>,
    ) -> Result<Fact> {
        if held.is_none() {
            *held = Some(self.journal.lock_bodies()?);
        }
        let body = self.journal.store_bytes_body(content)?;
        let own = ArtifactRef::under(run, what.key)?;
        let (producer, location) = (self.options.producer.as_str(), location::of_body(&body.digest));
        let mut manifest = ArtifactManifest::new(own, what.kind, now, producer, run.clone(), location);
        manifest.hash_value = Some(body.sha256.clone());
        manifest.size_bytes = Some(body.size);
        manifest.attributes.insert("file_name".to_owned(), Value::from(what.file_name));
        Ok(Fact::Artifact(Box::new(Valid::new(manifest)?), Some(body.digest.0)))
    }
}
