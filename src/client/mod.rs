//! Floor 6: [`Contexta`], one workspace: capture into it, ask it, check it. The only place that wires the floors.

mod error;
mod interchange;
mod paths;

pub(crate) use crate::store::interchange::line::kinds as interchange_kinds;
pub use crate::store::interchange::{
    ExportFilter, ExportReport, ImportReport, KindCounts, RefusedLine, Rejection,
};
pub use error::{Error, Result};
pub use interchange::{BodiesTarget, ImportSettings, ImportSource};
pub use paths::Paths;

use crate::capture::{CaptureOptions, RunBuilder, Session};
use crate::engine::blob::BlobStore;
use crate::engine::log::merge::MergeOptions;
use crate::engine::log::{Log, LogOptions};
use crate::engine::projection::digest::TablesDigest;
use crate::engine::projection::{Projector, ProjectorOptions};
use crate::engine::storage::os::OsStorage;
use crate::engine::storage::{Storage, exists};
use crate::interpretation::{
    BestRun, Direction, Goal, LineageTraversal, ProjectList, ReportDocument, RunComparison, RunList,
    RunSnapshot, StepSeries, compare, lineage, query, report,
};
use crate::recovery::{
    DumpedEntry, MergeReport, RebuildReport, StreamRow, VerifyOptions, VerifyReport, inspect, merge, rebuild,
    verify,
};
use crate::store::{Durability, Head, Journal, Note, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Called with the work done and in all, now and then during long work.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// How to open a workspace.
#[derive(Debug, Clone)]
pub struct Options {
    workspace: PathBuf,
    create: bool,
    publish: bool,
    projections: Option<PathBuf>,
    temporary: Option<PathBuf>,
    capture: CaptureOptions,
    storage: Option<Arc<dyn Storage>>,
}

impl Options {
    /// The workspace at this path; created if nothing is there.
    pub fn new(workspace: impl AsRef<Path>) -> Options {
        Options {
            workspace: workspace.as_ref().to_path_buf(),
            create: true,
            publish: true,
            projections: None,
            temporary: None,
            capture: CaptureOptions::default(),
            storage: None,
        }
    }

    /// The project that runs belong to; by default `default`.
    pub fn project(mut self, name: &str) -> Options {
        self.capture.project = name.to_owned();
        self
    }

    /// Who captures: a token such as `sdk.rust`.
    pub fn producer(mut self, token: &str) -> Options {
        self.capture.producer = token.to_owned();
        self
    }

    /// What is promised when an event or metric has been captured; by default [`Durability::Flush`].
    pub fn durability(mut self, durability: Durability) -> Options {
        self.capture.durability = durability;
        self
    }

    /// Names of environment variables that may be captured; by default none is.
    pub fn environment_variables(mut self, names: &[&str]) -> Options {
        self.capture.environment_variables = names.iter().map(|n| (*n).to_owned()).collect();
        self
    }

    /// Whether to look for the revision of the code in the repository around the current directory; by default yes.
    pub fn detect_code_revision(mut self, on: bool) -> Options {
        self.capture.code_revision = on;
        self
    }

    /// The workspace must exist already.
    pub fn must_exist(mut self) -> Options {
        self.create = false;
        self
    }

    /// Changes nothing on disk, not even the projections.
    pub fn read_only(mut self) -> Options {
        self.create = false;
        self.publish = false;
        self
    }

    /// Keeps the projections in this directory instead of the workspace: on local disk where the workspace lies on a
    /// network. They are derived; losing them loses nothing. One directory serves one workspace.
    pub fn projections_dir(mut self, dir: impl AsRef<Path>) -> Options {
        self.projections = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Where a temporary file is made when the tables of a large log do not fit in memory and the workspace is opened
    /// read-only; by default nowhere, and memory is used. Otherwise it is made beside the projections.
    pub fn temporary_dir(mut self, dir: impl AsRef<Path>) -> Options {
        self.temporary = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Another system than the real one, for tests.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Options {
        self.storage = Some(storage);
        self
    }

    /// Opens the workspace.
    pub fn open(self) -> Result<Contexta> {
        Contexta::open_with(self)
    }
}

/// One workspace. Dropping it ends its stream cleanly; [`Contexta::close`] does so and says how far it went.
#[derive(Debug)]
pub struct Contexta {
    storage: Arc<dyn Storage>,
    paths: Paths,
    journal: Arc<Journal>,
    session: Session,
    store: Store,
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
        let paths = Paths::new(&options.workspace);
        prepare(storage.as_ref(), &paths, options.create)?;
        let blobs = BlobStore::new(Arc::clone(&storage), paths.objects(), paths.staging());
        let log = Log::new(Arc::clone(&storage), paths.log(), LogOptions::default());
        let journal = Arc::new(Journal::new(log, blobs.clone()));
        let projections = options.projections.unwrap_or_else(|| paths.projections());
        let spill = if options.publish { Some(projections.clone()) } else { options.temporary };
        let projector_options =
            ProjectorOptions { publish: options.publish, spill, ..ProjectorOptions::default() };
        let projector = Projector::new(
            Arc::clone(&storage),
            paths.log(),
            projections,
            projector_options,
            crate::projections::all(),
        );
        let session = Session::new(Arc::clone(&journal), options.capture)?;
        let store = Store::new(projector, blobs, Arc::clone(&journal));
        Ok(Contexta { storage, paths, journal, session, store })
    }

    /// Where its files are.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The read side, for questions of one's own.
    pub fn store(&self) -> &Store {
        &self.store
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
        Ok(query::list_projects(&self.store)?)
    }

    /// All runs, or those of a project named by ref or name.
    pub fn list_runs(&self, project: Option<&str>) -> Result<RunList> {
        Ok(query::list_runs(&self.store, project)?)
    }

    /// Everything about one run, named by ref, id or name.
    pub fn run_snapshot(&self, run: &str) -> Result<RunSnapshot> {
        Ok(query::run_snapshot(&self.store, run)?)
    }

    /// The points of one metric of a run. Without a stage: the series outside any, or else the only one there is.
    pub fn step_series(&self, run: &str, metric_key: &str, stage: Option<&str>) -> Result<StepSeries> {
        Ok(query::step_series(&self.store, run, metric_key, stage)?)
    }

    /// Two runs side by side.
    pub fn compare_runs(&self, left: &str, right: &str) -> Result<RunComparison> {
        Ok(compare::compare_runs(&self.store, left, right)?)
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
        Ok(compare::select_best_run(&self.store, Some(project), &runs, metric_key, stage_name, goal)?)
    }

    /// Where a thing came from and what came of it.
    pub fn traverse_lineage(
        &self,
        subject: &str,
        direction: Direction,
        depth_max: usize,
    ) -> Result<LineageTraversal> {
        Ok(lineage::traverse_lineage(&self.store, subject, direction, depth_max)?)
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
        Ok(verify::verify(&self.storage, &self.paths.log(), &self.store, options, progress)?)
    }

    /// Throws the projections away and makes them again from the log.
    pub fn rebuild(&self, progress: Progress<'_>) -> Result<RebuildReport> {
        Ok(rebuild::rebuild(&self.store, progress)?)
    }

    /// Takes over everything from the workspace at `from`, which is only read: bodies, then streams. Again changes nothing.
    pub fn merge(&self, from: impl AsRef<Path>, progress: Progress<'_>) -> Result<MergeReport> {
        let other = Paths::new(from.as_ref());
        prepare(self.storage.as_ref(), &other, false)?;
        let logs = MergeOptions::new(&other.log(), &self.paths.log(), &self.paths.quarantine());
        let bodies =
            |paths: &Paths| BlobStore::new(Arc::clone(&self.storage), paths.objects(), paths.staging());
        Ok(merge::merge(&self.storage, &logs, (&bodies(&other), &bodies(&self.paths)), progress)?)
    }

    /// The digest of all tables, and what the log behind them lacks: equal entries give equal digests.
    pub fn digest(&self) -> Result<(TablesDigest, Vec<Note>)> {
        let notes = self.store.read(|view| Ok(view.notes()))?;
        Ok((self.store.digest()?, notes))
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

/// Makes sure that there is a workspace, creating one where that is asked for and nothing else stands in the way.
/// Several processes may do so at once, and one may die half-way: what is begun is gone on with.
fn prepare(storage: &dyn Storage, paths: &Paths, create: bool) -> Result<()> {
    let root = paths.root();
    let wrap = |e| engine_io("look at", root, e);
    if is_workspace(storage, paths).map_err(wrap)? {
        return Ok(());
    }
    if exists(storage, root).map_err(wrap)? {
        let own = |name: &str| paths.names().contains(&name);
        let is_dir = storage.info(root).map_err(wrap)?.is_dir;
        let begun = is_dir
            && !exists(storage, &paths.log()).map_err(wrap)?
            && storage.list(root).map_err(wrap)?.iter().all(|entry| entry.is_dir && own(&entry.name));
        if !(create && begun) {
            return Err(Error::NotAWorkspace { path: root.to_path_buf() });
        }
    } else if !create {
        return Err(Error::WorkspaceNotFound { path: root.to_path_buf() });
    }
    for dir in paths.all() {
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

fn engine_io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Engine(crate::engine::Error::Io { action, path: path.to_path_buf(), source })
}
