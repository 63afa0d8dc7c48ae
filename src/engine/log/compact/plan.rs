//! The plan of a compaction: the segments that a compaction writes anew.

use crate::engine::codec::CODEC_COLUMNS;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::compact::site::CompactedLog;
use crate::engine::log::format::frame::{FrameHeader, frame_salt};
use crate::engine::log::format::header::FRAMES_AT;
use crate::engine::log::format::limits::FRAME_HEADER_LEN;
use crate::engine::log::format::names;
use crate::engine::log::read::directory::{check_domain, is_held, list_segments, list_streams, read_headers};
use crate::engine::storage::{FileInfo, OpenMode, read_full_at};

/// Options of a compaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionOptions {
    /// The minimum length in bytes of a compacted segment. The compaction of a shorter segment would free
    /// little disk space.
    pub segment_bytes_min: u64,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        CompactionOptions { segment_bytes_min: 64 << 10 }
    }
}

/// A segment in the plan of a compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedSegment {
    /// The stream.
    pub stream: StreamId,
    /// The first sequence number of the segment, which identifies the segment.
    pub segment: Seq,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// The metadata of the file. If it changes, the segment is not written anew.
    pub(super) file: FileInfo,
}

/// The plan of a compaction. Planning changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a plan changes nothing until it is applied"]
pub struct CompactionPlan {
    /// The segments to write anew.
    pub segments: Vec<PlannedSegment>,
    /// The number of segments that are compacted already.
    pub compacted: u64,
    /// The number of segments that are too short.
    pub short: u64,
    /// The number of segments that a writer may still change.
    pub in_use: u64,
}

impl CompactionPlan {
    /// Returns the total length of the planned segments in bytes.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

/// Plans the compaction of a log. Changes nothing.
///
/// Cost: reads the names and the metadata of all files, and the headers of each segment. Errors: a directory cannot be
/// listed; [`Error::ForeignDomain`] if a stream belongs to another domain.
pub fn plan_compaction(log: &CompactedLog<'_>, options: &CompactionOptions) -> Result<CompactionPlan> {
    let storage = log.storage.as_ref();
    check_domain(storage, log.log, log.domain)?;
    let mut plan = CompactionPlan::default();
    for stream in list_streams(storage, log.log)? {
        let segments = list_segments(storage, log.log, stream)?;
        let is_live = is_held(storage, log.log, stream);
        for segment in &segments {
            let path = names::segment_path(log.log, stream, *segment);
            let Ok(file) = storage.info(&path) else { continue };
            if is_live && segments.last() == Some(segment) {
                plan.in_use += 1;
            } else if file.len < options.segment_bytes_min {
                plan.short += 1;
            } else if is_compacted(log, stream, *segment).unwrap_or(false) {
                plan.compacted += 1;
            } else {
                plan.segments.push(PlannedSegment { stream, segment: *segment, bytes: file.len, file });
            }
        }
    }
    Ok(plan)
}

/// Plans an erasure. The plan contains all segments of these streams, except streams that cannot be listed.
pub(super) fn plan_all(log: &CompactedLog<'_>, streams: &[StreamId]) -> Vec<PlannedSegment> {
    let mut planned = Vec::new();
    for stream in streams {
        for segment in list_segments(log.storage.as_ref(), log.log, *stream).unwrap_or_default() {
            let path = names::segment_path(log.log, *stream, segment);
            let info = log.storage.info(&path);
            planned.extend(info.map(|file| PlannedSegment {
                stream: *stream,
                segment,
                bytes: file.len,
                file,
            }));
        }
    }
    planned
}

/// Returns true if the first frame of a segment contains columns or replaces erased entries. Compaction and
/// erasure write all frames of a segment anew.
fn is_compacted(log: &CompactedLog<'_>, stream: StreamId, segment: Seq) -> Result<bool> {
    let path = names::segment_path(log.log, stream, segment);
    let wrap = |e| Error::io("read segment", &path, e);
    let file = log.storage.open(&path, OpenMode::Read).map_err(wrap)?;
    let Ok(header) = read_headers(file.as_ref(), stream, segment).map_err(wrap)?.header else {
        return Ok(false);
    };
    let mut bytes = [0; FRAME_HEADER_LEN];
    read_full_at(file.as_ref(), FRAMES_AT, &mut bytes).map_err(wrap)?;
    let first = FrameHeader::decode(&bytes, frame_salt(header.salt, FRAMES_AT));
    Ok(first.is_some_and(|frame| frame.codec == CODEC_COLUMNS || frame.is_erased()))
}
