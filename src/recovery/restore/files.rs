//! Restores of the files outside the log and the bodies.
//!
//! A manifest names a file by its section and a relative path of plain names. A directory of the target may
//! contain links. Every directory on the path is therefore examined. If a directory is a link, the file is
//! not written.

use crate::engine::checksum::Digest;
use crate::engine::storage::replace::FileReplacement;
use crate::engine::storage::{File, ItemKind, OpenMode, Storage, exists, read_full_at};
use crate::recovery::backup::{Content, FileCopy, Repository, Section, io_error, source_of};
use crate::recovery::error::Result;
use crate::recovery::workspace_dirs::WorkspaceDirs;
use crate::store::{Note, Severity};
use std::io::{self, Write};
use std::path::Path;

/// The result of restoring one file.
#[derive(Debug)]
pub(super) enum FileOutcome {
    /// The file was written.
    Written,
    /// The target already contains a file with the same content.
    Same,
    /// The file was not written. The note contains the reason.
    Kept(Note),
}

/// Restores one file. Files of the configuration, the outbox, the positions of sinks and the quarantine are
/// added but never replace a file. The target may contain newer data in these files, and this data may exist
/// nowhere else. With `may_replace` false no file
/// is replaced.
pub(super) fn restore_file(
    repository: &Repository,
    dirs: &WorkspaceDirs,
    (file, may_replace): (&FileCopy, bool),
) -> Result<FileOutcome> {
    let Some(path) = source_of(dirs, file) else {
        return Ok(kept(Path::new(&file.path), "the section has no file of this name"));
    };
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(kept(&path, "the path has no file name"));
    };
    let storage = &repository.storage;
    let depth = file.path.split('/').count().saturating_sub(1);
    if !has_no_links(storage.as_ref(), &path, depth) {
        return Ok(kept(&path, "the path leads through a link, or through a file"));
    }
    if exists(storage.as_ref(), &path).map_err(|e| io_error("read the metadata of", &path, e))? {
        if is_same(repository, &path, file)? {
            return Ok(FileOutcome::Same);
        }
        if is_only_added(file) {
            return Ok(kept(&path, "the workspace has a file with this name and other content"));
        }
        if !may_replace {
            return Ok(kept(&path, "the present file is not in a complete safety backup"));
        }
    }
    let wrap = |e| io_error("write", &path, e);
    storage.create_dir_all(dir).map_err(|e| io_error("create", dir, e))?;
    let mut new = FileReplacement::in_dir(storage, dir, name, "restore").map_err(wrap)?;
    for part in file.content.parts() {
        new.write_all(&repository.object(&part.digest, part.len)?).map_err(wrap)?;
    }
    new.publish().map_err(wrap)?;
    Ok(FileOutcome::Written)
}

fn is_only_added(file: &FileCopy) -> bool {
    matches!(file.section, Section::Config | Section::Recovery)
}

/// Returns true if the target has something at the path of a file that a restore replaces.
pub(super) fn is_replaced(storage: &dyn Storage, dirs: &WorkspaceDirs, file: &FileCopy) -> Result<bool> {
    match source_of(dirs, file).filter(|_| !is_only_added(file)) {
        Some(path) => exists(storage, &path).map_err(|e| io_error("read the metadata of", &path, e)),
        None => Ok(false),
    }
}

fn kept(path: &Path, reason: &str) -> FileOutcome {
    let message = format!("{} was not restored: {reason}", path.display());
    FileOutcome::Kept(Note::new(Severity::Warning, "restore_file_kept", message))
}

/// Returns `true` if no link is followed when a file is written at `path`. Examines the last `depth`
/// components of the path. Each component must be missing or a directory. The last component must be missing
/// or a file.
fn has_no_links(storage: &dyn Storage, path: &Path, depth: usize) -> bool {
    path.ancestors().take(depth.max(1)).enumerate().all(|(n, path)| {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let Ok(items) = storage.items(dir) else { return true };
        let kind = items.into_iter().find(|item| item.name == name).map(|item| item.kind);
        match kind {
            None => true,
            Some(ItemKind::Dir) => n > 0,
            Some(ItemKind::File { .. }) => n == 0,
            Some(ItemKind::Link | ItemKind::Special) => false,
        }
    })
}

/// Returns true if a file has the length and the content of a copy.
fn is_same(repository: &Repository, path: &Path, file: &FileCopy) -> Result<bool> {
    let wrap = |e| io_error("read", path, e);
    let present = repository.storage.open(path, OpenMode::Read).map_err(wrap)?;
    if present.len().map_err(wrap)? != file.content.len {
        return Ok(false);
    }
    begins_with(present.as_ref(), &file.content).map_err(wrap)
}

/// Returns true if a file begins with the content of a copy.
pub(super) fn begins_with(file: &dyn File, content: &Content) -> io::Result<bool> {
    for part in content.parts() {
        let mut bytes = vec![0; usize::try_from(part.len).unwrap_or_default()];
        let got = read_full_at(file, part.offset, &mut bytes)?;
        if got != bytes.len() || Digest::of(&bytes) != part.digest {
            return Ok(false);
        }
    }
    Ok(true)
}
