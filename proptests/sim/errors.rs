//! An error at every operation: I/O errors, a full disk, interrupted and short reads and writes, failed syncs that
//! lose what they should have saved. The caller is told, and what was promised stays.

use crate::domain::Workspace;
use crate::sim::crash::{SMALL, come, go_on};
use crate::sim::machine::{Machine, Records, Step, script};
use crate::sim::seeds::for_each_seed;
use contexta::engine::entry::StreamId;
use contexta::engine::log::{Durability, ScanMode};
use contexta::engine::storage::sim::{Fault, Moment, Survival};
use std::io;

/// What befalls a process at one of its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Error(io::ErrorKind),
    /// Two operations in a row fail: that which should put the first failure right as well.
    Errors,
    /// A write arrives by half, and its other half fails: a disk that is full in the middle of a frame.
    Half,
    /// As before, and what should put it right fails too.
    HalfAndStuck,
    /// The operation takes its full effect, and an error is returned.
    ErrorAfter(io::ErrorKind),
    /// As before, and the next operation, which should undo the effect, fails without one.
    ErrorAfterAndStuck,
    Short,
}

impl Trouble {
    fn operations(self) -> u64 {
        match self {
            Trouble::Error(_) | Trouble::ErrorAfter(_) | Trouble::Short => 1,
            Trouble::Errors | Trouble::Half | Trouble::ErrorAfterAndStuck => 2,
            Trouble::HalfAndStuck => 3,
        }
    }

    /// Whether what went wrong can be put right, so that the log is as it was.
    fn can_be_put_right(self) -> bool {
        !matches!(self, Trouble::Errors | Trouble::HalfAndStuck | Trouble::ErrorAfterAndStuck)
    }

    /// Whether nobody but the storage seam may notice.
    fn passes_unseen(self) -> bool {
        matches!(self, Trouble::Short | Trouble::Error(io::ErrorKind::Interrupted))
    }

    /// What befalls the `n`th of its operations.
    fn fault(self, n: u64) -> Fault {
        match self {
            Trouble::Error(kind) => Fault::Error(kind),
            Trouble::Short => Fault::Short,
            Trouble::ErrorAfter(kind) => Fault::ErrorAfter(kind),
            Trouble::ErrorAfterAndStuck if n == 0 => Fault::ErrorAfter(io::ErrorKind::Other),
            Trouble::Half | Trouble::HalfAndStuck if n == 0 => Fault::Short,
            Trouble::Half | Trouble::HalfAndStuck => Fault::Error(io::ErrorKind::StorageFull),
            Trouble::Errors | Trouble::ErrorAfterAndStuck => Fault::Error(io::ErrorKind::Other),
        }
    }
}

/// Works through the script with trouble at one operation; `Ok(false)`: the script has fewer.
fn check_trouble(seed: u64, script: &[Step], at: u64, trouble: Trouble) -> Result<bool, String> {
    let mut machine = Machine::new(Workspace::new(seed, SMALL), 1, Records::default());
    for n in 0..trouble.operations() {
        machine.process.plan(Moment::Operation(at + n), trouble.fault(n));
    }
    let mut told_of_a_sync = false;
    for step in script {
        let before = machine.process.operations();
        let result = machine.step(*step);
        let befallen = before < at + trouble.operations() && at < machine.process.operations();
        let Err(e) = result else { continue };
        let of_a_sync = e.contains("sync segment");
        if told_of_a_sync && of_a_sync && matches!(step, Step::Sync | Step::Close) {
            // What was flushed before the sync that failed is not durable, and this is the first to ask.
            told_of_a_sync = false;
            continue;
        }
        told_of_a_sync |= of_a_sync;
        if !befallen || trouble.passes_unseen() {
            return Err(format!("{step:?}: {e}"));
        }
        let workspace = &machine.workspace;
        let clean = |stream: StreamId| workspace.scan(stream, ScanMode::Full).is_clean();
        if trouble.can_be_put_right() && !workspace.streams().into_iter().all(clean) {
            return Err(format!("{step:?} gave {e}, and the log is not as it was"));
        }
    }
    // Whoever can neither sync a stream nor remove its lock can warn nobody; what is promised holds all the same.
    if trouble.can_be_put_right() && machine.workspace.disk.syncs_after_failure() > 0 {
        return Err("a file was synced again after its sync had failed".to_owned());
    }
    let reached = machine.process.operations() > at;
    for future in [Some(Survival::Dropped), Some(Survival::Subset(at)), None] {
        let after = come(&mut machine, future).map_err(|e| format!("then {future:?}: {e}"))?;
        // What comes afterwards does not depend on the operation as much as on the state it left.
        if at.is_multiple_of(5) {
            go_on(after).map_err(|e| format!("then {future:?}: {e}"))?;
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
fn an_error_at_every_operation_is_told_and_costs_nothing_promised() {
    check_everywhere(&[Trouble::Error(io::ErrorKind::Other), Trouble::Errors]);
}

#[test]
fn a_disk_full_at_every_operation_is_told_and_costs_nothing_promised() {
    check_everywhere(&[Trouble::Error(io::ErrorKind::StorageFull), Trouble::Half, Trouble::HalfAndStuck]);
}

#[test]
fn interrupted_and_short_reads_and_writes_are_nowhere_to_be_seen() {
    check_everywhere(&[Trouble::Short, Trouble::Error(io::ErrorKind::Interrupted)]);
}

#[test]
fn operation_with_full_effect_and_an_error_is_reported_and_loses_nothing_promised() {
    check_everywhere(&[Trouble::ErrorAfter(io::ErrorKind::Other), Trouble::ErrorAfterAndStuck]);
}

/// The sync of a new segment fails, then the first step of putting that right: what was never durable is not gone on
/// with.
#[test]
fn a_segment_whose_creation_failed_is_not_gone_on_with() {
    let append = |durability| Step::Append { entries: 1, durability };
    let script = [append(Durability::Flush), append(Durability::Fsync), Step::Close];
    for at in 0..20 {
        let checked = check_trouble(1, &script, at, Trouble::Errors);
        checked.map_err(|e| format!("operation {at}: {e}")).unwrap();
    }
}
