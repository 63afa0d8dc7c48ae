//! Floor 5: the read side. Questions in, plain data out; nothing here writes, and nothing knows of markup.
//!
//! Every answer carries notes on what it lacks.
//!
//! Stability: Stable.

pub mod compare;
pub mod error;
pub mod lineage;
pub mod query;
pub mod report;

pub use crate::store::{
    ArtifactRow, EnvironmentRow, Note, ProjectRow, RecordRow, RunRow, SeriesPoint, SeriesRow, Severity,
    StageRow, Store,
};
pub use compare::{
    ArtifactChange, BestRun, Goal, MetricDelta, ParamDelta, RankedRun, RunComparison, StageComparison,
};
pub use error::{Error, Result};
pub use lineage::{Direction, LineageStep, LineageTraversal};
pub use query::{ProjectList, RunList, RunSnapshot, RunSummary, StepSeries};
pub use report::{Block, ReportDocument, ReportSection};
