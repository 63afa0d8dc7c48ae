//! The handles of scopes: runs, deployments, stages, batches, samples and operations.

use crate::convert::{Unknown, metric_value, step, text, to_members, to_python, to_value};
use crate::error::{contract, raised, refused};
use crate::released::Released;
use crate::result::{Captured, CapturedBatch};
use crate::series::Series;
use contexta::capture::{
    AnyScope, ArtifactRegistration, DegradedEmission, Emission, EventEmission, MetricEmission,
    RegisteredArtifacts, SampleSpec, ScopeKind, ScopeSpec, SeriesSpec, SpanEmission, Step,
};
use contexta::contract::{AggregationScope, Canonical, ContractError, RelationType, StableRef, Value};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;

/// The handle of a scope of any kind.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct Scope {
    scope: Released<AnyScope>,
}

impl Scope {
    pub(crate) fn new(scope: impl Into<AnyScope>) -> Scope {
        Scope { scope: Released::new(scope.into()) }
    }
}

#[pymethods]
impl Scope {
    /// The kind, such as `run`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.scope.kind().as_str()
    }

    /// The name.
    #[getter]
    fn name(&self) -> &str {
        self.scope.name()
    }

    /// The ref of the object of the scope.
    #[getter]
    fn object_ref(&self) -> &str {
        self.scope.object_ref().as_str()
    }

    /// The ref of the run that is the scope or contains the scope.
    #[getter]
    fn run_ref(&self) -> Option<String> {
        self.scope.run().map(|run| run.run_ref().to_string())
    }

    /// The time of the start.
    #[getter]
    fn started_at(&self) -> String {
        self.scope.started_at().to_string()
    }

    /// The time of the end; `None` while the scope is open.
    #[getter]
    fn closed_at(&self, py: Python<'_>) -> Option<String> {
        let scope: &AnyScope = &self.scope;
        py.detach(|| scope.closed_at()).map(|at| at.to_string())
    }

    /// The status.
    #[getter]
    fn status(&self, py: Python<'_>) -> &'static str {
        let scope: &AnyScope = &self.scope;
        py.detach(|| scope.status()).as_str()
    }

    /// The trace of the scope, in the form of the header `traceparent`.
    #[getter]
    fn traceparent(&self) -> String {
        self.scope.trace_context().to_string()
    }

    /// Starts a scope within this scope.
    #[pyo3(signature = (kind, name, metadata = None, retention_class = None, redaction_profile = None))]
    fn open(
        &self,
        py: Python<'_>,
        kind: &str,
        name: &Bound<'_, PyAny>,
        metadata: Option<&Bound<'_, PyAny>>,
        retention_class: Option<&str>,
        redaction_profile: Option<&str>,
    ) -> PyResult<Scope> {
        let (name, metadata) = (text(name)?, to_members(metadata, Unknown::AsText)?);
        let scope: &AnyScope = &self.scope;
        if kind == "sample" {
            let mut spec = SampleSpec::new(&name);
            for (key, value) in metadata {
                spec = spec.metadata(&key, value);
            }
            if let Some(class) = retention_class {
                spec = spec.retention_class(class);
            }
            if let Some(profile) = redaction_profile {
                spec = spec.redaction_profile(profile);
            }
            return py.detach(|| open_sample(scope, spec)).map_err(raised);
        }
        let spec =
            metadata.into_iter().fold(ScopeSpec::new(&name), |spec, (key, value)| spec.metadata(&key, value));
        py.detach(|| open_scope(scope, kind, spec)).map_err(raised)
    }

    /// Captures a metric that has only a key, a value and possibly a step.
    #[pyo3(signature = (key, value, step_number = None))]
    fn metric(
        &self,
        py: Python<'_>,
        key: &str,
        value: &Bound<'_, PyAny>,
        step_number: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Captured> {
        let (value, at) = (metric_value(value)?, step_number.map(step).transpose()?);
        let scope: &AnyScope = &self.scope;
        let captured = py.detach(|| match at {
            Some(at) => scope.metric_at(key, Step(at), value),
            None => scope.metric(key, value),
        });
        captured.map(Captured::new).map_err(raised)
    }

    /// Captures several metrics of one step in one commit.
    #[pyo3(signature = (values, step_number = None))]
    fn metrics(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyDict>,
        step_number: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<CapturedBatch> {
        let at = step_number.map(step).transpose()?;
        let mut metrics = Vec::with_capacity(values.len());
        for (key, value) in values.iter() {
            metrics.push((text(&key)?, metric_value(&value)?));
        }
        let scope: &AnyScope = &self.scope;
        py.detach(|| scope.metrics(at.map(Step), metrics)).map(CapturedBatch::new).map_err(raised)
    }

    /// Captures a record. `family` is `event`, `metric`, `span` or `degraded`, and `parts` the members of the emission.
    fn emit(&self, py: Python<'_>, family: &str, parts: &Bound<'_, PyAny>) -> PyResult<Captured> {
        let emission = emission(family, parts)?;
        let scope: &AnyScope = &self.scope;
        py.detach(|| scope.emit(emission)).map(Captured::new).map_err(raised)
    }

    /// Captures several records of one family in one commit.
    fn emit_all(
        &self,
        py: Python<'_>,
        family: &str,
        parts: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<CapturedBatch> {
        let emissions = parts.iter().map(|parts| emission(family, parts)).collect::<PyResult<Vec<_>>>()?;
        let scope: &AnyScope = &self.scope;
        py.detach(|| scope.emit_all(emissions)).map(CapturedBatch::new).map_err(raised)
    }

    /// Registers a file as an artifact.
    fn register(&self, py: Python<'_>, parts: &Bound<'_, PyAny>) -> PyResult<Captured> {
        let registration = registration(parts)?;
        let scope: &AnyScope = &self.scope;
        let registered = py.detach(|| scope.register(registration)).map_err(raised)?;
        Ok(Captured::new(registered.result()))
    }

    /// Registers several files as artifacts. Each file has a result of its own.
    fn register_all(&self, py: Python<'_>, parts: Vec<Bound<'_, PyAny>>) -> PyResult<CapturedBatch> {
        let registrations = parts.iter().map(registration).collect::<PyResult<Vec<_>>>()?;
        let scope: &AnyScope = &self.scope;
        let registered = py.detach(|| {
            let registered = registrations.into_iter().map(|registration| scope.register(registration));
            registered.collect::<RegisteredArtifacts>()
        });
        Ok(CapturedBatch::new(registered.result()))
    }

    /// Prepares a series of metric points.
    #[pyo3(signature = (key, unit = None, aggregation_scope = None, tags = None, summary_basis = None))]
    fn series(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        unit: Option<&str>,
        aggregation_scope: Option<&str>,
        tags: Option<BTreeMap<String, String>>,
        summary_basis: Option<&str>,
    ) -> PyResult<Series> {
        let mut spec = SeriesSpec::new(&text(key)?);
        if let Some(unit) = unit {
            spec = spec.unit(unit);
        }
        if let Some(scope) = aggregation_scope {
            spec = spec.scope(scope.parse::<AggregationScope>().map_err(contract)?);
        }
        for (key, value) in tags.unwrap_or_default() {
            spec = spec.tag(&key, &value);
        }
        if let Some(basis) = summary_basis {
            spec = spec.summary_basis(basis);
        }
        let scope: &AnyScope = &self.scope;
        py.detach(|| scope.series(spec)).map(Series::new).map_err(raised)
    }

    /// Records a lineage edge between two objects, and returns the ref of the edge.
    fn relate(&self, py: Python<'_>, source: &str, relation: &str, target: &str) -> PyResult<String> {
        let source = StableRef::parse(source).map_err(contract)?;
        let target = StableRef::parse(target).map_err(contract)?;
        let relation = relation.parse::<RelationType>().map_err(contract)?;
        let scope: &AnyScope = &self.scope;
        let edge = py.detach(|| scope.relate(source, relation, target)).map_err(raised)?;
        Ok(edge.relation_ref.to_string())
    }

    /// Ends the scope as `completed`, `failed` or `cancelled`.
    #[pyo3(signature = (status, message = None))]
    fn end(&self, py: Python<'_>, status: &str, message: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let message = message.map(text).transpose()?;
        let scope: &AnyScope = &self.scope;
        let ended = py.detach(|| match status {
            "completed" => Some(scope.complete()),
            "cancelled" => Some(scope.cancel()),
            "failed" => Some(scope.fail(message.as_deref().unwrap_or_default())),
            _ => None,
        });
        match ended {
            Some(ended) => ended.map_err(raised),
            None => {
                let message =
                    format!("a scope ends as completed, failed or cancelled, and not as {status:?}");
                Err(refused("runtime_invalid_close_status", &message))
            }
        }
    }

    /// Sets parameters of the run.
    fn params(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<()> {
        let params = Value::Map(to_members(Some(params), Unknown::AsText)?);
        let run = self.own_run()?;
        py.detach(|| run.params(&params)).map_err(raised)
    }

    /// Sets a tag of the run.
    fn tag(&self, py: Python<'_>, key: &str, value: &str) -> PyResult<()> {
        let run = self.own_run()?;
        py.detach(|| run.tag(key, value)).map_err(raised)
    }

    /// Adds a note to the run.
    fn note(&self, py: Python<'_>, note: &str) -> PyResult<()> {
        let run = self.own_run()?;
        py.detach(|| run.note(note)).map_err(raised)
    }

    /// Sets the description of the run.
    fn describe(&self, py: Python<'_>, description: &str) -> PyResult<()> {
        let run = self.own_run()?;
        py.detach(|| run.describe(description)).map_err(raised)
    }

    /// Changes the name of the run.
    fn rename(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        let run = self.own_run()?;
        py.detach(|| run.rename(name)).map_err(raised)
    }

    /// Leaves the run open when its handles are dropped.
    fn leave_open(&self, py: Python<'_>) -> PyResult<()> {
        let run = self.own_run()?;
        py.detach(|| run.leave_open());
        Ok(())
    }
}

impl Scope {
    fn own_run(&self) -> PyResult<contexta::RunScope> {
        let run = self.scope.run().filter(|_| self.scope.kind() == ScopeKind::Run);
        run.ok_or_else(|| refused("runtime_run_required", "the scope is not a run"))
    }
}

fn open_scope(scope: &AnyScope, kind: &str, spec: ScopeSpec) -> contexta::capture::Result<Scope> {
    let missing = contexta::capture::Error::StageRequired;
    match kind {
        "stage" => match scope.run() {
            Some(run) => Ok(Scope::new(&run.stage(spec)?)),
            None => Err(contexta::capture::Error::NoCurrentRun),
        },
        "batch" => Ok(Scope::new(&scope.stage().ok_or(missing)?.batch(spec)?)),
        _ => match scope.kind() {
            ScopeKind::Operation => Ok(Scope::new(&scope.operation().ok_or(missing)?.operation(spec)?)),
            ScopeKind::Batch => Ok(Scope::new(&scope.batch().ok_or(missing)?.operation(spec)?)),
            _ => Ok(Scope::new(&scope.stage().ok_or(missing)?.operation(spec)?)),
        },
    }
}

fn open_sample(scope: &AnyScope, spec: SampleSpec) -> contexta::capture::Result<Scope> {
    let missing = contexta::capture::Error::StageRequired;
    match scope.kind() {
        ScopeKind::Batch => Ok(Scope::new(&scope.batch().ok_or(missing)?.sample(spec)?)),
        _ => Ok(Scope::new(&scope.stage().ok_or(missing)?.sample(spec)?)),
    }
}

/// Reads the emission of a record from its members.
fn emission(family: &str, parts: &Bound<'_, PyAny>) -> PyResult<Emission> {
    let value = to_value(parts, Unknown::Refuse)?;
    match family {
        "event" => EventEmission::try_from(value).map(Emission::from),
        "metric" => MetricEmission::try_from(value).map(Emission::from),
        "span" => SpanEmission::try_from(value).map(Emission::from),
        _ => DegradedEmission::try_from(value).map(Emission::from),
    }
    .map_err(contract)
}

/// Reads the registration of an artifact from its members.
fn registration(parts: &Bound<'_, PyAny>) -> PyResult<ArtifactRegistration> {
    ArtifactRegistration::try_from(to_value(parts, Unknown::Refuse)?).map_err(contract)
}

/// Checks the members of an emission, and returns all members in their normal form. `family` is `event`, `metric`,
/// `span`, `degraded` or `artifact`.
#[pyfunction]
pub(crate) fn emission_form<'py>(
    py: Python<'py>,
    family: &str,
    parts: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let value = to_value(parts, Unknown::Refuse)?;
    let form = match family {
        "event" => checked::<EventEmission>(value),
        "metric" => checked::<MetricEmission>(value),
        "span" => checked::<SpanEmission>(value),
        "degraded" => checked::<DegradedEmission>(value),
        _ => checked::<ArtifactRegistration>(value),
    };
    to_python(py, &form.map_err(contract)?)
}

fn checked<E>(value: Value) -> contexta::contract::Result<Value>
where
    E: TryFrom<Value, Error = ContractError> + Canonical,
{
    Ok(E::try_from(value)?.to_value())
}
