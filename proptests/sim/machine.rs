//! A process that runs a script on a simulated disk, its acknowledged entries, and the checks that must pass after
//! any fault.

use crate::domain::{PlainTables, Toy, Workspace};
use crate::sim::seeds::Dice;
use contexta::engine::entry::{Entry, Event, Position, Stamp, StreamId};
use contexta::engine::log::{Durability, Log, ScanMode};
use contexta::engine::progress::Progress;
use contexta::engine::projection::{Note, Projector};
use contexta::engine::storage::sim::SimProcess;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A step of a script.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Append {
        entries: usize,
        durability: Durability,
    },
    Sync,
    Close,
    /// Drops the log; the next append continues a stream or creates a new one.
    Reopen,
    /// Catches up, and publishes if there are enough new entries.
    Read,
    /// Drops the tables from memory.
    Restart,
    Rebuild,
    /// Advances the clock beyond the time for which files count as fresh.
    Wait,
}

/// A script of mixed appends, syncs, rotations, catch-ups, closings and reopenings.
pub(crate) fn script(seed: u64, steps: usize) -> Vec<Step> {
    let mut dice = Dice::new(seed);
    let step = |n: usize| match dice.below(40) {
        0 => Step::Sync,
        1 => Step::Close,
        2 => Step::Reopen,
        3..6 => Step::Read,
        6 => Step::Restart,
        7 if n.is_multiple_of(3) => Step::Rebuild,
        7 | 8 => Step::Wait,
        draw => Step::Append {
            entries: 1 + dice.below(3),
            durability: if draw % 3 == 0 { Durability::Fsync } else { Durability::Flush },
        },
    };
    (0..steps).map(step).collect()
}

/// The script of the next process after a breakdown: it appends, catches up, rotates, publishes and closes.
pub(crate) fn aftermath() -> Vec<Step> {
    let append = |durability| Step::Append { entries: 3, durability };
    let mut steps = vec![append(Durability::Flush), Step::Read, append(Durability::Fsync), Step::Close];
    steps.extend([append(Durability::Flush); 4]);
    steps.extend([Step::Rebuild, append(Durability::Fsync), Step::Restart, Step::Read]);
    steps
}

/// The failure between the acknowledgement and the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breakdown {
    /// Processes were killed: entries acknowledged as flushed are present.
    Kill,
    /// The power was cut: entries acknowledged as durable are present.
    PowerCut,
}

/// All attempted, acknowledged and seen entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    /// The attempted commits by number. Every event contains the number of its commit and its position in the commit.
    tried: Vec<Vec<Toy>>,
    flushed: BTreeMap<Position, (Stamp, Toy)>,
    durable: BTreeSet<Position>,
    seen: BTreeMap<Position, Entry>,
    /// True after a power cut: entries in the middle of a stream may be missing.
    cut: bool,
}

/// Returns an event that contains the number of its commit and its position in the commit.
fn event(commit: usize, place: usize) -> Toy {
    let id = [&(commit as u32).to_be_bytes()[..], &[place as u8]].concat();
    match (commit + place) % 3 {
        0 => Toy::Put { key: [&b"put"[..], &id].concat(), value: commit as u16, replaces: Vec::new() },
        1 => Toy::Tag { key: [&[b't'; 150][..], &id].concat() },
        _ => Toy::Measure {
            series: vec![b'a'; place + 1],
            time: (commit * 256 + place) as i64,
            measure: Some(commit as f64),
        },
    }
}

fn id_of(event: &Toy) -> (usize, usize) {
    let of_key = |key: &[u8]| {
        let (id, place) = key[key.len() - 5..].split_first_chunk::<4>().unwrap();
        (u32::from_be_bytes(*id) as usize, place[0] as usize)
    };
    match event {
        Toy::Put { key, .. } | Toy::Tag { key } => of_key(key),
        Toy::Measure { time, .. } => (*time as usize / 256, *time as usize % 256),
        Toy::Strange(_) | Toy::Broken(_) | Toy::Erase { .. } => panic!("unexpected event {event:?}"),
    }
}

impl Records {
    /// Appends the next commit and records its acknowledged durability; `own` receives the entries acknowledged by this
    /// log.
    pub(crate) fn append(
        &mut self,
        log: &Log,
        own: &mut Vec<Position>,
        entries: usize,
        durability: Durability,
    ) -> Result<(), String> {
        let number = self.tried.len();
        let events: Vec<Toy> = (0..entries).map(|place| event(number, place)).collect();
        self.tried.push(events.clone());
        let committed = log.append(&events, durability).map_err(|e| format!("{e:?}"))?;
        for (n, event) in (0u64..).zip(events) {
            let position = committed.position(n);
            let stamp = Stamp { time: committed.first.time + n, stream: position.stream, seq: position.seq };
            let before = self.flushed.insert(position, (stamp, event));
            assert!(before.is_none(), "{position} was acknowledged twice");
            own.push(position);
            if durability == Durability::Fsync {
                self.durable.insert(position);
            }
        }
        Ok(())
    }

    /// Marks the entries that a log acknowledged as durable, as far as they are in the synced stream.
    pub(crate) fn mark_durable(&mut self, own: &[Position], stream: StreamId) {
        self.durable.extend(own.iter().filter(|p| p.stream == stream));
    }

    /// All entries that any reader has seen.
    pub(crate) fn seen(&self) -> &BTreeMap<Position, Entry> {
        &self.seen
    }

    /// Checks that every commit in the log was attempted, is complete, and is present once, at one position, and that
    /// acknowledged entries are present.
    pub(crate) fn check_log(&mut self, workspace: &Workspace, breakdown: Breakdown) -> Result<(), String> {
        self.cut |= breakdown == Breakdown::PowerCut;
        let mut found: BTreeMap<usize, Vec<Position>> = BTreeMap::new();
        let mut entries = BTreeMap::new();
        for stream in workspace.streams() {
            let scan = workspace.scan(stream, ScanMode::Full);
            let times: Vec<u64> = scan.entries.iter().map(|e| e.stamp.time).collect();
            if !times.is_sorted_by(|a, b| a < b) {
                return Err(format!("the stamps of {stream} do not increase"));
            }
            if !self.cut && scan.gaps.iter().any(|g| g.last.is_some()) {
                return Err(format!("a partial frame in the middle: {:?} {:?}", scan.gaps, scan.findings));
            }
            for entry in scan.entries {
                let position = entry.stamp.position();
                let event = Toy::decode(entry.kind, entry.version, &entry.payload).ok().flatten();
                let event = event.ok_or_else(|| format!("{position} does not decode"))?;
                let (commit, place) = id_of(&event);
                if self.tried.get(commit).and_then(|events| events.get(place)) != Some(&event) {
                    return Err(format!("{position} was never appended"));
                }
                let places = found.entry(commit).or_default();
                if places.len() != place {
                    return Err(format!("{position} is duplicated or out of order: {places:?}"));
                }
                places.push(position);
                let known = self.seen.entry(position).or_insert_with(|| entry.clone());
                if *known != entry {
                    return Err(format!("{position} has two different entries"));
                }
                entries.insert(position, (entry.stamp, event));
            }
        }
        for (commit, positions) in &found {
            let consecutive =
                positions.windows(2).all(|p| p[0].stream == p[1].stream && p[0].seq.next() == p[1].seq);
            if positions.len() != self.tried[*commit].len() || !consecutive {
                return Err(format!("commit {commit} is incomplete: {positions:?}"));
            }
        }
        let promised = self.flushed.iter().filter(|(position, _)| match breakdown {
            Breakdown::Kill => true,
            Breakdown::PowerCut => self.durable.contains(position),
        });
        for (position, known) in promised {
            if entries.get(position) != Some(known) {
                return Err(format!("{position} was acknowledged and is missing"));
            }
        }
        if breakdown == Breakdown::PowerCut {
            // Lost entries stay lost, and the remaining entries are on the disk.
            self.flushed.retain(|position, _| entries.contains_key(position));
            self.durable.extend(entries.into_keys());
        }
        Ok(())
    }
}

/// Compares the tables with the tables of a rebuild and with those of the oracle.
pub(crate) fn check_tables(workspace: &Workspace, projector: &Projector<Toy>) -> Result<(), String> {
    let ask = projector.read(PlainTables::read_with_notes);
    let (tables, notes) = ask.map_err(|e| format!("{e:?}"))?;
    if tables != workspace.plain_tables() {
        return Err(format!("the tables differ from the entries: {notes:?}"));
    }
    let scratch = workspace.projector(777, false).digest_from_scratch(Progress::none()).unwrap();
    if projector.digest().map_err(|e| format!("{e:?}"))?.digest != scratch.digest {
        return Err("tables and rebuild differ".to_owned());
    }
    Ok(())
}

/// A running process.
pub(crate) struct Machine {
    pub(crate) workspace: Workspace,
    pub(crate) process: Arc<SimProcess>,
    pub(crate) records: Records,
    log: Log,
    own: Vec<Position>,
    projector: Projector<Toy>,
}

impl Machine {
    pub(crate) fn new(workspace: Workspace, id: u32, records: Records) -> Machine {
        let process = workspace.disk.spawn(id);
        let log = workspace.log_on(process.clone());
        let projector = workspace.projector_on(process.clone(), true);
        Machine { workspace, process, records, log, own: Vec::new(), projector }
    }

    /// The next process after a breakdown, on the files that remain.
    pub(crate) fn after(&self, workspace: Workspace) -> Machine {
        Machine::new(workspace, self.process_id() + 1, self.records.clone())
    }

    fn process_id(&self) -> u32 {
        use contexta::engine::storage::Storage;
        self.process.process_id()
    }

    /// Runs until the script ends or the process is killed.
    pub(crate) fn work(&mut self, script: &[Step]) {
        for step in script {
            let _ = self.step(*step);
            if !self.process.is_alive() {
                break;
            }
        }
    }

    pub(crate) fn step(&mut self, step: Step) -> Result<(), String> {
        let result = self.perform(step);
        if result.as_ref().is_err_and(|e| e.contains("sync segment")) {
            // After a failed sync was reported, entries flushed before it may never become durable.
            self.own.clear();
        }
        result
    }

    fn perform(&mut self, step: Step) -> Result<(), String> {
        let message = |e: contexta::engine::Error| format!("{e:?}");
        match step {
            Step::Append { entries, durability } => {
                self.records.append(&self.log, &mut self.own, entries, durability)?;
            }
            Step::Sync => {
                self.log.sync().map_err(message)?;
                if let Some(head) = self.log.head() {
                    self.records.mark_durable(&self.own, head.stream);
                }
            }
            Step::Close => {
                if let Some(head) = self.log.close().map_err(message)? {
                    self.records.mark_durable(&self.own, head.stream);
                }
            }
            Step::Reopen => {
                self.log = self.workspace.log_on(self.process.clone());
                self.own.clear();
            }
            Step::Read => {
                let answer = self.projector.read(PlainTables::read_with_notes);
                let (tables, notes) = answer.map_err(message)?;
                let unreadable = notes.iter().any(|n| matches!(n, Note::StreamUnreadable { .. }));
                let whole = tables == self.workspace.plain_tables();
                assert!(whole || unreadable, "the tables differ from the entries: {notes:?}");
                if unreadable {
                    return Err("a stream is unreadable".to_owned());
                }
            }
            Step::Restart => {
                self.projector = self.workspace.projector_on(self.process.clone(), true);
            }
            Step::Rebuild => drop(self.projector.rebuild(Progress::none()).map_err(message)?),
            Step::Wait => self.workspace.disk.advance(10_000_000_000),
        }
        Ok(())
    }

    /// Checks the log and the tables.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        self.records.check_log(&self.workspace, Breakdown::Kill)?;
        check_tables(&self.workspace, &self.projector)
    }
}
