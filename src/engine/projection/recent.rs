//! The rows of recent entries, which were not written to the database yet.
//!
//! A small catch-up derives only a few rows, and a commit of the database would take most of its time. These rows are
//! therefore collected in memory. Only rows of sets and versions tables can stay in memory: a row of another table must
//! be merged with a row of the database.
//!
//! Rows in memory are lost when the process ends, like the changes of its open database. The cursors in memory are lost
//! with them, and a generation contains both, so no row is missing in the tables of the next process.

use crate::engine::entry::Position;
use crate::engine::log::directory::ResumePoint;
use crate::engine::projection::bounds::KeyBounds;
use crate::engine::projection::own_tables::{self, FramePlace};
use crate::engine::projection::table::{Definition, RowResult};
use crate::engine::projection::tables::Rows;
use redb::WriteTransaction;
use std::collections::{BTreeMap, VecDeque};

/// The maximum number of rows in memory.
const ROWS_MAX: usize = 4096;
/// The maximum total length in bytes of the keys and values in memory.
const BYTES_MAX: usize = 1 << 20;

/// The keys and values of consecutive rows.
pub(super) type KeysAndValues = VecDeque<(Vec<u8>, Vec<u8>)>;

/// The rows of recent entries, by table and key. The value of a row of a set is empty.
#[derive(Debug, Default)]
pub(super) struct RecentRows {
    /// The frames for which the frame index gets rows, in the order of their entries.
    frames: Vec<FramePlace>,
    tables: BTreeMap<&'static str, BTreeMap<Vec<u8>, Vec<u8>>>,
    rows: usize,
    bytes: usize,
}

impl RecentRows {
    /// Adds rows, and frames for the frame index. If there would be too many rows, or if a row belongs to a series or
    /// registers table, adds nothing and returns `added`.
    pub(super) fn add(&mut self, added: Rows, frames: &[FramePlace]) -> Result<(), Rows> {
        if !added.series.is_empty() || !added.registers.is_empty() {
            return Err(added);
        }
        let keys = added.sets.values().flatten().map(Vec::len);
        let versions = added.versions.values().flatten().map(|(key, value)| key.len() + value.len());
        let (mut rows, mut bytes) = (self.rows + frames.len(), self.bytes);
        for len in keys.chain(versions) {
            rows += 1;
            bytes = bytes.saturating_add(len);
        }
        if rows > ROWS_MAX || bytes > BYTES_MAX {
            return Err(added);
        }
        (self.rows, self.bytes) = (rows, bytes);
        self.frames.extend_from_slice(frames);
        for (name, keys) in added.sets {
            self.tables.entry(name).or_default().extend(keys.into_iter().map(|key| (key, Vec::new())));
        }
        for (name, versions) in added.versions {
            self.tables.entry(name).or_default().extend(versions);
        }
        Ok(())
    }

    /// Returns copies of the rows of a table whose keys are in the range `bounds`. The range must not be empty.
    pub(super) fn within(&self, table: &str, bounds: &KeyBounds) -> KeysAndValues {
        let rows = self.tables.get(table).map(|rows| rows.range::<[u8], _>(bounds.as_slices()));
        rows.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Returns the beginning of the last frame whose first entry is at or before `position`. All frames in memory are
    /// behind the frames of the same stream in the frame index of the database.
    pub(super) fn frame_before(&self, position: Position) -> Option<ResumePoint> {
        let is_before = |frame: &&FramePlace| frame.stream == position.stream && frame.first <= position.seq;
        let frame = self.frames.iter().rev().find(is_before)?;
        Some(ResumePoint { segment: frame.segment, offset: frame.offset, next: frame.first })
    }

    /// Returns true if there are frames for the frame index.
    pub(super) fn has_frames(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Writes the rows in a transaction.
    pub(super) fn write(&self, transaction: &WriteTransaction) -> RowResult<()> {
        own_tables::write_frames(transaction, &self.frames)?;
        for (name, rows) in &self.tables {
            let mut table = transaction.open_table(Definition::new(name))?;
            for (key, value) in rows {
                table.insert(key.as_slice(), value.as_slice())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::{Seq, StreamId};
    use std::collections::BTreeSet;

    fn sets(keys: impl IntoIterator<Item = Vec<u8>>) -> Rows {
        Rows { sets: BTreeMap::from([("s", BTreeSet::from_iter(keys))]), ..Rows::default() }
    }

    fn frame(stream: u8, first: u64) -> FramePlace {
        FramePlace { stream: StreamId([stream; 16]), first: Seq(first), segment: Seq(1), offset: 100 * first }
    }

    #[test]
    fn last_frame_at_or_before_a_position_is_found() {
        let mut recent = RecentRows::default();
        recent.add(Rows::default(), &[frame(1, 10), frame(2, 15)]).unwrap();
        recent.add(Rows::default(), &[frame(1, 20)]).unwrap();
        let offset = |seq: u64| {
            let position = Position { stream: StreamId([1; 16]), seq: Seq(seq) };
            recent.frame_before(position).map(|frame| (frame.next, frame.offset))
        };
        assert_eq!(offset(9), None);
        assert_eq!((offset(10), offset(19)), (Some((Seq(10), 1000)), Some((Seq(10), 1000))));
        assert_eq!(offset(20), Some((Seq(20), 2000)));
    }

    #[test]
    fn rows_are_refused_if_they_are_too_many_or_too_long() {
        let mut recent = RecentRows::default();
        let key = |n: usize| n.to_be_bytes().to_vec();
        assert!(recent.add(sets((1..ROWS_MAX).map(key)), &[]).is_ok());
        assert!(recent.add(sets((0..2).map(key)), &[]).is_err());
        assert!(recent.add(sets([vec![0; BYTES_MAX]]), &[]).is_err());
        assert_eq!(recent.within("s", &KeyBounds::all()).len(), ROWS_MAX - 1);
        assert!(recent.add(sets([key(0)]), &[]).is_ok());
        assert_eq!(recent.within("s", &KeyBounds::prefix(&key(0))), [(key(0), Vec::new())]);
        assert!(recent.within("t", &KeyBounds::all()).is_empty());
        // A frame counts as a row.
        assert!(recent.add(sets([]), &[frame(1, 1)]).is_err());
    }

    #[test]
    fn rows_of_series_and_registers_are_refused() {
        let mut rows = sets([b"k".to_vec()]);
        rows.series.slot("series", b"k");
        assert!(RecentRows::default().add(rows, &[]).is_err());
        let mut rows = sets([b"k".to_vec()]);
        rows.registers.slot("registers", b"k");
        assert!(RecentRows::default().add(rows, &[]).is_err());
    }
}
