//! Profiles and overlays: named sets of settings.

use crate::config::choice::{Overlay, Profile};
use crate::config::value::ConfigValue;

type Settings = Vec<(&'static str, ConfigValue)>;

/// Returns the settings that a profile changes.
pub(super) fn of_profile(profile: Profile) -> Settings {
    match profile {
        Profile::Local => Vec::new(),
        Profile::Test => vec![
            ("profile_name", "test".into()),
            ("project_name", "test".into()),
            ("workspace.root_path", ".contexta-test".into()),
            ("capture.capture_environment_snapshot", false.into()),
            ("capture.capture_installed_packages", false.into()),
            ("capture.capture_code_revision", false.into()),
            ("artifacts.verification_mode", "strict".into()),
            ("recovery.create_backup_before_restore", false.into()),
            ("surfaces.html.enabled", false.into()),
            ("surfaces.notebook.enabled", false.into()),
            ("security.redaction_mode", "strict".into()),
        ],
    }
}

/// Returns the settings that an overlay changes.
pub(super) fn of_overlay(overlay: Overlay) -> Settings {
    match overlay {
        Overlay::Debug => vec![
            ("interpretation.diagnostics.detect_degraded_records", true.into()),
            ("interpretation.reports.include_evidence_summary", true.into()),
            ("surfaces.cli.verbosity", "debug".into()),
            ("retention.cache_ttl_days", ConfigValue::Null),
        ],
        Overlay::Forensic => vec![
            ("interpretation.reports.include_lineage_summary", true.into()),
            ("interpretation.reports.include_evidence_summary", true.into()),
            ("surfaces.cli.verbosity", "forensic".into()),
            ("retention.cache_ttl_days", ConfigValue::Null),
            ("retention.export_ttl_days", ConfigValue::Null),
        ],
        Overlay::Ci => vec![
            ("capture.retry_attempts", 0.into()),
            ("surfaces.cli.default_output_format", "json".into()),
            ("surfaces.cli.color", false.into()),
            ("surfaces.http.enabled", false.into()),
        ],
        Overlay::Readonly => vec![
            ("metadata.read_only", true.into()),
            ("records.read_only", true.into()),
            ("artifacts.read_only", true.into()),
        ],
    }
}

/// Returns the trimmed items of a comma-separated list, without blank items.
pub(super) fn words(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
