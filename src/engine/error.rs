//! What can go wrong in the engine. Three classes stay apart: the caller's mistake, damaged data, the environment.
//!
//! Damage found while *reading* a log is no error but a value ([`crate::engine::entry::Gap`], and the
//! findings of a scan): one bad frame never hides the rest. Errors are what stops an operation.

use crate::engine::codec::CodecError;
use crate::engine::domain::Domain;
use crate::engine::entry::{Kind, Position, StreamId};
use crate::engine::storage::NotARegularFile;
use std::io;
use std::path::{Path, PathBuf};

/// An operation of the engine failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried, as a verb. `list`, `look at` and what begins with `read` change nothing; all others write.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The event does not fit an entry, or a payload in the log is not what its kind says.
    #[error("{kind} event")]
    Codec {
        /// `unwritable`, or `unreadable`.
        kind: &'static str,
        /// Where, for an unreadable one.
        position: Option<Position>,
        /// The codec's reason.
        source: CodecError,
    },
    /// A commit without events.
    #[error("the commit holds no events")]
    CommitEmpty,
    /// One event is larger than an entry may be.
    #[error("an event of kind {} takes {bytes} bytes; an entry holds at most {limit} bytes", kind.0)]
    EntryTooLarge {
        /// The kind of the event.
        kind: Kind,
        /// Length of its payload.
        bytes: usize,
        /// Greatest length of a payload.
        limit: usize,
    },
    /// More entries or bytes in one commit than a frame can hold, though each entry is within its own limit.
    #[error(
        "a commit of {entries} entries and {bytes} bytes (with overhead) exceeds the limits of {entries_max} entries \
         and {bytes_max} bytes"
    )]
    CommitTooLarge {
        /// Number of entries.
        entries: usize,
        /// Greatest number of entries in one commit.
        entries_max: usize,
        /// Sum of the payloads, with the greatest overhead that each entry may have.
        bytes: usize,
        /// Greatest number of bytes, counted likewise.
        bytes_max: usize,
    },
    /// The entry is not in the log: never written, or damaged since.
    #[error("entry {position} is not readable in the log")]
    EntryMissing {
        /// Its identity.
        position: Position,
    },
    /// A projection file, or the database in it, is damaged or broken. A rebuild heals it.
    #[error("projection {path} is unusable: {reason}")]
    ProjectionUnusable {
        /// The file, or the directory of generations.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A projection refused an entry it cannot apply: a fault of the projection, not of the data.
    #[error("projection {projection} failed at entry {position}: {reason}")]
    ProjectionFailed {
        /// Its name.
        projection: &'static str,
        /// The entry.
        position: Position,
        /// Its reason.
        reason: String,
    },
    /// Another merge into the same log is running.
    #[error("another merge into this log is running: it holds the lock {path}")]
    MergeBusy {
        /// The lock file of the merge.
        path: PathBuf,
    },
    /// A projection breaks a rule of the tables: a fault of the embedder's code, not of the data.
    #[error("projection {projection} is misused: {reason}")]
    ProjectionMisused {
        /// Its name.
        projection: &'static str,
        /// The rule that it breaks.
        reason: String,
    },
    /// A view was asked for a table that no projection declares, or declares with another type: a fault of the embedder's
    /// code, not of the data.
    #[error("table {table} cannot be read: {reason}")]
    TableUnknown {
        /// The name asked for.
        table: String,
        /// The difference to what is declared.
        reason: String,
    },
    /// A directory holds the files of another part of the workspace.
    #[error("{path} is the wrong directory: {reason}")]
    DirectoryMixedUp {
        /// The directory.
        path: PathBuf,
        /// What was found in it, and what was expected.
        reason: String,
    },
    /// The log contains a stream of another domain, or of a newer version of this one. Nothing was written.
    #[error("stream {stream} {}", foreign_domain(expected, found))]
    ForeignDomain {
        /// The domain that the log was opened with.
        expected: Domain,
        /// The domain in the header of a segment.
        found: Domain,
        /// The stream of that segment.
        stream: StreamId,
    },
    /// A body is not in the store.
    #[error("body {digest} is not in the store")]
    BodyMissing {
        /// Its BLAKE3 digest.
        digest: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Error {
        Error::Io { action, path: path.to_path_buf(), source }
    }

    /// A stable name of the error.
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
            Error::EntryMissing { .. } => "entry_missing",
            Error::ProjectionUnusable { .. } => "projection_unusable",
            Error::ProjectionFailed { .. } => "projection_failed",
            Error::MergeBusy { .. } => "merge_busy",
            Error::ProjectionMisused { .. } => "projection_misused",
            Error::TableUnknown { .. } => "table_unknown",
            Error::DirectoryMixedUp { .. } => "directory_mixed_up",
            Error::ForeignDomain { .. } => "foreign_domain",
            Error::BodyMissing { .. } => "artifact_body_missing",
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self.code() {
            "foreign_domain" => Some(
                "use the program and version that wrote this log, or choose another directory; nothing was written",
            ),
            "storage_read_only" => {
                Some("reading needs no write access; to capture, make the workspace writable")
            }
            "storage_permission_denied" => {
                Some("give yourself read permission for the file and for every directory above it")
            }
            "storage_not_a_file" => Some("move away what is there, or give the path of a regular file"),
            "directory_mixed_up" => Some("check that the paths of log and projections are not exchanged"),
            "storage_full" => Some("free some space; nothing already captured is lost"),
            "storage_not_found" => Some("check the path"),
            "entry_missing" | "entry_unreadable" => Some("`contexta verify` names what is damaged"),
            "projection_unusable" => Some("`contexta rebuild` makes the projections again from the log"),
            "storage_io" => Some("check the path, and that everything above it is a directory"),
            "entry_too_large" => Some("store large content as an artifact and refer to it"),
            "commit_empty" => Some("append at least one event, or leave the append out"),
            "commit_too_large" => Some("divide the events among several commits"),
            "merge_busy" => Some("wait until the other merge has ended, then merge again"),
            "artifact_body_missing" => Some("`contexta verify` lists missing bodies"),
            _ => None,
        }
    }
}

/// Tells whether an action of an I/O error changes nothing.
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
    fn refused_reads_and_refused_writes_have_codes_of_their_own() {
        let code = |action, kind: io::ErrorKind| Error::io(action, Path::new("/x"), kind.into()).code();
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        for action in ["read", "read segment", "read the content for", "list", "look at"] {
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
    fn what_is_no_regular_file_has_a_code_and_a_hint() {
        for source in [NotARegularFile::error("a named pipe"), io::ErrorKind::IsADirectory.into()] {
            let error = Error::io("read", Path::new("/x"), source);
            assert_eq!(error.code(), "storage_not_a_file");
            assert!(error.hint().is_some());
        }
        let other = Error::io("read", Path::new("/x"), io::ErrorKind::InvalidInput.into());
        assert_eq!(other.code(), "storage_io");
    }
}
