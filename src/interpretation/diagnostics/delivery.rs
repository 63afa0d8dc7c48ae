//! Failed deliveries of a run's facts to sinks.

use crate::contract::{AnyRecord, RecordType, Severity, StableRef, Value};
use crate::interpretation::diagnostics::issue::DiagnosticsIssue;
use crate::interpretation::error::Result;
use crate::interpretation::evidence::EvidenceLink;
use crate::store::{RecordRow, RunRow, StoreView, WaitingDelivery};
use std::collections::BTreeMap;

/// The issue key of the degraded marker about a failed delivery.
const DELIVERY_FAILED: &str = "capture.delivery_failed";

/// Returns one problem for each sink that the degraded markers of a run name. `records` are the degraded records of the
/// run.
pub(super) fn failed(records: &[RecordRow], run_link: &EvidenceLink) -> Vec<DiagnosticsIssue> {
    let mut sinks: BTreeMap<&str, (i64, &Value)> = BTreeMap::new();
    for row in records {
        let AnyRecord::Degraded(marker) = &row.record else { continue };
        if marker.payload.issue_key != DELIVERY_FAILED {
            continue;
        }
        let attributes = &marker.payload.attributes;
        let position = attributes.get("position").unwrap_or(&Value::Null);
        let names = attributes.get("sinks").and_then(Value::as_list).unwrap_or_default();
        for name in names.iter().filter_map(Value::as_str) {
            sinks.entry(name).or_insert((0, position)).0 += 1;
        }
    }
    let issue = |(sink, (commits, first)): (&str, (i64, &Value))| {
        let summary = format!("{commits} commits of the run were not delivered to the sink {sink}");
        DiagnosticsIssue::new(Severity::Warning, "sink_failed", summary, run_link.clone())
            .with("sink", sink)
            .with("commits", commits)
            .with("first_position", first.clone())
    };
    sinks.into_iter().map(issue).collect()
}

/// Returns one problem for each sink and stream of which facts of a run wait for a replay.
pub(super) fn undelivered(
    view: &StoreView<'_>,
    run: &RunRow,
    waiting: &[WaitingDelivery],
) -> Result<Vec<DiagnosticsIssue>> {
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let own = StableRef::from(&run.run_ref);
    let (history, _) = view.history(&own, 0..usize::MAX)?;
    let records = view.record_stamps(&run.run_ref, RecordType::ALL, None)?;
    let stamps = || history.iter().map(|entry| entry.stamp).chain(records.iter().copied());
    let link = EvidenceLink::new("run", &run.run_ref, &run.name);
    let issue = |delivery: &WaitingDelivery| {
        let next = delivery.next;
        let is_waiting = stamps().any(|stamp| stamp.stream == next.stream && stamp.seq >= next.seq);
        let summary = format!(
            "facts of the run from entry {next} on wait for a delivery to the sink {}",
            delivery.sink
        );
        let issue = DiagnosticsIssue::new(Severity::Warning, "sink_waiting", summary, link.clone());
        let issue = issue.with("sink", delivery.sink.as_str()).with("next_position", Value::text(next));
        is_waiting.then(|| issue.with("failures", i64::from(delivery.failures)))
    };
    Ok(waiting.iter().filter_map(issue).collect())
}
