//! Appending to this process's own stream.
//!
//! Invariants:
//! 1. One writer per stream: the holder of the stream's lock, in the folder and boot it was created in.
//! 2. An acknowledged commit is a whole frame that the kernel has (`Flush`) or the disk has (`Fsync`), or waits in
//!    this process with its number (`Batched`). Numbers are handed out once.
//! 3. After an error nothing is appended behind bytes that may be half a frame: the segment is cut back to its last
//!    whole frame, else the stream goes on in a new segment.
//! 4. A segment whose sync failed is left for a new one of the same stream; whoever waited for the sync hears of it.
//!    The stream loses its lock file, so that no other process continues it, and gets no close mark.
//! 5. Rotation creates the next segment before it seals the old one; a full disk leaves the old one in use.
//! 6. One sync at a time. Commits written while one runs share the next one.

use crate::engine::chain::Head;
use crate::engine::clock::Clock;
use crate::engine::domain::Domain;
use crate::engine::entry::{Event, Position, Stamp, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::active::{ActiveSegment, Condition, Room};
use crate::engine::log::claim::{ActiveStream, BegunStream, Claims};
use crate::engine::log::durability::{BatchOptions, Durability};
use crate::engine::log::frame::{FLAG_CLOSE, FLAG_SEAL, put_entries, put_mark};
use crate::engine::log::group::{SyncFailure, SyncGroup};
use crate::engine::log::rows::Rows;
use crate::engine::log::segment::Mark;
use crate::engine::storage::Storage;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a log's writer can be told.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The domain of what is appended. The first append fails if the log holds streams of another domain.
    pub domain: Domain,
    /// A segment is sealed and the next one begun when it has reached this size.
    pub segment_bytes_max: u64,
    /// When batched entries are handed over.
    pub batch: BatchOptions,
}

impl LogOptions {
    /// Options with segments of 64 MiB and [`BatchOptions::default`].
    pub fn new(domain: Domain) -> LogOptions {
        LogOptions { domain, segment_bytes_max: 64 << 20, batch: BatchOptions::default() }
    }
}

/// An acknowledged commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The stamp of its first entry; the others follow, one nanosecond and one number further each. With
    /// [`Durability::Batched`] it holds once the entries were handed over: if the process dies before, another one may
    /// use the numbers.
    pub first: Stamp,
    /// How many entries.
    pub count: u64,
    /// What is promised about them.
    pub durability: Durability,
}

impl Committed {
    /// The identity of the `n`th entry of the commit, from 0.
    pub fn position(&self, n: u64) -> Position {
        Position { stream: self.first.stream, seq: self.first.seq.plus(n) }
    }
}

/// A log on disk: appends to a stream of its own, which it claims or creates at the first append. Threads share it.
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
    /// A sync has ended.
    sync_ended: Condvar,
    /// A batch has begun, or the log is dropped.
    batch_begun: Condvar,
}

#[derive(Debug, Default)]
struct State {
    clock: Clock,
    /// The process that all this belongs to.
    process: u32,
    active: Option<ActiveStream>,
    begun: Option<BegunStream>,
    /// Streams whose lock file could not be removed when it had to be: one id for each such failure.
    left: Vec<StreamId>,
    batch: Batch,
    /// The frame that is being written, and the canonical bytes of its entries.
    frame: Vec<u8>,
    canonical: Vec<u8>,
    /// The commits written and not covered by a sync that has begun.
    group: SyncGroup,
    syncing: bool,
    /// A sync that failed since somebody last asked for everything to be durable.
    lost_sync: Option<SyncFailure>,
    stopping: bool,
}

/// Entries with a number that were not handed over yet.
#[derive(Debug, Default)]
struct Batch {
    rows: Rows,
    since: u64,
    /// Counts batches, so that a batch is told from the one before.
    number: u64,
    has_thread: bool,
}

type Guard<'a> = MutexGuard<'a, State>;

impl Log {
    /// The log in `dir`. Nothing is read or created until the first append.
    pub fn new(storage: Arc<dyn Storage>, dir: PathBuf, options: LogOptions) -> Log {
        let state = State { process: storage.process_id(), ..State::default() };
        let (sync_ended, batch_begun) = (Condvar::new(), Condvar::new());
        let state = Mutex::new(state);
        Log { shared: Arc::new(Shared { storage, dir, options, state, sync_ended, batch_begun }) }
    }

    /// The log's directory.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The storage the log lies on.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.shared.storage
    }

    /// Appends `events` as one commit: a reader sees all of them or none.
    ///
    /// Cost: encoding, one write, and with [`Durability::Fsync`] a sync, which threads that append at once share.
    /// Errors: the events do not fit a commit, or the storage refused; then none of them is acknowledged, and the log
    /// is as it was (after a failed sync they may be found in it all the same).
    pub fn append<E: Event>(&self, events: &[E], durability: Durability) -> Result<Committed> {
        Ok(self.append_rows(&Rows::of(events)?, durability, Room::Ordinary)?.0)
    }

    /// As [`Log::append`], for events already encoded; their times are set here.
    pub fn append_encoded(&self, rows: &Rows, durability: Durability) -> Result<Committed> {
        Ok(self.append_rows(rows, durability, Room::Ordinary)?.0)
    }

    /// As [`Log::append`] with [`Durability::Fsync`], for small commits with what must still be said when the disk is
    /// full: that a run has ended. May use the room that is kept back for it. With the head that covers the commit, to
    /// be kept elsewhere.
    pub fn append_end<E: Event>(&self, events: &[E]) -> Result<(Committed, Head)> {
        let (done, head) = self.append_rows(&Rows::of(events)?, Durability::Fsync, Room::Reserved)?;
        Ok((done, head.ok_or_else(|| self.shared.gone())?))
    }

    /// Appends; with the head afterwards where reserved room may be used.
    fn append_rows(
        &self,
        rows: &Rows,
        durability: Durability,
        room: Room,
    ) -> Result<(Committed, Option<Head>)> {
        rows.check()?;
        let shared = self.shared.as_ref();
        let mut guard = shared.ready()?;
        if !guard.batch.rows.fit_with(rows) {
            shared.hand_over(&mut guard, room)?;
        }
        let now = shared.storage.now();
        let state = &mut *guard;
        let Some(active) = state.active.as_mut() else { return Err(shared.gone()) };
        let count = rows.len() as u64;
        let before = state.batch.rows.len();
        let seq = active.next.plus(before as u64);
        let time = state.clock.tick(now, count);
        let first = Stamp { time, stream: active.id, seq };
        state.batch.rows.push_stamped(rows, time);
        let aged = now.abs_diff(state.batch.since) >= shared.options.batch.age_max;
        let full = state.batch.rows.payload_bytes() >= shared.options.batch.bytes_max;
        let result = if durability > Durability::Batched || full || (before > 0 && aged) {
            shared.hand_over(state, room)
        } else {
            // A full disk is said now, not when the batch is handed over.
            active.segment.take_room(state.batch.rows.frame_len_max() as u64, room)
        };
        if let Err(e) = result {
            state.batch.rows.truncate(before);
            return Err(e);
        }
        if before == 0 && !state.batch.rows.is_empty() {
            state.batch.since = now;
            // Whoever continues the stream after a kill would not know of these numbers.
            if let Err(e) = shared.keep_numbers(state) {
                state.batch.rows.truncate(before);
                return Err(e);
            }
            self.see_to_the_age(state);
        }
        let head = state.active.as_ref().filter(|_| room == Room::Reserved).map(ActiveStream::head);
        if durability == Durability::Fsync {
            shared.wait_for_sync(guard)?;
        }
        Ok((Committed { first, count, durability }, head))
    }

    /// Hands over what is batched: it survives the death of the process when this returns.
    pub fn flush(&self) -> Result<()> {
        let mut guard = self.shared.lock();
        self.shared.hand_over(&mut guard, Room::Ordinary)
    }

    /// Makes everything appended so far durable. Errors: a sync failed, now or since this was last asked.
    pub fn sync(&self) -> Result<()> {
        let mut guard = self.shared.lock();
        self.shared.hand_over(&mut guard, Room::Ordinary)?;
        if guard.active.as_ref().is_some_and(|active| active.segment.can_be_synced()) {
            self.shared.wait_for_sync(guard)?;
            guard = self.shared.lock();
        }
        guard.lost_sync.take().map_or(Ok(()), |failure| Err(failure.to_error()))
    }

    /// Ends the own stream cleanly: what is batched, a close mark, a sync; room and lock are given back. A later append
    /// claims a stream anew. Errors: as [`Log::sync`]; where what is batched cannot be handed over, the stream stays open.
    pub fn close(&self) -> Result<Option<Head>> {
        let shared = self.shared.as_ref();
        let mut guard = shared.wait_while_syncing(shared.lock());
        shared.hand_over(&mut guard, Room::Reserved)?;
        let state = &mut *guard;
        let Some(mut active) = state.active.take() else { return Ok(None) };
        let head = active.head();
        let link = head.digest;
        let segment = &mut active.segment;
        let mut marked = Ok(());
        if segment.condition != Condition::Latched {
            let mut synced = segment.sync();
            // The mark says that everything before it is on disk.
            if synced.is_ok() && active.synced_always && !segment.marked && segment.cut().is_ok() {
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
            if synced.is_err() && !active.left {
                shared.leave(state, active.id);
            } else if synced.is_ok() && active.left && active.synced_always && marked.is_ok() {
                // Everything that was given a number is there.
                shared.claims(&[]).allow_continuing(active.id);
            }
            shared.settle(state, synced);
        }
        marked?;
        state.lost_sync.take().map_or(Ok(Some(head)), |failure| Err(failure.to_error()))
    }

    /// The stream this process appends to, with how far it was handed over; `None` before the first append.
    pub fn head(&self) -> Option<Head> {
        self.shared.lock().active.as_ref().map(ActiveStream::head)
    }

    /// Tells the clock of a time read from another stream. `false`: it lies too far ahead to follow.
    pub fn observe(&self, time: u64) -> bool {
        let now = self.shared.storage.now();
        self.shared.lock().clock.observe(time, now)
    }

    /// Lets the thread know that a batch has begun, and starts it where there is none.
    fn see_to_the_age(&self, state: &mut State) {
        if !self.shared.options.batch.in_background {
            return;
        }
        if !state.batch.has_thread {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("contexta-batch".to_owned());
            // Without a thread the next append sees to the age.
            state.batch.has_thread = thread.spawn(move || shared.hand_over_by_age()).is_ok();
        }
        self.shared.batch_begun.notify_one();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Whoever wants to know whether the end was clean calls `close`; an unmarked end is read all the same.
        let _ = self.close();
        let mut state = self.shared.lock();
        state.stopping = true;
        // What `close` left open: the lock goes with it.
        state.active = None;
        self.shared.batch_begun.notify_all();
    }
}

impl Shared {
    /// The state, of this process. In a forked child the stream and what is batched belong to the parent, whose lock
    /// survives our closing of it.
    fn lock(&self) -> Guard<'_> {
        let mut guard = self.state.lock().unwrap_or_else(|poisoned: PoisonError<Guard<'_>>| {
            // A panic in the middle of a change: nobody knows what is true of the stream. It is left as it is.
            self.state.clear_poison();
            let mut guard = poisoned.into_inner();
            guard.forget();
            self.sync_ended.notify_all();
            guard
        });
        let process = self.storage.process_id();
        if guard.process != process {
            guard.process = process;
            guard.forget();
        }
        guard
    }

    /// The state, with a stream that can be appended to.
    fn ready(&self) -> Result<Guard<'_>> {
        let mut guard = self.lock();
        loop {
            let state = &mut *guard;
            let Some(active) = state.active.as_mut() else {
                let claims = self.claims(&state.left);
                state.active = Some(claims.claim(&mut state.clock, &mut state.begun)?);
                return Ok(guard);
            };
            let whole = active.segment.cut().is_ok();
            let full = active.segment.offset >= self.options.segment_bytes_max && active.segment.entries > 0;
            if whole && !full {
                return Ok(guard);
            }
            // Whoever waits for a sync of the old segment must not get one of the new.
            if !state.syncing {
                if whole {
                    self.rotate(state)?
                } else {
                    self.renew(state)?
                }
                return Ok(guard);
            }
            guard = self.wait(guard);
        }
    }

    fn claims<'a>(&'a self, left: &'a [StreamId]) -> Claims<'a> {
        let LogOptions { domain, segment_bytes_max, .. } = self.options;
        Claims { storage: &self.storage, log: &self.dir, domain, segment_bytes_max, left }
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

    /// What nobody should see: the stream went away under the lock.
    fn gone(&self) -> Error {
        Error::io("append to", &self.dir, io::ErrorKind::Interrupted.into())
    }

    /// Writes what is batched as one frame.
    fn hand_over(&self, state: &mut State, room: Room) -> Result<()> {
        if state.batch.rows.is_empty() {
            return Ok(());
        }
        if state.active.as_ref().is_some_and(|active| active.segment.condition == Condition::Latched) {
            self.renew(state)?;
        }
        let State { active, batch, frame, canonical, .. } = state;
        let Some(active) = active else { return Err(self.gone()) };
        let segment = &mut active.segment;
        segment.cut()?;
        frame.clear();
        canonical.clear();
        put_entries(frame, canonical, &batch.rows, active.id, active.next, segment.frame_salt());
        segment.take_room(frame.len() as u64, room)?;
        let offset = segment.offset;
        segment.write(frame)?;
        let count = batch.rows.len() as u64;
        segment.count(active.next, offset, count, batch.rows.times());
        active.next = active.next.plus(count);
        active.chain.push(canonical);
        batch.rows.clear();
        batch.number += 1;
        Ok(())
    }

    /// Waits until what is written is on disk: for the sync of another thread, or for one of its own.
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
            let Some(active) = state.active.as_ref() else { return Err(self.gone()) };
            let (file, path) = (Arc::clone(&active.segment.file), active.segment.path.clone());
            let reached = active.segment.offset;
            let covered = std::mem::take(&mut state.group);
            state.syncing = true;
            drop(guard);
            let result = file.sync().map_err(|e| SyncFailure::new(&path, &e));
            guard = self.lock();
            guard.syncing = false;
            covered.settle(result.clone());
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

    /// Tells those who wait for the next sync what became of it.
    fn settle(&self, state: &mut State, result: std::result::Result<(), SyncFailure>) {
        std::mem::take(&mut state.group).settle(result.clone());
        if let Err(failure) = result {
            state.lost_sync = Some(failure);
            self.taint(state);
        }
        self.sync_ended.notify_all();
    }

    /// After a failed sync: what was written since is in the same segment and shares its fate; the stream goes on in
    /// another one.
    fn latch(&self, state: &mut State, failure: SyncFailure) {
        self.settle(state, Err(failure));
        let Some(active) = state.active.as_mut() else { return };
        active.segment.condition = Condition::Latched;
        // Where it cannot be now, the next append tries again.
        let _ = self.renew(state);
    }

    /// No other process continues the stream while numbers are given out that are not in it yet: until it is closed.
    /// Where that cannot be seen to, nothing waits.
    fn keep_numbers(&self, state: &mut State) -> Result<()> {
        let Some(active) = state.active.as_mut().filter(|active| !active.left) else { return Ok(()) };
        active.left = self.claims(&[]).forbid_continuing(active.id);
        if active.left { Ok(()) } else { self.hand_over(state, Room::Ordinary) }
    }

    /// The active stream gets no close mark any more, and once this process has let go of it nobody continues it.
    fn taint(&self, state: &mut State) {
        if let Some(active) = state.active.as_mut().filter(|active| active.synced_always) {
            active.synced_always = false;
            let (stream, left) = (active.id, std::mem::replace(&mut active.left, true));
            if !left {
                self.leave(state, stream);
            }
        }
    }

    fn leave(&self, state: &mut State, stream: StreamId) {
        if !self.claims(&[]).forbid_continuing(stream) {
            state.left.push(stream);
        }
    }

    /// Creates the segment that comes next. A creation that failed half-way may have left something under its name: then
    /// nobody continues the stream, as these numbers may be used in the old segment.
    fn create_next(&self, state: &mut State) -> Result<ActiveSegment> {
        let State { active, clock, left, .. } = state;
        let Some(active) = active else { return Err(self.gone()) };
        let claims = self.claims(left);
        let result = claims.create_next(active, clock.tick(self.storage.now(), 1));
        if let Err(e) = &result {
            // On a full disk the header area never becomes whole.
            active.segment.may_be_mapped |= e.code() != "storage_full";
            if claims.has_next(active) {
                self.taint(state);
            }
        }
        result
    }

    /// Goes on in a new segment of the same stream. The old one gets no seal: its end is not known to be whole.
    fn renew(&self, state: &mut State) -> Result<()> {
        if let Some(active) = state.active.as_ref().filter(|a| a.segment.condition == Condition::Ragged) {
            active.segment.blank_next_header()?;
        }
        let next = self.create_next(state)?;
        let Some(active) = state.active.as_mut() else { return Ok(()) };
        let (old, _) = active.go_on_in(next);
        if old.condition == Condition::Ragged {
            let synced = old.file.sync().map_err(|e| SyncFailure::new(&old.path, &e));
            self.settle(state, synced);
        }
        Ok(())
    }

    /// Creates the next segment, seals the old one, switches; where that cannot be, the old one stays in use.
    /// An error is that of the old one's sync.
    fn rotate(&self, state: &mut State) -> Result<()> {
        let Ok(next) = self.create_next(state) else {
            // No room or no permission for another segment: the old one takes what it can; the append says
            // what is wrong if it is.
            return Ok(());
        };
        let Some(active) = state.active.as_mut() else { return Ok(()) };
        let (mut old, link) = active.go_on_in(next);
        let mark = Mark { chain: link, seal: Some(old.seal()) };
        let mut frame = Vec::new();
        put_mark(&mut frame, FLAG_SEAL, active.next, old.times.1, &mark.encode(), old.frame_salt());
        // Without its seal a segment is still whole: the next header bounds it.
        old.write_or_blank(&frame);
        let synced = old.file.sync().map_err(|e| SyncFailure::new(&old.path, &e));
        self.settle(state, synced.clone());
        synced.map_err(|failure| failure.to_error())
    }

    /// Sees to it that no batch grows older than it may, until the log is dropped.
    fn hand_over_by_age(&self) {
        let age_max = Duration::from_nanos(self.options.batch.age_max);
        let mut guard = self.lock();
        while !guard.stopping {
            if guard.batch.rows.is_empty() {
                guard = self.batch_begun.wait(guard).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (number, begun) = (guard.batch.number, Instant::now());
            while !guard.stopping && guard.batch.number == number && begun.elapsed() < age_max {
                let left = age_max.saturating_sub(begun.elapsed());
                let waited = self.batch_begun.wait_timeout(guard, left);
                guard = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            if guard.batch.number == number {
                // It stays batched then; the next append, or the next age, tries again and the append says why.
                let _ = self.hand_over(&mut guard, Room::Ordinary);
            }
        }
    }
}

impl State {
    /// Lets go of the stream without a word: it is another process's, or nobody knows what is true of it.
    fn forget(&mut self) {
        self.active = None;
        self.begun = None;
        self.batch = Batch { has_thread: false, ..Batch::default() };
        let failure = SyncFailure::new(Path::new(""), &io::ErrorKind::Interrupted.into());
        std::mem::take(&mut self.group).settle(Err(failure));
        self.syncing = false;
        self.lost_sync = None;
    }
}
