//! Queries, reports and diagnostics.

use crate::config::choice::{MetricSelection, SeverityLevel};
use crate::config::limit::{Limit, Rule, any, int};
use crate::config::section::{sections, texts};

sections! {
    /// Queries, reports and diagnostics.
    "interpretation." InterpretationConfig {}
    {
        /// Comparison of runs.
        comparison: ComparisonPolicy,
        /// Diagnosis of a run.
        diagnostics: DiagnosticsPolicy,
        /// Contents of reports.
        reports: ReportPolicy,
        /// Search for runs.
        search: SearchPolicy,
        /// Trend of a metric over runs.
        trend: TrendPolicy,
        /// Detection of anomalies.
        anomaly: AnomalyPolicy,
        /// Alerts on thresholds.
        alert: AlertPolicy,
    }

    /// Comparison of runs.
    "interpretation.comparison." ComparisonPolicy {
        /// Value of a series that is compared.
        metric_selection: MetricSelection = MetricSelection::Latest, any();
        /// Include metrics without a difference.
        include_unchanged_metrics: bool = false, any();
        /// Severity of a stage that one of the runs does not have.
        missing_stage_severity: SeverityLevel = SeverityLevel::Warning, any();
    }

    /// Diagnosis of a run.
    "interpretation.diagnostics." DiagnosticsPolicy {
        /// Report completed stages without metrics.
        require_metrics_for_completed_stages: bool = true, any();
        /// Report degraded records.
        detect_degraded_records: bool = true, any();
        /// Names of the stages that a run is expected to end with.
        expected_terminal_stage_names: Vec<String> = texts(&["evaluate", "package"]), any();
    }

    /// Contents of reports.
    "interpretation.reports." ReportPolicy {
        /// Include notes on missing data in reports.
        include_completeness_notes: bool = true, any();
        /// Include a section on lineage in reports.
        include_lineage_summary: bool = true, any();
        /// Include the evidence of findings in reports.
        include_evidence_summary: bool = true, any();
    }

    /// Search for runs.
    "interpretation.search." SearchPolicy {
        /// Number of results if no limit is given.
        default_limit: u64 = 50, int(1, 1_000_000);
        /// Fields that are searched for the text.
        text_match_fields: Vec<String> = texts(&["name", "tags", "status"]), any();
        /// Distinguish upper and lower case.
        case_sensitive: bool = false, any();
    }

    /// Trend of a metric over runs.
    "interpretation.trend." TrendPolicy {
        /// Number of runs if no limit is given.
        default_window_runs: u64 = 20, int(1, 1_000_000);
        /// Value of a series that represents a run.
        metric_aggregation: MetricSelection = MetricSelection::Latest, any();
    }

    /// Detection of anomalies.
    "interpretation.anomaly." AnomalyPolicy {
        /// Distance from the mean, in standard deviations, above which a value is an anomaly.
        z_score_threshold: f64 = 2.5, Rule::new(Limit::Above(0.0, 1e6));
        /// Least number of runs that anomalies are detected in.
        min_baseline_runs: u64 = 3, int(1, 1_000_000);
        /// Metrics that are examined; an empty list means all.
        monitored_metrics: Vec<String> = Vec::new(), any();
    }

    /// Alerts on thresholds.
    "interpretation.alert." AlertPolicy {
        /// Stop at the first alert.
        stop_on_first_trigger: bool = false, any();
        /// Severity of an alert that does not specify one.
        default_severity: SeverityLevel = SeverityLevel::Warning, any();
    }
}
