//! Conversion of the settings `interpretation.*` to the policies of the interpretation services.

use crate::config::{
    AlertOperator, AlertRuleConfig, AlertThreshold, Better, MetricSelection, SeverityLevel, UnifiedConfig,
};
use crate::interpretation::{
    AlertPolicy, AlertRule, AnomalyPolicy, ComparePolicy, Comparison, DiagnosticsPolicy, Directions,
    LineagePolicy, ReportPolicy, SearchPolicy, Selection, Severity, TrendPolicy,
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

/// Returns the policy of reports from the settings.
pub(super) fn report_policy(config: &UnifiedConfig) -> ReportPolicy {
    ReportPolicy {
        include_completeness_notes: config.interpretation.reports.include_completeness_notes,
        include_lineage_summary: config.interpretation.reports.include_lineage_summary,
        include_evidence_summary: config.interpretation.reports.include_evidence_summary,
    }
}

/// Returns the directions of metrics from the settings.
fn directions(config: &UnifiedConfig) -> Directions {
    let declared = config.metrics.0.iter();
    declared.fold(Directions::default(), |directions, (metric_key, better)| {
        directions.declare(metric_key, *better == Better::Higher)
    })
}

/// Converts an alert rule of the settings to a rule of the alert service.
fn alert_rule(rule: &AlertRuleConfig) -> AlertRule {
    let operator = match rule.operator {
        AlertOperator::Greater => Comparison::Greater,
        AlertOperator::Less => Comparison::Less,
        AlertOperator::GreaterOrEqual => Comparison::GreaterOrEqual,
        AlertOperator::LessOrEqual => Comparison::LessOrEqual,
        AlertOperator::Equal => Comparison::Equal,
        AlertOperator::NotEqual => Comparison::NotEqual,
    };
    let mut created = match rule.threshold {
        AlertThreshold::Int(n) => AlertRule::new(&rule.metric, operator, n),
        AlertThreshold::Float(x) => AlertRule::new(&rule.metric, operator, x),
    };
    created.stage_name.clone_from(&rule.stage);
    created.severity = rule.severity.map(severity);
    created.name.clone_from(&rule.name);
    created
}

/// Returns the alert rules of the settings.
pub(super) fn alert_rules(config: &UnifiedConfig) -> Vec<AlertRule> {
    config.interpretation.alert.rules.0.iter().map(alert_rule).collect()
}

/// The policies of all services except reports, created from the settings of a workspace.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Policies {
    pub(super) comparison: ComparePolicy,
    pub(super) diagnostics: DiagnosticsPolicy,
    pub(super) lineage: LineagePolicy,
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
            lineage: LineagePolicy::default(),
            search: SearchPolicy::default(),
            trend: TrendPolicy::default(),
            anomaly: AnomalyPolicy::default(),
            alert: AlertPolicy::default(),
        };
        policies.comparison.metric_selection = selection(config.interpretation.comparison.metric_selection);
        policies.comparison.directions = directions(config);
        policies.diagnostics.directions = directions(config);
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
