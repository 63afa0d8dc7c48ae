//! Random operations and damage on the log of an engine, compared with a plain map of all appended entries.
//! An operation takes two bytes. The first byte selects the operation, and the second byte is its parameter.
//!
//! - An entry that is read was appended.
//! - No repair, compaction or merge loses an entry that could be read before.
//! - A second repair directly after a repair changes nothing.
//! - The tables contain the entries that can be read.

use contexta::engine::codec::CodecError;
use contexta::engine::entry::{Event, Kind, PayloadVersion, Position};
use contexta::engine::log::directory::{list_segments, list_streams};
use contexta::engine::log::header::FRAMES_AT;
use contexta::engine::log::{Item, ScanMode, StreamReader, names};
use contexta::engine::progress::Progress;
use contexta::engine::projection::{Applied, Projection, TableSpec, Tables};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::SimDisk;
use contexta::engine::table::Set;
use contexta::engine::{CompactionOptions, Engine, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const OPERATIONS_MAX: usize = 24;
const LOG: &str = "/w/log";
const COPY: &str = "/copy";

struct Text(Vec<u8>);

impl Event for Text {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        Kind(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> {
        out.extend_from_slice(&self.0);
        Ok(())
    }

    fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> std::result::Result<Option<Text>, CodecError> {
        Ok(Some(Text(payload.to_vec())))
    }
}

const TEXTS: Set<Vec<u8>> = Set::new("texts");

struct AllTexts;

impl Projection<Text> for AllTexts {
    fn name(&self) -> &'static str {
        "all"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        const { &[TEXTS.spec()] }
    }

    fn wants(&self, _: Kind) -> bool {
        true
    }

    fn apply(&self, applied: &Applied<'_, Text>, tables: &mut Tables) -> Result<()> {
        TEXTS.insert(tables, &applied.event.0);
        Ok(())
    }
}

type Entries = BTreeMap<Position, Vec<u8>>;

struct World {
    disk: SimDisk,
    writers: Vec<Engine<Text>>,
    processes: u32,
    written: Entries,
    count: u32,
    has_copy: bool,
}

fn open(storage: Arc<dyn Storage>, dir: &str) -> Engine<Text> {
    let options = Engine::options(dir).domain("texts", 1).projection(AllTexts);
    options.storage(storage).segment_bytes_max(FRAMES_AT + 900).open().expect("an engine opens")
}

impl World {
    fn process(&mut self) -> Arc<dyn Storage> {
        self.processes += 1;
        self.disk.process(self.processes)
    }

    fn engine(&mut self) -> Engine<Text> {
        let storage = self.process();
        open(storage, "/w")
    }

    /// Returns all readable entries of a log.
    fn readable(&self, log: &str) -> Entries {
        let (storage, log) = (self.disk.process(0), Path::new(log));
        let mut all = Entries::new();
        for stream in list_streams(storage.as_ref(), log).expect("a list of streams") {
            let reader = StreamReader::open(&storage, log, stream, ScanMode::Follow);
            let mut reader = reader.expect("a reader");
            while let Some(item) = reader.next_item().expect("an item") {
                if let Item::Commit(commit) = item {
                    all.extend(commit.entries.iter().map(|e| (e.stamp.position(), e.payload.to_vec())));
                }
            }
        }
        all
    }

    /// Returns the path of one of the segments.
    fn segment(&self, place: u8) -> Option<PathBuf> {
        let (storage, log) = (self.disk.process(0), Path::new(LOG));
        let mut paths = Vec::new();
        for stream in list_streams(storage.as_ref(), log).expect("a list of streams") {
            let segments = list_segments(storage.as_ref(), log, stream).expect("a list of segments");
            paths.extend(segments.iter().map(|base| names::segment_path(log, stream, *base)));
        }
        let at = usize::from(place) % paths.len().max(1);
        paths.get(at).cloned()
    }

    fn append(&mut self, place: u8) {
        if self.writers.len() < 2 {
            let engine = self.engine();
            self.writers.push(engine);
        }
        let at = usize::from(place) % self.writers.len();
        let texts: Vec<Text> = (0..=place % 5)
            .map(|_| {
                self.count += 1;
                let text = format!("text {} {}", self.count, "x".repeat(usize::from(place)));
                Text(text.into_bytes())
            })
            .collect();
        let Some(writer) = self.writers.get(at) else { return };
        let committed = writer.append_all(&texts).expect("an append");
        for (text, n) in texts.into_iter().zip(0u64..) {
            self.written.insert(committed.position(n), text.0);
        }
    }

    fn damage(&mut self, kind: u8, place: u8) {
        let Some(path) = self.segment(place) else { return };
        let mut bytes = self.disk.read(&path).unwrap_or_default();
        let at = usize::from(place).wrapping_mul(97) % bytes.len().max(1);
        match kind {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (place % 8)),
            1 => bytes.truncate(at),
            2 => return self.disk.remove_tree(&path),
            _ => bytes.iter_mut().skip(at).take(64).for_each(|byte| *byte = 0),
        }
        self.disk.overwrite(&path, bytes);
    }

    /// Runs an operation that must not lose entries that can be read.
    fn keep(&mut self, operation: impl FnOnce(&mut World)) {
        let before = self.readable(LOG);
        operation(self);
        let after = self.readable(LOG);
        let lost: Vec<&Position> = before.keys().filter(|position| !after.contains_key(position)).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
    }

    fn repair(&mut self) {
        let engine = self.engine();
        let plan = engine.repair_plan().expect("a plan");
        engine.repair(&plan, Progress::none()).expect("a repair");
        let second = engine.repair_plan().expect("a second plan");
        assert!(second.is_empty(), "{second}");
    }

    fn compact(&mut self) {
        let engine = self.engine();
        let mut options = CompactionOptions::default();
        options.segment_bytes_min = 0;
        let plan = engine.compaction_plan(&options).expect("a plan");
        let before = self.readable(LOG);
        engine.compact(&plan, Progress::none()).expect("a compaction");
        assert_eq!(self.readable(LOG), before, "a compaction changed the entries");
    }

    fn step(&mut self, operation: u8, place: u8) {
        match operation % 14 {
            0..=4 => self.append(place),
            5 => {
                if let Some(writer) = self.writers.pop() {
                    writer.close().expect("a close");
                }
            }
            6 => {
                (1..=self.processes).for_each(|process| self.disk.kill(process));
                self.writers.clear();
            }
            kind @ 7..=9 => {
                // A writer may refuse to continue if its segment is damaged. All writers are therefore closed
                // before the damage.
                self.writers.drain(..).for_each(|writer| drop(writer.close()));
                self.damage((kind - 7) + place / 128 * 3, place);
            }
            10 => {
                self.disk.remove_tree(Path::new(COPY));
                self.disk.copy_tree(Path::new(LOG), &Path::new(COPY).join("log"));
                // An empty directory is not copied.
                self.has_copy = self.disk.paths().iter().any(|path| path.starts_with(COPY));
            }
            11 => self.keep(World::compact),
            12 => {
                self.writers.drain(..).for_each(|writer| drop(writer.close()));
                self.keep(World::repair);
            }
            _ if self.has_copy => self.keep(|world| {
                let engine = world.engine();
                engine.merge(COPY, Progress::none()).expect("a merge");
            }),
            _ => {}
        }
        let readable = self.readable(LOG);
        let foreign = readable.iter().find(|(position, text)| self.written.get(position) != Some(text));
        assert!(foreign.is_none(), "not appended: {foreign:?}");
    }
}

pub(crate) fn run(data: &[u8]) {
    let mut world = World {
        disk: SimDisk::new(1),
        writers: Vec::new(),
        processes: 10,
        written: Entries::new(),
        count: 0,
        has_copy: false,
    };
    world.append(0);
    for step in data.chunks(2).take(OPERATIONS_MAX) {
        let [operation, place] = [0, 1].map(|n| step.get(n).copied().unwrap_or_default());
        world.step(operation, place);
    }
    world.writers.clear();
    // The tables contain all entries that can be read. They may also contain entries that were damaged after they had been
    // applied. A rebuild removes these.
    let texts: BTreeSet<Vec<u8>> = world.readable(LOG).into_values().collect();
    let written: BTreeSet<Vec<u8>> = world.written.values().cloned().collect();
    let engine = world.engine();
    let rows = rows(&engine);
    assert!(texts.is_subset(&rows) && rows.is_subset(&written), "the tables differ from the log");
    engine.rebuild(Progress::none()).expect("a rebuild");
    assert_eq!(self::rows(&engine), texts, "rebuilt tables differ from the log");
}

fn rows(engine: &Engine<Text>) -> BTreeSet<Vec<u8>> {
    let view = engine.view().expect("a view");
    let rows: Result<BTreeSet<Vec<u8>>> = TEXTS.read(&view).collect();
    rows.expect("the rows of the table")
}
