//! Comparisons of two runs, of several runs, and of two reports. Rankings of runs by a metric.

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
