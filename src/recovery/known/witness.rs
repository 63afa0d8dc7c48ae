//! The receiver of reports about entries that are in the saved tables and no longer in the log.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::projection::LossWitness;
use crate::engine::verify::KnownEnd;
use crate::recovery::known::file::KnownFile;

impl LossWitness for KnownFile {
    /// Adds the ends of the streams in the saved tables to the known streams, so that later checks report the loss too.
    fn before_rebuild(&self, ends: &[(StreamId, Seq)]) {
        // If the file cannot be written, the notes of this read are the only report of the loss.
        let _ = self.update(|known| {
            for (stream, seq) in ends.iter().filter(|(_, seq)| *seq > Seq(0)) {
                known.see_stream(KnownEnd { stream: *stream, seq: *seq, link: None });
            }
        });
    }
}
