//! Reports: answers as documents of sections with text and tables. Surfaces render the documents.

pub mod comparison;
pub mod model;
pub mod snapshot;

pub use comparison::comparison_report;
pub use model::{Block, Cell, Excerpt, ReportDocument, ReportSection, Table, TreeItem};
pub use snapshot::{snapshot_report, summary_report};
