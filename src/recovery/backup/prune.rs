//! Removals of old backups. A removal is planned first, and then applied.
//!
//! First, manifests are removed and the removal is made durable. Then the objects that no remaining manifest
//! needs are removed. If the process is killed before all objects are removed, the next removal deletes the
//! other objects.

use crate::contract::Timestamp;
use crate::engine::blob::BlobInfo;
use crate::engine::checksum::Digest;
use crate::engine::entry::StreamId;
use crate::engine::error::Error as EngineError;
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::repository::{Repository, UnreadableBackup, io_error};
use crate::recovery::error::{Error, Result};
use crate::recovery::status::RecoveryStatus;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The rules that decide which backups a removal keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepRules {
    /// The number of latest backups to keep for each workspace, at least 1. If all of them are incomplete, the latest
    /// complete backup is kept too.
    pub last: usize,
}

/// The plan of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrunePlan {
    /// The directory of the repository.
    pub backup_root: PathBuf,
    /// The rules.
    pub rules: KeepRules,
    /// The backups that are kept, in ascending order of creation.
    pub kept: Vec<BackupRef>,
    /// The backups that are removed, in ascending order of creation.
    pub removed: Vec<BackupRef>,
    /// The objects that are removed, with their sizes on disk.
    pub objects: Vec<BlobInfo>,
    /// The total size of the removed objects in bytes.
    pub bytes: u64,
}

/// The values of a manifest that decide on the removal of its backup.
struct Candidate {
    created_at: Timestamp,
    backup_ref: BackupRef,
    workspace: (String, Option<StreamId>),
    is_complete: bool,
}

/// Plans a removal. Changes nothing. Errors: a manifest cannot be used. The backup of such a manifest may
/// need any object. The
/// directory contains no backup, so its objects may belong to something else.
pub(crate) fn plan_prune(repository: &Repository, rules: KeepRules) -> Result<PrunePlan> {
    if rules.last == 0 {
        return Err(Error::PruneKeepsNothing);
    }
    let (kept, removed) = divide(candidates(repository)?, rules);
    let mut needed: BTreeSet<Digest> = BTreeSet::new();
    for backup in &kept {
        needed.extend(repository.read(backup)?.parts().map(|(digest, _)| digest));
    }
    let objects = unneeded(repository, &needed)?;
    Ok(PrunePlan {
        backup_root: repository.root().to_path_buf(),
        rules,
        kept,
        removed,
        bytes: objects.iter().map(|object| object.size).sum(),
        objects,
    })
}

/// Returns all backups, the oldest first.
fn candidates(repository: &Repository) -> Result<Vec<Candidate>> {
    let mut all = Vec::new();
    for read in repository.manifests()? {
        let manifest = read.map_err(|UnreadableBackup { path, reason }| {
            let reason = format!("{reason}; no backup is removed, because this backup may need any object");
            Error::ManifestInvalid { path, reason }
        })?;
        all.push(Candidate {
            created_at: manifest.created_at,
            workspace: manifest.workspace(),
            is_complete: manifest.status() == RecoveryStatus::Success,
            backup_ref: manifest.backup_ref,
        });
    }
    if all.is_empty() {
        return Err(Error::NoBackups { root: repository.root().to_path_buf() });
    }
    all.sort_by(|a, b| (a.created_at, &a.backup_ref).cmp(&(b.created_at, &b.backup_ref)));
    Ok(all)
}

/// Returns the backups to keep, and the backups to remove, each with the oldest first.
fn divide(candidates: Vec<Candidate>, rules: KeepRules) -> (Vec<BackupRef>, Vec<BackupRef>) {
    // The number of newer backups of each workspace, and the number of complete backups among them.
    let mut counts: BTreeMap<(String, Option<StreamId>), (usize, usize)> = BTreeMap::new();
    let (mut kept, mut removed) = (Vec::new(), Vec::new());
    for candidate in candidates.into_iter().rev() {
        let (newer, complete) = counts.entry(candidate.workspace).or_default();
        let is_kept = *newer < rules.last || candidate.is_complete && *complete == 0;
        *newer += 1;
        *complete += usize::from(candidate.is_complete);
        if is_kept { kept.push(candidate.backup_ref) } else { removed.push(candidate.backup_ref) }
    }
    kept.reverse();
    removed.reverse();
    (kept, removed)
}

/// Returns the objects that are not in `needed`. Errors: a directory with objects cannot be listed.
fn unneeded(repository: &Repository, needed: &BTreeSet<Digest>) -> Result<Vec<BlobInfo>> {
    let store = repository.objects();
    let (digests, errors) = store.list()?;
    if let Some(e) = errors.into_iter().next() {
        return Err(e.into());
    }
    let mut objects = Vec::new();
    for digest in digests.into_iter().filter(|digest| !needed.contains(digest)) {
        objects.push(BlobInfo { digest, size: store.size_of(&digest)?.unwrap_or(0) });
    }
    Ok(objects)
}

/// Removes the backups and the objects of a plan. Errors: the repository has changed since the plan was made.
/// After this error, nothing was removed.
pub(crate) fn prune(repository: &Repository, plan: &PrunePlan) -> Result<()> {
    let lock = repository.lock_existing()?;
    if plan_prune(repository, plan.rules)? != *plan {
        let reason = "backups or objects were added or removed since the plan was made".to_owned();
        return Err(Error::BackupPlanOutdated { reason });
    }
    repository.remove(&lock, &plan.removed)?;
    let store = repository.objects();
    let mut shards: BTreeSet<PathBuf> = BTreeSet::new();
    for object in &plan.objects {
        let path = store.path(&object.digest);
        match repository.storage.remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io_error("remove", &path, e)),
            _ => shards.extend(path.parent().map(Path::to_path_buf)),
        }
    }
    for shard in shards {
        let synced = repository.storage.sync_dir(&shard);
        synced.map_err(|e| Error::Engine(EngineError::io("sync", &shard, e)))?;
    }
    repository.remove_leftovers(&lock);
    Ok(())
}
