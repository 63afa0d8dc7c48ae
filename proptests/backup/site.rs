//! A simulated disk with a workspace at `/w` and a repository at `/backups`.

use contexta::engine::Digest;
use contexta::engine::storage::sim::{SimDisk, SimProcess, Survival};
use contexta::recovery::{
    BackupOptions, BackupResult, BackupVerification, BackupVerifyOptions, KeepRules, Outcome, Progress,
    RecoveryStatus, RestoreOptions, RestoreResult, VerifyOptions,
};
use contexta::{Backups, Contexta, Error, Options, Result};
use std::path::Path;
use std::sync::Arc;

/// Three seconds in nanoseconds. After this time, a backup saves the state of an unchanged file in its
/// manifest.
pub(crate) const LATER: i64 = 3_000_000_000;

/// Opens the workspace at `path`.
pub(crate) fn open(disk: &SimDisk, process: u32, path: &str) -> Contexta {
    let options = Options::new(path).storage(disk.process(process)).detect_code_revision(false);
    options.open().unwrap()
}

/// Captures a finished run with a series and an artifact.
pub(crate) fn capture_run(disk: &SimDisk, contexta: &Contexta, name: &str, points: i64) {
    let run = contexta.run(name).run_id(name).param("alpha", 0.1).start().unwrap();
    for step in 0..points {
        run.metric_at("loss", step, 1.0 / (step + 1) as f64).unwrap();
    }
    let path = format!("/src/{name}.bin");
    disk.overwrite(Path::new(&path), format!("the weights of {name}").repeat(40).into_bytes());
    run.register_artifact("model", &path).unwrap();
    run.complete().unwrap();
}

/// Checks the workspace at `path` completely. Returns the digest of its tables.
pub(crate) fn digest(disk: &SimDisk, path: &str) -> Digest {
    let contexta = open(disk, 90, path);
    let report = contexta.verify(VerifyOptions::default()).unwrap();
    assert_eq!(report.outcome, Outcome::Whole, "{report:?}");
    contexta.digest().unwrap().0.digest
}

/// Returns access to the backups of the workspace `/w`. `process` executes all operations.
pub(crate) fn backups(process: &Arc<SimProcess>) -> Backups {
    Backups::new("/w").repository("/backups").storage(Arc::<SimProcess>::clone(process))
}

pub(crate) fn create(process: &Arc<SimProcess>, label: &str) -> Result<BackupResult> {
    let backups = backups(process);
    let options =
        BackupOptions { label: Some(label.into()), include_exports: true, ..BackupOptions::default() };
    let plan = backups.plan(&options)?;
    backups.create(&plan, Progress::none())
}

/// Restores a backup into `/w`.
pub(crate) fn restore(process: &Arc<SimProcess>, backup: &str) -> Result<RestoreResult> {
    let backups = backups(process);
    let plan = backups.plan_restore(backup, &RestoreOptions::default())?;
    backups.restore(&plan, Progress::none())
}

/// Restores a backup into `/r`. Returns the digest of the restored workspace.
pub(crate) fn restored_digest(disk: &SimDisk, backup: &str) -> Digest {
    let disk = disk.fork();
    let backups = backups(&disk.spawn(91));
    let options = RestoreOptions { target_workspace: Some("/r".into()), ..RestoreOptions::default() };
    let plan = backups.plan_restore(backup, &options).unwrap();
    let result = backups.restore(&plan, Progress::none()).unwrap();
    assert_eq!((result.status, result.applied), (RecoveryStatus::Success, true), "{result:?}");
    assert_eq!(digest(&disk, "/r"), result.digest);
    result.digest
}

/// Removes all backups except the latest backup.
pub(crate) fn prune(process: &Arc<SimProcess>) -> Result<()> {
    let backups = backups(process);
    let plan = backups.plan_prune(KeepRules { last: 1 })?;
    backups.prune(&plan)
}

/// Returns the names of all backups. Checks that every backup is complete, is readable and has all its objects.
pub(crate) fn intact_backups(disk: &SimDisk) -> Vec<String> {
    let report = verified(disk);
    assert_eq!(report.status, RecoveryStatus::Success, "{report:?}");
    report.backups.iter().map(ToString::to_string).collect()
}

/// Returns the names of all backups. Checks that every backup is readable and has all its objects. A backup may be
/// incomplete, if the verification says so.
pub(crate) fn readable_backups(disk: &SimDisk) -> Vec<String> {
    let report = verified(disk);
    let expected = if report.notes.is_empty() { RecoveryStatus::Success } else { RecoveryStatus::Degraded };
    assert_eq!(report.status, expected, "{report:?}");
    assert!(report.notes.iter().all(|note| note.code == "backup_incomplete"), "{report:?}");
    assert!(report.problems.is_empty() && report.unreadable.is_empty(), "{report:?}");
    report.backups.iter().map(ToString::to_string).collect()
}

fn verified(disk: &SimDisk) -> BackupVerification {
    backups(&disk.spawn(92)).verify(&BackupVerifyOptions::default()).unwrap()
}

/// A workspace that has changed after its backup.
pub(crate) struct Changed {
    pub(crate) disk: SimDisk,
    pub(crate) backup: String,
    /// The digest of the tables at the time of the backup.
    pub(crate) old: Digest,
    /// The digest of the tables after the change.
    pub(crate) new: Digest,
}

pub(crate) fn changed() -> Changed {
    let disk = SimDisk::new(1);
    disk.overwrite(Path::new("/w/reports/summary.md"), b"a report".to_vec());
    disk.overwrite(Path::new("/w/exports/all/runs.csv"), b"an export".to_vec());
    let first = open(&disk, 1, "/w");
    capture_run(&disk, &first, "first", 4);
    drop(first);
    let backup = create(&disk.spawn(2), "first").unwrap();
    assert_eq!(backup.status, RecoveryStatus::Success, "{backup:?}");
    let old = digest(&disk, "/w");
    disk.advance(LATER);
    let second = open(&disk, 3, "/w");
    capture_run(&disk, &second, "second", 4);
    drop(second);
    let new = digest(&disk, "/w");
    assert_ne!(old, new);
    Changed { disk, backup: backup.backup_ref.to_string(), old, new }
}

/// Returns the fate of unsynced changes in the crash with the number `n`.
pub(crate) fn survival(n: u64) -> Survival {
    match n % 3 {
        0 => Survival::Kept,
        1 => Survival::Dropped,
        _ => Survival::Subset(n),
    }
}

/// Returns the error code of a failed result. Returns `None` for a success.
pub(crate) fn code<T>(result: &Result<T>) -> Option<&'static str> {
    result.as_ref().err().map(Error::code)
}
