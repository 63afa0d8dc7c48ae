//! Interchange: a workspace as JSON lines, one canonical object a line, in and out.
//!
//! A line is `{"kind": ..., "object": ...}`; an artifact's line may name the file of its body beside it as `body`. Things
//! come before what refers to them, records in the order in which they were appended. docs/INTERCHANGE.md has the form.

mod bodies;
pub mod export;
pub mod import;
mod known;
pub mod line;
mod loss;
mod rejects;
pub mod report;

pub use export::{ExportBodies, ExportFilter, ExportReport};
pub use import::ImportOptions;
pub use line::{Line, LineContent, Rejection};
pub use report::{BodyFinding, ImportReport, KindCounts, RefusedLine};
