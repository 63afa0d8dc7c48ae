//! The examination of a workspace: findings, sizes, and workspaces that are damaged, full or read-only.

use crate::sinks::{Flaky, options, outbox, start};
use crate::support::{TempDir, open_sim, two_runs};
use contexta::capture::ReplayOptions;
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk};
use contexta::recovery::{BackupOptions, Progress};
use contexta::{Backups, Contexta, Doctor, Options, Severity, WorkspaceHealth};
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn examine(disk: &SimDisk) -> WorkspaceHealth {
    Doctor::new("/w").storage(disk.process(99)).examine(Progress::none()).unwrap()
}

fn codes(health: &WorkspaceHealth) -> BTreeSet<&'static str> {
    health.findings.iter().map(|finding| finding.code).collect()
}

/// Returns the command of the finding with this code.
fn command(health: &WorkspaceHealth, code: &str) -> String {
    let finding = health.findings.iter().find(|finding| finding.code == code);
    finding.unwrap_or_else(|| panic!("{code}: {health:?}")).command.clone().unwrap_or_default().join(" ")
}

#[test]
fn healthy_workspace_has_sizes_and_no_problem_and_is_not_changed() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    two_runs(&contexta);
    disk.overwrite(Path::new("/model.bin"), vec![7; 5000]);
    let run = contexta.run("third").start().unwrap();
    run.register_artifact("model", "/model.bin").unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    drop((run, contexta));
    let (paths, writes) = (disk.paths(), disk.write_count());
    let health = examine(&disk);
    assert_eq!((disk.paths(), disk.write_count()), (paths, writes));
    assert!(health.is_healthy(), "{health:?}");
    assert_eq!(codes(&health), BTreeSet::from(["backup_missing"]));
    assert_eq!(command(&health, "backup_missing"), "backup create");
    assert_eq!((health.streams, health.live_streams, health.runs.len()), (Some(1), 0, 3));
    // Every entry is counted once, and the sizes of the runs add up to the size of their project.
    let contexta = open_sim(&disk, 2, "/w");
    let entries = contexta.dump_log(None).unwrap().count() as u64;
    let of_runs: u64 = health.runs.iter().map(|run| run.entries).sum();
    assert!(health.entries == entries && of_runs < entries && of_runs > entries / 2, "{health:?}");
    let project = &health.projects[0];
    let log_bytes: u64 = health.runs.iter().map(|run| run.log_bytes).sum();
    assert_eq!((project.name.as_str(), project.runs, project.entries), ("wine", 3, of_runs));
    assert_eq!((project.log_bytes, project.artifact_bytes), (log_bytes, 5000));
    let third = health.runs.iter().find(|run| run.name == "third").unwrap();
    assert_eq!((third.status.as_deref(), third.artifact_bytes), (Some("completed"), 5000));
    let area = |name| health.areas.iter().find(|area| area.area == name).unwrap();
    assert_eq!((area("artifacts").files, area("artifacts").bytes), (1, 5000));
    assert!(area("log").bytes > log_bytes && area("log").files > 0, "{health:?}");
}

/// Returns a disk whose workspace has many kinds of problems.
fn sick() -> SimDisk {
    let disk = SimDisk::new(2);
    let sink = Flaky::named("one");
    let contexta = outbox(options(disk.process(1)).sink(sink.clone())).outbox_dir("/w/recovery/outbox");
    let contexta = contexta.open().unwrap();
    let run = start(&contexta);
    sink.fail(1);
    run.metric("loss", 0.5).unwrap();
    sink.fail(2);
    contexta.replay_outbox(&ReplayOptions::default().dead_letter_after_failures(2).limit(2)).unwrap();
    disk.overwrite(Path::new("/model.bin"), b"weights".to_vec());
    let artifact = run.register_artifact("model", "/model.bin").unwrap();
    let other = open_sim(&disk, 2, "/w");
    let dead = other.run("dead").run_id("dead").start().unwrap();
    dead.metric("x", 1).unwrap();
    disk.kill(2);
    std::mem::forget((dead, other));
    let body = artifact.manifest.location_ref.clone();
    drop(body);
    for path in disk.paths().into_iter().filter(|path| path.starts_with("/w/artifacts/objects")) {
        disk.remove_tree(&path);
    }
    let orphan = contexta::engine::Digest::of(b"orphan").to_string();
    let orphan = format!("/w/artifacts/objects/{}/{}", &orphan[..2], &orphan[2..]);
    disk.overwrite(Path::new(&orphan), b"orphan".to_vec());
    // The stream of this run stays in use.
    std::mem::forget((run, contexta));
    disk
}

#[test]
fn each_problem_is_a_finding_with_the_next_command() {
    let health = examine(&sick());
    assert!(!health.is_healthy());
    let expected = [
        ("outbox_waiting", "outbox list"),
        ("dead_letters", "outbox list"),
        ("run_interrupted", "run end run:wine.dead"),
        ("run_open", "runs --status open"),
        ("artifact_body_missing", "artifact verify"),
        ("artifact_body_orphaned", "artifact verify"),
        ("backup_missing", "backup create"),
    ];
    for (code, next) in expected {
        assert_eq!(command(&health, code), next);
    }
    assert_eq!(codes(&health).len(), expected.len(), "{health:?}");
    assert_eq!(health.live_streams, 1);
    let order: Vec<Severity> = health.findings.iter().map(|finding| finding.severity).collect();
    assert!(order.is_sorted_by(|a, b| a >= b), "{order:?}");
}

#[test]
fn full_and_read_only_disks_do_not_stop_the_examination() {
    let disk = sick();
    let expected = examine(&disk);
    for is_full in [true, false] {
        match is_full {
            true => disk.set_free_bytes(Some(0)),
            false => {
                disk.set_free_bytes(None);
                disk.set_read_only(true);
            }
        }
        let writes = disk.write_count();
        let doctor = Doctor::new("/w").storage(disk.process(98)).temporary_dir("/tmp");
        let health = doctor.examine(Progress::none()).unwrap();
        assert_eq!(codes(&health), codes(&expected), "{is_full}");
        assert_eq!((health.runs.len(), health.entries), (expected.runs.len(), expected.entries));
        assert_eq!(disk.write_count(), writes);
    }
}

#[test]
fn failed_read_is_a_finding_and_never_a_smaller_result_without_a_finding() {
    let base = sick();
    let expected = examine(&base);
    let worth = |health: &WorkspaceHealth| {
        (health.entries, health.streams, health.runs.len(), health.projects.len(), health.areas.clone())
    };
    let mut failures = 0;
    for at in 0.. {
        let disk = base.fork();
        let process = disk.spawn(97);
        process.plan(Moment::Operation(at), Fault::Error(ErrorKind::PermissionDenied));
        let result = Doctor::new("/w").storage(process.clone()).examine(Progress::none());
        if process.operations() <= at {
            break;
        }
        let Ok(health) = result else { continue };
        if worth(&health) != worth(&expected) {
            failures += 1;
            let more: Vec<_> = codes(&health).difference(&codes(&expected)).copied().collect();
            assert!(!more.is_empty(), "{at}: {health:?}");
        }
    }
    assert!(failures > 5, "{failures}");
}

#[test]
fn gap_and_newer_segment_are_findings_and_the_rest_is_shown() {
    let disk = SimDisk::new(3);
    let contexta = open_sim(&disk, 1, "/w");
    two_runs(&contexta);
    contexta.close().unwrap();
    drop(contexta);
    disk.reboot();
    disk.advance(1_000_000_000);
    let contexta = open_sim(&disk, 2, "/w");
    contexta.run("third").run_id("third").start().unwrap().complete().unwrap();
    drop(contexta);
    let whole = examine(&disk);
    let is_segment =
        |path: &PathBuf| path.starts_with("/w/log") && path.extension().is_some_and(|e| e == "seg");
    let segment = disk.paths().into_iter().find(is_segment).unwrap();
    let good = disk.read(&segment).unwrap();
    let mut newer = good.clone();
    for at in [0usize, 4096] {
        // Format 7, which this build cannot read, with a valid checksum.
        newer[at + 8..at + 12].copy_from_slice(&[7, 0, 7, 0]);
        let salt = u64::from_le_bytes(*b"CTXASEG\0");
        let checksum = contexta::engine::checksum::salted_crc32(salt, &[&newer[at..at + 252]]);
        newer[at + 252..at + 256].copy_from_slice(&checksum.to_le_bytes());
    }
    disk.overwrite(&segment, newer);
    let health = examine(&disk);
    let finding = health.findings.iter().find(|finding| finding.code == "log_newer_format").unwrap();
    assert!(finding.message.contains("format 7") && finding.command.is_none(), "{finding:?}");
    let third = whole.runs.iter().find(|run| run.name == "third").unwrap();
    assert!(health.runs.contains(third), "{health:?}");
    // A byte in the middle of the entries is damaged.
    let mut bad = good;
    let end = bad.iter().rposition(|byte| *byte != 0).unwrap();
    bad[4096 + (end - 4096) / 2] ^= 1;
    disk.overwrite(&segment, bad);
    let health = examine(&disk);
    assert_eq!(command(&health, "log_gap"), "verify");
    assert!(health.entries < whole.entries && health.entries > 0, "{health:?}");
    assert_eq!(health.findings[0].severity, Severity::Error);
}

#[test]
fn latest_backup_and_its_age_are_shown() {
    let disk = SimDisk::new(4);
    let contexta = open_sim(&disk, 1, "/w");
    two_runs(&contexta);
    contexta.close().unwrap();
    let backups = Backups::new("/w").storage(disk.process(2));
    for label in ["first", "second"] {
        disk.advance(3_600_000_000_000);
        let options = BackupOptions { label: Some(label.into()), ..BackupOptions::default() };
        backups.create(&backups.plan(&options).unwrap(), Progress::none()).unwrap();
    }
    disk.advance(7_200_000_000_000);
    let health = examine(&disk);
    let backup = health.backup.clone().unwrap();
    assert!(
        backup.backup_ref.starts_with("second-") && (7200..7300).contains(&backup.age_seconds),
        "{backup:?}"
    );
    assert!(!codes(&health).contains("backup_missing"));
    let area = health.areas.iter().find(|area| area.area == "backups").unwrap();
    assert!(area.files > 2 && area.bytes > 0);
}

#[test]
fn interrupted_restore_is_a_finding_and_is_not_finished() {
    let disk = SimDisk::new(6);
    two_runs(&open_sim(&disk, 1, "/w"));
    disk.copy_tree(Path::new("/w/log"), Path::new("/w/log.restored"));
    disk.remove_tree(Path::new("/w/log"));
    let (paths, writes) = (disk.paths(), disk.write_count());
    let health = examine(&disk);
    assert_eq!((disk.paths(), disk.write_count()), (paths, writes));
    assert_eq!(command(&health, "restore_interrupted"), "log ls");
    assert!(!health.is_healthy() && health.streams.is_none(), "{health:?}");
    // The named command opens the workspace.
    assert_eq!(open_sim(&disk, 2, "/w").log_streams().unwrap().len(), 1);
    assert!(examine(&disk).is_healthy());
}

#[test]
fn missing_workspace_is_an_error() {
    let disk = SimDisk::new(5);
    let error = Doctor::new("/w").storage(disk.process(1)).examine(Progress::none()).unwrap_err();
    assert_eq!(error.code(), "workspace_not_found");
    disk.overwrite(Path::new("/w/notes.txt"), b"x".to_vec());
    let error = Doctor::new("/w").storage(disk.process(1)).examine(Progress::none()).unwrap_err();
    assert_eq!(error.code(), "workspace_invalid");
    assert_eq!(disk.paths().len(), 1);
}

fn contexta(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_contexta")).current_dir(dir).args(args).output().unwrap()
}

fn open(dir: &TempDir) -> Contexta {
    let options = Options::new(dir.path().join(".contexta")).project("wine").detect_code_revision(false);
    options.open().unwrap()
}

#[test]
fn command_works_with_a_broken_configuration_file_and_names_commands_that_exist() {
    let dir = TempDir::new("doctor-config");
    two_runs(&open(&dir));
    let good = contexta(dir.path(), &["doctor"]);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let text = String::from_utf8(good.stdout).unwrap();
    assert!(text.contains("healthy") && text.contains("contexta backup create"), "{text}");
    fs::write(dir.path().join(".contexta/contexta.toml"), "project_name = \n[[[").unwrap();
    assert_eq!(contexta(dir.path(), &["runs"]).status.code(), Some(1));
    let output = contexta(dir.path(), &["doctor", "--format", "json"]);
    let health = parse(&String::from_utf8(output.stdout).unwrap()).unwrap();
    assert_eq!((output.status.code(), health.get("healthy")), (Some(1), Some(&Value::Bool(false))));
    assert_eq!(health.get("runs").unwrap().as_list().unwrap().len(), 2);
    let findings = health.get("findings").unwrap().as_list().unwrap();
    let code = |finding: &Value| finding.get("code").unwrap().as_str().unwrap().to_owned();
    assert!(findings.iter().any(|finding| code(finding) == "invalid_config_file"), "{findings:?}");
    for finding in findings {
        let words = finding.get("command").unwrap().as_list().unwrap_or_default();
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        let help = contexta(dir.path(), &[&words[..], &["--help"]].concat());
        assert_eq!(help.status.code(), Some(0), "{words:?}");
    }
    // A path with a space is quoted in the commands.
    fs::rename(dir.path().join(".contexta"), dir.path().join("a b")).unwrap();
    let output = contexta(dir.path(), &["--workspace", "a b", "doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("contexta --workspace 'a b' config check"), "{text}");
}
