//! The domain of these tests: jobs that workers claim.

use contexta::engine::codec::{self, CodecError};
use contexta::engine::entry::{Event, Kind, PayloadVersion, Stamp};
use contexta::engine::projection::view::View;
use contexta::engine::projection::{Applied, Projection, TableSpec, Tables};
use contexta::engine::storage::Storage;
use contexta::engine::table::{Set, Versions};
use contexta::engine::{Engine, EngineOptions, Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Job {
    Added { id: u32, request: Option<String> },
    Claimed { id: u32, worker: u32 },
}

impl Event for Job {
    const KINDS: &'static [(Kind, PayloadVersion)] =
        &[(Kind(1), PayloadVersion(1)), (Kind(2), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        match self {
            Job::Added { .. } => Kind(1),
            Job::Claimed { .. } => Kind(2),
        }
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> {
        codec::encode(self, out)
    }

    fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> std::result::Result<Option<Job>, CodecError> {
        codec::decode(payload).map(Some)
    }

    fn idempotency_key(&self) -> Option<Vec<u8>> {
        match self {
            Job::Added { request, .. } => request.clone().map(String::into_bytes),
            Job::Claimed { .. } => None,
        }
    }
}

/// The claims of jobs. Key: job. A job has one version for each worker that claimed it, with the worker as the value.
pub(crate) const CLAIMS: Versions<u32, u32> = Versions::new("claims");
/// The ids of all jobs.
pub(crate) const JOBS: Set<u32> = Set::new("jobs");

pub(crate) struct Queue;

impl Projection<Job> for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        const { &[CLAIMS.spec(), JOBS.spec()] }
    }

    fn wants(&self, _: Kind) -> bool {
        true
    }

    fn apply(&self, applied: &Applied<'_, Job>, tables: &mut Tables) -> Result<()> {
        match applied.event {
            Job::Added { id, .. } => JOBS.insert(tables, id),
            Job::Claimed { id, worker } => CLAIMS.put(tables, id, applied.stamp, &[], worker),
        }
        Ok(())
    }
}

pub(crate) fn options(dir: impl AsRef<std::path::Path>) -> EngineOptions<Job> {
    Engine::options(dir).domain("jobs", 1).projection(Queue)
}

pub(crate) fn on(storage: Arc<dyn Storage>) -> Engine<Job> {
    options("/q").storage(storage).open().unwrap()
}

pub(crate) fn added(id: u32) -> Job {
    Job::Added { id, request: None }
}

/// Returns the ids of all jobs.
pub(crate) fn jobs(view: &View) -> Vec<u32> {
    JOBS.read(view).map(Result::unwrap).collect()
}

/// Returns all claims of a job: the stamp and the worker of each.
pub(crate) fn claims(view: &View, id: u32) -> Vec<(Stamp, u32)> {
    CLAIMS.versions(view, &id).unwrap().into_iter().map(|claim| (claim.stamp, claim.value)).collect()
}

/// Claims the first job that no worker has claimed, and returns its id; `None` if there is none.
pub(crate) fn claim(engine: &Engine<Job>, worker: u32) -> Result<Option<u32>> {
    let done = engine.transact(|view, transaction| {
        for id in JOBS.read(view) {
            let id = id?;
            if CLAIMS.get(view, &id)?.is_none() {
                transaction.append(Job::Claimed { id, worker });
                return Ok::<_, Error>(Some(id));
            }
        }
        Ok(None)
    })?;
    assert_eq!(done.committed.is_some(), done.value.is_some());
    Ok(done.value)
}
