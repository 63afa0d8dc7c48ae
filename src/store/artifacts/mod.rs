//! The artifact plane, and the artifacts of a view.

mod row;

pub use crate::store::planes::artifact::{
    ArtifactChunks, ArtifactExport, ArtifactHandle, ArtifactImport, ArtifactPut, ArtifactReader,
    ArtifactRefs, ArtifactStore, ConflictPolicy, ImportOutcome, PACKAGE_FILE, PutChange, StoreSummary,
    SweepReport, VerificationRecord, VerificationReport, VerificationStatus, Verifications,
};
pub use row::{ArtifactRow, ReferenceState};
