//! Repair of an engine, and recovery of events from damaged bytes.

use crate::engine::entry::Event;
use crate::engine::error::Result;
use crate::engine::front::engine::Engine;
use crate::engine::progress::Progress;
use crate::engine::repair::{RepairPlan, RepairReport, RepairSite, Salvage, plan_repair, repair, salvage};
use std::path::Path;

impl<E: Event> Engine<E> {
    /// Plans the repair of log and tables. Changes nothing, so the plan can be shown before [`Engine::repair`] applies
    /// it. Streams that a writer holds, such as the stream of this engine, are not examined: close engines before.
    ///
    /// Cost: reads the log about twice and the tables once, in constant memory except for the steps, which contain
    /// every damaged range. A stream that cannot be read is not an error, but a part of the plan
    /// ([`RepairPlan::unrepaired`]). Errors: a directory cannot be listed;
    /// [`Error::ForeignDomain`](crate::engine::Error::ForeignDomain) if a stream belongs to another domain; buffered
    /// entries of this engine cannot be written.
    pub fn repair_plan(&self) -> Result<RepairPlan> {
        self.flush()?;
        plan_repair(&self.storage, &self.repair_site())
    }

    /// Applies a plan of [`Engine::repair_plan`], and rebuilds the tables if needed. No entry that can be read is lost,
    /// and a copy of every replaced file is in quarantine. Transactions wait until the repair has ended. `progress`
    /// receives first the number of steps, then the progress of the rebuild.
    ///
    /// Errors: [`Error::OpenedReadOnly`](crate::engine::Error::OpenedReadOnly) if the engine was opened for reading
    /// only; [`Error::RepairPlanOutdated`](crate::engine::Error::RepairPlanOutdated) if files have changed since the
    /// plan was made, with nothing of the named stream changed; [`Error::MergeBusy`](crate::engine::Error::MergeBusy)
    /// if a merge or another repair is running; the errors of a lock as for [`Engine::transact`]; a file could not be
    /// read or written; the errors of [`Engine::rebuild`]. After an error, streams that were repaired before stay
    /// repaired, and a new plan contains the rest.
    ///
    /// Durability: every change in the report is on disk. Cost: reads each stream in the plan about four times, and
    /// writes its damaged segments twice, to quarantine and to the log.
    pub fn repair(&self, plan: &RepairPlan, progress: Progress<'_>) -> Result<RepairReport> {
        self.check_writable()?;
        let held =
            self.lock.acquire(self.storage.as_ref(), &self.paths.transaction_lock, self.transaction_wait)?;
        self.log.flush()?;
        let report = repair(&self.storage, &self.repair_site(), plan, progress)?;
        drop(held);
        if report.needs_rebuild() {
            self.projector.rebuild(progress)?;
        }
        Ok(report)
    }

    /// Searches a file, or all files below a directory, for events of this engine's domain, whatever the damage. The
    /// path may be outside the engine, such as an image of a disk.
    ///
    /// Every frame that is found is returned, so an entry that is stored twice, such as in a segment and in its copy in
    /// quarantine, is returned twice. Errors of the iterator name a block that could not be read; the search continues
    /// after it.
    ///
    /// Cost: reads the input twice, with less than 128 MiB of memory for any input. At most 64 times as many bytes are
    /// examined in candidates that are no frames; a hostile input with more candidates is not searched completely.
    /// Directories are searched to a depth of 32, and symbolic links below `path` are not followed. Errors: `path` does
    /// not exist.
    pub fn salvage(&self, path: impl AsRef<Path>) -> Result<Salvage<E>> {
        salvage(&self.storage, path.as_ref(), self.domain)
    }

    fn repair_site(&self) -> RepairSite {
        RepairSite::new(self.domain, &self.paths.log, &self.paths.projections, &self.paths.quarantine)
    }
}
