//! Floor 5: queries. They return plain data; this module writes no data and produces no markup.
//!
//! If data is missing, the answer contains notes on the missing data.
//!
//! Stability: Stable.

pub mod compare;
pub mod error;
pub mod lineage;
pub mod query;
pub mod report;

pub use crate::store::{
    ArtifactRow, Attempts, EnvironmentRow, Note, ProjectRow, RecordRow, RunRow, SeriesPoint, SeriesRow,
    Severity, StageRow, Store, WriterRow,
};
pub use compare::{
    ArtifactChange, BestRun, BestRunOptions, Goal, MetricDelta, ParamDelta, RankedRun, RunComparison,
    StageComparison,
};
pub use error::{Error, Result};
pub use lineage::{Direction, LineageStep, LineageTraversal};
pub use query::{ProjectList, RunList, RunSnapshot, RunSummary, StepSeries};
pub use report::{Block, Cell, Excerpt, ReportDocument, ReportSection, Table, TreeItem};
