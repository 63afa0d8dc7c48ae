//! Artifacts: ingest modes, crashes during a registration, aliases, directories, and replacement of an artifact with
//! the same key.

use crate::support::{TempDir, open_sim};
use contexta::capture::{ArtifactRegistration, IngestMode, RegisteredArtifact, RunScope};
use contexta::contract::{ArtifactRef, Value};
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, Survival};
use contexta::store::{ArtifactRow, location};
use contexta::{Contexta, ExportSettings, ImportSettings, ImportSource, Options};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CONTENT: &[u8] = b"the weights of a model";

fn row(contexta: &Contexta, artifact: &ArtifactRef) -> Option<ArtifactRow> {
    contexta.store().read(|view| view.artifact(artifact)).unwrap()
}

fn register(run: &RunScope, path: &Path, mode: IngestMode) -> contexta::capture::Result<RegisteredArtifact> {
    run.register(ArtifactRegistration::output("model_bundle", path).key("m").ingest_mode(mode))
}

/// Returns true if the log contains the artifact and its body has the expected content.
fn is_durable(disk: &SimDisk) -> bool {
    let contexta = open_sim(disk, 9, "/w");
    let artifact = ArtifactRef::parse("artifact:wine.a.m").unwrap();
    let Some(row) = row(&contexta, &artifact) else { return false };
    assert!(row.body_present, "a manifest without its body: {row:?}");
    contexta.store().read(|view| view.verify_body(&row.body.unwrap())).unwrap()
}

fn source(mode: IngestMode) -> PathBuf {
    PathBuf::from(if mode == IngestMode::Adopt { "/w/recovery/staging/model.bin" } else { "/home/model.bin" })
}

/// Registers a file in a process with a fault at the operation `at`. Returns false if the process ends before this
/// operation, so that the fault does not occur.
fn with_fault(disk: &SimDisk, mode: IngestMode, at: u64, fault: Fault) -> bool {
    let process = disk.spawn(2);
    let storage: Arc<_> = Arc::<_>::clone(&process);
    let contexta =
        Options::new("/w").project("wine").storage(storage).detect_code_revision(false).open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    let begun = process.operations();
    process.plan(Moment::Operation(begun + at), fault);
    let result = register(&run, &source(mode), mode);
    let has_passed = process.has_passed_plans();
    if let Ok(registered) = &result {
        assert!(is_durable(&disk.fork()), "{mode} {at}");
        let is_gone = disk.read(&source(mode)).is_none();
        let is_noted = registered.notes.iter().any(|note| note.code == "artifact_source_not_removed");
        assert_eq!(is_gone, mode != IngestMode::Copy && !is_noted, "{mode} {at}");
    } else {
        assert_eq!(disk.read(&source(mode)).as_deref(), Some(CONTENT), "{mode} {at}");
    }
    disk.kill(2);
    has_passed
}

fn new_disk(mode: IngestMode, seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    drop(open_sim(&disk, 1, "/w"));
    disk.overwrite(&source(mode), CONTENT.to_vec());
    disk
}

const STORED: [IngestMode; 3] = [IngestMode::Copy, IngestMode::Move, IngestMode::Adopt];

#[test]
fn crash_at_any_operation_leaves_the_file_or_the_artifact() {
    for mode in STORED {
        let mut lost_sources = 0;
        for at in 0.. {
            let disk = new_disk(mode, at);
            let has_passed = with_fault(&disk, mode, at, Fault::Kill);
            for survival in [Survival::Dropped, Survival::Subset(at), Survival::Subset(at + 1000)] {
                let disk = disk.fork();
                disk.crash(survival);
                let source_stays = disk.read(&source(mode)).as_deref() == Some(CONTENT);
                lost_sources += u64::from(!source_stays);
                assert!(source_stays || is_durable(&disk), "{mode} {at} {survival:?}");
                assert!(source_stays || mode != IngestMode::Copy, "{mode} {at}");
            }
            if !has_passed {
                assert!(at > 10, "{mode} {at}");
                break;
            }
        }
        assert_eq!(lost_sources > 0, mode != IngestMode::Copy, "{mode}");
    }
}

#[test]
fn error_at_any_operation_loses_nothing() {
    for mode in STORED {
        for at in 0.. {
            let disk = new_disk(mode, at);
            let has_passed = with_fault(&disk, mode, at, Fault::Error(std::io::ErrorKind::PermissionDenied));
            assert!(disk.read(&source(mode)).as_deref() == Some(CONTENT) || is_durable(&disk), "{mode} {at}");
            if !has_passed {
                break;
            }
        }
    }
}

#[test]
fn newer_file_of_the_same_name_is_not_removed() {
    let (mut lost, mut stayed) = (0, 0);
    for at in 0.. {
        let disk = new_disk(IngestMode::Move, at);
        let path = source(IngestMode::Move);
        let process = disk.spawn(2);
        let storage: Arc<_> = Arc::<_>::clone(&process);
        let options = Options::new("/w").project("wine").storage(storage).detect_code_revision(false);
        let contexta = options.open().unwrap();
        let run = contexta.run("a").run_id("a").start().unwrap();
        let (other, newer) = (disk.clone(), path.clone());
        let write = move || other.overwrite(&newer, b"newer".to_vec());
        process.plan(Moment::Operation(process.operations() + at), Fault::Meanwhile(Box::new(write)));
        let done = register(&run, &path, IngestMode::Move).unwrap();
        if !process.has_passed_plans() {
            break;
        }
        let row = row(&contexta, done.artifact_ref()).unwrap();
        let body = contexta.store().read(|view| Ok::<_, contexta::Error>(view.artifact_path(&row))).unwrap();
        let is_stored = disk.read(&body.unwrap()).as_deref() == Some(b"newer".as_slice());
        stayed += u64::from(disk.read(&path).is_some());
        lost += u64::from(disk.read(&path).is_none() && !is_stored);
    }
    // A change after the last check of the file and before its removal is lost.
    assert!(lost <= 1 && stayed > 3, "{lost} lost, {stayed} stayed");
}

#[test]
fn body_that_shares_its_file_with_a_source_is_replaced_by_the_next_registration() {
    let mode = IngestMode::Adopt;
    for at in 0.. {
        let disk = new_disk(mode, at);
        let has_passed = with_fault(&disk, mode, at, Fault::Kill);
        if disk.read(&source(mode)).is_some() {
            let contexta = open_sim(&disk, 3, "/w");
            let run = contexta.run("b").run_id("b").start().unwrap();
            register(&run, &source(mode), IngestMode::Copy).unwrap();
            disk.overwrite(&source(mode), b"changed".to_vec());
            // The killed process may have written only a part of the last frame of the log.
            let problems = contexta.verify(Default::default()).unwrap().problems;
            assert!(problems.iter().all(|problem| problem.code == "torn"), "{at} {problems:?}");
        }
        if !has_passed {
            break;
        }
    }
}

#[test]
fn full_disk_keeps_the_file_and_the_next_attempt_succeeds() {
    for mode in STORED {
        let disk = new_disk(mode, 5);
        let contexta = open_sim(&disk, 1, "/w");
        let run = contexta.run("a").run_id("a").start().unwrap();
        disk.set_free_bytes(Some(4));
        let result = register(&run, &source(mode), mode);
        // An adopted file needs disk space only for its manifest, and the log has reserved this space.
        if let Err(error) = &result {
            assert_eq!(error.code(), "storage_full", "{mode}");
            assert_eq!(disk.read(&source(mode)).as_deref(), Some(CONTENT), "{mode}");
            disk.set_free_bytes(None);
            register(&run, &source(mode), mode).unwrap();
        }
        assert_eq!(result.is_ok(), mode == IngestMode::Adopt);
        disk.set_free_bytes(None);
        assert!(is_durable(&disk), "{mode}");
    }
}

#[test]
fn file_that_changes_during_the_copy_is_read_once_more() {
    let overwrite = |disk: &SimDisk| {
        let disk = disk.clone();
        Fault::Meanwhile(Box::new(move || disk.overwrite(&source(IngestMode::Copy), b"other".to_vec())))
    };
    let (mut repeated, mut refused) = (0, 0);
    for at in 0..40 {
        for twice in [false, true] {
            let disk = new_disk(IngestMode::Copy, at);
            let process = disk.spawn(2);
            let storage: Arc<_> = Arc::<_>::clone(&process);
            let contexta = Options::new("/w")
                .project("wine")
                .storage(storage)
                .detect_code_revision(false)
                .open()
                .unwrap();
            let run = contexta.run("a").run_id("a").start().unwrap();
            let begun = process.operations();
            for n in at..=(if twice { at + 40 } else { at }) {
                process.plan(Moment::Operation(begun + n), overwrite(&disk));
            }
            match register(&run, &source(IngestMode::Copy), IngestMode::Copy) {
                Ok(done) => {
                    let row = row(&contexta, done.artifact_ref()).unwrap();
                    assert!(contexta.store().read(|view| view.verify_body(&row.body.unwrap())).unwrap());
                    repeated += u64::from(row.manifest.size_bytes == Some(5));
                }
                Err(error) => {
                    assert_eq!(error.code(), "artifact_source_changed");
                    assert!(error.to_string().contains("/home/model.bin"), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(repeated > 0 && refused > 0, "{repeated} {refused}");
}

#[test]
fn only_staged_files_are_adopted_and_bodies_are_not_moved() {
    let disk = new_disk(IngestMode::Move, 1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let refused = register(&run, Path::new("/home/model.bin"), IngestMode::Adopt).unwrap_err();
    assert_eq!(refused.code(), "artifact_store_invalid_adopt_source");
    let stored = register(&run, Path::new("/home/model.bin"), IngestMode::Move).unwrap();
    assert_eq!(disk.read(Path::new("/home/model.bin")), None);
    let body = row(&contexta, stored.artifact_ref()).unwrap().body.unwrap();
    let object = contexta.paths().objects().join(&body.to_string()[..2]).join(&body.to_string()[2..]);
    for mode in [IngestMode::Move, IngestMode::Adopt] {
        assert!(register(&run, &object, mode).is_err());
    }
    assert!(is_durable(&disk));
}

#[test]
fn same_key_replaces_and_same_file_name_does_not() {
    let disk = new_disk(IngestMode::Copy, 1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let stage = run.stage("train").unwrap();
    let path = source(IngestMode::Copy);
    for step in 1..=3u8 {
        disk.overwrite(&path, vec![step; 10]);
        let what = ArtifactRegistration::output("checkpoint", &path).key("last").step(step);
        if step == 2 {
            stage.register(what).unwrap()
        } else {
            run.register(what).unwrap()
        };
    }
    let last = row(&contexta, &ArtifactRef::parse("artifact:wine.a.last").unwrap()).unwrap();
    assert_eq!(last.manifest.attributes["step"], Value::Int(3));
    assert!(!last.conflict);
    let names = [(); 2].map(|()| run.register_artifact("checkpoint", &path).unwrap());
    let names = names.each_ref().map(|done| done.artifact_ref().to_string());
    assert_eq!(names, ["artifact:wine.a.model", "artifact:wine.a.model-2"]);
    assert_eq!(contexta.run_snapshot("a").unwrap().artifacts.len(), 3);
}

#[test]
fn two_threads_with_one_key_leave_one_artifact_without_a_conflict() {
    let disk = new_disk(IngestMode::Copy, 1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    std::thread::scope(|threads| {
        for n in 0..4 {
            let path = PathBuf::from(format!("/home/{n}"));
            disk.overwrite(&path, vec![n; 100]);
            let run = &run;
            threads.spawn(move || register(run, &path, IngestMode::Copy).unwrap());
        }
    });
    assert!(!row(&contexta, &ArtifactRef::parse("artifact:wine.a.m").unwrap()).unwrap().conflict);
}

#[test]
fn alias_points_to_the_artifact_that_it_was_set_to_last() {
    let disk = new_disk(IngestMode::Copy, 1);
    let path = source(IngestMode::Copy);
    let mut artifacts = Vec::new();
    // A different process sets the alias each time.
    for process in 1..=3 {
        let contexta = open_sim(&disk, process, "/w");
        let run = contexta.run("a").run_id(&format!("r{process}")).start().unwrap();
        let what = ArtifactRegistration::output("model_bundle", &path).key("m");
        artifacts.push(run.register(what).unwrap().artifact_ref().clone());
        contexta.alias(&artifacts[artifacts.len() - 1], "模型:best").unwrap();
        run.complete().unwrap();
    }
    let contexta = open_sim(&disk, 4, "/w");
    assert_eq!(contexta.use_artifact("模型:best").unwrap_err().code(), "runtime_capture_requires_run");
    let run = contexta.run("use").run_id("use").start().unwrap();
    let _entered = run.enter();
    let used = contexta.use_artifact("模型:best").unwrap();
    assert_eq!(used.artifact.manifest.artifact_ref, artifacts[2]);
    assert_eq!(disk.read(&used.path.unwrap()).as_deref(), Some(CONTENT));
    let by_ref = contexta.use_artifact(artifacts[0].as_str()).unwrap();
    assert_eq!(by_ref.artifact.manifest.artifact_ref, artifacts[0]);
    let upstream = contexta.traverse_lineage("run:wine.use", contexta::Direction::Upstream, 1).unwrap();
    assert!(upstream.reaches(&artifacts[2]) && upstream.reaches(&artifacts[0]));
    for name in ["model:none", "artifact:wine.r1.none"] {
        assert_eq!(contexta.use_artifact(name).unwrap_err().code(), "query_artifact_not_found", "{name}");
    }
    let none = ArtifactRef::parse("artifact:wine.r1.none").unwrap();
    assert_eq!(contexta.alias(&none, "x").unwrap_err().code(), "query_artifact_not_found");
    assert!(contexta.alias(&artifacts[0], " ").is_err());
    // The alias is one object without a conflict, also after an export and an import.
    let mut lines = Vec::new();
    contexta.export_jsonl(&mut lines, ExportSettings::default()).unwrap();
    assert_eq!(String::from_utf8(lines.clone()).unwrap().matches(r#""kind":"alias""#).count(), 1);
    let imported = open_sim(&disk, 5, "/imported");
    let source = ImportSource::Reader("lines", &mut lines.as_slice());
    imported.import_jsonl(source, ImportSettings::default()).unwrap();
    for workspace in [&contexta, &imported] {
        let project = workspace.session().project_ref().clone();
        let aliases = workspace.store().read(|view| view.aliases(&project)).unwrap();
        assert_eq!(aliases.len(), 1);
        assert_eq!((aliases[0].name.as_str(), &aliases[0].artifact_ref), ("模型:best", &artifacts[2]));
    }
}

#[test]
fn reference_records_the_location_and_copies_nothing() {
    let dir = TempDir::new("artifact-reference");
    let contexta =
        Options::new(dir.path().join("w")).project("wine").detect_code_revision(false).open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    let file = dir.path().join("数据 1.csv");
    fs::write(&file, "a,b\n").unwrap();
    let local = register(&run, &file, IngestMode::Reference).unwrap();
    assert_eq!(local.manifest.location_ref, location::of_file(&file));
    assert_eq!(location::local_path(&local.manifest.location_ref), Some(file.clone()));
    assert_eq!((local.manifest.size_bytes, local.is_missing), (Some(4), false));
    assert!(local.manifest.sha256().is_some());
    let remote = ArtifactRegistration::input("dataset_snapshot", "s3://bucket/train.parquet");
    let remote = run.register(remote.ingest_mode(IngestMode::Reference)).unwrap();
    assert_eq!(remote.manifest.location_ref, "s3://bucket/train.parquet");
    assert_eq!((remote.manifest.size_bytes, remote.manifest.hash_value.clone()), (None, None));
    let rows = [&local, &remote].map(|done| row(&contexta, done.artifact_ref()).unwrap());
    assert!(rows.iter().all(|row| row.body.is_none() && row.is_referenced()));
    assert_eq!(fs::read_dir(dir.path().join("w/artifacts/objects")).map_or(0, Iterator::count), 0);
    // A reference to a missing file is refused with an error.
    let missing = register(&run, &dir.path().join("none"), IngestMode::Reference).unwrap_err();
    assert_eq!(missing.code(), "artifact_source_missing");
}

#[cfg(unix)]
#[test]
fn special_files_are_refused_without_blocking() {
    use std::os::unix::net::UnixListener;
    let dir = TempDir::new("artifact-special");
    let contexta =
        Options::new(dir.path().join("w")).project("wine").detect_code_revision(false).open().unwrap();
    let run = contexta.run("a").start().unwrap();
    let [pipe, socket] = ["pipe", "socket"].map(|name| dir.path().join(name));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let _listener = UnixListener::bind(&socket).unwrap();
    for path in [pipe, socket, PathBuf::from("/dev/zero")] {
        for mode in IngestMode::ALL {
            assert!(register(&run, &path, *mode).is_err(), "{path:?} {mode}");
        }
    }
}

#[cfg(unix)]
#[test]
fn moved_files_with_other_names_keep_their_other_names_intact() {
    let dir = TempDir::new("artifact-names");
    let contexta =
        Options::new(dir.path().join("w")).project("wine").detect_code_revision(false).open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    let [file, other, link] = ["file", "other", "link"].map(|name| dir.path().join(name));
    fs::write(&file, CONTENT).unwrap();
    fs::hard_link(&file, &other).unwrap();
    std::os::unix::fs::symlink(&other, &link).unwrap();
    for moved in [&file, &link] {
        let done = register(&run, moved, IngestMode::Move).unwrap();
        assert!(done.notes.is_empty() && moved.symlink_metadata().is_err());
        // A change of the file through its other name does not change the body.
        fs::write(&other, CONTENT).unwrap();
        let row = row(&contexta, done.artifact_ref()).unwrap();
        assert!(contexta.store().read(|view| view.verify_body(&row.body.unwrap())).unwrap());
    }
    fs::write(&other, "changed").unwrap();
    assert_eq!(contexta.verify(Default::default()).unwrap().problems, []);
}

#[cfg(unix)]
#[test]
fn name_of_a_file_that_is_not_text_is_kept_as_hexadecimal_digits() {
    use std::os::unix::ffi::OsStrExt;
    let dir = TempDir::new("artifact-bytes");
    let contexta =
        Options::new(dir.path().join("w")).project("wine").detect_code_revision(false).open().unwrap();
    let run = contexta.run("a").start().unwrap();
    let file = dir.path().join(std::ffi::OsStr::from_bytes(b"m\xff.bin"));
    fs::write(&file, CONTENT).unwrap();
    let done = run.register_artifact("model_bundle", &file).unwrap();
    assert_eq!(done.manifest.attributes["file_name_hex"], Value::Text("6dff2e62696e".to_owned()));
    let chinese = dir.path().join("模型.bin");
    fs::write(&chinese, CONTENT).unwrap();
    let done = run.register_artifact("model_bundle", &chinese).unwrap();
    assert_eq!(done.manifest.attributes["file_name"], Value::Text("模型.bin".to_owned()));
    assert!(!done.manifest.attributes.contains_key("file_name_hex"));
    // Equal content is stored once.
    assert_eq!(contexta.store().read(|view| view.bodies()).unwrap().len(), 1);
}

#[cfg(unix)]
mod directories {
    use super::*;
    use contexta::store::tree::{Extracted, TreeContent};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn workspace(dir: &TempDir, name: &str) -> Contexta {
        Options::new(dir.path().join(name)).project("wine").detect_code_revision(false).open().unwrap()
    }

    fn fill(root: &Path) {
        fs::create_dir_all(root.join("a/深")).unwrap();
        fs::create_dir_all(root.join("empty")).unwrap();
        fs::write(root.join("a/one"), CONTENT).unwrap();
        fs::write(root.join("a/深/权重.bin"), CONTENT).unwrap();
        fs::write(root.join("run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(root.join(std::ffi::OsStr::from_bytes(b"\xff")), "bytes").unwrap();
        symlink("a/one", root.join("link")).unwrap();
        symlink("/etc/passwd", root.join("outside")).unwrap();
    }

    fn store(contexta: &Contexta, root: &Path) -> (ArtifactRow, RegisteredArtifact) {
        let run = contexta.run("a").run_id("a").start().unwrap();
        let done = run.register(ArtifactRegistration::output("model_bundle", root).key("m")).unwrap();
        run.complete().unwrap();
        (row(contexta, done.artifact_ref()).unwrap(), done)
    }

    fn extract(contexta: &Contexta, row: &ArtifactRow, to: &Path) -> contexta::store::Result<Extracted> {
        contexta.store().read(|view| view.extract_tree(row, to))
    }

    fn is_extracted(to: &Path) {
        assert_eq!(fs::read(to.join("a/深/权重.bin")).unwrap(), CONTENT);
        assert_eq!(fs::read(to.join(std::ffi::OsStr::from_bytes(b"\xff"))).unwrap(), b"bytes");
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("a/one"));
        assert_eq!(fs::metadata(to.join("run.sh")).unwrap().permissions().mode() & 0o111, 0o111);
        assert_eq!(fs::metadata(to.join("a/one")).unwrap().permissions().mode() & 0o111, 0);
        assert_eq!(fs::read_dir(to.join("empty")).unwrap().count(), 0);
        assert!(to.join("outside").symlink_metadata().is_err());
    }

    #[test]
    fn directory_is_stored_as_a_tree_and_extracted() {
        let dir = TempDir::new("artifact-tree");
        let contexta = workspace(&dir, "w");
        let root = dir.path().join("model");
        fill(&root);
        assert!(std::process::Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success());
        let (stored, done) = store(&contexta, &root);
        assert_eq!(stored.manifest.attributes["tree_files"], Value::Int(4));
        assert!(stored.is_tree() && stored.body_present);
        let entries = contexta.store().read(|view| view.artifact_tree(&stored)).unwrap();
        let paths: Vec<String> = entries.iter().map(|entry| entry.path_lossy()).collect();
        assert_eq!(paths, ["a/one", "a/深/权重.bin", "empty", "link", "outside", "run.sh", "\u{fffd}"]);
        let outside = TreeContent::Link { target: b"/etc/passwd".to_vec() };
        assert_eq!(entries[4].content, outside);
        let snapshot = contexta.run_snapshot("a").unwrap();
        assert_eq!(snapshot.artifacts.len(), 1);
        let markers = format!("{:?}", snapshot);
        assert!(markers.contains("artifact.files_left_out") && markers.contains("pipe (it is"), "{markers}");
        let to = dir.path().join("out/deep");
        let extracted = extract(&contexta, &stored, &to).unwrap();
        assert_eq!((extracted.files, extracted.links_left_out), (4, vec!["outside".to_owned()]));
        is_extracted(&to);
        // Nothing is overwritten.
        assert!(extract(&contexta, &stored, &to).is_err());
        // The same directory gives the same body, and equal files are stored once: there are three different contents
        // and the list.
        let again = dir.path().join("copy");
        fill(&again);
        let run = contexta.run("b").start().unwrap();
        let second = run.register_artifact("model_bundle", &again).unwrap();
        assert_eq!(second.manifest.location_ref, done.manifest.location_ref);
        assert_eq!(contexta.store().read(|view| view.tree_files(&stored.body.unwrap())).unwrap().len(), 4);
    }

    #[test]
    fn directory_with_the_workspace_leaves_the_workspace_out() {
        let dir = TempDir::new("artifact-tree-own");
        let contexta = workspace(&dir, ".contexta");
        fs::write(dir.path().join("x"), "x").unwrap();
        let (stored, _) = store(&contexta, dir.path());
        let entries = contexta.store().read(|view| view.artifact_tree(&stored)).unwrap();
        assert_eq!(entries.iter().map(|entry| entry.path_lossy()).collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn export_import_and_merge_carry_the_files_and_verify_checks_them() {
        let dir = TempDir::new("artifact-tree-carried");
        let contexta = workspace(&dir, "w");
        let root = dir.path().join("model");
        fill(&root);
        let (stored, done) = store(&contexta, &root);
        let file = dir.path().join("out.jsonl");
        contexta.export_jsonl_file(&file, ExportSettings::default()).unwrap();
        let imported = workspace(&dir, "imported");
        let report = imported.import_jsonl(ImportSource::File(&file), ImportSettings::default()).unwrap();
        assert_eq!(report.bodies_missing, 0);
        let merged = workspace(&dir, "merged");
        merged.merge(dir.path().join("w"), Default::default()).unwrap();
        for (name, other) in [("i", &imported), ("m", &merged)] {
            let there = row(other, done.artifact_ref()).unwrap();
            assert_eq!(there.body, stored.body);
            let to = dir.path().join(name);
            extract(other, &there, &to).unwrap();
            is_extracted(&to);
            assert_eq!(other.verify(Default::default()).unwrap().problems, []);
        }
        // The import reports a missing file of the exported directory, and `verify` reports a damaged file.
        let files = contexta.store().read(|view| view.tree_files(&stored.body.unwrap())).unwrap();
        fs::remove_file(dir.path().join("artifacts").join(files[0].0.to_string())).unwrap();
        let partial = workspace(&dir, "partial");
        let report = partial.import_jsonl(ImportSource::File(&file), ImportSettings::default()).unwrap();
        assert_eq!(report.bodies_missing, 1);
        let problems = partial.verify(Default::default()).unwrap().problems;
        assert_eq!(
            problems.iter().map(|problem| problem.code).collect::<Vec<_>>(),
            ["artifact_body_missing"]
        );
        assert!(problems[0].message.contains("a/one"), "{problems:?}");
        // A later import that finds the file completes the directory.
        contexta.export_jsonl_file(&file, ExportSettings::default()).unwrap();
        let again = partial.import_jsonl(ImportSource::File(&file), ImportSettings::default()).unwrap();
        assert_eq!((again.bodies_missing, again.bodies_stored), (0, 0));
        assert_eq!(partial.verify(Default::default()).unwrap().problems, []);
    }

    #[test]
    fn changed_and_missing_references_are_notes_and_no_damage() {
        let dir = TempDir::new("artifact-reference-verify");
        let contexta = workspace(&dir, "w");
        let run = contexta.run("a").start().unwrap();
        let names = ["same", "changed", "missing"];
        for name in names {
            let file = dir.path().join(name);
            fs::write(&file, CONTENT).unwrap();
            let what = ArtifactRegistration::input("dataset_snapshot", &file);
            run.register(what.ingest_mode(IngestMode::Reference)).unwrap();
        }
        fs::write(dir.path().join("changed"), vec![0; CONTENT.len()]).unwrap();
        fs::remove_file(dir.path().join("missing")).unwrap();
        let codes = |references| {
            let options = contexta::VerifyOptions { references, ..Default::default() };
            let report = contexta.verify(options).unwrap();
            assert_eq!(report.problems, []);
            let codes = report.notes.iter().map(|note| note.code);
            codes.filter(|code| code.starts_with("artifact_")).collect::<Vec<_>>()
        };
        assert_eq!(codes(false), [""; 0]);
        assert_eq!(codes(true), ["artifact_reference_changed", "artifact_reference_missing"]);
    }
}
