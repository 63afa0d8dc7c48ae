//! Tests of erasures of runs on the real file system: every kind of answer, merges with older copies, and the commands.

use crate::support::{TempDir, open, two_runs};
use contexta::capture::{ArtifactRegistration, IngestMode};
use contexta::contract::fact::Change;
use contexta::interpretation::{HistoryQuery, RecordQuery};
use contexta::recovery::{
    BackupOptions, EraseOptions, EraseResult, Progress, RecoveryStatus, RetentionRules, VerifyOptions,
};
use contexta::{Backups, Contexta, ExportSettings, MergeSettings};
use std::fs;
use std::path::{Path, PathBuf};

/// A workspace with the runs `good` and `bad`, each with an artifact. The artifact of `good` was made from that of
/// `bad`.
fn workspace(dir: &TempDir) -> PathBuf {
    let root = dir.path().join(".contexta");
    let contexta = open(&root);
    two_runs(&contexta);
    for name in ["good", "bad"] {
        let file = dir.path().join(format!("{name}.bin"));
        fs::write(&file, format!("the model of {name}").repeat(99)).unwrap();
        let run = contexta.resume(name).unwrap().start().unwrap();
        run.register_artifact("model", &file).unwrap();
        run.complete().unwrap();
    }
    let bad = contexta.find_run("bad").unwrap();
    contexta.annotate_run(&bad, Change::Tag("kind".into(), Some("secret".into()))).unwrap();
    contexta.close().unwrap();
    root
}

fn back_up(root: &Path) {
    let backups = Backups::new(root);
    let plan = backups.plan(&BackupOptions::default()).unwrap();
    assert_eq!(backups.create(&plan, Progress::none()).unwrap().status, RecoveryStatus::Success);
}

fn erase(contexta: &Contexta, runs: &[&str]) -> EraseResult {
    let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
    let plan = contexta.plan_erasure(&runs, None).unwrap();
    let options = EraseOptions { reason: Some("a request".into()), ..EraseOptions::default() };
    contexta.erase(&plan, None, &options, Progress::none()).unwrap()
}

fn export(contexta: &Contexta) -> String {
    let mut out = Vec::new();
    contexta.export_jsonl(&mut out, ExportSettings::default()).unwrap();
    String::from_utf8(out).unwrap()
}

/// Asserts that no answer contains the run `bad`, and that answers contain the run `good`.
fn check_gone(contexta: &Contexta) {
    let runs = contexta.list_runs(None).unwrap().runs;
    assert_eq!(runs.iter().map(|run| run.run.name.as_str()).collect::<Vec<_>>(), ["good"]);
    for code in [
        contexta.run_snapshot("bad").unwrap_err().code(),
        contexta.find_run("run:wine.bad").unwrap_err().code(),
        contexta.diagnose_run("bad").unwrap_err().code(),
        contexta.compare_runs("good", "bad").unwrap_err().code(),
        contexta.list_records("bad", &RecordQuery::default()).unwrap_err().code(),
        contexta.resume("bad").unwrap_err().code(),
        contexta.attach("bad").unwrap_err().code(),
        contexta.run_provenance("bad").unwrap_err().code(),
    ] {
        assert!(code.ends_with("run_not_found"), "{code}");
    }
    let exported = export(contexta);
    assert!(exported.contains("wine.good") && !exported.contains("wine.bad"), "{exported}");
    assert!(
        contexta.metric_trend("accuracy", None, None).unwrap().points.iter().all(|p| p.run_name == "good")
    );
    let distribution = format!("{:?}", contexta.run_status_distribution(None).unwrap());
    assert!(!distribution.contains("wine.bad"), "{distribution}");
    let history = contexta.history("run:wine.bad", &HistoryQuery::default());
    assert!(history.is_err() || history.unwrap().entries.is_empty());
    contexta
        .store()
        .read(|view| {
            let artifacts = view.artifacts(None)?;
            assert!(
                artifacts.iter().all(|a| a.manifest.run_ref.as_str() == "run:wine.good"),
                "{artifacts:?}"
            );
            assert_eq!(artifacts.len(), 1);
            Ok::<_, contexta::store::Error>(())
        })
        .unwrap();
    let records = contexta.record_store().scan(&contexta::store::records::ScanFilter::default()).unwrap();
    for record in records {
        let record = format!("{:?}", record.unwrap());
        assert!(!record.contains("wine.bad"), "{record}");
    }
    let report = contexta.verify(VerifyOptions::default()).unwrap();
    assert!(report.problems.is_empty(), "{report:?}");
}

#[test]
fn no_answer_contains_an_erased_run() {
    let dir = TempDir::new("erase-answers");
    let root = workspace(&dir);
    back_up(&root);
    let contexta = open(&root);
    assert!(export(&contexta).contains("wine.bad"));
    let before = contexta.session().now();
    let result = erase(&contexta, &["bad"]);
    assert_eq!((result.status, result.bodies), (RecoveryStatus::Success, 1), "{result:?}");
    assert!(result.entries > 10 && result.body_bytes > 1_000, "{result:?}");
    // The bytes of the entries are removed too.
    assert_eq!((result.removed_entries, result.notes.len()), (result.entries, 0), "{result:?}");
    let named: Vec<String> = contexta
        .dump_log(None)
        .unwrap()
        .map(|item| format!("{:?}", item.unwrap()))
        .filter(|item| item.contains("wine.bad"))
        .collect();
    // The request, and the digests of the rewritten segments.
    assert!(named.len() == 2 && named.iter().all(|item| item.contains("\"erasure\"")), "{named:?}");
    assert!(named.iter().any(|item| item.contains("a request")), "{named:?}");
    check_gone(&contexta);
    // Another process, and a process that derives the tables again.
    check_gone(&open(&root));
    fs::remove_dir_all(root.join("projections")).unwrap();
    check_gone(&open(&root));
    let past = contexta.as_of(before);
    assert_eq!(past.list_runs(None).unwrap().runs.len(), 1);
}

#[test]
fn merge_of_an_older_copy_or_a_restored_backup_does_not_bring_an_erased_run_back() {
    let dir = TempDir::new("erase-merge");
    let root = workspace(&dir);
    back_up(&root);
    let copy = dir.path().join("copy");
    let backups = Backups::new(&root);
    let backup = backups.list().unwrap().backups.remove(0).backup_ref;
    let options = contexta::recovery::RestoreOptions {
        target_workspace: Some(copy.clone()),
        ..contexta::recovery::RestoreOptions::default()
    };
    let plan = backups.plan_restore(backup.as_str(), &options).unwrap();
    assert!(backups.restore(&plan, Progress::none()).unwrap().applied);
    // The run is changed in the copy.
    let other = open(&copy);
    let bad = other.find_run("bad").unwrap();
    other.annotate_run(&bad, Change::Note("in the copy".into())).unwrap();
    other.close().unwrap();
    let contexta = open(&root);
    erase(&contexta, &["bad"]);
    contexta.merge(&copy, MergeSettings::default()).unwrap();
    check_gone(&contexta);
    contexta.close().unwrap();
    check_gone(&open(&root));
    // The erasure also erases the run in the copy.
    other.merge(&root, MergeSettings::default()).unwrap();
    check_gone(&other);
}

#[test]
fn run_that_is_captured_again_under_the_same_name_is_visible() {
    let dir = TempDir::new("erase-again");
    let root = workspace(&dir);
    back_up(&root);
    let contexta = open(&root);
    erase(&contexta, &["bad"]);
    let run = contexta.run("bad").run_id("bad").param("alpha", 0.5).start().unwrap();
    run.metric("accuracy", 0.9).unwrap();
    run.complete().unwrap();
    for contexta in [&contexta, &open(&root)] {
        let snapshot = contexta.run_snapshot("bad").unwrap();
        assert_eq!(snapshot.artifacts.len(), 0);
        assert!(snapshot.run.tags.is_empty(), "{:?}", snapshot.run);
        assert_eq!(snapshot.run.params.len(), 1);
        assert_eq!(contexta.list_runs(None).unwrap().runs.len(), 2);
    }
}

#[test]
fn open_run_and_outdated_plan_are_refused() {
    let dir = TempDir::new("erase-open");
    let root = workspace(&dir);
    let contexta = open(&root);
    let runs = ["bad".to_owned()];
    let forced = EraseOptions { without_backup: true, ..EraseOptions::default() };
    let erase = |plan: &_| contexta.erase(plan, None, &forced, Progress::none());
    let unbacked = contexta.plan_erasure(&runs, None).unwrap();
    assert_eq!(unbacked.backup_ref, None);
    let refused = contexta.erase(&unbacked, None, &EraseOptions::default(), Progress::none()).unwrap_err();
    assert_eq!(refused.code(), "recovery_not_backed_up");
    let bad = contexta.find_run("bad").unwrap();
    contexta.annotate_run(&bad, Change::Note("later".into())).unwrap();
    assert_eq!(erase(&unbacked).unwrap_err().code(), "recovery_plan_outdated");
    let writer = contexta.resume("bad").unwrap().start().unwrap();
    let open = contexta.plan_erasure(&runs, None).unwrap();
    assert!(open.runs[0].is_open);
    assert_eq!(erase(&open).unwrap_err().code(), "run_is_open");
    assert_eq!(contexta.list_runs(None).unwrap().runs.len(), 2);
    writer.complete().unwrap();
    let plan = contexta.plan_erasure(&runs, None).unwrap();
    let result = erase(&plan).unwrap();
    assert_eq!(result.status, RecoveryStatus::Success, "{result:?}");
    check_gone(&contexta);
    let missing = contexta.plan_erasure(&["nothing".to_owned()], None).unwrap_err();
    assert_eq!(missing.code(), "query_run_not_found");
}

#[test]
fn registered_report_of_an_erased_run_is_removed_and_other_files_stay() {
    let dir = TempDir::new("erase-report");
    let root = workspace(&dir);
    let contexta = open(&root);
    let outside = dir.path().join("outside.md");
    let report = root.join("reports/bad.md");
    let other = root.join("reports/other.md");
    for path in [&outside, &report, &other] {
        fs::write(path, "# Report").unwrap();
    }
    let run = contexta.resume("bad").unwrap().start().unwrap();
    for (name, path) in [("report", &report), ("outside", &outside)] {
        let registration = ArtifactRegistration::output("report", path).key(name);
        run.register(registration.ingest_mode(IngestMode::Reference)).unwrap();
    }
    run.complete().unwrap();
    let plan = contexta.plan_erasure(&["bad".to_owned()], None).unwrap();
    assert_eq!(plan.files.len(), 1, "{plan:?}");
    let options = EraseOptions { without_backup: true, ..EraseOptions::default() };
    assert_eq!(contexta.erase(&plan, None, &options, Progress::none()).unwrap().files, 1);
    assert!(!report.exists() && outside.exists() && other.exists());
}

/// A workspace with old and new files, and with a body that no artifact uses. Returns its files by name.
fn workspace_with_files(dir: &TempDir) -> PathBuf {
    let root = workspace(dir);
    for (name, content) in [("cache/a", "cached"), ("exports/b.csv", "b"), ("reports/c.md", "c")] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

#[test]
fn only_files_that_are_old_enough_are_removed() {
    let dir = TempDir::new("retention-ages");
    let root = workspace_with_files(&dir);
    let contexta = open(&root);
    let rules = contexta.retention_rules();
    assert_eq!((rules.cache_days, rules.report_days, rules.removes_bodies), (Some(7), None, false));
    assert!(contexta.plan_retention(rules).unwrap().files.is_empty(), "the files are new");
    let rules = RetentionRules { cache_days: Some(0), export_days: Some(0), ..RetentionRules::default() };
    let plan = contexta.plan_retention(rules).unwrap();
    let kinds: Vec<&str> = plan.files.iter().map(|file| file.kind).collect();
    assert_eq!((kinds, plan.bytes), (vec!["cache", "exports"], 7), "{plan:?}");
    assert!(root.join("cache/a").exists(), "planning removes nothing");
    fs::write(root.join("cache/later"), "").unwrap();
    assert_eq!(contexta.retain(&plan).unwrap_err().code(), "recovery_plan_outdated");
    assert!(root.join("cache/a").exists());
    let plan = contexta.plan_retention(rules).unwrap();
    let result = contexta.retain(&plan).unwrap();
    assert_eq!((result.status, result.files, result.bytes), (RecoveryStatus::Success, 3, 7), "{result:?}");
    assert!(!root.join("cache/a").exists() && !root.join("exports/b.csv").exists());
    assert!(root.join("reports/c.md").exists());
    assert_eq!(contexta.list_runs(None).unwrap().runs.len(), 2);
}

#[test]
fn report_that_is_the_content_of_an_artifact_is_not_removed() {
    let dir = TempDir::new("retention-content");
    let root = workspace_with_files(&dir);
    let contexta = open(&root);
    let run = contexta.resume("good").unwrap().start().unwrap();
    let registration = ArtifactRegistration::output("report", root.join("reports/c.md")).key("report");
    run.register(registration.ingest_mode(IngestMode::Reference)).unwrap();
    run.complete().unwrap();
    let rules = RetentionRules { report_days: Some(0), ..RetentionRules::default() };
    assert!(contexta.plan_retention(rules).unwrap().files.is_empty());
}

#[cfg(feature = "cli")]
mod commands {
    use super::*;
    use contexta::contract::Value;
    use contexta::contract::json::read::parse;
    use contexta::run_cli_captured;

    fn run(root: &Path, args: &[&str]) -> (u8, Value) {
        let mut all = vec!["contexta", "--format", "json", "--workspace", root.to_str().unwrap()];
        all.extend(args);
        let output = run_cli_captured(all.into_iter().map(Into::into));
        let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        (output.exit_code, parse(std::str::from_utf8(&text).unwrap()).unwrap())
    }

    fn code(answer: &Value) -> &str {
        answer.get("error").and_then(|e| e.get("code")).and_then(Value::as_str).unwrap_or_default()
    }

    #[test]
    fn command_plans_asks_and_deletes() {
        let dir = TempDir::new("erase-command");
        let root = workspace(&dir);
        let (exit, plan) = run(&root, &["run", "delete", "bad", "--dry-run"]);
        assert_eq!((exit, plan.get("bodies")), (0, Some(&Value::from(1u64))), "{plan:?}");
        let (exit, answer) = run(&root, &["run", "delete", "bad"]);
        assert_eq!((exit, code(&answer)), (1, "confirmation_required"));
        let (exit, answer) = run(&root, &["run", "delete", "bad", "--yes"]);
        assert_eq!((exit, code(&answer)), (1, "recovery_not_backed_up"));
        assert_eq!(open(&root).list_runs(None).unwrap().runs.len(), 2);
        assert_eq!(run(&root, &["backup", "create"]).0, 0);
        let (exit, answer) = run(&root, &["run", "delete", "bad", "--yes", "--reason", "a request"]);
        assert_eq!((exit, answer.get("status")), (0, Some(&Value::from("SUCCESS"))), "{answer:?}");
        check_gone(&open(&root));
        // The log keeps the reason, and a repeated command is not an error.
        let (exit, _) = run(&root, &["run", "delete", "wine.bad", "--yes", "--force"]);
        assert_eq!(exit, 0);
        let (exit, answer) = run(&root, &["run", "delete", "good", "nothing", "--yes", "--force"]);
        assert_eq!((exit, code(&answer)), (1, "query_run_not_found"));
        check_gone(&open(&root));
    }

    #[test]
    fn retention_is_planned_and_applied_according_to_the_arguments() {
        let dir = TempDir::new("retention-command");
        let root = workspace_with_files(&dir);
        let (exit, plan) = run(&root, &["retention", "plan", "--all-cached"]);
        assert_eq!((exit, plan.get("bytes")), (0, Some(&Value::from(6u64))), "{plan:?}");
        assert!(root.join("cache/a").exists());
        let (exit, answer) = run(&root, &["retention", "apply", "--all-cached", "--bodies"]);
        assert_eq!((exit, answer.get("files")), (0, Some(&Value::from(1u64))), "{answer:?}");
        assert!(!root.join("cache/a").exists() && root.join("reports/c.md").exists());
    }
}
