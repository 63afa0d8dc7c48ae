//! Compares the bytes of two copies of a stream. Frames are decoded only where the bytes alone do not show the result.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::names;
use crate::engine::log::merge::content::{files_of, segments_of};
use crate::engine::log::merge::sides::{Side, Sides};
use crate::engine::log::read::directory::ResumePoint;
use crate::engine::log::read::item::Tail;
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use crate::engine::log::read::source::Source;
use crate::engine::storage::OpenMode;
use std::cmp::Ordering;

/// Number of bytes that are compared at once.
const CHUNK: usize = 256 << 10;

/// The result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The target holds all bytes of the source.
    TargetHasAll,
    /// The source holds all bytes of the target, and more.
    SourceHasAll,
    /// The copies differ.
    Different,
}

/// Compares the copies of a stream segment by segment. Reserved space after the last frame, stray files, and
/// files whose creation was interrupted, are ignored.
pub(super) fn compare(sides: &Sides<'_>, stream: StreamId) -> Result<Comparison> {
    let files = (files_of(sides, Side::Target, stream)?, files_of(sides, Side::Source, stream)?);
    let comparison = compare_files(sides, stream, &files.0, &files.1)?;
    // Most streams have equal files in both logs: then no header needs to be read.
    if files.0 == files.1 && comparison == Comparison::TargetHasAll {
        return Ok(comparison);
    }
    let segments = (segments_of(sides, Side::Target, stream)?, segments_of(sides, Side::Source, stream)?);
    if files == segments { Ok(comparison) } else { compare_files(sides, stream, &segments.0, &segments.1) }
}

fn compare_files(sides: &Sides<'_>, stream: StreamId, target: &[Seq], source: &[Seq]) -> Result<Comparison> {
    let common = target.len().min(source.len());
    if target.get(..common) != source.get(..common) {
        return Ok(Comparison::Different);
    }
    let lengths = target.len().cmp(&source.len());
    for (n, base) in target.iter().take(common).enumerate() {
        let longer = compare_segment(sides, stream, *base)?;
        let last = n + 1 == common;
        match (longer, lengths) {
            (Some(Ordering::Equal), _) => {}
            (Some(Ordering::Greater), Ordering::Equal | Ordering::Greater) if last => {
                return Ok(Comparison::TargetHasAll);
            }
            (Some(Ordering::Less), Ordering::Equal | Ordering::Less) if last => {
                return Ok(Comparison::SourceHasAll);
            }
            _ => return Ok(Comparison::Different),
        }
    }
    Ok(if lengths == Ordering::Less { Comparison::SourceHasAll } else { Comparison::TargetHasAll })
}

/// Compares the file of a segment in the target with the file of the same segment in the source. Returns `Equal` if
/// both files hold the same frames, `Greater` if the file in the target holds all frames of the file in the source and
/// more, and `Less` in the opposite case. Returns `None` if the bytes show none of these cases.
fn compare_segment(sides: &Sides<'_>, stream: StreamId, base: Seq) -> Result<Option<Ordering>> {
    let open = |side| {
        let path = names::segment_path(sides.log(side), stream, base);
        let wrap = |e| Error::io("read segment", &path, e);
        let file = sides.storage.open(&path, OpenMode::Read).map_err(wrap)?;
        Source::new(file, false).map(|source| (source, path.clone())).map_err(wrap)
    };
    let ((mut a, a_path), (mut b, b_path)) = (open(Side::Target)?, open(Side::Source)?);
    let mut at = 0u64;
    loop {
        let left = a.bytes(at, CHUNK).map_err(|e| Error::io("read segment", &a_path, e))?;
        let right = b.bytes(at, CHUNK).map_err(|e| Error::io("read segment", &b_path, e))?;
        let len = left.len().min(right.len());
        let equal = match left.get(..len) == right.get(..len) {
            true => len,
            false => left.iter().zip(right).take_while(|(x, y)| x == y).count(),
        };
        at += equal as u64;
        if equal == len && len > 0 {
            continue;
        }
        break;
    }
    // The files differ at `at`, or one of them ends there. If a file holds only zeros from `at` on, its last frame may
    // still end with these zeros. The file counts as the shorter one only if all its frames end before `at`.
    let left = a.first_nonzero(at).map_err(|e| Error::io("read segment", &a_path, e))?;
    let right = b.first_nonzero(at).map_err(|e| Error::io("read segment", &b_path, e))?;
    let all_before =
        |side, len: u64| Ok(len <= at || frames_end(sides, side, stream, base)?.is_some_and(|end| end <= at));
    let (a_len, b_len) = (a.file_len(), b.file_len());
    let source_before = right.is_none() && all_before(Side::Source, b_len)?;
    let target_before = left.is_none() && all_before(Side::Target, a_len)?;
    Ok(match (target_before, source_before) {
        (true, true) => Some(Ordering::Equal),
        (false, true) => Some(Ordering::Greater),
        (true, false) => Some(Ordering::Less),
        (false, false) => None,
    })
}

/// Returns the offset at which the last frame of the segment `base` ends; bytes after this offset belong to no frame.
/// Returns `None` if `base` is not the last segment of the stream, or if unreadable bytes follow the frame.
fn frames_end(sides: &Sides<'_>, side: Side, stream: StreamId, base: Seq) -> Result<Option<u64>> {
    let at = ResumePoint { segment: base, offset: 0, next: base };
    let mut reader = StreamReader::open_at(sides.storage, sides.log(side), stream, ScanMode::Full, at)?;
    while reader.next_item()?.is_some() {}
    let point = reader.resume_point();
    let whole =
        point.segment == base && point.offset > 0 && !matches!(reader.tail(), Tail::Unfinished { .. });
    Ok(whole.then_some(point.offset))
}
