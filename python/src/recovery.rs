//! Backups, restores, checks and repairs of a workspace, and replays of its outbox.

use crate::config::Settings;
use crate::convert::to_python;
use crate::error::{contract, raised, recovered, refused};
use crate::sink::PythonSink;
use crate::workspace::Workspace;
use contexta::capture::{ReplayBatchResult, ReplayOptions, Sink};
use contexta::contract::Timestamp;
use contexta::recovery::{
    self as library, BackupOptions, BackupRef, BackupVerifyOptions, KeepRules, Progress, RestoreOptions,
    VerifyLevel, VerifyOptions,
};
use contexta::store::Moment;
use contexta::{Answer, Error, Options, RepairSettings};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// Access to the backups of a workspace.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct Backups {
    backups: contexta::Backups,
    workspace_root: PathBuf,
}

/// The plan of a backup.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct BackupPlan {
    plan: library::BackupPlan,
}

/// The plan of a restore.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct RestorePlan {
    plan: library::RestorePlan,
}

/// The plan of a removal of backups.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct PrunePlan {
    plan: library::PrunePlan,
}

/// The plan of a repair, and its settings.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct RepairPlan {
    plan: library::RepairPlan,
    settings: RepairSettings,
}

/// Adds the method that returns the members of a plan.
macro_rules! plain_forms {
    ($($plan:ident)*) => {$(
        #[pymethods]
        impl $plan {
            /// Returns all members as a dictionary.
            fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                to_python(py, &self.plan.to_value())
            }
        }
    )*};
}

plain_forms!(BackupPlan RestorePlan PrunePlan RepairPlan);

#[pymethods]
impl Backups {
    /// Returns access to the backups of the workspace of the settings. `repository` is the directory of the backups;
    /// `None` means the directory of the settings.
    #[new]
    #[pyo3(signature = (settings, repository = None))]
    fn new(settings: &Settings, repository: Option<PathBuf>) -> PyResult<Backups> {
        let mut backups = contexta::Backups::from_config(&settings.loaded.config).map_err(raised)?;
        if let Some(repository) = repository {
            backups = backups.repository(repository);
        }
        Ok(Backups { backups, workspace_root: settings.loaded.config.directories().root })
    }

    /// The directory of the workspace of the settings.
    #[getter]
    fn workspace_root(&self) -> PathBuf {
        self.workspace_root.clone()
    }

    /// Plans a backup. `backup_ref` and `created_at` are the name and the time of an earlier plan that this plan
    /// replaces.
    #[pyo3(signature = (label, include_cache, include_exports, earlier = None))]
    fn plan(
        &self,
        py: Python<'_>,
        label: Option<String>,
        include_cache: bool,
        include_exports: bool,
        earlier: Option<(String, String)>,
    ) -> PyResult<BackupPlan> {
        let options = BackupOptions { label, include_cache, include_exports };
        let mut plan = py.detach(|| self.backups.plan(&options)).map_err(raised)?;
        if let Some((backup, created_at)) = earlier {
            plan.backup_ref = named(&backup)?;
            plan.created_at = created_at.parse::<Timestamp>().map_err(contract)?;
        }
        Ok(BackupPlan { plan })
    }

    /// Creates a backup.
    fn create<'py>(&self, py: Python<'py>, plan: &BackupPlan) -> PyResult<Bound<'py, PyAny>> {
        let result = py.detach(|| self.backups.create(&plan.plan, Progress::none())).map_err(raised)?;
        to_python(py, &result.to_value())
    }

    /// Lists the backups.
    fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let list = py.detach(|| self.backups.list()).map_err(raised)?;
        to_python(py, &list.to_value())
    }

    /// Verifies one backup, or all backups. Damaged objects are replaced from the workspace `heal_from`.
    #[pyo3(signature = (backup = None, heal_from = None))]
    fn verify<'py>(
        &self,
        py: Python<'py>,
        backup: Option<&str>,
        heal_from: Option<PathBuf>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options =
            BackupVerifyOptions { backup: backup.map(named).transpose()?, ..BackupVerifyOptions::default() };
        let verify = || match heal_from {
            Some(workspace) => self.backups.heal(workspace, &options),
            None => self.backups.verify(&options),
        };
        let verification = py.detach(verify).map_err(raised)?;
        to_python(py, &verification.to_value())
    }

    /// Plans a removal of all backups except the newest.
    fn plan_prune(&self, py: Python<'_>, keep_last: usize) -> PyResult<PrunePlan> {
        let plan = py.detach(|| self.backups.plan_prune(KeepRules { last: keep_last })).map_err(raised)?;
        Ok(PrunePlan { plan })
    }

    /// Removes the backups of a plan.
    fn prune(&self, py: Python<'_>, plan: &PrunePlan) -> PyResult<()> {
        py.detach(|| self.backups.prune(&plan.plan)).map_err(raised)
    }

    /// Plans a restore.
    #[pyo3(signature = (backup, target_workspace = None, verify_only = false, to_time = None))]
    fn plan_restore(
        &self,
        py: Python<'_>,
        backup: &str,
        target_workspace: Option<PathBuf>,
        verify_only: bool,
        to_time: Option<&str>,
    ) -> PyResult<RestorePlan> {
        let to_time = to_time.map(str::parse::<Moment>).transpose();
        let to_time = to_time.map_err(|error| refused("recovery_invalid_time", &error.to_string()))?;
        let options = RestoreOptions { target_workspace, verify_only, to_time };
        let plan = py.detach(|| self.backups.plan_restore(backup, &options)).map_err(raised)?;
        Ok(RestorePlan { plan })
    }

    /// Restores a backup, or only checks it.
    fn restore<'py>(&self, py: Python<'py>, plan: &RestorePlan) -> PyResult<Bound<'py, PyAny>> {
        let result = py.detach(|| self.backups.restore(&plan.plan, Progress::none())).map_err(raised)?;
        to_python(py, &result.to_value())
    }
}

fn named(backup: &str) -> PyResult<BackupRef> {
    let invalid = || recovered(library::Error::BackupRefInvalid { text: backup.to_owned() });
    BackupRef::parse(backup).ok_or_else(invalid)
}

fn sinks(sinks: Option<Vec<Bound<'_, PyAny>>>) -> PyResult<Option<Vec<Arc<dyn Sink>>>> {
    let Some(sinks) = sinks else { return Ok(None) };
    let sinks = sinks.iter().map(|sink| Ok(Arc::new(PythonSink::new(sink)?) as Arc<dyn Sink>));
    sinks.collect::<PyResult<Vec<_>>>().map(Some)
}

/// Options of a replay of the outbox: target, limit, acknowledgement and number of failures.
type Replay = (Option<String>, Option<u64>, bool, Option<u32>);

fn replay_options(
    (target, limit, acknowledge, failures): Replay,
    sinks: Option<Vec<Arc<dyn Sink>>>,
) -> ReplayOptions {
    let mut options = ReplayOptions::default();
    options.target = target;
    options.limit = limit.unwrap_or(u64::MAX);
    options.acknowledge_successes = acknowledge;
    options.dead_letter_after_failures = failures;
    options.sinks = sinks;
    options
}

/// Delivers the waiting facts of the workspace of the settings to the given sinks, or to the sinks of the settings.
#[pyfunction]
pub(crate) fn replay_outbox<'py>(
    py: Python<'py>,
    settings: &Settings,
    options: Replay,
    given: Option<Vec<Bound<'py, PyAny>>>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = replay_options(options, sinks(given)?);
    let replay = || {
        let contexta = Options::from_loaded(&settings.loaded)?.must_exist().open()?;
        let result = contexta.replay_outbox(&options)?;
        contexta.close()?;
        Ok::<ReplayBatchResult, Error>(result)
    };
    let result = py.detach(replay).map_err(raised)?;
    to_python(py, &result.to_value())
}

#[pymethods]
impl Workspace {
    /// Delivers the waiting facts to the given sinks, or to the sinks of the workspace.
    fn replay_outbox<'py>(
        &self,
        py: Python<'py>,
        options: Replay,
        given: Option<Vec<Bound<'py, PyAny>>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = replay_options(options, sinks(given)?);
        let result = py.detach(|| self.contexta.replay_outbox(&options)).map_err(raised)?;
        to_python(py, &result.to_value())
    }

    /// Returns the content of the outbox.
    fn outbox<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let content = py.detach(|| self.contexta.outbox()).map_err(raised)?;
        to_python(py, &content.to_value())
    }

    /// Checks the workspace. `level` is `frames`, `chain`, `bodies` or `projections`.
    fn verify<'py>(&self, py: Python<'py>, level: &str) -> PyResult<Bound<'py, PyAny>> {
        let level = match level {
            "frames" => VerifyLevel::Frames,
            "chain" => VerifyLevel::Chain,
            "bodies" => VerifyLevel::Bodies,
            "projections" => VerifyLevel::Projections,
            _ => {
                let message =
                    format!("the level is {level:?}; expected `frames`, `chain`, `bodies` or `projections`");
                return Err(refused("recovery_invalid_level", &message));
            }
        };
        let report = py.detach(|| self.contexta.verify(VerifyOptions::at(level))).map_err(raised)?;
        to_python(py, &report.to_value())
    }

    /// Plans a repair.
    #[pyo3(signature = (source = None, repository = None, forget = false))]
    fn plan_repair(
        &self,
        py: Python<'_>,
        source: Option<PathBuf>,
        repository: Option<PathBuf>,
        forget: bool,
    ) -> PyResult<RepairPlan> {
        let settings = RepairSettings { from: source, repository, forget };
        let plan = py.detach(|| self.contexta.plan_repair(&settings, Progress::none())).map_err(raised)?;
        Ok(RepairPlan { plan, settings })
    }

    /// Applies the plan of a repair.
    fn repair<'py>(&self, py: Python<'py>, plan: &RepairPlan) -> PyResult<Bound<'py, PyAny>> {
        let repair = || self.contexta.repair(&plan.plan, &plan.settings, Progress::none());
        let result = py.detach(repair).map_err(raised)?;
        to_python(py, &result.to_value())
    }
}

/// Adds the classes and functions of the recovery to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Backups>()?;
    module.add_class::<BackupPlan>()?;
    module.add_class::<RestorePlan>()?;
    module.add_class::<PrunePlan>()?;
    module.add_class::<RepairPlan>()?;
    module.add_function(wrap_pyfunction!(replay_outbox, module)?)
}
