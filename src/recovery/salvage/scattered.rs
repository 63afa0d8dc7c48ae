//! The search for entries in bytes that are no segments: halves of segments, segments without a header, frames anywhere
//! in a file, and single entries of damaged frames.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Entry, Kind, PayloadVersion, Seq, Stamp, StreamId};
use crate::engine::fault::chain;
use crate::engine::log::header::SegmentHeader;
use crate::engine::log::names::stream_dir;
use crate::engine::repair::Salvaged;
use crate::engine::repair::salvage::{salvage_files, write_segment};
use crate::engine::storage::{Storage, exists};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::recovery::error::Result;
use crate::recovery::salvage::remains::unreadable;
use crate::recovery::salvage::report::UnknownEntries;
use crate::recovery::salvage::streams::visit_entries;
use crate::recovery::tree::io_error;
use crate::store::{Note, Severity};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The number of payload bytes that are collected before they are written.
const BATCH_BYTES: usize = 32 << 20;
/// The maximum number of entries of unknown streams that are compared.
const UNKNOWN_MAX: usize = 1 << 20;
/// The maximum number of logs to which the entries of a batch are written. Each log needs a merge.
const PASSES_MAX: usize = 16;
/// The maximum number of notes on unreadable blocks.
const NOTES_MAX: usize = 100;

const CONTENT_TAG: &[u8] = b"contexta salvaged content 0\0";
const STREAM_TAG: &[u8] = b"contexta salvaged stream 0\0";

/// Entries that are collected before they are written.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, entry: Entry) {
        self.bytes += entry.payload.len() + size_of::<Entry>();
        self.entries.push(entry);
    }

    fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES
    }

    /// Removes the entries and returns them.
    fn take(&mut self) -> Vec<Entry> {
        self.bytes = 0;
        std::mem::take(&mut self.entries)
    }
}

/// A search for entries.
pub(super) struct Search<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    /// The files to search.
    pub(super) files: &'a [PathBuf],
    /// The headers of all segments that were found.
    pub(super) headers: &'a [SegmentHeader],
}

impl Search<'_> {
    /// Writes the found entries of known streams as segments to the log `pieces`, and calls `absorb` after each part.
    /// `absorb` must remove the log. Returns the digests of the found entries of unknown streams.
    pub(super) fn known_streams(
        &self,
        pieces: &Path,
        notes: &mut Vec<Note>,
        absorb: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Unknown> {
        let (mut batch, mut unknown, mut conflicting) = (Batch::default(), Unknown::default(), 0);
        for found in salvage_files::<Captured>(self.storage, self.files, self.headers.iter(), DOMAIN) {
            let found = match found {
                Ok(found) => found,
                Err(e) if notes.len() < NOTES_MAX => {
                    notes.push(unreadable(&chain(&e)));
                    continue;
                }
                Err(_) => continue,
            };
            match found.stream {
                Some(_) => batch.push(entry_of(found)),
                None => unknown.add(&found),
            }
            if batch.is_full() {
                conflicting += self.write(batch.take(), pieces, absorb)?;
            }
        }
        conflicting += self.write(batch.take(), pieces, absorb)?;
        if conflicting > 0 {
            let message = format!(
                "{conflicting} entries were not added, because more than {PASSES_MAX} different entries have the same \
                 position"
            );
            notes.push(Note::new(Severity::Error, "salvage_entries_skipped", message));
        }
        notes.extend(unknown.note());
        Ok(unknown)
    }

    /// Writes entries as segments, one segment for each stream. If two entries with the same position differ, the second
    /// entry is written to a further log. Returns the number of entries that would need more than [`PASSES_MAX`] logs and
    /// were not written.
    fn write(
        &self,
        mut entries: Vec<Entry>,
        pieces: &Path,
        absorb: &mut dyn FnMut() -> Result<()>,
    ) -> Result<u64> {
        for _ in 0..PASSES_MAX {
            if entries.is_empty() {
                break;
            }
            entries.sort_by_key(|entry| (entry.stamp.stream, entry.stamp.seq));
            let mut streams: BTreeMap<StreamId, Vec<Entry>> = BTreeMap::new();
            let mut others = Vec::new();
            for entry in entries {
                let written = streams.entry(entry.stamp.stream).or_default();
                match written.last().filter(|last| last.stamp.seq == entry.stamp.seq) {
                    Some(last) if last.stamp.time == entry.stamp.time && last.payload == entry.payload => {}
                    Some(_) => others.push(entry),
                    None => written.push(entry),
                }
            }
            for (stream, entries) in streams {
                write_segment(self.storage, pieces, (stream, DOMAIN), &entries)?;
            }
            absorb()?;
            entries = others;
        }
        Ok(entries.len() as u64)
    }

    /// Appends entries of unknown streams to new streams of the log `log`. Entries that a stream contains are not
    /// appended. The id of a new stream depends only on its entries. Returns the new streams.
    pub(super) fn unknown_streams(
        &self,
        mut unknown: Unknown,
        log: &Path,
    ) -> Result<(UnknownEntries, BTreeSet<StreamId>)> {
        let mut counts = UnknownEntries { undecodable: unknown.undecodable, ..UnknownEntries::default() };
        let mut streams = BTreeSet::new();
        if unknown.digests.is_empty() {
            return Ok((counts, streams));
        }
        let before = unknown.digests.len();
        visit_entries(self.storage, log, |entry| {
            unknown.digests.remove(&digest_of(entry.stamp.time, (entry.kind, entry.version), entry.payload));
        })?;
        counts.present = (before - unknown.digests.len()) as u64;
        let mut batch = Batch::default();
        for found in
            salvage_files::<Captured>(self.storage, self.files, self.headers.iter(), DOMAIN).flatten()
        {
            // The removal also skips further copies of an entry.
            if found.stream.is_none() && unknown.digests.remove(&digest_of_found(&found)) {
                batch.push(entry_of(found));
            }
            if batch.is_full() {
                self.append(batch.take(), log, (&mut counts, &mut streams))?;
            }
        }
        self.append(batch.take(), log, (&mut counts, &mut streams))?;
        Ok((counts, streams))
    }

    /// Writes entries as a new stream, in the order of their times.
    fn append(
        &self,
        mut entries: Vec<Entry>,
        log: &Path,
        (counts, streams): (&mut UnknownEntries, &mut BTreeSet<StreamId>),
    ) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        entries.sort_by_key(|entry| (entry.stamp.time, entry.stamp.seq));
        let stream = stream_of(&entries);
        for (entry, seq) in entries.iter_mut().zip(1..) {
            entry.stamp.seq = Seq(seq);
        }
        let dir = stream_dir(log, stream);
        if exists(self.storage.as_ref(), &dir).map_err(|e| io_error("read the metadata of", &dir, e))? {
            counts.present += entries.len() as u64;
            return Ok(());
        }
        write_segment(self.storage, log, (stream, DOMAIN), &entries)?;
        counts.added += entries.len() as u64;
        streams.insert(stream);
        Ok(())
    }
}

/// The entries of unknown streams that a search has found.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    digests: HashSet<Digest>,
    undecodable: u64,
    /// The number of entries that were found after the limit was reached.
    skipped: u64,
}

impl Unknown {
    fn add(&mut self, found: &Salvaged<Captured>) {
        if !matches!(found.event, Ok(Some(_))) {
            self.undecodable += 1;
        } else if self.digests.len() < UNKNOWN_MAX {
            self.digests.insert(digest_of_found(found));
        } else {
            self.skipped += 1;
        }
    }

    fn note(&self) -> Option<Note> {
        let message = format!(
            "{} entries of unknown streams were not compared and not added, because there are more than {UNKNOWN_MAX} \
             such entries",
            self.skipped
        );
        (self.skipped > 0).then(|| Note::new(Severity::Error, "salvage_entries_skipped", message))
    }
}

fn entry_of(found: Salvaged<Captured>) -> Entry {
    let stream = found.stream.unwrap_or(StreamId([0; 16]));
    Entry {
        stamp: Stamp { time: found.time, stream, seq: found.seq },
        kind: found.kind,
        version: found.version,
        payload: found.payload,
        checksum: 0,
    }
}

fn digest_of_found(found: &Salvaged<Captured>) -> Digest {
    digest_of(found.time, (found.kind, found.version), &found.payload)
}

/// Returns the digest of the time and the content of an entry.
fn digest_of(time: u64, (kind, version): (Kind, PayloadVersion), payload: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(CONTENT_TAG).update(&time.to_le_bytes());
    hasher.update(&kind.0.to_le_bytes()).update(&version.0.to_le_bytes()).update(payload);
    Digest(*hasher.finalize().as_bytes())
}

/// Returns the id of a new stream with these entries.
fn stream_of(entries: &[Entry]) -> StreamId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(STREAM_TAG);
    for Entry { stamp, kind, version, payload, .. } in entries {
        hasher.update(&digest_of(stamp.time, (*kind, *version), payload).0);
    }
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(hasher.finalize().as_bytes()) {
        *to = *from;
    }
    StreamId(id)
}
