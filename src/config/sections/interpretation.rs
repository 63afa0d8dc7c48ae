//! Queries, reports and diagnostics.

use crate::config::choice::{MetricSelection, SeverityLevel};
use crate::config::declarations::AlertRules;
use crate::config::limit::{Limit, Rule, any, int};
use crate::config::section::{sections, texts};

sections! {
    /// Queries, reports and diagnostics.
    "interpretation." InterpretationConfig {}
    {
        /// Settings of the comparison of two runs.
        comparison: ComparisonPolicy,
        /// Settings of the diagnosis of a run.
        diagnostics: DiagnosticsPolicy,
        /// Settings of the contents of reports.
        reports: ReportPolicy,
        /// Settings of the search for runs.
        search: SearchPolicy,
        /// Settings of the trend of a metric over runs.
        trend: TrendPolicy,
        /// Settings of the detection of anomalies.
        anomaly: AnomalyPolicy,
        /// Settings of alerts on thresholds.
        alert: AlertPolicy,
    }

    /// Settings of the comparison of two runs.
    "interpretation.comparison." ComparisonPolicy {
        /// Value that is taken from each metric series for the comparison.
        metric_selection: MetricSelection = MetricSelection::Latest, any();
        /// Include metrics whose values are equal in both runs.
        include_unchanged_metrics: bool = false, any();
        /// Severity of the note that only one of the runs has a stage.
        missing_stage_severity: SeverityLevel = SeverityLevel::Warning, any();
    }

    /// Settings of the diagnosis of a run.
    "interpretation.diagnostics." DiagnosticsPolicy {
        /// Report completed stages without metrics.
        require_metrics_for_completed_stages: bool = true, any();
        /// Report records of lost or doubtful data (degraded records).
        detect_degraded_records: bool = true, any();
        /// Names of the stages that a run is expected to end with.
        expected_terminal_stage_names: Vec<String> = texts(&["evaluate", "package"]), any();
    }

    /// Settings of the contents of reports.
    "interpretation.reports." ReportPolicy {
        /// Include notes on missing data in reports.
        include_completeness_notes: bool = true, any();
        /// Include a section on lineage in reports.
        include_lineage_summary: bool = true, any();
        /// Include in reports the data that each conclusion is based on.
        include_evidence_summary: bool = true, any();
    }

    /// Settings of the search for runs.
    "interpretation.search." SearchPolicy {
        /// Number of runs that a search returns if no limit is given.
        default_limit: u64 = 50, int(1, 1_000_000);
        /// Fields of a run in which the search text is looked up.
        text_match_fields: Vec<String> = texts(&["name", "tags", "status"]), any();
        /// Distinguish upper and lower case in a search.
        case_sensitive: bool = false, any();
    }

    /// Settings of the trend of a metric over runs.
    "interpretation.trend." TrendPolicy {
        /// Number of runs in a trend if no limit is given.
        default_window_runs: u64 = 20, int(1, 1_000_000).coded("trend_invalid_window_runs");
        /// Value that is taken from each run's series for the trend.
        metric_aggregation: MetricSelection = MetricSelection::Latest, any();
    }

    /// Settings of the detection of anomalies.
    "interpretation.anomaly." AnomalyPolicy {
        /// Distance from the mean, in standard deviations, above which a value is an anomaly.
        z_score_threshold: f64 = 2.5, Rule::new(Limit::Above(0.0, 1e6)).coded("anomaly_invalid_z_score_threshold");
        /// Least number of runs for the detection of anomalies.
        min_baseline_runs: u64 = 3, int(1, 1_000_000).coded("anomaly_invalid_min_baseline_runs");
        /// Metrics that are searched for anomalies; an empty list means all.
        monitored_metrics: Vec<String> = Vec::new(), any();
    }

    /// Settings of alerts on thresholds.
    "interpretation.alert." AlertPolicy {
        /// Stop the evaluation of alerts at the first alert that is triggered.
        stop_on_first_trigger: bool = false, any();
        /// Severity of an alert that does not specify one.
        default_severity: SeverityLevel = SeverityLevel::Warning, any();
        /// Rules that `contexta alert` evaluates if it is called without a rule.
        rules: AlertRules = AlertRules::default(), any();
    }
}
