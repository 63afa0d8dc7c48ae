//! The replacement of missing and damaged objects by intact copies from a workspace.

use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::log::names::segment_path;
use crate::engine::storage::{FileReader, OpenMode, read_full_at};
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::content::{Content, Object, PART_LEN};
use crate::recovery::backup::files::source_of;
use crate::recovery::backup::repository::Repository;
use crate::recovery::error::Result;
use crate::recovery::workspace_dirs::WorkspaceDirs;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Replaces objects by intact copies from the files of a workspace.
pub(super) struct Healer<'a> {
    repository: &'a Repository,
    bodies: BlobStore,
    /// The places in the files of the workspace at which the bytes of each object were when they were copied.
    places: BTreeMap<Object, Vec<(PathBuf, u64)>>,
}

impl<'a> Healer<'a> {
    /// Creates a healer of these objects, which the backups need.
    pub(super) fn new<'o>(
        repository: &'a Repository,
        dirs: &WorkspaceDirs,
        backups: &[BackupRef],
        objects: impl Iterator<Item = &'o Object>,
    ) -> Result<Healer<'a>> {
        let bodies = dirs.bodies(&repository.storage);
        let mut places: BTreeMap<Object, Vec<(PathBuf, u64)>> =
            objects.map(|object| (*object, Vec::new())).collect();
        let mut add = |content: &Content, path: &Path| {
            for part in content.parts() {
                if let Some(places) = places.get_mut(&(part.digest, part.len)) {
                    places.push((path.to_path_buf(), part.offset));
                }
            }
        };
        for backup in backups {
            let manifest = repository.read(backup)?;
            for stream in &manifest.streams {
                for segment in &stream.segments {
                    add(&segment.content, &segment_path(&dirs.log, stream.stream, segment.base));
                }
            }
            for file in &manifest.files {
                add(&file.content, &source_of(dirs, file).unwrap_or_default());
            }
        }
        for places in places.values_mut() {
            places.sort();
            places.dedup();
        }
        Ok(Healer { repository, bodies, places })
    }

    /// Stores an intact copy of each object that has one in the workspace. Returns these objects.
    pub(super) fn heal_all(&self) -> Result<Vec<Object>> {
        let mut healed = Vec::new();
        for (object, places) in &self.places {
            if self.heal(object, places)? {
                healed.push(*object);
            }
        }
        Ok(healed)
    }

    fn heal(&self, (digest, len): &Object, places: &[(PathBuf, u64)]) -> Result<bool> {
        let objects = self.repository.objects();
        for (path, offset) in places {
            if let Some(bytes) = self.read(path, *offset, *len)
                && Digest::of(&bytes) == *digest
            {
                objects.ingest(&mut bytes.as_slice())?;
                return Ok(true);
            }
        }
        // The object may be a body. A missing or damaged body does not help.
        let is_body = self.bodies.size_of(digest).ok().flatten() == Some(*len)
            && self.bodies.verify(digest, &[*len]).unwrap_or(false);
        if !is_body {
            return Ok(false);
        }
        let mut content = FileReader::new(self.bodies.open(digest)?);
        Ok(objects.ingest(&mut content)?.digest == *digest)
    }

    /// Reads a part of a file; `None` if the file does not contain the part.
    fn read(&self, path: &Path, offset: u64, len: u64) -> Option<Vec<u8>> {
        if len > PART_LEN {
            return None;
        }
        let file = self.repository.storage.open(path, OpenMode::Read).ok()?;
        let mut bytes = vec![0; usize::try_from(len).ok()?];
        let got = read_full_at(file.as_ref(), offset, &mut bytes).ok()?;
        (got == bytes.len()).then_some(bytes)
    }
}
