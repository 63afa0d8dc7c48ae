//! The fast path of metrics against the ordinary one: both write the same bytes and return the same results.

use contexta::capture::{
    AnyScope, BatchCaptureResult, CaptureResult, Durability, Error, MetricEmission, SeriesSpec,
};
use contexta::contract::{AggregationScope, MetricValue};
use contexta::engine::entry::Entry;
use contexta::engine::log::directory::list_streams;
use contexta::engine::log::{Item, ScanMode, StreamReader};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::SimDisk;
use contexta::{Contexta, Options};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// The members of a metric that are the same for all points of a series.
#[derive(Debug, Clone)]
struct Members {
    key: String,
    unit: Option<String>,
    scope: AggregationScope,
    basis: Option<String>,
    tags: Vec<(String, String)>,
}

/// One or several points of a metric in one of the scopes of a run.
#[derive(Debug, Clone)]
enum Capture {
    /// With `metric`, `metric_at` or `emit`.
    Plain { scope: usize, key: String, step: Option<i64>, value: MetricValue, emits: bool },
    /// With the handle of a series.
    Point { scope: usize, members: Members, step: Option<i64>, value: MetricValue },
    /// With the handle of a series, in one commit.
    Points { scope: usize, members: Members, points: Vec<(i64, MetricValue)> },
}

const SCOPES: usize = 7;

fn value() -> impl Strategy<Value = MetricValue> {
    prop_oneof![
        any::<i64>().prop_map(MetricValue::Int),
        (-300..300i64).prop_map(MetricValue::Int),
        any::<f64>().prop_map(MetricValue::Float),
        any::<u64>().prop_map(|bits| MetricValue::Float(f64::from_bits(bits))),
        prop::sample::select(vec![f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0])
            .prop_map(MetricValue::Float),
        Just(MetricValue::Big("123456789012345678901234567890".into())),
        Just(MetricValue::Big("9".repeat(400).into())),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["loss", "val/loss", "mAP@0.5", "系统"]).prop_map(str::to_owned),
        1 => " ?[a-z]{1,4} ?",
        1 => any::<String>(),
        1 => "x{240,260}",
    ]
}

fn step() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -300..300i64, 0..100_000i64]
}

fn members() -> impl Strategy<Value = Members> {
    let unit = prop::option::of(prop::sample::select(vec!["s", " nats ", ""]).prop_map(str::to_owned));
    let basis = prop::option::of(prop::sample::select(vec!["mean", "not a word"]).prop_map(str::to_owned));
    let scope = prop::sample::select(AggregationScope::ALL.to_vec());
    let names = prop::sample::select(vec!["split", "api_key", "note", ""]).prop_map(str::to_owned);
    let texts = prop::sample::select(vec!["val", "hunter2hunter2", "https://a:b1c2d3e4@h/x", ""]);
    let tags = prop::collection::vec((names, texts.prop_map(str::to_owned)), 0..3);
    (key(), unit, scope, basis, tags).prop_map(|(key, unit, scope, basis, tags)| Members {
        key,
        unit,
        scope,
        basis,
        tags,
    })
}

fn capture() -> impl Strategy<Value = Capture> {
    let points = prop::collection::vec((step(), value()), 0..20);
    prop_oneof![
        (0..SCOPES, key(), prop::option::of(step()), value(), any::<bool>())
            .prop_map(|(scope, key, step, value, emits)| Capture::Plain { scope, key, step, value, emits }),
        (0..SCOPES, members(), prop::option::of(step()), value())
            .prop_map(|(scope, members, step, value)| Capture::Point { scope, members, step, value }),
        (0..SCOPES, members(), points).prop_map(|(scope, members, points)| Capture::Points {
            scope,
            members,
            points
        }),
    ]
}

impl Members {
    fn plain(key: &str) -> Members {
        let scope = AggregationScope::Step;
        Members { key: key.to_owned(), unit: None, scope, basis: None, tags: Vec::new() }
    }

    fn spec(&self) -> SeriesSpec {
        let mut spec = SeriesSpec::new(&self.key).scope(self.scope);
        if let Some(unit) = &self.unit {
            spec = spec.unit(unit);
        }
        if let Some(basis) = &self.basis {
            spec = spec.summary_basis(basis);
        }
        self.tags.iter().fold(spec, |spec, (key, text)| spec.tag(key, text))
    }

    fn emission(&self, step: Option<i64>, value: &MetricValue) -> MetricEmission {
        let mut emission = MetricEmission::new(&self.key, value.clone()).scope(self.scope);
        emission.step = step;
        if let Some(unit) = &self.unit {
            emission = emission.unit(unit);
        }
        if let Some(basis) = &self.basis {
            emission = emission.summary_basis(basis);
        }
        self.tags.iter().fold(emission, |emission, (key, text)| emission.tag(key, text))
    }
}

fn of_one(result: Result<CaptureResult, Error>) -> Result<Vec<CaptureResult>, String> {
    result.map(|result| vec![result]).map_err(|error| error.to_string())
}

fn of_batch(result: Result<BatchCaptureResult, Error>) -> Result<Vec<CaptureResult>, String> {
    result.map(BatchCaptureResult::into_results).map_err(|error| error.to_string())
}

impl Capture {
    fn fast(&self, scopes: &[AnyScope]) -> Result<Vec<CaptureResult>, String> {
        match self {
            Capture::Plain { scope, key, step, value, emits: true } => {
                of_one(scopes[*scope].emit(Members::plain(key).emission(*step, value)))
            }
            Capture::Plain { scope, key, step: None, value, .. } => {
                of_one(scopes[*scope].metric(key, value.clone()))
            }
            Capture::Plain { scope, key, step: Some(step), value, .. } => {
                of_one(scopes[*scope].metric_at(key, *step, value.clone()))
            }
            Capture::Point { scope, members, step, value } => {
                let series = scopes[*scope].series(members.spec());
                of_one(series.and_then(|series| match step {
                    Some(step) => series.point_at(*step, value.clone()),
                    None => series.point(value.clone()),
                }))
            }
            Capture::Points { scope, members, points } => {
                let steps = points.iter().map(|(step, _)| *step);
                let values = points.iter().map(|(_, value)| value.clone());
                let series = scopes[*scope].series(members.spec());
                of_batch(series.and_then(|series| series.extend(steps, values)))
            }
        }
    }

    /// Captures the same with a method that checks and encodes every record as a whole.
    fn ordinary(&self, scopes: &[AnyScope]) -> Result<Vec<CaptureResult>, String> {
        match self {
            Capture::Plain { scope, key, step, value, .. } => {
                of_batch(scopes[*scope].emit_all([Members::plain(key).emission(*step, value)]))
            }
            Capture::Point { scope, members, step, value } => {
                of_batch(scopes[*scope].emit_all([members.emission(*step, value)]))
            }
            Capture::Points { scope, members, points } => {
                // A series checks its members even if it gets no point.
                if points.is_empty() {
                    let valid = members.emission(None, &MetricValue::Int(0));
                    let other = SimDisk::new(9);
                    of_batch(all_scopes(&open(&other, Durability::Flush))[0].emit_all([valid]))?;
                }
                let emission = |(step, value): &(i64, MetricValue)| members.emission(Some(*step), value);
                of_batch(scopes[*scope].emit_all(points.iter().map(emission)))
            }
        }
    }
}

fn open(disk: &SimDisk, durability: Durability) -> Contexta {
    let options = Options::new("/w").project("p").storage(disk.process(1)).detect_code_revision(false);
    options.durability(durability).open().unwrap()
}

/// Opens a scope of each kind.
fn all_scopes(contexta: &Contexta) -> Vec<AnyScope> {
    let run = contexta.run("r").run_id("r").start().unwrap();
    let stage = run.stage("train").unwrap();
    let batch = stage.batch("epoch").unwrap();
    let sample = batch.sample("row").unwrap();
    let operation = batch.operation("forward").unwrap();
    let inner = operation.operation("matmul").unwrap();
    let direct = stage.operation("save").unwrap();
    vec![
        AnyScope::from(&run),
        AnyScope::from(&stage),
        AnyScope::from(&batch),
        AnyScope::from(&sample),
        AnyScope::from(&operation),
        AnyScope::from(&inner),
        AnyScope::from(&direct),
    ]
}

/// Returns all entries of the log.
fn entries(disk: &SimDisk) -> Vec<Entry> {
    let storage: Arc<dyn Storage> = disk.process(2);
    let log = Path::new("/w/log");
    let mut entries = Vec::new();
    for stream in list_streams(storage.as_ref(), log).unwrap() {
        let mut reader = StreamReader::open(&storage, log, stream, ScanMode::Full).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            let Item::Commit(commit) = item else { panic!("{item:?}") };
            entries.extend(commit.entries.iter().map(|entry| entry.to_owned()));
        }
    }
    entries
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn prepared_points_are_the_entries_of_ordinary_metrics(
        captures in prop::collection::vec(capture(), 1..30),
        durability in prop::sample::select(vec![Durability::Batched, Durability::Flush]),
    ) {
        let disks = [SimDisk::new(1), SimDisk::new(1)];
        let [mut fast, mut ordinary] = [Vec::new(), Vec::new()];
        for (disk, results, is_fast) in [(&disks[0], &mut fast, true), (&disks[1], &mut ordinary, false)] {
            let contexta = open(disk, durability);
            let scopes = all_scopes(&contexta);
            for capture in &captures {
                results.push(if is_fast { capture.fast(&scopes) } else { capture.ordinary(&scopes) });
            }
            scopes[0].run().unwrap().complete().unwrap();
            contexta.close().unwrap();
        }
        for ((capture, fast), ordinary) in captures.iter().zip(fast).zip(ordinary) {
            match (capture, fast, ordinary) {
                // A series checks its members before the values, so it may report another one of several broken rules.
                (Capture::Point { .. } | Capture::Points { .. }, Err(_), Err(_)) => {}
                (_, fast, ordinary) => prop_assert_eq!(fast, ordinary),
            }
        }
        let [fast, ordinary] = [entries(&disks[0]), entries(&disks[1])];
        prop_assert!(fast.len() > 10);
        prop_assert_eq!(fast, ordinary);
    }
}
