//! Access to the log during a catch-up.

use crate::engine::domain::Domain;
use crate::engine::entry::Seq;
use crate::engine::error::Result;
use crate::engine::log::directory::ResumePoint;
use crate::engine::log::{Commit, ScanMode, StreamReader};
use crate::engine::projection::cursor::{Cursor, Listing};
use crate::engine::storage::Storage;
use std::path::Path;
use std::sync::Arc;

/// Access of a catch-up to the log, with the id of the boot during which the catch-up runs.
#[derive(Clone, Copy)]
pub(super) struct LogAccess<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    pub(super) log: &'a Path,
    pub(super) domain: Domain,
    /// The id of this boot; zeros on platforms without boot ids.
    pub(super) boot: [u8; 16],
    /// True if the directory of the log is the one of the previous catch-up, and no name in it has changed since then.
    pub(super) is_log_same: bool,
}

impl LogAccess<'_> {
    /// Opens a reader of the stream of `listing` that starts to read at the point `at`. The directory of the stream is
    /// not listed again.
    pub(super) fn reader_of(&self, listing: &Listing, at: ResumePoint) -> Result<StreamReader> {
        let (stream, segments) = (listing.stream(), listing.segments().collect());
        let reader =
            StreamReader::open_listed(self.storage, self.log, ScanMode::Follow, at, (stream, segments))?;
        reader.of_domain(self.domain)
    }
}

/// The place of a commit in the log, with its last entry and time. A cursor stores these values for the last applied
/// commit.
pub(super) struct CommitPlace {
    /// The point at which the frame of the commit begins.
    pub(super) frame: ResumePoint,
    /// The point after the frame of the commit.
    pub(super) end: ResumePoint,
    /// The sequence number of the last entry, and its checksum.
    pub(super) last: (Seq, u32),
    /// The time of the last entry.
    pub(super) time: u64,
}

impl Cursor {
    /// Moves the cursor behind a commit that was read during the boot `boot`.
    pub(super) fn move_to(&mut self, place: &CommitPlace, boot: [u8; 16]) {
        (self.last, self.time) = (place.last, place.time);
        (self.frame, self.resume) = (place.frame, place.end);
        self.boot = Some(boot);
    }
}

impl CommitPlace {
    /// Returns the place of a commit; `None` if the commit has no entries.
    pub(super) fn of(commit: &Commit) -> Option<CommitPlace> {
        let (first, last) = commit.entries.first().zip(commit.entries.last())?;
        let frame = ResumePoint { segment: commit.segment, offset: commit.offset, next: first.stamp.seq };
        let end = ResumePoint { offset: commit.end, next: last.stamp.seq.next(), ..frame };
        Some(CommitPlace { frame, end, last: (last.stamp.seq, last.checksum), time: last.stamp.time })
    }
}
