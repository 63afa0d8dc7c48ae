//! Scopes: their kinds, ends, current scopes, spans and emissions from JSON.

use crate::support::open_sim;
use contexta::capture::{
    DegradedEmission, Error, EventEmission, InScopeExt, MetricEmission, RunScope, SampleSpec, ScopeKind,
    ScopeSpec, SpanEmission, TraceContext,
};
use contexta::contract::json::read::parse;
use contexta::contract::{
    AggregationScope, AnyRecord, Canonical, EventLevel, Object, ObjectKind, RunStatus, SpanStatus, StableRef,
    Value,
};
use contexta::engine::storage::sim::SimDisk;
use contexta::{Contexta, Options};
use std::cell::RefCell;
use std::future::Future;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};

/// Returns the stored object with this ref.
fn object(contexta: &Contexta, kind: ObjectKind, own: &StableRef) -> Object {
    contexta.store().read(|view| view.object(kind, own)).unwrap().unwrap()
}

/// Returns a member of the stored object, as canonical JSON; `null` if the object does not have the member.
fn member(contexta: &Contexta, kind: ObjectKind, own: &StableRef, name: &str) -> String {
    let Value::Map(members) = object(contexta, kind, own).to_value() else { panic!("{own}") };
    match members.get(name) {
        None | Some(Value::Null) => "null".to_owned(),
        Some(Value::Text(text)) => text.clone(),
        Some(other) => format!("{other:?}"),
    }
}

#[test]
fn scopes_of_every_kind_are_stored_with_their_place() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let stage = run.stage(ScopeSpec::new("train").metadata("fold", 3)).unwrap();
    let batch = stage.batch("epoch-1").unwrap();
    let sample = batch.sample(SampleSpec::new("row-7").retention_class("short")).unwrap();
    let outer = batch.operation("forward").unwrap();
    let inner = outer.operation("matmul").unwrap();
    let direct = stage.operation("save").unwrap();
    let direct_sample = stage.sample("probe").unwrap();
    assert_eq!(stage.stage_ref().as_str(), "stage:wine.a.train");
    assert_eq!(batch.batch_ref().as_str(), "batch:wine.a.train.epoch-1");
    assert_eq!(sample.sample_ref().as_str(), "sample:wine.a.train.epoch-1.row-7");
    assert_eq!(inner.operation_ref().as_str(), "op:wine.a.train.epoch-1.matmul");
    assert_eq!(direct.operation_ref().as_str(), "op:wine.a.train.save");
    assert_eq!(direct_sample.sample_ref().as_str(), "sample:wine.a.train.probe");

    inner.complete().unwrap();
    sample.fail("label is missing").unwrap();
    run.complete().unwrap();
    let of = |kind, own: &StableRef, name: &str| member(&contexta, kind, own, name);
    assert_eq!(
        of(ObjectKind::Operation, inner.operation_ref(), "parent_operation_ref"),
        outer.object_ref().as_str()
    );
    assert_eq!(of(ObjectKind::Operation, inner.operation_ref(), "status"), "completed");
    assert_eq!(of(ObjectKind::Operation, inner.operation_ref(), "end_reason"), "null");
    assert_eq!(of(ObjectKind::Operation, outer.operation_ref(), "end_reason"), "parent_ended");
    assert_eq!(of(ObjectKind::Sample, sample.sample_ref(), "end_message"), "label is missing");
    assert_eq!(of(ObjectKind::Sample, sample.sample_ref(), "retention_class"), "short");
    assert_eq!(of(ObjectKind::Sample, sample.sample_ref(), "status"), "failed");
    assert_eq!(of(ObjectKind::Batch, batch.batch_ref(), "status"), "completed");
    assert_eq!(of(ObjectKind::Stage, stage.stage_ref(), "metadata"), r#"Map({"fold": Int(3)})"#);
    assert_eq!(of(ObjectKind::Run, run.run_ref(), "status"), "completed");
}

#[test]
fn records_name_the_scopes_that_contain_them() {
    let disk = SimDisk::new(2);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let stage = run.stage("train").unwrap();
    let batch = stage.batch("b").unwrap();
    let operation = batch.operation("o").unwrap();
    operation.event("data.loaded", "x").unwrap();
    run.event("run.noted", "y").unwrap();
    operation.degraded("input.missing", "no labels").unwrap();
    let records = contexta.run_snapshot("a").unwrap().events;
    let [first, second, third] = &records[..] else { panic!("{records:?}") };
    let envelope = &first.record.envelope().observation;
    assert_eq!(envelope.batch_execution_ref.as_ref(), Some(batch.batch_ref()));
    assert_eq!(envelope.operation_context_ref.as_ref(), Some(operation.operation_ref()));
    assert_eq!(envelope.stage_execution_ref.as_ref(), Some(stage.stage_ref()));
    let AnyRecord::Event(event) = &first.record else { panic!("{first:?}") };
    assert_eq!(event.payload.subject_ref.as_ref(), Some(operation.object_ref()));
    assert_eq!(second.record.envelope().observation.stage_execution_ref, None);
    let AnyRecord::Degraded(marker) = &third.record else { panic!("{third:?}") };
    assert_eq!(
        (marker.payload.issue_key.as_str(), marker.payload.summary.as_str()),
        ("input.missing", "no labels")
    );
}

#[test]
fn deployment_captures_for_the_run_that_it_is_linked_to() {
    let disk = SimDisk::new(3);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    run.complete().unwrap();
    let alone = contexta.deployment("prod").deployment_id("alone").start().unwrap();
    assert_eq!(alone.event("x.y", "z").unwrap_err().code(), "capture_run_context_required");
    alone.complete().unwrap();
    let linked = contexta.deployment("prod").deployment_id("one").run(run.run_ref()).metadata("region", "eu");
    let linked = linked.start().unwrap();
    linked.metric("latency", 3.5).unwrap();
    linked.event("deploy.live", "ok").unwrap();
    linked.cancel().unwrap();
    let own = linked.deployment_ref();
    assert_eq!(own.as_str(), "deployment:wine.one");
    assert_eq!(member(&contexta, ObjectKind::Deployment, own, "status"), "cancelled");
    let snapshot = contexta.run_snapshot("a").unwrap();
    assert_eq!(snapshot.events[0].record.envelope().observation.deployment_execution_ref.as_ref(), Some(own));
    assert_eq!(snapshot.metrics[0].key.metric_key, "latency");
}

#[test]
fn scope_is_dropped_with_the_reason_scope_dropped() {
    let disk = SimDisk::new(4);
    let contexta = open_sim(&disk, 1, "/w");
    fn fails(contexta: &Contexta) -> Result<(), Error> {
        let run = contexta.run("a").run_id("a").start()?;
        let stage = run.stage("train")?;
        stage.metric("", 1.0)?;
        run.complete().map(drop)
    }
    assert_eq!(fails(&contexta).unwrap_err().code(), "context_invalid_string");
    let run = contexta.run_snapshot("a").unwrap().run.run_ref;
    assert_eq!(member(&contexta, ObjectKind::Run, &run, "status"), "failed");
    assert_eq!(member(&contexta, ObjectKind::Run, &run, "end_reason"), "scope_dropped");
}

#[test]
fn closure_decides_on_the_end_of_its_scope() {
    let disk = SimDisk::new(5);
    let contexta = open_sim(&disk, 1, "/w");
    let begin = |id: &str| contexta.run(id).run_id(id).start().unwrap();
    let end = |run: &str, name: &str| {
        member(&contexta, ObjectKind::Run, &StableRef::parse(&format!("run:wine.{run}")).unwrap(), name)
    };
    let run = begin("good");
    let value = run.within(|run| run.stage("train")?.within(|stage| stage.metric("loss", 1.0))).unwrap();
    assert_eq!((value.position().is_some(), end("good", "status").as_str()), (true, "completed"));

    let failed = begin("bad").within(|_| Err::<(), Box<dyn std::error::Error>>("out of memory".into()));
    assert_eq!(failed.unwrap_err().to_string(), "out of memory");
    assert_eq!((end("bad", "status"), end("bad", "end_message")), ("failed".into(), "out of memory".into()));

    let run = begin("panicked");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run.within(|run| {
            let _stage = run.stage("train")?;
            std::panic::resume_unwind(Box::new("shape mismatch".to_owned()));
            #[expect(unreachable_code, reason = "gives the type of the closure")]
            Ok::<(), Error>(())
        })
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref::<String>().unwrap(), "shape mismatch");
    assert_eq!(end("panicked", "end_message"), "shape mismatch");
    assert_eq!(end("panicked", "end_reason"), "panic");

    let run = begin("closed-inside");
    run.within(|run| run.cancel().map(drop)).unwrap();
    assert_eq!(end("closed-inside", "status"), "cancelled");
}

#[test]
fn current_scope_belongs_to_thread_and_workspace() {
    let disk = SimDisk::new(6);
    let contexta = open_sim(&disk, 1, "/w");
    let other = open_sim(&disk, 2, "/w");
    assert_eq!(contexta.metric("loss", 1.0).unwrap_err().code(), "runtime_capture_requires_run");
    assert!(contexta.current_run().is_none());
    let run = contexta.run("a").run_id("a").start().unwrap();
    let entered = run.enter();
    contexta.metric("loss", 1.0).unwrap();
    assert_eq!(contexta.current_run().unwrap().run_ref(), run.run_ref());
    assert!(contexta.current_stage().is_none() && other.current_run().is_none());
    let stage = run.stage("train").unwrap();
    let inner = stage.enter();
    contexta.metric("loss", 2.0).unwrap();
    assert_eq!(contexta.current_run().unwrap().run_ref(), run.run_ref());
    assert_eq!(contexta.current_scope().unwrap().kind(), ScopeKind::Stage);
    std::thread::scope(|threads| {
        threads.spawn(|| assert!(contexta.current_run().is_none()));
    });
    // Guards may be dropped in any order.
    drop(entered);
    assert_eq!(contexta.current_stage().unwrap().stage_ref(), stage.stage_ref());
    drop(inner);
    assert!(contexta.current_scope().is_none());
    let metrics = contexta.run_snapshot("a").unwrap().metrics;
    let stages: Vec<_> = metrics.iter().map(|series| series.key.stage_ref.is_some()).collect();
    assert_eq!(stages, [false, true]);
}

#[test]
fn future_runs_in_its_scope_whichever_thread_polls_it() {
    let disk = SimDisk::new(7);
    let contexta = Arc::new(open_sim(&disk, 1, "/w"));
    let run = contexta.run("a").run_id("a").start().unwrap();
    let inner = Arc::clone(&contexta);
    let mut polls = 0;
    let step = std::future::poll_fn(move |context| {
        polls += 1;
        inner.metric_at("loss", polls, 1.0).unwrap();
        context.waker().wake_by_ref();
        if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
    });
    let mut future = Box::pin(step.in_scope(&run));
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert!(contexta.current_run().is_none());
    let done = std::thread::spawn(move || {
        let mut context = Context::from_waker(Waker::noop());
        future.as_mut().poll(&mut context).is_ready()
    });
    assert!(done.join().unwrap());
    assert_eq!(contexta.run_snapshot("a").unwrap().metrics[0].count, 2);
}

/// A value that captures an event when it is dropped with the thread-local values of its thread.
struct CapturesWhenDropped(Contexta, RunScope);

impl Drop for CapturesWhenDropped {
    fn drop(&mut self) {
        let CapturesWhenDropped(contexta, run) = self;
        assert!(contexta.current_run().is_none());
        run.event("late", "captured").unwrap();
        run.span("late").unwrap();
        drop(run.start_span("guard").unwrap());
        let entered = run.enter();
        assert!(contexta.current_run().is_none());
        drop(entered);
    }
}

thread_local! {
    static CAPTURES_WHEN_DROPPED: RefCell<Option<CapturesWhenDropped>> = const { RefCell::new(None) };
}

#[test]
fn destructor_of_a_thread_local_value_can_capture() {
    let disk = SimDisk::new(9);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let in_thread = run.clone();
    std::thread::spawn(move || {
        let own = CapturesWhenDropped(contexta, in_thread.clone());
        // Thread-local values are destroyed in the reverse order of their first use, so the stack of entered scopes is
        // destroyed before this value.
        CAPTURES_WHEN_DROPPED.set(Some(own));
        drop(in_thread.enter());
    })
    .join()
    .unwrap();
    run.complete().unwrap();
    assert_eq!(open_sim(&disk, 2, "/w").run_snapshot("a").unwrap().events.len(), 3);
}

#[test]
fn spans_have_their_trace_and_their_parents() {
    let disk = SimDisk::new(8);
    let parent: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    let options = Options::new("/w").project("wine").storage(disk.process(1)).trace_parent(parent);
    let contexta = options.open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    let stage = run.stage("train").unwrap();
    let outer = stage.start_span("outer").unwrap();
    let mut inner = stage.start_span("inner").unwrap();
    inner.attribute("rows", 3);
    inner.set_status(SpanStatus::Unset);
    let inner_id = inner.id().to_string();
    stage.emit(SpanEmission::new("leaf").linked(run.run_ref()).parent("0123456789abcdef")).unwrap();
    stage.span("plain").unwrap();
    disk.advance(1_000_000);
    inner.finish().unwrap();
    let outer_id = outer.id().to_string();
    let scope_span = {
        drop(outer);
        stage.trace_context()
    };
    let records = contexta.run_snapshot("a").unwrap().events;
    let spans: Vec<_> = records
        .iter()
        .map(|row| match &row.record {
            AnyRecord::Span(span) => span.payload.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let of = |name: &str| spans.iter().find(|span| span.span_name == name).unwrap();
    assert!(spans.iter().all(|span| span.trace_id == "0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(of("leaf").parent_span_id.as_deref(), Some("0123456789abcdef"));
    assert_eq!(of("plain").parent_span_id.as_deref(), Some(inner_id.as_str()));
    assert_eq!(of("inner").parent_span_id.as_deref(), Some(outer_id.as_str()));
    assert_eq!(of("outer").parent_span_id, Some(scope_span.span_id.to_string()));
    assert_eq!((of("inner").status, of("outer").status), (SpanStatus::Unset, SpanStatus::Ok));
    assert!(of("outer").ended_at > of("outer").started_at);
    assert_eq!(scope_span.trace_id, parent.trace_id);
}

#[test]
fn emissions_are_read_from_json() {
    let json = |text: &str| parse(text).unwrap();
    let event =
        EventEmission::try_from(json(r#"{"key":"a.b","message":"m","level":"error","tags":{"t":"v"}}"#));
    assert_eq!(event.unwrap(), EventEmission::new("a.b", "m").level(EventLevel::Error).tag("t", "v"));
    let metric =
        MetricEmission::try_from(json(r#"{"key":"loss","value":0.5,"step":3,"unit":"nats"}"#)).unwrap();
    assert_eq!(metric, MetricEmission::new("loss", 0.5).step(3).unit("nats"));
    assert_eq!(metric.aggregation_scope, AggregationScope::Step);
    assert_eq!(metric.summary_basis.as_deref(), Some("raw_observation"));
    let span = r#"{"name":"n","status":"unset","span_kind":"call","started_at":"2024-01-01T00:00:00Z"}"#;
    assert_eq!(SpanEmission::try_from(json(span)).unwrap().status, SpanStatus::Unset);
    let marker = DegradedEmission::try_from(json(r#"{"issue_key":"a.b","summary":"s","severity":"error"}"#));
    assert_eq!(marker.unwrap().summary, "s");
    let refused = |text: &str| MetricEmission::try_from(json(text)).unwrap_err().code.as_str();
    assert_eq!(refused(r#"{"key":"loss","value":1,"steps":3}"#), "deserialize_unknown_field");
    assert_eq!(refused(r#"{"key":"loss","value":true}"#), "record_invalid_metric_value");
    let backwards = r#"{"name":"n","started_at":"2024-01-02T00:00:00Z","ended_at":"2024-01-01T00:00:00Z"}"#;
    assert_eq!(
        SpanEmission::try_from(json(backwards)).unwrap_err().code.as_str(),
        "record_invalid_time_order"
    );
}

#[test]
fn batch_of_json_emissions_is_one_commit_or_nothing() {
    let disk = SimDisk::new(9);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let _entered = run.enter();
    let json = |text: &str| parse(text).unwrap();
    let good = json(r#"{"key":"loss","value":1}"#);
    let results = contexta.emit_metrics([good.clone(), json(r#"{"key":"acc","value":2}"#)]).unwrap();
    assert_eq!(results[1].position().unwrap().seq.0, results[0].position().unwrap().seq.0 + 1);
    contexta.emit_metrics([good, json(r#"{"value":2}"#)]).unwrap_err();
    contexta.emit_metrics([MetricEmission::new("f1", 0.5)]).unwrap();
    let keys: Vec<_> = contexta
        .run_snapshot("a")
        .unwrap()
        .metrics
        .iter()
        .map(|m| (m.key.metric_key.clone(), m.count))
        .collect();
    assert_eq!(keys, [("acc".to_owned(), 1), ("f1".to_owned(), 1), ("loss".to_owned(), 1)]);
}

#[test]
fn handles_are_shared_between_threads() {
    let disk = SimDisk::new(10);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let stage = run.stage("train").unwrap();
    let barrier = Barrier::new(8);
    std::thread::scope(|threads| {
        for worker in 0..8i64 {
            let (stage, barrier) = (stage.clone(), &barrier);
            threads.spawn(move || {
                barrier.wait();
                let batch = stage.batch("shard").unwrap();
                for step in 0..50 {
                    batch.metric_at("loss", worker * 100 + step, 1.0).unwrap();
                }
                batch.complete().unwrap();
            });
        }
    });
    run.complete().unwrap();
    let batches: Vec<_> = (1..=8)
        .map(|n| if n == 1 { "shard".to_owned() } else { format!("shard-{n}") })
        .map(|name| StableRef::parse(&format!("batch:wine.a.train.{name}")).unwrap())
        .map(|own| member(&contexta, ObjectKind::Batch, &own, "status"))
        .collect();
    assert_eq!(batches, vec!["completed"; 8]);
    let count: u64 = contexta.run_snapshot("a").unwrap().metrics.iter().map(|m| m.count).sum();
    assert_eq!(count, 400);
}

#[test]
fn scope_ends_once_and_opens_no_child_afterwards() {
    let disk = SimDisk::new(11);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let stage = run.stage("train").unwrap();
    stage.complete().unwrap();
    assert_eq!(stage.complete().unwrap_err().code(), "runtime_scope_closed");
    assert_eq!((stage.status(), run.status()), (RunStatus::Completed, RunStatus::Open));
    assert!(stage.closed_at().unwrap() >= stage.started_at() && run.closed_at().is_none());
    run.complete().unwrap();
    assert_eq!(run.stage("late").unwrap_err().code(), "runtime_scope_closed");
}
