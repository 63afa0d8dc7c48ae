//! The removal of all cached files, to free disk space.

use crate::engine::storage::Storage;
use crate::recovery::backup::{Section, io_error, walk};
use crate::recovery::error::Result;
use crate::recovery::workspace_dirs::WorkspaceDirs;
use std::io;
use std::path::Path;

/// Removes all cached files. Nothing is written, so the removal works on a full disk. `repository` is the directory
/// of the backups, whose files are not removed. Returns the number of removed files.
pub(in crate::recovery) fn remove_cache(
    storage: &dyn Storage,
    dirs: &WorkspaceDirs,
    repository: &Path,
) -> Result<u64> {
    let mut removed = 0;
    for file in walk(storage, dirs, repository, Section::Cache).files {
        match storage.remove_file(&file.source) {
            Ok(()) => removed += 1,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(io_error("remove", &file.source, e)),
        }
    }
    Ok(removed)
}
