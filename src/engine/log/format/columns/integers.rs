//! Encoding of integers as planes. A plane is a block with one byte of each integer.

use crate::engine::log::format::columns::block::{BlockReader, BlockWriter};

/// The greatest number of planes: the number of bytes in an integer.
const PLANES_MAX: u8 = 8;

/// Appends integers as planes: the number of planes, then the planes.
pub(super) fn put_integers(out: &mut Vec<u8>, blocks: &mut BlockWriter, values: &[u64]) {
    let planes = planes_of(values);
    out.push(planes.len() as u8);
    planes.iter().for_each(|plane| blocks.put_plane(out, plane));
}

/// Reads `count` integers that [`put_integers`] wrote.
pub(super) fn read_integers(reader: &mut BlockReader<'_>, count: usize) -> Option<Vec<u64>> {
    let planes = reader.bytes.u8().filter(|planes| *planes <= PLANES_MAX)?;
    let planes: Option<Vec<Vec<u8>>> = (0..planes).map(|_| reader.block(count)).collect();
    Some(integers_of(&planes?, count))
}

/// Divides integers into planes. Plane n contains byte n of each integer. Byte 0 is the lowest byte. High
/// planes that contain only zeros are omitted.
pub(super) fn planes_of(values: &[u64]) -> Vec<Vec<u8>> {
    let bits = values.iter().fold(0, |bits, value| bits | value);
    let count = (u64::BITS - bits.leading_zeros()).div_ceil(u8::BITS);
    (0..count).map(|n| values.iter().map(|value| (value >> (n * u8::BITS)) as u8).collect()).collect()
}

/// Combines planes into integers. The inverse function of [`planes_of`].
pub(super) fn integers_of(planes: &[Vec<u8>], count: usize) -> Vec<u64> {
    let mut values = vec![0u64; count];
    for (plane, n) in planes.iter().zip(0u32..) {
        for (value, byte) in values.iter_mut().zip(plane) {
            *value |= u64::from(*byte) << (n * u8::BITS);
        }
    }
    values
}
