//! Floor 6: [`Contexta`], an open workspace. It captures runs, answers queries, and checks and recovers the workspace.

mod artifact_copy;
mod artifacts;
mod backup_archive;
mod backups;
mod capture;
mod compaction;
mod contexta;
#[cfg(feature = "cli")]
pub(crate) mod demo;
mod doctor;
mod erasure;
mod error;
#[cfg(all(unix, feature = "cli"))]
pub(crate) mod exec;
#[cfg(feature = "cli")]
mod file;
mod ingest;
mod interchange;
mod load;
mod options;
mod outbox;
mod part_restore;
mod paths;
mod planes;
mod policies;
mod queries;
mod remains;
mod repairs;
mod reports;
pub mod services;
mod sinks;
#[cfg(feature = "tracing")]
mod tracing_layer;
mod workspace;

pub use self::contexta::{Contexta, MergeSettings};
pub(crate) use crate::capture::{DeadLetter, PendingDelivery, ReplayBatchResult};
#[cfg(feature = "cli")]
pub(crate) use crate::capture::{DeliveryStatus, LetterFilter, LetterState, ReplayOptions, ResultStatus};
#[cfg(feature = "cli")]
pub(crate) use crate::engine::fault::chain;
pub use crate::engine::projection::digest::TablesDigest;
pub use crate::interchange::{
    BodyFinding, ExportFilter, ExportReport, ImportReport, KindCounts, RefusedLine, Rejection,
};
#[cfg(feature = "cli")]
pub(crate) use crate::store::Error as StoreError;
#[cfg(feature = "cli")]
pub(crate) use crate::store::Position;
#[cfg(feature = "cli")]
pub(crate) use crate::store::SourceMode;
pub(crate) use crate::store::artifacts::{
    ArtifactExport, ArtifactHandle, ArtifactImport, ArtifactPut, PutChange, StoreSummary, SweepReport,
    VerificationRecord, VerificationReport,
};
#[cfg(feature = "cli")]
pub(crate) use crate::store::artifacts::{ConflictPolicy, VerificationStatus};
pub(crate) use crate::store::metadata::{
    IntegrityIssue as MetadataIntegrityIssue, IntegrityReport as MetadataIntegrityReport, MetadataRunSnapshot,
};
pub(crate) use crate::store::records::{
    IntegrityReport as RecordIntegrityReport, KnownGap, MalformedRecord, ReplayResult, SalvagedRecord,
};
#[cfg(feature = "cli")]
pub(crate) use crate::store::records::{ReplayMode, ScanFilter};
pub use artifact_copy::ArtifactCopy;
pub use artifacts::UsedArtifact;
pub use backup_archive::OpenedArchive;
pub use backups::Backups;
pub use doctor::{AreaSize, Doctor, HealthFinding, LatestBackup, ProjectSize, RunSize, WorkspaceHealth};
pub use error::{Error, Result};
#[cfg(feature = "cli")]
pub(crate) use file::write_file;
pub use ingest::{Ingest, IngestCommit, IngestProblem, IngestSettings, PolledInput};
pub use interchange::{BodiesTarget, ExportSettings, ImportSettings, ImportSource};
pub use options::Options;
pub use outbox::OutboxContent;
pub use part_restore::{ApplyPart, PartRestore, RestoredPart};
pub use paths::Paths;
pub use remains::Remains;
pub use repairs::RepairSettings;
#[cfg(feature = "cli")]
pub(crate) use sinks::file_sink;
#[cfg(feature = "tracing")]
pub use tracing_layer::TracingLayer;
