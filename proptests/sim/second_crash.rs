//! A second crash during the recovery from the first: at every operation of the process that claims or creates a
//! stream, appends, rotates, catches up, rebuilds and publishes.

use crate::sim::crash::{apply_outcome, futures, killed_at, recover_and_check};
use crate::sim::machine::{Step, aftermath, script};
use crate::sim::seeds::{Dice, for_each_seed};
use contexta::engine::log::Durability;
use contexta::engine::storage::sim::{Fault, Moment, Survival};

#[test]
fn crash_at_every_change_of_a_recovery_is_recoverable() {
    for_each_seed(&[1], |seed| {
        let mut dice = Dice::new(seed);
        let script = script(seed, 150);
        let changes = killed_at(seed, &script, u64::MAX).process.changes();
        let mut first = dice.below(30) as u64;
        while first < changes {
            let mut machine = killed_at(seed, &script, first);
            let some = futures(&mut dice, machine.workspace.disk.unsynced_changes());
            let future = some[dice.below(some.len())];
            for second in 0.. {
                let context = |e| format!("killed at change {first}, {future:?}, then at {second}: {e}");
                let mut after = apply_outcome(&mut machine, future).map_err(context).unwrap();
                after.process.plan(Moment::Change(second), Fault::Kill);
                after.work(&aftermath());
                if after.process.is_alive() {
                    break;
                }
                let all = futures(&mut dice, after.workspace.disk.unsynced_changes());
                let then = all[dice.below(all.len())];
                let context = |e| context(format!("{then:?}: {e}"));
                let last = apply_outcome(&mut after, then).map_err(context);
                last.and_then(|last| recover_and_check(last).map_err(context)).unwrap();
            }
            first += 20 + dice.below(20) as u64;
        }
    });
}

/// A process may be killed after creating a stream and before the name of its segment is durable. The process that
/// continues the stream makes the name durable before it acknowledges anything.
#[test]
fn entries_synced_after_an_interrupted_creation_survive_a_power_cut() {
    let append = |durability| Step::Append { entries: 1, durability };
    for change in 0..8 {
        let mut first = killed_at(1, &[append(Durability::Flush)], change);
        let mut next = apply_outcome(&mut first, None).unwrap();
        next.step(append(Durability::Fsync)).unwrap();
        let lost = apply_outcome(&mut next, Some(Survival::Dropped)).err();
        assert_eq!(lost, None, "killed at change {change}");
    }
}
