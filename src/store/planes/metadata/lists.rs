//! The lists of the repositories.

use crate::contract::{
    BatchExecution, DeploymentExecution, EnvironmentSnapshot, LineageEdge, OperationContext, Project,
    ProvenanceRecord, RelationRef, Run, SampleObservation, StableRef, StageExecution,
};
use crate::store::error::Result;
use crate::store::order;
use crate::store::planes::metadata::listing::{ListFilter, Listing, list};
use crate::store::planes::metadata::repositories::{
    BatchRepository, DeploymentRepository, EnvironmentRepository, OperationRepository, ProjectRepository,
    ProvenanceRepository, RelationRepository, RunRepository, SampleRepository, StageRepository,
};
use crate::store::view::StoreView;

impl ProjectRepository {
    /// Lists all projects. The list is ordered by name and ref.
    pub fn list_projects(&self) -> Result<Listing<Project>> {
        let key = |p: &Project| (p.name.clone(), p.project_ref.clone());
        list(&self.planes, &ListFilter::default(), key)
    }
}

impl RunRepository {
    /// Lists runs. The list is ordered by project, start and ref.
    pub fn list_runs(&self, filter: &ListFilter) -> Result<Listing<Run>> {
        let key = |run: &Run| (run.project_ref.clone(), run.started_at, run.run_ref.clone());
        list(&self.planes, filter, key)
    }
}

impl DeploymentRepository {
    /// Lists deployments. The list is ordered by project, name, position, start and ref. If the filter
    /// contains a run, the list is ordered by position, start and ref.
    pub fn list_deployment_executions(&self, filter: &ListFilter) -> Result<Listing<DeploymentExecution>> {
        match filter.run_ref {
            Some(_) => list(&self.planes, filter, order::deployment_of_subject),
            None => list(&self.planes, filter, order::deployment),
        }
    }
}

impl StageRepository {
    /// Lists stages. The list is ordered by run, position, start and ref.
    pub fn list_stage_executions(&self, filter: &ListFilter) -> Result<Listing<StageExecution>> {
        list(&self.planes, filter, order::stage)
    }
}

impl BatchRepository {
    /// Lists batches. The list is ordered by run, stage, position, start and ref.
    pub fn list_batch_executions(&self, filter: &ListFilter) -> Result<Listing<BatchExecution>> {
        list(&self.planes, filter, order::batch)
    }
}

impl SampleRepository {
    /// Lists samples. The list is ordered by run, stage, batch, time of observation and ref. In each stage,
    /// samples without a batch come last.
    pub fn list_sample_observations(&self, filter: &ListFilter) -> Result<Listing<SampleObservation>> {
        list(&self.planes, filter, order::sample)
    }
}

impl OperationRepository {
    /// Lists operations. The list is ordered by run, stage, batch, time of observation and ref. In each
    /// stage, operations without a batch come last.
    pub fn list_operation_contexts(&self, filter: &ListFilter) -> Result<Listing<OperationContext>> {
        let key = |o: &OperationContext| {
            let batch = o.batch_execution_ref.clone();
            let place = (o.run_ref.clone(), o.stage_execution_ref.clone(), batch.is_none(), batch);
            (place, o.observed_at, o.operation_context_ref.clone())
        };
        list(&self.planes, filter, key)
    }
}

impl EnvironmentRepository {
    /// Lists environment snapshots. The list is ordered by run, time and ref.
    pub fn list_environment_snapshots(&self, filter: &ListFilter) -> Result<Listing<EnvironmentSnapshot>> {
        let key =
            |e: &EnvironmentSnapshot| (e.run_ref.clone(), e.captured_at, e.environment_snapshot_ref.clone());
        list(&self.planes, filter, key)
    }
}

impl RelationRepository {
    /// Lists all relations. The list is ordered by time of recording and ref.
    pub fn list_relations(&self) -> Result<Listing<LineageEdge>> {
        let key = |edge: &LineageEdge| (edge.recorded_at, edge.relation_ref.clone());
        list(&self.planes, &ListFilter::default(), key)
    }

    /// Lists the relations whose source or target is `subject`. The list is ordered by time of recording and
    /// ref.
    pub fn list_relations_for_ref(&self, subject: &StableRef) -> Result<Listing<LineageEdge>> {
        self.ending_at(subject, |_| true)
    }

    /// Lists the relations whose source is `subject`. The list is ordered by time of recording and ref.
    pub fn list_relations_for_source(&self, subject: &StableRef) -> Result<Listing<LineageEdge>> {
        self.ending_at(subject, |edge| edge.source_ref == *subject)
    }

    /// Lists the relations whose target is `subject`. The list is ordered by time of recording and ref.
    pub fn list_relations_for_target(&self, subject: &StableRef) -> Result<Listing<LineageEdge>> {
        self.ending_at(subject, |edge| edge.target_ref == *subject)
    }

    fn ending_at(
        &self,
        subject: &StableRef,
        wanted: impl Fn(&LineageEdge) -> bool,
    ) -> Result<Listing<LineageEdge>> {
        let mut listing = self.planes.read(|view| with_notes(view, view.relations_of(subject)?))?;
        listing.items.retain(wanted);
        listing.items.sort_by_cached_key(|edge| (edge.recorded_at, edge.relation_ref.clone()));
        Ok(listing)
    }
}

impl ProvenanceRepository {
    /// Lists the provenance records of a relation. The list is ordered by time of the assertion and ref.
    pub fn list_provenance_for_relation(&self, relation: &RelationRef) -> Result<Listing<ProvenanceRecord>> {
        self.planes.read(|view| with_notes(view, view.provenance_of(relation)?))
    }
}

fn with_notes<T>(view: &StoreView<'_>, items: Vec<T>) -> Result<Listing<T>> {
    Ok(Listing { items, notes: view.notes() })
}
