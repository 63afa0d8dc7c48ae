//! A crash, a second crash, or an error at every operation of a backup, a restore and a removal.

use crate::backup::site::{
    Changed, changed, create, digest, intact_backups, prune, restore, restored_digest, survival,
};
use contexta::Result;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess};
use contexta::recovery::RecoveryStatus;
use std::io::ErrorKind;
use std::sync::Arc;

/// Calls `operate` with a process that is killed at each of its changes in turn, cuts the power, and calls `check` with
/// the disk. Returns the number of crashes.
fn crash_at_every_change<T>(
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

/// Calls `operate` with a process of which one operation fails, for each operation in turn.
fn fail_at_every_operation<T>(
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
            // The next backup uses the objects of the killed one.
            let again = create(&disk.spawn(60), "again").unwrap();
            assert_eq!(again.status, RecoveryStatus::Success, "{at} {again:?}");
            assert_eq!(restored_digest(disk, again.backup_ref.as_str()), new, "{at}");
            assert_eq!(digest(disk, "/w"), new, "{at}");
        },
    );
    assert!(crashes > 10, "{crashes}");
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
            // The restore can be repeated, before and after a process has opened the workspace.
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

/// Returns true for a file of a restored or replaced log, or of a log that is being prepared.
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
        restore(&process, &backup).unwrap_err();
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
    fail_at_every_operation(
        &disk,
        |process| restore(process, &backup),
        |disk, result, at| {
            let found = digest(&disk.fork(), "/w");
            match result {
                Ok(result) => assert_eq!((result.applied, found), (true, old), "{at} {result:?}"),
                Err(_) => assert!(found == old || found == new, "{at}"),
            }
            restore(&disk.spawn(60), &backup).unwrap();
            assert_eq!(digest(disk, "/w"), old, "{at}");
        },
    );
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
        // Every remaining object is needed.
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
