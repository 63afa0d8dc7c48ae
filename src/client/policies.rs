//! Conversion of the settings `interpretation.*` to the policies of the interpretation services.

use crate::config::{MetricSelection, SeverityLevel, UnifiedConfig};
use crate::interpretation::{
    AlertPolicy, AnomalyPolicy, ComparePolicy, DiagnosticsPolicy, ReportPolicy, SearchPolicy, Selection,
    Severity, TrendPolicy,
};

fn selection(setting: MetricSelection) -> Selection {
    match setting {
        MetricSelection::Latest => Selection::Latest,
        MetricSelection::Max => Selection::Max,
        MetricSelection::Min => Selection::Min,
        MetricSelection::Mean => Selection::Mean,
    }
}

fn severity(setting: SeverityLevel) -> Severity {
    match setting {
        SeverityLevel::Info => Severity::Info,
        SeverityLevel::Warning => Severity::Warning,
        SeverityLevel::Error => Severity::Error,
    }
}

fn count(setting: u64) -> usize {
    usize::try_from(setting).unwrap_or(usize::MAX)
}

/// Returns the policy of reports that the settings describe.
pub(super) fn report_policy(config: &UnifiedConfig) -> ReportPolicy {
    ReportPolicy {
        include_completeness_notes: config.interpretation.reports.include_completeness_notes,
        include_lineage_summary: config.interpretation.reports.include_lineage_summary,
        include_evidence_summary: config.interpretation.reports.include_evidence_summary,
    }
}

/// The policies of all services except reports, created from the settings of a workspace.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Policies {
    pub(super) comparison: ComparePolicy,
    pub(super) diagnostics: DiagnosticsPolicy,
    pub(super) search: SearchPolicy,
    pub(super) trend: TrendPolicy,
    pub(super) anomaly: AnomalyPolicy,
    pub(super) alert: AlertPolicy,
}

impl From<&UnifiedConfig> for Policies {
    fn from(config: &UnifiedConfig) -> Policies {
        let aggregation = selection(config.interpretation.trend.metric_aggregation);
        let mut policies = Policies {
            comparison: ComparePolicy::default(),
            diagnostics: DiagnosticsPolicy::default(),
            search: SearchPolicy::default(),
            trend: TrendPolicy::default(),
            anomaly: AnomalyPolicy::default(),
            alert: AlertPolicy::default(),
        };
        policies.comparison.metric_selection = selection(config.interpretation.comparison.metric_selection);
        policies.comparison.include_unchanged_metrics =
            config.interpretation.comparison.include_unchanged_metrics;
        policies.comparison.missing_stage_severity =
            severity(config.interpretation.comparison.missing_stage_severity);
        policies.diagnostics.require_metrics_for_completed_stages =
            config.interpretation.diagnostics.require_metrics_for_completed_stages;
        policies.diagnostics.detect_degraded_records =
            config.interpretation.diagnostics.detect_degraded_records;
        policies.diagnostics.expected_terminal_stage_names =
            config.interpretation.diagnostics.expected_terminal_stage_names.clone();
        policies.search.default_limit = count(config.interpretation.search.default_limit);
        policies.search.text_match_fields = config.interpretation.search.text_match_fields.clone();
        policies.search.case_sensitive = config.interpretation.search.case_sensitive;
        policies.trend.window_runs = count(config.interpretation.trend.default_window_runs);
        policies.trend.metric_aggregation = aggregation;
        policies.anomaly.z_score_threshold = config.interpretation.anomaly.z_score_threshold;
        policies.anomaly.min_baseline_runs = count(config.interpretation.anomaly.min_baseline_runs);
        policies.anomaly.monitored_metrics = config.interpretation.anomaly.monitored_metrics.clone();
        policies.anomaly.metric_aggregation = aggregation;
        policies.alert.stop_on_first_trigger = config.interpretation.alert.stop_on_first_trigger;
        policies.alert.default_severity = severity(config.interpretation.alert.default_severity);
        policies.alert.metric_aggregation = aggregation;
        policies
    }
}
