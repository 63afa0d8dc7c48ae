//! The engine's own tables: cursors, the frame index, and counts of entries.
//!
//! Rows of the frame index and rows of the projections are written in one transaction. Until then, both stay in memory.
//! The rows of entries that could not be decoded are written in the same transaction. The cursors and
//! the number of entries are kept in memory, and are written when a generation is published. FORMAT.md, "Projection
//! files", defines the bytes.

use crate::engine::entry::{Kind, Position, Seq, StreamId};
use crate::engine::log::directory::ResumePoint;
use crate::engine::projection::cursor::Cursor;
use crate::engine::projection::erased::ErasedSubjects;
use crate::engine::projection::note::Note;
use crate::engine::projection::table::{Definition, RowResult, open_table};
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, WriteTransaction};
use std::collections::{BTreeMap, HashMap};

/// The table of cursors. Key: stream. Value: [`Cursor`].
const CURSORS: &str = "_cursors";
/// The table of frames, which makes reading single entries faster. Key: stream and first sequence number of the frame.
/// Value: segment and offset.
const FRAMES: &str = "_frames";
/// The table that counts entries of unknown kinds. Key: kind. Value: number of entries.
const UNKNOWN: &str = "_unknown";
/// The table of entries whose payload cannot be decoded. Key: stream and sequence number. Value: kind.
const UNREADABLE: &str = "_unreadable";
/// The table with the number of entries applied so far, as the value of the empty key.
const APPLIED: &str = "_applied";

/// The table of erased subjects. Key: subject. Value: the greatest stamp of an erasure, and the last erased
/// event of each stream that the erasures name.
const ERASED: &str = "_erased";

/// The length in bytes after an indexed frame in which the following frames of the segment get no row in the frame
/// index.
const FRAME_INDEX_STEP: u64 = 32 << 10;

/// The location of a frame in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct FramePlace {
    pub(super) stream: StreamId,
    /// The sequence number of the first entry in the frame.
    pub(super) first: Seq,
    pub(super) segment: Seq,
    pub(super) offset: u64,
}

impl FramePlace {
    /// Returns true if a frame at the given place begins less than [`FRAME_INDEX_STEP`] bytes after this frame, in the
    /// same segment. Such a frame needs no row in the frame index.
    pub(super) fn is_close_before(&self, stream: StreamId, segment: Seq, offset: u64) -> bool {
        let distance = offset.checked_sub(self.offset);
        self.segment == segment && self.stream == stream && distance.is_some_and(|d| d < FRAME_INDEX_STEP)
    }
}

/// Reads a count; an absent or malformed row counts as 0.
fn count(row: Option<redb::AccessGuard<'_, &'static [u8]>>) -> u64 {
    row.and_then(|row| row.value().first_chunk::<8>().map(|b| u64::from_le_bytes(*b))).unwrap_or(0)
}

fn position_key(position: Position) -> Vec<u8> {
    [&position.stream.0[..], &position.seq.0.to_be_bytes()].concat()
}

/// Returns the number of cursors without reading the cursors.
pub(super) fn cursor_count(transaction: &ReadTransaction) -> RowResult<u64> {
    let Some(table) = open_table(transaction, CURSORS)? else { return Ok(0) };
    Ok(table.len()?)
}

/// Returns the cursors of all streams.
pub(super) fn cursors(transaction: &ReadTransaction) -> RowResult<BTreeMap<StreamId, Cursor>> {
    let Some(table) = open_table(transaction, CURSORS)? else { return Ok(BTreeMap::new()) };
    // The rows are sorted by stream, so creating the map at the end is faster than inserting each cursor.
    let mut cursors = Vec::with_capacity(usize::try_from(table.len()?).unwrap_or(0));
    for row in table.iter()? {
        let (key, value) = row?;
        let stream = key.value().first_chunk::<16>().map(|id| StreamId(*id));
        let cursor = stream.and_then(|s| Some((s, Cursor::decode(s, value.value())?)));
        let (stream, cursor) = cursor.ok_or("a cursor row is malformed")?;
        cursors.push((stream, cursor));
    }
    Ok(cursors.into_iter().collect())
}

/// Returns the number of entries applied so far.
pub(super) fn applied(transaction: &ReadTransaction) -> RowResult<u64> {
    let Some(table) = open_table(transaction, APPLIED)? else { return Ok(0) };
    Ok(count(ReadableTable::get(&table, &b""[..])?))
}

/// Returns the beginning of the last frame in the frame index whose first entry is at or before `position`. Returns the
/// beginning of the stream if the index has no such frame, and `None` if no frame was ever written to the index.
pub(super) fn frame_before(
    transaction: &ReadTransaction,
    position: Position,
) -> RowResult<Option<ResumePoint>> {
    let Some(table) = open_table(transaction, FRAMES)? else { return Ok(None) };
    let (start, end) = (position.stream.0, position_key(position));
    let Some(row) = ReadableTable::range::<&[u8]>(&table, &start[..]..=end.as_slice())?.next_back() else {
        return Ok(Some(ResumePoint::START));
    };
    let (key, value) = row?;
    let next = key.value().last_chunk::<8>().map_or(1, |b| u64::from_be_bytes(*b));
    let place = value.value().split_first_chunk::<8>().zip(value.value().last_chunk::<8>());
    let ((segment, _), offset) = place.ok_or("a frame index row is malformed")?;
    Ok(Some(ResumePoint {
        segment: Seq(u64::from_be_bytes(*segment)),
        offset: u64::from_be_bytes(*offset),
        next: Seq(next),
    }))
}

/// Returns a note for every unknown kind, and for every entry that could not be decoded.
pub(super) fn notes(transaction: &ReadTransaction) -> RowResult<Vec<Note>> {
    let mut notes = Vec::new();
    if let Some(table) = open_table(transaction, UNKNOWN)? {
        for row in table.iter()? {
            let (key, value) = row?;
            let kind = key.value().first_chunk::<2>().map_or(0, |b| u16::from_be_bytes(*b));
            notes.push(Note::UnknownKind { kind: Kind(kind), count: count(Some(value)) });
        }
    }
    if let Some(table) = open_table(transaction, UNREADABLE)? {
        for row in table.iter()? {
            let (key, _) = row?;
            let parts = key.value().first_chunk::<16>().zip(key.value().last_chunk::<8>());
            notes.extend(parts.map(|(stream, seq)| Note::UnreadableEntry {
                position: Position { stream: StreamId(*stream), seq: Seq(u64::from_be_bytes(*seq)) },
            }));
        }
    }
    Ok(notes)
}

/// Writes the cursors of all streams and the number of entries applied so far.
pub(super) fn write_progress(
    transaction: &WriteTransaction,
    cursors: &BTreeMap<StreamId, Cursor>,
    applied: u64,
) -> RowResult<()> {
    let mut table = transaction.open_table(Definition::new(APPLIED))?;
    table.insert(&b""[..], &applied.to_le_bytes()[..])?;
    drop(table);
    let mut table = transaction.open_table(Definition::new(CURSORS))?;
    for (stream, cursor) in cursors {
        table.insert(&stream.0[..], cursor.encode().as_slice())?;
    }
    Ok(())
}

/// Writes rows of the frame index.
pub(super) fn write_frames(transaction: &WriteTransaction, frames: &[FramePlace]) -> RowResult<()> {
    if frames.is_empty() {
        return Ok(());
    }
    let mut table = transaction.open_table(Definition::new(FRAMES))?;
    for frame in frames {
        let key = position_key(Position { stream: frame.stream, seq: frame.first });
        let value = [frame.segment.0.to_be_bytes(), frame.offset.to_be_bytes()].concat();
        table.insert(key.as_slice(), value.as_slice())?;
    }
    Ok(())
}

/// Returns the erased subjects.
pub(super) fn erased(transaction: &ReadTransaction) -> RowResult<ErasedSubjects> {
    let mut erased = ErasedSubjects::default();
    let Some(table) = open_table(transaction, ERASED)? else { return Ok(erased) };
    for row in table.iter()? {
        let (subject, value) = row?;
        erased.add_row(subject.value(), value.value()).ok_or("a row of an erased subject is malformed")?;
    }
    Ok(erased)
}

/// Writes the erased subjects. A subject stays erased until the tables are rebuilt, so no row is removed.
pub(super) fn write_erased(transaction: &WriteTransaction, erased: &ErasedSubjects) -> RowResult<()> {
    if erased.is_empty() {
        return Ok(());
    }
    let mut table = transaction.open_table(Definition::new(ERASED))?;
    for (subject, value) in erased.rows() {
        table.insert(subject, value.as_slice())?;
    }
    Ok(())
}

/// The rows that one step of a catch-up adds to the engine's own tables.
#[derive(Default)]
pub(super) struct OwnRows {
    /// The frames for which a row is added to the frame index, in order.
    pub(super) frames: Vec<FramePlace>,
    /// The number of entries of each unknown kind.
    pub(super) unknown: HashMap<Kind, u64>,
    /// The entries that could not be decoded.
    pub(super) unreadable: Vec<(Position, Kind)>,
}

impl OwnRows {
    /// Returns true if there are rows about entries that could not be decoded.
    pub(super) fn has_undecoded(&self) -> bool {
        !self.unknown.is_empty() || !self.unreadable.is_empty()
    }

    /// Writes the rows.
    pub(super) fn write(self, transaction: &WriteTransaction) -> RowResult<()> {
        write_frames(transaction, &self.frames)?;
        if !self.unknown.is_empty() {
            let mut table = transaction.open_table(Definition::new(UNKNOWN))?;
            for (kind, entries) in self.unknown {
                let key = kind.0.to_be_bytes();
                let total = count(table.get(&key[..])?).saturating_add(entries);
                table.insert(&key[..], &total.to_le_bytes()[..])?;
            }
        }
        if !self.unreadable.is_empty() {
            let mut table = transaction.open_table(Definition::new(UNREADABLE))?;
            for (position, kind) in self.unreadable {
                table.insert(position_key(position).as_slice(), &kind.0.to_be_bytes()[..])?;
            }
        }
        Ok(())
    }
}
