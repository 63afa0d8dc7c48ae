//! The JSON forms of the content of the outbox, of a replay and of dead letters.

use crate::client::{DeadLetter, OutboxContent, PendingDelivery, ReplayBatchResult};
use crate::contract::Value;
use crate::surfaces::answer::parts::{list, text};

fn delivery(d: &PendingDelivery) -> Value {
    Value::map([
        ("sink", d.sink.as_str().into()),
        ("next", Value::text(d.next)),
        ("facts", d.facts.into()),
        ("failures", d.failures.into()),
        ("is_attached", d.is_attached.into()),
        ("unreadable", text(&d.unreadable)),
    ])
}

fn letter(l: &DeadLetter) -> Value {
    Value::map([
        ("replay_ref", Value::text(l.replay_ref)),
        ("sink", l.sink.as_str().into()),
        ("state", l.state.as_str().into()),
        ("family", l.family.as_str().into()),
        ("payload_type", l.payload_type.as_str().into()),
        ("payload_ref", text(&l.payload_ref)),
        ("captured_at", l.captured_at.as_str().into()),
        ("failed_at", l.failed_at.as_str().into()),
        ("error_code", l.error_code.as_str().into()),
        ("last_error", l.last_error.as_str().into()),
        ("attempts", l.attempts.into()),
    ])
}

pub(super) fn content(o: &OutboxContent) -> Value {
    Value::map([
        ("deliveries", list(&o.deliveries, delivery)),
        ("spilled", o.spilled.into()),
        ("dead_letters", list(&o.letters.letters, letter)),
        ("unreadable_lines", o.letters.unreadable.into()),
    ])
}

pub(super) fn replay(r: &ReplayBatchResult) -> Value {
    r.to_value()
}

/// Returns the JSON form of the letters that a command has changed, or would change.
#[cfg(feature = "cli")]
pub(crate) fn letters(letters: &[DeadLetter], is_applied: bool) -> Value {
    Value::map([("applied", is_applied.into()), ("dead_letters", list(letters, letter))])
}
