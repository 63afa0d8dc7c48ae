//! The projector: catches up with the log, hands out views, publishes generations, rebuilds.
//!
//! Invariants:
//! 1. Rows and cursors of a step change in one redb transaction.
//! 2. A cursor is relied on only after the log confirmed it; otherwise everything is rebuilt.
//! 3. Readers in other processes are never waited for: a generation is published under a new name, and only
//!    by whoever gets the lock at once.
//! 4. A damaged generation, an error of redb or a panic in it is answered by setting the generation aside and
//!    rebuilding, once; the view says so.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Entry, Event, Gap, Kind, Position, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::reader::{Commit, FindingKind, Item, ScanMode, StreamReader, Tail};
use crate::engine::log::stream::{ResumePoint, is_held, list_segments, list_streams};
use crate::engine::projection::cursor::{CurrentFile, Cursor, Listing};
use crate::engine::projection::digest::{TablesDigest, digest};
use crate::engine::projection::generation::{self, Generation};
use crate::engine::projection::overlay::Overlay;
use crate::engine::projection::tables::{Definition, TableSpec, Tables};
use crate::engine::projection::view::View;
use crate::engine::projection::{Applied, Projection};
use crate::engine::storage::{OpenMode, Storage, exists};
use rayon::prelude::*;
use redb::{ReadableDatabase, ReadableTable};
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Cursor rows: stream -> [`Cursor`].
const CURSORS: &str = "_cursors";
/// Where some frames begin: stream, first number -> segment, offset. Hints only.
pub(super) const FRAMES: &str = "_frames";
/// Entries of unknown kinds: kind -> count.
const UNKNOWN: &str = "_unknown";
/// Entries whose payload could not be decoded: stream, number -> kind.
const UNREADABLE: &str = "_unreadable";
/// Entries applied so far.
const APPLIED: &str = "_applied";

/// Changed whenever the engine's own tables or the table types change their rows.
const LAYOUT_VERSION: u32 = 2;
/// Entries and bytes of one step: one transaction.
const STEP_ENTRIES: usize = 50_000;
const STEP_BYTES: usize = 32 << 20;
/// A frame is entered into the frame index when so many bytes lie between it and the last one.
const FRAME_INDEX_STEP: u64 = 32 << 10;
/// A catch-up that took so long, in nanoseconds, is worth publishing.
const PUBLISH_AFTER: u64 = 250_000_000;
/// Files that changed this recently, in nanoseconds, are read even if they look the same: clocks are coarse.
const FRESH: u64 = 2_000_000_000;

/// What a projector can be told.
#[derive(Debug, Clone)]
pub struct ProjectorOptions {
    /// Whether new generations may be written.
    pub publish: bool,
    /// Memory that redb may use as a cache, in bytes.
    pub cache_bytes: usize,
}

impl Default for ProjectorOptions {
    fn default() -> ProjectorOptions {
        ProjectorOptions { publish: true, cache_bytes: 64 << 20 }
    }
}

/// Called with bytes of log done and in all, now and then during long work.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Why the tables were made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RebuildReason {
    /// There was no generation.
    Absent,
    /// It was asked for.
    Asked,
    /// Other projections, or other versions of them, made the generation.
    Version,
    /// The generation or the database in it is damaged.
    Damaged(String),
    /// The log is not the one the generation was made from, or changed behind the cursor.
    History(StreamId),
}

/// What a view lacks, or what was done to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The tables were made anew from the log.
    Rebuilt {
        /// Why.
        reason: RebuildReason,
        /// How many entries were applied.
        entries: u64,
    },
    /// Entries are missing.
    Gap(Gap),
    /// A stream ends in bytes that are no whole frame, and no writer is at it.
    Unfinished {
        /// The stream.
        stream: StreamId,
        /// The last entry before those bytes.
        after: Seq,
    },
    /// A segment needs a newer reader.
    Newer {
        /// The stream.
        stream: StreamId,
        /// The format version it was written in.
        version: u16,
    },
    /// A stream could not be read at all this time.
    StreamUnreadable {
        /// The stream.
        stream: StreamId,
        /// What the file system said.
        reason: String,
    },
    /// Entries of a kind this build does not know.
    UnknownKind {
        /// The kind.
        kind: Kind,
        /// How many.
        count: u64,
    },
    /// An entry whose payload is not what its kind says.
    UnreadableEntry {
        /// Which.
        position: Position,
    },
    /// The new generation could not be written; the answer is right all the same.
    NotPublished {
        /// Why.
        reason: String,
    },
}

/// What a catch-up or rebuild did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// Entries applied.
    pub entries: u64,
    /// What is missing, and what was done.
    pub notes: Vec<Note>,
}

/// Keeps the projections of one log.
pub struct Projector<E: Event> {
    storage: Arc<dyn Storage>,
    log: PathBuf,
    dir: PathBuf,
    options: ProjectorOptions,
    projections: Vec<Box<dyn Projection<E>>>,
    fingerprint: Digest,
    opened: Mutex<Option<Opened>>,
}

impl<E: Event> std::fmt::Debug for Projector<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.projections.iter().map(|p| p.name()).collect();
        f.debug_struct("Projector").field("log", &self.log).field("projections", &names).finish()
    }
}

struct Opened {
    database: Arc<redb::Database>,
    overlay: Overlay,
    number: u64,
    /// Entries in the published generation; `None`: nothing is published.
    published: Option<u64>,
    applied: u64,
    rebuilt: Option<RebuildReason>,
}

enum StreamState {
    Unchanged,
    Changed(Cursor),
    History,
}

/// What a catch-up gathers from one stream before it is applied.
struct Step {
    entries: Vec<Entry>,
    bytes: usize,
    frames: Vec<(StreamId, FramePlace)>,
    cursors: BTreeMap<StreamId, Cursor>,
}

struct FramePlace {
    first: Seq,
    segment: Seq,
    offset: u64,
}

/// A commit as a cursor knows it.
struct CommitPlace {
    frame: ResumePoint,
    end: ResumePoint,
    last: (Seq, u32),
}

impl CommitPlace {
    fn of(commit: &Commit) -> Option<CommitPlace> {
        let (first, last) = commit.entries.first().zip(commit.entries.last())?;
        let frame = ResumePoint { segment: commit.segment, offset: commit.offset, next: first.stamp.seq };
        let end = ResumePoint { offset: commit.end, next: last.stamp.seq.next(), ..frame };
        Some(CommitPlace { frame, end, last: (last.stamp.seq, last.checksum) })
    }
}

impl Step {
    fn new() -> Step {
        Step { entries: Vec::new(), bytes: 0, frames: Vec::new(), cursors: BTreeMap::new() }
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= STEP_ENTRIES || self.bytes >= STEP_BYTES
    }
}

impl<E: Event> Projector<E> {
    /// A projector for the log in `log`, with generations in `dir`. Nothing is opened yet.
    pub fn new(
        storage: Arc<dyn Storage>,
        log: PathBuf,
        dir: PathBuf,
        options: ProjectorOptions,
        projections: Vec<Box<dyn Projection<E>>>,
    ) -> Projector<E> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&LAYOUT_VERSION.to_le_bytes());
        hasher.update(format!("{:?}", E::KINDS).as_bytes());
        for projection in &projections {
            hasher.update(format!("{}\0{}\0", projection.name(), projection.version()).as_bytes());
            for table in projection.tables() {
                hasher.update(format!("{}\0{:?}\0", table.name, table.kind).as_bytes());
            }
        }
        let fingerprint = Digest(*hasher.finalize().as_bytes());
        Projector { storage, log, dir, options, projections, fingerprint, opened: Mutex::new(None) }
    }

    /// All tables of all projections.
    pub fn tables(&self) -> Vec<TableSpec> {
        self.projections.iter().flat_map(|p| p.tables().iter().copied()).collect()
    }

    /// Catches up with the log, then answers `question` from one consistent view.
    ///
    /// The question may be asked twice: if the tables turn out to be damaged they are rebuilt first.
    pub fn read<T>(&self, question: impl Fn(&View) -> Result<T>) -> Result<T> {
        match self.attempt(&question, None, &|_, _| {}) {
            Err(Error::ProjectionUnusable { reason, .. }) => {
                self.attempt(&question, Some(RebuildReason::Damaged(reason)), &|_, _| {})
            }
            other => other,
        }
    }

    /// Throws the tables away and makes them again from the log.
    pub fn rebuild(&self, progress: Progress<'_>) -> Result<CatchUp> {
        let entries = |view: &View| Ok(view.notes().to_vec());
        let notes = self.attempt(&entries, Some(RebuildReason::Asked), progress)?;
        let entries = notes
            .iter()
            .find_map(|n| match n {
                Note::Rebuilt { entries, .. } => Some(*entries),
                _ => None,
            })
            .unwrap_or(0);
        Ok(CatchUp { entries, notes })
    }

    /// The digest of all tables, after catching up.
    pub fn digest(&self) -> Result<TablesDigest> {
        let tables = self.tables();
        self.read(|view| digest(view, &tables))
    }

    /// The digest that a rebuild from the log would give. Nothing on disk changes.
    pub fn digest_from_scratch(&self, progress: Progress<'_>) -> Result<TablesDigest> {
        let options = ProjectorOptions { publish: false, ..self.options.clone() };
        let mut opened = self.create(options.cache_bytes, RebuildReason::Asked, 0)?;
        let notes = self.catch_up(&mut opened, progress)?;
        digest(&self.view(&opened, notes.unwrap_or_default())?, &self.tables())
    }

    fn attempt<T>(
        &self,
        question: &impl Fn(&View) -> Result<T>,
        rebuild: Option<RebuildReason>,
        progress: Progress<'_>,
    ) -> Result<T> {
        // redb asserts where it meets what it never wrote; a panic there is damage, not the end of the caller.
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let view = self.current_view(rebuild, progress)?;
            question(&view)
        }));
        match caught {
            Ok(result) => result,
            Err(panic) => {
                let said = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
                let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                Err(self.unusable(format!("a panic: {said}")))
            }
        }
    }

    fn unusable(&self, reason: impl std::fmt::Display) -> Error {
        Error::ProjectionUnusable { path: self.dir.clone(), reason: reason.to_string() }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Opened>> {
        // After a panic the state is whatever it was; `attempt` then rebuilds.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current_view(&self, rebuild: Option<RebuildReason>, progress: Progress<'_>) -> Result<View> {
        let mut guard = self.lock();
        let mut opened = match (guard.take(), rebuild) {
            (opened, Some(reason)) => {
                let number = opened.map_or(0, |o| o.number);
                if let RebuildReason::Damaged(_) = reason {
                    self.set_aside()?;
                }
                self.create(self.options.cache_bytes, reason, number)?
            }
            (Some(opened), None) => opened,
            (None, None) => self.open()?,
        };
        let notes = match self.catch_up(&mut opened, progress) {
            Ok(Some(notes)) => notes,
            Ok(None) => {
                let reason = opened.rebuilt.take().unwrap_or(RebuildReason::Absent);
                opened = self.create(self.options.cache_bytes, reason, opened.number)?;
                // A fresh database has no cursors to be refused.
                self.catch_up(&mut opened, progress)?.unwrap_or_default()
            }
            Err(e) => return Err(e),
        };
        let (opened, notes) = self.publish(opened, notes);
        let opened = opened?;
        let view = self.view(&opened, notes);
        *guard = Some(opened);
        view
    }

    fn view(&self, opened: &Opened, notes: Vec<Note>) -> Result<View> {
        let transaction = opened.database.begin_read().map_err(|e| self.unusable(e))?;
        Ok(View::new(
            transaction,
            Arc::clone(&opened.database),
            self.dir.clone(),
            Arc::clone(&self.storage),
            self.log.clone(),
            notes,
        ))
    }

    /// Opens the newest generation, or an empty database.
    fn open(&self) -> Result<Opened> {
        let generations = generation::list(self.storage.as_ref(), &self.dir)?;
        let Some((number, path)) = generations.first() else {
            return self.create(self.options.cache_bytes, RebuildReason::Absent, 0);
        };
        let base = match Generation::open(self.storage.as_ref(), path) {
            Ok(base) => base,
            // Replaced by a newer one between listing and opening.
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return self.create(self.options.cache_bytes, RebuildReason::Absent, *number);
            }
            Err(e) => return Err(e),
        };
        if base.fingerprint() != self.fingerprint {
            return self.create(self.options.cache_bytes, RebuildReason::Version, *number);
        }
        let mut opened = self.open_over(Some(Arc::new(base)), self.options.cache_bytes, *number)?;
        opened.applied = self.read_applied(&opened.database)?;
        opened.published = Some(opened.applied);
        Ok(opened)
    }

    fn create(&self, cache: usize, reason: RebuildReason, number: u64) -> Result<Opened> {
        let mut opened = self.open_over(None, cache, number)?;
        opened.rebuilt = Some(reason);
        Ok(opened)
    }

    fn open_over(&self, base: Option<Arc<Generation>>, cache: usize, number: u64) -> Result<Opened> {
        let overlay = Overlay::new(base);
        let database = redb::Builder::new()
            .set_cache_size(cache)
            .create_with_backend(overlay.clone())
            .map_err(|e| self.unusable(e))?;
        Ok(Opened {
            database: Arc::new(database),
            overlay,
            number,
            published: None,
            applied: 0,
            rebuilt: None,
        })
    }

    fn read_applied(&self, database: &redb::Database) -> Result<u64> {
        let transaction = database.begin_read().map_err(|e| self.unusable(e))?;
        match transaction.open_table(Definition::new(APPLIED)) {
            Ok(table) => {
                let row = table.get(&b""[..]).map_err(|e| self.unusable(e))?;
                Ok(row
                    .and_then(|r| r.value().first_chunk::<8>().map(|b| u64::from_le_bytes(*b)))
                    .unwrap_or(0))
            }
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(0),
            Err(e) => Err(self.unusable(e)),
        }
    }

    fn read_cursors(&self, database: &redb::Database) -> Result<BTreeMap<StreamId, Cursor>> {
        let mut cursors = BTreeMap::new();
        let transaction = database.begin_read().map_err(|e| self.unusable(e))?;
        let table = match transaction.open_table(Definition::new(CURSORS)) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(cursors),
            Err(e) => return Err(self.unusable(e)),
        };
        for row in table.iter().map_err(|e| self.unusable(e))? {
            let (key, value) = row.map_err(|e| self.unusable(e))?;
            let stream = key.value().first_chunk::<16>().map(|id| StreamId(*id));
            let cursor = stream.and_then(|s| Some((s, Cursor::decode(s, value.value())?)));
            let (stream, cursor) = cursor.ok_or_else(|| self.unusable("a cursor row is malformed"))?;
            cursors.insert(stream, cursor);
        }
        Ok(cursors)
    }

    /// Applies what the log has beyond the cursors. `Ok(None)`: the log does not confirm them;
    /// `opened.rebuilt` says why, and the caller starts from nothing.
    fn catch_up(&self, opened: &mut Opened, progress: Progress<'_>) -> Result<Option<Vec<Note>>> {
        let started = self.storage.now();
        let mut cursors = self.read_cursors(&opened.database)?;
        let streams = list_streams(self.storage.as_ref(), &self.log)?;
        if let Some(gone) = cursors.keys().find(|s| streams.binary_search(s).is_err()) {
            opened.rebuilt = Some(RebuildReason::History(*gone));
            return Ok(None);
        }
        let total = if opened.rebuilt.is_some() { self.log_bytes(&streams) } else { 0 };
        let mut done = 0u64;
        let mut notes = Vec::new();
        let mut step = Step::new();
        let mut applied = 0u64;
        for stream in streams {
            let cursor = cursors.remove(&stream).unwrap_or_else(Cursor::start);
            let gaps_before = cursor.gaps.clone();
            let looked = Listing::of(self.storage.as_ref(), &self.log, stream)
                .and_then(|listing| Ok((self.look_at(stream, cursor, &listing)?, listing)));
            let (state, listing) = match looked {
                Ok(looked) => looked,
                Err(Error::Io { source, .. }) => {
                    notes.extend(gaps_before.into_iter().map(Note::Gap));
                    notes.push(Note::StreamUnreadable { stream, reason: source.to_string() });
                    continue;
                }
                Err(e) => return Err(e),
            };
            let mut cursor = match state {
                StreamState::Unchanged => {
                    notes.extend(gaps_before.into_iter().map(Note::Gap));
                    continue;
                }
                StreamState::History => {
                    opened.rebuilt = Some(RebuildReason::History(stream));
                    return Ok(None);
                }
                StreamState::Changed(cursor) => cursor,
            };
            let result = self.follow(stream, &mut cursor, &listing, &mut notes, &mut |cursor, commit| {
                done += commit.end - commit.offset;
                step.bytes += commit.entries.iter().map(|e| e.payload.len()).sum::<usize>();
                let first = commit.entries.first().map_or(Seq(0), |e| e.stamp.seq);
                step.frames
                    .push((stream, FramePlace { first, segment: commit.segment, offset: commit.offset }));
                step.entries.extend(commit.entries);
                if step.is_full() {
                    step.cursors.insert(stream, cursor.clone());
                    applied += step.entries.len() as u64;
                    self.apply(opened, std::mem::replace(&mut step, Step::new()))?;
                    progress(done, total.max(done));
                }
                Ok(())
            });
            match result {
                Ok(true) => {}
                Ok(false) => {
                    opened.rebuilt = Some(RebuildReason::History(stream));
                    return Ok(None);
                }
                Err(Error::Io { source, .. }) => {
                    notes.push(Note::StreamUnreadable { stream, reason: source.to_string() });
                }
                Err(e) => return Err(e),
            }
            notes.extend(cursor.gaps.iter().copied().map(Note::Gap));
            step.cursors.insert(stream, cursor);
        }
        applied += step.entries.len() as u64;
        if !step.cursors.is_empty() {
            self.apply(opened, step)?;
        }
        progress(total.max(done), total.max(done));
        opened.applied += applied;
        if let Some(reason) = opened.rebuilt.take()
            && opened.applied > 0
        {
            notes.insert(0, Note::Rebuilt { reason, entries: opened.applied });
        }
        self.note_odd_entries(&opened.database, &mut notes)?;
        if self.storage.now().saturating_sub(started) > PUBLISH_AFTER {
            opened.published = opened.published.filter(|_| applied == 0);
        }
        Ok(Some(notes))
    }

    fn log_bytes(&self, streams: &[StreamId]) -> u64 {
        let storage = self.storage.as_ref();
        let mut bytes = 0u64;
        for stream in streams {
            for base in list_segments(storage, &self.log, *stream).unwrap_or_default() {
                let path = crate::engine::log::names::segment_path(&self.log, *stream, base);
                bytes += storage.info(&path).map_or(0, |i| i.len);
            }
        }
        bytes
    }

    /// Decides whether a stream needs reading, and whether its cursor can be relied on.
    fn look_at(&self, stream: StreamId, mut cursor: Cursor, listing: &Listing) -> Result<StreamState> {
        let files = listing.seen_from(cursor.resume.segment);
        let same = files == cursor.files;
        if let (true, true, Some(file)) = (same, cursor.settled, &files.current)
            && self.storage.now() > file.modified.saturating_add(FRESH)
        {
            return Ok(StreamState::Unchanged);
        }
        if cursor.last.0 == Seq(0) {
            return Ok(StreamState::Changed(Cursor::start()));
        }
        let inode = |file: &CurrentFile| file.inode;
        let appended_at_most = files.earlier == cursor.files.earlier
            && files.current.as_ref().map(inode) == cursor.files.current.as_ref().map(inode)
            // A gap in this segment may have healed, and the file does not tell.
            && !cursor.gaps.iter().any(|gap| gap.last >= Some(cursor.resume.segment))
            && (same || self.has_more(stream, &cursor)?);
        let mut place = if appended_at_most { self.confirm_last(stream, &cursor)? } else { None };
        if place.is_none() {
            // Something changed that is not an append: read it all again and compare what can be compared.
            place = self.confirm_all(stream, &cursor)?;
        }
        let Some(place) = place else { return Ok(StreamState::History) };
        // Only what was confirmed is relied on: marks and gaps behind the last entry are read again.
        (cursor.frame, cursor.resume) = (place.frame, place.end);
        cursor.gaps.retain(|gap| gap.first <= cursor.last.0);
        Ok(StreamState::Changed(cursor))
    }

    fn reader(&self, stream: StreamId, at: ResumePoint) -> Result<StreamReader> {
        StreamReader::open_at(&self.storage, &self.log, stream, ScanMode::Follow, at)
    }

    /// The frame that the cursor ended with, if it is still where it was.
    fn confirm_last(&self, stream: StreamId, cursor: &Cursor) -> Result<Option<CommitPlace>> {
        let item = self.reader(stream, cursor.frame)?.next_item()?;
        let Some(Item::Commit(commit)) = item else { return Ok(None) };
        Ok(CommitPlace::of(&commit).filter(|place| place.last == cursor.last))
    }

    /// Whether something follows that was not there when the cursor was made.
    fn has_more(&self, stream: StreamId, cursor: &Cursor) -> Result<bool> {
        let mut reader = self.reader(stream, cursor.resume)?;
        let item = reader.next_item()?;
        Ok(item.is_some() || reader.resume_point().offset != cursor.resume.offset)
    }

    /// The frame that ends with the cursor's last entry, if a complete reading finds it, and exactly the cursor's
    /// gaps before it.
    fn confirm_all(&self, stream: StreamId, cursor: &Cursor) -> Result<Option<CommitPlace>> {
        let mut reader = self.reader(stream, ResumePoint::START)?;
        let mut gaps = Vec::new();
        let known = || cursor.gaps.iter().filter(|gap| gap.first <= cursor.last.0);
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Commit(commit) => {
                    let Some(place) = CommitPlace::of(&commit) else { continue };
                    if place.last.0 >= cursor.last.0 {
                        let same = place.last == cursor.last && gaps.iter().eq(known());
                        return Ok(same.then_some(place));
                    }
                }
                Item::Gap(gap) if gap.last.is_some() => gaps.push(gap),
                Item::Gap(_) | Item::Finding(_) => {}
            }
        }
        Ok(None)
    }

    /// Reads a stream on from its cursor. `Ok(false)`: the log contradicts the cursor.
    fn follow(
        &self,
        stream: StreamId,
        cursor: &mut Cursor,
        listing: &Listing,
        notes: &mut Vec<Note>,
        take: &mut dyn FnMut(&Cursor, Commit) -> Result<()>,
    ) -> Result<bool> {
        // Until its end is reached: an error on the way must not pass for it.
        cursor.settled = false;
        let mut reader = self.reader(stream, cursor.resume)?;
        let mut open_gap = false;
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Commit(commit) => {
                    let Some(place) = CommitPlace::of(&commit) else { continue };
                    if place.frame.next <= cursor.last.0 {
                        return Ok(false);
                    }
                    (cursor.last, cursor.frame, cursor.resume) = (place.last, place.frame, place.end);
                    take(cursor, commit)?;
                }
                Item::Gap(gap) if gap.last.is_some() => cursor.gaps.push(gap),
                Item::Gap(gap) => {
                    open_gap = true;
                    notes.push(Note::Gap(gap));
                }
                Item::Finding(f) => {
                    if let FindingKind::Newer { version } = f.kind {
                        notes.push(Note::Newer { stream, version });
                    }
                }
            }
        }
        let end = reader.resume_point();
        if end.offset > 0 {
            cursor.resume = end;
        }
        cursor.files = listing.seen_from(cursor.resume.segment);
        let unfinished = matches!(reader.tail(), Tail::Unfinished { .. });
        if unfinished && !open_gap && !is_held(self.storage.as_ref(), &self.log, stream) {
            notes.push(Note::Unfinished { stream, after: cursor.resume.next.previous() });
        }
        // An end that is not whole is looked at again every time, until it is repaired or explained.
        cursor.settled = !unfinished && !open_gap;
        Ok(true)
    }

    /// Decodes (on all cores), applies, moves the cursors: one transaction.
    fn apply(&self, opened: &Opened, step: Step) -> Result<()> {
        let decoded: Vec<Result<Option<E>>> = step
            .entries
            .par_iter()
            .map(|entry| {
                E::decode(entry.kind, entry.version, &entry.payload).map_err(|source| Error::Codec {
                    kind: "unreadable",
                    position: Some(entry.stamp.position()),
                    source,
                })
            })
            .collect();
        let transaction = opened.database.begin_write().map_err(|e| self.unusable(e))?;
        let mut unknown: HashMap<Kind, u64> = HashMap::new();
        let mut unreadable = Vec::new();
        let mut tables = Tables::new(&transaction, &self.dir);
        for (entry, event) in step.entries.iter().zip(decoded) {
            match event {
                Ok(Some(event)) => {
                    let applied = Applied { stamp: entry.stamp, event: &event };
                    for projection in self.projections.iter().filter(|p| p.wants(entry.kind)) {
                        projection.apply(&applied, &mut tables)?;
                    }
                }
                Ok(None) => *unknown.entry(entry.kind).or_default() += 1,
                Err(_) => unreadable.push((entry.stamp.position(), entry.kind)),
            }
        }
        tables.flush()?;
        let count = step.entries.len() as u64;
        self.write_own(&transaction, step, count, unknown, unreadable).map_err(|e| self.unusable(e))?;
        transaction.commit().map_err(|e| self.unusable(e))
    }

    fn write_own(
        &self,
        transaction: &redb::WriteTransaction,
        step: Step,
        count: u64,
        unknown: HashMap<Kind, u64>,
        unreadable: Vec<(Position, Kind)>,
    ) -> std::result::Result<(), redb::Error> {
        let number = |row: Option<redb::AccessGuard<'_, &'static [u8]>>| {
            row.and_then(|r| r.value().first_chunk::<8>().map(|b| u64::from_le_bytes(*b))).unwrap_or(0)
        };
        let mut table = transaction.open_table(Definition::new(APPLIED))?;
        let total = number(table.get(&b""[..])?).saturating_add(count);
        table.insert(&b""[..], &total.to_le_bytes()[..])?;
        drop(table);
        let mut table = transaction.open_table(Definition::new(CURSORS))?;
        for (stream, cursor) in step.cursors {
            table.insert(&stream.0[..], cursor.encode().as_slice())?;
        }
        drop(table);
        let mut table = transaction.open_table(Definition::new(FRAMES))?;
        let mut last: Option<(StreamId, Seq, u64)> = None;
        for (stream, frame) in step.frames {
            let near = last.is_some_and(|(s, segment, at)| {
                (s, segment) == (stream, frame.segment) && frame.offset.saturating_sub(at) < FRAME_INDEX_STEP
            });
            if !near {
                let key = [&stream.0[..], &frame.first.0.to_be_bytes()].concat();
                let value = [frame.segment.0.to_be_bytes(), frame.offset.to_be_bytes()].concat();
                table.insert(key.as_slice(), value.as_slice())?;
                last = Some((stream, frame.segment, frame.offset));
            }
        }
        drop(table);
        let mut table = transaction.open_table(Definition::new(UNKNOWN))?;
        for (kind, count) in unknown {
            let key = kind.0.to_be_bytes();
            let total = number(table.get(&key[..])?).saturating_add(count);
            table.insert(&key[..], &total.to_le_bytes()[..])?;
        }
        drop(table);
        let mut table = transaction.open_table(Definition::new(UNREADABLE))?;
        for (position, kind) in unreadable {
            let key = [&position.stream.0[..], &position.seq.0.to_be_bytes()].concat();
            table.insert(key.as_slice(), &kind.0.to_be_bytes()[..])?;
        }
        Ok(())
    }

    fn note_odd_entries(&self, database: &redb::Database, notes: &mut Vec<Note>) -> Result<()> {
        let transaction = database.begin_read().map_err(|e| self.unusable(e))?;
        let mut rows: Vec<(bool, Vec<u8>, Vec<u8>)> = Vec::new();
        for name in [UNKNOWN, UNREADABLE] {
            let table = match transaction.open_table(Definition::new(name)) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => continue,
                Err(e) => return Err(self.unusable(e)),
            };
            for row in table.iter().map_err(|e| self.unusable(e))? {
                let (key, value) = row.map_err(|e| self.unusable(e))?;
                rows.push((name == UNKNOWN, key.value().to_vec(), value.value().to_vec()));
            }
        }
        for (unknown, key, value) in rows {
            if unknown {
                let kind = key.first_chunk::<2>().map_or(0, |b| u16::from_be_bytes(*b));
                let count = value.first_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b));
                notes.push(Note::UnknownKind { kind: Kind(kind), count });
            } else if let (Some(stream), Some(seq)) = (key.first_chunk::<16>(), key.last_chunk::<8>()) {
                let position = Position { stream: StreamId(*stream), seq: Seq(u64::from_be_bytes(*seq)) };
                notes.push(Note::UnreadableEntry { position });
            }
        }
        Ok(())
    }

    /// Writes a new generation where that is worth it and nobody reads from this one in this process.
    fn publish(&self, opened: Opened, mut notes: Vec<Note>) -> (Result<Opened>, Vec<Note>) {
        let worth = match opened.published {
            None => opened.applied > 0,
            Some(published) => opened.applied.saturating_sub(published) * 10 > published,
        };
        if !worth || !self.options.publish {
            return (Ok(opened), notes);
        }
        let Opened { database, overlay, number, applied, .. } = opened;
        // redb writes its last page when it is closed; that needs the only handle.
        let database = match Arc::try_unwrap(database) {
            Ok(database) => database,
            Err(database) => {
                let kept = Opened { database, overlay, number, published: None, applied, rebuilt: None };
                return (Ok(kept), notes);
            }
        };
        drop(database);
        let base = match self.write_generation(&overlay, number) {
            Ok(path) => path,
            Err(e) => {
                // Whoever may only read never publishes, and lacks nothing by it.
                if e.code() != "storage_read_only" {
                    let source = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
                    notes.push(Note::NotPublished { reason: format!("{e}{source}") });
                }
                None
            }
        };
        let reopened =
            match base {
                Some(base) => {
                    let number = base.number();
                    self.open_over(Some(Arc::new(base)), self.options.cache_bytes, number)
                        .map(|opened| Opened { published: Some(applied), applied, ..opened })
                }
                None => self.reopen(overlay, number, applied),
            };
        (reopened, notes)
    }

    fn reopen(&self, overlay: Overlay, number: u64, applied: u64) -> Result<Opened> {
        let database = redb::Builder::new()
            .set_cache_size(self.options.cache_bytes)
            .create_with_backend(overlay.clone())
            .map_err(|e| self.unusable(e))?;
        let published = Some(applied);
        Ok(Opened { database: Arc::new(database), overlay, number, published, applied, rebuilt: None })
    }

    /// `Ok(None)`: somebody else is publishing, or there is no workspace to write to.
    fn write_generation(&self, overlay: &Overlay, number: u64) -> Result<Option<Generation>> {
        let storage = self.storage.as_ref();
        let parent = self.dir.parent().unwrap_or(Path::new(""));
        if !exists(storage, parent).map_err(|e| Error::io("look at", parent, e))? {
            return Ok(None);
        }
        storage.create_dir_all(&self.dir).map_err(|e| Error::io("create", &self.dir, e))?;
        let lock_path = self.dir.join("lock");
        let lock =
            storage.open(&lock_path, OpenMode::Create).map_err(|e| Error::io("open", &lock_path, e))?;
        let alone = match lock.try_lock() {
            Ok(true) => true,
            Ok(false) => return Ok(None),
            // No locks here: two may publish at once, each under a name of its own.
            Err(_) => false,
        };
        let before = generation::list(storage, &self.dir)?;
        let newest = before.first().map_or(0, |(n, _)| *n);
        let number = newest.max(number).saturating_add(1);
        let path = Generation::write(storage, &self.dir, number, self.fingerprint, overlay)?;
        for (_, old) in before {
            // Processes that have it open keep it; where that forbids removal, a later publish does it.
            let _ = storage.remove_file(&old);
        }
        if alone {
            self.remove_leftovers();
        }
        Generation::open(storage, &path).map(Some)
    }

    /// Removes what was set aside before, and temporary files of writers that died: the lock is held, so no
    /// living writer is at one.
    fn remove_leftovers(&self) {
        for entry in self.storage.list(&self.dir).unwrap_or_default() {
            if entry.name.ends_with(".bad") || entry.name.ends_with(".tmp") {
                let _ = self.storage.remove_file(&self.dir.join(&entry.name));
            }
        }
    }

    /// Renames all generations, so that nobody opens them again.
    fn set_aside(&self) -> Result<()> {
        for (_, path) in generation::list(self.storage.as_ref(), &self.dir)? {
            let mut name = path.clone().into_os_string();
            name.push(".bad");
            // A read-only workspace keeps the bad one; each process then rebuilds for itself.
            let _ = self.storage.rename(&path, Path::new(&name));
        }
        Ok(())
    }
}
