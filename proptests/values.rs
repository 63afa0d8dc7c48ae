//! Summaries and points of metric series against a plain list of the captured points.

use contexta::capture::{MetricEmission, RunScope};
use contexta::contract::{MetricValue, RunRef, Timestamp, Value};
use contexta::engine::entry::{Position, Stamp};
use contexta::engine::log::directory::list_streams;
use contexta::engine::log::{Item, ScanMode, StreamReader};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{SeriesPoint, SeriesRow};
use contexta::store::Attempts;
use contexta::{Contexta, DumpItem, Options};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

const PROCESSES: usize = 3;
const RUN: &str = "run:p.r";
/// The tags of the series. All have the same metric key.
const TAGS: [&str; 3] = ["", "val", "test"];

/// Returns values in ascending order. Several of them have equal floats. NaN is the last one.
fn all_values() -> Vec<MetricValue> {
    const LARGE: i64 = 1 << 53;
    let big = |digits: String| MetricValue::Big(digits.into());
    vec![
        f64::NEG_INFINITY.into(),
        (-1e300).into(),
        big(format!("-{}9", "8".repeat(299))),
        big(format!("-{}", "8".repeat(300))),
        (-LARGE - 1).into(),
        (-LARGE).into(),
        (-1.5).into(),
        0.into(),
        0.25.into(),
        1.into(),
        LARGE.into(),
        (LARGE + 1).into(),
        ((LARGE + 2) as f64).into(),
        (LARGE + 3).into(),
        (i64::MAX - 1).into(),
        i64::MAX.into(),
        big("9223372036854775808".to_owned()),
        big("8".repeat(300)),
        big(format!("{}9", "8".repeat(299))),
        1e300.into(),
        f64::INFINITY.into(),
        f64::NAN.into(),
    ]
}

#[derive(Debug, Clone)]
enum Action {
    /// A process captures a point with the value at this index of [`all_values`].
    Point { process: usize, series: usize, step: Option<i64>, value: usize },
    /// A process resumes the run from a step.
    Resume { process: usize, from_step: i64 },
    /// The clock is moved by microseconds.
    Clock(i64),
    /// A process reads the log.
    Read { process: usize },
}

fn action() -> impl Strategy<Value = Action> {
    let step = prop::option::weighted(0.8, prop_oneof![4 => 0..6i64, 1 => any::<i64>()]);
    // The least step has the place of a point without a step.
    let step = step.prop_filter("least step", |step| *step != Some(i64::MIN));
    // A few values occur often, so that a series has equal values.
    let value = prop_oneof![3 => 0..all_values().len(), 2 => 7..10usize];
    prop_oneof![
        12 => (0..PROCESSES, 0..TAGS.len(), step, value)
            .prop_map(|(process, series, step, value)| Action::Point { process, series, step, value }),
        1 => (0..PROCESSES, 0..7i64).prop_map(|(process, from_step)| Action::Resume { process, from_step }),
        4 => (-3..4i64).prop_map(Action::Clock),
        2 => (0..PROCESSES).prop_map(|process| Action::Read { process }),
    ]
}

/// A captured point.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    series: usize,
    step: Option<i64>,
    observed_at: Timestamp,
    stamp: Stamp,
    /// The index in [`all_values`].
    value: usize,
    is_superseded: bool,
}

/// The processes that capture one run.
struct Machine {
    disk: SimDisk,
    processes: Vec<Contexta>,
    scopes: Vec<RunScope>,
    /// The series, step and value of each captured point.
    captured: BTreeMap<Position, (usize, Option<i64>, usize)>,
}

fn open(disk: &SimDisk, process: usize) -> Contexta {
    let options = Options::new("/w").project("p").storage(disk.process(process as u32 + 1));
    options.detect_code_revision(false).open().unwrap()
}

impl Machine {
    fn new() -> Machine {
        let disk = SimDisk::new(1);
        let processes: Vec<Contexta> = (0..PROCESSES).map(|process| open(&disk, process)).collect();
        let mut scopes = vec![processes[0].run("r").run_id("r").start().unwrap()];
        scopes.extend(processes[1..].iter().map(|process| process.attach(RUN).unwrap().start().unwrap()));
        Machine { disk, processes, scopes, captured: BTreeMap::new() }
    }

    fn run(&mut self, action: &Action) {
        match *action {
            Action::Point { process, series, step, value } => {
                let mut emission = MetricEmission::new("loss", all_values()[value].clone());
                emission.step = step;
                if !TAGS[series].is_empty() {
                    emission = emission.tag("subset", TAGS[series]);
                }
                let captured = self.scopes[process].emit(emission).unwrap();
                self.captured.insert(captured.position().unwrap(), (series, step, value));
            }
            Action::Resume { process, from_step } => {
                let resumed = self.processes[process].resume(RUN).unwrap().from_step(from_step);
                self.scopes[process] = resumed.start().unwrap();
            }
            Action::Clock(micros) => self.disk.advance(micros * 1_000),
            Action::Read { process } => drop(self.processes[process].list_runs(None).unwrap()),
        }
    }

    /// Returns the stamps of all entries.
    fn stamps(&self) -> BTreeMap<Position, Stamp> {
        let storage: Arc<dyn Storage> = self.disk.process(9);
        let log = Path::new("/w/log");
        let mut stamps = BTreeMap::new();
        for stream in list_streams(storage.as_ref(), log).unwrap() {
            let mut reader = StreamReader::open(&storage, log, stream, ScanMode::Full).unwrap();
            while let Some(item) = reader.next_item().unwrap() {
                let Item::Commit(commit) = item else { panic!("{item:?}") };
                stamps.extend(commit.entries.iter().map(|entry| (entry.stamp.position(), entry.stamp)));
            }
        }
        stamps
    }

    /// Returns all captured points in the order of training.
    fn known(&self) -> Vec<Known> {
        let stamps = self.stamps();
        let (mut points, mut resumes) = (Vec::new(), Vec::new());
        for item in self.processes[0].dump_log(None).unwrap() {
            let DumpItem::Entry(entry) = item.unwrap() else { panic!("a gap") };
            let position = Position { stream: entry.stream, seq: entry.seq };
            let (object, stamp) = (entry.object.unwrap(), stamps[&position]);
            match (entry.kind.as_str(), object.get("from_step")) {
                ("writer", Some(Value::Int(from_step))) => resumes.push((stamp, *from_step)),
                ("metric", _) => {
                    let envelope = object.get("envelope").unwrap();
                    let observed_at = envelope.get("observed_at").unwrap().as_str().unwrap();
                    let (series, step, value) = self.captured[&position];
                    let observed_at = observed_at.parse().unwrap();
                    points.push(Known { series, step, observed_at, stamp, value, is_superseded: false });
                }
                _ => {}
            }
        }
        assert_eq!(points.len(), self.captured.len());
        for point in &mut points {
            let covers = |(stamp, from_step): &(Stamp, i64)| {
                point.stamp < *stamp && point.step.is_some_and(|step| step >= *from_step)
            };
            point.is_superseded = resumes.iter().any(covers);
        }
        points.sort_by_key(|point| (point.step.is_some(), point.step, point.observed_at, point.stamp));
        points
    }
}

fn check_point(point: &SeriesPoint, known: &Known) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        (point.step, point.observed_at, point.stamp),
        (known.step, known.observed_at, known.stamp)
    );
    prop_assert_eq!(&point.value, &all_values()[known.value]);
    prop_assert_eq!(point.is_superseded, known.is_superseded);
    Ok(())
}

/// Compares the summaries and points of all series with the captured points.
fn check(contexta: &Contexta, known: &[Known], attempts: Attempts) -> Result<(), TestCaseError> {
    let run = RunRef::parse(RUN).unwrap();
    let rows: Vec<SeriesRow> = contexta.store().read(|view| view.summaries(&run, attempts)).unwrap();
    let series: BTreeSet<usize> = known.iter().map(|point| point.series).collect();
    prop_assert_eq!(rows.len(), series.len());
    for series in series {
        let tag = |row: &SeriesRow| row.key.tags.get("subset").cloned().unwrap_or_default();
        let row = rows.iter().find(|row| tag(row) == TAGS[series]).unwrap();
        let known: Vec<&Known> = known.iter().filter(|point| point.series == series).collect();
        let points = contexta.store().read(|view| view.points(&row.key, attempts)).unwrap();
        prop_assert_eq!(points.len(), known.len());
        for (point, known) in points.iter().zip(&known) {
            check_point(point, known)?;
        }
        let finite: Vec<usize> =
            known.iter().map(|point| point.value).filter(|value| all_values()[*value].is_finite()).collect();
        prop_assert_eq!(
            (row.count, row.non_finite),
            (known.len() as u64, (known.len() - finite.len()) as u64)
        );
        let value = |index: Option<&usize>| index.map(|index| all_values()[*index].clone());
        prop_assert_eq!(&row.min, &value(finite.iter().min()));
        prop_assert_eq!(&row.max, &value(finite.iter().max()));
        check_point(&row.first, known[0])?;
        check_point(&row.last, known[known.len() - 1])?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn summaries_and_points_equal_those_of_the_captured_points(
        actions in prop::collection::vec(action(), 1..60),
    ) {
        let mut machine = Machine::new();
        for action in &actions {
            machine.run(action);
        }
        let all = machine.known();
        let newest: Vec<Known> = all.iter().filter(|point| !point.is_superseded).cloned().collect();
        let other = open(&machine.disk, PROCESSES);
        for contexta in machine.processes.iter().chain([&other]) {
            check(contexta, &newest, Attempts::Newest)?;
            check(contexta, &all, Attempts::All)?;
        }
        other.rebuild(Default::default()).unwrap();
        check(&other, &newest, Attempts::Newest)?;
        check(&other, &all, Attempts::All)?;
    }
}
