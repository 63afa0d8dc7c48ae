//! Floor 6: [`Contexta`], one workspace: capture into it, ask it, check it. The only place that wires the floors.

mod error;
#[cfg(feature = "cli")]
mod file;
mod interchange;
mod options;
mod paths;

#[cfg(feature = "cli")]
pub(crate) use crate::store::interchange::line::kinds as interchange_kinds;
pub use crate::store::interchange::{
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
use crate::engine::projection::{Projector, ProjectorOptions, ProjectorPaths};
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
use crate::store::{Head, Journal, Note, Store};
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
            ProjectorPaths { log: paths.log(), generations: projections },
            projector_options,
            crate::projections::all(),
        );
        let capture = options.capture;
        let (log, bodies) = (!capture.records_read_only, !capture.artifacts_read_only);
        let session = Session::new(Arc::clone(&journal), capture)?;
        let store = Store::new(projector, blobs, Arc::clone(&journal));
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
    let is_stream = |name: &str| name.parse::<crate::engine::entry::StreamId>().is_ok();
    Ok(storage.list(&log)?.iter().all(|entry| entry.is_dir && is_stream(&entry.name)))
}

fn engine_io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Engine(crate::engine::Error::Io { action, path: path.to_path_buf(), source })
}
