//! Directories that paths in settings are relative to.

use std::path::{Path, PathBuf};

/// The directory that relative paths are resolved against, and the home directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) base: Option<PathBuf>,
    pub(super) home: Option<PathBuf>,
}

impl Places {
    /// Makes a path absolute. Links and `..` remain in the path, because only the operating system can resolve them.
    /// Returns `None` if the path begins with `~` and the home directory is not known.
    pub(super) fn absolute(&self, path: &Path) -> Option<PathBuf> {
        let path = match path.strip_prefix("~") {
            Ok(rest) => self.home.as_ref()?.join(rest),
            Err(_) => path.to_path_buf(),
        };
        let path = match &self.base {
            Some(base) => base.join(path),
            None if path.as_os_str().is_empty() => PathBuf::from("."),
            None => path,
        };
        let path = std::path::absolute(&path).unwrap_or(path);
        Some(path.components().collect())
    }
}
