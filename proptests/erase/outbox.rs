//! Tests of erasures of runs whose facts were written to the outbox. No byte of a deleted run may remain in the workspace.

use super::{bodies, visible, workspace};
use crate::backup::crash::crash_at_every_change;
use crate::backup::site::{LATER, create};
use contexta::capture::{FailureMode, ReplayOptions};
use contexta::contract::fact::Change;
use contexta::engine::blob::BlobStore;
use contexta::engine::entry::{Position, Seq, StreamId};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess, Survival};
use contexta::recovery::{EraseOptions, EraseResult, Progress, RecoveryStatus, VerifyOptions};
use contexta::{Contexta, Options, Result, RunScope};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A text in all facts of the run `secret`.
const PLANTED: &str = "planted-7Qx2vK9";
const SECRET: &str = "run:default.secret";
const OUTBOX_LOG: &str = "/w/recovery/outbox/log";
const LETTERS: &str = "/w/recovery/outbox/dead_letter.jsonl";

fn capturing(process: &Arc<SimProcess>) -> Contexta {
    let options = Options::new("/w").storage(Arc::<SimProcess>::clone(process)).detect_code_revision(false);
    options.failure_mode(FailureMode::Outbox).open().unwrap()
}

/// Captures an event that the log cannot append, so that it is written to the outbox.
fn spill_event(process: &SimProcess, run: &RunScope, text: &str) {
    let is_spilled = |_: &u64| {
        process.plan(Moment::Change(process.changes()), Fault::Error(ErrorKind::PermissionDenied));
        run.event("secret", text).is_ok_and(|result| result.recovered_to_outbox())
    };
    (0..9).find(is_spilled).unwrap();
}

/// Registers an artifact, and lets one change of the registration fail: the change with the number `at`. Returns `true` if
/// the body was stored, and the manifest was written to the outbox.
fn is_artifact_spilled(process: &SimProcess, run: &RunScope, at: u64) -> bool {
    process.plan(Moment::Change(process.changes() + at), Fault::Error(ErrorKind::PermissionDenied));
    let kept = run.register_artifact("spilled", "/src/spilled.bin");
    assert!(process.has_passed_plans(), "no failed change leads to an artifact in the outbox");
    kept.is_ok_and(|kept| {
        kept.result().recovered_to_outbox() && kept.manifest.location_ref.starts_with("blake3:")
    })
}

/// Calls `capture` with copies of the disk and with the numbers from 0. Returns the first copy for which the result is
/// `true`.
fn first_spilled(base: &SimDisk, content: &str, capture: impl Fn(&SimDisk, u64) -> bool) -> SimDisk {
    base.overwrite(Path::new("/src/spilled.bin"), content.as_bytes().to_vec());
    (0..).find_map(|at| Some(base.fork()).filter(|disk| capture(disk, at))).unwrap()
}

/// Captures the run `secret`. If `at` is given, the change with this number fails during the registration of an artifact.
/// Returns `false` if this artifact is not in the outbox.
fn capture_secret(disk: &SimDisk, at: Option<u64>) -> bool {
    let process = disk.spawn(30);
    let contexta = capturing(&process);
    let run = contexta.run("secret").run_id("secret").param("key", PLANTED).start().unwrap();
    disk.overwrite(Path::new("/src/own.bin"), format!("{PLANTED} in the log").into_bytes());
    run.register_artifact("own", "/src/own.bin").unwrap();
    spill_event(&process, &run, PLANTED);
    let secret = contexta.find_run("secret").unwrap();
    contexta.annotate_run(&secret, Change::Note(PLANTED.into())).unwrap();
    if at.is_some_and(|at| !is_artifact_spilled(&process, &run, at)) {
        return false;
    }
    run.complete().unwrap();
    contexta.close().unwrap();
    true
}

/// A disk with the run `secret`. Some of its facts are in the outbox only, and some are in the log only. The runs of
/// [`super::disk`] are in the workspace too.
fn disk_with_secret(spills_artifact: bool) -> SimDisk {
    let mut disk = super::disk();
    if spills_artifact {
        let content = format!("{PLANTED} in the outbox");
        disk = first_spilled(&disk, &content, |disk, at| capture_secret(disk, Some(at)));
    } else {
        capture_secret(&disk, None);
    }
    let stream = disk.spawn(31).list_streams(OUTBOX_LOG);
    let letter = format!(
        "{{\"replay_ref\":\"{}\",\"sink_name\":\"s\",\"payload\":\"{PLANTED}\"}}\n",
        Position { stream, seq: Seq::FIRST }
    );
    let other = "{\"replay_ref\":\"018bcfe568007459ac00895412763d46:1\",\"sink_name\":\"s\"}\n";
    disk.overwrite(Path::new(LETTERS), format!("{letter}{other}").into_bytes());
    disk.advance(LATER);
    // Every change becomes durable, so that a later crash does not damage the last segment.
    disk.crash(Survival::Kept);
    disk
}

/// The stream in a directory of streams.
trait OneStream {
    fn list_streams(&self, dir: &str) -> StreamId;
}

impl OneStream for SimProcess {
    fn list_streams(&self, dir: &str) -> StreamId {
        self.list(Path::new(dir)).unwrap().iter().find_map(|entry| entry.name.parse().ok()).unwrap()
    }
}

/// Returns the files of the workspace that contain the planted text.
fn planted(disk: &SimDisk) -> Vec<PathBuf> {
    let contains = |path: &PathBuf| {
        let bytes = disk.read(path).unwrap();
        bytes.windows(PLANTED.len()).any(|part| part == PLANTED.as_bytes())
    };
    disk.paths().into_iter().filter(|path| path.starts_with("/w")).filter(contains).collect()
}

fn erase(process: &Arc<SimProcess>, without_backup: bool) -> Result<EraseResult> {
    let contexta = workspace(process)?;
    let backups = Some(Path::new("/backups"));
    let plan = contexta.plan_erasure(&[SECRET.to_owned()], backups)?;
    let options = EraseOptions { without_backup, ..EraseOptions::default() };
    let result = contexta.erase(&plan, backups, &options, Progress::none())?;
    // The result is the effect that the plan states.
    if result.status == RecoveryStatus::Success {
        assert_eq!(result.bodies, plan.bodies, "{plan:?} {result:?}");
        assert_eq!(result.files, plan.files.len() as u64, "{plan:?} {result:?}");
        assert_eq!(result.removed_entries, plan.runs[0].entries, "{plan:?} {result:?}");
        assert_eq!(result.outbox_entries, plan.runs[0].outbox_entries, "{plan:?} {result:?}");
        assert_eq!(result.temporary_files, plan.temporary_files, "{plan:?} {result:?}");
    }
    Ok(result)
}

fn replay(disk: &SimDisk) -> u64 {
    let contexta = workspace(&disk.spawn(40)).unwrap();
    contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    let spilled = contexta.outbox().unwrap().spilled;
    contexta.close().unwrap();
    spilled
}

/// Checks that nothing of the run `secret` remains, and that the other runs are complete.
fn check_gone(disk: &SimDisk, context: &str) {
    assert_eq!(planted(disk), Vec::<PathBuf>::new(), "{context}");
    assert_eq!((visible(disk).len(), bodies(disk)), (4, 3), "{context}");
    let letters = String::from_utf8(disk.read(Path::new(LETTERS)).unwrap()).unwrap();
    assert_eq!(letters.lines().count(), 1, "{context}: {letters}");
    assert_eq!(replay(disk), 0, "{context}");
    assert_eq!(planted(disk), Vec::<PathBuf>::new(), "{context}: after a replay");
    assert_eq!(visible(disk).len(), 4, "{context}: after a replay");
}

#[test]
fn no_byte_of_an_erased_run_remains_although_facts_are_in_the_outbox() {
    for (is_replayed, has_backup) in [(false, false), (false, true), (true, false), (true, true)] {
        let disk = disk_with_secret(true);
        let found = planted(&disk);
        for dir in ["/w/log", OUTBOX_LOG, "/w/artifacts/objects", LETTERS] {
            assert!(found.iter().any(|path| path.starts_with(dir)), "{dir}: {found:?}");
        }
        if is_replayed {
            assert_eq!(replay(&disk), 0);
        }
        if has_backup {
            disk.advance(LATER);
            create(&disk.spawn(41), "secret").unwrap();
            disk.advance(LATER);
        } else {
            assert_eq!(erase(&disk.spawn(42), false).unwrap_err().code(), "recovery_not_backed_up");
        }
        let result = erase(&disk.spawn(43), !has_backup).unwrap();
        let context = format!("{is_replayed} {has_backup} {result:?}");
        assert_eq!((result.status, result.bodies), (RecoveryStatus::Success, 2), "{context}");
        assert!(result.outbox_entries >= 2, "{context}");
        check_gone(&disk, &context);
        assert_eq!(erase(&disk.spawn(44), false).unwrap().outbox_entries, 0, "{context}");
    }
}

/// The backup contains the log of the run. The facts that were written to the outbox later are missing in the backup.
#[test]
fn run_whose_facts_are_only_in_the_outbox_is_not_erased_without_a_backup_of_the_outbox() {
    let disk = disk_with_secret(false);
    let outbox: Vec<PathBuf> = disk.paths().into_iter().filter(|path| path.starts_with(OUTBOX_LOG)).collect();
    let without = disk.fork();
    without.remove_tree(Path::new(OUTBOX_LOG));
    create(&without.spawn(45), "without").unwrap();
    without.advance(LATER);
    for path in outbox {
        without.overwrite(&path, disk.read(&path).unwrap());
    }
    assert_eq!(erase(&without.spawn(46), false).unwrap_err().code(), "recovery_not_backed_up");
    assert_eq!(visible(&without).len(), 5);
}

#[test]
fn killed_erasure_of_a_run_in_the_outbox_can_be_repeated() {
    let disk = disk_with_secret(true);
    let crashes = crash_at_every_change(
        &disk,
        |process| erase(process, true),
        |disk, at| {
            let names = visible(disk);
            assert!([4, 5].contains(&names.len()), "{at} {names:?}");
            // The second erasure is killed too.
            let second = disk.spawn(60);
            second.plan(Moment::Change(at % 11), Fault::Kill);
            let _ = erase(&second, true);
            disk.crash(crate::backup::site::survival(at + 1));
            let result = erase(&disk.spawn(61), true).unwrap_or_else(|e| panic!("{at}: {e:?}"));
            assert_eq!(result.status, RecoveryStatus::Success, "{at} {result:?}");
            check_gone(disk, &format!("{at}"));
        },
    );
    assert!(crashes > 10, "{crashes}");
}

#[test]
fn failed_operation_of_an_erasure_of_a_run_in_the_outbox_loses_nothing_else() {
    let disk = disk_with_secret(true);
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Operation(at), Fault::Error(ErrorKind::PermissionDenied));
        let result = erase(&process, true);
        let is_last = !process.has_passed_plans();
        drop(process);
        if result.as_ref().is_ok_and(|result| result.status == RecoveryStatus::Success) {
            assert_eq!(planted(&disk), Vec::<PathBuf>::new(), "{at} {result:?}");
        }
        let report = workspace(&disk.spawn(51)).unwrap().verify(VerifyOptions::default()).unwrap();
        assert!(report.problems.iter().all(|problem| problem.code == "torn"), "{at} {report:?}");
        let repeated = erase(&disk.spawn(61), true).unwrap_or_else(|e| panic!("{at}: {e:?}"));
        assert_eq!(repeated.status, RecoveryStatus::Success, "{at} {repeated:?}");
        check_gone(&disk, &format!("{at}"));
        if is_last {
            result.unwrap();
            break;
        }
    }
}

/// Another run has an artifact in the outbox. The artifact may use any body.
#[test]
fn no_body_is_removed_while_an_artifact_of_another_run_waits_in_the_outbox() {
    let disk = first_spilled(&disk_with_secret(false), "waiting", |disk, at| {
        let process = disk.spawn(47);
        let contexta = capturing(&process);
        let run = contexta.run("waiting").run_id("waiting").start().unwrap();
        if !is_artifact_spilled(&process, &run, at) {
            return false;
        }
        run.complete().unwrap();
        contexta.close().unwrap();
        true
    });
    let contexta = workspace(&disk.spawn(48)).unwrap();
    let plan = contexta.plan_erasure(&[SECRET.to_owned()], None).unwrap();
    assert!(plan.notes.iter().any(|note| note.code == "erase_bodies_kept"), "{plan:?}");
    assert_eq!(plan.bodies, 0);
    drop(contexta);
    let before = bodies(&disk);
    let result = erase(&disk.spawn(49), true).unwrap();
    assert_eq!((result.status, bodies(&disk)), (RecoveryStatus::Degraded, before), "{result:?}");
    assert!(result.notes.iter().any(|note| note.code == "erase_bodies_kept"), "{result:?}");
    assert!(!visible(&disk).contains(&"secret".to_owned()));
    assert_eq!(replay(&disk), 0);
    let result = erase(&disk.spawn(52), true).unwrap();
    assert_eq!((result.status, result.bodies), (RecoveryStatus::Success, 1), "{result:?}");
    assert_eq!(planted(&disk), Vec::<PathBuf>::new());
    let report = workspace(&disk.spawn(53)).unwrap().verify(VerifyOptions::default()).unwrap();
    assert!(report.problems.is_empty(), "{report:?}");
}

#[test]
fn segment_of_the_outbox_in_use_is_kept_until_its_program_has_ended() {
    let disk = super::disk();
    let process = disk.spawn(30);
    let contexta = capturing(&process);
    let run = contexta.run("secret").run_id("secret").start().unwrap();
    spill_event(&process, &run, PLANTED);
    run.complete().unwrap();
    let result = erase(&disk.spawn(54), true).unwrap();
    assert_eq!(result.status, RecoveryStatus::Degraded, "{result:?}");
    let kept = result.notes.iter().find(|note| note.code == "erase_outbox_kept").unwrap();
    let segment = planted(&disk).into_iter().find(|path| path.starts_with(OUTBOX_LOG)).unwrap();
    assert!(kept.message.contains(segment.to_str().unwrap()), "{kept:?}");
    assert!(!visible(&disk).contains(&"secret".to_owned()));
    contexta.close().unwrap();
    drop((run, contexta, process));
    let result = erase(&disk.spawn(55), true).unwrap();
    assert_eq!(result.status, RecoveryStatus::Success, "{result:?}");
    assert_eq!(planted(&disk), Vec::<PathBuf>::new());
}

/// Returns the files in the staging directory.
fn staged(disk: &SimDisk) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| path.starts_with("/w/recovery/staging")).collect()
}

/// A disk on which a program was killed while it stored a body with the planted text.
fn disk_with_killed_program() -> SimDisk {
    let base = disk_with_secret(false);
    base.overwrite(Path::new("/src/killed.bin"), format!("{PLANTED} of a killed program").into_bytes());
    let killed = |at: u64| {
        let disk = base.fork();
        let process = disk.spawn(58);
        let contexta = capturing(&process);
        let run = contexta.run("killed").run_id("killed").start().unwrap();
        process.plan(Moment::Change(process.changes() + at), Fault::Kill);
        let _ = run.register_artifact("killed", "/src/killed.bin");
        let found = planted(&disk);
        let is_staged = found.iter().any(|path| path.starts_with("/w/recovery/staging"));
        disk.crash(Survival::Kept);
        is_staged.then_some(disk)
    };
    (0..40).find_map(killed).unwrap()
}

#[test]
fn temporary_files_of_killed_programs_are_removed_and_files_of_users_are_kept() {
    let disk = disk_with_killed_program();
    let theirs = PathBuf::from("/w/recovery/staging/mine.bin");
    disk.overwrite(&theirs, b"a file of the user".to_vec());
    let crashes = crash_at_every_change(
        &disk,
        |process| erase(process, true),
        |disk, at| {
            let result = erase(&disk.spawn(61), true).unwrap_or_else(|e| panic!("{at}: {e:?}"));
            assert_eq!(result.status, RecoveryStatus::Success, "{at} {result:?}");
            assert_eq!(planted(disk), Vec::<PathBuf>::new(), "{at}");
            assert_eq!(staged(disk), std::slice::from_ref(&theirs), "{at}");
        },
    );
    assert!(crashes > 10, "{crashes}");
}

/// Another program is storing a body.
#[test]
fn temporary_files_are_kept_while_a_program_stores_a_body() {
    let disk = disk_with_killed_program();
    let before = staged(&disk);
    let storing = disk.spawn(59);
    let storing: Arc<dyn Storage> = storing;
    let store = BlobStore::new(storing, "/w/artifacts/objects".into(), "/w/recovery/staging".into());
    let held = store.lock_use().unwrap();
    let result = erase(&disk.spawn(61), true).unwrap();
    assert_eq!((result.status, staged(&disk)), (RecoveryStatus::Degraded, before), "{result:?}");
    assert!(result.notes.iter().any(|note| note.code == "erase_temporary_kept"), "{result:?}");
    drop(held);
    assert_eq!(erase(&disk.spawn(62), true).unwrap().status, RecoveryStatus::Success);
    assert_eq!(planted(&disk), Vec::<PathBuf>::new());
}

#[test]
fn dead_letters_are_not_removed_on_a_file_system_without_locks() {
    let disk = disk_with_secret(true);
    disk.set_locks(false);
    let letters = disk.read(Path::new(LETTERS));
    let error = erase(&disk.spawn(56), true).unwrap_err();
    assert_eq!(error.code(), "locks_unsupported", "{error:?}");
    assert_eq!(disk.read(Path::new(LETTERS)), letters);
    assert!(visible(&disk).contains(&"secret".to_owned()));
    disk.set_locks(true);
    assert_eq!(erase(&disk.spawn(57), true).unwrap().status, RecoveryStatus::Success);
    check_gone(&disk, "with locks");
}
