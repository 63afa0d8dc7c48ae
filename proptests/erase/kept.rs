//! Tests of reports and exports of erased runs. The plan names every file that is removed, and every file that is kept.

use super::workspace;
use crate::backup::site::{LATER, create, open};
use contexta::Contexta;
use contexta::capture::{ArtifactRegistration, IngestMode};
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess};
use contexta::recovery::{EraseOptions, ErasePlan, Progress, RecoveryStatus};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SAVED: &str = "/w/reports/saved.md";
const LATER_CHANGED: &str = "/w/reports/changed.md";
const EXPORT: &str = "/w/exports/run.csv";
const SHARED: &str = "/w/reports/shared.md";
const OUTSIDE: &str = "/home/outside.md";

/// A disk with the runs `gone` and `other`, whose artifacts refer to files, and with a backup.
fn disk_with_files() -> SimDisk {
    let disk = SimDisk::new(3);
    let contexta = open(&disk, 1, "/w");
    for (name, paths) in
        [("gone", &[SAVED, LATER_CHANGED, EXPORT, SHARED, OUTSIDE][..]), ("other", &[SHARED][..])]
    {
        let run = contexta.run(name).run_id(name).start().unwrap();
        for (n, path) in paths.iter().enumerate() {
            disk.overwrite(Path::new(path), format!("content of {path}").into_bytes());
            let what = ArtifactRegistration::output("report", path).key(&format!("file-{n}"));
            run.register(what.ingest_mode(IngestMode::Reference)).unwrap();
        }
        run.complete().unwrap();
    }
    contexta.close().unwrap();
    drop(contexta);
    disk.advance(LATER);
    create(&disk.spawn(2), "files").unwrap();
    disk.advance(LATER);
    disk.overwrite(Path::new(LATER_CHANGED), b"changed after the backup".to_vec());
    disk
}

fn plan(process: &Arc<SimProcess>) -> ErasePlan {
    let contexta = workspace(process).unwrap();
    contexta.plan_erasure(&["run:default.gone".to_owned()], Some(Path::new("/backups"))).unwrap()
}

fn existing(disk: &SimDisk) -> Vec<&'static str> {
    let files = [SAVED, LATER_CHANGED, EXPORT, SHARED, OUTSIDE];
    files.into_iter().filter(|path| disk.read(Path::new(path)).is_some()).collect()
}

fn paths(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

#[test]
fn file_that_is_missing_in_the_backup_is_named_by_the_plan_and_kept_unless_the_erasure_is_forced() {
    for without_backup in [false, true] {
        let disk = disk_with_files();
        let plan = plan(&disk.spawn(10));
        assert_eq!(plan.files, paths(&[EXPORT, SAVED]), "{plan:?}");
        assert_eq!(plan.unsaved_files, paths(&[LATER_CHANGED]), "{plan:?}");
        let contexta = workspace(&disk.spawn(11)).unwrap();
        let options = EraseOptions { without_backup, ..EraseOptions::default() };
        let result = contexta.erase(&plan, Some(Path::new("/backups")), &options, Progress::none()).unwrap();
        let notes: Vec<&str> = result.notes.iter().map(|note| note.code).collect();
        if without_backup {
            assert_eq!((result.files, &result.kept_files), (3, &Vec::new()), "{result:?}");
            assert!(!notes.contains(&"erase_file_kept"), "{result:?}");
            assert_eq!(result.status, RecoveryStatus::Success, "{result:?}");
            assert_eq!(existing(&disk), [SHARED, OUTSIDE]);
        } else {
            assert_eq!((result.files, &result.kept_files), (2, &plan.unsaved_files), "{result:?}");
            assert!(notes.contains(&"erase_file_kept"), "{result:?}");
            assert_eq!(result.status, RecoveryStatus::Degraded, "{result:?}");
            assert_eq!(existing(&disk), [LATER_CHANGED, SHARED, OUTSIDE]);
        }
    }
}

#[test]
fn file_that_changes_after_the_plan_makes_the_plan_outdated() {
    for path in [SAVED, LATER_CHANGED, EXPORT] {
        let disk = disk_with_files();
        let plan = plan(&disk.spawn(10));
        disk.overwrite(Path::new(path), b"another content".to_vec());
        let contexta = workspace(&disk.spawn(11)).unwrap();
        let options = EraseOptions { without_backup: true, ..EraseOptions::default() };
        let refused = contexta.erase(&plan, Some(Path::new("/backups")), &options, Progress::none());
        assert_eq!(refused.unwrap_err().code(), "recovery_plan_outdated", "{path}");
        assert_eq!(existing(&disk).len(), 5, "{path}");
    }
}

/// If entries of the log are missing, another artifact may refer to each file.
#[test]
fn file_is_kept_even_by_a_forced_erasure_if_an_artifact_may_be_missing() {
    let disk = disk_with_files();
    let contexta = open(&disk, 20, "/w");
    contexta.run("lost").run_id("lost").start().unwrap().complete().unwrap();
    contexta.close().unwrap();
    drop(contexta);
    let is_segment =
        |path: &PathBuf| path.starts_with("/w/log") && path.extension().is_some_and(|end| end == "seg");
    let segment = disk.paths().into_iter().filter(is_segment).max().unwrap();
    let mut bytes = disk.read(&segment).unwrap();
    let middle = bytes.len() * 3 / 4;
    bytes[middle..middle + 40].fill(0xff);
    disk.overwrite(&segment, bytes);
    let plan = plan(&disk.spawn(10));
    assert!(plan.files.is_empty() && plan.unsaved_files.is_empty(), "{plan:?}");
    assert_eq!(plan.notes.iter().filter(|note| note.code == "erase_file_kept").count(), 4, "{plan:?}");
    let contexta = workspace(&disk.spawn(11)).unwrap();
    let options = EraseOptions { without_backup: true, ..EraseOptions::default() };
    let result = contexta.erase(&plan, Some(Path::new("/backups")), &options, Progress::none()).unwrap();
    assert_eq!((result.status, result.files), (RecoveryStatus::Degraded, 0), "{result:?}");
    assert_eq!(result.notes.iter().filter(|note| note.code == "erase_file_kept").count(), 4, "{result:?}");
    assert_eq!(existing(&disk).len(), 5);
}

/// After the entries of the run are removed, only the result names the kept file.
#[test]
fn failed_operation_never_hides_which_files_were_kept() {
    let (disk, mut degraded) = (disk_with_files(), Vec::new());
    for at in 0.. {
        let disk = disk.fork();
        let plan_before = plan(&disk.spawn(10));
        let process = disk.spawn(50);
        process.plan(Moment::Operation(at), Fault::Error(ErrorKind::PermissionDenied));
        let erase = |contexta: Contexta| {
            let backups = Some(Path::new("/backups"));
            contexta.erase(&plan_before, backups, &EraseOptions::default(), Progress::none())
        };
        let result = workspace(&process).and_then(erase);
        let is_last = process.operations() <= at;
        drop(process);
        let is_named = plan(&disk.spawn(60)).unsaved_files == paths(&[LATER_CHANGED]);
        let kept = result.as_ref().is_ok_and(|result| result.kept_files == paths(&[LATER_CHANGED]));
        assert!(is_named || kept, "{at} {result:?}");
        if let Ok(result) = result {
            assert_eq!(result.status, RecoveryStatus::Degraded, "{at} {result:?}");
            degraded.extend(result.notes.iter().map(|note| note.code));
        }
        if is_last {
            break;
        }
    }
    for code in ["erase_segment_kept", "erase_digests_not_recorded", "erase_tables_kept"] {
        assert!(degraded.contains(&code), "{code}: {degraded:?}");
    }
}
