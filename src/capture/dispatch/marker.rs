//! Degraded markers. A degraded marker is a record about facts that the log or a sink did not store.

use crate::capture::context::Context;
use crate::capture::error::Result;
use crate::contract::{DegradedCategory, DegradedPayload, DegradedSeverity, Fact, Timestamp, Value};
use crate::store::Position;

/// Creates the marker on facts of a commit that `sinks` did not take. `first` is the position of the first such fact.
pub(super) fn delivery_failed(
    context: &Context,
    producer: &str,
    now: Timestamp,
    sinks: &[String],
    first: Position,
) -> Result<Fact> {
    let names = sinks.join(", ");
    let summary = format!("entry {first} was not delivered to: {names}");
    let mut payload = DegradedPayload::new(
        "capture.delivery_failed",
        DegradedCategory::Capture,
        DegradedSeverity::Warning,
        summary,
    );
    payload.attributes.insert("sinks".to_owned(), Value::list(sinks.iter().map(String::as_str)));
    payload.attributes.insert("position".to_owned(), Value::text(first));
    context.marker(now, producer, payload)
}

/// Creates the degraded marker for facts that the log could not append. Each of these facts was written to
/// the outbox, or is lost.
pub(super) fn log_failed(
    context: &Context,
    producer: &str,
    now: Timestamp,
    (spilled, lost): (u64, u64),
) -> Result<Fact> {
    let summary = match lost {
        0 => format!("the log could not take {spilled} facts; they are in the outbox"),
        _ => format!(
            "the log could not take {} facts; {spilled} are in the outbox, {lost} are lost",
            spilled + lost
        ),
    };
    let severity = if lost == 0 { DegradedSeverity::Warning } else { DegradedSeverity::Error };
    let mut payload =
        DegradedPayload::new("capture.log_failed", DegradedCategory::Capture, severity, summary);
    payload.attributes.insert("spilled".to_owned(), spilled.into());
    payload.attributes.insert("lost".to_owned(), lost.into());
    context.marker(now, producer, payload)
}
