//! The directory of generations: a new generation is published, and damaged generations are set aside (renamed).

use crate::engine::checksum::Digest;
use crate::engine::error::{Error, Result};
use crate::engine::projection::generation::{Found, Generation, derived_path, is_derived, list};
use crate::engine::projection::opened::Opened;
use crate::engine::projection::overlay::Spill;
use crate::engine::projection::site::Site;
use crate::engine::storage::{OpenMode, exists};
use std::path::Path;

/// The suffix of the names of generations that were set aside, so that no process opens them again.
const BAD_SUFFIX: &str = ".bad";
/// The suffix of the names of temporary files.
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Publishes the database of `opened` as a new generation with this fingerprint, and removes the older generations.
/// Returns `None` if another process is publishing, or if the parent of the generations' directory does not exist.
pub(super) fn publish_generation(
    site: &Site,
    opened: &Opened,
    fingerprint: Digest,
    spill: Option<Spill>,
) -> Result<Option<Generation>> {
    let (storage, dir) = (site.storage.as_ref(), site.dir.as_path());
    let parent = dir.parent().unwrap_or(Path::new(""));
    if !exists(storage, parent).map_err(|e| Error::io("read the metadata of", parent, e))? {
        return Ok(None);
    }
    storage.create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
    let lock_path = dir.join("lock");
    let lock = storage.open(&lock_path, OpenMode::Create).map_err(|e| Error::io("open", &lock_path, e))?;
    let is_locked = match lock.try_lock() {
        Ok(true) => true,
        Ok(false) => return Ok(None),
        // The file system has no locks. Two processes may publish at once, each under a name of its own.
        Err(_) => false,
    };
    let before = list(storage, dir)?;
    let newest = before.first().map_or(0, |found| found.number);
    let number = newest.max(opened.number).saturating_add(1);
    let image = opened.closed_image(spill).map_err(|e| site.unusable(e))?;
    let path = Generation::write(storage, dir, number, fingerprint, &image)?;
    for old in before {
        // Processes that have the old generation open can still read that generation. If an open file cannot be
        // removed, a later publication removes it.
        let _ = storage.remove_file(&old.path);
        let _ = storage.remove_file(&derived_path(&old.path));
    }
    if is_locked {
        remove_leftovers(site, &path);
    }
    Generation::open(storage, &path).map(Some)
}

/// Removes three kinds of files: generations that were set aside ([`BAD_SUFFIX`]), temporary files of processes that
/// ended while they wrote a generation, and data that was derived from a generation other than `newest`. The caller
/// must hold the lock for publishing. Without the lock, the temporary file of a running process could be removed.
fn remove_leftovers(site: &Site, newest: &Path) {
    for entry in site.storage.list(&site.dir).unwrap_or_default() {
        if is_leftover(site, &entry.name, newest) {
            let _ = site.storage.remove_file(&site.dir.join(&entry.name));
        }
    }
}

/// Returns `true` if [`remove_leftovers`] removes files with this name.
fn is_leftover(site: &Site, name: &str, newest: &Path) -> bool {
    let is_outdated = is_derived(name) && site.dir.join(name) != derived_path(newest);
    name.ends_with(BAD_SUFFIX) || name.ends_with(TEMPORARY_SUFFIX) || is_outdated
}

/// Removes all generations and the data that was derived from them. Returns the number of removed files.
#[cfg(feature = "ml")]
pub(super) fn remove_generations(site: &Site) -> Result<u64> {
    let storage = site.storage.as_ref();
    let mut removed = 0;
    for Found { path, .. } in list(storage, &site.dir)?.into_iter().filter(|found| found.is_file) {
        for path in [path.clone(), derived_path(&path)] {
            match storage.remove_file(&path) {
                Ok(()) => removed += 1,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("remove", &path, e)),
            }
        }
    }
    Ok(removed)
}

/// Removes all generations except `kept`, and syncs the directory. Also removes the data derived from these generations,
/// damaged generations that were renamed, and temporary files. Returns `false` if files remain: another process is publishing, or the file system has no locks, and a
/// temporary file can belong to a process that is publishing. Errors: the lock file cannot be locked for another reason, or a
/// file cannot be removed.
#[cfg(feature = "ml")]
pub(super) fn remove_other_generations(site: &Site, kept: Option<&Path>) -> Result<bool> {
    let (storage, dir) = (site.storage.as_ref(), site.dir.as_path());
    if !exists(storage, dir).map_err(|e| Error::io("read the metadata of", dir, e))? {
        return Ok(true);
    }
    let lock_path = dir.join("lock");
    let lock = storage.open(&lock_path, OpenMode::Create).map_err(|e| Error::io("open", &lock_path, e))?;
    let is_locked = match lock.try_lock() {
        Ok(true) => true,
        Ok(false) => return Ok(false),
        Err(e) if e.kind() == std::io::ErrorKind::Unsupported => false,
        Err(e) => return Err(Error::io("lock", &lock_path, e)),
    };
    for Found { path, .. } in list(storage, dir)?.into_iter().filter(|found| found.is_file) {
        if Some(path.as_path()) != kept {
            remove(site, &derived_path(&path))?;
            remove(site, &path)?;
        }
    }
    let mut remains = false;
    let entries = storage.list(dir).map_err(|e| Error::io("list", dir, e))?;
    let newest = kept.unwrap_or(Path::new(""));
    for entry in entries.iter().filter(|entry| entry.is_file && is_leftover(site, &entry.name, newest)) {
        if is_locked || !entry.name.ends_with(TEMPORARY_SUFFIX) {
            remove(site, &dir.join(&entry.name))?;
        } else {
            remains = true;
        }
    }
    storage.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
    Ok(!remains)
}

/// Removes a file. A file that does not exist counts as removed.
#[cfg(feature = "ml")]
fn remove(site: &Site, path: &Path) -> Result<()> {
    match site.storage.remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    }
}

/// Renames all generations, so that no process opens them again.
pub(super) fn set_aside(site: &Site) {
    for Found { path, .. } in list(site.storage.as_ref(), &site.dir).unwrap_or_default() {
        let mut name = path.clone().into_os_string();
        name.push(BAD_SUFFIX);
        // In a read-only directory the name stays, and each process rebuilds the tables for itself.
        let _ = site.storage.rename(&path, Path::new(&name));
    }
}
