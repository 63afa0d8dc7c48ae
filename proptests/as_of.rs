//! Comparison of answers as of a moment with the answers that were given at this moment.

use contexta::capture::{MetricEmission, RunScope, StageScope};
use contexta::contract::fact::{Change, Mark};
use contexta::contract::{MetricValue, ProjectRef, Timestamp};
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{Archived, RecordQuery, RunColumn, RunListQuery};
use contexta::store::records::ScanFilter;
use contexta::{Answer, Contexta, Direction, ImportSettings, ImportSource, Options};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The number of runs. Every second run is captured by a second process.
const RUNS: usize = 3;

/// A metric of a run whose start is not in the log.
const POINT_OF_LOST_RUN: &str = r#"{"kind":"record","object":{"envelope":{"completeness_marker":"complete","correlation_refs":{},"degradation_marker":"none","extensions":[],"observed_at":"2024-01-01T00:00:00Z","producer_ref":"x","record_ref":"record:p.lost.1","record_type":"metric","recorded_at":"2024-01-01T00:00:01Z","run_ref":"run:p.lost","schema_version":"1.0.0"},"payload":{"aggregation_scope":"step","metric_key":"loss","tags":{},"value":0.5,"value_type":"float"}}}"#;

const KEYS: [&str; 2] = ["loss", "acc"];
const UNITS: [Option<&str>; 3] = [None, Some("ms"), Some("s")];

#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// Starts a run, or does nothing if the run has started.
    Start(usize),
    /// Captures a point in the stage of a run, or outside any stage.
    Point { run: usize, in_stage: bool, key: usize, step: Option<i64>, value: usize, unit: usize },
    /// Captures an event in the stage of a run, or outside any stage.
    Event { run: usize, in_stage: bool },
    /// Registers a new artifact, and relates it to the run.
    Artifact(usize),
    /// Sets a tag.
    Tag { run: usize, value: usize },
    /// Changes the name to one of a few names. Other runs may have the same name.
    Rename { run: usize, name: usize },
    /// Adds a note.
    Note(usize),
    /// Sets or removes the star.
    Star { run: usize, is_set: bool },
    /// Archives a run, or removes it from the archive.
    Archive { run: usize, is_set: bool },
    /// Changes the name of the project.
    RenameProject(usize),
    /// Imports a metric of a run whose start is not in the log.
    ImportPoint,
    /// Resumes a run from a step.
    Resume { run: usize, from_step: i64 },
    /// Ends the run with success or failure.
    End { run: usize, is_success: bool },
    /// Imports a run. Later imports change the description and the status of the run.
    Import { status: usize },
}

fn values() -> [MetricValue; 5] {
    [0.5.into(), 2.into(), f64::NAN.into(), (i64::MAX - 1).into(), i64::MAX.into()]
}

pub(crate) fn action() -> impl Strategy<Value = Action> {
    let run = || 0..RUNS;
    let point = (run(), any::<bool>(), 0..KEYS.len(), prop::option::of(0..4i64), 0..5usize, 0..UNITS.len());
    prop_oneof![
        4 => run().prop_map(Action::Start),
        8 => point.prop_map(|(run, in_stage, key, step, value, unit)| {
            Action::Point { run, in_stage, key, step, value, unit }
        }),
        2 => (run(), any::<bool>()).prop_map(|(run, in_stage)| Action::Event { run, in_stage }),
        1 => run().prop_map(Action::Artifact),
        1 => (run(), 0..3usize).prop_map(|(run, value)| Action::Tag { run, value }),
        1 => (run(), 0..3usize).prop_map(|(run, name)| Action::Rename { run, name }),
        1 => run().prop_map(Action::Note),
        1 => (run(), any::<bool>()).prop_map(|(run, is_set)| Action::Star { run, is_set }),
        1 => (run(), any::<bool>()).prop_map(|(run, is_set)| Action::Archive { run, is_set }),
        1 => (0..3usize).prop_map(Action::RenameProject),
        1 => Just(Action::ImportPoint),
        1 => (run(), 0..4i64).prop_map(|(run, from_step)| Action::Resume { run, from_step }),
        2 => (run(), any::<bool>()).prop_map(|(run, is_success)| Action::End { run, is_success }),
        1 => (0..3usize).prop_map(|status| Action::Import { status }),
    ]
}

/// A run that has started, and its stage.
struct Started {
    run: RunScope,
    stage: StageScope,
}

/// A workspace with two processes.
pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) processes: [Contexta; 2],
    started: [Option<Started>; RUNS],
    artifacts: usize,
}

impl World {
    pub(crate) fn new() -> World {
        let disk = SimDisk::new(7);
        let open = |process| {
            let options = Options::new("/w").project("p").detect_code_revision(false).config_snapshot(false);
            options.storage(disk.process(process)).open().unwrap()
        };
        let processes = [open(1), open(2)];
        World { disk, processes, started: [None, None, None], artifacts: 0 }
    }

    fn process(&self, run: usize) -> &Contexta {
        &self.processes[run % 2]
    }

    pub(crate) fn act(&mut self, action: &Action) {
        match action {
            Action::Start(run) => self.start(*run),
            Action::Point { run, in_stage, key, step, value, unit } => {
                let Some(Started { run, stage }) = &self.started[*run] else { return };
                let mut metric = MetricEmission::new(KEYS[*key], values()[*value].clone());
                metric = step.iter().fold(metric, |metric, step| metric.step(*step));
                metric = UNITS[*unit].iter().fold(metric, |metric, unit| metric.unit(unit));
                // A closed scope refuses captures.
                let _ = if *in_stage { stage.emit(metric) } else { run.emit(metric) };
            }
            Action::Event { run, in_stage } => {
                let Some(Started { run, stage }) = &self.started[*run] else { return };
                let _ = if *in_stage { stage.event("e", "text") } else { run.event("e", "text") };
            }
            Action::Artifact(run) => self.register(*run),
            Action::Tag { run, value } => {
                self.annotate(*run, Change::Tag("t".to_owned(), Some(value.to_string())));
            }
            Action::Rename { run, name } => {
                self.annotate(*run, Change::Name(["alpha", "beta", "r1"][*name].to_owned()));
            }
            Action::Note(run) => self.annotate(*run, Change::Note("noted".to_owned())),
            Action::Star { run, is_set } => self.annotate(*run, Change::Mark(Mark::Starred, *is_set)),
            Action::Archive { run, is_set } => self.annotate(*run, Change::Mark(Mark::Archived, *is_set)),
            Action::RenameProject(name) => {
                let projects = self.processes[1].metadata_store();
                let projects = projects.projects().superseding();
                let project = ProjectRef::parse("project:p").unwrap();
                let Some(mut project) = projects.find_project(&project).unwrap() else { return };
                project.name = ["first", "second", "p"][*name].to_owned();
                projects.put_project(project).unwrap();
            }
            Action::ImportPoint => self.import_lines(POINT_OF_LOST_RUN),
            Action::Resume { run, from_step } => {
                if self.started[*run].is_some() {
                    let join = self.process(*run).resume(format!("run:p.r{run}")).unwrap();
                    let scope = join.from_step(*from_step).start().unwrap();
                    let stage = scope.stage("train").unwrap();
                    self.started[*run] = Some(Started { run: scope, stage });
                }
            }
            Action::End { run, is_success } => {
                let Some(Started { run, stage }) = &self.started[*run] else { return };
                let _ = stage.complete();
                let _ = if *is_success { run.complete() } else { run.fail("out of memory") };
            }
            Action::Import { status } => self.import(*status),
        }
    }

    fn start(&mut self, run: usize) {
        if self.started[run].is_none() {
            let id = format!("r{run}");
            let scope = self.process(run).run(&id).run_id(&id).param("lr", run as f64).start().unwrap();
            let stage = scope.stage("train").unwrap();
            self.started[run] = Some(Started { run: scope, stage });
        }
    }

    /// Changes a run that has started. The run may have ended.
    fn annotate(&self, run: usize, change: Change) {
        if let Some(Started { run: scope, .. }) = &self.started[run] {
            self.process(run).annotate_run(scope.run_ref(), change).unwrap();
        }
    }

    fn register(&mut self, run: usize) {
        let Some(Started { run, .. }) = &self.started[run] else { return };
        let path = format!("/m{}.bin", self.artifacts);
        self.disk.overwrite(Path::new(&path), path.clone().into_bytes());
        self.artifacts += usize::from(run.register_artifact("model", &path).is_ok());
    }

    fn import(&self, status: usize) {
        let status = ["open", "completed", "failed"][status];
        let ended = if status == "open" { "null" } else { "\"2024-01-01T00:00:05Z\"" };
        let line = format!(
            r#"{{"kind":"run","object":{{"description":"as {status}","ended_at":{ended},"extensions":[],"name":"old","project_ref":"project:p","run_ref":"run:p.old","schema_version":"1.0.0","started_at":"2024-01-01T00:00:00Z","status":"{status}"}}}}"#
        );
        self.import_lines(&line);
    }

    fn import_lines(&self, lines: &str) {
        let mut lines = lines.as_bytes();
        let source = ImportSource::Reader("lines", &mut lines);
        self.processes[0].import_jsonl(source, ImportSettings::default()).unwrap();
    }
}

/// Returns an answer as JSON, or the code of the error.
fn shown<T: Answer>(answer: contexta::Result<T>) -> String {
    answer.map_or_else(|e| e.code().to_owned(), |answer| answer.to_json().unwrap())
}

/// Asks questions of every kind.
fn answers(contexta: &Contexta) -> Vec<String> {
    let all = RunListQuery::default;
    let page = |change: fn(&mut RunListQuery)| {
        let mut query = RunListQuery::default();
        query.limit = Some(2);
        change(&mut query);
        shown(contexta.list_runs(query))
    };
    let mut answers = vec![
        shown(contexta.list_projects()),
        shown(contexta.list_runs(None)),
        page(|_| ()),
        page(|query| query.archived = Archived::Include),
        page(|query| query.sort_by = Some(RunColumn::Metric("loss".to_owned()))),
        page(|query| query.filter = Some("metrics.loss > 0 or tags.t = 1".parse().unwrap())),
        page(|query| query.project = Some("project:p".to_owned())),
        page(|query| query.status = Some("open".to_owned())),
        shown(contexta.metric_trend("loss", None, all())),
        shown(contexta.metric_trend("acc", Some("train"), all())),
        shown(contexta.artifact_size_trend("model", all())),
        shown(contexta.stage_duration_trend("train", all())),
        shown(contexta.aggregate_metric("loss", None, all())),
        shown(contexta.aggregate_by_stage(all())),
        shown(contexta.run_status_distribution(all())),
        shown(contexta.compare_runs("r0", "r1")),
        shown(contexta.build_health_report()),
    ];
    for run in ["r0", "r1", "r2", "run:p.old", "alpha", "be"] {
        answers.extend([
            shown(contexta.run_snapshot(run)),
            shown(contexta.diagnose_run(run)),
            shown(contexta.step_series(run, "loss", None)),
            shown(contexta.step_series(run, "acc", Some("train"))),
            shown(contexta.list_records(run, &RecordQuery::default())),
            shown(contexta.audit_reproducibility(run)),
            shown(contexta.build_snapshot_report(run)),
        ]);
    }
    let records = contexta.record_store().scan(&ScanFilter::default()).unwrap();
    answers.extend(records.map(|record| format!("{:?}", record.unwrap())));
    for subject in ["run:p.r0", "run:p.r1", "stage:p.r0.train"] {
        answers.push(shown(contexta.traverse_lineage(subject, Direction::Both, None)));
        answers.push(shown(contexta.traverse_lineage(subject, Direction::Upstream, None)));
    }
    answers
}

/// Applies the actions, and records the answers after each action. Afterwards, compares the recorded answers
/// with the answers as of the same moment.
fn check(actions: &[Action]) {
    let mut world = World::new();
    let mut past: Vec<(Timestamp, Vec<String>)> = Vec::new();
    for action in actions {
        world.act(action);
        world.disk.advance(1_000_000);
        // The first read of a process has a note on the rebuild of the tables.
        world.processes.iter().for_each(|process| drop(process.list_projects().unwrap()));
        let now = Timestamp::from_nanos(world.disk.process(9).now());
        past.push((now, answers(&world.processes[0])));
        world.disk.advance(1_000_000);
    }
    for (moment, expected) in past {
        let then = world.processes[1].as_of(moment);
        let found = answers(&then);
        assert_eq!(found.len(), expected.len(), "as of {moment}");
        for (n, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "answer {n} as of {moment}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn answers_as_of_a_moment_are_the_answers_of_that_moment(
        actions in prop::collection::vec(action(), 1..16),
    ) {
        check(&actions);
    }
}

#[test]
fn a_workspace_as_of_a_moment_is_read_only() {
    let world = World::new();
    let then = world.processes[0].as_of(world.processes[0].session().now());
    let error = then.run("late").start().unwrap_err();
    assert_eq!(error.code(), "workspace_read_only");
    let source = ImportSource::Reader("lines", &mut &b""[..]);
    let error = then.import_jsonl(source, ImportSettings::default()).unwrap_err();
    assert_eq!(error.code(), "workspace_read_only");
    assert!(world.processes[0].list_runs(None).unwrap().runs.is_empty());
}

/// Returns a page of the runs. The page is read from rows that the process keeps in memory between queries.
pub(crate) fn page(contexta: &Contexta) -> String {
    let mut query = RunListQuery::default();
    query.limit = Some(1000);
    let mut runs = contexta.list_runs(query).unwrap();
    runs.notes.clear();
    runs.to_json().unwrap()
}

/// Checks that a page of runs is the same in the first process and in a new process, which has kept no rows.
fn check_page(world: &World) {
    let options = Options::new("/w").project("p").detect_code_revision(false).config_snapshot(false);
    let fresh = options.storage(world.disk.process(3)).read_only().open().unwrap();
    assert_eq!(page(&world.processes[0]), page(&fresh));
}

/// Returns the directories of the streams.
fn streams(world: &World) -> BTreeSet<PathBuf> {
    let of_segment =
        |path: &PathBuf| path.starts_with("/w/log").then(|| path.parent()).flatten().map(Into::into);
    let found: BTreeSet<PathBuf> = world.disk.paths().iter().filter_map(of_segment).collect();
    found.into_iter().filter(|path| path.parent() == Some(Path::new("/w/log"))).collect()
}

#[test]
fn rows_that_a_process_keeps_are_replaced_after_a_stream_was_removed() {
    let mut world = World::new();
    world.start(0);
    let of_first = streams(&world);
    world.start(1);
    check_page(&world);
    let before = page(&world.processes[0]);
    let of_second: Vec<PathBuf> = streams(&world).difference(&of_first).cloned().collect();
    assert_eq!(of_second.len(), 1);
    world.disk.kill(2);
    world.disk.remove_tree(&of_second[0]);
    world.disk.advance(5_000_000_000);
    assert_ne!(page(&world.processes[0]), before);
    check_page(&world);
}

#[test]
fn a_run_whose_process_died_is_interrupted_without_a_new_entry() {
    let mut world = World::new();
    (0..RUNS).for_each(|run| world.start(run));
    check_page(&world);
    assert!(!page(&world.processes[0]).contains("interrupted"));
    world.disk.kill(2);
    assert!(page(&world.processes[0]).contains("interrupted"));
    check_page(&world);
}

#[test]
fn rows_are_derived_again_after_many_entries_and_many_changes() {
    let mut world = World::new();
    world.start(0);
    check_page(&world);
    let point = |step| MetricEmission::new("loss", 0.5).step(step);
    let run = &world.started[0].as_ref().unwrap().run;
    (0..21).for_each(|n| run.emit_all((n * 1000..n * 1000 + 1000).map(point)).map(drop).unwrap());
    world.annotate(0, Change::Mark(Mark::Starred, true));
    check_page(&world);
    let process = &world.processes[0];
    let ended = |n: usize| {
        let run = process.run("many").run_id(&format!("n{n}")).start().unwrap();
        run.complete().unwrap();
        run
    };
    let runs: Vec<RunScope> = (0..200).map(ended).collect();
    check_page(&world);
    for changed in [10, 70] {
        for run in &runs[..changed] {
            process.annotate_run(run.run_ref(), Change::Note(format!("{changed}"))).unwrap();
        }
        check_page(&world);
    }
}
