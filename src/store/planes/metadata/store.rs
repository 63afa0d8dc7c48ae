//! [`MetadataStore`] reads, writes and checks the metadata of a workspace.

use crate::contract::RunRef;
use crate::store::error::Result;
use crate::store::planes::metadata::integrity::{IntegrityDepth, IntegrityReport, check};
use crate::store::planes::metadata::migration::{
    MigrationPlan, MigrationResult, migrate, plan as plan_migration,
};
use crate::store::planes::metadata::repairs::{RepairPlan, RepairPreview, plan as plan_repairs, preview};
use crate::store::planes::metadata::repositories::{
    BatchRepository, DeploymentRepository, EnvironmentRepository, OperationRepository, ProjectRepository,
    ProvenanceRepository, RelationRepository, RunRepository, SampleRepository, StageRepository,
};
use crate::store::planes::metadata::snapshot::{MetadataRunSnapshot, build};
use crate::store::planes::shared::Planes;

/// Access to the metadata of a workspace. The metadata describe projects, runs and their parts, relations and
/// provenance. Clones share the workspace.
#[derive(Debug, Clone)]
pub struct MetadataStore {
    planes: Planes,
}

impl MetadataStore {
    /// Creates the metadata store from the shared parts of a workspace.
    pub(crate) fn new(planes: Planes) -> MetadataStore {
        MetadataStore { planes }
    }

    /// Returns the repository of projects.
    pub fn projects(&self) -> ProjectRepository {
        ProjectRepository::new(&self.planes)
    }

    /// Returns the repository of runs.
    pub fn runs(&self) -> RunRepository {
        RunRepository::new(&self.planes)
    }

    /// Returns the repository of deployments.
    pub fn deployments(&self) -> DeploymentRepository {
        DeploymentRepository::new(&self.planes)
    }

    /// Returns the repository of stages.
    pub fn stages(&self) -> StageRepository {
        StageRepository::new(&self.planes)
    }

    /// Returns the repository of batches.
    pub fn batches(&self) -> BatchRepository {
        BatchRepository::new(&self.planes)
    }

    /// Returns the repository of samples.
    pub fn samples(&self) -> SampleRepository {
        SampleRepository::new(&self.planes)
    }

    /// Returns the repository of operations.
    pub fn operations(&self) -> OperationRepository {
        OperationRepository::new(&self.planes)
    }

    /// Returns the repository of environment snapshots.
    pub fn environments(&self) -> EnvironmentRepository {
        EnvironmentRepository::new(&self.planes)
    }

    /// Returns the repository of relations.
    pub fn relations(&self) -> RelationRepository {
        RelationRepository::new(&self.planes)
    }

    /// Returns the repository of provenance records.
    pub fn provenance(&self) -> ProvenanceRepository {
        ProvenanceRepository::new(&self.planes)
    }

    /// Returns the metadata of one run. Error: there is no such run (`metadata_row_not_found`).
    /// [`Contexta::run_snapshot`](crate::Contexta::run_snapshot) also contains records and artifacts.
    pub fn build_run_snapshot(&self, run: &RunRef) -> Result<MetadataRunSnapshot> {
        self.planes.read(|view| build(view, run))
    }

    /// Checks the objects, and the existence of the objects that they name. With [`IntegrityDepth::Full`],
    /// also checks the log and the tables. Changes nothing.
    pub fn check_integrity(&self, depth: IntegrityDepth) -> Result<IntegrityReport> {
        check(&self.planes, depth)
    }

    /// Derives a plan of repairs from a report. Without a report, makes a full check first. Changes nothing.
    pub fn plan_repairs(&self, report: Option<&IntegrityReport>) -> Result<RepairPlan> {
        match report {
            Some(report) => plan_repairs(&self.planes, report),
            None => plan_repairs(&self.planes, &self.check_integrity(IntegrityDepth::Full)?),
        }
    }

    /// Describes a plan of repairs. Without a plan, derives a plan from a full check first. Changes nothing.
    pub fn preview_repairs(&self, plan: Option<RepairPlan>) -> Result<RepairPreview> {
        let plan = plan.map_or_else(|| self.plan_repairs(None), Ok)?;
        Ok(preview(plan))
    }

    /// Plans the migration of the workspace to a version of the file format. The default is the version that
    /// this build writes. Errors: there is no migration to this version (`metadata_migration_path_missing`),
    /// or the log has a version that this build cannot read (`metadata_migration_unsupported_store`).
    pub fn plan_migration(&self, target_version: Option<u16>) -> Result<MigrationPlan> {
        plan_migration(&self.planes, target_version)
    }

    /// Returns the result that [`MetadataStore::migrate`] would have. Changes nothing.
    pub fn dry_run_migration(&self, target_version: Option<u16>) -> Result<MigrationResult> {
        migrate(&self.planes, target_version, true)
    }

    /// Migrates the workspace to a version of the file format. The default is the version that this build
    /// writes. Errors: the errors of [`MetadataStore::plan_migration`], or the metadata are read-only.
    pub fn migrate(&self, target_version: Option<u16>) -> Result<MigrationResult> {
        migrate(&self.planes, target_version, false)
    }
}
