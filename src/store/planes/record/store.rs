//! [`RecordStore`]: the record plane of a workspace.

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

/// The record plane of a workspace: events, metrics, spans and degraded records. Clones share the workspace.
#[derive(Debug, Clone)]
pub struct RecordStore {
    planes: Planes,
}

impl RecordStore {
    /// Creates the record plane of the workspace with these parts.
    pub(crate) fn new(planes: Planes) -> RecordStore {
        RecordStore { planes }
    }

    /// Appends a record that has a ref of its own, such as a record from another workspace. See
    /// [`RecordStore::append_many`].
    pub fn append(&self, record: AnyRecord) -> Result<AppendResult> {
        self.append_many([record])
    }

    /// Appends records that have refs of their own. The records are appended in commits of at most 4,096 records; after
    /// an error, the commits before it stay. A record that is in the workspace already is not appended again, so a
    /// failed call can be repeated. A record with the ref of another record, and a record that is too large for the
    /// log, are rejected. Neither the run nor another object that a record names has to exist.
    ///
    /// Errors: the records are read-only, another process holds the lock of the planes for ten seconds, or the log
    /// cannot be written.
    pub fn append_many(&self, records: impl IntoIterator<Item = AnyRecord>) -> Result<AppendResult> {
        append_all(&self.planes, records)
    }

    /// Returns the records that the filter accepts, as a lazy iterator. Errors: the filter is invalid, or the log cannot
    /// be read.
    pub fn scan(&self, filter: &ScanFilter) -> Result<RecordScan> {
        RecordScan::begin(&self.planes, filter)
    }

    /// Checks the log, and returns the records that the filter accepts. The result contains all these records; use
    /// [`RecordStore::scan`] or [`RecordStore::export_jsonl`] for more records than fit into memory.
    ///
    /// Errors: with [`ReplayMode::Strict`], the first damage of the log (`record_replay_unhealthy_store`); the filter is
    /// invalid; the log cannot be read.
    pub fn replay(&self, filter: &ScanFilter, mode: ReplayMode) -> Result<ReplayResult> {
        let mut records = Vec::new();
        let result = replay_into(&self.planes, filter, mode, |stored| {
            records.push(stored);
            Ok(())
        })?;
        Ok(ReplayResult { records, ..result })
    }

    /// Writes the records that the filter accepts to a file, one canonical record for each line. The result contains no
    /// records. An existing file is replaced when the export is complete; after an error it is unchanged.
    pub fn export_jsonl(
        &self,
        path: impl AsRef<Path>,
        filter: &ScanFilter,
        mode: ReplayMode,
    ) -> Result<ReplayResult> {
        export_jsonl(&self.planes, path.as_ref(), filter, mode)
    }

    /// Checks the log: frames, checksums, chains, missing entries and payloads. Changes nothing.
    pub fn check_integrity(&self) -> Result<IntegrityReport> {
        check_integrity(&self.planes)
    }

    /// Returns the plan of a repair of the log and the tables, as data. Its text form describes each step. Changes
    /// nothing.
    pub fn plan_repairs(&self) -> Result<RepairPlan> {
        self.planes.plan_repair()
    }
}
