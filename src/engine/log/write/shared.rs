//! The state of a log that its threads share, and every change of the stream on disk.
//!
//! Invariants:
//! 1. A stream has one writer: the process that holds the stream's lock, in the directory and the boot in which the
//!    stream was created.
//! 2. An acknowledged commit is in a complete frame in the kernel (`Flush`) or on disk (`Fsync`), or is buffered in
//!    this process with its sequence numbers (`Batched`). A sequence number is assigned once.
//! 3. Nothing is appended after bytes that may be part of a frame. After a failed write the segment is truncated to its
//!    last complete frame. If the truncation fails, the stream continues in a new segment.
//! 4. After a failed sync the stream continues in a new segment, and every append that waited for the sync returns the
//!    error. The stream's lock file is renamed, so no other process continues the stream, and the stream gets no close
//!    mark.
//! 5. Rotation creates the next segment before it seals the old segment. If the next segment cannot be created, for
//!    example on a full disk, the old segment stays in use.
//! 6. One sync runs at a time. Commits written during a sync share the next sync.

use crate::engine::clock::Clock;
use crate::engine::entry::StreamId;
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::{FLAG_SEAL, put_entries, put_mark};
use crate::engine::log::format::mark::Mark;
use crate::engine::log::format::pending::PendingEntries;
use crate::engine::log::write::active::{ActiveSegment, Condition, Room};
use crate::engine::log::write::claim::{ActiveStream, BegunStream, Claims};
use crate::engine::log::write::frame_record::WrittenFrame;
use crate::engine::log::write::group::{SyncFailure, SyncGroup};
use crate::engine::log::write::options::LogOptions;
use crate::engine::storage::Storage;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The data of a log that the threads of a process share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) dir: PathBuf,
    pub(super) options: LogOptions,
    pub(super) state: Mutex<State>,
    /// A signal that a sync has ended.
    pub(super) sync_ended: Condvar,
    /// A signal that a batch has begun, or that the log is dropped.
    pub(super) batch_begun: Condvar,
}

/// The state that changes under the lock of a log.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) clock: Clock,
    /// The id of the process that owns the stream and the batch. After `fork(2)` the id of the child process differs.
    pub(super) process: u32,
    pub(super) active: Option<ActiveStream>,
    pub(super) begun: Option<BegunStream>,
    /// Streams that no process should continue after a failure, but whose lock file could not be renamed. This process
    /// does not continue these streams.
    pub(super) unmarked: Vec<StreamId>,
    pub(super) batch: Batch,
    /// Buffers for the frame that is being written and the canonical bytes of its entries.
    pub(super) frame: Vec<u8>,
    pub(super) canonical: Vec<u8>,
    /// The commits that were written since the last sync began.
    pub(super) group: SyncGroup,
    pub(super) syncing: bool,
    /// A failed sync that neither [`Log::sync`](crate::engine::log::Log::sync) nor
    /// [`Log::close`](crate::engine::log::Log::close) has reported yet.
    pub(super) unreported_failure: Option<SyncFailure>,
    pub(super) stopping: bool,
}

/// Entries that have sequence numbers and are not written yet.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: PendingEntries,
    /// Wall clock time of the first append to the batch, in nanoseconds since the epoch.
    pub(super) since: u64,
    /// Number of batches that were written before this batch. The thread that waits for the age limit of a batch sees
    /// from the number that the batch was written in the meantime.
    pub(super) number: u64,
    pub(super) has_thread: bool,
}

pub(super) type Guard<'a> = MutexGuard<'a, State>;

impl Shared {
    /// Locks the state. A child process after `fork(2)` abandons the stream and the batch, because both belong to the
    /// parent process. The child also closes its copies of the files; this does not release the lock of the parent.
    pub(super) fn lock(&self) -> Guard<'_> {
        let mut guard = self.state.lock().unwrap_or_else(|poisoned: PoisonError<Guard<'_>>| {
            // A thread panicked during a change: the state of the stream is unknown, so nothing more is written to it.
            self.state.clear_poison();
            let mut guard = poisoned.into_inner();
            guard.abandon_stream();
            self.sync_ended.notify_all();
            guard
        });
        let process = self.storage.process_id();
        if guard.process != process {
            guard.process = process;
            guard.abandon_stream();
        }
        guard
    }

    /// Locks the state and makes the stream ready for an append: selects a stream if none is open, and begins a new
    /// segment if the current segment is full or must not be appended to.
    #[inline]
    pub(super) fn ready(&self) -> Result<Guard<'_>> {
        let guard = self.lock();
        let is_whole = |segment: &ActiveSegment| segment.condition == Condition::Whole;
        match &guard.active {
            Some(active) if is_whole(&active.segment) && !self.is_full(&active.segment) => Ok(guard),
            _ => self.make_ready(guard),
        }
    }

    /// Returns true if the next commit must be written to a new segment.
    fn is_full(&self, segment: &ActiveSegment) -> bool {
        segment.offset >= self.options.segment_bytes_max && segment.entries > 0
    }

    fn make_ready<'a>(&'a self, mut guard: Guard<'a>) -> Result<Guard<'a>> {
        loop {
            let state = &mut *guard;
            let Some(active) = state.active.as_mut() else {
                let claims = self.claims(&state.unmarked);
                state.active = Some(claims.claim(&mut state.clock, &mut state.begun)?);
                return Ok(guard);
            };
            let whole = active.segment.restore().is_ok();
            if whole && !self.is_full(&active.segment) {
                return Ok(guard);
            }
            // A sync of the new segment must not acknowledge commits that wait for a sync of the old segment.
            if !state.syncing {
                if whole {
                    self.rotate(state)?
                } else {
                    self.continue_in_new_segment(state)?
                }
                return Ok(guard);
            }
            guard = self.wait(guard);
        }
    }

    pub(super) fn claims<'a>(&'a self, excluded: &'a [StreamId]) -> Claims<'a> {
        let LogOptions { domain, segment_bytes_max, .. } = self.options;
        Claims { storage: &self.storage, log: &self.dir, domain, segment_bytes_max, excluded }
    }

    pub(super) fn wait<'a>(&'a self, guard: Guard<'a>) -> Guard<'a> {
        self.sync_ended.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait_while_syncing<'a>(&'a self, mut guard: Guard<'a>) -> Guard<'a> {
        while guard.syncing {
            guard = self.wait(guard);
        }
        guard
    }

    /// Returns the error for a stream that was abandoned during an operation, for example after a panic of another
    /// thread.
    pub(super) fn stream_missing(&self) -> Error {
        Error::io("append to", &self.dir, io::ErrorKind::Interrupted.into())
    }

    /// Writes the batch as one frame. After an error the entries stay in the batch.
    pub(super) fn write_batch(&self, state: &mut State, room: Room) -> Result<()> {
        if state.batch.entries.is_empty() {
            return Ok(());
        }
        if state.active.as_ref().is_some_and(|active| active.segment.condition == Condition::Latched) {
            self.continue_in_new_segment(state)?;
        }
        let Some(active) = state.active.as_mut() else { return Err(self.stream_missing()) };
        active.segment.restore()?;
        if let Err(failure) = active.segment.sync_truncation() {
            let error = failure.to_error();
            self.latch(state, failure);
            return Err(error);
        }
        let State { active, batch, frame, canonical, .. } = state;
        let Some(active) = active else { return Err(self.stream_missing()) };
        let segment = &mut active.segment;
        frame.clear();
        canonical.clear();
        let salt = segment.frame_salt();
        let checksum = put_entries(frame, canonical, &batch.entries, active.id, active.next, salt);
        segment.reserve_room(frame.len() as u64, room)?;
        let offset = segment.offset;
        segment.write(frame)?;
        let count = batch.entries.len() as u64;
        segment.count(active.next, offset, count, batch.entries.times());
        segment.record.add(WrittenFrame {
            stream: active.id,
            segment: segment.base,
            first: active.next,
            offset,
            end: segment.offset,
            entries: &batch.entries,
            checksum,
        });
        active.next = active.next.plus(count);
        active.chain.push(canonical);
        batch.entries.clear();
        batch.number += 1;
        Ok(())
    }

    /// Waits until everything written so far is on disk. Either this thread or another thread performs the sync.
    pub(super) fn wait_for_sync<'a>(&'a self, mut guard: Guard<'a>) -> Result<()> {
        let group = guard.group.clone();
        loop {
            if let Some(result) = group.result() {
                return result;
            }
            if guard.syncing {
                guard = self.wait(guard);
                continue;
            }
            let state = &mut *guard;
            let Some(active) = state.active.as_ref() else { return Err(self.stream_missing()) };
            let (file, path) = (Arc::clone(&active.segment.file), active.segment.path.clone());
            let reached = active.segment.offset;
            let covered = std::mem::take(&mut state.group);
            state.syncing = true;
            drop(guard);
            let result = file.sync().map_err(|e| SyncFailure::new(&path, &e));
            guard = self.lock();
            guard.syncing = false;
            covered.complete(result.clone());
            match result {
                Ok(()) => {
                    if let Some(active) = guard.active.as_mut().filter(|a| a.segment.path == path) {
                        active.segment.synced = reached;
                    }
                }
                Err(failure) => self.latch(&mut guard, failure),
            }
            self.sync_ended.notify_all();
        }
    }

    /// Completes the current [`SyncGroup`] with the result of a sync: each append that waits for the sync returns this
    /// result. A failure is also recorded for the next [`Log::sync`](crate::engine::log::Log::sync) or
    /// [`Log::close`](crate::engine::log::Log::close), and with [`Shared::mark_unsynced`].
    pub(super) fn finish_sync(&self, state: &mut State, result: std::result::Result<(), SyncFailure>) {
        std::mem::take(&mut state.group).complete(result.clone());
        if let Err(failure) = result {
            state.unreported_failure = Some(failure);
            self.mark_unsynced(state);
        }
        self.sync_ended.notify_all();
    }

    /// Handles a failed sync. Commits that were written after the sync began are in the same segment, so they fail too.
    /// The stream continues in a new segment.
    pub(super) fn latch(&self, state: &mut State, failure: SyncFailure) {
        self.finish_sync(state, Err(failure));
        let Some(active) = state.active.as_mut() else { return };
        active.segment.condition = Condition::Latched;
        // If the new segment cannot be created, the next append tries again.
        let _ = self.continue_in_new_segment(state);
    }

    /// Renames the lock file of the stream, so that no other process continues the stream. Entries of a batch have
    /// sequence numbers but are not in the stream yet, so another process could assign the same numbers. If the lock
    /// file cannot be renamed, the batch is written at once instead.
    pub(super) fn reserve_numbers(&self, state: &mut State) -> Result<()> {
        let Some(active) = state.active.as_mut().filter(|active| !active.continuation_forbidden) else {
            return Ok(());
        };
        active.continuation_forbidden = self.claims(&[]).forbid_continuation(active.id);
        if active.continuation_forbidden { Ok(()) } else { self.write_batch(state, Room::Ordinary) }
    }

    /// Records that a sync of the active stream failed, or that a failed creation of the next segment may have left a
    /// file. The stream gets no close mark, and its lock file is renamed so that no process continues the stream later.
    pub(super) fn mark_unsynced(&self, state: &mut State) {
        if let Some(active) = state.active.as_mut().filter(|active| active.always_synced) {
            active.always_synced = false;
            let (stream, forbidden) =
                (active.id, std::mem::replace(&mut active.continuation_forbidden, true));
            if !forbidden {
                self.forbid_continuation(state, stream);
            }
        }
    }

    pub(super) fn forbid_continuation(&self, state: &mut State, stream: StreamId) {
        if !self.claims(&[]).forbid_continuation(stream) {
            state.unmarked.push(stream);
        }
    }

    /// Creates the next segment. If the creation fails and may have left a file, no other process may continue the
    /// stream. The name of such a file states that the old segment ends before the sequence number in the name, but
    /// this writer may append further entries to the old segment.
    pub(super) fn create_next(&self, state: &mut State) -> Result<ActiveSegment> {
        let State { active, clock, unmarked, .. } = state;
        let Some(active) = active else { return Err(self.stream_missing()) };
        let claims = self.claims(unmarked);
        let result = claims.create_next(active, clock.tick(self.storage.now(), 1));
        if let Err(e) = &result {
            // On a full disk the header is never complete, so no reader has treated the old segment as finished.
            active.segment.may_be_mapped |= e.code() != "storage_full";
            if claims.has_next(active) {
                self.mark_unsynced(state);
            }
        }
        result
    }

    /// Continues the stream in a new segment, because nothing may be appended to the old segment. The old segment gets
    /// no seal, because its end may be incomplete.
    pub(super) fn continue_in_new_segment(&self, state: &mut State) -> Result<()> {
        if let Some(active) = state.active.as_ref().filter(|a| a.segment.condition == Condition::Ragged) {
            active.segment.blank_next_header()?;
        }
        let next = self.create_next(state)?;
        let Some(active) = state.active.as_mut() else { return Ok(()) };
        let (old, _) = active.switch_to(next);
        if old.condition == Condition::Ragged {
            let synced = old.file.sync().map_err(|e| SyncFailure::new(&old.path, &e));
            self.finish_sync(state, synced);
        }
        Ok(())
    }

    /// Creates the next segment, switches to the new segment, and seals the old segment. If the new segment cannot be
    /// created, the old segment stays in use. Errors: the sync of the old segment failed.
    pub(super) fn rotate(&self, state: &mut State) -> Result<()> {
        let Ok(next) = self.create_next(state) else {
            // The disk may be full, or the permission may be missing. If the append to the old segment fails too, the
            // append reports the error.
            return Ok(());
        };
        let Some(active) = state.active.as_mut() else { return Ok(()) };
        let (mut old, link) = active.switch_to(next);
        // A segment without a seal is complete too: the header of the next segment shows where the old segment ends.
        if let Ok(seal) = old.seal() {
            let mark = Mark { chain: link, seal: Some(seal) };
            let mut frame = Vec::new();
            put_mark(&mut frame, FLAG_SEAL, active.next, old.times.1, &mark.encode(), old.frame_salt());
            old.write_or_blank(&frame);
        }
        let synced = old.file.sync().map_err(|e| SyncFailure::new(&old.path, &e));
        self.finish_sync(state, synced.clone());
        synced.map_err(|failure| failure.to_error())
    }

    /// Writes each batch that reaches its age limit, until the log is dropped.
    pub(super) fn write_aged_batches(&self) {
        let age_max = Duration::from_nanos(self.options.batch.age_max);
        let mut guard = self.lock();
        while !guard.stopping {
            if guard.batch.entries.is_empty() {
                guard = self.batch_begun.wait(guard).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (number, begun) = (guard.batch.number, Instant::now());
            while !guard.stopping && guard.batch.number == number && begun.elapsed() < age_max {
                let remaining = age_max.saturating_sub(begun.elapsed());
                let waited = self.batch_begun.wait_timeout(guard, remaining);
                guard = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            if guard.batch.number == number {
                // After an error the entries stay in the batch; the next append tries again and reports the error.
                let _ = self.write_batch(&mut guard, Room::Ordinary);
            }
        }
    }
}

impl State {
    /// Drops the stream and the batch without writing: they belong to another process, or their state is unknown.
    pub(super) fn abandon_stream(&mut self) {
        self.active = None;
        self.begun = None;
        self.batch = Batch { has_thread: false, ..Batch::default() };
        let failure = SyncFailure::new(Path::new(""), &io::ErrorKind::Interrupted.into());
        std::mem::take(&mut self.group).complete(Err(failure));
        self.syncing = false;
        self.unreported_failure = None;
    }
}
