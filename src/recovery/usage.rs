//! The size of the log by run, and the damage that a single read of the log finds.

use crate::contract::{Fact, Object, RunRef, StableRef};
use crate::engine;
use crate::engine::entry::{Entry, Event, Gap, GapCause, Seq, StreamId};
use crate::engine::log::directory::{is_held, list_streams, origin_of};
use crate::engine::log::names;
use crate::engine::log::{Finding, FindingKind, Item, ScanMode, StreamReader};
use crate::engine::progress::Progress;
use crate::engine::storage::{ItemKind, Storage};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::recovery::error::Result;
use crate::recovery::inspect::gap_note;
use crate::store::{Note, Severity, chain};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The entries of a run in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct EntryUsage {
    /// The number of entries.
    pub(crate) entries: u64,
    /// The total length of their payloads in bytes.
    pub(crate) bytes: u64,
}

/// A stream that branches off from another stream, because the log had two histories of that stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForkedStream {
    pub(crate) stream: StreamId,
    pub(crate) parent: StreamId,
    /// The first sequence number that differs.
    pub(crate) first: Seq,
}

/// The content of the log by run, and its damage.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogUsage {
    pub(crate) streams: u64,
    /// The number of streams that a writer has open.
    pub(crate) live: u64,
    /// The entries that belong to a run.
    pub(crate) runs: BTreeMap<RunRef, EntryUsage>,
    /// The other entries.
    pub(crate) other: EntryUsage,
    pub(crate) forks: Vec<ForkedStream>,
    /// The first gap of each stream, and the number of gaps of the stream. Gaps that an erasure made are counted
    /// separately from other gaps.
    pub(crate) gaps: Vec<(Gap, u64)>,
    /// Notes on streams that cannot be read, and on segments of a newer format.
    pub(crate) notes: Vec<Note>,
}

/// Reads the log once. A stream that cannot be read is reported in a note. Errors: the streams cannot be listed.
pub(crate) fn log_usage(storage: &Arc<dyn Storage>, log: &Path, progress: Progress<'_>) -> Result<LogUsage> {
    let mut usage = LogUsage::default();
    let bytes = |stream| dir_usage(storage.as_ref(), &names::stream_dir(log, stream)).bytes;
    let streams = list_streams(storage.as_ref(), log)?.into_iter().map(|stream| (stream, bytes(stream)));
    let streams: Vec<(StreamId, u64)> = streams.collect();
    let (mut done, total) = (0, streams.iter().map(|(_, bytes)| bytes).sum());
    for (stream, bytes) in streams {
        progress.report(done, total);
        done += bytes;
        usage.streams += 1;
        usage.live += u64::from(is_held(storage.as_ref(), log, stream));
        let origin = origin_of(storage.as_ref(), log, stream).map(|origin| {
            let fork = origin.map(|o| ForkedStream { stream, parent: o.parent, first: o.first });
            usage.forks.extend(fork);
        });
        if let Err(error) = origin.and(usage.add_stream(storage, log, stream)) {
            let message = format!("stream {stream} cannot be read: {}", chain(&error));
            usage.notes.push(Note::new(Severity::Error, "stream_unreadable", message).with("stream", stream));
        }
    }
    Ok(usage)
}

impl LogUsage {
    fn add_stream(&mut self, storage: &Arc<dyn Storage>, log: &Path, stream: StreamId) -> engine::Result<()> {
        let mut reader = StreamReader::open(storage, log, stream, ScanMode::Follow)?.of_domain(DOMAIN)?;
        let mut lost: Option<(Gap, u64)> = None;
        let mut erased: Option<(Gap, u64)> = None;
        let mut read = || {
            while let Some(item) = reader.next_item()? {
                match item {
                    Item::Commit(commit) => commit.entries.iter().for_each(|entry| self.add_entry(&entry)),
                    Item::Gap(gap) => {
                        let gaps = if gap.cause == GapCause::Erased { &mut erased } else { &mut lost };
                        gaps.get_or_insert((gap, 0)).1 += 1;
                    }
                    Item::Finding(Finding { kind: FindingKind::Newer { version }, .. }) => {
                        let message = format!(
                            "a segment of the stream {stream} has the format {version}, which this version of \
                             contexta cannot read"
                        );
                        self.notes.push(Note::new(Severity::Error, "log_newer_format", message));
                    }
                    Item::Finding(_) => {}
                }
            }
            Ok(())
        };
        let result = read();
        self.gaps.extend(lost.into_iter().chain(erased));
        result
    }

    fn add_entry(&mut self, entry: &Entry<&[u8]>) {
        let captured = Captured::decode(entry.kind, entry.version, entry.payload).ok().flatten();
        let fact = captured.map(|captured| captured.fact);
        let usage = match fact.as_ref().and_then(run_of) {
            Some(run) => self.runs.entry(run).or_default(),
            None => &mut self.other,
        };
        usage.entries += 1;
        usage.bytes += entry.payload.len() as u64;
    }
}

/// Returns the notes on gaps.
pub(crate) fn gap_notes(gaps: &[(Gap, u64)]) -> Vec<Note> {
    let note = |(first, count): &(Gap, u64)| {
        let mut note = gap_note(first);
        if *count > 1 {
            note.message = format!("{} (the first of {count} gaps of the stream)", note.message);
        }
        note.with("stream", first.stream).with("gaps", count)
    };
    gaps.iter().map(note).collect()
}

impl LogUsage {
    /// Counts the entries of a run among the entries that belong to no run.
    pub(crate) fn disown(&mut self, run: &RunRef) {
        if let Some(usage) = self.runs.remove(run) {
            self.other.entries += usage.entries;
            self.other.bytes += usage.bytes;
        }
    }
}

/// Returns the run that a fact is about; `None` if the fact is not about a run.
fn run_of(fact: &Fact) -> Option<RunRef> {
    match fact {
        Fact::Object(object) => run_of_object(object),
        Fact::Artifact(manifest, _) => Some(manifest.run_ref.clone()),
        Fact::Ended(ended) => run_of_subject(ended.subject()),
        Fact::Annotation(annotation) => run_of_subject(annotation.subject()),
        Fact::Param(param) => Some(param.run_ref().clone()),
        Fact::Writer(writer) => Some(writer.run_ref().clone()),
        record => record.observation().map(|(observation, _)| observation.run_ref.clone()),
    }
}

fn run_of_object(object: &Object) -> Option<RunRef> {
    match object {
        Object::Deployment(deployment) => deployment.run_ref.clone(),
        object => run_of_subject(object.own_ref()),
    }
}

/// Returns the run that the subject is or is a part of.
fn run_of_subject(subject: &StableRef) -> Option<RunRef> {
    let (kind, components) = subject.as_str().split_once(':')?;
    if !["run", "stage", "batch", "sample", "op", "environment"].contains(&kind) {
        return None;
    }
    let mut components = components.split('.');
    let (project, run) = (components.next()?, components.next()?);
    RunRef::parse(&format!("run:{project}.{run}")).ok()
}

/// The files below a directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DirUsage {
    /// The number of files.
    pub(crate) files: u64,
    /// Their total length in bytes.
    pub(crate) bytes: u64,
    /// The number of directories that cannot be listed, and of files whose length cannot be read.
    pub(crate) unreadable: u64,
}

/// Returns the number and the length of the files below a directory. Links are not followed. A directory that does not
/// exist is empty.
pub(crate) fn dir_usage(storage: &dyn Storage, dir: &Path) -> DirUsage {
    let mut usage = DirUsage::default();
    let mut waiting = vec![dir.to_path_buf()];
    while let Some(dir) = waiting.pop() {
        let items = match storage.items(&dir) {
            Ok(items) => items,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => {
                usage.unreadable += 1;
                continue;
            }
        };
        for item in items {
            let path = dir.join(&item.name);
            match item.kind {
                ItemKind::Dir => waiting.push(path),
                ItemKind::File { .. } => {
                    usage.files += 1;
                    match storage.info(&path) {
                        Ok(info) => usage.bytes += info.len,
                        // The file was removed in the meantime.
                        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                        Err(_) => usage.unreadable += 1,
                    }
                }
                _ => {}
            }
        }
    }
    usage
}
