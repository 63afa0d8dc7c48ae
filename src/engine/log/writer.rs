//! Appending to this process's own stream.
//!
//! Invariants:
//! 1. One writer per stream: the holder of the stream's lock, in the folder and boot it was created in.
//! 2. An acknowledged commit is a whole frame that the kernel has (`Flush`) or the disk has (`Fsync`).
//! 3. After an error nothing is appended behind bytes that may be half a frame: the segment is cut back to
//!    its last whole frame, and if that fails too, or a sync failed, the stream is left for ever. After a failed
//!    sync it loses its lock file, so that other processes leave it as well.
//! 4. Rotation creates the next segment before it seals the old one; a full disk leaves the old one in use.
//! 5. A stream whose last segment is sealed is not continued: the segment behind it had numbers too.

use crate::engine::chain::{Chain, Head};
use crate::engine::checksum::Digest;
use crate::engine::clock::Clock;
use crate::engine::codec::PAYLOAD_BYTES_MAX;
use crate::engine::entry::{Event, Position, Seq, Stamp, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::durability::Durability;
use crate::engine::log::frame::{
    Draft, EXPANDED_BYTES_MAX, FLAG_CLOSE, FLAG_SEAL, FRAME_ENTRIES_MAX, put_entries, put_mark,
};
use crate::engine::log::names;
use crate::engine::log::reader::{Item, ScanMode, StreamReader, Tail};
use crate::engine::log::segment::{FRAMES_AT, Home, Mark, SEAL_INDEX_MAX, Seal, SegmentHeader};
use crate::engine::log::stream::{ResumePoint, create_segment, home_of, list_segments, list_streams};
use crate::engine::storage::{File, OpenMode, Storage, exists, read_full_at, write_all_at};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many of the newest streams a writer looks at for one to continue. Older ones are retired.
const CANDIDATES_MAX: usize = 8;
/// A frame is entered into the seal's index when at least so many bytes lie between it and the last one.
const INDEX_STEP: u64 = 64 << 10;

/// What a log's writer can be told.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// A segment is sealed and the next one begun when it has reached this size.
    pub segment_bytes_max: u64,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions { segment_bytes_max: 64 << 20 }
    }
}

/// An acknowledged commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The stamp of its first entry; the others follow, one nanosecond and one number further each.
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

/// A log on disk: appends to a stream of its own, which it claims or creates at the first append.
#[derive(Debug)]
pub struct Log {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    options: LogOptions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    clock: Clock,
    active: Option<ActiveStream>,
    /// A stream without a segment yet, as the storage refused one: the next attempt uses its folder.
    begun: Option<BegunStream>,
    /// Streams left for ever whose lock file could not be removed: one id for each such failure.
    left: Vec<StreamId>,
}

#[derive(Debug)]
struct BegunStream {
    id: StreamId,
    home: Option<Home>,
    process: u32,
    lock: Arc<dyn File>,
}

#[derive(Debug)]
struct ActiveStream {
    id: StreamId,
    home: Option<Home>,
    process: u32,
    /// Held for the lock on it.
    _lock: Arc<dyn File>,
    segment: ActiveSegment,
    next: Seq,
    chain: Chain,
}

#[derive(Debug)]
struct ActiveSegment {
    path: PathBuf,
    file: Arc<dyn File>,
    salt: u64,
    offset: u64,
    hasher: blake3::Hasher,
    entries: u64,
    frames: u64,
    times: (u64, u64),
    index: Vec<(Seq, u64)>,
    marked: bool,
    synced: bool,
}

impl ActiveSegment {
    fn new(path: PathBuf, file: Arc<dyn File>, header: &SegmentHeader) -> ActiveSegment {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header.encode());
        ActiveSegment {
            path,
            file,
            salt: header.salt,
            offset: FRAMES_AT,
            hasher,
            entries: 0,
            frames: 0,
            times: (0, 0),
            index: Vec::new(),
            marked: true,
            synced: true,
        }
    }

    /// Writes whole frames; on an error the file is as it was, or `Err((error, true))`: it cannot be used further.
    fn write(&mut self, bytes: &[u8]) -> std::result::Result<(), (Error, bool)> {
        if let Err(e) = write_all_at(self.file.as_ref(), self.offset, bytes) {
            let lost = self.file.set_len(self.offset).is_err();
            return Err((Error::io("append to segment", &self.path, e), lost));
        }
        self.offset += bytes.len() as u64;
        self.hasher.update(bytes);
        self.synced = false;
        Ok(())
    }

    /// Writes whole frames into a segment that is not the last any more; where that fails, zeros in their place.
    /// It is not cut: other processes may have it mapped.
    fn write_or_blank(&mut self, bytes: &[u8]) {
        if write_all_at(self.file.as_ref(), self.offset, bytes).is_err() {
            let written = self.file.len().unwrap_or(self.offset).saturating_sub(self.offset);
            let blank = vec![0u8; usize::try_from(written).unwrap_or(0).min(bytes.len())];
            // What then still stands there is reported as damage by which no entry is lost.
            let _ = write_all_at(self.file.as_ref(), self.offset, &blank);
        }
        self.synced = false;
    }

    fn sync(&mut self) -> Result<()> {
        if !self.synced {
            self.file.sync().map_err(|e| Error::io("sync segment", &self.path, e))?;
            self.synced = true;
        }
        Ok(())
    }

    fn count(&mut self, seq: Seq, offset: u64, entries: u64, times: (u64, u64)) {
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
}

impl Log {
    /// The log in `dir`. Nothing is read or created until the first append.
    pub fn new(storage: Arc<dyn Storage>, dir: PathBuf, options: LogOptions) -> Log {
        Log { storage, dir, options, state: Mutex::new(State::default()) }
    }

    /// The log's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The storage the log lies on.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Appends `events` as one commit: a reader sees all of them or none.
    ///
    /// Cost: encoding, one write, and with [`Durability::Fsync`] one sync. Errors: the events do not fit a
    /// commit, or the storage refused; then none of them is acknowledged, and the log is as it was (after a
    /// failed sync they may be found in it all the same).
    pub fn append<E: Event>(&self, events: &[E], durability: Durability) -> Result<Committed> {
        let drafts = events.iter().map(encode_draft).collect::<Result<Vec<Draft>>>()?;
        self.append_drafts(&drafts, durability)
    }

    /// As [`Log::append`], for events already encoded.
    pub fn append_drafts(&self, drafts: &[Draft], durability: Durability) -> Result<Committed> {
        let bytes: usize = drafts.iter().map(|d| d.payload.len()).sum();
        let fits = (1..=FRAME_ENTRIES_MAX).contains(&drafts.len())
            && bytes <= EXPANDED_BYTES_MAX - drafts.len() * 64
            && drafts.iter().all(|d| d.payload.len() <= PAYLOAD_BYTES_MAX);
        if !fits {
            return Err(Error::CommitTooLarge { entries: drafts.len(), bytes });
        }
        let mut guard = self.lock();
        let state = &mut *guard;
        let process = self.storage.process_id();
        if state.active.as_ref().is_some_and(|a| a.process != process) {
            // A forked child: the stream belongs to the parent, whose lock survives our closing of it.
            state.active = None;
        }
        let mut active = match state.active.take() {
            Some(active) => active,
            None => self.claim(state)?,
        };
        if active.segment.offset >= self.options.segment_bytes_max && active.segment.entries > 0 {
            let now = state.clock.tick(self.storage.now(), 1);
            if let Err(e) = self.rotate(&mut active, now) {
                self.leave(state, active);
                return Err(e);
            }
        }
        let count = drafts.len() as u64;
        let time = state.clock.tick(self.storage.now(), count);
        let first = Stamp { time, stream: active.id, seq: active.next };
        let mut frame = Vec::new();
        let mut chain = active.chain;
        put_entries(&mut frame, drafts, first, active.segment.salt, |head, payload| {
            chain.push(head, payload)
        });
        let offset = active.segment.offset;
        match active.segment.write(&frame) {
            Ok(()) => {}
            Err((error, lost)) => {
                // Unless the half frame is still there, the stream goes on.
                state.active = (!lost).then_some(active);
                return Err(error);
            }
        }
        active.segment.count(first.seq, offset, count, (time, time + count - 1));
        active.next = active.next.plus(count);
        active.chain = chain;
        if durability == Durability::Fsync
            && let Err(e) = active.segment.sync()
        {
            self.leave(state, active);
            return Err(e);
        }
        state.active = Some(active);
        Ok(Committed { first, count, durability })
    }

    /// Makes everything appended so far durable.
    pub fn sync(&self) -> Result<()> {
        let mut state = self.lock();
        let Some(mut active) = state.active.take() else { return Ok(()) };
        match active.segment.sync() {
            Ok(()) => state.active = Some(active),
            Err(e) => {
                self.leave(&mut state, active);
                return Err(e);
            }
        }
        Ok(())
    }

    /// Ends the own stream cleanly: close mark, sync, lock released. A later append claims a stream anew.
    pub fn close(&self) -> Result<Option<Head>> {
        let mut state = self.lock();
        let Some(mut active) = state.active.take() else { return Ok(None) };
        if active.process != self.storage.process_id() {
            return Ok(None);
        }
        let mut marked = Ok(());
        if !active.segment.marked {
            let mark = Mark { chain: active.chain.link(), seal: None };
            let mut frame = Vec::new();
            let time = active.segment.times.1;
            put_mark(&mut frame, FLAG_CLOSE, active.next, time, &mark.encode(), active.segment.salt);
            marked = active.segment.write(&frame).map_err(|(e, _)| e);
        }
        let head = Head { stream: active.id, seq: active.next.previous(), digest: active.chain.link() };
        if let Err(e) = active.segment.sync() {
            self.leave(&mut state, active);
            return Err(e);
        }
        marked.map(|()| Some(head))
    }

    /// The stream this process appends to, with how far it goes; `None` before the first append.
    pub fn head(&self) -> Option<Head> {
        let state = self.lock();
        let active = state.active.as_ref()?;
        Some(Head { stream: active.id, seq: active.next.previous(), digest: active.chain.link() })
    }

    /// Tells the clock of a time read from another stream. `false`: it lies too far ahead to follow.
    pub fn observe(&self, time: u64) -> bool {
        let now = self.storage.now();
        self.lock().clock.observe(time, now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves `active` taken out: the next append starts a stream anew.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a stream for ever after a failed sync: nobody knows what of it the disk still has, and what the
    /// kernel still shows of it proves nothing. Without its lock file no process continues it.
    fn leave(&self, state: &mut State, active: ActiveStream) {
        let lock = names::stream_dir(&self.dir, active.id).join(names::LOCK_NAME);
        if self.storage.remove_file(&lock).is_err() {
            state.left.push(active.id);
        }
    }

    fn claim(&self, state: &mut State) -> Result<ActiveStream> {
        self.storage.create_dir_all(&self.dir).map_err(|e| Error::io("create", &self.dir, e))?;
        let streams = list_streams(self.storage.as_ref(), &self.dir)?;
        let newest = streams.into_iter().rev().filter(|s| !state.left.contains(s)).take(CANDIDATES_MAX);
        for stream in newest {
            // A stream that cannot be read is a reason not to continue it, never a reason not to capture.
            if let Ok(Some(active)) = self.try_continue(stream, &mut state.clock) {
                return Ok(active);
            }
        }
        self.create_stream(state)
    }

    /// Goes on with an idle stream if its lock is free, this is the folder and boot it was created in, and its
    /// last segment is whole to the end.
    fn try_continue(&self, stream: StreamId, clock: &mut Clock) -> Result<Option<ActiveStream>> {
        let dir = names::stream_dir(&self.dir, stream);
        let Some(home) = home_of(self.storage.as_ref(), &dir) else { return Ok(None) };
        let lock_path = dir.join(names::LOCK_NAME);
        let Ok(lock) = self.storage.open(&lock_path, OpenMode::ReadWrite) else { return Ok(None) };
        if !matches!(lock.try_lock(), Ok(true)) {
            return Ok(None);
        }
        // Its holder may have left the stream, and removed the file, while it was opened here.
        if !matches!(exists(self.storage.as_ref(), &lock_path), Ok(true)) {
            return Ok(None);
        }
        let segments = list_segments(self.storage.as_ref(), &self.dir, stream)?;
        let Some(base) = segments.last().copied() else { return Ok(None) };
        let start = ResumePoint { segment: base, offset: 0, next: base };
        let mut reader = StreamReader::open_at(&self.storage, &self.dir, stream, ScanMode::Full, start)?;
        let mut seen = Vec::new();
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Commit(c) => {
                    let times = c.entries.first().zip(c.entries.last());
                    let times = times.map_or((0, 0), |(f, l)| (f.stamp.time, l.stamp.time));
                    seen.push((
                        c.entries.first().map_or(base, |e| e.stamp.seq),
                        c.offset,
                        c.entries.len(),
                        times,
                    ));
                }
                Item::Gap(_) | Item::Finding(_) => return Ok(None),
            }
        }
        let point = reader.resume_point();
        let (Some(header), Some(chain)) = (reader.header().cloned(), reader.chain()) else { return Ok(None) };
        let fits = header.home == Some(home)
            && matches!(reader.tail(), Tail::Open | Tail::Closed)
            // Behind a seal there was another segment; its numbers are taken.
            && !reader.is_sealed()
            && point.segment == base
            && point.offset < self.options.segment_bytes_max;
        if !fits {
            return Ok(None);
        }
        let path = names::segment_path(&self.dir, stream, base);
        let file = self.storage.open(&path, OpenMode::ReadWrite).map_err(|e| Error::io("open", &path, e))?;
        let mut segment = ActiveSegment::new(path, file, &header);
        for (seq, offset, entries, times) in seen {
            segment.count(seq, offset, entries as u64, times);
        }
        segment.marked = reader.tail() == Tail::Closed || segment.entries == 0;
        segment.synced = false;
        segment.resume_at(point.offset)?;
        clock.resume(reader.last_time().max(header.time));
        Ok(Some(ActiveStream {
            id: stream,
            home: Some(home),
            process: self.storage.process_id(),
            _lock: lock,
            segment,
            next: point.next,
            chain,
        }))
    }

    fn create_stream(&self, state: &mut State) -> Result<ActiveStream> {
        let process = self.storage.process_id();
        let begun = match state.begun.take().filter(|begun| begun.process == process) {
            Some(begun) => begun,
            None => self.begin_stream(process)?,
        };
        let mut salt = [0u8; 8];
        let entropy = self.storage.entropy(&mut salt);
        entropy.map_err(|e| Error::io("read random bytes for", &self.dir, e))?;
        let header = SegmentHeader {
            stream: begun.id,
            home: begun.home,
            base: Seq::FIRST,
            chain: Chain::START,
            salt: u64::from_le_bytes(salt).max(1),
            previous_salt: 0,
            time: state.clock.tick(self.storage.now(), 1),
            origin: None,
        };
        let path = names::segment_path(&self.dir, begun.id, header.base);
        let file = match create_segment(self.storage.as_ref(), &self.dir, &header) {
            Ok(file) => file,
            Err(e) => {
                // Otherwise every append to a full disk would leave another folder behind.
                if matches!(exists(self.storage.as_ref(), &path), Ok(false)) {
                    state.begun = Some(begun);
                }
                return Err(e);
            }
        };
        Ok(ActiveStream {
            id: begun.id,
            home: begun.home,
            process,
            _lock: begun.lock,
            segment: ActiveSegment::new(path, file, &header),
            next: Seq::FIRST,
            chain: Chain::START,
        })
    }

    /// A new stream's folder and lock.
    fn begin_stream(&self, process: u32) -> Result<BegunStream> {
        let mut random = [0u8; 10];
        let entropy = self.storage.entropy(&mut random);
        entropy.map_err(|e| Error::io("read random bytes for", &self.dir, e))?;
        let id = StreamId::new(self.storage.now(), random);
        let dir = names::stream_dir(&self.dir, id);
        self.storage.create_dir_all(&dir).map_err(|e| Error::io("create", &dir, e))?;
        let lock_path = dir.join(names::LOCK_NAME);
        let lock = self.storage.open(&lock_path, OpenMode::CreateNew);
        let lock = lock.map_err(|e| Error::io("create", &lock_path, e))?;
        let home = match lock.try_lock() {
            Ok(true) => home_of(self.storage.as_ref(), &dir),
            // No locks here, or a reader is just asking whether the stream is held: without the lock the stream is
            // used by this process only, and never continued.
            Ok(false) | Err(_) => None,
        };
        Ok(BegunStream { id, home, process, lock })
    }

    /// Creates the next segment, seals the old one, switches; where that cannot be, the old one stays in use.
    /// An error is that of a sync.
    fn rotate(&self, active: &mut ActiveStream, now: u64) -> Result<()> {
        let mut salt = [0u8; 8];
        if self.storage.entropy(&mut salt).is_err() {
            return Ok(());
        }
        let header = SegmentHeader {
            stream: active.id,
            home: active.home,
            base: active.next,
            chain: active.chain,
            salt: u64::from_le_bytes(salt).max(1),
            previous_salt: active.segment.salt,
            time: now,
            origin: None,
        };
        let Ok(file) = create_segment(self.storage.as_ref(), &self.dir, &header) else {
            // No room or no permission for another segment: the old one takes what it can; the append says
            // what is wrong if it is.
            return Ok(());
        };
        let old = &mut active.segment;
        let mark = Mark {
            chain: active.chain.link(),
            seal: Some(Seal {
                entries: old.entries,
                frames: old.frames,
                bytes: old.offset,
                times: old.times,
                digest: Digest(*old.hasher.finalize().as_bytes()),
                index: std::mem::take(&mut old.index),
            }),
        };
        let mut frame = Vec::new();
        put_mark(&mut frame, FLAG_SEAL, active.next, old.times.1, &mark.encode(), old.salt);
        // Without its seal a segment is still whole: the next header bounds it.
        old.write_or_blank(&frame);
        let synced = old.sync();
        let path = names::segment_path(&self.dir, active.id, header.base);
        active.segment = ActiveSegment::new(path, file, &header);
        synced
    }
}

impl ActiveSegment {
    /// Goes on at `offset`, having read the bytes before it again for the running digest.
    fn resume_at(&mut self, offset: u64) -> Result<()> {
        let mut buffer = vec![0u8; 256 << 10];
        let mut at = 0u64;
        self.hasher = blake3::Hasher::new();
        while at < offset {
            let want = usize::try_from(offset - at).unwrap_or(usize::MAX).min(buffer.len());
            let part = buffer.get_mut(..want).unwrap_or_default();
            let got = read_full_at(self.file.as_ref(), at, part)
                .map_err(|e| Error::io("read segment", &self.path, e))?;
            if got == 0 {
                break;
            }
            self.hasher.update(part.get(..got).unwrap_or_default());
            at += got as u64;
        }
        self.offset = offset;
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Whoever wants to know whether the end was clean calls `close`; an unmarked end is read all the same.
        let _ = self.close();
    }
}

/// Encodes one event.
pub fn encode_draft<E: Event>(event: &E) -> Result<Draft> {
    let mut payload = Vec::new();
    event.encode(&mut payload).map_err(|source| Error::Codec {
        kind: "unwritable",
        position: None,
        source,
    })?;
    Ok(Draft { kind: event.kind(), version: event.payload_version(), payload })
}
