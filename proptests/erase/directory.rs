//! Tests of erased artifacts that are directories. The body of such an artifact is the list of the files, and only this list
//! names the bodies of the files.

use super::{DAY_AND_HOUR, bodies, check_repeated, disk_with, erase, retain, workspace};
use crate::backup::site::survival;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk};
use contexta::recovery::RecoveryStatus;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The number of files in the directory.
const FILES: usize = 6;

/// A disk on which a run that is erased has a directory. Returns also the path of the list of the files.
fn disk_with_directory() -> (SimDisk, PathBuf) {
    let disk = disk_with(|disk, run| {
        for n in 0..FILES {
            disk.overwrite(&PathBuf::from(format!("/src/dir/{n}")), format!("file {n}").into_bytes());
        }
        run.register_artifact("directory", "/src/dir").unwrap();
    });
    let stored = body_paths(&disk);
    assert_eq!(stored.len(), 3 + FILES + 1);
    let path_of = |n: usize| Path::new("/w/artifacts/objects").join(body_name(n));
    let files: BTreeSet<PathBuf> = (0..FILES).map(path_of).collect();
    let is_list = |path: &&PathBuf| {
        disk.read(path).unwrap().windows(6).filter(|part| part == b"\"path\"").count() == FILES
    };
    let list = stored.iter().find(is_list).unwrap().clone();
    // In the order of the digests, files follow the list.
    assert!(files.is_subset(&stored) && files.range(list.clone()..).count() > 1, "{list:?} {files:?}");
    (disk, list)
}

/// Returns the name of the body of a file.
fn body_name(n: usize) -> String {
    super::blake3_name(format!("file {n}").as_bytes())
}

fn body_paths(disk: &SimDisk) -> BTreeSet<PathBuf> {
    disk.paths().into_iter().filter(|path| path.starts_with("/w/artifacts/objects")).collect()
}

#[test]
fn killed_erasure_of_a_directory_can_be_repeated_and_removes_all_its_files() {
    let (disk, _) = disk_with_directory();
    let mut partial = 0;
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Change(at), Fault::Kill);
        let result = erase(&process);
        if process.is_alive() {
            assert_eq!(result.unwrap().bodies, FILES as u64 + 2);
            break;
        }
        disk.crash(survival(at));
        partial += u64::from((3..3 + FILES + 1).contains(&bodies(&disk)));
        // The second erasure is killed too.
        let second = disk.spawn(60);
        second.plan(Moment::Change(at % 17), Fault::Kill);
        let _ = erase(&second);
        disk.crash(survival(at / 2));
        check_repeated(&disk, at);
    }
    assert!(partial > 3, "{partial}");
}

#[test]
fn failed_operation_of_an_erasure_of_a_directory_leaves_no_file_after_a_repetition() {
    let (disk, _) = disk_with_directory();
    let mut partial = 0;
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Operation(at), Fault::Error(ErrorKind::PermissionDenied));
        let result = erase(&process);
        let is_last = process.operations() <= at;
        drop(process);
        partial += u64::from((3..3 + FILES + 1).contains(&bodies(&disk)));
        check_repeated(&disk, at);
        if is_last {
            result.unwrap();
            break;
        }
    }
    assert!(partial > 3, "{partial}");
}

#[test]
fn files_of_a_directory_without_a_readable_list_degrade_the_erasure_and_retention_removes_them() {
    let (disk, list) = disk_with_directory();
    for is_missing in [false, true] {
        for has_files in [false, true] {
            let disk = disk.fork();
            match is_missing {
                true => disk.remove_tree(&list),
                false => disk.overwrite(&list, b"damaged".to_vec()),
            }
            if !has_files {
                for n in 0..FILES {
                    let path = body_name(n);
                    disk.remove_tree(&Path::new("/w/artifacts/objects").join(path));
                }
            }
            let result = super::erase_by_force(&disk.spawn(50)).unwrap();
            let codes: Vec<&str> = result.notes.iter().map(|note| note.code).collect();
            let context = format!("{is_missing} {has_files} {result:?}");
            assert_eq!(codes.contains(&"erase_files_unknown"), has_files, "{context}");
            assert_eq!(result.status == RecoveryStatus::Degraded, has_files, "{context}");
            assert_eq!(bodies(&disk), if has_files { 2 + FILES } else { 2 }, "{context}");
            disk.advance(DAY_AND_HOUR);
            assert_eq!(retain(&disk.spawn(51)).unwrap().bodies, if has_files { FILES as u64 } else { 0 });
            let runs = workspace(&disk.spawn(52)).unwrap().list_runs(None).unwrap().runs;
            assert_eq!((bodies(&disk), runs.len()), (2, 2), "{context}");
        }
    }
}
