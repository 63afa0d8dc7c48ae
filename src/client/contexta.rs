//! [`Contexta`]: an open workspace. This file connects log, projections, bodies, capture and queries.

use crate::capture::{Session, environment};
use crate::client::backups::Backups;
use crate::client::error::{Error, Result, engine_io};
use crate::client::options::{OpenedWith, Options};
use crate::client::paths::Paths;
use crate::client::workspace::{Create, prepare};
use crate::engine::blob::BlobStore;
use crate::engine::log::Log;
use crate::engine::log::merge::MergeOptions;
use crate::engine::progress::Progress;
use crate::engine::projection::digest::TablesDigest;
use crate::engine::projection::{LossWitness, Projector, ProjectorOptions, ProjectorPaths};
use crate::engine::storage::os::OsStorage;
use crate::engine::storage::{Storage, exists};
use crate::projections::DOMAIN;
use crate::recovery::{
    DumpItem, KnownFile, MergeReport, RebuildOptions, RebuildReport, StagedLog, StreamRow, TailItem,
    TailOptions, VerifyOptions, VerifyReport, inspect, merge, merge_backup, rebuild, tail, verify,
};
use crate::store::{self, Head, Journal, Moment, Note, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An open workspace. It captures runs, answers queries, and checks and recovers the workspace.
///
/// Methods that take a run accept its ref, its id, its name, or a prefix of its id or name. An id, name or prefix must
/// match only one run. Dropping the workspace closes the stream of this process. [`Contexta::close`] closes the stream
/// and returns the stream's head.
#[derive(Debug)]
pub struct Contexta {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) paths: Paths,
    pub(super) journal: Arc<Journal>,
    pub(super) session: Session,
    pub(super) store: Store,
    pub(super) opened: OpenedWith,
    segment_bytes_max: u64,
    writes: Writes,
}

/// The parts of a workspace: `true` for each part that this process may change.
#[derive(Debug, Clone, Copy)]
struct Writes {
    tables: bool,
    log: bool,
    bodies: bool,
}

impl Contexta {
    /// Opens the workspace at `path`, or creates it if the path does not exist. Opening an existing workspace changes
    /// nothing in it, so that a workspace on a read-only disk can be opened and queried.
    pub fn open(path: impl AsRef<Path>) -> Result<Contexta> {
        Options::new(path).open()
    }

    /// Opens an existing workspace. Errors: there is no workspace at `path`.
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Contexta> {
        Options::new(path).must_exist().open()
    }

    /// Returns the directories of the workspace.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Returns the store, for queries for which `Contexta` has no method. Its answers do not include captures that are
    /// still buffered ([`Durability::Batched`](store::Durability)).
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Calls `question` with a store whose reads include all captures so far. See [`Store::with_captures`].
    pub(super) fn ask<T, E>(&self, question: impl FnOnce(&Store) -> std::result::Result<T, E>) -> Result<T>
    where
        Error: From<E>,
    {
        Ok(self.store.with_captures(&self.journal, question)?)
    }

    /// Returns this workspace as of a moment. A moment is a [`Timestamp`](crate::contract::Timestamp) or a
    /// [`Stamp`](store::Stamp). Queries and reports of the returned workspace ignore all entries that were
    /// appended after the moment. The returned workspace is read-only, and shares the log and the tables with
    /// this workspace.
    ///
    /// The methods [`verify`](Contexta::verify), [`digest`](Contexta::digest),
    /// [`log_streams`](Contexta::log_streams) and [`dump_log`](Contexta::dump_log), and the notes about
    /// missing entries, still cover all entries. Artifact bodies and processes are examined at the time of
    /// the call. A writer is therefore shown as interrupted if its process is dead now and appended nothing
    /// after the moment.
    ///
    /// ```
    /// # fn main() -> Result<(), contexta::Error> {
    /// # let dir = std::env::temp_dir().join(format!("contexta-doc-as-of-{}", std::process::id()));
    /// let contexta = contexta::Contexta::open(&dir)?;
    /// let first = contexta.run("first").start()?;
    /// first.complete()?;
    /// let before = contexta.session().now();
    /// contexta.run("second").start()?.complete()?;
    ///
    /// assert_eq!(contexta.list_runs(None)?.runs.len(), 2);
    /// assert_eq!(contexta.as_of(before).list_runs(None)?.runs.len(), 1);
    /// # drop(contexta);
    /// # let _ = std::fs::remove_dir_all(dir);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn as_of(&self, moment: impl Into<Moment>) -> Contexta {
        Contexta {
            storage: Arc::clone(&self.storage),
            paths: self.paths.clone(),
            journal: Arc::clone(&self.journal),
            session: self.session.read_only(),
            store: self.store.as_of(moment.into().stamp()),
            opened: self.opened.clone(),
            segment_bytes_max: self.segment_bytes_max,
            writes: Writes { tables: false, log: false, bodies: false },
        }
    }

    /// Returns the capture session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Closes the stream of this process with a close mark, which is on disk when the method returns. Returns the head
    /// of the stream; `None` if no stream is open. A later capture continues a stream or creates a new one.
    pub fn close(&self) -> Result<Option<Head>> {
        self.session.release_sinks();
        Ok(self.journal.close()?)
    }

    /// Checks log, bodies and projections. Changes nothing if the workspace was opened with [`Options::read_only`].
    pub fn verify(&self, options: VerifyOptions<'_>) -> Result<VerifyReport> {
        let known = self.known();
        self.ask(|store| verify::verify(&self.storage, &self.paths.log(), store, Some(&known), options))
    }

    /// Records the streams and bodies in the report of a check as known. If a known stream or body
    /// disappears, later checks report the loss until a repair forgets the stream or body. Returns `false` and records
    /// nothing if entries or bodies were removed on purpose after the check began. Errors: the file cannot be written.
    pub fn remember(&self, report: &VerifyReport) -> Result<bool> {
        Ok(self.known().add(report.epoch, |known| report.add_to(known))?)
    }

    /// Returns access to the file of the known streams and bodies.
    pub(super) fn known(&self) -> KnownFile {
        KnownFile::of(&self.storage, self.paths.root())
    }

    /// Discards the projections and derives them from the log again. No captured data is lost.
    pub fn rebuild(&self, options: RebuildOptions<'_>) -> Result<RebuildReport> {
        if !self.writes_tables() {
            return Err(Error::ReadOnly { what: "the tables" });
        }
        Ok(rebuild::rebuild(&self.store, options)?)
    }

    /// Returns `true` if this process may write the tables.
    pub(super) fn writes_tables(&self) -> bool {
        self.writes.tables
    }

    /// Returns an error if this process may not write the log or the bodies. Called before an import or a merge changes
    /// anything.
    pub(crate) fn check_writes(&self) -> Result<()> {
        for (is_allowed, what) in
            [(self.writes.log, "the log"), (self.writes.bodies, "the bodies of artifacts")]
        {
            if !is_allowed {
                return Err(Error::ReadOnly { what });
            }
        }
        Ok(())
    }

    /// Copies bodies and streams of the workspace at `from` into this workspace. The other workspace is only read. A
    /// second merge of the same workspace has no effect.
    pub fn merge(&self, from: impl AsRef<Path>, settings: MergeSettings<'_>) -> Result<MergeReport> {
        self.check_writes()?;
        let other = Paths::new(from.as_ref());
        prepare(self.storage.as_ref(), &other, Create { workspace: false, tables: false })?;
        let bodies = (&self.bodies_at(&other), &self.bodies_at(&self.paths));
        let options = self.merge_options(&other.log());
        self.after_merge(merge::merge(&self.storage, &options, bodies, settings.progress)?)
    }

    /// Copies bodies and streams of a backup into this workspace. The repository of `backups` is only read. Entries that
    /// the workspace contains are not added again, and no entry is removed. A second merge of the same backup has no effect.
    /// Errors: the backup does not exist, or its log is damaged; nothing is merged in this case.
    pub fn merge_backup(
        &self,
        backups: &Backups,
        backup: &str,
        settings: MergeSettings<'_>,
    ) -> Result<MergeReport> {
        self.check_writes()?;
        let repository = backups.access();
        let staged = StagedLog::of(&repository, &backups.named(backup)?, &backups.dirs)?;
        let (options, into) = (self.merge_options(&staged.log()), self.bodies_at(&self.paths));
        self.after_merge(merge_backup(&repository, &staged, &options, &into, settings.progress)?)
    }

    /// Removes divided streams from the known streams, so that checks do not report them as lost. A merge can
    /// divide a stream.
    fn after_merge(&self, report: MergeReport) -> Result<MergeReport> {
        let moved = report.moved_streams();
        if !moved.is_empty() {
            self.known().forget(|known| moved.iter().for_each(|stream| known.forget_stream(*stream)))?;
        }
        Ok(report)
    }

    fn merge_options(&self, from: &Path) -> MergeOptions {
        MergeOptions {
            segment_bytes_max: self.segment_bytes_max,
            ..MergeOptions::new(DOMAIN, from, &self.paths.log(), &self.paths.quarantine())
        }
    }

    pub(super) fn bodies_at(&self, paths: &Paths) -> BlobStore {
        BlobStore::new(Arc::clone(&self.storage), paths.objects(), paths.staging())
    }

    /// Returns the digest of all tables, and the notes of the view, such as notes on missing entries. Equal entries
    /// give equal digests.
    pub fn digest(&self) -> Result<(TablesDigest, Vec<Note>)> {
        self.ask(|store| {
            let notes = store.read(|view| Ok::<_, store::Error>(view.notes()))?;
            Ok::<_, store::Error>((store.digest()?, notes))
        })
    }

    /// Lists the streams of the log. Reads the whole log.
    pub fn log_streams(&self) -> Result<Vec<StreamRow>> {
        Ok(inspect::list(&self.storage, &self.paths.log())?)
    }

    /// Returns all readable entries of the log, stream by stream, and a note for every gap and every stream that cannot
    /// be read. `stream` selects one stream by its id or an unambiguous prefix of the id.
    pub fn dump_log(&self, stream: Option<&str>) -> Result<impl Iterator<Item = Result<DumpItem>> + use<>> {
        let items = inspect::dump(&self.storage, &self.paths.log(), stream)?;
        Ok(items.map(|item| item.map_err(Error::from)))
    }

    /// Returns the newest entries of the log in the order of their times. With [`TailOptions::follow`], the
    /// iterator does not end: it then returns new entries of all processes. An entry is returned as soon as
    /// it is written, before it is synced. Errors: no stream, or more than one stream, matches the options,
    /// or a kind is unknown.
    pub fn tail_log(&self, options: TailOptions) -> Result<impl Iterator<Item = Result<TailItem>> + use<>> {
        self.journal.flush()?;
        let items = tail::tail(&self.storage, &self.paths.log(), options)?;
        Ok(items.map(|item| item.map_err(Error::from)))
    }
}

/// Options of [`Contexta::merge`].
#[derive(Debug, Clone, Copy, Default)]
pub struct MergeSettings<'a> {
    /// The receiver of progress: bytes of the other log that are merged, and their total.
    pub progress: Progress<'a>,
}

impl Options {
    /// Opens the workspace.
    pub fn open(self) -> Result<Contexta> {
        let storage = self.storage.unwrap_or_else(OsStorage::shared);
        let paths = self.paths;
        let create = Create { workspace: self.create, tables: self.create_tables };
        prepare(storage.as_ref(), &paths, create)?;
        let blobs = BlobStore::new(Arc::clone(&storage), paths.objects(), paths.staging());
        let segment_bytes_max = self.log.segment_bytes_max;
        let log = Log::new(Arc::clone(&storage), paths.log(), self.log);
        let journal = Arc::new(Journal::new(log, blobs.clone(), &environment::host_name()));
        let projections = self.projections.unwrap_or_else(|| paths.projections());
        let exists_already =
            || exists(storage.as_ref(), &projections).map_err(|e| engine_io("inspect", &projections, e));
        let publish = self.publish && (self.create_tables || exists_already()?);
        let spill = if publish { Some(projections.clone()) } else { self.temporary };
        let witness: Arc<dyn LossWitness> = Arc::new(KnownFile::of(&storage, paths.root()));
        let witness = Some(witness);
        let projector_options = ProjectorOptions { publish, spill, witness, ..ProjectorOptions::new(DOMAIN) };
        let projector = Projector::new(
            Arc::clone(&storage),
            ProjectorPaths { log: paths.log(), generations: projections },
            projector_options,
            crate::projections::all(),
        );
        let capture = self.capture;
        let (log, bodies) = (!capture.records_read_only, !capture.artifacts_read_only);
        let mut dispatch = self.dispatch;
        dispatch.sinks.extend(self.configured_sinks.iter().map(|sink| sink.open(&storage, paths.root())));
        let session = Session::with_dispatch(Arc::clone(&journal), capture, dispatch)?;
        let mut store = Store::new(projector, blobs);
        let timeout = self.opened.config.capture.writer_timeout_seconds;
        if let Ok(timeout) = Duration::try_from_secs_f64(timeout) {
            store = store.with_writer_timeout(timeout);
        }
        Ok(Contexta {
            storage,
            paths,
            journal,
            session,
            store,
            opened: self.opened,
            segment_bytes_max,
            writes: Writes { tables: publish, log, bodies },
        })
    }
}
