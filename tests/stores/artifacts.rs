//! The artifact store.

use super::{at, open, r};
use crate::support::{TempDir, open_sim};
use contexta::capture::ArtifactRegistration;
use contexta::contract::json::write::canonical;
use contexta::contract::{ArtifactManifest, ArtifactRef, Canonical, RunRef};
use contexta::engine::checksum::Digest;
use contexta::engine::storage::sim::SimDisk;
use contexta::store::SourceMode;
use contexta::store::artifacts::{
    ArtifactStore, ConflictPolicy, ImportOutcome, PACKAGE_FILE, PutChange, VerificationStatus,
};
use contexta::{Contexta, ImportSource, Options};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

const CONTENT: &[u8] = b"the weights of a model";

fn manifest(key: &str) -> ArtifactManifest {
    let own = r::<ArtifactRef>(&format!("artifact:p.r.{key}"));
    ArtifactManifest::new(own, "checkpoint", at("2024-01-01T00:00:00Z"), "x", r::<RunRef>("run:p.r"), "here")
}

/// Returns the artifact store of the workspace `/w`, and the refs of the artifacts `a` and `b`.
fn two_artifacts(disk: &SimDisk) -> (ArtifactStore, ArtifactRef, ArtifactRef) {
    let store = open(disk, 1).artifact_store();
    for (key, content) in [("a", CONTENT), ("b", &b"other"[..])] {
        let path = PathBuf::from(format!("/home/模型-{key}.bin"));
        disk.overwrite(&path, content.to_vec());
        store.put_artifact(manifest(key), &path, SourceMode::Copy).unwrap();
    }
    (store, r("artifact:p.r.a"), r("artifact:p.r.b"))
}

/// Returns the file of a body in the workspace `/w`.
fn body(content: &[u8]) -> PathBuf {
    let digest = Digest::of(content).to_string();
    Path::new("/w/artifacts/objects").join(&digest[..2]).join(&digest[2..])
}

#[test]
fn stored_artifact_is_read_in_every_way() {
    let disk = SimDisk::new(1);
    let (store, a, _) = two_artifacts(&disk);
    let handle = store.get_artifact(&a).unwrap();
    assert_eq!((handle.digest, handle.size_bytes), (Digest::of(CONTENT), CONTENT.len() as u64));
    assert_eq!(handle.manifest.attributes.get("file_name").unwrap().as_str(), Some("模型-a.bin"));
    assert_eq!(store.read_artifact_bytes(&a).unwrap(), CONTENT);
    let mut reader = store.open_artifact(&a).unwrap();
    reader.seek(SeekFrom::End(-5)).unwrap();
    let mut end = String::new();
    reader.read_to_string(&mut end).unwrap();
    assert_eq!(end, "model");
    assert!(reader.seek(SeekFrom::Current(-100)).is_err());
    assert_eq!(reader.seek(SeekFrom::Start(1000)).unwrap(), 1000);
    assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
    let chunks = store.artifact_chunks(&a, NonZeroUsize::new(5)).unwrap();
    let chunks = chunks.collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(chunks.concat(), CONTENT);
    assert!(chunks.iter().rev().skip(1).all(|chunk| chunk.len() == 5), "{chunks:?}");
    let refs = store.list_refs().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(refs.iter().map(|own| own.as_str()).collect::<Vec<_>>(), ["artifact:p.r.a", "artifact:p.r.b"]);
    assert!(store.artifact_exists(&a).unwrap());
    let missing = r::<ArtifactRef>("artifact:p.r.none");
    assert!(!store.artifact_exists(&missing).unwrap());
    assert_eq!(store.get_artifact(&missing).unwrap_err().code(), "artifact_store_binding_not_found");
}

#[test]
fn refs_of_many_artifacts_are_listed_once_each() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1);
    let run = contexta.run("r").run_id("r").start().unwrap();
    for n in 0..1100 {
        let location = format!("s3://bucket/{n}");
        let what = ArtifactRegistration::output("checkpoint", &location).key(&format!("k{n:04}"));
        run.register(what.ingest_mode(contexta::capture::IngestMode::Reference)).unwrap();
    }
    let refs = contexta.artifact_store().list_refs().collect::<Result<Vec<_>, _>>().unwrap();
    let expected: Vec<String> = (0..1100).map(|n| format!("artifact:wine.r.k{n:04}")).collect();
    assert_eq!(refs.iter().map(|own| own.as_str()).collect::<Vec<_>>(), expected);
}

#[test]
fn equal_artifact_is_put_once_and_another_artifact_with_the_ref_is_a_conflict() {
    let disk = SimDisk::new(1);
    let (store, a, _) = two_artifacts(&disk);
    let put = |manifest: ArtifactManifest, content: &[u8]| {
        disk.overwrite(Path::new("/home/模型-a.bin"), content.to_vec());
        store.put_artifact(manifest, "/home/模型-a.bin", SourceMode::Copy)
    };
    assert_eq!(put(manifest("a"), CONTENT).unwrap().change, PutChange::Unchanged);
    assert_eq!(put(manifest("a"), b"changed").unwrap_err().code(), "artifact_binding_conflict");
    assert_eq!(store.read_artifact_bytes(&a).unwrap(), CONTENT);
    let mut claims = manifest("c");
    claims.size_bytes = Some(3);
    assert_eq!(put(claims, CONTENT).unwrap_err().code(), "artifact_store_size_mismatch");
    let mut claims = manifest("c");
    claims.hash_value = Some("sha256:".to_owned() + &"0".repeat(64));
    assert_eq!(put(claims, CONTENT).unwrap_err().code(), "artifact_store_hash_mismatch");
    assert!(!store.artifact_exists(&r("artifact:p.r.c")).unwrap());
}

#[test]
fn put_of_an_artifact_that_was_imported_without_its_body_stores_the_body() {
    let disk = SimDisk::new(1);
    let (store, a, _) = two_artifacts(&disk);
    let known = canonical(&store.get_artifact(&a).unwrap().manifest.to_value()).unwrap();
    let other = open_sim(&disk, 2, "/other");
    let line = format!("{{\"kind\":\"artifact\",\"object\":{known}}}");
    let report = other.import_jsonl(ImportSource::Reader("line", &mut line.as_bytes()), Default::default());
    assert_eq!(report.unwrap().total().refused, 0);
    let store = other.artifact_store();
    assert_eq!(store.get_artifact(&a).unwrap_err().code(), "artifact_store_body_not_found");
    for _ in 0..2 {
        let put = store.put_artifact(manifest("a"), "/home/模型-a.bin", SourceMode::Copy).unwrap();
        assert_eq!(put.change, PutChange::Unchanged);
        assert_eq!(store.read_artifact_bytes(&a).unwrap(), CONTENT);
    }
    assert_eq!(store.verify_all().unwrap().orphan_paths, Vec::<PathBuf>::new());
}

#[test]
fn verification_distinguishes_missing_truncated_and_changed_bodies() {
    let disk = SimDisk::new(1);
    let (store, a, b) = two_artifacts(&disk);
    assert!(store.verify_artifact(&a).unwrap().verified());
    let summary = store.inspect_store().unwrap();
    assert_eq!((summary.artifact_count, summary.verified_count, summary.orphan_count), (2, 2, 0));
    assert_eq!(summary.total_size_bytes, CONTENT.len() as u64 + 5);
    let mut changed = CONTENT.to_vec();
    changed[0] ^= 1;
    disk.overwrite(&body(CONTENT), changed);
    let report = store.verify_artifact(&a).unwrap();
    assert_eq!((report.status, report.exists), (VerificationStatus::HashMismatch, true));
    assert_ne!(report.actual_hash_value, report.expected_hash_value);
    assert_eq!(store.read_artifact_bytes(&a).unwrap_err().code(), "artifact_body_damaged");
    disk.overwrite(&body(b"other"), b"oth".to_vec());
    let report = store.verify_artifact(&b).unwrap();
    assert_eq!((report.status, report.actual_size_bytes), (VerificationStatus::SizeMismatch, Some(3)));
    disk.remove_tree(&body(CONTENT));
    assert_eq!(store.verify_artifact(&a).unwrap().status, VerificationStatus::Missing);
    assert_eq!(store.open_artifact(&a).unwrap_err().code(), "artifact_store_body_not_found");
    disk.overwrite(&body(b"orphan"), b"orphan".to_vec());
    let sweep = store.verify_all().unwrap();
    assert_eq!((sweep.missing_refs, sweep.drifted_refs), (vec![a], vec![b]));
    assert_eq!(sweep.orphan_paths, [body(b"orphan")]);
    let summary = store.inspect_store().unwrap();
    let counts = (summary.missing_count, summary.drift_count, summary.verified_count, summary.orphan_count);
    assert_eq!(counts, (1, 1, 0, 1));
}

#[test]
fn verification_against_another_manifest_uses_its_claims() {
    let disk = SimDisk::new(1);
    let (store, a, _) = two_artifacts(&disk);
    let mut claims = store.get_artifact(&a).unwrap().manifest;
    assert!(store.verify_artifact_against(&claims).unwrap().verified());
    claims.hash_value = Some("0".repeat(64));
    assert_eq!(store.verify_artifact_against(&claims).unwrap().status, VerificationStatus::HashMismatch);
}

/// A workspace in a temporary directory, with the file artifact `model` and the directory artifact `dir`.
fn on_disk(dir: &TempDir) -> Contexta {
    let source = dir.path().join("source");
    fs::create_dir_all(source.join("sub")).unwrap();
    fs::write(source.join("sub/权重.bin"), b"weights").unwrap();
    fs::write(source.join("b.txt"), b"b").unwrap();
    fs::write(dir.path().join("model.bin"), CONTENT).unwrap();
    let contexta =
        Options::new(dir.path().join("w")).project("p").detect_code_revision(false).open().unwrap();
    let run = contexta.run("r").run_id("r").start().unwrap();
    for (key, path) in [("model", dir.path().join("model.bin")), ("dir", source)] {
        run.register(ArtifactRegistration::output("checkpoint", path).key(key)).unwrap();
    }
    run.complete().unwrap();
    contexta
}

fn target(dir: &TempDir, name: &str) -> ArtifactStore {
    ArtifactStore::open(dir.path().join(name)).unwrap()
}

#[test]
fn package_carries_a_file_or_directory_to_another_workspace() {
    let dir = TempDir::new("package");
    let source = on_disk(&dir).artifact_store();
    let packages = dir.path().join("packages");
    let target = target(&dir, "t");
    for key in ["model", "dir"] {
        let own = r::<ArtifactRef>(&format!("artifact:p.r.{key}"));
        let exported = source.export_artifact(&own, &packages).unwrap();
        assert_eq!(exported.directory, packages.join(format!("artifact__p.r.{key}")));
        let import = |policy| target.import_artifact(&exported.directory, policy).unwrap();
        let first = import(ConflictPolicy::Error);
        assert_eq!(first.outcome, ImportOutcome::Imported);
        assert!(first.bytes_written > 0);
        let again = import(ConflictPolicy::Error);
        assert_eq!((again.outcome, again.bytes_written), (ImportOutcome::Idempotent, 0));
        assert_eq!(target.get_artifact(&own).unwrap().manifest, source.get_artifact(&own).unwrap().manifest);
        assert!(target.verify_artifact(&own).unwrap().verified());
    }
    let tree = r::<ArtifactRef>("artifact:p.r.dir");
    assert_eq!(target.open_artifact(&tree).unwrap_err().code(), "artifact_is_directory");
    // A file of the directory is lost, and the package restores it.
    let weights = Digest::of(b"weights").to_string();
    fs::remove_file(dir.path().join("t/artifacts/objects").join(&weights[..2]).join(&weights[2..])).unwrap();
    assert_eq!(target.verify_artifact(&tree).unwrap().status, VerificationStatus::Missing);
    let restored = target.import_artifact(packages.join("artifact__p.r.dir"), ConflictPolicy::Error).unwrap();
    assert_eq!((restored.outcome, restored.bytes_written), (ImportOutcome::Restored, 7));
    assert!(target.verify_artifact(&tree).unwrap().verified());
}

#[test]
fn policy_decides_about_another_artifact_with_the_ref() {
    let dir = TempDir::new("policy");
    let source = on_disk(&dir).artifact_store();
    let own = r::<ArtifactRef>("artifact:p.r.model");
    let package = source.export_artifact(&own, dir.path().join("packages")).unwrap().directory;
    let target = target(&dir, "t");
    fs::write(dir.path().join("other.bin"), b"other").unwrap();
    target.put_artifact(manifest("model"), dir.path().join("other.bin"), SourceMode::Copy).unwrap();
    let error = target.import_artifact(&package, ConflictPolicy::Error).unwrap_err();
    assert_eq!(error.code(), "artifact_binding_conflict");
    let skipped = target.import_artifact(&package, ConflictPolicy::Skip).unwrap();
    assert_eq!(skipped.outcome, ImportOutcome::Skipped);
    assert_eq!(target.read_artifact_bytes(&own).unwrap(), b"other");
    let replaced = target.import_artifact(&package, ConflictPolicy::Replace).unwrap();
    assert_eq!(replaced.outcome, ImportOutcome::Replaced);
    assert_eq!(target.read_artifact_bytes(&own).unwrap(), CONTENT);
    // The body that was replaced is still in the object store.
    assert_eq!(target.verify_all().unwrap().orphan_paths, Vec::<PathBuf>::new());
}

#[test]
fn hostile_package_stores_nothing() {
    let dir = TempDir::new("hostile");
    let source = on_disk(&dir).artifact_store();
    let own = r::<ArtifactRef>("artifact:p.r.model");
    let exported = source.export_artifact(&own, dir.path().join("packages")).unwrap();
    let target = target(&dir, "t");
    let good = fs::read_to_string(exported.directory.join(PACKAGE_FILE)).unwrap();
    let digest = Digest::of(CONTENT).to_string();
    let refused = |what: &str| {
        let error = target.import_artifact(&exported.directory, ConflictPolicy::Replace).unwrap_err();
        assert_eq!(error.code(), "artifact_export_package_invalid", "{what}: {error}");
        assert_eq!(target.list_refs().count(), 0, "{what}");
        assert_eq!(target.verify_all().unwrap().orphan_paths, Vec::<PathBuf>::new(), "{what}");
    };
    let describe = |text: String| fs::write(exported.directory.join(PACKAGE_FILE), text).unwrap();
    // The content is changed. The first change keeps the length, and the second change does not.
    fs::write(&exported.body_path, b"The weights of a model").unwrap();
    refused("another content");
    fs::write(&exported.body_path, b"longer than the weights of a model").unwrap();
    refused("another length");
    fs::write(&exported.body_path, CONTENT).unwrap();
    for (what, from, to) in [
        ("a path in place of the digest", digest.as_str(), "../../../../etc/passwd"),
        ("another version", "contexta-artifact-package-1", "contexta-artifact-package-9"),
        (
            "another ref",
            "\"artifact_ref\": \"artifact:p.r.model\"",
            "\"artifact_ref\": \"artifact:p.r.other\"",
        ),
        ("a huge size", "\"size_bytes\": 22", "\"size_bytes\": 9223372036854775807"),
        ("a negative size", "\"size_bytes\": 22", "\"size_bytes\": -1"),
        ("no manifest", "\"manifest\"", "\"manifesto\""),
    ] {
        assert!(good.contains(from), "{what}: {good}");
        describe(good.replacen(from, to, 1));
        refused(what);
    }
    describe("{".repeat(100_000));
    refused("deep nesting");
    describe(" ".repeat(9 << 20));
    refused("a long description");
    fs::write(exported.directory.join(PACKAGE_FILE), b"\xff\xfe").unwrap();
    refused("no text");
    describe(good.clone());
    #[cfg(unix)]
    {
        fs::remove_file(&exported.body_path).unwrap();
        std::os::unix::fs::symlink(dir.path().join("model.bin"), &exported.body_path).unwrap();
        refused("a link in place of the body");
        fs::remove_file(exported.directory.join(PACKAGE_FILE)).unwrap();
        fs::write(dir.path().join("elsewhere.json"), &good).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere.json"), exported.directory.join(PACKAGE_FILE))
            .unwrap();
        refused("a link in place of the description");
    }
    fs::remove_dir_all(&exported.directory).unwrap();
    let error = target.import_artifact(&exported.directory, ConflictPolicy::Error).unwrap_err();
    assert_eq!(error.code(), "artifact_export_package_not_found");
}

#[test]
fn package_with_a_false_digest_of_a_known_body_is_refused() {
    let dir = TempDir::new("false-digest");
    let source = on_disk(&dir).artifact_store();
    let own = r::<ArtifactRef>("artifact:p.r.model");
    let exported = source.export_artifact(&own, dir.path().join("packages")).unwrap();
    fs::remove_file(&exported.body_path).unwrap();
    let target = target(&dir, "t");
    target.put_artifact(manifest("same"), dir.path().join("model.bin"), SourceMode::Copy).unwrap();
    let path = exported.directory.join(PACKAGE_FILE);
    let good = fs::read_to_string(&path).unwrap();
    let sha256 = source.get_artifact(&own).unwrap().manifest.sha256().unwrap();
    assert_eq!(good.matches(&sha256).count(), 2, "{good}");
    fs::write(&path, good.replace(&sha256, &"0".repeat(64))).unwrap();
    let error = target.import_artifact(&exported.directory, ConflictPolicy::Error).unwrap_err();
    assert_eq!(error.code(), "artifact_export_package_invalid", "{error}");
    assert!(error.to_string().contains(&sha256), "{error}");
    assert!(!target.artifact_exists(&own).unwrap());
    // With the true digests, the package needs no body.
    fs::write(&path, good).unwrap();
    let imported = target.import_artifact(&exported.directory, ConflictPolicy::Error).unwrap();
    assert_eq!((imported.outcome, imported.bytes_written), (ImportOutcome::Imported, 0));
}

#[test]
fn directory_that_states_two_digests_of_one_content_is_refused() {
    let dir = TempDir::new("two-digests");
    let source = on_disk(&dir).artifact_store();
    let own = r::<ArtifactRef>("artifact:p.r.dir");
    let exported = source.export_artifact(&own, dir.path().join("packages")).unwrap();
    let target = target(&dir, "t");
    // A further entry has the content of `b.txt`, but another SHA-256 digest.
    let list = fs::read_to_string(&exported.body_path).unwrap();
    let entry = list.lines().find(|line| line.contains("b.txt")).unwrap();
    let at = entry.find("\"sha256\":\"").unwrap() + 10;
    let sha256 = &entry[at..at + 64];
    let added = entry.replace("b.txt", "a.txt").replace(sha256, &"0".repeat(64));
    let changed = dir.path().join("changed");
    fs::write(&changed, list.replacen(entry, &format!("{added}\n{entry}"), 1)).unwrap();
    let old = source.get_artifact(&own).unwrap();
    let new = source.put_artifact(manifest("list"), &changed, SourceMode::Copy).unwrap();
    let path = exported.directory.join(PACKAGE_FILE);
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace(&old.digest.to_string(), &new.digest.to_string());
    let text = text.replace(&old.manifest.sha256().unwrap(), &new.manifest.sha256().unwrap());
    let size = |bytes: u64| format!("\"size_bytes\": {bytes}");
    fs::write(&path, text.replace(&size(old.size_bytes), &size(new.size_bytes))).unwrap();
    fs::copy(&changed, exported.directory.join(format!("body-{}", new.digest))).unwrap();
    let error = target.import_artifact(&exported.directory, ConflictPolicy::Error).unwrap_err();
    assert_eq!(error.code(), "artifact_export_package_invalid", "{error}");
    assert!(error.to_string().contains("two sizes or SHA-256 digests"), "{error}");
    assert!(!target.artifact_exists(&own).unwrap());
}

#[test]
fn damaged_body_is_not_exported() {
    let disk = SimDisk::new(1);
    let (store, a, b) = two_artifacts(&disk);
    disk.overwrite(&body(CONTENT), b"The weights of a model".to_vec());
    assert_eq!(store.export_artifact(&a, "/out").unwrap_err().code(), "artifact_body_damaged");
    assert!(!disk.paths().iter().any(|path| path.starts_with("/out") && path.ends_with(PACKAGE_FILE)));
    disk.remove_tree(&body(b"other"));
    assert_eq!(store.export_artifact(&b, "/out").unwrap_err().code(), "artifact_store_body_not_found");
}
