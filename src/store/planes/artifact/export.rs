//! The export of an artifact as a package.

use crate::contract::{ArtifactRef, Timestamp, Valid};
use crate::engine;
use crate::engine::checksum::Digest;
use crate::engine::storage::OpenMode;
use crate::engine::storage::replace::{FileReplacement, remove_stale};
use crate::store::body::{COPY_STEM, StoredBody, copy_body, digest_file};
use crate::store::error::{Error, Result};
use crate::store::planes::artifact::handle::handle;
use crate::store::planes::artifact::package::{PACKAGE_FILE, Package, body_file, directory_name, tree_file};
use crate::store::planes::error::PlaneError;
use crate::store::planes::shared::Planes;
use crate::store::tree::{TreeContent, read_tree};
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The result of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtifactExport {
    /// The artifact.
    pub artifact_ref: ArtifactRef,
    /// The directory of the package.
    pub directory: PathBuf,
    /// The file with the body.
    pub body_path: PathBuf,
    /// The length of the body in bytes.
    pub size_bytes: u64,
    /// The number of files of a directory in the package. Files with the same content are counted once.
    pub files: u64,
    /// The time of the export.
    pub exported_at: Timestamp,
}

/// Exports an artifact to a directory in `root`. The description of the package is written last. An
/// interrupted export therefore leaves the earlier package, or no package at all.
pub(super) fn export(planes: &Planes, artifact: &ArtifactRef, root: &Path) -> Result<ArtifactExport> {
    let handle = handle(planes, artifact)?;
    let blobs = planes.journal().blobs();
    let directory = root.join(directory_name(artifact));
    remove_stale(planes.storage().as_ref(), &directory, COPY_STEM);
    let body_path = directory.join(body_file(&handle.digest));
    let copy = |digest: &Digest, name: &str| match copy_body(blobs, digest, &directory, name) {
        Ok(true) => Ok(()),
        Ok(false) if blobs.size_of(digest)?.is_none() => {
            let reason = format!("the file of {digest} does not exist");
            Err(Error::from(PlaneError::BodyMissing { artifact: artifact.clone(), reason }))
        }
        Ok(false) => Err(Error::BodyDamaged { digest: *digest }),
        Err(e) => Err(e.into()),
    };
    copy(&handle.digest, &body_file(&handle.digest))?;
    let mut files = HashSet::new();
    if handle.is_tree {
        for entry in read_tree(blobs, &handle.digest)? {
            if let TreeContent::File { digest, .. } = entry.content
                && files.insert(digest)
            {
                copy(&digest, &tree_file(&digest))?;
            }
        }
    }
    let body = exported_body(planes, &body_path, &handle.digest)?;
    let package = Package { manifest: Valid::new(handle.manifest)?, body };
    let exported_at = planes.now();
    let failed = |e| engine::Error::io("write", &directory.join(PACKAGE_FILE), e);
    let mut out =
        FileReplacement::in_dir(planes.storage(), &directory, PACKAGE_FILE, COPY_STEM).map_err(failed)?;
    out.write_all(package.to_json(exported_at)?.as_bytes()).map_err(failed)?;
    out.publish().map_err(failed)?;
    Ok(ArtifactExport {
        artifact_ref: artifact.clone(),
        directory,
        body_path,
        size_bytes: package.body.size,
        files: files.len() as u64,
        exported_at,
    })
}

/// Returns the digests and the size of the exported body. Error: the file changed after it was written.
fn exported_body(planes: &Planes, path: &Path, digest: &Digest) -> Result<StoredBody> {
    let failed = |e| engine::Error::io("read", path, e);
    let file = planes.storage().open(path, OpenMode::Read).map_err(failed)?;
    let body = digest_file(&file, u64::MAX).map_err(failed)?;
    if body.digest == *digest { Ok(body) } else { Err(Error::BodyDamaged { digest: *digest }) }
}
