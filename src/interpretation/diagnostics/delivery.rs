//! Failed deliveries of a run's facts to sinks.

use crate::contract::{AnyRecord, RecordType, Severity, StableRef, Value};
use crate::interpretation::diagnostics::issue::DiagnosticsIssue;
use crate::interpretation::error::Result;
use crate::interpretation::evidence::EvidenceLink;
use crate::store::{RecordRow, RunRow, Stamp, StoreView, WaitingDelivery};
use std::collections::BTreeMap;

/// The issue key of the degraded marker about a failed delivery.
const DELIVERY_FAILED: &str = "capture.delivery_failed";

/// Returns one problem for each sink that did not receive facts of a run. `records` contains the degraded
/// records of the run, which name these sinks.
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

/// Returns one problem for each delivery in `waiting` that includes facts of the run. A sink receives neither
/// imported facts nor the types of facts that it does not support, so these facts do not wait.
pub(super) fn undelivered(
    view: &StoreView<'_>,
    run: &RunRow,
    waiting: &[WaitingDelivery],
) -> Result<Vec<DiagnosticsIssue>> {
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let facts = CapturedFacts::of(view, run)?;
    let link = EvidenceLink::new("run", &run.run_ref, &run.name);
    let issue = |delivery: &WaitingDelivery| {
        let (next, sink) = (delivery.next, delivery.sink.as_str());
        let summary = format!("facts of the run from entry {next} on wait for a delivery to the sink {sink}");
        let issue = match delivery.is_attached {
            true => DiagnosticsIssue::new(Severity::Warning, "sink_waiting", summary, link.clone()),
            false => {
                let summary = format!("{summary}, which this session does not have");
                DiagnosticsIssue::new(Severity::Info, "sink_not_attached", summary, link.clone())
            }
        };
        let issue = issue.with("sink", sink).with("next_position", Value::text(next));
        facts.wait_for(delivery).then(|| issue.with("failures", i64::from(delivery.failures)))
    };
    Ok(waiting.iter().filter_map(issue).collect())
}

/// The stamps of the captured facts of a run.
struct CapturedFacts {
    records: Vec<(RecordType, Vec<Stamp>)>,
    artifacts: Vec<Stamp>,
    /// The facts about the run itself, such as its start, its parameters and its end.
    context: Vec<Stamp>,
}

impl CapturedFacts {
    fn of(view: &StoreView<'_>, run: &RunRow) -> Result<CapturedFacts> {
        let captured = |subject: &StableRef| -> Result<Vec<Stamp>> {
            let (history, _) = view.history(subject, 0..usize::MAX)?;
            Ok(history.iter().filter(|entry| !entry.is_imported).map(|entry| entry.stamp).collect())
        };
        let mut records = Vec::new();
        for of in RecordType::ALL {
            records.push((*of, view.captured_record_stamps(&run.run_ref, *of)?));
        }
        let mut artifacts = Vec::new();
        for artifact in view.artifacts(Some(&run.run_ref))? {
            artifacts.extend(captured(&StableRef::from(&artifact.manifest.artifact_ref))?);
        }
        Ok(CapturedFacts { records, artifacts, context: captured(&StableRef::from(&run.run_ref))? })
    }

    /// Returns `true` if at least one of the facts waits for this delivery.
    fn wait_for(&self, delivery: &WaitingDelivery) -> bool {
        let next = delivery.next;
        let wait = |stamps: &[Stamp]| {
            stamps.iter().any(|stamp| stamp.stream == next.stream && stamp.seq >= next.seq)
        };
        let is_received = |of: &RecordType| delivery.record_types.contains(of);
        self.records.iter().any(|(of, stamps)| is_received(of) && wait(stamps))
            || delivery.receives_artifacts && wait(&self.artifacts)
            || delivery.receives_context && wait(&self.context)
    }
}
