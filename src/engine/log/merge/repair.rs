//! The repair of one stream: damaged segments are written anew from their whole frames, and files that hold none of the
//! stream's entries go to quarantine.
//!
//! Order of the changes: complete copies of all files concerned are written to quarantine and synced; then the lock file
//! is removed, so that no writer continues the stream; then files are removed and replaced. An interrupted repair is
//! completed by a new survey.

use crate::engine::domain::Domain;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::names;
use crate::engine::log::merge::encode::{Encoder, Replaced};
use crate::engine::log::merge::lock::Hold;
use crate::engine::log::merge::quarantine::{Quarantined, quarantine_segment};
use crate::engine::log::merge::sides::Sides;
use crate::engine::log::merge::staged::{is_leftover, remove_names, remove_segments};
use crate::engine::log::merge::survey::{FileAction, FileSurvey, Survey, survey};
use crate::engine::storage::Storage;
use std::path::Path;
use std::sync::Arc;

/// The approximate maximum size of a new segment in bytes. A repair replaces segments by segments of about equal size,
/// so this only determines the size of the frames.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// A log that is surveyed or repaired.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct RepairedLog<'a> {
    pub(in crate::engine) storage: &'a Arc<dyn Storage>,
    pub(in crate::engine) log: &'a Path,
    pub(in crate::engine) domain: Domain,
}

/// The result of the repair of one stream.
#[derive(Debug)]
pub(in crate::engine) enum StreamRepair {
    /// The stream was repaired.
    Done {
        /// Length in bytes of the segments that were written.
        bytes: u64,
        quarantined: Vec<Quarantined>,
    },
    /// The files are not as planned. Nothing was changed.
    Outdated,
    /// A writer holds the stream, or the file system has no locks. Nothing was changed.
    Held,
}

impl RepairedLog<'_> {
    fn sides(&self) -> Sides<'_> {
        let RepairedLog { storage, log, domain } = *self;
        Sides { storage, domain, from: log, into: log }
    }

    /// Surveys a stream. Changes nothing.
    pub(in crate::engine) fn survey(&self, stream: StreamId) -> Result<Survey> {
        survey(&self.sides(), stream)
    }

    /// Repairs a stream if its files are as `planned`, and removes the temporary files of interrupted merges and repairs.
    /// The caller holds the lock of merges.
    pub(in crate::engine) fn repair(
        &self,
        stream: StreamId,
        planned: &[FileSurvey],
        quarantine: &Path,
    ) -> Result<StreamRepair> {
        let sides = self.sides();
        let hold = Hold::of(&sides, stream)?;
        if hold.is_busy() {
            return Ok(StreamRepair::Held);
        }
        if planned.is_empty() {
            remove_names(&sides, stream, is_leftover)?;
            return Ok(StreamRepair::Done { bytes: 0, quarantined: Vec::new() });
        }
        let Survey { files, plan, .. } = survey(&sides, stream)?;
        if files != planned {
            return Ok(StreamRepair::Outdated);
        }
        let mut done = Replaced::default();
        for file in &files {
            let copy = quarantine_segment(sides.storage.as_ref(), self.log, stream, file.base, quarantine)?;
            done.quarantined.extend(copy);
        }
        let may_continue = files.iter().all(|file| file.action == FileAction::Remove);
        let is_lock = |name: &str| [names::LOCK_NAME, names::ABANDONED_LOCK_NAME].contains(&name);
        remove_names(&sides, stream, |name| is_leftover(name) || (is_lock(name) && !may_continue))?;
        let is_removed = |file: &&FileSurvey| file.action != FileAction::Rewrite;
        let removed: Vec<Seq> = files.iter().filter(is_removed).map(|file| file.base).collect();
        if !removed.is_empty() {
            remove_segments(&sides, stream, &removed)?;
        }
        if let Some(plan) = &plan {
            Encoder::new(&sides, plan, quarantine, SEGMENT_BYTES_MAX)?.run(&mut done)?;
        }
        Ok(StreamRepair::Done { bytes: done.bytes, quarantined: done.quarantined })
    }

    /// Returns the temporary files of interrupted merges and repairs in the directory of a stream.
    pub(in crate::engine) fn leftovers(&self, stream: StreamId) -> Result<Vec<String>> {
        let dir = names::stream_dir(self.log, stream);
        let listed = self.storage.list(&dir).map_err(|e| Error::io("list", &dir, e))?;
        let leftovers = listed.into_iter().filter(|entry| entry.is_file && is_leftover(&entry.name));
        Ok(leftovers.map(|entry| entry.name).collect())
    }
}
