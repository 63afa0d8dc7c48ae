//! The smallest useful event, and the minimum work to write it to a file with checksums.

use contexta::engine::codec::{self, CodecError};
use contexta::engine::entry::{
    Event, Kind, PayloadVersion, Seq, Stamp, StreamId, canonical_head, entry_checksum,
};
use contexta::engine::log::frame::put_entries;
use contexta::engine::log::pending::PendingEntries;

/// A minimal metric.
#[derive(Debug)]
pub(crate) struct Metric {
    name: String,
    step: u64,
    value: f64,
}

impl Event for Metric {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        Kind(1)
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(&(&self.name, self.step, self.value), out)
    }

    fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> Result<Option<Metric>, CodecError> {
        let (name, step, value) = codec::decode(payload)?;
        Ok(Some(Metric { name, step, value }))
    }
}

/// `count` metrics with consecutive steps.
pub(crate) fn metrics(count: usize) -> Vec<Metric> {
    (0..count as u64)
        .map(|step| Metric { name: "train/loss".into(), step, value: 1.0 / (step + 1) as f64 })
        .collect()
}

/// Appends the event to `out` with its checksum, without any work that is specific to the engine.
pub(crate) fn put_bare(out: &mut Vec<u8>, event: &Metric, payload: &mut Vec<u8>, n: u64) {
    payload.clear();
    event.encode(payload).unwrap();
    let stamp = Stamp { time: n, stream: StreamId([7; 16]), seq: Seq(n) };
    let head = canonical_head(&stamp, event.kind(), event.payload_version(), payload.len());
    out.extend_from_slice(&entry_checksum(&head, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// The size on disk of a commit of these events.
pub(crate) fn frame_len(events: &[Metric]) -> usize {
    let mut frame = Vec::new();
    let rows = PendingEntries::of(events).unwrap();
    put_entries(&mut frame, &mut Vec::new(), &rows, StreamId([7; 16]), Seq::FIRST, 7);
    frame.len()
}
