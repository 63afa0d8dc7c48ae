//! `contexta config`, and how settings reach the other commands.

use crate::support::{TempDir, two_runs};
use contexta::Options;
use contexta::config::{keys, keys_without_effect};
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use std::path::Path;
use std::process::Command;

/// Exit code, standard output, standard error.
type Said = (i32, String, String);

fn run(dir: &Path, variables: &[(&str, &str)], args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contexta"));
    // The environment in which the tests run may contain such variables.
    for key in keys() {
        command.env_remove(key.variable.as_deref().unwrap_or("CONTEXTA_PROFILE"));
    }
    command.env_remove("CONTEXTA_WORKSPACE").env_remove("CONTEXTA_PROFILE_OVERLAYS");
    let output = command.current_dir(dir).envs(variables.iter().copied()).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(said: &Said) -> Value {
    assert_eq!(said.2, "", "nothing beside the answer");
    parse(&said.1).unwrap()
}

fn fact<'a>(answer: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(answer, |value, name| value.get(name).unwrap_or_else(|| panic!("{name} in {path:?}")))
}

fn workspace(name: &str) -> TempDir {
    let dir = TempDir::new(name);
    two_runs(&Options::new(dir.path().join(".contexta")).project("wine").open().unwrap());
    dir
}

/// Returns the number of runs that the command finds.
fn runs(dir: &Path, variables: &[(&str, &str)], args: &[&str]) -> usize {
    let answer = run(dir, variables, &[args, &["runs", "--format", "json"]].concat());
    assert_eq!(answer.0, 0, "{}", answer.2);
    fact(&json(&answer), &["runs"]).as_list().unwrap().len()
}

#[test]
fn values_are_shown_with_their_sources_and_nothing_is_created() {
    let dir = TempDir::new("config-cli-show");
    let path = dir.path();
    let (code, text, _) = run(path, &[], &["config", "show"]);
    assert_eq!((code, text.lines().count()), (0, keys().len() + 1));
    let row = |text: &str, key: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(row(&text, "records.durability_mode"), ["records.durability_mode", "\"flush\"", "default"]);
    assert_eq!(row(&text, "records.root_path")[2], "from workspace.records_path");
    assert_eq!(run(path, &[], &["config", "show", "--changed"]).1, "all settings have their defaults\n");
    let variables = [("CONTEXTA_RECORDS_READ_ONLY", "yes"), ("CONTEXTA_TYPO", "1"), ("CONTEXTA_RUN", "x")];
    let args = ["--overlay", "ci", "--set", "project_name=wine", "config", "show", "--changed"];
    let answer = json(&run(path, &variables, &args));
    let settings = fact(&answer, &["settings"]);
    assert_eq!(fact(settings, &["project_name", "source"]).as_str(), Some("--set"));
    assert_eq!(fact(settings, &["records.read_only", "value"]), &Value::Bool(true));
    let source = fact(settings, &["records.read_only", "source"]).as_str();
    assert_eq!(source, Some("variable CONTEXTA_RECORDS_READ_ONLY"));
    assert!(settings.get("records.durability_mode").is_none());
    let warnings = fact(&answer, &["warnings"]).as_list().unwrap();
    assert_eq!(fact(&warnings[0], &["code"]).as_str(), Some("unknown_config_variable"));
    assert_eq!(warnings.len(), 1);
    // Options are given before and after the command, and in both forms.
    let args = [
        "--set",
        "project_name=a",
        "--overlay=ci",
        "config",
        "--set=records.read_only=yes",
        "show",
        "--overlay",
        "debug",
    ];
    let both = json(&run(path, &[], &[&args[..], &["--changed", "--set", "project_name=b"]].concat()));
    assert_eq!(fact(&both, &["settings", "project_name", "value"]).as_str(), Some("b"));
    assert!(fact(&both, &["settings"]).get("records.read_only").is_some());
    assert_eq!(fact(&both, &["overlays"]).as_list().map(<[Value]>::len), Some(2));
    assert_eq!(run(path, &[], &["runs", "--set"]).0, 2);
    let all = json(&run(path, &[], &["config", "show", "--format", "json"]));
    assert!(keys().iter().all(|key| fact(&all, &["settings"]).get(key.name).is_some()));

    let (code, text, _) = run(path, &[], &["--workspace", "here", "config", "path"]);
    assert_eq!((code, row(&text, "workspace")[1].ends_with("/here")), (0, cfg!(unix)));
    assert!(text.contains("contexta.toml does not exist"), "{text}");
    let answer = json(&run(path, &[], &["config", "path", "--format", "json"]));
    assert_eq!(fact(&answer, &["file"]), &Value::Null);
    assert!(fact(&answer, &["directories", "recovery.backup_root"]).as_str().is_some());
    assert_eq!(run(path, &[], &["config", "check"]).0, 0);
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 0, "none of them creates anything");
}

#[test]
fn what_is_shown_as_toml_gives_the_same_settings() {
    let dir = TempDir::new("config-cli-toml");
    let args =
        ["--profile", "test", "--overlay", "debug", "--overlay", "readonly", "--set", "project_name=a\"b"];
    let (code, toml, _) = run(dir.path(), &[], &[&args[..], &["config", "show", "--toml"]].concat());
    assert_eq!(code, 0);
    std::fs::write(dir.path().join("a.toml"), &toml).unwrap();
    assert_eq!(run(dir.path(), &[], &["--config", "a.toml", "config", "show", "--toml"]).1, toml);
}

#[test]
fn check_tells_everything_that_is_wrong() {
    let dir = TempDir::new("config-cli-check");
    let path = dir.path();
    std::fs::write(path.join("a.toml"), "nope = 1\n[records]\ndurability_mode = 'x'\n").unwrap();
    let (code, text, _) = run(path, &[], &["config", "check", "a.toml"]);
    assert_eq!((code, text.lines().count()), (1, 2), "{text}");
    assert!(text.contains("ERROR [unknown_config_field]: unknown setting nope (file "), "{text}");
    let answer = json(&run(path, &[], &["config", "check", "a.toml", "--format", "json"]));
    let problems = fact(&answer, &["problems"]).as_list().unwrap();
    assert_eq!(fact(&problems[1], &["key"]).as_str(), Some("records.durability_mode"));
    assert_eq!(fact(&answer, &["ok"]), &Value::Bool(false));
    // Every way to name a file gives the same result. A warning fails only a strict check.
    assert_eq!(run(path, &[], &["--config", "a.toml", "config", "check"]).0, 1);
    let typo = [("CONTEXTA_TYPO", "1")];
    assert_eq!(run(path, &typo, &["config", "check"]).0, 0);
    let (code, text, _) = run(path, &typo, &["config", "check", "--strict"]);
    assert_eq!((code, text.starts_with("warning [unknown_config_variable]")), (1, true), "{text}");
    assert_eq!(run(path, &[], &["config", "check", "--strict"]).0, 0);
    assert_eq!(run(path, &[], &["config", "check", "missing.toml"]).0, 1);
}

#[test]
fn the_workspace_in_a_file_or_variable_is_used() {
    let dir = workspace("config-cli-workspace");
    let path = dir.path();
    std::fs::rename(path.join(".contexta"), path.join("elsewhere")).unwrap();
    std::fs::write(path.join("a.yaml"), "workspace: {root_path: elsewhere}\n").unwrap();
    assert_eq!(runs(path, &[], &["--config", "a.yaml"]), 2);
    assert_eq!(runs(path, &[("CONTEXTA_WORKSPACE", "elsewhere")], &[]), 2);
    assert_eq!(runs(path, &[("CONTEXTA_WORKSPACE_ROOT_PATH", "elsewhere")], &[]), 2);
    assert_eq!(runs(path, &[], &["--set", "workspace.root_path=elsewhere"]), 2);
    assert_eq!(runs(path, &[("CONTEXTA_WORKSPACE", "wrong")], &["--workspace", "elsewhere"]), 2);
    let (code, _, error) = run(path, &[("CONTEXTA_WORKSPACE", "wrong")], &["runs"]);
    assert_eq!((code, error.contains("[workspace_not_found]")), (1, true), "{error}");
    assert_eq!(run(path, &[], &["--profile", "test", "init"]).1, "created the workspace .contexta-test\n");
}

#[test]
fn a_file_in_the_workspace_counts_and_may_be_there_first() {
    let dir = TempDir::new("config-cli-found");
    let path = dir.path();
    std::fs::create_dir(path.join(".contexta")).unwrap();
    let file = path.join(".contexta/contexta.toml");
    std::fs::write(&file, "surfaces.cli.default_output_format = 'json'\n").unwrap();
    let answer = json(&run(path, &[], &["init"]));
    assert_eq!(fact(&answer, &["created"]), &Value::Bool(true));
    assert_eq!(run(path, &[], &["--format", "text", "runs"]).1, "no runs\n");
    let answer = json(&run(path, &[], &["config", "path"]));
    assert!(fact(&answer, &["file"]).as_str().unwrap().ends_with("contexta.toml"));
    std::fs::write(&file, "workspace.root_path = '/other'\n").unwrap();
    let (code, _, error) = run(path, &[], &["runs"]);
    assert_eq!(
        (code, error.starts_with("ERROR [invalid_config_value]: workspace.root_path")),
        (1, true),
        "{error}"
    );
}

#[test]
fn settings_that_are_wrong_stop_every_command_with_code_and_hint() {
    let dir = workspace("config-cli-wrong");
    let path = dir.path();
    let (code, out, error) = run(path, &[], &["--set", "records.durabilty_mode=fsync", "runs"]);
    assert_eq!((code, out.as_str()), (1, ""));
    let expected = "ERROR [unknown_config_field]: unknown setting records.durabilty_mode (--set) \
                    (hint: did you mean records.durability_mode?)\n";
    assert_eq!(error, expected);
    let (code, _, error) = run(path, &[], &["--profile", "prod", "runs", "--format", "json"]);
    let error = parse(&error).unwrap();
    assert_eq!((code, fact(&error, &["error", "code"]).as_str()), (1, Some("invalid_profile_selector")));
    assert_eq!(run(path, &[], &["--config", "missing.toml", "verify"]).0, 3, "verify could not check");
    assert_eq!(run(path, &[], &["--set", "project_name=x", "verify"]).0, 0);
}

#[test]
fn warnings_are_said_once_and_not_to_programs() {
    let dir = workspace("config-cli-warnings");
    let typo = [("CONTEXTA_RECORDS_DURABILTY_MODE", "fsync"), ("CONTEXTA_SIM_SECONDS", "1")];
    let said = |args: &[&str]| run(dir.path(), &typo, args).2;
    said(&["runs"]);
    let expected = "warning: the variable CONTEXTA_RECORDS_DURABILTY_MODE is unknown and has no effect; did you mean \
                    CONTEXTA_RECORDS_DURABILITY_MODE? [unknown_config_variable]\n";
    assert_eq!(said(&["runs"]), expected);
    assert_eq!(said(&["config", "show"]), expected);
    assert_eq!(said(&["-q", "runs"]), "");
    assert_eq!(said(&["--set", "surfaces.cli.verbosity=quiet", "runs"]), "");
    assert_eq!(said(&["runs", "--format", "json"]), "");
}

#[test]
fn readonly_reads_and_does_nothing_else() {
    let dir = workspace("config-cli-readonly");
    let path = dir.path();
    let projections = path.join(".contexta/projections");
    std::fs::remove_dir_all(&projections).unwrap();
    assert_eq!(runs(path, &[], &["--overlay", "readonly"]), 2);
    for args in [&["merge", ".contexta"][..], &["rebuild"], &["--workspace", "new", "init"]] {
        let (code, _, error) = run(path, &[], &[&["--overlay", "readonly"], args].concat());
        assert_eq!((code, error.contains("[workspace_read_only]")), (1, true), "{args:?}: {error}");
    }
    assert!(!projections.exists() && !path.join("new").exists());
}

#[test]
fn settings_without_effect_are_marked_and_warned_of() {
    let dir = workspace("config-cli-effect");
    let path = dir.path();
    run(path, &[], &["runs"]);
    let (_, text, _) = run(path, &[], &["config", "show"]);
    let marked = text.lines().filter(|line| line.ends_with("  no effect yet"));
    assert_eq!(marked.count(), keys_without_effect().len());
    let answer = json(&run(path, &[], &["config", "show", "--format", "json"]));
    let has_effect = |key: &str| fact(&answer, &["settings", key, "has_effect"]).clone();
    assert_eq!(has_effect("surfaces.http.port"), Value::Bool(false));
    assert_eq!(has_effect("records.durability_mode"), Value::Bool(true));
    let expected = |source: &str| {
        format!("warning: the setting search.x has no effect yet ({source}) [config_no_effect]\n")
            .replace("search.x", "surfaces.http.port")
    };
    let by_set = run(path, &[], &["--set", "surfaces.http.port=7", "runs"]);
    assert_eq!((by_set.0, by_set.2), (0, expected("--set")));
    let variable = "CONTEXTA_SURFACES_HTTP_PORT";
    assert_eq!(run(path, &[(variable, "7")], &["runs"]).2, expected(&format!("variable {variable}")));
    std::fs::write(path.join("a.toml"), "surfaces.http.port = 7\n").unwrap();
    let by_file = run(path, &[], &["--config", "a.toml", "runs"]).2;
    assert!(by_file.contains("surfaces.http.port has no effect yet (file "), "{by_file}");
    assert_eq!(run(path, &[], &["--config", "a.toml", "config", "check", "--strict"]).0, 1);
    let args = ["--set", "surfaces.http.port=7", "config", "show", "--format", "json"];
    let warnings = json(&run(path, &[], &args));
    let warning = &fact(&warnings, &["warnings"]).as_list().unwrap()[0];
    assert_eq!(fact(warning, &["key"]).as_str(), Some("surfaces.http.port"));
    // A file that sets every setting causes only a few lines of warnings.
    std::fs::write(path.join("all.toml"), run(path, &[], &["config", "show", "--toml"]).1).unwrap();
    let all = run(path, &[], &["--config", "all.toml", "runs"]).2;
    assert_eq!(all.lines().count(), 6, "{all}");
    // Derived paths are comments in the file, so the file does not set them.
    let derived =
        keys_without_effect().iter().filter(|key| key.ends_with("_path") || key.ends_with("_root")).count();
    let more = keys_without_effect().len() - derived - 5;
    assert!(all.ends_with(&format!("warning: {more} more settings have no effect; `contexta config show` marks them [config_no_effect]\n")), "{all}");
}
