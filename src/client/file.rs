//! Writing of small files that the user named.

use crate::engine::storage::os::OsStorage;
use crate::engine::storage::replace::{FileReplacement, remove_stale};
use std::io::{self, Write};
use std::path::Path;

/// The prefix of the names of temporary files.
const TEMPORARY_STEM: &str = "contexta-output";

/// Replaces or creates a file, completely or not at all. If the path is a link, the target of the link is written. An
/// existing file keeps its permissions.
pub(crate) fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let storage = OsStorage::shared();
    let mut file = FileReplacement::create(&storage, path, TEMPORARY_STEM)?;
    remove_stale(storage.as_ref(), file.dir(), TEMPORARY_STEM);
    file.write_all(content)?;
    file.publish()
}
