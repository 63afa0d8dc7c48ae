//! The methods of `StoreView` that list trees and their files.

use crate::engine::checksum::Digest;
use crate::store::artifacts::ArtifactRow;
use crate::store::error::{Error, Result};
use crate::store::location;
use crate::store::tree::entry::{TreeContent, TreeEntry};
use crate::store::tree::format::read_tree;
use crate::store::view::StoreView;

impl StoreView<'_> {
    /// Returns the digests of the bodies of all directories that are artifacts, without duplicates.
    pub fn trees(&self) -> Result<Vec<Digest>> {
        let rows = self.artifacts_with_prefix(b"artifact:")?;
        let trees = rows.filter_map(|row| match row {
            Ok(row) => row.body.filter(|_| location::is_tree(&row.manifest.location_ref)).map(Ok),
            Err(e) => Some(Err(e)),
        });
        let mut trees = trees.collect::<Result<Vec<Digest>>>()?;
        trees.sort_unstable_by_key(|digest| digest.0);
        trees.dedup();
        Ok(trees)
    }

    /// Returns the digest of the body and the path of each file in a tree. `tree` is the digest of the body of the
    /// tree. Errors: the body of the tree is missing, cannot be read, or is not a valid tree.
    pub fn tree_files(&self, tree: &Digest) -> Result<Vec<(Digest, String)>> {
        let files = read_tree(self.blobs, tree)?.into_iter().filter_map(|entry| match entry.content {
            TreeContent::File { digest, .. } => Some((digest, entry.path_lossy())),
            _ => None,
        });
        Ok(files.collect())
    }

    /// Returns the entries of a directory that is stored as an artifact, sorted by path. Errors: the artifact is not a
    /// directory, or its body is missing, cannot be read, or is not a valid tree.
    pub fn artifact_tree(&self, artifact: &ArtifactRow) -> Result<Vec<TreeEntry>> {
        match &artifact.body {
            Some(digest) if artifact.is_tree() => read_tree(self.blobs, digest),
            _ => Err(Error::NotATree { artifact: artifact.manifest.artifact_ref.clone() }),
        }
    }
}
