//! [`ArtifactStore`] and its types, and the artifacts that a `StoreView` reads.

pub(crate) mod body_use;
mod row;

pub(crate) use crate::store::planes::artifact::BodyComparison;
pub use crate::store::planes::artifact::{
    ArtifactChunks, ArtifactExport, ArtifactHandle, ArtifactImport, ArtifactPut, ArtifactReader,
    ArtifactRefs, ArtifactStore, ConflictPolicy, ImportOutcome, PACKAGE_FILE, PutChange, StoreSummary,
    SweepReport, VerificationRecord, VerificationReport, VerificationStatus, Verifications,
};
pub use row::{ArtifactRow, ReferenceState};
