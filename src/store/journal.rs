//! The append side of one workspace. A [`Journal`] appends facts to the log and stores bodies, and never reads or
//! writes a table.

use crate::contract::fact::{Process, ProcessId};
use crate::contract::rules::trim;
use crate::contract::{Fact, Timestamp, Value};
use crate::engine::Error;
use crate::engine::blob::BlobStore;
use crate::engine::blob_lock::BlobUse;
use crate::engine::chain::Head;
use crate::engine::checksum::{Digest, hex};
use crate::engine::entry::{Position, Stamp, StreamId};
use crate::engine::log::{Committed, Durability, Log, Payloads};
use crate::engine::storage::Storage;
use crate::projections::encoded::EncodedEvent;
use crate::projections::encoded_series::{EncodedPoint, EncodedSeries};
use crate::projections::entry::Captured;
use crate::projections::kind::kind_name;
use crate::store::body::{StoredBody, store_body};
use crate::store::error::{self, Result};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The result of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The stamp of the first fact. [`Receipt::stamp`] returns the stamps of all facts of the append.
    pub first: Stamp,
    /// The number of facts.
    pub count: u64,
    /// The durability of the facts.
    pub durability: Durability,
}

impl Receipt {
    /// Returns the stamp of the `n`th fact of the append, from 0.
    #[must_use]
    pub fn stamp(&self, n: u64) -> Stamp {
        Stamp { time: self.first.time + n, seq: self.first.seq.plus(n), ..self.first }
    }
}

impl From<Committed> for Receipt {
    fn from(done: Committed) -> Receipt {
        Receipt { first: done.first, count: done.count, durability: done.durability }
    }
}

/// The append side of one workspace.
#[derive(Debug)]
pub struct Journal {
    log: Log,
    blobs: BlobStore,
    host: String,
    process: Mutex<Option<Process>>,
    /// A part of the id of the stream to which the process fact was last appended; 0 before the first process fact.
    introduced_in: AtomicU64,
}

impl Journal {
    /// Creates a journal that appends to `log` and stores bodies in `blobs`. `host` is the name of this machine.
    pub fn new(log: Log, blobs: BlobStore, host: &str) -> Journal {
        let (process, introduced_in) = (Mutex::default(), AtomicU64::new(0));
        Journal { log, blobs, host: host.to_owned(), process, introduced_in }
    }

    /// Returns the process fact: the data of this process, with a random id. A child process that was created by
    /// `fork(2)` gets an id of its own. The journal appends the process fact to each stream that it appends to. A
    /// reader can then determine whether the process of a run has died.
    pub fn process(&self) -> Result<Process> {
        let mut known = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.storage().process_id();
        if let Some(process) = known.as_ref().filter(|process| process.number() == number) {
            return Ok(process.clone());
        }
        let mut id = [0; 8];
        self.entropy(&mut id)?;
        let now = Timestamp::from_nanos(self.storage().now());
        let host = if trim(&self.host).is_empty() { "unknown" } else { &self.host };
        let process = Process::new(ProcessId(id), number, host, now).map_err(error::Error::from)?;
        Ok(known.insert(process).clone())
    }

    /// Appends the process fact, unless this journal has last appended it to `stream`. An error is ignored, because the
    /// facts of the caller are already in the log. The next append tries again.
    #[inline]
    fn introduce(&self, stream: StreamId, durability: Durability) {
        if self.introduced_in.load(Ordering::Relaxed) != part_of(stream) {
            self.append_process(durability);
        }
    }

    /// Appends the process fact. Stores the stream of the fact in `introduced_in`.
    fn append_process(&self, durability: Durability) {
        let Ok(process) = self.process() else { return };
        let fact = Captured::from(Fact::Process(process));
        if let Ok(done) = self.log.append(&[fact], durability) {
            self.introduced_in.store(part_of(done.first.stream), Ordering::Relaxed);
        }
    }

    /// Appends facts as one commit: all of them or none. [`Log::append`] describes durability and cost.
    pub fn append(&self, facts: Vec<Fact>, durability: Durability) -> Result<Receipt> {
        self.append_captured(&facts.into_iter().map(Captured::from).collect::<Vec<_>>(), durability)
    }

    /// Appends facts as one commit. If `is_end` is true, ignores `durability`: the facts are on disk when the method
    /// returns, may use the disk space that the log reserves for ends of runs, and the method also returns the head of
    /// the stream after the facts.
    pub(crate) fn append_all(
        &self,
        facts: &[Captured],
        durability: Durability,
        is_end: bool,
    ) -> Result<(Receipt, Option<Head>)> {
        let (receipt, head) = append_to(&self.log, facts, durability, is_end)?;
        self.introduce(receipt.first.stream, durability);
        Ok((receipt, head))
    }

    /// Selects or creates the stream for this process, like the first append. Returns the position at which the next
    /// append begins. Another thread can append before the caller does.
    pub(crate) fn prepare(&self) -> Result<Position> {
        Ok(self.log.prepare()?)
    }

    /// Returns the directory of the log.
    #[must_use]
    pub fn log_dir(&self) -> &Path {
        self.log.dir()
    }

    /// Stores bytes durably as a body in the object store.
    pub(crate) fn store_bytes_body(&self, mut bytes: &[u8]) -> Result<StoredBody> {
        Ok(store_body(&self.blobs, &mut bytes)?)
    }

    /// Appends encoded facts as one commit.
    pub(crate) fn append_encoded(&self, events: &[EncodedEvent], durability: Durability) -> Result<Receipt> {
        Ok(self.log.append(events, durability).map_err(name_kind)?.into())
    }

    /// Appends points as one commit, as [`Journal::append`] appends their facts. `now` is the time of the clock of
    /// [`Journal::storage`], and the time of observation of the points.
    #[inline]
    pub(crate) fn append_points(
        &self,
        points: &[EncodedPoint<'_>],
        now: u64,
        durability: Durability,
    ) -> Result<Receipt> {
        let observed_at = Timestamp::from_nanos(now);
        let payloads = Payloads {
            kind: EncodedSeries::KIND,
            version: EncodedSeries::VERSION,
            count: points.len(),
            len_max: points.iter().map(|point| point.series.payload_len_max()).max().unwrap_or(0),
            encode: |n: usize, out: &mut Vec<u8>| {
                if let Some(point) = points.get(n) {
                    point.put(observed_at, out);
                }
            },
        };
        let receipt: Receipt = self.log.append_payloads(payloads, now, durability).map_err(name_kind)?.into();
        self.introduce(receipt.first.stream, durability);
        Ok(receipt)
    }

    fn append_captured(&self, captured: &[Captured], durability: Durability) -> Result<Receipt> {
        Ok(self.append_all(captured, durability, false)?.0)
    }

    /// Writes the facts buffered by [`Durability::Batched`] to the log.
    pub fn flush(&self) -> Result<()> {
        Ok(self.log.flush()?)
    }

    /// Advances the clock to `time`, which was read from the log, so that facts appended afterwards have later times.
    /// Returns `false` and leaves the clock unchanged if `time` is too far ahead of the clock of this machine, unless the
    /// clock has already passed the time.
    pub fn observe(&self, time: u64) -> bool {
        self.log.observe(time)
    }

    /// Makes all facts appended so far durable.
    pub fn sync(&self) -> Result<()> {
        Ok(self.log.sync()?)
    }

    /// Ends the stream of this process with a close mark and returns the stream's head; `None` if no stream is open. A
    /// later append continues an existing stream or creates a new stream.
    pub fn close(&self) -> Result<Option<Head>> {
        Ok(self.log.close()?)
    }

    /// Returns the head of the stream of this process, without buffered facts; `None` if no stream is open.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.log.head()
    }

    /// Returns the object store with the bodies.
    #[must_use]
    pub fn blobs(&self) -> &BlobStore {
        &self.blobs
    }

    /// Locks the bodies, so that no program removes a body. The caller holds the lock from before it stores a body until the
    /// manifest is appended. See [`BlobStore::lock_use`].
    pub(crate) fn lock_bodies(&self) -> Result<BlobUse> {
        Ok(self.blobs.lock_use()?)
    }

    /// Returns the storage, which is also the source of time and random bytes.
    #[must_use]
    pub fn storage(&self) -> &Arc<dyn Storage> {
        self.log.storage()
    }

    /// Fills `out` with random bytes.
    pub fn entropy(&self, out: &mut [u8]) -> Result<()> {
        let filled = self.storage().entropy(out);
        Ok(filled.map_err(|source| Error::Io {
            action: "read random bytes for",
            path: self.log.dir().into(),
            source,
        })?)
    }
}

/// Returns the last 8 bytes of the id of a stream as a number that is not 0. Different streams almost certainly have
/// different numbers.
fn part_of(stream: StreamId) -> u64 {
    stream.0.last_chunk::<8>().map_or(1, |part| u64::from_le_bytes(*part)).max(1)
}

/// Appends facts to a log as one commit. If `is_end` is true, ignores `durability` and calls [`Log::append_end`]: the
/// commit may use the disk space that the log reserves, and is on disk when the function returns. In this case, also
/// returns the head of the stream after the commit.
pub(in crate::store) fn append_to(
    log: &Log,
    facts: &[Captured],
    durability: Durability,
    is_end: bool,
) -> Result<(Receipt, Option<Head>)> {
    if is_end {
        let (done, head) = log.append_end(facts).map_err(name_kind)?;
        return Ok((done.into(), Some(head)));
    }
    Ok((log.append(facts, durability).map_err(name_kind)?.into(), None))
}

/// Converts an error of the engine. The error for an entry that is too large receives the name of the kind of fact.
fn name_kind(e: Error) -> error::Error {
    match e {
        Error::EntryTooLarge { kind, bytes, limit } => {
            error::Error::FactTooLarge { what: kind_name(kind).unwrap_or("fact"), bytes, limit }
        }
        e => e.into(),
    }
}

/// Returns the attributes of a manifest that contain the file name, which is the last component of `path`. The
/// attribute `file_name` is the name as text. If the name is not valid UTF-8, the attribute `file_name_hex` contains
/// its bytes as hexadecimal digits. Returns no attributes for a path without a file name, such as `/`.
pub fn file_name_attributes(path: &Path) -> Vec<(String, Value)> {
    let Some(name) = path.file_name() else { return Vec::new() };
    let mut attributes = vec![("file_name".to_owned(), Value::Text(name.to_string_lossy().into_owned()))];
    if name.to_str().is_none() {
        attributes.push(("file_name_hex".to_owned(), Value::Text(hex(name.as_encoded_bytes()))));
    }
    attributes
}

/// Returns the 32 bytes of the digest of a text.
pub fn digest_bytes(text: &str) -> [u8; 32] {
    Digest::of(text.as_bytes()).0
}

/// Returns the first 16 hexadecimal digits of the digest of a text, for use in a component of a ref.
pub fn short_digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string().chars().take(16).collect()
}
