//! The metadata of one run.

use crate::contract::{
    BatchExecution, DeploymentExecution, EnvironmentSnapshot, LineageEdge, Object, ObjectKind, Project,
    ProvenanceRecord, Run, RunRef, SampleObservation, StableRef, StageExecution,
};
use crate::store::error::Result;
use crate::store::note::Note;
use crate::store::planes::error::PlaneError;
use crate::store::planes::metadata::listing::{ListFilter, Listing};
use crate::store::planes::metadata::lookup::get;
use crate::store::planes::metadata::repositories::{
    BatchRepository, EnvironmentRepository, SampleRepository, StageRepository,
};
use crate::store::planes::shared::Planes;
use std::collections::{BTreeMap, BTreeSet};

/// The metadata of one run: the run, its project, and the objects of the run. Records and artifacts are not included.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MetadataRunSnapshot {
    /// The project; `None` if the log has no fact about the project.
    pub project: Option<Project>,
    /// The run.
    pub run: Run,
    /// The deployments that name the run.
    pub deployments: Vec<DeploymentExecution>,
    /// The stages.
    pub stages: Vec<StageExecution>,
    /// The batches.
    pub batches: Vec<BatchExecution>,
    /// The samples.
    pub samples: Vec<SampleObservation>,
    /// The environment snapshots.
    pub environments: Vec<EnvironmentSnapshot>,
    /// The relations that begin or end at the run or at one of the objects above, ordered by ref.
    pub relations: Vec<LineageEdge>,
    /// The provenance records of the relations, ordered by ref.
    pub provenance: Vec<ProvenanceRecord>,
    /// The refs of all objects of the snapshot except the project, sorted.
    pub scoped_refs: Vec<StableRef>,
    /// The codes of missing parts.
    pub completeness_notes: Vec<&'static str>,
    /// Notes on missing entries of the log, and on incomplete objects.
    pub notes: Vec<Note>,
}

/// Reads the metadata of a run. Error: there is no such run.
pub(super) fn build(planes: &Planes, run_ref: &RunRef) -> Result<MetadataRunSnapshot> {
    let filter = ListFilter::of_run(run_ref.clone());
    let mut notes = Vec::new();
    let run = match get(planes, ObjectKind::Run, run_ref)? {
        Object::Run(run) => run.into_inner(),
        _ => return Err(PlaneError::ObjectMissing { own: run_ref.clone().into() }.into()),
    };
    let project = planes.read(|view| view.object(ObjectKind::Project, &run.project_ref))?;
    let project = match project {
        Some(Object::Project(project)) => Some(project.into_inner()),
        _ => None,
    };
    let stages = taken(StageRepository::new(planes).list_stage_executions(&filter)?, &mut notes);
    let batches = taken(BatchRepository::new(planes).list_batch_executions(&filter)?, &mut notes);
    let samples = taken(SampleRepository::new(planes).list_sample_observations(&filter)?, &mut notes);
    let environments =
        taken(EnvironmentRepository::new(planes).list_environment_snapshots(&filter)?, &mut notes);
    let deployments = planes.read(|view| view.deployments_of(run_ref))?;
    let deployments: Vec<DeploymentExecution> =
        deployments.into_iter().filter(|d| d.run_ref.as_ref() == Some(run_ref)).collect();
    let mut scoped_refs = BTreeSet::from([StableRef::from(run_ref)]);
    scoped_refs.extend(deployments.iter().map(|d| StableRef::from(&d.deployment_execution_ref)));
    scoped_refs.extend(stages.iter().map(|s| StableRef::from(&s.stage_execution_ref)));
    scoped_refs.extend(batches.iter().map(|b| StableRef::from(&b.batch_execution_ref)));
    scoped_refs.extend(samples.iter().map(|s| StableRef::from(&s.sample_observation_ref)));
    scoped_refs.extend(environments.iter().map(|e| StableRef::from(&e.environment_snapshot_ref)));
    let (relations, provenance) = planes.read(|view| {
        let mut relations = BTreeMap::new();
        for anchor in &scoped_refs {
            relations
                .extend(view.relations_of(anchor)?.into_iter().map(|edge| (edge.relation_ref.clone(), edge)));
        }
        let mut provenance = Vec::new();
        for relation in relations.keys() {
            provenance.extend(view.provenance_of(relation)?);
        }
        provenance.sort_by(|a: &ProvenanceRecord, b| a.provenance_ref.cmp(&b.provenance_ref));
        Ok((relations.into_values().collect::<Vec<LineageEdge>>(), provenance))
    })?;
    scoped_refs.extend(relations.iter().map(|edge| StableRef::from(&edge.relation_ref)));
    scoped_refs.extend(provenance.iter().map(|record| StableRef::from(&record.provenance_ref)));
    let missing = [
        (environments.is_empty(), "environment_snapshot_missing"),
        (relations.is_empty(), "relation_graph_empty"),
        (!relations.is_empty() && provenance.is_empty(), "provenance_missing"),
        (true, "record_plane_not_projected"),
        (true, "artifact_plane_not_projected"),
    ];
    Ok(MetadataRunSnapshot {
        project,
        run,
        deployments,
        stages,
        batches,
        samples,
        environments,
        relations,
        provenance,
        scoped_refs: scoped_refs.into_iter().collect(),
        completeness_notes: missing
            .into_iter()
            .filter_map(|(is_missing, code)| is_missing.then_some(code))
            .collect(),
        notes,
    })
}

/// Returns the objects of a list, and adds its notes to `notes`, each once.
fn taken<T>(listing: Listing<T>, notes: &mut Vec<Note>) -> Vec<T> {
    for note in listing.notes {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    listing.items
}
