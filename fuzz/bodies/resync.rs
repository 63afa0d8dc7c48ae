//! A whole segment file of hostile bytes, read in both scan modes. The reader returns exactly the commits that a slow
//! search finds, in order, and every skipped sequence number is part of exactly one gap at its position.
//!
//! The first byte controls the rest. Bit 0: checksums at possible positions of frames are corrected. Bit 1: another
//! segment follows. Bit 2: the bytes are the whole file and not only the part after the header.

use super::frame::{SALT, STREAM, mend_checksums};
use contexta::engine::chain::Chain;
use contexta::engine::codec::CodecError;
use contexta::engine::domain::Domain;
use contexta::engine::entry::{Entry, Event, Gap, Kind, PayloadVersion, Seq};
use contexta::engine::log::directory::ResumePoint;
use contexta::engine::log::frame::{FRAME_MAGIC, FrameHeader, decode_entries, frame_salt};
use contexta::engine::log::header::{FRAMES_AT, SegmentHeader};
use contexta::engine::log::limits::FRAME_HEADER_LEN;
use contexta::engine::log::mark::Mark;
use contexta::engine::log::names::segment_path;
use contexta::engine::log::{Item, ScanMode, StreamReader};
use contexta::engine::repair::{Certainty, salvage};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::SimDisk;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Checksums are corrected.
pub(crate) const MEND: u8 = 1;
/// Another segment follows.
pub(crate) const BEHIND: u8 = 2;
/// The bytes are the whole file.
pub(crate) const WHOLE_FILE: u8 = 4;

/// The sequence number of the first entry in the following segment.
const BASE_BEHIND: Seq = Seq(1000);

pub(crate) fn run(data: &[u8]) {
    let Some((flags, rest)) = data.split_first() else { return };
    let mut file = rest.to_vec();
    if flags & WHOLE_FILE == 0 {
        file = header(Seq::FIRST).encode();
        file.extend_from_slice(rest);
    }
    if flags & MEND != 0 {
        mend(&mut file);
    }
    let (disk, log) = (SimDisk::new(1), Path::new("/log"));
    disk.overwrite(&segment_path(log, STREAM, Seq::FIRST), file.clone());
    if flags & BEHIND != 0 {
        disk.overwrite(&segment_path(log, STREAM, BASE_BEHIND), header(BASE_BEHIND).encode());
    }
    let storage = disk.process(1);
    let follow = read(&storage, log, ScanMode::Follow, ResumePoint::START);
    let full = read(&storage, log, ScanMode::Full, ResumePoint::START);
    assert_eq!(follow.entries, full.entries, "the modes differ");
    assert_eq!(follow.next, full.next);
    if flags & WHOLE_FILE == 0 {
        let (entries, mut next) = search(&file);
        if flags & BEHIND != 0 {
            next = next.max(BASE_BEHIND);
        }
        assert_eq!((&follow.entries, follow.next), (&entries, next), "the reader and the slow search differ");
    }
    // Reading on from the end returns nothing twice.
    let later = read(&storage, log, ScanMode::Follow, follow.resume);
    assert_eq!((later.entries.len(), later.next), (0, follow.next));
    salvage_all(&storage, log);
}

/// An event of any kind, which is not decoded.
struct Undecoded;

impl Event for Undecoded {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[];
    fn kind(&self) -> Kind {
        Kind(0)
    }
    fn encode(&self, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(())
    }
    fn decode(_: Kind, _: PayloadVersion, _: &[u8]) -> Result<Option<Undecoded>, CodecError> {
        Ok(None)
    }
}

/// Salvages entries from the same bytes: no error, and offsets within the file in ascending order.
fn salvage_all(storage: &Arc<dyn Storage>, log: &Path) {
    let mut offsets = BTreeMap::new();
    for found in salvage::<Undecoded>(storage, log, domain()).expect("the directory exists") {
        let found = found.expect("the simulated disk reads");
        assert_eq!(found.stream.is_some(), found.certainty != Certainty::Neighbour);
        let before = offsets.insert(found.path, found.offset);
        assert!(before.is_none_or(|before| before <= found.offset));
    }
}

fn domain() -> Domain {
    Domain::new("fuzz", 1).expect("the name is valid")
}

/// The header of a segment of the stream.
pub(crate) fn header(base: Seq) -> SegmentHeader {
    SegmentHeader {
        stream: STREAM,
        home: None,
        origin: None,
        domain: domain(),
        base,
        chain: Chain::ORIGIN,
        salt: SALT,
        previous_salt: if base == Seq::FIRST { 0 } else { SALT },
        time: 1,
    }
}

/// Corrects the checksums at every multiple of eight where the magic of a frame begins. Where the reserved bytes are
/// not zero, the checksums are left, so that some frames stay invalid.
fn mend(file: &mut [u8]) {
    let mut at = FRAMES_AT as usize;
    while at + FRAME_HEADER_LEN <= file.len() {
        let Some((head, rest)) =
            file.get_mut(at..).and_then(|f| f.split_first_chunk_mut::<FRAME_HEADER_LEN>())
        else {
            break;
        };
        let salt = frame_salt(SALT, at as u64);
        at += 8;
        if head[..4] != FRAME_MAGIC || head[36..44] != [0; 8] {
            continue;
        }
        let len = u32::from_le_bytes(std::array::from_fn(|n| head[4 + n])) as usize;
        let here = len.min(rest.len());
        mend_checksums(head, &mut rest[..here], STREAM, salt);
        if here == len {
            at += (FRAME_HEADER_LEN - 8 + len).next_multiple_of(8);
        }
    }
}

struct Read {
    entries: Vec<Entry>,
    next: Seq,
    resume: ResumePoint,
}

/// Reads everything and checks what a reader guarantees for any bytes.
fn read(storage: &Arc<dyn Storage>, log: &Path, mode: ScanMode, at: ResumePoint) -> Read {
    let mut reader = StreamReader::open_at(storage, log, STREAM, mode, at).expect("the directory lists");
    let (mut entries, mut expected, mut open): (Vec<Entry>, Seq, Option<Gap>) = (Vec::new(), at.next, None);
    while let Some(item) = reader.next_item().expect("the simulated disk reads") {
        match item {
            Item::Commit(commit) => {
                assert!(open.is_none() && !commit.entries.is_empty() && commit.offset < commit.end);
                for entry in commit.entries {
                    assert_eq!((entry.stamp.stream, entry.stamp.seq), (STREAM, expected));
                    expected = expected.next();
                    entries.push(entry);
                }
            }
            Item::Gap(gap) => {
                assert!(open.is_none(), "an item follows an open gap");
                assert_eq!((gap.stream, gap.first), (STREAM, expected));
                assert!(gap.last.is_none_or(|last| last >= gap.first));
                expected = gap.last.map_or(expected, Seq::next);
                open = gap.last.is_none().then_some(gap);
            }
            Item::Finding(finding) => {
                assert!(mode == ScanMode::Full || finding.len > 0 || finding.offset == 0, "{finding:?}");
            }
        }
    }
    assert_eq!(reader.next_seq(), expected, "numbers were skipped without a gap");
    Read { entries, next: expected, resume: reader.resume_point() }
}

/// Returns the entries of a segment and the sequence number after them, found by trying every position in order.
fn search(file: &[u8]) -> (Vec<Entry>, Seq) {
    let (mut entries, mut next) = (Vec::new(), Seq::FIRST);
    let mut at = FRAMES_AT as usize;
    while at < file.len() {
        let Some((header, payload)) = whole(file, at) else {
            match later(file, at) {
                Some(found) => at = found,
                None => break,
            }
            continue;
        };
        at += header.frame_len() as usize;
        if header.first < next {
            continue;
        }
        if header.entries > 0 {
            entries.extend(decode_entries(&header, payload, STREAM).unwrap_or_default());
            next = header.next();
        } else if Mark::decode(payload, header.flags == 2).is_some() {
            next = header.first;
        }
    }
    (entries, next)
}

fn whole(file: &[u8], at: usize) -> Option<(FrameHeader, &[u8])> {
    let salt = frame_salt(SALT, at as u64);
    let header = FrameHeader::decode(file.get(at..)?, salt)?;
    let payload = file.get(at + FRAME_HEADER_LEN..at + header.frame_len() as usize)?;
    header.matches(payload, salt).then(|| (header, &payload[..header.payload_len as usize]))
}

/// Returns the next complete frame after `at`. The total length of the candidates that are tried is limited.
fn later(file: &[u8], at: usize) -> Option<usize> {
    // Zeros are skipped before the search begins, so they do not count towards the limit; they contain no candidate.
    let mut left = 64u64 << 20;
    for at in (at + 8..file.len()).step_by(8) {
        let Some(header) = FrameHeader::decode(&file[at..], frame_salt(SALT, at as u64)) else { continue };
        left = left.checked_sub(header.frame_len().min((file.len() - at) as u64))?;
        if whole(file, at).is_some() {
            return Some(at);
        }
    }
    None
}
