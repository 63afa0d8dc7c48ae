//! Properties of backups: a restored workspace is equal to the original, and a backup writes only new data.

use crate::backup::site::{
    LATER, backups, capture_run, code, create, digest, intact_backups, open, restored_digest,
};
use contexta::Options;
use contexta::config::UnifiedConfig;
use contexta::contract::{Severity, Timestamp};
use contexta::engine::Digest;
use contexta::engine::storage::sim::SimDisk;
use contexta::recovery::{
    BackupVerifyOptions, KeepRules, Progress, RecoveryStatus, RestoreOptions, VerifyOptions,
};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The workspace grows several times and is backed up each time. Each backup is restored as a whole. In
    /// addition, the last backup is restored as of the time of each backup.
    #[test]
    fn restored_backup_equals_the_original(sizes in prop::collection::vec(0..30i64, 1..5), seed in any::<u64>()) {
        let disk = SimDisk::new(seed);
        let mut saved: Vec<(String, Digest, Timestamp)> = Vec::new();
        for (n, points) in sizes.iter().enumerate() {
            let contexta = open(&disk, n as u32 + 1, "/w");
            capture_run(&disk, &contexta, &format!("run-{n}"), *points);
            drop(contexta);
            disk.advance(LATER);
            let now = open(&disk, 89, "/w").session().now();
            disk.advance(LATER);
            let backup = create(&disk.spawn(70), "grown").unwrap();
            prop_assert_eq!(backup.status, RecoveryStatus::Success);
            saved.push((backup.backup_ref.to_string(), digest(&disk, "/w"), now));
            let unchanged = create(&disk.spawn(71), "unchanged").unwrap();
            prop_assert_eq!(unchanged.objects_written, 0);
        }
        prop_assert_eq!(intact_backups(&disk).len(), 2 * sizes.len());
        let last = saved.last().unwrap().0.clone();
        for (backup, expected, now) in saved {
            prop_assert_eq!(restored_digest(&disk, &backup), expected);
            let disk = disk.fork();
            let backups = backups(&disk.spawn(72));
            let options = RestoreOptions {
                target_workspace: Some("/then".into()),
                to_time: Some(now.into()),
                ..RestoreOptions::default()
            };
            let plan = backups.plan_restore(&last, &options).unwrap();
            let result = backups.restore(&plan, Progress::none()).unwrap();
            prop_assert_eq!(result.digest, expected);
            prop_assert_eq!(digest(&disk, "/then"), expected);
        }
    }
}

#[test]
fn backup_of_a_growing_stream_writes_only_new_bytes() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1, "/w");
    let run = contexta.run("long").start().unwrap();
    let text =
        |n: u64| -> String { (0..2_000u64).map(|i| ((i * 7919 + n * 104_729) % 9973).to_string()).collect() };
    for n in 0..600 {
        run.event("progress", &text(n)).unwrap();
    }
    let first = create(&disk.spawn(2), "first").unwrap();
    assert!(first.bytes_written > 3 << 20, "{first:?}");
    for n in 600..610 {
        run.event("progress", &text(n)).unwrap();
    }
    let second = create(&disk.spawn(2), "second").unwrap();
    // Only the last object of the stream contains old bytes that are written again.
    assert!(second.objects_written >= 1 && second.bytes_written < 2 << 20, "{second:?}");
    run.complete().unwrap();
}

#[test]
fn damaged_and_missing_objects_are_found_and_healed_by_the_next_backup_or_from_the_workspace() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1, "/w");
    capture_run(&disk, &contexta, "first", 5);
    drop(contexta);
    disk.advance(LATER);
    let backup = create(&disk.spawn(2), "first").unwrap().backup_ref.to_string();
    let expected = digest(&disk, "/w");
    let objects: Vec<_> =
        disk.paths().into_iter().filter(|path| path.starts_with("/backups/objects")).collect();
    assert!(objects.len() >= 2, "{objects:?}");
    for object in &objects {
        let content = disk.read(object).unwrap();
        let mut flipped = content.clone();
        flipped[0] ^= 1;
        for damaged in [None, Some(flipped), Some(content[..content.len() - 1].to_vec())] {
            let disk = disk.fork();
            match &damaged {
                Some(bytes) => disk.overwrite(object, bytes.clone()),
                None => disk.remove_tree(object),
            }
            let backups = backups(&disk.spawn(3));
            let found = backups.verify(&BackupVerifyOptions::default()).unwrap();
            assert_eq!((found.status, found.problems.len()), (RecoveryStatus::Failure, 1), "{found:?}");
            // A restore into `/w` does not read an object if `/w` contains the same body. The test therefore
            // checks the backup, and restores into a new workspace.
            for options in [
                RestoreOptions { verify_only: true, ..RestoreOptions::default() },
                RestoreOptions { target_workspace: Some("/new".into()), ..RestoreOptions::default() },
            ] {
                let plan = backups.plan_restore(&backup, &options).unwrap();
                let refused = backups.restore(&plan, Progress::none()).map(|r| r.applied).unwrap_err();
                assert_eq!(refused.code(), "recovery_backup_damaged");
                assert!(!disk.paths().iter().any(|path| path.starts_with("/new/log")));
            }
            assert_eq!(digest(&disk, "/w"), expected);
            if damaged.as_ref().is_none_or(|bytes| bytes.len() != content.len()) {
                let disk = disk.fork();
                create(&disk.spawn(4), "next").unwrap();
                assert_eq!(restored_digest(&disk, &backup), expected);
            }
            let healed = backups.heal("/w", &BackupVerifyOptions::default()).unwrap();
            assert_eq!((healed.status, healed.healed), (RecoveryStatus::Success, 1), "{healed:?}");
            assert_eq!(restored_digest(&disk, &backup), expected);
        }
    }
}

/// Returns the segments below a directory, in the order of their names.
fn segments(disk: &SimDisk, dir: &str) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "seg");
    disk.paths().into_iter().filter(is_segment).filter(|path| path.starts_with(dir)).collect()
}

#[test]
fn incomplete_backup_stays_recognisable_and_the_latest_complete_backup_is_kept() {
    let disk = SimDisk::new(1);
    let oldest = open(&disk, 1, "/w");
    capture_run(&disk, &oldest, "first", 3);
    let newest = open(&disk, 2, "/w");
    capture_run(&disk, &newest, "second", 3);
    let streams = newest.log_streams().unwrap();
    assert_eq!(streams.len(), 2);
    drop((oldest, newest));
    disk.advance(LATER);
    let older = create(&disk.spawn(3), "older").unwrap().backup_ref;
    disk.advance(LATER);
    let complete = create(&disk.spawn(3), "complete").unwrap().backup_ref;
    let expected = digest(&disk, "/w");
    for segment in segments(&disk, &format!("/w/log/{}", streams[1].stream)) {
        disk.remove_tree(&segment);
    }
    disk.advance(LATER);
    let incomplete = create(&disk.spawn(3), "incomplete").unwrap();
    assert_eq!((incomplete.status, incomplete.streams), (RecoveryStatus::Degraded, 1), "{incomplete:?}");
    let incomplete = incomplete.backup_ref;

    let site = backups(&disk.spawn(4));
    let rows = site.list().unwrap().backups;
    let states: Vec<_> = rows.iter().map(|row| row.status).collect();
    assert_eq!(states, [RecoveryStatus::Success, RecoveryStatus::Success, RecoveryStatus::Degraded]);
    let missing = rows[2].notes.iter().filter(|note| note.code == "backup_stream_missing");
    assert!(missing.map(|note| note.severity).eq([Severity::Error]));
    for (backup, status) in [(&complete, RecoveryStatus::Success), (&incomplete, RecoveryStatus::Degraded)] {
        let options = BackupVerifyOptions { backup: Some(backup.clone()), ..BackupVerifyOptions::default() };
        let report = site.verify(&options).unwrap();
        assert_eq!((report.status, report.notes.is_empty()), (status, status == RecoveryStatus::Success));
    }
    let options = RestoreOptions { target_workspace: Some("/r".into()), ..RestoreOptions::default() };
    let plan = site.plan_restore(incomplete.as_str(), &options).unwrap();
    assert!(plan.notes.iter().any(|note| note.code == "backup_incomplete"), "{plan:?}");
    let restored = site.restore(&plan, Progress::none()).unwrap();
    assert_eq!((restored.status, restored.applied), (RecoveryStatus::Degraded, true), "{restored:?}");

    let plan = site.plan_prune(KeepRules { last: 1 }).unwrap();
    assert_eq!((&plan.kept, &plan.removed), (&vec![complete.clone(), incomplete], &vec![older]));
    site.prune(&plan).unwrap();
    assert_eq!(restored_digest(&disk, complete.as_str()), expected);
}

/// All remaining segments are unchanged since the previous backup, which contains one segment more.
#[test]
fn stream_without_its_last_segment_is_still_backed_up() {
    let disk = SimDisk::new(1);
    let mut config = UnifiedConfig::default();
    config.workspace.root_path = "/w".into();
    config.records.max_segment_bytes = 64 << 10;
    let options = Options::from_config(&config).unwrap().storage(disk.process(1));
    let contexta = options.detect_code_revision(false).open().unwrap();
    let run = contexta.run("long").start().unwrap();
    for n in 0..8 {
        run.event("long", &format!("{n} {}", "m".repeat(40_000))).unwrap();
    }
    run.complete().unwrap();
    drop((run, contexta));
    disk.advance(LATER);
    create(&disk.spawn(2), "first").unwrap();
    let all = segments(&disk, "/w/log");
    assert!(all.len() > 3, "{all:?}");
    disk.remove_tree(all.last().unwrap());
    let second = create(&disk.spawn(3), "second").unwrap();
    // The last remaining segment is copied up to its last complete frame.
    assert!(second.streams == 1 && second.objects_written <= 1, "{second:?}");
    assert!(second.notes.iter().any(|note| note.code == "backup_stream_shorter"), "{second:?}");

    let site = backups(&disk.spawn(4));
    let options = RestoreOptions { target_workspace: Some("/r".into()), ..RestoreOptions::default() };
    let plan = site.plan_restore(second.backup_ref.as_str(), &options).unwrap();
    let restored = site.restore(&plan, Progress::none()).unwrap();
    assert_eq!(segments(&disk, "/r/log").len(), all.len() - 1);
    assert_eq!(restored.digest, open(&disk, 5, "/w").digest().unwrap().0.digest);
}

/// Two workspaces with the same path, as on two hosts, use one repository.
#[test]
fn workspaces_with_the_same_path_and_other_streams_are_counted_separately() {
    let disk = SimDisk::new(1);
    let mut expected = Vec::new();
    for host in ["one", "two"] {
        disk.remove_tree(Path::new("/w"));
        let contexta = open(&disk, 1, "/w");
        capture_run(&disk, &contexta, host, 3);
        drop(contexta);
        for _ in 0..2 {
            disk.advance(LATER);
            expected.push(create(&disk.spawn(2), host).unwrap().backup_ref);
        }
    }
    let plan = backups(&disk.spawn(3)).plan_prune(KeepRules { last: 1 }).unwrap();
    assert_eq!(plan.kept, [expected[1].clone(), expected[3].clone()]);
    assert_eq!(plan.removed, [expected[0].clone(), expected[2].clone()]);
}

/// The bodies of a workspace are in directories of the same form as the objects of a repository.
#[test]
fn directory_without_backups_is_neither_verified_nor_changed() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1, "/w");
    capture_run(&disk, &contexta, "first", 3);
    drop(contexta);
    let before = disk.paths();
    for dir in ["/w/artifacts", "/nowhere"] {
        let site = backups(&disk.spawn(2)).repository(dir);
        let verified = site.verify(&BackupVerifyOptions::default()).map(|report| report.status);
        assert_eq!(code(&verified), Some("recovery_backup_not_found"), "{dir}");
        let healed = site.heal("/w", &BackupVerifyOptions::default()).map(|report| report.status);
        assert_eq!(code(&healed), Some("recovery_backup_not_found"), "{dir}");
        let planned = site.plan_prune(KeepRules { last: 1 }).map(|plan| plan.bytes);
        assert_eq!(code(&planned), Some("recovery_backup_not_found"), "{dir}");
    }
    assert_eq!(disk.paths(), before);
}

/// A backup contains the damage of the workspace, and a restore restores this damage. The damage does not
/// count as damage of the backup.
#[test]
fn damaged_workspace_is_backed_up_and_restored_with_its_damage() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1, "/w");
    capture_run(&disk, &contexta, "first", 40);
    contexta.close().unwrap();
    drop(contexta);
    let is_segment = |path: &std::path::PathBuf| path.extension().is_some_and(|ending| ending == "seg");
    let segment = disk.paths().into_iter().find(is_segment).unwrap();
    let mut bytes = disk.read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    disk.overwrite(&segment, bytes);
    let state = |path: &str| {
        let contexta = open(&disk, 2, path);
        let report = contexta.verify(VerifyOptions::default()).unwrap();
        let problems: Vec<_> = report.problems.iter().map(|p| (p.code, p.stream, p.lost)).collect();
        assert!(!problems.is_empty());
        (problems, contexta.digest().unwrap().0.digest)
    };
    let expected = state("/w");
    for label in ["first", "unchanged"] {
        disk.advance(LATER);
        let backup = create(&disk.spawn(3), label).unwrap();
        assert!(backup.notes.iter().any(|note| note.code == "backup_stream_damaged"), "{backup:?}");
        let backups = backups(&disk.spawn(4));
        let target = format!("/{label}");
        let options =
            RestoreOptions { target_workspace: Some((&target).into()), ..RestoreOptions::default() };
        let plan = backups.plan_restore(backup.backup_ref.as_str(), &options).unwrap();
        let restored = backups.restore(&plan, Progress::none()).unwrap();
        assert!(restored.notes.iter().any(|note| note.code == "restored_stream_damaged"), "{restored:?}");
        assert_eq!(state(&target), expected);
    }
}
