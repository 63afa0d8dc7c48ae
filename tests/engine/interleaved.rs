//! Random sequences of appends and transactions of two engines on one simulated disk, compared with a model in memory.
//! Operations fail, processes are killed, and engines are opened again. Further sequences model the threads of one
//! process, which wait for each other.

use crate::jobs::{CLAIMS, Job, claims, jobs, options};
use crate::own_entries::parts;
use contexta::engine::entry::Stamp;
use contexta::engine::progress::Progress;
use contexta::engine::projection::Note;
use contexta::engine::projection::view::View;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess};
use contexta::engine::{Condition, Durability, Engine, Error, Once, Result, Transaction};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// An operation of one of the two engines.
#[derive(Debug, Clone)]
enum Operation {
    /// Appends jobs as one commit.
    Append(u32, Durability),
    /// Claims the first job that is not claimed, in a transaction.
    Claim,
    /// Adds events to a transaction, which then fails.
    Refuse,
    /// Claims the job with this number among the jobs of the model, if no claim exists.
    ClaimIf(prop::sample::Index),
    /// Appends a job with one of a few idempotency keys.
    Once(u8),
    /// Compares a view with the model.
    View,
    /// Plans a fault at one of the next operations of the process; if `true`, at one of its next changes.
    Fail(u64, bool, Failure),
    /// Closes the stream of the engine. The next append opens a stream again.
    Close,
    /// Opens the engine again. If `true`, the process is killed before; otherwise the engine is closed.
    Reopen(bool),
    /// Advances the clock by some milliseconds.
    Advance(i64),
}

#[derive(Debug, Clone, Copy)]
enum Failure {
    Before,
    After,
    Kill,
}

impl Failure {
    fn fault(self) -> Fault {
        match self {
            Failure::Before => Fault::Error(io::ErrorKind::Other),
            Failure::After => Fault::ErrorAfter(io::ErrorKind::Other),
            Failure::Kill => Fault::Kill,
        }
    }
}

fn operations() -> impl Strategy<Value = Operation> {
    let durability = prop_oneof![
        4 => Just(Durability::Flush),
        1 => Just(Durability::Fsync),
        1 => Just(Durability::Batched)
    ];
    let count = prop_oneof![12 => 1u32..4, 1 => Just(300)];
    let failure = prop_oneof![Just(Failure::Before), Just(Failure::After), Just(Failure::Kill)];
    prop_oneof![
        6 => (count, durability).prop_map(|(count, durability)| Operation::Append(count, durability)),
        8 => Just(Operation::Claim),
        1 => Just(Operation::Refuse),
        2 => any::<prop::sample::Index>().prop_map(Operation::ClaimIf),
        3 => (0u8..6).prop_map(Operation::Once),
        3 => Just(Operation::View),
        1 => (0u64..3, failure.clone()).prop_map(|(after, failure)| Operation::Fail(after, true, failure)),
        3 => (0u64..12, failure).prop_map(|(after, failure)| Operation::Fail(after, false, failure)),
        1 => Just(Operation::Close),
        1 => any::<bool>().prop_map(Operation::Reopen),
        1 => prop_oneof![Just(5), Just(3000)].prop_map(Operation::Advance),
    ]
}

/// The entries that the log must, may and must not contain.
#[derive(Debug, Default)]
struct Model {
    /// The ids of the jobs that every view contains.
    added: BTreeSet<u32>,
    /// The claims that every view contains: the stamp, the job, and the worker.
    claimed: Vec<(Stamp, u32, u32)>,
    /// The jobs whose append failed, and was not a failed sync. No view contains them.
    refused: BTreeSet<u32>,
    /// The jobs that views may contain: their append failed with a sync, or they were buffered.
    uncertain: BTreeSet<u32>,
    /// The stamp and the job of each known idempotency key.
    keys: BTreeMap<u8, (Stamp, u32)>,
    next: u32,
}

/// An engine in a process of its own, and the jobs that it has buffered.
struct Worker {
    number: u32,
    process: Arc<SimProcess>,
    engine: Engine<Job>,
    buffered: BTreeSet<u32>,
}

struct Site {
    disk: SimDisk,
    segment_bytes_max: u64,
    processes: u32,
}

impl Site {
    fn open(&mut self) -> (Arc<SimProcess>, Engine<Job>) {
        self.processes += 1;
        let process = self.disk.spawn(self.processes);
        let engine = options("/q").storage(process.clone()).segment_bytes_max(self.segment_bytes_max);
        (process, engine.open().unwrap())
    }

    fn worker(&mut self, number: u32) -> Worker {
        let (process, engine) = self.open();
        Worker { number, process, engine, buffered: BTreeSet::new() }
    }
}

impl Worker {
    /// Performs an operation, and updates the model. If the process was killed, the engine is opened in a new process.
    fn perform(&mut self, operation: &Operation, site: &mut Site, model: &mut Model) {
        match operation {
            Operation::Append(count, durability) => self.append(*count, *durability, model),
            Operation::Claim => self.claim(model),
            Operation::Refuse => self.refuse(model),
            Operation::ClaimIf(index) => self.claim_if(*index, model),
            Operation::Once(key) => self.once(*key, model),
            Operation::View => {
                if let Ok(view) = self.engine.view() {
                    self.written(model);
                    model.check(&view);
                    // The tables of a new process are derived from the files.
                    let (_, other) = site.open();
                    if self.process.has_passed_plans() && self.process.is_alive() {
                        assert_eq!(self.engine.digest().unwrap(), other.digest().unwrap());
                    }
                }
            }
            // Two faults can leave the bytes of a failed write in the log.
            Operation::Fail(..) if !self.process.has_passed_plans() => {}
            Operation::Fail(after, is_change, failure) => {
                let (changes, operations) = (self.process.changes(), self.process.operations());
                let moment = match is_change {
                    true => Moment::Change(changes + after),
                    false => Moment::Operation(operations + after),
                };
                self.process.plan(moment, failure.fault());
            }
            Operation::Close => {
                if self.engine.close().is_ok() {
                    self.written(model);
                }
            }
            Operation::Reopen(is_killed) => {
                if *is_killed {
                    site.disk.kill(site_id(&self.process));
                } else if self.engine.close().is_ok() {
                    self.written(model);
                }
                self.reopen(site);
            }
            Operation::Advance(milliseconds) => site.disk.advance(milliseconds * 1_000_000),
        }
        if !self.process.is_alive() {
            self.reopen(site);
        }
    }

    fn reopen(&mut self, site: &mut Site) {
        *self = site.worker(self.number);
    }

    /// Records that the buffered jobs were written.
    fn written(&mut self, model: &mut Model) {
        model.added.append(&mut self.buffered);
    }

    fn append(&mut self, count: u32, durability: Durability, model: &mut Model) {
        let ids: BTreeSet<u32> = (0..count).map(|_| model.new_id()).collect();
        let events: Vec<Job> = ids.iter().map(|id| Job::Added { id: *id, request: None }).collect();
        match self.engine.append_with(&events, durability) {
            Ok(_) if durability == Durability::Batched => {
                // Also an operation that fails may write the buffer.
                model.uncertain.extend(&ids);
                self.buffered.extend(ids);
            }
            Ok(_) => {
                self.written(model);
                model.added.extend(ids);
            }
            Err(_) if durability == Durability::Fsync => {
                model.uncertain.extend(ids);
                self.buffered.clear();
            }
            Err(_) => model.refused.extend(ids),
        }
    }

    fn claim(&mut self, model: &mut Model) {
        let worker = self.number;
        let done = self.engine.transact(|view, transaction| {
            let free = jobs(view).into_iter().find(|id| claims(view, *id).is_empty());
            transaction.append(Job::Claimed { id: free.unwrap_or(u32::MAX), worker });
            Ok::<_, Error>((free, jobs(view), view.latest()))
        });
        let Ok(done) = done else { return };
        self.written(model);
        let (free, found, latest) = done.value;
        // The transaction has seen everything that was appended before.
        assert_eq!(model.added.difference(&found.into_iter().collect()).next(), None);
        let committed = done.committed.unwrap();
        assert!(committed.first.time > latest);
        if let Some(id) = free {
            assert_eq!(model.claimed.iter().find(|(_, claimed, _)| *claimed == id), None, "claimed twice");
            model.claimed.push((committed.first, id, worker));
        }
    }

    fn refuse(&mut self, model: &mut Model) {
        let ids = [model.new_id(), model.new_id()];
        let refused = self.engine.transact(|_, transaction: &mut Transaction<Job>| {
            ids.iter().for_each(|id| transaction.append(Job::Added { id: *id, request: None }));
            Err::<(), Error>(Error::CommitEmpty)
        });
        refused.unwrap_err();
        model.refused.extend(ids);
    }

    fn claim_if(&mut self, index: prop::sample::Index, model: &mut Model) {
        let known: Vec<u32> = model.added.iter().copied().collect();
        if known.is_empty() {
            return;
        }
        let (id, worker) = (*index.get(&known), self.number);
        let done = self.engine.append_if(&Condition::absent(CLAIMS, &id), Job::Claimed { id, worker });
        let is_claimed = model.claimed.iter().any(|(_, claimed, _)| *claimed == id);
        if let Ok(committed) = done {
            self.written(model);
            assert_eq!(committed.is_none(), is_claimed);
            model.claimed.extend(committed.map(|committed| (committed.first, id, worker)));
        }
    }

    fn once(&mut self, key: u8, model: &mut Model) {
        let id = model.new_id();
        match self.engine.append_once(Job::Added { id, request: Some(format!("key {key}")) }) {
            Ok(Once::Appended(stamp)) => {
                self.written(model);
                model.added.insert(id);
                assert_eq!(model.keys.insert(key, (stamp, id)), None, "the key was known");
            }
            Ok(Once::Known(stamp)) => {
                self.written(model);
                assert_eq!(model.keys.get(&key).map(|(stamp, _)| *stamp), Some(stamp));
                model.refused.insert(id);
            }
            Ok(_) => unreachable!("there are no other results"),
            Err(_) => {
                model.refused.insert(id);
            }
        }
    }
}

fn site_id(process: &Arc<SimProcess>) -> u32 {
    use contexta::engine::storage::Storage;
    process.process_id()
}

impl Model {
    fn new_id(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// Compares a view with the model, and the claims as of the stamp of each claim.
    fn check(&self, view: &View) {
        if view.notes().iter().any(|note| matches!(note, Note::StreamUnreadable { .. })) {
            return;
        }
        let found: BTreeSet<u32> = jobs(view).into_iter().collect();
        assert_eq!(self.added.difference(&found).next(), None, "an appended job is missing");
        assert_eq!(self.refused.intersection(&found).next(), None, "a job was appended after an error");
        let unknown = |id: &&u32| !self.added.contains(id) && !self.uncertain.contains(id);
        assert_eq!(found.iter().find(unknown), None);
        for (stamp, id, worker) in &self.claimed {
            assert_eq!(claims(view, *id), [(*stamp, *worker)]);
        }
        for (until, ..) in self.claimed.iter().rev().take(5) {
            let view = view.as_of(*until);
            let read: Result<BTreeMap<u32, u32>> =
                CLAIMS.read(&view).map(|row| row.map(|(id, claim)| (id, claim.into_value()))).collect();
            let mut read = read.unwrap();
            read.remove(&u32::MAX);
            let before = self.claimed.iter().filter(|(stamp, ..)| stamp <= until);
            let expected: BTreeMap<u32, u32> = before.map(|(_, id, worker)| (*id, *worker)).collect();
            assert_eq!(read, expected);
        }
    }
}

fn run(operations: &[(bool, Operation)], segment_bytes_max: u64) {
    let mut site = Site { disk: SimDisk::new(7), segment_bytes_max, processes: 0 };
    let mut model = Model::default();
    let mut workers = [site.worker(1), site.worker(2)];
    for (is_second, operation) in operations {
        workers[usize::from(*is_second)].perform(operation, &mut site, &mut model);
    }
    for worker in &mut workers {
        // A planned fault may be left.
        if worker.engine.close().is_ok() {
            worker.written(&mut model);
        }
    }
    let (_, last) = site.open();
    model.check(&last.view().unwrap());
}

fn config() -> Config {
    let given = Config::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed => fixed,
    };
    Config { rng_seed, failure_persistence: None, ..given }
}

/// An operation of the threads of one process, which share a log and a projector.
#[derive(Debug, Clone)]
enum ThreadOperation {
    /// Appends a job.
    Append(Durability),
    /// Appends a job in another process.
    AppendElsewhere,
    /// Takes the open segment, as a view does before it waits for other views.
    Take,
    /// Opens a view with one of the open segments that were taken.
    View(prop::sample::Index),
    /// Closes the stream.
    Close,
    /// Advances the clock by some milliseconds.
    Advance(i64),
}

fn thread_operations() -> impl Strategy<Value = ThreadOperation> {
    prop_oneof![
        4 => prop_oneof![Just(Durability::Flush), Just(Durability::Fsync)].prop_map(ThreadOperation::Append),
        1 => Just(ThreadOperation::AppendElsewhere),
        4 => Just(ThreadOperation::Take),
        5 => any::<prop::sample::Index>().prop_map(ThreadOperation::View),
        1 => Just(ThreadOperation::Close),
        3 => prop_oneof![1 => Just(5), 3 => Just(3000)].prop_map(ThreadOperation::Advance),
    ]
}

/// Performs the operations. A view contains everything that was appended before its open segment was taken, and everything
/// that earlier views contained.
fn run_threads(operations: &[ThreadOperation], segment_bytes_max: u64) {
    let disk = SimDisk::new(8);
    let (log, projector) = parts(&disk.process(1), segment_bytes_max);
    let other = options("/q").storage(disk.process(2)).open().unwrap();
    // The number of jobs that were appended. The id of a job is the number of the jobs before it.
    let mut appended = 0;
    let (mut taken, mut seen) = (Vec::new(), BTreeSet::new());
    for operation in operations {
        let job = Job::Added { id: appended, request: None };
        match operation {
            ThreadOperation::Append(durability) => {
                log.append(&[job], *durability).unwrap();
                appended += 1;
            }
            ThreadOperation::AppendElsewhere => {
                other.append(&job).unwrap();
                appended += 1;
            }
            ThreadOperation::Take => taken.push((log.open_segment(), appended)),
            ThreadOperation::View(index) => {
                let (open, before) = match taken.len() {
                    0 => (log.open_segment(), appended),
                    len => taken.remove(index.index(len)),
                };
                let found: BTreeSet<u32> = jobs(&projector.view(open).unwrap()).into_iter().collect();
                seen.extend(0..before);
                assert_eq!(seen.difference(&found).next(), None, "an appended job is missing");
                assert!(found.range(appended..).next().is_none());
                seen = found;
            }
            ThreadOperation::Close => {
                log.close().unwrap();
            }
            ThreadOperation::Advance(milliseconds) => disk.advance(milliseconds * 1_000_000),
        }
    }
    let view = projector.view(log.open_segment()).unwrap();
    assert_eq!(jobs(&view), (0..appended).collect::<Vec<u32>>());
    drop(view);
    let (_, rebuilt) = parts(&disk.process(3), segment_bytes_max);
    let digest = rebuilt.digest_from_scratch(Progress::none()).unwrap();
    assert_eq!(projector.digest().unwrap(), digest);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn interleaved_engines_agree_with_a_model(
        operations in prop::collection::vec((any::<bool>(), operations()), 1..60),
        segment_bytes_max in prop_oneof![Just(600), Just(1 << 20)],
    ) {
        run(&operations, 8192 + segment_bytes_max);
    }

    #[test]
    fn views_of_waiting_threads_contain_what_was_appended_before(
        operations in prop::collection::vec(thread_operations(), 1..60),
        segment_bytes_max in prop_oneof![Just(600), Just(1 << 20)],
    ) {
        run_threads(&operations, 8192 + segment_bytes_max);
    }
}
