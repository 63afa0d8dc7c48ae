//! Many writers: processes that append, close, are killed and restart, copies of workspaces, readers, power cuts, jumps
//! of the clock. 100,000 steps from one seed, in episodes, are compared with plain maps. To add an action, add a
//! variant to [`Turn`].

use crate::domain::{PlainTables, Toy, Workspace};
use crate::sim::machine::{Breakdown, Records, check_tables};
use crate::sim::seeds::{Dice, for_each_seed};
use contexta::engine::entry::{Entry, Position};
use contexta::engine::log::header::FRAMES_AT;
use contexta::engine::log::{Durability, Log};
use contexta::engine::projection::Projector;
use contexta::engine::storage::sim::{Fault, Moment, SimProcess, Survival};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

const WRITERS: usize = 4;
const SIDES: usize = 3;
const SEGMENT: u64 = FRAMES_AT + 6_000;
const SECOND: i64 = 1_000_000_000;

/// An action.
#[derive(Debug)]
enum Turn {
    Append {
        side: usize,
        writer: usize,
        entries: usize,
        durability: Durability,
    },
    Close {
        side: usize,
        writer: usize,
    },
    /// Kills the writer between two appends.
    Kill {
        side: usize,
        writer: usize,
    },
    /// Kills the writer a number of operations from now, during an append.
    Die {
        side: usize,
        writer: usize,
        operations: u64,
    },
    /// Passes the time of one writer to another.
    Observe {
        side: usize,
        writer: usize,
    },
    Read {
        side: usize,
    },
    Restart {
        side: usize,
    },
    Copy {
        side: usize,
    },
    PowerCut {
        survival: Survival,
    },
    Clock {
        by: i64,
    },
}

impl Turn {
    fn draw(dice: &mut Dice, sides: usize) -> Turn {
        let (side, writer) = (dice.below(sides), dice.below(WRITERS));
        match dice.below(1000) {
            0..25 => Turn::Close { side, writer },
            25..50 => Turn::Kill { side, writer },
            50..70 => Turn::Die { side, writer, operations: dice.below(30) as u64 },
            70..90 => Turn::Observe { side, writer },
            90..115 => Turn::Read { side },
            115..120 => Turn::Restart { side },
            120..124 => Turn::Copy { side },
            124..127 => Turn::PowerCut { survival: Survival::Subset(dice.next()) },
            127 => Turn::PowerCut { survival: Survival::Dropped },
            128 => Turn::PowerCut { survival: Survival::Kept },
            129..140 => Turn::Clock { by: dice.below(20 * SECOND as usize) as i64 - 10 * SECOND },
            140 => Turn::Clock { by: 40_000_000 * SECOND },
            141 => Turn::Clock { by: -40_000_000 * SECOND },
            draw => {
                let durability = if draw % 6 == 0 { Durability::Fsync } else { Durability::Flush };
                Turn::Append { side, writer, entries: 1 + dice.below(4), durability }
            }
        }
    }
}

struct Writer {
    log: Log,
    own: Vec<Position>,
    process: Arc<SimProcess>,
}

/// A workspace, its processes, and their acknowledged entries.
struct Side {
    workspace: Workspace,
    records: Records,
    writers: Vec<Option<Writer>>,
    reader: Projector<Toy>,
}

impl Side {
    fn new(workspace: Workspace, records: Records, reader: u32) -> Side {
        let reader = workspace.projector(reader, true);
        Side { workspace, records, writers: (0..WRITERS).map(|_| None).collect(), reader }
    }

    fn read(&self) -> Result<(), String> {
        let tables = self.reader.read(PlainTables::read).map_err(|e| format!("{e:?}"))?;
        let same = tables == self.workspace.plain_tables();
        if same { Ok(()) } else { Err("the tables differ from the entries".to_owned()) }
    }
}

struct World {
    sides: Vec<Side>,
    meanings: BTreeMap<Position, Entry>,
    next_process: u32,
}

impl World {
    fn new(seed: u64) -> World {
        let workspace = Workspace::new(seed, SEGMENT);
        let sides = vec![Side::new(workspace, Records::default(), 1)];
        World { sides, meanings: BTreeMap::new(), next_process: 100 }
    }

    fn new_process(&mut self) -> u32 {
        self.next_process += 1;
        self.next_process
    }

    fn writer(&mut self, side: usize, writer: usize) -> &mut Writer {
        let id = self.new_process();
        let Side { workspace, writers, .. } = &mut self.sides[side];
        writers[writer].get_or_insert_with(|| {
            let process = workspace.disk.spawn(id);
            Writer { log: workspace.log_on(process.clone()), own: Vec::new(), process }
        })
    }

    fn append(&mut self, side: usize, writer: usize, entries: usize, d: Durability) -> Result<(), String> {
        self.writer(side, writer);
        let Side { records, writers, .. } = &mut self.sides[side];
        let Writer { log, own, .. } = writers[writer].as_mut().unwrap();
        records.append(log, own, entries, d)
    }

    fn perform(&mut self, turn: Turn) -> Result<(), String> {
        match turn {
            Turn::Append { side, writer, entries, durability } => {
                self.append(side, writer, entries, durability)?;
            }
            Turn::Close { side, writer } => {
                let Side { records, writers, .. } = &mut self.sides[side];
                if let Some(writer) = writers[writer].take()
                    && let Some(head) = writer.log.close().map_err(|e| format!("{e:?}"))?
                {
                    records.mark_durable(&writer.own, head.stream);
                }
            }
            Turn::Kill { side, writer } => self.sides[side].end(writer),
            Turn::Die { side, writer, operations } => {
                let process = &self.writer(side, writer).process;
                process.plan(Moment::Operation(process.operations() + operations), Fault::Kill);
                while self.writer(side, writer).process.is_alive() {
                    let _ = self.append(side, writer, 2, Durability::Fsync);
                }
                self.sides[side].writers[writer] = None;
            }
            Turn::Observe { side, writer } => {
                let time = self.sides[side].records.seen().values().map(|e| e.stamp.time).max();
                self.writer(side, writer).log.observe(time.unwrap_or(0));
            }
            Turn::Read { side } => self.sides[side].read()?,
            Turn::Restart { side } => {
                let id = self.new_process();
                let side = &mut self.sides[side];
                side.reader = side.workspace.projector(id, true);
            }
            Turn::Copy { side } => self.copy(side),
            Turn::PowerCut { survival } => self.cut_power(survival)?,
            Turn::Clock { by } => self.sides[0].workspace.disk.advance(by),
        }
        Ok(())
    }

    fn copy(&mut self, side: usize) {
        let number = self.sides.len();
        if number < SIDES {
            let id = self.new_process();
            let from = &self.sides[side];
            let copy = from.workspace.copy_to(&format!("/copy{number}"));
            let copy = Side::new(copy, from.records.clone(), id);
            self.sides.push(copy);
        }
    }

    fn cut_power(&mut self, survival: Survival) -> Result<(), String> {
        for side in &mut self.sides {
            side.records.check_log(&side.workspace, Breakdown::Kill)?;
            (0..WRITERS).for_each(|writer| side.end(writer));
        }
        self.sides[0].workspace.disk.crash(survival);
        for n in 0..self.sides.len() {
            let id = self.new_process();
            let side = &mut self.sides[n];
            side.records.check_log(&side.workspace, Breakdown::PowerCut)?;
            side.reader = side.workspace.projector(id, true);
        }
        self.compare_meanings()
    }

    /// Asserts that no position has different entries in the two workspaces.
    fn compare_meanings(&mut self) -> Result<(), String> {
        for (position, entry) in self.sides.iter().flat_map(|side| side.records.seen()) {
            if self.meanings.entry(*position).or_insert_with(|| entry.clone()) != entry {
                return Err(format!("{position} has two different entries"));
            }
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), String> {
        for side in &mut self.sides {
            side.records.check_log(&side.workspace, Breakdown::Kill)?;
            check_tables(&side.workspace, &side.reader)?;
        }
        self.compare_meanings()
    }

    /// Checks that the tables are the same if the streams of a workspace arrive in another workspace in any order,
    /// segment by segment, with reads in between.
    fn check_arrival(&self, dice: &mut Dice) -> Result<(), String> {
        let here = &self.sides[dice.below(self.sides.len())].workspace;
        let elsewhere = Workspace { root: PathBuf::from("/elsewhere"), ..here.clone() };
        let reader = elsewhere.projector(90, true);
        let mut paths = here.segments();
        while !paths.is_empty() {
            let path = paths.swap_remove(dice.below(paths.len()));
            let to = elsewhere.root.join(path.strip_prefix(&here.root).unwrap());
            elsewhere.disk.overwrite(&to, here.disk.read(&path).unwrap());
            if dice.once_in(8) {
                reader.catch_up().map_err(|e| format!("{e:?}"))?;
            }
        }
        let digests = [reader.digest(), here.projector(91, false).digest()].map(|d| d.unwrap().digest);
        if digests[0] == digests[1] {
            Ok(())
        } else {
            Err("the tables depend on the order of arrival".to_owned())
        }
    }
}

impl Side {
    /// Kills the process of this writer.
    fn end(&mut self, writer: usize) {
        if let Some(writer) = self.writers[writer].take() {
            self.workspace.kill(writer.log);
        }
    }
}

fn run_episode(seed: u64, turns: usize) {
    let mut dice = Dice::new(seed);
    let mut world = World::new(seed);
    for n in 0..turns {
        let turn = Turn::draw(&mut dice, world.sides.len());
        let context = format!("{turn:?}");
        world.perform(turn).map_err(|e| format!("turn {n}, {context}: {e}")).unwrap();
    }
    world.check().unwrap();
    world.check_arrival(&mut dice).unwrap();
}

#[test]
fn many_writers_copies_readers_and_power_cuts_agree_with_the_oracle() {
    let seeds: Vec<u64> = (1..=200).collect();
    for_each_seed(&seeds, |seed| run_episode(seed, 500));
}
