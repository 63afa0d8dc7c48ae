//! Backups in one file on the real file system: creation, restore, and refusal of hostile and damaged archives.

use crate::support::{TempDir, open, two_runs, whole_digest as digest};
use contexta::engine::Digest;
use contexta::recovery::{BackupOptions, BackupResult, Progress, RecoveryStatus, RestoreOptions};
use contexta::{Backups, MergeSettings, Remains};
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

/// A workspace with runs and an artifact that is longer than a part of a backup.
fn workspace(dir: &TempDir) -> PathBuf {
    let root = dir.path().join(".contexta");
    let contexta = open(&root);
    two_runs(&contexta);
    let model = dir.path().join("model.bin");
    fs::write(&model, vec![7; 3_000_000]).unwrap();
    let run = contexta.run("third").start().unwrap();
    run.register_artifact("model", &model).unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    fs::write(root.join("reports/summary.md"), "# Summary\n").unwrap();
    root
}

fn create(root: &Path, archive: &Path) -> BackupResult {
    let backups = Backups::new(root);
    let options = BackupOptions { label: Some("水".repeat(32)), ..BackupOptions::default() };
    let plan = backups.plan(&options).unwrap();
    backups.create_archive(archive, &plan, Progress::none()).unwrap()
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(names(&entry.path())),
            // The creation of an archive remembers what the workspace contains.
            false if entry.file_name().to_string_lossy().starts_with("known.") => {}
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}

#[test]
fn archive_contains_the_whole_backup() {
    let dir = TempDir::new("archive-restore");
    let root = workspace(&dir);
    let archive = dir.path().join("far/backup.tar.zst");
    let before = names(&root);
    // A directory with a similar name belongs to the user.
    let similar = dir.path().join("far/backup.tar.zst.staging");
    fs::create_dir_all(&similar).unwrap();
    fs::write(similar.join("thesis.tex"), "text").unwrap();
    let result = create(&root, &archive);
    assert_eq!(fs::read_to_string(similar.join("thesis.tex")).unwrap(), "text");
    fs::remove_dir_all(&similar).unwrap();
    assert_eq!((result.status, &result.location), (RecoveryStatus::Success, &archive), "{result:?}");
    assert_eq!(result.bytes_written, fs::metadata(&archive).unwrap().len());
    assert!(result.bytes_written < 1_000_000, "the artifact is compressed: {result:?}");
    assert_eq!(names(&dir.path().join("far")), std::slice::from_ref(&archive), "temporary files remain");
    assert_eq!(names(&root), before);
    let backups = Backups::new(&root);
    let plan = backups.plan(&BackupOptions::default()).unwrap();
    let refused = backups.create_archive(&archive, &plan, Progress::none()).unwrap_err();
    assert_eq!(refused.code(), "recovery_archive_exists");

    let report = backups.verify_archive(&archive).unwrap();
    assert_eq!((report.status, report.objects), (RecoveryStatus::Success, result.objects_written));
    let old = digest(&root);
    let target = dir.path().join("new");
    let opened = backups.open_archive(&archive, Some(&target)).unwrap();
    let options = RestoreOptions { target_workspace: Some(target.clone()), ..RestoreOptions::default() };
    let plan = opened.backups().plan_restore(opened.backup_ref().as_str(), &options).unwrap();
    let restored = opened.backups().restore(&plan, Progress::none()).unwrap();
    assert_eq!((restored.status, restored.digest), (RecoveryStatus::Success, old), "{restored:?}");
    drop(opened);
    assert_eq!(digest(&target), old);
    assert!(names(&target).iter().all(|path| !path.to_string_lossy().contains("temporary-")));
    assert_eq!(fs::read_to_string(target.join("reports/summary.md")).unwrap(), "# Summary\n");
}

/// The temporary repository is removed, so the replaced content must be backed up elsewhere.
#[test]
fn safety_backup_of_a_restore_from_an_archive_stays() {
    let dir = TempDir::new("archive-safety");
    let root = workspace(&dir);
    let archive = dir.path().join("backup.tar.zst");
    create(&root, &archive);
    let contexta = open(&root);
    contexta.run("later").start().unwrap().complete().unwrap();
    contexta.close().unwrap();
    drop(contexta);
    let new = digest(&root);
    let backups = Backups::new(&root);
    let opened = backups.open_archive(&archive, None).unwrap();
    let plan =
        opened.backups().plan_restore(opened.backup_ref().as_str(), &RestoreOptions::default()).unwrap();
    let result = opened.backups().restore(&plan, Progress::none()).unwrap();
    drop(opened);
    assert_ne!(digest(&root), new);
    let safety = result.safety_backup_ref.unwrap();
    let plan = backups.plan_restore(safety.as_str(), &RestoreOptions::default()).unwrap();
    backups.restore(&plan, Progress::none()).unwrap();
    assert_eq!(digest(&root), new);
}

#[test]
fn archive_is_merged_without_duplicates() {
    let dir = TempDir::new("archive-merge");
    let root = workspace(&dir);
    let (archive, other) = (dir.path().join("backup.tar.zst"), dir.path().join("other"));
    create(&root, &archive);
    let into = open(&other);
    into.run("own").start().unwrap().complete().unwrap();
    into.close().unwrap();
    let opened = Backups::new(&other).open_archive(&archive, None).unwrap();
    let merge =
        || into.merge_backup(opened.backups(), opened.backup_ref().as_str(), MergeSettings::default());
    let first = merge().unwrap();
    assert!(first.bodies > 0 && first.notes.is_empty(), "{first:?}");
    let merged = into.digest().unwrap().0.digest;
    let second = merge().unwrap();
    assert!(second.log.is_unchanged() && second.bodies == 0, "{second:?}");
    assert_eq!((into.digest().unwrap().0.digest, into.list_runs(None).unwrap().runs.len()), (merged, 4));
    drop((opened, into));
    // A merge of the workspace itself has the same result.
    let third = dir.path().join("third");
    let into = open(&third);
    into.merge(&other, MergeSettings::default()).unwrap();
    into.merge(&root, MergeSettings::default()).unwrap();
    assert_eq!(into.digest().unwrap().0.digest, merged);
    let restored = names(&other).into_iter().filter(|path| path.to_string_lossy().contains("temporary-"));
    assert_eq!(restored.count(), 0);
}

/// A member of a tar file: the name, the type and the content.
type Member = (Vec<u8>, tar::EntryType, Vec<u8>);

fn members(archive: &Path) -> Vec<Member> {
    let mut plain = Vec::new();
    zstd::Decoder::new(fs::File::open(archive).unwrap()).unwrap().read_to_end(&mut plain).unwrap();
    let mut archive = tar::Archive::new(Cursor::new(plain));
    let member = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry: tar::Entry<'_, Cursor<Vec<u8>>> = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path_bytes().into_owned(), entry.header().entry_type(), content)
    };
    archive.entries().unwrap().map(member).collect()
}

/// Writes an archive whose headers are valid, whatever the names are.
fn write(archive: &Path, members: &[Member]) {
    let mut packed = tar::Builder::new(zstd::Encoder::new(fs::File::create(archive).unwrap(), 1).unwrap());
    for (name, kind, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_entry_type(*kind);
        if name.len() > 100 {
            let mut long = tar::Header::new_gnu();
            long.set_size(name.len() as u64 + 1);
            long.set_entry_type(tar::EntryType::GNULongName);
            long.set_cksum();
            packed.append(&long, &[&name[..], &[0]].concat()[..]).unwrap();
        }
        let shown = &name[..name.len().min(100)];
        header.as_old_mut().name[..shown.len()].copy_from_slice(shown);
        header.set_cksum();
        packed.append(&header, &content[..]).unwrap();
    }
    packed.into_inner().unwrap().finish().unwrap();
}

#[test]
fn hostile_archives_are_refused_and_write_nothing() {
    let dir = TempDir::new("archive-hostile");
    let root = workspace(&dir);
    let archive = dir.path().join("backup.tar.zst");
    create(&root, &archive);
    let intact = members(&archive);
    let copy = dir.path().join("copy.tar.zst");
    write(&copy, &intact);
    let backups = Backups::new(&root);
    backups.verify_archive(&copy).unwrap();

    let regular =
        |name: &str, content: &[u8]| (name.as_bytes().to_vec(), tar::EntryType::Regular, content.to_vec());
    let (last, objects) = intact.split_last().unwrap();
    assert!(last.0.len() > 100, "the name of the manifest needs a long name");
    let with = |more: Vec<Member>| [more, intact.clone()].concat();
    let mut changed = intact.clone();
    changed[0].2[0] ^= 1;
    let mut renamed = intact.clone();
    renamed.last_mut().unwrap().0 = b"backups/other.jsonl".to_vec();
    let evil = Digest::of(b"evil").to_string();
    let evil_name = format!("objects/{}/{}", &evil[..2], &evil[2..]);
    let cases: Vec<(&str, Vec<Member>)> = vec![
        ("parent", with(vec![regular("../../evil", b"evil")])),
        ("parent in objects", with(vec![regular("objects/../../evil", b"evil")])),
        ("absolute", with(vec![regular("/tmp/contexta-evil", b"evil")])),
        ("link", with(vec![(b"objects/link".to_vec(), tar::EntryType::Symlink, vec![])])),
        ("hard link", with(vec![(evil_name.clone().into_bytes(), tar::EntryType::Link, vec![])])),
        ("device", with(vec![(evil_name.clone().into_bytes(), tar::EntryType::Char, vec![])])),
        ("pipe", with(vec![(evil_name.clone().into_bytes(), tar::EntryType::Fifo, vec![])])),
        ("long name", with(vec![regular(&"x".repeat(10_000), b"")])),
        ("not in the manifest", with(vec![regular(&evil_name, b"evil")])),
        ("duplicate", with(vec![intact[0].clone()])),
        ("wrong digest", changed),
        ("missing object", intact[1..].to_vec()),
        ("no manifest", objects.to_vec()),
        ("two manifests", [intact.clone(), vec![last.clone()]].concat()),
        ("object after the manifest", [std::slice::from_ref(last), objects].concat()),
        ("renamed manifest", renamed),
        ("damaged manifest", [objects, &[regular("backups/x.jsonl", b"{}\n")]].concat()),
        ("empty", vec![]),
    ];
    let before = names(dir.path());
    for (case, members) in cases {
        write(&copy, &members);
        let refused = backups.verify_archive(&copy).unwrap_err();
        assert_eq!(refused.code(), "recovery_archive_invalid", "{case}: {refused}");
        let target = dir.path().join("target");
        let refused = backups.open_archive(&copy, Some(&target)).unwrap_err();
        assert_eq!(refused.code(), "recovery_archive_invalid", "{case}: {refused}");
        assert!(!target.exists(), "{case}");
        assert_eq!(names(dir.path()), before, "{case}");
    }
    assert!(!Path::new("/tmp/contexta-evil").exists());
    // Other files are refused too.
    for content in [&b""[..], b"text", b"\x28\xb5\x2f\xfd", &[0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff, 0xff, 0xff]]
    {
        fs::write(&copy, content).unwrap();
        assert_eq!(backups.verify_archive(&copy).unwrap_err().code(), "recovery_archive_invalid");
    }
}

#[test]
fn truncated_and_damaged_archives_are_refused_and_salvaged() {
    let dir = TempDir::new("archive-truncated");
    let root = workspace(&dir);
    let archive = dir.path().join("backup.tar.zst");
    create(&root, &archive);
    let bytes = fs::read(&archive).unwrap();
    let backups = Backups::new(&root);
    let remains = dir.path().join("remains");
    fs::create_dir(&remains).unwrap();
    let copy = remains.join("lost");
    let expected = digest(&root);
    fs::write(&copy, &bytes).unwrap();
    let report = Remains::new(&remains).salvage(dir.path().join("all"), Progress::none()).unwrap();
    assert_eq!((report.status, report.digest), (RecoveryStatus::Success, expected), "{report:?}");
    assert_eq!((report.backups, digest(&dir.path().join("all"))), (1, expected));
    for n in 1..12 {
        fs::write(&copy, &bytes[..bytes.len() * n / 12]).unwrap();
        assert_eq!(backups.verify_archive(&copy).unwrap_err().code(), "recovery_archive_invalid", "{n}");
    }
    fs::write(&copy, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(backups.verify_archive(&copy).unwrap_err().code(), "recovery_archive_invalid");
    let mut flipped = bytes.clone();
    for at in (0..bytes.len()).step_by(bytes.len() / 40 + 1) {
        flipped[at] ^= 0x10;
        fs::write(&copy, &flipped).unwrap();
        // A changed bit between the members changes no content.
        assert!(backups.verify_archive(&copy).is_err() || members(&copy) == members(&archive), "{at}");
        flipped[at] ^= 0x10;
    }
    // The objects come before the manifest, so an archive without an end still contains them.
    let members = members(&archive);
    write(&copy, &members[..members.len() - 1]);
    let into = dir.path().join("salvaged");
    let report = Remains::new(&remains).salvage(&into, Progress::none()).unwrap();
    assert_eq!((report.digest, digest(&into)), (expected, expected), "{report:?}");
}

/// A compressed archive of few bytes that would extract to many bytes. A salvage discards the archive.
#[test]
fn content_that_is_not_in_the_manifest_is_not_extracted() {
    let dir = TempDir::new("archive-bomb");
    let root = workspace(&dir);
    let archive = root.join("bomb.tar.zst");
    let file = fs::File::create(&archive).unwrap();
    let mut compressed = zstd::Encoder::new(file, 19).unwrap();
    let mut header = tar::Header::new_gnu();
    let zeros = 512u64 << 20;
    let name = format!("objects/aa/{}", "a".repeat(62));
    header.set_path(name).unwrap();
    header.set_size(zeros);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    compressed.write_all(header.as_bytes()).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(zeros), &mut compressed).unwrap();
    compressed.finish().unwrap();
    assert!(fs::metadata(&archive).unwrap().len() < 1 << 20);
    let target = dir.path().join("target");
    let refused = Backups::new(&root).open_archive(&archive, Some(&target)).unwrap_err();
    assert_eq!(refused.code(), "recovery_archive_invalid");
    assert!(!target.exists());
    let report = Remains::new(&root).salvage(&target, Progress::none()).unwrap();
    assert_eq!(report.digest, digest(&root));
    let codes: Vec<&str> = report.notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, ["salvage_archive_skipped"], "{report:?}");
}

#[test]
#[cfg(feature = "cli")]
fn commands_accept_an_archive() {
    use contexta::run_cli_captured;
    let dir = TempDir::new("archive-cli");
    let root = workspace(&dir);
    let archive = dir.path().join("backup.tar.zst").display().to_string();
    let run = |workspace: &Path, args: &[&str]| {
        let mut all = vec!["contexta", "--workspace", workspace.to_str().unwrap()];
        all.extend(args);
        let output = run_cli_captured(all.into_iter().map(Into::into));
        (output.exit_code, String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = run(&root, &["backup", "create", "--archive", &archive, "--dry-run"]);
    assert!(code == 0 && text.contains(&archive) && !Path::new(&archive).exists(), "{text}");
    let (code, text) = run(&root, &["backup", "create", "--archive", &archive]);
    assert!(code == 0 && text.contains(&archive), "{text}");
    let (code, text) = run(&root, &["backup", "verify", &archive]);
    assert!(code == 0 && text.contains("SUCCESS"), "{text}");
    let new = dir.path().join("new");
    let target = new.to_str().unwrap();
    let (code, text) = run(&root, &["restore", "apply", &archive, "--target-workspace", target]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(digest(&new), digest(&root));
    let third = dir.path().join("third");
    let (code, text) = run(&third, &["merge", &archive]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(digest(&third), digest(&root));
    let (code, _) = run(&root, &["backup", "create", "--label", "named"]);
    assert_eq!(code, 0);
    let named = Backups::new(&root).list().unwrap().backups[0].backup_ref.to_string();
    let fourth = dir.path().join("fourth");
    let repository = root.join("recovery/backups");
    let from = ["merge", "--backup", &named, "--repository", repository.to_str().unwrap()];
    assert_eq!(run(&fourth, &from).0, 0);
    assert_eq!(digest(&fourth), digest(&root));
}
