//! What lies in the log, for people who look for something.

use crate::contract::{Canonical, Fact, Timestamp, Value};
use crate::engine;
use crate::engine::checksum::hex;
use crate::engine::entry::{Entry, Seq, StreamId};
use crate::engine::log::names;
use crate::engine::log::reader::{Item, ScanMode, StreamReader, Tail};
use crate::engine::log::stream::{is_held, list_segments, list_streams, read_headers};
use crate::engine::storage::{OpenMode, Storage};
use crate::projections::entry::Captured;
use crate::projections::kind::kind_name;
use crate::recovery::error::{Error, Result};
use crate::store::record_ref::record_at;
use crate::store::{Note, Severity};
use std::path::Path;
use std::sync::Arc;

/// A segment in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRow {
    /// The first sequence number it can hold.
    pub base: Seq,
    /// Its file's length.
    pub bytes: u64,
    /// When it was created; `None`: its header is lost.
    pub created: Option<Timestamp>,
}

/// A stream in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRow {
    /// Its id.
    pub stream: StreamId,
    /// Its segments.
    pub segments: Vec<SegmentRow>,
    /// Number of readable entries.
    pub entries: u64,
    /// The last readable entry; 0 for none.
    pub last: Seq,
    /// Time of that entry.
    pub last_time: Option<Timestamp>,
    /// Whether a living writer is at it.
    pub live: bool,
    /// Whether its last writer ended cleanly.
    pub closed: bool,
    /// What is missing in it.
    pub notes: Vec<Note>,
}

/// An entry in a dump.
#[derive(Debug, Clone, PartialEq)]
pub struct DumpedEntry {
    /// The stream.
    pub stream: StreamId,
    /// Its number.
    pub seq: Seq,
    /// When it was appended.
    pub time: Timestamp,
    /// The name of its kind, or its number.
    pub kind: String,
    /// Where it stood, if it was imported: the id of the import (its entry has the source), and the line.
    pub origin: Option<(String, u64)>,
    /// What it says; `None`: of an unknown kind, or not readable.
    pub object: Option<Value>,
    /// Length of its payload.
    pub bytes: usize,
}

/// Lists all streams. Reads the whole log. A stream that cannot be read has a row with a note.
pub fn list(storage: &Arc<dyn Storage>, log: &Path) -> Result<Vec<StreamRow>> {
    let mut rows = Vec::new();
    for stream in list_streams(storage.as_ref(), log)? {
        let mut row = StreamRow {
            stream,
            segments: Vec::new(),
            entries: 0,
            last: Seq(0),
            last_time: None,
            live: is_held(storage.as_ref(), log, stream),
            closed: false,
            notes: Vec::new(),
        };
        if let Err(e) = fill(storage, log, &mut row) {
            row.notes.push(unreadable(stream, e)?);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Reads a stream into its row.
fn fill(storage: &Arc<dyn Storage>, log: &Path, row: &mut StreamRow) -> engine::Result<()> {
    let stream = row.stream;
    for base in list_segments(storage.as_ref(), log, stream)? {
        let path = names::segment_path(log, stream, base);
        let bytes = storage.info(&path).map_or(0, |i| i.len);
        let file = storage.open(&path, OpenMode::Read).ok();
        let header = file.and_then(|f| read_headers(f.as_ref(), stream, base).ok()?.header.ok());
        let created = header.map(|h| Timestamp::from_nanos(h.time));
        row.segments.push(SegmentRow { base, bytes, created });
    }
    let mut reader = StreamReader::open(storage, log, stream, ScanMode::Follow)?;
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Commit(commit) => {
                row.entries += commit.entries.len() as u64;
                if let Some(entry) = commit.entries.last() {
                    row.last = entry.stamp.seq;
                    row.last_time = Some(Timestamp::from_nanos(entry.stamp.time));
                }
            }
            Item::Gap(gap) => {
                let message = format!("entries are missing: {gap}");
                row.notes.push(Note::new(Severity::Error, "log_gap", message));
            }
            Item::Finding(_) => {}
        }
    }
    row.closed = reader.tail() == Tail::Closed;
    Ok(())
}

/// The note on a stream that the file system refuses; any other error is returned.
fn unreadable(stream: StreamId, error: engine::Error) -> engine::Result<Note> {
    match &error {
        engine::Error::Io { source, .. } => {
            let message = format!("stream {stream} could not be read: {error}: {source}");
            Ok(Note::new(Severity::Error, "stream_unreadable", message).with("stream", stream))
        }
        _ => Err(error),
    }
}

/// Calls `f` with every readable entry of a stream (or of all), and with a note for every gap, in order, until it
/// returns `false`. A stream that cannot be read is a note as well.
pub fn dump(
    storage: &Arc<dyn Storage>,
    log: &Path,
    asked: Option<&str>,
    mut f: impl FnMut(std::result::Result<DumpedEntry, Note>) -> bool,
) -> Result<()> {
    let mut streams = list_streams(storage.as_ref(), log)?;
    if let Some(asked) = asked {
        // The beginning of an id is enough if only one stream has it.
        streams.retain(|s| s.to_string().starts_with(asked));
        if streams.len() != 1 {
            return Err(Error::StreamNotFound { asked: asked.to_owned() });
        }
    }
    for stream in streams {
        let go_on = match dump_stream(storage, log, stream, &mut f) {
            Ok(go_on) => go_on,
            Err(e) => f(Err(unreadable(stream, e)?)),
        };
        if !go_on {
            break;
        }
    }
    Ok(())
}

/// `false`: no more is wanted.
fn dump_stream(
    storage: &Arc<dyn Storage>,
    log: &Path,
    stream: StreamId,
    f: &mut impl FnMut(std::result::Result<DumpedEntry, Note>) -> bool,
) -> engine::Result<bool> {
    let mut reader = StreamReader::open(storage, log, stream, ScanMode::Follow)?;
    while let Some(item) = reader.next_item()? {
        let go_on = match item {
            Item::Commit(commit) => commit.entries.iter().all(|entry| f(Ok(dumped(entry)))),
            Item::Gap(gap) => {
                f(Err(Note::new(Severity::Error, "log_gap", format!("entries are missing: {gap}"))))
            }
            Item::Finding(_) => true,
        };
        if !go_on {
            return Ok(false);
        }
    }
    Ok(true)
}

fn dumped(entry: &Entry) -> DumpedEntry {
    let captured = Captured::of_entry(entry).ok().flatten();
    let origin = captured.as_ref().and_then(|c| c.origin).map(|o| (hex(&o.import), o.line));
    let object = captured.map(|c| object(c.fact, entry));
    DumpedEntry {
        stream: entry.stamp.stream,
        seq: entry.stamp.seq,
        time: Timestamp::from_nanos(entry.stamp.time),
        kind: kind_name(entry.kind).map_or_else(|| entry.kind.0.to_string(), str::to_owned),
        origin,
        object,
        bytes: entry.payload.len(),
    }
}

/// A fact as JSON; a captured record with the ref and time that its place gives it.
fn object(fact: Fact, entry: &Entry) -> Value {
    match fact {
        Fact::Object(object) => object.to_value(),
        Fact::Artifact(m, _) => m.to_value(),
        Fact::Ended(e) => Value::map([
            ("subject_ref", Value::from(e.subject().as_str())),
            ("status", e.status().into()),
            ("ended_at", Value::text(e.ended_at())),
        ]),
        Fact::Param(p) => Value::map([
            ("run_ref", Value::from(p.run_ref().as_str())),
            ("key", Value::from(p.key())),
            ("value", p.value().clone()),
        ]),
        Fact::Import(i) => Value::map([
            ("id", Value::text(hex(&i.id))),
            ("source", Value::Text(i.source)),
            ("format", Value::Text(i.format)),
            ("started_at", Value::text(i.started_at)),
        ]),
        record => {
            let record = record_at(record, entry.stamp).ok().flatten();
            record.map_or(Value::Null, |record| record.to_value())
        }
    }
}
