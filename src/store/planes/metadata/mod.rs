//! The metadata of a workspace: typed reads and writes of objects, snapshots of runs, checks, repairs and
//! migrations.
//!
//! Files, lowest first: `parents`, `lookup`, `put` (one object), `listing`, `repositories`, `lists` (kinds of objects),
//! `snapshot` (one run), `integrity`, `repairs`, `migration`, `store`.

mod integrity;
mod listing;
mod lists;
mod lookup;
mod migration;
mod parents;
mod put;
mod repairs;
mod repositories;
mod snapshot;
mod store;

pub use integrity::{IntegrityDepth, IntegrityIssue, IntegrityReport};
pub use listing::{ListFilter, Listing};
pub use migration::{MigrationPlan, MigrationResult, MigrationStep};
pub use put::{MetadataChange, MetadataPut};
pub use repairs::{RepairCandidate, RepairPlan, RepairPreview};
pub use repositories::{
    BatchRepository, DeploymentRepository, EnvironmentRepository, OperationRepository, ProjectRepository,
    ProvenanceRepository, RelationRepository, RunRepository, SampleRepository, StageRepository,
};
pub use snapshot::MetadataRunSnapshot;
pub use store::MetadataStore;
