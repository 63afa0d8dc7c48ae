//! Registration of artifacts and lineage edges in a scope.

use crate::capture::context::warning;
use crate::capture::dispatch::{Appended, Commit};
use crate::capture::edge::edge;
use crate::capture::emission::{ArtifactRegistration, ArtifactRole, IngestMode};
use crate::capture::error::{Error, Result};
use crate::capture::intake::Intake;
use crate::capture::outcome::RegisteredArtifact;
use crate::capture::result::{BODY_NOT_STORED, CaptureResult, CapturedAs, PayloadFamily};
use crate::capture::scope::Scope;
use crate::contract::refs::{component_of_id, slug};
use crate::contract::{
    ArtifactManifest, ArtifactRef, Fact, LineageEdge, RelationType, RunRef, StableRef, Valid, Value,
};
use crate::store::journal::file_name_attributes;
use crate::store::location;
use crate::store::source::SOURCE_NOT_REMOVED;
use crate::store::{self, Durability, Note, Severity, SourceMode, StoredBody, chain};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// The file of an artifact.
enum Source {
    /// The file does not exist.
    Missing,
    /// A file to store.
    File(SourceMode),
    /// A directory to store.
    Dir,
    /// Content that stays outside the workspace. `path` is the path of a local file.
    Outside { location: String, path: Option<PathBuf> },
}

impl Scope {
    pub(super) fn relate(
        &self,
        source: StableRef,
        relation: RelationType,
        target: StableRef,
    ) -> Result<LineageEdge> {
        self.check_open()?;
        let inner = &self.session.inner;
        let edge = edge(self.context.run()?, source, relation, target, inner.now())?;
        let commit = Commit::new(vec![edge.clone().into()], inner.options.durability, &self.context);
        inner.dispatcher.append(commit)?;
        Ok(edge.into_inner())
    }

    /// Returns the ref for an artifact: the given ref, or a ref with the given key, or a new ref that is made from the
    /// name of the file.
    fn artifact_ref(&self, run: &RunRef, what: &ArtifactRegistration) -> Result<ArtifactRef> {
        const KIND: &str = "artifact";
        let mut children = self.outermost().children();
        if let Some(own) = &what.artifact_ref {
            children.names.reserve(KIND, own.last_component());
            return Ok(own.clone());
        }
        if let Some(key) = &what.key {
            let component = component_of_id(key, KIND);
            children.names.reserve(KIND, &component);
            return Ok(ArtifactRef::under(run, &component)?);
        }
        let stem = what.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.and_then(|stem| slug(&stem, usize::MAX)).unwrap_or_else(|| KIND.to_owned());
        Ok(ArtifactRef::under(run, &children.names.claim(KIND, &stem, KIND).component)?)
    }

    /// Stores a file as an artifact, and records its manifest and its relation to this scope.
    pub(super) fn register(&self, what: ArtifactRegistration) -> Result<RegisteredArtifact> {
        self.check_open()?;
        let options = &self.session.inner.options;
        if options.artifacts_read_only {
            return Err(Error::ReadOnly { what: "artifacts" });
        }
        let run = self.context.run()?;
        let source = self.source(&what, what.ingest_mode.unwrap_or(options.ingest_mode))?;
        let manifest = self.manifest(run, &what)?;
        let own: StableRef = (&manifest.artifact_ref).into();
        let now = self.session.inner.now();
        let edge = match what.role {
            ArtifactRole::Input => edge(run, self.own.clone(), RelationType::Used, own, now)?,
            _ => edge(run, own, RelationType::ProducedBy, self.own.clone(), now)?,
        };
        // The manifest is checked before the body is stored, because storing a large body takes long.
        Intake::new(&self.session.inner.redactor).object(manifest.clone())?;
        match source {
            Source::Missing => self.register_missing(&what, manifest, edge.into()),
            Source::Outside { location, path } => {
                let path = path.filter(|_| what.compute_hash);
                self.register_outside(
                    ArtifactManifest { location_ref: location, ..manifest },
                    path,
                    edge.into(),
                )
            }
            Source::Dir => self.register_dir(&what, manifest, edge.into()),
            Source::File(mode) => self.register_file(&what, mode, manifest, edge.into()),
        }
    }

    /// Returns the manifest of an artifact, without the location, the size and the digest of its content.
    fn manifest(&self, run: &RunRef, what: &ArtifactRegistration) -> Result<ArtifactManifest> {
        let inner = &self.session.inner;
        let own = self.artifact_ref(run, what)?;
        let (kind, producer) = (what.artifact_kind.as_str(), inner.options.producer.as_str());
        let mut manifest = ArtifactManifest::new(own, kind, inner.now(), producer, run.clone(), "unknown");
        self.context.describe(&mut manifest);
        manifest.attributes = what.attributes.clone();
        manifest.attributes.extend(file_name_attributes(&what.path));
        manifest.attributes.extend(what.step.map(|step| ("step".to_owned(), Value::Int(step))));
        Ok(manifest)
    }

    fn register_missing(
        &self,
        what: &ArtifactRegistration,
        mut manifest: ArtifactManifest,
        edge: Fact,
    ) -> Result<RegisteredArtifact> {
        let path = std::path::absolute(&what.path).unwrap_or_else(|_| what.path.clone());
        manifest.location_ref = format!("path:{}", path.display());
        let marker = self.missing_marker(&what.path, (&manifest.artifact_ref).into())?;
        let recorded = self.record(manifest, None, vec![edge, marker])?;
        Ok(RegisteredArtifact { is_missing: true, ..recorded })
    }

    /// Registers content outside the workspace. If `hashed` is given, adds the digest and the size of this local file.
    fn register_outside(
        &self,
        mut manifest: ArtifactManifest,
        hashed: Option<PathBuf>,
        edge: Fact,
    ) -> Result<RegisteredArtifact> {
        if let Some(path) = hashed {
            let (sha256, size) = self.session.inner.journal.hash_file(&path)?;
            (manifest.hash_value, manifest.size_bytes) = (Some(sha256), Some(size));
        }
        self.record(manifest, None, vec![edge])
    }

    fn register_dir(
        &self,
        what: &ArtifactRegistration,
        mut manifest: ArtifactManifest,
        edge: Fact,
    ) -> Result<RegisteredArtifact> {
        let journal = &self.session.inner.journal;
        let locked = journal.lock_bodies();
        let (_held, tree) = match locked.and_then(|held| Ok((held, journal.take_tree(&what.path)?))) {
            Ok(held_and_tree) => held_and_tree,
            Err(error) => return self.register_unstored(what, manifest, edge, error),
        };
        manifest.location_ref = location::of_tree(&tree.body.digest);
        manifest.hash_value = what.compute_hash.then(|| tree.body.sha256.clone());
        manifest.size_bytes = Some(tree.body.size);
        manifest.attributes.insert("tree_files".to_owned(), Value::from(tree.files));
        manifest.attributes.insert("tree_bytes".to_owned(), Value::from(tree.bytes));
        let mut more = vec![edge];
        if !tree.left_out.is_empty() {
            let summary = left_out(&what.path, &tree.left_out);
            more.push(self.marker("artifact.files_left_out", summary, (&manifest.artifact_ref).into())?);
        }
        self.record(manifest, Some(&tree.body), more)
    }

    fn register_file(
        &self,
        what: &ArtifactRegistration,
        mode: SourceMode,
        mut manifest: ArtifactManifest,
        edge: Fact,
    ) -> Result<RegisteredArtifact> {
        let journal = &self.session.inner.journal;
        let locked = journal.lock_bodies();
        let (_held, source) = match locked.and_then(|held| Ok((held, journal.take_source(&what.path, mode)?)))
        {
            Ok(held_and_source) => held_and_source,
            Err(error) => return self.register_unstored(what, manifest, edge, error),
        };
        manifest.location_ref = location::of_body(&source.body.digest);
        manifest.hash_value = what.compute_hash.then(|| source.body.sha256.clone());
        manifest.size_bytes = Some(source.body.size);
        let recorded = self.record(manifest, Some(&source.body), vec![edge]);
        match recorded {
            // The file is removed only if the log has the manifest.
            Ok(mut recorded)
                if !recorded.captured.recovered_to_outbox() && recorded.captured.error_code().is_none() =>
            {
                recorded.notes.extend(journal.finish_source(source));
                Ok(recorded)
            }
            Ok(mut recorded) => {
                if journal.abandon_source(source) {
                    let message = match recorded.captured.error_code() {
                        None => "the file stays, because the manifest waits for a replay",
                        Some(_) => "the file stays, because the manifest could not be recorded",
                    };
                    recorded.notes.push(Note::new(Severity::Warning, SOURCE_NOT_REMOVED, message));
                }
                Ok(recorded)
            }
            Err(error) => {
                // The file stays after every error, also if only a sink failed and the log has the manifest.
                journal.abandon_source(source);
                Err(error)
            }
        }
    }

    /// Registers an artifact whose content could not be stored because of `error`. The manifest refers to the file where
    /// it is, and a degraded marker states the error. Returns `error` with [`FailureMode::Raise`], or if the file system
    /// did not cause it.
    ///
    /// [`FailureMode::Raise`]: crate::capture::FailureMode::Raise
    fn register_unstored(
        &self,
        what: &ArtifactRegistration,
        mut manifest: ArtifactManifest,
        edge: Fact,
        error: store::Error,
    ) -> Result<RegisteredArtifact> {
        let inner = &self.session.inner;
        if !inner.dispatcher.is_outbox() || !error.is_storage() {
            return Err(error.into());
        }
        let path = std::path::absolute(&what.path).unwrap_or_else(|_| what.path.clone());
        manifest.location_ref = location::of_file(&path);
        // A directory has no digest, and the file may be the cause of the error.
        if what.compute_hash
            && let Ok((sha256, size)) = inner.journal.hash_file(&path)
        {
            (manifest.hash_value, manifest.size_bytes) = (Some(sha256), Some(size));
        }
        let (own, place) = (&manifest.artifact_ref, path.display());
        let message =
            format!("the content of {own} was not stored, and the file stays at {place}: {}", chain(&error));
        let marker = self.marker("artifact.body_not_stored", message.clone(), own.into())?;
        let mut recorded = self.record(manifest, None, vec![edge, marker])?;
        recorded.captured.add_reason(BODY_NOT_STORED);
        recorded.captured.add_warning(message.as_str());
        recorded.notes.push(Note::new(Severity::Warning, BODY_NOT_STORED, message));
        Ok(recorded)
    }

    /// Appends the manifest of an artifact and other facts. The manifest replaces the last manifest that was recorded
    /// through this run scope for the same ref.
    fn record(
        &self,
        manifest: ArtifactManifest,
        body: Option<&StoredBody>,
        more: Vec<Fact>,
    ) -> Result<RegisteredArtifact> {
        let inner = &self.session.inner;
        let mut intake = Intake::new(&inner.redactor);
        let manifest = intake.object(manifest)?;
        let subject = (&manifest.artifact_ref).into();
        let marker = intake.marker(subject, &self.context, inner.now(), &inner.options.producer)?;
        let component = manifest.artifact_ref.last_component().to_owned();
        let last = Arc::clone(self.outermost().children().artifacts.entry(component).or_default());
        // The lock is held during the append. If two threads register the same ref, one manifest replaces the other.
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let artifact = Fact::Artifact(Box::new(manifest.clone()), body.map(|body| body.digest.0));
        let facts = [artifact].into_iter().chain(more).chain(marker).collect();
        let mut commit = Commit::new(facts, Durability::Fsync, &self.context);
        commit.replaces.extend(*last);
        let mut receipt = None;
        let appended = inner.dispatcher.append_with_receipt(commit, &mut receipt);
        *last = receipt.map(|receipt| receipt.first).or(*last);
        let mut recorded = self.registered(appended?, manifest);
        intake.into_changes().tell(&mut recorded.captured);
        Ok(recorded)
    }

    /// Returns the result of a registration. The result is failed if the manifest is lost.
    fn registered(&self, appended: Appended, manifest: Valid<ArtifactManifest>) -> RegisteredArtifact {
        let Appended { receipt, results, .. } = appended;
        let durability = receipt.map(|receipt| receipt.durability);
        let captured = results.and_then(|results| results.into_iter().next()).unwrap_or_else(|| {
            let captured = CapturedAs {
                context: Some(Arc::clone(&self.context)),
                record_type: None,
                position: receipt.map(|receipt| receipt.first.position()),
                durability,
            };
            CaptureResult::captured(PayloadFamily::Artifact, captured)
        });
        RegisteredArtifact { manifest, durability, is_missing: false, notes: Vec::new(), captured }
    }

    /// Examines the file of an artifact. Error: the file cannot be registered in this mode.
    fn source(&self, what: &ArtifactRegistration, mode: IngestMode) -> Result<Source> {
        let journal = &self.session.inner.journal;
        let path = &what.path;
        let fault = |what_is_wrong| Error::Source { path: path.clone(), what: what_is_wrong };
        if mode == IngestMode::Reference
            && let Some(location) = path.to_str().filter(|text| location::is_uri(text))
        {
            return Ok(Source::Outside {
                location: location.to_owned(),
                path: location::local_path(location),
            });
        }
        let info = match journal.storage().info(path) {
            Ok(info) => info,
            Err(e) if e.kind() == io::ErrorKind::NotFound && what.allow_missing => {
                return Ok(Source::Missing);
            }
            Err(_) => return Err(fault("does not exist or cannot be read")),
        };
        if info.is_dir && mode == IngestMode::Reference {
            let path = std::path::absolute(path).map_err(|_| fault("has no absolute path"))?;
            return Ok(Source::Outside { location: location::of_file(&path), path: None });
        }
        if info.is_dir {
            // The modes `move` and `adopt` of a session do not apply to directories: a directory is copied.
            let is_copied = what.ingest_mode.is_none_or(|mode| mode == IngestMode::Copy);
            return if is_copied {
                Ok(Source::Dir)
            } else {
                Err(fault("is a directory, which can only be copied"))
            };
        }
        if !info.is_file {
            return Err(fault("is not a regular file"));
        }
        match mode {
            IngestMode::Copy => Ok(Source::File(SourceMode::Copy)),
            IngestMode::Reference => {
                let path = std::path::absolute(path).map_err(|_| fault("has no absolute path"))?;
                Ok(Source::Outside { location: location::of_file(&path), path: Some(path) })
            }
            IngestMode::Adopt if !journal.blobs().is_staged(path) => {
                let staging = journal.blobs().staging().to_path_buf();
                Err(Error::NotStaged { path: path.clone(), staging })
            }
            IngestMode::Move | IngestMode::Adopt => {
                journal.check_movable(path)?;
                let is_given = mode == IngestMode::Adopt;
                Ok(Source::File(if is_given { SourceMode::Adopt } else { SourceMode::Move }))
            }
        }
    }

    /// Returns the degraded marker of an artifact whose file is missing.
    fn missing_marker(&self, path: &Path, artifact: StableRef) -> Result<Fact> {
        let summary = format!("the file of {artifact} does not exist: {}", path.display());
        self.marker("artifact.source_missing", summary, artifact)
    }

    /// Returns a degraded marker for an artifact whose content is incomplete.
    fn marker(&self, issue_key: &str, summary: String, artifact: StableRef) -> Result<Fact> {
        let inner = &self.session.inner;
        self.context.marker(inner.now(), &inner.options.producer, warning(issue_key, summary, artifact))
    }
}

/// Returns the summary of a degraded marker. The summary names the files of a directory that were left out.
fn left_out(dir: &Path, files: &[String]) -> String {
    const NAMED_MAX: usize = 20;
    let named = files.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = files.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("files of the directory {} were left out: {named}{more}", dir.display())
}
