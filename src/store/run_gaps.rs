//! Missing entries of the log that may belong to a run.

use crate::contract::{RunRef, RunStatus, StableRef};
use crate::engine::entry::{Seq, StreamId};
use crate::engine::projection::Note as EngineNote;
use crate::store::error::Result;
use crate::store::note::Note;
use crate::store::view::StoreView;
use std::collections::BTreeMap;

/// Entries that cannot be read: the stream, and the first and the last sequence number. `None` for the last number means
/// that the end of the loss is unknown.
#[derive(Debug, Clone, Copy)]
struct Missing {
    stream: StreamId,
    first: Seq,
    last: Option<Seq>,
}

/// The entries of a stream that are known to belong to a run.
#[derive(Debug, Clone, Copy)]
struct Extent {
    first: Seq,
    last: Seq,
    /// `true` if the stream contains no entry of the run after `last`, because all its writers have ended.
    is_ended: bool,
}

impl Extent {
    /// Returns `true` if some of the missing entries may belong to the run.
    fn may_contain(&self, missing: Missing) -> bool {
        let is_before = missing.last.is_some_and(|last| last < self.first);
        let is_after = self.is_ended && missing.first > self.last;
        !is_before && !is_after
    }
}

impl StoreView<'_> {
    /// Returns the notes of this view about entries that cannot be read and that may belong to a run: entries in a stream
    /// with entries of the run, from the first known entry of the run on. If all writers of the run in this stream have
    /// ended, later entries do not belong to the run.
    pub fn gaps_of_run(&self, run: &RunRef) -> Result<Vec<Note>> {
        let notes = self.view.notes();
        let notes: Vec<(Missing, Note)> =
            notes.iter().filter_map(|note| Some((missing(note)?, Note::from(note)))).collect();
        if notes.is_empty() {
            return Ok(Vec::new());
        }
        let extents = self.extents(run)?;
        let concerns =
            |missing: Missing| extents.get(&missing.stream).is_some_and(|extent| extent.may_contain(missing));
        Ok(notes.into_iter().filter(|(missing, _)| concerns(*missing)).map(|(_, note)| note).collect())
    }

    /// Returns the known entries of a run, by stream.
    fn extents(&self, run: &RunRef) -> Result<BTreeMap<StreamId, Extent>> {
        let mut extents: BTreeMap<StreamId, Extent> = BTreeMap::new();
        let (history, _) = self.history(&StableRef::from(run), 0..usize::MAX)?;
        for entry in history {
            let seq = entry.stamp.seq;
            let new = Extent { first: seq, last: seq, is_ended: false };
            let extent = extents.entry(entry.stamp.stream).or_insert(new);
            (extent.first, extent.last) = (extent.first.min(seq), extent.last.max(seq));
        }
        let writers = self.writers(run)?;
        for stream in writers.iter().flat_map(|writer| &writer.streams) {
            let is_ended = writers
                .iter()
                .filter(|writer| writer.streams.contains(stream))
                .all(|writer| writer.status != RunStatus::Open);
            // A stream without an entry in the history may contain only records of the run.
            let unknown = Extent { first: Seq::FIRST, last: Seq::FIRST, is_ended: false };
            extents.entry(*stream).and_modify(|extent| extent.is_ended = is_ended).or_insert(unknown);
        }
        Ok(extents)
    }
}

/// Returns the entries that a note of the engine reports as missing; `None` for a note of another kind.
fn missing(note: &EngineNote) -> Option<Missing> {
    let whole = |stream: &StreamId| Missing { stream: *stream, first: Seq::FIRST, last: None };
    match note {
        EngineNote::Gap(gap) => Some(Missing { stream: gap.stream, first: gap.first, last: gap.last }),
        EngineNote::Newer { stream, .. } | EngineNote::StreamUnreadable { stream, .. } => Some(whole(stream)),
        EngineNote::UnreadableEntry { position } => {
            let (first, last) = (position.seq, Some(position.seq));
            Some(Missing { stream: position.stream, first, last })
        }
        // The append of an incomplete frame had not returned, so no captured entry is missing.
        EngineNote::Unfinished { .. }
        | EngineNote::Rebuilt { .. }
        | EngineNote::ClockAhead { .. }
        | EngineNote::UnknownKind { .. }
        | EngineNote::NotPublished { .. } => None,
    }
}
