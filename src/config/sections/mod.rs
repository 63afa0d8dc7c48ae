//! The sections of the configuration, one file each.

pub(super) mod artifacts;
pub(super) mod capture;
pub(super) mod contract;
pub(super) mod interpretation;
pub(super) mod metadata;
pub(super) mod records;
pub(super) mod recovery;
pub(super) mod retention;
pub(super) mod security;
pub(super) mod surfaces;
pub(super) mod workspace;

pub use artifacts::ArtifactStoreConfig;
pub use capture::CaptureConfig;
pub use contract::ContractConfig;
pub use interpretation::{
    AlertPolicy, AnomalyPolicy, ComparisonPolicy, DiagnosticsPolicy, InterpretationConfig, ReportPolicy,
    SearchPolicy, TrendPolicy,
};
pub use metadata::MetadataStoreConfig;
pub use records::RecordStoreConfig;
pub use recovery::RecoveryConfig;
pub use retention::RetentionConfig;
pub use security::SecurityConfig;
pub use surfaces::{CliConfig, ExportSurfaceConfig, HtmlConfig, HttpConfig, NotebookConfig, SurfaceConfig};
pub use workspace::WorkspaceConfig;
