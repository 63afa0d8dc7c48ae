//! The import of a package. Nothing in a package is trusted: the names of its files follow from digests, links are not
//! followed, and a body is stored only if its size and both digests are those of the description.

use crate::contract::ArtifactRef;
use crate::engine;
use crate::engine::storage::{FileReader, ItemKind, OpenMode};
use crate::store::body::{StoredBody, digest_file, store_body};
use crate::store::error::{Error, Result};
use crate::store::location;
use crate::store::planes::artifact::package::{
    PACKAGE_BYTES_MAX, PACKAGE_FILE, Package, body_file, tree_file,
};
use crate::store::planes::artifact::put::{
    check_claims, check_writable, conflict, existing, is_same, record,
};
use crate::store::planes::error::PlaneError;
use crate::store::planes::shared::Planes;
use crate::store::tree::{TreeContent, read_tree};
use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The reaction to an artifact with the same ref and other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ConflictPolicy {
    /// The import fails.
    #[default]
    Error,
    /// The artifact in the workspace stays.
    Skip,
    /// The artifact of the package replaces the artifact in the workspace. The earlier manifest stays in the log, and
    /// the earlier body in the object store.
    Replace,
}

/// The effect of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportOutcome {
    /// The artifact was recorded.
    Imported,
    /// The workspace has the same artifact.
    Idempotent,
    /// The workspace has the same artifact, and its missing or damaged body was stored again.
    Restored,
    /// The workspace has another artifact with the ref, which stays.
    Skipped,
    /// The artifact replaced another artifact with the ref.
    Replaced,
}

impl ImportOutcome {
    /// Returns the stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            ImportOutcome::Imported => "imported",
            ImportOutcome::Idempotent => "idempotent",
            ImportOutcome::Restored => "restored",
            ImportOutcome::Skipped => "skipped",
            ImportOutcome::Replaced => "replaced",
        }
    }
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtifactImport {
    /// The artifact.
    pub artifact_ref: ArtifactRef,
    /// The effect.
    pub outcome: ImportOutcome,
    /// The number of bytes of bodies that were stored.
    pub bytes_written: u64,
}

/// Imports the package in the directory `dir`.
pub(super) fn import(planes: &Planes, dir: &Path, policy: ConflictPolicy) -> Result<ArtifactImport> {
    check_writable(planes)?;
    let source = Source::open(planes, dir)?;
    let Package { manifest, body } = source.package()?;
    check_claims(&manifest, &body).map_err(|e| source.invalid(e.to_string()))?;
    let is_tree = location::is_tree(&manifest.location_ref);
    if is_tree && manifest.location_ref != location::of_tree(&body.digest) {
        return Err(
            source.invalid("the location of the directory differs from the digest of its list".to_owned())
        );
    }
    planes.decide(|| {
        let artifact_ref = manifest.artifact_ref.clone();
        let done = |outcome, bytes_written| Ok(ArtifactImport { artifact_ref, outcome, bytes_written });
        let Some((row, stamps)) = existing(planes, &manifest.artifact_ref)? else {
            let written = source.store(&body, is_tree)?;
            record(planes, manifest, body.digest, Vec::new())?;
            return done(ImportOutcome::Imported, written);
        };
        if is_same(&row, &manifest, &body.digest)? {
            let is_intact =
                !is_tree && planes.journal().blobs().verify(&body.digest, &[body.size]).unwrap_or(false);
            if row.body.is_some() && is_intact {
                return done(ImportOutcome::Idempotent, 0);
            }
            let written = source.store(&body, is_tree)?;
            if row.body.is_none() {
                record(planes, manifest, body.digest, stamps)?;
            }
            let outcome = if written == 0 { ImportOutcome::Idempotent } else { ImportOutcome::Restored };
            return done(outcome, written);
        }
        match policy {
            ConflictPolicy::Error => Err(conflict(&manifest.artifact_ref)),
            ConflictPolicy::Skip => done(ImportOutcome::Skipped, 0),
            ConflictPolicy::Replace => {
                let written = source.store(&body, is_tree)?;
                record(planes, manifest, body.digest, stamps)?;
                done(ImportOutcome::Replaced, written)
            }
        }
    })
}

/// The directory of a package.
struct Source<'a> {
    planes: &'a Planes,
    dir: &'a Path,
    /// The files of the directory. Links are not files.
    items: HashMap<std::ffi::OsString, ItemKind>,
}

impl<'a> Source<'a> {
    fn open(planes: &'a Planes, dir: &'a Path) -> Result<Source<'a>> {
        let items = match planes.storage().items(dir) {
            Ok(items) => items.into_iter().map(|item| (item.name, item.kind)).collect(),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => HashMap::new(),
            Err(e) => return Err(engine::Error::io("list", dir, e).into()),
        };
        let source = Source { planes, dir, items };
        match source.items.get(std::ffi::OsStr::new(PACKAGE_FILE)) {
            Some(_) => Ok(source),
            None => Err(PlaneError::PackageMissing { path: dir.to_path_buf() }.into()),
        }
    }

    fn invalid(&self, reason: String) -> Error {
        PlaneError::PackageInvalid { path: self.dir.to_path_buf(), reason }.into()
    }

    /// Opens a file of the package. Error: the name is missing or does not belong to a regular file.
    fn file(&self, name: &str) -> Result<std::sync::Arc<dyn engine::storage::File>> {
        match self.items.get(std::ffi::OsStr::new(name)) {
            Some(ItemKind::File { .. }) => {}
            Some(_) => return Err(self.invalid(format!("{name} is not a regular file"))),
            None => return Err(self.invalid(format!("{name} is missing"))),
        }
        let path = self.dir.join(name);
        Ok(self
            .planes
            .storage()
            .open(&path, OpenMode::Read)
            .map_err(|e| engine::Error::io("open", &path, e))?)
    }

    /// Reads the description of the package.
    fn package(&self) -> Result<Package> {
        let failed = |e| Error::from(engine::Error::io("read", &self.dir.join(PACKAGE_FILE), e));
        let mut bytes = Vec::new();
        let file = FileReader::new(self.file(PACKAGE_FILE)?);
        file.take(PACKAGE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > PACKAGE_BYTES_MAX {
            return Err(self.invalid(format!("{PACKAGE_FILE} is longer than {PACKAGE_BYTES_MAX} bytes")));
        }
        let text =
            String::from_utf8(bytes).map_err(|_| self.invalid(format!("{PACKAGE_FILE} is not UTF-8")))?;
        Package::from_json(&text).map_err(|reason| self.invalid(reason))
    }

    /// Stores the body, and the files of a directory. Returns the number of bytes of the bodies that the workspace did
    /// not have. If a later file is invalid, the earlier ones stay in the object store, where they only occupy space.
    fn store(&self, body: &StoredBody, is_tree: bool) -> Result<u64> {
        let mut written = self.store_one(&body_file(&body.digest), body)?;
        if is_tree {
            let mut sizes = HashMap::new();
            for entry in read_tree(self.planes.journal().blobs(), &body.digest)? {
                if let TreeContent::File { digest, sha256, size, .. } = entry.content {
                    sizes.insert(digest, StoredBody { digest, sha256, size });
                }
            }
            for (digest, file) in sizes {
                written += self.store_one(&tree_file(&digest), &file)?;
            }
        }
        Ok(written)
    }

    /// Stores a file with these digests and this size, unless the workspace has an intact body with the digest.
    fn store_one(&self, name: &str, expected: &StoredBody) -> Result<u64> {
        let blobs = self.planes.journal().blobs();
        if blobs.size_of(&expected.digest).is_ok_and(|size| size == Some(expected.size))
            && blobs.verify(&expected.digest, &[expected.size]).unwrap_or(false)
        {
            return Ok(0);
        }
        let file = self.file(name)?;
        let failed = |e| engine::Error::io("read", &self.dir.join(name), e);
        let len = file.len().map_err(failed)?;
        if len != expected.size {
            return Err(self.invalid(format!("{name} has {len} bytes instead of {}", expected.size)));
        }
        // The file is read twice, so that content with another digest is not stored.
        self.check(name, &digest_file(&file, len).map_err(failed)?, expected)?;
        let stored = store_body(blobs, &mut FileReader::new(file).take(len))?;
        self.check(name, &stored, expected)?;
        Ok(stored.size)
    }

    fn check(&self, name: &str, found: &StoredBody, expected: &StoredBody) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        let StoredBody { digest, sha256, size } = found;
        let found = format!("{size} bytes with the digests blake3:{digest} and sha256:{sha256}");
        Err(self.invalid(format!("{name} has {found}, which are not those of the description")))
    }
}
