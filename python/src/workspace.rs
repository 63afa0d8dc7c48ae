//! An open workspace: the start of runs and deployments, and the session of captures.

use crate::config::Settings;
use crate::convert::{Unknown, text, to_members};
use crate::error::{contract, raised};
use crate::released::Released;
use crate::scope::Scope;
use crate::sink::PythonSink;
use contexta::capture::{JoinBuilder, Sink, Step};
use contexta::contract::{ArtifactRef, EnvironmentRef, RunRef, Value};
use contexta::{Contexta, Options};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;

/// An open workspace.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) contexta: Released<Arc<Contexta>>,
}

#[pymethods]
impl Workspace {
    /// Opens a workspace with loaded settings. `sinks` are Python objects that replace the sinks of the settings.
    #[staticmethod]
    #[pyo3(signature = (settings, sinks, must_exist = false))]
    fn open(
        py: Python<'_>,
        settings: &Settings,
        sinks: Option<Vec<Bound<'_, PyAny>>>,
        must_exist: bool,
    ) -> PyResult<Workspace> {
        let python_sink = |sink: &Bound<'_, PyAny>| Ok(Arc::new(PythonSink::new(sink)?) as Arc<dyn Sink>);
        let sinks =
            sinks.map(|sinks| sinks.iter().map(python_sink).collect::<PyResult<Vec<_>>>()).transpose()?;
        let loaded = &settings.loaded;
        let opened = py.detach(|| {
            let mut options = Options::from_loaded(loaded)?;
            if let Some(sinks) = sinks {
                options = options.sinks(sinks);
            }
            if must_exist { options.must_exist().open() } else { options.open() }
        });
        Ok(Workspace { contexta: Released::new(Arc::new(opened.map_err(raised)?)) })
    }

    /// The name of the project.
    #[getter]
    fn project_name(&self) -> &str {
        self.contexta.project_name()
    }

    /// The root directory.
    #[getter]
    fn root(&self) -> std::path::PathBuf {
        self.contexta.paths().root().to_path_buf()
    }

    /// The names of the sinks.
    #[getter]
    fn sink_names(&self) -> Vec<String> {
        self.contexta.sinks().iter().map(|sink| sink.name().to_owned()).collect()
    }

    /// Writes the end of the log's stream and releases the sinks.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let contexta: &Contexta = &self.contexta;
        py.detach(|| contexta.close()).map(drop).map_err(raised)
    }

    /// Starts a run. `parts` has the optional parts of the run by name.
    fn start_run(
        &self,
        py: Python<'_>,
        name: &Bound<'_, PyAny>,
        parts: &Bound<'_, PyDict>,
    ) -> PyResult<Scope> {
        let mut run = self.contexta.run(&text(name)?);
        let part = |name: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
            Ok(parts.get_item(name)?.filter(|value| !value.is_none()))
        };
        if let Some(id) = part("run_id")? {
            run = run.run_id(&text(&id)?);
        }
        for (key, value) in texts(part("tags")?)? {
            run = run.tag(&key, &value);
        }
        for (key, value) in to_members(part("metadata")?.as_ref(), Unknown::AsText)? {
            run = run.metadata(&key, value);
        }
        for (key, value) in texts(part("packages")?)? {
            run = run.package(&key, &value);
        }
        if let Some(revision) = part("code_revision")? {
            run = run.code_revision(&text(&revision)?);
        }
        if let Some(config) = part("config_snapshot")? {
            run = run.config_snapshot(&Value::Map(to_members(Some(&config), Unknown::AsText)?));
        }
        if let Some(params) = part("params")? {
            run = run.params(&Value::Map(to_members(Some(&params), Unknown::AsText)?));
        }
        if let Some(dataset) = part("dataset_ref")? {
            run = run.dataset_ref(&text(&dataset)?);
        }
        if let Some(description) = part("description")? {
            run = run.description(&text(&description)?);
        }
        if let Some(label) = part("label")? {
            run = run.label(&text(&label)?);
        }
        if let Some(runtime) = part("runtime")? {
            let (name, version) = runtime.extract::<(String, String)>()?;
            run = run.runtime(&name, &version);
        }
        py.detach(|| run.start()).map(|run| Scope::new(&run)).map_err(raised)
    }

    /// Starts a deployment.
    #[pyo3(signature = (name, deployment_id = None, run_ref = None, artifact_ref = None, environment_ref = None, metadata = None))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of the Python method")]
    fn start_deployment(
        &self,
        py: Python<'_>,
        name: &Bound<'_, PyAny>,
        deployment_id: Option<&str>,
        run_ref: Option<&str>,
        artifact_ref: Option<&str>,
        environment_ref: Option<&str>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Scope> {
        let mut deployment = self.contexta.deployment(&text(name)?);
        if let Some(id) = deployment_id {
            deployment = deployment.deployment_id(id);
        }
        if let Some(run) = run_ref {
            deployment = deployment.run(&RunRef::parse(run).map_err(contract)?);
        }
        if let Some(artifact) = artifact_ref {
            deployment = deployment.artifact(&ArtifactRef::parse(artifact).map_err(contract)?);
        }
        if let Some(environment) = environment_ref {
            deployment = deployment.environment(&EnvironmentRef::parse(environment).map_err(contract)?);
        }
        for (key, value) in to_members(metadata, Unknown::AsText)? {
            deployment = deployment.metadata(&key, value);
        }
        py.detach(|| deployment.start()).map(|scope| Scope::new(&scope)).map_err(raised)
    }

    /// Joins a run that exists. Without a run, joins the run of the environment variable `CONTEXTA_RUN`, and returns
    /// `None` if the variable is not set. `resume` begins a new attempt.
    #[pyo3(signature = (run = None, resume = false, from_step = None, label = None))]
    fn join_run(
        &self,
        py: Python<'_>,
        run: Option<&str>,
        resume: bool,
        from_step: Option<i64>,
        label: Option<&str>,
    ) -> PyResult<Option<Scope>> {
        let contexta: &Contexta = &self.contexta;
        py.detach(|| {
            let join: Option<JoinBuilder> = match run {
                Some(run) if resume => Some(contexta.resume(run)?),
                Some(run) => Some(contexta.attach(run)?),
                None => contexta.attach_from_environment()?,
            };
            let Some(mut join) = join else { return Ok(None) };
            if let Some(step) = from_step {
                join = join.from_step(Step(step));
            }
            if let Some(label) = label {
                join = join.label(label);
            }
            Ok::<_, contexta::Error>(Some(Scope::new(&join.start()?)))
        })
        .map_err(raised)
    }
}

/// Reads a mapping from text to text. Other values are converted to text.
fn texts(object: Option<Bound<'_, PyAny>>) -> PyResult<Vec<(String, String)>> {
    let Some(object) = object else { return Ok(Vec::new()) };
    let mapping = object.cast::<pyo3::types::PyMapping>()?;
    let items = mapping.items()?;
    items
        .iter()
        .map(|item| {
            let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            Ok((text(&key)?, text(&value)?))
        })
        .collect()
}
