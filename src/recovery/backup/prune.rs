//! The removal of old backups: a plan, then its application.
//!
//! Manifests are removed first, and durably, then the objects that no remaining manifest needs. A process that is
//! killed in between leaves objects without a manifest, which the next removal deletes.

use crate::engine::blob::BlobInfo;
use crate::engine::checksum::Digest;
use crate::engine::error::Error as EngineError;
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::manifest::Manifest;
use crate::recovery::backup::repository::{Repository, io_error};
use crate::recovery::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The backups that a removal keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepRules {
    /// The number of backups to keep of each workspace: the latest. At least 1.
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
    /// The backups that are kept, the oldest first.
    pub kept: Vec<BackupRef>,
    /// The backups that are removed, the oldest first.
    pub removed: Vec<BackupRef>,
    /// The objects that are removed, with their sizes on disk.
    pub objects: Vec<BlobInfo>,
    /// The number of bytes of these objects.
    pub bytes: u64,
}

/// Plans a removal. Changes nothing. Errors: a manifest cannot be used, because its backup may need any object.
pub(crate) fn plan_prune(repository: &Repository, rules: KeepRules) -> Result<PrunePlan> {
    if rules.last == 0 {
        return Err(Error::PruneKeepsNothing);
    }
    let (manifests, unreadable) = repository.read_all()?;
    if let Some(unreadable) = unreadable.into_iter().next() {
        let reason =
            format!("{}; no backup is removed, because this backup may need any object", unreadable.reason);
        return Err(Error::ManifestInvalid { path: unreadable.path, reason });
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut kept, mut removed) = (Vec::new(), Vec::new());
    for manifest in manifests.iter().rev() {
        let count = counts.entry(&manifest.workspace_root).or_default();
        *count += 1;
        if *count <= rules.last { kept.push(manifest) } else { removed.push(manifest.backup_ref.clone()) }
    }
    kept.reverse();
    removed.reverse();
    let needed: BTreeSet<Digest> = kept.iter().flat_map(|manifest| manifest.objects().into_keys()).collect();
    let objects = unneeded(repository, &needed)?;
    Ok(PrunePlan {
        backup_root: repository.root().to_path_buf(),
        rules,
        kept: kept.into_iter().map(|manifest: &Manifest| manifest.backup_ref.clone()).collect(),
        removed,
        bytes: objects.iter().map(|object| object.size).sum(),
        objects,
    })
}

/// Returns the objects that are not needed. Errors: a directory with objects cannot be listed.
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

/// Removes the backups and the objects of a plan. Errors: the repository has changed since the plan was made. In
/// this case, nothing was removed.
pub(crate) fn prune(repository: &Repository, plan: &PrunePlan) -> Result<()> {
    let lock = repository.lock()?;
    if plan_prune(repository, plan.rules)? != *plan {
        let reason = "backups or objects were added or removed since it was made".to_owned();
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
