//! A builder of reports about the results of queries: [`ReportBuilder`].

use crate::interpretation::alert::AlertReport;
use crate::interpretation::compare::{MultiRunComparison, RunComparison};
use crate::interpretation::diagnostics::DiagnosticsResult;
use crate::interpretation::lineage::LineageTraversal;
use crate::interpretation::query::{RunList, RunSnapshot};
use crate::interpretation::report::alert::alert_report;
use crate::interpretation::report::comparison::{Diagnoses, diagnosed_comparison_report};
use crate::interpretation::report::health::{WorkspaceState, health_report};
use crate::interpretation::report::lineage::lineage_report;
use crate::interpretation::report::many::many_runs_report;
use crate::interpretation::report::model::ReportDocument;
use crate::interpretation::report::policy::ReportPolicy;
use crate::interpretation::report::project::project_report;
use crate::interpretation::report::snapshot::diagnosed_snapshot_report;
use crate::interpretation::report::trend::trend_report;
use crate::interpretation::trend::MetricTrend;

/// A builder of reports about the results of queries. Equal results give equal reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct ReportBuilder {
    policy: ReportPolicy,
}

impl ReportBuilder {
    /// Creates a builder with this policy.
    pub fn new(policy: ReportPolicy) -> ReportBuilder {
        ReportBuilder { policy }
    }

    /// Replaces the policy.
    pub fn with_policy(self, policy: ReportPolicy) -> ReportBuilder {
        ReportBuilder { policy }
    }

    /// Builds a report about one run. The report contains the snapshot and the diagnosis of the run.
    #[must_use]
    pub fn build_snapshot_report(
        &self,
        snapshot: &RunSnapshot,
        diagnosis: &DiagnosticsResult,
    ) -> ReportDocument {
        diagnosed_snapshot_report(snapshot, diagnosis, &self.policy)
    }

    /// Builds a report about two runs. The report contains the comparison and the diagnoses of the runs.
    #[must_use]
    pub fn build_run_report(&self, comparison: &RunComparison, diagnoses: &Diagnoses) -> ReportDocument {
        diagnosed_comparison_report(comparison, diagnoses, &self.policy)
    }

    /// Builds a report about the runs of a project. `project` is the name or the ref of the project.
    #[must_use]
    pub fn build_project_summary_report(&self, project: &str, runs: &RunList) -> ReportDocument {
        project_report(project, runs, &self.policy)
    }

    /// Builds a report about the value of a metric over runs.
    #[must_use]
    pub fn build_trend_report(&self, trend: &MetricTrend) -> ReportDocument {
        trend_report(trend, &self.policy)
    }

    /// Builds a report about the results of alert rules.
    #[must_use]
    pub fn build_alert_report(&self, alerts: &AlertReport) -> ReportDocument {
        alert_report(alerts, &self.policy)
    }

    /// Builds a report about the comparison of several runs.
    #[must_use]
    pub fn build_multi_run_report(&self, comparison: &MultiRunComparison) -> ReportDocument {
        many_runs_report(comparison, &self.policy)
    }

    /// Builds a report about a walk over the lineage graph.
    #[must_use]
    pub fn build_lineage_report(&self, traversal: &LineageTraversal) -> ReportDocument {
        lineage_report(traversal, &self.policy)
    }

    /// Builds a report about the state of a workspace.
    #[must_use]
    pub fn build_health_report(&self, state: &WorkspaceState) -> ReportDocument {
        health_report(state, &self.policy)
    }
}
