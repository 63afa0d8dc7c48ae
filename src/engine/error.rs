//! What can go wrong in the engine. Three classes stay apart: the caller's mistake, damaged data, the environment.
//!
//! Damage found while *reading* a log is no error but a value ([`crate::engine::entry::Gap`], and the
//! findings of a scan): one bad frame never hides the rest. Errors are what stops an operation.

use crate::engine::codec::CodecError;
use crate::engine::domain::Domain;
use crate::engine::entry::{Position, StreamId};
use std::io;
use std::path::{Path, PathBuf};

/// An operation of the engine failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried, as a verb.
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
    /// More entries or bytes in one commit than a frame can hold.
    #[error("a commit of {entries} entries and {bytes} bytes exceeds the limits of a frame")]
    CommitTooLarge {
        /// Number of entries.
        entries: usize,
        /// Their payload bytes together.
        bytes: usize,
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
            Error::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "storage_read_only",
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "storage_full",
                io::ErrorKind::NotFound => "storage_not_found",
                _ => "storage_io",
            },
            Error::Codec { kind: "unreadable", .. } => "entry_unreadable",
            Error::Codec { .. } => "entry_unwritable",
            Error::CommitTooLarge { .. } => "commit_too_large",
            Error::EntryMissing { .. } => "entry_missing",
            Error::ProjectionUnusable { .. } => "projection_unusable",
            Error::ProjectionFailed { .. } => "projection_failed",
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
            "storage_full" => Some("free some space; nothing already captured is lost"),
            "storage_not_found" => Some("check the path"),
            "entry_missing" | "entry_unreadable" => Some("`contexta verify` names what is damaged"),
            "projection_unusable" => Some("`contexta rebuild` makes the projections again from the log"),
            "storage_io" => Some("check the path, and that everything above it is a directory"),
            "entry_unwritable" => Some("an entry holds at most 4 MiB; store large content as an artifact"),
            "commit_too_large" => Some("split the commit; store large content as an artifact"),
            "artifact_body_missing" => Some("`contexta verify` lists missing bodies"),
            _ => None,
        }
    }
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
