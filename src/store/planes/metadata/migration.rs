//! Migrations between versions of the file format. The format has one version, so no migration exists yet.

use crate::engine;
use crate::engine::log::directory::{list_segments, list_streams, read_headers};
use crate::engine::log::header::{FORMAT_VERSION, HeaderFault};
use crate::engine::log::names;
use crate::engine::storage::OpenMode;
use crate::store::error::Result;
use crate::store::planes::error::PlaneError;
use crate::store::planes::shared::Planes;

/// A step of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationStep {
    /// The id of the step.
    pub step_id: String,
    /// The format version before the step.
    pub from_version: u16,
    /// The format version after the step.
    pub to_version: u16,
    /// A description for people.
    pub description: String,
}

/// The plan of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationPlan {
    /// The format version of the workspace; `None` if the log has no readable segment.
    pub current_version: Option<u16>,
    /// The format version after the migration.
    pub target_version: u16,
    /// The steps.
    pub steps: Vec<MigrationStep>,
    /// `true` if there are steps.
    pub requires_migration: bool,
}

/// The result of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationResult {
    /// The format version before the migration.
    pub current_version: Option<u16>,
    /// The format version after the migration.
    pub target_version: u16,
    /// The steps that were applied. After a dry run, the steps that a migration would apply.
    pub applied_steps: Vec<MigrationStep>,
    /// `true` if nothing was changed because the migration was only tried.
    pub dry_run: bool,
    /// `true` if the workspace was changed.
    pub changed: bool,
    /// The codes of warnings.
    pub warnings: Vec<&'static str>,
}

/// Plans the migration to the format version `target`. The default is the version that this build writes.
pub(super) fn plan(planes: &Planes, target: Option<u16>) -> Result<MigrationPlan> {
    let current_version = current_version(planes)?;
    let target_version = target.unwrap_or(FORMAT_VERSION);
    if target_version != FORMAT_VERSION {
        let current = current_version.unwrap_or(FORMAT_VERSION);
        return Err(PlaneError::MigrationPathMissing { current, target: target_version }.into());
    }
    Ok(MigrationPlan { current_version, target_version, steps: Vec::new(), requires_migration: false })
}

/// Applies the plan of a migration. With `dry_run`, changes nothing and returns the result that the migration
/// would have.
pub(super) fn migrate(planes: &Planes, target: Option<u16>, dry_run: bool) -> Result<MigrationResult> {
    if !dry_run {
        Planes::check_writable(planes.writes().metadata, "the metadata", "metadata_migration_read_only")?;
    }
    let MigrationPlan { current_version, target_version, steps, .. } = plan(planes, target)?;
    let warnings = if steps.is_empty() { vec!["no_schema_changes_required"] } else { Vec::new() };
    Ok(MigrationResult {
        current_version,
        target_version,
        applied_steps: steps,
        dry_run,
        changed: false,
        warnings,
    })
}

/// Returns the format version of the segments. Returns `None` if there is no readable segment. Error: a
/// segment has a version that this build cannot read.
fn current_version(planes: &Planes) -> Result<Option<u16>> {
    let (storage, log) = (planes.storage().as_ref(), planes.journal().log_dir());
    let mut current = None;
    for stream in list_streams(storage, log)? {
        for base in list_segments(storage, log, stream)? {
            let path = names::segment_path(log, stream, base);
            let failed = |e| engine::Error::io("read", &path, e);
            let file = storage.open(&path, OpenMode::Read).map_err(failed)?;
            match read_headers(file.as_ref(), stream, base).map_err(failed)?.header {
                Ok(_) => current = Some(FORMAT_VERSION),
                Err(HeaderFault::Newer { version }) => return Err(PlaneError::FormatNewer { version }.into()),
                // A damaged header is reported by the integrity check.
                Err(_) => {}
            }
        }
    }
    Ok(current)
}
