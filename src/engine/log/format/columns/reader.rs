//! Reading of entries that are stored as columns.

use crate::engine::bytes::Reader;
use crate::engine::checksum::checksum_of_all;
use crate::engine::codec::PAYLOAD_BYTES_MAX;
use crate::engine::entries::Entries;
use crate::engine::entry::{Entry, Kind, PayloadVersion, Seq, Stamp, StreamChecksums, StreamId};
use crate::engine::log::format::columns::block::BlockReader;
use crate::engine::log::format::columns::group::Group;
use crate::engine::log::format::columns::integers::read_integers;
use crate::engine::log::format::columns::matrix::read_matrix;
use crate::engine::log::format::limits::EXPANDED_BYTES_MAX;

/// The encoded columns of a frame.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::log::format) struct Columns<'a> {
    /// The payload of the frame without padding.
    pub(in crate::engine::log::format) payload: &'a [u8],
    /// The number of entries.
    pub(in crate::engine::log::format) count: usize,
    /// The sequence number of the first entry.
    pub(in crate::engine::log::format) first: Seq,
    /// The time of the first entry.
    pub(in crate::engine::log::format) time: u64,
}

/// A group and the places of its payloads.
struct Members {
    group: Group,
    rows: usize,
    /// The lengths of the payloads if they differ.
    lengths: Vec<u64>,
    /// The offsets at which the payloads begin in the memory of all payloads.
    starts: Vec<usize>,
}

impl Members {
    /// Reads the lengths of the payloads if they differ.
    fn read_lengths(&mut self, blocks: &mut BlockReader<'_>) -> Option<()> {
        if self.group.len.is_none() {
            self.lengths = read_integers(blocks, self.rows)?;
        }
        Some(())
    }

    /// Returns the length of the next payload without a place; `None` if all payloads have one, or if the length exceeds
    /// its maximum.
    fn next_len(&self) -> Option<usize> {
        let n = self.starts.len();
        let len = match self.group.len {
            Some(len) => (n < self.rows).then_some(len),
            None => self.lengths.get(n).and_then(|len| usize::try_from(*len).ok()),
        };
        len.filter(|len| *len <= PAYLOAD_BYTES_MAX)
    }

    /// Reads the payloads and writes each one to its place.
    fn read_payloads(&self, blocks: &mut BlockReader<'_>, payloads: &mut [u8]) -> Option<()> {
        if let Some(len) = self.group.len {
            return read_matrix(blocks, payloads, &self.starts, len);
        }
        // Every length was added to the total length of the payloads, which is limited.
        let total: u64 = self.lengths.iter().sum();
        let text = blocks.block(usize::try_from(total).ok()?)?;
        let mut rest = text.as_slice();
        for (start, len) in self.starts.iter().zip(&self.lengths) {
            let (payload, after) = rest.split_at_checked(usize::try_from(*len).ok()?)?;
            payloads.get_mut(*start..)?.get_mut(..payload.len())?.copy_from_slice(payload);
            rest = after;
        }
        Some(())
    }
}

impl Columns<'_> {
    /// Decodes all entries. Returns `None` if the payload is malformed, or if the checksum over the checksums of the
    /// entries differs. If the stream is not known (`checksums` is `None`), the checksum is not compared, and the id of
    /// the stream in the entries is zero.
    ///
    /// The decoded payloads of a frame have at most [`EXPANDED_BYTES_MAX`] bytes, and each block is decoded into memory
    /// of known length. Hostile bytes therefore cannot cause large allocations.
    pub(in crate::engine::log::format) fn decode(
        &self,
        checksums: Option<&StreamChecksums>,
    ) -> Option<Entries> {
        let stream = checksums.map_or(StreamId([0; 16]), StreamChecksums::stream);
        let mut reader = Reader::new(self.payload);
        let checksum = reader.u32()?;
        let mut groups = self.read_groups(&mut reader)?;
        let mut blocks = BlockReader::new(reader);
        groups.iter_mut().try_for_each(|members| members.read_lengths(&mut blocks))?;
        let mut entries = self.place(&mut groups, stream, &mut blocks)?;
        let payloads = entries.payloads_mut();
        groups.iter().try_for_each(|members| members.read_payloads(&mut blocks, payloads))?;
        if blocks.bytes.remaining() > 0 {
            return None;
        }
        let Some(checksums) = checksums else { return Some(entries) };
        entries.set_checksums(checksums);
        let all = checksum_of_all(entries.iter().map(|entry| entry.checksum));
        (all == checksum).then_some(entries)
    }

    /// Reads the list of the groups. Returns `None` if they do not have one entry for each entry of the frame.
    fn read_groups(&self, reader: &mut Reader<'_>) -> Option<Vec<Members>> {
        let count = reader.length().filter(|groups| (1..=self.count).contains(groups))?;
        let mut groups = Vec::new();
        let mut total = 0usize;
        for _ in 0..count {
            let (group, rows) = Group::read(reader).filter(|(_, rows)| *rows > 0)?;
            total = total.checked_add(rows).filter(|total| *total <= self.count)?;
            groups.push(Members { group, rows, lengths: Vec::new(), starts: Vec::new() });
        }
        (total == self.count).then_some(groups)
    }

    /// Reads the group and the time of each entry, and determines the place of each payload. Returns entries whose
    /// payloads are zeros and whose checksums are 0.
    fn place(
        &self,
        groups: &mut [Members],
        stream: StreamId,
        blocks: &mut BlockReader<'_>,
    ) -> Option<Entries> {
        let order = if groups.len() > 1 { read_integers(blocks, self.count)? } else { vec![0; self.count] };
        let steps = read_integers(blocks, self.count)?;
        let mut entries = Entries::with_capacity(self.count, 0);
        let (mut time, mut total) = (self.time, 0usize);
        for ((index, step), n) in order.iter().zip(&steps).zip(0u64..) {
            let members = groups.get_mut(usize::try_from(*index).ok()?)?;
            let len = members.next_len()?;
            members.starts.push(total);
            time = time.checked_add(*step)?;
            let entry = Entry {
                stamp: Stamp { time, stream, seq: self.first.plus(n) },
                kind: Kind(members.group.kind),
                version: PayloadVersion(members.group.version),
                payload: &[][..],
                checksum: 0,
            };
            entries.push_at(entry, total);
            total = total.checked_add(len).filter(|total| *total <= EXPANDED_BYTES_MAX)?;
        }
        entries.resize_payloads(total);
        Some(entries)
    }
}
