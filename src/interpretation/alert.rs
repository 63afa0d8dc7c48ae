//! Alerts: rules that compare a metric with a threshold.

use crate::contract::{MetricValue, RunRef};
use crate::interpretation::asked_metric::AskedMetric;
use crate::interpretation::error::{Error, Result};
use crate::interpretation::evidence::{CompletenessNote, EvidenceLink};
use crate::interpretation::metric::Selection;
use crate::interpretation::query::run_list::page_of;
use crate::interpretation::query::{Comparison, RunListQuery};
use crate::store::{Note, RunRow, Severity, Store, StoreView};
use std::sync::Arc;

/// The settings of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertPolicy {
    /// `true` to stop at the first rule that is triggered.
    pub stop_on_first_trigger: bool,
    /// The severity of rules that do not specify one.
    pub default_severity: Severity,
    /// The choice of one value from the points of a metric in a run. The default is the latest value.
    pub metric_aggregation: Selection,
}

impl Default for AlertPolicy {
    fn default() -> AlertPolicy {
        AlertPolicy {
            stop_on_first_trigger: false,
            default_severity: Severity::Warning,
            metric_aggregation: Selection::Latest,
        }
    }
}

/// An alert rule. The rule is triggered if the comparison of the value of a metric with the threshold is
/// true.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AlertRule {
    /// The metric: a key, possibly with tags.
    pub metric_key: String,
    /// The comparison.
    pub operator: Comparison,
    /// The threshold.
    pub threshold: MetricValue,
    /// The name of the stage whose values are compared. If `None`, the values of all stages and the values
    /// outside any stage are used.
    pub stage_name: Option<String>,
    /// The severity; `None` for the severity of the policy.
    pub severity: Option<Severity>,
    /// The name. If `None`, a name such as `loss@train:gt:0.5` is derived from the rule.
    pub name: Option<String>,
}

impl AlertRule {
    /// Creates a rule for the latest value of all stages.
    pub fn new(
        metric_key: impl Into<String>,
        operator: Comparison,
        threshold: impl Into<MetricValue>,
    ) -> AlertRule {
        AlertRule {
            metric_key: metric_key.into(),
            operator,
            threshold: threshold.into(),
            stage_name: None,
            severity: None,
            name: None,
        }
    }

    /// Creates a rule from texts. Errors: an operator other than `gt`, `lt`, `gte`, `lte`, `eq`, `ne`; a severity other
    /// than `info`, `warning`, `error`.
    pub fn parse(
        metric_key: &str,
        operator: &str,
        threshold: MetricValue,
        severity: Option<&str>,
    ) -> Result<AlertRule> {
        let invalid = |code, reason| Error::InvalidAlertRule { code, reason };
        let comparison = Comparison::ALL.iter().find(|(name, _)| *name == operator);
        let (_, comparison) = comparison.ok_or_else(|| {
            let reason = format!("the operator {operator:?} is not one of gt, lt, gte, lte, eq, ne");
            invalid("alert_invalid_operator", reason)
        })?;
        let severity = severity.map(|text| match text {
            "info" => Ok(Severity::Info),
            "warning" => Ok(Severity::Warning),
            "error" => Ok(Severity::Error),
            other => {
                let reason = format!("the severity {other:?} is not one of info, warning, error");
                Err(invalid("alert_invalid_severity", reason))
            }
        });
        let severity = severity.transpose()?;
        Ok(AlertRule { severity, ..AlertRule::new(metric_key, *comparison, threshold) })
    }

    /// Restricts the rule to a stage.
    #[must_use]
    pub fn in_stage(mut self, stage: impl Into<String>) -> AlertRule {
        self.stage_name = Some(stage.into());
        self
    }

    /// Names the rule.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> AlertRule {
        self.name = Some(name.into());
        self
    }

    /// Returns the name of the rule. If no name was given, a name such as `loss@train:gt:0.5` is derived from
    /// the rule.
    #[must_use]
    pub fn rule_name(&self) -> String {
        if let Some(name) = self.name.as_ref().filter(|name| !name.is_empty()) {
            return name.clone();
        }
        let stage = self.stage_name.as_ref().map_or_else(String::new, |stage| format!("@{stage}"));
        format!("{}{stage}:{}:{}", self.metric_key, self.operator.as_str(), self.threshold)
    }
}

/// The result of a rule for one run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AlertResult {
    /// The rule.
    pub rule: AlertRule,
    /// The run.
    pub run_ref: RunRef,
    /// The value; `None` if the run does not have the metric.
    pub actual_value: Option<MetricValue>,
    /// `true` if the comparison holds.
    pub triggered: bool,
    /// The severity.
    pub severity: Severity,
    /// A link to the run.
    pub evidence_links: Vec<EvidenceLink>,
    /// A note if the run does not have the metric, or if the value is NaN. Every comparison of NaN with a
    /// threshold is false, except the comparison `ne`.
    pub completeness_notes: Vec<CompletenessNote>,
}

/// The results of rules for several runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AlertReport {
    /// The runs.
    pub runs: Vec<RunRef>,
    /// The results of all runs, run by run. The results of one run are in the order of the rules.
    pub results: Vec<AlertResult>,
    /// A note if there are no runs.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Evaluates rules for one run.
pub fn evaluate_alerts(
    store: &Store,
    run: &str,
    rules: &[AlertRule],
    policy: &AlertPolicy,
) -> Result<AlertReport> {
    store.read(|view| {
        let run = view.find_run(run)?;
        evaluate(view, vec![Arc::new(run)], rules, policy)
    })
}

/// Evaluates rules for all runs that a query selects.
pub fn evaluate_fleet(
    store: &Store,
    rules: &[AlertRule],
    query: &RunListQuery,
    policy: &AlertPolicy,
) -> Result<AlertReport> {
    store.read(|view| {
        let (runs, _) = page_of(view, query)?;
        let is_empty = runs.is_empty();
        let mut report = evaluate(view, runs, rules, policy)?;
        if is_empty {
            let note = CompletenessNote::new(Severity::Info, "alert_population_empty");
            report.completeness_notes.push(note.with("project_name", query.project.clone()));
        }
        Ok(report)
    })
}

fn evaluate(
    view: &StoreView<'_>,
    runs: Vec<Arc<RunRow>>,
    rules: &[AlertRule],
    policy: &AlertPolicy,
) -> Result<AlertReport> {
    let mut report = AlertReport {
        runs: runs.iter().map(|run| run.run_ref.clone()).collect(),
        results: Vec::new(),
        completeness_notes: Vec::new(),
        notes: view.notes(),
    };
    for run in &runs {
        for rule in rules {
            let asked = AskedMetric::new(&rule.metric_key, rule.stage_name.as_deref());
            let asked = asked.with_selection(policy.metric_aggregation);
            let actual_value = asked.value(view, run, &mut report.notes)?;
            let triggered =
                actual_value.as_ref().is_some_and(|actual| rule.operator.holds(actual, &rule.threshold));
            let completeness_notes = match &actual_value {
                None => vec![asked.completeness("alert_metric_missing", run)],
                Some(actual) if actual.as_f64().is_nan() => {
                    vec![asked.completeness("alert_metric_not_a_number", run)]
                }
                Some(_) => Vec::new(),
            };
            report.results.push(AlertResult {
                run_ref: run.run_ref.clone(),
                triggered,
                severity: rule.severity.unwrap_or(policy.default_severity),
                evidence_links: vec![EvidenceLink::new("run", &run.run_ref, &run.name)],
                completeness_notes,
                actual_value,
                rule: rule.clone(),
            });
            if triggered && policy.stop_on_first_trigger {
                return Ok(report);
            }
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_and_severities_of_rules_are_exact_words() {
        let parse = |operator: &str, severity| AlertRule::parse("loss", operator, 0.5.into(), Some(severity));
        assert_eq!(parse("gte", "error").unwrap().operator, Comparison::GreaterOrEqual);
        for operator in ["GT", " gt", ">", ""] {
            assert_eq!(parse(operator, "info").unwrap_err().code(), "alert_invalid_operator", "{operator}");
        }
        assert_eq!(parse("gt", "Error").unwrap_err().code(), "alert_invalid_severity");
    }
}
