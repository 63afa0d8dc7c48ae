//! Spans and events of the crate `tracing` in the current run.

use crate::support::open_sim;
use contexta::Options;
use contexta::config::LoadInputs;
use contexta::contract::{AnyRecord, Value};
use contexta::engine::storage::sim::SimDisk;
use tracing_subscriber::layer::SubscriberExt;

#[test]
fn spans_and_events_are_captured_in_the_current_scope() {
    let disk = SimDisk::new(12);
    let contexta = open_sim(&disk, 1, "/w");
    let layer = contexta.tracing_layer();
    let subscriber = tracing_subscriber::registry().with(layer.clone());
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("before the run");
        let run = contexta.run("r").run_id("r").start().unwrap();
        let entered = run.enter();
        let outer = tracing::info_span!("fit", model = "ridge", rounds = 3u64);
        outer.in_scope(|| {
            let inner = tracing::debug_span!("round", loss = tracing::field::Empty);
            inner.in_scope(|| {
                inner.record("loss", 0.5);
                tracing::warn!(target: "my_crate::Fit", step = 1, nan = f64::NAN, "slow {}", "round");
                tracing::error!(reason = ?Some(1));
            });
        });
        drop(outer);
        drop(entered);
        run.complete().unwrap();
        tracing::info!("after the run");
    });
    assert_eq!((layer.outside(), layer.failed()), (2, 0));

    let snapshot = contexta.run_snapshot("r").unwrap();
    let spans: Vec<_> = snapshot
        .events
        .iter()
        .filter_map(|row| match &row.record {
            AnyRecord::Span(span) => Some(&span.payload),
            _ => None,
        })
        .collect();
    let span = |name: &str| *spans.iter().find(|span| span.span_name == name).unwrap();
    let (fit, round) = (span("fit"), span("round"));
    assert_eq!(spans.len(), 2);
    assert_eq!(round.parent_span_id.as_ref(), Some(&fit.span_id));
    assert_eq!((fit.status.as_str(), round.status.as_str()), ("ok", "error"));
    assert_eq!(fit.attributes["model"], Value::text("ridge"));
    assert_eq!((&fit.attributes["rounds"], &round.attributes["loss"]), (&Value::Int(3), &Value::Float(0.5)));
    assert!(matches!(fit.attributes["busy_seconds"], Value::Float(busy) if busy >= 0.0));
    assert!(fit.started_at <= round.started_at && round.ended_at <= fit.ended_at);

    let events: Vec<_> = snapshot
        .events
        .iter()
        .filter_map(|row| match &row.record {
            AnyRecord::Event(event) => Some(&event.payload),
            _ => None,
        })
        .collect();
    let [slow, failed] = events[..] else { panic!("{} events", events.len()) };
    assert_eq!((slow.event_key.as_str(), slow.level.as_str()), ("my_crate.fit", "warning"));
    assert_eq!((slow.message.as_str(), &slow.attributes["step"]), ("slow round", &Value::Int(1)));
    assert_eq!(slow.attributes["span_id"], Value::text(&round.span_id));
    assert_eq!((failed.level.as_str(), &failed.attributes["reason"]), ("error", &Value::text("Some(1)")));
}

#[test]
fn span_that_is_replaced_by_a_marker_counts_as_failed() {
    let inputs = LoadInputs::new().use_env(false).workspace("/w").set("project_name=wine");
    let inputs = inputs.set("contract.validation_mode=lenient");
    let options = Options::load(inputs).unwrap().storage(SimDisk::new(13).process(1));
    let contexta = options.detect_code_revision(false).open().unwrap();
    let layer = contexta.tracing_layer();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.clone()), || {
        let run = contexta.run("r").run_id("r").start().unwrap();
        let entered = run.enter();
        tracing::info_span!(" ").in_scope(|| tracing::info!("inside"));
        tracing::info_span!("fit").in_scope(|| ());
        drop(entered);
        run.complete().unwrap();
    });
    assert_eq!((layer.outside(), layer.failed()), (0, 1));
    let events = contexta.run_snapshot("r").unwrap().events;
    let is_marker = |record: &AnyRecord| match record {
        AnyRecord::Degraded(marker) => marker.payload.issue_key == "capture.record_left_out",
        _ => false,
    };
    assert_eq!(events.iter().filter(|row| is_marker(&row.record)).count(), 1);
}
