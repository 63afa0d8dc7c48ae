//! Reports: answers arranged for reading. A document is sections of text and tables; surfaces render it.

pub mod build;
pub mod model;

pub use build::{comparison_report, snapshot_report};
pub use model::{Block, ReportDocument, ReportSection};
