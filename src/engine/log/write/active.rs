//! The segment that a writer appends to. Each frame is written with one write, and disk space is reserved ahead. The
//! writer counts the entries and frames for the seal while it writes. The digest of the seal is computed only when the
//! segment is sealed, by reading the file. Most segments are closed before they are full, and get no seal.
//!
//! Invariants:
//! 1. A frame is written only after complete frames. After a failed write the file is truncated to its last complete
//!    frame. Until the truncation succeeds, nothing is appended.
//! 2. After a failed sync the segment is neither appended to nor synced again, because the content of the disk is
//!    unknown.
//! 3. Disk space is reserved ahead of the writes, in growing steps. Only commits that must succeed on a full disk, and
//!    the close mark, use the last [`RESERVED`] bytes of the reserved space. If the file system cannot reserve space,
//!    each write extends the file.

use crate::engine::checksum::Digest;
use crate::engine::entry::Seq;
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::frame_salt;
use crate::engine::log::format::header::{FRAMES_AT, SegmentHeader};
use crate::engine::log::format::limits::FRAME_HEADER_LEN;
use crate::engine::log::format::mark::{INDEX_STEP, SEAL_INDEX_MAX, Seal};
use crate::engine::log::write::frame_record::FrameRecord;
use crate::engine::log::write::group::SyncFailure;
use crate::engine::storage::{File, read_full_at, write_all_at};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes reserved for commits that must succeed on a full disk, and for the close mark.
pub(super) const RESERVED: u64 = 4 << 10;
/// The minimum and maximum number of bytes that are reserved at once. Both are small, because a killed process leaves
/// the reserved space unused, and because readers of an active stream scan this space.
const STEP_MIN: u64 = 16 << 10;
const STEP_MAX: u64 = 1 << 20;
/// Number of bytes that are read and hashed at once for a seal.
const HASH_STEP: usize = 128 << 10;

/// The reserved space that a write may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// All reserved space but the last [`RESERVED`] bytes.
    Ordinary,
    /// All reserved space.
    Reserved,
}

/// The condition of the end of a segment. Frames are appended only in the condition [`Condition::Whole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// The segment ends with a complete frame.
    Whole,
    /// Part of a frame may follow the last complete frame.
    Ragged,
    /// A sync of the segment failed.
    Latched,
}

/// A segment that is being appended to.
#[derive(Debug)]
pub(super) struct ActiveSegment {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    /// The first sequence number of the segment.
    pub(super) base: Seq,
    pub(super) salt: u64,
    /// End of the last complete frame.
    pub(super) offset: u64,
    pub(super) condition: Condition,
    pub(super) entries: u64,
    /// Times of the first and of the last entry of the segment, in nanoseconds since the epoch.
    pub(super) times: (u64, u64),
    /// True if a mark follows the last entry, or there is no entry. A close then writes no mark.
    pub(super) marked: bool,
    /// Offset up to which the file was synced.
    pub(super) synced: u64,
    /// True if other processes may have found a later segment and mapped this segment. A mapped segment must not be
    /// truncated.
    pub(super) may_be_mapped: bool,
    /// True from the truncation after a failed write until the next sync.
    truncation_unsynced: bool,
    /// Length of the file, up to which disk space is reserved.
    room: u64,
    /// False if the file system cannot reserve space.
    reserves_room: bool,
    bytes_max: u64,
    frames: u64,
    index: Vec<(Seq, u64)>,
    /// The frames that were written since [`Log::open_segment`](crate::engine::log::Log::open_segment) was last called.
    pub(super) record: FrameRecord,
}

impl ActiveSegment {
    /// Creates the state of a new segment. `bytes_max` is the length in bytes at which the writer begins the next
    /// segment.
    pub(super) fn new(
        path: PathBuf,
        file: Arc<dyn File>,
        header: &SegmentHeader,
        bytes_max: u64,
    ) -> ActiveSegment {
        ActiveSegment {
            path,
            file,
            base: header.base,
            salt: header.salt,
            offset: FRAMES_AT,
            condition: Condition::Whole,
            entries: 0,
            times: (0, 0),
            marked: true,
            synced: FRAMES_AT,
            may_be_mapped: false,
            truncation_unsynced: false,
            room: FRAMES_AT,
            reserves_room: true,
            bytes_max,
            frames: 0,
            index: Vec::new(),
            record: FrameRecord::default(),
        }
    }

    /// Continues an existing segment at `offset`.
    pub(super) fn resume_at(&mut self, offset: u64) -> Result<()> {
        self.room = self.file.len().map_err(|e| Error::io("read segment", &self.path, e))?;
        self.offset = offset;
        // The entries may or may not be on disk; a segment without entries was synced when it was created.
        self.synced = if self.entries > 0 { 0 } else { offset };
        Ok(())
    }

    /// Returns the salt of the next frame.
    pub(super) fn frame_salt(&self) -> u64 {
        frame_salt(self.salt, self.offset)
    }

    /// Reserves disk space for a write of `len` bytes, and for [`RESERVED`] bytes after the write. Returns an error if
    /// the disk is too full for both; with [`Room::Reserved`], only if it is too full for the write itself. Does
    /// nothing if the file system cannot reserve space.
    #[inline]
    pub(super) fn reserve_room(&mut self, len: u64, room: Room) -> Result<()> {
        let end = self.offset.saturating_add(len);
        let wanted = end.saturating_add(RESERVED);
        if wanted <= self.room || !self.reserves_room {
            return Ok(());
        }
        self.reserve_more(end, wanted, room)
    }

    fn reserve_more(&mut self, end: u64, wanted: u64, room: Room) -> Result<()> {
        let step = (self.room / 2).clamp(STEP_MIN, STEP_MAX);
        let ahead = self.room.saturating_add(step).next_multiple_of(STEP_MIN);
        // The space is limited to the size of a full segment, because unused space is released only at a close. At a
        // rotation, other processes may have the segment mapped.
        let mut result = self.grow(wanted.max(ahead.min(self.bytes_max.saturating_add(RESERVED))));
        if result.is_err() && wanted > self.room {
            result = self.grow(wanted);
        }
        let enough = wanted <= self.room || (room == Room::Reserved && end <= self.room);
        match result {
            Err(e) if !enough => Err(Error::io("reserve disk space for segment", &self.path, e)),
            _ => Ok(()),
        }
    }

    fn grow(&mut self, len: u64) -> io::Result<()> {
        match self.file.allocate(len) {
            Ok(()) => self.room = len,
            Err(e) if e.kind() == io::ErrorKind::Unsupported => self.reserves_room = false,
            Err(e) => {
                self.room = self.file.len().unwrap_or(self.room);
                return Err(e);
            }
        }
        Ok(())
    }

    /// Writes complete frames after the last frame. After an error, either the file was truncated to its last complete
    /// frame, or the condition is [`Condition::Ragged`].
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Err(e) = write_all_at(self.file.as_ref(), self.offset, bytes) {
            self.condition = Condition::Ragged;
            // If the truncation fails, it is tried again before the next write.
            let _ = self.restore();
            return Err(Error::io("append to segment", &self.path, e));
        }
        self.offset += bytes.len() as u64;
        self.room = self.room.max(self.offset);
        Ok(())
    }

    /// Truncates the segment to its last complete frame, if part of a frame may follow. Returns an error if nothing may
    /// be appended to the segment: the truncation failed, another process may have the segment mapped, or a sync of the
    /// segment failed.
    pub(super) fn restore(&mut self) -> Result<()> {
        let wrap = |e| Error::io("truncate segment", &self.path, e);
        match self.condition {
            Condition::Whole => return Ok(()),
            Condition::Ragged if self.may_be_mapped => {
                return Err(wrap(io::Error::other("another process may have the segment mapped")));
            }
            Condition::Ragged => self.file.set_len(self.offset).map_err(wrap)?,
            Condition::Latched => return Err(wrap(io::Error::other("a sync of the segment failed"))),
        }
        self.condition = Condition::Whole;
        self.room = self.offset;
        self.truncation_unsynced = true;
        Ok(())
    }

    /// Makes the truncation after a failed write durable. The disk may already hold the complete frame of the failed
    /// write. If a power cut lost both the truncation and the next write, readers would return that frame, although its
    /// sequence numbers were assigned to other entries.
    pub(super) fn sync_truncation(&mut self) -> std::result::Result<(), SyncFailure> {
        if self.truncation_unsynced {
            self.file.sync().map_err(|e| SyncFailure::new(&self.path, &e))?;
            self.truncation_unsynced = false;
            self.synced = self.offset;
        }
        Ok(())
    }

    /// Writes zeros over the header of the frame whose write failed, so that readers do not return the frame. The frame
    /// may be complete in the file, although its entries were not acknowledged.
    pub(super) fn blank_next_header(&self) -> Result<()> {
        let blank = [0; FRAME_HEADER_LEN];
        let written = write_all_at(self.file.as_ref(), self.offset, &blank);
        written.map_err(|e| Error::io("clear the end of segment", &self.path, e))
    }

    /// Releases the reserved space after the last frame by truncating the file. The segment must be the last one of its
    /// stream: other processes may have earlier segments mapped, and a mapped file must not be truncated.
    pub(super) fn trim(&mut self) {
        // If the truncation fails, zeros remain after the last frame; readers accept them.
        if self.room > self.offset && !self.may_be_mapped && self.file.set_len(self.offset).is_ok() {
            self.room = self.offset;
        }
    }

    /// Writes complete frames to a segment that is no longer the last segment of its stream. If the write fails, writes
    /// zeros over the frames. The segment is not truncated, because other processes may have the segment mapped.
    pub(super) fn write_or_blank(&self, bytes: &[u8]) {
        if write_all_at(self.file.as_ref(), self.offset, bytes).is_err() {
            let written = self.file.len().unwrap_or(self.offset).saturating_sub(self.offset);
            let blank = vec![0u8; usize::try_from(written).unwrap_or(0).min(bytes.len())];
            // If this write fails too, readers report the written bytes of the frame as damage without a lost entry.
            let _ = write_all_at(self.file.as_ref(), self.offset, &blank);
        }
    }

    /// Syncs the file, if something was written since the last sync.
    pub(super) fn sync(&mut self) -> std::result::Result<(), SyncFailure> {
        if !self.is_synced() {
            self.file.sync().map_err(|e| SyncFailure::new(&self.path, &e))?;
            self.truncation_unsynced = false;
            self.synced = self.offset;
        }
        Ok(())
    }

    /// Returns true if something was written since the last sync, and no sync has failed.
    pub(super) fn can_be_synced(&self) -> bool {
        !self.is_synced() && self.condition != Condition::Latched
    }

    /// Returns true if everything written to the segment is on disk.
    pub(super) fn is_synced(&self) -> bool {
        self.synced >= self.offset
    }

    /// Adds the frame at `offset`, which holds `entries` entries, to the counts and the index that the seal will
    /// contain.
    pub(super) fn count(&mut self, seq: Seq, offset: u64, entries: u64, times: (u64, u64)) {
        if self.entries == 0 {
            self.times.0 = times.0;
        }
        self.times.1 = times.1;
        self.entries += entries;
        self.frames += 1;
        let far = self.index.last().is_none_or(|(_, at)| offset - at >= INDEX_STEP);
        if far && self.index.len() < SEAL_INDEX_MAX {
            self.index.push((seq, offset));
        }
        self.marked = false;
    }

    /// Returns the seal for the current content of the segment, and reads the segment for its digest. A second call would
    /// return a seal without an index. Errors: the segment cannot be read, or is shorter than expected.
    pub(super) fn seal(&mut self) -> io::Result<Seal> {
        Ok(Seal {
            entries: self.entries,
            frames: self.frames,
            bytes: self.offset,
            times: self.times,
            digest: self.digest()?,
            index: std::mem::take(&mut self.index),
        })
    }

    /// Computes the digest of all complete frames and the header area.
    fn digest(&self) -> io::Result<Digest> {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0u8; HASH_STEP];
        let mut at = 0u64;
        while at < self.offset {
            let want = usize::try_from(self.offset - at).unwrap_or(usize::MAX).min(buffer.len());
            let part = buffer.get_mut(..want).unwrap_or_default();
            if read_full_at(self.file.as_ref(), at, part)? < part.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            hasher.update(part);
            at += part.len() as u64;
        }
        Ok(Digest(*hasher.finalize().as_bytes()))
    }
}
