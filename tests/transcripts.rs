//! What the command prints and how it exits.

use crate::support::{TempDir, two_runs};
use contexta::Options;
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::engine::storage::os::OsStorage;
use contexta::engine::storage::{OpenMode, Storage};
use std::path::Path;
use std::process::{Command, Output};

fn contexta(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_contexta")).current_dir(dir).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// The answer of a command that must succeed.
fn json(dir: &Path, args: &[&str]) -> Value {
    let output = contexta(dir, &[args, &["--format", "json"]].concat());
    assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
    parse(&text(&output.stdout)).unwrap()
}

/// The error of a command that must fail.
fn error(dir: &Path, args: &[&str], exit: i32) -> String {
    let output = contexta(dir, &[args, &["--format", "json"]].concat());
    assert_eq!((code(&output), text(&output.stdout)), (exit, String::new()), "{args:?}");
    let error = parse(&text(&output.stderr)).unwrap();
    let error = error.get("error").unwrap();
    assert!(error.get("message").and_then(Value::as_str).is_some_and(|m| !m.is_empty()));
    error.get("code").and_then(Value::as_str).unwrap().to_owned()
}

fn workspace(name: &str) -> TempDir {
    let dir = TempDir::new(name);
    let contexta = Options::new(dir.path().join(".contexta")).project("wine").open().unwrap();
    two_runs(&contexta);
    dir
}

#[test]
fn the_commands_answer_from_a_workspace() {
    let dir = workspace("commands");
    let path = dir.path();
    let runs = json(path, &["runs"]);
    let list = runs.get("runs").and_then(Value::as_list).unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0].get("run_id").and_then(Value::as_str), Some("run:wine.good"));
    assert_eq!(json(path, &["run", "list", "--project", "wine"]).get("runs"), runs.get("runs"));

    let shown = json(path, &["run", "show", "good"]);
    for key in ["run", "stages", "environments", "metrics", "records", "artifacts", "relations", "notes"] {
        assert!(shown.get(key).is_some(), "{key}");
    }
    let shown = text(&contexta(path, &["run", "show", "good"]).stdout);
    assert!(shown.contains("train/loss  5       0.7    0.3   0.3  0.7"), "{shown}");

    let compared = json(path, &["compare", "good", "bad"]);
    assert!(compared.get("params").and_then(Value::as_list).is_some_and(|p| p.len() == 1));
    assert_eq!(json(path, &["run", "compare", "good", "bad"]), compared);

    let report = text(&contexta(path, &["report", "snapshot", "good"]).stdout);
    assert!(report.starts_with("# Run Snapshot Report: run:wine.good\n"), "{report}");
    let output = contexta(path, &["report", "compare", "good", "bad", "--output", "out/report.md"]);
    assert_eq!((code(&output), text(&output.stdout)), (0, String::new()));
    let written = std::fs::read_to_string(path.join("out/report.md")).unwrap();
    assert!(written.contains("## Metric Deltas"), "{written}");

    let digest = json(path, &["digest"]);
    let rebuilt = json(path, &["rebuild"]);
    assert_eq!(digest.get("digest"), rebuilt.get("digest"));
    let verified = json(path, &["verify"]);
    assert_eq!(verified.get("outcome").and_then(Value::as_str), Some("whole"));

    let streams = json(path, &["log", "ls"]);
    let streams = streams.get("streams").and_then(Value::as_list).unwrap();
    assert_eq!(streams.len(), 1);
    let dump = contexta(path, &["log", "dump", "--limit", "3", "--format", "json"]);
    let lines: Vec<Value> = text(&dump.stdout).lines().map(|l| parse(l).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().map(|l| l.get("kind").and_then(Value::as_str).unwrap()).collect();
    assert_eq!(kinds, ["project", "run", "environment"]);
    let plain = text(&contexta(path, &["runs"]).stdout);
    assert!(!plain.contains('\u{1b}'), "no colour where there is no terminal");
}

#[test]
fn heads_that_were_printed_are_confirmed_and_miss_what_is_cut_away() {
    let dir = workspace("heads");
    let path = dir.path();
    let output = contexta(path, &["log", "heads"]);
    let head = text(&output.stdout).trim_end().to_owned();
    assert_eq!((code(&output), head.matches(':').count()), (0, 2), "{head}");
    let listed = json(path, &["log", "heads"]);
    assert_eq!(listed.get("heads").and_then(Value::as_list), Some(&[Value::text(&head)][..]));
    let confirmed = json(path, &["verify", "--head", &head]);
    assert_eq!(confirmed.get("heads"), Some(&Value::Int(1)));
    let stream = std::fs::read_dir(path.join(".contexta/log")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(stream.join("00000000000000000001.seg")).unwrap();
    assert_eq!(code(&contexta(path, &["verify"])), 0, "nothing in the log tells");
    let output = contexta(path, &["verify", "--head", &head, "--format", "json"]);
    let report = parse(&text(&output.stdout)).unwrap();
    let problem = &report.get("problems").and_then(Value::as_list).unwrap()[0];
    assert_eq!((code(&output), problem.get("code").and_then(Value::as_str)), (1, Some("entries_missing")));
    assert_eq!(code(&contexta(path, &["verify", "--head", "nonsense"])), 2);
}

#[test]
fn init_creates_and_says_what_it_found() {
    let dir = TempDir::new("init");
    assert_eq!(text(&contexta(dir.path(), &["init"]).stdout), "created the workspace .contexta\n");
    assert_eq!(text(&contexta(dir.path(), &["init"]).stdout), ".contexta is a workspace already\n");
    assert_eq!(text(&contexta(dir.path(), &["runs"]).stdout), "no runs\n");
    assert_eq!(json(dir.path(), &["verify"]).get("outcome").and_then(Value::as_str), Some("whole"));
}

#[test]
fn errors_have_codes_hints_and_exit_codes() {
    let dir = workspace("errors");
    let path = dir.path();
    assert_eq!(error(path, &["run", "show", "nope"], 1), "query_run_not_found");
    assert_eq!(error(path, &["run", "show", "run:a"], 1), "stable_ref_invalid_shape");
    assert_eq!(error(path, &["lineage", "nonsense"], 1), "stable_ref_invalid_text");
    assert_eq!(error(path, &["lineage", "artifact:wine.good.x"], 1), "lineage_subject_not_found");
    assert_eq!(error(path, &["runs", "--project", "nope"], 1), "query_project_not_found");
    assert_eq!(error(path, &["runs", "--workspace", "missing"], 1), "workspace_not_found");
    assert_eq!(error(path, &["log", "dump", "--stream", "zz"], 1), "log_stream_not_found");
    assert_eq!(error(path, &["frobnicate"], 2), "usage");
    assert!(!path.join("missing").exists(), "a reading command creates nothing");
    std::fs::create_dir(path.join("other")).unwrap();
    std::fs::write(path.join("other/file"), "x").unwrap();
    assert_eq!(error(path, &["--workspace", "other", "init"], 1), "workspace_invalid");

    let near = contexta(path, &["run", "show", "goo"]);
    let line = text(&near.stderr);
    assert_eq!(
        line,
        "ERROR [query_run_not_found]: no run is called \"goo\" (hint: did you mean run:wine.good?)\n"
    );
    assert_eq!(code(&contexta(path, &["--help"])), 0);
    assert_eq!(code(&contexta(path, &["--version"])), 0);
    assert_eq!(code(&contexta(path, &["compare", "good"])), 2);
}

#[test]
fn lost_projections_are_rebuilt_and_that_is_said() {
    let dir = workspace("lost");
    let path = dir.path();
    let before = json(path, &["runs"]);
    std::fs::remove_dir_all(path.join(".contexta/projections")).unwrap();
    let output = contexta(path, &["runs"]);
    assert!(text(&output.stderr).contains("projections rebuilt from the log"), "{}", text(&output.stderr));
    assert_eq!(json(path, &["runs"]).get("runs"), before.get("runs"));
}

#[test]
fn verify_names_stream_segment_offset_and_what_is_lost() {
    let dir = workspace("damage");
    let path = dir.path();
    let log = path.join(".contexta/log");
    let stream = std::fs::read_dir(&log).unwrap().next().unwrap().unwrap().path();
    let segment = stream.join("00000000000000000001.seg");
    let whole = std::fs::read(&segment).unwrap();
    let frames: Vec<usize> = (4352..whole.len()).filter(|at| whole[*at..].starts_with(b"CxF1")).collect();
    for at in [0, 255, 4096, frames[0] + 9, frames[3] + 60, frames[frames.len() - 1] + 50] {
        let mut bad = whole.clone();
        bad[at] ^= 0x10;
        std::fs::write(&segment, bad).unwrap();
        let output = contexta(path, &["verify", "--format", "json"]);
        assert_eq!(code(&output), 1, "byte {at}");
        let report = parse(&text(&output.stdout)).unwrap();
        let problem = &report.get("problems").and_then(Value::as_list).unwrap()[0];
        assert_eq!(problem.get("stream").and_then(Value::as_str), stream.file_name().unwrap().to_str());
        assert_eq!(problem.get("segment"), Some(&Value::Int(1)));
        assert!(matches!(problem.get("offset"), Some(Value::Int(_))), "byte {at}");
        assert_eq!(
            problem.get("lost").is_some_and(|l| *l != Value::Null),
            at >= 4352,
            "byte {at}: {problem:?}"
        );
        // Whatever is damaged, what is intact is listed.
        std::fs::remove_dir_all(path.join(".contexta/projections")).unwrap();
        let runs = json(path, &["runs"]);
        assert_eq!(runs.get("runs").and_then(Value::as_list).map(<[Value]>::len), Some(2), "byte {at}");
    }
}

#[test]
fn merge_takes_over_runs_and_bodies_and_again_does_nothing() {
    let dir = workspace("merge");
    let path = dir.path();
    let here = Options::new(path.join("here")).project("wine").open().unwrap();
    let run = here.run("own").start().unwrap();
    std::fs::write(path.join("model.bin"), "weights").unwrap();
    let there = Options::new(path.join(".contexta")).project("wine").open().unwrap();
    let other = there.run("third").start().unwrap();
    other.register_artifact("model_bundle", path.join("model.bin")).unwrap();
    other.complete().unwrap();
    run.complete().unwrap();
    there.close().unwrap();
    here.close().unwrap();

    let merged = json(path, &["--workspace", "here", "merge", ".contexta"]);
    assert_eq!(merged.get("bodies"), Some(&Value::Int(1)));
    let changes = |merged: &Value| -> Vec<String> {
        let streams = merged.get("streams").and_then(Value::as_list).unwrap();
        let change = |s: &Value| s.get("change").and_then(Value::as_str).unwrap().to_owned();
        streams.iter().map(change).collect()
    };
    assert!(changes(&merged).iter().all(|change| change == "copied"), "{merged:?}");
    let again = json(path, &["--workspace", "here", "merge", ".contexta"]);
    assert!(changes(&again).iter().all(|change| change == "unchanged"), "{again:?}");
    let runs = json(path, &["--workspace", "here", "runs"]);
    assert_eq!(runs.get("runs").and_then(Value::as_list).map(<[Value]>::len), Some(4));
    let verified = json(path, &["--workspace", "here", "verify"]);
    assert_eq!(verified.get("outcome").and_then(Value::as_str), Some("whole"));
    assert_eq!(verified.get("bodies"), Some(&Value::Int(1)));
    // The other way round both hold the same.
    json(path, &["merge", "here"]);
    let digest = |workspace| json(path, &["--workspace", workspace, "digest"]).get("digest").cloned();
    assert_eq!(digest("here"), digest(".contexta"));
    let shown = text(&contexta(path, &["merge", "here"]).stdout);
    assert!(shown.starts_with("0 streams copied, 0 changed, "), "{shown}");
    assert_eq!(error(path, &["merge", "nowhere"], 1), "workspace_not_found");
}

#[test]
fn merge_while_another_runs_exits_1_with_merge_busy_and_copies_no_body() {
    let dir = workspace("merge-busy");
    let path = dir.path();
    std::fs::write(path.join("model.bin"), "weights").unwrap();
    let there = Options::new(path.join(".contexta")).project("wine").open().unwrap();
    let run = there.run("third").start().unwrap();
    run.register_artifact("model_bundle", path.join("model.bin")).unwrap();
    run.complete().unwrap();
    there.close().unwrap();
    json(path, &["--workspace", "here", "init"]);
    let quarantine = path.join("here/recovery/quarantine");
    std::fs::create_dir_all(&quarantine).unwrap();
    let lock = OsStorage.open(&quarantine.join("merge.lock"), OpenMode::Create).unwrap();
    assert!(lock.try_lock().unwrap());
    let merge = ["--workspace", "here", "merge", ".contexta"];
    assert_eq!(error(path, &merge, 1), "merge_busy");
    let message = text(&contexta(path, &merge).stderr);
    assert!(message.contains("merge.lock") && message.contains("merge again"), "{message}");
    drop(lock);
    let merged = json(path, &merge);
    assert_eq!(merged.get("bodies"), Some(&Value::Int(1)));
}

#[test]
fn verify_exits_3_when_it_cannot_check_and_keeps_its_verdict_when_nobody_reads() {
    let dir = workspace("verdicts");
    let path = dir.path();
    assert_eq!(error(path, &["--workspace", "missing", "verify"], 3), "workspace_not_found");
    let log = path.join(".contexta/log");
    let stream = std::fs::read_dir(&log).unwrap().next().unwrap().unwrap().path();
    let segment = stream.join("00000000000000000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_contexta"));
    let mut child =
        command.current_dir(path).arg("verify").stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[cfg(unix)]
#[test]
fn reports_go_where_they_are_sent_and_replace_no_link_and_no_device() {
    let dir = workspace("outputs");
    let path = dir.path();
    contexta(path, &["runs"]);
    let printed = contexta(path, &["report", "snapshot", "good"]).stdout;
    assert_eq!(contexta(path, &["report", "snapshot", "good", "-o", "-"]).stdout, printed);
    std::fs::write(path.join("real.md"), "old").unwrap();
    std::os::unix::fs::symlink("real.md", path.join("link.md")).unwrap();
    assert_eq!(code(&contexta(path, &["report", "snapshot", "good", "-o", "link.md"])), 0);
    assert!(std::fs::symlink_metadata(path.join("link.md")).unwrap().is_symlink());
    assert_eq!(std::fs::read(path.join("real.md")).unwrap(), printed);
    let null = std::fs::metadata("/dev/null").unwrap().file_type();
    assert_eq!(code(&contexta(path, &["report", "snapshot", "good", "-o", "/dev/null"])), 0);
    assert_eq!(std::fs::metadata("/dev/null").unwrap().file_type(), null);
}
