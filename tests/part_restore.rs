//! Restores of one run or one artifact from a backup into a workspace.

use crate::support::{TempDir, open, two_runs};
use contexta::contract::{ArtifactRef, RunRef};
use contexta::recovery::{BackupOptions, Outcome, Progress, RecoveryStatus, VerifyOptions};
use contexta::{ApplyPart, Backups, Contexta, PartRestore, RestoredPart, RunSnapshot};
use std::fs;
use std::path::{Path, PathBuf};

/// A workspace with three runs, an artifact and a directory, and the name of its backup in `backups`.
fn backed_up(dir: &TempDir) -> (PathBuf, String) {
    let root = dir.path().join(".contexta");
    let contexta = open(&root);
    two_runs(&contexta);
    let files = dir.path().join("files");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("weights.bin"), vec![7; 300_000]).unwrap();
    fs::write(files.join("notes.txt"), "notes").unwrap();
    let run = contexta.run("third").run_id("third").start().unwrap();
    run.metric_at("loss", 1, 0.5).unwrap();
    run.register_artifact("model", files.join("weights.bin")).unwrap();
    run.register_artifact("directory", &files).unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    let backups = Backups::new(&root).repository(dir.path().join("backups"));
    let plan = backups.plan(&BackupOptions::default()).unwrap();
    (root, backups.create(&plan, Progress::none()).unwrap().backup_ref.to_string())
}

fn snapshot(contexta: &Contexta, run: &str) -> RunSnapshot {
    contexta.run_snapshot(RunRef::parse(&format!("run:wine.{run}")).unwrap()).unwrap()
}

fn artifact(contexta: &Contexta, kind: &str) -> ArtifactRef {
    let rows = contexta.store().read(|view| view.artifacts(None)).unwrap();
    let row = rows.iter().find(|row| row.manifest.artifact_kind == kind).unwrap();
    row.manifest.artifact_ref.clone()
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(names(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}

#[test]
fn one_run_is_restored_and_nothing_else() {
    let dir = TempDir::new("part-run");
    let (root, backup) = backed_up(&dir);
    let original = open(&root);
    let other = dir.path().join("other");
    let into = open(&other);
    into.run("own").run_id("own").start().unwrap().complete().unwrap();
    let own = snapshot(&into, "own");
    let backups = Backups::new(&other).repository(dir.path().join("backups"));
    let restore = |run: &str, apply| {
        into.restore_part(&backups, &backup, &RestoredPart::Run(run.to_owned()), apply).unwrap()
    };
    let before = names(&other.join("log"));
    let plan = restore("third", ApplyPart::PlanOnly);
    assert!(
        !plan.applied && !plan.is_present && plan.found["run"] == 1 && plan.found["artifact"] == 2,
        "{plan:?}"
    );
    assert_eq!((names(&other.join("log")), into.list_runs(None).unwrap().runs.len()), (before, 1));

    let result = restore("third", ApplyPart::Apply);
    assert_eq!(result.status, RecoveryStatus::Success, "{result:?}");
    assert_eq!(result.added, plan.found, "{result:?}");
    assert_eq!(into.list_runs(None).unwrap().runs.len(), 2, "the other runs of the stream are not restored");
    let after = snapshot(&into, "own");
    assert_eq!((after.run, after.writers, after.artifacts), (own.run, own.writers, own.artifacts));
    let (old, new) = (snapshot(&original, "third"), snapshot(&into, "third"));
    assert_eq!((&new.run.run_ref, new.run.status), (&old.run.run_ref, old.run.status));
    assert_eq!(new.metrics[0].last.value, old.metrics[0].last.value);
    assert_eq!(new.artifacts.len(), 2);
    assert_eq!(into.verify(VerifyOptions::default()).unwrap().outcome, Outcome::Whole);
    // A second restore adds nothing.
    let again = restore("third", ApplyPart::Apply);
    assert!(again.is_present && again.added.values().all(|count| *count == 0), "{again:?}");
    // A restore into the workspace that still has the run adds nothing either.
    let digest = original.digest().unwrap().0.digest;
    let present = original.restore_part(
        &Backups::new(&root).repository(dir.path().join("backups")),
        &backup,
        &RestoredPart::Run("third".into()),
        ApplyPart::Apply,
    );
    assert!(present.unwrap().added.values().all(|count| *count == 0));
    assert_eq!(original.digest().unwrap().0.digest, digest);
    let missing = into.restore_part(&backups, &backup, &RestoredPart::Run("fourth".into()), ApplyPart::Apply);
    assert_eq!(missing.unwrap_err().code(), "query_run_not_found");
    assert!(names(&other).iter().all(|path| !path.to_string_lossy().contains("temporary-")));
}

#[test]
fn content_of_one_artifact_is_restored() {
    let dir = TempDir::new("part-artifact");
    let (root, backup) = backed_up(&dir);
    let contexta = open(&root);
    let backups = Backups::new(&root).repository(dir.path().join("backups"));
    let (model, directory) = (artifact(&contexta, "model"), artifact(&contexta, "directory"));
    let objects = root.join("artifacts/objects");
    let bodies = names(&objects);
    for body in &bodies {
        fs::remove_file(body).unwrap();
    }
    let restore = |artifact: &ArtifactRef, apply| -> PartRestore {
        let part = RestoredPart::Artifact(artifact.clone());
        contexta.restore_part(&backups, &backup, &part, apply).unwrap()
    };
    let plan = restore(&model, ApplyPart::PlanOnly);
    assert_eq!((plan.bodies, plan.is_present, names(&objects).len()), (1, true, 0), "{plan:?}");
    let result = restore(&model, ApplyPart::Apply);
    assert_eq!((result.status, result.bodies, names(&objects).len()), (RecoveryStatus::Success, 1, 1));
    assert_eq!(restore(&model, ApplyPart::Apply).bodies, 0);
    restore(&directory, ApplyPart::Apply);
    assert_eq!(contexta.verify(VerifyOptions::default()).unwrap().outcome, Outcome::Whole);

    let (file, copy) = (dir.path().join("model.bin"), dir.path().join("copy"));
    contexta.copy_artifact_from_backup(&backups, &backup, &model, &file).unwrap();
    assert_eq!(fs::read(file).unwrap(), vec![7; 300_000]);
    contexta.copy_artifact_from_backup(&backups, &backup, &directory, &copy).unwrap();
    assert_eq!(fs::read_to_string(copy.join("notes.txt")).unwrap(), "notes");
}

#[test]
#[cfg(feature = "cli")]
fn commands_restore_a_part() {
    use contexta::run_cli_captured;
    let dir = TempDir::new("part-cli");
    let (root, backup) = backed_up(&dir);
    let (other, repository) = (dir.path().join("other"), dir.path().join("backups"));
    open(&other).close().unwrap();
    let run = |args: &[&str]| {
        let mut all = vec!["contexta", "--workspace", other.to_str().unwrap(), "restore", "apply", &backup];
        all.extend(["--repository", repository.to_str().unwrap()]);
        all.extend(args);
        let output = run_cli_captured(all.into_iter().map(Into::into));
        (output.exit_code, String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = run(&["--run", "third", "--dry-run"]);
    assert!(code == 0 && text.contains("plan: restore run:wine.third"), "{text}");
    let (code, text) = run(&["--run", "third", "--format", "json"]);
    assert!(code == 0 && text.contains("\"restored_ref\": \"run:wine.third\""), "{text}");
    assert_eq!(open(&other).list_runs(None).unwrap().runs.len(), 1);
    let model = artifact(&open(&root), "model").to_string();
    let file = dir.path().join("model.bin");
    let (code, text) = run(&["--artifact", &model, "--to", file.to_str().unwrap()]);
    assert!(code == 0 && fs::read(&file).unwrap().len() == 300_000, "{text}");
    assert_eq!(run(&["--artifact", &model]).0, 0);
}
