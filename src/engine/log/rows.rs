//! Entries on their way into a frame: their payloads in one buffer, their order the order of their numbers.

use crate::engine::codec::PAYLOAD_BYTES_MAX;
use crate::engine::entry::{Event, Kind, PayloadVersion};
use crate::engine::error::{Error, Result};
use crate::engine::log::frame::{EXPANDED_BYTES_MAX, FRAME_ENTRIES_MAX, FRAME_HEADER_LEN};

/// What an entry takes in a frame beyond its payload, at most: checksum, six numbers.
const ROW_OVERHEAD_MAX: usize = 64;

/// Room for a small payload: encoders write few bytes at a time, and the buffer is not to grow with each.
const PAYLOAD_BYTES_SMALL: usize = 64;

/// Entries without a place yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    payloads: Vec<u8>,
    rows: Vec<RowHead>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RowHead {
    kind: Kind,
    version: PayloadVersion,
    time: u64,
    end: usize,
}

/// One entry without a place yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The sort of event.
    pub kind: Kind,
    /// The payload's version.
    pub version: PayloadVersion,
    /// The time of its stamp; 0 until it has one.
    pub time: u64,
    /// The encoded event.
    pub payload: &'a [u8],
}

impl Rows {
    /// None yet.
    pub fn new() -> Rows {
        Rows::default()
    }

    /// The rows of these events. Errors: one cannot be encoded.
    pub fn of<E: Event>(events: &[E]) -> Result<Rows> {
        let payloads = Vec::with_capacity(events.len().saturating_mul(PAYLOAD_BYTES_SMALL));
        let mut rows = Rows { payloads, rows: Vec::with_capacity(events.len()) };
        for event in events {
            let encoded = event.encode(&mut rows.payloads);
            encoded.map_err(|source| Error::Codec { kind: "unwritable", position: None, source })?;
            rows.end_row(event.kind(), event.payload_version(), 0);
        }
        Ok(rows)
    }

    /// Errors: they are none, or too many or too large for one frame.
    pub(super) fn check(&self) -> Result<()> {
        let fits = !self.is_empty() && self.fit_with(&Rows::new());
        if !fits || self.iter().any(|row| row.payload.len() > PAYLOAD_BYTES_MAX) {
            return Err(Error::CommitTooLarge { entries: self.len(), bytes: self.payloads.len() });
        }
        Ok(())
    }

    /// Adds an entry that is encoded already.
    pub fn push(&mut self, row: Row<'_>) {
        self.payloads.extend_from_slice(row.payload);
        self.end_row(row.kind, row.version, row.time);
    }

    fn end_row(&mut self, kind: Kind, version: PayloadVersion, time: u64) {
        self.rows.push(RowHead { kind, version, time, end: self.payloads.len() });
    }

    /// Adds the entries of `others`, with times from `first` on, one nanosecond apart.
    pub fn push_stamped(&mut self, others: &Rows, first: u64) {
        for (row, time) in others.iter().zip(first..) {
            self.push(Row { time, ..row });
        }
    }

    /// Whether these and `others` fit one frame together.
    pub fn fit_with(&self, others: &Rows) -> bool {
        self.len() + others.len() <= FRAME_ENTRIES_MAX
            && self.frame_len_max() + others.frame_len_max() <= EXPANDED_BYTES_MAX
    }

    /// The most that a frame with these entries takes.
    pub fn frame_len_max(&self) -> usize {
        FRAME_HEADER_LEN + self.payloads.len() + self.len() * ROW_OVERHEAD_MAX
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Time of the first and of the last entry.
    pub fn times(&self) -> (u64, u64) {
        let time = |row: Option<&RowHead>| row.map_or(0, |row| row.time);
        (time(self.rows.first()), time(self.rows.last()))
    }

    /// Sum of the lengths of the payloads.
    pub fn payload_bytes(&self) -> usize {
        self.payloads.len()
    }

    /// Takes back all.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Takes back all but the first `len` entries.
    pub fn truncate(&mut self, len: usize) {
        self.rows.truncate(len);
        self.payloads.truncate(self.rows.last().map_or(0, |row| row.end));
    }

    /// The entries in their order.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        let starts = std::iter::once(0).chain(self.rows.iter().map(|row| row.end));
        self.rows.iter().zip(starts).map(|(row, start)| Row {
            kind: row.kind,
            version: row.version,
            time: row.time,
            payload: self.payloads.get(start..row.end).unwrap_or_default(),
        })
    }
}
