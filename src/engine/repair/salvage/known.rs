//! Segments whose salts are known.

use crate::engine::domain::Domain;
use crate::engine::entry::StreamId;
use crate::engine::log::header::{FRAMES_AT, SegmentHeader};
use crate::engine::log::limits::FRAME_ALIGN;
use crate::engine::log::trace::SaltTrace;
use std::collections::HashMap;

/// The maximum number of segments. Further ones are ignored.
const SEGMENTS_MAX: usize = 1 << 18;
/// The maximum number of segments with the same key.
const SAME_KEY_MAX: usize = 16;
/// The maximum number of streams with which the checksums of entries of a damaged frame are compared.
const STREAMS_MAX: usize = 16;

/// A segment whose salt is known from its header, or from the header of the next segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownSegment {
    trace: SaltTrace,
    pub(super) stream: StreamId,
    pub(super) domain: Domain,
}

/// All segments whose salts are known.
#[derive(Debug, Default)]
pub(super) struct KnownSegments {
    by_key: HashMap<u32, Vec<KnownSegment>>,
    count: usize,
    streams: Vec<StreamId>,
}

impl KnownSegments {
    /// Adds the segment of a header, and the segment before.
    pub(super) fn add(&mut self, header: &SegmentHeader) {
        for salt in [header.salt, header.previous_salt].into_iter().filter(|salt| *salt > 0) {
            let trace = SaltTrace::of_salt(salt);
            let known = KnownSegment { trace, stream: header.stream, domain: header.domain };
            if self.count >= SEGMENTS_MAX {
                return;
            }
            let same_key = self.by_key.entry(trace.key).or_default();
            if same_key.len() < SAME_KEY_MAX && !same_key.contains(&known) {
                same_key.push(known);
                self.count += 1;
            }
        }
        if self.streams.len() < STREAMS_MAX && !self.streams.contains(&header.stream) {
            self.streams.push(header.stream);
        }
    }

    /// Returns some of the streams to which a damaged frame may belong.
    pub(super) fn streams(&self) -> impl Iterator<Item = StreamId> {
        self.streams.iter().copied()
    }

    /// Returns the segments that a frame with this trace may belong to.
    pub(super) fn of_frame(&self, trace: SaltTrace) -> impl Iterator<Item = &KnownSegment> {
        let same_key = self.by_key.get(&trace.key).map(Vec::as_slice).unwrap_or_default();
        same_key.iter().filter(move |segment| {
            let offset = trace.offset_in(segment.trace);
            offset.is_some_and(|offset| offset >= FRAMES_AT && offset % FRAME_ALIGN == 0)
        })
    }
}
