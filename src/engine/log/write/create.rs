//! Creation of a segment file.

use crate::engine::error::{Error, Result};
use crate::engine::log::format::header::SegmentHeader;
use crate::engine::log::format::names;
use crate::engine::storage::{File, OpenMode, Storage, write_all_at};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Creates a segment file with both copies of the header, and syncs the file and its directory. If an error occurs
/// after the file was created, tries to remove the file.
pub(super) fn create_segment(
    storage: &dyn Storage,
    log: &Path,
    header: &SegmentHeader,
) -> Result<Arc<dyn File>> {
    let path = names::segment_path(log, header.stream, header.base);
    let wrap = |e| Error::io("create segment", &path, e);
    let file = match storage.open(&path, OpenMode::CreateNew) {
        Ok(file) => file,
        Err(e) => {
            // The file may have been created although an error was returned. A file that existed before, or holds
            // anything, is not removed.
            let created = e.kind() != io::ErrorKind::AlreadyExists
                && storage.info(&path).is_ok_and(|info| info.is_file && info.len == 0);
            if created {
                let _ = storage.remove_file(&path);
            }
            return Err(wrap(e));
        }
    };
    let written = write_all_at(file.as_ref(), 0, &header.encode())
        .and_then(|()| file.sync())
        .and_then(|()| storage.sync_dir(&names::stream_dir(log, header.stream)));
    match written {
        Ok(()) => Ok(file),
        Err(e) => {
            // An incomplete segment would look like a torn end, and a segment with a readable header that was not
            // synced would be continued by another writer. The file is truncated before it is removed: if the removal
            // fails, readers treat the empty file as an unfinished creation.
            let _ = file.set_len(0);
            let _ = storage.remove_file(&path);
            Err(wrap(e))
        }
    }
}
