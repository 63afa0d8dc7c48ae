//! The files of bodies that an import stores. A file must be in the directory of bodies, even after the links in its
//! path are followed.

use crate::contract::ArtifactManifest;
use crate::engine::checksum::Digest;
use crate::engine::storage::{FileReader, OpenMode, Storage};
use crate::interchange::error::Result;
use crate::store::body::{self, StoredBody};
use crate::store::tree::{TreeContent, read_tree};
use crate::store::{self, Journal};
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};

/// The open file of a body. The error of a failed read is kept, to distinguish it from errors of the workspace.
struct Source {
    file: FileReader,
    failed: Option<io::Error>,
}

impl io::Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.file.read(out).inspect_err(|e| {
            if e.kind() != io::ErrorKind::Interrupted {
                self.failed = Some(e.kind().into());
            }
        })
    }
}

/// Opens the file of a body. Links that lead out of the directory of bodies are refused.
fn open_body(storage: &dyn Storage, dir: Option<&Path>, path: &str) -> std::result::Result<Source, String> {
    let Some(dir) = dir else {
        return Err("no directory with artifact bodies was given; pass `--bodies DIR`".into());
    };
    let relative = Path::new(path);
    let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if path.is_empty() || path.contains('\0') || !plain {
        return Err(format!("{path:?} is not a relative path without `..`"));
    }
    let wrap = |e: io::Error| format!("{path}: {e}");
    let root = storage.resolve(dir).map_err(wrap)?;
    let file = storage.resolve(&dir.join(relative)).map_err(wrap)?;
    if !file.starts_with(&root) {
        return Err(format!("{path} is outside the directory of bodies"));
    }
    if !storage.info(&file).map_err(wrap)?.is_file {
        return Err(format!("{path} is not a regular file"));
    }
    let file = storage.open(&file, OpenMode::Read).map_err(wrap)?;
    Ok(Source { file: FileReader::new(file), failed: None })
}

/// Copies the file of a body into the workspace. Errors: the workspace cannot be written. The inner error means that
/// the file could not be found or read. The text of the inner error continues a message that begins with "could not
/// be".
pub(super) fn store_body(
    journal: &Journal,
    dir: Option<&Path>,
    path: &str,
) -> Result<std::result::Result<StoredBody, String>> {
    let mut source = match open_body(&**journal.storage(), dir, path) {
        Ok(source) => source,
        Err(reason) => return Ok(Err(format!("found: {reason}"))),
    };
    match (body::store_body(journal.blobs(), &mut source), source.failed.take()) {
        (Ok(body), _) => Ok(Ok(body)),
        // The file could not be read. This is not an error of the workspace.
        (Err(_), Some(reason)) => Ok(Err(format!("read: {reason}"))),
        (Err(e), None) => Err(e.into()),
    }
}

/// Copies the files of a directory artifact into the workspace. `path` is the path of the list of files, and `tree` is
/// the digest of the list. The files are in the same directory as the list; the name of each file is its digest. Files
/// that the workspace already has are not read. Returns the reasons why files could not be stored. Each reason
/// continues a message that begins with "could not be". Errors: the workspace cannot be written.
pub(super) fn store_tree_files(
    journal: &Journal,
    dir: Option<&Path>,
    path: &str,
    tree: &Digest,
) -> Result<Vec<String>> {
    let files = match read_tree_files(journal, tree) {
        Ok(files) => files,
        Err(e) if e.code() == "artifact_tree_invalid" => return Ok(vec![format!("read: {e}")]),
        Err(e) => return Err(e.into()),
    };
    let mut lost = Vec::new();
    for (digest, size) in files {
        if journal.blobs().size_of(&digest).is_ok_and(|stored| stored == Some(size)) {
            continue;
        }
        let beside = match path.rsplit_once('/') {
            Some((above, _)) => format!("{above}/{digest}"),
            None => digest.to_string(),
        };
        match store_body(journal, dir, &beside)? {
            Ok(body) if body.digest == digest => {}
            Ok(_) => lost.push(format!("used: {beside} has another content")),
            Err(reason) => lost.push(reason),
        }
    }
    Ok(lost)
}

/// Returns the digest and the length of each distinct file in a tree.
fn read_tree_files(journal: &Journal, tree: &Digest) -> store::Result<BTreeMap<Digest, u64>> {
    let files = read_tree(journal.blobs(), tree)?.into_iter().filter_map(|entry| match entry.content {
        TreeContent::File { digest, size, .. } => Some((digest, size)),
        _ => None,
    });
    Ok(files.collect())
}

/// Compares a body with the size and the SHA-256 in its manifest. Returns the first difference; `None` if there is
/// none. The returned text continues a message that begins with "differs from".
pub(super) fn difference(manifest: &ArtifactManifest, body: &StoredBody) -> Option<String> {
    if let Some(size) = manifest.size_bytes.filter(|size| *size != body.size) {
        return Some(format!("its manifest: the file has {} bytes, not {size}", body.size));
    }
    let claimed = manifest.sha256().filter(|claimed| *claimed != body.sha256);
    claimed.map(|_| "its manifest: the SHA-256 of the file is not the one in the manifest".to_owned())
}
