//! A catalog that keeps the rows of all runs in memory between reads.
//!
//! A list of runs needs the rows of all runs. Each row is derived from all attributes and writers of the run.
//! The catalog therefore keeps the rows. A later read derives only two kinds of rows again: the rows of runs
//! that occur in new entries, and the rows of open runs. The status of an open run also depends on the locks
//! of its writers, and these locks change without an entry.

use crate::contract::{ProjectRef, RunRef};
use crate::engine::projection::Extent;
use crate::store::error::Result;
use crate::store::lifecycle::Superseding;
use crate::store::rows::{RunRow, project_of};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The maximum total length in bytes of the attributes of all runs in a catalog. The rows of more runs are not kept, to
/// limit the memory.
const BYTES_MAX: usize = 64 << 20;
/// The number of bytes that a run counts as, in addition to its attributes.
const ROW_BYTES: usize = 640;

/// The catalog of the runs of one workspace. Several threads share the catalog.
#[derive(Debug, Default)]
pub(super) struct RunCatalog(Mutex<Option<KeptRuns>>);

/// The rows of all runs, or of the runs of one project. The rows were derived from tables with the extent
/// `extent`.
#[derive(Debug)]
pub(super) struct KeptRuns {
    pub(super) extent: Extent,
    /// The project of the runs; `None` for the runs of all projects.
    project: Option<ProjectRef>,
    /// The rows in listing order ([`in_listing_order`]).
    rows: Vec<KeptRun>,
    /// The runs with open writers.
    open: BTreeSet<RunRef>,
    /// A map from runs to their resumes that superseded points. Most runs have no such resume.
    supersedings: BTreeMap<RunRef, Vec<Superseding>>,
}

/// The row of a run, and the total length in bytes of its attributes.
#[derive(Debug)]
struct KeptRun {
    row: Arc<RunRow>,
    bytes: usize,
}

/// The row of a run, and the data about its writers that is not in the row.
#[derive(Debug)]
pub(super) struct DerivedRun {
    pub(super) row: RunRow,
    /// The total length in bytes of the names and values of all versions of the attributes.
    pub(super) bytes: usize,
    pub(super) supersedings: Vec<Superseding>,
    /// `true` if the run is open and has writers.
    pub(super) has_open_writers: bool,
}

impl RunCatalog {
    /// Locks the catalog, and returns the rows that the catalog keeps.
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<KeptRuns>> {
        // A reader takes the rows out before it changes them, so a panic leaves no incomplete rows.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the resumes that superseded points of a run. Returns `None` if the catalog does not keep the
    /// row of the run, if the kept rows are not current, or if another thread uses the catalog. `is_current`
    /// returns `true` if rows with the given extent are current.
    pub(super) fn supersedings(
        &self,
        run: &RunRef,
        is_current: impl FnOnce(&Extent) -> bool,
    ) -> Option<Vec<Superseding>> {
        let kept = self.0.try_lock().ok()?;
        let kept = kept.as_ref().filter(|kept| kept.covers_run(run) && is_current(&kept.extent))?;
        Some(kept.supersedings.get(run).cloned().unwrap_or_default())
    }
}

impl KeptRuns {
    /// Creates the kept rows of all runs, or of the runs of `project`. `derived` contains the rows.
    pub(super) fn new(extent: Extent, project: Option<ProjectRef>, derived: Vec<DerivedRun>) -> KeptRuns {
        let mut kept = KeptRuns {
            extent,
            project,
            rows: Vec::new(),
            open: BTreeSet::new(),
            supersedings: BTreeMap::new(),
        };
        kept.add(derived);
        kept
    }

    fn add(&mut self, derived: Vec<DerivedRun>) {
        let open = derived.iter().filter(|run| run.has_open_writers);
        self.open.extend(open.map(|run| run.row.run_ref.clone()));
        for DerivedRun { row, bytes, supersedings, .. } in derived {
            if !supersedings.is_empty() {
                self.supersedings.insert(row.run_ref.clone(), supersedings);
            }
            self.rows.push(KeptRun { row: Arc::new(row), bytes });
        }
        self.rows.sort_by(|a, b| in_listing_order(&a.row, &b.row));
    }

    /// Replaces the rows of the runs `changed` by `derived`.
    pub(super) fn replace(&mut self, changed: &BTreeSet<RunRef>, derived: Vec<DerivedRun>) {
        self.rows.retain(|run| !changed.contains(&run.row.run_ref));
        self.open.retain(|run| !changed.contains(run));
        self.supersedings.retain(|run, _| !changed.contains(run));
        self.add(derived);
    }

    /// Returns the runs with open writers.
    pub(super) fn open(&self) -> &BTreeSet<RunRef> {
        &self.open
    }

    /// Returns `true` if the kept rows contain the row of the run, provided that the run exists.
    pub(super) fn covers_run(&self, run: &RunRef) -> bool {
        self.project.is_none() || self.project == project_of(run)
    }

    /// Returns `true` if the rows of the runs of `project` are kept. `None` stands for the runs of all projects.
    pub(super) fn covers(&self, project: Option<&ProjectRef>) -> bool {
        self.project.is_none() || self.project.as_ref() == project
    }

    /// Returns the number of runs.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the rows of all kept runs, or of the kept runs of a project, in listing order.
    pub(super) fn rows(&self, project: Option<&ProjectRef>) -> Vec<Arc<RunRow>> {
        let is_asked = |run: &&KeptRun| project.is_none_or(|project| run.row.project_ref == *project);
        self.rows.iter().filter(is_asked).map(|run| Arc::clone(&run.row)).collect()
    }

    /// Returns the resumes that superseded points, by the refs of their runs.
    pub(super) fn supersedings(&self) -> BTreeMap<String, Vec<Superseding>> {
        let of_run =
            |(run, resumes): (&RunRef, &Vec<Superseding>)| (run.as_str().to_owned(), resumes.clone());
        self.supersedings.iter().map(of_run).collect()
    }

    /// Returns the kept runs. Returns `None` if they are the runs of one project.
    pub(super) fn all(&self) -> Option<Vec<DerivedRun>> {
        let derived = |run: &KeptRun| {
            let run_ref = &run.row.run_ref;
            DerivedRun {
                row: RunRow::clone(&run.row),
                bytes: run.bytes,
                supersedings: self.supersedings.get(run_ref).cloned().unwrap_or_default(),
                has_open_writers: self.open.contains(run_ref),
            }
        };
        self.project.is_none().then(|| self.rows.iter().map(derived).collect())
    }

    /// Returns `true` if the rows are small enough to be kept.
    pub(super) fn is_small(&self) -> bool {
        self.rows.iter().map(|run| run.bytes + ROW_BYTES).sum::<usize>() <= BYTES_MAX
    }

    /// Sets the names of the projects in all rows. `name_of` returns the name of a project, and is called once for each
    /// project.
    pub(super) fn rename_projects(&mut self, name_of: impl Fn(&ProjectRef) -> Result<String>) -> Result<()> {
        let mut of_project: Option<(ProjectRef, String)> = None;
        // The rows of a project are adjacent.
        for KeptRun { row, .. } in &mut self.rows {
            if of_project.as_ref().is_none_or(|(project, _)| *project != row.project_ref) {
                of_project = Some((row.project_ref.clone(), name_of(&row.project_ref)?));
            }
            let Some((_, name)) = &of_project else { continue };
            if row.project_name != *name {
                name.clone_into(&mut Arc::make_mut(row).project_name);
            }
        }
        Ok(())
    }
}

/// Compares runs by project, start and ref.
pub(super) fn in_listing_order(a: &RunRow, b: &RunRow) -> Ordering {
    (&a.project_ref, a.started_at, &a.run_ref).cmp(&(&b.project_ref, b.started_at, &b.run_ref))
}
