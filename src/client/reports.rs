//! Methods of [`Contexta`] that build reports. A report describes the state of the workspace at one position of the
//! log. Calls with the same arguments at the same position return equal reports.

use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::client::policies::report_policy;
use crate::interpretation::report;
use crate::interpretation::{AlertRule, Direction, ReportBuilder, ReportDocument, RunListQuery};

impl Contexta {
    /// Returns a builder of reports. The settings determine the policy of the builder.
    pub fn report_builder(&self) -> ReportBuilder {
        ReportBuilder::new(report_policy(&self.opened.config))
    }

    /// Builds the report on one run: its snapshot and its diagnosis.
    pub fn build_snapshot_report(&self, run: impl AsRef<str>) -> Result<ReportDocument> {
        let policy = self.policies().diagnostics;
        let (snapshot, diagnosis) = self.ask(|store| report::read_snapshot(store, run.as_ref(), &policy))?;
        Ok(self.report_builder().build_snapshot_report(&snapshot, &diagnosis))
    }

    /// Builds the report on two runs: their comparison and their diagnoses.
    pub fn build_run_report(&self, left: impl AsRef<str>, right: impl AsRef<str>) -> Result<ReportDocument> {
        let (policies, runs) = (self.policies(), [left.as_ref(), right.as_ref()]);
        let (comparison, diagnoses) = self
            .ask(|store| report::read_comparison(store, runs, &policies.comparison, &policies.diagnostics))?;
        Ok(self.report_builder().build_run_report(&comparison, &diagnoses))
    }

    /// Builds a report about the runs of a project. The runs are sorted by start, and the oldest run is
    /// first. `project` is the name or the ref of the project. If the project is unknown, the report contains
    /// no runs.
    pub fn build_project_summary_report(&self, project: &str) -> Result<ReportDocument> {
        let runs = self.list_runs(RunListQuery::oldest_first().in_project(project))?;
        Ok(self.report_builder().build_project_summary_report(project, &runs))
    }

    /// Builds the report on the value of a metric over the runs that a query selects.
    pub fn build_trend_report(
        &self,
        metric_key: &str,
        stage: Option<&str>,
        query: impl Into<RunListQuery>,
    ) -> Result<ReportDocument> {
        let trend = self.metric_trend(metric_key, stage, query)?;
        Ok(self.report_builder().build_trend_report(&trend))
    }

    /// Builds the report on the results of alert rules for one run.
    pub fn build_alert_report(&self, run: impl AsRef<str>, rules: &[AlertRule]) -> Result<ReportDocument> {
        let alerts = self.evaluate_alerts(run, rules)?;
        Ok(self.report_builder().build_alert_report(&alerts))
    }

    /// Builds the report on the comparison of several runs.
    pub fn build_multi_run_report(&self, runs: &[String]) -> Result<ReportDocument> {
        let comparison = self.compare_multiple_runs(runs)?;
        Ok(self.report_builder().build_multi_run_report(&comparison))
    }

    /// Builds the report on a walk over the lineage graph.
    pub fn build_lineage_report(
        &self,
        subject: &str,
        direction: Direction,
        depth_max: usize,
    ) -> Result<ReportDocument> {
        let traversal = self.traverse_lineage(subject, direction, depth_max)?;
        Ok(self.report_builder().build_lineage_report(&traversal))
    }

    /// Builds the report on the state of the workspace: projects, runs by status, interrupted runs, and notes on missing
    /// data.
    pub fn build_health_report(&self) -> Result<ReportDocument> {
        let state = self.ask(report::read_workspace)?;
        Ok(self.report_builder().build_health_report(&state))
    }
}
