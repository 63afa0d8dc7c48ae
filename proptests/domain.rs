//! A toy domain for the property tests of the engine: keys with values, tags and measures; projections that use all
//! four types of tables; an oracle that computes the tables as plain maps; workspaces on a simulated disk.

use contexta::engine::codec::{self, CodecError};
use contexta::engine::domain::Domain;
use contexta::engine::entry::{
    Entry, Erasure, Event, Gap, Kind, PayloadVersion, Position, Seq, Stamp, StreamId,
};
use contexta::engine::log::directory::{list_streams, origin_of};
use contexta::engine::log::{
    BatchOptions, Committed, Durability, Finding, Item, Log, LogOptions, ScanMode, StreamReader, Tail,
};
use contexta::engine::projection::{
    Applied, KeyVersions, Note, Point, PointOrder, Projection, Projector, ProjectorOptions, ProjectorPaths,
    Register, TableKind, TableSpec, Tables, Version, View,
};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::SimDisk;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The configuration for `count` cases with a fixed seed. `PROPTEST_RNG_SEED` selects another seed, and
/// `PROPTEST_CASES` scales the number of cases (256, its default, gives `count` cases). Failures become tests and are
/// not stored in files.
pub(crate) fn cases(count: u32) -> Config {
    let given = Config::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed => fixed,
    };
    let cases = (count * given.cases).div_ceil(256);
    Config { cases, rng_seed, failure_persistence: None, max_shrink_iters: 4000, ..given }
}

/// The id of the toy domain.
pub(crate) fn domain() -> Domain {
    Domain::new("toy", 1).unwrap()
}

// ---- events

/// The events of the toy domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Toy {
    /// A value of a key. It replaces the values at the given stamps.
    Put { key: Vec<u8>, value: u16, replaces: Vec<[u8; 32]> },
    /// A tag.
    Tag { key: Vec<u8> },
    /// A point of a series.
    Measure { series: Vec<u8>, time: i64, measure: Option<f64> },
    /// An event of an unknown kind.
    Strange(u8),
    /// An event of a known kind with an invalid payload.
    Broken(u8),
    /// The erasure of the earlier events of a key.
    Erase { key: Vec<u8> },
}

const V1: PayloadVersion = PayloadVersion(1);

impl Event for Toy {
    const KINDS: &'static [(Kind, PayloadVersion)] =
        &[(Kind(1), V1), (Kind(2), V1), (Kind(3), V1), (Kind(4), V1)];
    const ERASURE_KINDS: &'static [Kind] = &[Kind(4)];

    fn kind(&self) -> Kind {
        Kind(match self {
            Toy::Put { .. } => 1,
            Toy::Tag { .. } => 2,
            Toy::Measure { .. } | Toy::Broken(_) => 3,
            Toy::Erase { .. } => 4,
            Toy::Strange(_) => 400,
        })
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match self {
            Toy::Broken(n) => out.extend_from_slice(&[0xff, *n]),
            whole => codec::encode(whole, out)?,
        }
        Ok(())
    }

    fn decode(kind: Kind, _: PayloadVersion, payload: &[u8]) -> Result<Option<Toy>, CodecError> {
        if kind.0 > 4 { Ok(None) } else { codec::decode(payload).map(Some) }
    }

    fn subjects(&self) -> Vec<Cow<'_, [u8]>> {
        self.key().map(Cow::Borrowed).into_iter().collect()
    }

    fn erasure(&self) -> Option<Erasure<'_>> {
        if let Toy::Erase { key } = self { Some(Erasure::of(key)) } else { None }
    }
}

impl Toy {
    /// The key that the event is about; `None` for erasures and events that cannot be decoded.
    fn key(&self) -> Option<&[u8]> {
        match self {
            Toy::Put { key, .. } | Toy::Tag { key } | Toy::Measure { series: key, .. } => Some(key),
            Toy::Strange(_) | Toy::Broken(_) | Toy::Erase { .. } => None,
        }
    }
}

// ---- projections

const VERSIONS: TableSpec = TableSpec::new("toy_versions", TableKind::Versions);
const TAGS: TableSpec = TableSpec::new("toy_tags", TableKind::Set);
const SERIES: TableSpec = TableSpec::new("toy_series", TableKind::Series);
const REGISTERS: TableSpec = TableSpec::new("toy_registers", TableKind::Registers);

struct Facts;

impl Projection<Toy> for Facts {
    fn name(&self) -> &'static str {
        "facts"
    }
    fn version(&self) -> u32 {
        1
    }
    fn tables(&self) -> &'static [TableSpec] {
        &[VERSIONS, TAGS]
    }
    fn wants(&self, kind: Kind) -> bool {
        kind.0 <= 2
    }
    fn apply(&self, entry: &Applied<'_, Toy>, tables: &mut Tables) -> contexta::engine::Result<()> {
        match entry.event {
            Toy::Put { key, value, replaces } => {
                let replaces: Vec<Stamp> = replaces.iter().map(Stamp::from_bytes).collect();
                tables.put_version(VERSIONS, key, entry.stamp, &replaces, &value.to_le_bytes());
            }
            Toy::Tag { key } => tables.insert(TAGS, key.clone()),
            _ => {}
        }
        Ok(())
    }
}

struct Measures;

impl Projection<Toy> for Measures {
    fn name(&self) -> &'static str {
        "measures"
    }
    fn version(&self) -> u32 {
        1
    }
    fn tables(&self) -> &'static [TableSpec] {
        &[SERIES, REGISTERS]
    }
    fn wants(&self, kind: Kind) -> bool {
        kind.0 == 3
    }
    fn apply(&self, entry: &Applied<'_, Toy>, tables: &mut Tables) -> contexta::engine::Result<()> {
        if let Toy::Measure { series, time, measure } = entry.event {
            let point = point_of(entry.stamp, *time, *measure);
            tables.register(REGISTERS, series, &point);
            tables.add_point(SERIES, series, point);
        }
        Ok(())
    }
}

fn point_of(stamp: Stamp, time: i64, measure: Option<f64>) -> Point {
    Point { order: PointOrder::new(time, stamp), measure, value: stamp.seq.0.to_le_bytes().to_vec() }
}

// ---- the oracle

/// The content of the tables as plain maps.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PlainTables {
    versions: BTreeMap<Vec<u8>, Vec<Version>>,
    tags: BTreeSet<Vec<u8>>,
    series: BTreeMap<Vec<u8>, Vec<Point>>,
    registers: BTreeMap<Vec<u8>, PlainRegister>,
}

/// A register. Numbers are compared by their bits, so that a NaN equals itself.
#[derive(Debug, Clone, PartialEq)]
struct PlainRegister {
    count: u64,
    ends: (PointOrder, PointOrder),
    min: Option<(u64, PointOrder)>,
    max: Option<(u64, PointOrder)>,
}

impl PlainTables {
    /// Computes the tables of these entries without the engine.
    pub(crate) fn of<'a>(entries: impl Iterator<Item = (&'a Stamp, &'a Toy)>) -> PlainTables {
        let mut tables = PlainTables::default();
        let entries: Vec<(&Stamp, &Toy)> = entries.collect();
        let is_erased = |stamp: &Stamp, event: &Toy| {
            entries.iter().any(|(erased_at, erasure)| match erasure {
                Toy::Erase { key } => event.key() == Some(key) && stamp < *erased_at,
                _ => false,
            })
        };
        for (stamp, event) in entries.iter().filter(|(stamp, event)| !is_erased(stamp, event)) {
            match event {
                Toy::Put { key, value, replaces } => {
                    let replaces = replaces.iter().map(Stamp::from_bytes).collect();
                    let version = Version { stamp: **stamp, replaces, value: value.to_le_bytes().to_vec() };
                    tables.versions.entry(key.clone()).or_default().push(version);
                }
                Toy::Tag { key } => drop(tables.tags.insert(key.clone())),
                Toy::Measure { series, time, measure } => {
                    let point = point_of(**stamp, *time, *measure);
                    tables.series.entry(series.clone()).or_default().push(point);
                }
                Toy::Strange(_) | Toy::Broken(_) | Toy::Erase { .. } => {}
            }
        }
        tables.versions.values_mut().for_each(|v| v.sort_by_key(|v| v.stamp));
        tables.series.values_mut().for_each(|p| p.sort_by_key(|p| p.order));
        for (key, points) in &tables.series {
            let mut measured: Vec<(f64, PointOrder)> =
                points.iter().filter_map(|p| Some((p.measure.filter(|m| !m.is_nan())?, p.order))).collect();
            measured.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let min = measured.first().map(|(m, o)| (m.to_bits(), *o));
            let greatest = measured.last().map(|(m, _)| m.to_bits());
            let max = measured.iter().map(|(m, o)| (m.to_bits(), *o)).find(|(m, _)| Some(*m) == greatest);
            let ends = (points[0].order, points[points.len() - 1].order);
            let register = PlainRegister { count: points.len() as u64, ends, min, max };
            tables.registers.insert(key.clone(), register);
        }
        tables
    }

    /// Reads the tables of a view.
    pub(crate) fn read(view: &View) -> contexta::engine::Result<PlainTables> {
        let mut tables = PlainTables::default();
        for key in view.versions(VERSIONS, &[])? {
            let KeyVersions { key, versions, .. } = key?;
            assert!(tables.versions.insert(key, versions).is_none(), "a key was returned twice");
        }
        let mut reversed = BTreeMap::new();
        for key in view.versions(VERSIONS, &[])?.rev() {
            let KeyVersions { key, versions, .. } = key?;
            assert!(reversed.insert(key, versions).is_none(), "a key was returned twice");
        }
        assert_eq!(reversed, tables.versions, "reading backwards gives other versions");
        for row in view.keys(TAGS, &[])? {
            assert!(tables.tags.insert(row?.key().to_vec()), "a key was returned twice");
        }
        let mut chunks: BTreeMap<Vec<u8>, Vec<Point>> = BTreeMap::new();
        for chunk in view.chunks(SERIES, &[])? {
            let chunk = chunk?;
            chunks.entry(chunk.key().to_vec()).or_default().extend(chunk.into_points());
        }
        for (key, in_chunks) in chunks {
            let points = view.series(SERIES, &key)?.collect::<contexta::engine::Result<Vec<Point>>>()?;
            let mut reversed =
                view.series(SERIES, &key)?.rev().collect::<contexta::engine::Result<Vec<Point>>>()?;
            reversed.reverse();
            // As text, so that points with a NaN are equal.
            assert_eq!(
                format!("{reversed:?}"),
                format!("{points:?}"),
                "reading backwards gives other points"
            );
            assert_eq!(format!("{in_chunks:?}"), format!("{points:?}"), "the chunks contain other points");
            tables.series.insert(key, points);
        }
        for row in view.registers(REGISTERS, &[])? {
            let row = row?;
            tables.registers.insert(row.key().to_vec(), plain(&row.register));
        }
        Ok(tables)
    }

    /// Returns the tables of the view and its notes.
    pub(crate) fn read_with_notes(view: &View) -> contexta::engine::Result<(PlainTables, Vec<Note>)> {
        Ok((PlainTables::read(view)?, view.notes().to_vec()))
    }

    /// The tables as text, in which points with a NaN are equal.
    pub(crate) fn text(&self) -> String {
        format!("{self:#?}")
    }
}

fn plain(register: &Register) -> PlainRegister {
    let bits = |p: &Option<Point>| p.as_ref().and_then(|p| Some((p.measure?.to_bits(), p.order)));
    PlainRegister {
        count: register.count,
        ends: (register.first.order, register.last.order),
        min: bits(&register.min),
        max: bits(&register.max),
    }
}

// ---- workspaces

/// A workspace on a simulated disk.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub(crate) disk: SimDisk,
    pub(crate) root: PathBuf,
    pub(crate) segment_bytes_max: u64,
}

impl Workspace {
    pub(crate) fn new(seed: u64, segment_bytes_max: u64) -> Workspace {
        Workspace { disk: SimDisk::new(seed), root: PathBuf::from("/w"), segment_bytes_max }
    }

    /// Copies the workspace as `cp -r` does.
    pub(crate) fn copy_to(&self, root: &str) -> Workspace {
        let copy = Workspace { root: PathBuf::from(root), ..self.clone() };
        self.disk.copy_tree(&self.root, &copy.root);
        copy
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        self.root.join("log")
    }

    pub(crate) fn generations(&self) -> Vec<PathBuf> {
        self.files_in(&self.root.join("projections"), "gen")
    }

    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        self.files_in(&self.log_dir(), "seg")
    }

    fn files_in(&self, dir: &Path, extension: &str) -> Vec<PathBuf> {
        let ours = |p: &PathBuf| p.starts_with(dir) && p.extension().is_some_and(|e| e == extension);
        self.disk.paths().into_iter().filter(ours).collect()
    }

    pub(crate) fn log(&self, process: u32) -> Log {
        self.log_on(self.disk.process(process))
    }

    pub(crate) fn log_on(&self, storage: Arc<dyn Storage>) -> Log {
        let batch = BatchOptions { bytes_max: 200, in_background: false, ..BatchOptions::default() };
        let options = LogOptions { domain: domain(), segment_bytes_max: self.segment_bytes_max, batch };
        Log::new(storage, self.log_dir(), options)
    }

    pub(crate) fn projector(&self, process: u32, publish: bool) -> Projector<Toy> {
        self.projector_on(self.disk.process(process), publish)
    }

    pub(crate) fn projector_on(&self, storage: Arc<dyn Storage>, publish: bool) -> Projector<Toy> {
        // A limit so small that blocks are spilled all the time.
        let (overlay_bytes_max, spill) = (64 << 10, publish.then(|| self.root.join("projections")));
        let domain = domain();
        let options = ProjectorOptions {
            publish,
            cache_bytes: 1 << 20,
            overlay_bytes_max,
            spill,
            ..ProjectorOptions::new(domain)
        };
        let projections: Vec<Box<dyn Projection<Toy>>> = vec![Box::new(Facts), Box::new(Measures)];
        let paths = ProjectorPaths { log: self.log_dir(), generations: self.root.join("projections") };
        Projector::new(storage, paths, options, projections)
    }

    pub(crate) fn streams(&self) -> Vec<StreamId> {
        list_streams(self.disk.process(99).as_ref(), &self.log_dir()).unwrap()
    }

    pub(crate) fn scan(&self, stream: StreamId, mode: ScanMode) -> Scan {
        Scan::of(&self.disk.process(99), &self.log_dir(), stream, mode)
    }

    /// All entries that a complete scan of every stream returns.
    pub(crate) fn entries(&self) -> BTreeMap<Position, Entry> {
        let scans = self.streams().into_iter().map(|s| self.scan(s, ScanMode::Full));
        scans.flat_map(|s| s.entries).map(|e| (e.stamp.position(), e)).collect()
    }

    /// The tables computed from the entries of a scan.
    pub(crate) fn plain_tables(&self) -> PlainTables {
        let streams = self.streams().into_iter().map(|s| self.scan(s, ScanMode::Follow));
        let decoded: Vec<(Stamp, Toy)> = streams
            .flat_map(|s| s.entries)
            .filter_map(|e| Some((e.stamp, Toy::decode(e.kind, e.version, &e.payload).ok()??)))
            .collect();
        PlainTables::of(decoded.iter().map(|(s, e)| (s, e)))
    }

    /// Flips one bit of a file, like a fault of memory or disk.
    pub(crate) fn flip(&self, path: &Path, bit: usize) {
        let mut bytes = self.disk.read(path).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        self.disk.overwrite(path, bytes);
    }

    /// Kills the process of `log`: no close mark is written, no last sync is made, and the lock is released.
    pub(crate) fn kill(&self, log: Log) {
        self.disk.kill(log.storage().process_id());
        drop(log);
    }
}

/// The result of reading one stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scan {
    pub(crate) entries: Vec<Entry>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) tail: Tail,
    pub(crate) next: Seq,
}

/// The location of a commit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    pub(crate) segment: Seq,
    pub(crate) bytes: (u64, u64),
    pub(crate) seqs: (Seq, Seq),
}

impl Scan {
    /// Reads a stream to its end and checks what every reader guarantees: sequence numbers ascend, and every skipped
    /// number is part of exactly one gap at its position.
    pub(crate) fn of(storage: &Arc<dyn Storage>, log: &Path, stream: StreamId, mode: ScanMode) -> Scan {
        let mut reader = StreamReader::open(storage, log, stream, mode).unwrap();
        let (mut entries, mut gaps, mut findings, mut frames) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // Entries before a fork belong to the parent.
        let origin = origin_of(storage.as_ref(), log, stream).unwrap();
        let mut expected = origin.map_or(Seq::FIRST, |origin| origin.first);
        while let Some(item) = reader.next_item().unwrap() {
            match item {
                Item::Commit(commit) => {
                    let (first, last) = (commit.entries.first().unwrap(), commit.entries.last().unwrap());
                    frames.push(Frame {
                        segment: commit.segment,
                        bytes: (commit.offset, commit.end),
                        seqs: (first.stamp.seq, last.stamp.seq),
                    });
                    for entry in commit.entries {
                        assert_eq!((entry.stamp.stream, entry.stamp.seq), (stream, expected));
                        expected = expected.next();
                        entries.push(entry);
                    }
                }
                Item::Gap(gap) => {
                    assert_eq!((gap.stream, gap.first), (stream, expected));
                    expected = gap.last.map_or(expected, Seq::next);
                    assert!(gap.last.is_none_or(|last| last >= gap.first), "{gap:?}");
                    gaps.push(gap);
                }
                Item::Finding(finding) => findings.push(finding),
            }
        }
        assert_eq!(reader.next_seq(), expected, "numbers were skipped without a gap");
        Scan { entries, gaps, findings, frames, tail: reader.tail(), next: reader.next_seq() }
    }

    /// Returns the gaps with a known end, as pairs of the first and the last number. Adjacent gaps are joined.
    pub(crate) fn missing(&self) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (first, last) in self.gaps.iter().filter_map(|g| Some((g.first.0, g.last?.0))) {
            match ranges.last_mut() {
                Some(before) if before.1 + 1 == first => before.1 = last,
                _ => ranges.push((first, last)),
            }
        }
        ranges
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.gaps.is_empty() && self.findings.is_empty() && matches!(self.tail, Tail::Open | Tail::Closed)
    }
}

// ---- events and acknowledged appends

/// Keys that are prefixes of each other, and keys that contain the bytes of times and stamps.
pub(crate) fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"a".to_vec()),
        Just(b"ab".to_vec()),
        Just(vec![]),
        Just(vec![b'a', 0x80]),
        Just(vec![b'a', 0x7f, 0xff]),
        Just([b"a".as_slice(), &[0x80, 0, 0, 0, 0, 0, 0, 1]].concat()),
        prop::collection::vec(any::<u8>(), 0..3),
    ]
}

pub(crate) fn measure() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        Just(None),
        Just(Some(f64::NAN)),
        Just(Some(0.0)),
        Just(Some(-0.0)),
        Just(Some(f64::INFINITY)),
        (-3i8..3).prop_map(|n| Some(f64::from(n))),
    ]
}

/// An event; [`Acknowledgements::append`] determines the values that a put replaces.
pub(crate) fn event() -> impl Strategy<Value = Toy> {
    prop_oneof![
        3 => (key(), any::<u16>(), any::<bool>()).prop_map(|(key, value, replace)| {
            Toy::Put { key, value, replaces: if replace { vec![[0; 32]] } else { Vec::new() } }
        }),
        2 => key().prop_map(|key| Toy::Tag { key }),
        4 => (key(), prop_oneof![-2i64..4, any::<i64>()], measure())
            .prop_map(|(series, time, measure)| Toy::Measure { series, time, measure }),
        1 => any::<u8>().prop_map(Toy::Strange),
        1 => any::<u8>().prop_map(Toy::Broken),
        1 => key().prop_map(|key| Toy::Erase { key }),
    ]
}

pub(crate) fn events() -> impl Strategy<Value = Vec<Toy>> {
    prop::collection::vec(event(), 1..5)
}

pub(crate) fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![Just(Durability::Flush), Just(Durability::Fsync)]
}

/// All acknowledged entries, and the latest put of each key, which the next put replaces.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    pub(crate) entries: BTreeMap<Position, (Stamp, Toy)>,
    latest: BTreeMap<Vec<u8>, Stamp>,
}

impl Acknowledgements {
    /// Appends, and records the acknowledged entries.
    pub(crate) fn append(
        &mut self,
        log: &Log,
        events: &[Toy],
        durability: Durability,
    ) -> contexta::engine::Result<Committed> {
        let mut events = events.to_vec();
        for event in &mut events {
            if let Toy::Put { key, replaces, .. } = event
                && !replaces.is_empty()
            {
                *replaces = self.latest.get(key).map(Stamp::to_bytes).into_iter().collect();
            }
        }
        let committed = log.append(&events, durability)?;
        assert_eq!(committed.count, events.len() as u64);
        for (n, event) in (0u64..).zip(events) {
            let stamp = Stamp {
                time: committed.first.time + n,
                stream: committed.first.stream,
                seq: committed.first.seq.plus(n),
            };
            if let Toy::Put { key, .. } = &event {
                self.latest.insert(key.clone(), stamp);
            }
            let before = self.entries.insert(stamp.position(), (stamp, event));
            assert!(before.is_none(), "{} was acknowledged twice", stamp.position());
        }
        Ok(committed)
    }

    /// The tables of all acknowledged entries.
    pub(crate) fn plain_tables(&self) -> PlainTables {
        PlainTables::of(self.entries.values().map(|(s, e)| (s, e)))
    }
}
