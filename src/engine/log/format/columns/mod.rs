//! The encoding of the entries of a frame as columns, for compacted segments. docs/FORMAT.md specifies the bytes
//! ("Columns").
//!
//! Entries of the same kind, payload version and payload length form a group. The payloads of a group are the rows of
//! a matrix of bytes. Its constant columns are stored once, and each other column is stored as a compressed block.
//! Payloads without such a group are stored one after another.
//!
//! Checksums of entries are not stored. A checksum over the checksums of all entries is stored instead. The decoder
//! computes the checksum of each entry again and compares the result.

mod block;
mod group;
mod matrix;
mod reader;
mod window;
mod writer;

pub(super) use reader::Columns;
pub(in crate::engine::log) use writer::ColumnWriter;

use crate::engine::checksum::salted_crc32;

/// Computes the checksum over the checksums of all entries of a frame.
fn checksum_of_all(checksums: impl Iterator<Item = u32>) -> u32 {
    let bytes: Vec<u8> = checksums.flat_map(u32::to_le_bytes).collect();
    salted_crc32(0, &[&bytes])
}

/// Divides integers into planes. Plane n contains byte n of each integer, from the lowest byte on. The planes after the
/// highest byte that is not zero are omitted.
fn planes_of(values: &[u64]) -> Vec<Vec<u8>> {
    let bits = values.iter().fold(0, |bits, value| bits | value);
    let count = (u64::BITS - bits.leading_zeros()).div_ceil(u8::BITS);
    (0..count).map(|n| values.iter().map(|value| (value >> (n * u8::BITS)) as u8).collect()).collect()
}

/// The greatest number of planes: the number of bytes in an integer.
const PLANES_MAX: u8 = 8;

/// Combines planes into integers. The inverse function of [`planes_of`].
fn integers_of(planes: &[Vec<u8>], count: usize) -> Vec<u64> {
    let mut values = vec![0u64; count];
    for (plane, n) in planes.iter().zip(0u32..) {
        for (value, byte) in values.iter_mut().zip(plane) {
            *value |= u64::from(*byte) << (n * u8::BITS);
        }
    }
    values
}

#[cfg(test)]
mod tests;
