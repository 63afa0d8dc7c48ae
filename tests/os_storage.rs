//! The real file system as a storage: opening, listing, holes and random bytes.

use crate::support::TempDir;
use contexta::engine::storage::os::OsStorage;
use contexta::engine::storage::{NotARegularFile, OpenMode, Storage, data_end_before};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::Duration;
use std::{fs, io};

#[test]
fn open_rejects_everything_but_regular_files_without_blocking() {
    let dir = TempDir::new("os-kinds");
    let at = |name: &str| dir.path().join(name);
    fs::write(at("file"), b"abc").unwrap();
    symlink("file", at("link")).unwrap();
    fs::create_dir(at("dir")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    symlink("pipe", at("pipe-link")).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    symlink("/dev/zero", at("device")).unwrap();
    for mode in [OpenMode::Read, OpenMode::ReadWrite, OpenMode::Create] {
        for name in ["dir", "pipe", "pipe-link", "socket", "device"] {
            let error = OsStorage.open(&at(name), mode).unwrap_err();
            assert!(NotARegularFile::is_cause_of(&error), "{mode:?} {name}: {error:?}");
        }
        for name in ["file", "link"] {
            let mut read = [0; 3];
            assert_eq!(OsStorage.open(&at(name), mode).unwrap().read_at(0, &mut read).unwrap(), 3);
            assert_eq!(&read, b"abc");
        }
    }
    let taken = OsStorage.open(&at("pipe"), OpenMode::CreateNew).unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
    assert!(OsStorage.sync_dir(&at("dir")).is_ok());
    assert_eq!(OsStorage.sync_dir(&at("pipe")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    assert_eq!(OsStorage.sync_dir(&at("file")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
}

#[test]
fn list_follows_links_and_keeps_dangling_ones() {
    let dir = TempDir::new("os-listing");
    let at = |name: &str| dir.path().join(name);
    fs::write(at("a-file"), b"abc").unwrap();
    fs::create_dir(at("b-dir")).unwrap();
    symlink("a-file", at("c-to-file")).unwrap();
    symlink("b-dir", at("d-to-dir")).unwrap();
    symlink("nowhere", at("e-dangling")).unwrap();
    symlink("f-loop", at("f-loop")).unwrap();
    symlink("/dev/null", at("g-device")).unwrap();
    let listed: Vec<(String, bool, bool)> =
        OsStorage.list(dir.path()).unwrap().into_iter().map(|e| (e.name, e.is_dir, e.is_file)).collect();
    let row = |name: &str, is_dir, is_file| (name.to_owned(), is_dir, is_file);
    let expected = [
        row("a-file", false, true),
        row("b-dir", true, false),
        row("c-to-file", false, true),
        row("d-to-dir", true, false),
        row("e-dangling", false, false),
        row("f-loop", false, false),
        row("g-device", false, false),
    ];
    assert_eq!(listed, expected);
}

#[test]
fn next_data_skips_the_holes_of_a_sparse_file() {
    const FAR: u64 = 1 << 39;
    let dir = TempDir::new("os-sparse");
    let path = dir.path().join("sparse");
    let file = OsStorage.open(&path, OpenMode::CreateNew).unwrap();
    assert_eq!(file.next_data(0).unwrap(), None);
    file.set_len(1 << 40).unwrap();
    file.write_at(0, b"abc").unwrap();
    file.write_at(FAR, b"abc").unwrap();
    assert_eq!(file.next_data(0).unwrap(), Some(0));
    assert_eq!(file.next_data(2).unwrap(), Some(2));
    assert_eq!(file.next_data(1 << 40).unwrap(), None);
    if cfg!(target_os = "linux") {
        let next = file.next_data(1 << 20).unwrap().unwrap();
        assert!(next <= FAR && next > FAR - (1 << 22), "{next}");
        assert_eq!(file.next_data(FAR + (1 << 22)).unwrap(), None);
        let end = data_end_before(file.as_ref(), 1 << 40).unwrap();
        assert!((FAR + 3..FAR + (1 << 22)).contains(&end), "{end}");
        let end = data_end_before(file.as_ref(), FAR - (1 << 22)).unwrap();
        assert!((3..1 << 22).contains(&end), "{end}");
    }
}

/// The metadata of an open file is that of its path, whatever has happened to the file since it was opened.
#[test]
#[cfg(target_os = "linux")]
fn metadata_of_an_open_file_shows_changes_and_lost_names() {
    let dir = TempDir::new("os-info");
    let at = |name: &str| dir.path().join(name);
    let file = OsStorage.open(&at("file"), OpenMode::CreateNew).unwrap();
    let created = file.info().unwrap();
    assert_eq!(created, OsStorage.info(&at("file")).unwrap());
    assert_eq!((created.len, created.is_file, created.is_dir, created.names), (0, true, false, 1));
    assert!(created.place.is_some() && created.changed > 0);
    file.write_at(0, b"abc").unwrap();
    assert_eq!(file.info().unwrap().len, 3);
    assert_eq!(file.info().unwrap(), OsStorage.info(&at("file")).unwrap());
    // A hard link is counted, and is the same file.
    fs::hard_link(at("file"), at("link")).unwrap();
    assert_eq!(file.info().unwrap().names, 2);
    assert_eq!(file.info().unwrap(), OsStorage.info(&at("link")).unwrap());
    fs::remove_file(at("link")).unwrap();
    // A renamed file keeps its identity and its name count.
    fs::rename(at("file"), at("renamed")).unwrap();
    let renamed = file.info().unwrap();
    assert_eq!((renamed.place, renamed.names), (created.place, 1));
    assert_eq!(renamed, OsStorage.info(&at("renamed")).unwrap());
    // A renamed directory above the file changes nothing but the path.
    fs::create_dir(at("dir")).unwrap();
    fs::rename(at("renamed"), at("dir").join("file")).unwrap();
    let before = file.info().unwrap();
    fs::rename(at("dir"), at("moved")).unwrap();
    assert_eq!(file.info().unwrap(), before);
    // Another file takes the path.
    fs::write(at("new"), b"abcd").unwrap();
    fs::rename(at("new"), at("moved").join("file")).unwrap();
    let replaced = file.info().unwrap();
    assert_eq!((replaced.place, replaced.len, replaced.names), (created.place, 3, 0));
    assert_ne!(replaced.place, OsStorage.info(&at("moved").join("file")).unwrap().place);
    // A removed file.
    let removed = OsStorage.open(&at("removed"), OpenMode::CreateNew).unwrap();
    OsStorage.remove_file(&at("removed")).unwrap();
    assert_eq!(removed.info().unwrap().names, 0);
}

#[test]
fn entropy_fills_the_buffer_and_does_not_repeat() {
    let (mut first, mut second) = ([0; 64], [0; 64]);
    OsStorage.entropy(&mut first).unwrap();
    OsStorage.entropy(&mut second).unwrap();
    assert!(first != second && first[32..] != [0; 32]);
}

#[test]
#[cfg(target_os = "linux")]
fn watch_reports_changes_of_names_and_contents_in_its_directories_only() {
    let dir = TempDir::new("os-watch");
    let at = |name: &str| dir.path().join(name);
    for name in ["watched", "other"] {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("file"), b"abc").unwrap();
    }
    let (long, none) = (Duration::from_secs(3600), Duration::ZERO);
    let mut watch = OsStorage.watch(long);
    assert!(watch.add(&at("watched")) && watch.add(&at("watched")));
    assert_eq!(watch.wait(none).unwrap(), None);
    fs::write(at("other").join("file"), b"abcd").unwrap();
    fs::read(at("watched").join("file")).unwrap();
    assert_eq!(watch.wait(none).unwrap(), None);
    let changes: [&dyn Fn(); 4] = [
        &|| fs::write(at("watched").join("file"), b"abcd").unwrap(),
        &|| fs::write(at("watched").join("new"), b"").unwrap(),
        &|| fs::create_dir(at("watched").join("dir")).unwrap(),
        &|| fs::rename(at("other").join("file"), at("watched").join("renamed")).unwrap(),
    ];
    for change in changes {
        change();
        assert!(watch.wait(long).unwrap().is_some_and(|rest| rest <= long));
        assert_eq!(watch.wait(none).unwrap(), None);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn watch_polls_while_a_directory_cannot_be_watched() {
    let dir = TempDir::new("os-watch-polls");
    let (missing, long) = (dir.path().join("missing"), Duration::from_secs(3600));
    let mut watch = OsStorage.watch(Duration::from_millis(1));
    assert!(watch.add(dir.path()) && !watch.add(&missing));
    assert!(watch.wait(long).unwrap().is_some_and(|rest| rest < long));
    fs::create_dir(&missing).unwrap();
    assert!(watch.add(&missing));
    watch.wait(long).unwrap();
    assert_eq!(watch.wait(Duration::from_millis(3)).unwrap(), None);
    // A directory that was removed cannot report that it exists again.
    fs::remove_dir(&missing).unwrap();
    for _ in 0..2 {
        assert!(watch.wait(long).unwrap().is_some());
    }
}
