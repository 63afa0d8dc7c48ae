//! A step of a catch-up: a limited number of entries that are applied in one transaction.

use crate::engine::entry::{Entry, Event, Seq, StreamId};
use crate::engine::error::Result;
use crate::engine::log::Commit;
use crate::engine::parallel;
use crate::engine::projection::cursor::Cursor;
use crate::engine::projection::definition::{Applied, Projection};
use crate::engine::projection::own_tables::{FramePlace, OwnRows};
use crate::engine::projection::site::Site;
use crate::engine::projection::tables::Tables;

/// The number of entries at which a step is full. The last commit of a step may exceed this number.
const STEP_ENTRIES: usize = 50_000;
/// The number of payload bytes at which a step is full. The last commit of a step may exceed this number.
const STEP_BYTES: usize = 32 << 20;

/// Entries that were read and are not applied yet.
#[derive(Default)]
pub(super) struct Step {
    entries: Vec<Entry>,
    bytes: usize,
    rows: OwnRows,
}

impl Step {
    /// Adds a commit of a stream.
    pub(super) fn add(&mut self, stream: StreamId, commit: Commit) {
        self.bytes += commit.entries.iter().map(|e| e.payload.len()).sum::<usize>();
        let first = commit.entries.first().map_or(Seq(0), |e| e.stamp.seq);
        let frame = FramePlace { stream, first, segment: commit.segment, offset: commit.offset };
        self.rows.frames.push(frame);
        self.entries.extend(commit.entries);
    }

    /// Sets the cursor of a stream after the entries of this step.
    pub(super) fn set_cursor(&mut self, stream: StreamId, cursor: Cursor) {
        self.rows.cursors.insert(stream, cursor);
    }

    /// Returns true if the step has reached its maximum size.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= STEP_ENTRIES || self.bytes >= STEP_BYTES
    }

    /// Returns true if the step has no cursor to store. Such a step has no entries either, because every read sets a
    /// cursor.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.cursors.is_empty()
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Decodes the entries on all cores, applies them, and moves the cursors, in one transaction.
    pub(super) fn apply<E: Event>(
        self,
        database: &redb::Database,
        site: &Site,
        projections: &[Box<dyn Projection<E>>],
    ) -> Result<()> {
        let Step { entries, mut rows, .. } = self;
        let decoded = parallel::map(entries.iter().collect(), |entry: &Entry| {
            E::decode(entry.kind, entry.version, &entry.payload)
        });
        let transaction = database.begin_write().map_err(|e| site.unusable(e))?;
        let mut tables = Tables::new(&transaction, &site.dir);
        for (entry, event) in entries.iter().zip(decoded) {
            match event {
                Ok(Some(event)) => {
                    let applied = Applied { stamp: entry.stamp, entry, event: &event };
                    for projection in projections.iter().filter(|p| p.wants(entry.kind)) {
                        tables.set_writer(projection.name(), projection.tables());
                        projection.apply(&applied, &mut tables)?;
                    }
                }
                Ok(None) => *rows.unknown.entry(entry.kind).or_default() += 1,
                Err(_) => rows.unreadable.push((entry.stamp.position(), entry.kind)),
            }
        }
        tables.flush()?;
        rows.entries = entries.len() as u64;
        rows.write(&transaction).map_err(|e| site.unusable(e))?;
        transaction.commit().map_err(|e| site.unusable(e))
    }
}
