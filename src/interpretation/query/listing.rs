//! Lists of projects, deployments, batches and samples.

use crate::contract::{BatchExecution, BatchRef, DeploymentExecution, SampleObservation, StageRef};
use crate::interpretation::error::{Error, Result};
use crate::store::{Note, ProjectRow, RunRow, Store, StoreView};

/// All projects.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProjectList {
    /// The projects, ordered by name and ref.
    pub projects: Vec<ProjectRow>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// A list of deployments.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeploymentList {
    /// The deployments, each with the name of its project.
    pub deployments: Vec<(DeploymentExecution, String)>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// A list of batches of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BatchList {
    /// The batches, ordered by stage, position, start and ref.
    pub batches: Vec<BatchExecution>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// A list of samples of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SampleList {
    /// The samples, ordered by stage, batch, time of observation and ref.
    pub samples: Vec<SampleObservation>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Lists all projects.
pub fn list_projects(store: &Store) -> Result<ProjectList> {
    store.read(|view| {
        let mut projects = view.projects()?;
        projects.sort_by(|a, b| (&a.name, &a.project_ref).cmp(&(&b.name, &b.project_ref)));
        Ok(ProjectList { projects, notes: view.notes() })
    })
}

/// Lists the deployments of a run. Without a run, lists the deployments of a project, or of all projects. The
/// deployments of a run are ordered by position, start and ref. Other deployments are ordered by project and
/// name. An unknown project has no deployments.
pub fn list_deployments(store: &Store, project: Option<&str>, run: Option<&str>) -> Result<DeploymentList> {
    store.read(|view| {
        let mut notes = view.notes();
        let deployments = match (run, project) {
            (Some(run), _) => view.deployments_of(&view.find_run(run)?.run_ref)?,
            (None, asked) => match asked.map(|asked| view.find_project(asked)).transpose() {
                Ok(project) => {
                    let (found, more) = view.deployments(project.as_ref())?;
                    notes.extend(more);
                    found
                }
                Err(crate::store::Error::ProjectNotFound { .. }) => Vec::new(),
                Err(other) => return Err(other.into()),
            },
        };
        Ok(DeploymentList { deployments: with_projects(view, deployments)?, notes })
    })
}

/// Returns each deployment together with the name of its project.
pub(super) fn with_projects(
    view: &StoreView<'_>,
    deployments: Vec<DeploymentExecution>,
) -> Result<Vec<(DeploymentExecution, String)>> {
    let name = |d: DeploymentExecution| Ok((view.name_of_project(&d.project_ref)?, d));
    deployments.into_iter().map(|d| name(d).map(|(name, d)| (d, name))).collect()
}

/// Lists the batches of a run. `stage` is the name, the id or the ref of a stage of the run.
pub fn list_batches(store: &Store, run: &str, stage: Option<&str>) -> Result<BatchList> {
    store.read(|view| {
        let run = view.find_run(run)?;
        let stage = stage.map(|stage| find_stage(view, &run, stage)).transpose()?;
        let (batches, more) = view.batches(&run.run_ref, stage.as_ref())?;
        Ok(BatchList { batches, notes: [view.notes(), more].concat() })
    })
}

/// Lists the samples of a run. `stage` is the name, the id or the ref of a stage of the run. `batch` is the name, the
/// id or the ref of a batch of the run. If `stage` is given, the batch is looked up in this stage.
pub fn list_samples(
    store: &Store,
    run: &str,
    stage: Option<&str>,
    batch: Option<&str>,
) -> Result<SampleList> {
    store.read(|view| {
        let run = view.find_run(run)?;
        let stage = stage.map(|stage| find_stage(view, &run, stage)).transpose()?;
        let batch = batch.map(|batch| find_batch(view, &run, stage.as_ref(), batch)).transpose()?;
        let (samples, more) = view.samples(&run.run_ref, stage.as_ref(), batch.as_ref())?;
        Ok(SampleList { samples, notes: [view.notes(), more].concat() })
    })
}

/// Returns the ref of the stage that `asked` identifies in a run. `asked` is the ref of the stage, its name, or the
/// last component of its ref. The ref of a stage of the run is accepted even if the log contains no fact about the
/// stage. Error: the run has no such stage.
pub(in crate::interpretation) fn find_stage(
    view: &StoreView<'_>,
    run: &RunRow,
    asked: &str,
) -> Result<StageRef> {
    if let Ok(stage) = StageRef::parse(asked)
        && stage.run().as_ref() == Some(&run.run_ref)
    {
        return Ok(stage);
    }
    let stages = view.stages(&run.run_ref)?;
    let by_name = stages.iter().find(|stage| stage.name == asked);
    let found = by_name.or_else(|| stages.iter().find(|stage| stage.stage_ref.last_component() == asked));
    found.map(|stage| stage.stage_ref.clone()).ok_or_else(|| Error::PartNotFound {
        what: "stage",
        run: run.run_ref.to_string(),
        asked: asked.to_owned(),
    })
}

/// Returns the ref of the batch that `asked` identifies in a run. `asked` is the ref of the batch, its name, or the
/// last component of its ref. If `stage` is given, only the batches of this stage are searched.
fn find_batch(view: &StoreView<'_>, run: &RunRow, stage: Option<&StageRef>, asked: &str) -> Result<BatchRef> {
    if let Ok(batch) = BatchRef::parse(asked)
        && batch.run().as_ref() == Some(&run.run_ref)
    {
        return Ok(batch);
    }
    let (batches, _) = view.batches(&run.run_ref, stage)?;
    let named = |batch: &&BatchExecution| {
        batch.batch_name == asked || batch.batch_execution_ref.last_component() == asked
    };
    batches.iter().find(named).map(|batch| batch.batch_execution_ref.clone()).ok_or_else(|| {
        Error::PartNotFound { what: "batch", run: run.run_ref.to_string(), asked: asked.to_owned() }
    })
}
