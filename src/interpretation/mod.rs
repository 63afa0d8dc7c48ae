//! Floor 5: queries. They return plain data; this module writes no data and produces no markup.
//!
//! If data is missing, the answer contains notes on the missing data.
//!
//! Stability: Stable.

pub mod aggregation;
pub mod alert;
pub mod anomaly;
mod asked_metric;
pub mod baseline;
pub mod compare;
pub mod curve;
pub mod diagnostics;
pub mod direction;
pub mod error;
pub mod evidence;
pub mod group;
pub mod lineage;
pub mod metric;
mod metric_table;
mod number;
pub mod provenance;
pub mod query;
pub mod report;
pub mod statistics;
pub mod trend;

pub use crate::store::{
    ArtifactRow, Attempts, EnvironmentRow, HistoryEntry, HistoryValue, Moment, Note, ProjectRow, RecordRow,
    RunRow, SeriesKey, SeriesPoint, SeriesRow, Severity, StageRow, Store, ValueState, WriterRow,
};
pub use aggregation::{MetricAggregate, RunStatusDistribution, RunSummaryTable, StageAggregate};
pub use alert::{AlertPolicy, AlertReport, AlertResult, AlertRule};
pub use anomaly::{AnomalyPolicy, AnomalyQuery, AnomalyReport, AnomalyResult, MetricBaseline};
pub use baseline::BaselineDifference;
pub use compare::{
    ArtifactChange, ArtifactKindCounts, BestRun, BestRunOptions, ComparePolicy, Goal, MetricDelta, MetricRow,
    MultiRunComparison, ParamDelta, ProvenanceComparison, RankedRun, ReportComparison, RunComparison,
    SectionDiff, StageComparison,
};
pub use curve::{Smoothing, StepRanges};
pub use diagnostics::{DiagnosticsIssue, DiagnosticsPolicy, DiagnosticsResult};
pub use direction::Directions;
pub use error::{Error, Result};
pub use evidence::{CompletenessNote, EvidenceLink};
pub use group::{GroupColumn, GroupPoint, GroupQuery, RunGroup, RunGroups};
pub use lineage::{
    Direction, ImpliedEdge, ImpliedKind, LineagePolicy, LineageTraversal, TraversedEdge, VisitedRef,
};
pub use metric::{Measurement, Selection};
pub use provenance::{
    CodeDiff, EnvironmentDiff, MissingPart, ReproduceOptions, ReproducibilityAudit, Reproduction,
    ReproductionStep, ValueChange,
};
pub use query::search::SearchPolicy;
pub use query::{
    Archived, ArtifactHits, ArtifactSearch, BatchList, Comparison, DeploymentList, Filter, History,
    HistoryQuery, MetricCondition, PageToken, ProjectList, RecordPage, RecordQuery, RunColumn, RunList,
    RunListQuery, RunSearch, RunSnapshot, RunSummary, SampleList, StepPoint, StepSeries, StepSeriesQuery,
    TimeRange,
};
pub use report::{
    Block, Cell, Excerpt, ReportBuilder, ReportDocument, ReportPolicy, ReportSection, Table, TreeItem,
};
pub use statistics::Statistics;
pub use trend::{
    ArtifactSizePoint, ArtifactSizeTrend, DurationTrend, MetricTrend, StageDurationPoint, TrendPoint,
    TrendPolicy,
};
