//! Appending to this process's own stream.
//!
//! Invariants:
//! 1. One writer per stream: the holder of the stream's lock, in the folder and boot it was created in.
//! 2. An acknowledged commit is a whole frame in the kernel (`Flush`) or on disk (`Fsync`), or is buffered in this
//!    process with its numbers (`Batched`). A number is assigned once.
//! 3. After an error nothing is appended behind bytes that may be part of a frame: the segment is truncated to its last
//!    whole frame; if that fails, the stream continues in a new segment.
//! 4. After a failed sync the stream continues in a new segment, and every append that waited for the sync returns the
//!    error. The stream's lock file is renamed, so that no other process continues it, and it gets no close mark.
//! 5. Rotation creates the next segment before it seals the old one; on a full disk the old one stays in use.
//! 6. One sync runs at a time. Commits written while it runs share the next one.

use crate::engine::chain::Head;
use crate::engine::clock::Clock;
use crate::engine::entry::{Event, Position, Stamp, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::{FLAG_CLOSE, FLAG_SEAL, put_entries, put_mark};
use crate::engine::log::format::header::Mark;
use crate::engine::log::format::pending::PendingEntries;
use crate::engine::log::write::active::{ActiveSegment, Condition, Room};
use crate::engine::log::write::claim::{ActiveStream, BegunStream, Claims};
use crate::engine::log::write::durability::{BatchOptions, Durability};
use crate::engine::log::write::group::{SyncFailure, SyncGroup};
use crate::engine::storage::Storage;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Options of a log's writer.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The size at which a segment is sealed and the next one begun.
    pub segment_bytes_max: u64,
    /// Limits at which batched entries are written.
    pub batch: BatchOptions,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions { segment_bytes_max: 64 << 20, batch: BatchOptions::default() }
    }
}

/// An acknowledged commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The stamp of its first entry. Time and number of each further entry are greater by one.
    pub first: Stamp,
    /// Number of entries.
    pub count: u64,
    /// The durability that the append was acknowledged with.
    pub durability: Durability,
}

impl Committed {
    /// Returns the position of the `n`th entry of the commit, from 0.
    pub fn position(&self, n: u64) -> Position {
        Position { stream: self.first.stream, seq: self.first.seq.plus(n) }
    }
}

/// A log on disk. It appends to a stream of its own, which it claims or creates at the first append. Threads may share
/// it.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    options: LogOptions,
    state: Mutex<State>,
    /// Signalled when a sync has ended.
    sync_ended: Condvar,
    /// Signalled when a batch has begun, or the log is dropped.
    batch_begun: Condvar,
}

#[derive(Debug, Default)]
struct State {
    clock: Clock,
    /// The process that owns the stream and the batch.
    process: u32,
    active: Option<ActiveStream>,
    begun: Option<BegunStream>,
    /// Streams whose lock file should have been renamed and was not: this process must not continue them.
    unmarked: Vec<StreamId>,
    batch: Batch,
    /// Buffers for the frame that is being written and the canonical bytes of its entries.
    frame: Vec<u8>,
    canonical: Vec<u8>,
    /// The commits that were written since the last sync began.
    group: SyncGroup,
    syncing: bool,
    /// A failed sync that no [`Log::sync`] or [`Log::close`] has reported yet.
    unreported_failure: Option<SyncFailure>,
    stopping: bool,
}

/// Entries that have numbers and are not written yet.
#[derive(Debug, Default)]
struct Batch {
    entries: PendingEntries,
    /// Time of the first append.
    since: u64,
    /// Number of batches before this one.
    number: u64,
    has_thread: bool,
}

type Guard<'a> = MutexGuard<'a, State>;

impl Log {
    /// Creates a writer for the log in `dir`. Nothing is read or created on disk until the first append.
    pub fn new(storage: Arc<dyn Storage>, dir: PathBuf, options: LogOptions) -> Log {
        let state = State { process: storage.process_id(), ..State::default() };
        let (sync_ended, batch_begun) = (Condvar::new(), Condvar::new());
        let state = Mutex::new(state);
        Log { shared: Arc::new(Shared { storage, dir, options, state, sync_ended, batch_begun }) }
    }

    /// Returns the log's directory.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// Returns the storage of the log.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.shared.storage
    }

    /// Appends `events` as one commit: a reader sees all of them or none.
    ///
    /// Cost: encoding, one write, and with [`Durability::Fsync`] a sync, which concurrent appends share.
    /// Errors: the events do not fit a commit, or the storage refused. Then none of them is acknowledged, and the log is
    /// unchanged; only after a failed sync it may contain them all the same.
    pub fn append<E: Event>(&self, events: &[E], durability: Durability) -> Result<Committed> {
        Ok(self.append_pending(&PendingEntries::of(events)?, durability, Room::Ordinary)?.0)
    }

    /// Appends encoded events as [`Log::append`] does. Their times are assigned here.
    pub fn append_encoded(&self, entries: &PendingEntries, durability: Durability) -> Result<Committed> {
        Ok(self.append_pending(entries, durability, Room::Ordinary)?.0)
    }

    /// Appends a small commit with [`Durability::Fsync`] that must succeed on a full disk too, such as the last one of
    /// a unit of work. May use the disk space reserved for that. Also returns the head that covers the commit.
    pub fn append_end<E: Event>(&self, events: &[E]) -> Result<(Committed, Head)> {
        let (done, head) =
            self.append_pending(&PendingEntries::of(events)?, Durability::Fsync, Room::Reserved)?;
        Ok((done, head.ok_or_else(|| self.shared.stream_missing())?))
    }

    /// Appends entries; also returns the head afterwards if reserved space may be used.
    fn append_pending(
        &self,
        entries: &PendingEntries,
        durability: Durability,
        room: Room,
    ) -> Result<(Committed, Option<Head>)> {
        entries.check()?;
        let shared = self.shared.as_ref();
        let mut guard = shared.ready()?;
        if !guard.batch.entries.fit_with(entries) {
            shared.write_batch(&mut guard, room)?;
        }
        let now = shared.storage.now();
        let state = &mut *guard;
        let Some(active) = state.active.as_mut() else { return Err(shared.stream_missing()) };
        let count = entries.len() as u64;
        let before = state.batch.entries.len();
        let seq = active.next.plus(before as u64);
        let time = state.clock.tick(now, count);
        let first = Stamp { time, stream: active.id, seq };
        state.batch.entries.push_stamped(entries, time);
        let aged = now.abs_diff(state.batch.since) >= shared.options.batch.age_max;
        let full = state.batch.entries.payload_bytes() >= shared.options.batch.bytes_max;
        let result = if durability > Durability::Batched || full || (before > 0 && aged) {
            shared.write_batch(state, room)
        } else {
            // A full disk is reported now, not when the batch is written.
            active.segment.reserve_room(state.batch.entries.frame_len_max() as u64, room)
        };
        if let Err(e) = result {
            state.batch.entries.truncate(before);
            return Err(e);
        }
        if before == 0 && !state.batch.entries.is_empty() {
            state.batch.since = now;
            // A process that continued the stream after a kill would assign these numbers again.
            if let Err(e) = shared.reserve_numbers(state) {
                state.batch.entries.truncate(before);
                return Err(e);
            }
            self.start_batch_timer(state);
        }
        let head = state.active.as_ref().filter(|_| room == Room::Reserved).map(ActiveStream::head);
        if durability == Durability::Fsync {
            shared.wait_for_sync(guard)?;
        }
        Ok((Committed { first, count, durability }, head))
    }

    /// Writes the batch: when this returns, its entries survive the death of the process.
    pub fn flush(&self) -> Result<()> {
        let mut guard = self.shared.lock();
        self.shared.write_batch(&mut guard, Room::Ordinary)
    }

    /// Makes everything appended so far durable. Errors: a sync failed, now or since the last call.
    pub fn sync(&self) -> Result<()> {
        let mut guard = self.shared.lock();
        self.shared.write_batch(&mut guard, Room::Ordinary)?;
        if guard.active.as_ref().is_some_and(|active| active.segment.can_be_synced()) {
            self.shared.wait_for_sync(guard)?;
            guard = self.shared.lock();
        }
        guard.unreported_failure.take().map_or(Ok(()), |failure| Err(failure.to_error()))
    }

    /// Ends the stream: writes the batch, syncs, writes a close mark, and releases lock and reserved space. A later
    /// append claims a stream again. Errors: as [`Log::sync`]; if the batch cannot be written, the stream stays open.
    pub fn close(&self) -> Result<Option<Head>> {
        let shared = self.shared.as_ref();
        let mut guard = shared.wait_while_syncing(shared.lock());
        shared.write_batch(&mut guard, Room::Reserved)?;
        let state = &mut *guard;
        let Some(mut active) = state.active.take() else { return Ok(None) };
        let head = active.head();
        let link = head.digest;
        let segment = &mut active.segment;
        let mut marked = Ok(());
        if segment.condition != Condition::Latched {
            let mut synced = segment.sync();
            // A mark promises that everything before it is on disk.
            if synced.is_ok() && active.always_synced && !segment.marked && segment.restore().is_ok() {
                let mark = Mark { chain: link, seal: None };
                let mut frame = Vec::new();
                put_mark(
                    &mut frame,
                    FLAG_CLOSE,
                    active.next,
                    segment.times.1,
                    &mark.encode(),
                    segment.frame_salt(),
                );
                marked = segment.write(&frame);
            }
            if synced.is_ok() {
                segment.trim();
                synced = segment.sync();
            }
            if synced.is_err() && !active.continuation_forbidden {
                shared.forbid_continuation(state, active.id);
            } else if synced.is_ok()
                && active.continuation_forbidden
                && active.always_synced
                && marked.is_ok()
            {
                // Every assigned number is in the stream.
                shared.claims(&[]).allow_continuation(active.id);
            }
            shared.finish_sync(state, synced);
        }
        marked?;
        state.unreported_failure.take().map_or(Ok(Some(head)), |failure| Err(failure.to_error()))
    }

    /// Returns the head of the stream that this process appends to, without the batch; `None` before the first append.
    pub fn head(&self) -> Option<Head> {
        self.shared.lock().active.as_ref().map(ActiveStream::head)
    }

    /// Advances the clock to a time read from another stream. Returns false if it is too far ahead to follow.
    pub fn observe(&self, time: u64) -> bool {
        let now = self.shared.storage.now();
        self.shared.lock().clock.observe(time, now)
    }

    /// Starts the age limit of a batch that has begun: notifies the background thread, or starts it.
    fn start_batch_timer(&self, state: &mut State) {
        if !self.shared.options.batch.in_background {
            return;
        }
        if !state.batch.has_thread {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("contexta-batch".to_owned());
            // Without a thread the next append checks the age.
            state.batch.has_thread = thread.spawn(move || shared.write_aged_batches()).is_ok();
        }
        self.shared.batch_begun.notify_one();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // A caller that needs the result calls `close`. Readers need no close mark.
        let _ = self.close();
        let mut state = self.shared.lock();
        state.stopping = true;
        // Releases the lock of a stream that `close` left open.
        state.active = None;
        self.shared.batch_begun.notify_all();
    }
}

impl Shared {
    /// Locks the state. In a forked child the stream and the batch belong to the parent and are abandoned; closing the
    /// child's handles does not release the parent's lock.
    fn lock(&self) -> Guard<'_> {
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

    /// Locks the state and makes sure that it has a stream that can be appended to.
    fn ready(&self) -> Result<Guard<'_>> {
        let mut guard = self.lock();
        loop {
            let state = &mut *guard;
            let Some(active) = state.active.as_mut() else {
                let claims = self.claims(&state.unmarked);
                state.active = Some(claims.claim(&mut state.clock, &mut state.begun)?);
                return Ok(guard);
            };
            let whole = active.segment.restore().is_ok();
            let full = active.segment.offset >= self.options.segment_bytes_max && active.segment.entries > 0;
            if whole && !full {
                return Ok(guard);
            }
            // Commits that wait for a sync of the old segment must not be acknowledged by one of the new.
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

    fn claims<'a>(&'a self, excluded: &'a [StreamId]) -> Claims<'a> {
        let segment_bytes_max = self.options.segment_bytes_max;
        Claims { storage: &self.storage, log: &self.dir, segment_bytes_max, excluded }
    }

    fn wait<'a>(&'a self, guard: Guard<'a>) -> Guard<'a> {
        self.sync_ended.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while_syncing<'a>(&'a self, mut guard: Guard<'a>) -> Guard<'a> {
        while guard.syncing {
            guard = self.wait(guard);
        }
        guard
    }

    /// Returns the error for a stream that is missing although the state was locked: a fault of the writer.
    fn stream_missing(&self) -> Error {
        Error::io("append to", &self.dir, io::ErrorKind::Interrupted.into())
    }

    /// Writes the batch as one frame.
    fn write_batch(&self, state: &mut State, room: Room) -> Result<()> {
        if state.batch.entries.is_empty() {
            return Ok(());
        }
        if state.active.as_ref().is_some_and(|active| active.segment.condition == Condition::Latched) {
            self.continue_in_new_segment(state)?;
        }
        let State { active, batch, frame, canonical, .. } = state;
        let Some(active) = active else { return Err(self.stream_missing()) };
        let segment = &mut active.segment;
        segment.restore()?;
        frame.clear();
        canonical.clear();
        put_entries(frame, canonical, &batch.entries, active.id, active.next, segment.frame_salt());
        segment.reserve_room(frame.len() as u64, room)?;
        let offset = segment.offset;
        segment.write(frame)?;
        let count = batch.entries.len() as u64;
        segment.count(active.next, offset, count, batch.entries.times());
        active.next = active.next.plus(count);
        active.chain.push(canonical);
        batch.entries.clear();
        batch.number += 1;
        Ok(())
    }

    /// Waits until everything written so far is on disk, by a sync of another thread or its own.
    fn wait_for_sync<'a>(&'a self, mut guard: Guard<'a>) -> Result<()> {
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

    /// Completes the current group with the result of a sync, and records a failure.
    fn finish_sync(&self, state: &mut State, result: std::result::Result<(), SyncFailure>) {
        std::mem::take(&mut state.group).complete(result.clone());
        if let Err(failure) = result {
            state.unreported_failure = Some(failure);
            self.mark_unsynced(state);
        }
        self.sync_ended.notify_all();
    }

    /// Handles a failed sync: commits written since it began are in the same segment and fail too; the stream continues
    /// in another segment.
    fn latch(&self, state: &mut State, failure: SyncFailure) {
        self.finish_sync(state, Err(failure));
        let Some(active) = state.active.as_mut() else { return };
        active.segment.condition = Condition::Latched;
        // If that fails, the next append tries again.
        let _ = self.continue_in_new_segment(state);
    }

    /// Prevents other processes from continuing the stream, as numbers of a batch are assigned that are not in it yet.
    /// Where that is impossible, the batch is written at once.
    fn reserve_numbers(&self, state: &mut State) -> Result<()> {
        let Some(active) = state.active.as_mut().filter(|active| !active.continuation_forbidden) else {
            return Ok(());
        };
        active.continuation_forbidden = self.claims(&[]).forbid_continuation(active.id);
        if active.continuation_forbidden { Ok(()) } else { self.write_batch(state, Room::Ordinary) }
    }

    /// Records that a sync of the active stream failed: it gets no close mark, and no process continues it later.
    fn mark_unsynced(&self, state: &mut State) {
        if let Some(active) = state.active.as_mut().filter(|active| active.always_synced) {
            active.always_synced = false;
            let (stream, forbidden) =
                (active.id, std::mem::replace(&mut active.continuation_forbidden, true));
            if !forbidden {
                self.forbid_continuation(state, stream);
            }
        }
    }

    fn forbid_continuation(&self, state: &mut State, stream: StreamId) {
        if !self.claims(&[]).forbid_continuation(stream) {
            state.unmarked.push(stream);
        }
    }

    /// Creates the next segment. If the creation fails and may have left a file, no other process may continue the
    /// stream: the numbers from the file's name on may be used in the old segment.
    fn create_next(&self, state: &mut State) -> Result<ActiveSegment> {
        let State { active, clock, unmarked, .. } = state;
        let Some(active) = active else { return Err(self.stream_missing()) };
        let claims = self.claims(unmarked);
        let result = claims.create_next(active, clock.tick(self.storage.now(), 1));
        if let Err(e) = &result {
            // On a full disk the header is never complete, so no reader took the old segment for finished.
            active.segment.may_be_mapped |= e.code() != "storage_full";
            if claims.has_next(active) {
                self.mark_unsynced(state);
            }
        }
        result
    }

    /// Continues the stream in a new segment. The old one gets no seal: its end may be incomplete.
    fn continue_in_new_segment(&self, state: &mut State) -> Result<()> {
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

    /// Creates the next segment, switches to it and seals the old one. If the creation fails, the old one stays in use.
    /// Errors: the sync of the old segment failed.
    fn rotate(&self, state: &mut State) -> Result<()> {
        let Ok(next) = self.create_next(state) else {
            // No space or no permission for another segment: the append to the old one reports the error if it fails
            // too.
            return Ok(());
        };
        let Some(active) = state.active.as_mut() else { return Ok(()) };
        let (mut old, link) = active.switch_to(next);
        let mark = Mark { chain: link, seal: Some(old.seal()) };
        let mut frame = Vec::new();
        put_mark(&mut frame, FLAG_SEAL, active.next, old.times.1, &mark.encode(), old.frame_salt());
        // A segment without a seal is complete too: the next header bounds it.
        old.write_or_blank(&frame);
        let synced = old.file.sync().map_err(|e| SyncFailure::new(&old.path, &e));
        self.finish_sync(state, synced.clone());
        synced.map_err(|failure| failure.to_error())
    }

    /// Writes each batch that reaches its age limit, until the log is dropped.
    fn write_aged_batches(&self) {
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
                // After an error the entries stay batched; the next append tries again and reports it.
                let _ = self.write_batch(&mut guard, Room::Ordinary);
            }
        }
    }
}

impl State {
    /// Drops the stream and the batch without writing: they belong to another process, or their state is unknown.
    fn abandon_stream(&mut self) {
        self.active = None;
        self.begun = None;
        self.batch = Batch { has_thread: false, ..Batch::default() };
        let failure = SyncFailure::new(Path::new(""), &io::ErrorKind::Interrupted.into());
        std::mem::take(&mut self.group).complete(Err(failure));
        self.syncing = false;
        self.unreported_failure = None;
    }
}
