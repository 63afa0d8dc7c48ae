//! Creation and recognition of a workspace on disk.

use crate::client::error::{Error, Result, engine_io};
use crate::client::paths::Paths;
use crate::config;
use crate::engine::entry::StreamId;
use crate::engine::log::replacement::{finish_swap, is_swap_interrupted};
use crate::engine::storage::{DirEntry, Storage, exists};
use std::io;

/// The directories that may be created if they do not exist.
#[derive(Debug, Clone, Copy)]
pub(super) struct Create {
    /// `true` to create a missing workspace.
    pub(super) workspace: bool,
    /// `true` to create a missing directory of the projections.
    pub(super) tables: bool,
}

/// Checks that the paths belong to a workspace. Otherwise creates a workspace, if `create` allows it and the directory
/// contains nothing but the configuration file and directories of a workspace. Several processes may create a workspace
/// at the same time; each completes a workspace that another process left incomplete.
pub(super) fn prepare(storage: &dyn Storage, paths: &Paths, create: Create) -> Result<()> {
    let root = paths.root();
    let wrap = |e| engine_io("inspect", root, e);
    finish_swap(storage, &paths.log()).map_err(|e| engine_io("finish the restore of", root, e))?;
    if is_workspace(storage, paths).map_err(wrap)? {
        return Ok(());
    }
    // The path of the log has other content. The settings can place the log outside the workspace, so the error names
    // the directory that contains this path.
    if exists(storage, &paths.log()).map_err(wrap)? {
        return Err(Error::NotAWorkspace { path: paths.log().parent().unwrap_or(root).to_path_buf() });
    }
    if exists(storage, root).map_err(wrap)? {
        if !(create.workspace && is_begun(storage, paths).map_err(wrap)?) {
            return Err(Error::NotAWorkspace { path: root.to_path_buf() });
        }
    } else if !create.workspace {
        return Err(Error::WorkspaceNotFound { path: root.to_path_buf() });
    }
    for dir in paths.all() {
        if dir == paths.projections() && !create.tables {
            continue;
        }
        storage.create_dir_all(&dir).map_err(|e| engine_io("create", &dir, e))?;
    }
    Ok(())
}

/// Checks that a backup may be restored to the paths. A restore is allowed in four cases: the root does not
/// exist, the root is a workspace, a restore into the root was interrupted, or the root contains only files
/// and directories that can exist before the workspace (`is_begun`).
pub(super) fn check_target(storage: &dyn Storage, paths: &Paths) -> Result<()> {
    let root = paths.root();
    let wrap = |e| engine_io("inspect", root, e);
    let is_free = !exists(storage, root).map_err(wrap)?
        || is_workspace(storage, paths).map_err(wrap)?
        || is_swap_interrupted(storage, &paths.log()).map_err(wrap)?
        || !exists(storage, &paths.log()).map_err(wrap)? && is_begun(storage, paths).map_err(wrap)?;
    if is_free { Ok(()) } else { Err(Error::NotAWorkspace { path: root.to_path_buf() }) }
}

/// Returns `true` if the root contains only the configuration file and directories of a workspace. These can
/// exist before the workspace is created.
fn is_begun(storage: &dyn Storage, paths: &Paths) -> io::Result<bool> {
    let (root, names) = (paths.root(), paths.names());
    let is_own = |entry: &DirEntry| match entry.is_dir {
        true => names.contains(&entry.name),
        false => entry.name == config::FILE_NAME,
    };
    Ok(storage.info(root)?.is_dir && storage.list(root)?.iter().all(is_own))
}

/// Returns `true` if the paths belong to a workspace. A directory `log` alone is not sufficient (`/var/log` exists
/// too): the directories of bodies and projections must exist as well, or the directory of the log must contain nothing
/// but streams.
fn is_workspace(storage: &dyn Storage, paths: &Paths) -> io::Result<bool> {
    let log = paths.log();
    if !exists(storage, &log)? || !storage.info(&log)?.is_dir {
        return Ok(false);
    }
    if exists(storage, &paths.objects())? && exists(storage, &paths.projections())? {
        return Ok(true);
    }
    let is_stream = |name: &str| name.parse::<StreamId>().is_ok();
    Ok(storage.list(&log)?.iter().all(|entry| entry.is_dir && is_stream(&entry.name)))
}
