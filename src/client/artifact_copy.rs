//! Copies of artifact content to files and directories outside the workspace.

use crate::client::contexta::Contexta;
use crate::client::error::{Result, engine_io};
use crate::contract::ArtifactRef;
use crate::store::body::copy_body;
use crate::store::{self, PlaneError};
use std::io;
use std::path::{Path, PathBuf};

/// The result of [`Contexta::copy_artifact`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtifactCopy {
    /// The artifact.
    pub artifact_ref: ArtifactRef,
    /// The file or directory that was written.
    pub path: PathBuf,
    /// The number of files that were written.
    pub files: u64,
    /// The number of bytes that were written.
    pub bytes: u64,
    /// The paths of the links that were not created. The target of such a link is outside the directory, or
    /// the system does not support links.
    pub links_left_out: Vec<String>,
}

impl Contexta {
    /// Copies the content of an artifact to the file `path`. An existing file is replaced completely or not
    /// at all. If the artifact is a directory, `path` is a new directory. The content is verified while it is
    /// copied. Errors: the artifact does not exist, its body is missing or damaged, or `path` cannot be
    /// written.
    pub fn copy_artifact(&self, artifact: &ArtifactRef, path: impl AsRef<Path>) -> Result<ArtifactCopy> {
        let path = path.as_ref();
        let handle = self.artifact_store().get_artifact(artifact)?;
        let copy = ArtifactCopy {
            artifact_ref: artifact.clone(),
            path: path.to_path_buf(),
            files: 1,
            bytes: handle.size_bytes,
            links_left_out: Vec::new(),
        };
        if handle.is_tree {
            let extracted = self.ask(|store| {
                store.read(|view| match view.artifact(artifact)? {
                    Some(row) => view.extract_tree(&row, path),
                    None => Err(PlaneError::ArtifactMissing { artifact: artifact.clone() }.into()),
                })
            })?;
            let (files, bytes, links_left_out) = (extracted.files, extracted.bytes, extracted.links_left_out);
            return Ok(ArtifactCopy { files, bytes, links_left_out, ..copy });
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| engine_io("write", path, io::ErrorKind::InvalidFilename.into()))?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match copy_body(self.journal.blobs(), &handle.digest, dir, name)? {
            true => Ok(copy),
            false => Err(store::Error::BodyDamaged { digest: handle.digest }.into()),
        }
    }
}
