//! The state of a stream's files when the stream was last read to its end. A later comparison shows whether the stream
//! is unchanged.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::directory::list_segments;
use crate::engine::log::names;
use crate::engine::storage::{FileInfo, Storage};
use std::io;
use std::path::Path;

/// The age in nanoseconds above which the change time of a file is reliable. File systems record times coarsely, so two
/// changes shortly after each other can have the same time. The length does not reveal the second change, because an
/// append into preallocated space does not change the length.
const FRESH: u64 = 2_000_000_000;

/// Metadata of the directory of a stream and of its last segment, from before the segment was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeenFiles {
    at: u64,
    dir: FileInfo,
    /// The first sequence number of the last segment.
    pub(super) last: Seq,
    segment: FileInfo,
}

impl SeenFiles {
    /// Reads the metadata of a stream's files; `None` if the stream has no segment, or if a merge removes the files
    /// during the call.
    pub(super) fn of(storage: &dyn Storage, log: &Path, stream: StreamId) -> Result<Option<SeenFiles>> {
        match SeenFiles::read(storage, log, stream) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            files => files,
        }
    }

    fn read(storage: &dyn Storage, log: &Path, stream: StreamId) -> Result<Option<SeenFiles>> {
        let info = |path: &Path| storage.info(path).map_err(|e| Error::io("read the metadata of", path, e));
        let at = storage.now();
        let dir = info(&names::stream_dir(log, stream))?;
        let Some(last) = list_segments(storage, log, stream)?.last().copied() else { return Ok(None) };
        let segment = info(&names::segment_path(log, stream, last))?;
        Ok(Some(SeenFiles { at, dir, last, segment }))
    }

    /// Returns true if the files have certainly not changed since this value was read. Reads the metadata of at most
    /// two files.
    pub(super) fn is_unchanged(&self, storage: &dyn Storage, log: &Path, stream: StreamId) -> bool {
        let is_old = |info: &FileInfo| {
            info.modified > 0 && info.modified.max(info.changed).saturating_add(FRESH) < self.at
        };
        let is_same = |path: &Path, then: &FileInfo| storage.info(path).is_ok_and(|now| now == *then);
        is_old(&self.dir)
            && is_old(&self.segment)
            && is_same(&names::stream_dir(log, stream), &self.dir)
            && is_same(&names::segment_path(log, stream, self.last), &self.segment)
    }
}
