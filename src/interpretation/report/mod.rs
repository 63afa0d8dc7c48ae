//! Reports: answers as documents of sections with text and tables. Surfaces render the documents.

pub mod alert;
pub mod builder;
pub mod comparison;
pub mod health;
pub mod lineage;
pub mod many;
pub mod model;
mod parts;
pub mod policy;
pub mod project;
pub mod snapshot;
pub mod trend;

pub use alert::alert_report;
pub use builder::ReportBuilder;
pub use comparison::{Diagnoses, comparison_report, diagnosed_comparison_report, read_comparison};
pub use health::{WorkspaceState, health_report, read_workspace};
pub use lineage::lineage_report;
pub use many::many_runs_report;
pub use model::{Block, Cell, Excerpt, ReportDocument, ReportSection, Table, TreeItem};
pub use policy::ReportPolicy;
pub use project::project_report;
pub use snapshot::{diagnosed_snapshot_report, read_snapshot, snapshot_report, summary_report};
pub use trend::trend_report;
