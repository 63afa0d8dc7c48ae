//! Methods of [`Contexta`] that give names (aliases) to artifacts, record the use of artifacts, and register reports.

use crate::capture;
use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::contract::{ArtifactAlias, ArtifactRef, Fact, RelationType, Timestamp, Valid};
use crate::store::alias::alias_ref;
use crate::store::{self, ArtifactRow};
use std::path::{Path, PathBuf};

/// An artifact that a scope uses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UsedArtifact {
    /// The artifact.
    pub artifact: ArtifactRow,
    /// The file with the content. The file must not be changed. `None` if the artifact is a directory, if its content
    /// is not a local file, or if its body is missing.
    /// [`StoreView::extract_tree`](crate::store::StoreView::extract_tree) writes the files of a directory to a new
    /// directory.
    pub path: Option<PathBuf>,
}

impl Contexta {
    /// Gives an artifact a name in the project of this session, such as `model:best`. If the name already points to
    /// another artifact, it is moved to this artifact, and the log keeps the earlier assignment. The alias is on disk
    /// when the method returns. Errors: the artifact does not exist; the name is blank; the workspace is
    /// read-only; a sink failed, although the alias is recorded.
    pub fn alias(&self, artifact: &ArtifactRef, name: &str) -> Result<ArtifactAlias> {
        self.check_writes()?;
        let project = self.session.project_ref().clone();
        let own = alias_ref(&project, name)?;
        let now = Timestamp::from_nanos(self.storage.now());
        let alias = ArtifactAlias::new(own.clone(), project, name, artifact.clone(), now);
        let alias = Valid::new(alias)?;
        let replaces = self.ask(|store| {
            store.read(|view| match view.artifact(artifact)? {
                Some(_) => view.alias_stamps(&own),
                None => Err(store::Error::ArtifactNotFound { asked: artifact.to_string() }),
            })
        })?;
        self.session.append_change(Fact::Object(alias.clone().into()), replaces)?;
        Ok(alias.into_inner())
    }

    /// Stores a report file as an artifact of a run. The artifact has the kind `report_bundle`. A lineage
    /// edge `reported_by` from the run to the artifact is recorded too. The run may have ended. Body,
    /// manifest and edge are on disk when the method returns. Registering a file with the same name and
    /// content again changes nothing. Returns the ref of the artifact. Errors: the run does not exist, the
    /// file cannot be read, or the workspace is read-only or cannot be written.
    pub fn register_report(&self, run: impl AsRef<str>, path: impl AsRef<Path>) -> Result<ArtifactRef> {
        self.check_writes()?;
        let (run, path) = (self.find_run(run)?, path.as_ref());
        let held = self.journal.lock_bodies()?;
        let (own, body) = self.session.store_report(&run, path)?;
        let exists =
            self.ask(|store| store.read(|view| Ok::<_, store::Error>(view.artifact(&own)?.is_some())))?;
        if !exists {
            self.session.record_report(&run, (own.clone(), &body), path)?;
        }
        drop(held);
        Ok(own)
    }

    /// Finds an artifact by its ref or by an alias of the project, such as `model:best`, and records that the current
    /// scope uses the artifact. Errors: the artifact or the alias does not exist; no scope is current in this thread.
    pub fn use_artifact(&self, name: &str) -> Result<UsedArtifact> {
        let scope = self.current_scope().ok_or(capture::Error::NoCurrentRun)?;
        let missing = || store::Error::ArtifactNotFound { asked: name.to_owned() };
        let own = match ArtifactRef::parse(name) {
            Ok(_) => None,
            Err(_) => Some(alias_ref(self.session.project_ref(), name)?),
        };
        let used = self.ask(|store| {
            store.read(|view| {
                let artifact = match &own {
                    None => ArtifactRef::parse(name)?,
                    Some(own) => view.alias(own)?.ok_or_else(missing)?.artifact_ref,
                };
                let artifact = view.artifact(&artifact)?.ok_or_else(missing)?;
                Ok::<_, store::Error>(UsedArtifact { path: view.artifact_path(&artifact), artifact })
            })
        })?;
        let manifest = &used.artifact.manifest;
        scope.relate(scope.object_ref().clone(), RelationType::Used, &manifest.artifact_ref)?;
        Ok(used)
    }
}
