//! Rows of a versions table: every value that a key had, and the versions that each value replaced.

use crate::engine::bytes::{Reader, put_varint};
use crate::engine::entry::{STAMP_LEN, Stamp};
use std::collections::HashSet;

/// A value of a key, and the versions that this value replaced. The value is bytes; in a [typed
/// table](crate::engine::table), it has the value type of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version<V = Vec<u8>> {
    /// Time and identity of the entry that set the value.
    pub stamp: Stamp,
    /// The stamps of the versions that this version replaces.
    pub replaces: Vec<Stamp>,
    /// The value.
    pub value: V,
}

impl Version {
    pub(super) fn encode(replaces: &[Stamp], value: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(value.len() + 2 + replaces.len() * STAMP_LEN);
        put_varint(&mut out, replaces.len() as u64);
        for stamp in replaces {
            out.extend_from_slice(&stamp.to_bytes());
        }
        out.extend_from_slice(value);
        out
    }

    /// Decodes a row and copies its value.
    pub(super) fn decode(stamp: Stamp, row: &[u8]) -> Option<Version> {
        let Version { stamp, replaces, value } = Version::decode_borrowed(stamp, row)?;
        Some(Version { stamp, replaces, value: value.to_vec() })
    }
}

impl<'a> Version<&'a [u8]> {
    /// Decodes a row without copying its value.
    pub(super) fn decode_borrowed(stamp: Stamp, row: &'a [u8]) -> Option<Version<&'a [u8]>> {
        let mut reader = Reader::new(row);
        let count = reader.length()?;
        // The count is checked before memory is reserved for the stamps.
        if count.checked_mul(STAMP_LEN)? > reader.remaining() {
            return None;
        }
        let mut replaces = Vec::with_capacity(count);
        for _ in 0..count {
            replaces.push(Stamp::from_bytes(&reader.array()?));
        }
        Some(Version { stamp, replaces, value: reader.take(reader.remaining())? })
    }
}

/// The current versions of a key: those that no other version replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current<V = Vec<u8>> {
    /// The current version with the highest stamp.
    pub version: Version<V>,
    /// The other current versions, which conflict with `version`, in ascending order of their stamps.
    pub rivals: Vec<Version<V>>,
}

impl<V> Current<V> {
    /// Returns the value of the current version with the highest stamp.
    pub fn value(&self) -> &V {
        &self.version.value
    }

    /// Converts the versions into the value of the current version with the highest stamp.
    pub fn into_value(self) -> V {
        self.version.value
    }

    /// Returns the stamps of all current versions in ascending order. A new version that replaces all of them resolves
    /// a conflict.
    pub fn stamps(&self) -> Vec<Stamp> {
        self.rivals.iter().map(|rival| rival.stamp).chain([self.version.stamp]).collect()
    }
}

/// Returns the current versions among all versions of one key, or `None` if there are none.
pub fn current<V>(versions: Vec<Version<V>>) -> Option<Current<V>> {
    let replaced: HashSet<Stamp> = versions.iter().flat_map(|v| v.replaces.iter().copied()).collect();
    let mut open: Vec<Version<V>> = versions.into_iter().filter(|v| !replaced.contains(&v.stamp)).collect();
    open.sort_by_key(|v| v.stamp);
    let version = open.pop()?;
    Some(Current { version, rivals: open })
}

/// Returns the row key of a version: the key, a zero byte and the stamp. `fenced` is the key and the zero byte.
pub(super) fn version_row(fenced: &[u8], stamp: Stamp) -> Vec<u8> {
    [fenced, &stamp.to_bytes()[..]].concat()
}

/// Returns true if the row with the row key `row` belongs to a key, and not to a longer key. `fenced` is the key,
/// followed by a zero byte.
pub(super) fn is_version_row(row: &[u8], fenced: &[u8]) -> bool {
    row.len() == fenced.len() + STAMP_LEN && row.starts_with(fenced)
}

/// Splits a row key into key and stamp; `None` if the row key is malformed.
pub(super) fn split_version_row(row: &[u8]) -> Option<(&[u8], Stamp)> {
    let (fenced, stamp) = row.split_last_chunk::<STAMP_LEN>()?;
    Some((fenced.strip_suffix(&[0])?, Stamp::from_bytes(stamp)))
}
