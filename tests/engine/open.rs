//! Tests of opening, appending, views, and the operations on the whole log.

use crate::jobs::{Job, added, claim, claims, jobs, on, options};
use contexta::engine::entry::Stamp;
use contexta::engine::log::Durability;
use contexta::engine::progress::Progress;
use contexta::engine::projection::view::View;
use contexta::engine::projection::{Note, RebuildReason};
use contexta::engine::storage::sim::SimDisk;
use contexta::engine::subscribe::{CursorFile, Handler, HandlerOptions, Item, SubscribeOptions, run_handler};
use contexta::engine::verify::{LogCheck, Outcome};
use contexta::engine::{Engine, Error};
use std::time::Duration;

#[test]
fn view_contains_the_appended_events_of_all_processes_and_remains_unchanged() {
    let disk = SimDisk::new(1);
    let (one, other) = (on(disk.process(1)), on(disk.process(2)));
    assert!(disk.paths().is_empty(), "nothing is created before the first append");
    one.append(&added(3)).unwrap();
    other.append_all(&[added(1), added(2)]).unwrap();
    let view = one.view().unwrap();
    assert_eq!(jobs(&view), [1, 2, 3]);
    // A batched append is visible to the process that made it.
    let done = one.append_with(&[added(4)], Durability::Batched).unwrap();
    assert_eq!(done.durability, Durability::Batched);
    let later = one.view().unwrap();
    one.rebuild(Progress::none()).unwrap();
    assert_eq!((jobs(&view), jobs(&later)), (vec![1, 2, 3], vec![1, 2, 3, 4]));
    let elsewhere = std::thread::spawn(move || jobs(&later)).join().unwrap();
    assert_eq!(elsewhere, [1, 2, 3, 4]);
}

#[test]
fn appends_after_a_view_have_later_times_than_its_entries() {
    let disk = SimDisk::new(2);
    let (one, other) = (on(disk.process(1)), on(disk.process(2)));
    // The clock of the first process is ahead of the wall clock by the number of its appends.
    let ahead = one.append_all(&vec![added(1); 1000]).unwrap();
    other.view().unwrap();
    assert!(other.append(&added(2)).unwrap().time > ahead.first.time + 999);
}

#[test]
fn engine_opened_for_reading_refuses_every_write() {
    let disk = SimDisk::new(3);
    on(disk.process(1)).append(&added(1)).unwrap();
    let before = disk.paths();
    let engine = options("/q").storage(disk.process(2)).read_only().open().unwrap();
    assert_eq!(jobs(&engine.view().unwrap()), [1]);
    let errors = [
        engine.append(&added(2)).map(drop).unwrap_err(),
        claim(&engine, 1).map(drop).unwrap_err(),
        engine.append_once(added(1)).map(drop).unwrap_err(),
        engine.rebuild(Progress::none()).map(drop).unwrap_err(),
        engine.merge("/other", Progress::none()).map(drop).unwrap_err(),
    ];
    let codes: Vec<&str> = errors.iter().map(|e| e.code()).collect();
    assert_eq!(
        codes,
        ["engine_read_only", "engine_read_only", "engine_misused", "engine_read_only", "engine_read_only"]
    );
    assert_eq!(disk.paths(), before, "nothing is written");
}

#[test]
fn missing_or_invalid_domain_is_an_error_of_open() {
    let missing = Engine::<Job>::options("/q").open().unwrap_err();
    let invalid = Engine::<Job>::options("/q").domain("Jobs!", 1).open().unwrap_err();
    for error in [missing, invalid] {
        assert_eq!(error.code(), "engine_misused", "{error}");
    }
}

#[test]
fn merge_copies_the_entries_of_another_engine_once() {
    let disk = SimDisk::new(4);
    let one = on(disk.process(1));
    let other = options("/elsewhere").storage(disk.process(2)).open().unwrap();
    one.append(&added(1)).unwrap();
    other.append(&added(2)).unwrap();
    let merged = one.merge("/elsewhere", Progress::none()).unwrap();
    let [stream] = merged.streams.as_slice() else { panic!("{merged}") };
    let expected = format!("stream {}: copied, {} bytes written", stream.stream, stream.bytes);
    assert_eq!(merged.to_string(), expected);
    let missing = one.merge("/nowhere", Progress::none()).unwrap_err();
    assert_eq!(missing.code(), "storage_not_found");
    let digest = one.digest().unwrap();
    one.merge("/elsewhere", Progress::none()).unwrap();
    assert_eq!(jobs(&one.view().unwrap()), [1, 2]);
    assert_eq!(one.digest().unwrap(), digest);
    assert_eq!(jobs(&other.view().unwrap()), [2], "the other engine is only read");
}

#[test]
fn verification_finds_a_removed_segment_by_its_saved_head() {
    let disk = SimDisk::new(6);
    let engine = options("/q").storage(disk.process(1)).segment_bytes_max(8192).open().unwrap();
    for id in 0..400 {
        engine.append(&added(id)).unwrap();
    }
    engine.close().unwrap();
    let heads = engine.heads().unwrap();
    assert_eq!((heads.problems.len(), heads.notes.len()), (0, 0));
    let heads = heads.heads;
    let check = LogCheck { heads, ..LogCheck::default() };
    let whole = engine.verify(&check).unwrap();
    assert_eq!((whole.outcome(), whole.log.entries(), whole.log.heads), (Outcome::Whole, 400, 1));
    let last = disk.paths().into_iter().rfind(|path| path.extension().is_some_and(|e| e == "seg")).unwrap();
    disk.process(2).remove_file(&last).unwrap();
    let damaged = on(disk.process(3)).verify(&check).unwrap();
    let codes: Vec<&str> = damaged.log.problems.iter().map(|p| p.code).collect();
    assert_eq!((damaged.outcome(), codes), (Outcome::Damaged, vec!["entries_missing"]));
}

#[test]
fn view_as_of_a_stamp_has_the_claims_up_to_it() {
    let disk = SimDisk::new(7);
    let engine = on(disk.process(1));
    engine.append_all(&[added(1), added(2)]).unwrap();
    claim(&engine, 5).unwrap();
    let then = engine.append(&added(3)).unwrap();
    claim(&engine, 5).unwrap();
    let view = engine.view().unwrap();
    let past = view.as_of(then);
    assert_eq!([1, 2].map(|id| claims(&past, id).len()), [1, 0]);
    // A view as of a time includes an entry at exactly this time. It does not include an entry one nanosecond later.
    let first = [1, 2].map(|id| claims(&view, id)[0].0);
    let at = |time| [1, 2].map(|id| claims(&view.as_of(Stamp::last_at(time)), id).len());
    let nanosecond = Duration::from_nanos(1);
    for (n, stamp) in first.into_iter().enumerate() {
        let time = stamp.since_epoch();
        assert_eq!(at(time)[n], 1);
        assert_eq!(at(time - nanosecond)[n], 0);
    }
    assert_eq!(at(first[0].since_epoch()), [1, 0]);
    assert_eq!([1, 2].map(|id| claims(&view, id).len()), [1, 1]);
}

/// Counts the entries that it handles.
struct Counter(u32);

impl Handler<Job> for Counter {
    type Error = Error;

    fn handle(&mut self, _: Stamp, _: Job) -> Result<(), Error> {
        self.0 += 1;
        Ok(())
    }

    fn handle_other(&mut self, _: &Item<Job>) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn handler_with_a_cursor_file_in_a_directory_of_the_engine_handles_nothing() {
    let disk = SimDisk::new(14);
    let engine = on(disk.process(1));
    engine.append(&added(1)).unwrap();
    let mut counter = Counter(0);
    let mut run = |path: &str| {
        let mut items = engine.subscribe(SubscribeOptions { wait: Duration::ZERO, ..Default::default() });
        let cursor = CursorFile::on(disk.process(2), path);
        run_handler(&mut items, &cursor, &mut counter, HandlerOptions::default())
    };
    for path in ["/q/log/x", "/q/projections/x", "/q/recovery/quarantine/x"] {
        assert_eq!(run(path).unwrap_err().code(), "cursor_misplaced", "{path}");
        assert_eq!(disk.read(path.as_ref()), None);
    }
    assert_eq!(run("/q/x").unwrap().entries, 1);
    assert_eq!(counter.0, 1);
}

#[test]
fn damage_that_a_kept_view_finds_is_repaired_by_the_next_view() {
    let disk = SimDisk::new(5);
    let engine = on(disk.process(1));
    engine.append(&added(1)).unwrap();
    let view = engine.view().unwrap();
    assert_eq!(view.damaged("a row has no id").code(), "projection_unusable");
    let is_rebuild = |view: &View| {
        let damaged = |n: &Note| matches!(n, Note::Rebuilt { reason: RebuildReason::Damaged(_), .. });
        view.notes().iter().any(damaged)
    };
    let next = engine.view().unwrap();
    assert!(is_rebuild(&next) && !is_rebuild(&engine.view().unwrap()), "{:?}", next.notes());
    assert_eq!(jobs(&next), [1]);
}
