//! Methods of `StoreView` that find missing entries of the log. A missing entry may belong to a run.

use crate::contract::{RecordType, RunRef, RunStatus, StableRef};
use crate::engine::Error as EngineError;
use crate::engine::entry::{Position, Seq, Stamp, StreamId};
use crate::engine::projection::{LogPosition, Note as EngineNote};
use crate::projections::kind::{self, kind_name};
use crate::store::error::Result;
use crate::store::history::HistoryEntry;
use crate::store::lifecycle::WriterRow;
use crate::store::note::Note;
use crate::store::view::StoreView;
use std::collections::{BTreeMap, BTreeSet};

/// A range of entries of a stream that cannot be read. The last sequence number is `None` if the end of the
/// range is unknown.
#[derive(Debug, Clone, Copy)]
struct Missing {
    stream: StreamId,
    first: Seq,
    last: Option<Seq>,
}

/// The role of an entry in the part of a run that a stream contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A run or a writer: the first entry that a process appends for a run.
    Start,
    /// An entry that follows a start in the same stream.
    Content,
    /// A change of the run. A process that is no writer of the run can append this entry.
    Change,
}

/// The known entries of a run in one stream.
#[derive(Debug, Clone, Copy)]
struct Known {
    first: Stamp,
    last: Stamp,
    first_start: Option<Stamp>,
    first_content: Option<Stamp>,
}

impl Known {
    fn new(stamp: Stamp) -> Known {
        Known { first: stamp, last: stamp, first_start: None, first_content: None }
    }

    fn add(&mut self, role: Role, stamp: Stamp) {
        (self.first, self.last) = (self.first.min(stamp), self.last.max(stamp));
        let first = match role {
            Role::Start => &mut self.first_start,
            Role::Content => &mut self.first_content,
            Role::Change => return,
        };
        *first = Some(first.map_or(stamp, |first| first.min(stamp)));
    }

    /// Returns `true` if the run has content in the stream, and no known start precedes this content.
    fn has_lost_start(&self) -> bool {
        self.first_content.is_some_and(|content| self.first_start.is_none_or(|start| content < start))
    }

    /// Returns `true` if the stream contains only changes of the run.
    fn has_only_changes(&self) -> bool {
        self.first_start.is_none() && self.first_content.is_none()
    }
}

/// The range of a stream that may contain entries of a run.
#[derive(Debug, Clone, Copy)]
struct Extent {
    first: Seq,
    /// The stamp after which the stream contains no entry of the run. `None` if the stream may contain entries of the
    /// run up to its end. The stamp may be that of an entry in another stream.
    end: Option<Stamp>,
}

impl StoreView<'_> {
    /// Returns the notes of this view about entries that cannot be read and that may belong to a run. These entries are
    /// in a stream with entries of the run. They follow the start of the run in this stream. If the start is not known,
    /// they can be anywhere before the last known entry. If all writers of the run in the stream have ended or died,
    /// later entries do not belong to the run. Entries that were appended after the moment of the view are left out.
    pub fn gaps_of_run(&self, run: &RunRef) -> Result<Vec<Note>> {
        let reached = self.whole.log_position()?;
        let missing = |note| Some((missing(note, &reached)?, note));
        let notes: Vec<(Missing, &EngineNote)> = self.view.notes().iter().filter_map(missing).collect();
        if notes.is_empty() {
            return Ok(Vec::new());
        }
        let extents = self.extents(run)?;
        let mut gaps = Vec::new();
        for (missing, note) in notes {
            if let Some(extent) = extents.get(&missing.stream)
                && self.may_contain(extent, missing)?
            {
                gaps.push(Note::from(note));
            }
        }
        Ok(gaps)
    }

    /// Returns `true` if some of the missing entries may be in the extent, and may have been appended up to the moment
    /// of this view.
    fn may_contain(&self, extent: &Extent, missing: Missing) -> Result<bool> {
        if missing.last.is_some_and(|last| last < extent.first) {
            return Ok(false);
        }
        for end in [extent.end, self.as_of].into_iter().flatten() {
            let is_after = match end.stream == missing.stream {
                true => missing.first > end.seq,
                false => self.stamp_before(missing)?.is_some_and(|before| before > end),
            };
            if is_after {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the stamp of the entry before missing entries. Returns `None` if there is no such entry, or if this entry
    /// cannot be read.
    fn stamp_before(&self, missing: Missing) -> Result<Option<Stamp>> {
        let (stream, seq) = (missing.stream, missing.first.previous());
        if self.whole.log_position()?.get(&stream) == Some(&seq) {
            return Ok(self.whole.last_time_of(stream).map(|time| Stamp { time, stream, seq }));
        }
        match self.whole.entries(&[Position { stream, seq }]) {
            Ok(entries) => Ok(entries.into_iter().flatten().next().map(|entry| entry.stamp)),
            Err(EngineError::Io { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Returns the extents of a run, by stream.
    fn extents(&self, run: &RunRef) -> Result<BTreeMap<StreamId, Extent>> {
        let writers = self.writers(run)?;
        let known = self.known_entries(run, &writers)?;
        let written = writers.iter().flat_map(|writer| writer.streams.iter().copied());
        let streams: BTreeSet<StreamId> = known.keys().copied().chain(written).collect();
        let extent = |stream: StreamId| {
            let known = known.get(&stream);
            let is_start_known = known.filter(|known| !known.has_lost_start());
            let first = is_start_known.map_or(Seq::FIRST, |known| known.first.seq);
            Ok((stream, Extent { first, end: self.end_in(stream, known, &writers)? }))
        };
        streams.into_iter().map(extent).collect()
    }

    /// Returns the range of the known entries of a run in each stream.
    fn known_entries(&self, run: &RunRef, writers: &[WriterRow]) -> Result<BTreeMap<StreamId, Known>> {
        let (history, _) = self.history(&StableRef::from(run), 0..usize::MAX)?;
        let records = self.record_stamps(run, RecordType::ALL, None)?;
        let entries = history.iter().map(|entry| (role(entry, writers), entry.stamp));
        let entries = entries.chain(records.into_iter().map(|stamp| (Role::Content, stamp)));
        let mut found: BTreeMap<StreamId, Known> = BTreeMap::new();
        for (role, stamp) in entries {
            found.entry(stamp.stream).or_insert_with(|| Known::new(stamp)).add(role, stamp);
        }
        Ok(found)
    }

    /// Returns [`Extent::end`] of a run in a stream. `known` contains the known entries of the run in this stream.
    fn end_in(
        &self,
        stream: StreamId,
        known: Option<&Known>,
        writers: &[WriterRow],
    ) -> Result<Option<Stamp>> {
        let last = known.map(|known| known.last);
        let writers: Vec<&WriterRow> =
            writers.iter().filter(|writer| writer.streams.contains(&stream)).collect();
        if writers.is_empty() {
            return Ok(last.filter(|_| known.is_some_and(Known::has_only_changes)));
        }
        let mut latest = last;
        for writer in writers {
            if writer.status == RunStatus::Open && writer.interrupted_at.is_none() {
                return Ok(None);
            }
            let continued = self.continuation(writer.process, stream)?;
            let Some(end) = [continued, writer.end_stamp].into_iter().flatten().min() else {
                return Ok(None);
            };
            latest = latest.max(Some(end));
        }
        Ok(latest)
    }
}

/// Returns the role of an entry about a run.
fn role(entry: &HistoryEntry, writers: &[WriterRow]) -> Role {
    let is = |kind| entry.kind.is_some() && entry.kind == kind_name(kind);
    if is(kind::RUN) || is(kind::WRITER) {
        return Role::Start;
    }
    // Another process can append the end of a writer that has died.
    let ends_known_writer = writers.iter().any(|writer| writer.end_stamp == Some(entry.stamp));
    if is(kind::ANNOTATION) || ends_known_writer { Role::Change } else { Role::Content }
}

/// Returns the entries that a note of the engine reports as missing; `None` for a note of another kind. `reached`
/// contains the last entry of each stream that is in the tables.
fn missing(note: &EngineNote, reached: &LogPosition) -> Option<Missing> {
    match note {
        EngineNote::Gap(gap) => Some(Missing { stream: gap.stream, first: gap.first, last: gap.last }),
        // Missing entries before the last entry in the tables have a note of their own: `Gap`.
        EngineNote::Newer { stream, .. } | EngineNote::StreamUnreadable { stream, .. } => {
            let first = reached.get(stream).map_or(Seq::FIRST, |last| last.next());
            Some(Missing { stream: *stream, first, last: None })
        }
        EngineNote::UnreadableEntry { position } => {
            let (first, last) = (position.seq, Some(position.seq));
            Some(Missing { stream: position.stream, first, last })
        }
        // The append of an incomplete frame had not returned, so no captured entry is missing.
        EngineNote::Unfinished { .. }
        | EngineNote::Rebuilt { .. }
        | EngineNote::EntriesErased { .. }
        | EngineNote::ClockAhead { .. }
        | EngineNote::UnknownKind { .. }
        | EngineNote::NotPublished { .. } => None,
    }
}
