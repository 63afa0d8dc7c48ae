//! The metadata of one run.

use crate::contract::{
    BatchExecution, DeploymentExecution, EnvironmentSnapshot, LineageEdge, Project, ProvenanceRecord, Run,
    RunRef, SampleObservation, StableRef, StageExecution, StageRef,
};
use crate::projections::keys;
use crate::store::error::Result;
use crate::store::note::Note;
use crate::store::order;
use crate::store::planes::error::PlaneError;
use crate::store::view::StoreView;
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
    /// The relations that begin or end at the run or at one of the objects above. The list is ordered by ref.
    pub relations: Vec<LineageEdge>,
    /// The provenance records of the relations. The list is ordered by ref.
    pub provenance: Vec<ProvenanceRecord>,
    /// The sorted refs of all objects in the snapshot, without the project.
    pub scoped_refs: Vec<StableRef>,
    /// The codes of the parts that are missing in the snapshot.
    pub completeness_notes: Vec<&'static str>,
    /// Notes on missing entries of the log, and on incomplete objects.
    pub notes: Vec<Note>,
}

/// Reads the metadata of a run from one view. Error: there is no such run.
pub(super) fn build(view: &StoreView<'_>, run_ref: &RunRef) -> Result<MetadataRunSnapshot> {
    let Some(run) = view.model::<Run>(run_ref)? else {
        return Err(PlaneError::ObjectMissing { own: run_ref.clone().into() }.into());
    };
    let project = view.model(&run.project_ref)?;
    let (mut stages, mut notes) = view.listed(&keys::under(StageRef::KIND, run_ref), |_| true)?;
    stages.sort_by_cached_key(order::stage);
    let (batches, of_batches) = view.batches(run_ref, None)?;
    let (samples, of_samples) = view.samples(run_ref, None, None)?;
    notes.extend([of_batches, of_samples, view.notes()].concat());
    let environments = view.environments(run_ref)?.into_iter().map(|row| row.snapshot).collect();
    let mut deployments = view.deployments_of(run_ref)?;
    deployments.retain(|deployment| deployment.run_ref.as_ref() == Some(run_ref));
    let mut snapshot = MetadataRunSnapshot {
        project,
        run,
        deployments,
        stages,
        batches,
        samples,
        environments,
        relations: Vec::new(),
        provenance: Vec::new(),
        scoped_refs: Vec::new(),
        completeness_notes: Vec::new(),
        notes,
    };
    snapshot.add_lineage(view)?;
    Ok(snapshot)
}

impl MetadataRunSnapshot {
    /// Adds the relations of all objects, their provenance, the refs of all objects, and the codes of missing parts.
    fn add_lineage(&mut self, view: &StoreView<'_>) -> Result<()> {
        let mut refs = BTreeSet::from([StableRef::from(&self.run.run_ref)]);
        refs.extend(self.deployments.iter().map(|d| StableRef::from(&d.deployment_execution_ref)));
        refs.extend(self.stages.iter().map(|s| StableRef::from(&s.stage_execution_ref)));
        refs.extend(self.batches.iter().map(|b| StableRef::from(&b.batch_execution_ref)));
        refs.extend(self.samples.iter().map(|s| StableRef::from(&s.sample_observation_ref)));
        refs.extend(self.environments.iter().map(|e| StableRef::from(&e.environment_snapshot_ref)));
        let mut relations = BTreeMap::new();
        for anchor in &refs {
            relations.extend(view.relations_of(anchor)?.into_iter().map(|e| (e.relation_ref.clone(), e)));
        }
        for relation in relations.keys() {
            self.provenance.extend(view.provenance_of(relation)?);
        }
        self.provenance.sort_by(|a, b| a.provenance_ref.cmp(&b.provenance_ref));
        self.relations = relations.into_values().collect();
        refs.extend(self.relations.iter().map(|edge| StableRef::from(&edge.relation_ref)));
        refs.extend(self.provenance.iter().map(|record| StableRef::from(&record.provenance_ref)));
        self.scoped_refs = refs.into_iter().collect();
        let missing = [
            (self.environments.is_empty(), "environment_snapshot_missing"),
            (self.relations.is_empty(), "relation_graph_empty"),
            (!self.relations.is_empty() && self.provenance.is_empty(), "provenance_missing"),
            (true, "record_plane_not_projected"),
            (true, "artifact_plane_not_projected"),
        ];
        self.completeness_notes = missing.into_iter().filter_map(|(is, code)| is.then_some(code)).collect();
        Ok(())
    }
}
