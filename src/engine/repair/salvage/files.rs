//! The files below a path.

use crate::engine::error::{Error, Result};
use crate::engine::storage::Storage;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The maximum depth of directories.
const DEPTH_MAX: usize = 32;

/// An iterator over the regular files below a path, or over the path itself if it is a file. Symbolic links below the
/// path are not followed.
#[derive(Debug)]
pub(super) struct Files {
    storage: Arc<dyn Storage>,
    /// The remaining entries of each directory on the way to the current file, in reverse order.
    levels: Vec<Vec<(PathBuf, bool)>>,
}

impl Files {
    /// Errors: the path does not exist.
    pub(super) fn below(storage: &Arc<dyn Storage>, path: &Path) -> Result<Files> {
        let info = storage.info(path).map_err(|e| Error::io("read", path, e))?;
        let levels = vec![vec![(path.to_path_buf(), info.is_dir)]];
        Ok(Files { storage: Arc::clone(storage), levels })
    }

    fn descend(&mut self, dir: &Path) -> Result<()> {
        if self.levels.len() > DEPTH_MAX {
            return Ok(());
        }
        let entries = self.storage.list(dir).map_err(|e| Error::io("list", dir, e))?;
        let entries = entries.into_iter().rev().filter(|entry| entry.is_file || entry.is_dir);
        let paths = entries.map(|entry| (dir.join(entry.name), entry.is_dir));
        self.levels.push(paths.filter(|(path, _)| self.storage.read_link(path).is_err()).collect());
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
