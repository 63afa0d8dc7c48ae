//! The whole configuration.

use crate::config::choice::Profile;
use crate::config::declarations::MetricDeclarations;
use crate::config::field::Field;
use crate::config::limit::{any, filled, only};
use crate::config::section::sections;
use crate::config::sections::artifacts::ArtifactStoreConfig;
use crate::config::sections::capture::CaptureConfig;
use crate::config::sections::contract::ContractConfig;
use crate::config::sections::interpretation::InterpretationConfig;
use crate::config::sections::metadata::MetadataStoreConfig;
use crate::config::sections::records::RecordStoreConfig;
use crate::config::sections::recovery::RecoveryConfig;
use crate::config::sections::retention::RetentionConfig;
use crate::config::sections::security::SecurityConfig;
use crate::config::sections::surfaces::SurfaceConfig;
use crate::config::sections::workspace::WorkspaceConfig;

sections! {
    /// All settings.
    "" UnifiedConfig {
        /// Version of the configuration format.
        config_version: String = "1".to_owned(), only("1");
        /// Profile that the settings are based on.
        profile_name: Profile = Profile::Local, any();
        /// Name of the project that new runs belong to.
        project_name: String = "default".to_owned(), filled();
        /// Directions in which metrics improve, by metric key. The direction of other metrics is assumed from the name.
        metrics: MetricDeclarations = MetricDeclarations::default(), any();
    }
    {
        /// Directories of the workspace.
        workspace: WorkspaceConfig,
        /// Validation of captured facts.
        contract: ContractConfig,
        /// Capture of facts.
        capture: CaptureConfig,
        /// The tables that are derived from the log.
        metadata: MetadataStoreConfig,
        /// The log.
        records: RecordStoreConfig,
        /// The store of artifact bodies.
        artifacts: ArtifactStoreConfig,
        /// Queries, reports and diagnostics.
        interpretation: InterpretationConfig,
        /// Backup, restore and replay.
        recovery: RecoveryConfig,
        /// User interfaces.
        surfaces: SurfaceConfig,
        /// Retention of data.
        retention: RetentionConfig,
        /// Redaction of secrets.
        security: SecurityConfig,
    }
}

impl UnifiedConfig {
    /// Calls `f` with every setting, in the order of the configuration reference.
    pub(super) fn each(&mut self, mut f: impl FnMut(Field<'_>)) {
        self.walk(&mut f);
    }
}
