//! The application of a restore plan.
//!
//! The order of the steps makes an interruption at any moment safe:
//!
//! 1. The log is prepared in a staging directory and checked. During this step, the target does not change.
//! 2. The present content of the target is backed up.
//! 3. Bodies and other files are added to the target. The present log does not refer to the added bodies.
//! 4. The log is replaced (`swap`).
//! 5. The replaced log is removed if a checked backup contains it. Otherwise the log is kept (`retire`). A failure of this
//!    step is a note.

use crate::engine::checksum::Digest;
use crate::engine::fault::chain;
use crate::engine::log::replacement::{finish_swap, is_swap_interrupted, replaced_log, restored_log};
use crate::engine::progress::Progress;
use crate::engine::storage::{File, FileReader, OpenMode, Storage, exists};
use crate::recovery::backup::{BackupRef, Manifest, Repository};
use crate::recovery::error::{Error, Result};
use crate::recovery::known::KnownFile;
use crate::recovery::restore::check::{Checked, check};
use crate::recovery::restore::files::{FileOutcome, is_replaced, restore_file};
use crate::recovery::restore::plan::{RestorePlan, check_domain};
use crate::recovery::restore::retire::{Former, Retirement};
use crate::recovery::restore::safety::{SafetyBackup, back_up};
use crate::recovery::restore::stage::Staging;
use crate::recovery::restore::swap::{LogState, check_log, check_unused, is_present, swap};
use crate::recovery::status::RecoveryStatus;
use crate::recovery::tree::{io_error, remove_empty_dirs, remove_tree};
use crate::recovery::workspace_dirs::WorkspaceDirs;
use crate::store::{Note, Severity};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The label of the safety backup, which contains the workspace before the restore.
const SAFETY_LABEL: &str = "pre-restore-safety";

/// The result of a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreResult {
    /// `Degraded` if a part of the backup was not restored.
    pub status: RecoveryStatus,
    /// The name of the backup.
    pub backup_ref: BackupRef,
    /// The directory of the workspace into which the backup was restored.
    pub target_workspace: PathBuf,
    /// `true` if the log of the target was replaced.
    pub applied: bool,
    /// The number of entries in the restored log.
    pub entries: u64,
    /// The digest of the tables that were derived from the restored log.
    pub digest: Digest,
    /// The number of bodies in the backup, and the number of bodies that were added to the target.
    pub bodies: (u64, u64),
    /// The number of written files outside the log and the bodies.
    pub files: u64,
    /// The name of the backup that contains the replaced content. `None` if no such backup was created.
    pub safety_backup_ref: Option<BackupRef>,
    /// Notes about files that were not restored, and about damage in the backup.
    pub notes: Vec<Note>,
    /// Short texts about the checks. They contain the name of the manifest, the number of objects, the number
    /// of entries, and the digest of the tables.
    pub verification_notes: Vec<String>,
}

/// The repositories of a restore.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestoreRepositories<'a> {
    /// The repository that contains the restored backup.
    pub(crate) from: &'a Repository,
    /// The repository for backups of the replaced content.
    pub(crate) safety: &'a Repository,
}

/// Restores a backup. With [`RestorePlan::verify_only`], only checks the backup. Before a restore, finishes
/// or cleans up an earlier restore that was interrupted. Errors: a writer uses the target, an object is
/// damaged, or the check of the restored log fails. After one of these errors, the log of the target is
/// unchanged.
pub(crate) fn restore(
    repositories: RestoreRepositories<'_>,
    dirs: &WorkspaceDirs,
    plan: &RestorePlan,
    progress: Progress<'_>,
) -> Result<RestoreResult> {
    let RestoreRepositories { from: repository, safety } = repositories;
    let manifest = repository.read(&plan.backup_ref)?;
    if manifest.created_at != plan.created_at {
        return Err(Error::BackupPlanOutdated {
            reason: format!("the backup {} has changed", plan.backup_ref),
        });
    }
    check_domain(repository, &manifest)?;
    let storage = repository.storage.as_ref();
    if !plan.verify_only {
        check_log(storage, dirs)?;
        check_unused(storage, dirs)?;
    }
    let root_exists =
        exists(storage, &dirs.root).map_err(|e| io_error("read the metadata of", &dirs.root, e))?;
    let lock = RestoreLock::acquire(storage, dirs)?;
    let staging = dirs.restore_staging.join("restore");
    let restore = Restore { repository, safety, dirs, plan, manifest: &manifest, staging: &staging };
    let result = restore.run(progress);
    if result.is_err() && !plan.verify_only {
        abandon(storage, &dirs.log);
    }
    // If the removal fails, the next restore removes the directory.
    let cleaned = remove_tree(storage, &staging);
    drop(lock);
    // If the workspace existed before, its directories are kept, because a writer may be about to use them.
    if !root_exists && (plan.verify_only || result.is_err()) {
        let _ = storage.remove_file(&dirs.restore_staging.join(LOCK_NAME));
        remove_empty_dirs(storage, &dirs.restore_staging, dirs.root.parent().unwrap_or(&dirs.root));
    }
    let mut result = result?;
    match cleaned {
        Err(e) if result.applied => {
            result.notes.push(left_behind(&staging, &e));
            result.status = RecoveryStatus::of(&result.notes);
        }
        cleaned => cleaned?,
    }
    Ok(result)
}

/// Returns the note on a directory that could not be removed after the log was replaced.
fn left_behind(dir: &Path, e: &Error) -> Note {
    let message =
        format!("{} was not removed, and remains until the next restore: {}", dir.display(), chain(e));
    Note::new(Severity::Error, "restore_not_cleaned_up", message)
}

fn still_known(e: &Error) -> Note {
    let message = format!(
        "a check that ran during the restore may have added entries of the replaced log to the known streams; if later \
         checks report these entries, run `contexta repair --forget`: {}",
        chain(e)
    );
    Note::new(Severity::Warning, "restore_known_not_limited", message)
}

/// Finishes a replacement after an error, if the replacement has begun. Otherwise removes the restored log. An error is
/// ignored, because the next restore does the same.
fn abandon(storage: &dyn Storage, log: &Path) {
    match is_swap_interrupted(storage, log) {
        Ok(true) => drop(finish_swap(storage, log)),
        Ok(false) => drop(remove_tree(storage, &restored_log(log))),
        Err(_) => {}
    }
}

/// The name of the lock file that a restore uses.
const LOCK_NAME: &str = "restore.lock";

/// The lock that a restore holds. Only one restore into a workspace runs at a time.
struct RestoreLock {
    _file: Arc<dyn File>,
}

impl RestoreLock {
    fn acquire(storage: &dyn Storage, dirs: &WorkspaceDirs) -> Result<RestoreLock> {
        let dir = &dirs.restore_staging;
        let path = dir.join(LOCK_NAME);
        storage.create_dir_all(dir).map_err(|e| io_error("create", dir, e))?;
        let file = storage.open(&path, OpenMode::Create).map_err(|e| io_error("open", &path, e))?;
        if matches!(file.try_lock(), Ok(false)) {
            return Err(Error::BackupBusy { path });
        }
        Ok(RestoreLock { _file: file })
    }
}

/// A restore in progress.
struct Restore<'a> {
    repository: &'a Repository,
    safety: &'a Repository,
    dirs: &'a WorkspaceDirs,
    plan: &'a RestorePlan,
    manifest: &'a Manifest,
    staging: &'a Path,
}

impl Restore<'_> {
    fn run(&self, progress: Progress<'_>) -> Result<RestoreResult> {
        let storage = self.repository.storage.as_ref();
        remove_tree(storage, self.staging)?;
        let mut notes = Vec::new();
        if !self.plan.verify_only {
            self.clean_up(&mut notes)?;
        }
        let staged = self.staging.join("log");
        let checked = self.stage(&staged, progress)?;
        let ends = checked.ends.clone();
        let mut result = self.result(checked, notes);
        if self.plan.verify_only {
            self.check_objects(progress)?;
            return Ok(result);
        }
        let state = LogState::of(storage, &self.dirs.log)?;
        let saved = self.back_up(&state)?;
        result.safety_backup_ref = saved.as_ref().map(|saved| saved.backup_ref.clone());
        result.notes.extend(saved.iter().flat_map(|saved| saved.notes.clone()));
        let may_replace =
            !self.plan.create_safety_backup || saved.as_ref().is_some_and(|saved| saved.is_whole);
        let bodies = self.dirs.bodies(&self.repository.storage);
        let held = bodies.lock_use()?;
        result.bodies.1 = self.add_bodies()?;
        for file in &self.manifest.files {
            match restore_file(self.repository, self.dirs, (file, may_replace))? {
                FileOutcome::Written => result.files += 1,
                FileOutcome::Same => {}
                FileOutcome::Kept(note) => result.notes.push(note),
            }
        }
        // The known streams are limited before the replacement. After a crash between both steps, they contain nothing
        // that the restore removes.
        let known = KnownFile::of(&self.repository.storage, &self.dirs.root);
        known.forget(|known| known.limit_to(&ends))?;
        swap(storage, &staged, self.dirs)?;
        drop(held);
        result.applied = true;
        // A check that began before the replacement may have added ends of the replaced log.
        if let Err(e) = known.forget(|known| known.limit_to(&ends)) {
            result.notes.push(still_known(&e));
        }
        // The workspace has its new content, so a later failure is a note.
        match self.retirement().run(Some(&Former { state, saved })) {
            Ok(notes) => result.notes.extend(notes),
            Err(e) => result.notes.push(left_behind(&replaced_log(&self.dirs.log), &e)),
        }
        result.status = RecoveryStatus::of(&result.notes);
        Ok(result)
    }

    /// Finishes an interrupted replacement of the log. Removes files and directories of interrupted restores.
    fn clean_up(&self, notes: &mut Vec<Note>) -> Result<()> {
        let (storage, log) = (self.repository.storage.as_ref(), self.dirs.log.as_path());
        finish_swap(storage, log).map_err(|e| io_error("rename", &restored_log(log), e))?;
        remove_tree(storage, &restored_log(log))?;
        notes.extend(self.retirement().run(None)?);
        Ok(())
    }

    fn stage(&self, staged: &Path, progress: Progress<'_>) -> Result<Checked> {
        let (repository, to_time) = (self.repository, self.plan.to_time);
        let total = self.manifest.bytes();
        let mut staging = Staging { repository, log: staged, to_time, progress, total, done: 0 };
        staging.run(self.manifest)?;
        let is_cut = to_time.is_some();
        check(&repository.storage, (staged, self.staging), self.dirs, (self.manifest, is_cut))
    }

    fn result(&self, checked: Checked, mut notes: Vec<Note>) -> RestoreResult {
        notes.extend(checked.notes);
        notes.extend(self.manifest.degraded_notes());
        RestoreResult {
            status: RecoveryStatus::of(&notes),
            backup_ref: self.plan.backup_ref.clone(),
            target_workspace: self.dirs.root.clone(),
            applied: false,
            entries: checked.entries,
            digest: checked.digest,
            bodies: (self.manifest.bodies.len() as u64, 0),
            files: 0,
            safety_backup_ref: None,
            notes,
            verification_notes: vec![
                format!("manifest:{}", self.manifest.backup_ref),
                format!("objects:{}", self.manifest.objects().len()),
                format!("record_replay:{}", checked.entries),
                format!("digest:{}", checked.digest),
            ],
        }
    }

    /// Reads every object outside the log. Errors: an object is missing or damaged.
    fn check_objects(&self, progress: Progress<'_>) -> Result<()> {
        let store = self.repository.objects();
        let total = self.manifest.bytes();
        for body in &self.manifest.bodies {
            if store.size_of(&body.digest)? != Some(body.size) || !store.verify(&body.digest, &[body.size])? {
                return Err(damaged(body.digest));
            }
            progress.report(total, total);
        }
        for part in self.manifest.files.iter().flat_map(|file| file.content.parts()) {
            self.repository.object(&part.digest, part.len)?;
        }
        Ok(())
    }

    /// Adds the bodies that the target does not contain intact. Returns the number of added bodies.
    fn add_bodies(&self) -> Result<u64> {
        let (from, into) = (self.repository.objects(), self.dirs.bodies(&self.repository.storage));
        let mut added = 0;
        for body in &self.manifest.bodies {
            let is_present = into.size_of(&body.digest)? == Some(body.size)
                && into.verify(&body.digest, &[body.size]).unwrap_or(false);
            if is_present {
                continue;
            }
            if from.size_of(&body.digest)? != Some(body.size) || !from.verify(&body.digest, &[body.size])? {
                return Err(damaged(body.digest));
            }
            let mut content = FileReader::new(from.open(&body.digest)?);
            if into.ingest(&mut content)?.digest != body.digest {
                return Err(damaged(body.digest));
            }
            added += 1;
        }
        Ok(added)
    }

    /// Backs up the target, if the restore replaces a part of its content.
    fn back_up(&self, before: &LogState) -> Result<Option<SafetyBackup>> {
        let storage = self.repository.storage.as_ref();
        if !self.plan.create_safety_backup || before.is_empty() && !self.replaces_files()? {
            return Ok(None);
        }
        let mut dirs = self.dirs.clone();
        if !is_present(storage, &dirs.log)? {
            // A backup needs a log. An empty directory takes the place of the missing one.
            dirs.log = self.staging.join("no-log");
            storage.create_dir_all(&dirs.log).map_err(|e| io_error("create", &dirs.log, e))?;
        }
        back_up(self.safety, &dirs, (SAFETY_LABEL, &self.manifest.sections)).map(Some)
    }

    fn replaces_files(&self) -> Result<bool> {
        for file in &self.manifest.files {
            if is_replaced(self.repository.storage.as_ref(), self.dirs, file)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn retirement(&self) -> Retirement<'_> {
        Retirement {
            repository: self.safety,
            dirs: self.dirs,
            sections: &self.manifest.sections,
            is_backed_up: self.plan.create_safety_backup,
        }
    }
}

fn damaged(digest: Digest) -> Error {
    let reason = "it is missing or does not match its digest".to_owned();
    Error::BackupObjectDamaged { digest, reason }
}
