//! Writing of entries as columns.

use crate::engine::bytes::put_varint;
use crate::engine::checksum::salted_crc32;
use crate::engine::entry::{Seq, Stamp, StreamId, canonical_head};
use crate::engine::log::format::columns::block::BlockWriter;
use crate::engine::log::format::columns::checksum_of_all;
use crate::engine::log::format::columns::group::Group;
use crate::engine::log::format::columns::matrix::{put_integers, put_matrix};
use crate::engine::log::format::pending::PendingEntries;
use std::collections::HashMap;
use std::io;

/// The number of entries of the same kind, version and length from which on they are stored as a matrix.
const MATRIX_ROWS_MIN: usize = 16;

/// A writer of frames with columns. It keeps the memory of the compressor.
pub(in crate::engine::log) struct ColumnWriter {
    blocks: BlockWriter,
}

impl ColumnWriter {
    /// Creates a writer. Error: memory for the compressor could not be allocated.
    pub(in crate::engine::log) fn new() -> io::Result<ColumnWriter> {
        Ok(ColumnWriter { blocks: BlockWriter::new()? })
    }

    /// Appends the encoded entries `rows` to `out`. `first` is the sequence number of the first entry.
    pub(in crate::engine::log::format) fn put(
        &mut self,
        out: &mut Vec<u8>,
        rows: &PendingEntries,
        stream: StreamId,
        first: Seq,
    ) {
        let checksums = rows.iter().zip(0u64..).map(|(row, n)| {
            let stamp = Stamp { time: row.time, stream, seq: first.plus(n) };
            let head = canonical_head(&stamp, row.kind, row.version, row.payload.len());
            salted_crc32(0, &[&head, row.payload])
        });
        out.extend_from_slice(&checksum_of_all(checksums).to_le_bytes());
        let groups = Groups::of(rows);
        put_varint(out, groups.list.len() as u64);
        for (group, members) in &groups.list {
            group.put(out, members.len());
        }
        for (_, members) in groups.list.iter().filter(|(group, _)| group.len.is_none()) {
            let lengths: Vec<u64> = members.iter().map(|payload| payload.len() as u64).collect();
            put_integers(out, &mut self.blocks, &lengths);
        }
        if groups.list.len() > 1 {
            put_integers(out, &mut self.blocks, &groups.order);
        }
        let mut before = rows.times().0;
        let steps: Vec<u64> = rows
            .iter()
            .map(|row| row.time.saturating_sub(std::mem::replace(&mut before, row.time)))
            .collect();
        put_integers(out, &mut self.blocks, &steps);
        for (group, members) in &groups.list {
            match group.len {
                Some(len) => put_matrix(out, &mut self.blocks, members, len),
                None => self.blocks.put_text(out, &members.concat()),
            }
        }
    }
}

/// The division of entries into groups.
struct Groups<'a> {
    /// Each group with the payloads of its entries, in their order.
    list: Vec<(Group, Vec<&'a [u8]>)>,
    /// The index of the group of each entry.
    order: Vec<u64>,
}

impl<'a> Groups<'a> {
    fn of(rows: &'a PendingEntries) -> Groups<'a> {
        let mut counts: HashMap<Group, usize> = HashMap::new();
        for row in rows.iter() {
            *counts.entry(Group::of(row)).or_default() += 1;
        }
        let mut indices: HashMap<Group, usize> = HashMap::new();
        let mut groups = Groups { list: Vec::new(), order: Vec::with_capacity(rows.len()) };
        for row in rows.iter() {
            let mut group = Group::of(row);
            if counts.get(&group).is_none_or(|count| *count < MATRIX_ROWS_MIN) {
                group.len = None;
            }
            let index = *indices.entry(group).or_insert_with(|| {
                groups.list.push((group, Vec::new()));
                groups.list.len() - 1
            });
            if let Some((_, members)) = groups.list.get_mut(index) {
                members.push(row.payload);
            }
            groups.order.push(index as u64);
        }
        groups
    }
}
