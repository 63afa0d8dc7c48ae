//! Another workspace's runs into this one: bodies first, so that a manifest in the log always has its body, then streams.

use crate::engine::blob::BlobStore;
use crate::engine::log::merge::{MergeLock, MergeOptions, merge_locked};
use crate::engine::progress::Progress;
use crate::engine::storage::Storage;
use crate::recovery::error::Result;
use crate::store::{Note, Severity};
use std::sync::Arc;

pub use crate::engine::log::merge::{Change, Fork, MergeReport as LogMerge, Side, StreamMerge};

/// What a merge did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeReport {
    /// What became of every stream.
    pub log: LogMerge,
    /// Number of bodies copied.
    pub bodies: u64,
    /// What could not be taken over, and what is good to know.
    pub notes: Vec<Note>,
}

/// Copies bodies that are missing from one store to the other, then merges the logs. The other workspace is only read; the
/// same again changes nothing. `progress` hears of bytes of the other log done and in all.
///
/// A body that does not have its digest is left out and said: `verify` then names it as missing. Errors: this workspace
/// could not be written, the bodies of the other could not be read, or another merge into this one is running; what was copied until
/// then stays.
pub fn merge(
    storage: &Arc<dyn Storage>,
    logs: &MergeOptions,
    bodies: (&BlobStore, &BlobStore),
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<MergeReport> {
    // Nothing is written to a workspace of another domain, not even the lock.
    logs.check_domains(storage.as_ref())?;
    let lock = MergeLock::acquire(storage.as_ref(), &logs.quarantine)?;
    let (from, into) = bodies;
    let mut report = MergeReport { log: LogMerge::default(), bodies: 0, notes: Vec::new() };
    for digest in from.list()? {
        let had = into.size_of(&digest)?;
        if !into.copy_from(from, &digest)? {
            let message = format!("the body {digest} is damaged in the other workspace and was not copied");
            report.notes.push(Note::new(Severity::Error, "artifact_body_damaged", message));
        } else if had != into.size_of(&digest)? {
            report.bodies += 1;
        }
    }
    report.log = merge_locked(&lock, storage, logs, Progress::new(progress))?;
    for stream in &report.log.streams {
        if let Change::Skipped(reason) = stream.change {
            let message = format!("stream {} was not merged: {}", stream.stream, reason.name());
            report.notes.push(Note::new(Severity::Warning, "merge_stream_skipped", message));
        }
    }
    for fork in &report.log.forks {
        let message = format!(
            "stream {} had two histories from entry {} on; one of them is stream {} now",
            fork.stream, fork.first, fork.derived
        );
        report.notes.push(Note::new(Severity::Warning, "merge_stream_forked", message));
    }
    Ok(report)
}
