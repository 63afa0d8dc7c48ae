//! The entries of runs in the log.

use crate::contract::fact::ErasedEntries;
use crate::contract::{Fact, RunRef};
use crate::engine::checksum::Digest;
use crate::engine::entries::EntryRef;
use crate::engine::entry::{Event, Gap, GapCause, Position, Seq, StreamId};
use crate::engine::error::Error as EngineError;
use crate::engine::log::directory::list_streams;
use crate::engine::log::{Commit, Item, ScanMode, StreamReader};
use crate::engine::progress::Progress;
use crate::engine::storage::Storage;
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::projections::fact_runs::runs_of;
use crate::recovery::error::Result;
use crate::store::location::{is_tree, local_path};
use crate::store::{Note, Severity};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The entries of several runs.
#[derive(Debug, Default)]
pub(super) struct FoundEntries {
    /// The entries of each run that has entries.
    pub(super) runs: BTreeMap<RunRef, RunEntries>,
    /// For each segment with entries of the runs, the offset at which the last frame with such an entry ends.
    pub(super) segments: BTreeMap<(StreamId, Seq), u64>,
    /// The positions of dead letters that contain copies of these entries or of erased entries.
    pub(super) letters: BTreeSet<Position>,
    /// Notes about streams that cannot be read, and about missing entries in streams with entries of the runs.
    pub(super) notes: Vec<Note>,
}

/// The entries to find.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The runs.
    pub(super) runs: &'a BTreeSet<RunRef>,
    /// The positions of all dead letters.
    pub(super) letters: &'a BTreeSet<Position>,
}

/// The entries of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RunEntries {
    /// The range and the number of the entries in each stream.
    pub(super) streams: BTreeMap<StreamId, ErasedEntries>,
    /// The length of the payloads in bytes.
    pub(super) bytes: u64,
    /// The bodies of artifacts. The value is `true` if the body is the list of the files of a directory.
    pub(super) bodies: BTreeMap<Digest, bool>,
    /// The local files that artifacts refer to.
    pub(super) files: BTreeSet<PathBuf>,
}

impl RunEntries {
    /// Returns the number of entries.
    pub(super) fn count(&self) -> u64 {
        self.streams.values().map(|stream| stream.entries).sum()
    }

    fn add(&mut self, entry: EntryRef<'_>, fact: &Fact) {
        let seq = entry.stamp.seq.0;
        let new = ErasedEntries { stream: entry.stamp.stream.0, first: seq, last: seq, entries: 0 };
        let stream = self.streams.entry(entry.stamp.stream).or_insert(new);
        stream.last = seq;
        stream.entries += 1;
        self.bytes += entry.payload.len() as u64;
        if let Fact::Artifact(manifest, body) = fact {
            let location = &manifest.location_ref;
            self.files.extend(local_path(location));
            if let Some(digest) = body {
                *self.bodies.entry(Digest(*digest)).or_default() |= is_tree(location);
            }
        }
    }
}

/// Reads the whole log, and returns the entries of the runs. A stream that cannot be read is skipped, and a
/// note names the stream.
pub(super) fn find_entries(
    storage: &Arc<dyn Storage>,
    log: &Path,
    wanted: Wanted<'_>,
    progress: Progress<'_>,
) -> Result<FoundEntries> {
    let mut found = FoundEntries::default();
    let streams = list_streams(storage.as_ref(), log)?;
    let total = streams.len() as u64;
    for (stream, n) in streams.into_iter().zip(1..) {
        match found.add_stream(storage, log, wanted, stream) {
            Err(EngineError::Io { source, .. }) => {
                let message = format!("stream {stream} could not be read: {source}");
                found.notes.push(Note::new(Severity::Error, "stream_unreadable", message));
            }
            added => added?,
        }
        progress.report(n, total);
    }
    Ok(found)
}

impl FoundEntries {
    /// Returns the number of entries of all runs.
    pub(super) fn count(&self) -> u64 {
        self.runs.values().map(RunEntries::count).sum()
    }

    fn add_stream(
        &mut self,
        storage: &Arc<dyn Storage>,
        log: &Path,
        wanted: Wanted<'_>,
        stream: StreamId,
    ) -> crate::engine::Result<()> {
        let mut gaps = Vec::new();
        let mut reader = StreamReader::open(storage, log, stream, ScanMode::Follow)?.of_domain(DOMAIN)?;
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Commit(commit) => self.add_commit(stream, &commit, wanted),
                Item::Gap(gap) if gap.cause != GapCause::Erased => gaps.push(gap),
                Item::Gap(Gap { first, last: Some(last), .. }) if first <= last => {
                    let erased = [first, last].map(|seq| Position { stream, seq });
                    self.letters.extend(wanted.letters.range(erased[0]..=erased[1]));
                }
                Item::Gap(_) | Item::Finding(_) => {}
            }
        }
        let is_affected = self.segments.range((stream, Seq(0))..=(stream, Seq(u64::MAX))).next().is_some();
        let note = |gap| Note::new(Severity::Warning, "log_gap", format!("entries are missing: {gap}"));
        self.notes.extend(gaps.into_iter().filter(|_| is_affected).map(note));
        Ok(())
    }

    fn add_commit(&mut self, stream: StreamId, commit: &Commit, wanted: Wanted<'_>) {
        for entry in &commit.entries {
            let decoded = Captured::decode(entry.kind, entry.version, entry.payload);
            let Some(fact) = decoded.ok().flatten().map(|captured| captured.fact) else { continue };
            for run in runs_of(&fact).into_iter().filter(|run| wanted.runs.contains(run)) {
                let position = Position { stream, seq: entry.stamp.seq };
                self.letters.extend(wanted.letters.get(&position));
                self.runs.entry(run).or_default().add(entry, &fact);
                let end = self.segments.entry((stream, commit.segment)).or_default();
                *end = (*end).max(commit.end);
            }
        }
    }
}
