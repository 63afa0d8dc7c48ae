//! Floor 5: import and export of workspaces in other formats. Each format has a folder.
//!
//! [`jsonl`] reads and writes JSON lines (docs/INTERCHANGE.md).
//!
//! Stability: Advanced.

pub mod error;
pub mod jsonl;
pub mod workspace;

pub use error::{Error, Result};
pub use jsonl::{
    BodyFinding, ExportBodies, ExportFilter, ExportOptions, ExportReport, ImportOptions, ImportReport,
    KindCounts, Line, LineContent, LineWarning, LossyLine, RefusedLine, Rejection,
};
pub use workspace::Workspace;
