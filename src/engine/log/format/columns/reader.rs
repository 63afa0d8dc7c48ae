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

/// The id of the stream in entries whose stream is not known.
const UNKNOWN_STREAM: StreamId = StreamId([0; 16]);

/// The decoded entries of a frame with columns. The checksum over the entries was not compared yet.
#[derive(Debug)]
pub(in crate::engine) struct UnverifiedColumns {
    /// The entries. The id of their stream is zero.
    entries: Entries,
    /// The checksum over the checksums of the entries.
    checksum: u32,
}

impl UnverifiedColumns {
    /// Returns the entries if the checksum is valid for the stream.
    pub(in crate::engine) fn of_stream(mut self, checksums: &StreamChecksums) -> Option<Entries> {
        self.set_stream(checksums).then_some(self.entries)
    }

    /// Sets the stream of the entries. Returns true if the checksum is valid in this stream.
    pub(in crate::engine) fn set_stream(&mut self, checksums: &StreamChecksums) -> bool {
        self.entries.set_stream(checksums);
        checksum_of_all(self.entries.iter().map(|entry| entry.checksum)) == self.checksum
    }

    /// Returns the entries without comparing the checksum.
    pub(in crate::engine) fn entries(&self) -> &Entries {
        &self.entries
    }
}

/// A group and the places of its payloads.
struct Members {
    group: Group,
    rows: usize,
    /// The lengths of the payloads if they differ.
    lengths: Vec<u64>,
    /// The offset of each payload in the payload buffer.
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

    /// Returns the length of the next payload that has no place yet. Returns `None` if every payload has a
    /// place, or if the length exceeds the maximum.
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
        // The sum is limited, because the total length of all payloads is limited.
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
    /// entries differs.
    ///
    /// The decoded payloads of a frame have at most [`EXPANDED_BYTES_MAX`] bytes, and each block is decoded into memory
    /// of known length. Hostile bytes therefore cannot cause large allocations.
    pub(in crate::engine::log::format) fn decode(&self, checksums: &StreamChecksums) -> Option<Entries> {
        let (unverified, _) = self.decode_unverified();
        unverified?.of_stream(checksums)
    }

    /// Decodes all entries without comparing the checksum over the entries. The second result is the number
    /// of decoded bytes, even if the payload is malformed.
    pub(in crate::engine::log::format) fn decode_unverified(&self) -> (Option<UnverifiedColumns>, u64) {
        let mut decoded = self.payload.len() as u64;
        (self.try_decode(&mut decoded), decoded)
    }

    fn try_decode(&self, decoded: &mut u64) -> Option<UnverifiedColumns> {
        let mut reader = Reader::new(self.payload);
        let checksum = reader.u32()?;
        let mut groups = self.read_groups(&mut reader)?;
        let mut blocks = BlockReader::new(reader);
        groups.iter_mut().try_for_each(|members| members.read_lengths(&mut blocks))?;
        let mut entries = self.place(&mut groups, &mut blocks)?;
        *decoded += entries.payload_bytes() as u64;
        let payloads = entries.payloads_mut();
        groups.iter().try_for_each(|members| members.read_payloads(&mut blocks, payloads))?;
        (blocks.bytes.remaining() == 0).then_some(UnverifiedColumns { entries, checksum })
    }

    /// Reads the list of the groups. Returns `None` if the groups and the frame have different numbers of
    /// entries.
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
    fn place(&self, groups: &mut [Members], blocks: &mut BlockReader<'_>) -> Option<Entries> {
        let stream = UNKNOWN_STREAM;
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
