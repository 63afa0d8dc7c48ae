//! Salvage on the real file system: links, special files, sparse files, refused targets, and the command.

use crate::support::{TempDir, open, two_runs, whole_digest as digest};
use contexta::Remains;
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::engine::Digest;
use contexta::recovery::{Progress, RecoveryStatus};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the directory of a workspace with an artifact and a directory as an artifact.
fn workspace(dir: &TempDir) -> PathBuf {
    let root = dir.path().join("damaged/.contexta");
    let contexta = open(&root);
    two_runs(&contexta);
    let files = dir.path().join("files");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("weights.bin"), vec![7; 300_000]).unwrap();
    fs::write(files.join("notes.txt"), "notes").unwrap();
    let run = contexta.run("third").start().unwrap();
    run.register_artifact("model", files.join("weights.bin")).unwrap();
    run.register_artifact("directory", &files).unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    root
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files_below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

/// All files lost their names and directories, as in `lost+found`. Links and pipes are not followed or opened, and a
/// sparse file of 1 TiB does not take long.
#[test]
#[cfg(unix)]
fn hostile_directory_is_salvaged() {
    let dir = TempDir::new("salvage-hostile");
    let root = workspace(&dir);
    let expected = digest(&root);
    let lost = dir.path().join("lost");
    fs::create_dir(&lost).unwrap();
    let mut moved = 0;
    for path in files_below(&root).into_iter().filter(|path| !path.starts_with(root.join("projections"))) {
        fs::rename(&path, lost.join(format!("#{moved}"))).unwrap();
        moved += 1;
    }
    assert!(moved > 4);
    std::os::unix::fs::symlink("/", lost.join("link")).unwrap();
    std::os::unix::fs::symlink("..", lost.join("parent")).unwrap();
    std::os::unix::fs::symlink("circle", lost.join("circle")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(lost.join("pipe")).status().unwrap();
    assert!(pipe.success());
    let sparse = fs::File::create(lost.join("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    // A segment with a hole of 1 TiB.
    let segment = files_below(&lost).into_iter().find(|path| {
        fs::symlink_metadata(path).unwrap().is_file()
            && fs::metadata(path).unwrap().len() < 1 << 30
            && fs::read(path).unwrap().starts_with(b"CTXASEG\0")
    });
    fs::File::options().write(true).open(segment.unwrap()).unwrap().set_len(1 << 40).unwrap();
    let name = std::ffi::OsStr::from_bytes(b"bytes\xff");
    use std::os::unix::ffi::OsStrExt;
    fs::write(lost.join(name), "not UTF-8").unwrap();
    let mut deep = lost.clone();
    (0..40).for_each(|_| deep.push("d"));
    fs::create_dir_all(&deep).unwrap();
    let new = dir.path().join("new");
    let report = Remains::new(&lost).salvage(&new, Progress::none()).unwrap();
    assert_eq!((report.digest, digest(&new)), (expected, expected), "{report:?}");
    assert!(report.missing_bodies.is_empty(), "{report:?}");
    // A directory that is too deep was not read.
    let codes: Vec<&str> = report.notes.iter().map(|note| note.code).collect();
    assert_eq!((codes, report.status), (vec!["salvage_source_unreadable"], RecoveryStatus::Degraded));
    for file in files_below(&new.join("log")) {
        assert!(fs::metadata(&file).unwrap().len() < 1 << 30, "{}", file.display());
    }
}

#[test]
fn unsuitable_targets_are_refused() {
    let dir = TempDir::new("salvage-target");
    let root = workspace(&dir);
    let damaged = root.parent().unwrap();
    let full = dir.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("thesis.tex"), "text").unwrap();
    let staging = dir.path().join("new.salvage");
    fs::create_dir(&staging).unwrap();
    fs::write(staging.join("thesis.tex"), "text").unwrap();
    // The names are those of a salvage, but no salvage has created the directory.
    fs::create_dir_all(dir.path().join("own.salvage/workspace")).unwrap();
    fs::write(dir.path().join("own.salvage/workspace/thesis.tex"), "text").unwrap();
    let before = files_below(dir.path());
    let remains = Remains::new(damaged);
    for into in [
        full,
        damaged.join("new"),
        damaged.to_path_buf(),
        dir.path().to_path_buf(),
        dir.path().join("new"),
        dir.path().join("own"),
    ] {
        let refused = remains.salvage(&into, Progress::none()).unwrap_err();
        assert_eq!(refused.code(), "recovery_salvage_target", "{}: {refused}", into.display());
    }
    assert_eq!(files_below(dir.path()), before);
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let refused = Remains::new(&empty).salvage(dir.path().join("other"), Progress::none()).unwrap_err();
    assert_eq!(refused.code(), "recovery_nothing_salvaged");
    assert!(!dir.path().join("other").exists() && !dir.path().join("other.salvage").exists());
    let missing = Remains::new(dir.path().join("missing")).salvage(&empty, Progress::none());
    assert_eq!(missing.unwrap_err().code(), "storage_not_found");
    // An empty directory is replaced.
    remains.salvage(&empty, Progress::none()).unwrap();
    assert_eq!(digest(&empty), digest(&root));
}

/// The staging directory of a salvage must not contain the remains, be in the remains, or be a link to another directory.
#[test]
fn remains_in_the_staging_directory_are_not_removed() {
    let dir = TempDir::new("salvage-overlap");
    let root = workspace(&dir);
    let new = dir.path().join("new");
    let staging = dir.path().join("new.salvage");
    fs::create_dir(&staging).unwrap();
    fs::write(staging.join("salvage.lock"), "").unwrap();
    fs::rename(&root, staging.join("workspace")).unwrap();
    let before = files_below(dir.path());
    for from in [staging.clone(), staging.join("workspace"), staging.join("workspace/log")] {
        let refused = Remains::new(&from).salvage(&new, Progress::none()).unwrap_err();
        assert_eq!(refused.code(), "recovery_salvage_target", "{}: {refused}", from.display());
        assert_eq!(files_below(dir.path()), before);
    }
    #[cfg(unix)]
    {
        let far = dir.path().join("far");
        fs::rename(&staging, &far).unwrap();
        std::os::unix::fs::symlink(&far, &staging).unwrap();
        let before = files_below(&far);
        for from in [far.join("workspace"), dir.path().join("files")] {
            let refused = Remains::new(&from).salvage(&new, Progress::none()).unwrap_err();
            assert_eq!(refused.code(), "recovery_salvage_target", "{}: {refused}", from.display());
            assert_eq!(files_below(&far), before);
        }
    }
}

#[test]
fn lost_bodies_are_named() {
    let dir = TempDir::new("salvage-bodies");
    let root = workspace(&dir);
    let bodies = files_below(&root.join("artifacts/objects"));
    let weights = bodies.iter().find(|path| fs::metadata(path).unwrap().len() == 300_000).unwrap();
    fs::write(weights, vec![8; 300_000]).unwrap();
    let new = dir.path().join("new");
    let report = Remains::new(root.parent().unwrap()).salvage(&new, Progress::none()).unwrap();
    let lost = Digest::of(&vec![7; 300_000]);
    assert_eq!((&report.missing_bodies[..], report.bodies), (&[lost][..], bodies.len() as u64 - 1));
    assert_eq!(report.status, RecoveryStatus::Degraded);
}

#[test]
#[cfg(feature = "cli")]
fn command_builds_a_workspace() {
    use contexta::run_cli_captured;
    let dir = TempDir::new("salvage-cli");
    let root = workspace(&dir);
    let run = |args: &[&str]| {
        let output = run_cli_captured(["contexta"].iter().chain(args).map(Into::into));
        (
            output.exit_code,
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let damaged = root.parent().unwrap().to_str().unwrap();
    let new = |name: &str| dir.path().join(name).display().to_string();
    let (code, text, _) = run(&["salvage", damaged, "--into", &new("a")]);
    assert!(code == 0 && text.contains("SUCCESS"), "{text}");
    assert_eq!(digest(Path::new(&new("a"))), digest(&root));
    let segment = files_below(&root.join("log")).into_iter().find(|path| path.extension().is_some()).unwrap();
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let (code, text, _) = run(&["salvage", damaged, "--into", &new("b")]);
    assert!(code == 1 && text.contains("DEGRADED") && text.contains("Missing entries"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80 || !line.contains('|')), "{text}");
    let (code, text, _) = run(&["--format", "json", "salvage", damaged, "--into", &new("c")]);
    let json = parse(&text).unwrap();
    assert_eq!((code, json.get("status").cloned()), (1, Some(Value::Text("DEGRADED".into()))), "{text}");
    for member in ["entries", "streams", "unknown_streams", "bodies", "missing_bodies", "digest", "notes"] {
        assert!(json.get(member).is_some(), "{member}: {text}");
    }
    let (code, _, error) = run(&["salvage", damaged, "--into", &new("c")]);
    assert!(code != 0 && error.contains("is not an empty directory"), "{error}");
}
