//! The import of a package. The content of a package is not trusted. The names of its files are derived from
//! digests, and links are not followed. A body is stored only if its size and both digests match the
//! description of the package.

use crate::contract::words::word_enum;
use crate::contract::{ArtifactManifest, ArtifactRef};
use crate::engine;
use crate::engine::checksum::Digest;
use crate::engine::entry::Stamp;
use crate::engine::storage::{File, FileReader, NotARegularFile, OpenMode};
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
use std::sync::Arc;

/// The action of an import if the workspace has an artifact with the same ref and other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ConflictPolicy {
    /// The import fails.
    #[default]
    Error,
    /// The import keeps the artifact in the workspace.
    Skip,
    /// The artifact of the package replaces the artifact in the workspace. The earlier manifest stays in the
    /// log, and the earlier body stays in the object store.
    Replace,
}

word_enum! {
    /// The effect of an import.
    ImportOutcome {
        /// The artifact was recorded.
        Imported = "imported",
        /// The workspace already had the same artifact.
        Idempotent = "idempotent",
        /// The workspace already had the same artifact. Its body was missing or damaged, and was stored again.
        Restored = "restored",
        /// The workspace had another artifact with the same ref. The import kept this artifact.
        Skipped = "skipped",
        /// The artifact replaced another artifact with the same ref.
        Replaced = "replaced",
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
    /// The total length of the stored bodies in bytes.
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
    let held = planes.journal().lock_bodies()?;
    // Bodies are stored before the lock of decisions is acquired, because storing a large body takes long.
    let written = match judge(planes, &manifest, &body, policy)?.outcome {
        ImportOutcome::Skipped => 0,
        _ => source.store(&body, is_tree)?,
    };
    let imported = planes.decide(|| {
        let Judged { outcome, stamps, is_recorded } = judge(planes, &manifest, &body, policy)?;
        let artifact_ref = manifest.artifact_ref.clone();
        if !is_recorded {
            record(planes, manifest, body.digest, stamps)?;
        }
        let is_restored = outcome == ImportOutcome::Idempotent && written > 0;
        let outcome = if is_restored { ImportOutcome::Restored } else { outcome };
        Ok(ArtifactImport { artifact_ref, outcome, bytes_written: written })
    });
    drop(held);
    imported
}

/// The effect of an import whose bodies are all stored.
struct Judged {
    outcome: ImportOutcome,
    /// The stamps of the facts that a new fact replaces.
    stamps: Vec<Stamp>,
    /// `true` if the import appends no fact to the log.
    is_recorded: bool,
}

/// Compares a package with the artifact that the workspace has.
fn judge(
    planes: &Planes,
    manifest: &ArtifactManifest,
    body: &StoredBody,
    policy: ConflictPolicy,
) -> Result<Judged> {
    let Some((row, stamps)) = existing(planes, &manifest.artifact_ref)? else {
        return Ok(Judged { outcome: ImportOutcome::Imported, stamps: Vec::new(), is_recorded: false });
    };
    if is_same(&row, manifest, &body.digest)? {
        return Ok(Judged { outcome: ImportOutcome::Idempotent, stamps, is_recorded: row.body.is_some() });
    }
    match policy {
        ConflictPolicy::Error => Err(conflict(&manifest.artifact_ref)),
        ConflictPolicy::Skip => Ok(Judged { outcome: ImportOutcome::Skipped, stamps, is_recorded: true }),
        ConflictPolicy::Replace => {
            Ok(Judged { outcome: ImportOutcome::Replaced, stamps, is_recorded: false })
        }
    }
}

/// The directory of a package.
struct Source<'a> {
    planes: &'a Planes,
    dir: &'a Path,
}

impl<'a> Source<'a> {
    fn open(planes: &'a Planes, dir: &'a Path) -> Result<Source<'a>> {
        match planes.storage().info(&dir.join(PACKAGE_FILE)) {
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Err(PlaneError::PackageMissing { path: dir.to_path_buf() }.into())
            }
            // Any other error is returned when the file is opened.
            _ => Ok(Source { planes, dir }),
        }
    }

    fn invalid(&self, reason: String) -> Error {
        PlaneError::PackageInvalid { path: self.dir.to_path_buf(), reason }.into()
    }

    /// Opens a file of the package. Error: the file is missing, or is a link or another special file.
    fn file(&self, name: &str) -> Result<Arc<dyn File>> {
        let (storage, path) = (self.planes.storage(), self.dir.join(name));
        if storage.read_link(&path).is_ok() {
            return Err(self.invalid(format!("{name} is a link")));
        }
        storage.open(&path, OpenMode::Read).map_err(|e| match e.kind() {
            ErrorKind::NotFound => self.invalid(format!("{name} is missing")),
            _ if NotARegularFile::is_cause_of(&e) => self.invalid(format!("{name} is not a regular file")),
            _ => engine::Error::io("open", &path, e).into(),
        })
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

    /// Stores the body of the package. For a directory, also stores its files. Returns the total length of
    /// the bodies that the workspace did not have. If a file is invalid, the files that were stored before
    /// stay in the object store. These files occupy space, but have no other effect.
    fn store(&self, body: &StoredBody, is_tree: bool) -> Result<u64> {
        let mut written = self.store_one(&body_file(&body.digest), body)?;
        if is_tree {
            let mut files: HashMap<Digest, StoredBody> = HashMap::new();
            for entry in read_tree(self.planes.journal().blobs(), &body.digest)? {
                if let TreeContent::File { digest, sha256, size, .. } = entry.content {
                    let file = StoredBody { digest, sha256, size };
                    if files.get(&digest).is_some_and(|other| *other != file) {
                        let what = "states two sizes or SHA-256 digests of the content";
                        return Err(self.invalid(format!("the list of the directory {what} blake3:{digest}")));
                    }
                    files.insert(digest, file);
                }
            }
            for (digest, file) in files {
                written += self.store_one(&tree_file(&digest), &file)?;
            }
        }
        Ok(written)
    }

    /// Stores the file `name`, unless the workspace has an intact body with the expected BLAKE3 digest.
    /// Returns the number of stored bytes. Error: the content of the file or of the body in the workspace has
    /// another size or digest than expected.
    fn store_one(&self, name: &str, expected: &StoredBody) -> Result<u64> {
        let blobs = self.planes.journal().blobs();
        if let Some(stored) = self.stored(&expected.digest) {
            self.check("the body in the workspace", &stored, expected)?;
            return Ok(0);
        }
        let file = self.file(name)?;
        let failed = |e| engine::Error::io("read", &self.dir.join(name), e);
        let len = file.len().map_err(failed)?;
        if len != expected.size {
            return Err(self.invalid(format!("{name} has {len} bytes instead of {}", expected.size)));
        }
        // The file is read once for this check and once to store it, so that content with another digest is
        // not stored.
        self.check(name, &digest_file(&file, len).map_err(failed)?, expected)?;
        let stored = store_body(blobs, &mut FileReader::new(file).take(len))?;
        self.check(name, &stored, expected)?;
        Ok(stored.size)
    }

    /// Reads the body with this BLAKE3 digest in the workspace. Returns `None` if the body is missing,
    /// damaged or unreadable. In this case, the import replaces it with the body of the package.
    fn stored(&self, digest: &Digest) -> Option<StoredBody> {
        let file = self.planes.journal().blobs().open(digest).ok()?;
        digest_file(&file, u64::MAX).ok().filter(|stored| stored.digest == *digest)
    }

    /// Returns an error if the content of `name` has another size or digest than the description states.
    fn check(&self, name: &str, found: &StoredBody, expected: &StoredBody) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        let StoredBody { digest, sha256, size } = found;
        let found = format!("{size} bytes with the digests blake3:{digest} and sha256:{sha256}");
        Err(self.invalid(format!("{name} has {found}, but the description states other values")))
    }
}
