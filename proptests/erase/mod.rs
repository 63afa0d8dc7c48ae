//! Tests of erasures on the simulated disk: crashes and errors at every operation, a second crash, and a full disk.

mod bodies;
mod directory;
mod kept;
mod outbox;
mod tables;

use crate::backup::site::{LATER, capture_run, create, open, survival};
use contexta::capture::RunScope;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess, Survival};
use contexta::recovery::{
    EraseOptions, EraseResult, Progress, RecoveryStatus, RetentionResult, RetentionRules, VerifyOptions,
};
use contexta::{Contexta, Options, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A disk with a workspace and its backup. The runs `first` and `second` have artifacts, and share a body.
fn disk() -> SimDisk {
    disk_with(|_, _| ())
}

/// Such a disk, on which `capture` captures more facts of the run `first-more`.
fn disk_with(capture: impl Fn(&SimDisk, &RunScope)) -> SimDisk {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1, "/w");
    for name in ["first", "second"] {
        capture_run(&disk, &contexta, name, 4);
        disk.overwrite(Path::new("/src/shared.bin"), b"shared".to_vec());
        let run = contexta.run(&format!("{name}-more")).run_id(&format!("{name}-more")).start().unwrap();
        run.register_artifact("shared", "/src/shared.bin").unwrap();
        if name == "first" {
            capture(&disk, &run);
        }
        run.complete().unwrap();
    }
    contexta.close().unwrap();
    drop(contexta);
    disk.advance(LATER);
    create(&disk.spawn(2), "all").unwrap();
    disk.advance(LATER);
    // Every change becomes durable, so that a later crash does not damage the last segment.
    disk.crash(Survival::Kept);
    disk
}

const ERASED: [&str; 2] = ["first", "first-more"];
const KEPT: [&str; 2] = ["second", "second-more"];

fn workspace(process: &Arc<SimProcess>) -> Result<Contexta> {
    let options = Options::new("/w").storage(Arc::<SimProcess>::clone(process)).detect_code_revision(false);
    options.must_exist().open()
}

/// The refs of the erased runs, with which an interrupted erasure is repeated.
fn refs() -> Vec<String> {
    ERASED.iter().map(|name| format!("run:default.{name}")).collect()
}

fn erase(process: &Arc<SimProcess>) -> Result<EraseResult> {
    erase_with(process, &EraseOptions::default())
}

fn erase_by_force(process: &Arc<SimProcess>) -> Result<EraseResult> {
    erase_with(process, &EraseOptions { without_backup: true, ..EraseOptions::default() })
}

fn erase_with(process: &Arc<SimProcess>, options: &EraseOptions) -> Result<EraseResult> {
    let contexta = workspace(process)?;
    let backups = Some(Path::new("/backups"));
    let plan = contexta.plan_erasure(&refs(), backups)?;
    contexta.erase(&plan, backups, options, Progress::none())
}

/// Returns the names of all visible runs, and checks that the kept runs are complete.
fn visible(disk: &SimDisk) -> Vec<String> {
    let contexta = workspace(&disk.spawn(70)).unwrap();
    let report = contexta.verify(VerifyOptions::default()).unwrap();
    // The append of an incomplete frame has not returned.
    assert!(report.problems.iter().all(|problem| problem.code == "torn"), "{report:?}");
    for name in KEPT {
        assert_eq!(contexta.run_snapshot(name).unwrap().artifacts.len(), 1, "{name}");
    }
    let mut names: Vec<String> =
        contexta.list_runs(None).unwrap().runs.iter().map(|run| run.run.name.clone()).collect();
    names.sort();
    names
}

fn bodies(disk: &SimDisk) -> usize {
    disk.paths().iter().filter(|path| path.starts_with("/w/artifacts/objects")).count()
}

/// Checks that an erasure that is applied now leaves nothing of the erased runs.
fn check_repeated(disk: &SimDisk, at: u64) {
    let result = erase(&disk.spawn(71));
    let result = result.unwrap_or_else(|e| panic!("{at}: {e:?}"));
    assert_eq!(result.status, RecoveryStatus::Success, "{at} {result:?}");
    assert_eq!(visible(disk), KEPT, "{at}");
    // The body of `second`, and the shared body.
    assert_eq!(bodies(disk), 2, "{at}");
}

#[test]
fn erased_runs_are_not_visible_and_their_own_bodies_are_removed() {
    let disk = disk();
    assert_eq!((visible(&disk).len(), bodies(&disk)), (4, 3));
    let result = erase(&disk.spawn(50)).unwrap();
    assert_eq!(
        (result.status, result.bodies, result.runs.len()),
        (RecoveryStatus::Success, 1, 2),
        "{result:?}"
    );
    assert!(result.entries > 8 && result.backup_ref.is_some(), "{result:?}");
    assert_eq!((visible(&disk), bodies(&disk)), (KEPT.map(str::to_owned).to_vec(), 2));
    check_repeated(&disk, 0);
}

#[test]
fn killed_erasure_leaves_all_runs_or_none_of_the_erased_runs_and_can_be_repeated() {
    let disk = disk();
    let mut hidden = 0;
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Change(at), Fault::Kill);
        let result = erase(&process);
        if process.is_alive() {
            result.unwrap();
            break;
        }
        disk.crash(survival(at));
        let names = visible(&disk);
        assert!(names.len() == 4 || names == KEPT, "{at} {names:?}");
        hidden += u64::from(names == KEPT);
        // The second erasure is killed too.
        let second = disk.spawn(60);
        second.plan(Moment::Change(at % 7), Fault::Kill);
        let _ = erase(&second);
        disk.crash(Survival::Dropped);
        check_repeated(&disk, at);
    }
    assert!(hidden > 3, "{hidden}");
}

#[test]
fn failed_operation_of_an_erasure_loses_nothing_of_the_other_runs() {
    let (disk, mut kept) = (disk(), 0);
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Operation(at), Fault::Error(ErrorKind::PermissionDenied));
        let result = erase(&process);
        let is_last = process.operations() <= at;
        let names = visible(&disk);
        assert!(names.len() == 4 || names == KEPT, "{at} {names:?}");
        drop(process);
        if let Ok(result) = &result {
            assert_eq!(names, KEPT, "{at} {result:?}");
            let plan = workspace(&disk.spawn(61)).unwrap().plan_erasure(&refs(), None).unwrap();
            let remains = plan.runs.iter().any(|run| run.entries > 0);
            assert!(result.status == RecoveryStatus::Degraded || !remains, "{at} {result:?}");
            let has_note = result.notes.iter().any(|note| note.code == "erase_segment_kept");
            kept += u64::from(remains && has_note);
        }
        check_repeated(&disk, at);
        if is_last {
            result.unwrap();
            break;
        }
    }
    assert!(kept > 0, "{kept}");
}

#[test]
fn runs_without_an_intact_backup_are_not_erased() {
    let disk = disk();
    // Each of these changes makes the backup useless for the runs.
    for change in 0..3 {
        let disk = disk.fork();
        match change {
            0 => disk.remove_tree(Path::new("/backups/backups")),
            1 => {
                let objects = disk.paths().into_iter().filter(|path| path.starts_with("/backups/objects"));
                objects.for_each(|path| disk.overwrite(&path, b"damaged".to_vec()));
            }
            _ => {
                let contexta = open(&disk, 4, "/w");
                contexta
                    .annotate_run(
                        &contexta.find_run("first").unwrap(),
                        contexta::contract::fact::Change::Note("after the backup".into()),
                    )
                    .unwrap();
            }
        }
        let code = erase(&disk.spawn(50)).unwrap_err().code();
        assert_eq!(code, "recovery_not_backed_up", "{change}");
        assert_eq!(visible(&disk).len(), 4, "{change}");
    }
}

/// A day and an hour in nanoseconds.
const DAY_AND_HOUR: i64 = 90_000_000_000_000;

/// A disk with old cached files, exports and reports, and with a body that no artifact uses.
fn disk_with_old_files() -> SimDisk {
    let disk = disk();
    for name in
        ["cache/a", "cache/sub/b", "exports/c", "reports/d", "recovery/staging/body-0123456789abcdef.tmp"]
    {
        disk.overwrite(&Path::new("/w").join(name), vec![7; 5_000]);
    }
    let unused = blake3_name(b"unused");
    disk.overwrite(&Path::new("/w/artifacts/objects").join(unused), b"unused".to_vec());
    disk.advance(DAY_AND_HOUR);
    disk
}

/// Returns the path of a body in the directory of bodies.
fn blake3_name(content: &[u8]) -> String {
    let digest = contexta::engine::Digest::of(content).to_string();
    format!("{}/{}", &digest[..2], &digest[2..])
}

fn retain(process: &Arc<SimProcess>) -> Result<RetentionResult> {
    let contexta = workspace(process)?;
    let rules = RetentionRules {
        cache_days: Some(1),
        report_days: Some(2),
        export_days: Some(1),
        removes_bodies: true,
        ..RetentionRules::default()
    };
    let plan = contexta.plan_retention(rules)?;
    contexta.retain(&plan)
}

fn check_retained(disk: &SimDisk, at: u64) {
    let result = retain(&disk.spawn(71)).unwrap_or_else(|e| panic!("{at}: {e:?}"));
    assert_eq!(result.status, RecoveryStatus::Success, "{at} {result:?}");
    let names = ["cache/a", "cache/sub/b", "exports/c", "recovery/staging/body-0123456789abcdef.tmp"];
    for name in names {
        assert_eq!(disk.read(&Path::new("/w").join(name)), None, "{at} {name}");
    }
    // The report is too young, and the artifacts use three bodies.
    assert!(disk.read(Path::new("/w/reports/d")).is_some(), "{at}");
    assert_eq!((visible(disk).len(), bodies(disk)), (4, 3), "{at}");
}

#[test]
fn interrupted_removal_of_old_files_removes_nothing_else_and_can_be_repeated() {
    let disk = disk_with_old_files();
    assert_eq!(bodies(&disk), 4);
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Change(at), Fault::Kill);
        let result = retain(&process);
        if process.is_alive() {
            let result = result.unwrap();
            assert_eq!((result.files, result.bodies), (4, 1), "{result:?}");
            assert!(at > 4, "{at}");
            check_retained(&disk, at);
            break;
        }
        disk.crash(survival(at));
        check_retained(&disk, at);
    }
}

#[test]
fn failed_operation_of_a_removal_removes_nothing_else() {
    let disk = disk_with_old_files();
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Operation(at), Fault::Error(ErrorKind::PermissionDenied));
        let result = retain(&process);
        let is_last = process.operations() <= at;
        drop(process);
        check_retained(&disk, at);
        if is_last {
            result.unwrap();
            break;
        }
    }
}

#[test]
fn removal_of_old_files_and_erasure_work_on_a_full_disk() {
    let disk = disk_with_old_files();
    let full = disk.fork();
    full.set_free_bytes(Some(0));
    let result = retain(&full.spawn(50)).unwrap();
    assert_eq!((result.status, result.files), (RecoveryStatus::Success, 4), "{result:?}");
    // An erasure removes the cached files if the disk is full.
    disk.overwrite(Path::new("/w/cache/large"), vec![7; 400_000]);
    disk.set_free_bytes(Some(0));
    let result = erase(&disk.spawn(51)).unwrap();
    assert!(result.notes.iter().any(|note| note.code == "erase_cache_removed"), "{result:?}");
    assert_eq!(disk.read(Path::new("/w/cache/large")), None);
    assert_eq!(visible(&disk), KEPT);
    // Without cached files, the erasure removes the saved tables.
    let full = self::disk();
    drop(workspace(&full.spawn(54)).unwrap().list_runs(None).unwrap());
    let saved = full.paths().into_iter().filter(|path| path.starts_with("/w/projections"));
    let saved: Vec<PathBuf> = saved.filter(|path| path.extension().is_some_and(|e| e == "gen")).collect();
    let without_tables = full.fork();
    full.set_free_bytes(Some(0));
    let result = erase(&full.spawn(52)).unwrap();
    assert!(result.notes.iter().any(|note| note.code == "erase_tables_removed"), "{result:?}");
    assert!(saved.iter().all(|path| full.read(path).is_none()));
    assert_eq!(visible(&full), KEPT);
    // Without saved tables, the erasure fails and changes nothing.
    saved.iter().for_each(|path| without_tables.remove_tree(path));
    without_tables.set_free_bytes(Some(0));
    assert_eq!(erase(&without_tables.spawn(53)).unwrap_err().code(), "storage_full");
    without_tables.set_free_bytes(None);
    assert_eq!(visible(&without_tables).len(), 4);
}
