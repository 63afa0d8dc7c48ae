//! Methods of `StoreView` that derive the rows of runs.

use crate::contract::{Fact, Object, ProjectRef, RunRef};
use crate::engine::entries::EntryRef;
use crate::engine::entry::Event;
use crate::engine::parallel;
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::tables::{self, FACTS};
use crate::store::attributes::AttributeVersions;
use crate::store::error::Result;
use crate::store::lifecycle::{Lifecycle, RunWriters};
use crate::store::rows::{RunRow, project_of, run_row};
use crate::store::run_catalog::{DerivedRun, KeptRuns};
use crate::store::run_codec::{decode_runs, encode_runs};
use crate::store::series::{Attempts, SeriesRow};
use crate::store::view::StoreView;
use std::collections::{BTreeMap, HashMap, btree_map};
use std::iter::Peekable;
use std::sync::Arc;

/// The minimum number of runs whose rows one core derives.
const PIECE_RUNS: usize = 64;
/// The maximum number of new entries that are read from the log to find the runs whose rows have changed. If
/// there are more new entries, the rows of all runs are derived again.
const NEW_ENTRIES_MAX: u64 = 20_000;
/// The maximum total length in bytes of the payloads of these entries.
const NEW_BYTES_MAX: usize = 8 << 20;
/// The number of changed runs up to which only their rows are derived again. If there are many runs, up to a
/// quarter of them may have changed.
const CHANGED_RUNS_MIN: usize = 64;
/// The minimum number of runs whose rows are saved for later processes.
const SAVED_RUNS_MIN: usize = 256;

impl StoreView<'_> {
    /// Derives the lifecycle of a run from its writers, and returns the lifecycle. Sets the status and the
    /// end in `versions`, which contains the attributes of the run.
    pub(super) fn lifecycle(&self, run: &RunRef, versions: &mut AttributeVersions) -> Result<Lifecycle> {
        let lifecycle = self.lifecycle_of(self.writers_of(run)?, versions.newest_end())?;
        versions.set_lifecycle(&lifecycle);
        Ok(lifecycle)
    }

    /// Returns all runs, or the runs of a project. The runs are ordered by project, start and ref.
    ///
    /// The rows are kept for later calls. If there are many runs, the rows are also saved for later processes. A
    /// later call derives only the rows of open runs, and the rows of runs that occur in new entries. A view as of
    /// a moment uses no kept rows, and derives each row that it returns.
    pub fn runs(&self, project: Option<&ProjectRef>) -> Result<Vec<Arc<RunRow>>> {
        self.with_runs(project, |runs| runs.rows(project))
    }

    /// Calls `f` with rows of runs, and returns the result of `f`. Without a project, `f` receives the rows of all
    /// runs. With a project, `f` receives the rows of the runs of the project, and may receive rows of other runs.
    fn with_runs<T>(&self, project: Option<&ProjectRef>, f: impl FnOnce(&KeptRuns) -> T) -> Result<T> {
        let derive = || Ok(KeptRuns::new(self.view.extent(), project.cloned(), self.derive_runs(project)?));
        if self.as_of.is_some() {
            return derive().map(|derived| f(&derived));
        }
        let mut catalog = self.catalog.lock();
        let kept = catalog.take().filter(|kept| kept.covers(project)).or_else(|| self.saved_runs());
        let kept = match kept.map(|kept| self.brought_up_to_date(kept)).transpose()?.flatten() {
            Some(kept) => kept,
            None => derive()?,
        };
        self.save_runs(&kept);
        let result = f(&kept);
        *catalog = Some(kept).filter(KeptRuns::is_small);
        Ok(result)
    }

    /// Returns the rows that a process has saved for the generation under this view.
    fn saved_runs(&self) -> Option<KeptRuns> {
        let (extent, bytes) = self.view.derived()?;
        let runs = decode_runs(&bytes)?;
        self.view.accept_derived();
        Some(KeptRuns::new(extent, None, runs))
    }

    /// Saves rows for later processes, if deriving them takes longer than reading the file with the rows.
    fn save_runs(&self, kept: &KeptRuns) {
        if kept.len() >= SAVED_RUNS_MIN && kept.is_small() {
            self.view.save_derived(|| encode_runs(kept.all()?.into_iter()));
        }
    }

    /// Replaces the rows in `kept` that have changed. Returns `None` if the changed rows are unknown, or if
    /// deriving the rows of all runs costs less.
    fn brought_up_to_date(&self, mut kept: KeptRuns) -> Result<Option<KeptRuns>> {
        let mut changed = kept.open().clone();
        let add =
            |entry: EntryRef<'_>| changed.extend(run_of_entry(entry).filter(|run| kept.covers_run(run)));
        let is_known = self.view.for_each_since(&kept.extent, NEW_ENTRIES_MAX, NEW_BYTES_MAX, add);
        if !is_known || changed.len() > CHANGED_RUNS_MIN.max(kept.len() / 4) {
            return Ok(None);
        }
        let derived = changed.iter().filter_map(|run| self.derive_run(run).transpose());
        let derived = derived.collect::<Result<Vec<DerivedRun>>>()?;
        if !changed.is_empty() {
            kept.replace(&changed, derived);
        }
        if !self.view.has_extent(&kept.extent) {
            kept.rename_projects(|project| self.name_of_project(project))?;
            kept.extent = self.view.extent();
        }
        Ok(Some(kept))
    }

    /// Returns all runs, or the runs of a project, in the order of [`StoreView::runs`]. Each run has the summaries of
    /// its metric series. The table of summaries is read once, which is faster than one call of
    /// [`StoreView::series_of`] for each run.
    pub fn runs_with_series(
        &self,
        project: Option<&ProjectRef>,
    ) -> Result<Vec<(Arc<RunRow>, Vec<SeriesRow>)>> {
        // Rows and summaries are independent, so they are read at the same time.
        let (runs, stored) = parallel::both(
            || self.with_runs(project, |runs| (runs.rows(project), runs.supersedings())),
            || self.stored_summaries(&prefix_of_runs(project)),
        );
        let (rows, supersedings) = runs?;
        let of_run = |run: &str| supersedings.get(run).cloned().unwrap_or_default();
        let summaries = self.effective_summaries(stored?, Attempts::Newest, of_run)?;
        let mut series: HashMap<String, Vec<SeriesRow>> = summaries.into_iter().collect();
        let with_series = |row: Arc<RunRow>| {
            let series = series.remove(row.run_ref.as_str()).unwrap_or_default();
            (row, series)
        };
        Ok(rows.into_iter().map(with_series).collect())
    }

    /// Derives the rows of all runs, or of the runs of a project, in the order of their refs.
    fn derive_runs(&self, project: Option<&ProjectRef>) -> Result<Vec<DerivedRun>> {
        let prefix = prefix_of_runs(project);
        let mut runs = self.runs_with_facts(&prefix)?;
        runs.add_all(|add| self.for_each_run(tables::SUMMARIES, &prefix, add))?;
        runs.add_all(|add| self.for_each_run(tables::RECORDS, &prefix, add))?;
        self.run_rows(runs, self.run_writers(&prefix)?)
    }

    /// Returns the runs that have attributes and whose refs begin with `prefix`.
    fn runs_with_facts(&self, prefix: &[u8]) -> Result<Runs> {
        let objects = self.versions_with_prefix(prefix)?.into_iter();
        let runs = objects.filter_map(|(subject, versions)| Some((subject.try_into().ok()?, versions)));
        Ok(Runs(runs.collect()))
    }

    /// Returns the rows of runs, in the order of their refs. `writers` contains the writers of these runs.
    fn run_rows(&self, runs: Runs, writers: BTreeMap<String, RunWriters>) -> Result<Vec<DerivedRun>> {
        let mut names: BTreeMap<ProjectRef, String> = BTreeMap::new();
        // Both maps are ordered by ref.
        let mut writers = writers.into_iter().peekable();
        let mut parts = Vec::with_capacity(runs.0.len());
        for (run_ref, versions) in runs.0 {
            let Some(project_ref) = project_of(&run_ref) else { continue };
            if !names.contains_key(&project_ref) {
                names.insert(project_ref.clone(), self.name_of_project(&project_ref)?);
            }
            while writers.next_if(|(run, _)| run.as_str() < run_ref.as_str()).is_some() {}
            let of_run = writers.next_if(|(run, _)| run == run_ref.as_str());
            parts.push((run_ref, project_ref, versions, of_run.map(|(_, writers)| writers)));
        }
        let row = |(run_ref, project_ref, versions, writers): RunParts| {
            let name = names.get(&project_ref).cloned().unwrap_or_default();
            self.run_from_parts(run_ref, project_ref, name, versions, writers.unwrap_or_default())
        };
        parallel::map_owned(parts, PIECE_RUNS, row).into_iter().collect()
    }

    /// Returns one run; `None` if no fact is about the run. Reads only rows of this run and of its project.
    pub fn run(&self, run: &RunRef) -> Result<Option<RunRow>> {
        Ok(self.derive_run(run)?.map(|run| run.row))
    }

    fn derive_run(&self, run: &RunRef) -> Result<Option<DerivedRun>> {
        let Some(project_ref) = project_of(run) else { return Ok(None) };
        if !self.knows_run(run)? {
            return Ok(None);
        }
        let project_name = self.name_of_project(&project_ref)?;
        let (versions, writers) = (self.attribute_versions(run)?, self.writers_of(run)?);
        self.run_from_parts(run.clone(), project_ref, project_name, versions, writers).map(Some)
    }

    /// Derives the row of a run from all versions of its attributes and from its writers.
    fn run_from_parts(
        &self,
        run_ref: RunRef,
        project_ref: ProjectRef,
        project_name: String,
        mut versions: AttributeVersions,
        writers: RunWriters,
    ) -> Result<DerivedRun> {
        let (supersedings, bytes) = (writers.supersedings(), versions.bytes());
        let lifecycle = self.lifecycle_of(writers, versions.newest_end())?;
        versions.set_lifecycle(&lifecycle);
        let attributes = versions.resolve().ok_or_else(|| self.malformed_row(FACTS.name))?;
        let row = run_row(run_ref, project_ref, project_name, attributes, &lifecycle);
        Ok(DerivedRun { row, bytes, supersedings, has_open_writers: lifecycle.has_open_writers() })
    }
}

/// Returns the run whose row an entry can change. Returns `None` if the entry changes no row. A record can
/// change a row, because the first record of a run creates the row.
fn run_of_entry(entry: EntryRef<'_>) -> Option<RunRef> {
    let fact = Captured::decode(entry.kind, entry.version, entry.payload).ok()??.fact;
    match &fact {
        Fact::Object(Object::Run(run)) => Some(run.run_ref.clone()),
        Fact::Ended(ended) => RunRef::try_from(ended.subject().clone()).ok(),
        Fact::Param(param) => Some(param.run_ref().clone()),
        Fact::Annotation(annotation) => RunRef::try_from(annotation.subject().clone()).ok(),
        Fact::Writer(writer) => Some(writer.run_ref().clone()),
        Fact::Event(_) | Fact::Metric(_) | Fact::Span(_) | Fact::Degraded(_) => {
            fact.observation().map(|(observation, _)| observation.run_ref.clone())
        }
        Fact::Object(_) | Fact::Artifact(..) | Fact::Process(_) | Fact::Import(_) | Fact::Erasure(_) => None,
    }
}

/// Returns the common prefix of the refs of runs. If a project is given, only the runs of the project have
/// the prefix.
fn prefix_of_runs(project: Option<&ProjectRef>) -> Vec<u8> {
    project.map_or_else(|| b"run:".to_vec(), |project| keys::under("run", project))
}

/// A run, its project, the versions of its attributes, and its writers.
type RunParts = (RunRef, ProjectRef, AttributeVersions, Option<RunWriters>);

/// A map from the refs of runs to the versions of their attributes.
struct Runs(BTreeMap<RunRef, AttributeVersions>);

impl Runs {
    /// Adds the runs that are not in the map yet. The added runs have no attributes. `add_refs` calls its
    /// parameter with the ref of each run, in ascending order. A text that is not the ref of a run is
    /// ignored.
    fn add_all(&mut self, add_refs: impl FnOnce(&mut dyn FnMut(&str)) -> Result<()>) -> Result<()> {
        let mut known: Peekable<btree_map::Keys<'_, _, _>> = self.0.keys().peekable();
        let mut missing = Vec::new();
        add_refs(&mut |run| {
            while known.next_if(|known| known.as_str() < run).is_some() {}
            if known.peek().is_none_or(|known| known.as_str() != run) {
                missing.extend(RunRef::parse(run).ok());
            }
        })?;
        self.0.extend(missing.into_iter().map(|run| (run, AttributeVersions::default())));
        Ok(())
    }
}
