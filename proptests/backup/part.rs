//! Crashes, second crashes and errors at every operation of a restore of one run or one artifact.

use crate::backup::crash::{crash_at_every_change, fail_at_every_operation};
use crate::backup::site::{LATER, backups, capture_run, create, open, survival};
use contexta::contract::ArtifactRef;
use contexta::engine::entry::Seq;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess, Survival};
use contexta::recovery::{EraseOptions, Progress, RecoveryStatus, VerifyOptions};
use contexta::{ApplyPart, Options, PartRestore, RestoredPart, Result};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A disk with a backup of the runs `lost` and `kept`.
fn backed_up() -> (SimDisk, String) {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1, "/w");
    capture_run(&disk, &contexta, "lost", 4);
    capture_run(&disk, &contexta, "kept", 2);
    contexta.close().unwrap();
    drop(contexta);
    disk.advance(LATER);
    let backup = create(&disk.spawn(2), "all").unwrap().backup_ref.to_string();
    disk.advance(LATER);
    (disk, backup)
}

/// A disk from which the run `lost` was deleted.
fn without_run() -> (SimDisk, String) {
    let (disk, backup) = backed_up();
    let contexta = open(&disk, 3, "/w");
    let repository = Some(Path::new("/backups"));
    let plan = contexta.plan_erasure(&["lost".to_owned()], repository).unwrap();
    contexta.erase(&plan, repository, &EraseOptions::default(), Progress::none()).unwrap();
    contexta.close().unwrap();
    drop(contexta);
    disk.advance(LATER);
    (disk, backup)
}

fn restore(process: &Arc<SimProcess>, backup: &str, part: &RestoredPart) -> Result<PartRestore> {
    let options = Options::new("/w").storage(Arc::<SimProcess>::clone(process)).detect_code_revision(false);
    options.must_exist().open()?.restore_part(&backups(process), backup, part, ApplyPart::Apply)
}

fn run() -> RestoredPart {
    RestoredPart::Run("lost".into())
}

/// The numbers of points and artifacts of a run; `None` if the workspace does not have the run.
fn content(disk: &SimDisk, name: &str) -> Option<(u64, usize)> {
    let contexta = open(disk, 70, "/w");
    let report = contexta.verify(VerifyOptions::default()).unwrap();
    // The append of an incomplete frame has not returned. If sectors within the frame are lost and later sectors are
    // present, the end of the stream counts as damaged.
    let is_end = |lost: Option<(Seq, Option<Seq>)>| lost.is_some_and(|(_, last)| last.is_none());
    let mut problems = report.problems.iter();
    assert!(problems.all(|p| p.code == "torn" || (p.code == "damaged" && is_end(p.lost))), "{report:?}");
    let snapshot = contexta.run_snapshot(name).ok()?;
    let points: u64 = snapshot.metrics.iter().map(|series| series.count).sum();
    Some((points, snapshot.artifacts.len()))
}

/// Checks that the restore can be repeated, and that the repetition restores the run once.
fn check_repeated(disk: &SimDisk, backup: &str, at: u64) {
    assert_eq!(content(disk, "kept"), Some((2, 1)), "{at}");
    let result = restore(&disk.spawn(71), backup, &run()).unwrap_or_else(|e| panic!("{at}: {e:?}"));
    assert_eq!(result.status, RecoveryStatus::Success, "{at} {result:?}");
    assert_eq!((content(disk, "lost"), content(disk, "kept")), (Some((4, 1)), Some((2, 1))), "{at}");
    let again = restore(&disk.spawn(72), backup, &run()).unwrap();
    assert_eq!(again.added.values().sum::<u64>(), 0, "{at} {again:?}");
}

#[test]
fn killed_restore_of_a_run_can_be_repeated() {
    let (disk, backup) = without_run();
    let crashes = crash_at_every_change(
        &disk,
        |process| restore(process, &backup, &run()),
        |disk, at| {
            let found = content(disk, "lost");
            assert!([None, Some((4, 1))].contains(&found), "{at}: a part of the run is visible: {found:?}");
            // The second restore is killed too.
            let second = disk.spawn(60);
            second.plan(Moment::Change(at % 13), Fault::Kill);
            let _ = restore(&second, &backup, &run());
            disk.crash(survival(at + 1));
            check_repeated(disk, &backup, at);
        },
    );
    assert!(crashes > 10, "{crashes}");
}

#[test]
fn failed_operation_of_a_restore_of_a_run_loses_nothing() {
    let (disk, backup) = without_run();
    let failed = Cell::new(0);
    fail_at_every_operation(
        &disk,
        |process| restore(process, &backup, &run()),
        |disk, result, at| {
            failed.set(failed.get() + u64::from(result.is_err()));
            if let Ok(result) = result
                && result.status == RecoveryStatus::Success
            {
                assert_eq!(content(disk, "lost"), Some((4, 1)), "{at} {result:?}");
            }
            check_repeated(disk, &backup, at);
        },
    );
    assert!(failed.get() > 20, "{failed:?}");
}

/// The clock of the deletion was far ahead, so that the restored entries are erased too.
#[test]
fn restored_run_that_stays_deleted_is_reported() {
    let (disk, backup) = backed_up();
    const YEAR: i64 = 31_536_000_000_000_000;
    disk.advance(YEAR);
    let contexta = open(&disk, 3, "/w");
    let repository = Some(Path::new("/backups"));
    let plan = contexta.plan_erasure(&["lost".to_owned()], repository).unwrap();
    contexta.erase(&plan, repository, &EraseOptions::default(), Progress::none()).unwrap();
    contexta.close().unwrap();
    drop(contexta);
    disk.advance(-YEAR);
    let result = restore(&disk.spawn(4), &backup, &run()).unwrap();
    assert_eq!(result.status, RecoveryStatus::Degraded, "{result:?}");
    assert!(result.notes.iter().any(|note| note.code == "restore_run_hidden"), "{result:?}");
    assert_eq!(content(&disk, "lost"), None);
    disk.advance(YEAR + LATER);
    let result = restore(&disk.spawn(5), &backup, &run()).unwrap();
    assert!(!result.notes.iter().any(|note| note.code == "restore_run_hidden"), "{result:?}");
    assert_eq!(content(&disk, "lost"), Some((4, 1)));
}

/// A disk whose workspace has lost the body of the artifact of `lost`, or has a damaged body.
fn without_body(is_damaged: bool) -> (SimDisk, String, RestoredPart, PathBuf) {
    let (disk, backup) = backed_up();
    let own: ArtifactRef = {
        let contexta = open(&disk, 3, "/w");
        contexta.run_snapshot("lost").unwrap().artifacts[0].manifest.artifact_ref.clone()
    };
    let is_body = |path: &PathBuf| {
        path.starts_with("/w/artifacts/objects")
            && disk.read(path).is_some_and(|bytes| bytes.starts_with(b"the weights of lost"))
    };
    let path = disk.paths().into_iter().find(is_body).unwrap();
    match is_damaged {
        true => {
            let len = disk.read(&path).unwrap().len();
            disk.overwrite(&path, vec![0; len]);
        }
        false => disk.remove_tree(&path),
    }
    (disk, backup, RestoredPart::Artifact(own), path)
}

#[test]
fn interrupted_restore_of_an_artifact_leaves_the_old_or_the_new_body_and_can_be_repeated() {
    for is_damaged in [false, true] {
        let (disk, backup, part, path) = without_body(is_damaged);
        let before = disk.read(&path);
        let check = |disk: &SimDisk, at: u64| {
            let found = disk.read(&path);
            let is_new = found.as_ref().is_some_and(|bytes| bytes.starts_with(b"the weights of lost"));
            assert!(is_new || found == before, "{at}: {:?}", found.map(|bytes| bytes.len()));
            let second = disk.spawn(60);
            second.plan(Moment::Change(at % 5), Fault::Kill);
            let _ = restore(&second, &backup, &part);
            disk.crash(Survival::Dropped);
            let result = restore(&disk.spawn(61), &backup, &part).unwrap_or_else(|e| panic!("{at}: {e:?}"));
            assert_eq!(result.status, RecoveryStatus::Success, "{at} {result:?}");
            disk.crash(Survival::Dropped);
            assert_eq!((content(disk, "lost"), content(disk, "kept")), (Some((4, 1)), Some((2, 1))), "{at}");
        };
        let apply = |process: &Arc<SimProcess>| restore(process, &backup, &part);
        let crashes = crash_at_every_change(&disk, apply, check);
        assert!(crashes > 4, "{crashes}");
        fail_at_every_operation(&disk, apply, |disk, result, at| {
            if let Ok(result) = &result
                && result.status == RecoveryStatus::Success
            {
                let bytes = disk.read(&path).unwrap();
                assert!(bytes.starts_with(b"the weights of lost"), "{at} {result:?}");
            }
            check(disk, at);
        });
    }
}
