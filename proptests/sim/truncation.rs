//! Every truncation: for each length of a segment, everything before the cut is read. The rest is reported as missing
//! if a later segment or mark shows that it existed.

use crate::sim::damage::{KnownLog, Shape, short};
use crate::sim::seeds::for_each_seed;

#[test]
fn log_truncated_at_every_length_returns_entries_before_it_and_names_the_rest() {
    for_each_seed(&[1], |seed| {
        let shape =
            Shape { seed, streams: 5, segment_bytes: 5_800, bytes: 64 << 10, tags: (10, 500), commit: 3 };
        let known = KnownLog::new(shape);
        assert!(known.bytes() >= 64 << 10);
        for truth in &known.streams {
            for segment in &truth.segments {
                for cut in 0..segment.bytes.len() {
                    known.workspace.disk.overwrite(&segment.path, segment.bytes[..cut].to_vec());
                    truth.check(&known.workspace, &|| format!("{} cut at {cut}", short(&segment.path)));
                }
                known.restore(segment);
            }
            truth.check(&known.workspace, &|| "restored".to_owned());
        }
    });
}
