//! Tests of programs that store bodies while another program removes unused bodies. The other program acts at every operation
//! of the first one.

use super::{DAY_AND_HOUR, disk, erase, refs, retain, workspace};
use crate::backup::site::{capture_run, open};
use contexta::contract::{ArtifactManifest, ArtifactRef, RunRef, Timestamp};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess, Survival};
use contexta::recovery::{RecoveryStatus, VerifyOptions};
use contexta::store::SourceMode;
use contexta::store::artifacts::ConflictPolicy;
use contexta::{BodiesTarget, ExportSettings, ImportSettings, ImportSource, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A program that stores bodies, and then appends the manifests.
type Program = fn(&Arc<SimProcess>) -> Result<()>;

const PROGRAMS: [(&str, Program); 6] = [
    ("report", |process| {
        workspace(process)?.register_report("second", "/src/late.bin")?;
        Ok(())
    }),
    ("put", |process| {
        let run: RunRef = "run:default.second".parse().unwrap();
        let own: ArtifactRef = "artifact:default.second.late".parse().unwrap();
        let at: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        let manifest = ArtifactManifest::new(own, "checkpoint", at, "x", run, "here");
        let store = workspace(process)?.artifact_store();
        store.put_artifact(manifest, Path::new("/src/late.bin"), SourceMode::Copy)?;
        Ok(())
    }),
    ("package", |process| {
        let package = process.list(Path::new("/package")).unwrap().remove(0).name;
        let package = Path::new("/package").join(package);
        workspace(process)?.artifact_store().import_artifact(package, ConflictPolicy::Error)?;
        Ok(())
    }),
    ("import", |process| {
        let path = Path::new("/export/late.jsonl");
        workspace(process)?.import_jsonl(ImportSource::File(path), ImportSettings::default())?;
        Ok(())
    }),
    ("run", |process| {
        let contexta = workspace(process)?;
        let run =
            contexta.run("late").run_id("late").config_snapshot(&BTreeMap::from([("seed", 3)])).start()?;
        run.register_artifact("late", "/src/late.bin")?;
        run.complete()?;
        Ok(())
    }),
    ("restore", |process| {
        let backups = crate::backup::site::backups(process);
        let late = backups.list()?.backups.iter().map(|backup| backup.backup_ref.to_string()).max().unwrap();
        let plan = backups.plan_restore(&late, &contexta::recovery::RestoreOptions::default())?;
        backups.restore(&plan, contexta::recovery::Progress::none())?;
        Ok(())
    }),
];

/// A disk with the inputs of the programs.
fn disk_with_inputs() -> SimDisk {
    let disk = disk();
    disk.overwrite(Path::new("/src/late.bin"), b"late content".to_vec());
    // Another workspace, whose content is imported and restored.
    let other = open(&disk, 5, "/v");
    capture_run(&disk, &other, "late", 2);
    let settings = ExportSettings { bodies: BodiesTarget::BesideFile, ..ExportSettings::default() };
    other.export_jsonl_file(Path::new("/export/late.jsonl"), settings).unwrap();
    let late = other.run_snapshot("late").unwrap().artifacts.remove(0).manifest.artifact_ref;
    other.artifact_store().export_artifact(&late, "/package").unwrap();
    other.close().unwrap();
    drop(other);
    let backups = contexta::Backups::new("/v").repository("/backups").storage(disk.process(6));
    let plan = backups.plan(&contexta::recovery::BackupOptions::default()).unwrap();
    backups.create(&plan, contexta::recovery::Progress::none()).unwrap();
    disk
}

fn body_paths(disk: &SimDisk) -> BTreeSet<PathBuf> {
    disk.paths().into_iter().filter(|path| path.starts_with("/w/artifacts/objects")).collect()
}

/// Returns the disk with the bodies that the program stores. The bodies are old and unused.
fn with_unused_bodies(disk: &SimDisk, name: &str, program: Program) -> SimDisk {
    let (disk, trial) = (disk.fork(), disk.fork());
    program(&trial.spawn(20)).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let stored: Vec<PathBuf> = body_paths(&trial).difference(&body_paths(&disk)).cloned().collect();
    assert!(!stored.is_empty(), "{name} stores no body");
    stored.iter().for_each(|path| disk.overwrite(path, trial.read(path).unwrap()));
    disk.advance(DAY_AND_HOUR);
    disk
}

/// Checks the workspace completely. No artifact lacks its body.
fn check_bodies(disk: &SimDisk, context: &str) {
    let contexta = workspace(&disk.spawn(70)).unwrap();
    let report = contexta.verify(VerifyOptions::default()).unwrap();
    assert!(report.problems.is_empty(), "{context}: {report:?}");
}

fn check_result(result: &Result<()>, context: &str) -> bool {
    if let Err(e) = result {
        assert_eq!(e.code(), "bodies_in_use", "{context}: {e:?}");
    }
    result.is_ok()
}

#[test]
fn body_that_a_program_stores_is_not_removed_before_its_manifest_is_appended() {
    let plain = disk_with_inputs();
    for (name, program) in PROGRAMS {
        let base = with_unused_bodies(&plain, name, program);
        for at in 0.. {
            let disk = base.fork();
            let (process, other) = (disk.spawn(50), disk.clone());
            let remove = move || drop(retain(&other.spawn(60)));
            process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(remove)));
            let result = program(&process);
            let is_last = !process.has_passed_plans();
            check_result(&result, &format!("{name} {at}"));
            drop(process);
            check_bodies(&disk, &format!("{name} {at}"));
            if is_last {
                result.unwrap();
                break;
            }
        }
    }
}

#[test]
fn body_that_is_stored_during_a_removal_is_not_removed() {
    let plain = disk_with_inputs();
    for (name, program) in PROGRAMS {
        let base = with_unused_bodies(&plain, name, program);
        let (mut stored, mut refused) = (0, 0);
        for at in 0.. {
            let disk = base.fork();
            let (process, other) = (disk.spawn(50), disk.clone());
            let (done, result) = std::sync::mpsc::channel();
            let store = move || done.send(program(&other.spawn(60))).unwrap();
            process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(store)));
            let _ = retain(&process);
            let is_last = !process.has_passed_plans();
            drop(process);
            if let Ok(result) = result.try_recv() {
                match check_result(&result, &format!("{name} {at}")) {
                    true => stored += 1,
                    false => refused += 1,
                }
            }
            check_bodies(&disk, &format!("{name} {at}"));
            if is_last {
                break;
            }
        }
        assert!(stored > 3 && refused > 3, "{name}: {stored} {refused}");
    }
}

/// A killed removal has removed a body that the file of the known bodies still contains. Only a repeated removal can know that
/// the body was removed on purpose.
#[test]
fn repeated_erasure_forgets_bodies_that_a_killed_erasure_has_removed() {
    const KNOWN: &str = "/w/recovery/known.txt";
    let disk = disk();
    let known = disk.read(Path::new(KNOWN)).unwrap();
    let mut forgotten = 0;
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Change(at), Fault::Kill);
        let _ = erase(&process);
        if process.is_alive() {
            break;
        }
        disk.crash(Survival::Kept);
        let plan = workspace(&disk.spawn(51)).unwrap().plan_erasure(&refs(), None).unwrap();
        let is_removed = super::bodies(&disk) == 2;
        if !is_removed || plan.runs.iter().all(|run| run.entries == 0) {
            continue;
        }
        disk.overwrite(Path::new(KNOWN), known.clone());
        let codes = |disk: &SimDisk| -> Vec<&'static str> {
            let report = workspace(&disk.spawn(52)).unwrap().verify(VerifyOptions::default()).unwrap();
            report.problems.iter().map(|problem| problem.code).collect()
        };
        assert!(codes(&disk).contains(&"artifact_body_missing"), "{at} {:?}", codes(&disk));
        let result = erase(&disk.spawn(53)).unwrap();
        assert_eq!((result.status, result.bodies), (RecoveryStatus::Success, 0), "{at} {result:?}");
        assert_eq!(codes(&disk), Vec::<&str>::new(), "{at}");
        forgotten += 1;
    }
    assert!(forgotten > 2, "{forgotten}");
}
