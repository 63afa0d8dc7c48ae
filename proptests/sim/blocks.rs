//! Damage in blocks: zeroed, copied, moved and exchanged blocks of 512 bytes and 4 KiB, and segments that are
//! missing, duplicated or foreign. No foreign and no duplicate entry is accepted.

use crate::sim::damage::{KnownLog, Segment, Shape, Truth, short};
use crate::sim::seeds::for_each_seed;
use contexta::engine::entry::Seq;
use contexta::engine::log::{FindingKind, ScanMode, names};
use std::ops::Range;

fn log_of(seed: u64, tags: (usize, usize)) -> KnownLog {
    KnownLog::new(Shape { seed, streams: 3, segment_bytes: 6_400, bytes: 40 << 10, tags, commit: 1 })
}

/// A block of a segment: stream, segment, range of bytes.
#[derive(Debug, Clone)]
struct Block {
    stream: usize,
    segment: usize,
    range: Range<usize>,
}

impl Block {
    fn all(known: &KnownLog, len: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        for (stream, truth) in known.streams.iter().enumerate() {
            for (segment, Segment { bytes, .. }) in truth.segments.iter().enumerate() {
                let starts = (0..bytes.len()).step_by(len);
                blocks.extend(starts.map(|at| Block {
                    stream,
                    segment,
                    range: at..(at + len).min(bytes.len()),
                }));
            }
        }
        blocks
    }

    fn segment<'a>(&self, known: &'a KnownLog) -> &'a Segment {
        &known.streams[self.stream].segments[self.segment]
    }

    fn content(&self, known: &KnownLog) -> Vec<u8> {
        self.segment(known).bytes[self.range.clone()].to_vec()
    }

    /// Overwrites a block; excess bytes are dropped, and missing bytes leave the rest of the block unchanged.
    fn put(&self, known: &KnownLog, content: &[u8]) {
        let disk = &known.workspace.disk;
        let path = &self.segment(known).path;
        let mut bytes = disk.read(path).unwrap();
        bytes[self.range.clone()].iter_mut().zip(content).for_each(|(to, from)| *to = *from);
        disk.overwrite(path, bytes);
    }

    fn check(blocks: [&Block; 2], known: &KnownLog, context: &dyn Fn() -> String) {
        known.streams[blocks[0].stream].check(&known.workspace, context);
        if blocks[0].stream != blocks[1].stream {
            known.streams[blocks[1].stream].check(&known.workspace, context);
        }
    }

    fn restore(blocks: [&Block; 2], known: &KnownLog) {
        blocks.iter().for_each(|block| known.restore(block.segment(known)));
    }
}

fn damage_every_block(known: &KnownLog, len: usize) {
    let blocks = Block::all(known, len);
    for (i, one) in blocks.iter().enumerate() {
        let name = |block: &Block| format!("{} {:?}", short(&block.segment(known).path), block.range);
        one.put(known, &vec![0; len]);
        known.streams[one.stream].check(&known.workspace, &|| format!("{} zeroed", name(one)));
        known.restore(one.segment(known));
        let content = one.content(known);
        for (j, other) in blocks.iter().enumerate().filter(|(j, _)| *j != i) {
            other.put(known, &content);
            Block::check([one, other], known, &|| format!("{} copied to {}", name(one), name(other)));
            one.put(known, &vec![0; len]);
            Block::check([one, other], known, &|| format!("{} moved to {}", name(one), name(other)));
            if i < j {
                one.put(known, &other.content(known));
                Block::check([one, other], known, &|| format!("{} and {} exchanged", name(one), name(other)));
            }
            Block::restore([one, other], known);
        }
    }
}

#[test]
fn blocks_of_512_bytes_zeroed_copied_moved_and_exchanged() {
    // Frames of 256 bytes, so that whole frames move, and frames of all lengths.
    for_each_seed(&[1, 2], |seed| {
        damage_every_block(&log_of(seed, if seed % 2 == 1 { (190, 1) } else { (10, 300) }), 512);
    });
}

#[test]
fn blocks_of_4096_bytes_zeroed_copied_moved_and_exchanged() {
    for_each_seed(&[1, 2, 3, 4], |seed| {
        damage_every_block(&log_of(seed, if seed % 2 == 1 { (190, 1) } else { (10, 300) }), 4096);
    });
}

/// Asserts that all streams are unchanged, or that the named one is reported as foreign.
fn check_all(known: &KnownLog, context: &dyn Fn() -> String) {
    known.streams.iter().for_each(|truth| truth.check(&known.workspace, context));
}

/// Asserts that the copy adds nothing to its stream and is reported as foreign.
fn check_foreign(known: &KnownLog, truth: &Truth, base: Seq, context: &dyn Fn() -> String) {
    truth.check_nothing_wrong(&known.workspace, context);
    let scan = known.workspace.scan(truth.stream, ScanMode::Full);
    let is_foreign =
        |f: &&contexta::engine::log::Finding| f.kind == FindingKind::Foreign && f.segment == base;
    assert_eq!(scan.findings.iter().filter(is_foreign).count(), 1, "{}: {:?}", context(), scan.findings);
}

#[test]
fn missing_duplicate_and_foreign_segments_are_reported() {
    for_each_seed(&[1, 2, 3], |seed| {
        let known = log_of(seed, (10, 300));
        let elsewhere = log_of(seed + 1_000_000, (10, 300));
        let disk = &known.workspace.disk;
        for truth in &known.streams {
            for segment in &truth.segments {
                disk.remove_tree(&segment.path);
                truth.check_missing(&known.workspace, segment.base);
                known.restore(segment);
                // Under a new name: between two other segments, and after the last one.
                for base in [segment.base.next(), Seq(100_000)] {
                    let path = names::segment_path(&known.workspace.log_dir(), truth.stream, base);
                    if disk.read(&path).is_none() {
                        disk.overwrite(&path, segment.bytes.clone());
                        let context = || format!("{} duplicated as {base}", short(&segment.path));
                        check_foreign(&known, truth, base, &context);
                        disk.remove_tree(&path);
                    }
                }
                // In place of another segment: of the same stream, of another stream, or of another workspace.
                let others = known.streams.iter().chain(&elsewhere.streams).flat_map(|t| &t.segments);
                for other in others.filter(|other| other.path != segment.path || other.bytes != segment.bytes)
                {
                    disk.overwrite(&segment.path, other.bytes.clone());
                    let context = || format!("{} in place of {}", short(&other.path), short(&segment.path));
                    check_foreign(&known, truth, segment.base, &context);
                    known.restore(segment);
                }
            }
        }
        check_all(&known, &|| "restored".to_owned());
    });
}

#[test]
fn foreign_block_over_the_first_header_does_not_lose_the_segment() {
    let known = log_of(1, (10, 300));
    let [first, second] = [&known.streams[0].segments[0], &known.streams[1].segments[0]];
    let mut bytes = first.bytes.clone();
    bytes[..512].copy_from_slice(&second.bytes[..512]);
    known.workspace.disk.overwrite(&first.path, bytes);
    known.streams[0].check(&known.workspace, &|| "a foreign first header".to_owned());
}
