//! The content of files that have the name of a segment.
//!
//! A file with the header of another segment, and a file whose creation was interrupted, hold no entry of the stream. A
//! merge does not copy such files, and does not conclude from the names of such files where a segment ends.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::header::SegmentHeader;
use crate::engine::log::format::names;
use crate::engine::log::merge::sides::{Side, Sides};
use crate::engine::log::read::directory::{list_segments, read_headers};
use crate::engine::log::read::source::Source;
use crate::engine::storage::{File, OpenMode, Storage};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The content of a file that has the name of a segment, as the two copies of the header show it.
#[derive(Debug)]
pub(super) enum Content {
    /// A segment of the stream: an undamaged header names the stream and the first sequence number in the name of the
    /// file.
    Own(Box<SegmentHeader>),
    /// No header can be read: the segment is damaged or has a newer format, or the file is of any other kind.
    Unknown,
    /// An undamaged header names another stream or another first sequence number.
    Foreign,
    /// The file is empty or holds only zeros: its creation was interrupted before the header was written.
    Unfinished,
}

impl Content {
    /// Returns true if the file may hold entries of the stream.
    pub(super) fn is_segment(&self) -> bool {
        matches!(self, Content::Own(_) | Content::Unknown)
    }
}

/// Classifies a file by its header. The file has the name of a segment of `stream`; `base` is the sequence number in
/// the name.
pub(super) fn content_of(storage: &dyn Storage, log: &Path, stream: StreamId, base: Seq) -> Result<Content> {
    let path = names::segment_path(log, stream, base);
    let wrap = |e| Error::io("read segment", &path, e);
    let file = storage.open(&path, OpenMode::Read).map_err(wrap)?;
    let headers = read_headers(file.as_ref(), stream, base).map_err(wrap)?;
    Ok(match headers.header {
        Ok(header) if header.stream == stream && header.base == base => Content::Own(Box::new(header)),
        Ok(_) => Content::Foreign,
        Err(_) if headers.unfinished && is_zeros(file).map_err(wrap)? => Content::Unfinished,
        Err(_) => Content::Unknown,
    })
}

fn is_zeros(file: Arc<dyn File>) -> io::Result<bool> {
    Ok(Source::new(file, false)?.first_nonzero(0)?.is_none())
}

/// Lists the files in the directory of a stream that have the name of a segment. Returns the sequence numbers in these
/// names, ascending. The list is empty if the directory does not exist.
pub(super) fn list_files(storage: &dyn Storage, log: &Path, stream: StreamId) -> Result<Vec<Seq>> {
    match list_segments(storage, log, stream) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed,
    }
}

/// Lists the files in the directory of a stream that have the name of a segment. Returns the sequence numbers in these
/// names, ascending. Such a file may be stray, or its creation may have been interrupted.
pub(super) fn files_of(sides: &Sides<'_>, side: Side, stream: StreamId) -> Result<Vec<Seq>> {
    list_files(sides.storage.as_ref(), sides.log(side), stream)
}

/// Returns the first sequence numbers of a stream's segments, ascending. Stray files and files whose creation was
/// interrupted are left out.
pub(super) fn segments_of(sides: &Sides<'_>, side: Side, stream: StreamId) -> Result<Vec<Seq>> {
    let mut segments = Vec::new();
    for base in files_of(sides, side, stream)? {
        if content_of(sides.storage.as_ref(), sides.log(side), stream, base)?.is_segment() {
            segments.push(base);
        }
    }
    Ok(segments)
}
