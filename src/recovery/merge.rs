//! A merge of another workspace into this workspace. Bodies are copied before streams, so that every manifest in the
//! log has its body.

use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::entry::StreamId;
use crate::engine::error::Error;
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

impl MergeReport {
    /// Returns the streams of this workspace whose entries may have moved to other streams.
    pub(crate) fn moved_streams(&self) -> Vec<StreamId> {
        let is_moved = |stream: &&StreamMerge| matches!(stream.change, Change::Moved);
        let moved = self.log.streams.iter().filter(is_moved).map(|stream| stream.stream);
        moved.chain(self.log.forks.iter().map(|fork| fork.stream)).collect()
    }
}

/// Copies missing bodies from the other workspace, then merges the other log. The other workspace is only read. A
/// second merge of the same workspace changes nothing.
///
/// A body that does not match its digest, is missing, or cannot be read, is not copied; a note names the body, or the
/// directory that cannot be listed, and `verify` reports the body as missing. Errors: this workspace cannot be written, the directory
/// with all bodies of the other workspace cannot be listed, or another merge into this workspace is running. Everything that was copied before the error remains.
pub fn merge(
    storage: &Arc<dyn Storage>,
    logs: &MergeOptions,
    bodies: (&BlobStore, &BlobStore),
    progress: Progress<'_>,
) -> Result<MergeReport> {
    let lock = MergeLock::acquire(storage.as_ref(), logs)?;
    let (digests, errors) = bodies.0.list()?;
    let mut report = merge_listed(&lock, storage, logs, (bodies.0, &digests, bodies.1), progress)?;
    report.notes.splice(0..0, errors.iter().map(unreadable));
    Ok(report)
}

/// Merges as [`merge`] does, but copies only the bodies with these digests. The caller has acquired the lock.
pub(super) fn merge_listed(
    lock: &MergeLock,
    storage: &Arc<dyn Storage>,
    logs: &MergeOptions,
    (from, digests, into): (&BlobStore, &[Digest], &BlobStore),
    progress: Progress<'_>,
) -> Result<MergeReport> {
    let mut report = MergeReport { log: LogMerge::default(), bodies: 0, notes: Vec::new() };
    for digest in digests {
        let size_before = into.size_of(digest)?;
        match into.copy_from(from, digest) {
            Ok(true) => report.bodies += u64::from(size_before != into.size_of(digest)?),
            Ok(false) => {
                let message =
                    format!("the body {digest} is damaged in the other workspace and was not copied");
                report.notes.push(Note::new(Severity::Error, "artifact_body_damaged", message));
            }
            // The other bodies and the log are merged.
            Err(Error::BodyMissing { .. }) => {
                let message =
                    format!("the body {digest} is missing in the other workspace and was not copied");
                report.notes.push(Note::new(Severity::Error, "artifact_body_missing", message));
            }
            Err(e) if from.concerns(&e) => report.notes.push(unreadable(&e)),
            Err(e) => return Err(e.into()),
        }
    }
    report.log = merge_locked(lock, storage, logs, progress)?;
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

/// Returns the note on a body or a directory with bodies of the other workspace that cannot be read.
fn unreadable(error: &Error) -> Note {
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    let message = format!("bodies of the other workspace were not copied: {error}{source}");
    Note::new(Severity::Error, "artifact_body_unreadable", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::PayloadVersion;
    use crate::engine::log::pending::{PendingEntries, PendingEntry};
    use crate::engine::log::{Durability, Log, LogOptions};
    use crate::engine::storage::sim::{Fault, Moment, SimDisk};
    use crate::projections::DOMAIN;
    use crate::projections::kind::METRIC;
    use std::io::ErrorKind;

    fn store(storage: &Arc<dyn Storage>, root: &str) -> BlobStore {
        BlobStore::new(
            Arc::clone(storage),
            format!("{root}/objects").into(),
            format!("{root}/staging").into(),
        )
    }

    /// The other workspace, or a backup, has lost a body. The other bodies and the log are merged.
    #[test]
    fn missing_body_is_noted_and_the_rest_is_merged() {
        let disk = SimDisk::new(1);
        let storage = disk.process(1);
        let (from, into) = (store(&storage, "/from"), store(&storage, "/into"));
        let kept = from.ingest(&mut &b"kept"[..]).unwrap().digest;
        let digests = [Digest::of(b"lost"), kept];
        let paths = ["/from/log", "/into/log", "/aside"].map(std::path::Path::new);
        let options = MergeOptions::new(DOMAIN, paths[0], paths[1], paths[2]);
        let lock = MergeLock::acquire(storage.as_ref(), &options).unwrap();
        let report =
            merge_listed(&lock, &storage, &options, (&from, &digests, &into), Progress::none()).unwrap();
        let notes: Vec<_> = report.notes.iter().map(|note| (note.code, note.severity)).collect();
        assert_eq!((report.bodies, notes), (1, vec![("artifact_body_missing", Severity::Error)]));
        assert_eq!(into.size_of(&kept).unwrap(), Some(4));
    }

    /// Every operation of a merge fails once. If the error concerns one body or one directory with bodies of the other
    /// workspace, the other bodies and the log are merged.
    #[test]
    fn unreadable_body_does_not_prevent_the_merge_of_the_rest() {
        let (mut noted, mut copied) = (0, 0);
        for at in 0..80 {
            let disk = SimDisk::new(1);
            let writer = disk.process(1);
            for mut body in [&b"one"[..], b"two", b"three"] {
                store(&writer, "/from").ingest(&mut body).unwrap();
            }
            let mut entries = PendingEntries::new();
            entries.push(PendingEntry {
                kind: METRIC,
                version: PayloadVersion(1),
                time: 0,
                payload: b"a fact",
            });
            let log = Log::new(Arc::clone(&writer), "/from/log".into(), LogOptions::new(DOMAIN));
            log.append_encoded(&entries, Durability::Flush).unwrap();
            let process = disk.spawn(2);
            process.plan(Moment::Operation(at), Fault::Error(ErrorKind::PermissionDenied));
            let storage: Arc<dyn Storage> = process;
            let (from, into) = (store(&storage, "/from"), store(&storage, "/into"));
            let paths = ["/from/log", "/into/log", "/aside"].map(std::path::Path::new);
            let options = MergeOptions::new(DOMAIN, paths[0], paths[1], paths[2]);
            let Ok(report) = merge(&storage, &options, (&from, &into), Progress::none()) else { continue };
            if let [note] = report.notes.as_slice()
                && note.code == "artifact_body_unreadable"
            {
                assert_eq!((report.bodies, report.log.streams.len()), (2, 1), "{at}: {note:?}");
                noted += 1;
            } else if report.notes.is_empty() {
                assert_eq!(report.bodies, 3, "{at}");
                copied += 1;
            }
        }
        assert!(noted >= 6 && copied > 0, "{noted} {copied}");
    }
}
