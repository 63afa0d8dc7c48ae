//! Methods of [`Contexta`] that answer questions. Each method calls a method of a
//! [service](crate::client::services). The settings of the workspace determine the policy of the service.

use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::client::policies::{Policies, alert_rules};
use crate::contract::{ProvenanceRecord, RunRef};
use crate::interpretation::{
    AlertReport, AlertRule, AnomalyQuery, AnomalyReport, AnomalyResult, ArtifactHits, ArtifactSearch,
    ArtifactSizeTrend, BatchList, BestRun, BestRunOptions, CodeDiff, DeploymentList, DiagnosticsResult,
    Direction, DurationTrend, EnvironmentDiff, GroupQuery, History, HistoryQuery, LineagePolicy,
    LineageTraversal, MetricAggregate, MetricBaseline, MetricTrend, MultiRunComparison, ProjectList,
    RecordPage, RecordQuery, ReportComparison, ReportDocument, ReproducibilityAudit, Reproduction,
    RunComparison, RunGroups, RunList, RunListQuery, RunSearch, RunSnapshot, RunStatusDistribution,
    RunSummaryTable, SampleList, StepSeries, StepSeriesQuery,
};
use crate::store::Attempts;

impl Contexta {
    pub(super) fn policies(&self) -> Policies {
        Policies::from(&self.opened.config)
    }

    /// Lists all projects.
    pub fn list_projects(&self) -> Result<ProjectList> {
        self.query().list_projects()
    }

    /// Lists the runs that a query selects. See [`QueryService::list_runs`](crate::services::QueryService::list_runs).
    pub fn list_runs(&self, query: impl Into<RunListQuery>) -> Result<RunList> {
        self.query().list_runs(query)
    }

    /// Lists the deployments of a run. Without a run, lists the deployments of a project. Without a project, lists
    /// all deployments.
    pub fn list_deployments(&self, project: Option<&str>, run: Option<&str>) -> Result<DeploymentList> {
        self.query().list_deployments(project, run)
    }

    /// Lists the batches of a run, or of one of its stages.
    pub fn list_batches(&self, run: impl AsRef<str>, stage: Option<&str>) -> Result<BatchList> {
        self.query().list_batches(run, stage)
    }

    /// Lists the samples of a run, of one of its stages, or of one of its batches.
    pub fn list_samples(
        &self,
        run: impl AsRef<str>,
        stage: Option<&str>,
        batch: Option<&str>,
    ) -> Result<SampleList> {
        self.query().list_samples(run, stage, batch)
    }

    /// Returns a page of the records of a run, in the order in which they were appended.
    pub fn list_records(&self, run: impl AsRef<str>, query: &RecordQuery) -> Result<RecordPage> {
        self.query().list_records(run, query)
    }

    /// Returns the runs in which a text occurs, newest first.
    pub fn search_runs(&self, search: &RunSearch) -> Result<RunList> {
        self.query().search_runs(search)
    }

    /// Returns the artifacts in which a text occurs.
    pub fn search_artifacts(&self, search: &ArtifactSearch) -> Result<ArtifactHits> {
        self.query().search_artifacts(search)
    }

    /// Returns everything known about one run. `run` is the run's ref, its id (the last component of the ref), its
    /// name, or a prefix of its id or name. An id, name or prefix must match only one run.
    pub fn run_snapshot(&self, run: impl AsRef<str>) -> Result<RunSnapshot> {
        self.run_snapshot_of(run, Attempts::Newest)
    }

    /// Returns everything known about one run like [`run_snapshot`](Contexta::run_snapshot). `attempts` determines
    /// whether the summaries contain the metric points that a later attempt superseded.
    pub fn run_snapshot_of(&self, run: impl AsRef<str>, attempts: Attempts) -> Result<RunSnapshot> {
        self.query().run_snapshot(run, attempts)
    }

    /// Returns the newest provenance record of a run, and the ref of the run. A provenance record describes a
    /// lineage edge of the run.
    pub fn run_provenance(&self, run: impl AsRef<str>) -> Result<Option<(ProvenanceRecord, RunRef)>> {
        self.provenance().run_provenance(run)
    }

    /// Returns the snapshot of the run that an artifact belongs to; `None` if there is no such artifact.
    pub fn artifact_origin(&self, artifact: impl AsRef<str>) -> Result<Option<RunSnapshot>> {
        self.query().artifact_origin(artifact)
    }

    /// Returns the points of one metric of a run. If `stage` is `None`, returns the points of all stages and the
    /// points outside any stage.
    pub fn step_series(
        &self,
        run: impl AsRef<str>,
        metric_key: &str,
        stage: Option<&str>,
    ) -> Result<StepSeries> {
        let query = StepSeriesQuery { stage: stage.map(str::to_owned), ..StepSeriesQuery::default() };
        self.step_series_of(run, metric_key, &query)
    }

    /// Returns points of one metric of a run. The query selects the points.
    pub fn step_series_of(
        &self,
        run: impl AsRef<str>,
        metric_key: &str,
        query: &StepSeriesQuery,
    ) -> Result<StepSeries> {
        self.query().step_series(run, metric_key, query)
    }

    /// Compares two runs.
    pub fn compare_runs(&self, left: impl AsRef<str>, right: impl AsRef<str>) -> Result<RunComparison> {
        self.compare().compare_runs(left, right)
    }

    /// Compares several runs.
    pub fn compare_multiple_runs(&self, runs: &[String]) -> Result<MultiRunComparison> {
        self.compare().compare_multiple_runs(runs)
    }

    /// Compares two reports, section by section.
    #[must_use]
    pub fn compare_report_documents(
        &self,
        left: &ReportDocument,
        right: &ReportDocument,
    ) -> ReportComparison {
        self.compare().compare_report_documents(left, right)
    }

    /// Ranks runs by a metric, the best first. See
    /// [`CompareService::select_best_run`](crate::services::CompareService::select_best_run).
    pub fn select_best_run(&self, metric_key: &str, options: BestRunOptions) -> Result<BestRun> {
        self.compare().select_best_run(metric_key, options)
    }

    /// Diagnoses a run.
    pub fn diagnose_run(&self, run: impl AsRef<str>) -> Result<DiagnosticsResult> {
        self.diagnostics().diagnose_run(run)
    }

    /// Walks from a ref of any kind over the lineage graph. The edges of the ref itself have depth 0. Edges deeper
    /// than `depth_max` are not part of the answer. If `depth_max` is `None`, the depth is not limited. An answer has
    /// at most [`TRAVERSAL_MAX`](crate::interpretation::lineage::TRAVERSAL_MAX) refs, and at most the same number of
    /// edges.
    pub fn traverse_lineage(
        &self,
        subject: &str,
        direction: Direction,
        depth_max: impl Into<Option<usize>>,
    ) -> Result<LineageTraversal> {
        let policy = LineagePolicy { direction, depth_max: depth_max.into() };
        self.lineage().with_policy(policy).traverse_lineage(subject)
    }

    /// Returns the value of a metric in each run of a population.
    pub fn metric_trend(
        &self,
        metric_key: &str,
        stage: Option<&str>,
        query: impl Into<RunListQuery>,
    ) -> Result<MetricTrend> {
        self.trend().metric_trend(metric_key, stage, query)
    }

    /// Returns the duration of a stage in each run of a population.
    pub fn stage_duration_trend(&self, stage: &str, query: impl Into<RunListQuery>) -> Result<DurationTrend> {
        self.trend().stage_duration_trend(stage, query)
    }

    /// Returns the sizes of the artifacts of a kind in each run of a population.
    pub fn artifact_size_trend(
        &self,
        kind: &str,
        query: impl Into<RunListQuery>,
    ) -> Result<ArtifactSizeTrend> {
        self.trend().artifact_size_trend(kind, query)
    }

    /// Returns statistics of a metric for the runs that a query selects. Each run contributes one value.
    pub fn aggregate_metric(
        &self,
        metric_key: &str,
        stage: Option<&str>,
        query: impl Into<RunListQuery>,
    ) -> Result<MetricAggregate> {
        self.aggregation().aggregate_metric(metric_key, stage, query)
    }

    /// Returns statistics of metric points, grouped by stage and metric. `query` selects runs. The
    /// statistics contain all metric points of the selected runs.
    pub fn aggregate_by_stage(&self, query: impl Into<RunListQuery>) -> Result<RunSummaryTable> {
        self.aggregation().aggregate_by_stage(query)
    }

    /// Returns the number of runs with each status.
    pub fn run_status_distribution(&self, query: impl Into<RunListQuery>) -> Result<RunStatusDistribution> {
        self.aggregation().run_status_distribution(query)
    }

    /// Computes the baseline of a metric over the runs that a query selects.
    pub fn compute_baseline(
        &self,
        metric_key: &str,
        stage: Option<&str>,
        query: impl Into<RunListQuery>,
    ) -> Result<MetricBaseline> {
        self.anomaly().compute_baseline(metric_key, stage, query)
    }

    /// Compares the value of a run with a baseline; `None` if the run does not have the metric.
    pub fn detect_anomaly(
        &self,
        run: impl AsRef<str>,
        baseline: &MetricBaseline,
        stage: Option<&str>,
    ) -> Result<Option<AnomalyResult>> {
        self.anomaly().detect_anomaly(run, baseline, stage)
    }

    /// Compares the metrics of a run with the metrics of earlier runs.
    pub fn detect_anomalies_in_run(
        &self,
        run: impl AsRef<str>,
        query: &AnomalyQuery,
    ) -> Result<AnomalyReport> {
        self.anomaly().detect_anomalies_in_run(run, query)
    }

    /// Returns the alert rules of the setting `interpretation.alert.rules`.
    #[must_use]
    pub fn alert_rules(&self) -> Vec<AlertRule> {
        alert_rules(&self.opened.config)
    }

    /// Evaluates alert rules for one run.
    pub fn evaluate_alerts(&self, run: impl AsRef<str>, rules: &[AlertRule]) -> Result<AlertReport> {
        self.alert().evaluate_alerts(run, rules)
    }

    /// Evaluates alert rules for all runs that a query selects.
    pub fn evaluate_alerts_fleet(
        &self,
        rules: &[AlertRule],
        query: impl Into<RunListQuery>,
    ) -> Result<AlertReport> {
        self.alert().evaluate_alerts_fleet(rules, query)
    }

    /// Checks the reproducibility of a run.
    pub fn audit_reproducibility(&self, run: impl AsRef<str>) -> Result<ReproducibilityAudit> {
        self.provenance().audit_reproducibility(run)
    }

    /// Compares the newest environments of two runs.
    pub fn compare_environments(
        &self,
        left: impl AsRef<str>,
        right: impl AsRef<str>,
    ) -> Result<EnvironmentDiff> {
        self.provenance().compare_environments(left, right)
    }

    /// Returns a page of the entries of the log about an object, ordered by stamp. See
    /// [`QueryService::history`](crate::services::QueryService::history). Error: no fact is about the object.
    pub fn history(&self, subject: impl AsRef<str>, query: &HistoryQuery) -> Result<History> {
        self.query().history(subject, query)
    }

    /// Compares several runs with a baseline run. See
    /// [`CompareService::compare_with_baseline`](crate::services::CompareService::compare_with_baseline).
    pub fn compare_with_baseline(
        &self,
        runs: &[String],
        baseline: impl AsRef<str>,
    ) -> Result<MultiRunComparison> {
        self.compare().compare_with_baseline(runs, baseline)
    }

    /// Returns statistics of a metric over groups of runs, such as the seeds of one configuration. See
    /// [`AggregationService::group_by`](crate::services::AggregationService::group_by).
    pub fn group_by(&self, metric_key: &str, query: &GroupQuery) -> Result<RunGroups> {
        self.aggregation().group_by(metric_key, query)
    }

    /// Compares the code of two runs, and returns the differences in the unified format. The revision, the
    /// branch and the uncommitted change are compared.
    pub fn diff_code(&self, left: impl AsRef<str>, right: impl AsRef<str>) -> Result<CodeDiff> {
        self.provenance().diff_code(left, right)
    }

    /// Returns the commands that reproduce a run in a clone of its git repository. See
    /// [`ProvenanceService::reproduce_run`](crate::services::ProvenanceService::reproduce_run).
    pub fn reproduce_run(&self, run: impl AsRef<str>, directory: Option<&str>) -> Result<Reproduction> {
        self.provenance().reproduce_run(run, directory)
    }
}
