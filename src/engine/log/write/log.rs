//! The log: appending events to the stream of this process.

use crate::engine::chain::Head;
use crate::engine::entry::{Event, Position, Stamp};
use crate::engine::error::Result;
use crate::engine::log::format::frame::{FLAG_CLOSE, put_mark};
use crate::engine::log::format::mark::Mark;
use crate::engine::log::format::pending::PendingEntries;
use crate::engine::log::read::OpenSegment;
use crate::engine::log::write::active::{Condition, Room};
use crate::engine::log::write::claim::ActiveStream;
use crate::engine::log::write::durability::Durability;
use crate::engine::log::write::new_entries::{NewEntries, Payloads};
use crate::engine::log::write::options::LogOptions;
use crate::engine::log::write::shared::{Shared, State};
use crate::engine::storage::Storage;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

/// An acknowledged commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// The stamp of the first entry. The time and the sequence number of each further entry are one greater than those
    /// of the entry before it.
    pub first: Stamp,
    /// Number of entries in the commit.
    pub count: u64,
    /// The durability that the append was acknowledged with.
    pub durability: Durability,
}

impl Committed {
    /// Returns the position of the `n`th entry of the commit, counted from 0.
    pub fn position(&self, n: u64) -> Position {
        Position { stream: self.first.stream, seq: self.first.seq.plus(n) }
    }
}

/// A writer of a log on disk. It appends to its own stream, which it selects or creates at the first append. Threads
/// may share a writer.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
}

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
    /// Cost: encoding. [`Durability::Flush`] adds one write. [`Durability::Fsync`] adds one write and a sync, which
    /// concurrent appends share. [`Durability::Batched`] usually adds no write.
    ///
    /// Errors: `events` is empty, an event cannot be encoded, the events do not fit into one commit, the log belongs to
    /// another domain, or the storage returns an error. After an error no event is acknowledged. The log can then
    /// contain the events only if a sync failed, or if the bytes of a failed write could not be removed.
    pub fn append<E: Event>(&self, events: &[E], durability: Durability) -> Result<Committed> {
        self.append_encoded(&PendingEntries::of(events)?, durability)
    }

    /// Appends encoded events as [`Log::append`] does. Assigns new times to the entries.
    pub fn append_encoded(&self, entries: &PendingEntries, durability: Durability) -> Result<Committed> {
        entries.check()?;
        self.append_entries(entries, None, durability, None)
    }

    /// Appends payloads as [`Log::append`] appends events. The payloads are encoded directly into the batch. `now` is the
    /// time of the clock of the storage, which the caller has read for its own purposes.
    pub fn append_payloads<F: FnMut(usize, &mut Vec<u8>)>(
        &self,
        payloads: Payloads<F>,
        now: u64,
        durability: Durability,
    ) -> Result<Committed> {
        payloads.check()?;
        self.append_entries(payloads, Some(now), durability, None)
    }

    /// Appends with [`Durability::Fsync`] a small commit that should succeed even on a full disk, such as the last
    /// commit of a unit of work. The append may use the disk space that is reserved for such commits. The result also
    /// contains the head after the commit.
    pub fn append_end<E: Event>(&self, events: &[E]) -> Result<(Committed, Head)> {
        let entries = PendingEntries::of(events)?;
        entries.check()?;
        let mut head = None;
        let done = self.append_entries(&entries, None, Durability::Fsync, Some(&mut head))?;
        Ok((done, head.ok_or_else(|| self.shared.stream_missing())?))
    }

    /// Appends entries that fit into one frame. `now` is the time of the storage's clock, if the caller has read it. If
    /// `head` is given, the append may use the reserved disk space, and sets `head` to the head of the stream after
    /// the last of these entries.
    fn append_entries(
        &self,
        entries: impl NewEntries,
        now: Option<u64>,
        durability: Durability,
        head: Option<&mut Option<Head>>,
    ) -> Result<Committed> {
        let room = if head.is_some() { Room::Reserved } else { Room::Ordinary };
        let shared = self.shared.as_ref();
        let mut guard = shared.ready()?;
        let (len, bytes) = entries.size();
        if !guard.batch.entries.has_room_for(len, bytes) {
            shared.write_batch(&mut guard, room)?;
        }
        let now = now.unwrap_or_else(|| shared.storage.now());
        let state = &mut *guard;
        let Some(active) = state.active.as_mut() else { return Err(shared.stream_missing()) };
        let count = len as u64;
        let before = state.batch.entries.len();
        let seq = active.next.plus(before as u64);
        let time = state.clock.tick(now, count);
        let first = Stamp { time, stream: active.id, seq };
        entries.push_to(&mut state.batch.entries, time);
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
            // If this process were killed now, another process could continue the stream and assign these sequence
            // numbers again.
            if let Err(e) = shared.reserve_numbers(state) {
                state.batch.entries.truncate(before);
                return Err(e);
            }
            self.start_batch_timer(state);
        }
        if let Some(head) = head {
            *head = state.active.as_ref().map(ActiveStream::head);
        }
        if durability == Durability::Fsync {
            shared.wait_for_sync(guard)?;
        }
        Ok(Committed { first, count, durability })
    }

    /// Selects or creates the stream for this process, like the first append. Returns the position at which the next
    /// append begins. Another thread can append before the caller does. Errors: as for [`Log::append`].
    pub fn prepare(&self) -> Result<Position> {
        let guard = self.shared.ready()?;
        let Some(active) = guard.active.as_ref() else { return Err(self.shared.stream_missing()) };
        Ok(Position { stream: active.id, seq: active.next.plus(guard.batch.entries.len() as u64) })
    }

    /// Writes the batch. After a successful call, the entries of the batch survive the death of the process.
    pub fn flush(&self) -> Result<()> {
        let mut guard = self.shared.lock();
        self.shared.write_batch(&mut guard, Room::Ordinary)
    }

    /// Makes everything appended so far durable. Errors: the batch cannot be written, the sync fails, or an earlier
    /// sync failed and neither `sync` nor [`Log::close`] has returned its error yet.
    pub fn sync(&self) -> Result<()> {
        let mut guard = self.shared.lock();
        self.shared.write_batch(&mut guard, Room::Ordinary)?;
        if guard.active.as_ref().is_some_and(|active| active.segment.can_be_synced()) {
            self.shared.wait_for_sync(guard)?;
            guard = self.shared.lock();
        }
        guard.unreported_failure.take().map_or(Ok(()), |failure| Err(failure.to_error()))
    }

    /// Closes the stream: writes the batch, syncs, writes a close mark, and releases the lock and the reserved space.
    /// The close mark is omitted if a sync of the stream failed. Returns the head of the stream; `None` if no stream is
    /// open. A later append continues an existing stream or creates a new one. Errors: the errors of [`Log::sync`], and
    /// a failed write of the close mark. If the batch cannot be written, the stream stays open.
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
            // A mark is written only after all entries before it are on disk.
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
                // Every assigned sequence number is in the stream, so another process may continue the stream.
                shared.claims(&[]).allow_continuation(active.id);
            }
            shared.finish_sync(state, synced);
        }
        marked?;
        state.unreported_failure.take().map_or(Ok(Some(head)), |failure| Err(failure.to_error()))
    }

    /// Returns the head of the stream that this process appends to; `None` if no stream is open. Entries of the batch
    /// are not included.
    pub fn head(&self) -> Option<Head> {
        self.shared.lock().active.as_ref().map(ActiveStream::head)
    }

    /// Returns the segment that this process appends to, up to its last complete frame. Buffered entries are not
    /// included. Returns `None` if no stream is open, or if the last write or sync of the segment failed.
    ///
    /// The result contains the frames that were written since the last call, unless they are many. The first call begins
    /// to record frames.
    pub fn open_segment(&self) -> Option<OpenSegment> {
        let mut guard = self.shared.lock();
        // The time is read while the state is locked, so every append after the end happens later.
        let at = self.shared.storage.now();
        let active = guard.active.as_mut()?;
        let segment = &mut active.segment;
        (segment.condition == Condition::Whole).then(|| OpenSegment {
            stream: active.id,
            base: segment.base,
            salt: segment.salt,
            file: Arc::clone(&segment.file),
            end: segment.offset,
            at,
            next: active.next,
            written: segment.record.take(segment.offset),
        })
    }

    /// Advances the clock to a time that was read from another stream. Returns false and ignores the time if it is too
    /// far ahead of the wall clock ([`crate::engine::clock::AHEAD_MAX`]), unless the clock has already passed the time.
    pub fn observe(&self, time: u64) -> bool {
        let mut guard = self.shared.lock();
        // A time that the clock has passed is not compared with the wall clock.
        guard.clock.has_passed(time) || guard.clock.observe(time, self.shared.storage.now())
    }

    /// Starts the timer of a new batch: notifies the background thread, or starts the thread if it does not run yet.
    fn start_batch_timer(&self, state: &mut State) {
        if !self.shared.options.batch.in_background {
            return;
        }
        if !state.batch.has_thread {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("contexta-batch".to_owned());
            // If the thread cannot be started, the next append checks the age.
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
