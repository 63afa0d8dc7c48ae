//! The files of bodies beside the lines: found below one directory, never outside it.

use crate::contract::ArtifactManifest;
use crate::engine::blob::BlobInfo;
use crate::engine::storage::{FileReader, OpenMode, Storage};
use std::io;
use std::path::{Component, Path};

/// The file of a body, and why it could not be read.
pub(super) struct Source {
    file: FileReader,
    pub(super) failed: Option<io::Error>,
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

/// The file of a body: below the directory of bodies, links included.
pub(super) fn find_body(
    storage: &dyn Storage,
    dir: Option<&Path>,
    path: &str,
) -> std::result::Result<Source, String> {
    let Some(dir) = dir else {
        return Err("no directory with artifact bodies was given; pass `--bodies DIR`".into());
    };
    let relative = Path::new(path);
    let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if path.is_empty() || path.contains('\0') || !plain {
        return Err(format!("{path:?} is not a relative path below a directory"));
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

/// How a body differs from what its manifest says of it.
pub(super) fn differs(manifest: &ArtifactManifest, body: &BlobInfo) -> Option<String> {
    if let Some(size) = manifest.size_bytes.filter(|size| *size != body.size) {
        return Some(format!("{} bytes, not {size}", body.size));
    }
    let claimed = manifest.sha256().filter(|claimed| *claimed != body.sha256);
    claimed.map(|_| "its SHA-256 is another".to_owned())
}
