//! The facade and capture: sections B, C and J of the list of names of the Python package contexta 1.0.0
//! (`docs/REFERENCE-MAP.md`).

use super::{Call, r};
use crate::support::{TempDir, open_sim};
use contexta::capture::{
    ArtifactRegistration, BatchCaptureResult, CaptureResult, CompositeSink, Delivery, DeliveryStatus,
    EventEmission, JsonLinesSink, MemorySink, MessageLevel, MetricEmission, OperationResult, PayloadFamily,
    RegisteredArtifact, ResultFailure, ResultMessage, ResultStatus, Sink, SpanEmission, StandardStream,
    WriterSink,
};
use contexta::config::{ConfigValue, LoadInputs};
use contexta::contract::{
    AggregationScope, ArtifactRef, Canonical, EventLevel, RunStatus, SpanKind, SpanStatus, StableRef,
    Timestamp, Value,
};
use contexta::engine::storage::sim::SimDisk;
use contexta::store::RunRow;
use contexta::{Contexta, Options, RunBuilder, RunScope};
use std::path::Path;
use std::sync::Arc;

/// Calls `capture` in a run that is the current scope. Returns the payload of the last record that a sink received.
fn captured(capture: impl FnOnce(&Contexta)) -> Value {
    let memory = Arc::new(MemorySink::default());
    let options = Options::new("/w").project("wine").storage(SimDisk::new(1).process(1));
    let contexta =
        options.detect_code_revision(false).sinks([memory.clone() as Arc<dyn Sink>]).open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    let entered = run.enter();
    capture(&contexta);
    drop(entered);
    let entries = memory.entries();
    let record = entries.iter().rfind(|entry| entry.family == PayloadFamily::Record).unwrap();
    record.payload.get("payload").unwrap().clone()
}

/// Captures the span, and returns its payload.
fn span_payload(span: SpanEmission) -> Value {
    captured(|contexta| drop(contexta.emit(span).unwrap()))
}

/// Captures the metric, and returns its payload.
fn metric_payload(metric: MetricEmission) -> Value {
    captured(|contexta| drop(contexta.emit(metric).unwrap()))
}

/// Returns the text in a member; an empty text if the payload has no such member.
fn text<'a>(payload: &'a Value, key: &str) -> &'a str {
    payload.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Returns true if the member is missing, null or empty.
fn is_empty(payload: &Value, key: &str) -> bool {
    match payload.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::Map(members)) => members.is_empty(),
        Some(Value::List(items)) => items.is_empty(),
        Some(_) => false,
    }
}

/// Starts a run that `describe` has configured, and returns its row from a query.
fn started(describe: impl FnOnce(RunBuilder) -> RunBuilder) -> RunRow {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    let run = describe(contexta.run("a")).start().unwrap();
    run.complete().unwrap();
    contexta.run_snapshot(run.run_ref().as_str()).unwrap().run
}

/// Creates a workspace on a disk with the file `/model.bin`, and calls `check` in a run that is the current scope.
fn in_run(check: impl FnOnce(&Contexta, &RunScope) -> bool) -> bool {
    let disk = SimDisk::new(1);
    disk.overwrite(Path::new("/model.bin"), b"weights".to_vec());
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let _entered = run.enter();
    check(&contexta, &run)
}

fn inputs(dir: &TempDir) -> LoadInputs {
    LoadInputs::new().use_env(false).base_dir(dir.path())
}

fn early() -> Timestamp {
    Timestamp::parse("2020-01-31T12:00:00Z").unwrap()
}

fn code<T>(result: contexta::Result<T>) -> &'static str {
    result.err().map_or("", |error| error.code())
}

pub(super) fn calls() -> Vec<Call> {
    calls! {
        "Contexta::load" => || {
            let dir = TempDir::new("map-load");
            let contexta = Contexta::load(inputs(&dir)).unwrap();
            contexta.paths().root() == dir.path().join(".contexta") && contexta.config().project_name == "default"
        };
        "Options::load" => || {
            let dir = TempDir::new("map-options");
            let patch = ConfigValue::at("capture.producer_ref", "patch");
            let inputs = inputs(&dir).workspace("w").profile("test").config(patch);
            let contexta = Options::load(inputs).unwrap().open().unwrap();
            let config = contexta.config();
            config.workspace.root_path == dir.path().join("w") && config.project_name == "test"
                && contexta.session().options().producer == "patch"
        };
        "Options::sinks" => || {
            let sink: Arc<dyn Sink> = Arc::new(MemorySink::default());
            let options = || Options::new("/w").storage(SimDisk::new(1).process(1)).sink(Arc::new(MemorySink::new("b")));
            let names = |options: Options| options.open().unwrap().sinks().iter().map(|s| s.name().to_owned()).collect::<Vec<_>>();
            names(options().sinks([sink])) == ["memory"] && names(options().sinks([])).is_empty()
        };
        "Contexta::open" => || {
            let dir = TempDir::new("map-open");
            let contexta = Contexta::open(dir.path().join("w")).unwrap();
            contexta.project_name() == "default" && dir.path().join("w/log").is_dir()
        };
        "Contexta::project_name" => || {
            let options = Options::new("/w").project("My Wine").storage(SimDisk::new(1).process(1));
            options.open().unwrap().project_name() == "My Wine"
        };
        "Contexta::session" => || in_run(|contexta, run| {
            contexta.session().project_ref().as_str() == "project:wine"
                && contexta.session().current().is_some_and(|scope| scope.object_ref() == run.object_ref())
        });
        "Contexta::sinks" => || {
            // The sinks in the settings are used unless the program passes sinks.
            let dir = TempDir::new("map-sinks");
            let configured = ConfigValue::at("capture.sinks", ConfigValue::List(vec!["jsonl:lines".into()]));
            let contexta = Contexta::load(inputs(&dir).config(configured)).unwrap();
            contexta.sinks().len() == 1 && contexta.sinks()[0].name() == "jsonl:lines"
                && in_run(|contexta, _| contexta.sinks().is_empty())
        };
        "Contexta::store" => || in_run(|contexta, run| {
            contexta.metric("loss", 0.5).unwrap();
            contexta.store().read(|view| view.find_run("a")).unwrap().run_ref == *run.run_ref()
        });
        "Contexta::run" => || {
            let row = started(|run| run);
            // The id is generated.
            row.name == "a" && row.run_ref.as_str().starts_with("run:wine.a-") && row.status == RunStatus::Completed
        };
        "RunBuilder::run_id" => || {
            let contexta = open_sim(&SimDisk::new(1), 1, "/w");
            started(|run| run.run_id("seven")).run_ref.as_str() == "run:wine.seven"
                && contexta.run("a").run_id("Not An Id").start().unwrap().run_ref().last_component().starts_with("not-an-id-")
        };
        "RunBuilder::config_snapshot" => || {
            let config = std::collections::BTreeMap::from([("lr", 0.5)]);
            started(|run| run.config_snapshot(&config)).params["lr"] == 0.5.into()
        };
        "RunBuilder::tag" => || started(|run| run.tag("env", "prod").tag("team", "x")).tags["env"] == "prod";
        "RunBuilder::metadata" => || {
            let nested = Value::map([("folds", 5.into())]);
            started(|run| run.metadata("cv", nested.clone())).metadata["cv"] == nested
        };
        "RunBuilder::code_revision" => || {
            started(|run| run.code_revision("abc123")).code_revision.as_deref() == Some("abc123")
                && started(|run| run).code_revision.is_none()
        };
        "RunBuilder::dataset_ref" => || {
            started(|run| run.dataset_ref("s3://wine/7")).dataset_ref.as_deref() == Some("s3://wine/7")
        };
        "RunScope::within" => || {
            let contexta = open_sim(&SimDisk::new(1), 1, "/w");
            let status = |result: contexta::Result<()>| {
                let run = contexta.run("a").start().unwrap();
                let returned = run.within(|_| {
                    contexta.metric("accuracy", 0.94)?;
                    result
                });
                let row = contexta.run_snapshot(run.run_ref().as_str()).unwrap();
                (returned.is_ok(), row.run.status, row.metrics.len())
            };
            let failed = contexta.run_snapshot("nobody").map(drop);
            status(Ok(())) == (true, RunStatus::Completed, 1) && status(failed) == (false, RunStatus::Failed, 1)
        };
        "RunScope::enter" => || {
            let contexta = open_sim(&SimDisk::new(1), 1, "/w");
            let run = contexta.run("a").start().unwrap();
            let entered = run.enter();
            let within = contexta.event("a", "b").is_ok();
            drop(entered);
            within && code(contexta.event("a", "b")) == "runtime_capture_requires_run"
        };
        "Contexta::current_run" => || in_run(|contexta, run| {
            let other = open_sim(&SimDisk::new(2), 1, "/w");
            contexta.current_run().unwrap().run_ref() == run.run_ref() && other.current_run().is_none()
        });
        "Contexta::current_stage" => || in_run(|contexta, run| {
            let stage = run.stage("train").unwrap();
            let before = contexta.current_stage().is_none();
            let _entered = stage.enter();
            before && contexta.current_stage().unwrap().stage_ref() == stage.stage_ref()
        });
        "Contexta::current_batch" => || in_run(|contexta, run| {
            let stage = run.stage("train").unwrap();
            let batch = stage.batch("b").unwrap();
            let _entered = batch.enter();
            contexta.current_batch().unwrap().batch_ref() == batch.batch_ref() && contexta.current_sample().is_none()
        });
        "Contexta::current_sample" => || in_run(|contexta, run| {
            let stage = run.stage("train").unwrap();
            let sample = stage.sample("s").unwrap();
            let _entered = sample.enter();
            contexta.current_sample().unwrap().sample_ref() == sample.sample_ref() && contexta.current_batch().is_none()
        });
        "Contexta::current_operation" => || in_run(|contexta, run| {
            let stage = run.stage("train").unwrap();
            let operation = stage.operation("o").unwrap();
            let inner = operation.operation("i").unwrap();
            let _entered = inner.enter();
            contexta.current_operation().unwrap().operation_ref() == inner.operation_ref()
        });
        "Contexta::current_deployment" => || in_run(|contexta, run| {
            let deployment = contexta.deployment("api").run(run.run_ref()).start().unwrap();
            let before = contexta.current_deployment().is_none();
            let _entered = deployment.enter();
            before && contexta.current_deployment().unwrap().deployment_ref() == deployment.deployment_ref()
        });
        "Contexta::deployment" => || in_run(|contexta, run| {
            let deployment = contexta.deployment("api").deployment_id("blue").run(run.run_ref());
            let deployment = deployment.metadata("region", "eu").start().unwrap();
            deployment.deployment_ref().as_str() == "deployment:wine.blue" && deployment.complete().is_ok()
        });
        "Contexta::event" => || {
            let event = captured(|contexta| drop(contexta.event("training.started", "go").unwrap()));
            text(&event, "event_key") == "training.started" && text(&event, "message") == "go"
                && text(&event, "level") == "info" && text(&event, "subject_ref") == "run:wine.a"
                && is_empty(&event, "attributes") && is_empty(&event, "tags")
        };
        "Contexta::emit" => || {
            let emission = || EventEmission::new("a.b", "m").attribute("n", 1).tag("env", "prod");
            let event = captured(|contexta| {
                for level in EventLevel::ALL {
                    contexta.emit(emission().level(*level)).unwrap();
                }
                contexta.emit(emission().level(EventLevel::Warning)).unwrap();
            });
            text(&event, "level") == "warning"
                && event.get("attributes") == Some(&Value::map([("n", 1.into())]))
                && event.get("tags") == Some(&Value::map([("env", "prod".into())]))
        };
        "Contexta::emit_events" => || in_run(|contexta, run| {
            let mapping = |key: &str| Value::map([("key", key.into()), ("message", "m".into())]);
            let emissions = contexta.emit_events([EventEmission::new("a", "m"), EventEmission::new("b", "m")]);
            let mappings = contexta.emit_events([mapping("c")]).unwrap();
            // One invalid item prevents the whole batch.
            let refused = contexta.emit_events([mapping("d"), mapping(" ")]).is_err();
            let records = contexta.run_snapshot(run.run_ref().as_str()).unwrap().events;
            emissions.unwrap().counts().success == 2 && mappings.len() == 1 && refused && records.len() == 3
        });
        "Contexta::metric" => || {
            let metric = captured(|contexta| drop(contexta.metric("loss", 3).unwrap()));
            text(&metric, "metric_key") == "loss" && metric.get("value") == Some(&3.into())
                && text(&metric, "value_type") == "int" && is_empty(&metric, "unit") && is_empty(&metric, "tags")
                && text(&metric, "aggregation_scope") == "step" && text(&metric, "summary_basis") == "raw_observation"
                && text(&metric, "subject_ref") == "run:wine.a"
        };
        "capture::MetricEmission::unit" => || {
            text(&metric_payload(MetricEmission::new("time", 1.5).unit("seconds")), "unit") == "seconds"
        };
        "capture::MetricEmission::scope" => || AggregationScope::ALL.iter().all(|scope| {
            let metric = metric_payload(MetricEmission::new("loss", 1.5).scope(*scope));
            text(&metric, "aggregation_scope") == scope.as_str()
        });
        "capture::MetricEmission::tag" => || {
            let metric = metric_payload(MetricEmission::new("loss", 1.5).tag("split", "test"));
            metric.get("tags") == Some(&Value::map([("split", "test".into())]))
        };
        "capture::MetricEmission::summary_basis" => || {
            ["raw_observation", "mean", "max", "min", "last"].into_iter().all(|basis| {
                let metric = metric_payload(MetricEmission::new("loss", 1.5).summary_basis(basis));
                text(&metric, "summary_basis") == basis
            })
        };
        "Contexta::emit_metrics" => || in_run(|contexta, run| {
            let mapping = Value::map([("key", "b".into()), ("value", 2.into())]);
            let emissions = contexta.emit_metrics([MetricEmission::new("a", 1), MetricEmission::new("a", 2)]).unwrap();
            let mappings = contexta.emit_metrics([mapping]).unwrap();
            let series = contexta.run_snapshot(run.run_ref().as_str()).unwrap().metrics;
            emissions.status() == ResultStatus::Success && mappings.len() == 1 && series.len() == 2
        });
        "Contexta::span" => || {
            let before = open_sim(&SimDisk::new(1), 1, "/w").session().now();
            let span = captured(|contexta| drop(contexta.span("fit").unwrap()));
            text(&span, "span_name") == "fit" && text(&span, "status") == "ok" && text(&span, "span_kind") == "operation"
                && text(&span, "started_at") == text(&span, "ended_at")
                && Timestamp::parse(text(&span, "started_at")).unwrap() >= before
                && is_empty(&span, "attributes") && is_empty(&span, "linked_refs")
        };
        "capture::SpanEmission::started_at" => || {
            let span = span_payload(SpanEmission::new("fit").started_at(early()));
            // The end is the time of the call.
            Timestamp::parse(text(&span, "started_at")) == Ok(early()) && text(&span, "ended_at") > text(&span, "started_at")
        };
        "capture::SpanEmission::ended_at" => || {
            let later = Timestamp::parse("2020-01-31T12:00:01Z").unwrap();
            let span = span_payload(SpanEmission::new("fit").started_at(early()).ended_at(later));
            let reversed = SpanEmission::new("fit").started_at(later).ended_at(early());
            Timestamp::parse(text(&span, "ended_at")) == Ok(later) && SpanEmission::try_from(reversed.to_value()).is_err()
        };
        "capture::SpanEmission::status" => || [SpanStatus::Ok, SpanStatus::Error, SpanStatus::Unset].iter().all(|status| {
            text(&span_payload(SpanEmission::new("fit").status(*status)), "status") == status.as_str()
        });
        "capture::SpanEmission::kind" => || {
            let kinds = [SpanKind::Operation, SpanKind::Stage, SpanKind::Call, SpanKind::Internal];
            let stored = kinds.map(|kind| text(&span_payload(SpanEmission::new("fit").kind(kind)), "span_kind").to_owned());
            stored == ["operation", "stage", "call", "internal"]
        };
        "capture::SpanEmission::attribute" => || {
            let span = span_payload(SpanEmission::new("fit").attribute("rows", 7));
            span.get("attributes") == Some(&Value::map([("rows", 7.into())]))
        };
        "capture::SpanEmission::linked" => || {
            let span = span_payload(SpanEmission::new("fit").linked(r::<StableRef>("artifact:wine.a.m")));
            span.get("linked_refs") == Some(&Value::list(["artifact:wine.a.m"]))
        };
        "capture::SpanEmission::parent" => || {
            let span = span_payload(SpanEmission::new("fit").parent("b7ad6b7169203331"));
            text(&span, "parent_span_id") == "b7ad6b7169203331"
        };
        "Contexta::emit_spans" => || in_run(|contexta, run| {
            let mapping = Value::map([("name", "fit".into()), ("span_kind", "call".into())]);
            let emissions = contexta.emit_spans([SpanEmission::new("fit")]).unwrap();
            let mappings = contexta.emit_spans([mapping]).unwrap();
            let records = contexta.run_snapshot(run.run_ref().as_str()).unwrap().events;
            emissions.len() == 1 && mappings.len() == 1 && records.len() == 2
        });
        "Contexta::register_artifact" => || in_run(|contexta, run| {
            let registered = contexta.register_artifact("model", "/model.bin").unwrap();
            let missing = code(contexta.register_artifact("model", "/missing.bin"));
            let artifacts = contexta.run_snapshot(run.run_ref().as_str()).unwrap().artifacts;
            // The content is in the workspace, and the ref is generated.
            artifacts.len() == 1 && artifacts[0].body_present && missing == "artifact_source_missing"
                && registered.artifact_ref().as_str() == "artifact:wine.a.model"
                && registered.manifest.hash_value.is_some() && registered.manifest.size_bytes == Some(7)
        });
        "Contexta::register" => || in_run(|contexta, _| {
            let model = || ArtifactRegistration::output("model", "/model.bin");
            let own: ArtifactRef = r("artifact:wine.a.chosen");
            let explicit = contexta.register(model().artifact_ref(own.clone()).attribute("n", 1)).unwrap();
            let of_another_run = contexta.register(model().artifact_ref(r("artifact:wine.b.m")));
            let without_hash = contexta.register(model().without_hash()).unwrap().manifest.hash_value.is_none();
            let missing = ArtifactRegistration::output("model", "/missing.bin").allow_missing();
            let missing = contexta.register(missing).unwrap();
            explicit.artifact_ref() == &own && explicit.manifest.attributes["n"] == 1.into()
                && of_another_run.is_err() && without_hash && missing.is_missing
                && missing.manifest.hash_value.is_none()
        });
        "capture::RegisteredArtifact::result" => || in_run(|contexta, _| {
            let registered: RegisteredArtifact = contexta.register_artifact("model", "/model.bin").unwrap();
            let missing = ArtifactRegistration::output("model", "/missing.bin").allow_missing();
            let degraded = contexta.register(missing).unwrap().result();
            let result: CaptureResult = registered.result();
            result.family() == PayloadFamily::Artifact && result.status() == ResultStatus::Success
                && result.payload() == Some(&registered.manifest.to_value())
                && degraded.status() == ResultStatus::Degraded
                && degraded.degradation_reasons() == ["artifact_source_missing"]
        });
        "Contexta::register_artifacts" => || in_run(|contexta, _| {
            let mapping = |path: &str| Value::map([("artifact_kind", "model".into()), ("path", path.into())]);
            let registered = contexta.register_artifacts([mapping("/model.bin"), mapping("/missing.bin")]).unwrap();
            let result: BatchCaptureResult = registered.result();
            let one = contexta.register_artifacts([ArtifactRegistration::output("model", "/model.bin")]).unwrap();
            registered[0].is_ok() && result.status() == ResultStatus::Degraded && result.counts().failure == 1
                && result.family() == PayloadFamily::Artifact && one.result().status() == ResultStatus::Success
        });
        "capture::EventEmission" => || {
            let event = EventEmission::new("a", "b");
            event.level == EventLevel::Info && event.attributes.is_empty() && event.tags.is_empty()
                && EventEmission::try_from(event.to_value()).is_ok_and(|read| read == event)
                && EventEmission::try_from(EventEmission::new(" ", "b").to_value()).is_err()
        };
        "capture::MetricEmission" => || {
            let metric = MetricEmission::new("a", 1.5);
            let boolean = Value::map([("key", "a".into()), ("value", true.into())]);
            metric.aggregation_scope == AggregationScope::Step && metric.unit.is_none() && metric.tags.is_empty()
                && metric.step.is_none() && metric.summary_basis.as_deref() == Some("raw_observation")
                && MetricEmission::try_from(metric.to_value()).is_ok_and(|read| read == metric)
                && MetricEmission::try_from(boolean).is_err()
        };
        "capture::SpanEmission" => || {
            let span = SpanEmission::new("a");
            span.started_at.is_none() && span.ended_at.is_none() && span.status == SpanStatus::Ok
                && span.span_kind == SpanKind::Operation && span.attributes.is_empty()
                && span.linked_refs.is_empty() && span.parent_span_id.is_none()
                && SpanEmission::try_from(span.to_value()).is_ok_and(|read| read == span)
        };
        "capture::ArtifactRegistration" => || {
            let artifact = ArtifactRegistration::output("model", "/m");
            let all = artifact.clone().artifact_ref(r("artifact:p.r.a")).attribute("n", 1).without_hash().allow_missing();
            let reads = |artifact: &ArtifactRegistration| {
                ArtifactRegistration::try_from(artifact.to_value()).is_ok_and(|read| read == *artifact)
            };
            artifact.compute_hash && !artifact.allow_missing && artifact.artifact_ref.is_none()
                && artifact.attributes.is_empty() && reads(&artifact) && reads(&all)
                && ArtifactRegistration::try_from(ArtifactRegistration::output("Not A Kind", "/m").to_value()).is_err()
        };
        "contract::Canonical::to_value" => || {
            let event = EventEmission::new("a", "b").tag("t", "u").to_value();
            let metric = MetricEmission::new("a", 1).unit("s").to_value();
            let span = SpanEmission::new("a").started_at(early()).to_value();
            let artifact = ArtifactRegistration::output("model", "/m").without_hash().to_value();
            text(&event, "key") == "a" && event.get("tags") == Some(&Value::map([("t", "u".into())]))
                && text(&metric, "unit") == "s" && metric.get("value") == Some(&1.into())
                && Timestamp::parse(text(&span, "started_at")) == Ok(early()) && text(&span, "name") == "a"
                && text(&artifact, "path") == "/m" && artifact.get("compute_hash") == Some(&false.into())
        };
        "capture::Delivery" => || {
            let delivery = Delivery::new("s", PayloadFamily::Record, DeliveryStatus::Skipped);
            let empty = delivery.detail.is_empty() && delivery.metadata.is_empty();
            let delivery = delivery.detail("d").metadata([("n".to_owned(), 1.into())].into());
            let value = delivery.to_value();
            empty && text(&value, "sink_name") == "s" && text(&value, "family") == "RECORD"
                && text(&value, "status") == "SKIPPED" && text(&value, "detail") == "d"
                && value.get("metadata") == Some(&Value::map([("n", 1.into())]))
        };
        "capture::CaptureResult" => || {
            let result = CaptureResult::success(PayloadFamily::Record, None);
            result.deliveries().is_empty() && result.warnings().is_empty() && result.payload().is_none()
                && result.degradation_reasons().is_empty() && !result.degradation_emitted()
                && result.degradation_payload().is_none() && !result.recovered_to_outbox()
                && result.replay_refs().is_empty() && result.error_code().is_none()
                && result.error_message().is_none() && result.operation().applied()
                && result.operation().messages().is_empty() && !result.operation().planned_only()
        };
        "capture::CaptureResult::success" => || {
            CaptureResult::success(PayloadFamily::Artifact, Some(1.into())).status() == ResultStatus::Success
        };
        "capture::CaptureResult::with_degradation" => || {
            let result = CaptureResult::with_degradation(PayloadFamily::Record, None, ["slow"]);
            result.status() == ResultStatus::Degraded && result.operation().degradation_notes()[0].message == "slow"
        };
        "capture::CaptureResult::failure_result" => || {
            let failure = ResultFailure::new("x", "y");
            let result = CaptureResult::failure_result(PayloadFamily::Record, None, failure);
            result.error_code() == Some("x") && result.operation().failure().is_some_and(|f| !f.retryable)
        };
        "capture::CaptureResult::to_value" => || {
            let value = CaptureResult::success(PayloadFamily::Record, None).to_value();
            value.get("family") == Some(&"RECORD".into()) && value.get("replay_refs").is_some()
        };
        "capture::BatchCaptureResult" => || {
            let results = vec![CaptureResult::success(PayloadFamily::Record, None)];
            let batch = BatchCaptureResult::aggregate(PayloadFamily::Record, results);
            batch.results().len() == 1 && batch.family() == PayloadFamily::Record
                && batch.to_value().get("results").is_some()
        };
        "capture::BatchCaptureResult::aggregate" => || {
            let failed = || CaptureResult::failure_result(PayloadFamily::Record, None, ResultFailure::new("x", "y"));
            let good = || CaptureResult::success(PayloadFamily::Record, None);
            let status = |results| BatchCaptureResult::aggregate(PayloadFamily::Record, results).status();
            status(Vec::new()) == ResultStatus::Success && status(vec![failed(), good()]) == ResultStatus::Degraded
                && status(vec![failed(), failed()]) == ResultStatus::Failure
        };
        "capture::BatchCaptureResult::from_results" => || {
            let one = |family| CaptureResult::success(family, None);
            BatchCaptureResult::from_results(vec![one(PayloadFamily::Record), one(PayloadFamily::Context)]).is_err()
        };
        "capture::BatchCaptureResult::results" => || {
            let results = vec![CaptureResult::success(PayloadFamily::Record, Some(1.into()))];
            BatchCaptureResult::aggregate(PayloadFamily::Record, results.clone()).results() == results
        };
        "capture::BatchCaptureResult::to_value" => || {
            let one = CaptureResult::success(PayloadFamily::Record, None);
            let value = BatchCaptureResult::aggregate(PayloadFamily::Record, vec![one]).to_value();
            text(&value, "family") == "RECORD" && text(&value, "status") == "SUCCESS"
                && value.get("results").and_then(Value::as_list).is_some_and(|results| results.len() == 1)
                && value.get("metadata").and_then(|metadata| metadata.get("success_count")) == Some(&1.into())
        };
        "capture::OperationResult::messages" => || {
            let message = ResultMessage::new(MessageLevel::Info, "code", "text");
            let result = OperationResult::success().message(message.clone());
            result.messages() == [message] && result.status() == ResultStatus::Success
        };
        "capture::JsonLinesSink" => || JsonLinesSink::new("/lines").name() == "local-jsonl";
        "capture::MemorySink" => || {
            let memory = MemorySink::default();
            memory.name() == "memory" && memory.entries().is_empty() && memory.taken() == 0
        };
        "capture::WriterSink::standard" => || {
            WriterSink::standard(StandardStream::Stdout).name() == "stdout"
                && WriterSink::standard(StandardStream::Stderr).name() == "stderr"
        };
        "capture::CompositeSink" => || {
            let only_records = JsonLinesSink::new("/lines").only(&[PayloadFamily::Record]);
            let sink = CompositeSink::new("composite", [Arc::new(only_records) as Arc<dyn Sink>]);
            sink.name() == "composite" && sink.families() == [PayloadFamily::Record]
        };
        "capture::OperationResult" => || {
            let planned = OperationResult::success().planned();
            planned.planned_only() && !planned.applied() && planned.metadata().is_empty()
                && planned.messages().is_empty() && planned.degradation_notes().is_empty()
                && planned.failure().is_none()
        };
        "capture::PayloadFamily" => || "artifact".parse() == Ok(PayloadFamily::Artifact);
        "capture::DeliveryStatus" => || DeliveryStatus::ALL.len() == 4;
        "capture::Sink" => || {
            let sink: &dyn Sink = &MemorySink::default();
            sink.name() == "memory" && sink.families() == PayloadFamily::ALL
        };
    }
}
