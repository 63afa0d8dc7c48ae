//! Tests of backups and restores on the real file system, through the facade and the commands.

use crate::support::{TempDir, open, two_runs};
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::engine::Digest;
use contexta::recovery::{
    BackupOptions, BackupVerifyOptions, KeepRules, Progress, RecoveryStatus, RestoreOptions, Section,
};
use contexta::{Backups, Options};
use std::fs;
use std::path::{Path, PathBuf};

/// A workspace with two runs, an artifact, a report and an export.
fn workspace(dir: &TempDir) -> PathBuf {
    let root = dir.path().join(".contexta");
    let contexta = open(&root);
    two_runs(&contexta);
    let model = dir.path().join("model.bin");
    fs::write(&model, vec![7; 3_000_000]).unwrap();
    let run = contexta.run("third").start().unwrap();
    run.register_artifact("model", &model).unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    fs::create_dir_all(root.join("exports/all")).unwrap();
    fs::write(root.join("exports/all/runs.csv"), "a,b\n").unwrap();
    fs::write(root.join("reports/summary.md"), "# Summary\n").unwrap();
    root
}

fn digest(root: &Path) -> Digest {
    let contexta = Options::new(root).must_exist().read_only().open().unwrap();
    contexta.digest().unwrap().0.digest
}

fn options(label: &str) -> BackupOptions {
    BackupOptions { label: Some(label.to_owned()), include_exports: true, ..BackupOptions::default() }
}

fn create(backups: &Backups, label: &str) -> String {
    let result = backups.create(&backups.plan(&options(label)).unwrap(), Progress::none()).unwrap();
    assert_eq!(result.status, RecoveryStatus::Success, "{result:?}");
    result.backup_ref.to_string()
}

/// Returns the paths and contents of all files below a directory.
pub(crate) fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(tree(&entry.path())),
            false => found.push((entry.path(), fs::read(entry.path()).unwrap())),
        }
    }
    found.sort();
    found
}

#[test]
fn restored_workspace_has_the_content_of_the_backup() {
    let dir = TempDir::new("backup-restore");
    let root = workspace(&dir);
    let backups = Backups::new(&root);
    let before = tree(dir.path());
    let plan = backups.plan(&options("before")).unwrap();
    assert_eq!(tree(dir.path()), before, "planning writes nothing");
    assert!(plan.estimated_bytes > 3_000_000, "{plan:?}");
    assert!(!plan.included_sections.contains(&Section::Cache));
    let backup = create(&backups, "before");
    let (old, objects) = (digest(&root), root.join("artifacts/objects"));
    let bodies = tree(&objects);

    // The workspace changes: a run is added, a body is lost, and a report is lost.
    let contexta = open(&root);
    contexta.run("later").start().unwrap().complete().unwrap();
    contexta.close().unwrap();
    drop(contexta);
    for (body, _) in &bodies {
        fs::remove_file(body).unwrap();
    }
    fs::remove_file(root.join("reports/summary.md")).unwrap();
    let new = digest(&root);
    assert_ne!(new, old);

    let plan = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
    assert!(plan.create_safety_backup && plan.missing_bodies.0 == plan.bodies, "{plan:?}");
    let result = backups.restore(&plan, Progress::none()).unwrap();
    assert_eq!((result.status, result.applied), (RecoveryStatus::Success, true), "{result:?}");
    assert_eq!((result.digest, digest(&root)), (old, old));
    assert_eq!(tree(&objects), bodies);
    assert_eq!(fs::read_to_string(root.join("reports/summary.md")).unwrap(), "# Summary\n");

    // The replaced content is in the safety backup.
    let safety = result.safety_backup_ref.unwrap();
    let plan = backups.plan_restore(safety.as_str(), &RestoreOptions::default()).unwrap();
    assert_eq!(backups.restore(&plan, Progress::none()).unwrap().digest, new);
}

#[test]
fn second_backup_of_an_unchanged_workspace_writes_no_object() {
    let dir = TempDir::new("backup-unchanged");
    let root = workspace(&dir);
    let backups = Backups::new(&root).repository(dir.path().join("far/backups"));
    create(&backups, "one");
    let objects = tree(&dir.path().join("far/backups/objects"));
    let plan = backups.plan(&options("two")).unwrap();
    let second = backups.create(&plan, Progress::none()).unwrap();
    assert_eq!((second.objects_written, tree(&dir.path().join("far/backups/objects"))), (0, objects));
    let list = backups.list().unwrap();
    assert_eq!(list.backups.len(), 2);
    assert_eq!(list.backups[0].heads, list.backups[1].heads);
    assert!(!list.backups[0].heads.is_empty());
    let refused = backups.create(&plan, Progress::none()).unwrap_err();
    assert_eq!(refused.code(), "recovery_backup_exists");
}

#[test]
fn workspace_with_a_writer_is_backed_up_and_not_replaced() {
    let dir = TempDir::new("backup-in-use");
    let root = workspace(&dir);
    let writer = open(&root);
    let run = writer.run("live").start().unwrap();
    let backups = Backups::new(&root);
    let backup = create(&backups, "live");
    let before = tree(&root.join("log"));
    let plan = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
    assert_eq!(backups.restore(&plan, Progress::none()).unwrap_err().code(), "workspace_in_use");
    assert_eq!(tree(&root.join("log")), before);
    // A check and a restore into another directory succeed while a writer uses the workspace.
    let check = RestoreOptions { verify_only: true, ..RestoreOptions::default() };
    let checked = backups.restore(&backups.plan_restore(&backup, &check).unwrap(), Progress::none()).unwrap();
    assert_eq!((checked.status, checked.applied), (RecoveryStatus::Success, false));
    let elsewhere = dir.path().join("copies/elsewhere");
    let target = RestoreOptions { target_workspace: Some(elsewhere.clone()), ..RestoreOptions::default() };
    backups.restore(&backups.plan_restore(&backup, &target).unwrap(), Progress::none()).unwrap();
    assert_eq!(digest(&elsewhere), checked.digest);
    run.complete().unwrap();
}

#[test]
fn check_of_a_backup_for_a_new_target_leaves_no_trace() {
    let dir = TempDir::new("backup-check");
    let root = workspace(&dir);
    let backups = Backups::new(&root).repository(dir.path().join("backups"));
    let backup = create(&backups, "one");
    let target = dir.path().join("new/workspace");
    let options = RestoreOptions {
        target_workspace: Some(target.clone()),
        verify_only: true,
        ..RestoreOptions::default()
    };
    let plan = backups.plan_restore(&backup, &options).unwrap();
    assert!(!plan.create_safety_backup);
    let result = backups.restore(&plan, Progress::none()).unwrap();
    assert!(!result.applied && result.safety_backup_ref.is_none());
    assert!(!target.exists());
    // A restore into a directory with foreign content is refused.
    fs::create_dir_all(&target).unwrap();
    fs::write(target.join("thesis.tex"), "text").unwrap();
    assert_eq!(backups.plan_restore(&backup, &options).unwrap_err().code(), "workspace_invalid");
}

#[test]
fn restore_to_a_time_leaves_out_later_entries() {
    let dir = TempDir::new("backup-to-time");
    let root = workspace(&dir);
    let (then, expected) = (open(&root).session().now(), digest(&root));
    let contexta = open(&root);
    contexta.run("later").start().unwrap().complete().unwrap();
    contexta.close().unwrap();
    drop(contexta);
    let backups = Backups::new(&root);
    let backup = create(&backups, "all");
    let target = dir.path().join("then");
    let options = RestoreOptions {
        target_workspace: Some(target.clone()),
        to_time: Some(then.into()),
        ..RestoreOptions::default()
    };
    backups.restore(&backups.plan_restore(&backup, &options).unwrap(), Progress::none()).unwrap();
    assert_eq!(digest(&target), expected);
    assert_eq!(open(&target).list_runs(None).unwrap().runs.len(), 3);
}

/// Appends the last line of a manifest, which contains the digest of the other lines. A hostile manifest also
/// has a valid last line.
fn sign(lines: &str) -> String {
    let digest = Digest::of(lines.as_bytes());
    format!("{lines}{{\"digest\":\"{digest}\",\"kind\":\"end\"}}\n")
}

#[test]
#[cfg(unix)]
fn hostile_manifest_writes_nothing_outside_the_target() {
    let dir = TempDir::new("backup-hostile");
    let root = workspace(&dir);
    let repository = dir.path().join("backups");
    let backups = Backups::new(&root).repository(&repository);
    let backup = create(&backups, "one");
    let manifest = repository.join(format!("backups/{backup}.jsonl"));
    let text = fs::read_to_string(&manifest).unwrap();
    let lines = text.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    assert_eq!(sign(&lines), text);
    let before = tree(&root);
    let path = "\"path\":\"reports/summary.md\"";
    for (from, to) in [
        (path, "\"path\":\"reports/../../../evil.md\""),
        (path, "\"path\":\"/tmp/contexta-evil.md\""),
        (path, "\"path\":\"reports/./summary.md\""),
        ("\"kind\":\"segment\",\"len\":", "\"kind\":\"segment\",\"len\":99999999"),
        // The path of a file in the section `reports` cannot begin with a name of another section.
        (path, "\"path\":\"log/summary.md\""),
        ("\"version\":1", "\"version\":99"),
        ("\"domain\":\"", "\"domain\":\"other"),
    ] {
        let changed = lines.replace(from, to);
        assert_ne!(changed, lines, "{from}");
        fs::write(&manifest, sign(&changed)).unwrap();
        let refused = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap_err();
        assert_eq!(refused.code(), "recovery_manifest_invalid", "{to}");
        // If a manifest cannot be used, no backup is removed.
        if !to.contains("domain") {
            let refused = backups.plan_prune(KeepRules { last: 1 }).unwrap_err();
            assert_eq!(refused.code(), "recovery_manifest_invalid", "{to}");
        }
    }
    for name in ["../evil", "/etc/passwd", "a/b", "..", ""] {
        let refused = backups.plan_restore(name, &RestoreOptions::default()).unwrap_err();
        assert_eq!(refused.code(), "recovery_backup_ref_invalid", "{name}");
    }
    // An object with other content is refused.
    fs::write(&manifest, &text).unwrap();
    for (object, _) in tree(&repository.join("objects")) {
        fs::write(&object, "other").unwrap();
    }
    let plan = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
    assert_eq!(plan.notes[0].code, "backup_object_missing");
    assert_eq!(backups.restore(&plan, Progress::none()).unwrap_err().code(), "recovery_backup_damaged");
    let streams = |tree: &[(PathBuf, Vec<u8>)]| {
        tree.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "seg")).count()
    };
    assert_eq!(streams(&tree(&root)), streams(&before));
}

#[test]
#[cfg(target_os = "linux")]
fn files_that_differ_in_case_have_a_note() {
    let dir = TempDir::new("backup-case");
    let root = workspace(&dir);
    fs::write(root.join("reports/Summary.md"), "# Another summary\n").unwrap();
    let backups = Backups::new(&root);
    let result = backups.create(&backups.plan(&options("one")).unwrap(), Progress::none()).unwrap();
    let similar: Vec<_> =
        result.notes.iter().filter(|note| note.code == "backup_file_names_similar").collect();
    assert!(matches!(similar[..], [note] if note.message.contains("reports/Summary.md")), "{result:?}");
    assert_eq!(result.status, RecoveryStatus::Success);
}

#[test]
#[cfg(unix)]
fn links_in_the_target_are_not_followed() {
    let dir = TempDir::new("backup-links");
    let root = workspace(&dir);
    fs::create_dir_all(root.join("reports/deep")).unwrap();
    fs::write(root.join("reports/deep/page.md"), "page").unwrap();
    std::os::unix::fs::symlink(dir.path(), root.join("reports/link")).unwrap();
    let backups = Backups::new(&root);
    let plan = backups.plan(&options("one")).unwrap();
    assert!(plan.notes.iter().any(|note| note.code == "backup_file_skipped"), "{plan:?}");
    let backup = create(&backups, "one");
    let outside = dir.path().join("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::remove_dir_all(root.join("reports/deep")).unwrap();
    std::os::unix::fs::symlink(&outside, root.join("reports/deep")).unwrap();
    let plan = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
    let result = backups.restore(&plan, Progress::none()).unwrap();
    assert!(result.notes.iter().any(|note| note.code == "restore_file_kept"), "{result:?}");
    assert_eq!(tree(&outside), []);
}

#[test]
#[cfg(unix)]
fn log_that_is_a_link_is_not_replaced() {
    let dir = TempDir::new("backup-log-link");
    let root = workspace(&dir);
    let backups = Backups::new(&root);
    let backup = create(&backups, "one");
    let planned = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
    fs::rename(root.join("log"), dir.path().join("far")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("far"), root.join("log")).unwrap();
    let before = tree(&dir.path().join("far"));
    let refused = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap_err();
    assert_eq!(refused.code(), "recovery_log_is_link");
    assert_eq!(backups.restore(&planned, Progress::none()).unwrap_err().code(), "recovery_log_is_link");
    assert_eq!(tree(&dir.path().join("far")), before);
    assert!(root.join("log").is_symlink() && !root.join("log.restored").exists());
    let check = RestoreOptions { verify_only: true, ..RestoreOptions::default() };
    let checked = backups.restore(&backups.plan_restore(&backup, &check).unwrap(), Progress::none()).unwrap();
    assert_eq!(checked.status, RecoveryStatus::Success);
}

/// The target has no log, but a report that the backup contains too.
#[test]
fn replaced_report_of_a_target_without_a_log_is_backed_up() {
    let dir = TempDir::new("backup-report");
    let root = workspace(&dir);
    let backups = Backups::new(&root).repository(dir.path().join("backups"));
    let backup = create(&backups, "one");
    let target = dir.path().join("target");
    fs::create_dir_all(target.join("reports")).unwrap();
    fs::write(target.join("reports/summary.md"), "# Another summary\n").unwrap();
    let into =
        |path: &Path| RestoreOptions { target_workspace: Some(path.into()), ..RestoreOptions::default() };
    let plan = backups.plan_restore(&backup, &into(&target)).unwrap();
    let result = backups.restore(&plan, Progress::none()).unwrap();
    assert_eq!(result.status, RecoveryStatus::Success, "{result:?}");
    assert_eq!(fs::read_to_string(target.join("reports/summary.md")).unwrap(), "# Summary\n");
    let (safety, again) = (result.safety_backup_ref.unwrap(), dir.path().join("again"));
    let plan = backups.plan_restore(safety.as_str(), &into(&again)).unwrap();
    backups.restore(&plan, Progress::none()).unwrap();
    assert_eq!(fs::read_to_string(again.join("reports/summary.md")).unwrap(), "# Another summary\n");
}

#[test]
fn restore_without_a_possible_safety_backup_is_refused_with_advice() {
    let dir = TempDir::new("backup-no-safety");
    let root = workspace(&dir);
    let repository = dir.path().join("backups");
    let backups = Backups::new(&root).repository(&repository);
    let backup = create(&backups, "one");
    let contexta = open(&root);
    contexta.run("later").start().unwrap().complete().unwrap();
    contexta.close().unwrap();
    drop(contexta);
    let present = digest(&root);
    // No object can be written.
    fs::remove_dir_all(repository.join("staging")).unwrap();
    fs::write(repository.join("staging"), "a file").unwrap();
    let plan = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
    let refused = backups.restore(&plan, Progress::none()).unwrap_err();
    assert_eq!(refused.code(), "recovery_safety_backup_failed");
    assert!(refused.hint().unwrap().contains("recovery.create_backup_before_restore"));
    assert_eq!(digest(&root), present);
    let backups = backups.safety_backup(false);
    let plan = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
    let result = backups.restore(&plan, Progress::none()).unwrap();
    assert_eq!((result.status, result.digest), (RecoveryStatus::Success, digest(&root)), "{result:?}");
    assert_ne!(result.digest, present);
}

#[test]
fn backups_in_the_directory_of_the_log_are_refused() {
    let dir = TempDir::new("backup-misplaced");
    let root = workspace(&dir);
    for place in [root.join("log/backups"), root.join("artifacts/objects"), root.clone()] {
        let refused = Backups::new(&root).repository(&place).plan(&options("x")).unwrap_err();
        assert_eq!(refused.code(), "recovery_backup_misplaced", "{place:?}");
    }
    // If the repository is in the directory of exports, a backup does not copy the repository.
    let backups = Backups::new(&root).repository(root.join("exports/backups"));
    create(&backups, "one");
    let plan = backups.plan(&options("two")).unwrap();
    assert_eq!(backups.create(&plan, Progress::none()).unwrap().objects_written, 0);
}

#[test]
fn read_only_settings_forbid_a_restore() {
    let dir = TempDir::new("backup-read-only");
    let root = workspace(&dir);
    let backup = create(&Backups::new(&root), "one");
    let mut config = contexta::config::UnifiedConfig::default();
    config.workspace.root_path = root.clone();
    config.records.read_only = true;
    let backups = Backups::from_config(&config).unwrap();
    let plan = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
    assert_eq!(backups.restore(&plan, Progress::none()).unwrap_err().code(), "workspace_read_only");
}

#[test]
fn damaged_object_is_healed_from_the_workspace() {
    let dir = TempDir::new("backup-heal");
    let root = workspace(&dir);
    let backups = Backups::new(&root);
    create(&backups, "one");
    let (object, content) = tree(&root.join("recovery/backups/objects")).swap_remove(0);
    fs::write(&object, vec![0; content.len()]).unwrap();
    let found = backups.verify(&BackupVerifyOptions::default()).unwrap();
    assert_eq!((found.status, found.problems.len()), (RecoveryStatus::Failure, 1));
    let healed = backups.heal(&root, &BackupVerifyOptions::default()).unwrap();
    assert_eq!((healed.status, healed.healed), (RecoveryStatus::Success, 1));
    assert_eq!(fs::read(&object).unwrap(), content);
}

#[cfg(feature = "cli")]
mod command {
    use super::*;
    use contexta::run_cli_captured;

    /// Runs a command with JSON output. Returns the exit code and the JSON document.
    fn run(root: &Path, args: &[&str]) -> (u8, Value) {
        let mut all = vec!["contexta", "--format", "json", "--workspace", root.to_str().unwrap()];
        all.extend(args);
        let output = run_cli_captured(all.into_iter().map(Into::into));
        let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        (output.exit_code, parse(std::str::from_utf8(&text).unwrap()).unwrap())
    }

    fn member<'a>(value: &'a Value, name: &str) -> &'a str {
        value.get(name).and_then(Value::as_str).unwrap()
    }

    #[test]
    fn commands_create_list_verify_restore_and_prune() {
        let dir = TempDir::new("backup-command");
        let root = workspace(&dir);
        let (code, plan) = run(&root, &["backup", "create", "--label", "v1.2", "--dry-run"]);
        assert_eq!(code, 0);
        assert!(member(&plan, "backup_ref").starts_with("v1-2-"), "{plan:?}");
        assert!(!root.join("recovery/backups").exists());
        let (code, first) = run(&root, &["backup", "create", "--label", "v1.2", "--include-exports"]);
        assert_eq!((code, member(&first, "status")), (0, "SUCCESS"));
        let name = member(&first, "backup_ref").to_owned();
        let expected = digest(&root);
        let (code, list) = run(&root, &["backup", "list"]);
        let backups = list.get("backups").and_then(Value::as_list).unwrap();
        assert_eq!((code, backups.len(), member(&backups[0], "backup_ref")), (0, 1, name.as_str()));
        let (code, check) = run(&root, &["backup", "verify", &name]);
        assert_eq!((code, member(&check, "status")), (0, "SUCCESS"));

        let contexta = open(&root);
        contexta.run("later").start().unwrap().complete().unwrap();
        contexta.close().unwrap();
        drop(contexta);
        let changed = digest(&root);
        for args in [["restore", "apply", &name, "--dry-run"], ["restore", "apply", &name, "--verify-only"]] {
            assert_eq!(run(&root, &args).0, 0);
            assert_eq!(digest(&root), changed);
        }
        let (code, restored) = run(&root, &["restore", "apply", &name]);
        assert_eq!((code, restored.get("applied")), (0, Some(&Value::Bool(true))));
        assert_eq!(member(&restored, "digest"), expected.to_string());
        assert_eq!(digest(&root), expected);
        let safety = member(&restored, "safety_backup_ref").to_owned();

        let (code, plan) = run(&root, &["backup", "prune", "--keep-last", "1", "--dry-run"]);
        assert_eq!((code, plan.get("removed")), (0, Some(&Value::list([name.as_str()]))));
        assert_eq!(run(&root, &["backup", "prune", "--keep-last", "1"]), (0, plan));
        let (_, list) = run(&root, &["backup", "list"]);
        let backups = list.get("backups").and_then(Value::as_list).unwrap();
        assert_eq!((backups.len(), member(&backups[0], "backup_ref")), (1, safety.as_str()));
        let (code, gone) = run(&root, &["restore", "apply", &name]);
        assert_eq!((code, member(gone.get("error").unwrap(), "code")), (1, "recovery_backup_not_found"));
    }

    #[test]
    fn damaged_backup_has_exit_code_1_and_is_healed() {
        let dir = TempDir::new("backup-command-damaged");
        let root = workspace(&dir);
        run(&root, &["backup", "create"]);
        let (object, _) = tree(&root.join("recovery/backups/objects")).swap_remove(0);
        fs::remove_file(&object).unwrap();
        let (code, check) = run(&root, &["backup", "verify"]);
        assert_eq!((code, member(&check, "status")), (1, "FAILURE"));
        let (code, healed) = run(&root, &["backup", "verify", "--heal-from", root.to_str().unwrap()]);
        assert_eq!((code, member(&healed, "status")), (0, "SUCCESS"));
        assert!(object.exists());
        let (code, none) = run(&dir.path().join("nowhere"), &["backup", "create"]);
        assert_eq!((code, member(none.get("error").unwrap(), "code")), (1, "workspace_not_found"));
        assert!(!dir.path().join("nowhere").exists());
    }

    #[test]
    fn text_output_names_the_backup_and_the_numbers() {
        let dir = TempDir::new("backup-command-text");
        let root = workspace(&dir);
        let text = |args: &[&str]| {
            let mut all = vec!["contexta", "--workspace", root.to_str().unwrap()];
            all.extend(args);
            String::from_utf8(run_cli_captured(all.into_iter().map(Into::into)).stdout).unwrap()
        };
        assert!(text(&["backup", "list"]).contains("there are no backups in"));
        let created = text(&["backup", "create", "--label", "night"]);
        assert!(created.contains("backup night-") && created.contains("SUCCESS"), "{created}");
        let list = text(&["backup", "list"]);
        assert!(list.contains("night-") && list.contains("SUCCESS"), "{list}");
        let table: Vec<&str> = list.lines().filter(|line| !line.contains("workspace: ")).collect();
        assert!(table.iter().all(|line| line.chars().count() <= 80), "{list}");
        assert!(text(&["backup", "verify"]).contains("SUCCESS"));
        assert!(
            text(&["backup", "prune", "--keep-last", "1", "--dry-run"]).contains("1 kept, 0 to be removed")
        );
    }
}
