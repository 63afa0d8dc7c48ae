//! Links, special, sparse and unreadable files inside a workspace: every command answers and names the files that it
//! could not read. These tests use the real file system.

use crate::support::{TempDir, two_runs};
use contexta::config::{LoadInputs, load_config};
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::engine::Domain;
use contexta::engine::log::header::FRAMES_AT;
use contexta::engine::progress::Progress;
use contexta::engine::repair::{RepairSite, plan_repair, repair};
use contexta::engine::storage::os::OsStorage;
use contexta::{MergeSettings, Options};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A duration that no command exceeds, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs a command; a command that hangs is a failure.
fn contexta(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contexta"));
    command.current_dir(dir).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let id = child.id().to_string();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(DEADLINE) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            let _ = Command::new("kill").args(["-9", &id]).status();
            panic!("{args:?} hangs");
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Returns the exit code and the answer of a command.
fn json(dir: &Path, args: &[&str]) -> (i32, Value) {
    let output = contexta(dir, &[args, &["--format", "json"]].concat());
    let answer = parse(&text(&output.stdout));
    (output.status.code().unwrap(), answer.unwrap_or_else(|e| panic!("{args:?}: {e}, {output:?}")))
}

/// Returns the codes of the notes of an answer.
fn notes(answer: &Value) -> Vec<String> {
    let notes = answer.get("notes").and_then(Value::as_list).unwrap_or_default();
    notes.iter().filter_map(|note| note.get("code").and_then(Value::as_str).map(str::to_owned)).collect()
}

fn has_note(answer: &Value, code: &str) -> bool {
    notes(answer).iter().any(|note| note == code)
}

fn run_count(dir: &Path) -> usize {
    let (code, answer) = json(dir, &["runs"]);
    let others: Vec<String> =
        notes(&answer).into_iter().filter(|note| note != "projections_rebuilt").collect();
    assert_eq!((code, others), (0, Vec::new()));
    answer.get("runs").and_then(Value::as_list).unwrap().len()
}

/// Creates a workspace with two runs in `.contexta`, and closes it.
fn workspace(name: &str) -> TempDir {
    let dir = TempDir::new(name);
    let contexta = Options::new(dir.path().join(".contexta"))
        .project("wine")
        .detect_code_revision(false)
        .open()
        .unwrap();
    two_runs(&contexta);
    contexta.close().unwrap();
    dir
}

/// Returns the path of the only entry in `dir` that has a name for which `is` returns `true`.
fn only(dir: &Path, is: impl Fn(&str) -> bool) -> PathBuf {
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> = paths.filter(|p| is(p.file_name().unwrap().to_str().unwrap())).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

fn stream_of(dir: &Path) -> PathBuf {
    only(&dir.join(".contexta/log"), |_| true)
}

fn segment_of(dir: &Path) -> PathBuf {
    only(&stream_of(dir), |name| name.ends_with(".seg"))
}

fn replace_with_fifo(path: &Path) {
    let _ = std::fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Creates a workspace with a run `one` that has an artifact. Also returns the path of the artifact's body.
fn workspace_with_body(name: &str) -> (TempDir, PathBuf) {
    let dir = workspace(name);
    let file = dir.path().join("model.bin");
    std::fs::write(&file, b"weights").unwrap();
    let contexta = Options::new(dir.path().join(".contexta"))
        .project("wine")
        .detect_code_revision(false)
        .open()
        .unwrap();
    let run = contexta.run("one").run_id("one").start().unwrap();
    run.register_artifact("model_bundle", &file).unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    let shard = only(&dir.path().join(".contexta/artifacts/objects"), |_| true);
    let body = only(&shard, |_| true);
    (dir, body)
}

#[test]
fn linked_stream_folder_is_read() {
    let dir = workspace("linked-stream");
    let (stream, moved) = (stream_of(dir.path()), dir.path().join("moved"));
    std::fs::rename(&stream, &moved).unwrap();
    symlink(&moved, &stream).unwrap();
    assert_eq!(run_count(dir.path()), 2);
    assert_eq!(contexta(dir.path(), &["verify"]).status.code(), Some(0));
    // No tables exist at the new location.
    let tables = dir.path().join(".contexta/projections");
    std::fs::remove_dir_all(&tables).unwrap();
    assert_eq!(run_count(dir.path()), 2);
}

#[test]
fn dangling_links_are_reported_as_unreadable_streams() {
    let dir = workspace("dangling-stream");
    let path = dir.path();
    let log = path.join(".contexta/log");
    let name = stream_of(path).file_name().unwrap().to_str().unwrap().to_owned();
    let other = |digit: &str| log.join(format!("{}{digit}", &name[..name.len() - 1]));
    let digits: Vec<&str> = ["0", "1", "2"].into_iter().filter(|d| !name.ends_with(d)).collect();
    symlink("nowhere", other(digits[0])).unwrap();
    symlink(other(digits[1]), other(digits[1])).unwrap();
    for args in [&["runs"][..], &["run", "show", "good"]] {
        let (code, answer) = json(path, args);
        let named = notes(&answer).iter().filter(|note| *note == "stream_unreadable").count();
        assert_eq!((code, named), (0, 2), "{args:?}");
    }
    let (code, answer) = json(path, &["verify"]);
    let named = notes(&answer).iter().filter(|note| *note == "could_not_check").count();
    assert_eq!((code, named), (3, 2));
    let listed = contexta(path, &["log", "ls"]);
    assert_eq!(listed.status.code(), Some(0));
    assert!(text(&listed.stderr).contains("could not be read"), "{listed:?}");
    assert_eq!(contexta(path, &["log", "dump", "--stream", &name]).status.code(), Some(0));
    // A merge copies the rest and names the stream that it skipped.
    Options::new(path.join("into")).open().unwrap().close().unwrap();
    let into = Options::new(path.join("into")).open().unwrap();
    let report = into.merge(path.join(".contexta"), MergeSettings::default()).unwrap();
    assert_eq!(report.notes.iter().filter(|n| n.code == "merge_stream_skipped").count(), 2, "{report:?}");
    assert_eq!(into.list_runs(None).unwrap().runs.len(), 2);
}

#[test]
fn unreadable_stream_folder_does_not_hide_other_streams() {
    let dir = workspace("file-for-stream");
    let path = dir.path();
    let name = stream_of(path).file_name().unwrap().to_str().unwrap().to_owned();
    let last = if name.ends_with('0') { "1" } else { "0" };
    let other = path.join(".contexta/log").join(format!("{}{last}", &name[..name.len() - 1]));
    std::fs::write(other, b"not a directory").unwrap();
    let (code, answer) = json(path, &["log", "ls"]);
    let streams = answer.get("streams").and_then(Value::as_list).unwrap();
    assert_eq!((code, streams.len()), (0, 2));
    assert_eq!(streams.iter().filter(|s| has_note(s, "stream_unreadable")).count(), 1);
    let dumped = contexta(path, &["log", "dump"]);
    assert_eq!(dumped.status.code(), Some(0));
    assert!(text(&dumped.stdout).contains("accuracy"));
    assert!(text(&dumped.stderr).contains("could not be read"));
}

#[test]
fn pipes_in_place_of_files_block_no_command() {
    let all = [&["runs"][..], &["run", "show", "good"], &["verify"], &["log", "ls"], &["digest"]];
    let dir = workspace("pipe-lock");
    for name in ["lock", "left"] {
        replace_with_fifo(&stream_of(dir.path()).join(name));
        for args in all {
            assert_eq!(contexta(dir.path(), args).status.code(), Some(0), "{name} {args:?}");
        }
    }
    let dir = workspace("pipe-generation");
    assert_eq!(run_count(dir.path()), 2);
    replace_with_fifo(&only(&dir.path().join(".contexta/projections"), |name| name.len() > 30));
    for args in all {
        assert!(contexta(dir.path(), args).status.code().is_some(), "{args:?}");
    }
    let dir = workspace("pipe-tables-lock");
    replace_with_fifo(&dir.path().join(".contexta/projections/lock"));
    for args in all {
        assert_eq!(contexta(dir.path(), args).status.code(), Some(0), "{args:?}");
    }
    let dir = workspace("pipe-segment");
    replace_with_fifo(&segment_of(dir.path()));
    let (code, answer) = json(dir.path(), &["runs"]);
    assert_eq!((code, has_note(&answer, "stream_unreadable")), (0, true));
    assert_eq!(contexta(dir.path(), &["verify"]).status.code(), Some(3));
}

#[test]
fn capture_with_pipe_as_lock_file_starts_new_stream() {
    let dir = workspace("pipe-lock-capture");
    replace_with_fifo(&stream_of(dir.path()).join("lock"));
    let lines = dir.path().join("lines.jsonl");
    let exported = contexta(dir.path(), &["export", "jsonl"]);
    std::fs::write(&lines, &exported.stdout).unwrap();
    let file = lines.to_str().unwrap();
    assert_eq!(contexta(dir.path(), &["import", "jsonl", file]).status.code(), Some(0));
    assert_eq!(run_count(dir.path()), 2);
}

/// A function that replaces a body with another kind of file.
type Put = fn(&Path);

#[test]
fn body_that_is_not_a_file_is_reported_and_its_run_is_shown() {
    let put: [(&str, Put); 4] = [
        ("pipe", replace_with_fifo),
        ("device", |path| {
            std::fs::remove_file(path).unwrap();
            symlink("/dev/zero", path).unwrap();
        }),
        ("directory", |path| {
            std::fs::remove_file(path).unwrap();
            std::fs::create_dir(path).unwrap();
        }),
        // A shard directory whose bodies cannot be examined.
        ("shard", |path| {
            let shard = path.parent().unwrap();
            std::fs::remove_dir_all(shard).unwrap();
            std::fs::write(shard, b"not a directory").unwrap();
        }),
    ];
    for (name, put) in put {
        let (dir, body) = workspace_with_body(&format!("body-{name}"));
        let path = dir.path();
        put(&body);
        let (code, shown) = json(path, &["run", "show", "one"]);
        assert_eq!((code, has_note(&shown, "artifact_body_unchecked")), (0, true), "{name}");
        assert!(!has_note(&shown, "artifact_body_missing"), "{name}");
        for args in [&["compare", "one", "good"][..], &["report", "snapshot", "one"]] {
            let answer = contexta(path, args);
            assert_eq!(answer.status.code(), Some(0), "{name} {args:?}");
            let all = text(&answer.stdout) + &text(&answer.stderr);
            assert!(all.contains("could not be read"), "{name} {args:?}: {all}");
        }
        let (code, verdict) = json(path, &["verify"]);
        assert_eq!((code, has_note(&verdict, "could_not_check")), (3, true), "{name}");
    }
}

#[test]
fn sparse_body_is_reported_as_damaged_without_reading_it() {
    let (dir, body) = workspace_with_body("sparse-body");
    let file = std::fs::OpenOptions::new().write(true).open(&body).unwrap();
    file.set_len(1 << 40).unwrap();
    let (code, verdict) = json(dir.path(), &["verify"]);
    let problems = verdict.get("problems").and_then(Value::as_list).unwrap();
    let codes: Vec<_> = problems.iter().map(|p| p.get("code").and_then(Value::as_str).unwrap()).collect();
    assert_eq!((code, codes), (1, vec!["artifact_body_damaged"]));
}

/// Extends a file to a terabyte without writing the new part.
fn make_sparse(path: &Path) {
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 40).unwrap();
}

#[test]
fn sparse_segment_of_a_terabyte_is_read_up_to_its_last_data() {
    let dir = workspace("sparse-segment");
    make_sparse(&segment_of(dir.path()));
    assert_eq!(run_count(dir.path()), 2);
    assert_eq!(contexta(dir.path(), &["verify"]).status.code(), Some(0));
    assert_eq!(contexta(dir.path(), &["log", "ls"]).status.code(), Some(0));
}

#[test]
fn search_after_damage_stops_at_the_last_data_before_a_hole() {
    for cut in [false, true] {
        let dir = workspace(&format!("sparse-damaged-{cut}"));
        let segment = segment_of(dir.path());
        let mut bytes = std::fs::read(&segment).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        if cut {
            bytes.truncate(end - 60);
        } else {
            bytes[end - 60] ^= 1;
        }
        std::fs::write(&segment, bytes).unwrap();
        make_sparse(&segment);
        let (code, answer) = json(dir.path(), &["runs"]);
        assert_eq!((code, answer.get("runs").and_then(Value::as_list).unwrap().len()), (0, 2));
        let (code, verdict) = json(dir.path(), &["verify"]);
        let problems = verdict.get("problems").and_then(Value::as_list).unwrap();
        assert_eq!((code, problems.is_empty()), (1, false));
    }
}

#[test]
fn sparse_segment_followed_by_another_is_read_up_to_its_last_data() {
    let dir = TempDir::new("sparse-sealed");
    let path = dir.path();
    let inputs = LoadInputs::new().base_dir(path).workspace(".contexta").set("project_name=wine");
    let config = load_config(&inputs.set("records.max_segment_bytes=65536")).unwrap().config;
    let writer = Options::from_config(&config).unwrap().open().unwrap();
    let run = writer.run("long").run_id("long").start().unwrap();
    for n in 0..1500u32 {
        // Digests have no common parts, so frames are at least as long as their texts.
        run.event("noise", blake3::hash(&n.to_le_bytes()).to_hex().as_str()).unwrap();
    }
    run.complete().unwrap();
    writer.close().unwrap();
    let first = stream_of(path).join("00000000000000000001.seg");
    let segments = std::fs::read_dir(stream_of(path)).unwrap().count();
    assert!(segments > 2, "{segments}");
    make_sparse(&first);
    assert_eq!(run_count(path), 1);
    assert_eq!(contexta(path, &["verify"]).status.code(), Some(0));
}

#[test]
fn unreadable_segment_makes_verify_exit_with_3() {
    let dir = workspace("unreadable-segment");
    assert_eq!(run_count(dir.path()), 2);
    let segment = segment_of(dir.path());
    std::fs::remove_file(&segment).unwrap();
    std::fs::create_dir(&segment).unwrap();
    let (code, verdict) = json(dir.path(), &["verify"]);
    assert_eq!((code, verdict.get("problems").and_then(Value::as_list).unwrap().len()), (3, 0));
    // Entries that were read before are still shown, and the missing part is reported.
    let (code, answer) = json(dir.path(), &["runs"]);
    assert_eq!((code, has_note(&answer, "stream_unreadable")), (0, true));
    assert_eq!(answer.get("runs").and_then(Value::as_list).unwrap().len(), 2);
}

#[test]
fn loss_that_a_repair_has_recorded_makes_verify_exit_with_4_instead_of_1() {
    let dir = workspace("known-loss");
    let segment = segment_of(dir.path());
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[FRAMES_AT as usize + 60] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let outcome = || {
        let (code, verdict) = json(dir.path(), &["verify"]);
        (code, verdict.get("outcome").and_then(Value::as_str).unwrap().to_owned())
    };
    assert_eq!(outcome(), (1, "damaged".to_owned()));
    let root = dir.path().join(".contexta");
    let quarantine = root.join("recovery").join("quarantine");
    let domain = Domain::new("contexta-ml", 1).unwrap();
    let site = RepairSite::new(domain, &root.join("log"), &root.join("projections"), &quarantine);
    let storage = OsStorage::shared();
    let plan = plan_repair(&storage, &site).unwrap();
    repair(&storage, &site, &plan, Progress::none()).unwrap();
    assert_eq!(outcome(), (4, "whole_except_known_losses".to_owned()));
}
