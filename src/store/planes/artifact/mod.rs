//! Reads, writes and checks of artifacts, and packages of artifacts.
//!
//! Files, lowest first: `handle`, `reader`, `refs` (reads), `verification`, `verify`, `summary` (checks), `put`,
//! `package`, `export`, `import` (writes), `store`.

mod export;
mod handle;
mod import;
mod package;
mod put;
mod reader;
mod refs;
mod store;
mod summary;
mod verification;
mod verify;

pub use export::ArtifactExport;
pub use handle::ArtifactHandle;
pub use import::{ArtifactImport, ConflictPolicy, ImportOutcome};
pub use package::PACKAGE_FILE;
pub use put::{ArtifactPut, PutChange};
pub use reader::{ArtifactChunks, ArtifactReader};
pub use refs::ArtifactRefs;
pub use store::ArtifactStore;
pub(crate) use summary::BodyComparison;
pub use summary::{StoreSummary, SweepReport};
pub use verification::{VerificationRecord, VerificationReport, VerificationStatus};
pub use verify::Verifications;
