//! Results of artifact verifications.

use crate::contract::words::word_enum;
use crate::contract::{ArtifactRef, Timestamp};

word_enum! {
    /// The result of the verification of one artifact.
    VerificationStatus {
        /// The content has the size and the digests of the manifest.
        Verified = "verified",
        /// The content is missing.
        Missing = "missing",
        /// The size of the content differs from the manifest. The content was not read.
        SizeMismatch = "size_mismatch",
        /// A digest of the content differs from the manifest, or from the digest under which the body is stored.
        HashMismatch = "hash_mismatch",
        /// The content cannot be read.
        Unreadable = "unreadable",
        /// The content is outside the workspace, is not in a local file, and was not read.
        External = "external",
    }
}

impl VerificationStatus {
    /// Returns `true` if the content differs from the manifest.
    pub fn is_drift(self) -> bool {
        matches!(self, VerificationStatus::SizeMismatch | VerificationStatus::HashMismatch)
    }
}

/// The verification of one artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerificationReport {
    /// The artifact.
    pub artifact_ref: ArtifactRef,
    /// The result.
    pub status: VerificationStatus,
    /// `true` if the content exists.
    pub exists: bool,
    /// The size of the content in bytes; `None` if it is not known.
    pub actual_size_bytes: Option<u64>,
    /// The size in the manifest.
    pub expected_size_bytes: Option<u64>,
    /// The SHA-256 digest of the content, as 64 hexadecimal digits; `None` if the content was not read.
    pub actual_hash_value: Option<String>,
    /// The SHA-256 digest in the manifest; `None` if the manifest has none.
    pub expected_hash_value: Option<String>,
    /// The time of the verification.
    pub checked_at: Timestamp,
    /// Descriptions of the differences. The texts are for people.
    pub messages: Vec<String>,
}

impl VerificationReport {
    /// Returns `true` if the content is verified.
    pub fn verified(&self) -> bool {
        self.status == VerificationStatus::Verified
    }
}

/// The verification of one artifact in a report about all artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerificationRecord {
    /// The artifact.
    pub artifact_ref: ArtifactRef,
    /// The result.
    pub status: VerificationStatus,
    /// The time of the verification.
    pub checked_at: Timestamp,
    /// The first difference; `None` if the artifact is verified.
    pub message: Option<String>,
}

impl From<VerificationReport> for VerificationRecord {
    fn from(report: VerificationReport) -> VerificationRecord {
        VerificationRecord {
            artifact_ref: report.artifact_ref,
            status: report.status,
            checked_at: report.checked_at,
            message: report.messages.into_iter().next(),
        }
    }
}
