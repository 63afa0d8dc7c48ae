//! Arrangement of copies of segments as layers. A layer contains each segment at most once, so it has the form of a log.
//! The layers are merged one after another.
//!
//! The remains can contain several copies of a stream with different histories. A layer should not mix
//! histories, because the chain of a mixed stream is broken. Segments of one history are recognised by their
//! directory, and by the header of a segment, which contains the salt of the previous segment.

use crate::engine::entry::{Seq, StreamId};
use crate::recovery::salvage::remains::SegmentFile;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Divides segments into layers. The first layers contain the most segments.
pub(super) fn layers(segments: Vec<SegmentFile>) -> Vec<Vec<SegmentFile>> {
    let mut streams: BTreeMap<StreamId, BTreeMap<Seq, Vec<SegmentFile>>> = BTreeMap::new();
    for segment in segments {
        streams.entry(segment.stream).or_default().entry(segment.base).or_default().push(segment);
    }
    let mut layers: Vec<Vec<SegmentFile>> = Vec::new();
    for mut bases in streams.into_values() {
        let salts = bases.values().flatten().map(|segment| segment.salt()).filter(|salt| *salt > 0).collect();
        for n in 0.. {
            let history = take_history(&mut bases, &salts);
            if history.is_empty() {
                break;
            }
            match layers.get_mut(n) {
                Some(layer) => layer.extend(history),
                None => layers.push(history),
            }
        }
    }
    layers
}

/// Removes segments of one history of a stream from `bases` and returns them. Returns nothing only if no segments are left.
fn take_history(bases: &mut BTreeMap<Seq, Vec<SegmentFile>>, salts: &BTreeSet<u64>) -> Vec<SegmentFile> {
    let mut history: Vec<SegmentFile> = Vec::new();
    for copies in bases.values_mut() {
        let best = best_copy(copies, history.last(), salts);
        history.extend(best.map(|n| copies.swap_remove(n)));
    }
    bases.retain(|_, copies| !copies.is_empty());
    history
}

/// Returns the index of the copy that best continues the segment `last`. Returns `None` if every copy belongs to another
/// history.
fn best_copy(copies: &[SegmentFile], last: Option<&SegmentFile>, salts: &BTreeSet<u64>) -> Option<usize> {
    let continues = |copy: &SegmentFile| {
        let Some(last) = last else { return true };
        // The previous segment is unknown or lost, or no header of the last segment was read.
        copy.previous_salt() == last.salt() || !salts.contains(&copy.previous_salt()) || last.salt() == 0
    };
    let dir = |segment: &SegmentFile| segment.path.parent().map(Path::to_path_buf);
    let rank = |copy: &SegmentFile| {
        let is_linked = last.is_some_and(|last| last.salt() > 0 && copy.previous_salt() == last.salt());
        let is_beside = last.is_some_and(|last| dir(last) == dir(copy));
        (is_linked, is_beside, copy.salt() > 0, copy.len)
    };
    let candidates = copies.iter().enumerate().filter(|(_, copy)| continues(copy));
    candidates.max_by_key(|(_, copy)| rank(copy)).map(|(n, _)| n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::checksum::Digest;
    use crate::engine::log::header::SegmentHeader;
    use crate::projections::DOMAIN;

    fn segment(path: &str, base: u64, salt: u64, previous_salt: u64) -> SegmentFile {
        let (stream, base) = (StreamId([1; 16]), Seq(base));
        let header = SegmentHeader {
            stream,
            home: None,
            base,
            chain: Digest([0; 32]),
            salt,
            previous_salt,
            time: 0,
            origin: None,
            domain: DOMAIN,
        };
        let header = (salt > 0).then(|| Box::new(header));
        SegmentFile { path: path.into(), stream, base, header, len: 100 }
    }

    fn paths(segments: Vec<SegmentFile>) -> Vec<Vec<String>> {
        let paths = |layer: Vec<SegmentFile>| layer.iter().map(|s| s.path.display().to_string()).collect();
        layers(segments).into_iter().map(paths).collect()
    }

    #[test]
    fn partial_copies_complete_each_other() {
        let segments = vec![
            segment("a/1", 1, 7, 0),
            segment("b/5", 5, 8, 7),
            segment("a/9", 9, 9, 8),
            segment("b/1", 1, 7, 0),
        ];
        assert_eq!(paths(segments), [vec!["b/1", "b/5", "a/9"], vec!["a/1"]]);
    }

    #[test]
    fn histories_are_not_mixed() {
        // Two copies of a workspace were continued separately, and all files are in one directory.
        let segments = vec![
            segment("x/1", 1, 7, 0),
            segment("x/2", 5, 21, 7),
            segment("x/3", 5, 22, 7),
            segment("x/4", 9, 31, 21),
            segment("x/5", 9, 32, 22),
        ];
        for layer in layers(segments) {
            let salts: Vec<u64> =
                layer.iter().map(|segment| segment.salt() % 10).filter(|n| *n != 7).collect();
            assert!(salts.windows(2).all(|pair| pair[0] == pair[1]), "{salts:?}");
        }
    }

    #[test]
    fn segment_without_a_readable_header_joins_its_directory() {
        let segments = vec![segment("a/1", 1, 7, 0), segment("a/2", 5, 0, 0), segment("a/3", 9, 9, 8)];
        assert_eq!(paths(segments), [vec!["a/1", "a/2", "a/3"]]);
    }
}
