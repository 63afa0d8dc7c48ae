//! The engine with another domain: a job queue whose workers claim jobs with leases.
//!
//! This program has no machine learning in it and uses only `contexta::engine`. It shows an event type with two payload
//! versions, two projections, transactions, a subscriber in another process, verification and a rebuild.
//!
//! Run it with `cargo run --release --example second_domain`. docs/EMBEDDING.md explains the
//! same functions step by step.

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use contexta::engine::codec::{self, CodecError};
use contexta::engine::entry::{Event, Kind, PayloadVersion};
use contexta::engine::progress::Progress;
use contexta::engine::projection::{Applied, Point, PointOrder, Projection, TableSpec, Tables};
use contexta::engine::subscribe::{Item, SubscribeOptions};
use contexta::engine::table::{Registers, Set, Versions};
use contexta::engine::verify::{LogCheck, Outcome};
use contexta::engine::{self, Engine, Error};
use std::time::Duration;
use std::{env, fs, path::Path, process::Command};

/// The events. `Added` has a queue since version 2 of its payload.
enum Job {
    Added { id: u64, queue: String },
    Claimed { id: u64, worker: u32, until: u64 },
    Done { id: u64, seconds: f64 },
}

const ADDED: Kind = Kind(1);
const CLAIMED: Kind = Kind(2);
const DONE: Kind = Kind(3);

impl Event for Job {
    const KINDS: &'static [(Kind, PayloadVersion)] =
        &[(ADDED, PayloadVersion(2)), (CLAIMED, PayloadVersion(1)), (DONE, PayloadVersion(1))];

    fn kind(&self) -> Kind {
        match self {
            Job::Added { .. } => ADDED,
            Job::Claimed { .. } => CLAIMED,
            Job::Done { .. } => DONE,
        }
    }

    fn payload_version(&self) -> PayloadVersion {
        if self.kind() == ADDED { PayloadVersion(2) } else { PayloadVersion(1) }
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match self {
            Job::Added { id, queue } => codec::encode(&(id, queue), out),
            Job::Claimed { id, worker, until } => codec::encode(&(id, worker, until), out),
            Job::Done { id, seconds } => codec::encode(&(id, seconds), out),
        }
    }

    fn decode(kind: Kind, version: PayloadVersion, bytes: &[u8]) -> Result<Option<Job>, CodecError> {
        Ok(Some(match (kind, version.0) {
            (ADDED, 1) => Job::Added { id: codec::decode(bytes)?, queue: "default".into() },
            (ADDED, 2) => codec::decode(bytes).map(|(id, queue)| Job::Added { id, queue })?,
            (CLAIMED, 1) => {
                codec::decode(bytes).map(|(id, worker, until)| Job::Claimed { id, worker, until })?
            }
            (DONE, 1) => codec::decode(bytes).map(|(id, seconds)| Job::Done { id, seconds })?,
            // A kind or version of a later program. The engine keeps, counts and reports the entry.
            _ => return Ok(None),
        }))
    }
}

/// Queue and number of each job.
const JOBS: Set<(String, u64)> = Set::new("jobs");
/// Job -> worker and end of each lease.
const LEASES: Versions<u64, (u32, u64)> = Versions::new("leases");
/// The numbers of finished jobs.
const FINISHED: Set<u64> = Set::new("finished");
/// The summary of the seconds that jobs took, under the key `all`.
const SECONDS: Registers<String> = Registers::new("seconds");

struct Queue;

impl Projection<Job> for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        const { &[JOBS.spec(), LEASES.spec(), FINISHED.spec()] }
    }

    fn wants(&self, _: Kind) -> bool {
        true
    }

    fn apply(&self, entry: &Applied<'_, Job>, tables: &mut Tables) -> engine::Result<()> {
        match entry.event {
            Job::Added { id, queue } => JOBS.insert(tables, &(queue, *id)),
            Job::Claimed { id, worker, until } => {
                LEASES.put(tables, id, entry.stamp, &[], &(*worker, *until))
            }
            Job::Done { id, .. } => FINISHED.insert(tables, id),
        }
        Ok(())
    }
}

/// The projection of the time that jobs took: their number, and the first, last, least and greatest time.
struct Times;

impl Projection<Job> for Times {
    fn name(&self) -> &'static str {
        "times"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        const { &[SECONDS.spec()] }
    }

    fn wants(&self, kind: Kind) -> bool {
        kind == DONE
    }

    fn apply(&self, entry: &Applied<'_, Job>, tables: &mut Tables) -> engine::Result<()> {
        if let Job::Done { seconds, .. } = entry.event {
            let order = PointOrder { time: entry.stamp.time as i64, stamp: entry.stamp };
            SECONDS.add(tables, "all", &Point { order, measure: Some(*seconds), value: () });
        }
        Ok(())
    }
}

fn open(dir: &Path) -> engine::Result<Engine<Job>> {
    Engine::options(dir).domain("jobs", 2).projection(Queue).projection(Times).open()
}

/// Claims the first job of a queue that is not finished and has no lease at the time `now`.
fn claim(engine: &Engine<Job>, queue: &str, worker: u32, now: u64) -> engine::Result<Option<u64>> {
    let done = engine.transact(|view, transaction| {
        for job in JOBS.read(view).prefix((queue,)) {
            let (_, id) = job?;
            let lease = LEASES.newest(view, &id)?;
            if !FINISHED.contains(view, &id)? && lease.is_none_or(|lease| lease.value.1 <= now) {
                transaction.append(Job::Claimed { id, worker, until: now + 60 });
                return Ok(Some(id));
            }
        }
        Ok::<_, Error>(None)
    })?;
    Ok(done.value)
}

/// Prints every event of the log, as a process of its own, until nothing new is appended for a second.
fn follow(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let options = SubscribeOptions { wait: Duration::from_secs(1), ..SubscribeOptions::default() };
    for item in open(dir)?.subscribe(options) {
        match item? {
            Item::Entry { event: Job::Added { id, queue }, .. } => println!("  job {id} in queue {queue}"),
            Item::Entry { event: Job::Claimed { id, worker, .. }, .. } => {
                println!("  job {id}: worker {worker}")
            }
            Item::Entry { event: Job::Done { id, seconds }, .. } => println!("  job {id}: {seconds} s"),
            Item::TimedOut => break,
            _ => {}
        }
    }
    Ok(())
}

fn work(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let engine = open(dir)?;
    let added = |id| Job::Added { id, queue: if id % 2 == 0 { "build" } else { "test" }.into() };
    engine.append_all(&[added(1), added(2), added(4)])?;
    println!("events, followed by another process:");
    let mut follower = Command::new(env::current_exe()?).arg("follow").arg(dir).spawn()?;
    // The first worker dies. A minute later its lease has ended, and another worker claims the job.
    assert_eq!(claim(&engine, "build", 1, 0)?, Some(2));
    assert_eq!(claim(&engine, "build", 2, 59)?, Some(4));
    assert_eq!(claim(&engine, "build", 2, 60)?, Some(2));
    engine.append_all(&[Job::Done { id: 2, seconds: 2.5 }, Job::Done { id: 4, seconds: 1.5 }])?;
    assert_eq!(claim(&engine, "build", 3, 1000)?, None);
    assert!(follower.wait()?.success());

    let view = engine.view()?;
    let times = SECONDS.get(&view, "all")?.ok_or("no job has finished")?;
    println!(
        "{} jobs finished, the longest took {} s",
        times.count,
        times.max.and_then(|max| max.measure).unwrap_or(f64::NAN)
    );

    let before = engine.digest()?;
    assert_eq!(engine.verify(&LogCheck::default())?.outcome(), Outcome::Whole);
    drop(engine);
    fs::remove_dir_all(dir.join("projections"))?;
    let engine = open(dir)?;
    println!("rebuilt from {} entries", engine.rebuild(Progress::none())?.entries);
    assert_eq!(engine.digest()?, before);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().collect();
    if let [_, command, dir] = arguments.as_slice()
        && command == "follow"
    {
        return follow(Path::new(dir));
    }
    let dir = env::temp_dir().join(format!("contexta-second-domain-{}", std::process::id()));
    let done = work(&dir);
    fs::remove_dir_all(&dir)?;
    done
}
