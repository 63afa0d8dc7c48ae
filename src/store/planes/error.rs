//! Errors of operations on the metadata, the records and the artifacts of a workspace.

use crate::contract::{ArtifactRef, StableRef};
use crate::engine::entry::{Seq, StreamId};
use std::path::PathBuf;

/// An error of an operation on the metadata, the records or the artifacts of a workspace.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaneError {
    /// The settings or options forbid the write.
    #[error("{what} cannot be modified, because the settings or options forbid it")]
    ReadOnly {
        /// The data that cannot be modified, such as `the records`.
        what: &'static str,
        /// The code of the error.
        code: &'static str,
    },
    /// There is no object with this ref.
    #[error("there is no {own}")]
    ObjectMissing {
        /// The ref.
        own: StableRef,
    },
    /// The parent of an object, or an end of a relation, does not exist.
    #[error("{own} names {parent}, which does not exist")]
    ParentMissing {
        /// The code of the error.
        code: &'static str,
        /// The object.
        own: StableRef,
        /// The missing object.
        parent: StableRef,
    },
    /// Another object with the same ref exists.
    #[error("{own} exists with other content: {}", members.join(", "))]
    ObjectConflict {
        /// The ref.
        own: StableRef,
        /// The members that differ.
        members: Vec<String>,
    },
    /// A field of a filter for records has an invalid value, or the mode of a replay is invalid.
    #[error("the filter for records has an invalid {field}: {reason}")]
    ScanFilterInvalid {
        /// The code of the error.
        code: &'static str,
        /// The name of the field.
        field: String,
        /// The reason.
        reason: String,
    },
    /// There is no replay mode with this name.
    #[error("there is no replay mode {name:?}")]
    ReplayModeUnknown {
        /// The name.
        name: String,
    },
    /// A strict replay found damage.
    #[error("the records cannot be replayed completely: {message}{}", and_more(*more))]
    ReplayUnhealthy {
        /// The stream of the first damage; `None` if the damage belongs to no stream.
        stream: Option<StreamId>,
        /// The first sequence number of the segment with the first damage.
        segment: Option<Seq>,
        /// The offset of the first damage in the segment file.
        offset: Option<u64>,
        /// The description of the first damage.
        message: String,
        /// The number of other damaged parts.
        more: u64,
    },
    /// There is no artifact with this ref.
    #[error("there is no artifact {artifact}")]
    ArtifactMissing {
        /// The ref.
        artifact: ArtifactRef,
    },
    /// The body of an artifact is not in the workspace.
    #[error("the body of {artifact} is not in the workspace: {reason}")]
    BodyMissing {
        /// The artifact.
        artifact: ArtifactRef,
        /// The reason.
        reason: String,
    },
    /// The artifact is a directory and cannot be read as one file.
    #[error("{artifact} is a directory")]
    ArtifactIsTree {
        /// The artifact.
        artifact: ArtifactRef,
    },
    /// Another artifact with the same ref exists.
    #[error("{artifact} exists with other content")]
    ArtifactConflict {
        /// The artifact.
        artifact: ArtifactRef,
    },
    /// The content of an artifact differs from its manifest.
    #[error("the content for {artifact} has {found}, but its manifest states {stated}")]
    ClaimDiffers {
        /// The code of the error.
        code: &'static str,
        /// The artifact.
        artifact: ArtifactRef,
        /// The size, the digest or the ref in the manifest.
        stated: String,
        /// The size, the digest or the ref of the content.
        found: String,
    },
    /// There is no package at the path.
    #[error("there is no artifact package at {path}")]
    PackageMissing {
        /// The path.
        path: PathBuf,
    },
    /// The package cannot be used.
    #[error("the artifact package at {path} is not valid: {reason}")]
    PackageInvalid {
        /// The path.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The log has a segment in a format that this build cannot read.
    #[error("the log has segments of format version {version}, which this build cannot read")]
    FormatNewer {
        /// The format version.
        version: u16,
    },
    /// There is no migration between the two format versions.
    #[error("there is no migration from format version {current} to {target}")]
    MigrationPathMissing {
        /// The format version of the workspace.
        current: u16,
        /// The requested format version.
        target: u16,
    },
}

fn and_more(more: u64) -> String {
    if more == 0 { String::new() } else { format!(", and {more} more") }
}

impl PlaneError {
    /// Returns the stable code of the error.
    pub(in crate::store) fn code(&self) -> &'static str {
        match self {
            PlaneError::ReadOnly { code, .. }
            | PlaneError::ParentMissing { code, .. }
            | PlaneError::ScanFilterInvalid { code, .. }
            | PlaneError::ClaimDiffers { code, .. } => code,
            PlaneError::ObjectMissing { .. } => "metadata_row_not_found",
            PlaneError::ObjectConflict { .. } => "metadata_object_conflict",
            PlaneError::ReplayModeUnknown { .. } => "record_store_invalid_replay_mode",
            PlaneError::ReplayUnhealthy { .. } => "record_replay_unhealthy_store",
            PlaneError::ArtifactMissing { .. } => "artifact_store_binding_not_found",
            PlaneError::BodyMissing { .. } => "artifact_store_body_not_found",
            PlaneError::ArtifactIsTree { .. } => "artifact_is_directory",
            PlaneError::ArtifactConflict { .. } => "artifact_binding_conflict",
            PlaneError::PackageMissing { .. } => "artifact_export_package_not_found",
            PlaneError::PackageInvalid { .. } => "artifact_export_package_invalid",
            PlaneError::FormatNewer { .. } => "metadata_migration_unsupported_store",
            PlaneError::MigrationPathMissing { .. } => "metadata_migration_path_missing",
        }
    }

    /// Returns advice for the user.
    pub(in crate::store) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            PlaneError::ReadOnly { .. } => {
                "leave out the overlay `readonly`, or set `metadata.read_only`, `records.read_only` and \
                 `artifacts.read_only` to false"
            }
            PlaneError::ObjectMissing { .. } => "list the objects of this kind, or check the ref",
            PlaneError::ParentMissing { .. } => "put the missing object first",
            PlaneError::ObjectConflict { .. } => {
                "use another ref, or supersede the object (`superseding()` of the repository)"
            }
            PlaneError::ScanFilterInvalid { .. } => "correct or leave out this member of the filter",
            PlaneError::ReplayModeUnknown { .. } => "use the mode `strict`, `tolerant` or `lenient`",
            PlaneError::ReplayUnhealthy { .. } => {
                "replay with the mode `tolerant` or `lenient`, or list all damage with `contexta verify`"
            }
            PlaneError::ArtifactMissing { .. } => "list the artifacts, or check the ref",
            PlaneError::BodyMissing { .. } => {
                "merge with a workspace that has the body, or import a package of the artifact"
            }
            PlaneError::ArtifactIsTree { .. } => "list or extract its files",
            PlaneError::ArtifactConflict { .. } => "use another ref, or import with the policy `replace`",
            PlaneError::ClaimDiffers { .. } => "correct the manifest, or give the intact content",
            PlaneError::PackageMissing { .. } => "give the directory that contains `package.json`",
            PlaneError::PackageInvalid { .. } => "export the artifact again",
            PlaneError::FormatNewer { .. } => "use the version of contexta that wrote the workspace",
            PlaneError::MigrationPathMissing { .. } => "leave out the target version",
        })
    }
}
