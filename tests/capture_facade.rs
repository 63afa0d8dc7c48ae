//! The opening of a workspace with settings from all sources, and captures in the current scope of a thread.

use crate::support::{TempDir, open_sim};
use contexta::capture::{
    ArtifactRegistration, DegradationNote, DegradedEmission, Delivery, DeliveryStatus, Emission,
    EventEmission, FailureMode, MemorySink, MetricEmission, OperationResult, PayloadFamily, ResultFailure,
    ResultStatus, Sink, SinkError, SinkReceipt, SinkRequest, SpanEmission,
};
use contexta::config::{ConfigValue, ConfigWarning, DispatchFailureMode, DurabilityMode, LoadInputs};
use contexta::contract::Value;
use contexta::engine::storage::sim::SimDisk;
use contexta::store::Durability;
use contexta::{Contexta, Options};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const HEADER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Returns inputs of the loader with the given variables. They read neither the environment of this process nor a file.
fn inputs(variables: &[(&str, &str)]) -> LoadInputs {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    LoadInputs::new().environment(variables).workspace("/w").discover(false)
}

fn load(disk: &SimDisk, process: u32, variables: &[(&str, &str)]) -> Contexta {
    let options = Options::load(inputs(variables)).unwrap();
    options.storage(disk.process(process)).detect_code_revision(false).open().unwrap()
}

#[test]
fn load_applies_every_source_and_keeps_the_warnings() {
    let dir = TempDir::new("facade-load");
    let workspace = dir.path().join("w");
    std::fs::create_dir(&workspace).unwrap();
    let file =
        "project_name = 'file'\n[records]\ndurability_mode = 'fsync'\n[capture]\nproducer_ref = 'file'";
    std::fs::write(workspace.join("contexta.toml"), file).unwrap();
    let variables =
        [("CONTEXTA_WORKSPACE", "w"), ("CONTEXTA_CAPTURE_PRODUCER_REF", "variable"), ("CONTEXTA_TYPO", "1")];
    let inputs = || {
        let project = ConfigValue::at("project_name", "patch");
        LoadInputs::new().base_dir(dir.path()).environment(variables).profile("test").config(project)
    };
    let contexta = Contexta::load(inputs()).unwrap();
    assert_eq!(contexta.project_name(), "patch");
    assert_eq!(contexta.session().options().durability, Durability::Fsync);
    assert_eq!(contexta.session().options().producer, "variable");
    assert_eq!(contexta.config().records.durability_mode, DurabilityMode::Fsync);
    assert_eq!(contexta.config().workspace.root_path, workspace);
    assert_eq!(contexta.paths().root(), workspace);
    let unknown = ConfigWarning::UnknownVariable { name: "CONTEXTA_TYPO".to_owned(), nearest: None };
    assert!(contexta.warnings().contains(&unknown), "{:?}", contexta.warnings());
    drop(contexta);
    // With `discover(false)`, the settings file in the workspace is not read.
    let contexta = Contexta::load(inputs().discover(false)).unwrap();
    assert_eq!(contexta.config().records.durability_mode, DurabilityMode::Flush);
}

#[test]
fn load_without_a_workspace_uses_the_default_directory() {
    let dir = TempDir::new("facade-default");
    let contexta = Contexta::load(LoadInputs::new().base_dir(dir.path()).use_env(false)).unwrap();
    assert_eq!(contexta.paths().root(), dir.path().join(".contexta"));
    assert!(dir.path().join(".contexta/log").is_dir());
    assert_eq!((contexta.project_name(), contexta.warnings().len()), ("default", 0));
    let refused = Contexta::load(LoadInputs::new().use_env(false).profile("nobody")).unwrap_err();
    assert_eq!(refused.code(), "invalid_profile_selector");
}

#[test]
fn load_takes_the_trace_and_the_run_from_the_environment() {
    let disk = SimDisk::new(1);
    let first = load(&disk, 1, &[("TRACEPARENT", HEADER)]);
    assert!(first.attach_from_environment().unwrap().is_none());
    let run = first.run("ridge").start().unwrap();
    assert_eq!(run.trace_context().trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    for name in [run.run_ref().as_str(), "ridge"] {
        let second = load(&disk, 2, &[("CONTEXTA_RUN", name), ("TRACEPARENT", "00-malformed")]);
        let joined = second.attach_from_environment().unwrap().unwrap().label("rank-1").start().unwrap();
        assert_eq!(joined.run_ref(), run.run_ref());
        assert_eq!(second.session().options().trace_parent, None);
        joined.complete().unwrap();
    }
    let lost = load(&disk, 3, &[("CONTEXTA_RUN", "nobody")]);
    assert_eq!(lost.attach_from_environment().unwrap_err().code(), "query_run_not_found");
    let blank = load(&disk, 4, &[("CONTEXTA_RUN", " ")]);
    assert!(blank.attach_from_environment().unwrap().is_none());
    let ignored = inputs(&[("CONTEXTA_RUN", "ridge"), ("TRACEPARENT", HEADER)]).use_env(false);
    let ignored = Options::load(ignored).unwrap().storage(disk.process(5)).open().unwrap();
    assert!(ignored.attach_from_environment().unwrap().is_none());
    assert_eq!(ignored.session().options().trace_parent, None);
}

#[test]
fn given_sinks_replace_the_sinks_of_the_settings() {
    let disk = SimDisk::new(2);
    let declared =
        || Options::load(inputs(&[("CONTEXTA_CAPTURE_SINKS", "[\"jsonl:a\", \"jsonl:b\"]")])).unwrap();
    let names = |options: Options, process| -> Vec<String> {
        let contexta = options.storage(disk.process(process)).open().unwrap();
        assert_eq!(contexta.sinks().len(), contexta.session().sinks().len());
        contexta.sinks().iter().map(|sink| sink.name().to_owned()).collect()
    };
    let memory = |name| -> Arc<dyn Sink> { Arc::new(MemorySink::new(name)) };
    assert_eq!(names(declared(), 1), ["jsonl:a", "jsonl:b"]);
    assert_eq!(names(declared().sink(memory("x")), 2), ["x", "jsonl:a", "jsonl:b"]);
    assert_eq!(names(declared().sink(memory("x")).sinks([memory("y")]).sink(memory("z")), 3), ["y", "z"]);
    assert!(names(declared().sinks([]), 4).is_empty());
}

#[test]
fn config_follows_the_methods_of_the_options() {
    let disk = SimDisk::new(3);
    let options = Options::new("/w").project("wine").producer("train.rs").durability(Durability::Batched);
    let options =
        options.environment_variables(&["LANG"]).detect_code_revision(false).sinks([]).config_snapshot(false);
    let options = options.retry(3, Duration::from_millis(500)).failure_mode(FailureMode::Outbox);
    let options = options.outbox_dir("/outbox").projections_dir("/tables").storage(disk.process(1));
    let contexta = options.open().unwrap();
    let config = contexta.config();
    assert_eq!(config.workspace.root_path, Path::new("/w"));
    assert_eq!((config.project_name.as_str(), config.capture.producer_ref.as_str()), ("wine", "train.rs"));
    assert_eq!(config.records.durability_mode, DurabilityMode::Batched);
    assert_eq!(config.security.environment_variable_allowlist, ["LANG"]);
    assert!(!config.capture.capture_code_revision && !config.capture.capture_config_snapshot);
    assert_eq!((config.capture.retry_attempts, config.capture.retry_backoff_seconds), (3, 0.5));
    assert_eq!(config.capture.dispatch_failure_mode, DispatchFailureMode::Outbox);
    let directories = config.directories();
    assert_eq!(
        (directories.outbox.as_path(), directories.tables.as_path()),
        (Path::new("/outbox"), Path::new("/tables"))
    );
    assert!(config.workspace.create_missing_dirs && !config.records.read_only);
    // A workspace that is opened with these settings has the same options.
    let again = Options::from_config(config).unwrap().storage(disk.process(2)).open().unwrap();
    assert_eq!(again.session().options(), contexta.session().options());
    let reader = Options::new("/w").read_only().storage(disk.process(3)).open().unwrap();
    let config = reader.config();
    assert!(config.metadata.read_only && config.records.read_only && config.artifacts.read_only);
    assert!(!config.workspace.create_missing_dirs);
}

#[test]
fn records_of_several_types_are_captured_together_in_the_current_scope() {
    let disk = SimDisk::new(4);
    let contexta = open_sim(&disk, 1, "/w");
    let mixed = || -> [Emission; 4] {
        [
            EventEmission::new("data.loaded", "rows").into(),
            MetricEmission::new("rows", 5).into(),
            SpanEmission::new("load").into(),
            DegradedEmission::new("input.missing", "no labels").into(),
        ]
    };
    assert_eq!(contexta.emit_all(mixed()).unwrap_err().code(), "runtime_capture_requires_run");
    let run = contexta.run("a").start().unwrap();
    let entered = run.enter();
    let batch = contexta.emit_all(mixed()).unwrap();
    let types: Vec<&str> = batch.iter().map(|result| result.record_type().unwrap().as_str()).collect();
    assert_eq!(types, ["event", "metric", "span", "degraded"]);
    assert_eq!(batch.counts().success, 4);
    let broken = [MetricEmission::new("a", 1), MetricEmission::new("not\na key", 1)];
    assert!(contexta.emit_all(broken).is_err());
    drop(entered);
    let snapshot = contexta.run_snapshot(run.run_ref().as_str()).unwrap();
    assert_eq!(snapshot.events.len(), 3, "all records of a batch or none of them");
    assert_eq!(snapshot.metrics.len(), 1);
}

#[test]
fn artifacts_are_registered_in_the_current_scope_with_one_result() {
    let disk = SimDisk::new(5);
    let contexta = open_sim(&disk, 1, "/w");
    disk.overwrite(Path::new("/model.bin"), b"weights".to_vec());
    let model = || ArtifactRegistration::output("model", "/model.bin").key("m");
    let missing = || ArtifactRegistration::output("model", "/missing.bin").key("n");
    assert_eq!(contexta.register(model()).unwrap_err().code(), "runtime_capture_requires_run");
    assert_eq!(contexta.register_artifacts([model()]).unwrap_err().code(), "runtime_capture_requires_run");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let stage = run.stage("train").unwrap();
    let entered = stage.enter();
    let single = contexta.register(model()).unwrap();
    assert_eq!(single.manifest.stage_execution_ref.as_ref(), Some(stage.stage_ref()));

    let registered = contexta.register_artifacts([model(), missing(), missing().allow_missing()]).unwrap();
    assert_eq!(registered.len(), 3);
    assert_eq!(registered[0].as_ref().unwrap().artifact_ref().as_str(), "artifact:wine.a.m");
    let result = registered.result();
    assert_eq!((result.family(), result.status()), (PayloadFamily::Artifact, ResultStatus::Degraded));
    let statuses: Vec<ResultStatus> = result.iter().map(|result| result.status()).collect();
    assert_eq!(statuses, [ResultStatus::Success, ResultStatus::Failure, ResultStatus::Degraded]);
    assert_eq!(result[1].error_code(), Some("artifact_source_missing"));
    assert!(result[1].error_message().unwrap().contains("/missing.bin"));
    assert_eq!(registered.into_result().unwrap_err().code(), "artifact_source_missing");

    let failed = contexta.register_artifacts([missing()]).unwrap();
    assert_eq!(failed.result().status(), ResultStatus::Failure);
    let none = contexta.register_artifacts(Vec::<ArtifactRegistration>::new()).unwrap();
    assert_eq!(
        (none.result().status(), none.result().family()),
        (ResultStatus::Success, PayloadFamily::Artifact)
    );
    let good = contexta.register_artifacts([model()]).unwrap().into_result().unwrap();
    assert_eq!(good.len(), 1);
    drop(entered);
}

/// A sink that refuses artifacts.
struct NoArtifacts;

impl Sink for NoArtifacts {
    fn name(&self) -> &str {
        "no-artifacts"
    }

    fn capture(&self, request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        match request.family() {
            PayloadFamily::Artifact => Err(SinkError::permanent("refused", "no artifacts here")),
            _ => Ok(SinkReceipt::success()),
        }
    }
}

#[test]
fn a_failed_sink_of_a_registration_is_in_the_result_of_the_batch() {
    let disk = SimDisk::new(6);
    let options = Options::new("/w").project("wine").storage(disk.process(1)).detect_code_revision(false);
    let contexta = options.sink(Arc::new(NoArtifacts)).open().unwrap();
    disk.overwrite(Path::new("/model.bin"), b"weights".to_vec());
    let run = contexta.run("a").run_id("a").start().unwrap();
    let entered = run.enter();
    let registered =
        contexta.register_artifacts([ArtifactRegistration::output("model", "/model.bin").key("m")]);
    let result = registered.unwrap().result();
    // The log contains the manifest, so the capture returns a result, which reports the failed delivery.
    assert_eq!(result[0].deliveries()[0].status, DeliveryStatus::Failure);
    assert_eq!(result[0].payload().unwrap().get("artifact_ref"), Some(&"artifact:wine.a.m".into()));
    assert!(result[0].operation().applied() && result[0].position().is_some());
    drop(entered);
}

#[test]
fn json_of_operations_and_deliveries_keeps_the_order_of_the_members() {
    let delivery = Delivery::new("s", PayloadFamily::Record, DeliveryStatus::Success).detail("d");
    assert_eq!(
        delivery.to_json().unwrap(),
        r#"{"sink_name":"s","family":"RECORD","status":"SUCCESS","detail":"d","metadata":{}}"#
    );
    let failed = OperationResult::failure_result(ResultFailure::new("code", "text")).metadata_member("n", 1);
    assert_eq!(
        failed.to_json().unwrap(),
        r#"{"status":"FAILURE","messages":[],"degradation_notes":[],"failure":{"code":"code","message":"text","retryable":false,"error_type":null,"details":{}},"applied":false,"planned_only":false,"metadata":{"n":1}}"#
    );
    let degraded = OperationResult::with_degradation(DegradationNote::new("slow", "text")).to_value();
    assert_eq!(degraded.get("status"), Some(&"DEGRADED".into()));
    assert_eq!(degraded.get("degradation_notes").and_then(Value::as_list).map(<[Value]>::len), Some(1));
}
