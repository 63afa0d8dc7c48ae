//! Selection of the stream that a writer appends to: an existing stream that no other writer holds, or a new stream.
//! docs/design/002 gives the reasons.
//!
//! Invariants:
//! 1. A stream is continued only if all these conditions hold:
//!    - The lock file of the stream exists and is free.
//!    - The directory and the boot are those in which the stream was created.
//!    - The last segment is undamaged, has the domain of the writer, and has no seal. A seal shows that a later segment
//!      existed, so the next sequence numbers may be in use.
//!    - The last time in the stream is not far ahead of this machine's clock.
//!
//!    A segment whose creation was interrupted does not count as the last segment. The writer removes the file of such
//!    a segment before it continues the stream.
//! 2. If no stream can be continued, the writer creates a new stream. The selection fails only if the log cannot be
//!    created or listed, if the log belongs to another domain, or if the new stream cannot be created.

use crate::engine::chain::{Chain, Head};
use crate::engine::checksum::Digest;
use crate::engine::clock::{AHEAD_MAX, Clock};
use crate::engine::domain::Domain;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::header::{Home, SegmentHeader};
use crate::engine::log::format::names;
use crate::engine::log::read::directory::{
    ResumePoint, check_stream_domain, home_of, list_segments, list_streams, may_be_creation,
};
use crate::engine::log::read::item::{Item, Tail};
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use crate::engine::log::write::active::ActiveSegment;
use crate::engine::log::write::create::create_segment;
use crate::engine::log::write::replacement::finish_swap;
use crate::engine::storage::{File, OpenMode, Storage, exists};
use std::path::Path;
use std::sync::Arc;

/// Number of streams that are considered for continuation, newest first. Older streams are never continued.
const CANDIDATES_MAX: usize = 8;

/// Maximum number of attempts to lock a new stream. An attempt fails while a reader tests whether the stream has a
/// writer.
const LOCK_TRIES: usize = 1000;

/// The stream that a writer appends to.
#[derive(Debug)]
pub(super) struct ActiveStream {
    pub(super) id: StreamId,
    pub(super) home: Option<Home>,
    /// The open lock file; dropping it releases the lock.
    pub(super) _lock: Arc<dyn File>,
    pub(super) segment: ActiveSegment,
    /// The sequence number of the next entry that is written.
    pub(super) next: Seq,
    pub(super) chain: Chain,
    /// True until a sync of a segment of the stream fails, or a failed creation of the next segment may have left a
    /// file. If false, the stream gets no close mark.
    pub(super) always_synced: bool,
    /// True if the lock file was renamed so that no other process continues the stream. Also true if the renaming was
    /// tried after a failure and did not succeed.
    pub(super) continuation_forbidden: bool,
}

impl ActiveStream {
    /// Returns the head of the stream after the last written entry.
    pub(super) fn head(&self) -> Head {
        Head { stream: self.id, seq: self.next.previous(), digest: self.chain.link() }
    }

    /// Switches to a new segment. Returns the old segment, and the link of the chain at the end of the old segment.
    pub(super) fn switch_to(&mut self, next: ActiveSegment) -> (ActiveSegment, Digest) {
        let link = self.chain.link();
        self.chain = Chain::from_link(link);
        (std::mem::replace(&mut self.segment, next), link)
    }
}

/// A new stream whose first segment could not be created. The next attempt to create a stream uses the directory and
/// the lock of this stream.
#[derive(Debug)]
pub(super) struct BegunStream {
    id: StreamId,
    home: Option<Home>,
    lock: Arc<dyn File>,
}

/// The inputs for selecting or creating a stream to append to: the log, options of the writer, and the streams that are
/// excluded.
#[derive(Debug)]
pub(super) struct Claims<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    pub(super) log: &'a Path,
    pub(super) domain: Domain,
    pub(super) segment_bytes_max: u64,
    /// Streams that must not be continued by this process.
    pub(super) excluded: &'a [StreamId],
}

impl Claims<'_> {
    /// Selects or creates the stream to append to, and locks the stream. `begun` holds a stream that an earlier call
    /// began to create, if there is one. First finishes an interrupted replacement of the log, because a new directory
    /// would take the place of the restored log.
    pub(super) fn claim(&self, clock: &mut Clock, begun: &mut Option<BegunStream>) -> Result<ActiveStream> {
        finish_swap(self.storage.as_ref(), self.log)
            .map_err(|e| Error::io("finish the restore of", self.log, e))?;
        self.storage.create_dir_all(self.log).map_err(|e| Error::io("create", self.log, e))?;
        let streams = list_streams(self.storage.as_ref(), self.log)?;
        let newest = streams.into_iter().rev().filter(|s| !self.excluded.contains(s)).take(CANDIDATES_MAX);
        let newest: Vec<StreamId> = newest.collect();
        // Nothing is written to a log of another domain.
        for stream in &newest {
            check_stream_domain(self.storage.as_ref(), self.log, *stream, self.domain)?;
        }
        for stream in newest {
            if let Ok(Some(active)) = self.try_continue(stream, clock) {
                return Ok(active);
            }
        }
        self.create_stream(clock, begun)
    }

    fn try_continue(&self, stream: StreamId, clock: &mut Clock) -> Result<Option<ActiveStream>> {
        let dir = names::stream_dir(self.log, stream);
        let Some(home) = home_of(self.storage.as_ref(), &dir) else { return Ok(None) };
        let lock_path = dir.join(names::LOCK_NAME);
        let Ok(lock) = self.storage.open(&lock_path, OpenMode::ReadWrite) else { return Ok(None) };
        if !matches!(lock.try_lock(), Ok(true)) {
            return Ok(None);
        }
        // The previous holder of the lock may have renamed the lock file after this process opened the file.
        if !matches!(exists(self.storage.as_ref(), &lock_path), Ok(true)) {
            return Ok(None);
        }
        let mut segments = list_segments(self.storage.as_ref(), self.log, stream)?;
        let unfinished = self.split_creations(stream, &mut segments)?;
        let Some(base) = segments.last().copied() else { return Ok(None) };
        let start = ResumePoint { segment: base, offset: 0, next: base };
        let mut reader = StreamReader::open_at(self.storage, self.log, stream, ScanMode::Full, start)?;
        reader.end_behind_first();
        let mut seen = Vec::new();
        while let Some(item) = reader.next_item()? {
            let Item::Commit(commit) = item else { return Ok(None) };
            if let (Some(first), Some(last)) = (commit.entries.first(), commit.entries.last()) {
                let times = (first.stamp.time, last.stamp.time);
                seen.push((first.stamp.seq, commit.offset, commit.entries.len() as u64, times));
            }
        }
        let point = reader.resume_point();
        let (Some(header), Some(chain)) = (reader.header().cloned(), reader.chain().cloned()) else {
            return Ok(None);
        };
        let last_time = reader.last_time().max(header.time);
        // All segments of a stream have the same domain. A stream with an older version of the domain is therefore not
        // continued.
        let fits = header.home == Some(home)
            && header.domain == self.domain
            && matches!(reader.tail(), Tail::Open | Tail::Closed)
            && !reader.is_sealed()
            && point.segment == base
            // A full segment is continued only if its writer died while it created the next segment. This writer then
            // creates the next segment again.
            && (point.offset < self.segment_bytes_max || !unfinished.is_empty())
            && unfinished.iter().all(|base| *base <= point.next)
            && last_time <= self.storage.now().saturating_add(AHEAD_MAX);
        if !fits {
            return Ok(None);
        }
        for unfinished in &unfinished {
            // This process holds the lock, so no other process writes the file. The directory is synced before the
            // first append.
            let path = names::segment_path(self.log, stream, *unfinished);
            self.storage.remove_file(&path).map_err(|e| Error::io("remove unfinished segment", &path, e))?;
        }
        self.make_names_durable(&dir)?;
        if let Some(before) = segments.iter().rev().nth(1) {
            // The previous writer may have died before it synced this segment.
            let path = names::segment_path(self.log, stream, *before);
            let file = self.storage.open(&path, OpenMode::ReadWrite);
            file.and_then(|file| file.sync()).map_err(|e| Error::io("sync", &path, e))?;
        }
        let path = names::segment_path(self.log, stream, base);
        let file = self.storage.open(&path, OpenMode::ReadWrite).map_err(|e| Error::io("open", &path, e))?;
        let mut segment = ActiveSegment::new(path, file, &header, self.segment_bytes_max);
        for (seq, offset, entries, times) in seen {
            segment.count(seq, offset, entries, times);
        }
        segment.marked = reader.tail() == Tail::Closed || segment.entries == 0;
        segment.resume_at(point.offset)?;
        clock.resume(last_time);
        let (id, home, next) = (stream, Some(home), point.next);
        Ok(Some(ActiveStream {
            id,
            home,
            _lock: lock,
            segment,
            next,
            chain,
            always_synced: true,
            continuation_forbidden: false,
        }))
    }

    /// Removes the segments whose creation may have been interrupted from the end of `segments`, and returns their
    /// first sequence numbers. The first segment of the stream always remains: without its header the home of the
    /// stream is unknown.
    fn split_creations(&self, stream: StreamId, segments: &mut Vec<Seq>) -> Result<Vec<Seq>> {
        let mut unfinished = Vec::new();
        while let [_, .., last] = segments.as_slice()
            && may_be_creation(self.storage.as_ref(), self.log, stream, *last)?
        {
            unfinished.extend(segments.pop());
        }
        Ok(unfinished)
    }

    /// Syncs the directory of the stream, the directory of the log, and the parent directory of the log. The process
    /// that created the stream may have died before it synced these directories.
    fn make_names_durable(&self, dir: &Path) -> Result<()> {
        for dir in [Some(dir), Some(self.log), self.log.parent()].into_iter().flatten() {
            if !dir.as_os_str().is_empty() {
                self.storage.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
            }
        }
        Ok(())
    }

    fn create_stream(&self, clock: &mut Clock, begun: &mut Option<BegunStream>) -> Result<ActiveStream> {
        let stream = match begun.take() {
            Some(stream) => stream,
            None => self.begin_stream()?,
        };
        let header = SegmentHeader {
            stream: stream.id,
            home: stream.home,
            base: Seq::FIRST,
            domain: self.domain,
            origin: None,
            chain: Chain::ORIGIN,
            salt: self.salt()?,
            previous_salt: 0,
            time: clock.tick(self.storage.now(), 1),
        };
        let path = names::segment_path(self.log, stream.id, header.base);
        let file = match create_segment(self.storage.as_ref(), self.log, &header) {
            Ok(file) => file,
            Err(e) => {
                // The directory is used again; otherwise each append to a full disk would create another directory.
                if matches!(exists(self.storage.as_ref(), &path), Ok(false)) {
                    *begun = Some(stream);
                }
                return Err(e);
            }
        };
        Ok(ActiveStream {
            id: stream.id,
            home: stream.home,
            _lock: stream.lock,
            segment: ActiveSegment::new(path, file, &header, self.segment_bytes_max),
            next: Seq::FIRST,
            chain: Chain::from_link(Chain::ORIGIN),
            always_synced: true,
            continuation_forbidden: false,
        })
    }

    /// Creates the directory and the lock file of a new stream, and acquires the lock. If the file system has no locks,
    /// the stream gets no home, so no later writer continues it.
    fn begin_stream(&self) -> Result<BegunStream> {
        let mut random = [0u8; 10];
        let entropy = self.storage.entropy(&mut random);
        entropy.map_err(|e| Error::io("read random bytes for", self.log, e))?;
        let id = StreamId::new(self.storage.now(), random);
        let dir = names::stream_dir(self.log, id);
        self.storage.create_dir_all(&dir).map_err(|e| Error::io("create", &dir, e))?;
        let lock_path = dir.join(names::LOCK_NAME);
        let lock = self.storage.open(&lock_path, OpenMode::CreateNew);
        let lock = lock.map_err(|e| Error::io("create", &lock_path, e))?;
        let mut locked = lock.try_lock();
        for _ in 0..LOCK_TRIES {
            // A reader holds the lock for a moment while it tests whether the stream has a writer.
            if !matches!(locked, Ok(false)) {
                break;
            }
            std::thread::yield_now();
            locked = lock.try_lock();
        }
        let home = match locked {
            Ok(true) => home_of(self.storage.as_ref(), &dir),
            // The file system has no locks. Only this process uses the stream, and a stream without a home is never
            // continued.
            Ok(false) | Err(_) => None,
        };
        Ok(BegunStream { id, home, lock })
    }

    fn salt(&self) -> Result<u64> {
        let mut salt = [0u8; 8];
        let entropy = self.storage.entropy(&mut salt);
        entropy.map_err(|e| Error::io("read random bytes for", self.log, e))?;
        Ok(u64::from_le_bytes(salt).max(1))
    }

    /// Returns true if a file with the name of the next segment exists, or if the storage cannot tell.
    pub(super) fn has_next(&self, active: &ActiveStream) -> bool {
        let path = names::segment_path(self.log, active.id, active.next);
        !matches!(exists(self.storage.as_ref(), &path), Ok(false))
    }

    /// Creates the segment that follows the active segment, and syncs the new file and its directory.
    pub(super) fn create_next(&self, active: &ActiveStream, time: u64) -> Result<ActiveSegment> {
        let header = SegmentHeader {
            stream: active.id,
            home: active.home,
            base: active.next,
            domain: self.domain,
            origin: None,
            chain: active.chain.link(),
            salt: self.salt()?,
            previous_salt: active.segment.salt,
            time,
        };
        let file = create_segment(self.storage.as_ref(), self.log, &header)?;
        let path = names::segment_path(self.log, active.id, header.base);
        Ok(ActiveSegment::new(path, file, &header, self.segment_bytes_max))
    }

    /// Reverts [`Claims::forbid_continuation`]: gives the lock file its original name again. If the renaming fails, no
    /// process continues the stream later.
    pub(super) fn allow_continuation(&self, stream: StreamId) {
        let dir = names::stream_dir(self.log, stream);
        let _ = self.storage.rename(&dir.join(names::ABANDONED_LOCK_NAME), &dir.join(names::LOCK_NAME));
    }

    /// Prevents other processes from continuing the stream, by renaming its lock file: other processes look only for
    /// the original name. Returns false if the file cannot be renamed.
    pub(super) fn forbid_continuation(&self, stream: StreamId) -> bool {
        let dir = names::stream_dir(self.log, stream);
        self.storage.rename(&dir.join(names::LOCK_NAME), &dir.join(names::ABANDONED_LOCK_NAME)).is_ok()
    }
}
