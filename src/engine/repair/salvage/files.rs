//! The files below a path.

use crate::engine::error::{Error, Result};
use crate::engine::storage::{ItemKind, Storage};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The maximum depth of directories.
const DEPTH_MAX: usize = 32;

/// An iterator over the regular files below a path, or over the path itself if it is a file. Symbolic links
/// below the path are not followed. An error names a directory that cannot be listed. The iterator continues
/// after the error.
#[derive(Debug)]
pub(crate) struct Files {
    storage: Arc<dyn Storage>,
    /// The remaining entries of each directory on the way to the current file, in reverse order.
    levels: Vec<Vec<(PathBuf, bool)>>,
}

impl Files {
    /// Errors: the path does not exist.
    pub(crate) fn below(storage: &Arc<dyn Storage>, path: &Path) -> Result<Files> {
        let info = storage.info(path).map_err(|e| Error::io("read", path, e))?;
        let levels = vec![vec![(path.to_path_buf(), info.is_dir)]];
        Ok(Files { storage: Arc::clone(storage), levels })
    }

    /// Returns an iterator over the files of a list.
    pub(super) fn of(storage: &Arc<dyn Storage>, files: &[PathBuf]) -> Files {
        let files = files.iter().rev().map(|path| (path.clone(), false)).collect();
        Files { storage: Arc::clone(storage), levels: vec![files] }
    }

    fn descend(&mut self, dir: &Path) -> Result<()> {
        let wrap = |e| Error::io("list", dir, e);
        if self.levels.len() > DEPTH_MAX {
            return Err(wrap(io::Error::other(format!(
                "the directory is more than {DEPTH_MAX} levels deep"
            ))));
        }
        let items = self.storage.items(dir).map_err(wrap)?;
        let is_read = |kind: &ItemKind| matches!(kind, ItemKind::File { .. } | ItemKind::Dir);
        let items = items.into_iter().rev().filter(|item| is_read(&item.kind));
        self.levels.push(items.map(|item| (dir.join(item.name), item.kind == ItemKind::Dir)).collect());
        Ok(())
    }
}

impl Iterator for Files {
    type Item = Result<PathBuf>;

    fn next(&mut self) -> Option<Result<PathBuf>> {
        loop {
            let Some((path, is_dir)) = self.levels.last_mut()?.pop() else {
                self.levels.pop();
                continue;
            };
            if !is_dir {
                return Some(Ok(path));
            }
            if let Err(e) = self.descend(&path) {
                return Some(Err(e));
            }
        }
    }
}
