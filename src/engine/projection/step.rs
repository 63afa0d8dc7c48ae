//! A step of a catch-up: a limited number of entries whose rows are stored together.

use crate::engine::entries::{Entries, EntryRef};
use crate::engine::entry::{Event, Kind, Position, Seq, StreamId};
use crate::engine::error::Result;
use crate::engine::log::Commit;
use crate::engine::parallel;
use crate::engine::projection::cursor::Cursor;
use crate::engine::projection::definition::{Applied, Projection};
use crate::engine::projection::erased::ErasedSubjects;
use crate::engine::projection::own_tables::{FramePlace, OwnRows};
use crate::engine::projection::tables::{Rows, Tables};
use std::collections::HashMap;

/// The number of entries at which a step is full. The last commit of a step may exceed this number.
const STEP_ENTRIES: u64 = 50_000;
/// The number of payload bytes at which a step is full. The last commit of a step may exceed this number.
const STEP_BYTES: usize = 32 << 20;

/// The number of entries from which on no commit is added to a piece. A piece is a part of a step that one core
/// applies. With smaller pieces, the division among the cores would take longer than the work.
const PIECE_ENTRIES: usize = 512;

/// Entries that were read and are not applied yet.
#[derive(Default)]
pub(super) struct Step {
    /// The entries, divided into pieces. Several cores apply pieces at the same time.
    pieces: Vec<Entries>,
    /// The number of payload bytes.
    bytes: usize,
    /// The number of entries.
    entries: u64,
    /// The cursors after the entries of this step, for each stream that was read.
    cursors: Vec<(StreamId, Cursor)>,
    rows: OwnRows,
}

impl Step {
    /// Adds a commit of a stream. `last_frame` is the last frame for which a row was added to the frame index. If a row
    /// for the frame of this commit is added, `last_frame` is set to this frame.
    pub(super) fn add(&mut self, stream: StreamId, commit: Commit, last_frame: &mut Option<FramePlace>) {
        self.bytes += commit.entries.payload_bytes();
        self.entries += commit.entries.len() as u64;
        let (segment, offset) = (commit.segment, commit.offset);
        if last_frame.is_none_or(|last| !last.is_close_before(stream, segment, offset)) {
            let first = commit.entries.first().map_or(Seq(0), |e| e.stamp.seq);
            let frame = FramePlace { stream, first, segment, offset };
            self.rows.frames.push(frame);
            *last_frame = Some(frame);
        }
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE_ENTRIES => piece.append(&commit.entries),
            Some(before) => {
                // A piece of small commits will probably be as long as the previous piece. Memory for this length is
                // reserved at once, because a growing list would be copied several times.
                let mut piece = commit.entries;
                piece.grow_to(before.len(), before.payload_bytes());
                self.pieces.push(piece);
            }
            None => self.pieces.push(commit.entries),
        }
    }

    /// Sets the cursor of a stream after the entries of this step.
    pub(super) fn set_cursor(&mut self, stream: StreamId, cursor: Cursor) {
        self.cursors.push((stream, cursor));
    }

    /// Returns true if the step has reached its maximum size.
    pub(super) fn is_full(&self) -> bool {
        self.entries >= STEP_ENTRIES || self.bytes >= STEP_BYTES
    }

    /// Returns true if the step has no cursor to store. Such a step has no entries either, because every read sets a
    /// cursor.
    pub(super) fn is_empty(&self) -> bool {
        self.cursors.is_empty()
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> u64 {
        self.entries
    }

    /// Removes and returns the cursors after the entries of this step.
    pub(super) fn take_cursors(&mut self) -> Vec<(StreamId, Cursor)> {
        std::mem::take(&mut self.cursors)
    }

    /// Derives the rows from the entries that are not erased. Uses all cores. `erased` contains the known
    /// erased subjects.
    pub(super) fn derive<E: Event>(
        self,
        projections: &[Box<dyn Projection<E>>],
        erased: &ErasedSubjects,
    ) -> Result<StepRows> {
        let mut rows = StepRows {
            entries: self.entries,
            tables: Rows::default(),
            own: self.rows,
            erasures: ErasedSubjects::default(),
        };
        if rows.entries == 0 {
            return Ok(rows);
        }
        let derive = |pieces: &[Entries]| Derived::of(pieces, projections, erased);
        for derived in parallel::map_pieces(&self.pieces, 1, derive) {
            let Derived { tables: later, unknown, unreadable, erasures, .. } = derived?;
            rows.tables.append(later.into_rows()?);
            rows.erasures.append(erasures);
            for (kind, count) in unknown {
                *rows.own.unknown.entry(kind).or_default() += count;
            }
            rows.own.unreadable.extend(unreadable);
        }
        Ok(rows)
    }

    /// Returns the erasures that the entries state.
    pub(super) fn erasures<E: Event>(&self) -> ErasedSubjects {
        let mut erasures = ErasedSubjects::default();
        let stating = self.pieces.iter().flatten().filter(|entry| E::ERASURE_KINDS.contains(&entry.kind));
        for entry in stating {
            if let Ok(Some(event)) = E::decode(entry.kind, entry.version, entry.payload)
                && let Some(erasure) = event.erasure()
            {
                erasures.add(erasure, entry.stamp);
            }
        }
        erasures
    }
}

/// The rows of a step.
pub(super) struct StepRows {
    /// The number of entries from which the rows were derived.
    pub(super) entries: u64,
    /// The rows of the tables of the projections.
    pub(super) tables: Rows,
    /// The rows of the engine's own tables.
    pub(super) own: OwnRows,
    /// The erasures that the entries state.
    pub(super) erasures: ErasedSubjects,
}

/// The rows that consecutive entries of a step add to the tables, and the entries among them that were not decoded.
#[derive(Default)]
struct Derived {
    tables: Tables,
    unknown: HashMap<Kind, u64>,
    unreadable: Vec<(Position, Kind)>,
    /// The erasures that the entries state.
    erasures: ErasedSubjects,
    /// The kind of the last entry that a projection applied without its decoded event.
    encoded: Option<Kind>,
}

impl Derived {
    fn of<E: Event>(
        pieces: &[Entries],
        projections: &[Box<dyn Projection<E>>],
        erased: &ErasedSubjects,
    ) -> Result<Derived> {
        let mut derived = Derived::default();
        let mut wanting: (Option<Kind>, Vec<&dyn Projection<E>>) = (None, Vec::new());
        for entry in pieces.iter().flatten() {
            if wanting.0 != Some(entry.kind) {
                let wants = projections.iter().filter(|p| p.wants(entry.kind));
                wanting = (Some(entry.kind), wants.map(AsRef::as_ref).collect());
            }
            derived.add(entry, &wanting.1, erased)?;
        }
        Ok(derived)
    }

    /// Adds the rows of an entry that is not erased. Decodes the event only if it states an erasure, if it
    /// can be erased, or if a projection needs the event. If no projection applies entries of this kind, the
    /// event is decoded too, because undecodable entries are counted.
    fn add<E: Event>(
        &mut self,
        entry: EntryRef<'_>,
        projections: &[&dyn Projection<E>],
        erased: &ErasedSubjects,
    ) -> Result<()> {
        let mut event: Option<E> = None;
        let is_stating = E::ERASURE_KINDS.contains(&entry.kind);
        if projections.is_empty() || is_stating || erased.may_contain(entry.stamp) {
            let Some(decoded) = self.decode::<E>(entry) else { return Ok(()) };
            if let Some(erasure) = decoded.erasure().filter(|_| is_stating) {
                self.erasures.add(erasure, entry.stamp);
            }
            if decoded.subjects().iter().any(|subject| erased.contains(subject, entry.stamp)) {
                return Ok(());
            }
            // If a projection applied the last entry of this kind without its event, the projection probably
            // needs no event here either. This path takes less time.
            event = Some(decoded).filter(|_| self.encoded != Some(entry.kind));
        }
        for projection in projections {
            self.tables.set_writer(projection.name(), projection.tables());
            if event.is_none() && projection.apply_encoded(entry, &mut self.tables)? {
                self.encoded = Some(entry.kind);
                continue;
            }
            let event = match event.take().or_else(|| self.decode(entry)) {
                Some(decoded) => event.insert(decoded),
                None => return Ok(()),
            };
            projection.apply(&Applied { stamp: entry.stamp, entry, event }, &mut self.tables)?;
        }
        Ok(())
    }

    /// Decodes the event of an entry. Counts an entry whose kind is unknown or whose payload cannot be decoded, and
    /// returns `None`.
    fn decode<E: Event>(&mut self, entry: EntryRef<'_>) -> Option<E> {
        match E::decode(entry.kind, entry.version, entry.payload) {
            Ok(Some(event)) => return Some(event),
            Ok(None) => *self.unknown.entry(entry.kind).or_default() += 1,
            Err(_) => self.unreadable.push((entry.stamp.position(), entry.kind)),
        }
        None
    }
}
