//! Another process acts between the effect of an operation and its result, for every operation of a process that
//! appends, rotates, closes and continues a stream.

use crate::domain::{PlainTables, Toy, Workspace, domain};
use crate::sim::crash::SMALL;
use crate::sim::machine::Breakdown;
use contexta::engine::entry::Position;
use contexta::engine::log::merge::{MergeOptions, merge};
use contexta::engine::log::{Durability, Log, ScanMode};
use contexta::engine::progress::Progress;
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::{Fault, Moment, SimProcess, Survival};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// An action of another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Claims or creates a stream and appends with every durability; its log stays open.
    Append,
    /// Like `Append`, then closes the stream.
    AppendAndClose,
    /// Assigns sequence numbers to batched entries and is killed.
    BatchAndDie,
    /// Kills the process that performed the operation.
    Kill,
    /// Merges a copy of the workspace into the workspace.
    Merge,
    /// Catches up and publishes.
    Read,
}

const ACTIONS: [Action; 6] =
    [Action::Append, Action::AppendAndClose, Action::BatchAndDie, Action::Kill, Action::Merge, Action::Read];

/// The acknowledged commits of all processes, by the number of their only entry.
type Acknowledged = Arc<Mutex<BTreeMap<u32, (Position, Durability)>>>;

fn append(log: &Log, acknowledged: &Acknowledged, n: u32, durability: Durability) -> Result<(), String> {
    // Some entries fill a segment.
    let event = Toy::Tag { key: [vec![b't'; 150], n.to_le_bytes().to_vec()].concat() };
    let done = log.append(&[event], durability).map_err(|e| format!("{n}: {e:?}"))?;
    let before = acknowledged.lock().unwrap().insert(n, (done.position(0), durability));
    assert!(before.is_none());
    Ok(())
}

/// Performs the action; returns a log that stays open.
fn act(action: Action, workspace: &Workspace, acknowledged: &Acknowledged) -> Option<Log> {
    match action {
        Action::Append | Action::AppendAndClose | Action::BatchAndDie => {
            let log = workspace.log(2);
            append(&log, acknowledged, 1_000, Durability::Flush).unwrap();
            append(&log, acknowledged, 1_001, Durability::Fsync).unwrap();
            append(&log, acknowledged, 1_002, Durability::Batched).unwrap();
            match action {
                Action::AppendAndClose => drop(log.close().unwrap()),
                Action::BatchAndDie => workspace.kill(log),
                _ => return Some(log),
            }
        }
        Action::Kill => workspace.disk.kill(1),
        Action::Merge => {
            let copy = workspace.copy_to("/copy");
            let quarantine = workspace.root.join("quarantine");
            let options = MergeOptions::new(domain(), &copy.log_dir(), &workspace.log_dir(), &quarantine);
            merge(&workspace.disk.process(3), &options, Progress::none()).unwrap();
        }
        Action::Read => drop(workspace.projector(4, true).read(PlainTables::read).unwrap()),
    }
    None
}

/// Appends, rotates, closes, claims the stream again, batches and closes.
fn work(log: &Log, acknowledged: &Acknowledged) -> Result<(), String> {
    for n in 0..14 {
        let durability = if n % 3 == 1 { Durability::Fsync } else { Durability::Flush };
        append(log, acknowledged, n, durability)?;
        if n % 7 == 6 {
            log.close().map_err(|e| format!("close: {e:?}"))?;
        }
    }
    append(log, acknowledged, 14, Durability::Batched)?;
    log.close().map_err(|e| format!("close: {e:?}"))?;
    Ok(())
}

/// Checks that every acknowledged entry is present once, with the number that was returned.
fn check(workspace: &Workspace, acknowledged: &Acknowledged, breakdown: Breakdown, killed: Killed) {
    let mut found = BTreeMap::new();
    for stream in workspace.streams() {
        for entry in workspace.scan(stream, ScanMode::Full).entries {
            let number = u32::from_le_bytes(*entry.payload.last_chunk::<4>().unwrap());
            let before = found.insert(number, entry.stamp.position());
            assert_eq!(before, None, "{number} is present twice");
        }
    }
    for (n, (position, durability)) in acknowledged.lock().unwrap().iter() {
        let least = match (breakdown, if *n < 1_000 { killed.first } else { killed.second }) {
            (Breakdown::PowerCut, _) => Durability::Fsync,
            (Breakdown::Kill, true) => Durability::Flush,
            (Breakdown::Kill, false) => Durability::Batched,
        };
        match found.get(n) {
            Some(found) => assert_eq!(found, position, "{n} has another number"),
            None => assert!(*durability < least, "{n} was acknowledged with {durability:?} and is missing"),
        }
        let means = found.iter().find(|(_, at)| *at == position).map(|(means, _)| means);
        assert!(means.is_none_or(|means| means == n), "{position} was returned for {n} and is {means:?}");
    }
}

/// The processes that were killed.
#[derive(Debug, Clone, Copy)]
struct Killed {
    first: bool,
    second: bool,
}

fn check_action(action: Action, at: u64) -> bool {
    let workspace = Workspace::new(1, SMALL);
    let acknowledged = Acknowledged::default();
    let process: Arc<SimProcess> = workspace.disk.spawn(1);
    let (elsewhere, tells) = (workspace.clone(), Arc::clone(&acknowledged));
    let open = Arc::new(Mutex::new(None));
    let keeps = Arc::clone(&open);
    let acts = move || *keeps.lock().unwrap() = act(action, &elsewhere, &tells);
    process.plan(Moment::Operation(at), Fault::Afterwards(Box::new(acts)));
    let log = workspace.log_on(Arc::clone(&process) as Arc<dyn Storage>);
    let worked = work(&log, &acknowledged);
    let reached = process.has_passed_plans();
    if process.is_alive() {
        worked.unwrap();
    }
    drop(log);
    drop(open.lock().unwrap().take());
    let killed = Killed { first: !process.is_alive(), second: action == Action::BatchAndDie };
    check(&workspace, &acknowledged, Breakdown::Kill, killed);
    let tables = workspace.projector(5, true).read(PlainTables::read).unwrap();
    assert_eq!(tables.text(), workspace.plain_tables().text());
    workspace.disk.crash(Survival::Dropped);
    check(&workspace, &acknowledged, Breakdown::PowerCut, killed);
    reached
}

#[test]
fn action_of_another_process_after_any_operation_loses_no_acknowledged_entry() {
    for action in ACTIONS {
        for at in 0.. {
            let result = std::panic::catch_unwind(|| check_action(action, at));
            match result {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => panic!("{action:?} after operation {at}"),
            }
        }
    }
}
