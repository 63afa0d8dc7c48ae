//! Settings through the public API: every key through every source, the order of sources, profiles, files, refusals.

use crate::support::TempDir;
use contexta::config::{
    ConfigError, ConfigValue, ConfigWarning, DurabilityMode, Key, LoadInputs, LoadedConfig, Overlay, Source,
    UnifiedConfig, WorkspaceConfig, check_config, has_effect, keys, load_config, load_profile,
    make_local_config, make_test_config,
};
use std::path::{Path, PathBuf};

/// The environment variables of the Python package contexta 1.0.0, without their prefix.
const VARIABLES: &str = "\
    PROJECT_NAME WORKSPACE_ROOT_PATH WORKSPACE_METADATA_PATH WORKSPACE_RECORDS_PATH \
    WORKSPACE_ARTIFACTS_PATH WORKSPACE_REPORTS_PATH WORKSPACE_EXPORTS_PATH WORKSPACE_CACHE_PATH \
    WORKSPACE_CREATE_MISSING_DIRS CONTRACT_SCHEMA_VERSION CONTRACT_VALIDATION_MODE \
    CONTRACT_COMPATIBILITY_MODE CONTRACT_DETERMINISTIC_SERIALIZATION CAPTURE_PRODUCER_REF \
    CAPTURE_CAPTURE_ENVIRONMENT_SNAPSHOT CAPTURE_CAPTURE_INSTALLED_PACKAGES \
    CAPTURE_CAPTURE_CODE_REVISION CAPTURE_CAPTURE_CONFIG_SNAPSHOT CAPTURE_RETRY_ATTEMPTS \
    CAPTURE_RETRY_BACKOFF_SECONDS CAPTURE_DISPATCH_FAILURE_MODE \
    CAPTURE_WRITE_DEGRADED_MARKER_ON_PARTIAL_FAILURE METADATA_STORAGE_ADAPTER METADATA_DATABASE_PATH \
    METADATA_AUTO_CREATE METADATA_READ_ONLY METADATA_AUTO_MIGRATE RECORDS_ROOT_PATH \
    RECORDS_MAX_SEGMENT_BYTES RECORDS_DURABILITY_MODE RECORDS_LAYOUT_MODE RECORDS_LAYOUT_VERSION \
    RECORDS_ENABLE_INDEXES RECORDS_READ_ONLY ARTIFACTS_ROOT_PATH ARTIFACTS_DEFAULT_INGEST_MODE \
    ARTIFACTS_VERIFICATION_MODE ARTIFACTS_CREATE_MISSING_DIRS ARTIFACTS_LAYOUT_VERSION \
    ARTIFACTS_CHUNK_SIZE_BYTES ARTIFACTS_READ_ONLY INTERPRETATION_COMPARISON_METRIC_SELECTION \
    INTERPRETATION_COMPARISON_INCLUDE_UNCHANGED_METRICS INTERPRETATION_COMPARISON_MISSING_STAGE_SEVERITY \
    INTERPRETATION_DIAGNOSTICS_REQUIRE_METRICS_FOR_COMPLETED_STAGES \
    INTERPRETATION_DIAGNOSTICS_DETECT_DEGRADED_RECORDS \
    INTERPRETATION_DIAGNOSTICS_EXPECTED_TERMINAL_STAGE_NAMES \
    INTERPRETATION_REPORTS_INCLUDE_COMPLETENESS_NOTES INTERPRETATION_REPORTS_INCLUDE_LINEAGE_SUMMARY \
    INTERPRETATION_REPORTS_INCLUDE_EVIDENCE_SUMMARY INTERPRETATION_SEARCH_DEFAULT_LIMIT \
    INTERPRETATION_SEARCH_TEXT_MATCH_FIELDS INTERPRETATION_SEARCH_CASE_SENSITIVE \
    INTERPRETATION_TREND_DEFAULT_WINDOW_RUNS INTERPRETATION_TREND_METRIC_AGGREGATION \
    INTERPRETATION_ANOMALY_Z_SCORE_THRESHOLD INTERPRETATION_ANOMALY_MIN_BASELINE_RUNS \
    INTERPRETATION_ANOMALY_MONITORED_METRICS INTERPRETATION_ALERT_STOP_ON_FIRST_TRIGGER \
    INTERPRETATION_ALERT_DEFAULT_SEVERITY RECOVERY_OUTBOX_ROOT RECOVERY_BACKUP_ROOT \
    RECOVERY_RESTORE_STAGING_ROOT RECOVERY_REPLAY_MODE_DEFAULT RECOVERY_REQUIRE_PLAN_BEFORE_APPLY \
    RECOVERY_CREATE_BACKUP_BEFORE_RESTORE SURFACES_CLI_DEFAULT_OUTPUT_FORMAT SURFACES_CLI_VERBOSITY \
    SURFACES_CLI_COLOR SURFACES_HTTP_ENABLED SURFACES_HTTP_HOST SURFACES_HTTP_PORT \
    SURFACES_HTTP_OPEN_BROWSER SURFACES_HTML_ENABLED SURFACES_HTML_INLINE_CHARTS \
    SURFACES_NOTEBOOK_ENABLED SURFACES_EXPORT_CSV_DELIMITER SURFACES_EXPORT_HTML_INLINE_CHARTS \
    SURFACES_EXPORT_INCLUDE_COMPLETENESS_NOTES RETENTION_CACHE_TTL_DAYS RETENTION_REPORT_TTL_DAYS \
    RETENTION_EXPORT_TTL_DAYS RETENTION_ARTIFACT_RETENTION_MODE RETENTION_RECORDS_COMPACTION_ENABLED \
    SECURITY_REDACTION_MODE SECURITY_ENVIRONMENT_VARIABLE_ALLOWLIST SECURITY_SECRET_KEY_PATTERNS \
    SECURITY_ALLOW_UNREDACTED_LOCAL_EXPORTS SECURITY_ENCRYPTION_PROVIDER";

const BASE: &str = "/base";

/// Returns inputs without environment variables. A test can add some.
fn hermetic() -> LoadInputs {
    LoadInputs::new().environment([] as [(&str, &str); 0])
}

fn inputs() -> LoadInputs {
    hermetic().base_dir(BASE)
}

/// Returns two values that the setting accepts; the same value twice if it accepts only one.
pub(crate) fn samples(key: &Key) -> [ConfigValue; 2] {
    let range = key.range.as_deref().unwrap_or_default();
    let numbers: Vec<i64> = range.split(' ').filter_map(|word| word.parse().ok()).collect();
    let texts = |items: &[&str]| ConfigValue::List(items.iter().map(|&item| item.into()).collect());
    match key.takes.as_str() {
        _ if key.only.is_some() => [key.default.clone(), key.default.clone()],
        "true or false" => [true.into(), false.into()],
        _ if key.name == "metrics" => {
            ["higher", "lower"].map(|better| ConfigValue::at("loss.better", better))
        }
        _ if key.name == "interpretation.alert.rules" => [1, 2].map(|threshold: i64| {
            let rule =
                [("metric", "loss".into()), ("operator", "gt".into()), ("threshold", threshold.into())];
            let rule = rule.map(|(member, value): (&str, ConfigValue)| (member.to_owned(), value));
            ConfigValue::List(vec![ConfigValue::Map(rule.into())])
        }),
        "an integer" => [numbers[0].into(), numbers[1].into()],
        "an integer or none" => [3.into(), ConfigValue::Null],
        "a number" => [1.5.into(), 2.25.into()],
        "a text" if range.contains("ASCII") => [";".into(), "|".into()],
        "a text" => ["one".into(), "two, \"three\" = ü".into()],
        "a path" => ["/base/one".into(), "/base/two three".into()],
        _ if key.name == "capture.sinks" => [texts(&["stdout", "jsonl:lines.jsonl"]), texts(&[])],
        list if list.starts_with("a list") => [texts(&["a", "b c"]), texts(&[])],
        words => {
            let words: Vec<&str> = words.split(" or ").map(|word| word.trim_matches('`')).collect();
            [words[0].into(), words[1].into()]
        }
    }
}

fn value(loaded: &LoadedConfig, key: &str) -> ConfigValue {
    loaded.config.setting(key).unwrap()
}

/// Writes one file in each format, and returns the paths. Each file sets only this setting.
fn files(dir: &Path, key: &str, value: &ConfigValue) -> Vec<PathBuf> {
    let json = ConfigValue::at(key, value.clone()).to_json();
    // Members of an object are written with `=` in TOML, and with `:` in JSON.
    let in_toml = match value {
        ConfigValue::Null => "\"none\"".to_owned(),
        value => value.to_json().replace("\": ", "\" = "),
    };
    let indented: Vec<String> =
        key.split('.').enumerate().map(|(n, name)| format!("{}{name}:", "  ".repeat(n))).collect();
    let yaml = format!("# comment\n{} {}\n", indented.join("\n"), value.to_json());
    let texts = [("a.toml", format!("{key} = {in_toml}\n")), ("a.json", json), ("a.YML", yaml)];
    let written = texts.map(|(name, text)| {
        std::fs::write(dir.join(name), text).unwrap();
        dir.join(name)
    });
    written.to_vec()
}

#[test]
fn the_keys_are_those_of_the_reference() {
    // The Python package contexta 1.0.0 has no settings for sinks, directions of metrics and alert rules,
    // because a program declares these objects in code. The package does not detect killed processes.
    let own = [
        "CONTEXTA_CAPTURE_SINKS",
        "CONTEXTA_CAPTURE_WRITER_TIMEOUT_SECONDS",
        "CONTEXTA_METRICS",
        "CONTEXTA_INTERPRETATION_ALERT_RULES",
    ];
    let ours = keys().iter().filter_map(|key| key.variable.clone());
    let ours = ours.filter(|name| !own.contains(&name.as_str()));
    let ours: Vec<String> = ours.collect();
    let theirs: Vec<String> = VARIABLES.split_whitespace().map(|name| format!("CONTEXTA_{name}")).collect();
    assert_eq!(ours, theirs);
    assert_eq!((keys().len(), ours.len()), (95, 89));
    for key in keys() {
        assert!(key.doc.ends_with('.') && key.doc.len() < 110, "{}: {}", key.name, key.doc);
    }
}

#[test]
fn every_setting_has_the_same_value_from_every_source_and_a_later_source_is_stronger() {
    let dir = TempDir::new("config-sources");
    for key in keys() {
        let [one, two] = samples(key);
        let name = key.name;
        for (weak, strong) in [(&one, &two), (&two, &one)] {
            let patched = load_config(&inputs().patch(ConfigValue::at(name, weak.clone()))).unwrap();
            assert_eq!(value(&patched, name), *weak, "{name}: patch");
            assert_eq!(patched.source(name), &Source::Patch, "{name}");
            let set = |value: &ConfigValue| format!(" {name} = {} ", value.to_json());
            let by_set = load_config(&inputs().set(&set(weak))).unwrap();
            assert_eq!(
                (&by_set.config, by_set.source(name)),
                (&patched.config, &Source::Set),
                "{name}: --set"
            );
            let variable = |value: &ConfigValue| {
                key.variable.clone().map(|name| (name, format!(" {} ", value.to_json())))
            };
            if let Some(pair) = variable(weak) {
                let by_variable = load_config(&inputs().environment([pair.clone()])).unwrap();
                assert_eq!(by_variable.config, patched.config, "{name}: variable");
                assert_eq!(by_variable.source(name), &Source::Variable(pair.0), "{name}");
                assert_eq!(by_variable.warnings.is_empty(), has_effect(name), "{name}");
            }
            for file in files(dir.path(), name, weak) {
                let by_file = load_config(&inputs().file(&file)).unwrap();
                assert_eq!(by_file.config, patched.config, "{name}: {}", file.display());
                assert_eq!(by_file.source(name), &Source::File(file.clone()), "{name}");
                // Each source overrides the one before it.
                let over = inputs().file(&file);
                let strongest = load_config(&over.clone().set(&set(strong))).unwrap();
                assert_eq!(value(&strongest, name), *strong, "{name}: --set over file");
                if let Some(pair) = variable(strong) {
                    let over = load_config(&over.environment([pair])).unwrap();
                    assert_eq!(value(&over, name), *strong, "{name}: variable over file");
                }
            }
            if let Some(pair) = variable(weak) {
                let over = inputs().environment([pair]).patch(ConfigValue::at(name, strong.clone()));
                assert_eq!(value(&load_config(&over).unwrap(), name), *strong, "{name}: patch over variable");
            }
            let twice = inputs().set(&set(weak)).set(&set(strong));
            assert_eq!(value(&load_config(&twice).unwrap(), name), *strong, "{name}: later over earlier");
        }
    }
}

#[test]
fn what_is_shown_loads_again_as_the_same() {
    let dir = TempDir::new("config-show");
    let path = dir.path().join("shown.toml");
    for n in [0, 1] {
        let mut given = inputs();
        for key in keys() {
            given = given.patch(ConfigValue::at(key.name, samples(key)[n].clone()));
        }
        let config = load_config(&given).unwrap().config;
        std::fs::write(&path, config.to_toml()).unwrap();
        assert_eq!(load_config(&hermetic().base_dir("/other").file(&path)).unwrap().config, config);
    }
}

#[test]
fn profiles_and_overlays_are_patches_in_a_fixed_order() {
    let local = load_config(&inputs()).unwrap();
    assert!(keys().iter().all(|key| !local.is_set(key.name)));
    assert_eq!(make_local_config(&inputs()).unwrap().config, local.config);
    let test = make_test_config(&inputs().environment([("CONTEXTA_PROJECT_NAME", "other")])).unwrap();
    assert_eq!(test.config.project_name, "test");
    assert_eq!(test.config.directories().log, Path::new("/base/.contexta-test/log"));
    assert!(!test.config.capture.capture_code_revision && !test.config.surfaces.html.enabled);
    assert_eq!(load_profile(" test ", &inputs()).unwrap().config, test.config);
    // The overlays are named in any order, repeatedly, and with blanks.
    let all = inputs().overlays(&["readonly", " ci", "", "forensic", "ci", "debug"]);
    let all = load_config(&all).unwrap();
    assert_eq!(all.overlays, [Overlay::Debug, Overlay::Forensic, Overlay::Ci, Overlay::Readonly]);
    assert_eq!(all.source("surfaces.cli.verbosity"), &Source::Overlay(Overlay::Forensic));
    assert_eq!(all.config.retention.cache_ttl_days, None);
    assert!(all.config.records.read_only && !all.config.surfaces.cli.color);
}

#[test]
fn selectors_are_replaced_as_a_whole_by_stronger_ones() {
    let dir = TempDir::new("config-selectors");
    let file = |text: &str| {
        std::fs::write(dir.path().join("a.toml"), text).unwrap();
        inputs().file(dir.path().join("a.toml"))
    };
    let overlays = |inputs: &LoadInputs| load_config(inputs).unwrap().overlays;
    let both = file("profile = \"test\"\noverlays = \"ci, debug\"");
    assert_eq!(overlays(&both), [Overlay::Debug, Overlay::Ci]);
    assert_eq!(load_config(&both).unwrap().config.project_name, "test");
    let by_env = |name: &str, value: &str| both.clone().environment([(name, value)]);
    assert_eq!(overlays(&by_env("CONTEXTA_PROFILE_OVERLAYS", "forensic")), [Overlay::Forensic]);
    assert_eq!(overlays(&by_env("CONTEXTA_PROFILE_OVERLAYS", ",")), []);
    assert_eq!(overlays(&by_env("CONTEXTA_PROFILE_OVERLAYS", "  ")), [Overlay::Debug, Overlay::Ci]);
    let local = by_env("CONTEXTA_PROFILE", "local");
    assert_eq!(load_config(&local).unwrap().config.project_name, "default");
    assert_eq!(load_config(&local.profile("test")).unwrap().config.project_name, "test");
    assert_eq!(overlays(&both.clone().overlays(&[] as &[&str])), []);
    assert_eq!(overlays(&file("overlays = []\nprofile = \"local\"")), []);
    // Setting `profile_name` does not apply the profile.
    let renamed = load_config(&inputs().set("profile_name=test")).unwrap();
    assert_eq!(renamed.config.project_name, "default");
}

#[test]
fn paths_follow_from_those_above_them_unless_they_are_set() {
    let moved = load_config(&inputs().set("workspace.root_path=w")).unwrap();
    assert_eq!(moved.config.directories().log, Path::new("/base/w/log"));
    assert_eq!(moved.source("records.root_path"), &Source::Derived("workspace.records_path"));
    let apart = load_config(&inputs().set("workspace.metadata_path=/fast").workspace("/w")).unwrap();
    assert_eq!(apart.config.directories().tables, Path::new("/fast"));
    assert_eq!(apart.config.directories().backups, Path::new("/w/recovery/backups"));
    // A set value that equals the derived value remains set. Null makes the setting derived again.
    let pinned = load_config(&inputs().set("workspace.records_path=.contexta/log")).unwrap();
    let elsewhere = pinned.patched(ConfigValue::at("workspace.root_path", "/w")).unwrap();
    assert_eq!(elsewhere.config.directories().log, Path::new("/base/.contexta/log"));
    assert_eq!(elsewhere.config.directories().artifacts, Path::new("/w/artifacts"));
    for nothing in [ConfigValue::Null, "none".into(), "NULL".into()] {
        let derived = elsewhere.patched(ConfigValue::at("workspace.records_path", nothing)).unwrap();
        assert_eq!(derived.config.directories().log, Path::new("/w/log"));
    }
    let named = elsewhere.patched(ConfigValue::at("workspace.records_path", "./none")).unwrap();
    assert_eq!(named.config.directories().log, Path::new("/base/none"));
    // `~`, `.` and an empty path are resolved. Links and `..` remain for the operating system.
    let home = |text: &str| {
        inputs().environment([("HOME", "/home/ada")]).set(&format!("workspace.root_path={text}"))
    };
    let root = |inputs: &LoadInputs| load_config(inputs).unwrap().config.workspace.root_path;
    assert_eq!(root(&home("~/runs")), Path::new("/home/ada/runs"));
    assert_eq!(root(&home("./a/./b/")), Path::new("/base/a/b"));
    assert_eq!(root(&home("")), Path::new("/base"));
    assert_eq!(root(&home("a/../b")), Path::new("/base/a/../b"));
    assert_eq!(
        load_config(&inputs().set("workspace.root_path=~/x")).unwrap_err().code(),
        "invalid_config_value"
    );
    assert!(UnifiedConfig::default().workspace.root_path.is_relative());
    assert!(load_config(&hermetic()).unwrap().config.directories().log.is_absolute());
}

#[test]
fn the_workspace_comes_from_the_strongest_source() {
    let root = |inputs: LoadInputs| load_config(&inputs).unwrap().config.workspace.root_path;
    let by_field = ("CONTEXTA_WORKSPACE_ROOT_PATH", "field");
    assert_eq!(root(inputs().environment([by_field])), Path::new("/base/field"));
    let both = || inputs().environment([by_field, ("CONTEXTA_WORKSPACE", "alias")]);
    assert_eq!(root(both()), Path::new("/base/alias"));
    assert_eq!(root(both().set("workspace.root_path=set")), Path::new("/base/set"));
    assert_eq!(root(both().workspace("argument")), Path::new("/base/argument"));
    // Patches and `--set` are applied last and override everything.
    assert_eq!(root(both().set("workspace.root_path=set").workspace("argument")), Path::new("/base/set"));
}

#[test]
fn sources_are_applied_in_the_order_of_the_specification() {
    let dir = TempDir::new("config-order");
    let file = dir.path().join("a.toml");
    std::fs::write(&file, "project_name = 'file'").unwrap();
    let name = |inputs: &LoadInputs| {
        let loaded = load_config(inputs).unwrap();
        (loaded.config.project_name.clone(), loaded.source("project_name").clone())
    };
    let profile = inputs().profile("test");
    assert_eq!(name(&profile).0, "test");
    let file_over = profile.file(&file);
    assert_eq!(name(&file_over).0, "file");
    let environment_over = file_over.environment([("CONTEXTA_PROJECT_NAME", "variable")]);
    assert_eq!(name(&environment_over).0, "variable");
    let argument_over = environment_over.project_name("argument");
    assert_eq!(name(&argument_over), ("argument".to_owned(), Source::Argument("project_name")));
    let patch_over = argument_over.clone().config(ConfigValue::at("project_name", "patch"));
    assert_eq!(name(&patch_over), ("patch".to_owned(), Source::Patch));
    let whole = UnifiedConfig { project_name: "whole".into(), ..Default::default() };
    assert_eq!(name(&argument_over.config(whole)), ("whole".to_owned(), Source::Config));
}

#[test]
fn a_whole_configuration_replaces_every_setting() {
    let mut whole = UnifiedConfig::default();
    whole.workspace.root_path = "w".into();
    whole.workspace.reports_path = Some("out".into());
    whole.records.max_segment_bytes = 65_536;
    let over = || {
        inputs().profile("test").overlays(&["forensic"]).workspace("argument").set("records.read_only=true")
    };
    let loaded = load_config(&over().config(whole.clone())).unwrap();
    let mut expected = whole.clone();
    expected.workspace.root_path = "/base/w".into();
    expected.workspace.reports_path = Some("/base/out".into());
    assert_eq!(loaded.config, expected);
    assert_eq!(loaded.config.directories().log, Path::new("/base/w/log"), "derived from its own root");
    assert_eq!(loaded.source("records.root_path"), &Source::Derived("workspace.records_path"));
    assert_eq!(loaded.source("records.read_only"), &Source::Config);
    // A later patch overrides an earlier one.
    let patched = over().config(whole.clone()).set("records.read_only=true");
    assert!(load_config(&patched).unwrap().config.records.read_only);
    for make in [make_local_config, make_test_config] {
        assert_eq!(make(&over().config(whole.clone())).unwrap().config, expected);
    }
    whole.surfaces.http.port = 0;
    let error = load_config(&inputs().config(whole.clone())).unwrap_err();
    assert_eq!((error.code(), error.key()), ("invalid_config_value", Some("surfaces.http.port")));
    whole.surfaces.http.port = 1;
    whole.workspace.reports_path = Some("~/x".into());
    let error = load_config(&inputs().config(whole)).unwrap_err();
    assert_eq!((error.code(), error.key()), ("invalid_config_value", Some("workspace.reports_path")));
}

#[test]
fn the_environment_is_used_or_ignored_as_asked() {
    let variable = || inputs().environment([("CONTEXTA_PROJECT_NAME", "variable"), ("HOME", "/home/ada")]);
    let name = |loaded: Result<LoadedConfig, ConfigError>| loaded.unwrap().config.project_name;
    assert_eq!(name(load_config(&variable())), "variable");
    assert_eq!(name(load_config(&variable().use_env(true))), "variable");
    assert_eq!(name(load_config(&variable().use_env(false))), "default");
    assert_eq!(name(make_local_config(&variable())), "variable");
    assert_eq!(name(make_local_config(&variable().use_env(false))), "default");
    assert_eq!(name(make_test_config(&variable())), "test", "tests are the same everywhere");
    assert_eq!(name(make_test_config(&variable().use_env(false))), "test");
    assert_eq!(name(make_test_config(&variable().use_env(true))), "variable");
    assert_eq!(name(load_profile("test", &variable())), "test");
    let home = load_config(&variable().use_env(false).set("workspace.root_path=~/w")).unwrap();
    assert_eq!(home.config.workspace.root_path, Path::new("/home/ada/w"));
}

#[test]
fn without_a_given_environment_the_one_of_the_process_is_read() {
    // HOME is the only variable that can be expected here; setting another variable needs `unsafe`.
    let Some(home) = std::env::var_os("HOME").filter(|home| !home.is_empty()) else { return };
    let inputs = LoadInputs::new().base_dir(BASE).set("workspace.root_path=~/w");
    let loaded = load_config(&inputs).unwrap();
    assert_eq!(loaded.config.workspace.root_path, Path::new(&home).join("w"));
    assert_eq!(load_config(&inputs.use_env(false)).unwrap_err().code(), "invalid_config_value");
}

#[test]
fn sections_are_literals_over_their_defaults() {
    let config = UnifiedConfig {
        project_name: "adv".into(),
        workspace: WorkspaceConfig { root_path: "w".into(), ..Default::default() },
        ..Default::default()
    };
    assert_eq!(config.workspace.records_path, None);
    assert_eq!(config.setting("records.root_path"), Some("w/log".into()), "shown as derived");
    assert_eq!(config.setting("recovery.backup_root"), Some("w/recovery/backups".into()));
    config.check().unwrap();
    // In TOML, derived paths are comments, so that they are derived again when the file is loaded elsewhere.
    assert!(config.to_toml().contains("\n# root_path = \"w/log\"\n"), "{}", config.to_toml());
}

#[test]
fn a_file_in_the_workspace_is_found_and_speaks_for_that_workspace() {
    let dir = TempDir::new("config-found");
    let root = dir.path().join("w");
    std::fs::create_dir(&root).unwrap();
    let file = root.join("contexta.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    let inputs = hermetic().base_dir(dir.path()).workspace("w").discover(true);
    assert_eq!(load_config(&inputs).unwrap().looked_for, Some(file.clone()));
    write("[records]\ndurability_mode = 'fsync'\n[workspace]\nroot_path = '.'\nexports_path = 'out'");
    let loaded = load_config(&inputs).unwrap();
    assert_eq!(loaded.file, Some(file.clone()));
    let usual = hermetic().base_dir(dir.path().join("w/..")).discover(true);
    assert!(!load_config(&usual).unwrap().is_set("workspace.root_path"));
    assert_eq!(loaded.config.records.durability_mode, DurabilityMode::Fsync);
    assert_eq!(
        loaded.config.directories().exports,
        root.join("out"),
        "from the workspace, not from the base"
    );
    let other = hermetic().base_dir(dir.path()).workspace("w");
    assert_eq!(
        load_config(&other).unwrap().config.records.durability_mode,
        DurabilityMode::Flush,
        "not asked for"
    );
    write("workspace.root_path = '../other'");
    let error = load_config(&inputs).unwrap_err();
    assert_eq!((error.code(), error.key()), ("invalid_config_value", Some("workspace.root_path")));
    // A profile that the file selects does not move the workspace that contains the file.
    write("profile = 'test'");
    let loaded = load_config(&hermetic().base_dir(dir.path()).set("workspace.root_path=w").discover(true));
    let loaded = loaded.unwrap();
    assert_eq!((loaded.config.project_name.as_str(), &loaded.config.workspace.root_path), ("test", &root));
    // If a file is named, no other file is read.
    std::fs::write(dir.path().join("named.toml"), "").unwrap();
    let named = load_config(&inputs.clone().file("named.toml")).unwrap();
    assert_eq!(
        (named.file, named.config.project_name.as_str()),
        (Some(dir.path().join("named.toml")), "default")
    );
}

#[test]
fn texts_are_read_as_what_the_setting_is() {
    let get = |set: &str| {
        load_config(&inputs().set(set)).map(|loaded| {
            let key = set.split('=').next().unwrap();
            value(&loaded, key).to_string()
        })
    };
    for (set, expected) in [
        ("project_name=123", "123"),
        ("project_name=\"null\"", "null"),
        ("project_name=a=b", "a=b"),
        ("capture.retry_attempts= 1_0 ", "10"),
        ("capture.retry_attempts=+3", "3"),
        ("capture.retry_backoff_seconds=1e1", "10.0"),
        ("capture.retry_backoff_seconds=2", "2.0"),
        ("surfaces.cli.color=OFF", "false"),
        ("surfaces.cli.color=1", "true"),
        ("retention.cache_ttl_days=None", "null"),
        ("security.secret_key_patterns= a, ,b", "[\"a\", \"b\"]"),
        ("security.secret_key_patterns=[\"a\",\" \"]", "[\"a\", \" \"]"),
        ("security.secret_key_patterns=", "[]"),
        ("surfaces.export.csv_delimiter=\"\\t\"", "\t"),
        ("surfaces.export.csv_delimiter=[", "["),
    ] {
        assert_eq!(get(set).as_deref(), Ok(expected), "{set}");
    }
    for set in [
        "project_name=",
        "project_name=none",
        "capture.retry_attempts=1__0",
        "capture.retry_attempts=1.0",
        "capture.retry_attempts=101",
        "capture.retry_attempts=-1",
        "capture.retry_backoff_seconds=nan",
        "capture.retry_backoff_seconds=-0.5",
        "interpretation.search.default_limit=0",
        "surfaces.cli.color=maybe",
        "surfaces.http.port=0",
        "surfaces.http.port=65536",
        "surfaces.export.csv_delimiter=ab",
        "surfaces.export.csv_delimiter=ü",
        "records.durability_mode=FSYNC",
        "security.secret_key_patterns=[1]",
        "workspace.cache_path=a\0b",
        "workspace=here",
        "records.durability_mode={\"a\": 1}",
        "config_version=2",
        "contract.schema_version=1.0.1",
        "contract.deterministic_serialization=false",
        "security.encryption_provider=age",
    ] {
        let error = get(set).unwrap_err();
        assert_eq!(error.code(), "invalid_config_value", "{set}: {error}");
        let key = set.split('=').next().unwrap();
        assert_eq!(error.key(), Some(key), "{set}");
        assert!(error.to_string().contains("--set") && error.hint().is_some(), "{error}");
    }
    for (set, code) in [
        ("interpretation.anomaly.z_score_threshold=0", "anomaly_invalid_z_score_threshold"),
        ("interpretation.anomaly.z_score_threshold=inf", "anomaly_invalid_z_score_threshold"),
        ("interpretation.anomaly.z_score_threshold=x", "invalid_config_value"),
        ("interpretation.anomaly.min_baseline_runs=0", "anomaly_invalid_min_baseline_runs"),
        ("interpretation.trend.default_window_runs=0", "trend_invalid_window_runs"),
    ] {
        assert_eq!(get(set).unwrap_err().code(), code, "{set}");
    }
    let merged = inputs().set("interpretation.search={\"default_limit\": 5}");
    let merged = load_config(&merged.set("interpretation.search.case_sensitive=yes")).unwrap();
    assert_eq!(merged.config.interpretation.search.default_limit, 5);
}

#[test]
fn every_refusal_has_its_code() {
    let dir = TempDir::new("config-codes");
    let file = |name: &str, bytes: &[u8]| {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        inputs().file(dir.path().join(name))
    };
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let folder = inputs().file(dir.path());
    let patch = |key: &str, value: &str| inputs().patch(ConfigValue::at(key, value));
    for (inputs, code, says) in [
        (inputs().patch(ConfigValue::Int(1)), "invalid_config_input", "a patch must be a map"),
        (inputs().set("records.durability_mode"), "invalid_config_input", "is not key=value"),
        (inputs().set(" = 1"), "invalid_config_input", "is not key=value"),
        (inputs().set("records.durabilty_mode=fsync"), "unknown_config_field", "records.durabilty_mode"),
        (inputs().set("records..durability_mode=fsync"), "unknown_config_field", "records."),
        (inputs().set("profile=test"), "unknown_config_field", "profile"),
        (inputs().set("project_name.x=1"), "invalid_config_value", "project_name"),
        (inputs().profile("prod"), "invalid_profile_selector", "\"prod\" (argument profile)"),
        (inputs().overlays(&["ci", "loud"]), "invalid_profile_selector", "\"loud\""),
        (inputs().environment([("CONTEXTA_PROFILE", "x")]), "invalid_profile_selector", "CONTEXTA_PROFILE"),
        (inputs().environment([("CONTEXTA_PROFILE_OVERLAYS", "none")]), "invalid_profile_selector", "none"),
        (inputs().environment([("CONTEXTA_CONFIG_VERSION", "")]), "non_overridable_config_key", "VERSION"),
        (inputs().environment([("CONTEXTA_PROFILE_NAME", "test")]), "non_overridable_config_key", "NAME"),
        (inputs().environment([("CONTEXTA_SURFACES_HTTP_PORT", "x1")]), "invalid_config_value", "variable"),
        (inputs().project_name(" "), "invalid_config_value", "project_name"),
        (inputs().file("missing.ini"), "config_file_not_found", "/base/missing.ini"),
        (folder, "config_file_unreadable", "not a regular file"),
        (file("a.ini", b""), "unsupported_config_file", "unknown format"),
        (file("long.toml", &vec![b'#'; (1 << 20) + 1]), "config_file_unreadable", "longer"),
        (file("latin.toml", b"# a\nx = '\xff'"), "invalid_config_file", "line 2, column 6"),
        (file("a.toml", b"a = 1\nb = = 2"), "invalid_config_file", "line 2, column 5"),
        (file("twice.toml", b"project_name = 'a'\nproject_name = 'b'"), "invalid_config_file", "line 2"),
        (file("date.toml", b"project_name = 2024-01-01"), "invalid_config_file", "date"),
        (file("a.json", b"{\"a\": 1,\n \"a\": 2}"), "invalid_config_file", "line 2, column 4"),
        (file("list.json", b"[]"), "invalid_config_file", "does not contain named settings"),
        (file("nan.json", b"{\"a\": NaN}"), "invalid_config_file", "line 1"),
        (file("deep.json", deep.as_bytes()), "invalid_config_file", ""),
        (file("deep.toml", format!("a = {deep}").as_bytes()), "invalid_config_file", ""),
        (file("deep.yaml", deep.as_bytes()), "invalid_config_file", ""),
        (file("a.yaml", b"a: [1,\nb: }"), "invalid_config_file", "line"),
        (file("twice.yaml", b"project_name: a\nproject_name: b"), "invalid_config_file", "line 2"),
        (file("bomb.yaml", bomb().as_bytes()), "invalid_config_file", "line"),
        (file("two.yaml", b"project_name: a\n---\nproject_name: b"), "invalid_config_file", ""),
        (file("selector.yaml", b"profile: 1"), "invalid_config_file", "profile"),
        (file("selectors.yaml", b"overlays: [1]"), "invalid_config_file", "overlays"),
        (file("unknown.yaml", b"profile: prod"), "invalid_profile_selector", "prod"),
        (file("section.json", b"{\"records\": null}"), "invalid_config_value", "records"),
        (file("version.json", b"{\"config_version\": \"2\"}"), "invalid_config_value", "config_version"),
        (file("big.json", b"{\"capture\": {\"retry_attempts\": 1e300}}"), "invalid_config_value", "1e300"),
        (patch("metadata.storage_adapter", "duckdb"), "metadata_store_invalid_adapter", "`redb`"),
        (patch("records.layout_mode", "jsonl_segments"), "record_store_invalid_layout_mode", "`segments`"),
        (patch("records.layout_version", "2"), "record_store_invalid_config", "`1`"),
        (inputs().set("records.max_segment_bytes=0"), "record_store_invalid_config", "from 65536"),
        (patch("artifacts.layout_version", "v1"), "artifact_store_invalid_config", "`1`"),
        (inputs().set("artifacts.chunk_size_bytes=-1"), "artifact_store_invalid_config", "from 4096"),
    ] {
        let error = load_config(&inputs).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        let said = error.to_string();
        assert!(said.contains(says) && !said.contains('\n') && said.len() < 400, "{says}: {said}");
        assert!(said.starts_with(|c: char| !c.is_uppercase()), "{said}");
    }
    for good in [
        file("mark.toml", b"\xef\xbb\xbfproject_name = 'a'"),
        file("empty.yaml", b"# nothing\n"),
        file("empty.toml", b""),
        file("no.yaml", b"project_name: no\nsurfaces: {cli: {color: no}}"),
    ] {
        load_config(&good).unwrap();
    }
}

/// Returns YAML that expands to 10^8 items by aliases.
fn bomb() -> String {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for n in 1..9 {
        let again = format!("*a{},", n - 1).repeat(10);
        text.push_str(&format!("a{n}: &a{n} [{again}]\n"));
    }
    text
}

#[test]
fn every_problem_is_told_up_to_a_bound() {
    let dir = TempDir::new("config-problems");
    let text = "nope = 1\n[records]\ndurability_mode = 'x'\n[surfaces.http]\nport = 0\n";
    std::fs::write(dir.path().join("a.toml"), text).unwrap();
    let checked =
        check_config(&inputs().file(dir.path().join("a.toml")).set("capture.retry_attempts=x").set("y"));
    let codes: Vec<&str> = checked.problems.iter().map(ConfigError::code).collect();
    assert_eq!(
        codes,
        [
            "unknown_config_field",
            "invalid_config_value",
            "invalid_config_value",
            "invalid_config_value",
            "invalid_config_input"
        ]
    );
    // Refused patches changed nothing.
    assert_eq!(checked.loaded.config, load_config(&inputs()).unwrap().config);
    let many: String = (0..20_000).map(|n| format!("unknown{n} = 1\n")).collect();
    std::fs::write(dir.path().join("a.toml"), many).unwrap();
    assert_eq!(check_config(&inputs().file(dir.path().join("a.toml"))).problems.len(), 100);
}

#[test]
fn mistyped_names_are_answered_with_the_nearest() {
    let hint = |set: &str| load_config(&inputs().set(set)).unwrap_err().hint().unwrap();
    assert_eq!(hint("durability_mode=fsync"), "did you mean records.durability_mode?");
    assert_eq!(hint("record.durability_mode=fsync"), "did you mean records.durability_mode?");
    assert_eq!(hint("surfaces.http.prot=1"), "did you mean surfaces.http.port?");
    assert_eq!(hint("metadta={\"read_only\": 1, \"auto_create\": 1}"), "did you mean metadata?");
    assert_eq!(hint("zzz=1"), "`contexta config show` lists all settings");
    let names =
        ["CONTEXTA_RECORDS_DURABILTY_MODE", "CONTEXTA_RUN", "CONTEXTA_SIM_SECONDS", "CONTEXTA_", "OTHER"];
    let loaded = load_config(&inputs().environment(names.map(|name| (name, "1")))).unwrap();
    let unknown = |name: &str, nearest: Option<&str>| ConfigWarning::UnknownVariable {
        name: name.to_owned(),
        nearest: nearest.map(str::to_owned),
    };
    let expected = [unknown("CONTEXTA_", None), unknown(names[0], Some("CONTEXTA_RECORDS_DURABILITY_MODE"))];
    assert_eq!(loaded.warnings, expected);
    // A blank variable sets nothing. If its name is known, it causes no warning.
    let blank = load_config(&inputs().environment([("CONTEXTA_PROJECT_NAME", "  ")])).unwrap();
    assert_eq!(blank.config.project_name, "default");
}

#[cfg(unix)]
#[test]
fn what_is_not_utf_8_is_a_path_or_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let odd = || OsStr::from_bytes(b"/base/\xff").to_os_string();
    let field = load_config(&inputs().environment([("CONTEXTA_PROJECT_NAME", odd())])).unwrap_err();
    assert_eq!((field.code(), field.key()), ("invalid_config_value", Some("project_name")));
    for inputs in [inputs().environment([("CONTEXTA_WORKSPACE", odd())]), inputs().workspace(odd())] {
        assert_eq!(load_config(&inputs).unwrap().config.workspace.root_path, Path::new(&odd()));
    }
    load_config(&inputs().environment([(odd(), odd())])).unwrap();
}
