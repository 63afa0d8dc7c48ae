//! The list of the streams of a log. The directory of the log is listed again only if it may have changed.

use crate::engine::entry::StreamId;
use crate::engine::error::{Error, Result};
use crate::engine::log::directory::{list_log, streams_in};
use crate::engine::projection::cursor::FRESH;
use crate::engine::projection::generation;
use crate::engine::storage::{FileInfo, Storage};
use std::path::Path;
use std::sync::Arc;

/// The streams of a log at one moment.
#[derive(Debug)]
pub(super) struct StreamList {
    /// The metadata of the directory of the log, which was read before the directory was listed. `None` if a later
    /// change of the names might not change this metadata: the metadata could not be read, or the directory had changed
    /// less than [`FRESH`] nanoseconds before.
    dir: Option<FileInfo>,
    /// The streams, sorted by id.
    streams: Vec<StreamId>,
}

impl StreamList {
    /// Returns the streams of the log. If the metadata of the directory shows that no name has changed since `before`
    /// was created, returns `before` and does not list the directory.
    ///
    /// Errors: the directory cannot be listed; the directory contains generations. The embedder has then exchanged two
    /// directories. Without this error, the tables would be rebuilt from an empty log.
    pub(super) fn current(
        storage: &dyn Storage,
        log: &Path,
        before: Option<&Arc<StreamList>>,
    ) -> Result<Arc<StreamList>> {
        let now = storage.now();
        let dir = storage.info(log).ok();
        if let Some(before) = before
            && dir.is_some()
            && before.dir == dir
        {
            return Ok(Arc::clone(before));
        }
        let entries = list_log(storage, log)?;
        if generation::is_among(&entries) {
            let reason = "it holds projection files, and should hold the streams of a log".to_owned();
            return Err(Error::DirectoryMixedUp { path: log.to_path_buf(), reason });
        }
        let is_old = |dir: &FileInfo| dir.modified.max(dir.changed).saturating_add(FRESH) < now;
        let is_known = |dir: &FileInfo| dir.modified > 0 && is_old(dir);
        Ok(Arc::new(StreamList { dir: dir.filter(is_known), streams: streams_in(&entries) }))
    }

    /// Returns the streams, sorted by id.
    pub(super) fn streams(&self) -> &[StreamId] {
        &self.streams
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::storage::sim::SimDisk;

    const LOG: &str = "/log";

    fn current(storage: &Arc<dyn Storage>, before: Option<&Arc<StreamList>>) -> Arc<StreamList> {
        StreamList::current(storage.as_ref(), Path::new(LOG), before).unwrap()
    }

    fn add_stream(storage: &Arc<dyn Storage>, id: u8) {
        storage.create_dir_all(&Path::new(LOG).join(StreamId([id; 16]).to_string())).unwrap();
    }

    #[test]
    fn directory_is_listed_again_after_a_change_and_while_a_change_may_be_hidden() {
        let disk = SimDisk::new(1);
        let storage = disk.process(1);
        assert_eq!(current(&storage, None).streams(), []);
        add_stream(&storage, 1);
        let fresh = current(&storage, None);
        let again = current(&storage, Some(&fresh));
        assert!(!Arc::ptr_eq(&fresh, &again), "the directory has changed a moment before");
        // The clock of the file system is coarse: this stream does not change the time of the directory again.
        let time = || storage.info(Path::new(LOG)).unwrap().modified;
        let before = time();
        disk.advance(-1);
        add_stream(&storage, 3);
        assert_eq!(time(), before);
        let again = current(&storage, Some(&again));
        assert_eq!(again.streams(), [StreamId([1; 16]), StreamId([3; 16])]);
        // A time in the future, because the clock was set back.
        disk.advance(-1);
        add_stream(&storage, 4);
        disk.advance(-(FRESH as i64));
        let again = current(&storage, Some(&again));
        add_stream(&storage, 5);
        let again = current(&storage, Some(&again));
        assert_eq!(again.streams().len(), 4);
        disk.advance(3 * FRESH as i64);
        let old = current(&storage, Some(&again));
        assert!(Arc::ptr_eq(&old, &current(&storage, Some(&old))));
        add_stream(&storage, 2);
        let new = current(&storage, Some(&old));
        assert_eq!(new.streams(), [1, 2, 3, 4, 5].map(|id| StreamId([id; 16])));
    }
}
