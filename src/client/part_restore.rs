//! Restores of one run or one artifact from a backup into an open workspace.
//!
//! The entries of a run are in streams that other runs share, so a merge of these streams would also restore other runs.
//! The run is therefore exported from the log of the backup, and imported into the workspace as new entries. An import
//! adds only content that the workspace does not have.

use crate::client::artifact_copy::ArtifactCopy;
use crate::client::backups::Backups;
use crate::client::contexta::Contexta;
use crate::client::error::{Error, Result};
use crate::client::interchange::{BodiesTarget, ExportSettings, ImportSettings, ImportSource};
use crate::client::options::Options;
use crate::config::UnifiedConfig;
use crate::contract::{ArtifactRef, RunRef, StableRef};
use crate::engine::checksum::Digest;
use crate::engine::storage::FileReader;
use crate::interchange::{ExportFilter, ExportReport, ImportReport};
use crate::recovery::{BackupRef, RecoveryStatus, StagedLog};
use crate::store::{self, Note, PlaneError, Severity};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The part of a backup that [`Contexta::restore_part`] restores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoredPart {
    /// A run with its records and artifacts. The text is the ref, the id or the name of the run, or the
    /// beginning of the id or name.
    Run(String),
    /// The content of an artifact. The manifest of the artifact is not restored.
    Artifact(ArtifactRef),
}

/// The result or the plan of [`Contexta::restore_part`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartRestore {
    /// `Degraded` if a part of the run or artifact was not restored.
    pub status: RecoveryStatus,
    /// The name of the backup.
    pub backup_ref: BackupRef,
    /// The run or the artifact.
    pub restored_ref: StableRef,
    /// `false` if the result is a plan.
    pub applied: bool,
    /// `true` if the workspace already had the run or the manifest of the artifact.
    pub is_present: bool,
    /// For each kind, the number of objects and records of the run in the backup. The map is empty for an
    /// artifact.
    pub found: BTreeMap<String, u64>,
    /// For each kind, the number of added objects and records. The map is empty in a plan.
    pub added: BTreeMap<String, u64>,
    /// The number of bodies that were added. In the plan for an artifact, the number of bodies that a restore
    /// would add.
    pub bodies: u64,
    /// Notes on parts that were not restored.
    pub notes: Vec<Note>,
}

/// The log of a backup in a temporary directory, opened with the bodies of the repository.
struct OpenedBackup {
    contexta: Contexta,
    staged: StagedLog,
}

impl OpenedBackup {
    fn open(into: &Contexta, backups: &Backups, backup: &BackupRef) -> Result<OpenedBackup> {
        let repository = backups.access();
        let staged = StagedLog::of(&repository, backup, &backups.dirs)?;
        let mut config = UnifiedConfig::default();
        config.workspace.root_path = staged.root().to_path_buf();
        // The objects of a repository have the same names as the bodies of a workspace.
        config.artifacts.root_path = Some(repository.root().to_path_buf());
        let options = Options::from_config(&config)?.storage(Arc::clone(&into.storage));
        let options = options.read_only().must_exist().detect_code_revision(false);
        Ok(OpenedBackup { contexta: options.open()?, staged })
    }

    /// Returns the body of an artifact. If the artifact is a directory, also returns the bodies of its files.
    fn bodies(&self, artifact: &ArtifactRef) -> Result<Vec<Digest>> {
        self.contexta.ask(|store| {
            store.read(|view| {
                let missing = || PlaneError::ArtifactMissing { artifact: artifact.clone() };
                let row = view.artifact(artifact)?.ok_or_else(missing)?;
                let mut digests: Vec<Digest> = row.body.into_iter().collect();
                if let Some(tree) = row.body.filter(|_| row.is_tree()) {
                    digests.extend(view.tree_files(&tree)?.into_iter().map(|(digest, _)| digest));
                }
                Ok::<_, store::Error>(digests)
            })
        })
    }
}

impl Contexta {
    /// Restores one run or the content of one artifact from a backup. Everything else in the workspace stays
    /// unchanged. A run is imported as new entries. Content that the workspace has is not added again. With
    /// [`ApplyPart::PlanOnly`], returns the plan and changes nothing except temporary files.
    ///
    /// Errors: the backup, the run or the artifact does not exist, or the log of the backup is damaged.
    pub fn restore_part(
        &self,
        backups: &Backups,
        backup: &str,
        part: &RestoredPart,
        apply: ApplyPart,
    ) -> Result<PartRestore> {
        self.check_writes()?;
        let backup_ref = backups.named(backup)?;
        let opened = OpenedBackup::open(self, backups, &backup_ref)?;
        match part {
            RestoredPart::Run(run) => self.restore_run(&opened, backup_ref, run, apply),
            RestoredPart::Artifact(artifact) => {
                self.restore_artifact(&opened, (backups, backup_ref), artifact, apply)
            }
        }
    }

    fn restore_run(
        &self,
        opened: &OpenedBackup,
        backup_ref: BackupRef,
        run: &str,
        apply: ApplyPart,
    ) -> Result<PartRestore> {
        let run: RunRef = opened.contexta.ask(|store| store.read(|view| view.find_run(run)))?.run_ref;
        let is_present = self.ask(|store| store.read(|view| view.run(&run)))?.is_some();
        let file = opened.staged.root().join("run.jsonl");
        let filter = ExportFilter { runs: vec![run.to_string()], ..ExportFilter::default() };
        let bodies = match apply {
            ApplyPart::Apply => BodiesTarget::BesideFile,
            ApplyPart::PlanOnly => BodiesTarget::LeftOut,
        };
        let settings = ExportSettings { filter, bodies, ..ExportSettings::default() };
        let exported = opened.contexta.export_jsonl_file(&file, settings)?;
        let found = exported.kinds.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
        let mut result = PartRestore {
            status: RecoveryStatus::Success,
            backup_ref,
            restored_ref: StableRef::from(&run),
            applied: apply == ApplyPart::Apply,
            is_present,
            found,
            added: BTreeMap::new(),
            bodies: 0,
            notes: exported.notes.clone(),
        };
        if apply == ApplyPart::Apply {
            let imported = self.import_jsonl(ImportSource::File(&file), ImportSettings::default())?;
            result.added = imported.kinds.iter().map(|(kind, counts)| (kind.clone(), counts.new)).collect();
            result.bodies = imported.bodies_stored;
            result.notes.extend(incomplete(&exported, &imported));
            // An erasure of the run with a time far in the future also erases the new entries.
            if self.ask(|store| store.read(|view| view.run(&run)))?.is_none() {
                let message = format!(
                    "{run} was added to the log, but stays deleted, because the clock of this machine is behind the time of \
                     the deletion; correct the clock and restore the run again"
                );
                result.notes.push(Note::new(Severity::Error, "restore_run_hidden", message));
            }
        }
        Ok(result.with_status())
    }

    fn restore_artifact(
        &self,
        opened: &OpenedBackup,
        (backups, backup_ref): (&Backups, BackupRef),
        artifact: &ArtifactRef,
        apply: ApplyPart,
    ) -> Result<PartRestore> {
        let digests = opened.bodies(artifact)?;
        let is_present = self.ask(|store| store.read(|view| view.artifact(artifact)))?.is_some();
        let (from, into) = (backups.access().objects(), self.bodies_at(&self.paths));
        let (mut bodies, mut notes) = (0, Vec::new());
        for digest in &digests {
            if into.size_of(digest)?.is_some() && into.verify(digest, &[]).unwrap_or(false) {
                continue;
            }
            let is_intact = from.size_of(digest)?.is_some() && from.verify(digest, &[])?;
            // `BlobStore::copy_from` keeps a damaged body of the same length, but `ingest` replaces it.
            let copy =
                || Ok::<_, Error>(into.ingest(&mut FileReader::new(from.open(digest)?))?.digest == *digest);
            if is_intact && (apply == ApplyPart::PlanOnly || copy()?) {
                bodies += 1;
            } else {
                let message = format!("the body {digest} is missing or damaged in the backup");
                notes.push(Note::new(Severity::Error, "artifact_body_missing", message));
            }
        }
        if !is_present {
            let message = format!(
                "the workspace does not have {artifact}; to restore its manifest, restore its run with `--run`"
            );
            notes.push(Note::new(Severity::Warning, "restore_artifact_unknown", message));
        }
        let (restored_ref, applied) = (StableRef::from(artifact), apply == ApplyPart::Apply);
        let (found, added, status) = (BTreeMap::new(), BTreeMap::new(), RecoveryStatus::Success);
        let result = PartRestore {
            status,
            backup_ref,
            restored_ref,
            applied,
            is_present,
            found,
            added,
            bodies,
            notes,
        };
        Ok(result.with_status())
    }

    /// Writes the content of an artifact in a backup to the file `path`. If the artifact is a directory, `path` is a new
    /// directory. Changes nothing in the workspace except temporary files.
    pub fn copy_artifact_from_backup(
        &self,
        backups: &Backups,
        backup: &str,
        artifact: &ArtifactRef,
        path: impl AsRef<Path>,
    ) -> Result<ArtifactCopy> {
        OpenedBackup::open(self, backups, &backups.named(backup)?)?.contexta.copy_artifact(artifact, path)
    }
}

/// The mode of [`Contexta::restore_part`]: restore the part, or only return the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyPart {
    /// The part is restored.
    Apply,
    /// Only the plan is returned.
    PlanOnly,
}

impl PartRestore {
    fn with_status(mut self) -> PartRestore {
        let is_degraded = self.notes.iter().any(|note| note.severity == Severity::Error);
        self.status = if is_degraded { RecoveryStatus::Degraded } else { RecoveryStatus::Success };
        self
    }
}

/// Returns a note if a part of a run was not restored.
fn incomplete(exported: &ExportReport, imported: &ImportReport) -> Option<Note> {
    let message = format!(
        "a part of the run was not restored: {} lines refused, {} members left out, {} bodies missing in the backup, \
         {} bodies missing or different",
        imported.total().refused,
        imported.members_dropped,
        exported.bodies_missing,
        imported.bodies_missing + imported.bodies_differing
    );
    let is_complete = exported.is_whole() && imported.is_complete();
    (!is_complete).then(|| Note::new(Severity::Error, "restore_part_incomplete", message))
}
