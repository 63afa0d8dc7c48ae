//! An error at every operation: I/O errors, a full disk, interrupted and short reads and writes, failed syncs that
//! lose data. The error is reported, and acknowledged entries are present.

use crate::domain::Workspace;
use crate::sim::crash::{SMALL, apply_outcome, recover_and_check};
use crate::sim::machine::{Machine, Records, Step, script};
use crate::sim::seeds::for_each_seed;
use contexta::engine::entry::StreamId;
use contexta::engine::log::{Durability, ScanMode};
use contexta::engine::storage::sim::{Fault, Moment, Survival};
use std::io;

/// Faults of a process from one of its operations on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Error(io::ErrorKind),
    /// Two operations in a row fail: the second is the repair of the first failure.
    Errors,
    /// Half of a write succeeds and the other half fails: the disk is full in the middle of a frame.
    Half,
    /// Like `Half`, and the repair fails too.
    HalfAndRepairFails,
    /// The operation takes full effect and returns an error.
    ErrorAfter(io::ErrorKind),
    /// Like `ErrorAfter`, and the next operation, which should undo the effect, fails without an effect.
    ErrorAfterAndUndoFails,
    Short,
}

impl Trouble {
    fn operations(self) -> u64 {
        match self {
            Trouble::Error(_) | Trouble::ErrorAfter(_) | Trouble::Short => 1,
            Trouble::Errors | Trouble::Half | Trouble::ErrorAfterAndUndoFails => 2,
            Trouble::HalfAndRepairFails => 3,
        }
    }

    /// Returns true if the failure can be repaired, so that the log is unchanged.
    fn is_repairable(self) -> bool {
        !matches!(self, Trouble::Errors | Trouble::HalfAndRepairFails | Trouble::ErrorAfterAndUndoFails)
    }

    /// Returns true if the fault is handled below the callers of the storage.
    fn is_transparent(self) -> bool {
        matches!(self, Trouble::Short | Trouble::Error(io::ErrorKind::Interrupted))
    }

    /// Returns the fault of the `n`th operation, counted from the first faulty one.
    fn fault(self, n: u64) -> Fault {
        match self {
            Trouble::Error(kind) => Fault::Error(kind),
            Trouble::Short => Fault::Short,
            Trouble::ErrorAfter(kind) => Fault::ErrorAfter(kind),
            Trouble::ErrorAfterAndUndoFails if n == 0 => Fault::ErrorAfter(io::ErrorKind::Other),
            Trouble::Half | Trouble::HalfAndRepairFails if n == 0 => Fault::Short,
            Trouble::Half | Trouble::HalfAndRepairFails => Fault::Error(io::ErrorKind::StorageFull),
            Trouble::Errors | Trouble::ErrorAfterAndUndoFails => Fault::Error(io::ErrorKind::Other),
        }
    }
}

/// Runs the script with faults at one operation; returns `Ok(false)` if the script has fewer operations.
fn check_trouble(seed: u64, script: &[Step], at: u64, trouble: Trouble) -> Result<bool, String> {
    let mut machine = Machine::new(Workspace::new(seed, SMALL), 1, Records::default());
    for n in 0..trouble.operations() {
        machine.process.plan(Moment::Operation(at + n), trouble.fault(n));
    }
    let mut reported_failed_sync = false;
    for step in script {
        let before = machine.process.operations();
        let result = machine.step(*step);
        let befallen = before < at + trouble.operations() && at < machine.process.operations();
        let Err(e) = result else { continue };
        let of_a_sync = e.contains("sync segment");
        if reported_failed_sync && of_a_sync && matches!(step, Step::Sync | Step::Close) {
            // Entries that were flushed before the failed sync are not durable, and this sync is the first that reports
            // the failure.
            reported_failed_sync = false;
            continue;
        }
        reported_failed_sync |= of_a_sync;
        if !befallen || trouble.is_transparent() {
            return Err(format!("{step:?}: {e}"));
        }
        let workspace = &machine.workspace;
        let clean = |stream: StreamId| workspace.scan(stream, ScanMode::Full).is_clean();
        if trouble.is_repairable() && !workspace.streams().into_iter().all(clean) {
            return Err(format!("{step:?} gave {e}, and the log has changed"));
        }
    }
    // Checked for repairable faults only: a process that can neither sync a stream nor rename its lock file cannot
    // prevent other processes from syncing the stream again.
    if trouble.is_repairable() && machine.workspace.disk.syncs_after_failure() > 0 {
        return Err("a file was synced again after its sync had failed".to_owned());
    }
    let reached = machine.process.operations() > at;
    for future in [Some(Survival::Dropped), Some(Survival::Subset(at)), None] {
        let after = apply_outcome(&mut machine, future).map_err(|e| format!("then {future:?}: {e}"))?;
        // The further course depends mostly on the state that the operation left, so not every operation is tried.
        if at.is_multiple_of(5) {
            recover_and_check(after).map_err(|e| format!("then {future:?}: {e}"))?;
        }
    }
    Ok(reached)
}

fn check_everywhere(troubles: &[Trouble]) {
    for_each_seed(&[1], |seed| {
        let script = script(seed, 40);
        for trouble in troubles {
            for at in 0.. {
                let checked = check_trouble(seed, &script, at, *trouble);
                if !checked.map_err(|e| format!("{trouble:?} at operation {at}: {e}")).unwrap() {
                    break;
                }
            }
        }
    });
}

#[test]
fn error_at_every_operation_is_reported_and_loses_no_acknowledged_entry() {
    check_everywhere(&[Trouble::Error(io::ErrorKind::Other), Trouble::Errors]);
}

#[test]
fn full_disk_at_every_operation_is_reported_and_loses_no_acknowledged_entry() {
    check_everywhere(&[
        Trouble::Error(io::ErrorKind::StorageFull),
        Trouble::Half,
        Trouble::HalfAndRepairFails,
    ]);
}

#[test]
fn interrupted_and_short_reads_and_writes_have_no_visible_effect() {
    check_everywhere(&[Trouble::Short, Trouble::Error(io::ErrorKind::Interrupted)]);
}

#[test]
fn failed_operation_with_full_effect_is_reported_and_loses_no_acknowledged_entry() {
    check_everywhere(&[Trouble::ErrorAfter(io::ErrorKind::Other), Trouble::ErrorAfterAndUndoFails]);
}

/// The sync of a new segment fails, and then the first step of its removal: the segment, which was never durable, is
/// not continued.
#[test]
fn segment_with_failed_creation_is_not_continued() {
    let append = |durability| Step::Append { entries: 1, durability };
    let script = [append(Durability::Flush), append(Durability::Fsync), Step::Close];
    for at in 0..20 {
        let checked = check_trouble(1, &script, at, Trouble::Errors);
        checked.map_err(|e| format!("operation {at}: {e}")).unwrap();
    }
}
