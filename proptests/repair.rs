//! Tests of repairs on the simulated disk: crashes at every change, second crashes, and errors at every operation, with
//! and without a source of intact copies.

use crate::backup::site::{capture_run, code, create, open, survival};
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess};
use contexta::recovery::{DumpItem, Gap, Outcome, Progress, RecoveryStatus, RepairResult, VerifyOptions};
use contexta::{Options, RepairSettings, Result};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

/// A damaged workspace, and the state that a complete repair leaves.
struct Ruined {
    disk: SimDisk,
    settings: RepairSettings,
    /// The entries of the streams of the workspace that a complete repair leaves.
    entries: BTreeSet<String>,
    /// The digest of the tables; `None` if the repair appends records of losses.
    digest: Option<String>,
    missing: usize,
}

fn settings(from: Option<String>) -> RepairSettings {
    RepairSettings { from: from.map(PathBuf::from), repository: Some("/backups".into()), forget: false }
}

fn files(disk: &SimDisk, below: &str) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| path.starts_with(below)).collect()
}

fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    files(disk, "/w/log").into_iter().filter(|path| path.extension().is_some_and(|e| e == "seg")).collect()
}

/// Returns the positions and contents of all readable entries of the first two streams.
fn entries(disk: &SimDisk, streams: &BTreeSet<String>) -> BTreeSet<String> {
    let items = open(disk, 80, "/w").dump_log(None).unwrap().map(std::result::Result::unwrap);
    let entry = |item| match item {
        DumpItem::Entry(entry) => streams.contains(&entry.stream.to_string()).then(|| format!("{entry:?}")),
        _ => None,
    };
    items.filter_map(entry).collect()
}

fn streams(disk: &SimDisk) -> BTreeSet<String> {
    let name = |path: &PathBuf| path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    segments(disk).iter().map(name).collect()
}

/// Flips a byte of one stream, cuts another one, damages a body, and removes a body.
fn ruin(disk: &SimDisk) {
    let segments = segments(disk);
    assert_eq!(segments.len(), 2);
    let mut bytes = disk.read(&segments[0]).unwrap();
    bytes[4_700] ^= 4;
    disk.overwrite(&segments[0], bytes);
    let bytes = disk.read(&segments[1]).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    disk.overwrite(&segments[1], bytes[..end - 300].to_vec());
    let bodies = files(disk, "/w/artifacts/objects");
    disk.overwrite(&bodies[0], b"other bytes".to_vec());
    disk.remove_tree(&bodies[1]);
}

fn ruined(with_backup: bool) -> Ruined {
    let disk = SimDisk::new(1);
    for (name, process) in [("first", 1), ("second", 2)] {
        let contexta = open(&disk, process, "/w");
        capture_run(&disk, &contexta, name, 5);
        contexta.close().unwrap();
        // The next process begins a stream of its own.
        disk.reboot();
    }
    let backup = create(&disk.spawn(3), "whole").unwrap().backup_ref.to_string();
    let streams = streams(&disk);
    ruin(&disk);
    let settings = settings(with_backup.then_some(backup));
    // A repair without a crash shows the expected state.
    let repaired = disk.fork();
    let result = repair(&repaired.spawn(4), &settings).unwrap();
    assert_eq!(result.status == RecoveryStatus::Success, with_backup, "{result:?}");
    assert_eq!(result.missing.is_empty(), with_backup);
    let digest = with_backup.then(|| digest(&repaired));
    let missing = result.missing.len();
    Ruined { entries: entries(&repaired, &streams), digest, missing, settings, disk }
}

fn digest(disk: &SimDisk) -> String {
    open(disk, 81, "/w").digest().unwrap().0.digest.to_string()
}

fn repair(process: &Arc<SimProcess>, settings: &RepairSettings) -> Result<RepairResult> {
    let storage = Arc::<SimProcess>::clone(process);
    let contexta = Options::new("/w").storage(storage).detect_code_revision(false).open()?;
    let plan = contexta.plan_repair(settings, Progress::none())?;
    let result = contexta.repair(&plan, settings, Progress::none())?;
    contexta.close()?;
    Ok(result)
}

impl Ruined {
    /// Repairs the disk again, and checks that the result is that of a repair without a crash.
    fn check(&self, disk: &SimDisk, at: u64) {
        let streams: BTreeSet<String> = streams(&self.disk);
        let found = entries(disk, &streams);
        // Every entry that could be read before the repair can be read in between.
        assert!(found.is_superset(&entries(&self.disk, &streams)), "{at}");
        let result = repair(&disk.spawn(70), &self.settings).unwrap();
        // The append of a killed repair may be incomplete. It was not acknowledged.
        let is_own = |gap: &&Gap| streams.contains(&gap.stream.to_string());
        assert_eq!(result.missing.iter().filter(is_own).count(), self.missing, "{at} {result:?}");
        assert_eq!(entries(disk, &streams), self.entries, "{at}");
        let report = open(disk, 82, "/w").verify(VerifyOptions::default()).unwrap();
        match &self.digest {
            Some(expected) => {
                assert_eq!(report.outcome, Outcome::Whole, "{at} {report:?}");
                assert_eq!(digest(disk), *expected, "{at}");
            }
            None => {
                let codes: BTreeSet<&str> = report.problems.iter().map(|problem| problem.code).collect();
                let expected = ["artifact_body_missing", "entries_missing", "known_loss", "damaged", "torn"];
                assert!(codes.iter().all(|code| expected.contains(code)), "{at} {report:?}");
                assert_eq!(losses(disk), losses_of_repair(&self.disk, &self.settings), "{at}");
            }
        }
        self.check_quarantine(disk, at);
        let again = open(disk, 83, "/w").plan_repair(&self.settings, Progress::none()).unwrap();
        assert!(again.is_empty(), "{at} {again:?}");
    }

    /// Checks that the damaged bytes are in quarantine.
    fn check_quarantine(&self, disk: &SimDisk, at: u64) {
        let copies: Vec<Vec<u8>> =
            files(disk, "/w/recovery/quarantine").iter().filter_map(|path| disk.read(path)).collect();
        assert!(copies.iter().any(|copy| copy == b"other bytes"), "{at}");
        let damaged = self.disk.read(&segments(&self.disk)[0]).unwrap();
        assert!(copies.iter().any(|copy| damaged.starts_with(copy) && copy.len() > 4_700), "{at}");
    }
}

/// Returns the keys of the degraded records of both runs, one for each record.
fn losses(disk: &SimDisk) -> Vec<String> {
    let contexta = open(disk, 84, "/w");
    let mut found = Vec::new();
    for run in ["first", "second"] {
        let page = contexta.list_records(run, &Default::default()).unwrap();
        let texts = page.records.iter().map(|row| format!("{:?}", row.record));
        for text in texts {
            for key in ["repair.entries_lost", "repair.body_lost"] {
                found.extend(text.contains(key).then(|| format!("{run} {key}")));
            }
        }
    }
    found.sort();
    found
}

fn losses_of_repair(disk: &SimDisk, settings: &RepairSettings) -> Vec<String> {
    let disk = disk.fork();
    repair(&disk.spawn(71), settings).unwrap();
    let found = losses(&disk);
    assert!(found.len() >= 3, "{found:?}");
    found
}

#[test]
fn killed_repair_is_completed_by_the_next_repair() {
    for with_backup in [true, false] {
        let ruined = ruined(with_backup);
        let mut at = 0;
        loop {
            let disk = ruined.disk.fork();
            let process = disk.spawn(50);
            process.plan(Moment::Change(at), Fault::Kill);
            let result = repair(&process, &ruined.settings);
            if process.is_alive() {
                result.unwrap();
                ruined.check(&disk, at);
                break;
            }
            disk.crash(survival(at));
            ruined.check(&disk, at);
            at += 1;
        }
        assert!(at > 20, "{at}");
    }
}

#[test]
fn second_crash_at_any_change_is_repaired_too() {
    for with_backup in [true, false] {
        let ruined = ruined(with_backup);
        for first in (0..).step_by(9) {
            let disk = ruined.disk.fork();
            let process = disk.spawn(50);
            process.plan(Moment::Change(first), Fault::Kill);
            let _ = repair(&process, &ruined.settings);
            if process.is_alive() {
                break;
            }
            disk.crash(survival(first));
            for second in (first % 7..).step_by(7) {
                let disk = disk.fork();
                let process = disk.spawn(51);
                process.plan(Moment::Change(second), Fault::Kill);
                let _ = repair(&process, &ruined.settings);
                if process.is_alive() {
                    break;
                }
                disk.crash(survival(first + second));
                ruined.check(&disk, first * 1000 + second);
            }
        }
    }
}

#[test]
fn failed_operation_of_a_repair_is_an_error_or_a_note_and_loses_nothing() {
    for with_backup in [true, false] {
        let ruined = ruined(with_backup);
        for at in 0.. {
            let mut is_last = false;
            for fault in [ErrorKind::PermissionDenied, ErrorKind::StorageFull] {
                let disk = ruined.disk.fork();
                let process = disk.spawn(50);
                let planned = match fault {
                    ErrorKind::StorageFull => Fault::ErrorAfter(fault),
                    _ => Fault::Error(fault),
                };
                process.plan(Moment::Operation(at), planned);
                let result = repair(&process, &ruined.settings);
                is_last |= process.operations() <= at;
                if let Ok(result) = &result
                    && with_backup
                    && result.status == RecoveryStatus::Success
                {
                    assert_eq!(Some(digest(&disk)), ruined.digest, "{at} {result:?}");
                }
                drop(process);
                ruined.check(&disk, at);
            }
            if is_last {
                break;
            }
        }
    }
}

/// A process captures during the repair. Its entries stay, and its stream is not changed.
#[test]
fn writer_during_a_repair_loses_nothing() {
    let ruined = ruined(true);
    let mut at = 0;
    loop {
        let disk = ruined.disk.fork();
        let process = disk.spawn(50);
        let writing = open(&disk, 60, "/w");
        let run = writing.run("live").run_id("live").start().unwrap();
        let meanwhile = move || {
            run.event("said", "during the repair").unwrap();
            run.complete().unwrap();
        };
        process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(meanwhile)));
        let result = repair(&process, &ruined.settings);
        if !process.has_passed_plans() {
            break;
        }
        assert!(result.is_ok() || code(&result) == Some("recovery_plan_outdated"), "{at} {result:?}");
        writing.close().unwrap();
        let snapshot = open(&disk, 85, "/w").run_snapshot("live").unwrap();
        assert_eq!(snapshot.events.len(), 1, "{at}");
        at += 5;
    }
    assert!(at > 50, "{at}");
}
