//! Tests of saved tables that an erasure removes, because they can contain rows of the erased runs.

use super::{check_repeated, disk, erase};
use contexta::engine::storage::sim::{Fault, Moment, SimDisk};
use contexta::recovery::RecoveryStatus;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Tables that were set aside, and a temporary file of a killed program.
const OLD: [&str; 2] = [
    "/w/projections/00000000000000000001-0123456789abcdef.gen.bad",
    "/w/projections/00000000000000000002-0123456789abcdef.tmp",
];

fn disk_with_old_tables() -> SimDisk {
    let disk = disk();
    OLD.iter().for_each(|path| disk.overwrite(Path::new(path), b"rows of the runs".to_vec()));
    disk
}

fn old(disk: &SimDisk) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| OLD.iter().any(|old| path == Path::new(old))).collect()
}

#[test]
fn failed_operation_never_leaves_old_tables_after_a_successful_erasure() {
    let (disk, mut kept) = (disk_with_old_tables(), 0);
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Operation(at), Fault::Error(ErrorKind::PermissionDenied));
        let result = erase(&process);
        let is_last = process.operations() <= at;
        drop(process);
        if let Ok(result) = &result {
            let is_degraded = result.status == RecoveryStatus::Degraded;
            assert!(is_degraded || old(&disk).is_empty(), "{at} {result:?}");
            let has_note = result.notes.iter().any(|note| note.code == "erase_tables_kept");
            kept += u64::from(has_note);
        }
        check_repeated(&disk, at);
        assert_eq!(old(&disk), Vec::<PathBuf>::new(), "{at}");
        if is_last {
            result.unwrap();
            break;
        }
    }
    assert!(kept > 0, "{kept}");
}

/// The temporary file can belong to a program that is saving tables.
#[test]
fn without_locks_the_result_states_that_a_temporary_file_remains() {
    let disk = disk_with_old_tables();
    disk.set_locks(false);
    let result = erase(&disk.spawn(50)).unwrap();
    assert_eq!(result.status, RecoveryStatus::Degraded, "{result:?}");
    assert!(result.notes.iter().any(|note| note.code == "erase_tables_kept"), "{result:?}");
    assert_eq!(old(&disk), [PathBuf::from(OLD[1])]);
    disk.remove_tree(Path::new(OLD[1]));
    let result = erase(&disk.spawn(51)).unwrap();
    assert!(result.notes.iter().all(|note| note.code != "erase_tables_kept"), "{result:?}");
    disk.set_locks(true);
    check_repeated(&disk, 0);
}
