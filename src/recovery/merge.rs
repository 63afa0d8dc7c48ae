//! A merge of another workspace into this workspace. Bodies are copied before streams, so that every manifest in the
//! log has its body.

use crate::engine::blob::BlobStore;
use crate::engine::log::merge::{MergeLock, MergeOptions, merge_locked};
use crate::engine::progress::Progress;
use crate::engine::storage::Storage;
use crate::recovery::error::Result;
use crate::store::{Note, Severity};
use std::sync::Arc;

pub use crate::engine::log::merge::{Change, Fork, LogMerge, Side, StreamMerge};

/// The result of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergeReport {
    /// The result of merging the logs.
    pub log: LogMerge,
    /// The number of bodies that were copied.
    pub bodies: u64,
    /// Notes on skipped streams, forks and damaged bodies.
    pub notes: Vec<Note>,
}

/// Copies missing bodies from the other workspace, then merges the other log. The other workspace is only read. A
/// second merge of the same workspace changes nothing.
///
/// A body that does not match its digest is not copied; a note names the body, and `verify` reports the body as
/// missing. Errors: this workspace cannot be written, the bodies of the other workspace cannot be read, or another
/// merge into this workspace is running. Everything that was copied before the error remains.
pub fn merge(
    storage: &Arc<dyn Storage>,
    logs: &MergeOptions,
    bodies: (&BlobStore, &BlobStore),
    progress: Progress<'_>,
) -> Result<MergeReport> {
    let lock = MergeLock::acquire(storage.as_ref(), logs)?;
    let (from, into) = bodies;
    let mut report = MergeReport { log: LogMerge::default(), bodies: 0, notes: Vec::new() };
    for digest in from.list()? {
        let size_before = into.size_of(&digest)?;
        if !into.copy_from(from, &digest)? {
            let message = format!("the body {digest} is damaged in the other workspace and was not copied");
            report.notes.push(Note::new(Severity::Error, "artifact_body_damaged", message));
        } else if size_before != into.size_of(&digest)? {
            report.bodies += 1;
        }
    }
    report.log = merge_locked(&lock, storage, logs, progress)?;
    for stream in &report.log.streams {
        if let Change::Skipped(reason) = stream.change {
            let message = format!("stream {} was not merged: {}", stream.stream, reason.name());
            report.notes.push(Note::new(Severity::Warning, "merge_stream_skipped", message));
        }
    }
    for fork in &report.log.forks {
        let message = format!(
            "stream {} has two histories from entry {} on; one of them is now stream {}",
            fork.stream, fork.first, fork.derived
        );
        report.notes.push(Note::new(Severity::Warning, "merge_stream_forked", message));
    }
    Ok(report)
}
