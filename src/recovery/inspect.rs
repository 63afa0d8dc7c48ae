//! Listings of the content of the log: streams, segments and entries.

use crate::contract::{Canonical, Fact, Timestamp, Value};
use crate::engine;
use crate::engine::checksum::hex;
use crate::engine::entry::{Entry, Event, Gap, GapCause, Kind, PayloadVersion, Seq, Stamp, StreamId};
use crate::engine::log::directory::{is_held, list_segments, list_streams, read_headers};
use crate::engine::log::names;
use crate::engine::log::{Item, ScanMode, StreamReader, Tail};
use crate::engine::storage::{OpenMode, Storage};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::projections::kind::kind_name;
use crate::recovery::error::{Error, Result};
use crate::store::record_ref::record_at;
use crate::store::{Note, Severity};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A segment in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentRow {
    /// The first sequence number of the segment.
    pub base: Seq,
    /// The length of the segment's file in bytes.
    pub bytes: u64,
    /// The time of creation; `None` if the header of the segment is damaged.
    pub created: Option<Timestamp>,
}

/// A stream in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamRow {
    /// The id.
    pub stream: StreamId,
    /// The segments.
    pub segments: Vec<SegmentRow>,
    /// The number of readable entries.
    pub entries: u64,
    /// The sequence number of the last readable entry; 0 if no entry is readable.
    pub last: Seq,
    /// The time of the last readable entry; `None` if no entry is readable.
    pub last_time: Option<Timestamp>,
    /// `true` if a writer has the stream open.
    pub live: bool,
    /// `true` if the stream ends in a close mark.
    pub closed: bool,
    /// Notes on missing entries, and on a failure to read the stream.
    pub notes: Vec<Note>,
}

/// An entry in a dump.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DumpedEntry {
    /// The stream.
    pub stream: StreamId,
    /// The sequence number.
    pub seq: Seq,
    /// The time of the append.
    pub time: Timestamp,
    /// The name of the entry's kind, or the number of an unknown kind.
    pub kind: String,
    /// For an imported entry, the id of the import and the number of the line; `None` for a captured entry, or if
    /// `object` is `None`. The entry of the import names the source.
    pub origin: Option<(String, u64)>,
    /// The content as JSON; `None` if the payload is unreadable, or if the kind is unknown.
    pub object: Option<Value>,
    /// The length of the payload in bytes.
    pub bytes: usize,
}

/// Lists all streams. Reads the whole log. The row of a stream that cannot be read has a note.
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
            row.notes.push(unreadable_stream(stream, e)?);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Reads a stream and fills in its row.
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
    let mut reader = StreamReader::open(storage, log, stream, ScanMode::Follow)?.of_domain(DOMAIN)?;
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Commit(commit) => {
                row.entries += commit.entries.len() as u64;
                if let Some(entry) = commit.entries.last() {
                    row.last = entry.stamp.seq;
                    row.last_time = Some(Timestamp::from_nanos(entry.stamp.time));
                }
            }
            Item::Gap(gap) => row.notes.push(gap_note(&gap)),
            Item::Finding(_) => {}
        }
    }
    row.closed = reader.tail() == Tail::Closed;
    Ok(())
}

/// Returns a note which states that a stream cannot be read. Errors: see [`unreadable`].
fn unreadable_stream(stream: StreamId, error: engine::Error) -> engine::Result<Note> {
    Ok(unreadable(&format!("stream {stream}"), error)?.with("stream", stream))
}

/// Converts an error of the file system to a note, which states that `what` cannot be read. Returns any other error
/// unchanged.
pub(in crate::recovery) fn unreadable(what: &str, error: engine::Error) -> engine::Result<Note> {
    match &error {
        engine::Error::Io { source, .. } => {
            let message = format!("{what} could not be read: {error}: {source}");
            Ok(Note::new(Severity::Error, "stream_unreadable", message))
        }
        _ => Err(error),
    }
}

/// Returns an iterator over all readable entries of the log, stream by stream. The iterator also returns a note for
/// every gap and for every stream that cannot be read. `asked` selects one stream by its id or by a prefix of the id.
/// Error: [`Error::StreamNotFound`] if no stream, or more than one stream, matches `asked`.
pub fn dump(storage: &Arc<dyn Storage>, log: &Path, asked: Option<&str>) -> Result<LogDump> {
    let mut streams = list_streams(storage.as_ref(), log)?;
    if let Some(asked) = asked {
        streams.retain(|stream| stream.to_string().starts_with(asked));
        if streams.len() != 1 {
            return Err(Error::StreamNotFound { asked: asked.to_owned() });
        }
    }
    Ok(LogDump {
        storage: Arc::clone(storage),
        log: log.to_path_buf(),
        streams: streams.into_iter(),
        reader: None,
        entries: Vec::new().into_iter(),
    })
}

/// An item of a dump of the log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DumpItem {
    /// An entry.
    Entry(DumpedEntry),
    /// A note on missing entries, or on a stream that cannot be read.
    Note(Note),
}

/// An iterator over the entries of the log. The iterator has the entries of one commit in memory, and ends after an
/// error.
#[derive(Debug)]
pub struct LogDump {
    storage: Arc<dyn Storage>,
    log: PathBuf,
    streams: std::vec::IntoIter<StreamId>,
    /// The stream that is being read, with its reader.
    reader: Option<(StreamId, StreamReader)>,
    /// The remaining entries of the commit that was read last.
    entries: std::vec::IntoIter<Entry>,
}

impl Iterator for LogDump {
    type Item = Result<DumpItem>;

    fn next(&mut self) -> Option<Result<DumpItem>> {
        loop {
            if let Some(entry) = self.entries.next() {
                let Entry { stamp, kind, version, payload, .. } = &entry;
                return Some(Ok(DumpItem::Entry(dumped(*stamp, *kind, *version, payload))));
            }
            let (stream, item) = match &mut self.reader {
                Some((stream, reader)) => (*stream, reader.next_item()),
                None => {
                    let stream = self.streams.next()?;
                    let reader = StreamReader::open(&self.storage, &self.log, stream, ScanMode::Follow);
                    match reader.and_then(|reader| reader.of_domain(DOMAIN)) {
                        Ok(reader) => {
                            self.reader = Some((stream, reader));
                            continue;
                        }
                        Err(e) => (stream, Err(e)),
                    }
                }
            };
            match item {
                Ok(Some(Item::Commit(commit))) => self.entries = commit.entries.into_iter(),
                Ok(Some(Item::Gap(gap))) => return Some(Ok(DumpItem::Note(gap_note(&gap)))),
                Ok(Some(Item::Finding(_))) => {}
                Ok(None) => self.reader = None,
                Err(e) => {
                    self.reader = None;
                    return Some(match unreadable_stream(stream, e) {
                        Ok(note) => Ok(DumpItem::Note(note)),
                        Err(e) => {
                            self.streams = Vec::new().into_iter();
                            Err(e.into())
                        }
                    });
                }
            }
        }
    }
}

pub(in crate::recovery) fn gap_note(gap: &Gap) -> Note {
    if gap.cause == GapCause::Erased {
        return Note::new(Severity::Info, "log_erased", format!("entries were erased on request: {gap}"));
    }
    Note::new(Severity::Error, "log_gap", format!("entries are missing: {gap}"))
}

/// Decodes an entry.
pub(in crate::recovery) fn dumped(
    stamp: Stamp,
    kind: Kind,
    version: PayloadVersion,
    payload: &[u8],
) -> DumpedEntry {
    let captured = Captured::decode(kind, version, payload).ok().flatten();
    let origin = captured.as_ref().and_then(|c| c.origin).map(|o| (hex(&o.import), o.line));
    let object = captured.map(|c| object(c.fact, stamp));
    DumpedEntry {
        stream: stamp.stream,
        seq: stamp.seq,
        time: Timestamp::from_nanos(stamp.time),
        kind: kind_name(kind).map_or_else(|| kind.0.to_string(), str::to_owned),
        origin,
        object,
        bytes: payload.len(),
    }
}

/// Returns a fact as JSON. A captured record gets its ref and time of recording from the stamp of its entry.
fn object(fact: Fact, stamp: Stamp) -> Value {
    match fact {
        Fact::Object(object) => object.to_value(),
        Fact::Artifact(m, _) => m.to_value(),
        Fact::Ended(e) => Value::map([
            ("subject_ref", Value::from(e.subject().as_str())),
            ("status", e.status().into()),
            ("ended_at", Value::text(e.ended_at())),
            ("message", e.message().map_or(Value::Null, Value::text)),
            ("reason", e.reason().map_or(Value::Null, Value::text)),
            ("writer", e.writer().map_or(Value::Null, Value::text)),
        ]),
        Fact::Param(p) => Value::map([
            ("run_ref", Value::from(p.run_ref().as_str())),
            ("key", Value::from(p.key())),
            ("value", p.value().clone()),
        ]),
        Fact::Annotation(a) => a.to_value(),
        Fact::Process(p) => p.to_value(),
        Fact::Writer(w) => w.to_value(),
        Fact::Erasure(e) => e.to_value(),
        Fact::Import(i) => Value::map([
            ("id", Value::text(hex(&i.id))),
            ("source", Value::Text(i.source)),
            ("format", Value::Text(i.format)),
            ("started_at", Value::text(i.started_at)),
        ]),
        record => {
            let record = record_at(record, stamp).ok().flatten();
            record.map_or(Value::Null, |record| record.to_value())
        }
    }
}
