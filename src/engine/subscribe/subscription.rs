//! The subscription: rounds, and waiting between them.

use crate::engine::domain::Domain;
use crate::engine::entry::{Event, Kind, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::directory::list_streams;
use crate::engine::log::names;
use crate::engine::storage::{Storage, Watch};
use crate::engine::subscribe::flow::{LogAccess, NextItem};
use crate::engine::subscribe::item::Item;
use crate::engine::subscribe::options::SubscribeOptions;
use crate::engine::subscribe::position::{StreamPosition, SubscriptionPosition};
use crate::engine::subscribe::round::{Progress, Round, Taken};
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A reader that follows all streams of a log. The subscription is an iterator that does not end: after
/// [`Item::TimedOut`], `next` waits again.
///
/// **Order.** Items come in rounds. A round contains everything that was readable when the round began. It may also
/// contain later entries of the segments that existed at that time. The entries of a round are sorted by their stamps,
/// if the times of each stream increase; entries of one stream always come in the order of their sequence numbers. The
/// first round ends with [`Item::CaughtUp`]; a later round does so only if the position moved. An entry with an older
/// stamp that another process appends later comes in a later round.
///
/// **Completeness.** Every readable entry is returned once, across restarts, rotations of segments and new streams.
/// Exceptions: entries are returned again after [`Item::Diverged`], and a merge that moves entries to another stream
/// gives them a new identity. Entries that a merge restores in a gap that was already returned are not returned.
///
/// **Durability.** An entry is returned as soon as it is written, before it is synced. A power cut can therefore remove
/// an entry that was returned.
///
/// **Errors.** An error that concerns one stream does not end the round: the other streams are read, and the stream is
/// tried again in the next round. Nothing is skipped after an error. Errors are [`Error::Io`] and
/// [`Error::ForeignDomain`].
///
/// **Cost.** A round lists the log, reads the metadata of each stream, and opens only streams that may have changed.
/// Memory: one commit for each stream that is being read, and about 300 bytes for each stream of the log.
#[derive(Debug)]
pub struct Subscription<E> {
    storage: Arc<dyn Storage>,
    log: PathBuf,
    /// The directories that are reserved for the engine: only the engine may create files in them.
    reserved: Vec<PathBuf>,
    domain: Domain,
    kinds: Option<BTreeSet<Kind>>,
    wait: Duration,
    progress: Progress,
    /// The stream of the last item, and the position in this stream before the item, for [`Subscription::return_last`].
    undo: Option<(StreamId, StreamPosition)>,
    round: Option<Round>,
    is_first_round: bool,
    /// The wait for new entries; `None` if the subscription does not wait.
    watch: Option<Box<dyn Watch>>,
    is_log_watched: bool,
    watched: BTreeSet<StreamId>,
    events: PhantomData<fn() -> E>,
}

impl<E: Event> Subscription<E> {
    /// Opens a subscription to the log in the directory `log`. Reads nothing; the log need not exist yet. Available with
    /// the feature `testing`; programs call [`Engine::subscribe`](crate::engine::Engine::subscribe).
    #[cfg(feature = "testing")]
    pub fn open(
        storage: Arc<dyn Storage>,
        log: impl Into<PathBuf>,
        domain: Domain,
        options: SubscribeOptions,
    ) -> Subscription<E> {
        Subscription::new(storage, log, domain, options)
    }

    /// Opens a subscription to the log in the directory `log`. Reads nothing; the log need not exist yet.
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        log: impl Into<PathBuf>,
        domain: Domain,
        options: SubscribeOptions,
    ) -> Subscription<E> {
        let SubscribeOptions { from, kinds, wait, poll_interval } = options;
        let watch = (!wait.is_zero()).then(|| storage.watch(poll_interval));
        let log = log.into();
        Subscription {
            storage,
            reserved: vec![log.clone()],
            log,
            domain,
            kinds,
            wait,
            progress: Progress { position: from, ..Progress::default() },
            undo: None,
            round: None,
            is_first_round: true,
            watch,
            is_log_watched: false,
            watched: BTreeSet::new(),
            events: PhantomData,
        }
    }

    /// Adds directories to those that are reserved for the engine. The directory of the log is always reserved.
    pub(in crate::engine) fn with_reserved<const N: usize>(mut self, dirs: [&Path; N]) -> Subscription<E> {
        self.reserved.extend(dirs.map(Path::to_path_buf));
        self
    }

    /// Returns the directories that are reserved for the engine.
    pub(super) fn reserved(&self) -> &[PathBuf] {
        &self.reserved
    }

    /// Returns the directory of the log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns the position behind the last item that was returned. A subscription that begins at this position returns
    /// the next item.
    pub fn current_position(&self) -> &SubscriptionPosition {
        &self.progress.position
    }

    /// Moves the position back to before the last entry, gap or divergence, so that this item is returned again. A
    /// second call for the same item has no effect. The current round ends; the next call of `next` begins a new round.
    pub fn return_last(&mut self) {
        if let Some((stream, before)) = self.undo.take() {
            self.progress.position.set(stream, before);
            self.progress.seen.remove(&stream);
            self.round = None;
        }
    }

    /// Begins a round. Streams are watched before they are read, so that no later change is missed.
    fn begin_round(&mut self) -> Round {
        if let Some(watch) = &mut self.watch
            && !self.is_log_watched
        {
            self.is_log_watched = watch.add(&self.log);
        }
        let streams = match list_streams(self.storage.as_ref(), &self.log) {
            Ok(streams) => streams,
            Err(e) => return Round::failed(e),
        };
        if let Some(watch) = &mut self.watch {
            for stream in &streams {
                if !self.watched.contains(stream) && watch.add(&names::stream_dir(&self.log, *stream)) {
                    self.watched.insert(*stream);
                }
            }
        }
        let access = access(&self.storage, &self.log, self.domain, self.kinds.as_ref());
        Round::begin(access, &streams, &mut self.progress)
    }

    fn next_item(&mut self) -> Result<Item<E>> {
        let mut rest = self.wait;
        loop {
            let mut round = match self.round.take() {
                Some(round) => round,
                None => self.begin_round(),
            };
            let access = access(&self.storage, &self.log, self.domain, self.kinds.as_ref());
            if let Some(taken) = round.next(access, &mut self.progress) {
                self.round = Some(round);
                let taken = taken?;
                self.undo = Some((taken.stream, taken.before));
                return Ok(item_of(taken));
            }
            if round.has_moved() || self.is_first_round {
                self.is_first_round = false;
                return Ok(Item::CaughtUp(self.progress.position.clone()));
            }
            if rest.is_zero() {
                return Ok(Item::TimedOut);
            }
            let Some(watch) = &mut self.watch else { return Ok(Item::TimedOut) };
            let waited = watch.wait(rest).map_err(|e| Error::io("read changes of", &self.log, e))?;
            let Some(left) = waited else { return Ok(Item::TimedOut) };
            rest = left;
        }
    }
}

fn access<'a>(
    storage: &'a Arc<dyn Storage>,
    log: &'a Path,
    domain: Domain,
    kinds: Option<&'a BTreeSet<Kind>>,
) -> LogAccess<'a> {
    LogAccess { storage, log, domain, kinds }
}

fn item_of<E: Event>(taken: Taken) -> Item<E> {
    match taken.item {
        NextItem::Entry(entry) => {
            let (stamp, kind, version) = (entry.stamp, entry.kind, entry.version);
            match E::decode(kind, version, &entry.payload) {
                Ok(Some(event)) => Item::Entry { stamp, event },
                Ok(None) => Item::Undecodable { stamp, kind, version, cause: None },
                Err(cause) => Item::Undecodable { stamp, kind, version, cause: Some(cause) },
            }
        }
        NextItem::Gap(gap) => Item::Gap(gap),
        NextItem::Diverged(restart) => Item::Diverged { stream: taken.stream, restart },
    }
}

impl<E: Event> Iterator for Subscription<E> {
    type Item = Result<Item<E>>;

    fn next(&mut self) -> Option<Result<Item<E>>> {
        Some(self.next_item())
    }
}
