//! Handles of running things: a run, and its stages.
//!
//! A scope ends when it is told to: `complete`, `fail` or `cancel`. One that is dropped without a word ends as
//! failed while its thread is panicking, else as cancelled: nobody said that it went well. The end of a run ends
//! its open stages with it.

use crate::capture::artifact::ArtifactRegistration;
use crate::capture::emit::{Emission, EventEmission, MetricEmission, Surroundings};
use crate::capture::error::{Error, Result};
use crate::capture::outcome::{CaptureResult, RegisteredArtifact};
use crate::capture::session::Session;
use crate::contract::fact::{Ended, Param};
use crate::contract::refs::slug;
use crate::contract::{
    ArtifactManifest, ArtifactRef, Confidence, Fact, LineageEdge, LineageOrigin, MetricValue, RecordType,
    RelationRef, RelationType, RunRef, RunStatus, StableRef, StageExecution, StageRef, Timestamp, Valid,
    Value,
};
use crate::store::journal::{file_name_attribute, location_of, short_digest};
use crate::store::{Durability, Head, Stamp};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What run and stage scopes share.
#[derive(Debug)]
struct Scope {
    session: Session,
    run: RunRef,
    stage: Option<StageRef>,
    started_at: Timestamp,
    status: Mutex<RunStatus>,
    /// The end that was asked for and could not be recorded.
    asked: Mutex<Option<RunStatus>>,
}

impl Scope {
    fn subject(&self) -> StableRef {
        match &self.stage {
            Some(stage) => stage.clone().into(),
            None => self.run.clone().into(),
        }
    }

    fn status(&self) -> MutexGuard<'_, RunStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_open(&self) -> Result<()> {
        match *self.status() {
            RunStatus::Open => Ok(()),
            status => Err(Error::ScopeClosed { scope: self.subject(), status }),
        }
    }

    fn around(&self) -> Surroundings<'_> {
        let producer = &self.session.inner.options.producer;
        Surroundings { run: &self.run, stage: self.stage.as_ref(), producer }
    }

    /// The fact that this scope ended, unless it has already.
    fn end(&self, status: RunStatus, at: Timestamp) -> Option<Fact> {
        let mut current = self.status();
        if *current != RunStatus::Open {
            return None;
        }
        let ended = Ended::new(self.subject(), status, at.max(self.started_at)).ok()?;
        *current = status;
        Some(Fact::Ended(ended))
    }

    /// Takes back an end that could not be recorded, so that it can be said again.
    fn reopen(&self) {
        let status = std::mem::replace(&mut *self.status(), RunStatus::Open);
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }

    /// How it ends when it is dropped: as was asked for, else as nobody said.
    fn last_word(&self) -> RunStatus {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(unsaid)
    }

    fn emit(&self, emissions: Vec<Emission>) -> Result<Vec<CaptureResult>> {
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

    fn emit_one(&self, emission: Emission) -> Result<CaptureResult> {
        let unexpected = || Error::ScopeClosed { scope: self.subject(), status: *self.status() };
        self.emit(vec![emission])?.pop().ok_or_else(unexpected)
    }

    fn relate(&self, source: StableRef, relation: RelationType, target: StableRef) -> Result<LineageEdge> {
        self.check_open()?;
        let inner = &self.session.inner;
        let edge = self.edge(source, relation, target)?;
        inner.journal.append(vec![edge.clone().into()], inner.options.durability)?;
        Ok(edge.into_inner())
    }

    /// An edge whose ref follows from what it says: said twice, it is one.
    fn edge(
        &self,
        source: StableRef,
        relation: RelationType,
        target: StableRef,
    ) -> crate::contract::Result<Valid<LineageEdge>> {
        let said = format!("{source} {relation} {target}");
        let edge = LineageEdge::new(
            RelationRef::under(&self.run, &short_digest(&said))?,
            relation,
            source,
            target,
            self.session.inner.now(),
            LineageOrigin::Explicit,
            Confidence::High,
        );
        Valid::new(edge)
    }

    fn register(&self, what: ArtifactRegistration, key: String) -> Result<RegisteredArtifact> {
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
            return Err(source("is no regular file"));
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

/// How a scope ends that was dropped without a word.
fn unsaid() -> RunStatus {
    if std::thread::panicking() { RunStatus::Failed } else { RunStatus::Cancelled }
}

/// A running run. Clones are handles of the same run; the last one dropped ends it, if nothing else did.
#[derive(Debug, Clone)]
pub struct RunScope {
    inner: Arc<RunInner>,
}

#[derive(Debug)]
struct RunInner {
    scope: Scope,
    children: Mutex<Children>,
}

#[derive(Debug, Default)]
struct Children {
    stages: Vec<Weak<StageInner>>,
    stage_names: HashSet<String>,
    artifact_keys: HashSet<String>,
    params: BTreeMap<String, Stamp>,
    next_order: u64,
}

impl RunInner {
    fn children(&self) -> MutexGuard<'_, Children> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the run and the stages still open, in one commit.
    fn end(&self, status: RunStatus) -> Result<Head> {
        let inner = &self.scope.session.inner;
        let now = inner.now();
        let stages: Vec<Arc<StageInner>> = self.children().stages.iter().filter_map(Weak::upgrade).collect();
        let mut ended: Vec<(&Scope, Fact)> = Vec::new();
        for scope in stages.iter().map(|s| &s.scope).chain([&self.scope]) {
            ended.extend(scope.end(status, now).map(|fact| (scope, fact)));
        }
        let (scopes, facts): (Vec<&Scope>, Vec<Fact>) = ended.into_iter().unzip();
        if !scopes.iter().any(|s| s.stage.is_none()) {
            scopes.iter().for_each(|s| s.reopen());
            return Err(Error::ScopeClosed { scope: self.scope.subject(), status: *self.scope.status() });
        }
        let appended = inner.journal.append_end(facts);
        if appended.is_err() {
            scopes.iter().for_each(|s| s.reopen());
        }
        Ok(appended?)
    }
}

impl Drop for RunInner {
    fn drop(&mut self) {
        // Nobody is left to hear of an error; the run then stays open in the log, as after a kill.
        if self.scope.check_open().is_ok() {
            let _ = self.end(self.scope.last_word());
        }
    }
}

/// The name, with a number behind it if it was used before; never one that was.
fn numbered(name: &str, used: &mut HashSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut n = 1u64;
    while !used.insert(candidate.clone()) {
        n += 1;
        let suffix = format!("-{n}");
        let stem: String = name.chars().take(63 - suffix.len()).collect();
        candidate = format!("{}{suffix}", stem.trim_end_matches('-'));
    }
    candidate
}

impl RunScope {
    /// `params` says which entry set each parameter.
    pub(super) fn new(
        session: Session,
        run: RunRef,
        started_at: Timestamp,
        params: BTreeMap<String, Stamp>,
    ) -> RunScope {
        let scope = Scope {
            session,
            run,
            stage: None,
            started_at,
            status: Mutex::new(RunStatus::Open),
            asked: Mutex::default(),
        };
        let children = Mutex::new(Children { params, ..Children::default() });
        RunScope { inner: Arc::new(RunInner { scope, children }) }
    }

    /// Its ref.
    pub fn run_ref(&self) -> &RunRef {
        &self.inner.scope.run
    }

    /// Begins a stage. A name that this handle used before gets a number: `train`, `train-2`.
    /// On disk when this returns.
    pub fn stage(&self, name: &str) -> Result<StageScope> {
        let scope = &self.inner.scope;
        scope.check_open()?;
        let inner = &scope.session.inner;
        let stem = slug(name, 63).ok_or_else(|| Error::UnusableName { name: name.to_owned() })?;
        let now = inner.now();
        let (stage_name, order) = {
            let mut children = self.inner.children();
            let order = children.next_order;
            children.next_order += 1;
            (numbered(&stem, &mut children.stage_names), order)
        };
        let stage_ref = StageRef::under(&scope.run, &stage_name)?;
        let own = stage_ref.clone();
        let mut stage = StageExecution::new(own, scope.run.clone(), stage_name, RunStatus::Open, now);
        stage.order_index = Some(order);
        inner.journal.append(vec![Valid::new(stage)?.into()], Durability::Fsync)?;
        let own = Scope {
            session: scope.session.clone(),
            run: scope.run.clone(),
            stage: Some(stage_ref),
            started_at: now,
            status: Mutex::new(RunStatus::Open),
            asked: Mutex::default(),
        };
        let stage = StageScope { inner: Arc::new(StageInner { scope: own, run: self.clone() }) };
        self.inner.children().stages.push(Arc::downgrade(&stage.inner));
        Ok(stage)
    }

    /// Sets a parameter. Set again through this handle, the new value replaces the old one.
    pub fn param(&self, key: &str, value: impl Into<Value>) -> Result<()> {
        let scope = &self.inner.scope;
        scope.check_open()?;
        let inner = &scope.session.inner;
        let param = Param::new(scope.run.clone(), key, value.into())?;
        let mut children = self.inner.children();
        let replaces = Vec::from_iter(children.params.get(param.key()).copied());
        let key = param.key().to_owned();
        let receipt =
            inner.journal.append_replacing(Fact::Param(param), replaces, inner.options.durability)?;
        children.params.insert(key, receipt.first);
        Ok(())
    }

    /// Ends the run well, and its open stages with it. On disk when this returns, also where the disk is full but for the
    /// room that is kept back. The head, kept elsewhere, tells later whether the log still holds all of it
    /// (`contexta verify --head`).
    pub fn complete(&self) -> Result<Head> {
        self.inner.end(RunStatus::Completed)
    }

    /// Ends the run badly.
    pub fn fail(&self) -> Result<Head> {
        self.inner.end(RunStatus::Failed)
    }

    /// Ends the run before its end.
    pub fn cancel(&self) -> Result<Head> {
        self.inner.end(RunStatus::Cancelled)
    }

    fn run_inner(&self) -> &RunInner {
        &self.inner
    }
}

/// A running stage of a run. Clones are handles of the same stage.
#[derive(Debug, Clone)]
pub struct StageScope {
    inner: Arc<StageInner>,
}

#[derive(Debug)]
struct StageInner {
    scope: Scope,
    run: RunScope,
}

impl StageInner {
    fn end(&self, status: RunStatus) -> Result<Head> {
        let inner = &self.scope.session.inner;
        let Some(own) = self.scope.end(status, inner.now()) else {
            return Err(Error::ScopeClosed { scope: self.scope.subject(), status: *self.scope.status() });
        };
        let appended = inner.journal.append_end(vec![own]);
        if appended.is_err() {
            self.scope.reopen();
        }
        Ok(appended?)
    }
}

impl Drop for StageInner {
    fn drop(&mut self) {
        if self.scope.check_open().is_ok() {
            let _ = self.end(self.scope.last_word());
        }
    }
}

impl StageScope {
    /// Its ref.
    pub fn stage_ref(&self) -> Result<StageRef> {
        Ok(self.inner.scope.subject().try_into()?)
    }

    /// The run it belongs to.
    pub fn run(&self) -> &RunScope {
        &self.inner.run
    }

    /// Ends the stage well. On disk when this returns.
    pub fn complete(&self) -> Result<Head> {
        self.inner.end(RunStatus::Completed)
    }

    /// Ends the stage badly.
    pub fn fail(&self) -> Result<Head> {
        self.inner.end(RunStatus::Failed)
    }

    /// Ends the stage before its end.
    pub fn cancel(&self) -> Result<Head> {
        self.inner.end(RunStatus::Cancelled)
    }

    fn run_inner(&self) -> &RunInner {
        self.inner.run.run_inner()
    }
}

/// What both scopes take.
macro_rules! capture_methods {
    ($($scope:ident),*) => {$(
        impl $scope {
            /// When it began.
            pub fn started_at(&self) -> Timestamp {
                self.inner.scope.started_at
            }

            /// How far it has come.
            pub fn status(&self) -> RunStatus {
                *self.inner.scope.status()
            }

            /// Captures an event of level `info`. For more, [`EventEmission`] with [`Self::emit`].
            pub fn event(&self, key: &str, message: &str) -> Result<CaptureResult> {
                self.emit(EventEmission::new(key, message))
            }

            /// Captures a metric. For more, [`MetricEmission`] with [`Self::emit`].
            pub fn metric(&self, key: &str, value: impl Into<MetricValue>) -> Result<CaptureResult> {
                self.emit(MetricEmission::new(key, value))
            }

            /// Captures a metric at a step of training.
            pub fn metric_at(&self, key: &str, step: i64, value: impl Into<MetricValue>) -> Result<CaptureResult> {
                self.emit(MetricEmission::new(key, value).step(step))
            }

            /// Captures an event or metric. When this returns, what the session's durability promises holds.
            pub fn emit(&self, emission: impl Into<Emission>) -> Result<CaptureResult> {
                self.inner.scope.emit_one(emission.into())
            }

            /// Captures several at once: all of them, in one commit, or none.
            pub fn emit_all<E: Into<Emission>>(
                &self,
                emissions: impl IntoIterator<Item = E>,
            ) -> Result<Vec<CaptureResult>> {
                self.inner.scope.emit(emissions.into_iter().map(Into::into).collect())
            }

            /// Stores a file that was made here, under the name of the file. For more, [`ArtifactRegistration`] with
            /// [`Self::register`].
            pub fn register_artifact(&self, kind: &str, path: impl AsRef<Path>) -> Result<RegisteredArtifact> {
                self.register(ArtifactRegistration::output(kind, path))
            }

            /// Stores a file and says how it relates to this scope. Body and manifest are on disk when this
            /// returns; the body is copied in constant memory, once however often its content is registered.
            pub fn register(&self, what: ArtifactRegistration) -> Result<RegisteredArtifact> {
                self.inner.scope.check_open()?;
                let key = match &what.key {
                    Some(key) => {
                        self.run_inner().children().artifact_keys.insert(key.clone());
                        key.clone()
                    }
                    None => {
                        let stem = what.path.file_stem().map(|s| s.to_string_lossy().into_owned());
                        let stem = stem.and_then(|s| slug(&s, 63)).unwrap_or_else(|| "artifact".to_owned());
                        numbered(&stem, &mut self.run_inner().children().artifact_keys)
                    }
                };
                self.inner.scope.register(what, key)
            }

            /// Says that one thing came from, used or otherwise relates to another.
            pub fn relate(
                &self,
                source: impl Into<StableRef>,
                relation: RelationType,
                target: impl Into<StableRef>,
            ) -> Result<LineageEdge> {
                self.inner.scope.relate(source.into(), relation, target.into())
            }
        }
    )*};
}
capture_methods!(RunScope, StageScope);
