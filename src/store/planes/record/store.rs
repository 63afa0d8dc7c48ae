//! [`RecordStore`] reads, appends and checks the records of a workspace.

use crate::contract::AnyRecord;
use crate::engine::repair::RepairPlan;
use crate::store::error::Result;
use crate::store::planes::record::append::{AppendResult, append_all};
use crate::store::planes::record::export::export_jsonl;
use crate::store::planes::record::filter::ScanFilter;
use crate::store::planes::record::integrity::{IntegrityReport, check_integrity};
use crate::store::planes::record::replay::{ReplayMode, ReplayResult, replay_into};
use crate::store::planes::record::scan::RecordScan;
use crate::store::planes::shared::Planes;
use std::path::Path;

/// Access to the records of a workspace: events, metrics, spans and degraded records. Clones share the
/// workspace.
#[derive(Debug, Clone)]
pub struct RecordStore {
    planes: Planes,
}

impl RecordStore {
    /// Creates the record store from the shared parts of a workspace.
    pub(crate) fn new(planes: Planes) -> RecordStore {
        RecordStore { planes }
    }

    /// Appends a record that already has a ref, such as a record from another workspace. See
    /// [`RecordStore::append_many`].
    pub fn append(&self, record: AnyRecord) -> Result<AppendResult> {
        self.append_many([record])
    }

    /// Appends records that already have refs. Each commit contains at most 4,096 of them. After an error,
    /// the records of earlier commits stay in the log. A record that is already in the workspace is not
    /// appended again, so a failed call can be repeated. A record is rejected if another record has the same
    /// ref, or if the record is too large for the log. The run and the other objects that a record names need
    /// not exist.
    ///
    /// Returns an error in these cases:
    /// - The records are read-only.
    /// - Another process has held the lock `planes.lock` for ten seconds.
    /// - The log cannot be written.
    pub fn append_many(&self, records: impl IntoIterator<Item = AnyRecord>) -> Result<AppendResult> {
        append_all(&self.planes, records)
    }

    /// Returns an iterator over the records that the filter accepts. Errors: the filter is invalid, or the
    /// log cannot be read.
    pub fn scan(&self, filter: &ScanFilter) -> Result<RecordScan> {
        RecordScan::begin(&self.planes, filter)
    }

    /// Checks the log, and returns the records that the filter accepts. All these records are in memory. If
    /// there may be too many records for the memory, use [`RecordStore::scan`] or
    /// [`RecordStore::export_jsonl`] instead.
    ///
    /// Errors: the log is damaged and the mode is [`ReplayMode::Strict`] (`record_replay_unhealthy_store`),
    /// the filter is invalid, or the log cannot be read.
    pub fn replay(&self, filter: &ScanFilter, mode: ReplayMode) -> Result<ReplayResult> {
        let mut records = Vec::new();
        let result = replay_into(&self.planes, filter, mode, |stored| {
            records.push(stored);
            Ok(())
        })?;
        Ok(ReplayResult { records, ..result })
    }

    /// Writes records to a file. The filter selects the records. Each line of the file is the canonical text of
    /// one record. The result contains no records. An existing file is replaced when the export is complete.
    /// After an error, the existing file is unchanged.
    pub fn export_jsonl(
        &self,
        path: impl AsRef<Path>,
        filter: &ScanFilter,
        mode: ReplayMode,
    ) -> Result<ReplayResult> {
        export_jsonl(&self.planes, path.as_ref(), filter, mode)
    }

    /// Checks the log. The check covers frames, checksums, chains, missing entries and payloads. Changes
    /// nothing.
    pub fn check_integrity(&self) -> Result<IntegrityReport> {
        check_integrity(&self.planes)
    }

    /// Returns a plan for a repair of the log and the tables. The text form of the plan describes each step.
    /// Changes nothing.
    pub fn plan_repairs(&self) -> Result<RepairPlan> {
        self.planes.plan_repair()
    }
}
