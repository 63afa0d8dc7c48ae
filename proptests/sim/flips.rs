//! Every flipped bit is detected and costs only the frame in which it lies.

use crate::sim::damage::{KnownLog, Shape, short};
use crate::sim::seeds::for_each_seed;

#[test]
fn every_flipped_bit_of_a_log_is_detected_and_costs_only_its_frame() {
    for_each_seed(&[1], |seed| {
        let shape =
            Shape { seed, streams: 3, segment_bytes: 4_800, bytes: 32 << 10, tags: (10, 400), commit: 3 };
        let known = KnownLog::new(shape);
        assert!(known.bytes() >= 32 << 10);
        for truth in &known.streams {
            for segment in &truth.segments {
                for bit in 0..segment.bytes.len() * 8 {
                    known.workspace.flip(&segment.path, bit);
                    truth.check(&known.workspace, &|| format!("{} bit {bit}", short(&segment.path)));
                    known.workspace.flip(&segment.path, bit);
                }
            }
            truth.check(&known.workspace, &|| "restored".to_owned());
        }
    });
}
