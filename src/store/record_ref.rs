//! Refs of captured records. Such a ref contains the position of the record in the log.

use crate::contract::{AnyRecord, Fact, RecordRef, RecordType, RunRef, Timestamp};
use crate::engine::entry::{Position, Stamp};

/// Returns the ref of a captured record. The ref contains the family and the position of the record, which make the ref
/// unique.
pub fn captured_ref(run: &RunRef, family: RecordType, at: Position) -> crate::contract::Result<RecordRef> {
    RecordRef::under(run, &format!("{family}-{}-{}", at.stream, at.seq))
}

/// Returns the family and the position in the ref of a captured record; `None` for other refs.
pub(crate) fn position_of(record_ref: &RecordRef) -> Option<(RecordType, Position)> {
    let mut parts = record_ref.last_component().split('-');
    let (family, stream, seq) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = parts.next().is_none() && seq.bytes().all(|b| b.is_ascii_digit()) && !seq.starts_with('0');
    let position = Position { stream: stream.parse().ok()?, seq: seq.parse().ok()? };
    family.parse().ok().filter(|_| plain).map(|family| (family, position))
}

/// Returns the record of a fact whose entry has this stamp; `None` for facts that are not records. A captured record
/// gets its ref from the position, and an imported record keeps its own ref.
pub(crate) fn record_at(fact: Fact, stamp: Stamp) -> crate::contract::Result<Option<AnyRecord>> {
    let recorded_at = Timestamp::from_nanos(stamp.time);
    fact.into_record(|run, family| Ok((captured_ref(run, family, stamp.position())?, recorded_at)))
}
