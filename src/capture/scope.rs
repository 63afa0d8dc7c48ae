//! The common state of run scopes and stage scopes.

use crate::capture::artifact::ArtifactRegistration;
use crate::capture::emit::{Emission, Surroundings};
use crate::capture::error::{Error, Result};
use crate::capture::outcome::{CaptureResult, RegisteredArtifact};
use crate::capture::session::Session;
use crate::contract::fact::Ended;
use crate::contract::{
    ArtifactManifest, ArtifactRef, Confidence, Fact, LineageEdge, LineageOrigin, RecordType, RelationRef,
    RelationType, RunRef, RunStatus, StableRef, StageRef, Timestamp, Valid,
};
use crate::store::journal::{file_name_attribute, location_of, short_digest};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The common state of a run scope or a stage scope.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) session: Session,
    pub(super) run: RunRef,
    pub(super) stage: Option<StageRef>,
    pub(super) started_at: Timestamp,
    pub(super) status: Mutex<RunStatus>,
    /// The status of the last attempt to end the scope, if the end could not be recorded. If the scope is dropped while
    /// it is open, an end with this status is recorded.
    pub(super) asked: Mutex<Option<RunStatus>>,
}

impl Scope {
    /// Creates an open scope.
    pub(super) fn new(
        session: Session,
        run: RunRef,
        stage: Option<StageRef>,
        started_at: Timestamp,
    ) -> Scope {
        let (status, asked) = (Mutex::new(RunStatus::Open), Mutex::default());
        Scope { session, run, stage, started_at, status, asked }
    }

    pub(super) fn subject(&self) -> StableRef {
        match &self.stage {
            Some(stage) => stage.clone().into(),
            None => self.run.clone().into(),
        }
    }

    pub(super) fn status(&self) -> MutexGuard<'_, RunStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check_open(&self) -> Result<()> {
        match *self.status() {
            RunStatus::Open => Ok(()),
            status => Err(Error::ScopeClosed { scope: self.subject(), status }),
        }
    }

    fn around(&self) -> Surroundings<'_> {
        let producer = &self.session.inner.options.producer;
        Surroundings { run: &self.run, stage: self.stage.as_ref(), producer }
    }

    /// Marks the scope as ended, and returns the fact that states the end; `None` if the scope has already ended.
    pub(super) fn end(&self, status: RunStatus, at: Timestamp) -> Option<Fact> {
        let mut current = self.status();
        if *current != RunStatus::Open {
            return None;
        }
        let ended = Ended::new(self.subject(), status, at.max(self.started_at)).ok()?;
        *current = status;
        Some(Fact::Ended(ended))
    }

    /// Marks the scope as open again, because its end could not be recorded. The caller can then try again. The status
    /// of the failed end is saved for [`Scope::status_when_dropped`].
    pub(super) fn reopen(&self) {
        let status = std::mem::replace(&mut *self.status(), RunStatus::Open);
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }

    /// Returns the status to record if the scope is dropped while it is open: the status of the last end that could not
    /// be recorded. Without such an end, returns the status from [`default_end`].
    pub(super) fn status_when_dropped(&self) -> RunStatus {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(default_end)
    }

    pub(super) fn emit(&self, emissions: Vec<Emission>) -> Result<Vec<CaptureResult>> {
        self.check_open()?;
        let inner = &self.session.inner;
        let at = inner.now();
        let mut facts = Vec::with_capacity(emissions.len());
        let mut kept = Vec::with_capacity(emissions.len());
        for emission in emissions {
            let prepared = emission.prepare(self.around(), at)?;
            facts.push(prepared.fact);
            kept.push((prepared.family, prepared.degraded));
        }
        if facts.is_empty() {
            return Ok(Vec::new());
        }
        let receipt = inner.journal.append(facts, inner.options.durability)?;
        let durability = receipt.durability;
        let result = |(n, (family, degraded)): (usize, (RecordType, Option<String>))| CaptureResult {
            run: self.run.clone(),
            family,
            position: receipt.stamp(n as u64).position(),
            durability,
            degraded,
        };
        Ok(kept.into_iter().enumerate().map(result).collect())
    }

    pub(super) fn emit_one(&self, emission: Emission) -> Result<CaptureResult> {
        let unexpected = || Error::ScopeClosed { scope: self.subject(), status: *self.status() };
        self.emit(vec![emission])?.pop().ok_or_else(unexpected)
    }

    pub(super) fn relate(
        &self,
        source: StableRef,
        relation: RelationType,
        target: StableRef,
    ) -> Result<LineageEdge> {
        self.check_open()?;
        let inner = &self.session.inner;
        let edge = self.edge(source, relation, target)?;
        inner.journal.append(vec![edge.clone().into()], inner.options.durability)?;
        Ok(edge.into_inner())
    }

    /// Creates a lineage edge. The ref of the edge is derived from source, relation and target. An edge that is
    /// captured several times therefore has one ref, and appears once in answers.
    fn edge(
        &self,
        source: StableRef,
        relation: RelationType,
        target: StableRef,
    ) -> crate::contract::Result<Valid<LineageEdge>> {
        let content = format!("{source} {relation} {target}");
        let edge = LineageEdge::new(
            RelationRef::under(&self.run, &short_digest(&content))?,
            relation,
            source,
            target,
            self.session.inner.now(),
            LineageOrigin::Explicit,
            Confidence::High,
        );
        Valid::new(edge)
    }

    pub(super) fn register(&self, what: ArtifactRegistration, key: String) -> Result<RegisteredArtifact> {
        self.check_open()?;
        let inner = &self.session.inner;
        if inner.options.artifacts_read_only {
            return Err(Error::ReadOnly { what: "artifacts" });
        }
        let artifact_ref = ArtifactRef::under(&self.run, &key)?;
        let source = |what_is_wrong| Error::Source { path: what.path.clone(), what: what_is_wrong };
        let info = inner
            .journal
            .storage()
            .info(&what.path)
            .map_err(|_| source("does not exist or cannot be read"))?;
        if info.is_dir {
            return Err(source("is a directory; register its files, or an archive of it"));
        }
        if !info.is_file {
            return Err(source("is not a regular file"));
        }
        let mut attributes = what.attributes;
        attributes.extend(file_name_attribute(&what.path));
        let (receipt, manifest) = inner.journal.append_artifact(&what.path, |body| {
            let producer = inner.options.producer.as_str();
            let (now, run, location) = (inner.now(), self.run.clone(), location_of(body));
            let mut manifest = ArtifactManifest::new(artifact_ref, what.kind, now, producer, run, location);
            manifest.stage_execution_ref = self.stage.clone();
            manifest.hash_value = Some(body.sha256.clone());
            manifest.size_bytes = Some(body.size);
            manifest.attributes = attributes;
            let manifest = Valid::new(manifest)?;
            let artifact: StableRef = (&manifest.artifact_ref).into();
            let edge = if what.input {
                self.edge(self.subject(), RelationType::Used, artifact)?
            } else {
                self.edge(artifact, RelationType::ProducedBy, self.subject())?
            };
            Ok((manifest, vec![edge.into()]))
        })?;
        Ok(RegisteredArtifact { manifest, durability: receipt.durability })
    }
}

/// Returns the status of a scope that is dropped without an end: failed if the thread is panicking, otherwise
/// cancelled.
fn default_end() -> RunStatus {
    if std::thread::panicking() { RunStatus::Failed } else { RunStatus::Cancelled }
}
