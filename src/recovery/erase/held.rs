//! The search for a backup that contains the entries and bodies of runs.
//!
//! A backup contains an entry if it contains the bytes of the entry's segment up to the end of the entry's frame. The
//! bytes of the segment are compared with the digests in the manifest, so the comparison also works for damaged
//! segments.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::names::segment_path;
use crate::engine::storage::{OpenMode, read_full_at};
use crate::recovery::backup::{BackupRef, Content, Manifest, io_error, source_of};
use crate::recovery::erase::site::EraseSite;
use crate::recovery::error::{Error, Result};
use crate::recovery::workspace_dirs::real_path;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The data that a backup must contain.
#[derive(Debug)]
pub(super) struct Needed<'a> {
    /// For each segment, the offset of the end of the needed bytes.
    pub(super) segments: &'a BTreeMap<(StreamId, Seq), u64>,
    /// The bodies.
    pub(super) bodies: &'a BTreeSet<Digest>,
}

/// Returns the latest backup that contains the data; `None` if there is none. Reads the data in the backup and
/// compares it with its digests.
pub(super) fn backup_with(site: &EraseSite<'_>, needed: &Needed<'_>) -> Result<Option<BackupRef>> {
    let mut names = site.repository.names()?;
    names.sort_by(|a, b| b.time().cmp(a.time()));
    for name in names {
        // A backup without a usable manifest cannot be restored.
        let Ok(manifest) = site.repository.read(&name) else { continue };
        if contains(site, &manifest, needed)? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn contains(site: &EraseSite<'_>, manifest: &Manifest, needed: &Needed<'_>) -> Result<bool> {
    let copies: BTreeMap<(StreamId, Seq), &Content> = manifest
        .streams
        .iter()
        .flat_map(|copy| copy.segments.iter().map(|segment| ((copy.stream, segment.base), &segment.content)))
        .collect();
    for (segment, end) in needed.segments {
        let Some(content) = copies.get(segment).filter(|content| content.len >= *end) else {
            return Ok(false);
        };
        let (stream, base) = *segment;
        let path = segment_path(&site.dirs.log, stream, base);
        if !contains_bytes(site, &path, content, *end)? {
            return Ok(false);
        }
    }
    let sizes: BTreeMap<Digest, u64> = manifest.bodies.iter().map(|body| (body.digest, body.size)).collect();
    let (objects, own) = (site.repository.objects(), site.dirs.bodies(site.storage));
    for digest in needed.bodies {
        // If the workspace has lost a body, a new backup cannot contain the body, and the erasure loses no
        // further data.
        if own.size_of(digest)?.is_none() {
            continue;
        }
        let Some(size) = sizes.get(digest) else { return Ok(false) };
        if objects.size_of(digest)? != Some(*size) || !objects.verify(digest, &[*size])? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns those of the files that a backup does not contain with their present content.
pub(super) fn files_not_in(
    site: &EraseSite<'_>,
    backup: &BackupRef,
    files: &[PathBuf],
) -> Result<BTreeSet<PathBuf>> {
    let storage = site.storage.as_ref();
    if files.is_empty() {
        return Ok(BTreeSet::new());
    }
    let manifest = site.repository.read(backup)?;
    let copies = manifest.files.iter().filter_map(|copy| Some((source_of(site.dirs, copy)?, &copy.content)));
    let copies: BTreeMap<PathBuf, &Content> =
        copies.map(|(path, content)| (real_path(storage, &path), content)).collect();
    let mut missing = BTreeSet::new();
    for path in files {
        let len = storage.info(path).map_err(|e| io_error("read the metadata of", path, e))?.len;
        let copy = copies.get(&real_path(storage, path)).filter(|content| content.len == len);
        let is_saved = copy.map(|content| contains_bytes(site, path, content, len)).transpose()?;
        if is_saved != Some(true) {
            missing.insert(path.clone());
        }
    }
    Ok(missing)
}

/// Returns `true` if the first `end` bytes of a file are part of `content`, and the objects of these bytes are
/// intact.
fn contains_bytes(site: &EraseSite<'_>, path: &Path, content: &Content, end: u64) -> Result<bool> {
    let wrap = |e| io_error("read", path, e);
    let file = site.storage.open(path, OpenMode::Read).map_err(wrap)?;
    for part in content.parts().take_while(|part| part.offset < end) {
        let mut bytes = vec![0; usize::try_from(part.len).unwrap_or_default()];
        let got = read_full_at(file.as_ref(), part.offset, &mut bytes).map_err(wrap)?;
        if got as u64 != part.len || Digest::of(&bytes) != part.digest {
            return Ok(false);
        }
        match site.repository.object(&part.digest, part.len) {
            Err(Error::BackupObjectDamaged { .. }) => return Ok(false),
            object => drop(object?),
        }
    }
    Ok(true)
}
