//! Floor 5: workspaces in foreign formats. One folder per format.
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
    KindCounts, Line, LineContent, RefusedLine, Rejection,
};
pub use workspace::Workspace;
