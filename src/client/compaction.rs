//! Compaction of a workspace.

use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::recovery::Progress;
use crate::recovery::compaction::{self, CompactionOptions, CompactionPlan, CompactionResult};

impl Contexta {
    /// Plans a compaction: lists the closed segments of the log that were not compacted yet. Changes nothing.
    ///
    /// Cost: reads the metadata and the headers of all segments.
    pub fn compaction_plan(&self, options: &CompactionOptions) -> Result<CompactionPlan> {
        Ok(compaction::plan(&self.storage, &self.paths.log(), options)?)
    }

    /// Applies a plan of [`Contexta::compaction_plan`]. Each planned segment is written anew, and its entries
    /// are stored as compressed columns. The results of queries, the heads and the digests stay the same.
    /// Other processes may capture and read at the same time.
    ///
    /// A segment is left unchanged if it is damaged, if it has changed since the plan was made, or if a
    /// process may still write to it. The result names these segments. Each new segment is read again and
    /// compared with the old segment before the old segment is replaced. An interrupted compaction can be
    /// repeated.
    ///
    /// Durability: every segment in the result is on disk. Cost: reads each planned segment, and writes its
    /// new form. Needs disk space for at most four segments. `progress` receives the number of bytes of the
    /// planned segments. Errors: the workspace cannot be written, or a merge, a repair or another compaction
    /// is running (`merge_busy`).
    pub fn compact(&self, plan: &CompactionPlan, progress: Progress<'_>) -> Result<CompactionResult> {
        self.check_writes()?;
        let paths = (&*self.paths.log(), &*self.paths.quarantine());
        Ok(compaction::compact(&self.storage, paths, &self.store, plan, progress)?)
    }
}
