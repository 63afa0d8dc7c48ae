//! The newest entries of the log, and the entries that processes append from now on.

use crate::contract::{RunRef, Value};
use crate::engine::codec::CodecError;
use crate::engine::domain::Domain;
use crate::engine::entry::{Event, Gap, Kind, PayloadVersion, Stamp, StreamId};
use crate::engine::log::directory::list_streams;
use crate::engine::storage::Storage;
use crate::engine::subscribe::{Item, SubscribeOptions, Subscription};
use crate::projections::DOMAIN;
use crate::projections::kind::{KINDS, kind_name};
use crate::recovery::error::{Error, Result};
use crate::recovery::inspect::{DumpItem, DumpedEntry, dumped, gap_note, unreadable};
use crate::store::{Note, Severity};
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The domain of the entries in the log.
const LOG_DOMAIN: Domain = DOMAIN;
/// The maximum number of remembered messages about unreadable streams. A remembered message is not repeated.
const MESSAGES_MAX: usize = 1000;
/// The maximum time for which a call of [`LogTail::next`] reads without returning an item.
const READ_MAX: Duration = Duration::from_millis(200);

/// Options of a tail.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TailOptions {
    /// The number of newest entries that are returned first. The default is 10. All these entries are in
    /// memory at the same time.
    pub last: usize,
    /// The longest time for which [`LogTail`] waits for a new entry before it returns [`TailItem::TimedOut`]. With
    /// `None`, the default, the tail ends after the newest entries.
    pub follow: Option<Duration>,
    /// The names of the kinds of entries to return, such as `metric`. An empty list selects all kinds.
    pub kinds: Vec<String>,
    /// The stream to return: its id, or the beginning of its id. A stream that does not exist yet can be named by its
    /// complete id.
    pub stream: Option<String>,
    /// The run: only entries that name this run or a part of this run are returned.
    pub run: Option<RunRef>,
}

impl Default for TailOptions {
    fn default() -> TailOptions {
        TailOptions { last: 10, follow: None, kinds: Vec::new(), stream: None, run: None }
    }
}

/// An item of a tail.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TailItem {
    /// An entry or a note. A note describes missing entries, a stream that cannot be read, or replaced
    /// entries that are returned again.
    Log(DumpItem),
    /// No selected entry is available at the moment. The next call reads on or waits again. This item is returned in the
    /// following cases:
    /// - There was no new entry within the time of [`TailOptions::follow`].
    /// - All new entries have been returned. If processes append entries, the next item is then often a new
    ///   entry.
    /// - Entries were read for 200 ms, and none of them could be returned.
    ///
    /// The item is returned only with [`TailOptions::follow`].
    TimedOut,
}

/// An entry with its encoded payload.
#[derive(Debug)]
struct RawEvent {
    kind: Kind,
    version: PayloadVersion,
    payload: Vec<u8>,
}

impl Event for RawEvent {
    const KINDS: &'static [(Kind, PayloadVersion)] = KINDS;

    fn kind(&self) -> Kind {
        self.kind
    }

    fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> {
        out.extend_from_slice(&self.payload);
        Ok(())
    }

    fn decode(
        kind: Kind,
        version: PayloadVersion,
        payload: &[u8],
    ) -> std::result::Result<Option<Self>, CodecError> {
        Ok(Some(RawEvent { kind, version, payload: payload.to_vec() }))
    }
}

/// An entry or a note that was not yet returned. An entry is decoded when it is returned.
#[derive(Debug)]
enum Held {
    Raw(Stamp, RawEvent),
    Ready(DumpItem),
}

/// An iterator over the newest entries of the log, in the order of their times, and then over new entries. Without
/// [`TailOptions::follow`], the iterator ends after the newest entries.
#[derive(Debug)]
pub struct LogTail {
    subscription: Subscription<RawEvent>,
    last: usize,
    is_following: bool,
    /// `true` if the log was read up to its end, so that `held` has the newest entries.
    has_begun: bool,
    /// The kinds to return; `None` for all kinds. The subscription returns all kinds, because it would
    /// otherwise read a long log without returning.
    kinds: Option<BTreeSet<Kind>>,
    stream: Option<String>,
    run: Option<RunRef>,
    held: VecDeque<Held>,
    /// The messages about unreadable streams that were returned.
    messages: BTreeSet<String>,
}

/// Opens a tail of the log in the directory `log`. Errors: no stream, or more than one stream, matches the option, or a
/// kind is unknown.
pub fn tail(storage: &Arc<dyn Storage>, log: &Path, options: TailOptions) -> Result<LogTail> {
    let TailOptions { last, follow, kinds, stream, run } = options;
    if let Some(asked) = stream.as_ref().filter(|asked| asked.parse::<StreamId>().is_err()) {
        let streams = list_streams(storage.as_ref(), log)?;
        if streams.iter().filter(|stream| stream.to_string().starts_with(asked)).count() != 1 {
            return Err(Error::StreamNotFound { asked: asked.clone() });
        }
    }
    let kinds: BTreeSet<Kind> = kinds.iter().map(|name| kind_named(name)).collect::<Result<_>>()?;
    let subscribed = SubscribeOptions { wait: follow.unwrap_or_default(), ..SubscribeOptions::default() };
    Ok(LogTail {
        subscription: Subscription::new(Arc::clone(storage), log, LOG_DOMAIN, subscribed),
        last,
        is_following: follow.is_some(),
        has_begun: false,
        kinds: Some(kinds).filter(|kinds| !kinds.is_empty()),
        stream,
        run,
        held: VecDeque::new(),
        messages: BTreeSet::new(),
    })
}

/// Returns the names of all kinds of entries.
pub fn kind_names() -> Vec<&'static str> {
    KINDS.iter().filter_map(|(kind, _)| kind_name(*kind)).collect()
}

fn kind_named(name: &str) -> Result<Kind> {
    let found = KINDS.iter().find(|(kind, _)| kind_name(*kind) == Some(name));
    found.map(|(kind, _)| *kind).ok_or_else(|| Error::KindUnknown { name: name.to_owned() })
}

impl LogTail {
    /// Holds an item. Before the end of the log is reached, holds only the newest items.
    fn hold(&mut self, item: Held) {
        self.held.push_back(item);
        if !self.has_begun && self.held.len() > self.last {
            self.held.pop_front();
        }
    }

    /// Reads the next item of the subscription.
    fn read(&mut self) -> Result<Read> {
        let item = match self.subscription.next() {
            Some(Ok(item)) => item,
            Some(Err(error)) => return self.failed(error),
            None => return Ok(Read::End),
        };
        let note = |note| Read::Item(Held::Ready(DumpItem::Note(note)));
        Ok(match item {
            Item::Entry { stamp, event } if self.selects(stamp, &event) => {
                Read::Item(Held::Raw(stamp, event))
            }
            Item::Gap(gap) if self.is_own(gap.stream) => note(missing(&gap)),
            Item::Diverged { stream, restart } if self.is_own(stream) => {
                let message = format!(
                    "the entries of the stream {stream} were replaced; its entries from {restart} on follow again"
                );
                let diverged = Note::new(Severity::Warning, "log_stream_replaced", message);
                note(diverged.with("stream", stream).with("restart", restart))
            }
            Item::CaughtUp(_) => Read::End,
            Item::TimedOut => Read::TimedOut,
            _ => Read::Nothing,
        })
    }

    /// Converts an error of one stream to a note, which is returned once.
    fn failed(&mut self, error: crate::engine::Error) -> Result<Read> {
        let log = self.subscription.log().to_path_buf();
        let note = unreadable(&format!("a stream in {}", log.display()), error)?;
        if self.messages.len() >= MESSAGES_MAX {
            self.messages.clear();
        }
        Ok(match self.messages.insert(note.message.clone()) {
            true => Read::Item(Held::Ready(DumpItem::Note(note))),
            false => Read::Nothing,
        })
    }

    fn is_own(&self, stream: StreamId) -> bool {
        self.stream.as_ref().is_none_or(|asked| stream.to_string().starts_with(asked))
    }

    fn selects(&self, stamp: Stamp, event: &RawEvent) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&event.kind))
            && self.is_own(stamp.stream)
            && self.run.as_ref().is_none_or(|run| {
                let entry = dumped(stamp, event.kind, event.version, &event.payload);
                entry.object.is_some_and(|object| is_about(&object, run))
            })
    }
}

/// The result of reading one item of a subscription.
enum Read {
    Item(Held),
    /// The item is not selected.
    Nothing,
    /// The end of a round.
    End,
    TimedOut,
}

impl Iterator for LogTail {
    type Item = Result<TailItem>;

    fn next(&mut self) -> Option<Result<TailItem>> {
        let called = Instant::now();
        loop {
            if self.has_begun {
                if let Some(held) = self.held.pop_front() {
                    return Some(Ok(TailItem::Log(held.into_item())));
                }
                if !self.is_following {
                    return None;
                }
            }
            // The caller must be able to stop although a busy log has no end.
            if self.is_following && called.elapsed() >= READ_MAX {
                return Some(Ok(TailItem::TimedOut));
            }
            match self.read() {
                Ok(Read::Item(item)) => self.hold(item),
                Ok(Read::Nothing) => {}
                Ok(Read::End | Read::TimedOut) if !self.has_begun => self.has_begun = true,
                Ok(Read::End | Read::TimedOut) => return Some(Ok(TailItem::TimedOut)),
                Err(error) => {
                    self.has_begun = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Held {
    fn into_item(self) -> DumpItem {
        match self {
            Held::Raw(stamp, event) => {
                let entry: DumpedEntry = dumped(stamp, event.kind, event.version, &event.payload);
                DumpItem::Entry(entry)
            }
            Held::Ready(item) => item,
        }
    }
}

fn missing(gap: &Gap) -> Note {
    let note = gap_note(gap).with("stream", gap.stream).with("first", gap.first);
    match gap.last {
        Some(last) => note.with("last", last),
        None => note,
    }
}

/// Returns `true` if the object of an entry names the run or a part of the run.
fn is_about(object: &Value, run: &RunRef) -> bool {
    let run = run.as_str();
    let text = |name| object.get(name).and_then(Value::as_str);
    let is_part = |subject: &str| {
        let (Some((_, own)), Some((_, part))) = (run.split_once(':'), subject.split_once(':')) else {
            return false;
        };
        part.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // A record names its run in its envelope.
    let envelope = object.get("envelope").and_then(|envelope| envelope.get("run_ref"));
    let of_record = envelope.and_then(Value::as_str);
    text("run_ref").or(of_record) == Some(run)
        || ["subject_ref", "source_ref", "target_ref"].into_iter().any(|name| text(name).is_some_and(is_part))
}
