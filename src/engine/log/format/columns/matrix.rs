//! The payloads of a group as a matrix of bytes: one row for each payload.

use crate::engine::bytes::put_varint;
use crate::engine::log::format::columns::block::{BlockReader, BlockWriter};
use crate::engine::log::format::columns::integers::{put_integers, read_integers};
use crate::engine::log::format::columns::window::{WINDOW_LEN, choose, unzigzag, zigzag};

/// The number of rows in the sample for the estimate of a column's cost.
const SAMPLED_ROWS: usize = 256;

/// Appends the payloads `rows`, all of the length `len`, to `out`.
pub(super) fn put_matrix(out: &mut Vec<u8>, blocks: &mut BlockWriter, rows: &[&[u8]], len: usize) {
    let first = rows.first().copied().unwrap_or_default();
    let mut is_variable = vec![false; len];
    for row in rows {
        for ((variable, byte), constant) in is_variable.iter_mut().zip(*row).zip(first) {
            *variable |= byte != constant;
        }
    }
    out.extend_from_slice(first);
    out.extend(
        is_variable
            .chunks(8)
            .map(|bits| bits.iter().rev().fold(0u8, |mask, variable| mask << 1 | u8::from(*variable))),
    );
    let windows = windows_of(rows, &is_variable);
    put_varint(out, windows.len() as u64);
    windows.iter().for_each(|column| put_varint(out, *column as u64));
    for column in &windows {
        let mut before = integer_at(first, *column);
        let steps: Vec<u64> = rows
            .iter()
            .map(|row| {
                let value = integer_at(row, *column);
                zigzag(value.wrapping_sub(std::mem::replace(&mut before, value)))
            })
            .collect();
        put_integers(out, blocks, &steps);
    }
    let mut plane = Vec::with_capacity(rows.len());
    for column in alone(&is_variable, &windows) {
        plane.clear();
        plane.extend(rows.iter().map(|row| row.get(column).copied().unwrap_or_default()));
        blocks.put_plane(out, &plane);
    }
}

fn integer_at(row: &[u8], column: usize) -> u64 {
    row.get(column..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Returns the columns that are variable and not part of a window.
fn alone(is_variable: &[bool], windows: &[usize]) -> impl Iterator<Item = usize> {
    let mut is_alone = is_variable.to_vec();
    for column in windows {
        is_alone.iter_mut().skip(*column).take(WINDOW_LEN).for_each(|alone| *alone = false);
    }
    is_alone.into_iter().enumerate().filter(|(_, alone)| *alone).map(|(column, _)| column)
}

fn windows_of(rows: &[&[u8]], is_variable: &[bool]) -> Vec<usize> {
    let step = (rows.len() / SAMPLED_ROWS).max(1);
    let bits: Vec<f32> = is_variable
        .iter()
        .enumerate()
        .map(|(column, variable)| if *variable { changed_bits(rows, column, step) } else { 0.0 })
        .collect();
    let at = |row: usize, column| integer_at(rows.get(row).copied().unwrap_or_default(), column);
    choose(&bits, rows.len(), |row, column| (at(row.saturating_sub(1), column), at(row, column)))
}

/// Estimates the number of bits per row that a column needs, from the number of different bytes in a sample.
fn changed_bits(rows: &[&[u8]], column: usize, step: usize) -> f32 {
    let mut seen = [0u32; 256];
    let mut total = 0u32;
    for row in rows.iter().step_by(step) {
        let byte = row.get(column).copied().unwrap_or_default();
        if let Some(count) = seen.get_mut(usize::from(byte)) {
            *count += 1;
            total += 1;
        }
    }
    let all = (total as f32).log2();
    let bits: f32 = seen.iter().filter(|n| **n > 0).map(|n| *n as f32 * (all - (*n as f32).log2())).sum();
    bits / total.max(1) as f32
}

/// Reads a matrix with one row of `len` bytes for each item of `starts`. An item is the offset in `payloads`
/// to which its row is written. Returns `None` if the bytes are malformed.
pub(super) fn read_matrix(
    reader: &mut BlockReader<'_>,
    payloads: &mut [u8],
    starts: &[usize],
    len: usize,
) -> Option<()> {
    let first = reader.bytes.take(len)?;
    let mask = reader.bytes.take(len.div_ceil(8))?;
    let is_variable: Vec<bool> = (0..len)
        .map(|column| mask.get(column / 8).is_some_and(|bits| bits >> (column % 8) & 1 == 1))
        .collect();
    let after =
        (len..mask.len() * 8).any(|bit| mask.get(bit / 8).is_some_and(|bits| bits >> (bit % 8) & 1 == 1));
    let count = reader.bytes.length().filter(|count| *count <= len / WINDOW_LEN && !after)?;
    let windows: Option<Vec<usize>> = (0..count).map(|_| reader.bytes.length()).collect();
    let windows = windows.filter(|windows| are_windows(windows, len))?;
    for start in starts {
        payloads.get_mut(*start..)?.get_mut(..len)?.copy_from_slice(first);
    }
    for column in &windows {
        let mut value = integer_at(first, *column);
        for (start, step) in starts.iter().zip(read_integers(reader, starts.len())?) {
            value = value.wrapping_add(unzigzag(step));
            let room = payloads.get_mut(start + column..)?.first_chunk_mut()?;
            *room = value.to_le_bytes();
        }
    }
    for column in alone(&is_variable, &windows) {
        let plane = reader.block(starts.len())?;
        for (start, byte) in starts.iter().zip(plane) {
            *payloads.get_mut(start + column)? = byte;
        }
    }
    Some(())
}

/// Returns true if the windows are in ascending order, do not overlap, and are within a row.
fn are_windows(windows: &[usize], len: usize) -> bool {
    let mut ends = windows.iter().map(|column| column.checked_add(WINDOW_LEN).filter(|end| *end <= len));
    windows.iter().skip(1).zip(ends.clone()).all(|(next, end)| end.is_some_and(|end| end <= *next))
        && ends.next_back().is_none_or(|end| end.is_some())
}
