//! Groups of entries in a frame. The entries of a group are stored together.

use crate::engine::bytes::{Reader, put_varint};
use crate::engine::codec::PAYLOAD_BYTES_MAX;
use crate::engine::log::format::pending::PendingEntry;

/// The properties that all entries of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Group {
    pub(super) kind: u16,
    pub(super) version: u16,
    /// The length of each payload; `None` if the lengths differ.
    pub(super) len: Option<usize>,
}

/// The minimum number of rows of a matrix. Entries of one kind, version and length are stored as a matrix if
/// they reach this number.
const MATRIX_ROWS_MIN: usize = 16;
/// The greatest length of a payload in a matrix.
const MATRIX_LEN_MAX: usize = 2048;

impl Group {
    /// Returns the group with the kind, the version and the payload length of an entry.
    pub(super) fn of(entry: PendingEntry<'_>) -> Group {
        let len = Some(entry.payload.len()).filter(|len| *len <= MATRIX_LEN_MAX);
        Group { kind: entry.kind.0, version: entry.version.0, len }
    }

    /// Returns the group if `count` entries are enough for a matrix. Otherwise returns the group of texts with the same kind
    /// and version.
    pub(super) fn of_size(self, count: usize) -> Group {
        Group { len: self.len.filter(|_| count >= MATRIX_ROWS_MIN), ..self }
    }

    /// Appends the group and its number of entries.
    pub(super) fn put(&self, out: &mut Vec<u8>, rows: usize) {
        // 0 means that the lengths differ.
        let len = self.len.map_or(0, |len| len + 1);
        for number in [u64::from(self.kind), u64::from(self.version), len as u64, rows as u64] {
            put_varint(out, number);
        }
    }

    /// Reads a group and its number of entries. Returns `None` if a number is out of its range.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<(Group, usize)> {
        let kind = u16::try_from(reader.varint()?).ok()?;
        let version = u16::try_from(reader.varint()?).ok()?;
        let len = reader.length()?.checked_sub(1);
        if len.is_some_and(|len| len > PAYLOAD_BYTES_MAX) {
            return None;
        }
        Some((Group { kind, version, len }, reader.length()?))
    }
}
