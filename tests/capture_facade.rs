//! Opening a workspace with settings from all sources.

use crate::support::TempDir;
use contexta::capture::{FailureMode, MemorySink, Sink};
use contexta::config::{ConfigValue, ConfigWarning, DispatchFailureMode, DurabilityMode, LoadInputs};
use contexta::engine::storage::sim::SimDisk;
use contexta::store::Durability;
use contexta::{Contexta, Options};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const HEADER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Returns inputs that read neither the environment of this process nor a file.
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
    // Without the search, the file in the workspace is not read.
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
    let options = options.environment_variables(&["LANG"]).detect_code_revision(false).sinks([]);
    let options = options.retry(3, Duration::from_millis(500)).failure_mode(FailureMode::Outbox);
    let options = options.outbox_dir("/outbox").projections_dir("/tables").storage(disk.process(1));
    let contexta = options.open().unwrap();
    let config = contexta.config();
    assert_eq!(config.workspace.root_path, Path::new("/w"));
    assert_eq!((config.project_name.as_str(), config.capture.producer_ref.as_str()), ("wine", "train.rs"));
    assert_eq!(config.records.durability_mode, DurabilityMode::Batched);
    assert_eq!(config.security.environment_variable_allowlist, ["LANG"]);
    assert!(!config.capture.capture_code_revision);
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
