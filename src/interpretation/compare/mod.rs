//! Comparison of two runs and of several, the best run by a metric, and comparison of reports.

pub mod artifacts;
pub mod best;
pub mod documents;
pub mod many;
pub mod metrics;
pub mod two;

pub use artifacts::ArtifactChange;
pub use best::{BestRun, BestRunOptions, Goal, RankedRun};
pub use documents::{ReportComparison, SectionDiff, compare_reports};
pub use many::{ArtifactKindCounts, MetricRow, MultiRunComparison};
pub use metrics::MetricDelta;
pub use two::{ComparePolicy, ParamDelta, ProvenanceComparison, RunComparison, StageComparison};
