//! The metadata store: projects, runs, the parts of runs, relations and provenance.

use crate::convert::{Unknown, to_python, to_value};
use crate::error::{contract, raised, refused};
use crate::released::Released;
use contexta::contract::validate::deserialize;
use contexta::contract::{
    BatchExecution, BatchRef, Canonical, DeploymentExecution, DeploymentRef, EnvironmentRef,
    EnvironmentSnapshot, LineageEdge, OperationContext, OperationRef, Project, ProjectRef, ProvenanceRecord,
    ProvenanceRef, RelationRef, Run, RunRef, SampleObservation, SampleRef, StableRef, StageExecution,
    StageRef, Value,
};
use contexta::store::metadata::{
    self as library, IntegrityDepth, ListFilter, Listing, MetadataChange, MigrationPlan, MigrationResult,
    MigrationStep,
};
use contexta::{Answer, Error};
use pyo3::prelude::*;
use std::collections::BTreeMap;

/// The metadata store of a workspace.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct MetadataStore {
    pub(crate) store: Released<library::MetadataStore>,
}

/// Declares functions that put and find objects. Each line has the kind, the repository, the model, the ref and the
/// names of the methods.
macro_rules! kinds {
    ($($kind:literal => $repository:ident $model:ident $own:ident $put:ident $find:ident;)*) => {
        fn put(
            store: &library::MetadataStore,
            kind: &str,
            object: Value,
            supersedes: bool,
        ) -> Result<Option<MetadataChange>, Error> {
            match kind {
                $($kind => {
                    let object = deserialize::<$model>(object, None)?.into_inner();
                    let repository = store.$repository();
                    let repository = if supersedes { repository.superseding() } else { repository };
                    Ok(Some(repository.$put(object)?.change))
                })*
                _ => Ok(None),
            }
        }

        fn find(store: &library::MetadataStore, kind: &str, own: &str) -> Result<Option<Value>, Error> {
            match kind {
                $($kind => {
                    let own = $own::parse(own)?;
                    Ok(store.$repository().$find(&own)?.map(|object| object.to_value()))
                })*
                _ => Ok(None),
            }
        }
    };
}

kinds! {
    "project" => projects Project ProjectRef put_project find_project;
    "run" => runs Run RunRef put_run find_run;
    "deployment_execution" => deployments DeploymentExecution DeploymentRef
        put_deployment_execution find_deployment_execution;
    "stage_execution" => stages StageExecution StageRef put_stage_execution find_stage_execution;
    "batch_execution" => batches BatchExecution BatchRef put_batch_execution find_batch_execution;
    "sample_observation" => samples SampleObservation SampleRef put_sample_observation find_sample_observation;
    "operation_context" => operations OperationContext OperationRef put_operation_context find_operation_context;
    "environment_snapshot" => environments EnvironmentSnapshot EnvironmentRef
        put_environment_snapshot find_environment_snapshot;
    "relation" => relations LineageEdge RelationRef put_relation find_relation;
    "provenance" => provenance ProvenanceRecord ProvenanceRef put_provenance find_provenance;
}

/// The plain forms of listed objects, and the notes of the list.
type Listed = (Vec<Value>, Vec<Value>);

fn listed<T: Canonical>(listing: Listing<T>) -> Listed {
    let items = listing.items.iter().map(Canonical::to_value).collect();
    (items, listing.notes.iter().map(Answer::to_value).collect())
}

/// Lists the objects of a kind. `refs` has the refs of the filter by name.
fn list(
    store: &library::MetadataStore,
    kind: &str,
    refs: &BTreeMap<String, String>,
) -> Result<Option<Listed>, Error> {
    let of = |name: &str| refs.get(name).map(String::as_str);
    let subject = |name: &str| of(name).map(StableRef::parse).transpose();
    let mut filter = ListFilter::default();
    filter.project_ref = of("project_ref").map(ProjectRef::parse).transpose()?;
    filter.run_ref = of("run_ref").map(RunRef::parse).transpose()?;
    filter.stage_execution_ref = of("stage_ref").map(StageRef::parse).transpose()?;
    filter.batch_execution_ref = of("batch_ref").map(BatchRef::parse).transpose()?;
    let relations = store.relations();
    Ok(Some(match kind {
        "project" => listed(store.projects().list_projects()?),
        "run" => listed(store.runs().list_runs(&filter)?),
        "deployment_execution" => listed(store.deployments().list_deployment_executions(&filter)?),
        "stage_execution" => listed(store.stages().list_stage_executions(&filter)?),
        "batch_execution" => listed(store.batches().list_batch_executions(&filter)?),
        "sample_observation" => listed(store.samples().list_sample_observations(&filter)?),
        "operation_context" => listed(store.operations().list_operation_contexts(&filter)?),
        "environment_snapshot" => listed(store.environments().list_environment_snapshots(&filter)?),
        "relation" => {
            let listing = match (subject("subject")?, subject("source_ref")?, subject("target_ref")?) {
                (Some(any), _, _) => relations.list_relations_for_ref(&any)?,
                (_, Some(source), _) => relations.list_relations_for_source(&source)?,
                (_, _, Some(target)) => relations.list_relations_for_target(&target)?,
                _ => relations.list_relations()?,
            };
            listed(listing)
        }
        "provenance" => {
            let Some(relation) = of("relation_ref").map(RelationRef::parse).transpose()? else {
                return Ok(None);
            };
            listed(store.provenance().list_provenance_for_relation(&relation)?)
        }
        _ => return Ok(None),
    }))
}

#[pymethods]
impl MetadataStore {
    /// Puts an object and returns the effect: `created`, `unchanged`, `ended` or `superseded`.
    #[pyo3(signature = (kind, object, supersedes = false))]
    fn put(
        &self,
        py: Python<'_>,
        kind: &str,
        object: &Bound<'_, PyAny>,
        supersedes: bool,
    ) -> PyResult<&'static str> {
        let object = to_value(object, Unknown::Refuse)?;
        let change = py.detach(|| put(&self.store, kind, object, supersedes)).map_err(raised)?;
        Ok(match change.ok_or_else(|| unknown(kind))? {
            MetadataChange::Created => "created",
            MetadataChange::Unchanged => "unchanged",
            MetadataChange::Ended => "ended",
            _ => "superseded",
        })
    }

    /// Returns the plain form of the object with this ref; `None` if there is none.
    fn find<'py>(&self, py: Python<'py>, kind: &str, own: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = py.detach(|| find(&self.store, kind, own)).map_err(raised)?;
        found.map(|object| to_python(py, &object)).transpose()
    }

    /// Lists the plain forms of the objects of a kind. Also returns notes on objects that are not listed.
    fn list<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        refs: BTreeMap<String, String>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let listed = py.detach(|| list(&self.store, kind, &refs)).map_err(raised)?;
        let (items, notes) = listed.ok_or_else(|| unknown(kind))?;
        Ok((to_python(py, &Value::List(items))?, to_python(py, &Value::List(notes))?))
    }

    /// Checks the metadata.
    fn check_integrity<'py>(&self, py: Python<'py>, full: bool) -> PyResult<Bound<'py, PyAny>> {
        let depth = if full { IntegrityDepth::Full } else { IntegrityDepth::Surface };
        let report = py.detach(|| self.store.check_integrity(depth)).map_err(raised)?;
        to_python(py, &report.to_value())
    }

    /// Returns the metadata of one run.
    fn build_run_snapshot<'py>(&self, py: Python<'py>, run: &str) -> PyResult<Bound<'py, PyAny>> {
        let run = RunRef::parse(run).map_err(contract)?;
        let snapshot = py.detach(|| self.store.build_run_snapshot(&run)).map_err(raised)?;
        to_python(py, &snapshot.to_value())
    }

    /// Plans a migration to a version of the file format.
    #[pyo3(signature = (target = None))]
    fn plan_migration<'py>(&self, py: Python<'py>, target: Option<u16>) -> PyResult<Bound<'py, PyAny>> {
        let plan = py.detach(|| self.store.plan_migration(target)).map_err(raised)?;
        let MigrationPlan { current_version, target_version, steps, requires_migration, .. } = &plan;
        to_python(
            py,
            &Value::map([
                ("current_version", version(*current_version)),
                ("target_version", version(Some(*target_version))),
                ("steps", Value::List(steps.iter().map(step).collect())),
                ("requires_migration", (*requires_migration).into()),
            ]),
        )
    }

    /// Migrates to a version of the file format, or returns the result that a migration would have.
    #[pyo3(signature = (target = None, dry_run = false))]
    fn migrate<'py>(
        &self,
        py: Python<'py>,
        target: Option<u16>,
        dry_run: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let migrate =
            || if dry_run { self.store.dry_run_migration(target) } else { self.store.migrate(target) };
        let result: MigrationResult = py.detach(migrate).map_err(raised)?;
        to_python(
            py,
            &Value::map([
                ("current_version", version(result.current_version)),
                ("target_version", version(Some(result.target_version))),
                ("applied_steps", Value::List(result.applied_steps.iter().map(step).collect())),
                ("dry_run", result.dry_run.into()),
                ("changed", result.changed.into()),
                ("warnings", Value::list(result.warnings.iter().copied())),
            ]),
        )
    }
}

fn unknown(kind: &str) -> PyErr {
    refused("metadata_kind_unknown", &format!("there are no lists of objects of the kind {kind}"))
}

fn version(version: Option<u16>) -> Value {
    version.map_or(Value::Null, Value::text)
}

fn step(step: &MigrationStep) -> Value {
    Value::map([
        ("step_id", Value::text(&step.step_id)),
        ("from_version", version(Some(step.from_version))),
        ("to_version", version(Some(step.to_version))),
        ("description", Value::text(&step.description)),
    ])
}
