//! The effect of every setting: the code that reads it, its behaviour, and the table of docs/CONFIGURATION.md.

use crate::support::{TempDir, two_runs};
use contexta::config::{
    ConfigWarning, Key, LoadInputs, RecordStoreConfig, Source, UnifiedConfig, WorkspaceConfig, has_effect,
    keys, keys_without_effect, load_config,
};
use contexta::recovery::RebuildOptions;
use contexta::{Contexta, MergeSettings, Options};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path, found: &mut String) {
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(entry).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.extend(code.flat_map(|line| [line, "\n"]));
        }
    }
}

/// The directories that settings resolve to, by key: fields of `config::Directories`.
const DIRECTORIES: &[(&str, &str)] = &[
    ("metadata.database_path", "tables"),
    ("records.root_path", "log"),
    ("artifacts.root_path", "artifacts"),
    ("workspace.reports_path", "reports"),
    ("workspace.exports_path", "exports"),
    ("workspace.cache_path", "cache"),
    ("recovery.outbox_root", "outbox"),
    ("recovery.backup_root", "backups"),
    ("recovery.restore_staging_root", "restore_staging"),
];

/// Returns `true` if code outside `src/config` names `config.<key>` (for a directory, `directories.<field>`), or a
/// setting that is derived from this key. Code that uses a setting must spell the key in full, from a variable
/// `config`.
fn is_read(key: &Key, code: &str) -> bool {
    let directory = DIRECTORIES.iter().find(|(name, _)| *name == key.name);
    let name = match directory {
        Some((_, field)) => format!("directories.{field}"),
        None => format!("config.{}", key.name),
    };
    let named = code.match_indices(&name).any(|(at, _)| {
        let behind = code[at + name.len()..].chars().next();
        !behind.is_some_and(|c| c.is_alphanumeric() || c == '_')
    });
    // The effect of a setting with a single value is that other values are refused.
    named || key.only.is_some() || keys().iter().any(|k| k.derived_from == Some(key.name) && is_read(k, code))
}

#[test]
fn settings_without_a_reader_are_those_listed_without_effect() {
    let mut code = String::new();
    for entry in fs::read_dir(root().join("src")).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && entry.file_name().is_some_and(|name| name != "config") {
            sources(&entry, &mut code);
        }
    }
    let mut wrong = Vec::new();
    for key in keys() {
        match (is_read(key, &code), has_effect(key.name)) {
            (false, true) => wrong.push(format!("{} has no reader, and is not on the list", key.name)),
            (true, false) => wrong.push(format!("{} has a reader: take it off the list", key.name)),
            _ => {}
        }
    }
    let known = |name: &str| keys().iter().any(|key| key.name == name);
    let unknown = keys_without_effect().iter().filter(|name| !known(name));
    wrong.extend(unknown.map(|name| format!("{name} is no setting")));
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn setting_what_has_no_effect_gives_a_warning_once() {
    let inputs = || LoadInputs::new().base_dir("/base");
    let key = "surfaces.http.port";
    let warned = |inputs: &LoadInputs| load_config(inputs).unwrap().warnings;
    let warning = |source_of| vec![ConfigWarning::NoEffect { key, source_of }];
    let by_set = inputs().set("surfaces.http.port=8765");
    assert_eq!(warned(&by_set), warning(Source::Set));
    let name = "CONTEXTA_SURFACES_HTTP_PORT";
    // Setting the default causes a warning too, because the value has no effect either.
    let by_variable = inputs().environment([(name, "8765")]);
    assert_eq!(warned(&by_variable), warning(Source::Variable(name.to_owned())));
    let dir = TempDir::new("effects-warning");
    let file = dir.path().join("a.toml");
    fs::write(&file, "surfaces.http.port = 9\n").unwrap();
    assert_eq!(warned(&inputs().file(&file)), warning(Source::File(file.clone())));
    // Of several sources, the warning names the one whose value is effective.
    assert_eq!(warned(&by_variable.clone().file(&file).set("surfaces.http.port=9")), warning(Source::Set));
    // Profiles and overlays are part of the program and cause no warning.
    assert_eq!(warned(&inputs().profile("test").overlays(&["ci", "forensic"])), []);
    assert_eq!(warned(&inputs().set("records.durability_mode=fsync")), []);
    let patched = load_config(&by_set).unwrap();
    let tree = contexta::config::ConfigValue::at("project_name", "wine");
    assert_eq!(patched.patched(tree).unwrap().warnings, warning(Source::Set));
}

#[test]
fn the_document_lists_every_setting() {
    let path = root().join("docs/CONFIGURATION.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- settings: made by tests/config_effects.rs -->\n", "<!-- end of settings -->");
    let (before, rest) = text.split_once(begin).expect("the mark where the table begins");
    let (written, after) = rest.split_once(end).expect("the mark where it ends");
    let table = table();
    if std::env::var_os("CONTEXTA_WRITE_DOCS").is_some() {
        fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
        return;
    }
    assert!(written == table, "docs/CONFIGURATION.md: write it anew with CONTEXTA_WRITE_DOCS=1");
}

fn table() -> String {
    let mut text =
        String::from("\n| Setting | Takes | Default | Effect | What it is for |\n|---|---|---|---|---|\n");
    for key in keys() {
        let takes = match (key.only, &key.range) {
            (Some(only), _) => format!("`{only}` only"),
            (None, Some(range)) => format!("{}, {range}", key.takes),
            (None, None) => key.takes.clone(),
        };
        let default = match key.derived_from {
            Some(from) => format!("from `{from}`: `{}`", key.default),
            None => format!("`{}`", key.default.to_json()),
        };
        let effect = if has_effect(key.name) { "yes" } else { "no effect yet" };
        text.push_str(&format!("| `{}` | {takes} | {default} | {effect} | {} |\n", key.name, key.doc));
    }
    text.push('\n');
    text
}

// ---- behaviour

fn config(root: &Path, sets: &[&str]) -> UnifiedConfig {
    let inputs = LoadInputs::new().use_env(false).base_dir(root).workspace("w").set("project_name=wine");
    load_config(&sets.iter().fold(inputs, |inputs, set| inputs.set(set))).unwrap().config
}

fn open(root: &Path, sets: &[&str]) -> contexta::Result<Contexta> {
    Options::from_config(&config(root, sets))?.open()
}

/// Returns every file and directory with its length and the time of its last change.
fn listing(dir: &Path) -> Vec<(PathBuf, u64, std::time::SystemTime)> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_path_buf()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()) {
            let meta = fs::metadata(&entry).unwrap();
            found.push((entry.clone(), meta.len(), meta.modified().unwrap()));
            if meta.is_dir() {
                left.push(entry);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn directories_lie_where_they_are_set() {
    let dir = TempDir::new("effects-directories");
    let sets = [
        "workspace.records_path=elsewhere/stream",
        "metadata.database_path=fast",
        "artifacts.root_path=w/bodies",
        "workspace.reports_path=w/out/reports",
    ];
    let contexta = open(dir.path(), &sets).unwrap();
    two_runs(&contexta);
    let file = dir.path().join("model.bin");
    fs::write(&file, "weights").unwrap();
    let run = contexta.run("one").start().unwrap();
    run.register_artifact("model_bundle", &file).unwrap();
    run.complete().unwrap();
    assert_eq!(contexta.list_runs(None).unwrap().runs.len(), 3);
    drop(contexta);
    let at = |path: &str| dir.path().join(path);
    assert!(fs::read_dir(at("elsewhere/stream")).unwrap().count() == 1);
    assert!(fs::read_dir(at("fast")).unwrap().count() > 0);
    assert!(
        at("w/bodies/objects").is_dir() && at("w/bodies/staging").is_dir() && at("w/out/reports").is_dir()
    );
    assert!(!at("w/log").exists() && !at("w/projections").exists() && !at("w/artifacts").exists());
    // The same settings find the workspace again. With another directory in place of the log it is not a workspace.
    assert_eq!(open(dir.path(), &sets).unwrap().list_runs(None).unwrap().runs.len(), 3);
    fs::create_dir_all(at("foreign/dir")).unwrap();
    let foreign = open(dir.path(), &["workspace.records_path=foreign"]).unwrap_err();
    assert_eq!(foreign.code(), "workspace_invalid");
}

#[test]
fn readonly_refuses_captures_and_changes_nothing_on_disk() {
    let dir = TempDir::new("effects-readonly");
    two_runs(&open(dir.path(), &[]).unwrap());
    open(dir.path(), &[]).unwrap().list_runs(None).unwrap();
    let before = listing(dir.path());
    let inputs = LoadInputs::new().use_env(false).base_dir(dir.path()).workspace("w").overlays(&["readonly"]);
    let config = load_config(&inputs).unwrap().config;
    let contexta = Options::from_config(&config).unwrap().open().unwrap();
    assert_eq!(contexta.list_runs(None).unwrap().runs.len(), 2);
    let refused = contexta.run("x").start().map(drop).unwrap_err();
    assert_eq!(refused.code(), "workspace_read_only");
    assert_eq!(contexta.rebuild(RebuildOptions::default()).unwrap_err().code(), "workspace_read_only");
    assert_eq!(
        contexta.merge(dir.path().join("w"), MergeSettings::default()).unwrap_err().code(),
        "workspace_read_only"
    );
    drop(contexta);
    assert_eq!(listing(dir.path()), before);
    let elsewhere = load_config(&inputs.workspace("new")).unwrap().config;
    let missing = Options::from_config(&elsewhere).unwrap().open().map(drop).unwrap_err();
    assert_eq!(missing.code(), "workspace_not_found");
    assert!(!dir.path().join("new").exists());
    // Each setting is also tested separately.
    let contexta = open(dir.path(), &["artifacts.read_only=true"]).unwrap();
    let run = contexta.run("x").start().unwrap();
    let refused = run.register_artifact("model_bundle", dir.path().join("any")).map(drop).unwrap_err();
    assert_eq!(refused.code(), "workspace_read_only");
    run.complete().unwrap();
    let records = open(dir.path(), &["records.read_only=true"]).unwrap();
    assert_eq!(records.run("x").start().map(drop).unwrap_err().code(), "workspace_read_only");
}

#[test]
fn files_are_added_in_the_default_mode_unless_a_registration_says_otherwise() {
    use contexta::capture::{ArtifactRegistration, IngestMode};
    let dir = TempDir::new("effects-ingest");
    let contexta = open(dir.path(), &["artifacts.default_ingest_mode=move"]).unwrap();
    let run = contexta.run("x").start().unwrap();
    let [moved, copied] = ["moved", "copied"].map(|name| dir.path().join(name));
    for file in [&moved, &copied] {
        fs::write(file, "weights").unwrap();
    }
    run.register_artifact("model_bundle", &moved).unwrap();
    run.register(ArtifactRegistration::output("model_bundle", &copied).ingest_mode(IngestMode::Copy))
        .unwrap();
    run.complete().unwrap();
    assert!(!moved.exists() && copied.exists());
}

#[test]
fn tables_are_left_alone_where_settings_say_so() {
    let dir = TempDir::new("effects-tables");
    two_runs(&open(dir.path(), &["metadata.auto_create=false"]).unwrap());
    let tables = dir.path().join("w/projections");
    assert_eq!(
        open(dir.path(), &["metadata.auto_create=false"]).unwrap().list_runs(None).unwrap().runs.len(),
        2
    );
    assert!(!tables.exists());
    assert_eq!(
        open(dir.path(), &["metadata.read_only=true"]).unwrap().list_runs(None).unwrap().runs.len(),
        2
    );
    assert!(!tables.exists());
    open(dir.path(), &[]).unwrap().rebuild(RebuildOptions::default()).unwrap();
    assert!(tables.exists());
}

#[test]
fn a_missing_workspace_is_made_only_where_settings_let_it() {
    let dir = TempDir::new("effects-create");
    let refused = open(dir.path(), &["workspace.create_missing_dirs=false"]).map(drop).unwrap_err();
    assert_eq!(refused.code(), "workspace_not_found");
    assert!(!dir.path().join("w").exists());
    // The configuration file may exist before the workspace.
    fs::create_dir(dir.path().join("w")).unwrap();
    fs::write(dir.path().join("w/contexta.toml"), "").unwrap();
    open(dir.path(), &[]).unwrap();
    open(dir.path(), &["workspace.create_missing_dirs=false"]).unwrap();
}

#[test]
fn a_run_says_of_itself_what_settings_let_it() {
    let dir = TempDir::new("effects-capture");
    let of = |sets: &[&str]| {
        let contexta = open(dir.path(), sets).unwrap();
        let run = contexta.run("x").package("numpy", "2").start().unwrap();
        let name = run.run_ref().to_string();
        let durability = run.metric("loss", 0.5).unwrap().durability().unwrap().name();
        run.complete().unwrap();
        (contexta.run_snapshot(&name).unwrap(), durability)
    };
    let (usual, durability) = of(&[]);
    let snapshot = &usual.environments[0].snapshot;
    assert_eq!(snapshot.packages.get("numpy").map(String::as_str), Some("2"));
    assert!(snapshot.environment_variables.is_empty());
    assert_eq!((usual.run.project_name.as_str(), durability), ("wine", "flush"));
    assert!(of(&["capture.capture_environment_snapshot=no"]).0.environments.is_empty());
    assert!(of(&["capture.capture_installed_packages=no"]).0.environments[0].snapshot.packages.is_empty());
    assert_eq!(of(&["capture.capture_code_revision=no"]).0.run.code_revision, None);
    // Cargo sets this variable for every test.
    let (allowed, _) = of(&["security.environment_variable_allowlist=CARGO_PKG_NAME"]);
    assert_eq!(allowed.environments[0].snapshot.environment_variables.len(), 1);
    assert_eq!(of(&["records.durability_mode=fsync"]).1, "fsync");
    assert_eq!(of(&["records.durability_mode=batched"]).1, "batched");
    let bad = open(dir.path(), &["capture.producer_ref=Not A Token"]).unwrap();
    let run = bad.run("x").start().unwrap();
    assert_eq!(run.metric("loss", 0.5).map(drop).unwrap_err().code(), "record_invalid_producer_ref");
}

/// A sink that fails as many times as its counter states, and then succeeds.
struct Failing(std::sync::atomic::AtomicU32);

impl contexta::capture::Sink for Failing {
    fn name(&self) -> &str {
        "failing"
    }

    fn capture(
        &self,
        _: &contexta::capture::SinkRequest<'_>,
    ) -> Result<contexta::capture::SinkReceipt, contexta::capture::SinkError> {
        use std::sync::atomic::Ordering::SeqCst;
        match self.0.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Err(contexta::capture::SinkError::retryable("down", "the service is down")),
            Err(_) => Ok(contexta::capture::SinkReceipt::success()),
        }
    }
}

#[test]
fn sinks_and_their_failures_follow_the_settings() {
    let dir = TempDir::new("effects-sinks");
    let failures = |failures, sets: &[&str]| {
        let sink = std::sync::Arc::new(Failing(0.into()));
        let options = Options::from_config(&config(dir.path(), sets)).unwrap().sink(sink.clone());
        let contexta = options.open().unwrap();
        let run = contexta.run("x").start().unwrap();
        sink.0.store(failures, std::sync::atomic::Ordering::SeqCst);
        let result = run.metric("loss", 0.5);
        run.complete().unwrap();
        result
    };
    assert_eq!(failures(1, &[]).unwrap_err().code(), "dispatch_all_eligible_sinks_failed");
    let jsonl = "capture.sinks=jsonl:lines.jsonl";
    assert!(failures(0, &[jsonl]).unwrap().deliveries().len() == 2);
    assert_eq!(
        fs::read_to_string(dir.path().join("w/lines.jsonl")).unwrap().matches("MetricRecord").count(),
        1
    );
    let retried = ["capture.retry_attempts=2", "capture.retry_backoff_seconds=0.001"];
    let begin = std::time::Instant::now();
    assert!(failures(2, &retried).is_ok());
    // The dispatcher waits before the second and before the third attempt.
    assert!(begin.elapsed().as_millis() >= 3);
    assert_eq!(failures(3, &retried).unwrap_err().code(), "dispatch_all_eligible_sinks_failed");
    let outbox = "capture.dispatch_failure_mode=outbox";
    assert!(failures(1, &[outbox, jsonl]).unwrap().degradation_emitted());
    let unmarked = "capture.write_degraded_marker_on_partial_failure=false";
    let raised = failures(1, &[jsonl, unmarked]).unwrap_err();
    assert_eq!(
        (raised.code(), raised.results().unwrap()[0].degradation_emitted()),
        ("dispatch_some_sinks_failed", false)
    );
    let inputs = LoadInputs::new().use_env(false).base_dir("/base").set("capture.sinks=syslog");
    assert!(load_config(&inputs).unwrap_err().to_string().contains("jsonl:PATH"));
}

#[cfg(unix)]
#[test]
fn records_that_the_log_cannot_take_are_in_the_outbox_that_is_set() {
    let dir = TempDir::new("effects-outbox");
    let mode = "capture.dispatch_failure_mode=outbox";
    let sets = [mode, "recovery.outbox_root=elsewhere", "capture.capture_code_revision=no"];
    let contexta = open(dir.path(), &sets).unwrap();
    // The directory of the log is a file, so no stream can be created.
    fs::remove_dir_all(dir.path().join("w/log")).unwrap();
    fs::write(dir.path().join("w/log"), "").unwrap();
    let run = contexta.run("x").start().unwrap();
    assert!(run.metric("loss", 0.5).unwrap().recovered_to_outbox());
    assert!(dir.path().join("elsewhere/log").is_dir());
    fs::remove_file(dir.path().join("w/log")).unwrap();
    run.complete().unwrap();
    // The spilled facts are the project, run, environment, writer and metric.
    assert_eq!(contexta.session().replay_outbox().unwrap().added, 5);
    assert_eq!(contexta.list_runs(None).unwrap().runs.len(), 1);
}

#[test]
fn segments_end_where_settings_say() {
    let dir = TempDir::new("effects-segments");
    let contexta = open(dir.path(), &["records.max_segment_bytes=65536"]).unwrap();
    let run = contexta.run("x").start().unwrap();
    for n in 0..40 {
        let noise: String =
            (0..4000u32).map(|k| char::from(b'a' + (k.wrapping_mul(k + n) % 26) as u8)).collect();
        run.event("noise", &format!("{n} {noise}")).unwrap();
    }
    run.complete().unwrap();
    drop(contexta);
    let stream = fs::read_dir(dir.path().join("w/log")).unwrap().next().unwrap().unwrap().path();
    assert!(
        fs::read_dir(stream)
            .unwrap()
            .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|x| x == "seg"))
            .count()
            > 1
    );
}

#[test]
fn a_root_set_in_code_moves_every_directory_that_is_not_set() {
    let dir = TempDir::new("effects-code");
    let root_path = dir.path().join("moved");
    let config = UnifiedConfig {
        project_name: "adv".into(),
        workspace: WorkspaceConfig { root_path: root_path.clone(), ..Default::default() },
        records: RecordStoreConfig { root_path: Some(dir.path().join("apart")), ..Default::default() },
        ..Default::default()
    };
    two_runs(&Options::from_config(&config).unwrap().open().unwrap());
    assert!(root_path.join("artifacts/objects").is_dir() && root_path.join("reports").is_dir());
    assert!(!root_path.join("log").exists() && dir.path().join("apart").is_dir());
    let config = UnifiedConfig { records: RecordStoreConfig::default(), ..config };
    let moved = UnifiedConfig {
        workspace: WorkspaceConfig { root_path: dir.path().join("second"), ..config.workspace },
        ..config
    };
    two_runs(&Options::from_config(&moved).unwrap().open().unwrap());
    assert!(dir.path().join("second/log").is_dir(), "the log follows the root that was set in code");
}

#[test]
fn values_that_only_code_can_have_put_in_are_refused_when_opened() {
    let mut config = UnifiedConfig::default();
    config.surfaces.http.port = 0;
    let error = Options::from_config(&config).map(drop).unwrap_err();
    assert_eq!(error.code(), "invalid_config_value");
    assert!(error.to_string().contains("surfaces.http.port"), "{error}");
    let mut config = UnifiedConfig::default();
    config.records.root_path = Some(PathBuf::new());
    assert_eq!(Options::from_config(&config).map(drop).unwrap_err().code(), "invalid_config_value");
}
