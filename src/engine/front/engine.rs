//! The engine: the log and the tables of one directory.

use crate::engine::chain::Head;
use crate::engine::domain::Domain;
use crate::engine::entry::{Event, Stamp};
use crate::engine::error::{Error, Result};
use crate::engine::front::idempotency::IdempotencyProjection;
use crate::engine::front::lock::TransactionLock;
use crate::engine::front::options::EngineOptions;
use crate::engine::front::paths::EnginePaths;
use crate::engine::log::merge::{LogMerge, MergeOptions, merge};
use crate::engine::log::{Committed, Durability, Log, LogOptions};
use crate::engine::progress::Progress;
use crate::engine::projection::view::View;
use crate::engine::projection::{CatchUp, Projector, ProjectorOptions, ProjectorPaths, TablesDigest};
use crate::engine::storage::Storage;
use crate::engine::subscribe::{SubscribeOptions, Subscription};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An append log with derived tables, for the events of type `E`.
///
/// Threads may share an engine, and any number of processes may open the same directory at the same time: each process
/// appends to a stream of its own, and reads the streams of all processes. A child process that was created by
/// `fork(2)` must open an engine of its own.
///
/// ```
/// # use contexta::engine::codec::{self, CodecError};
/// # use contexta::engine::entry::{Event, Kind, PayloadVersion};
/// # use contexta::engine::projection::{Applied, Projection, TableSpec, Tables};
/// # use contexta::engine::table::Set;
/// # use contexta::engine::{self, Engine};
/// /// A line of an audit log.
/// struct Line(String);
///
/// impl Event for Line {
///     const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];
///     fn kind(&self) -> Kind {
///         Kind(1)
///     }
///     fn payload_version(&self) -> PayloadVersion {
///         PayloadVersion(1)
///     }
///     fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
///         codec::encode(&self.0, out)
///     }
///     fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> Result<Option<Line>, CodecError> {
///         codec::decode(payload).map(|text| Some(Line(text)))
///     }
/// }
///
/// /// The set of all lines.
/// const LINES: Set<String> = Set::new("lines");
///
/// struct Lines;
///
/// impl Projection<Line> for Lines {
///     fn name(&self) -> &'static str {
///         "lines"
///     }
///     fn version(&self) -> u32 {
///         1
///     }
///     fn tables(&self) -> &'static [TableSpec] {
///         const { &[LINES.spec()] }
///     }
///     fn wants(&self, _: Kind) -> bool {
///         true
///     }
///     fn apply(&self, applied: &Applied<'_, Line>, tables: &mut Tables) -> engine::Result<()> {
///         LINES.insert(tables, &applied.event.0);
///         Ok(())
///     }
/// }
///
/// # let dir = std::env::temp_dir().join(format!("contexta-doc-engine-{}", std::process::id()));
/// let engine = Engine::<Line>::options(&dir).domain("audit", 1).projection(Lines).open()?;
/// engine.append(&Line("opened".into()))?;
/// let view = engine.view()?;
/// assert!(LINES.contains(&view, "opened")?);
/// # drop((view, engine));
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), engine::Error>(())
/// ```
pub struct Engine<E: Event> {
    pub(super) log: Log,
    pub(super) projector: Projector<E>,
    pub(super) paths: EnginePaths,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) lock: TransactionLock,
    pub(super) transaction_wait: Duration,
    pub(super) durability: Durability,
    pub(super) domain: Domain,
    pub(super) accepts_missing_entries: bool,
    is_read_only: bool,
}

impl<E: Event> fmt::Debug for Engine<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("root", &self.paths.root)
            .field("domain", &self.domain)
            .field("projector", &self.projector)
            .finish_non_exhaustive()
    }
}

impl<E: Event> EngineOptions<E> {
    /// Opens the engine. Nothing is created on disk until the first append, transaction or merge. Errors:
    /// [`Error::Misused`] if no domain was set or its name is not allowed. A log of another domain is an error of the
    /// first append or read.
    pub fn open(self) -> Result<Engine<E>> {
        let domain = self.checked_domain()?;
        let paths = EnginePaths::of(&self.root);
        let mut log_options = LogOptions::new(domain);
        log_options.segment_bytes_max = self.segment_bytes_max.unwrap_or(log_options.segment_bytes_max);
        let mut projector_options = ProjectorOptions::new(domain);
        projector_options.publish = !self.is_read_only;
        // A large rebuild keeps its changes in an unnamed file beside the generations.
        projector_options.spill = (!self.is_read_only).then(|| paths.projections.clone());
        let projector_paths =
            ProjectorPaths { log: paths.log.clone(), generations: paths.projections.clone() };
        let mut projections = self.projections;
        projections.push(Box::new(IdempotencyProjection));
        Ok(Engine {
            log: Log::new(Arc::clone(&self.storage), paths.log.clone(), log_options),
            projector: Projector::new(
                Arc::clone(&self.storage),
                projector_paths,
                projector_options,
                projections,
            ),
            paths,
            storage: self.storage,
            lock: TransactionLock::default(),
            transaction_wait: self.transaction_wait,
            durability: self.durability,
            domain,
            accepts_missing_entries: self.accepts_missing_entries,
            is_read_only: self.is_read_only,
        })
    }
}

impl<E: Event> Engine<E> {
    /// Returns options for the engine in the directory `root`.
    pub fn options(root: impl AsRef<Path>) -> EngineOptions<E> {
        EngineOptions::new(root.as_ref())
    }

    /// Appends one event with the durability of the options, and returns the stamp of its entry. Errors: the event cannot
    /// be encoded or is too large, the log belongs to another domain, the storage returns an error, or
    /// [`Error::OpenedReadOnly`] if the engine was opened for reading only.
    pub fn append(&self, event: &E) -> Result<Stamp> {
        Ok(self.append_all(std::slice::from_ref(event))?.first)
    }

    /// Appends the events as one commit, with the durability of the options: a reader sees all of them or none. Errors:
    /// as for [`Engine::append`].
    pub fn append_all(&self, events: &[E]) -> Result<Committed> {
        self.append_with(events, self.durability)
    }

    /// Appends the events as one commit with this durability. Errors: as for [`Engine::append`].
    pub fn append_with(&self, events: &[E], durability: Durability) -> Result<Committed> {
        self.check_writable()?;
        self.log.append(events, durability)
    }

    /// Writes entries appended with [`Durability::Batched`], so that other processes can read them.
    pub fn flush(&self) -> Result<()> {
        self.log.flush()
    }

    /// Makes everything durable that this engine has appended so far.
    pub fn sync(&self) -> Result<()> {
        self.log.sync()
    }

    /// Ends the stream of this process with a close mark. Returns the head of the stream: the position of its last
    /// entry and the digest of all its entries; `None` if nothing was appended since the engine was opened or last
    /// closed. A later append continues an existing stream or creates a new stream. Dropping the engine also closes the
    /// stream, and ignores errors.
    pub fn close(&self) -> Result<Option<Head>> {
        self.log.close()
    }

    /// Returns a consistent view of all tables. The view contains every readable entry that was in the log when the
    /// call began, whichever process appended the entry. Later appends do not change the view. The notes of the view
    /// name missing entries.
    ///
    /// Events that this engine appends later have later times than the entries of the view. Exception: streams whose
    /// last entry is more than a minute ahead of the clock of this machine; a note of the view names each such stream.
    ///
    /// Cost: proportional to the number of entries that are new since the last view. Errors: the log cannot be read, a
    /// projection fails, or buffered entries of this process cannot be written.
    pub fn view(&self) -> Result<View> {
        self.log.flush()?;
        let view = self.projector.view(self.log.open_segment())?;
        // Streams whose clocks are too far ahead do not advance this clock. The notes of the view name these streams.
        self.log.observe(view.latest());
        Ok(view)
    }

    /// Discards the tables and rebuilds them from the log. No event is lost.
    pub fn rebuild(&self, progress: Progress<'_>) -> Result<CatchUp> {
        self.check_writable()?;
        self.log.flush()?;
        self.projector.rebuild(progress)
    }

    /// Returns the digest of all tables. Two engines with the same entries and projections have the same digest.
    pub fn digest(&self) -> Result<TablesDigest> {
        self.log.flush()?;
        self.projector.digest()
    }

    /// Copies all entries of the engine in the directory `other` into this engine. The other engine is only read. A
    /// repeated merge changes nothing if the other engine has no new entries. Transactions in the directory of this
    /// engine wait until the merge has ended. Errors: the other engine has no log, the lock of the transactions cannot
    /// be acquired (as for [`Engine::transact`]), [`Error::MergeBusy`] if another merge or repair is running,
    /// [`Error::ForeignDomain`] if one of the logs belongs to another domain, or the storage returns an error.
    pub fn merge(&self, other: impl AsRef<Path>, progress: Progress<'_>) -> Result<LogMerge> {
        self.check_writable()?;
        let held =
            self.lock.acquire(self.storage.as_ref(), &self.paths.transaction_lock, self.transaction_wait)?;
        self.log.flush()?;
        let from = EnginePaths::of(other.as_ref()).log;
        self.storage.info(&from).map_err(|e| Error::io("read", &from, e))?;
        let options = MergeOptions::new(self.domain, &from, &self.paths.log, &self.paths.quarantine);
        let merged = merge(&self.storage, &options, progress);
        drop(held);
        merged
    }

    /// Returns an iterator that follows the log: it returns the entries of all processes after the position
    /// `options.from`, and waits for new entries. The iterator can be used after this engine was dropped. Errors are
    /// items of the iterator.
    pub fn subscribe(&self, options: SubscribeOptions) -> Subscription<E> {
        let paths = &self.paths;
        Subscription::new(Arc::clone(&self.storage), paths.log.clone(), self.domain, options)
            .with_reserved([&paths.projections, &paths.recovery])
    }

    pub(super) fn check_writable(&self) -> Result<()> {
        if self.is_read_only {
            return Err(Error::OpenedReadOnly { path: self.paths.root.clone() });
        }
        Ok(())
    }
}
