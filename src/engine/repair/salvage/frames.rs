//! The search for frames in one file.

use crate::engine::domain::Domain;
use crate::engine::entry::{Entry, StreamChecksums, StreamId};
use crate::engine::log::columns::UnverifiedColumns;
use crate::engine::log::frame::{FRAME_MAGIC, FrameHeader, decode_entries, decode_rows, decode_unverified};
use crate::engine::log::limits::FRAME_HEADER_LEN;
use crate::engine::log::trace::SaltTrace;
use crate::engine::repair::salvage::input::Input;
use crate::engine::repair::salvage::known::KnownSegments;
use crate::engine::repair::salvage::salvaged::Certainty;
use std::io;
use std::path::Path;

/// The number of bytes of candidate frames that are examined or decoded for each byte of the input. A hostile input may
/// contain many headers that announce large payloads, and frames that expand to many times their length.
const CREDIT_PER_BYTE: u64 = 64;
/// The number of bytes of candidate frames that are examined in any input.
const CREDIT_MIN: u64 = 64 << 20;

/// The entries of a frame that was found.
#[derive(Debug)]
pub(super) struct FoundFrame {
    pub(super) offset: u64,
    pub(super) stream: Option<StreamId>,
    pub(super) entries: Vec<Entry>,
    pub(super) certainty: Certainty,
}

/// A frame of an unknown segment and stream, until another one confirms it.
#[derive(Debug)]
struct Unconfirmed {
    offset: u64,
    end: u64,
    trace: SaltTrace,
    /// The entries; empty after they were returned.
    entries: Vec<Entry>,
}

impl Unconfirmed {
    /// Returns true if `next` has the checksums of the frame that follows this one in the same segment.
    fn is_followed_by(&self, next: &Unconfirmed) -> bool {
        // The salts differ like two offsets with this distance: the lowest bit that differs is the same.
        let difference = self.trace.low ^ next.trace.low;
        let distance = (next.offset - self.offset) as u32;
        self.end == next.offset
            && self.trace.key == next.trace.key
            && difference != 0
            && difference.trailing_zeros() == distance.trailing_zeros()
    }
}

/// A search for frames in one file.
#[derive(Debug)]
pub(super) struct FrameSearch {
    input: Input,
    at: u64,
    /// The number of bytes of candidate frames that may still be examined. Frames that pass their checks are not limited.
    credit: u64,
    /// The stream in the name of the file or of its directory.
    named: Option<StreamId>,
    /// The stream of the last frame.
    last: Option<StreamId>,
    unconfirmed: Option<Unconfirmed>,
}

/// A candidate: bytes that may be a frame.
struct Candidate<'a> {
    offset: u64,
    header: FrameHeader,
    payload: &'a [u8],
    /// `None` if the payload is incomplete.
    trace: Option<SaltTrace>,
    /// The entries of a frame with columns; `None` for another frame. They are decoded once for all streams.
    columns: Option<UnverifiedColumns>,
}

impl Candidate<'_> {
    fn end(&self) -> u64 {
        self.offset + self.header.frame_len()
    }

    /// Returns the frame as a part of a known segment. A frame of another domain has no entries.
    fn in_known(&self, known: &KnownSegments, domain: Domain) -> Option<FoundFrame> {
        let found = |stream, entries| {
            let certainty = Certainty::Frame;
            Some(FoundFrame { offset: self.offset, stream: Some(stream), entries, certainty })
        };
        known.of_frame(self.trace?).find_map(|segment| {
            if self.header.entries == 0 || !domain.reads(segment.domain) {
                return found(segment.stream, Vec::new());
            }
            let entries = decode_entries(&self.header, self.payload, segment.stream)?;
            found(segment.stream, entries.into_iter().collect())
        })
    }

    /// Returns those entries of the frame whose checksums are valid in a stream; `None` if there are none.
    fn in_stream(&mut self, stream: StreamId) -> Option<FoundFrame> {
        let entries: Vec<Entry> = match &mut self.columns {
            Some(columns) => {
                let is_valid = columns.set_stream(&StreamChecksums::of(stream));
                if is_valid { columns.entries().clone().into_iter().collect() } else { Vec::new() }
            }
            None => decode_rows(&self.header, self.payload, Some(stream)).0,
        };
        let (stream, certainty) = (Some(stream), Certainty::Entry);
        (!entries.is_empty()).then_some(FoundFrame { offset: self.offset, stream, entries, certainty })
    }

    /// Returns the frame without a check, and the number of bytes that were decoded.
    fn unconfirmed(&self) -> (Option<Unconfirmed>, u64) {
        let Some(trace) = self.trace else { return (None, 0) };
        let (entries, decoded) = match &self.columns {
            Some(columns) => (columns.entries().clone().into_iter().collect(), 0),
            None => decode_rows(&self.header, self.payload, None),
        };
        let is_decoded = !entries.is_empty() || self.header.entries == 0;
        let frame = Unconfirmed { offset: self.offset, end: self.end(), trace, entries };
        (is_decoded.then_some(frame), decoded)
    }
}

impl FrameSearch {
    pub(super) fn new(input: Input, path: &Path) -> FrameSearch {
        let named = stream_in(path);
        FrameSearch { input, at: 0, credit: CREDIT_MIN, named, last: None, unconfirmed: None }
    }

    /// Returns the error of a block that could not be read since the last call. The search continues after the block.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.input.take_error()
    }

    /// Examines the next candidate. Returns the frames that were found, or `None` at the end of the file.
    pub(super) fn step(&mut self, known: &KnownSegments, domain: Domain) -> Option<Vec<FoundFrame>> {
        let offset = self.input.find(&FRAME_MAGIC, self.at)?;
        self.advance(offset + FRAME_MAGIC.len() as u64);
        let Some((header, checksum)) = FrameHeader::parse(self.input.bytes(offset, FRAME_HEADER_LEN)) else {
            return Some(Vec::new());
        };
        let len = FRAME_HEADER_LEN as u64 + u64::from(header.payload_len);
        let Some(credit) = self.credit.checked_sub(len.min(self.input.len() - offset)) else {
            return Some(Vec::new());
        };
        self.credit = credit;
        let bytes = self.input.bytes(offset, len as usize);
        let payload = bytes.get(FRAME_HEADER_LEN..).unwrap_or_default();
        let is_complete = bytes.len() as u64 == len;
        let trace = is_complete.then(|| header.salt_trace(checksum, bytes, payload));
        let (columns, expanded) = decode_unverified(&header, payload);
        let mut candidate = Candidate { offset, header, payload, trace, columns };
        let end = candidate.end();
        let mut streams = self.named.into_iter().chain(self.last).chain(known.streams());
        let found = candidate.in_known(known, domain);
        let found = found.or_else(|| streams.find_map(|stream| candidate.in_stream(stream)));
        if let Some(found) = found {
            self.last = found.stream;
            if found.certainty == Certainty::Frame || found.entries.len() == header.entries as usize {
                self.advance(end);
            } else {
                // The remaining bytes of an incomplete frame may contain other frames.
                let decoded = found.entries.iter().map(|entry| entry.payload.len() as u64).sum();
                self.credit = self.credit.saturating_sub(decoded);
            }
            return Some(vec![found]);
        }
        let (next, decoded) = candidate.unconfirmed();
        let frames = next.map(|next| self.confirm(next)).unwrap_or_default();
        if frames.is_empty() {
            self.credit = self.credit.saturating_sub(decoded.saturating_add(expanded));
        }
        Some(frames)
    }

    fn advance(&mut self, to: u64) {
        self.credit = self.credit.saturating_add(to.saturating_sub(self.at).saturating_mul(CREDIT_PER_BYTE));
        self.at = to;
    }

    /// Compares a frame with the one before, and returns both if they confirm each other.
    fn confirm(&mut self, mut next: Unconfirmed) -> Vec<FoundFrame> {
        let before = self.unconfirmed.take();
        let Some(mut before) = before else {
            self.unconfirmed = Some(next);
            return Vec::new();
        };
        if next.offset < before.end {
            // Bytes in a payload that look like a frame.
            self.unconfirmed = Some(before);
            return Vec::new();
        }
        if !before.is_followed_by(&next) {
            self.unconfirmed = Some(next);
            return Vec::new();
        }
        let mut found = Vec::new();
        for frame in [&mut before, &mut next] {
            let (entries, certainty) = (std::mem::take(&mut frame.entries), Certainty::Neighbour);
            found.push(FoundFrame { offset: frame.offset, stream: None, entries, certainty });
        }
        self.advance(next.end);
        self.unconfirmed = Some(next);
        found
    }
}

/// Returns the stream in the name of a file in quarantine, or of the directory of a file.
fn stream_in(path: &Path) -> Option<StreamId> {
    let name = path.file_name()?.to_str()?;
    let in_name = name.split_once('-').map_or(name, |(stream, _)| stream).parse().ok();
    in_name.or_else(|| path.parent()?.file_name()?.to_str()?.parse().ok())
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests {
    use super::*;
    use crate::engine::storage::OpenMode;
    use crate::engine::storage::sim::SimDisk;

    fn search(bytes: Vec<u8>) -> FrameSearch {
        let disk = SimDisk::new(1);
        disk.overwrite(Path::new("/bytes"), bytes);
        let file = disk.process(1).open(Path::new("/bytes"), OpenMode::Read).unwrap();
        FrameSearch::new(Input::new(file).unwrap(), Path::new("/bytes"))
    }

    #[test]
    fn many_large_candidates_are_examined_within_the_credit() {
        // Headers that announce 16 MiB, at every 48 bytes of 4 MiB: 180 GiB without a limit.
        let mut header = FRAME_MAGIC.to_vec();
        header.extend_from_slice(&(16u32 << 20).to_le_bytes());
        header.extend_from_slice(&[1, 0, 0, 0, 1, 0, 0, 0, 1]);
        header.resize(FRAME_HEADER_LEN, 0);
        assert!(FrameHeader::parse(&header).is_some());
        let bytes = header.repeat((4 << 20) / FRAME_HEADER_LEN);
        let len = bytes.len() as u64;
        let mut search = search(bytes);
        let known = KnownSegments::default();
        let mut steps = 0;
        while let Some(found) = search.step(&known, Domain::new("jobs", 1).unwrap()) {
            assert!(found.is_empty());
            steps += 1;
        }
        assert_eq!(steps, len / FRAME_HEADER_LEN as u64, "each candidate is a step");
        assert!(search.credit < 4 << 20, "the limit is reached");
    }

    #[test]
    fn stream_is_read_from_the_name_of_a_file_or_directory() {
        let id = "018bcfe568007459ac00895412763d46";
        let stream = id.parse().ok();
        assert_eq!(stream_in(Path::new(&format!("/log/{id}/00000000000000000001.seg"))), stream);
        assert_eq!(stream_in(Path::new(&format!("/q/{id}-1-4416-80.bytes"))), stream);
        assert_eq!(stream_in(Path::new("/q/disk.image")), None);
    }
}
