//! The engine in another domain: a job queue whose workers claim jobs with leases. docs/EMBEDDING.md explains each step.
#![expect(clippy::print_stdout, reason = "an example prints its results")]

use contexta::engine::codec::{CodecError, decode, encode};
use contexta::engine::entry::{Event, Kind, PayloadVersion};
use contexta::engine::projection::{Applied, Point, PointOrder, Tables};
use contexta::engine::subscribe::{Item, SubscribeOptions};
use contexta::engine::table::{Registers, Set, Versions};
use contexta::engine::verify::{LogCheck, Outcome};
use contexta::engine::{self, Engine, Error};
use std::{env, fs, path::Path, process::Command, time::Duration};

/// The events. `Added` has a queue since version 2 of its payload. A lease that never ends finishes the job.
#[derive(Debug)]
enum Job {
    Added { id: u64, queue: String },
    Leased { id: u64, worker: u32, until: u64 },
}

const ADDED: Kind = Kind(1);
const LEASED: Kind = Kind(2);
impl Event for Job {
    const KINDS: &'static [(Kind, PayloadVersion)] =
        &[(ADDED, PayloadVersion(2)), (LEASED, PayloadVersion(1))];

    fn kind(&self) -> Kind {
        if let Job::Added { .. } = self { ADDED } else { LEASED }
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match self {
            Job::Added { id, queue } => encode(&(id, queue), out),
            Job::Leased { id, worker, until } => encode(&(id, worker, until), out),
        }
    }

    fn decode(kind: Kind, version: PayloadVersion, bytes: &[u8]) -> Result<Option<Job>, CodecError> {
        match (kind, version.0) {
            (ADDED, 1) => decode(bytes).map(|id| Some(Job::Added { id, queue: "default".into() })),
            (ADDED, 2) => decode(bytes).map(|(id, queue)| Some(Job::Added { id, queue })),
            (LEASED, 1) => decode(bytes).map(|(id, worker, until)| Some(Job::Leased { id, worker, until })),
            // A kind or version of a later program. The engine keeps, counts and reports the entry.
            _ => Ok(None),
        }
    }
}

/// Queue and number of each job; worker and end of each lease; the summary of the leases of each worker.
const JOBS: Set<(String, u64)> = Set::new("jobs");
const LEASES: Versions<u64, (u32, u64)> = Versions::new("leases");
const WORKERS: Registers<u32> = Registers::new("workers");

fn queue(entry: &Applied<'_, Job>, tables: &mut Tables) -> engine::Result<()> {
    match entry.event {
        Job::Added { id, queue } => JOBS.insert(tables, &(queue, *id)),
        Job::Leased { id, worker, until } => LEASES.put(tables, id, entry.stamp, &[], &(*worker, *until)),
    }
    Ok(())
}

fn workers(entry: &Applied<'_, Job>, tables: &mut Tables) -> engine::Result<()> {
    if let Job::Leased { worker, .. } = entry.event {
        let order = PointOrder::new(entry.stamp.time as i64, entry.stamp);
        WORKERS.add(tables, worker, &Point { order, measure: None, value: () });
    }
    Ok(())
}

fn open(dir: &Path) -> engine::Result<Engine<Job>> {
    let options = Engine::options(dir).domain("jobs", 2);
    let options = options.derive("queue", 1, const { &[JOBS.spec(), LEASES.spec()] }, queue);
    options.derive("workers", 1, const { &[WORKERS.spec()] }, workers).open()
}

/// Leases the first job of a queue whose lease, if it has one, has ended at the time `now`.
fn claim(engine: &Engine<Job>, queue: &str, worker: u32, now: u64) -> engine::Result<Option<u64>> {
    let claimed = engine.transact(|view, transaction| {
        for job in JOBS.read(view).prefix((queue,)) {
            let (_, id) = job?;
            if LEASES.newest(view, &id)?.is_none_or(|lease| lease.value.1 <= now) {
                transaction.append(Job::Leased { id, worker, until: now + 60 });
                return Ok(Some(id));
            }
        }
        Ok::<_, Error>(None)
    })?;
    Ok(claimed.value)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let [_, dir] = env::args().collect::<Vec<_>>().as_slice() {
        let options = SubscribeOptions { wait: Duration::from_secs(1), ..SubscribeOptions::default() };
        let items = open(Path::new(dir))?.subscribe(options);
        for item in items.take_while(|item| !matches!(item, Ok(Item::TimedOut))) {
            if let Item::Entry { event, .. } = item? {
                println!("follower: {event:?}");
            }
        }
        return Ok(());
    }
    let dir = env::temp_dir().join(format!("contexta-second-domain-{}", std::process::id()));
    let engine = open(&dir)?;
    engine.append_all(&[1, 2].map(|id| Job::Added { id, queue: "build".into() }))?;
    let mut follower = Command::new(env::current_exe()?).arg(&dir).spawn()?;
    // The lease of worker 1 ends, so worker 2 gets job 1 as well as job 2, and finishes job 2.
    for (worker, now, job) in [(1, 0, Some(1)), (2, 59, Some(2)), (2, 60, Some(1)), (3, 100, None)] {
        assert_eq!(claim(&engine, "build", worker, now)?, job);
    }
    engine.append(&Job::Leased { id: 2, worker: 2, until: u64::MAX })?;
    assert!(follower.wait()?.success());
    let leases = WORKERS.get(&engine.view()?, &2)?.map_or(0, |leases| leases.count);
    engine.close()?;
    assert_eq!(engine.verify(&LogCheck::default())?.outcome(), Outcome::Whole);
    println!("leases of worker 2: {leases}, repair: {}", engine.repair_plan()?);
    Ok(fs::remove_dir_all(&dir)?)
}

#[cfg(test)]
#[path = "second_domain/tests.rs"]
mod tests;
