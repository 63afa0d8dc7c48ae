//! Crashes, second crashes and errors at every operation of a backup, a restore and a removal.

use crate::backup::site::{
    Changed, LATER, backups, changed, create, digest, intact_backups, prune, readable_backups, restore,
    restored_digest, survival,
};
use contexta::engine::Digest;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess, Survival};
use contexta::recovery::{Progress, RecoveryStatus, RestoreOptions};
use contexta::{Options, Result};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Repeats `operate` on copies of the disk. In each repetition, the process is killed at a later change and
/// the power is cut. Then `check` is called with the disk. The last repetition completes without a crash.
/// Returns the number of crashes.
pub(crate) fn crash_at_every_change<T>(
    disk: &SimDisk,
    operate: impl Fn(&Arc<SimProcess>) -> Result<T>,
    check: impl Fn(&SimDisk, u64),
) -> u64 {
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Change(at), Fault::Kill);
        let result = operate(&process);
        if process.is_alive() {
            result.unwrap();
            check(&disk, at);
            return at;
        }
        disk.crash(survival(at));
        check(&disk, at);
    }
    0
}

/// Repeats `operate` on copies of the disk. In each repetition, another operation of the process fails. Then
/// `check` is called with the result.
pub(crate) fn fail_at_every_operation<T>(
    disk: &SimDisk,
    operate: impl Fn(&Arc<SimProcess>) -> Result<T>,
    check: impl Fn(&SimDisk, Result<T>, u64),
) {
    for at in 0.. {
        for fault in [ErrorKind::PermissionDenied, ErrorKind::StorageFull] {
            let disk = disk.fork();
            let process = disk.spawn(50);
            let planned = match fault {
                ErrorKind::StorageFull => Fault::ErrorAfter(fault),
                _ => Fault::Error(fault),
            };
            process.plan(Moment::Operation(at), planned);
            let result = operate(&process);
            let is_last = process.operations() <= at;
            check(&disk, result, at);
            if is_last {
                return;
            }
        }
    }
}

#[test]
fn killed_backup_is_complete_or_does_not_exist() {
    let Changed { disk, old, new, backup: first } = changed();
    let crashes = crash_at_every_change(
        &disk,
        |process| create(process, "second"),
        |disk, at| {
            for backup in intact_backups(disk) {
                let expected = if backup == first { old } else { new };
                assert_eq!(restored_digest(disk, &backup), expected, "{at} {backup}");
            }
            // The next backup uses the objects that the killed process has written.
            let again = create(&disk.spawn(60), "again").unwrap();
            assert_eq!(again.status, RecoveryStatus::Success, "{at} {again:?}");
            assert_eq!(restored_digest(disk, again.backup_ref.as_str()), new, "{at}");
            assert_eq!(digest(disk, "/w"), new, "{at}");
        },
    );
    assert!(crashes > 10, "{crashes}");
}

/// The second backup uses objects of the killed one. The power is cut after the second backup.
#[test]
fn objects_of_a_killed_backup_are_durable_when_the_next_backup_uses_them() {
    let Changed { disk: changed, backup: first, old, new } = changed();
    let unsaved = changed.fork();
    unsaved.remove_tree(Path::new("/backups"));
    for disk in [changed, unsaved] {
        let mut at = 0;
        loop {
            let disk = disk.fork();
            let process = disk.spawn(50);
            process.plan(Moment::Change(at), Fault::Kill);
            let _ = create(&process, "killed");
            if process.is_alive() {
                break;
            }
            let second = create(&disk.spawn(60), "second").unwrap().backup_ref.to_string();
            disk.crash(Survival::Dropped);
            let intact = intact_backups(&disk);
            assert!(intact.contains(&second), "{at} {intact:?}");
            for backup in intact {
                let expected = if backup == first { old } else { new };
                assert_eq!(restored_digest(&disk, &backup), expected, "{at} {backup}");
            }
            at += 1;
        }
        assert!(at > 10, "{at}");
    }
}

#[test]
fn failed_operation_of_a_backup_is_an_error_or_a_note() {
    let Changed { disk, new, .. } = changed();
    fail_at_every_operation(
        &disk,
        |process| create(process, "second"),
        |disk, result, at| {
            let Ok(result) = result else {
                intact_backups(disk);
                return;
            };
            if result.status == RecoveryStatus::Success {
                assert_eq!(restored_digest(disk, result.backup_ref.as_str()), new, "{at} {result:?}");
            } else {
                assert!(!result.notes.is_empty(), "{at}");
            }
        },
    );
}

#[test]
fn killed_restore_leaves_the_old_or_the_new_workspace() {
    let Changed { disk, backup, old, new } = changed();
    let crashes = crash_at_every_change(
        &disk,
        |process| restore(process, &backup),
        |disk, at| {
            let opened = disk.fork();
            let found = digest(&opened, "/w");
            assert!(found == old || found == new, "{at}");
            // The restore can be repeated on a disk on which no process has opened the workspace yet, and on
            // a disk on which a process has opened it.
            for disk in [disk, &opened] {
                let disk = disk.fork();
                let again = restore(&disk.spawn(60), &backup).unwrap();
                assert!(again.applied, "{at} {again:?}");
                assert_eq!(digest(&disk, "/w"), old, "{at}");
                let rest: Vec<_> = disk.paths().into_iter().filter(|path| is_leftover(path)).collect();
                assert_eq!(rest, Vec::<std::path::PathBuf>::new(), "{at}");
            }
        },
    );
    assert!(crashes > 25, "{crashes}");
}

/// Returns `true` if the path belongs to a restored log, a replaced log or a log in preparation.
fn is_leftover(path: &std::path::Path) -> bool {
    ["/w/log.restored", "/w/log.replaced", "/w/recovery/staging/restore"]
        .iter()
        .any(|dir| path.starts_with(dir))
}

#[test]
fn restore_killed_twice_leaves_the_old_or_the_new_workspace() {
    let Changed { disk, backup, old, new } = changed();
    let changes = {
        let process = disk.fork().spawn(50);
        restore(&process, &backup).unwrap();
        process.changes()
    };
    for first in (0..changes).step_by(3) {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Change(first), Fault::Kill);
        // After the replacement, a failure is a note.
        let killed = restore(&process, &backup);
        assert!(killed.is_err() || killed.is_ok_and(|result| result.status == RecoveryStatus::Degraded));
        disk.crash(survival(first / 3));
        for second in (first % 7..changes).step_by(7) {
            let disk = disk.fork();
            let process = disk.spawn(51);
            process.plan(Moment::Change(second), Fault::Kill);
            let _ = restore(&process, &backup);
            disk.crash(survival(second));
            let found = digest(&disk.fork(), "/w");
            assert!(found == old || found == new, "{first} {second}");
            restore(&disk.spawn(60), &backup).unwrap();
            assert_eq!(digest(&disk, "/w"), old, "{first} {second}");
        }
    }
}

#[test]
fn replaced_content_is_in_a_backup_after_every_interrupted_restore() {
    let Changed { disk, backup, old, new } = changed();
    crash_at_every_change(
        &disk,
        |process| restore(process, &backup),
        |disk, at| {
            if digest(&disk.fork(), "/w") == old {
                let mut all = intact_backups(disk).into_iter();
                assert!(all.any(|name| name != backup && restored_digest(disk, &name) == new), "{at}");
            }
        },
    );
}

#[test]
fn failed_operation_of_a_restore_leaves_the_old_or_the_new_workspace() {
    let Changed { disk, backup, old, new } = changed();
    let (kept, left) = (Cell::new(0), Cell::new(0));
    fail_at_every_operation(
        &disk,
        |process| restore(process, &backup),
        |disk, result, at| {
            let found = digest(&disk.fork(), "/w");
            match result {
                Ok(result) => {
                    assert_eq!((result.applied, found), (true, old), "{at} {result:?}");
                    assert!(is_saved(disk, &backup, new), "{at} {result:?}");
                    let has = |code: &str| u32::from(result.notes.iter().any(|note| note.code == code));
                    kept.set(kept.get() + has("restore_replaced_log_kept"));
                    left.set(left.get() + has("restore_not_cleaned_up"));
                }
                Err(_) => assert!(found == old || found == new, "{at}"),
            }
            restore(&disk.spawn(60), &backup).unwrap();
            assert_eq!(digest(disk, "/w"), old, "{at}");
            assert!(is_saved(disk, &backup, new), "{at}");
        },
    );
    // A segment that the safety backup could not read, and failures after the replacement.
    assert!(kept.get() > 0 && left.get() > 0, "{kept:?} {left:?}");
}

/// Returns true if the log with the digest `expected` is in a later backup than `first`, or was kept beside the log.
fn is_saved(disk: &SimDisk, first: &str, expected: Digest) -> bool {
    let later = readable_backups(disk).into_iter().filter(|backup| backup != first);
    let mut saved = later.map(|backup| {
        let disk = disk.fork();
        let backups = backups(&disk.spawn(62));
        let options = RestoreOptions { target_workspace: Some("/r".into()), ..RestoreOptions::default() };
        let plan = backups.plan_restore(&backup, &options).unwrap();
        backups.restore(&plan, Progress::none()).unwrap().digest
    });
    saved.any(|saved| saved == expected)
        || kept_logs(disk).iter().any(|log| digest_of_log(disk, log) == Some(expected))
}

/// Returns the directories of replaced logs.
fn kept_logs(disk: &SimDisk) -> BTreeSet<PathBuf> {
    let is_kept = |path: &PathBuf| {
        path.parent() == Some(Path::new("/w"))
            && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log."))
    };
    disk.paths().iter().filter_map(|path| path.ancestors().map(Path::to_path_buf).find(is_kept)).collect()
}

/// Returns the digest of the workspace `/w` with another log.
fn digest_of_log(disk: &SimDisk, log: &Path) -> Option<Digest> {
    let disk = disk.fork();
    disk.copy_tree(Path::new("/w/artifacts"), Path::new("/x/artifacts"));
    disk.copy_tree(log, Path::new("/x/log"));
    let contexta = Options::new("/x").storage(disk.process(63)).detect_code_revision(false).open().ok()?;
    contexta.digest().ok().map(|(digest, _)| digest.digest)
}

/// The repository contains a damaged object of the right length. The safety backup uses the object, so the check of
/// this backup fails, and the replaced log is not removed.
#[test]
fn replaced_log_is_kept_if_its_backup_is_damaged() {
    let Changed { disk, backup, old, new } = changed();
    let objects = |disk: &SimDisk| -> BTreeSet<PathBuf> {
        disk.paths().into_iter().filter(|path| path.starts_with("/backups/objects")).collect()
    };
    let before = objects(&disk);
    create(&disk.spawn(4), "second").unwrap();
    let added: Vec<PathBuf> = objects(&disk).difference(&before).cloned().collect();
    assert!(!added.is_empty());
    for object in added {
        let mut bytes = disk.read(&object).unwrap();
        bytes[0] ^= 1;
        disk.overwrite(&object, bytes);
    }
    disk.advance(LATER);
    let result = restore(&disk.spawn(50), &backup).unwrap();
    assert_eq!((result.status, result.applied), (RecoveryStatus::Degraded, true), "{result:?}");
    assert!(result.notes.iter().any(|note| note.code == "restore_replaced_log_kept"), "{result:?}");
    assert_eq!(digest(&disk.fork(), "/w"), old);
    let kept = kept_logs(&disk);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(digest_of_log(&disk, kept.first().unwrap()), Some(new));
}

/// An interrupted restore has left a replaced log. Without safety backups, entries in this log may exist nowhere else.
#[test]
fn replaced_log_of_an_earlier_restore_is_kept_without_safety_backups() {
    let Changed { disk, backup, old, new } = changed();
    disk.copy_tree(Path::new("/w/log"), Path::new("/w/log.replaced"));
    let backups = backups(&disk.spawn(50)).safety_backup(false);
    let plan = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
    let result = backups.restore(&plan, Progress::none()).unwrap();
    assert_eq!((result.status, result.safety_backup_ref), (RecoveryStatus::Degraded, None));
    assert_eq!(digest(&disk.fork(), "/w"), old);
    let kept = kept_logs(&disk);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(digest_of_log(&disk, kept.first().unwrap()), Some(new));
}

#[test]
fn killed_removal_leaves_only_intact_backups() {
    let Changed { disk, backup, new, .. } = changed();
    let latest = create(&disk.spawn(4), "latest").unwrap().backup_ref.to_string();
    let crashes = crash_at_every_change(&disk, prune, |disk, at| {
        let left = intact_backups(disk);
        assert!(left == [latest.clone()] || left == [backup.clone(), latest.clone()], "{at} {left:?}");
        prune(&disk.spawn(60)).unwrap();
        assert_eq!(intact_backups(disk), std::slice::from_ref(&latest), "{at}");
        assert_eq!(restored_digest(disk, &latest), new, "{at}");
        // A further removal finds no object that is not needed.
        let objects = disk.paths().into_iter().filter(|path| path.starts_with("/backups/objects")).count();
        let again = disk.fork();
        assert!(prune(&again.spawn(61)).is_ok());
        let rest = again.paths().into_iter().filter(|path| path.starts_with("/backups/objects")).count();
        assert_eq!(objects, rest, "{at}");
    });
    assert!(crashes > 3, "{crashes}");
}

#[test]
fn failed_operation_of_a_removal_leaves_only_intact_backups() {
    let Changed { disk, new, .. } = changed();
    let latest = create(&disk.spawn(4), "latest").unwrap().backup_ref.to_string();
    fail_at_every_operation(&disk, prune, |disk, _, at| {
        assert!(intact_backups(disk).contains(&latest), "{at}");
        assert_eq!(restored_digest(disk, &latest), new, "{at}");
    });
}
