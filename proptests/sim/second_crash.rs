//! A second crash, while the first one is being recovered from: at every operation of the process that comes after
//! it claims or creates a stream, appends, rotates, catches up, rebuilds and publishes.

use crate::sim::crash::{come, futures, go_on, killed_at};
use crate::sim::machine::{Step, aftermath, script};
use crate::sim::seeds::{Dice, for_each_seed};
use contexta::engine::log::Durability;
use contexta::engine::storage::sim::{Fault, Moment, Survival};

#[test]
fn a_crash_at_every_change_of_what_follows_a_crash_can_be_repeated() {
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
                let mut after = come(&mut machine, future).map_err(context).unwrap();
                after.process.plan(Moment::Change(second), Fault::Kill);
                after.work(&aftermath());
                if after.process.is_alive() {
                    break;
                }
                let all = futures(&mut dice, after.workspace.disk.unsynced_changes());
                let then = all[dice.below(all.len())];
                let context = |e| context(format!("{then:?}: {e}"));
                let last = come(&mut after, then).map_err(context);
                last.and_then(|last| go_on(last).map_err(context)).unwrap();
            }
            first += 20 + dice.below(20) as u64;
        }
    });
}

/// Whoever creates a stream may die before its segment's name is on disk; whoever goes on with the stream makes that
/// good before anything is promised.
#[test]
fn what_is_synced_behind_a_creation_that_was_cut_short_survives_a_power_cut() {
    let append = |durability| Step::Append { entries: 1, durability };
    for change in 0..8 {
        let mut first = killed_at(1, &[append(Durability::Flush)], change);
        let mut next = come(&mut first, None).unwrap();
        next.step(append(Durability::Fsync)).unwrap();
        let lost = come(&mut next, Some(Survival::Dropped)).err();
        assert_eq!(lost, None, "killed at change {change}");
    }
}
