//! Tests of writers that append during a backup or a restore.

use crate::backup::site::{
    Changed, backups, capture_run, changed, code, create, digest, open, restore, restored_digest,
};
use contexta::Options;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk};
use contexta::recovery::{Progress, RecoveryStatus, RestoreOptions, StreamRow};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// In each repetition, a writer captures a run before another operation of a backup. The backup contains a
/// consistent prefix of the stream.
#[test]
fn backup_beside_a_writer_is_a_consistent_prefix() {
    let Changed { disk, new, .. } = changed();
    let operations = {
        let process = disk.fork().spawn(50);
        create(&process, "second").unwrap();
        process.operations()
    };
    for at in 0..operations {
        let disk = disk.fork();
        let writer = Arc::new(open(&disk, 40, "/w"));
        let run = writer.run("live").start().unwrap();
        let process = disk.spawn(50);
        let (captures, files) = (Arc::clone(&writer), disk.clone());
        let during = move || capture_run(&files, &captures, "during", 2);
        process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(during)));
        let backup = create(&process, "second").unwrap();
        assert_eq!(backup.status, RecoveryStatus::Success, "{at} {backup:?}");
        assert_ne!(restored_digest(&disk, backup.backup_ref.as_str()), new, "{at}");
        assert_eq!(code(&restore(&disk.spawn(51), backup.backup_ref.as_str())), Some("workspace_in_use"));
        run.complete().unwrap();
    }
}

#[test]
fn torn_end_of_a_stream_is_left_out() {
    let Changed { disk, new, .. } = changed();
    let log = open(&disk, 41, "/w").log_streams().unwrap();
    let StreamRow { stream, segments, .. } = log.last().unwrap();
    let path = format!("/w/log/{stream}/{:020}.seg", segments.last().unwrap().base.0);
    let path = Path::new(&path);
    let mut bytes = disk.read(path).unwrap();
    bytes.extend_from_slice(b"CxF1, the beginning of a frame");
    disk.overwrite(path, bytes);
    let backup = create(&disk.spawn(50), "torn").unwrap();
    assert!(backup.notes.iter().any(|note| note.code == "backup_stream_end_left_out"), "{backup:?}");
    assert_eq!(restored_digest(&disk, backup.backup_ref.as_str()), new);
}

/// A writer captures a run in the middle of a restore, at every operation in turn, and ends or keeps running. The writer
/// has opened the workspace during the restore, or earlier without appending an entry. The run is in the workspace, in a
/// backup, or in the replaced log that was kept.
#[test]
fn entries_that_are_captured_during_a_restore_are_not_lost() {
    let Changed { disk, backup, old, .. } = changed();
    let operations = {
        let process = disk.fork().spawn(50);
        restore(&process, &backup).unwrap();
        process.operations()
    };
    let (mut saved, mut kept) = (0, 0);
    let kinds = [(true, true), (true, false), (false, true), (false, false)];
    for (at, (ends, is_opened)) in (0..operations).flat_map(|at| kinds.map(|kind| (at, kind))) {
        let disk = disk.fork();
        let process = disk.spawn(50);
        let opened = is_opened.then(|| open(&disk, 42, "/w"));
        let running = Arc::new(Mutex::new(None));
        let (captured, slot) = (disk.clone(), Arc::clone(&running));
        let during = move || {
            let contexta = opened.unwrap_or_else(|| open(&captured, 42, "/w"));
            capture_run(&captured, &contexta, "during", 1);
            *slot.lock().unwrap() = (!ends).then_some(contexta);
        };
        process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(during)));
        let result = restore(&process, &backup);
        assert!(has_run(&disk, "/w", "first"), "{at} {ends} {is_opened} {result:?}");
        if has_run(&disk, "/w", "during") {
            // An applied restore has removed the later run.
            let is_applied = result.as_ref().is_ok_and(|result| result.applied);
            assert!(!is_applied || !has_run(&disk, "/w", "second"), "{at} {ends} {is_opened} {result:?}");
            continue;
        }
        assert_eq!(digest(&disk, "/w"), old, "{at} {result:?}");
        if is_in_a_backup(&disk) {
            saved += 1;
            continue;
        }
        let is_kept = |path: &PathBuf| path.to_string_lossy().starts_with("/w/log.kept-");
        let segment =
            disk.paths().into_iter().find(is_kept).unwrap_or_else(|| panic!("{at} {ends} {result:?}"));
        disk.copy_tree(segment.ancestors().nth(2).unwrap(), Path::new("/x/log"));
        assert!(has_run(&disk, "/x", "during"), "{at}");
        kept += 1;
    }
    assert!(saved > 0 && kept > 0, "{saved} {kept}");
}

fn has_run(disk: &SimDisk, path: &str, name: &str) -> bool {
    open(disk, 43, path).list_runs(None).unwrap().runs.iter().any(|run| run.run.name == name)
}

/// A reader opens the target in the middle of a restore into a new directory, at every operation in turn. A reader
/// finishes interrupted replacements.
#[test]
fn restore_into_a_new_directory_beside_a_reader_is_complete() {
    let Changed { disk, backup, old, .. } = changed();
    let target = RestoreOptions { target_workspace: Some("/n".into()), ..RestoreOptions::default() };
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        let read = disk.clone();
        let during = move || {
            let options = Options::new("/n").storage(read.process(42)).must_exist().read_only();
            drop(options.open().map(|contexta| contexta.list_runs(None)));
        };
        process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(during)));
        let site = backups(&process);
        let plan = site.plan_restore(&backup, &target).unwrap();
        let result = site.restore(&plan, Progress::none()).unwrap();
        assert_eq!((result.status, result.applied), (RecoveryStatus::Success, true), "{at} {result:?}");
        assert_eq!(digest(&disk, "/n"), old, "{at}");
        if process.operations() <= at {
            break;
        }
    }
}

/// The target has no entry when the restore is planned.
#[test]
fn entries_that_are_captured_after_the_plan_are_backed_up() {
    let Changed { disk, backup, old, .. } = changed();
    drop(open(&disk, 40, "/n"));
    let target = RestoreOptions { target_workspace: Some("/n".into()), ..RestoreOptions::default() };
    let site = backups(&disk.spawn(50));
    let plan = site.plan_restore(&backup, &target).unwrap();
    let contexta = open(&disk, 41, "/n");
    capture_run(&disk, &contexta, "during", 1);
    drop(contexta);
    let result = site.restore(&plan, Progress::none()).unwrap();
    assert_eq!((result.status, result.applied), (RecoveryStatus::Success, true), "{result:?}");
    assert!(result.safety_backup_ref.is_some());
    assert_eq!(digest(&disk, "/n"), old);
    assert!(is_in_a_backup(&disk));
}

fn is_in_a_backup(disk: &SimDisk) -> bool {
    let rows = backups(&disk.spawn(44)).list().unwrap().backups;
    // The first backup was created before the capture.
    rows.iter().filter(|row| row.label.as_deref() != Some("first")).any(|row| {
        let disk = disk.fork();
        let site = backups(&disk.spawn(45));
        let target = RestoreOptions { target_workspace: Some("/r".into()), ..RestoreOptions::default() };
        let plan = site.plan_restore(row.backup_ref.as_str(), &target).unwrap();
        site.restore(&plan, Progress::none()).unwrap();
        has_run(&disk, "/r", "during")
    })
}

#[test]
fn restored_streams_are_not_continued() {
    let Changed { disk, backup, .. } = changed();
    restore(&disk.spawn(50), &backup).unwrap();
    let contexta = open(&disk, 47, "/w");
    let restored: Vec<_> =
        contexta.log_streams().unwrap().into_iter().map(|row| (row.stream, row.last)).collect();
    assert!(!restored.is_empty());
    capture_run(&disk, &contexta, "after", 1);
    contexta.close().unwrap();
    let after = contexta.log_streams().unwrap();
    assert_eq!(after.len(), restored.len() + 1);
    for (stream, last) in restored {
        assert!(after.iter().any(|row| (row.stream, row.last) == (stream, last)), "{stream}");
    }
}
