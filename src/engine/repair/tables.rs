//! Damaged files of tables, and temporary files.

use crate::engine::error::{Error, Result};
use crate::engine::projection::generation::{BLOCK_LEN, Found, Generation, list};
use crate::engine::storage::{OpenMode, Storage};
use std::io;
use std::path::{Path, PathBuf};

/// Returns the files of tables in a directory, each with the damage that was found. Reads every block.
pub(super) fn examine_tables(storage: &dyn Storage, dir: &Path) -> Result<Vec<(PathBuf, Option<String>)>> {
    let generations = list(storage, dir)?.into_iter().filter(|found| found.is_file);
    let examine = |Found { path, .. }| {
        let damage = damage_of(storage, &path).transpose()?;
        Some((path, damage.err()))
    };
    Ok(generations.filter_map(examine).collect())
}

/// Returns the damage of a file of tables as an error; `None` if the file does not exist any more.
fn damage_of(storage: &dyn Storage, path: &Path) -> std::result::Result<Option<()>, String> {
    let generation = match Generation::open(storage, path) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(Error::Io { source, .. }) => return Err(format!("the file cannot be read: {source}")),
        Err(Error::ProjectionUnusable { reason, .. }) => return Err(reason),
        opened => opened.map_err(|e| e.to_string())?,
    };
    let mut block = [0; BLOCK_LEN];
    for number in 0..generation.image_len().div_ceil(BLOCK_LEN as u64) {
        generation.block(number, &mut block).map_err(|e| e.to_string())?;
    }
    Ok(Some(()))
}

/// Returns the temporary and renamed files that an interrupted process left in the directory of the tables.
pub(super) fn table_leftovers(storage: &dyn Storage, dir: &Path) -> Result<Vec<PathBuf>> {
    leftovers(storage, dir, |name| {
        let is_temporary = ["generation-", "derived-"].iter().any(|prefix| name.starts_with(prefix));
        (is_temporary && name.ends_with(".tmp")) || name.ends_with(".gen.bad")
    })
}

/// Returns the temporary files that an interrupted process left in quarantine.
pub(super) fn quarantine_leftovers(storage: &dyn Storage, dir: &Path) -> Result<Vec<PathBuf>> {
    leftovers(storage, dir, |name| name.starts_with("quarantine-") && name.ends_with(".tmp"))
}

fn leftovers(storage: &dyn Storage, dir: &Path, is_leftover: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let names = match storage.list(dir) {
        Ok(names) => names,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", dir, e)),
    };
    let names = names.into_iter().filter(|entry| entry.is_file && is_leftover(&entry.name));
    Ok(names.map(|entry| dir.join(entry.name)).collect())
}

/// Removes files in a directory, durably. Missing files are not an error.
pub(super) fn remove_all<'a>(
    storage: &dyn Storage,
    dir: &Path,
    files: impl Iterator<Item = &'a Path>,
) -> Result<()> {
    let mut is_changed = false;
    for path in files {
        is_changed = true;
        match storage.remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io("remove", path, e)),
            Ok(()) | Err(_) => {}
        }
    }
    if is_changed { storage.sync_dir(dir).map_err(|e| Error::io("sync", dir, e)) } else { Ok(()) }
}

/// Returns true if no process is publishing tables in a directory. The lock is held until the result is dropped.
pub(super) fn lock_tables(storage: &dyn Storage, dir: &Path) -> Result<Option<TablesLock>> {
    let path = dir.join("lock");
    match storage.open(&path, OpenMode::ReadWrite) {
        Ok(file) if matches!(file.try_lock(), Ok(false)) => Ok(None),
        Ok(file) => Ok(Some(TablesLock { _file: Some(file) })),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Some(TablesLock { _file: None })),
        Err(e) => Err(Error::io("open", &path, e)),
    }
}

/// The lock of publishers of tables, if it exists.
#[derive(Debug)]
pub(super) struct TablesLock {
    _file: Option<std::sync::Arc<dyn crate::engine::storage::File>>,
}
