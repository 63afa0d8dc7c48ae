//! Questions about a workspace of many runs: lists, series, comparisons, trends, lineage and anomalies.
//!
//! `cargo bench --bench interpretation` measures 1,000 runs with 1 million points. With `-- --full`, the
//! bench measures 10,000 runs with 10 million points. See docs/PERFORMANCE.md.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]

#[path = "ratio/memory.rs"]
mod memory;
mod ratio;

use contexta::capture::{MetricEmission, RunScope};
use contexta::contract::RelationType;
use contexta::contract::refs::StableRef;
use contexta::interpretation::{AnomalyQuery, Direction, GroupQuery, RunColumn, RunListQuery};
use contexta::store::Durability;
use contexta::{Contexta, Options};
use memory::peak_mib;
use ratio::{Scratch, Table, median, sized};
use std::path::Path;
use std::time::{Duration, Instant};

const EMITTED_AT_ONCE: usize = 1000;
/// The number of points of the metric `train/loss` of each run.
const POINTS_OF_RUN: usize = 1000;
/// The number of points of the longest series.
const POINTS_OF_LONGEST: usize = 20_000;
/// The number of runs in a trend, and in the baseline of anomalies.
const POPULATION: usize = 1000;
/// The number of runs in a group.
const SEEDS: usize = 100;

fn open(workspace: &Path) -> Contexta {
    let options = Options::new(workspace).project("bench").detect_code_revision(false).config_snapshot(false);
    options.durability(Durability::Batched).open().unwrap()
}

fn capture_points(run: &RunScope, points: usize, offset: f64) {
    for first in (0..points).step_by(EMITTED_AT_ONCE) {
        let steps = first..points.min(first + EMITTED_AT_ONCE);
        let metric = |step: usize| {
            MetricEmission::new("train/loss", offset + 1.0 / (step + 1) as f64).step(step as i64)
        };
        run.emit_all(steps.map(metric)).unwrap();
    }
}

/// Captures `runs` runs. Each run has two parameters, a tag, and a loss. Every tenth run has the tag value
/// `prod`. The parameter `sweep` divides the runs into groups of [`SEEDS`] runs.
fn capture_runs(contexta: &Contexta, runs: usize, points: usize) {
    for n in 0..runs {
        let env = if n % 10 == 0 { "prod" } else { "test" };
        let run = contexta.run("bench").run_id(&format!("r{n}")).tag("env", env);
        let run = run.param("seed", n as i64).param("sweep", (n / SEEDS) as i64).start().unwrap();
        capture_points(&run, points, (n * 7919 % runs) as f64);
        run.complete().unwrap();
    }
}

/// Captures a run whose artifacts form a chain with `edges` edges.
fn capture_lineage(contexta: &Contexta, edges: usize) {
    let run = contexta.run("lineage").run_id("lineage").start().unwrap();
    let artifact = |n: usize| StableRef::parse(&format!("artifact:bench.lineage.a{n}")).unwrap();
    for n in 0..edges {
        run.relate(artifact(n + 1), RelationType::DerivedFrom, artifact(n)).unwrap();
    }
    run.complete().unwrap();
}

/// Measures a question, and adds a row with the median of its times.
fn measure(table: &mut Table, what: &str, target: Duration, ask: impl Fn()) {
    ask();
    let times = (0..sized(11, 1)).map(|_| {
        let begun = Instant::now();
        ask();
        begun.elapsed()
    });
    let time = median(times.collect());
    let shown = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    table.row([what, &shown(time), "", "", &format!("<= {}", shown(target))], Some(time <= target));
}

fn questions(table: &mut Table, runs: usize) {
    let scratch = Scratch::new("interpretation");
    let contexta = open(&scratch.path().join("w"));
    capture_runs(&contexta, runs, sized(POINTS_OF_RUN, 10));
    let longest = contexta.run("long").run_id("long").start().unwrap();
    capture_points(&longest, sized(POINTS_OF_LONGEST, 100), 0.0);
    longest.complete().unwrap();
    capture_lineage(&contexta, sized(100_000, 20));
    contexta.list_projects().unwrap();
    let named = |what: &str| format!("{what}, {runs} runs");
    let milliseconds = Duration::from_millis;

    let mut first_page = RunListQuery::default();
    first_page.filter = Some("tags.env = prod and metrics.\"train/loss\" > 1".parse().unwrap());
    first_page.sort_by = Some(RunColumn::Metric("train/loss".to_owned()));
    first_page.limit = Some(50);
    measure(table, &named("first page of a filtered list, sorted by a metric"), milliseconds(20), || {
        assert!(!contexta.list_runs(first_page.clone()).unwrap().runs.is_empty());
    });
    let mut newest = RunListQuery::default();
    newest.limit = Some(50);
    measure(table, &named("first page of the newest runs"), milliseconds(20), || {
        assert!(!contexta.list_runs(newest.clone()).unwrap().runs.is_empty());
    });
    measure(table, &named("one run by its id"), milliseconds(3), || {
        contexta.run_snapshot("r1").unwrap();
    });
    measure(table, "series of 20,000 points", milliseconds(3), || {
        contexta.step_series("long", "train/loss", None).unwrap();
    });
    measure(table, "comparison of two runs", milliseconds(3), || {
        contexta.compare_runs("r1", "r2").unwrap();
    });
    let mut policy = *contexta.trend().policy();
    policy.window_runs = POPULATION;
    measure(table, &named("trend over 1,000 runs"), milliseconds(10), || {
        contexta.trend().with_policy(policy).metric_trend("train/loss", None, None).unwrap();
    });
    measure(table, "lineage over 100,000 edges", milliseconds(50), || {
        contexta.traverse_lineage("run:bench.lineage", Direction::Both, None).unwrap();
    });
    let mut population = RunListQuery::default();
    population.limit = Some(POPULATION);
    let baseline = AnomalyQuery { baseline: Some(population), ..AnomalyQuery::default() };
    measure(table, &named("anomalies of one run against 1,000"), milliseconds(10), || {
        contexta.detect_anomalies_in_run(format!("r{}", runs - 1), &baseline).unwrap();
    });
    let mut seeds = GroupQuery::by(["params.sweep".parse().unwrap()]);
    seeds.runs.filter = Some("params.sweep = 0".parse().unwrap());
    seeds.curve_points_max = Some(POINTS_OF_RUN);
    measure(table, "group of 100 seeds with 1,000 steps", milliseconds(20), || {
        assert_eq!(contexta.group_by("train/loss", &seeds).unwrap().groups.len(), 1);
    });
    let open = contexta.run("open").run_id("open").start().unwrap();
    measure(table, &named("first page of the newest runs after a new point"), milliseconds(20), || {
        open.metric("train/loss", 0.5).unwrap();
        contexta.list_runs(newest.clone()).unwrap();
    });
    open.complete().unwrap();
}

fn main() {
    const MIB_MAX: f64 = 256.0;
    let mut table = Table::new("Questions");
    let is_full = std::env::args().any(|arg| arg == "--full");
    questions(&mut table, sized(if is_full { 10_000 } else { 1000 }, 20));
    if let Some(mib) = peak_mib() {
        let texts = ["peak memory", &format!("{mib:.0} MiB"), "", "", "<= 256 MiB"];
        table.row(texts, Some(mib <= MIB_MAX));
    }
}
