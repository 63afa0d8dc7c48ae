//! Sixteen threads in each of four processes capture at the same time, into one run and into runs of their own. No
//! record is lost or doubled, the records of each thread keep their order, and a reader that opens the workspace in the
//! meantime sees a prefix of the records of each thread.

use crate::{TempDir, child, open, role};
use contexta::capture::RunScope;
use contexta::contract::{AnyRecord, RunRef, RunStatus, Severity};
use contexta::recovery::{Outcome, RebuildOptions, VerifyOptions};
use contexta::store::{Attempts, SeriesPoint, StoreView};
use contexta::{Contexta, DumpItem, Options};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const PROCESSES: u8 = 4;
/// The number of threads of each process. Each thread of each process has a number, its *writer*.
const THREADS: u64 = 16;
const WRITERS: u64 = PROCESSES as u64 * THREADS;
/// The number of rounds of each thread. A round captures a point of the series of the thread, and then a point of the
/// series that all threads share. Some rounds then capture an event.
const ROUNDS: u64 = 100;
const ROUNDS_OF_AN_EVENT: u64 = 5;
/// The number of rounds before the processes wait for the parent.
const ROUNDS_BEFORE_PAUSE: u64 = 60;
/// The series that all threads share. A value is the number of the writer, times this factor, plus the round.
const SHARED: &str = "shared";
const FACTOR: u64 = 1000;

fn own_series(writer: u64) -> String {
    format!("own.{writer}")
}

// ---- the children

fn capture(run: &RunScope, writer: u64, rounds: Range<u64>) {
    for round in rounds {
        run.metric_at(&own_series(writer), round as i64, round as f64 / 8.0).unwrap();
        run.metric_at(SHARED, round as i64, (writer * FACTOR + round) as i64).unwrap();
        if round % ROUNDS_OF_AN_EVENT == 0 {
            run.event("round.began", &format!("{writer} {round}")).unwrap();
        }
    }
}

/// Captures all rounds with all threads of a process, in two parts. Before each part and before the end, the process
/// reports to the parent, and waits for a line. Thread `n` captures into the run `n % runs.len()`.
fn capture_in_parts(process: u8, runs: &[RunScope]) {
    let mut lines = std::io::stdin().lock().lines();
    let mut report = |what: &str| {
        println!("{what}");
        lines.next().unwrap().unwrap();
    };
    report("ready");
    for rounds in [0..ROUNDS_BEFORE_PAUSE, ROUNDS_BEFORE_PAUSE..ROUNDS] {
        let start = Barrier::new(THREADS as usize);
        thread::scope(|scope| {
            for n in 0..THREADS {
                let (start, rounds) = (&start, rounds.clone());
                let run = &runs[n as usize % runs.len()];
                scope.spawn(move || {
                    start.wait();
                    capture(run, u64::from(process) * THREADS + n, rounds);
                });
            }
        });
        report("captured");
    }
    for run in runs {
        run.complete().unwrap();
    }
}

#[test]
fn child_shared_run() {
    let Some((dir, process, ..)) = role() else { return };
    let contexta = open(&dir);
    let run = match process {
        0 => contexta.run("shared").run_id("shared").label("rank-0").start(),
        _ => contexta.attach("run:p.shared").unwrap().label(&format!("rank-{process}")).start(),
    };
    capture_in_parts(process, &[run.unwrap()]);
}

#[test]
fn child_own_runs() {
    let Some((dir, process, ..)) = role() else { return };
    let contexta = open(&dir);
    let writers = (0..THREADS).map(|n| u64::from(process) * THREADS + n);
    let runs: Vec<RunScope> =
        writers.map(|writer| contexta.run("own").run_id(&format!("own-{writer}")).start().unwrap()).collect();
    capture_in_parts(process, &runs);
}

// ---- the parent

/// A child process, with its answers. It ends when this value is dropped, because its standard input ends.
struct Process {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a process, and waits until it has started or joined its runs.
    fn start(test: &str, dir: &Path, process: u8) -> Process {
        let mut child = child(test, dir, process, 0, 0, 0).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut process = Process { child, answers };
        process.wait_for("ready");
        process
    }

    /// Reads answers up to this one. The lines of the test harness are skipped.
    fn wait_for(&mut self, answer: &str) {
        let mut line = String::new();
        while !line.trim_end().ends_with(answer) {
            line.clear();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the process ended before `{answer}`");
        }
    }

    fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    fn finish(mut self) {
        self.go_on();
        std::io::copy(&mut self.answers, &mut std::io::sink()).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

/// A run, and the numbers of the threads that capture into it.
type RunWriters = (RunRef, Range<u64>);

/// The number of rounds of each writer that a reader has seen.
type Seen = BTreeMap<u64, u64>;

/// Returns the points of a metric of a run, or none if no point was captured yet.
fn points(view: &StoreView<'_>, run: &RunRef, metric_key: &str) -> contexta::store::Result<Vec<SeriesPoint>> {
    match view.summaries_of_metric(run, metric_key, Attempts::All)?.as_slice() {
        [] => Ok(Vec::new()),
        [row] => view.points(&row.key, Attempts::All),
        rows => panic!("{metric_key} has several series: {rows:?}"),
    }
}

/// Reads the runs in one view. Checks that the records of each writer are a prefix of the records that it captures, in
/// their order, and that nothing is missing that was seen before.
fn read_prefixes(contexta: &Contexta, runs: &[RunWriters], seen: &mut Seen) {
    let read = contexta.store().read(|view| {
        let mut found = Seen::new();
        for (run, writers) in runs {
            let mut shared: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            for point in points(view, run, SHARED)? {
                let value = point.value.as_f64() as u64;
                assert_eq!(point.step, Some((value % FACTOR) as i64), "{run} {value}");
                shared.entry(value / FACTOR).or_default().push(value % FACTOR);
            }
            let mut events: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            for row in view.records(run, &[])?.0 {
                let AnyRecord::Event(event) = &row.record else { panic!("{row:?}") };
                let (writer, round) = event.payload.message.split_once(' ').unwrap();
                events.entry(writer.parse().unwrap()).or_default().push(round.parse().unwrap());
            }
            assert!(shared.keys().chain(events.keys()).all(|writer| writers.contains(writer)), "{run}");
            for writer in writers.clone() {
                let shared = shared.remove(&writer).unwrap_or_default();
                let events = events.remove(&writer).unwrap_or_default();
                let own = points(view, run, &own_series(writer))?;
                let steps: Vec<u64> = own.iter().map(|point| point.step.unwrap() as u64).collect();
                assert!(own.iter().zip(&steps).all(|(p, step)| p.value.as_f64() == *step as f64 / 8.0));
                let rounds = shared.len() as u64;
                assert!(steps.iter().copied().eq(0..steps.len() as u64), "{run} {writer}: {steps:?}");
                assert!(shared.iter().copied().eq(0..rounds), "{run} {writer}: {shared:?}");
                let every = ROUNDS_OF_AN_EVENT as usize;
                assert!(events.iter().copied().eq((0..ROUNDS).step_by(every).take(events.len())));
                // Between two records of a round, the later records are missing.
                let of_events = |rounds: u64| rounds.div_ceil(ROUNDS_OF_AN_EVENT) as usize;
                let is_prefix = match steps.len() as u64 - rounds {
                    0 => (of_events(rounds.saturating_sub(1))..=of_events(rounds)).contains(&events.len()),
                    begun => begun == 1 && events.len() == of_events(rounds),
                };
                assert!(is_prefix, "{run} {writer}: {} {rounds} {}", steps.len(), events.len());
                found.insert(writer, steps.len() as u64);
            }
        }
        Ok::<_, contexta::store::Error>(found)
    });
    let found = read.unwrap();
    for (writer, before) in seen.iter() {
        assert!(*before <= found[writer], "{writer}: {before} {}", found[writer]);
    }
    *seen = found;
}

/// Lets the processes capture one part of the rounds. Meanwhile, opens the workspace again and again, and reads it.
fn read_while_capturing(dir: &Path, processes: &mut [Process], runs: &[RunWriters], seen: &mut Seen) {
    processes.iter_mut().for_each(Process::go_on);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            processes.iter_mut().for_each(|process| process.wait_for("captured"));
            is_over.store(true, Ordering::SeqCst);
        });
        while !is_over.load(Ordering::SeqCst) && !waiting.is_finished() {
            let reader = Options::new(dir.join("workspace")).read_only().open().unwrap();
            read_prefixes(&reader, runs, seen);
        }
    });
}

/// Starts the processes, reads the runs while the processes capture, and checks the workspace afterwards.
fn capture_and_check(name: &str, test: &str, runs: &[RunWriters]) {
    let temp = TempDir::new(name);
    let dir = temp.0.as_path();
    drop(open(dir));
    let mut processes: Vec<Process> = (0..PROCESSES).map(|n| Process::start(test, dir, n)).collect();
    let mut seen = Seen::new();
    for rounds in [ROUNDS_BEFORE_PAUSE, ROUNDS] {
        read_while_capturing(dir, &mut processes, runs, &mut seen);
        let reader = Options::new(dir.join("workspace")).read_only().open().unwrap();
        read_prefixes(&reader, runs, &mut seen);
        let all = (0..WRITERS).map(|writer| (writer, rounds));
        assert_eq!(seen, all.collect(), "after {rounds} rounds");
    }
    processes.into_iter().for_each(Process::finish);

    let contexta = open(dir);
    for (run, writers) in runs {
        let count = writers.end - writers.start;
        let snapshot = contexta.run_snapshot(run.as_str()).unwrap();
        let row = &snapshot.run;
        assert_eq!((row.status, row.interrupted_at, row.attempts), (RunStatus::Completed, None, 1), "{run}");
        assert_eq!(row.conflicts, [""; 0], "{run}");
        let notes = &snapshot.notes;
        assert!(notes.iter().all(|note| note.severity == Severity::Info), "{run}: {notes:?}");
        let mut series: BTreeMap<String, u64> = writers.clone().map(|w| (own_series(w), ROUNDS)).collect();
        series.insert(SHARED.to_owned(), count * ROUNDS);
        let found = snapshot.metrics.iter().map(|series| (series.key.metric_key.clone(), series.count));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), series, "{run}");
        assert_eq!(snapshot.metrics.len(), series.len());
        assert_eq!(snapshot.events.len() as u64, count * ROUNDS / ROUNDS_OF_AN_EVENT);
        assert!(snapshot.writers.iter().all(|writer| writer.status == RunStatus::Completed));
        assert_eq!(snapshot.writers.len() as u64, count.div_ceil(THREADS));
    }
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for item in contexta.dump_log(None).unwrap() {
        match item.unwrap() {
            DumpItem::Entry(entry) => *kinds.entry(entry.kind).or_default() += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(kinds["metric"], 2 * WRITERS * ROUNDS);
    assert_eq!(kinds["event"], WRITERS * ROUNDS / ROUNDS_OF_AN_EVENT);
    let report = contexta.verify(VerifyOptions::default()).unwrap();
    assert_eq!((report.outcome, report.problems), (Outcome::Whole, vec![]));
    let digest = contexta.digest().unwrap().0;
    contexta.rebuild(RebuildOptions::default()).unwrap();
    assert_eq!(contexta.digest().unwrap().0, digest, "tables and rebuild differ");
}

#[test]
fn threads_of_several_processes_capture_into_one_run() {
    let run = RunRef::parse("run:p.shared").unwrap();
    capture_and_check("threads-shared", "threads::child_shared_run", &[(run, 0..WRITERS)]);
}

#[test]
fn threads_of_several_processes_capture_into_runs_of_their_own() {
    let own = |writer| (RunRef::parse(&format!("run:p.own-{writer}")).unwrap(), writer..writer + 1);
    let runs: Vec<RunWriters> = (0..WRITERS).map(own).collect();
    capture_and_check("threads-own", "threads::child_own_runs", &runs);
}
