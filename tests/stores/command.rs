//! The commands `contexta artifact` and `contexta recover`.

use super::{event, r};
use crate::support::TempDir;
use contexta::contract::json::read::parse;
use contexta::contract::{RunRef, Value};
use contexta::{Contexta, Options};
use std::fs;
use std::path::Path;

/// Runs a command line with JSON output. Returns the exit code, and the answer or the error.
fn command(workspace: &Path, args: &[&str]) -> (u8, Value) {
    let workspace = workspace.to_str().unwrap();
    let all =
        ["contexta", "--workspace", workspace, "--format", "json"].into_iter().chain(args.iter().copied());
    let done = contexta::run_cli_captured(all.map(Into::into));
    let text = if done.stdout.is_empty() { done.stderr } else { done.stdout };
    let text = String::from_utf8(text).unwrap();
    let value = parse(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"));
    (done.exit_code, value)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no {name}: {value:?}"))
}

fn with_run(path: &Path) -> Contexta {
    let contexta = Options::new(path).project("p").detect_code_revision(false).open().unwrap();
    contexta.run("r").run_id("r").start().unwrap().complete().unwrap();
    contexta
}

#[test]
fn artifact_is_registered_listed_shown_copied_and_verified() {
    let dir = TempDir::new("artifact-command");
    let (workspace, file) = (dir.path().join("w"), dir.path().join("report.v1.txt"));
    drop(with_run(&workspace));
    fs::write(&file, "内容").unwrap();
    let file = file.to_str().unwrap();
    let (exit, put) = command(&workspace, &["artifact", "put", "report_bundle", file, "--run", "r"]);
    assert_eq!((exit, text(&put, "change")), (0, "created"));
    let own = text(put.get("manifest").unwrap(), "artifact_ref").to_owned();
    let (exit, list) = command(&workspace, &["artifact", "ls", "--kind", "report_bundle"]);
    let listed = list.get("artifacts").and_then(Value::as_list).unwrap();
    assert_eq!((exit, listed.len(), text(&listed[0], "artifact_ref")), (0, 1, own.as_str()));
    let (exit, shown) = command(&workspace, &["artifact", "show", &own]);
    assert_eq!((exit, shown.get("size_bytes")), (0, Some(&Value::Int(6))));
    let copy = dir.path().join("copy.txt");
    let (exit, _) = command(&workspace, &["artifact", "get", &own, "-o", copy.to_str().unwrap()]);
    assert_eq!((exit, fs::read_to_string(&copy).unwrap().as_str()), (0, "内容"));
    let (exit, report) = command(&workspace, &["artifact", "verify", &own]);
    assert_eq!((exit, text(&report, "status")), (0, "verified"));

    let packages = dir.path().join("packages");
    let (exit, exported) =
        command(&workspace, &["artifact", "export", &own, "-o", packages.to_str().unwrap()]);
    let other = dir.path().join("other");
    let package = text(&exported, "export_directory");
    let (imported, import) = command(&other, &["artifact", "import", package]);
    assert_eq!((exit, imported, text(&import, "outcome")), (0, 0, "imported"));

    // The body is lost.
    let path = text(&shown, "path");
    fs::remove_file(path).unwrap();
    let (exit, sweep) = command(&workspace, &["artifact", "verify"]);
    let missing = sweep.get("missing_refs").and_then(Value::as_list).unwrap();
    assert_eq!((exit, missing), (1, &[Value::text(&own)][..]));
    let (exit, error) = command(&workspace, &["artifact", "show", &own]);
    assert_eq!((exit, text(error.get("error").unwrap(), "code")), (1, "artifact_store_body_not_found"));
    let (exit, error) = command(&workspace, &["artifact", "show", "artifact:p.r.none"]);
    assert_eq!((exit, text(error.get("error").unwrap(), "code")), (1, "artifact_store_binding_not_found"));
}

#[test]
fn repeated_registration_changes_nothing_and_names_in_any_script_have_own_refs() {
    let dir = TempDir::new("artifact-register");
    let workspace = dir.path().join("w");
    drop(with_run(&workspace));
    let mut refs = Vec::new();
    for name in ["模型.bin", "数据.bin", "Modèle.pt", "mod-le.pt"] {
        let file = dir.path().join(name);
        fs::write(&file, name).unwrap();
        let register = || {
            let file = file.to_str().unwrap();
            let (exit, put) = command(&workspace, &["artifact", "register", "data", file, "--run", "r"]);
            assert_eq!(exit, 0, "{put:?}");
            (text(&put, "change").to_owned(), text(put.get("manifest").unwrap(), "artifact_ref").to_owned())
        };
        let (first, own) = register();
        assert_eq!((first.as_str(), register()), ("created", ("unchanged".to_owned(), own.clone())));
        // Other content under the same ref is a conflict.
        fs::write(&file, "other").unwrap();
        let path = file.to_str().unwrap();
        let (exit, error) = command(&workspace, &["artifact", "register", "data", path, "--run", "r"]);
        assert_eq!((exit, text(error.get("error").unwrap(), "code")), (1, "artifact_binding_conflict"));
        refs.push(own);
    }
    assert_eq!(refs[3], "artifact:p.r.mod-le");
    refs.sort();
    refs.dedup();
    assert_eq!(refs.len(), 4, "{refs:?}");
}

#[test]
fn replay_reports_the_state_of_the_log() {
    let dir = TempDir::new("recover-command");
    let workspace = dir.path().join("w");
    let contexta = with_run(&workspace);
    contexta.record_store().append(event("run:p.r", "k", "2024-01-01T12:00:00Z", "unique-message")).unwrap();
    contexta.close().unwrap();
    drop(contexta);
    let (exit, replay) = command(&workspace, &["recover", "replay", "--run", "r", "--record-type", "event"]);
    assert_eq!((exit, replay.get("record_count")), (0, Some(&Value::Int(1))));
    assert_eq!((text(&replay, "mode"), text(&replay, "integrity_state")), ("tolerant", "HEALTHY"));
    let record = replay.get("records").and_then(Value::as_list).unwrap()[0].get("record").unwrap();
    let run = record.get("envelope").and_then(|envelope| envelope.get("run_ref")).unwrap();
    assert_eq!(run.as_str(), Some(r::<RunRef>("run:p.r").as_str()));
    for stream in fs::read_dir(workspace.join("log")).unwrap() {
        for segment in fs::read_dir(stream.unwrap().path()).unwrap() {
            let path = segment.unwrap().path();
            let mut bytes = fs::read(&path).unwrap();
            let message = b"unique-message";
            if let Some(at) = bytes.windows(message.len()).position(|part| part == message) {
                bytes[at] ^= 1;
                fs::write(&path, bytes).unwrap();
            }
        }
    }
    let (exit, error) = command(&workspace, &["recover", "replay", "--mode", "strict"]);
    assert_eq!((exit, text(error.get("error").unwrap(), "code")), (1, "record_replay_unhealthy_store"));
    let (exit, replay) = command(&workspace, &["recover", "replay"]);
    assert_eq!((exit, text(&replay, "integrity_state")), (0, "CORRUPTED"));
}
