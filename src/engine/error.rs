//! Errors of the engine. [`Error::kind`] returns the kind of an error, by which a program chooses its reaction;
//! [`Error::code`] returns the stable name.
//!
//! An error ends an operation. A reader that finds damage in a log does not fail: it reports the missing entries as a
//! value, such as a [`Gap`](crate::engine::entry::Gap), and continues. A damaged frame therefore never hides the other
//! frames.

use crate::engine::codec::CodecError;
use crate::engine::domain::Domain;
use crate::engine::entry::{Kind, Position, StreamId};
use crate::engine::storage::NotARegularFile;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system returned an error.
    #[error("cannot {action} {path}")]
    Io {
        /// The operation, as a verb in the error message. The verbs `list` and `look at`, and all verbs that begin with
        /// `read`, name operations that change nothing. All other verbs name operations that write. The hint depends on
        /// this difference.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// An event cannot be encoded, or the payload of an entry cannot be decoded.
    #[error("{kind} event{}", at_entry(position.as_ref()))]
    Codec {
        /// `unwritable` if encoding failed, `unreadable` if decoding failed.
        kind: &'static str,
        /// The identity of the entry, if it is in the log.
        position: Option<Position>,
        /// The error of the codec.
        source: CodecError,
    },
    /// A commit without events.
    #[error("the commit contains no events")]
    CommitEmpty,
    /// An event is larger than an entry may be.
    #[error("an event of kind {} takes {bytes} bytes; an entry holds at most {limit} bytes", kind.0)]
    EntryTooLarge {
        /// The kind of the event.
        kind: Kind,
        /// The length of the event's payload in bytes.
        bytes: usize,
        /// The maximum length of a payload in bytes.
        limit: usize,
    },
    /// A commit has more entries or bytes than a frame can contain, though each entry is within its own limit.
    #[error(
        "a commit of {entries} entries and {bytes} bytes (with overhead) exceeds the limits of {entries_max} entries \
         and {bytes_max} bytes"
    )]
    CommitTooLarge {
        /// The number of entries.
        entries: usize,
        /// The maximum number of entries in one commit.
        entries_max: usize,
        /// The sum of the payload lengths in bytes, plus the maximum overhead of each entry and of the frame.
        bytes: usize,
        /// The maximum of `bytes` for one commit.
        bytes_max: usize,
    },
    /// A file with projections is damaged, or the database in the file is damaged. A rebuild replaces the file.
    #[error("the projections in {path} cannot be used: {reason}")]
    ProjectionUnusable {
        /// The file, or the directory of generations.
        path: PathBuf,
        /// The damage that was found, as message text.
        reason: String,
    },
    /// A projection failed to apply an entry. The cause is an error in the projection, not in the data.
    #[error("projection {projection} failed at entry {position}: {reason}")]
    ProjectionFailed {
        /// The name of the projection.
        projection: &'static str,
        /// The identity of the entry.
        position: Position,
        /// The reason that the projection gives.
        reason: String,
    },
    /// Another merge into the same log, or a repair of it, is running.
    #[error("a merge into this log, or a repair of it, is running: it holds the lock {path}")]
    MergeBusy {
        /// The lock file that the other operation holds.
        path: PathBuf,
    },
    /// The bodies are locked: a removal of unused bodies waits for programs that store bodies, or the reverse.
    #[error("another program {holder}: it holds the lock {path}")]
    BodiesBusy {
        /// The lock file that the other program holds.
        path: PathBuf,
        /// The activity of the other program, as message text.
        holder: &'static str,
    },
    /// Files have changed since a repair was planned. The stream or file was left as it is; earlier steps of the plan
    /// may have been applied.
    #[error("the repair plan is outdated: {} has changed since", path.display())]
    RepairPlanOutdated {
        /// The directory of the stream, or the file.
        path: PathBuf,
    },
    /// A projection breaks a rule of the tables. The cause is an error in the embedder's code, not in the data.
    #[error("projection {projection} is invalid: {reason}")]
    ProjectionMisused {
        /// The name of the projection.
        projection: &'static str,
        /// The rule that the projection breaks, as message text.
        reason: String,
    },
    /// No projection declares the requested table, or the table is declared with another type. The cause is an error in
    /// the embedder's code, not in the data.
    #[error("table {table} cannot be read: {reason}")]
    TableUnknown {
        /// The name of the requested table.
        table: String,
        /// The difference between the request and the declared tables, as message text.
        reason: String,
    },
    /// The embedder breaks a rule of the engine's interface.
    #[error("the engine is misused: {reason}")]
    Misused {
        /// The rule, as message text.
        reason: String,
    },
    /// The engine was opened for reading only.
    #[error("the engine in {} was opened for reading only", path.display())]
    OpenedReadOnly {
        /// The directory of the engine.
        path: PathBuf,
    },
    /// Entries on which a transaction may depend are missing in the current view, so nothing was appended.
    #[error("nothing was appended, because the view of the transaction is incomplete: {reason}")]
    ViewIncomplete {
        /// The reason why entries are missing in the view, as message text.
        reason: String,
    },
    /// Another transaction held the lock of the engine at every attempt of this transaction.
    #[error(
        "another transaction holds the lock {}; this transaction has waited {} ms",
        path.display(),
        waited.as_millis()
    )]
    TransactionBusy {
        /// The lock file.
        path: PathBuf,
        /// The time that the transaction waited.
        waited: Duration,
    },
    /// The file system has no locks, so transactions cannot exclude each other.
    #[error("the file system of {} has no locks: transactions cannot exclude each other", path.display())]
    LocksUnsupported {
        /// The lock file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A table was read as of a stamp, but its type does not keep stamps. The cause is an error in the embedder's code,
    /// not in the data.
    #[error("table {table} cannot be read as of a stamp: {reason}")]
    TableNotVersioned {
        /// The name of the table.
        table: String,
        /// The property of the table that prevents the read, as message text.
        reason: &'static str,
    },
    /// The directory for one part of a workspace, such as the log, contains the files of another part.
    #[error("{path} is the wrong directory: {reason}")]
    DirectoryMixedUp {
        /// The directory.
        path: PathBuf,
        /// The files that were found, and the files that were expected.
        reason: String,
    },
    /// The log contains a stream of another domain, or of a newer version of the expected domain. Nothing was written.
    #[error("stream {stream} {}", foreign_domain(expected, found))]
    ForeignDomain {
        /// The domain that the log was opened with.
        expected: Domain,
        /// The domain in the header of a segment.
        found: Domain,
        /// The stream of the segment.
        stream: StreamId,
    },
    /// A cursor file is damaged, or is not a cursor file.
    #[error("the cursor file {path} cannot be used: {reason}")]
    CursorUnusable {
        /// The file.
        path: PathBuf,
        /// The damage that was found, as message text.
        reason: String,
    },
    /// A cursor file is in a directory that is reserved for the engine, such as the directory of the log.
    #[error("the cursor file {} is in a directory of the engine: {}", path.display(), dir.display())]
    CursorMisplaced {
        /// The cursor file.
        path: PathBuf,
        /// The directory of the engine.
        dir: PathBuf,
    },
    /// A body does not exist in the store.
    #[error("the body with digest {digest} does not exist")]
    BodyMissing {
        /// The BLAKE3 digest of the body.
        digest: String,
    },
    /// A file was changed while it was stored as a body, or since then.
    #[error("the file {path} was changed while it was read")]
    SourceChanged {
        /// The file.
        path: PathBuf,
    },
}

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file system returned an error, such as a full disk or a missing permission. The operation may succeed later.
    Storage,
    /// The log, the tables or another file is damaged or incomplete, or lacks what was asked for.
    Damaged,
    /// Another process works on the same data. The operation may succeed when it is tried again.
    Conflict,
    /// The program made an invalid call, or opened the wrong directory. Trying again does not help.
    Misuse,
    /// An event or a commit exceeds a limit. Nothing was written.
    TooLarge,
    /// The file system lacks a feature that the operation needs.
    Unsupported,
    /// A projection of the embedder returned an error.
    Projection,
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Error {
        Error::Io { action, path: path.to_path_buf(), source }
    }

    /// Returns the error for a file that could not be locked: [`Error::LocksUnsupported`] only if `source` states that the file
    /// system has no locks.
    pub(crate) fn not_locked(path: &Path, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::Unsupported => Error::LocksUnsupported { path: path.to_path_buf(), source },
            _ => Error::io("lock", path, source),
        }
    }

    /// Returns the error for a projection file that cannot be used, or whose database cannot be used.
    pub(crate) fn unusable(path: &Path, reason: impl std::fmt::Display) -> Error {
        Error::ProjectionUnusable { path: path.to_path_buf(), reason: reason.to_string() }
    }

    /// Returns the kind of the error: the reaction that a program can choose, without knowing every error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Io { .. } => ErrorKind::Storage,
            Error::Codec { source: CodecError::TooLarge { .. }, .. }
            | Error::EntryTooLarge { .. }
            | Error::CommitTooLarge { .. } => ErrorKind::TooLarge,
            Error::Codec { source: CodecError::Encode(_), .. }
            | Error::CommitEmpty
            | Error::ProjectionMisused { .. }
            | Error::TableUnknown { .. }
            | Error::TableNotVersioned { .. }
            | Error::Misused { .. }
            | Error::OpenedReadOnly { .. }
            | Error::CursorMisplaced { .. }
            | Error::DirectoryMixedUp { .. }
            | Error::ForeignDomain { .. } => ErrorKind::Misuse,
            Error::Codec { .. }
            | Error::BodyMissing { .. }
            | Error::ProjectionUnusable { .. }
            | Error::CursorUnusable { .. }
            | Error::ViewIncomplete { .. } => ErrorKind::Damaged,
            Error::MergeBusy { .. }
            | Error::BodiesBusy { .. }
            | Error::TransactionBusy { .. }
            | Error::RepairPlanOutdated { .. }
            | Error::SourceChanged { .. } => ErrorKind::Conflict,
            Error::LocksUnsupported { .. } => ErrorKind::Unsupported,
            Error::ProjectionFailed { .. } => ErrorKind::Projection,
        }
    }

    /// Returns the stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Io { source, .. } if NotARegularFile::is_cause_of(source) => "storage_not_a_file",
            Error::Io { action, source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied if is_read(action) => "storage_permission_denied",
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "storage_read_only",
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "storage_full",
                io::ErrorKind::NotFound => "storage_not_found",
                _ => "storage_io",
            },
            Error::Codec { kind: "unreadable", .. } => "entry_unreadable",
            Error::Codec { .. } => "entry_unwritable",
            Error::CommitEmpty => "commit_empty",
            Error::EntryTooLarge { .. } => "entry_too_large",
            Error::CommitTooLarge { .. } => "commit_too_large",
            Error::ProjectionUnusable { .. } => "projection_unusable",
            Error::ProjectionFailed { .. } => "projection_failed",
            Error::MergeBusy { .. } => "merge_busy",
            Error::BodiesBusy { .. } => "bodies_in_use",
            Error::RepairPlanOutdated { .. } => "repair_plan_outdated",
            Error::ProjectionMisused { .. } => "projection_misused",
            Error::TableUnknown { .. } => "table_unknown",
            Error::Misused { .. } => "engine_misused",
            Error::OpenedReadOnly { .. } => "engine_read_only",
            Error::ViewIncomplete { .. } => "view_incomplete",
            Error::TransactionBusy { .. } => "transaction_busy",
            Error::LocksUnsupported { .. } => "locks_unsupported",
            Error::TableNotVersioned { .. } => "table_not_versioned",
            Error::DirectoryMixedUp { .. } => "directory_mixed_up",
            Error::ForeignDomain { .. } => "foreign_domain",
            Error::CursorUnusable { .. } => "cursor_unusable",
            Error::CursorMisplaced { .. } => "cursor_misplaced",
            Error::BodyMissing { .. } => "artifact_body_missing",
            Error::SourceChanged { .. } => "artifact_source_changed",
        }
    }

    /// Returns advice on how to resolve the error.
    pub fn hint(&self) -> Option<&'static str> {
        match self.code() {
            "foreign_domain" => Some(
                "use the program and version that wrote this log, or choose another directory; nothing was written",
            ),
            "storage_read_only" => {
                Some("reading needs no write access; to append, make the directory writable")
            }
            "storage_permission_denied" => Some(
                "grant read permission for this path, and search permission (`x`) for all directories above it",
            ),
            "storage_not_a_file" => {
                Some("move the file or directory at this path away, or give the path of a regular file")
            }
            "table_not_versioned" => {
                Some("read the table without a stamp, or keep its rows in a versions or series table")
            }
            "directory_mixed_up" => Some("check that the paths of log and projections are not swapped"),
            "storage_full" => Some("free disk space; entries that are already in the log are not lost"),
            "storage_not_found" => Some("check the path"),
            "entry_unreadable" => Some("verify the log to list all damaged entries"),
            "projection_unusable" => Some("rebuild the projections from the log"),
            "storage_io" => {
                Some("check the path and its parent directories; if they are right, check the disk")
            }
            "entry_too_large" => Some("store large content as a body, and refer to the body in the event"),
            "commit_empty" => Some("append at least one event"),
            "commit_too_large" => Some("append the events in several commits"),
            "engine_read_only" => Some("open the engine without `read_only` to append"),
            "view_incomplete" => Some(
                "restore missing entries by a merge with an intact copy, make all streams readable, or use the newest version of the program",
            ),
            "transaction_busy" => Some("keep transactions short, or wait longer (`transaction_wait`)"),
            "locks_unsupported" => Some("move the directory to a file system with locks"),
            "merge_busy" => Some("wait until the other merge or repair has ended, then try again"),
            "bodies_in_use" => Some("wait until the other program has ended, then try again"),
            "repair_plan_outdated" => Some("plan the repair again, and apply the new plan"),
            "cursor_unusable" => {
                Some("restore the file from a copy, or remove it to handle all entries from the beginning")
            }
            "artifact_source_changed" => Some("store the file when no program writes to it any more"),
            "cursor_misplaced" => {
                Some("choose a path outside the engine, or beside its directories `log` and `projections`")
            }
            "artifact_body_missing" => Some("verify the store of bodies to list all missing bodies"),
            _ => None,
        }
    }
}

/// Returns the position of an entry as a part of an error message; an empty text without a position.
fn at_entry(position: Option<&Position>) -> String {
    position.map(|position| format!(" at entry {position}")).unwrap_or_default()
}

/// Returns true if the action of an [`Error::Io`] only reads.
fn is_read(action: &str) -> bool {
    matches!(action, "list" | "look at") || action.starts_with("read")
}

fn foreign_domain(expected: &Domain, found: &Domain) -> String {
    if expected.name() == found.name() {
        let (name, newer, newest) = (found.name(), found.version(), expected.version());
        format!("was written by version {newer} of domain {name}; this program reads versions up to {newest}")
    } else {
        format!("belongs to domain {found}, not to {expected}")
    }
}

/// The result of an engine operation.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denied_reads_and_denied_writes_have_different_codes() {
        let code = |action, kind: io::ErrorKind| Error::io(action, Path::new("/x"), kind.into()).code();
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        for action in ["read", "read segment", "read the metadata of", "list", "look at"] {
            assert_eq!(code(action, PermissionDenied), "storage_permission_denied", "{action}");
        }
        for action in ["create", "write", "open", "publish", "append to", "remove", "sync", "lock"] {
            assert_eq!(code(action, PermissionDenied), "storage_read_only", "{action}");
        }
        assert_eq!(code("read", ReadOnlyFilesystem), "storage_read_only");
        let error = Error::io("read", Path::new("/x"), PermissionDenied.into());
        assert!(error.hint().is_some_and(|hint| hint.contains("read permission")));
    }

    #[test]
    fn kinds_tell_how_to_react() {
        let path = std::path::PathBuf::from("/x");
        let full = Error::io("write", Path::new("/x"), io::ErrorKind::StorageFull.into());
        let busy = Error::TransactionBusy { path: path.clone(), waited: std::time::Duration::ZERO };
        let large =
            Error::Codec { kind: "unwritable", position: None, source: CodecError::TooLarge { len: 9 } };
        let bad = CodecError::Decode("end".into());
        let broken = Error::Codec { kind: "unreadable", position: None, source: bad };
        let damaged = Error::unusable(Path::new("/x"), "a page");
        let closed = Error::OpenedReadOnly { path };
        let kinds =
            [full, busy, large, broken, damaged, closed, Error::CommitEmpty].map(|error| error.kind());
        use ErrorKind::{Conflict, Damaged, Misuse, Storage, TooLarge};
        assert_eq!(kinds, [Storage, Conflict, TooLarge, Damaged, Damaged, Misuse, Misuse]);
    }

    #[test]
    fn errors_for_special_files_have_their_own_code_and_a_hint() {
        for source in [NotARegularFile::error("a named pipe"), io::ErrorKind::IsADirectory.into()] {
            let error = Error::io("read", Path::new("/x"), source);
            assert_eq!(error.code(), "storage_not_a_file");
            assert!(error.hint().is_some());
        }
        let other = Error::io("read", Path::new("/x"), io::ErrorKind::InvalidInput.into());
        assert_eq!(other.code(), "storage_io");
    }
}
