//! Spilled facts: facts that could not be appended to the log of the workspace, and are in a second log in another
//! directory.
//!
//! A spill is a log with streams of its own: no other log has the ids of these streams. A replay merges the spill into
//! the log of the workspace. The merge keeps the position of each fact, so the log contains the fact once after any
//! number of replays. An interrupted replay can be repeated.

use crate::engine::chain::Head;
use crate::engine::entry::{Position, StreamId};
use crate::engine::log::directory::list_streams;
use crate::engine::log::merge::{MergeOptions, merge};
use crate::engine::log::{Durability, Log, LogOptions};
use crate::engine::progress::Progress;
use crate::engine::storage::{Storage, exists};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::store::delivery::stream_facts::StreamFacts;
use crate::store::error::Result;
use crate::store::journal::{Receipt, append_to};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The result of a replay of spilled facts into the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpillReplay {
    /// The number of facts that the replay added to the log.
    pub added: u64,
    /// The number of spilled facts that the log contains after the replay.
    pub total: u64,
}

/// The log for facts that could not be appended to the log of the workspace. No file is created before the first
/// append.
#[derive(Debug)]
pub(crate) struct Spill {
    log: Log,
}

impl Spill {
    /// Creates the handle of the spill in the directory `outbox`.
    pub(crate) fn new(storage: Arc<dyn Storage>, outbox: &Path) -> Spill {
        Spill { log: Log::new(storage, outbox.join("log"), LogOptions::new(DOMAIN)) }
    }

    /// Returns the directory that contains the streams.
    pub(crate) fn dir(&self) -> &Path {
        self.log.dir()
    }

    /// Selects or creates the stream for this process, and returns the position of the next fact.
    pub(crate) fn prepare(&self) -> Result<Position> {
        Ok(self.log.prepare()?)
    }

    /// Appends facts as one commit, with at least [`Durability::Flush`].
    pub(crate) fn append(
        &self,
        facts: &[Captured],
        durability: Durability,
        is_end: bool,
    ) -> Result<(Receipt, Option<Head>)> {
        append_to(&self.log, facts, durability.max(Durability::Flush), is_end)
    }

    /// Syncs the facts that this process has appended to the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        Ok(self.log.sync()?)
    }

    /// Returns the streams of all processes that spilled facts.
    pub(crate) fn streams(&self) -> Result<Vec<StreamId>> {
        let storage = self.log.storage();
        let dir = self.log.dir();
        let is_there = exists(storage.as_ref(), dir);
        if !is_there.map_err(|e| crate::engine::Error::io("inspect", dir, e))? {
            return Ok(Vec::new());
        }
        Ok(list_streams(storage.as_ref(), dir)?)
    }

    fn count(&self, log: &Path, streams: &[StreamId]) -> Result<u64> {
        let mut count = 0;
        for stream in streams {
            let facts =
                StreamFacts::open(self.log.storage(), &[log], *stream, crate::engine::entry::Seq::FIRST)?;
            for fact in facts {
                fact?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Returns the number of spilled facts that the log `into` does not contain.
    pub(crate) fn pending(&self, into: &Path) -> Result<u64> {
        let streams = self.streams()?;
        let spilled = self.count(self.log.dir(), &streams)?;
        Ok(spilled.saturating_sub(self.count(into, &streams)?))
    }

    /// Copies all spilled facts into the log `into`. Facts that the log already contains are not added again.
    /// `quarantine` is the quarantine directory of the workspace, which contains the lock of merges.
    pub(crate) fn replay(&self, into: &Path, quarantine: PathBuf) -> Result<SpillReplay> {
        self.log.flush()?;
        let streams = self.streams()?;
        if streams.is_empty() {
            return Ok(SpillReplay::default());
        }
        let before = self.count(into, &streams)?;
        let options = MergeOptions::new(DOMAIN, self.log.dir(), into, &quarantine);
        merge(self.log.storage(), &options, Progress::default())?;
        let total = self.count(into, &streams)?;
        Ok(SpillReplay { added: total - before.min(total), total })
    }
}
