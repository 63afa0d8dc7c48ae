//! A workspace as JSON lines: one canonical object in each line, for import and export.
//!
//! A line is `{"kind": ..., "object": ...}`. The line of an artifact may have a third member, `body`, with the path of
//! the file of the artifact's body. An export writes the kinds of lines in a fixed order ([`kinds`]), and records in
//! the order of their stamps. An import accepts any order. docs/INTERCHANGE.md describes the format.

mod batch;
mod bodies;
mod body_import;
mod candidate;
mod existing;
pub mod export;
pub mod export_report;
pub mod filter;
pub mod import;
mod input;
pub mod line;
mod loss;
mod quarantine;
pub mod rejection;
pub mod report;
mod round;

pub use export::{ExportBodies, ExportOptions, export};
pub use export_report::ExportReport;
pub use filter::ExportFilter;
pub use import::{ImportOptions, import};
pub use line::{Line, LineContent, LineWarning, kinds};
pub use rejection::Rejection;
pub use report::{BodyFinding, ImportReport, KindCounts, LossyLine, RefusedLine};
