//! The removal of all cached files, to free disk space.

use crate::engine::storage::{Storage, exists};
use crate::recovery::backup::{Section, io_error, walk};
use crate::recovery::error::Result;
use crate::recovery::workspace_dirs::{WorkspaceDirs, real_path};
use std::io;
use std::path::Path;

/// The name of the lock file of a repository of backups.
const REPOSITORY_LOCK: &str = "repository.lock";

/// Removes all cached files. Nothing is written, so the removal works on a full disk. Files of backups are not
/// removed: files in one of the directories `repositories`, and files in any other repository of backups. Returns the number of removed files.
pub(in crate::recovery) fn remove_cache(
    storage: &dyn Storage,
    dirs: &WorkspaceDirs,
    repositories: [&Path; 2],
) -> Result<u64> {
    let mut removed = 0;
    let [used, configured] = repositories;
    let configured = real_path(storage, configured);
    for file in walk(storage, dirs, used, Section::Cache).files {
        let is_backup = is_in_repository(storage, dirs, &file.source)
            || real_path(storage, &file.source).starts_with(&configured);
        if is_backup {
            continue;
        }
        match storage.remove_file(&file.source) {
            Ok(()) => removed += 1,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(io_error("remove", &file.source, e)),
        }
    }
    Ok(removed)
}

/// Returns `true` if a file in the directory of cached files belongs to a repository of backups.
pub(in crate::recovery) fn is_in_repository(
    storage: &dyn Storage,
    dirs: &WorkspaceDirs,
    file: &Path,
) -> bool {
    let within = file.ancestors().skip(1).take_while(|dir| dir.starts_with(&dirs.cache));
    within.into_iter().any(|dir| exists(storage, &dir.join(REPOSITORY_LOCK)).unwrap_or(true))
}
