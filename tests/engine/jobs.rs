//! The domain of these tests: jobs that workers claim.

use contexta::engine::codec::{self, CodecError};
use contexta::engine::entry::{Event, Kind, PayloadVersion, Stamp};
use contexta::engine::projection::view::View;
use contexta::engine::projection::{Applied, Projection, TableKind, TableSpec, Tables, current};
use contexta::engine::storage::Storage;
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
pub(crate) const CLAIMS: TableSpec = TableSpec::new("claims", TableKind::Versions);
/// The ids of all jobs.
pub(crate) const JOBS: TableSpec = TableSpec::new("jobs", TableKind::Set);

pub(crate) struct Queue;

impl Projection<Job> for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[CLAIMS, JOBS]
    }

    fn wants(&self, _: Kind) -> bool {
        true
    }

    fn apply(&self, applied: &Applied<'_, Job>, tables: &mut Tables<'_>) -> Result<()> {
        match applied.event {
            Job::Added { id, .. } => tables.insert(JOBS, id.to_be_bytes().to_vec()),
            Job::Claimed { id, worker } => {
                tables.put_version(CLAIMS, &id.to_be_bytes(), applied.stamp, &[], &worker.to_be_bytes());
            }
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
    let id = |key: &[u8]| u32::from_be_bytes(key.try_into().unwrap());
    view.keys(JOBS, b"").unwrap().map(|row| id(row.unwrap().key())).collect()
}

/// Returns all claims of a job: the stamp and the worker of each.
pub(crate) fn claims(view: &View, id: u32) -> Vec<(Stamp, u32)> {
    let versions = view.versions_of(CLAIMS, &id.to_be_bytes()).unwrap();
    versions.iter().map(|v| (v.stamp, u32::from_be_bytes(v.value[..].try_into().unwrap()))).collect()
}

/// Claims the first job that no worker has claimed, and returns its id; `None` if there is none.
pub(crate) fn claim(engine: &Engine<Job>, worker: u32) -> Result<Option<u32>> {
    let done = engine.transact(|view, transaction| {
        for row in view.keys(JOBS, b"")? {
            let row = row?;
            if current(view.versions_of(CLAIMS, row.key())?).is_none() {
                let id = u32::from_be_bytes(row.key().try_into().unwrap());
                transaction.append(Job::Claimed { id, worker });
                return Ok::<_, Error>(Some(id));
            }
        }
        Ok(None)
    })?;
    assert_eq!(done.committed.is_some(), done.value.is_some());
    Ok(done.value)
}
