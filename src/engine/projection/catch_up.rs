//! Catching up: which streams changed, whether the log confirms their cursors, and applying what is new.
//!
//! Reading and applying go in steps of bounded size; rows and cursors of a step change in one transaction.

use crate::engine::clock::AHEAD_MAX;
use crate::engine::entry::{Entry, Event, Kind, Position, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::directory::{ResumePoint, is_held, list_streams, log_bytes};
use crate::engine::log::{Commit, FindingKind, Item, ScanMode, StreamReader, Tail};
use crate::engine::parallel;
use crate::engine::projection::Applied;
use crate::engine::projection::cursor::{CurrentFile, Cursor, FRESH, Listing};
use crate::engine::projection::moved::is_in_derived_stream;
use crate::engine::projection::note::{Note, RebuildReason};
use crate::engine::projection::runtime::{Opened, PUBLISH_AFTER, Progress, Projector};
use crate::engine::projection::tables::{Definition, Tables};
use redb::{ReadableDatabase, ReadableTable};
use std::collections::{BTreeMap, HashMap};

/// Cursor rows: stream -> [`Cursor`].
const CURSORS: &str = "_cursors";
/// Where some frames begin: stream, first number -> segment, offset. Hints only.
pub(super) const FRAMES: &str = "_frames";
/// Entries of unknown kinds: kind -> count.
const UNKNOWN: &str = "_unknown";
/// Entries whose payload could not be decoded: stream, number -> kind.
const UNREADABLE: &str = "_unreadable";
/// Entries applied so far.
pub(super) const APPLIED: &str = "_applied";

/// Entries and bytes of one step: one transaction.
const STEP_ENTRIES: usize = 50_000;
const STEP_BYTES: usize = 32 << 20;
/// A frame is entered into the frame index when so many bytes lie between it and the last one.
const FRAME_INDEX_STEP: u64 = 32 << 10;

enum StreamState {
    Unchanged,
    Changed(Box<Cursor>),
    History,
}

/// What the times of the streams' last entries say of their clocks.
struct ClockNotes {
    /// What lies beyond was written by a clock far ahead of this one.
    bound: u64,
    /// The latest time within the bound.
    latest: u64,
}

impl ClockNotes {
    fn hear(&mut self, stream: StreamId, time: u64, notes: &mut Vec<Note>) {
        if time <= self.bound {
            self.latest = self.latest.max(time);
        } else {
            notes.push(Note::ClockAhead { stream, time });
        }
    }
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
    time: u64,
}

impl CommitPlace {
    fn of(commit: &Commit) -> Option<CommitPlace> {
        let (first, last) = commit.entries.first().zip(commit.entries.last())?;
        let frame = ResumePoint { segment: commit.segment, offset: commit.offset, next: first.stamp.seq };
        let end = ResumePoint { offset: commit.end, next: last.stamp.seq.next(), ..frame };
        Some(CommitPlace { frame, end, last: (last.stamp.seq, last.checksum), time: last.stamp.time })
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

/// The cursors of all streams.
pub(super) fn cursors_of(
    transaction: &redb::ReadTransaction,
    unusable: impl Fn(String) -> Error,
) -> Result<BTreeMap<StreamId, Cursor>> {
    let mut cursors = BTreeMap::new();
    let table = match transaction.open_table(Definition::new(CURSORS)) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(cursors),
        Err(e) => return Err(unusable(e.to_string())),
    };
    for row in table.iter().map_err(|e| unusable(e.to_string()))? {
        let (key, value) = row.map_err(|e| unusable(e.to_string()))?;
        let stream = key.value().first_chunk::<16>().map(|id| StreamId(*id));
        let cursor = stream.and_then(|s| Some((s, Cursor::decode(s, value.value())?)));
        let (stream, cursor) = cursor.ok_or_else(|| unusable("a cursor row is malformed".into()))?;
        cursors.insert(stream, cursor);
    }
    Ok(cursors)
}

impl<E: Event> Projector<E> {
    fn read_cursors(&self, database: &redb::Database) -> Result<BTreeMap<StreamId, Cursor>> {
        let transaction = database.begin_read().map_err(|e| self.unusable(e))?;
        cursors_of(&transaction, |e| self.unusable(e))
    }

    /// Applies what the log has beyond the cursors. `Ok(None)`: the log does not confirm them;
    /// `opened.rebuilt` says why, and the caller starts from nothing.
    pub(super) fn catch_up(&self, opened: &mut Opened, progress: Progress<'_>) -> Result<Option<Vec<Note>>> {
        let started = self.storage.now();
        // Asked once: on Linux it is a file that is opened and read.
        let boot = self.storage.boot_id().unwrap_or_default();
        let mut cursors = self.read_cursors(&opened.database)?;
        let streams = list_streams(self.storage.as_ref(), &self.log)?;
        if let Some((gone, cursor)) = cursors.iter().find(|(s, _)| streams.binary_search(s).is_err()) {
            opened.rebuilt = Some(self.history(*gone, cursor.last));
            return Ok(None);
        }
        let total =
            if opened.rebuilt.is_some() { log_bytes(self.storage.as_ref(), &self.log, &streams) } else { 0 };
        let mut done = 0u64;
        let mut notes = Vec::new();
        let mut step = Step::new();
        let mut applied = 0u64;
        let mut clock = ClockNotes { bound: started.saturating_add(AHEAD_MAX), latest: 0 };
        let mut outlived = false;
        for stream in streams {
            let until = opened.until.as_ref().map(|until| until.get(&stream).copied().unwrap_or(Seq(0)));
            let cursor = cursors.remove(&stream).unwrap_or_else(Cursor::start);
            let settled_since = started.saturating_sub(FRESH);
            let at = cursor.resume.segment;
            if cursor.settled
                && !cursor.is_of_another_boot(boot)
                && cursor.files.is_same_at_a_glance(
                    self.storage.as_ref(),
                    &self.log,
                    stream,
                    at,
                    settled_since,
                )
            {
                clock.hear(stream, cursor.time, &mut notes);
                notes.extend(cursor.gaps.into_iter().map(Note::Gap));
                continue;
            }
            let (time_before, last_before) = (cursor.time, cursor.last);
            let gaps_before = cursor.gaps.clone();
            outlived |= cursor.is_of_another_boot(boot);
            let looked = Listing::of(self.storage.as_ref(), &self.log, stream)
                .and_then(|listing| Ok((self.look_at(stream, cursor, &listing, boot)?, listing)));
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
                    clock.hear(stream, time_before, &mut notes);
                    notes.extend(gaps_before.into_iter().map(Note::Gap));
                    continue;
                }
                StreamState::History => {
                    opened.rebuilt = Some(self.history(stream, last_before));
                    return Ok(None);
                }
                StreamState::Changed(cursor) => *cursor,
            };
            let result =
                self.follow(until, &mut cursor, &listing, boot, &mut notes, &mut |cursor, commit| {
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
            clock.hear(stream, cursor.time, &mut notes);
            step.cursors.insert(stream, cursor);
        }
        applied += step.entries.len() as u64;
        if !step.cursors.is_empty() {
            self.apply(opened, step)?;
        }
        progress(total.max(done), total.max(done));
        opened.applied += applied;
        opened.latest = clock.latest;
        if let Some(reason) = opened.rebuilt.take()
            && (opened.applied > 0 || !matches!(reason, RebuildReason::Absent))
        {
            notes.insert(0, Note::Rebuilt { reason, entries: opened.applied });
        }
        self.note_odd_entries(&opened.database, &mut notes)?;
        if self.storage.now().saturating_sub(started) > PUBLISH_AFTER {
            // So that the next process has it behind it.
            opened.published = opened.published.filter(|_| applied == 0 && !outlived);
        }
        Ok(Some(notes))
    }

    /// Decides whether a stream needs reading, and whether its cursor can be relied on.
    fn look_at(
        &self,
        stream: StreamId,
        mut cursor: Cursor,
        listing: &Listing,
        boot: [u8; 16],
    ) -> Result<StreamState> {
        let files = listing.seen_from(cursor.resume.segment);
        let same = files.is_same(&cursor.files);
        let rebooted = cursor.is_of_another_boot(boot);
        if !rebooted
            && let (true, true, Some(file)) = (same, cursor.settled, &files.current)
            && self.storage.now() > file.newest_change().saturating_add(FRESH)
        {
            return Ok(StreamState::Unchanged);
        }
        if cursor.last.0 == Seq(0) {
            return Ok(StreamState::Changed(Box::new(Cursor::start())));
        }
        let inode = |file: &CurrentFile| file.inode;
        let appended_at_most = !rebooted
            && files.earlier == cursor.files.earlier
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
        cursor.boot = cursor.boot.filter(|_| !rebooted);
        cursor.gaps.retain(|gap| gap.first <= cursor.last.0);
        Ok(StreamState::Changed(Box::new(cursor)))
    }

    /// The reason for a rebuild where the log does not confirm a cursor that ended with this entry and checksum.
    fn history(&self, stream: StreamId, last: (Seq, u32)) -> RebuildReason {
        // A derived stream that cannot be read explains nothing, and the rebuild says that it cannot be read.
        let moved = is_in_derived_stream(&self.storage, &self.log, stream, last).unwrap_or(false);
        if moved { RebuildReason::Divided(stream) } else { RebuildReason::History(stream) }
    }

    fn reader(&self, stream: StreamId, at: ResumePoint) -> Result<StreamReader> {
        StreamReader::open_at(&self.storage, &self.log, stream, ScanMode::Follow, at)?
            .of_domain(self.options.domain)
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

    /// Reads a stream on from its cursor, up to the entry `until`. `Ok(false)`: the log contradicts the cursor.
    fn follow(
        &self,
        until: Option<Seq>,
        cursor: &mut Cursor,
        listing: &Listing,
        boot: [u8; 16],
        notes: &mut Vec<Note>,
        take: &mut dyn FnMut(&Cursor, Commit) -> Result<()>,
    ) -> Result<bool> {
        let stream = listing.stream();
        // Until its end is reached: an error on the way must not pass for it.
        cursor.settled = false;
        let mut reader = self.reader(stream, cursor.resume)?;
        let mut open_gap = false;
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Commit(mut commit) => {
                    commit.entries.retain(|entry| until.is_none_or(|until| entry.stamp.seq <= until));
                    let Some(place) = CommitPlace::of(&commit) else { break };
                    if place.frame.next <= cursor.last.0 {
                        return Ok(false);
                    }
                    (cursor.last, cursor.frame, cursor.resume) = (place.last, place.frame, place.end);
                    cursor.time = place.time;
                    cursor.boot = Some(boot);
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
        let passed_over = reader.unfinished_creation().is_some();
        if unfinished && !open_gap && !passed_over && !is_held(self.storage.as_ref(), &self.log, stream) {
            notes.push(Note::Unfinished { stream, after: cursor.resume.next.previous() });
        }
        // An end that is not whole is looked at again every time, until it is repaired or explained.
        let shows_appends = listing.shows_appends(&cursor.files, cursor.resume.offset);
        cursor.settled = !unfinished && !open_gap && shows_appends;
        if reader.tail() == Tail::Closed && !reader.is_sealed() {
            // A close mark is written when everything before it is on disk: no reboot takes anything. A seal is not.
            cursor.boot = None;
        }
        Ok(true)
    }

    /// Decodes (on all cores), applies, moves the cursors: one transaction.
    fn apply(&self, opened: &Opened, step: Step) -> Result<()> {
        let decoded = parallel::map(step.entries.iter().collect(), |entry: &Entry| {
            E::decode(entry.kind, entry.version, &entry.payload)
        });
        let transaction = opened.database.begin_write().map_err(|e| self.unusable(e))?;
        let mut unknown: HashMap<Kind, u64> = HashMap::new();
        let mut unreadable = Vec::new();
        let mut tables = Tables::new(&transaction, &self.dir);
        for (entry, event) in step.entries.iter().zip(decoded) {
            match event {
                Ok(Some(event)) => {
                    let applied = Applied { stamp: entry.stamp, entry, event: &event };
                    for projection in self.projections.iter().filter(|p| p.wants(entry.kind)) {
                        tables.admit(projection.name(), projection.tables());
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
}
