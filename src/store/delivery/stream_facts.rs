//! A reader of the facts of one stream, beginning at a given sequence number.

use crate::engine::domain::Domain;
use crate::engine::entry::{Seq, Stamp, StreamId};
use crate::engine::error::Error;
use crate::engine::log::directory::{ResumePoint, list_segments};
use crate::engine::log::{Item, ScanMode, StreamReader};
use crate::engine::storage::Storage;
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::store::error::Result;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The domain of the log.
const LOG_DOMAIN: Domain = DOMAIN;

/// An iterator over the facts of one stream, with their stamps. The item of an entry that cannot be decoded has a stamp
/// and no fact. Missing entries are skipped; a check of the log reports them.
#[derive(Debug)]
pub(crate) struct StreamFacts {
    /// The reader; `None` if no log contains the stream.
    reader: Option<StreamReader>,
    from: Seq,
    queue: VecDeque<(Stamp, Option<Captured>)>,
}

impl StreamFacts {
    /// Opens the facts of a stream whose sequence numbers are at least `from`. Reads the stream from the first of the
    /// logs `logs` that contains it. If no log contains the stream, the iterator is empty. Errors: the directory of the
    /// stream exists and cannot be listed.
    pub(crate) fn open(
        storage: &Arc<dyn Storage>,
        logs: &[&Path],
        stream: StreamId,
        from: Seq,
    ) -> Result<StreamFacts> {
        for log in logs {
            let segments = match list_segments(storage.as_ref(), log, stream) {
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Vec::new(),
                segments => segments?,
            };
            if segments.is_empty() {
                continue;
            }
            let base = segments.iter().rev().find(|base| **base <= from);
            let start = base.map_or(ResumePoint::START, |b| ResumePoint { segment: *b, offset: 0, next: *b });
            let reader = StreamReader::open_at(storage, log, stream, ScanMode::Follow, start)?;
            let reader = Some(reader.of_domain(LOG_DOMAIN)?);
            return Ok(StreamFacts { reader, from, queue: VecDeque::new() });
        }
        Ok(StreamFacts { reader: None, from, queue: VecDeque::new() })
    }

    fn read(&mut self) -> Result<Option<(Stamp, Option<Captured>)>> {
        loop {
            if let Some(next) = self.queue.pop_front() {
                return Ok(Some(next));
            }
            let Some(reader) = &mut self.reader else { return Ok(None) };
            let Some(item) = reader.next_item()? else { return Ok(None) };
            let Item::Commit(commit) = item else { continue };
            for entry in commit.entries.iter().filter(|entry| entry.stamp.seq >= self.from) {
                let captured = Captured::of_entry(&entry.to_owned()).ok().flatten();
                self.queue.push_back((entry.stamp, captured));
            }
        }
    }
}

impl Iterator for StreamFacts {
    type Item = Result<(Stamp, Option<Captured>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
