//! Several writers of one run, attempts, interrupted runs and annotations.

use crate::support::open_sim;
use contexta::Contexta;
use contexta::contract::fact::{Change, Joined};
use contexta::contract::{ObjectKind, RunRef, RunStatus};
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::StepSeriesQuery;
use contexta::store::{Attempts, RunRow, WriterRow};
use std::path::Path;
use std::time::Duration;

fn run(contexta: &Contexta) -> RunRow {
    contexta.run_snapshot("a").unwrap().run
}

fn writers(contexta: &Contexta) -> Vec<WriterRow> {
    let run = RunRef::parse("run:wine.a").unwrap();
    contexta.store().read(|view| view.writers(&run)).unwrap()
}

/// Returns the steps and values of the series `loss` of the stage `train`.
fn losses(contexta: &Contexta) -> Vec<(i64, f64)> {
    let points = contexta.step_series("a", "loss", Some("train")).unwrap().points;
    points.iter().map(|point| (point.step, point.value.as_f64())).collect()
}

#[test]
fn run_is_open_while_one_writer_is_and_failed_if_one_failed() {
    let disk = SimDisk::new(1);
    let (zero, one) = (open_sim(&disk, 1, "/w"), open_sim(&disk, 2, "/w"));
    let first = zero.run("a").run_id("a").label("rank-0").start().unwrap();
    let second = one.attach("run:wine.a").unwrap().label("rank-1").start().unwrap();
    second.fail("out of memory").unwrap();
    assert_eq!((run(&zero).status, run(&zero).ended_at), (RunStatus::Open, None));
    disk.advance(1_000_000_000);
    first.complete().unwrap();
    let row = run(&zero);
    assert_eq!((row.status, row.end_message.as_deref()), (RunStatus::Failed, Some("out of memory")));
    assert_eq!(row.ended_at, first.closed_at());
    assert_eq!((row.attempts, row.conflicts), (1, vec![]));
    let labels: Vec<_> = writers(&zero).into_iter().map(|w| (w.label.unwrap(), w.status, w.joined)).collect();
    assert_eq!(
        labels,
        [
            ("rank-0".to_owned(), RunStatus::Completed, Joined::Started),
            ("rank-1".to_owned(), RunStatus::Failed, Joined::Attached),
        ]
    );
}

#[test]
fn stages_and_artifacts_of_two_writers_are_separate() {
    let disk = SimDisk::new(2);
    disk.overwrite(Path::new("/m.bin"), b"x".to_vec());
    let (zero, one) = (open_sim(&disk, 1, "/w"), open_sim(&disk, 2, "/w"));
    let first = zero.run("a").run_id("a").start().unwrap();
    let second = one.attach("run:wine.a").unwrap().label("Rank 1").start().unwrap();
    let third = one.attach("run:wine.a").unwrap().start().unwrap();
    let stages = [&first, &second, &third].map(|run| run.stage("train").unwrap());
    let names = stages.each_ref().map(|stage| stage.stage_ref().last_component().to_owned());
    assert_eq!((names[0].as_str(), names[1].as_str()), ("train", "train-rank-1"));
    assert!(names[2].starts_with("train-") && names[2] != names[1], "{names:?}");
    for run in [&first, &second, &third] {
        run.register_artifact("model_bundle", "/m.bin").unwrap();
        run.param("seed", 1).unwrap();
    }
    let snapshot = zero.run_snapshot("a").unwrap();
    assert_eq!((snapshot.artifacts.len(), snapshot.stages.len()), (3, 3));
    assert!(snapshot.run.conflicts.is_empty() && snapshot.stages.iter().all(|s| s.conflicts.is_empty()));
}

#[test]
fn parameter_of_a_run_replaces_the_value_of_another_writer() {
    let disk = SimDisk::new(3);
    let (zero, one) = (open_sim(&disk, 1, "/w"), open_sim(&disk, 2, "/w"));
    let first = zero.run("a").run_id("a").param("lr", 0.1).start().unwrap();
    let second = one.attach("run:wine.a").unwrap().start().unwrap();
    disk.advance(1_000);
    second.param("lr", 0.2).unwrap();
    let row = run(&zero);
    assert_eq!((row.params["lr"].to_string(), row.conflicts), ("0.2".to_owned(), vec![]));
    drop((first, second));
}

#[test]
fn resumed_run_shows_its_newest_attempt() {
    let disk = SimDisk::new(4);
    let contexta = open_sim(&disk, 1, "/w");
    let first = contexta.run("a").run_id("a").start().unwrap();
    let started_at = first.started_at();
    let train = first.stage("train").unwrap();
    for step in 0..10 {
        train.metric_at("loss", step, 100 + step).unwrap();
    }
    first.fail("node was preempted").unwrap();
    assert_eq!(run(&contexta).status, RunStatus::Failed);
    disk.advance(60_000_000_000);

    let second = contexta.resume("a").unwrap().from_step(6u32).start().unwrap();
    let row = run(&contexta);
    assert_eq!((row.status, row.started_at, row.ended_at), (RunStatus::Open, Some(started_at), None));
    assert_eq!((row.attempts, row.end_message), (2, None));
    let train = second.stage("train").unwrap();
    assert_eq!(train.stage_ref().as_str(), "stage:wine.a.train");
    let stage = &contexta.run_snapshot("a").unwrap().stages[0];
    assert_eq!((stage.status, stage.ended_at), (RunStatus::Open, None));
    for step in 6..8 {
        train.metric_at("loss", step, 200 + step).unwrap();
    }
    train.metric("loss", 9.0).unwrap();
    second.complete().unwrap();
    let snapshot = contexta.run_snapshot("a").unwrap();
    assert_eq!((snapshot.run.status, snapshot.run.end_message), (RunStatus::Completed, None));
    assert_eq!((snapshot.stages[0].status, snapshot.stages.len()), (RunStatus::Completed, 1));
    let points = contexta.step_series("a", "loss", Some("train")).unwrap().points;
    let values: Vec<f64> = points.iter().map(|point| point.value.as_f64()).collect();
    assert_eq!(values, [9.0, 100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 206.0, 207.0]);
    let row = &snapshot.metrics[0];
    assert_eq!((row.count, row.last.step), (9, Some(7)));
    assert_eq!((&row.min, &row.max), (&Some(9.0.into()), &Some(207.into())));
    let all = contexta.store().read(|view| view.points(&row.key, Attempts::All));
    let superseded: Vec<_> = all.unwrap().into_iter().filter(|p| p.is_superseded).map(|p| p.step).collect();
    assert_eq!(superseded, [Some(6), Some(7), Some(8), Some(9)]);
    let query = StepSeriesQuery {
        stage: Some("train".to_owned()),
        attempts: Attempts::All,
        ..StepSeriesQuery::default()
    };
    let all = contexta.run_snapshot_of("a", Attempts::All).unwrap();
    assert_eq!((all.metrics[0].count, all.writers.len()), (13, 2));
    let all = contexta.step_series_of("a", "loss", &query).unwrap();
    assert_eq!(all.points.len(), 13);
    assert_eq!(contexta.digest().unwrap().0, {
        contexta.rebuild(Default::default()).unwrap();
        contexta.digest().unwrap().0
    });
}

#[test]
fn resume_without_a_step_supersedes_nothing() {
    let disk = SimDisk::new(5);
    let contexta = open_sim(&disk, 1, "/w");
    let first = contexta.run("a").run_id("a").start().unwrap();
    first.stage("train").unwrap().within(|stage| stage.metric_at("loss", 1, 1.0)).unwrap();
    first.cancel().unwrap();
    let second = contexta.resume("run:wine.a").unwrap().start().unwrap();
    second.stage("train").unwrap().within(|stage| stage.metric_at("loss", 2, 2.0)).unwrap();
    second.complete().unwrap();
    assert_eq!(losses(&contexta), [(1, 1.0), (2, 2.0)]);
}

#[test]
fn run_of_a_killed_process_is_interrupted_until_someone_ends_it() {
    let disk = SimDisk::new(6);
    let killed = disk.spawn(1);
    let options =
        contexta::Options::new("/w").project("wine").storage(killed.clone()).detect_code_revision(false);
    let victim = options.open().unwrap();
    let started = victim.run("a").run_id("a").start().unwrap();
    // There must be so many entries that one more entry does not cause a new generation of the tables.
    for _ in 0..30 {
        started.metric("loss", 1.0).unwrap();
    }
    let contexta = open_sim(&disk, 2, "/w");
    assert_eq!((run(&contexta).shown_status(), run(&contexta).interrupted_at), ("open", None));
    disk.advance(5_000_000_000);
    started.metric("loss", 0.5).unwrap();
    let last = started
        .closed_at()
        .is_none()
        .then(|| contexta.run_snapshot("a").unwrap().metrics[0].last.observed_at);
    disk.kill(1);
    let row = run(&contexta);
    assert_eq!((row.shown_status(), row.status, row.interrupted_at), ("interrupted", RunStatus::Open, last));

    // Another process that writes to the stream of the dead process does not make the run alive.
    disk.advance(1_000_000);
    contexta.annotate_run(&row.run_ref, Change::Note("node 7 lost power".into())).unwrap();
    assert_eq!((run(&contexta).shown_status(), run(&contexta).interrupted_at), ("interrupted", last));
    assert_eq!(run(&contexta).notes[0].1, "node 7 lost power");
    // The same is true as of a moment before the other process wrote to the stream.
    let before = run(&contexta.as_of(last.unwrap()));
    assert_eq!((before.shown_status(), before.notes.len(), before.interrupted_at), ("interrupted", 0, last));

    contexta.end_run(&row.run_ref, RunStatus::Failed, "power loss").unwrap();
    let row = run(&contexta);
    assert_eq!((row.shown_status(), row.end_message.as_deref()), ("failed", Some("power loss")));
    assert_eq!(row.end_reason.as_deref(), Some("ended_by_user"));

    let resumed = contexta.resume("a").unwrap().start().unwrap();
    assert_eq!(run(&contexta).shown_status(), "open");
    resumed.complete().unwrap();
    assert_eq!((run(&contexta).shown_status(), run(&contexta).attempts), ("completed", 2));
}

#[test]
fn run_is_interrupted_after_the_timeout_for_writers_if_the_file_system_has_no_locks() {
    let disk = SimDisk::new(6);
    disk.set_locks(false);
    let options = |process| {
        contexta::Options::new("/w")
            .project("wine")
            .storage(disk.process(process))
            .detect_code_revision(false)
    };
    let timeout = Duration::from_secs(30);
    let victim = options(1).open().unwrap();
    let started = victim.run("a").run_id("a").start().unwrap();
    started.metric("loss", 1.0).unwrap();
    let contexta = options(2).writer_timeout(timeout).open().unwrap();
    assert_eq!(contexta.config().capture.writer_timeout_seconds, 30.0);
    disk.advance(29_000_000_000);
    assert_eq!(run(&contexta).shown_status(), "open");
    // Each entry is a sign of life.
    started.metric("loss", 0.5).unwrap();
    disk.advance(29_000_000_000);
    assert_eq!((run(&contexta).shown_status(), run(&contexta).interrupted_at), ("open", None));
    let last = contexta.run_snapshot("a").unwrap().metrics[0].last.observed_at;
    disk.advance(2_000_000_000);
    let row = run(&contexta);
    assert_eq!((row.shown_status(), row.interrupted_at), ("interrupted", Some(last)));
    // The writer was only slow.
    started.complete().unwrap();
    assert_eq!(run(&contexta).shown_status(), "completed");
}

#[test]
fn annotations_change_name_description_and_tags() {
    let disk = SimDisk::new(7);
    let contexta = open_sim(&disk, 1, "/w");
    let first = contexta.run("a").run_id("a").tag("env", "dev").tag("team", "x").start().unwrap();
    first.complete().unwrap();
    let row = run(&contexta);
    let change = |change| contexta.annotate_run(&row.run_ref, change).unwrap();
    change(Change::Tag("env".into(), Some("prod".into())));
    change(Change::Tag("team".into(), None));
    change(Change::Name("基线".into()));
    change(Change::Description("the baseline".into()));
    change(Change::Note("one".into()));
    change(Change::Note("two".into()));
    let row = contexta.run_snapshot("基线").unwrap().run;
    assert_eq!(row.name, "基线");
    assert_eq!(row.tags.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["env=prod"]);
    assert_eq!(row.notes.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!((row.description.as_deref(), row.conflicts), (Some("the baseline"), vec![]));
    // The complete object contains the annotations.
    let own = row.run_ref.into_stable();
    let object = contexta.store().read(|view| view.object(ObjectKind::Run, &own)).unwrap();
    assert!(object.is_some());
    assert_eq!(contexta.run_snapshot("a").unwrap().run.name, "基线");
    let blank = contexta.annotate_run(&RunRef::parse("run:wine.a").unwrap(), Change::Note(" ".into()));
    assert_eq!(blank.unwrap_err().code(), "context_invalid_string");
}
