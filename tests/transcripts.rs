//! Output and exit codes of the command.

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

/// Runs a command that must succeed and returns its JSON answer.
fn json(dir: &Path, args: &[&str]) -> Value {
    let output = contexta(dir, &[args, &["--format", "json"]].concat());
    assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
    parse(&text(&output.stdout)).unwrap()
}

/// Runs a command that must fail and returns the code of its error.
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
    let contexta = Options::new(dir.path().join(".contexta"))
        .project("wine")
        .detect_code_revision(false)
        .open()
        .unwrap();
    two_runs(&contexta);
    dir
}

#[test]
fn captured_output_equals_output_of_process() {
    let dir = workspace("captured-output");
    let root = dir.path().join(".contexta");
    // The first command rebuilds the projections and notes it.
    assert_eq!(code(&contexta(dir.path(), &["runs"])), 0);
    for args in [
        &["runs"][..],
        &["runs", "--format", "json"],
        &["run", "show", "good"],
        &["run", "show", "none"],
        &["run", "show", "none", "--format", "json"],
        &["log", "dump"],
        &["export", "jsonl"],
        &["export", "jsonl", "--format", "json"],
        &["config", "show", "--set", "surfaces.cli.nothing=1"],
        &["--version"],
        &["unknown"],
        &["unknown", "--format", "json"],
    ] {
        let args = [&["--workspace", root.to_str().unwrap()], args].concat();
        let captured =
            contexta::run_cli_captured(["contexta"].iter().chain(&args).map(std::ffi::OsString::from));
        let output = contexta(dir.path(), &args);
        let (stdout, stderr) = (text(&captured.stdout), text(&captured.stderr));
        assert!(!stdout.is_empty() || !stderr.is_empty(), "{args:?}");
        assert_eq!(
            (i32::from(captured.exit_code), stdout, stderr),
            (code(&output), text(&output.stdout), text(&output.stderr)),
            "{args:?}"
        );
    }
}

#[test]
fn commands_answer_from_a_workspace() {
    let dir = workspace("commands");
    let path = dir.path();
    let runs = json(path, &["runs"]);
    let list = runs.get("runs").and_then(Value::as_list).unwrap();
    assert_eq!(list.len(), 2);
    // The newest run is the last.
    assert_eq!(list[0].get("run_id").and_then(Value::as_str), Some("run:wine.good"));
    assert_eq!(json(path, &["run", "list", "--project", "wine"]).get("runs"), runs.get("runs"));

    let shown = json(path, &["run", "show", "good"]);
    for key in ["run", "stages", "environments", "metrics", "records", "artifacts", "relations", "notes"] {
        assert!(shown.get(key).is_some(), "{key}");
    }
    let shown = text(&contexta(path, &["run", "show", "good"]).stdout);
    assert!(shown.contains("train  loss      5       0.7    0.3   0.3  0.7"), "{shown}");

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
fn archive_star_and_as_of_change_what_is_listed() {
    let dir = workspace("organise");
    let path = dir.path();
    let ids = |args: &[&str]| -> Vec<String> {
        let runs = json(path, args);
        let runs = runs.get("runs").and_then(Value::as_list).unwrap();
        runs.iter().map(|run| run.get("name").and_then(Value::as_str).unwrap().to_owned()).collect()
    };
    assert_eq!(code(&contexta(path, &["run", "archive", "bad"])), 0);
    assert_eq!(ids(&["runs"]), ["good"]);
    assert_eq!(ids(&["runs", "--archived", "only"]), ["bad"]);
    assert_eq!(code(&contexta(path, &["run", "star", "bad"])), 0);
    assert_eq!(ids(&["runs", "--archived", "include", "--starred"]), ["bad"]);
    let listed = text(&contexta(path, &["runs", "--archived", "include"]).stdout);
    assert!(listed.contains("completed, archived, starred"), "{listed}");
    // The last run ended before it was archived.
    let dump = contexta(path, &["log", "dump", "--format", "json"]);
    let ends: Vec<String> = text(&dump.stdout)
        .lines()
        .map(|line| parse(line).unwrap())
        .filter(|line| line.get("kind").and_then(Value::as_str) == Some("ended"))
        .map(|line| line.get("time").and_then(Value::as_str).unwrap().to_owned())
        .collect();
    let last_end = ends.iter().max().unwrap();
    assert_eq!(ids(&["runs", "--as-of", last_end]), ["good", "bad"]);
    assert_eq!(ids(&["--as-of", "2001-01-01", "runs"]), Vec::<String>::new());
    assert_eq!(error(path, &["run", "show", "good", "--as-of", "2001-01-01"], 1), "query_run_not_found");
    assert_eq!(error(path, &["digest", "--as-of", "2001-01-01"], 2), "usage");
    assert_eq!(error(path, &["runs", "--as-of", "yesterday"], 2), "usage");
}

/// A setting with an alert rule.
const RULES: &str = r#"interpretation.alert.rules=[{"metric":"accuracy","operator":"lt","threshold":0.5}]"#;

#[test]
fn reports_are_saved_and_registered() {
    let dir = workspace("saved-reports");
    let path = dir.path();
    let saved = json(path, &["report", "snapshot", "good", "--register", "good"]);
    let file = saved.get("path").and_then(Value::as_str).unwrap();
    let written = std::fs::read_to_string(path.join(file)).unwrap();
    assert!(written.starts_with("# Run Snapshot Report: run:wine.good\n"), "{written}");
    let artifact = saved.get("artifact_ref").and_then(Value::as_str).unwrap();
    let walked = json(path, &["lineage", artifact]);
    assert!(walked.to_string().contains("reported_by"), "{walked}");
    for args in [
        &["report", "many", "good", "bad"][..],
        &["report", "project", "wine"],
        &["report", "trend", "accuracy"],
        &["report", "alerts", "good", "--set", RULES],
        &["report", "lineage", "run:wine.good", "--depth", "2"],
        &["report", "health", "--render", "html"],
    ] {
        let output = contexta(path, args);
        assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
        let shown = text(&output.stdout);
        assert!(shown.starts_with("# ") || shown.starts_with("<"), "{args:?}: {shown}");
        let saved = contexta(path, &[args, &["--save"]].concat());
        let file = text(&saved.stdout).trim_end().to_owned();
        // Standard output ends with a line end.
        let written = std::fs::read_to_string(path.join(&file)).unwrap();
        assert_eq!(written.trim_end(), shown.trim_end(), "{file}");
    }
    // Reports about different subjects are written to different files. If the run is unknown, no file is
    // written.
    let save = |args: &[&str]| text(&contexta(path, &[args, &["--save"]].concat()).stdout);
    assert_ne!(save(&["report", "many", "good", "bad"]), save(&["report", "many", "bad", "good"]));
    assert_ne!(
        save(&["report", "trend", "accuracy"]),
        save(&["report", "trend", "accuracy", "--stage", "x"])
    );
    let count = || std::fs::read_dir(path.join(".contexta/reports")).unwrap().count();
    let before = count();
    assert_eq!(error(path, &["report", "snapshot", "bad", "--register", "none"], 1), "query_run_not_found");
    assert_eq!(count(), before);
    let many = text(&contexta(path, &["report", "many", "good", "--baseline", "bad"]).stdout);
    assert!(many.contains("Differences from bad") && many.contains("%"), "{many}");
    assert_eq!(error(path, &["report", "health", "--save", "-o", "x"], 2), "usage");
}

#[test]
fn alert_without_a_rule_uses_the_rules_of_the_settings() {
    let dir = workspace("alert-rules");
    let path = dir.path();
    assert_eq!(error(path, &["alert", "good"], 1), "alert_rules_missing");
    let file = path.join(".contexta/contexta.toml");
    let rule = "[[interpretation.alert.rules]]\nmetric = \"accuracy\"\noperator = \"lt\"\nthreshold = 0.5\n";
    std::fs::write(&file, rule).unwrap();
    assert_eq!(code(&contexta(path, &["alert", "good", "--fail-on-trigger"])), 0);
    assert_eq!(code(&contexta(path, &["alert", "bad", "--fail-on-trigger"])), 1);
    assert_eq!(error(path, &["alert", "good", "--metric", "loss"], 2), "usage");
    assert_eq!(error(path, &["alert", "good", "--stage", "train"], 1), "alert_rules_missing");
}

#[test]
fn run_show_and_compare_print_the_sections_of_the_reports() {
    let dir = workspace("one-document");
    let path = dir.path();
    for (command, report) in [
        (&["run", "show", "good"][..], &["report", "snapshot", "good"][..]),
        (&["compare", "good", "bad"], &["report", "compare", "good", "bad"]),
    ] {
        let shown = text(&contexta(path, command).stdout);
        let markdown = text(&contexta(path, report).stdout);
        let titles = markdown.lines().filter_map(|line| line.strip_prefix("## "));
        // Only the report contains the diagnosis.
        let only_in_report = ["Completeness Notes", "Diagnostics"];
        let titles: Vec<&str> = titles.filter(|title| !only_in_report.contains(title)).collect();
        assert!(titles.len() >= 3, "{markdown}");
        // The command leaves out sections without content.
        let is_empty = |title: &str| markdown.contains(&format!("## {title}\n\nNo "));
        let expected: Vec<&str> = titles.iter().copied().filter(|title| !is_empty(title)).collect();
        let printed: Vec<&str> = shown.lines().filter(|line| titles.contains(line)).collect();
        assert_eq!(printed, expected, "{shown}");
        assert!(!shown.contains("Completeness"), "{shown}");
    }
}

#[test]
fn printed_heads_are_confirmed_and_detect_a_removed_segment() {
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
    // The checks above have recorded the end of the stream.
    assert_eq!(code(&contexta(path, &["verify"])), 1);
    std::fs::remove_file(path.join(".contexta/recovery/known.txt")).unwrap();
    assert_eq!(code(&contexta(path, &["verify"])), 0, "nothing in the log tells");
    let output = contexta(path, &["verify", "--head", &head, "--format", "json"]);
    let report = parse(&text(&output.stdout)).unwrap();
    let problem = &report.get("problems").and_then(Value::as_list).unwrap()[0];
    assert_eq!((code(&output), problem.get("code").and_then(Value::as_str)), (1, Some("entries_missing")));
    assert_eq!(code(&contexta(path, &["verify", "--head", "nonsense"])), 2);
}

#[test]
fn init_creates_a_workspace_or_reports_an_existing_one() {
    let dir = TempDir::new("init");
    assert_eq!(text(&contexta(dir.path(), &["init"]).stdout), "created the workspace .contexta\n");
    assert_eq!(text(&contexta(dir.path(), &["init"]).stdout), ".contexta is already a workspace\n");
    assert_eq!(text(&contexta(dir.path(), &["runs"]).stdout), "no runs\n");
    assert_eq!(json(dir.path(), &["verify"]).get("outcome").and_then(Value::as_str), Some("whole"));
}

#[test]
fn errors_have_codes_hints_and_exit_codes() {
    let dir = workspace("errors");
    let path = dir.path();
    assert_eq!(error(path, &["run", "show", "nope"], 1), "query_run_not_found");
    assert_eq!(error(path, &["run", "show", "run:a"], 1), "query_run_not_found");
    assert_eq!(error(path, &["lineage", "nonsense"], 1), "stable_ref_invalid_text");
    let unknown = json(path, &["runs", "--project", "nope"]);
    assert_eq!(unknown.get("runs").and_then(Value::as_list).map(<[Value]>::len), Some(0));
    assert_eq!(error(path, &["runs", "--filter", "loss < 1"], 1), "query_invalid_filter");
    for search in ["runs", "artifacts"] {
        let search = ["search", search, "", "--limit", "-1"];
        assert_eq!(error(path, &search, 1), "query_invalid_run_list_query");
    }
    assert_eq!(error(path, &["runs", "--workspace", "missing"], 1), "workspace_not_found");
    assert_eq!(error(path, &["log", "dump", "--stream", "zz"], 1), "log_stream_not_found");
    assert_eq!(error(path, &["frobnicate"], 2), "usage");
    assert!(!path.join("missing").exists(), "a reading command creates nothing");
    std::fs::create_dir(path.join("other")).unwrap();
    std::fs::write(path.join("other/file"), "x").unwrap();
    assert_eq!(error(path, &["--workspace", "other", "init"], 1), "workspace_invalid");

    let near = contexta(path, &["run", "show", "ood"]);
    let line = text(&near.stderr);
    assert_eq!(
        line,
        "ERROR [query_run_not_found]: there is no run \"ood\" (hint: did you mean run:wine.good?)\n"
    );
    assert_eq!(code(&contexta(path, &["--help"])), 0);
    assert_eq!(code(&contexta(path, &["--version"])), 0);
    assert_eq!(code(&contexta(path, &["compare", "good"])), 2);
}

#[test]
fn deleted_projections_are_rebuilt_with_a_note() {
    let dir = workspace("lost");
    let path = dir.path();
    let before = json(path, &["runs"]);
    std::fs::remove_dir_all(path.join(".contexta/projections")).unwrap();
    let output = contexta(path, &["runs"]);
    assert!(text(&output.stderr).contains("projections rebuilt from the log"), "{}", text(&output.stderr));
    assert_eq!(json(path, &["runs"]).get("runs"), before.get("runs"));
}

#[test]
fn verify_names_stream_segment_offset_and_lost_entries() {
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
        // Runs with intact entries are listed in spite of the damage.
        std::fs::remove_dir_all(path.join(".contexta/projections")).unwrap();
        let runs = json(path, &["runs"]);
        assert_eq!(runs.get("runs").and_then(Value::as_list).map(<[Value]>::len), Some(2), "byte {at}");
    }
}

#[test]
fn merge_copies_runs_and_bodies_and_a_second_merge_changes_nothing() {
    let dir = workspace("merge");
    let path = dir.path();
    let here = Options::new(path.join("here")).project("wine").detect_code_revision(false).open().unwrap();
    let run = here.run("own").start().unwrap();
    std::fs::write(path.join("model.bin"), "weights").unwrap();
    let there =
        Options::new(path.join(".contexta")).project("wine").detect_code_revision(false).open().unwrap();
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
    // After a merge in the other direction, both workspaces have equal tables.
    json(path, &["merge", "here"]);
    let digest = |workspace| json(path, &["--workspace", workspace, "digest"]).get("digest").cloned();
    assert_eq!(digest("here"), digest(".contexta"));
    let shown = text(&contexta(path, &["merge", "here"]).stdout);
    assert!(shown.starts_with("streams: 0 copied, 0 changed, "), "{shown}");
    assert_eq!(error(path, &["merge", "nowhere"], 1), "workspace_not_found");
}

#[test]
fn merge_while_another_runs_exits_1_with_merge_busy_and_copies_no_body() {
    let dir = workspace("merge-busy");
    let path = dir.path();
    std::fs::write(path.join("model.bin"), "weights").unwrap();
    let there =
        Options::new(path.join(".contexta")).project("wine").detect_code_revision(false).open().unwrap();
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
    assert!(message.contains("merge.lock") && message.contains("then try again"), "{message}");
    drop(lock);
    let merged = json(path, &merge);
    assert_eq!(merged.get("bodies"), Some(&Value::Int(1)));
}

#[test]
fn verify_exits_3_when_it_cannot_check_and_keeps_its_exit_code_on_a_closed_pipe() {
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
fn reports_are_written_through_links_and_to_devices() {
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

#[test]
fn files_are_written_under_bare_names_and_through_dangling_links() {
    let dir = workspace("bare-names");
    let path = dir.path();
    for args in [&["export", "jsonl", "-o"][..], &["report", "snapshot", "good", "-o"]] {
        let run = |to: &str| {
            let output = contexta(path, &[args, &[to]].concat());
            assert_eq!(code(&output), 0, "{args:?} {to}: {}", text(&output.stderr));
        };
        run("bare");
        let whole = std::fs::read(path.join("bare")).unwrap();
        assert!(whole.len() > 500, "{args:?}");
        run("new/deep/file");
        assert_eq!(std::fs::read(path.join("new/deep/file")).unwrap(), whole);
        #[cfg(unix)]
        {
            std::fs::create_dir_all(path.join("links")).unwrap();
            std::os::unix::fs::symlink("second", path.join("links/first")).unwrap();
            std::os::unix::fs::symlink("../away/file", path.join("links/second")).unwrap();
            run("links/first");
            for link in ["links/first", "links/second"] {
                assert!(std::fs::symlink_metadata(path.join(link)).unwrap().is_symlink(), "{args:?}");
            }
            assert_eq!(std::fs::read(path.join("away/file")).unwrap(), whole);
            std::os::unix::fs::symlink("circle", path.join("circle")).unwrap();
            let output = contexta(path, &[args, &["circle"]].concat());
            assert_eq!(code(&output), 1, "{args:?}");
        }
        for used in ["links", "away", "new"] {
            let _ = std::fs::remove_dir_all(path.join(used));
        }
        let _ = std::fs::remove_file(path.join("circle"));
    }
    assert!(leftovers(path).is_empty(), "{:?}", leftovers(path));
}

/// Returns the names of temporary files in a directory.
fn leftovers(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(".tmp")).collect()
}

#[cfg(unix)]
#[test]
fn written_files_keep_their_mode_and_a_read_only_file_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = workspace("modes");
    let path = dir.path();
    let mode = |name: &str| std::fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o7777;
    std::fs::write(path.join("usual"), "").unwrap();
    for args in [&["export", "jsonl", "-o"][..], &["report", "snapshot", "good", "-o"]] {
        std::fs::write(path.join("private"), "").unwrap();
        std::fs::set_permissions(path.join("private"), PermissionsExt::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("private", path.join("link")).unwrap();
        assert_eq!(code(&contexta(path, &[args, &["link"]].concat())), 0);
        assert!(std::fs::metadata(path.join("private")).unwrap().len() > 0);
        assert_eq!((mode("private"), mode("link")), (0o640, 0o640), "{args:?}");
        assert_eq!(code(&contexta(path, &[args, &["fresh"]].concat())), 0);
        assert_eq!(mode("fresh"), mode("usual"), "{args:?}");
        // The superuser can write every file, so this cannot be tested.
        std::fs::set_permissions(path.join("private"), PermissionsExt::from_mode(0o440)).unwrap();
        if std::fs::OpenOptions::new().write(true).open(path.join("private")).is_err() {
            assert_eq!(code(&contexta(path, &[args, &["link"]].concat())), 1, "{args:?}");
        }
        std::fs::remove_file(path.join("private")).unwrap();
        std::fs::remove_file(path.join("link")).unwrap();
        std::fs::remove_file(path.join("fresh")).unwrap();
    }
}

#[test]
fn repeated_import_names_the_body_that_differs() {
    let dir = TempDir::new("import-differs");
    let path = dir.path();
    std::fs::create_dir(path.join("in")).unwrap();
    std::fs::write(path.join("in/model.bin"), "body").unwrap();
    let lines = [
        r#"{"kind":"project","object":{"created_at":"2024-01-01T00:00:00Z","extensions":[],"name":"P","project_ref":"project:p","schema_version":"1.0.0","tags":{}}}"#,
        r#"{"kind":"run","object":{"extensions":[],"name":"R","project_ref":"project:p","run_ref":"run:p.r","schema_version":"1.0.0","started_at":"2024-01-01T00:00:00Z","status":"open"}}"#,
        r#"{"body":"model.bin","kind":"artifact","object":{"artifact_kind":"model_bundle","artifact_ref":"artifact:p.r.a","attributes":{},"created_at":"2024-01-01T00:00:00Z","extensions":[],"location_ref":"here","producer_ref":"x","run_ref":"run:p.r","schema_version":"1.0.0","size_bytes":3}}"#,
    ];
    std::fs::write(path.join("in/lines.jsonl"), lines.join("\n")).unwrap();
    for round in ["first", "again"] {
        let output = contexta(path, &["import", "jsonl", "in/lines.jsonl"]);
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(code(&output), 1, "{round}");
        assert!(out.contains("1 different from"), "{round}: {out}");
        let line = error
            .lines()
            .find(|l| l.contains("[import.body_differs]"))
            .unwrap_or_else(|| panic!("{round}: {error}"));
        for part in ["line 3", "artifact:p.r.a", "model.bin", "4 bytes, not 3"] {
            assert!(line.contains(part), "{round}: {line}");
        }
        assert!(error.contains("exit code 1: 1 body"), "{round}: {error}");
        let output = contexta(path, &["import", "jsonl", "in/lines.jsonl", "--format", "json"]);
        let answer = parse(&text(&output.stdout)).unwrap();
        assert_eq!(answer.get("complete"), Some(&Value::Bool(false)), "{round}");
        let body = &answer.get("bodies").and_then(Value::as_list).unwrap()[0];
        let member = |name: &str| body.get(name).unwrap().to_string();
        assert_eq!(member("line"), "3");
        assert_eq!(member("artifact_ref"), "artifact:p.r.a");
        assert_eq!(member("body"), "model.bin");
        assert_eq!(member("code"), "import.body_differs");
    }
}

#[test]
fn rebuild_that_cannot_be_saved_exits_1_with_the_reason() {
    let dir = workspace("unsaved");
    let path = dir.path();
    assert_eq!(code(&contexta(path, &["rebuild"])), 0);
    let lock = path.join(".contexta/projections/lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    let output = contexta(path, &["rebuild"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).starts_with("rebuilt from "), "{}", text(&output.stdout));
    let error = text(&output.stderr);
    assert!(error.contains("ERROR [projections_not_saved]: ") && error.contains("lock"), "{error}");
    assert_eq!(error.matches("projections_not_saved").count(), 1, "{error}");
    let output = contexta(path, &["rebuild", "--format", "json"]);
    let answer = parse(&text(&output.stdout)).unwrap();
    assert_eq!((code(&output), answer.get("saved")), (1, Some(&Value::Bool(false))));
}

#[test]
fn a_closed_pipe_ends_every_command_quietly() {
    let dir = workspace("closed-pipe");
    let path = dir.path();
    std::fs::write(path.join("bad.jsonl"), "{").unwrap();
    let commands: [(&[&str], i32); 12] = [
        (&["export", "jsonl"], 0),
        (&["export", "jsonl", "--format", "json"], 0),
        (&["runs"], 0),
        (&["runs", "--format", "json"], 0),
        (&["run", "show", "good"], 0),
        (&["report", "snapshot", "good"], 0),
        (&["log", "dump"], 0),
        (&["log", "dump", "--format", "json"], 0),
        (&["log", "heads"], 0),
        (&["config", "show"], 0),
        // The exit code of these commands does not depend on the reader of their output.
        (&["import", "jsonl", "bad.jsonl"], 1),
        (&["config", "check", "missing.toml"], 1),
    ];
    contexta(path, &["runs"]);
    for (args, exit) in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_contexta"))
            .current_dir(path)
            .args(args)
            .stdout(writer)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .unwrap();
        assert_eq!(code(&output), exit, "{args:?}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("output_failed"), "{args:?}: {}", text(&output.stderr));
    }
}

/// Characters that control a terminal, change the direction of text or end a line.
const HIDDEN: &str = "\u{1b}\u{7f}\u{85}\u{9b}\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2028}\u{2029}\u{2066}\u{2067}\u{2068}\u{2069}";

#[test]
fn text_from_the_log_reaches_no_output_with_hidden_characters() {
    let dir = TempDir::new("hidden");
    let path = dir.path();
    let hidden = format!("a{HIDDEN}z");
    // The names of parameters contain no control characters.
    let name = hidden.replace(char::is_control, "");
    let contexta_here =
        Options::new(path.join(".contexta")).project("wine").detect_code_revision(false).open().unwrap();
    for id in ["one", "two"] {
        let run = contexta_here.run(&hidden).run_id(id).param(&name, hidden.as_str()).start().unwrap();
        let stage = run.stage("train").unwrap();
        stage.event("training.started", &format!("{hidden} {id}")).unwrap();
        stage.metric_at("loss", 1, if id == "one" { 0.5 } else { 0.25 }).unwrap();
        stage.complete().unwrap();
        std::fs::write(path.join("model.bin"), id).unwrap();
        run.register_artifact("model_bundle", path.join("model.bin")).unwrap();
        run.param("extra", format!("{hidden}{id}").as_str()).unwrap();
        run.complete().unwrap();
    }
    drop(contexta_here);
    std::fs::write(path.join("bad.jsonl"), format!("{{\"kind\":\"{hidden}\",\"object\":{{}}}}")).unwrap();
    let commands: [&[&str]; 13] = [
        &["runs"],
        &["run", "show", "one"],
        &["compare", "one", "two"],
        &["report", "snapshot", "one"],
        &["report", "compare", "one", "two"],
        &["log", "dump"],
        &["log", "ls"],
        &["verify"],
        &["lineage", "run:wine.one"],
        &["run", "show", &hidden],
        &["runs", "--project", &hidden],
        &["import", "jsonl", "bad.jsonl"],
        &["--set", &format!("project_name={hidden}"), "config", "show", "--toml"],
    ];
    let mut shown = 0;
    for args in commands {
        for format in ["text", "json"] {
            let output = contexta(path, &[args, &["--format", format]].concat());
            let all = text(&output.stdout) + &text(&output.stderr);
            let found: Vec<char> = all.chars().filter(|c| HIDDEN.contains(*c)).collect();
            assert!(found.is_empty(), "{args:?} {format}: {found:?}");
            shown += usize::from(all.contains("\\u009b") && all.contains("\\u202e"));
            if format == "json" && args.starts_with(&["log", "dump"]) {
                text(&output.stdout).lines().for_each(|line| drop(parse(line).unwrap()));
            }
        }
    }
    assert!(shown >= 12, "escapes are visible in {shown} answers");
    // A program that parses the JSON reads the original text.
    let runs = json(path, &["runs"]);
    let first = &runs.get("runs").and_then(Value::as_list).unwrap()[0];
    assert_eq!(first.get("name").and_then(Value::as_str), Some(hidden.as_str()));
    // Exported lines are canonical JSON, which escapes only control characters.
    let lines = text(&contexta(path, &["export", "jsonl"]).stdout);
    assert!(lines.contains(hidden.replace('\u{1b}', "\\u001b").as_str()));
}
