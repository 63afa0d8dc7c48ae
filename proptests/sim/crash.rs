//! A crash at every operation: the process is killed, or the power is cut and any part of the unsynced data survives;
//! then another process continues.

use crate::domain::Workspace;
use crate::sim::machine::{Breakdown, Machine, Records, Step, aftermath, check_tables, script};
use crate::sim::seeds::{Dice, for_each_seed};
use contexta::engine::log::Durability;
use contexta::engine::log::header::FRAMES_AT;
use contexta::engine::storage::sim::{Fault, Moment, Survival};

pub(crate) const SMALL: u64 = FRAMES_AT + 1_500;

/// A process that is killed at one of its changes.
pub(crate) fn killed_at(seed: u64, script: &[Step], change: u64) -> Machine {
    let mut machine = Machine::new(Workspace::new(seed, SMALL), 1, Records::default());
    machine.process.plan(Moment::Change(change), Fault::Kill);
    machine.work(script);
    machine
}

/// The events after which a killed process is recovered: no further event, or a power cut with each kind of survival.
pub(crate) fn futures(dice: &mut Dice, unsynced: usize) -> Vec<Option<Survival>> {
    let front = Survival::First(dice.below(unsynced + 1));
    let some = Survival::Subset(dice.next());
    vec![None, Some(Survival::Dropped), Some(Survival::Kept), Some(front), Some(some)]
}

/// Returns the machine with the disk after this event.
pub(crate) fn apply_outcome(machine: &mut Machine, future: Option<Survival>) -> Result<Machine, String> {
    // All entries that are visible now count as seen by a reader.
    machine.records.check_log(&machine.workspace, Breakdown::Kill)?;
    let workspace = Workspace { disk: machine.workspace.disk.fork(), ..machine.workspace.clone() };
    if let Some(survival) = future {
        workspace.disk.crash(survival);
    }
    let mut after = machine.after(workspace);
    let breakdown = if future.is_some() { Breakdown::PowerCut } else { Breakdown::Kill };
    after.records.check_log(&after.workspace, breakdown)?;
    Ok(after)
}

/// Lets the next process continue, and checks all guarantees.
pub(crate) fn recover_and_check(mut after: Machine) -> Result<(), String> {
    for step in aftermath() {
        after.step(step).map_err(|e| format!("{step:?} after it: {e}"))?;
    }
    after.check()
}

#[test]
fn crash_at_every_change_loses_no_acknowledged_entry() {
    for_each_seed(&[1], |seed| {
        let script = script(seed, 240);
        let whole = killed_at(seed, &script, u64::MAX);
        let (changes, operations) = (whole.process.changes(), whole.process.operations());
        assert!(operations > 500 && changes > 300, "{operations} operations, {changes} changes");
        let mut dice = Dice::new(seed);
        for change in 0..=changes {
            let mut machine = killed_at(seed, &script, change);
            for future in futures(&mut dice, machine.workspace.disk.unsynced_changes()) {
                let context = |e| format!("killed at change {change}, then {future:?}: {e}");
                let after = apply_outcome(&mut machine, future).map_err(context);
                after.and_then(|after| recover_and_check(after).map_err(context)).unwrap();
            }
        }
    });
}

/// A power cut removes entries from the middle of a file that looks unchanged; tables that were published with these
/// entries are not used.
#[test]
fn entries_lost_in_a_power_cut_are_removed_from_published_tables() {
    let mut lost = 0;
    for seed in 0..30 {
        let steps = [Step::Append { entries: 3, durability: Durability::Flush }; 6];
        let mut machine = killed_at(seed, &[&steps[..], &[Step::Read, Step::Wait]].concat(), u64::MAX);
        let before = machine.workspace.entries().len();
        let after = apply_outcome(&mut machine, Some(Survival::Subset(seed))).unwrap();
        lost += before - after.workspace.entries().len();
        check_tables(&after.workspace, &after.workspace.projector(9, true))
            .map_err(|e| format!("seed {seed}: {e}"))
            .unwrap();
    }
    assert!(lost > 0, "no power cut lost an entry");
}
