//! An error at every operation: I/O errors, a full disk, interrupted and short reads and writes, failed syncs that
//! lose what they should have saved. The caller is told, and what was promised stays.

use crate::domain::Workspace;
use crate::sim::crash::{SMALL, come, go_on};
use crate::sim::machine::{Machine, Records, Step, script};
use crate::sim::seeds::for_each_seed;
use contexta::engine::log::Durability;
use contexta::engine::storage::sim::{Fault, Moment, Survival};
use std::io;

/// What befalls a process at one of its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Error(io::ErrorKind),
    /// Two operations in a row fail: that which should put the first failure right as well.
    Errors,
    Short,
}

impl Trouble {
    fn operations(self) -> u64 {
        if self == Trouble::Errors { 2 } else { 1 }
    }

    /// Whether nobody but the storage seam may notice.
    fn passes_unseen(self) -> bool {
        matches!(self, Trouble::Short | Trouble::Error(io::ErrorKind::Interrupted))
    }

    fn fault(self) -> Fault {
        match self {
            Trouble::Error(kind) => Fault::Error(kind),
            Trouble::Errors => Fault::Error(io::ErrorKind::Other),
            Trouble::Short => Fault::Short,
        }
    }
}

/// Works through the script with trouble at one operation; `Ok(false)`: the script has fewer.
fn check_trouble(seed: u64, script: &[Step], at: u64, trouble: Trouble) -> Result<bool, String> {
    let mut machine = Machine::new(Workspace::new(seed, SMALL), 1, Records::default());
    for n in 0..trouble.operations() {
        machine.process.plan(Moment::Operation(at + n), trouble.fault());
    }
    for step in script {
        let before = machine.process.operations();
        let result = machine.step(*step);
        let befallen = before < at + trouble.operations() && at < machine.process.operations();
        if let Err(e) = result
            && (!befallen || trouble.passes_unseen())
        {
            return Err(format!("{step:?}: {e}"));
        }
    }
    // Whoever can neither sync a stream nor remove its lock can warn nobody; what is promised holds all the same.
    if trouble != Trouble::Errors && machine.workspace.disk.syncs_after_failure() > 0 {
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
    check_everywhere(&[Trouble::Error(io::ErrorKind::StorageFull)]);
}

#[test]
fn interrupted_and_short_reads_and_writes_are_nowhere_to_be_seen() {
    check_everywhere(&[Trouble::Short, Trouble::Error(io::ErrorKind::Interrupted)]);
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
