//! Crashes and errors at every operation of the creation of an archive, and crashes of a merge of a backup.

use crate::backup::crash::{crash_at_every_change, fail_at_every_operation};
use crate::backup::site::{backups, capture_run, create, digest, open};
use contexta::engine::Digest;
use contexta::engine::storage::sim::{SimDisk, SimProcess};
use contexta::recovery::{BackupOptions, BackupResult, MergeReport, Progress, RecoveryStatus};
use contexta::{MergeSettings, Options, Result};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

const ARCHIVE: &str = "/far/backup.tar.zst";

/// A disk with a workspace of two runs at `/w`.
fn workspace() -> SimDisk {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1, "/w");
    capture_run(&disk, &contexta, "first", 3);
    capture_run(&disk, &contexta, "second", 2);
    contexta.close().unwrap();
    disk
}

fn create_archive(process: &Arc<SimProcess>) -> Result<BackupResult> {
    let backups = backups(process);
    backups.create_archive(ARCHIVE, &backups.plan(&BackupOptions::default())?, Progress::none())
}

fn exists(disk: &SimDisk) -> bool {
    disk.paths().iter().any(|path| path == Path::new(ARCHIVE))
}

fn assert_intact(disk: &SimDisk, expected: RecoveryStatus) {
    let report = backups(&disk.spawn(93)).verify_archive(ARCHIVE).unwrap();
    assert_eq!(report.status, expected, "{report:?}");
}

#[test]
fn killed_creation_leaves_a_whole_archive_or_none() {
    let disk = workspace();
    let crashes = crash_at_every_change(&disk, create_archive, |disk, at| {
        if !exists(disk) {
            create_archive(&disk.spawn(51)).unwrap();
            let temporary = |path: &Path| path.starts_with("/far") && path != Path::new(ARCHIVE);
            assert!(!disk.paths().iter().any(|path| temporary(path)), "{at}: {:?}", disk.paths());
        }
        assert_intact(disk, RecoveryStatus::Success);
    });
    assert!(crashes > 20, "{crashes}");
}

#[test]
fn failed_operation_of_a_creation_leaves_a_whole_archive_or_none() {
    let disk = workspace();
    let failed = Cell::new(0);
    fail_at_every_operation(&disk, create_archive, |disk, result, at| {
        failed.set(failed.get() + u64::from(result.is_err()));
        if exists(disk) {
            assert_intact(disk, result.map_or(RecoveryStatus::Success, |result| result.status));
        } else {
            assert!(result.is_err(), "{at}");
        }
    });
    assert!(failed.get() > 20, "{failed:?}");
}

/// A disk with a backup of `/w` and a workspace with another run at `/m`.
fn two_workspaces() -> (SimDisk, String) {
    let disk = workspace();
    let backup = create(&disk.spawn(2), "whole").unwrap().backup_ref.to_string();
    disk.reboot();
    let contexta = open(&disk, 3, "/m");
    capture_run(&disk, &contexta, "own", 2);
    contexta.close().unwrap();
    (disk, backup)
}

fn merge(process: &Arc<SimProcess>, backup: &str) -> Result<MergeReport> {
    let storage = Arc::<SimProcess>::clone(process);
    let into = Options::new("/m").storage(storage).detect_code_revision(false).open()?;
    into.merge_backup(&backups(process), backup, MergeSettings::default())
}

#[test]
fn interrupted_merge_of_a_backup_is_completed_by_the_next_merge() {
    let (disk, backup) = two_workspaces();
    let expected: Digest = {
        let disk = disk.fork();
        merge(&disk.spawn(50), &backup).unwrap();
        digest(&disk, "/m")
    };
    let crashes = crash_at_every_change(
        &disk,
        |process| merge(process, &backup),
        |disk, at| {
            let report = merge(&disk.spawn(51), &backup).unwrap();
            assert_eq!(digest(disk, "/m"), expected, "{at}: {report:?}");
        },
    );
    assert!(crashes > 10, "{crashes}");
}
