//! Writing of entries as columns.

use crate::engine::bytes::put_varint;
use crate::engine::checksum::{checksum_of_all, salted_crc32};
use crate::engine::entry::{Seq, Stamp, StreamId, canonical_head};
use crate::engine::log::format::columns::block::BlockWriter;
use crate::engine::log::format::columns::group::Group;
use crate::engine::log::format::columns::integers::put_integers;
use crate::engine::log::format::columns::matrix::put_matrix;
use crate::engine::log::format::pending::PendingEntries;
use std::collections::HashMap;
use std::io;

/// A writer of frames with columns. The writer reuses the memory of the compressor.
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
    /// Each group with the payloads of its entries. The payloads are in the order of the entries.
    list: Vec<(Group, Vec<&'a [u8]>)>,
    /// The index of the group of each entry.
    order: Vec<u64>,
}

impl<'a> Groups<'a> {
    fn of(rows: &'a PendingEntries) -> Groups<'a> {
        let by_length = ByLength::of(rows);
        // If a group is too small for a matrix, its entries are moved to the group of texts.
        let mut groups = Groups { list: Vec::new(), order: Vec::with_capacity(rows.len()) };
        let mut indices: Vec<Option<usize>> = vec![None; by_length.groups.len()];
        for (row, index) in rows.iter().zip(&by_length.order) {
            let Some((group, count)) = by_length.groups.get(*index) else { continue };
            let Some(known) = indices.get_mut(*index) else { continue };
            let index = *known.get_or_insert_with(|| groups.index_of(group.of_size(*count)));
            if let Some((_, members)) = groups.list.get_mut(index) {
                members.push(row.payload);
            }
            groups.order.push(index as u64);
        }
        groups
    }

    /// Returns the index of a group. Adds the group if it is missing.
    fn index_of(&mut self, group: Group) -> usize {
        self.list.iter().position(|(other, _)| *other == group).unwrap_or_else(|| {
            self.list.push((group, Vec::new()));
            self.list.len() - 1
        })
    }
}

/// Groups of the entries of a frame. The entries of a group have the same kind, version and payload length.
struct ByLength {
    /// Each group with its number of entries.
    groups: Vec<(Group, usize)>,
    /// The index of the group of each entry.
    order: Vec<usize>,
}

impl ByLength {
    /// The number of groups that are compared before the map is used. Most frames have fewer groups.
    const COMPARED_MAX: usize = 8;

    fn of(rows: &PendingEntries) -> ByLength {
        let mut found = ByLength { groups: Vec::new(), order: Vec::with_capacity(rows.len()) };
        let mut indices: HashMap<Group, usize> = HashMap::new();
        for row in rows.iter() {
            let group = Group::of(row);
            let mut first = found.groups.iter().take(ByLength::COMPARED_MAX);
            let index = first.position(|(other, _)| *other == group).unwrap_or_else(|| {
                *indices.entry(group).or_insert_with(|| {
                    found.groups.push((group, 0));
                    found.groups.len() - 1
                })
            });
            if let Some((_, count)) = found.groups.get_mut(index) {
                *count += 1;
            }
            found.order.push(index);
        }
        found
    }
}
