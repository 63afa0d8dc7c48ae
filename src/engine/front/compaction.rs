//! Compaction of the log of an engine.

use crate::engine::entry::Event;
use crate::engine::error::Result;
use crate::engine::front::engine::Engine;
use crate::engine::log::compact::{
    CompactedLog, CompactionOptions, CompactionPlan, CompactionReport, compact, plan_compaction,
};
use crate::engine::log::directory::list_streams;
use crate::engine::log::merge::{MergeLock, MergeOptions};
use crate::engine::progress::Progress;

impl<E: Event> Engine<E> {
    /// Plans a compaction: lists the closed segments that were not compacted yet. Changes nothing.
    ///
    /// Cost: reads the metadata and the headers of all segments. Errors: a directory cannot be listed;
    /// [`Error::ForeignDomain`](crate::engine::Error::ForeignDomain) if a stream belongs to another domain.
    pub fn compaction_plan(&self, options: &CompactionOptions) -> Result<CompactionPlan> {
        plan_compaction(&self.compacted_log(), options)
    }

    /// Applies a plan of [`Engine::compaction_plan`]. Each planned segment is written anew, and its entries
    /// are stored as compressed columns. Entries, sequence numbers, stamps, heads and the content of the
    /// tables stay the same. Other processes may append and read at the same time. `progress` receives the
    /// number of bytes of the planned segments.
    ///
    /// A segment is left unchanged if it is damaged, if it has changed since the plan was made, or if a
    /// writer may still change it. The report names these segments. Every new segment is decoded and compared
    /// with the old segment before the old segment is replaced.
    ///
    /// Durability: every segment in the report is on disk. Cost: reads each planned segment, and writes its
    /// new form. Needs disk space for at most four segments. Errors:
    /// [`Error::OpenedReadOnly`](crate::engine::Error::OpenedReadOnly) if the engine was opened for reading
    /// only; [`Error::MergeBusy`](crate::engine::Error::MergeBusy) if a merge, a repair or another compaction
    /// is running; the errors of [`Engine::view`].
    pub fn compact(&self, plan: &CompactionPlan, progress: Progress<'_>) -> Result<CompactionReport> {
        self.check_writable()?;
        // A cursor of the tables must be at the end of a frame. All entries are applied first. Every cursor
        // is then at the end of its stream, and a new frame ends there too.
        self.view()?;
        let (storage, log) = (self.storage.as_ref(), &self.paths.log);
        let options = MergeOptions::new(self.domain, log, log, &self.paths.quarantine);
        let lock = MergeLock::acquire(storage, &options)?;
        let compacted = self.compacted_log();
        compacted.remove_leftovers(&list_streams(storage, log)?)?;
        let report = compact(&compacted, &lock, plan, progress)?;
        drop(lock);
        self.projector.save()?;
        Ok(report)
    }

    fn compacted_log(&self) -> CompactedLog<'_> {
        CompactedLog { storage: &self.storage, log: &self.paths.log, domain: self.domain }
    }
}
