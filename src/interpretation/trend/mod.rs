//! Values over the runs of a population: metrics, durations of stages, and sizes of artifacts.

pub mod artifact_size;
pub mod duration;
pub mod metric_trend;
pub mod population;

pub use artifact_size::{ArtifactSizePoint, ArtifactSizeTrend, artifact_size_trend};
pub use duration::{DurationTrend, StageDurationPoint, stage_duration_trend};
pub use metric_trend::{MetricTrend, TrendPoint, metric_trend};
pub use population::TrendPolicy;
