//! The preparation of a restored log in a staging directory.

use crate::engine::error::Error as EngineError;
use crate::engine::log::cut_stream;
use crate::engine::log::names::{segment_path, stream_dir};
use crate::engine::progress::Progress;
use crate::engine::storage::{OpenMode, write_all_at};
use crate::recovery::backup::{Manifest, Repository, SegmentCopy, StreamCopy};
use crate::recovery::error::{Error, Result};
use crate::recovery::tree::{io_error, remove_tree};
use crate::store::Moment;
use std::path::Path;

/// The preparation of one restored log.
pub(in crate::recovery) struct Staging<'a> {
    pub(in crate::recovery) repository: &'a Repository,
    /// The directory of the staged log.
    pub(in crate::recovery) log: &'a Path,
    pub(in crate::recovery) to_time: Option<Moment>,
    pub(in crate::recovery) progress: Progress<'a>,
    pub(in crate::recovery) total: u64,
    pub(in crate::recovery) done: u64,
}

impl Staging<'_> {
    /// Writes all streams of a backup durably. Compares every object with its digest. The streams get no lock
    /// file and no home, so no writer continues them. If [`Staging::to_time`] is set, leaves out later
    /// entries and streams without earlier entries.
    pub(in crate::recovery) fn run(&mut self, manifest: &Manifest) -> Result<()> {
        let storage = &self.repository.storage;
        storage.create_dir_all(self.log).map_err(|e| io_error("create", self.log, e))?;
        for stream in &manifest.streams {
            self.stream(stream)?;
            let Some(moment) = self.to_time else { continue };
            if !cut_stream(storage, self.log, stream.stream, moment.stamp())? {
                remove_tree(storage.as_ref(), &stream_dir(self.log, stream.stream))?;
            }
        }
        storage.sync_dir(self.log).map_err(|e| io_error("sync", self.log, e))
    }

    fn stream(&mut self, stream: &StreamCopy) -> Result<()> {
        let dir = stream_dir(self.log, stream.stream);
        let storage = &self.repository.storage;
        storage.create_dir_all(&dir).map_err(|e| io_error("create", &dir, e))?;
        for segment in &stream.segments {
            self.segment(stream, segment)?;
        }
        storage.sync_dir(&dir).map_err(|e| io_error("sync", &dir, e))
    }

    fn segment(&mut self, stream: &StreamCopy, segment: &SegmentCopy) -> Result<()> {
        let path = segment_path(self.log, stream.stream, segment.base);
        let wrap = |e| Error::Engine(EngineError::io("write", &path, e));
        let file = self.repository.storage.open(&path, OpenMode::CreateNew).map_err(wrap)?;
        for part in segment.content.parts() {
            let bytes = self.repository.object(&part.digest, part.len)?;
            write_all_at(file.as_ref(), part.offset, &bytes).map_err(wrap)?;
            self.done += part.len;
            self.progress.report(self.done, self.total);
        }
        file.sync().map_err(wrap)
    }
}
