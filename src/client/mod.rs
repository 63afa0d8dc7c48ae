//! Floor 6: [`Contexta`], one workspace: capture into it, ask it, check it. The only place that wires the floors.

mod error;
#[cfg(feature = "cli")]
mod file;
mod interchange;
mod options;
mod paths;

pub use crate::interchange::{
    BodyFinding, ExportFilter, ExportReport, ImportReport, KindCounts, RefusedLine, Rejection,
};
pub use error::{Error, Result};
#[cfg(feature = "cli")]
pub(crate) use file::write_file;
pub use interchange::{BodiesTarget, ImportSettings, ImportSource};
pub use options::Options;
pub use paths::Paths;

use crate::capture::{RunBuilder, Session};
use crate::config;
use crate::engine::blob::BlobStore;
use crate::engine::log::Log;
use crate::engine::log::merge::MergeOptions;
use crate::engine::projection::digest::TablesDigest;
use crate::engine::projection::{Projector, ProjectorOptions};
use crate::engine::storage::os::OsStorage;
use crate::engine::storage::{DirEntry, Storage, exists};
use crate::interpretation::{
    BestRun, Direction, Goal, LineageTraversal, ProjectList, ReportDocument, RunComparison, RunList,
    RunSnapshot, StepSeries, compare, lineage, query, report,
};
use crate::recovery::{
    DumpedEntry, MergeReport, RebuildReport, StreamRow, VerifyOptions, VerifyReport, inspect, merge, rebuild,
    verify,
};
use crate::store::{self, Head, Journal, Note, Severity, Store};
use std::path::Path;
use std::sync::Arc;

/// Called with the work done and in all, now and then during long work.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// One workspace. Dropping it ends its stream cleanly; [`Contexta::close`] does so and says how far it went.
#[derive(Debug)]
pub struct Contexta {
    storage: Arc<dyn Storage>,
    paths: Paths,
    journal: Arc<Journal>,
    session: Session,
    store: Store,
    segment_bytes_max: u64,
    writes: Writes,
}

/// What may be changed.
#[derive(Debug, Clone, Copy)]
struct Writes {
    tables: bool,
    log: bool,
    bodies: bool,
}

impl Contexta {
    /// Opens the workspace at `path` to capture and to ask; creates it if nothing is there. An existing one is not
    /// touched: opening a read-only workspace works, only capturing into it does not.
    pub fn open(path: impl AsRef<Path>) -> Result<Contexta> {
        Options::new(path).open()
    }

    /// Opens an existing workspace.
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Contexta> {
        Options::new(path).must_exist().open()
    }

    fn open_with(options: Options) -> Result<Contexta> {
        let storage = options.storage.unwrap_or_else(OsStorage::shared);
        let paths = options.paths;
        let create = Create { workspace: options.create, tables: options.create_tables };
        prepare(storage.as_ref(), &paths, create)?;
        let blobs = BlobStore::new(Arc::clone(&storage), paths.objects(), paths.staging());
        let segment_bytes_max = options.log.segment_bytes_max;
        let log = Log::new(Arc::clone(&storage), paths.log(), options.log);
        let journal = Arc::new(Journal::new(log, blobs.clone()));
        let projections = options.projections.unwrap_or_else(|| paths.projections());
        let there =
            || exists(storage.as_ref(), &projections).map_err(|e| engine_io("look at", &projections, e));
        let publish = options.publish && (options.create_tables || there()?);
        let spill = if publish { Some(projections.clone()) } else { options.temporary };
        let projector_options = ProjectorOptions { publish, spill, ..ProjectorOptions::default() };
        let projector = Projector::new(
            Arc::clone(&storage),
            paths.log(),
            projections,
            projector_options,
            crate::projections::all(),
        );
        let capture = options.capture;
        let (log, bodies) = (!capture.records_read_only, !capture.artifacts_read_only);
        let session = Session::new(Arc::clone(&journal), capture)?;
        let store = Store::new(projector, blobs);
        Ok(Contexta {
            storage,
            paths,
            journal,
            session,
            store,
            segment_bytes_max,
            writes: Writes { tables: publish, log, bodies },
        })
    }

    /// Where its files are.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Returns the read side, for custom questions. Captures that are still buffered
    /// ([`Durability::Batched`](store::Durability)) are not included in its answers.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Answers a question about all captures so far: writes the buffered ones to the log first. Captures made afterwards
    /// get later times than the entries that the answer is based on. If the buffered captures cannot be written, the answer
    /// has a note.
    fn ask<T, E>(&self, question: impl FnOnce(&Store) -> std::result::Result<T, E>) -> Result<T>
    where
        Error: From<E>,
    {
        let flushed = self.journal.flush();
        let noted = flushed.err().map(|e| self.store.with_note(buffer_not_flushed(&e)));
        let answer = question(noted.as_ref().unwrap_or(&self.store));
        // The notes of the view name streams whose clocks are too far ahead to follow.
        self.journal.observe(self.store.latest_seen());
        Ok(answer?)
    }

    /// The capture session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Describes a run; [`RunBuilder::start`] begins it.
    pub fn run(&self, name: &str) -> RunBuilder {
        self.session.run(name)
    }

    /// Ends the own stream with a close mark, on disk, and says how far it goes. A later capture goes on.
    pub fn close(&self) -> Result<Option<Head>> {
        Ok(self.journal.close()?)
    }

    /// All projects.
    pub fn list_projects(&self) -> Result<ProjectList> {
        self.ask(query::list_projects)
    }

    /// All runs, or those of a project named by ref or name.
    pub fn list_runs(&self, project: Option<&str>) -> Result<RunList> {
        self.ask(|store| query::list_runs(store, project))
    }

    /// Everything about one run, named by ref, id or name.
    pub fn run_snapshot(&self, run: &str) -> Result<RunSnapshot> {
        self.ask(|store| query::run_snapshot(store, run))
    }

    /// The points of one metric of a run. Without a stage: the series outside any, or else the only one there is.
    pub fn step_series(&self, run: &str, metric_key: &str, stage: Option<&str>) -> Result<StepSeries> {
        self.ask(|store| query::step_series(store, run, metric_key, stage))
    }

    /// Two runs side by side.
    pub fn compare_runs(&self, left: &str, right: &str) -> Result<RunComparison> {
        self.ask(|store| compare::compare_runs(store, left, right))
    }

    /// Ranks runs by the last value of a metric: those named, or all of the session's project if none is.
    pub fn select_best_run(
        &self,
        runs: &[impl AsRef<str>],
        metric_key: &str,
        stage_name: Option<&str>,
        goal: Goal,
    ) -> Result<BestRun> {
        let project = self.session.project_ref().as_str();
        let runs: Vec<&str> = runs.iter().map(AsRef::as_ref).collect();
        self.ask(|store| compare::select_best_run(store, Some(project), &runs, metric_key, stage_name, goal))
    }

    /// Where a thing came from and what came of it.
    pub fn traverse_lineage(
        &self,
        subject: &str,
        direction: Direction,
        depth_max: usize,
    ) -> Result<LineageTraversal> {
        self.ask(|store| lineage::traverse_lineage(store, subject, direction, depth_max))
    }

    /// The report on one run.
    pub fn build_snapshot_report(&self, run: &str) -> Result<ReportDocument> {
        Ok(report::snapshot_report(&self.run_snapshot(run)?))
    }

    /// The report on two runs.
    pub fn build_run_report(&self, left: &str, right: &str) -> Result<ReportDocument> {
        Ok(report::comparison_report(&self.compare_runs(left, right)?))
    }

    /// Checks log, bodies and projections. Changes nothing if opened with [`Options::read_only`].
    pub fn verify(&self, options: VerifyOptions, progress: Progress<'_>) -> Result<VerifyReport> {
        self.ask(|store| verify::verify(&self.storage, &self.paths.log(), store, options, progress))
    }

    /// Throws the projections away and makes them again from the log.
    pub fn rebuild(&self, progress: Progress<'_>) -> Result<RebuildReport> {
        if !self.writes.tables {
            return Err(Error::ReadOnly { what: "the tables" });
        }
        Ok(rebuild::rebuild(&self.store, progress)?)
    }

    /// Errors: log or bodies may not be changed.
    fn check_writes(&self) -> Result<()> {
        for (may, what) in [(self.writes.log, "the log"), (self.writes.bodies, "the bodies of artifacts")] {
            if !may {
                return Err(Error::ReadOnly { what });
            }
        }
        Ok(())
    }

    /// Takes over everything from the workspace at `from`, which is only read: bodies, then streams. Again changes nothing.
    pub fn merge(&self, from: impl AsRef<Path>, progress: Progress<'_>) -> Result<MergeReport> {
        self.check_writes()?;
        let other = Paths::new(from.as_ref());
        prepare(self.storage.as_ref(), &other, Create { workspace: false, tables: false })?;
        let logs = MergeOptions {
            segment_bytes_max: self.segment_bytes_max,
            ..MergeOptions::new(&other.log(), &self.paths.log(), &self.paths.quarantine())
        };
        let bodies =
            |paths: &Paths| BlobStore::new(Arc::clone(&self.storage), paths.objects(), paths.staging());
        Ok(merge::merge(&self.storage, &logs, (&bodies(&other), &bodies(&self.paths)), progress)?)
    }

    /// The digest of all tables, and what the log behind them lacks: equal entries give equal digests.
    pub fn digest(&self) -> Result<(TablesDigest, Vec<Note>)> {
        self.ask(|store| {
            let notes = store.read(|view| Ok::<_, store::Error>(view.notes()))?;
            Ok::<_, store::Error>((store.digest()?, notes))
        })
    }

    /// The streams of the log.
    pub fn log_streams(&self) -> Result<Vec<StreamRow>> {
        Ok(inspect::list(&self.storage, &self.paths.log())?)
    }

    /// Calls `f` with every readable entry of a stream (or of all), and with a note for every gap, until it returns
    /// `false`.
    pub fn dump_log(
        &self,
        stream: Option<&str>,
        f: impl FnMut(std::result::Result<DumpedEntry, Note>) -> bool,
    ) -> Result<()> {
        Ok(inspect::dump(&self.storage, &self.paths.log(), stream, f)?)
    }
}

/// What may be made where it is missing.
#[derive(Debug, Clone, Copy)]
struct Create {
    workspace: bool,
    tables: bool,
}

/// Makes sure that there is a workspace, creating one where that is asked for and nothing else stands in the way.
/// Several processes may do so at once, and one may die half-way: what is begun is gone on with.
fn prepare(storage: &dyn Storage, paths: &Paths, create: Create) -> Result<()> {
    let root = paths.root();
    let wrap = |e| engine_io("look at", root, e);
    if is_workspace(storage, paths).map_err(wrap)? {
        return Ok(());
    }
    // Something else lies where the log should: inside the workspace, or where the settings say.
    if exists(storage, &paths.log()).map_err(wrap)? {
        return Err(Error::NotAWorkspace { path: paths.log().parent().unwrap_or(root).to_path_buf() });
    }
    if exists(storage, root).map_err(wrap)? {
        let names = paths.names();
        // Settings may be there before the workspace is.
        let own = |entry: &DirEntry| match entry.is_dir {
            true => names.contains(&entry.name),
            false => entry.name == config::FILE_NAME,
        };
        let is_dir = storage.info(root).map_err(wrap)?.is_dir;
        let begun = is_dir && storage.list(root).map_err(wrap)?.iter().all(own);
        if !(create.workspace && begun) {
            return Err(Error::NotAWorkspace { path: root.to_path_buf() });
        }
    } else if !create.workspace {
        return Err(Error::WorkspaceNotFound { path: root.to_path_buf() });
    }
    for dir in paths.all() {
        if dir == paths.projections() && !create.tables {
            continue;
        }
        storage.create_dir_all(&dir).map_err(|e| engine_io("create", &dir, e))?;
    }
    Ok(())
}

/// A directory `log` alone proves nothing (`/var` has one): the other directories stand beside it, or all it holds
/// are streams.
fn is_workspace(storage: &dyn Storage, paths: &Paths) -> std::io::Result<bool> {
    let log = paths.log();
    if !exists(storage, &log)? || !storage.info(&log)?.is_dir {
        return Ok(false);
    }
    if exists(storage, &paths.objects())? && exists(storage, &paths.projections())? {
        return Ok(true);
    }
    let is_stream = |name: &str| crate::engine::entry::StreamId::parse(name).is_some();
    Ok(storage.list(&log)?.iter().all(|entry| entry.is_dir && is_stream(&entry.name)))
}

/// Returns the note for buffered captures that could not be written to the log.
fn buffer_not_flushed(e: &store::Error) -> Note {
    let source = std::error::Error::source(e).map(|source| format!(": {source}")).unwrap_or_default();
    let message = format!("captures buffered in this process could not be written to the log: {e}{source}");
    Note::new(Severity::Error, "batch_not_handed_over", message)
}

fn engine_io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Engine(crate::engine::Error::Io { action, path: path.to_path_buf(), source })
}
