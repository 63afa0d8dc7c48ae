//! The segment that is being appended to: room ahead of the writes, one write a frame, what a seal will say.
//!
//! Invariants:
//! 1. A frame is written behind whole frames only. Where a write fails the file is cut back to its last whole frame;
//!    until that worked, nothing is appended.
//! 2. After a failed sync nothing is appended or synced again: nobody knows what of it the disk has.
//! 3. Room on the disk is taken ahead, in growing steps, and the last [`RESERVED`] bytes of it are kept for what must
//!    still be said when the disk is full. Where the file system cannot take room ahead, files grow by their writes.

use crate::engine::checksum::Digest;
use crate::engine::entry::Seq;
use crate::engine::error::{Error, Result};
use crate::engine::log::frame::{FRAME_HEADER_LEN, frame_salt};
use crate::engine::log::group::SyncFailure;
use crate::engine::log::segment::{FRAMES_AT, SEAL_INDEX_MAX, Seal, SegmentHeader};
use crate::engine::storage::{File, read_full_at, write_all_at};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes kept back for the ends of runs and for the close mark.
pub(super) const RESERVED: u64 = 4 << 10;
/// The least and the greatest step in which room is taken. Small, as a killed process leaves it behind, and readers of
/// a live stream look through it.
const STEP_MIN: u64 = 16 << 10;
const STEP_MAX: u64 = 1 << 20;
/// A frame is entered into the seal's index when at least so many bytes lie between it and the last one.
const INDEX_STEP: u64 = 64 << 10;
/// Bytes that are gathered before they are hashed: many at once are hashed several times faster than few.
const HASH_STEP: usize = 128 << 10;

/// Which room a write may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// All but what is kept back.
    Ordinary,
    /// All.
    Reserved,
}

/// Whether a segment can be appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// It ends with a whole frame.
    Whole,
    /// Part of a frame may stand behind its last whole one.
    Ragged,
    /// A sync of it failed.
    Latched,
}

#[derive(Debug)]
pub(super) struct ActiveSegment {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    pub(super) salt: u64,
    pub(super) offset: u64,
    pub(super) condition: Condition,
    pub(super) entries: u64,
    /// Time of the first and of the last entry.
    pub(super) times: (u64, u64),
    /// Whether a mark stands behind the last entry, or there is no entry.
    pub(super) marked: bool,
    /// How far the file was synced.
    pub(super) synced: u64,
    /// Whether a next segment may have been seen for a moment: then others may have this one mapped, and it is not cut.
    pub(super) may_be_mapped: bool,
    /// Length of the file, which is as far as it has room on the disk.
    room: u64,
    takes_room: bool,
    bytes_max: u64,
    hasher: blake3::Hasher,
    unhashed: Vec<u8>,
    frames: u64,
    index: Vec<(Seq, u64)>,
}

impl ActiveSegment {
    /// A segment just created, which will be left at `bytes_max`.
    pub(super) fn new(
        path: PathBuf,
        file: Arc<dyn File>,
        header: &SegmentHeader,
        bytes_max: u64,
    ) -> ActiveSegment {
        ActiveSegment {
            path,
            file,
            salt: header.salt,
            offset: FRAMES_AT,
            condition: Condition::Whole,
            entries: 0,
            times: (0, 0),
            marked: true,
            synced: FRAMES_AT,
            may_be_mapped: false,
            room: FRAMES_AT,
            takes_room: true,
            bytes_max,
            hasher: blake3::Hasher::new(),
            unhashed: header.encode(),
            frames: 0,
            index: Vec::new(),
        }
    }

    /// Goes on at `offset`, having read the bytes before it again for the running digest.
    pub(super) fn resume_at(&mut self, offset: u64) -> Result<()> {
        let wrap = |e| Error::io("read segment", &self.path, e);
        let mut buffer = vec![0u8; HASH_STEP];
        let mut at = 0u64;
        let mut hasher = blake3::Hasher::new();
        while at < offset {
            let want = usize::try_from(offset - at).unwrap_or(usize::MAX).min(buffer.len());
            let part = buffer.get_mut(..want).unwrap_or_default();
            let got = read_full_at(self.file.as_ref(), at, part).map_err(wrap)?;
            if got == 0 {
                break;
            }
            hasher.update(part.get(..got).unwrap_or_default());
            at += got as u64;
        }
        self.room = self.file.len().map_err(wrap)?;
        (self.hasher, self.offset) = (hasher, offset);
        // What is there may be on disk or not; a segment without entries was synced when it was created.
        self.synced = if self.entries > 0 { 0 } else { offset };
        self.unhashed.clear();
        Ok(())
    }

    /// The salt of the next frame.
    pub(super) fn frame_salt(&self) -> u64 {
        frame_salt(self.salt, self.offset)
    }

    /// Sees to it that `len` bytes can be written and what is kept back stays free.
    pub(super) fn take_room(&mut self, len: u64, room: Room) -> Result<()> {
        let end = self.offset.saturating_add(len);
        let wanted = end.saturating_add(RESERVED);
        if wanted <= self.room || !self.takes_room {
            return Ok(());
        }
        let step = (self.room / 2).clamp(STEP_MIN, STEP_MAX);
        let ahead = self.room.saturating_add(step).next_multiple_of(STEP_MIN);
        // No further than the segment will go: room is given back at a close, not at a rotation, when others may have
        // the segment mapped.
        let mut result = self.grow(wanted.max(ahead.min(self.bytes_max.saturating_add(RESERVED))));
        if result.is_err() && wanted > self.room {
            result = self.grow(wanted);
        }
        let enough = wanted <= self.room || (room == Room::Reserved && end <= self.room);
        match result {
            Err(e) if !enough => Err(Error::io("take room for segment", &self.path, e)),
            _ => Ok(()),
        }
    }

    fn grow(&mut self, len: u64) -> io::Result<()> {
        match self.file.allocate(len) {
            Ok(()) => self.room = len,
            Err(e) if e.kind() == io::ErrorKind::Unsupported => self.takes_room = false,
            Err(e) => {
                self.room = self.file.len().unwrap_or(self.room);
                return Err(e);
            }
        }
        Ok(())
    }

    /// Writes whole frames. After an error the file is as it was, or the segment is ragged.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Err(e) = write_all_at(self.file.as_ref(), self.offset, bytes) {
            self.condition = Condition::Ragged;
            // Where it cannot be cut now, it is tried again before the next write.
            let _ = self.cut();
            return Err(Error::io("append to segment", &self.path, e));
        }
        self.wrote(bytes);
        Ok(())
    }

    fn wrote(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.room = self.room.max(self.offset);
        self.unhashed.extend_from_slice(bytes);
        if self.unhashed.len() >= HASH_STEP {
            self.hasher.update(&self.unhashed);
            self.unhashed.clear();
        }
    }

    /// Cuts a ragged segment back to its last whole frame. Errors: it cannot be appended to.
    pub(super) fn cut(&mut self) -> Result<()> {
        let wrap = |e| Error::io("cut back segment", &self.path, e);
        match self.condition {
            Condition::Whole => return Ok(()),
            Condition::Ragged if self.may_be_mapped => {
                return Err(wrap(io::Error::other("it may be mapped")));
            }
            Condition::Ragged => self.file.set_len(self.offset).map_err(wrap)?,
            Condition::Latched => return Err(wrap(io::Error::other("a sync of it failed"))),
        }
        self.condition = Condition::Whole;
        self.room = self.offset;
        Ok(())
    }

    /// Sees to it that no whole frame stands behind the last one that was acknowledged, though a write of it failed.
    pub(super) fn blank_next_header(&self) -> Result<()> {
        let blank = [0; FRAME_HEADER_LEN];
        let written = write_all_at(self.file.as_ref(), self.offset, &blank);
        written.map_err(|e| Error::io("blank the end of segment", &self.path, e))
    }

    /// Gives back the room behind the last frame. Only while the segment is the last of its stream: others may have an
    /// earlier one mapped.
    pub(super) fn trim(&mut self) {
        // Where it stays, zeros stand behind the last frame; readers know them.
        if self.room > self.offset && !self.may_be_mapped && self.file.set_len(self.offset).is_ok() {
            self.room = self.offset;
        }
    }

    /// Writes whole frames into a segment that is not the last any more; where that fails, zeros in their place.
    /// It is not cut: other processes may have it mapped.
    pub(super) fn write_or_blank(&mut self, bytes: &[u8]) {
        if write_all_at(self.file.as_ref(), self.offset, bytes).is_err() {
            let written = self.file.len().unwrap_or(self.offset).saturating_sub(self.offset);
            let blank = vec![0u8; usize::try_from(written).unwrap_or(0).min(bytes.len())];
            // What then still stands there is reported as damage by which no entry is lost.
            let _ = write_all_at(self.file.as_ref(), self.offset, &blank);
        }
        self.synced = 0;
    }

    /// Syncs what was written since the last time.
    pub(super) fn sync(&mut self) -> std::result::Result<(), SyncFailure> {
        if !self.is_synced() {
            self.file.sync().map_err(|e| SyncFailure::new(&self.path, &e))?;
            self.synced = self.offset;
        }
        Ok(())
    }

    /// Whether there is something to sync, and a sync would say something.
    pub(super) fn can_be_synced(&self) -> bool {
        !self.is_synced() && self.condition != Condition::Latched
    }

    pub(super) fn is_synced(&self) -> bool {
        self.synced >= self.offset
    }

    /// Notes a frame with `entries` entries at `offset`.
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

    /// What a seal at this place says.
    pub(super) fn seal(&mut self) -> Seal {
        self.hasher.update(&self.unhashed);
        self.unhashed.clear();
        Seal {
            entries: self.entries,
            frames: self.frames,
            bytes: self.offset,
            times: self.times,
            digest: Digest(*self.hasher.finalize().as_bytes()),
            index: std::mem::take(&mut self.index),
        }
    }
}
