//! The settings of a diagnosis.

use crate::interpretation::direction::Directions;

/// The settings of a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiagnosticsPolicy {
    /// `true` to report completed stages without metrics.
    pub require_metrics_for_completed_stages: bool,
    /// `true` to report degraded records.
    pub detect_degraded_records: bool,
    /// The names of the stages that a run is expected to have.
    pub expected_terminal_stage_names: Vec<String>,
    /// The declared directions of metrics. The search for diverging metrics uses these directions.
    pub directions: Directions,
}

impl Default for DiagnosticsPolicy {
    fn default() -> DiagnosticsPolicy {
        DiagnosticsPolicy {
            require_metrics_for_completed_stages: true,
            detect_degraded_records: true,
            expected_terminal_stage_names: ["evaluate", "package"].map(str::to_owned).to_vec(),
            directions: Directions::default(),
        }
    }
}
