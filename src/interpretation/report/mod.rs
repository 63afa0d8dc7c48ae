//! Reports: answers arranged for reading, as sections of text and tables. Surfaces render them.

pub mod comparison;
pub mod model;
pub mod snapshot;

pub use comparison::comparison_report;
pub use model::{Block, Cell, Excerpt, ReportDocument, ReportSection, Table, TreeItem};
pub use snapshot::snapshot_report;
