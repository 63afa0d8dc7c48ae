//! Tests of transactions: they run one after another, and each takes effect completely or not at all, even if a process
//! is killed or another one acts in between.

use crate::jobs::{CLAIMS, Job, added, claim, claims, jobs, on, options};
use contexta::engine::progress::Progress;
use contexta::engine::projection::Note;
use contexta::engine::storage::OpenMode;
use contexta::engine::storage::sim::SimDisk;
use contexta::engine::storage::sim::{Fault, Moment};
use contexta::engine::verify::{LogCheck, Outcome};
use contexta::engine::{Condition, Engine, Error, Once, Transaction};
use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn failed_or_panicking_transaction_appends_nothing_and_releases_the_lock() {
    let disk = SimDisk::new(10);
    let engine = on(disk.process(1));
    let failed = engine.transact(|_, transaction| {
        transaction.append(added(1));
        Err::<(), Error>(Error::CommitEmpty)
    });
    assert_eq!(failed.unwrap_err().code(), "commit_empty");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        engine.transact(|_, transaction| -> Result<(), Error> {
            transaction.append(added(2));
            panic!("the judge panics")
        })
    }));
    assert!(panicked.is_err());
    let empty = engine.transact(|view, _| Ok::<_, Error>(jobs(view))).unwrap();
    assert_eq!((empty.value, empty.committed), (vec![], None));
    // Another process can begin a transaction as well.
    let add = |_: &_, transaction: &mut Transaction<Job>| {
        transaction.append(added(3));
        Ok::<(), Error>(())
    };
    on(disk.process(2)).transact(add).unwrap();
    assert_eq!(jobs(&engine.view().unwrap()), [3]);
}

#[test]
fn transaction_is_refused_if_the_file_system_has_no_locks() {
    let disk = SimDisk::new(14);
    disk.set_locks(false);
    let engine = on(disk.process(1));
    let refused = engine.transact(|_, transaction| {
        transaction.append(added(1));
        Ok::<(), Error>(())
    });
    assert_eq!(refused.unwrap_err().code(), "locks_unsupported");
    // Appends need no lock of the workspace.
    engine.append(&added(2)).unwrap();
    assert_eq!(jobs(&engine.view().unwrap()), [2]);
}

#[test]
fn transaction_within_a_transaction_is_refused() {
    let disk = SimDisk::new(11);
    let engine = on(disk.process(1));
    let done = engine.transact(|_, transaction| {
        let inner = engine.transact(|_, _| Ok::<(), Error>(()));
        assert_eq!(inner.unwrap_err().code(), "engine_misused");
        transaction.append(added(1));
        Ok::<(), Error>(())
    });
    assert!(done.unwrap().committed.is_some());
}

#[test]
fn transaction_of_another_process_waits_and_then_fails_with_a_typed_error() {
    let disk = SimDisk::new(12);
    let engine = on(disk.process(1));
    let waiting =
        options("/q").storage(disk.process(2)).transaction_wait(Duration::from_millis(40)).open().unwrap();
    engine
        .transact(|_, transaction| {
            let before = disk.process(3).now();
            let error = waiting.transact(|_, _| Ok::<(), Error>(())).unwrap_err();
            assert_eq!(error.code(), "transaction_busy", "{error}");
            let waited = disk.process(3).now() - before;
            assert!((40_000_000..50_000_000).contains(&waited), "{waited}");
            transaction.append(added(1));
            Ok::<(), Error>(())
        })
        .unwrap();
    assert_eq!(claim(&waiting, 7).unwrap(), Some(1));
}

/// A worker is killed at each of its operations in turn. Another worker then claims the rest.
#[test]
fn kill_at_any_operation_of_a_claim_leaves_no_job_claimed_twice_and_none_unclaimed() {
    let base = SimDisk::new(13);
    on(base.process(1)).append_all(&[added(1), added(2), added(3)]).unwrap();
    for at in 0.. {
        let disk = base.fork();
        let process = disk.spawn(2);
        process.plan(Moment::Operation(at), Fault::Kill);
        let worker = on(process.clone());
        let mut acknowledged = BTreeSet::new();
        while let Ok(Some(id)) = claim(&worker, 2) {
            if process.is_alive() {
                acknowledged.insert(id);
            }
        }
        let survived = process.is_alive();
        let other = on(disk.process(3));
        while claim(&other, 3).unwrap().is_some() {}
        let view = other.view().unwrap();
        for id in 1..=3 {
            let claims = claims(&view, id);
            assert_eq!(claims.len(), 1, "operation {at}: job {id} has the claims {claims:?}");
            assert!(
                !acknowledged.contains(&id) || claims[0].1 == 2,
                "operation {at}: job {id} lost its claim"
            );
        }
        if survived {
            break;
        }
    }
}

/// At each operation of a transaction, another process tries a whole transaction. It claims before, or it finds the
/// lock held.
#[test]
fn transaction_at_any_operation_of_another_one_claims_no_job_twice() {
    let base = SimDisk::new(14);
    on(base.process(1)).append_all(&[added(1), added(2)]).unwrap();
    let mut outcomes = BTreeSet::new();
    for at in 0.. {
        let disk = base.fork();
        let process = disk.spawn(2);
        let other = options("/q").storage(disk.process(3)).transaction_wait(Duration::ZERO).open().unwrap();
        let outcome = Arc::new(Mutex::new(None));
        let told = Arc::clone(&outcome);
        let meanwhile = move || *told.lock().unwrap() = Some(claim(&other, 3).map_err(|e| e.code()));
        process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(meanwhile)));
        let worker = on(process.clone());
        let own = claim(&worker, 2).unwrap();
        let Some(other) = outcome.lock().unwrap().take() else { break };
        assert!(
            own.is_some() && other.as_ref().ok().is_none_or(|id| *id != own),
            "operation {at}: {own:?} {other:?}"
        );
        outcomes.insert(other);
        let view = on(disk.process(4)).view().unwrap();
        for id in 1..=2 {
            assert!(claims(&view, id).len() <= 1, "operation {at}: {:?}", claims(&view, id));
        }
    }
    assert!(outcomes.contains(&Err("transaction_busy")) && outcomes.contains(&Ok(Some(1))), "{outcomes:?}");
}

#[test]
fn lock_file_that_was_replaced_is_opened_again() {
    let disk = SimDisk::new(22);
    let impatient = |process: u32| {
        options("/q").storage(disk.process(process)).transaction_wait(Duration::ZERO).open().unwrap()
    };
    let (engine, other) = (impatient(1), impatient(2));
    let nothing = |engine: &Engine<Job>| engine.transact(|_, _| Ok::<(), Error>(()));
    for _ in 0..2 {
        nothing(&engine).unwrap();
    }
    disk.process(3).remove_file(Path::new("/q/transactions.lock")).unwrap();
    let refused = other.transact(|_, _| Ok::<_, Error>(nothing(&engine).unwrap_err())).unwrap();
    assert_eq!(refused.value.code(), "transaction_busy");
    nothing(&engine).unwrap();
}

#[test]
fn lock_file_that_was_renamed_is_opened_again() {
    let path = Path::new("/q/transactions.lock");
    let disk = SimDisk::new(28);
    let nothing = |engine: &Engine<Job>| engine.transact(|_, _| Ok::<(), Error>(()));
    let process = disk.spawn(1);
    let engine = options("/q").storage(process.clone()).transaction_wait(Duration::ZERO).open().unwrap();
    nothing(&engine).unwrap();
    disk.advance(3_000_000_000);
    nothing(&engine).unwrap();
    let before = process.operations();
    nothing(&engine).unwrap();
    let usual = process.operations() - before;
    disk.process(3).rename(path, Path::new("/q/other.lock")).unwrap();
    let other = on(disk.process(2));
    let refused = other.transact(|_, _| Ok::<_, Error>(nothing(&engine).unwrap_err())).unwrap();
    assert_eq!(refused.value.code(), "transaction_busy");
    nothing(&engine).unwrap();
    let before = process.operations();
    nothing(&engine).unwrap();
    assert_eq!(process.operations() - before, usual);
}

/// A directory above the lock file is renamed, and a copy takes its place. Transactions at the path exclude each other.
#[test]
fn lock_file_in_an_exchanged_directory_is_opened_again() {
    let disk = SimDisk::new(41);
    let nothing = |engine: &Engine<Job>| engine.transact(|_, _| Ok::<(), Error>(()));
    let engine = options("/a/q").storage(disk.process(1)).transaction_wait(Duration::ZERO).open().unwrap();
    engine.append(&added(0)).unwrap();
    for _ in 0..2 {
        nothing(&engine).unwrap();
        disk.advance(3_000_000_000);
    }
    for (path, moved) in [("/a/q", "/a/old"), ("/a", "/b")] {
        disk.process(3).rename(Path::new(path), Path::new(moved)).unwrap();
        disk.copy_tree(Path::new(moved), Path::new(path));
        let other = options("/a/q").storage(disk.process(2)).open().unwrap();
        let refused = other.transact(|_, _| Ok::<_, Error>(nothing(&engine).unwrap_err())).unwrap();
        assert_eq!(refused.value.code(), "transaction_busy", "{path}");
        drop(other);
        nothing(&engine).unwrap();
        disk.advance(3_000_000_000);
        nothing(&engine).unwrap();
    }
}

/// A transaction waits for the lock. At each of its operations in turn, the lock file is replaced and the lock of the
/// old file is released.
#[test]
fn lock_file_that_is_replaced_during_the_wait_for_its_lock_is_opened_again() {
    let path = Path::new("/q/transactions.lock");
    let nothing = |engine: &Engine<Job>| engine.transact(|_, _| Ok::<(), Error>(()));
    for at in 0..12 {
        let disk = SimDisk::new(25);
        nothing(&on(disk.process(1))).unwrap();
        let storage = disk.process(2);
        let held = storage.open(path, OpenMode::ReadWrite).unwrap();
        assert!(held.try_lock().unwrap());
        let process = disk.spawn(3);
        let replace = move || {
            storage.remove_file(path).unwrap();
            drop(held);
        };
        process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(replace)));
        let engine = on(process.clone());
        let other = options("/q").storage(disk.process(4)).transaction_wait(Duration::ZERO).open().unwrap();
        let refused = engine.transact(|_, _| Ok::<_, Error>(nothing(&other).unwrap_err())).unwrap();
        assert_eq!(refused.value.code(), "transaction_busy", "operation {at}");
    }
}

/// The lock file and the segment stay open, no directory is listed, and the engine does not read its own entries from the
/// file. The six operations are: lock; read the metadata of the lock file, of the log directory and of the segment; write
/// a frame; unlock.
#[test]
fn transaction_performs_six_operations_if_no_other_process_appends() {
    let disk = SimDisk::new(23);
    let process = disk.spawn(1);
    let engine = on(process.clone());
    // There must be so many entries that no generation is published later.
    engine.append_all(&(0..60).map(added).collect::<Vec<Job>>()).unwrap();
    claim(&engine, 1).unwrap();
    disk.advance(3_000_000_000);
    claim(&engine, 1).unwrap();
    for _ in 0..3 {
        let before = process.operations();
        assert!(claim(&engine, 1).unwrap().is_some());
        assert_eq!(process.operations() - before, 6);
    }
}

/// A process that opens the tables applies the entries that were not published: at most a tenth of the published ones,
/// or half of them and at most 4,096.
#[test]
fn entries_after_the_published_tables_are_limited() {
    let disk = SimDisk::new(27);
    let engine = on(disk.process(1));
    let generation = || {
        let is_generation = |path: &PathBuf| path.extension().is_some_and(|e| e == "gen");
        disk.paths().into_iter().find(is_generation)
    };
    let (mut published, mut publications, mut newest) = (0, 0, None);
    for id in 0..10_000 {
        engine.append(&added(id)).unwrap();
        engine.view().unwrap();
        let entries = id + 1;
        if generation() != newest {
            (published, newest) = (entries, generation());
            publications += 1;
        }
        let limit = (published / 10).max((published / 2).min(4096));
        assert!(entries - published <= limit, "{entries} entries, {published} of them published");
    }
    assert!(publications < 30, "{publications} publications");
}

/// The rows of recent entries are in memory. A view that is kept does not contain later rows.
#[test]
fn tables_of_many_small_transactions_equal_rebuilt_tables() {
    let disk = SimDisk::new(26);
    let engine = on(disk.process(1));
    let mut kept = Vec::new();
    for id in 0..1500 {
        engine
            .transact(|_, transaction| {
                transaction.append(added(id));
                Ok::<(), Error>(())
            })
            .unwrap();
        if id % 500 < 3 {
            kept.push((id, engine.view().unwrap()));
        }
    }
    for (id, view) in kept {
        assert_eq!(jobs(&view), (0..=id).collect::<Vec<_>>());
    }
    let digest = engine.digest().unwrap();
    assert_eq!(on(disk.process(2)).digest().unwrap(), digest);
    engine.rebuild(Progress::none()).unwrap();
    assert_eq!(engine.digest().unwrap(), digest);
}

/// A catch-up that reads the open segment reads the last applied frame again, and thus detects a change of this frame. A
/// catch-up that takes few new entries from memory returns the entries as they were appended.
#[test]
fn change_of_the_last_frame_in_the_open_segment_leads_to_a_rebuild() {
    let disk = SimDisk::new(24);
    let engine = on(disk.process(1));
    for id in 0..3 {
        engine.append(&added(id)).unwrap();
        assert_eq!(jobs(&engine.view().unwrap()), (0..=id).collect::<Vec<_>>());
    }
    let is_segment =
        |path: &PathBuf| path.starts_with("/q/log") && path.extension().is_some_and(|e| e == "seg");
    let segment = disk.paths().into_iter().find(is_segment).unwrap();
    let mut bytes = disk.read(&segment).unwrap();
    let last = bytes.windows(4).rposition(|bytes| bytes == b"CxF1").unwrap();
    bytes[last + 50] ^= 1;
    disk.overwrite_with_old_time(&segment, bytes);
    engine.append(&added(3)).unwrap();
    assert_eq!(jobs(&engine.view().unwrap()), [0, 1, 2, 3]);
    disk.overwrite_with_old_time(&segment, {
        let mut bytes = disk.read(&segment).unwrap();
        let last = bytes.windows(4).rposition(|bytes| bytes == b"CxF1").unwrap();
        bytes[last + 50] ^= 1;
        bytes
    });
    // So many entries are not kept in memory.
    engine.append_all(&(4..400).map(added).collect::<Vec<Job>>()).unwrap();
    let view = engine.view().unwrap();
    assert_eq!(jobs(&view), (0..2).chain(4..400).collect::<Vec<_>>());
    assert!(view.notes().iter().any(|note| matches!(note, Note::Gap(_))), "{:?}", view.notes());
}

/// The metadata of the open segment shows that the file was removed or truncated. The entries in memory are then not
/// returned, because the log does not contain them.
#[test]
fn entries_of_a_removed_or_truncated_open_segment_are_not_returned() {
    for is_removed in [true, false] {
        let disk = SimDisk::new(29);
        let engine = on(disk.process(1));
        engine.append(&added(0)).unwrap();
        assert_eq!(jobs(&engine.view().unwrap()), [0]);
        engine.append(&added(1)).unwrap();
        let is_segment =
            |path: &PathBuf| path.starts_with("/q/log") && path.extension().is_some_and(|e| e == "seg");
        let segment = disk.paths().into_iter().find(is_segment).unwrap();
        let storage = disk.process(2);
        if is_removed {
            storage.remove_file(&segment).unwrap();
        } else {
            let bytes = disk.read(&segment).unwrap();
            let last = bytes.windows(4).rposition(|bytes| bytes == b"CxF1").unwrap() as u64;
            storage.open(&segment, OpenMode::ReadWrite).unwrap().set_len(last).unwrap();
        }
        let view = engine.view().unwrap();
        assert_eq!(jobs(&view), if is_removed { vec![] } else { vec![0] });
    }
}

/// The write of a transaction fails: completely, after half of its bytes, or after all of them. The entries are in no
/// view, also if the next transaction of the same engine takes its entries from memory.
#[test]
fn entries_of_a_failed_write_are_in_no_view() {
    let faults: [fn() -> Vec<Fault>; 3] = [
        || vec![Fault::Error(io::ErrorKind::Other)],
        || vec![Fault::Short, Fault::Error(io::ErrorKind::Other)],
        || vec![Fault::ErrorAfter(io::ErrorKind::Other)],
    ];
    for (n, faults) in faults.into_iter().enumerate() {
        let disk = SimDisk::new(30);
        let process = disk.spawn(1);
        let engine = on(process.clone());
        let add = |id: u32| {
            engine.transact(|_, transaction| {
                transaction.append(added(id));
                Ok::<(), Error>(())
            })
        };
        // No generation is published later, so the next change is the write.
        engine.append_all(&(0..60).map(added).collect::<Vec<Job>>()).unwrap();
        add(60).unwrap();
        for (at, fault) in (process.changes()..).zip(faults()) {
            process.plan(Moment::Change(at), fault);
        }
        let error = add(61).unwrap_err();
        assert!(process.has_passed_plans());
        assert!(error.to_string().contains("append to segment"), "{error}");
        let expected: Vec<u32> = (0..61).chain(n as u32 + 100..n as u32 + 102).collect();
        for id in &expected[61..] {
            add(*id).unwrap();
        }
        assert_eq!(jobs(&engine.view().unwrap()), expected, "fault {n}");
        assert_eq!(jobs(&on(disk.process(2)).view().unwrap()), expected, "fault {n}");
    }
}

/// A view fails after it has taken the recorded entries of its process, at each of its operations in turn. The next views
/// contain all entries nevertheless.
#[test]
fn entries_of_a_failed_view_are_in_the_next_view() {
    let base = SimDisk::new(31);
    on(base.process(1)).append_all(&(100..160).map(added).collect::<Vec<Job>>()).unwrap();
    let mut failures = 0;
    for at in 0.. {
        let disk = base.fork();
        let process = disk.spawn(2);
        let engine = on(process.clone());
        engine.append(&added(0)).unwrap();
        engine.view().unwrap();
        engine.append(&added(1)).unwrap();
        process.plan(Moment::Operation(process.operations() + at), Fault::Error(io::ErrorKind::Other));
        let failed = engine.view();
        if !process.has_passed_plans() {
            break;
        }
        failures += u32::from(failed.is_err());
        for id in 2..4 {
            engine.append(&added(id)).unwrap();
            let expected: Vec<u32> = (0..=id).chain(100..160).collect();
            assert_eq!(jobs(&engine.view().unwrap()), expected, "operation {at}");
        }
        assert_eq!(engine.digest().unwrap(), on(disk.process(3)).digest().unwrap());
    }
    assert!(failures > 0);
}

/// The transactions of two engines alternate, with appends in between. Each transaction sees all entries before it.
#[test]
fn transactions_see_what_another_engine_appended_in_between() {
    let disk = SimDisk::new(32);
    let engines = [on(disk.process(1)), on(disk.process(2))];
    let mut expected = Vec::new();
    for id in 0..60 {
        let engine = &engines[id as usize % 7 % 2];
        let seen = engine.transact(|view, transaction| {
            transaction.append(added(id));
            Ok::<_, Error>(jobs(view))
        });
        assert_eq!(seen.unwrap().value, expected);
        expected.push(id);
        if id % 5 == 0 {
            engines[id as usize % 2].append(&added(1000 + id)).unwrap();
            expected.push(1000 + id);
        }
        expected.sort_unstable();
        disk.advance(if id % 9 == 0 { 3_000_000_000 } else { 1 });
    }
}

#[test]
fn threads_claim_each_job_once() {
    const JOBS: u32 = 60;
    let disk = SimDisk::new(15);
    let engine = options("/q").storage(disk.process(1)).transaction_wait(Duration::MAX).open().unwrap();
    engine.append_all(&(0..JOBS).map(added).collect::<Vec<Job>>()).unwrap();
    let claimed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (engine, claimed) = (&engine, &claimed);
            scope.spawn(move || {
                while let Some(id) = claim(engine, worker).unwrap() {
                    claimed.lock().unwrap().push(id);
                }
            });
        }
    });
    let mut claimed = claimed.into_inner().unwrap();
    claimed.sort_unstable();
    assert_eq!(claimed, (0..JOBS).collect::<Vec<u32>>());
}

#[test]
fn append_on_a_condition_is_refused_if_the_condition_does_not_hold() {
    let disk = SimDisk::new(16);
    let engine = on(disk.process(1));
    let by = |worker: u32| Job::Claimed { id: 1, worker };
    let absent = Condition::absent(CLAIMS, &1);
    let first = engine.append_if(&absent, by(1)).unwrap().unwrap().first;
    assert_eq!(on(disk.process(2)).append_if(&absent, by(2)).unwrap(), None);
    let is_first = Condition::version(CLAIMS, &1, first);
    let second = engine.append_if(&is_first, by(3)).unwrap().unwrap().first;
    // The claims do not replace each other, so they are in conflict now.
    for condition in [&is_first, &Condition::version(CLAIMS, &1, second), &absent] {
        assert_eq!(engine.append_if(condition, by(4)).unwrap(), None, "{condition:?}");
    }
    assert_eq!(engine.append_if(&Condition::version(CLAIMS, &2, first), by(4)).unwrap(), None);
    assert_eq!(claims(&engine.view().unwrap(), 1), [(first, 1), (second, 3)]);
}

#[test]
fn event_with_a_known_idempotency_key_is_appended_once() {
    let disk = SimDisk::new(17);
    let event = |id: u32| Job::Added { id, request: Some("request-1".into()) };
    let engine = on(disk.process(1));
    let Once::Appended(stamp) = engine.append_once(event(1)).unwrap() else { panic!("the key is new") };
    for process in 2..4 {
        let engine = on(disk.process(process));
        // The first event with the key counts, whatever the content of a later one.
        assert_eq!(engine.append_once(event(process)).unwrap(), Once::Known(stamp));
        engine.rebuild(contexta::engine::progress::Progress::none()).unwrap();
    }
    assert_eq!(jobs(&engine.view().unwrap()), [1]);
    assert_eq!(engine.append_once(added(5)).unwrap_err().code(), "engine_misused");
}

/// Returns a disk with an engine in `/q` whose segment with `request-1` is damaged, and an intact copy in `/copy`.
fn damaged_with_copy() -> SimDisk {
    let disk = SimDisk::new(21);
    let engine = on(disk.process(1));
    for (id, request) in [(1, Some("request-1".to_owned())), (2, None), (3, None)] {
        engine.append(&Job::Added { id, request }).unwrap();
    }
    engine.close().unwrap();
    drop(engine);
    on(disk.process(2)).rebuild(Progress::none()).unwrap();
    options("/copy").storage(disk.process(3)).open().unwrap().merge("/q", Progress::none()).unwrap();
    let is_segment = |path: &PathBuf| path.starts_with("/q") && path.extension().is_some_and(|e| e == "seg");
    let segment = disk.paths().into_iter().find(is_segment).unwrap();
    let mut bytes = disk.read(&segment).unwrap();
    let at = bytes.windows(9).position(|bytes| bytes == b"request-1").unwrap();
    bytes[at] ^= 1;
    disk.overwrite(&segment, bytes);
    disk
}

#[test]
fn conditions_are_refused_while_entries_are_missing_until_a_merge_restores_them() {
    let disk = damaged_with_copy();
    let engine = on(disk.process(4));
    let event = || Job::Added { id: 1, request: Some("request-1".into()) };
    let claimed = Job::Claimed { id: 1, worker: 1 };
    let absent = Condition::absent(CLAIMS, &1);
    assert_eq!(engine.append_once(event()).unwrap_err().code(), "view_incomplete");
    let refused = engine.append_if(&absent, claimed.clone()).unwrap_err();
    assert!(refused.to_string().contains("sequence number 1"), "{refused}");
    // A transaction judges by itself.
    let judged = engine.transact(|view, _| Ok::<_, Error>(view.notes().len())).unwrap();
    assert!(judged.value > 0);
    engine.merge("/copy", Progress::none()).unwrap();
    assert!(matches!(engine.append_once(event()).unwrap(), Once::Known(_)));
    assert!(engine.append_if(&absent, claimed).unwrap().is_some());
}

#[test]
fn conditions_are_permitted_if_missing_entries_are_accepted() {
    let disk = damaged_with_copy();
    let engine = options("/q").storage(disk.process(4)).accept_missing_entries().open().unwrap();
    let event = Job::Added { id: 1, request: Some("request-1".into()) };
    assert!(matches!(engine.append_once(event).unwrap(), Once::Appended(_)));
}

/// A rebuild because entries were restored is not damage.
#[test]
fn verification_after_a_merge_that_restores_entries_finds_nothing() {
    let disk = damaged_with_copy();
    // The published tables lack the damaged entry.
    assert!(on(disk.process(4)).rebuild(Progress::none()).unwrap().entries < 3);
    on(disk.process(5)).merge("/copy", Progress::none()).unwrap();
    let verified = on(disk.process(6)).verify(&LogCheck::default()).unwrap();
    assert_eq!(verified.outcome(), Outcome::Whole, "{verified:?}");
    assert_eq!(verified.log.entries(), 3);
}

/// A kill at any operation of the first append leaves either no entry or one, and the repetition makes it one.
#[test]
fn repeated_append_after_a_kill_at_any_operation_leaves_one_entry() {
    let base = SimDisk::new(18);
    on(base.process(1)).append(&added(9)).unwrap();
    let event = || Job::Added { id: 1, request: Some("request-1".into()) };
    for at in 0.. {
        let disk = base.fork();
        let process = disk.spawn(2);
        process.plan(Moment::Operation(at), Fault::Kill);
        let _ = on(process.clone()).append_once(event());
        let engine = on(disk.process(3));
        engine.append_once(event()).unwrap();
        let keyed = contexta::engine::log::ordered::OrderedReader::open(
            &disk.process(4),
            std::path::Path::new("/q/log"),
            engine.view().unwrap().log_position().unwrap(),
        );
        assert_eq!(keyed.unwrap().count(), 2, "operation {at}");
        if process.is_alive() {
            break;
        }
    }
}

#[test]
fn transaction_is_refused_while_a_stream_cannot_be_read() {
    let disk = SimDisk::new(19);
    on(disk.process(1)).append(&added(1)).unwrap();
    let process = disk.spawn(2);
    let worker = on(process.clone());
    assert_eq!(claim(&worker, 2).unwrap(), Some(1));
    let mut refused = 0;
    // Errors at each operation: whatever fails, no job is claimed on the basis of a part of the log.
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(3);
        process.plan(Moment::Operation(at), Fault::Error(std::io::ErrorKind::PermissionDenied));
        let result = claim(&on(process.clone()), 3);
        assert!(!matches!(result, Ok(Some(_))), "operation {at}: {result:?}");
        refused += u32::from(result.is_err_and(|e| e.code() == "view_incomplete"));
        if !process.has_passed_plans() {
            break;
        }
    }
    assert!(refused > 0, "no operation read the stream");
}

#[test]
fn merge_waits_for_the_end_of_a_transaction() {
    let disk = SimDisk::new(20);
    let engine = on(disk.process(1));
    options("/elsewhere").storage(disk.process(2)).open().unwrap().append(&added(5)).unwrap();
    let merging = options("/q").storage(disk.process(3)).transaction_wait(Duration::ZERO).open().unwrap();
    let progress = contexta::engine::progress::Progress::none();
    engine
        .transact(|_, transaction| {
            transaction.append(added(1));
            assert_eq!(merging.merge("/elsewhere", progress).unwrap_err().code(), "transaction_busy");
            Ok::<(), Error>(())
        })
        .unwrap();
    merging.merge("/elsewhere", progress).unwrap();
    assert_eq!(jobs(&engine.view().unwrap()), [1, 5]);
}
