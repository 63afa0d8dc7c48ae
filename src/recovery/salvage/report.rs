//! The result of a salvage.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::recovery::status::RecoveryStatus;
use crate::store::Note;
use std::path::PathBuf;

/// The result of a salvage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvageReport {
    /// `Success` if nothing is known to be missing and all files could be read. Otherwise `Degraded`.
    pub status: RecoveryStatus,
    /// The directory with the damaged remains.
    pub source: PathBuf,
    /// The directory of the new workspace.
    pub workspace: PathBuf,
    /// The number of files below the source that were examined.
    pub files: u64,
    /// The number of files with the header or the name of a segment.
    pub segments: u64,
    /// The number of backups whose manifests could be read.
    pub backups: u64,
    /// The streams of the new workspace, sorted by id.
    pub streams: Vec<SalvagedStream>,
    /// Entries whose streams are unknown.
    pub unknown: UnknownEntries,
    /// The number of bodies in the new workspace.
    pub bodies: u64,
    /// The sorted digests of bodies that artifacts refer to and that were not found.
    pub missing_bodies: Vec<Digest>,
    /// The digest of the tables of the new workspace.
    pub digest: Digest,
    /// Notes on files that could not be read or used, and on damage that remains.
    pub notes: Vec<Note>,
}

impl SalvageReport {
    /// Returns the number of entries in the new workspace.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.streams.iter().map(|stream| stream.entries).sum()
    }
}

/// A stream of a salvaged workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvagedStream {
    /// The id of the stream.
    pub stream: StreamId,
    /// The number of entries.
    pub entries: u64,
    /// The sequence number of the last entry; 0 if the stream has no entries.
    pub last: Seq,
    /// The entries that are known to be missing, in the order of their sequence numbers.
    pub missing: Vec<MissingEntries>,
    /// `true` if the stream was created for entries whose streams are unknown.
    pub is_new: bool,
}

/// A range of entries that are missing in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingEntries {
    /// The sequence number of the first missing entry.
    pub first: Seq,
    /// The sequence number of the last missing entry. `None` if the number of missing entries is unknown.
    pub last: Option<Seq>,
}

/// The numbers of entries whose streams are unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownEntries {
    /// The number of entries that were added to new streams.
    pub added: u64,
    /// The number of entries that were not added, because a stream contains an entry with the same sequence number,
    /// time and content.
    pub present: u64,
    /// The number of entries that were not added, because they are not facts that this version can decode.
    pub undecodable: u64,
}
