//! The directory of a log: streams, segments, segment headers and locks.

use crate::engine::bytes::is_zero;
use crate::engine::checksum::salted_crc32;
use crate::engine::domain::Domain;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::header::{
    FRAMES_AT, HeaderFault, Home, Origin, SECOND_HEADER_AT, SEGMENT_HEADER_LEN, SEGMENT_MAGIC, SegmentHeader,
};
use crate::engine::log::format::names;
use crate::engine::storage::{DirEntry, File, OpenMode, Storage, read_full_at};
use std::io;
use std::path::Path;

/// Returns the streams of a log, sorted by id. The ids that writers create begin with the time of creation, so these
/// streams are sorted by age. Every directory entry whose name is a stream id counts, even if it is not a directory:
/// reading such a stream then reports the problem. A log whose directory is missing has no streams.
pub fn list_streams(storage: &dyn Storage, log: &Path) -> Result<Vec<StreamId>> {
    Ok(streams_in(&list_log(storage, log)?))
}

/// Returns the entries of the directory of a log, sorted by name. A missing directory has no entries.
pub(in crate::engine) fn list_log(storage: &dyn Storage, log: &Path) -> Result<Vec<DirEntry>> {
    match storage.list(log) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(|e| Error::io("list", log, e)),
    }
}

/// Returns the streams among the entries of the directory of a log, like [`list_streams`].
pub(in crate::engine) fn streams_in(log: &[DirEntry]) -> Vec<StreamId> {
    log.iter().filter_map(|entry| entry.name.parse().ok()).collect()
}

/// Returns the first sequence numbers of the segments of a stream, ascending. Every directory entry with the name of a
/// segment counts, even if it is not a regular file: reading such a segment then reports the problem.
pub fn list_segments(storage: &dyn Storage, log: &Path, stream: StreamId) -> Result<Vec<Seq>> {
    let dir = names::stream_dir(log, stream);
    let entries = storage.list(&dir).map_err(|e| Error::io("list", &dir, e))?;
    Ok(entries.iter().filter_map(|n| names::parse_segment(&n.name)).collect())
}

/// The evidence in the directory of a stream that no writer can append to the stream again, as long as no name in the
/// directory changes. A writer continues only a stream whose lock file has the name [`names::LOCK_NAME`]. Merges and
/// repairs rename files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterEnd {
    /// The writer has renamed the lock file to [`names::ABANDONED_LOCK_NAME`], and no process holds the lock.
    Released,
    /// The stream has no lock file. Merges write such streams.
    NoLock,
    /// A writer may hold the stream or continue it, or locks cannot be tested.
    Unproven,
}

/// Returns the first sequence numbers of the segments of a stream, ascending ([`list_segments`]), and the evidence about
/// the end of its writer.
pub fn list_with_writer_end(
    storage: &dyn Storage,
    log: &Path,
    stream: StreamId,
) -> Result<(Vec<Seq>, WriterEnd)> {
    let dir = names::stream_dir(log, stream);
    let entries = storage.list(&dir).map_err(|e| Error::io("list", &dir, e))?;
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    let is_released = || {
        let file = storage.open(&dir.join(names::ABANDONED_LOCK_NAME), OpenMode::Read);
        file.is_ok_and(|file| matches!(file.is_locked(), Ok(false)))
    };
    let end = match (has(names::LOCK_NAME), has(names::ABANDONED_LOCK_NAME)) {
        (false, false) => WriterEnd::NoLock,
        (false, true) if is_released() => WriterEnd::Released,
        _ => WriterEnd::Unproven,
    };
    Ok((entries.iter().filter_map(|n| names::parse_segment(&n.name)).collect(), end))
}

/// Returns the total length in bytes of all segments of these streams, for progress reports. Streams that cannot be
/// listed, and files without readable metadata, count as empty.
pub fn log_bytes(storage: &dyn Storage, log: &Path, streams: &[StreamId]) -> u64 {
    let mut bytes = 0;
    for stream in streams {
        for base in list_segments(storage, log, *stream).unwrap_or_default() {
            bytes += storage.info(&names::segment_path(log, *stream, base)).map_or(0, |info| info.len);
        }
    }
    bytes
}

/// Returns true if a process, normally the writer, holds the lock of the stream. Returns false if no process holds the
/// lock, or if the lock cannot be tested.
pub fn is_held(storage: &dyn Storage, log: &Path, stream: StreamId) -> bool {
    has_writer(storage, log, stream) == Some(true)
}

/// Returns whether a process, normally the writer, holds the lock of the stream. Returns `None` if the lock cannot be
/// tested, for example because the file system has no locks.
pub fn has_writer(storage: &dyn Storage, log: &Path, stream: StreamId) -> Option<bool> {
    let is_locked = |name: &&str| {
        let path = names::stream_dir(log, stream).join(name);
        match storage.open(&path, OpenMode::Read) {
            Ok(file) => file.is_locked().ok(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Some(false),
            Err(_) => None,
        }
    };
    let states = [names::LOCK_NAME, names::ABANDONED_LOCK_NAME].map(|name| is_locked(&name));
    if states.contains(&Some(true)) {
        return Some(true);
    }
    states.iter().all(Option::is_some).then_some(false)
}

/// Returns the identity of a directory and the id of the current boot; `None` if one of them is not available.
pub fn home_of(storage: &dyn Storage, dir: &Path) -> Option<Home> {
    Some(Home { boot: storage.boot_id()?, place: storage.info(dir).ok()?.place? })
}

/// The result of reading both copies of a segment header.
#[derive(Debug)]
pub struct Headers {
    /// The header from an undamaged copy, or the reason why neither copy can be used.
    pub header: std::result::Result<SegmentHeader, HeaderFault>,
    /// Offsets and lengths of the damaged ranges before the first frame; empty if `header` is an error.
    pub damaged: Vec<(u64, u64)>,
    /// True if the file ends before the offset of the first frame, or holds only zeros up to this offset. Either the
    /// creation of the segment was not finished, or the file was truncated.
    pub unfinished: bool,
    /// True if the file holds only a part of the two copies of this segment's header. A crash during the creation of
    /// the segment leaves such a file. A segment that was truncated later may look the same; only the segments before
    /// and after the segment show the difference.
    pub may_be_creation: bool,
}

/// Reads both header copies of the segment of `stream` that begins with `base`. Normally the first undamaged copy is
/// used. If the first copy names another segment, and the second copy names this segment, the second copy is used: the
/// first may come from a misdirected write.
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
    // The creation of a segment writes only the bytes before the first frame. Two undamaged copies show that the write
    // was complete.
    let incomplete = header.is_err() || !damaged.is_empty() || got < FRAMES_AT as usize;
    let may_be_creation = incomplete && file.len()? <= FRAMES_AT && is_part_of_area(area, stream, base);
    Ok(Headers { header, damaged, unfinished, may_be_creation })
}

/// Returns true if `area` may come from an interrupted creation of the segment. `area` contains the bytes before the
/// offset of the first frame; bytes that the file does not have count as zeros.
///
/// This is the case if each of the two copies of the header is complete, incomplete or missing, and only zeros are
/// between the copies.
fn is_part_of_area(mut area: Vec<u8>, stream: StreamId, base: Seq) -> bool {
    area.resize(FRAMES_AT as usize, 0);
    let (first, rest) = area.split_at(SEGMENT_HEADER_LEN);
    let (between, second) = rest.split_at(SECOND_HEADER_AT as usize - SEGMENT_HEADER_LEN);
    let whole = |copy: &[u8]| {
        let header = SegmentHeader::decode_one(copy);
        header.is_ok_and(|header| header.stream == stream && header.base == base)
    };
    let is_beginning = |copy: &[u8], other: &[u8]| {
        let written = copy.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        if whole(other) {
            other.starts_with(copy.get(..written).unwrap_or_default())
        } else {
            is_beginning_of_header(copy, written, stream, base)
        }
    };
    is_zero(between)
        && (whole(first) || is_beginning(first, second))
        && (whole(second) || is_beginning(second, first))
}

/// Returns true if `copy` may be an incomplete header of this segment: the known fields agree as far as the first
/// `written` bytes reach, and the checksum is not valid. A copy with a valid checksum is a complete header; it names
/// another segment, or has a format that this build cannot read.
fn is_beginning_of_header(copy: &[u8], written: usize, stream: StreamId, base: Seq) -> bool {
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

/// Returns true if a crash during the creation of the segment may have left the file of the segment
/// ([`Headers::may_be_creation`]).
pub fn may_be_creation(storage: &dyn Storage, log: &Path, stream: StreamId, base: Seq) -> Result<bool> {
    let path = names::segment_path(log, stream, base);
    let headers = storage
        .open(&path, OpenMode::Read)
        .and_then(|file| read_headers(file.as_ref(), stream, base))
        .map_err(|e| Error::io("read segment", &path, e))?;
    Ok(headers.may_be_creation)
}

/// Returns the origin of a stream from its first readable header; `None` if the stream does not branch off or has no
/// readable header.
pub fn origin_of(storage: &dyn Storage, log: &Path, stream: StreamId) -> Result<Option<Origin>> {
    Ok(first_header(storage, log, stream)?.and_then(|header| header.origin))
}

/// Checks that a program of `domain` may read every stream of the log. Only the first readable header of each stream is
/// compared. Streams without a readable header, and streams that cannot be read, are accepted.
///
/// Errors: a stream belongs to another domain or to a newer version of `domain`; the directory of the log cannot be
/// listed.
pub fn check_domain(storage: &dyn Storage, log: &Path, domain: Domain) -> Result<()> {
    let streams = list_streams(storage, log)?;
    streams.into_iter().try_for_each(|stream| check_stream_domain(storage, log, stream, domain))
}

/// Checks that a program of `domain` may read one stream, as [`check_domain`] does for every stream of the log.
pub(in crate::engine::log) fn check_stream_domain(
    storage: &dyn Storage,
    log: &Path,
    stream: StreamId,
    domain: Domain,
) -> Result<()> {
    match first_header(storage, log, stream) {
        Ok(Some(header)) => header.check_domain(domain),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// Returns the header of the first segment that has a readable header with the right stream and sequence number; `None`
/// if no segment of the stream has one.
fn first_header(storage: &dyn Storage, log: &Path, stream: StreamId) -> Result<Option<SegmentHeader>> {
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
            return Ok(Some(header));
        }
    }
    Ok(None)
}

/// A point at which a reader of a stream can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumePoint {
    /// The first sequence number of the segment in which reading begins.
    pub segment: Seq,
    /// Offset in the segment at which the next frame begins.
    pub offset: u64,
    /// The sequence number of the first entry after this point.
    pub next: Seq,
}

impl ResumePoint {
    /// The beginning of a stream.
    pub const START: ResumePoint = ResumePoint { segment: Seq(0), offset: 0, next: Seq::FIRST };
}
