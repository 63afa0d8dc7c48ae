//! What lies in the log's directory: streams, their segments, their locks.

use crate::engine::bytes::is_zero;
use crate::engine::checksum::salted_crc32;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::names;
use crate::engine::log::segment::{
    FRAMES_AT, HeaderFault, Home, Origin, SECOND_HEADER_AT, SEGMENT_HEADER_LEN, SEGMENT_MAGIC, SegmentHeader,
};
use crate::engine::storage::{File, OpenMode, Storage, read_full_at};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Returns the streams in the log, oldest name first: everything with the name of one, so that a folder that cannot be
/// read, or a link that leads nowhere, is a stream that cannot be read. A log whose directory is missing has none.
pub fn list_streams(storage: &dyn Storage, log: &Path) -> Result<Vec<StreamId>> {
    let names = match storage.list(log) {
        Ok(names) => names,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", log, e)),
    };
    Ok(names.iter().filter_map(|n| n.name.parse().ok()).collect())
}

/// Returns the first sequence numbers of a stream's segments, ascending: of everything with the name of one, so that
/// what is not a regular file is a segment that cannot be read.
pub fn list_segments(storage: &dyn Storage, log: &Path, stream: StreamId) -> Result<Vec<Seq>> {
    let dir = names::stream_dir(log, stream);
    let entries = storage.list(&dir).map_err(|e| Error::io("list", &dir, e))?;
    Ok(entries.iter().filter_map(|n| names::parse_segment(&n.name)).collect())
}

/// The length of all segments of these streams together, for showing progress; what cannot be looked at counts as empty.
pub fn log_bytes(storage: &dyn Storage, log: &Path, streams: &[StreamId]) -> u64 {
    let mut bytes = 0;
    for stream in streams {
        for base in list_segments(storage, log, *stream).unwrap_or_default() {
            bytes += storage.info(&names::segment_path(log, *stream, base)).map_or(0, |info| info.len);
        }
    }
    bytes
}

/// Whether a living writer holds the stream. Where there are no locks nobody can say: `false`.
pub fn is_held(storage: &dyn Storage, log: &Path, stream: StreamId) -> bool {
    [names::LOCK_NAME, names::LEFT_NAME].iter().any(|name| {
        let path = names::stream_dir(log, stream).join(name);
        storage.open(&path, OpenMode::Read).is_ok_and(|file| matches!(file.is_locked(), Ok(true)))
    })
}

/// Which folder this is, on which boot; `None` where the platform cannot tell.
pub fn home_of(storage: &dyn Storage, dir: &Path) -> Option<Home> {
    Some(Home { boot: storage.boot_id()?, place: storage.info(dir).ok()?.place? })
}

/// The two header copies of a segment, and what is wrong with them.
#[derive(Debug)]
pub struct Headers {
    /// The header, from whichever copy is whole.
    pub header: std::result::Result<SegmentHeader, HeaderFault>,
    /// Offsets (and lengths) in the header area that are not as written, though a whole copy exists.
    pub damaged: Vec<(u64, u64)>,
    /// Whether the file ends within the area, or the area holds only zeros: a creation that was never finished, or
    /// a file that was cut.
    pub unfinished: bool,
    /// The file holds nothing but part of the header area of this segment: the state in which a death or a power cut
    /// leaves a creation. Only what lies around the segment tells whether it was one, or a segment that was cut later.
    pub may_be_creation: bool,
}

/// Reads the header area of the segment that should begin with `base` in `stream`. Of two whole copies the one that
/// says so counts: the other may have been written to this place by mistake.
pub fn read_headers(file: &dyn File, stream: StreamId, base: Seq) -> io::Result<Headers> {
    let mut area = vec![0u8; FRAMES_AT as usize];
    let got = read_full_at(file, 0, &mut area)?;
    area.truncate(got);
    let copy = |at: u64| {
        let bytes = area.get(at as usize..).unwrap_or_default();
        SegmentHeader::decode_one(bytes)
    };
    let (first, second) = (copy(0), copy(SECOND_HEADER_AT));
    let mut damaged = Vec::new();
    let header_len = SEGMENT_HEADER_LEN as u64;
    let belongs = |header: &SegmentHeader| header.stream == stream && header.base == base;
    let header = match (first, second) {
        (Ok(foreign), Ok(header)) if !belongs(&foreign) && belongs(&header) => {
            damaged.push((0, header_len));
            Ok(header)
        }
        (Ok(header), other) => {
            if other.as_ref() != Ok(&header) {
                damaged.push((SECOND_HEADER_AT, header_len));
            }
            Ok(header)
        }
        (Err(HeaderFault::Damaged), Ok(header)) => {
            damaged.push((0, header_len));
            Ok(header)
        }
        (Err(HeaderFault::Damaged), Err(fault)) | (Err(fault), _) => Err(fault),
    };
    let between = area.get(SEGMENT_HEADER_LEN..(SECOND_HEADER_AT as usize).min(got)).unwrap_or_default();
    if let (Ok(_), Some(at)) = (&header, between.iter().position(|b| *b != 0)) {
        damaged.push((header_len + at as u64, 1));
    }
    let unfinished = got < FRAMES_AT as usize || (header.is_err() && area.iter().all(|b| *b == 0));
    // A creation writes the area and nothing behind it; a header that is there twice was written to the end.
    let in_part = header.is_err() || !damaged.is_empty() || got < FRAMES_AT as usize;
    let may_be_creation = in_part && file.len()? <= FRAMES_AT && is_part_of_area(area, stream, base);
    Ok(Headers { header, damaged, unfinished, may_be_creation })
}

/// Returns whether these bytes of a header area, zeros where it ends early, are what a part of the write of one leaves:
/// each copy of the header is whole, or cut, or not there at all.
fn is_part_of_area(mut area: Vec<u8>, stream: StreamId, base: Seq) -> bool {
    area.resize(FRAMES_AT as usize, 0);
    let (first, rest) = area.split_at(SEGMENT_HEADER_LEN);
    let (between, second) = rest.split_at(SECOND_HEADER_AT as usize - SEGMENT_HEADER_LEN);
    let whole = |copy: &[u8]| {
        let header = SegmentHeader::decode_one(copy);
        header.is_ok_and(|header| header.stream == stream && header.base == base)
    };
    let front = |copy: &[u8], other: &[u8]| {
        let written = copy.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        if whole(other) {
            other.starts_with(copy.get(..written).unwrap_or_default())
        } else {
            is_front_of_header(copy, written, stream, base)
        }
    };
    is_zero(between) && (whole(first) || front(first, second)) && (whole(second) || front(second, first))
}

/// Returns whether the first `written` bytes of a copy may be the front of a header of this segment. A whole header that
/// this build does not read is none.
fn is_front_of_header(copy: &[u8], written: usize, stream: StreamId, base: Seq) -> bool {
    let Some((covered, found)) = copy.split_last_chunk::<4>() else { return false };
    let checksum = salted_crc32(u64::from_le_bytes(SEGMENT_MAGIC), &[covered]).to_le_bytes();
    let fields: [(usize, &[u8]); 4] =
        [(0, &SEGMENT_MAGIC), (16, &stream.0), (80, &base.0.to_le_bytes()), (covered.len(), &checksum)];
    let agrees = |(at, expected): (usize, &[u8])| {
        let found = copy.get(at..written).unwrap_or_default();
        found.iter().zip(expected).all(|(found, expected)| found == expected)
    };
    *found != checksum && fields.into_iter().all(agrees)
}

/// Returns whether the file of this segment is in a state in which a death or a power cut leaves a creation.
pub fn may_be_creation(storage: &dyn Storage, log: &Path, stream: StreamId, base: Seq) -> Result<bool> {
    let path = names::segment_path(log, stream, base);
    let headers = storage
        .open(&path, OpenMode::Read)
        .and_then(|file| read_headers(file.as_ref(), stream, base))
        .map_err(|e| Error::io("read segment", &path, e))?;
    Ok(headers.may_be_creation)
}

/// Where a stream branches off, from the first header that can be read; `None`: nowhere, or nobody can say.
pub fn origin_of(storage: &dyn Storage, log: &Path, stream: StreamId) -> Result<Option<Origin>> {
    for base in list_segments(storage, log, stream)? {
        let path = names::segment_path(log, stream, base);
        let wrap = |e| Error::io("read segment", &path, e);
        let file = match storage.open(&path, OpenMode::Read) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(wrap(e)),
        };
        if let Ok(header) = read_headers(file.as_ref(), stream, base).map_err(wrap)?.header
            && header.stream == stream
            && header.base == base
        {
            return Ok(header.origin);
        }
    }
    Ok(None)
}

/// Creates a segment, durably: file, both headers, sync of file and directory.
pub fn create_segment(storage: &dyn Storage, log: &Path, header: &SegmentHeader) -> Result<Arc<dyn File>> {
    let path = names::segment_path(log, header.stream, header.base);
    let wrap = |e| Error::io("create segment", &path, e);
    let file = match storage.open(&path, OpenMode::CreateNew) {
        Ok(file) => file,
        Err(e) => {
            // The file may have been created although an error was returned. A file that existed before, or holds
            // anything, is not removed.
            let created = e.kind() != io::ErrorKind::AlreadyExists
                && storage.info(&path).is_ok_and(|info| info.is_file && info.len == 0);
            if created {
                let _ = storage.remove_file(&path);
            }
            return Err(wrap(e));
        }
    };
    let written = crate::engine::storage::write_all_at(file.as_ref(), 0, &header.encode())
        .and_then(|()| file.sync())
        .and_then(|()| storage.sync_dir(&names::stream_dir(log, header.stream)));
    match written {
        Ok(()) => Ok(file),
        Err(e) => {
            // A half-made segment holds no entry; leaving it would look like a torn tail. It is emptied first, so that
            // it is an unfinished creation if even the removal fails: a header that was not synced, but still shows,
            // would be an invitation to go on behind it.
            let _ = file.set_len(0);
            let _ = storage.remove_file(&path);
            Err(wrap(e))
        }
    }
}

/// Where reading a stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumePoint {
    /// The segment, by its first sequence number.
    pub segment: Seq,
    /// The offset in it where the next frame begins.
    pub offset: u64,
    /// The number expected there.
    pub next: Seq,
}

impl ResumePoint {
    /// The beginning of a stream.
    pub const START: ResumePoint = ResumePoint { segment: Seq(0), offset: 0, next: Seq::FIRST };
}
