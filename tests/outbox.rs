//! Replays of the outbox: targets, limits, acknowledgements, dead letters, damaged lines, and crashes.

use crate::sinks::{Flaky, TwoDisks, options, outbox, positions, start, values};
use crate::support::TempDir;
use contexta::capture::{
    DeliveryStatus, FailureMode, LetterFilter, LetterState, MemorySink, PayloadFamily, ReplayOptions,
    ResultStatus, Sink, SinkError, SinkReceipt, SinkRequest,
};
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::contract::json::write::canonical;
use contexta::engine::entry::Position;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess, Survival};
use contexta::{Contexta, Options, RunScope};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const LETTERS: &str = "/outbox/dead_letter.jsonl";

/// A sink that refuses the metric with the given value, and stores the positions of all accepted facts.
#[derive(Debug)]
struct Picky {
    name: &'static str,
    refuses: AtomicBool,
    taken: Mutex<Vec<Position>>,
}

impl Picky {
    fn named(name: &'static str) -> Arc<Picky> {
        Arc::new(Picky { name, refuses: AtomicBool::new(true), taken: Mutex::default() })
    }

    fn taken(&self) -> Vec<Position> {
        self.taken.lock().unwrap().clone()
    }

    fn accept_all(&self) {
        self.refuses.store(false, Ordering::SeqCst);
    }
}

impl Sink for Picky {
    fn name(&self) -> &str {
        self.name
    }

    fn families(&self) -> &[PayloadFamily] {
        &[PayloadFamily::Record]
    }

    fn capture(&self, request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        let is_bad = request.json().unwrap().contains("\"value\":13");
        if is_bad && self.refuses.load(Ordering::SeqCst) {
            return Err(SinkError::permanent("unlucky", "13 is refused"));
        }
        self.taken.lock().unwrap().push(request.position());
        Ok(SinkReceipt::success().detail("taken"))
    }
}

fn open<const N: usize>(disk: &SimDisk, process: u32, sinks: [Arc<dyn Sink>; N]) -> Contexta {
    outbox(options(disk.process(process))).sinks(sinks).open().unwrap()
}

fn pending(contexta: &Contexta) -> Vec<(String, u64, bool)> {
    let rows = contexta.outbox().unwrap().deliveries;
    rows.into_iter().map(|row| (row.sink, row.facts, row.is_attached)).collect()
}

fn counts(replay: &contexta::capture::ReplayBatchResult) -> (u64, u64, u64) {
    (replay.acknowledged_count, replay.pending_count, replay.dead_lettered_count)
}

/// Captures four facts, of which two sinks refuse the first.
fn two_waiting(disk: &SimDisk) -> (Arc<Flaky>, Arc<Flaky>) {
    let (one, two) = (Flaky::named("one"), Flaky::named("two"));
    let contexta = open(disk, 1, [one.clone(), two.clone()]);
    let run = start(&contexta);
    one.fail(1);
    two.fail(1);
    run.metric_at("loss", 1, 0.5).unwrap();
    run.metric_at("loss", 2, 0.4).unwrap();
    drop(run);
    (one, two)
}

#[test]
fn target_receives_only_its_own_facts_and_other_sinks_keep_waiting() {
    let disk = SimDisk::new(1);
    let (one, two) = two_waiting(&disk);
    let contexta = open(&disk, 2, [one.clone(), two.clone()]);
    let before = two.taken();
    let waiting = pending(&contexta);
    assert_eq!(waiting.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    let replay = contexta.replay_outbox(&ReplayOptions::default().target("one")).unwrap();
    assert_eq!(replay.status, ResultStatus::Success);
    assert!(replay.entries.iter().all(|entry| entry.target == "one"), "{replay:?}");
    assert_eq!(counts(&replay), (waiting[0].1, 0, 0));
    assert_eq!((two.taken(), pending(&contexta)), (before, vec![waiting[1].clone()]));
    assert_eq!(one.taken(), positions(&contexta));
    let error = contexta.replay_outbox(&ReplayOptions::default().target("three")).unwrap_err();
    assert_eq!(error.code(), "recovery_replay_target_missing");
    assert!(error.hint().unwrap().contains("one, two"));
    let replay = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert_eq!(counts(&replay), (waiting[1].1, 0, 0));
    assert_eq!((two.taken(), pending(&contexta)), (positions(&contexta), vec![]));
    let empty = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert_eq!((empty.notes, empty.entries.len()), (vec!["outbox_empty".to_owned()], 0));
}

#[test]
fn other_sinks_receive_what_waits_for_their_name_and_nothing_else() {
    let disk = SimDisk::new(2);
    let (one, two) = two_waiting(&disk);
    // The session has the sink `one`, which holds cursors. The sink `two` does not belong to the session.
    let contexta = open(&disk, 2, [one.clone()]);
    contexta.run("b").run_id("b").start().unwrap().complete().unwrap();
    let before = one.taken();
    let (first, second, third) = (MemorySink::new("one"), MemorySink::new("two"), MemorySink::new("three"));
    let others = [first, second, third].map(Arc::new);
    let sinks = others.clone().map(|sink| sink as Arc<dyn Sink>);
    let replay = contexta.replay_outbox(&ReplayOptions::default().sinks(sinks)).unwrap();
    assert_eq!(replay.status, ResultStatus::Success);
    let taken = |sink: &MemorySink| sink.entries().iter().map(|entry| entry.position).collect::<Vec<_>>();
    let all = |own: Vec<Position>, more: Vec<Position>| own.into_iter().chain(more).collect::<BTreeSet<_>>();
    let log = BTreeSet::from_iter(positions(&contexta));
    assert_eq!(all(one.taken(), taken(&others[0])), log);
    // The sink `two` was not attached during the run `b`.
    let first_stream = taken(&others[1])[0].stream;
    let expected = log.iter().filter(|fact| fact.stream == first_stream).copied().collect();
    assert_eq!(all(two.taken(), taken(&others[1])), expected);
    assert_eq!((one.taken(), others[2].taken(), pending(&contexta)), (before, 0, vec![]));
    // The sink of the session is used again.
    let run = contexta.run("c").run_id("c").start().unwrap();
    assert_eq!(one.taken().last(), positions(&contexta).last());
    drop(run);
    let twice = [MemorySink::new("x"), MemorySink::new("x")].map(|sink| Arc::new(sink) as Arc<dyn Sink>);
    let error = contexta.replay_outbox(&ReplayOptions::default().sinks(twice)).unwrap_err();
    assert_eq!(error.code(), "sink_invalid");
}

#[test]
fn facts_without_a_sink_are_skipped_entries_and_keep_waiting() {
    let disk = SimDisk::new(3);
    let (_, two) = two_waiting(&disk);
    let contexta = open(&disk, 2, [two]);
    let replay = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert_eq!(replay.status, ResultStatus::Degraded);
    let skipped: Vec<_> = replay.entries.iter().filter(|e| e.status == DeliveryStatus::Skipped).collect();
    assert_eq!((skipped.len(), skipped[0].target.as_str(), skipped[0].attempts), (1, "one", 1));
    let rest = pending(&contexta);
    assert_eq!(replay.pending_count, rest[0].1);
    assert_eq!((rest.len(), rest[0].0.as_str(), rest[0].2), (1, "one", false));
    assert_eq!(contexta.outbox().unwrap().deliveries[0].next, skipped[0].replay_ref);
}

#[test]
fn facts_behind_the_limit_of_a_sink_that_is_gone_are_skipped_too() {
    let disk = SimDisk::new(17);
    let name = "a long name of a sink, which is longer than the name of a directory may be";
    {
        let broken = Flaky::named(name);
        let contexta = open(&disk, 1, [broken.clone()]);
        let run = start(&contexta);
        broken.fail(2);
        run.metric("loss", 1).unwrap();
        run.metric("loss", 2).unwrap();
        // The first fact becomes a dead letter. No delivery of the second fact has failed.
        contexta.replay_outbox(&ReplayOptions::default().limit(1).dead_letter_after_failures(1)).unwrap();
    }
    let contexta = open(&disk, 2, []);
    let replay = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert_eq!((replay.status, replay.entries.len()), (ResultStatus::Degraded, 1));
    assert_eq!((replay.entries[0].target.as_str(), replay.entries[0].attempts), (name, 0));
    // Without a letter, only the name of the directory is known. It selects the cursors too.
    contexta.discard_dead_letters(&LetterFilter::default()).unwrap();
    let dir = contexta.outbox().unwrap().deliveries[0].sink.clone();
    assert!(dir != name && dir.starts_with("a-long-name"), "{dir}");
    let other = Arc::new(MemorySink::new(&dir));
    let options = ReplayOptions::default().target(&dir).sinks([other.clone() as Arc<dyn Sink>]);
    let replay = contexta.replay_outbox(&options).unwrap();
    assert!(replay.acknowledged_count > 0 && other.taken() == replay.acknowledged_count, "{replay:?}");
    assert!(contexta.outbox().unwrap().is_empty());
}

#[test]
fn facts_that_are_not_acknowledged_are_delivered_again() {
    let disk = SimDisk::new(4);
    let sink = Flaky::named("one");
    let contexta = open(&disk, 1, [sink.clone()]);
    let run = start(&contexta);
    sink.fail(1);
    let first = run.metric_at("loss", 1, 0.5).unwrap().position().unwrap();
    run.metric_at("loss", 2, 0.4).unwrap();
    let waiting = pending(&contexta);
    let tried = ReplayOptions::default().acknowledge_successes(false);
    for n in 1..3 {
        let replay = contexta.replay_outbox(&tried).unwrap();
        assert_eq!((counts(&replay), replay.status), ((0, waiting[0].1, 0), ResultStatus::Success));
        assert_eq!(sink.taken().iter().filter(|fact| **fact == first).count(), n);
        assert_eq!(pending(&contexta), waiting);
    }
    // A later fact that fails is not counted, because the facts before it still wait.
    let calls = tried.clone().dead_letter_after_failures(1);
    sink.fail(0);
    assert_eq!(counts(&contexta.replay_outbox(&calls).unwrap()).2, 0);
    assert!(run.metric_at("loss", 3, 0.3).unwrap().recovered_to_outbox());
    let replay = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert_eq!(counts(&replay), (waiting[0].1 + 1, 0, 0));
    assert_eq!(run.metric_at("loss", 4, 0.2).unwrap().status(), ResultStatus::Success);
}

#[test]
fn limit_counts_all_attempts_of_the_call() {
    let disk = SimDisk::new(5);
    let (one, two) = two_waiting(&disk);
    let contexta = open(&disk, 2, [one.clone(), two.clone()]);
    let total: u64 = pending(&contexta).iter().map(|row| row.1).sum();
    let none = contexta.replay_outbox(&ReplayOptions::default().limit(0)).unwrap();
    assert_eq!((counts(&none), none.status), ((0, total, 0), ResultStatus::Success));
    let before = one.taken().len() + two.taken().len();
    let some = contexta.replay_outbox(&ReplayOptions::default().limit(3)).unwrap();
    assert_eq!((some.entries.len(), counts(&some)), (3, (3, total - 3, 0)));
    assert_eq!(one.taken().len() + two.taken().len(), before + 3);
    one.fail(1);
    two.fail(1);
    let failed = contexta.replay_outbox(&ReplayOptions::default().limit(1)).unwrap();
    assert_eq!((failed.status, counts(&failed)), (ResultStatus::Failure, (0, total - 3, 0)));
}

#[test]
fn dead_letters_are_listed_queued_again_and_delivered_or_discarded() {
    let disk = SimDisk::new(6);
    let sink = Picky::named("picky");
    let contexta = open(&disk, 1, [sink.clone()]);
    let run = start(&contexta);
    let bad = run.metric("loss", 13).unwrap().position().unwrap();
    let worse = run.metric("loss", 13).unwrap().position().unwrap();
    let good = run.metric("loss", 1).unwrap().position().unwrap();
    let after = ReplayOptions::default().dead_letter_after_failures(2);
    let first = contexta.replay_outbox(&after).unwrap();
    // The failed capture and the replay are two failures. The second fact has failed once.
    assert_eq!((counts(&first), first.status), ((0, 2, 1), ResultStatus::Failure));
    assert_eq!((first.entries[0].attempts, first.entries[0].replay_ref), (2, bad));
    assert!(first.entries[0].detail.contains("13 is refused; the fact is now a dead letter"));
    assert_eq!(first.notes, ["dead_lettered:1"]);
    let second = contexta.replay_outbox(&after).unwrap();
    assert_eq!((counts(&second), second.status), ((1, 0, 1), ResultStatus::Degraded));
    assert_eq!(sink.taken(), [good]);
    let letters = contexta.outbox().unwrap().letters;
    let shown: Vec<_> = letters.letters.iter().map(|l| (l.replay_ref, l.state, l.attempts)).collect();
    assert_eq!(shown, [(bad, LetterState::Dead, 2), (worse, LetterState::Dead, 2)]);
    let letter = &letters.letters[0];
    assert_eq!((letter.sink.as_str(), letter.family.as_str()), ("picky", "RECORD"));
    assert_eq!((letter.payload_type.as_str(), letter.error_code.as_str()), ("MetricRecord", "unlucky"));
    // A dead letter is not delivered before it is queued.
    assert_eq!(contexta.replay_outbox(&after).unwrap().entries, []);

    let queued = contexta.requeue_dead_letters(&LetterFilter::default().replay_refs([bad])).unwrap();
    assert_eq!(queued.iter().map(|letter| letter.replay_ref).collect::<Vec<_>>(), [bad]);
    let again = contexta.replay_outbox(&after).unwrap();
    assert_eq!((counts(&again), again.entries[0].attempts), ((0, 1, 0), 1));
    // The letters of another sink are not selected.
    assert_eq!(contexta.requeue_dead_letters(&LetterFilter::default().target("x")).unwrap(), []);
    assert_eq!(counts(&contexta.replay_outbox(&after).unwrap()), (0, 0, 1));
    contexta.requeue_dead_letters(&LetterFilter::default().target("picky")).unwrap();
    sink.accept_all();
    // A letter that is not acknowledged stays queued.
    let tried = contexta.replay_outbox(&ReplayOptions::default().acknowledge_successes(false)).unwrap();
    assert_eq!((counts(&tried), sink.taken().len()), ((0, 2, 0), 3));
    let done = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert_eq!((counts(&done), done.status), ((2, 0, 0), ResultStatus::Success));
    assert!(contexta.outbox().unwrap().is_empty());
    assert_eq!(sink.taken()[3..], [bad, worse]);
    // New facts are delivered without a replay.
    assert_eq!(run.metric("loss", 2).unwrap().status(), ResultStatus::Success);
}

#[test]
fn discarded_letter_is_not_delivered_and_its_fact_stays_in_the_log() {
    let disk = SimDisk::new(7);
    let sink = Picky::named("picky");
    let contexta = open(&disk, 1, [sink.clone()]);
    let run = start(&contexta);
    let bad = run.metric("loss", 13).unwrap().position().unwrap();
    let dead = ReplayOptions::default().dead_letter_after_failures(1);
    contexta.replay_outbox(&dead).unwrap();
    assert_eq!(contexta.discard_dead_letters(&LetterFilter::default()).unwrap().len(), 1);
    assert!(contexta.outbox().unwrap().is_empty());
    sink.accept_all();
    assert_eq!(contexta.replay_outbox(&dead).unwrap().entries, []);
    assert_eq!((sink.taken(), values(&contexta)), (vec![], vec![13.0]));
    assert!(positions(&contexta).contains(&bad));
    // The line with the payload is still in the file.
    assert!(String::from_utf8(disk.read(Path::new(LETTERS)).unwrap()).unwrap().contains("\"payload\":{"));
}

#[test]
fn damaged_lines_of_dead_letters_block_neither_letters_nor_deliveries() {
    let disk = SimDisk::new(8);
    let sink = Picky::named("picky");
    let contexta = open(&disk, 1, [sink.clone()]);
    let run = start(&contexta);
    let bad = run.metric("loss", 13).unwrap().position().unwrap();
    contexta.replay_outbox(&ReplayOptions::default().dead_letter_after_failures(1)).unwrap();
    let good = disk.read(Path::new(LETTERS)).unwrap();
    let mut torn =
        b"[1]\n{\"replay_ref\":\"\",\"sink_name\":\"picky\"}\n{\"sink_name\":\"picky\"}\n\xff\n".to_vec();
    torn.extend_from_slice(&good);
    torn.extend_from_slice(&good[..good.len() / 2]);
    disk.overwrite(Path::new(LETTERS), torn);
    let letters = contexta.outbox().unwrap().letters;
    assert_eq!((letters.letters.len(), letters.unreadable), (1, 5));
    contexta.requeue_dead_letters(&LetterFilter::default()).unwrap();
    sink.accept_all();
    let replay = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert_eq!((counts(&replay), replay.status), ((1, 0, 0), ResultStatus::Degraded));
    assert!(replay.warnings[0].contains("5 lines of /outbox/dead_letter.jsonl cannot be read"));
    assert_eq!((sink.taken(), contexta.outbox().unwrap().letters.letters), (vec![bad], vec![]));
}

#[test]
fn letter_whose_fact_is_gone_is_reported_and_blocks_nothing() {
    let disk = SimDisk::new(9);
    let sink = Picky::named("picky");
    let contexta = open(&disk, 1, [sink.clone()]);
    let run = start(&contexta);
    run.metric("loss", 13).unwrap();
    let good = run.metric("loss", 1).unwrap().position().unwrap();
    let gone = "00000000000000000000000000000001:7";
    let line = format!("{{\"replay_ref\":\"{gone}\",\"sink_name\":\"picky\",\"state\":\"queued\"}}\n");
    disk.overwrite(Path::new(LETTERS), line.into_bytes());
    sink.accept_all();
    let replay = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert_eq!((counts(&replay), replay.status), ((2, 1, 0), ResultStatus::Degraded));
    assert!(replay.warnings[0].contains(gone), "{replay:?}");
    assert_eq!(sink.taken().last(), Some(&good));
}

#[test]
fn damaged_cursor_is_listed_and_stops_no_other_delivery() {
    let disk = SimDisk::new(16);
    let (one, two) = two_waiting(&disk);
    let cursor = disk.paths().into_iter().find(|path| path.starts_with("/w/recovery/sinks/one")).unwrap();
    let mut bytes = disk.read(&cursor).unwrap();
    bytes[30] ^= 1;
    disk.overwrite(&cursor, bytes);
    let before = one.taken();
    let contexta = open(&disk, 2, [one.clone(), two.clone()]);
    let listed = contexta.outbox().unwrap().deliveries;
    assert_eq!((listed[0].sink.as_str(), listed[0].unreadable.is_some()), ("one", true));
    let replay = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert_eq!((replay.status, replay.warnings.len()), (ResultStatus::Degraded, 1));
    assert!(replay.warnings[0].contains("were not delivered to the sink one"), "{replay:?}");
    assert_eq!((one.taken(), two.taken()), (before, positions(&contexta)));
}

/// A sink that captures into the workspace with another process while it is called.
struct Capturing {
    other: Contexta,
    has_captured: AtomicBool,
    own: Arc<Flaky>,
}

impl Sink for Capturing {
    fn name(&self) -> &str {
        "one"
    }

    fn capture(&self, request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        let result = self.own.capture(request);
        if !self.has_captured.swap(true, Ordering::SeqCst) {
            self.other.run("b").run_id("b").start().unwrap().complete().unwrap();
        }
        let error = self.other.replay_outbox(&ReplayOptions::default()).unwrap_err();
        assert_eq!(error.code(), "recovery_replay_in_sink");
        result
    }
}

#[test]
fn facts_that_are_captured_during_a_replay_are_not_lost() {
    let disk = SimDisk::new(10);
    let one = two_waiting(&disk).0;
    let other = open(&disk, 3, [Flaky::named("two")]);
    let contexta = open(
        &disk,
        2,
        [Arc::new(Capturing { other, has_captured: AtomicBool::new(false), own: one.clone() })],
    );
    contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    let late = open(&disk, 4, [one.clone()]);
    late.replay_outbox(&ReplayOptions::default()).unwrap();
    // The other process has continued the stream.
    assert_eq!(late.list_runs(None).unwrap().runs.len(), 2);
    assert_eq!(one.taken(), positions(&late));
}

/// A sink during whose first call another process begins a run.
struct Interrupted {
    other: Contexta,
    run: Mutex<Option<RunScope>>,
    own: Arc<Flaky>,
}

impl Sink for Interrupted {
    fn name(&self) -> &str {
        "one"
    }

    fn capture(&self, request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        let mut run = self.run.lock().unwrap();
        if run.is_none() {
            // A capture in the thread of the call is not offered to sinks.
            let begin = || self.other.run("b").run_id("b").start().unwrap();
            *run = Some(std::thread::scope(|threads| threads.spawn(begin).join().unwrap()));
        }
        self.own.capture(request)
    }
}

#[test]
fn capture_during_a_replay_with_a_limit_skips_no_waiting_fact() {
    let disk = SimDisk::new(17);
    let one = two_waiting(&disk).0;
    let before = one.taken();
    let other = open(&disk, 3, [one.clone()]);
    let sink = Arc::new(Interrupted { other, run: Mutex::default(), own: one.clone() });
    let contexta = open(&disk, 2, [sink.clone()]);
    contexta.replay_outbox(&ReplayOptions::default().limit(1)).unwrap();
    let all = positions(&contexta);
    // The other process continued the stream of the waiting facts, and delivered its own fact first.
    let stream = before[0].stream;
    assert!(all.iter().all(|fact| fact.stream == stream), "{all:?}");
    let taken = one.taken()[before.len()..].to_vec();
    assert_eq!((taken.first() > taken.last(), taken.last()), (true, all.get(before.len())), "{all:?}");
    assert!(!taken.contains(&all[before.len() + 1]), "{all:?}");
    // The replay has released the cursor, so the next capture of the other process opens it.
    let run = sink.run.lock().unwrap().take().unwrap();
    run.metric("loss", 0.3).unwrap();
    run.complete().unwrap();
    drop(run);
    let late = open(&disk, 4, [one.clone()]);
    assert_eq!(BTreeSet::from_iter(one.taken()), BTreeSet::from_iter(positions(&late)));
    assert!(pending(&late).iter().all(|row| row.0 == "two"), "{:?}", pending(&late));
}

#[test]
fn facts_that_the_log_could_not_take_are_added_once_and_delivered() {
    let (main, other) = (SimDisk::new(11), SimDisk::new(12));
    let storage = |n| Arc::new(TwoDisks { main: main.process(n), other: other.process(n) });
    let sink = Flaky::named("one");
    {
        let contexta = outbox(options(storage(1)).sink(sink.clone())).open().unwrap();
        let run = start(&contexta);
        main.set_read_only(true);
        sink.fail(1);
        for step in 0..3 {
            assert!(run.metric_at("loss", step, step as f64).unwrap().recovered_to_outbox());
        }
        main.set_read_only(false);
    }
    let contexta = outbox(options(storage(2)).sink(sink.clone())).open().unwrap();
    assert_eq!(contexta.outbox().unwrap().spilled, 3);
    let replay = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert_eq!((replay.log_added_count, replay.pending_count, replay.status), (3, 0, ResultStatus::Success));
    assert_eq!((values(&contexta), contexta.outbox().unwrap().is_empty()), (vec![0.0, 1.0, 2.0], true));
    assert_eq!(contexta.replay_outbox(&ReplayOptions::default()).unwrap().log_added_count, 0);
    assert_eq!(BTreeSet::from_iter(sink.taken()), BTreeSet::from_iter(positions(&contexta)));
    // A read-only log does not stop the deliveries.
    let run = contexta.run("b").run_id("b").start().unwrap();
    main.set_read_only(true);
    sink.fail(1);
    let refused = run.metric("x", 1).unwrap().position().unwrap();
    let replay = contexta.replay_outbox(&ReplayOptions::default());
    main.set_read_only(false);
    assert!(replay.is_err() || replay.unwrap().status == ResultStatus::Degraded);
    contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert!(sink.taken().contains(&refused) && positions(&contexta).contains(&refused));
}

#[test]
fn result_has_a_json_form_with_all_fields() {
    let disk = SimDisk::new(13);
    let (one, two) = two_waiting(&disk);
    let contexta = open(&disk, 2, [one.clone(), two]);
    one.fail(1);
    let replay = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    let json = parse(&canonical(&replay.to_value()).unwrap()).unwrap();
    let Value::Map(members) = &json else { panic!("{json:?}") };
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    let expected = [
        "acknowledged_count",
        "dead_lettered_count",
        "details",
        "entries",
        "log_added_count",
        "notes",
        "pending_count",
        "status",
        "warnings",
    ];
    assert_eq!(names, expected);
    let entry = &json.get("entries").unwrap().as_list().unwrap()[0];
    assert_eq!(entry.get("target"), Some(&Value::from("one")));
    assert_eq!(entry.get("status"), Some(&Value::from("FAILURE")));
    assert_eq!(entry.get("attempts"), Some(&Value::Int(2)));
    assert_eq!(json.get("details").unwrap().get("two").unwrap().get("pending"), Some(&Value::Int(0)));
}

#[test]
fn read_only_workspace_lists_and_refuses_changes() {
    let disk = SimDisk::new(14);
    let (one, _) = two_waiting(&disk);
    let contexta = outbox(options(disk.process(2))).sink(one).read_only().open().unwrap();
    let before = disk.write_count();
    assert_eq!(pending(&contexta).len(), 2);
    assert_eq!(contexta.replay_outbox(&ReplayOptions::default()).unwrap_err().code(), "workspace_read_only");
    let refused = contexta.requeue_dead_letters(&LetterFilter::default()).unwrap_err();
    assert_eq!((refused.code(), disk.write_count()), ("workspace_read_only", before));
}

/// Returns a disk on which one fact waits to become a dead letter, one dead letter is queued, and a fact waits behind
/// them. All facts are durable.
fn crash_site() -> (SimDisk, Vec<Position>) {
    let disk = SimDisk::new(15);
    let sink = Picky::named("picky");
    let contexta = outbox(options(disk.process(1)).sink(sink))
        .durability(contexta::capture::Durability::Fsync)
        .open()
        .unwrap();
    let run = start(&contexta);
    let metric = |value: i64| run.metric("loss", value).unwrap().position().unwrap();
    let mut facts = vec![metric(13)];
    contexta.replay_outbox(&ReplayOptions::default().dead_letter_after_failures(1)).unwrap();
    contexta.requeue_dead_letters(&LetterFilter::default()).unwrap();
    facts.extend([13, 1, 2].map(metric));
    run.complete().unwrap();
    contexta.close().unwrap();
    drop(run);
    drop(contexta);
    (disk, facts)
}

/// Checks that every fact is delivered, waits, or is a letter, and that a later replay delivers all of them.
fn check_nothing_lost(disk: &SimDisk, facts: &[Position], before: &Picky, at: u64) {
    let last = Picky::named("picky");
    last.accept_all();
    let contexta = outbox(options(disk.process(90)).sink(last.clone())).open().unwrap();
    contexta.requeue_dead_letters(&LetterFilter::default()).unwrap();
    let replay = contexta.replay_outbox(&ReplayOptions::default()).unwrap();
    assert_eq!(replay.pending_count, 0, "{at} {replay:?}");
    let taken = BTreeSet::from_iter(before.taken().into_iter().chain(last.taken()));
    for fact in facts {
        assert!(taken.contains(fact), "{at}: the fact {fact} was not delivered");
    }
    assert!(contexta.outbox().unwrap().is_empty(), "{at} {:?}", contexta.outbox());
}

fn replay(process: &Arc<SimProcess>, sink: &Arc<Picky>) -> contexta::Result<()> {
    let contexta = outbox(options(process.clone()).sink(sink.clone())).open()?;
    let options = ReplayOptions::default().dead_letter_after_failures(2);
    contexta.replay_outbox(&options).map(drop)
}

#[test]
fn kill_at_every_operation_of_a_replay_loses_no_delivery() {
    let (base, facts) = crash_site();
    for is_power_cut in [false, true] {
        for at in 0.. {
            let (disk, sink) = (base.fork(), Picky::named("picky"));
            let process = disk.spawn(50);
            process.plan(Moment::Operation(at), Fault::Kill);
            let done = replay(&process, &sink);
            let is_last = process.is_alive();
            if is_power_cut {
                disk.crash(match at % 3 {
                    0 => Survival::Dropped,
                    1 => Survival::Kept,
                    _ => Survival::Subset(at),
                });
            }
            check_nothing_lost(&disk, &facts, &sink, at);
            if is_last {
                done.unwrap();
                assert!(at > 30, "{at}");
                break;
            }
        }
    }
}

#[test]
fn error_at_every_operation_of_a_replay_loses_no_delivery() {
    let (base, facts) = crash_site();
    for at in 0.. {
        let (disk, sink) = (base.fork(), Picky::named("picky"));
        let process = disk.spawn(50);
        let fault = match at % 2 {
            0 => Fault::Error(std::io::ErrorKind::StorageFull),
            _ => Fault::ErrorAfter(std::io::ErrorKind::PermissionDenied),
        };
        process.plan(Moment::Operation(at), fault);
        // The replay reports the error, or works without the operation that failed.
        let _ = replay(&process, &sink);
        let is_last = process.operations() <= at;
        drop(process);
        check_nothing_lost(&disk, &facts, &sink, at);
        if is_last {
            break;
        }
    }
}

#[test]
fn commands_list_replay_queue_and_discard() {
    let dir = TempDir::new("outbox-commands");
    let sink = Picky::named("picky");
    let workspace = dir.path().join(".contexta");
    let contexta = Options::new(&workspace)
        .sink(sink)
        .failure_mode(FailureMode::Outbox)
        .detect_code_revision(false)
        .open()
        .unwrap();
    let run = start(&contexta);
    run.metric("loss", 13).unwrap();
    run.metric("loss", 1).unwrap();
    run.complete().unwrap();
    drop((run, contexta));
    let command = |args: &[&str]| {
        let args = [&["outbox"], args].concat();
        let output = Command::new(env!("CARGO_BIN_EXE_contexta"))
            .current_dir(dir.path())
            .args(&args)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, _) = command(&["list"]);
    assert!(code == 0 && out.contains("picky") && out.contains("--to-file FILE"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    let (code, _, error) = command(&["replay", "--target", "picky"]);
    assert!(code == 1 && error.contains("recovery_replay_target_missing"), "{error}");
    let (code, out, _) = command(&["replay"]);
    assert!(code == 1 && out.contains("DEGRADED") && out.contains("SKIPPED picky"), "{out}");
    let (code, _, error) = command(&["replay", "--limit", "-1"]);
    assert!(code == 2 && error.contains("--limit"), "{error}");
    let (code, out, _) =
        command(&["replay", "--target", "picky", "--to-file", "rest.jsonl", "--format", "json"]);
    let answer = parse(&out).unwrap();
    assert_eq!((code, answer.get("status")), (0, Some(&Value::from("SUCCESS"))));
    let lines = std::fs::read_to_string(dir.path().join("rest.jsonl")).unwrap();
    assert!(lines.lines().count() >= 2 && lines.contains("\"value\":13"), "{lines}");
    assert!(command(&["list"]).1.contains("nothing waits"));

    let gone = "00000000000000000000000000000001:7";
    let line = format!("{{\"replay_ref\":\"{gone}\",\"sink_name\":\"s\",\"last_error\":\"down\"}}\n");
    let letters = workspace.join("recovery/outbox/dead_letter.jsonl");
    std::fs::create_dir_all(letters.parent().unwrap()).unwrap();
    std::fs::write(&letters, &line).unwrap();
    assert!(command(&["list"]).1.contains("s: down (1 facts)"));
    let (_, plan, _) = command(&["requeue", "--dry-run"]);
    assert!(plan.contains("plan: 1 dead letters") && plan.contains(gone), "{plan}");
    assert_eq!(std::fs::read_to_string(&letters).unwrap(), line);
    assert_eq!(command(&["requeue", gone]).0, 0);
    assert!(command(&["list"]).1.contains("queued"));
    assert_eq!(command(&["discard", "--target", "s"]).0, 0);
    assert!(command(&["list"]).1.contains("nothing waits"));
}
