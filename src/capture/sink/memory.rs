//! A sink that keeps payloads in memory.

use crate::capture::result::PayloadFamily;
use crate::capture::sink::error::SinkError;
use crate::capture::sink::interface::{Sink, SinkReceipt};
use crate::capture::sink::request::SinkRequest;
use crate::contract::{Timestamp, Value};
use crate::store::Position;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The greatest number of payloads that a sink keeps by default.
const ENTRIES_MAX: usize = 10_000;

/// A payload in memory.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MemoryEntry {
    /// The family.
    pub family: PayloadFamily,
    /// The name of the payload's type.
    pub payload_type: &'static str,
    /// The ref of the captured object.
    pub payload_ref: Option<String>,
    /// The position in the log or the outbox.
    pub position: Position,
    /// The time of the capture.
    pub captured_at: Timestamp,
    /// The payload.
    pub payload: Value,
}

/// A sink that keeps the last payloads in memory, for tests and for programs that display their captures.
#[derive(Debug)]
pub struct MemorySink {
    name: String,
    entries_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<MemoryEntry>,
    /// The number of all payloads that the sink accepted.
    taken: u64,
}

impl Default for MemorySink {
    fn default() -> MemorySink {
        MemorySink::new("memory")
    }
}

impl MemorySink {
    /// Creates a sink with this name, which keeps the last 10,000 payloads.
    pub fn new(name: &str) -> MemorySink {
        MemorySink { name: name.to_owned(), entries_max: ENTRIES_MAX, kept: Mutex::default() }
    }

    /// Sets the greatest number of payloads that the sink keeps. Beyond this number, the sink drops the oldest
    /// payloads.
    #[must_use]
    pub fn keep(mut self, entries_max: usize) -> MemorySink {
        self.entries_max = entries_max;
        self
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns copies of the payloads, the oldest first.
    pub fn entries(&self) -> Vec<MemoryEntry> {
        self.kept().entries.iter().cloned().collect()
    }

    /// Returns the number of all payloads that the sink accepted, including those that it dropped.
    pub fn taken(&self) -> u64 {
        self.kept().taken
    }

    /// Removes all payloads.
    pub fn clear(&self) {
        self.kept().entries.clear();
    }
}

impl Sink for MemorySink {
    fn name(&self) -> &str {
        &self.name
    }

    fn capture(&self, request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        let entry = MemoryEntry {
            family: request.family(),
            payload_type: request.payload_type(),
            payload_ref: request.payload_ref().map(str::to_owned),
            position: request.position(),
            captured_at: request.captured_at(),
            payload: request.payload().clone(),
        };
        let mut kept = self.kept();
        let index = kept.taken;
        kept.taken += 1;
        kept.entries.push_back(entry);
        while kept.entries.len() > self.entries_max {
            kept.entries.pop_front();
        }
        let receipt = SinkReceipt::success().metadata("entry_index", index);
        Ok(receipt.metadata("stored_entries", kept.entries.len()))
    }
}
