//! Methods of [`Contexta`] that answer questions. The settings of the workspace determine the policies of the services.

use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::client::policies::Policies;
use crate::contract::{ProvenanceRecord, RunRef};
use crate::interpretation::aggregation;
use crate::interpretation::alert;
use crate::interpretation::anomaly;
use crate::interpretation::compare::{best, documents, many, two};
use crate::interpretation::diagnostics;
use crate::interpretation::lineage;
use crate::interpretation::provenance::{audit, environment};
use crate::interpretation::query::{listing, record_page, run_list, search, series, snapshot};
use crate::interpretation::trend::{artifact_size_trend, metric_trend, stage_duration_trend};
use crate::interpretation::{
    AlertReport, AlertRule, AnomalyQuery, AnomalyReport, AnomalyResult, ArtifactHits, ArtifactSearch,
    ArtifactSizeTrend, BatchList, BestRun, BestRunOptions, DeploymentList, DiagnosticsResult, Direction,
    Directions, DurationTrend, EnvironmentDiff, LineageTraversal, MetricAggregate, MetricBaseline,
    MetricTrend, MultiRunComparison, ProjectList, RecordPage, RecordQuery, ReportComparison, ReportDocument,
    ReproducibilityAudit, RunComparison, RunList, RunListQuery, RunSearch, RunSnapshot,
    RunStatusDistribution, RunSummaryTable, SampleList, StepSeries, StepSeriesQuery,
};
use crate::store::Attempts;

impl Contexta {
    pub(super) fn policies(&self) -> Policies {
        Policies::from(&self.opened.config)
    }

    /// Returns the directions in which metrics improve.
    fn directions(&self) -> Directions {
        Directions::default()
    }

    /// Lists all projects.
    pub fn list_projects(&self) -> Result<ProjectList> {
        self.ask(listing::list_projects)
    }

    /// Lists the runs that a query selects. The default query selects all runs, newest first. `Some(project)` can be
    /// passed as the query for the runs of one project, and `None` as the query for the runs of all projects.
    pub fn list_runs(&self, query: impl Into<RunListQuery>) -> Result<RunList> {
        let query = query.into();
        self.ask(|store| run_list::list_runs(store, &query))
    }

    /// Lists the deployments of a run. Without a run, lists the deployments of a project. Without a project, lists
    /// all deployments.
    pub fn list_deployments(&self, project: Option<&str>, run: Option<&str>) -> Result<DeploymentList> {
        self.ask(|store| listing::list_deployments(store, project, run))
    }

    /// Lists the batches of a run, or of one of its stages.
    pub fn list_batches(&self, run: impl AsRef<str>, stage: Option<&str>) -> Result<BatchList> {
        self.ask(|store| listing::list_batches(store, run.as_ref(), stage))
    }

    /// Lists the samples of a run, of one of its stages, or of one of its batches.
    pub fn list_samples(
        &self,
        run: impl AsRef<str>,
        stage: Option<&str>,
        batch: Option<&str>,
    ) -> Result<SampleList> {
        self.ask(|store| listing::list_samples(store, run.as_ref(), stage, batch))
    }

    /// Returns a page of the records of a run, in the order in which they were appended.
    pub fn list_records(&self, run: impl AsRef<str>, query: &RecordQuery) -> Result<RecordPage> {
        self.ask(|store| record_page::list_records(store, run.as_ref(), query))
    }

    /// Returns the runs in which a text occurs, newest first.
    pub fn search_runs(&self, search: &RunSearch) -> Result<RunList> {
        let policy = self.policies().search;
        self.ask(|store| search::search_runs(store, search, &policy))
    }

    /// Returns the artifacts in which a text occurs.
    pub fn search_artifacts(&self, search: &ArtifactSearch) -> Result<ArtifactHits> {
        let policy = self.policies().search;
        self.ask(|store| search::search_artifacts(store, search, &policy))
    }

    /// Returns everything known about one run. `run` is the run's ref, its id (the last component of the ref), its
    /// name, or a prefix of its id or name. An id, name or prefix must match only one run.
    pub fn run_snapshot(&self, run: impl AsRef<str>) -> Result<RunSnapshot> {
        self.run_snapshot_of(run, Attempts::Newest)
    }

    /// Returns everything known about one run like [`run_snapshot`](Contexta::run_snapshot). `attempts` determines
    /// whether the summaries contain the metric points that a later attempt superseded.
    pub fn run_snapshot_of(&self, run: impl AsRef<str>, attempts: Attempts) -> Result<RunSnapshot> {
        self.ask(|store| snapshot::run_snapshot(store, run.as_ref(), attempts))
    }

    /// Returns the newest of the provenance records about the lineage edges of a run, and the ref of the run.
    pub fn provenance(&self, run: impl AsRef<str>) -> Result<Option<(ProvenanceRecord, RunRef)>> {
        self.ask(|store| audit::provenance(store, run.as_ref()))
    }

    /// Returns the snapshot of the run that an artifact belongs to; `None` if there is no such artifact.
    pub fn artifact_origin(&self, artifact: impl AsRef<str>) -> Result<Option<RunSnapshot>> {
        self.ask(|store| snapshot::artifact_origin(store, artifact.as_ref()))
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

    /// Returns the points that a query selects among the points of one metric of a run.
    pub fn step_series_of(
        &self,
        run: impl AsRef<str>,
        metric_key: &str,
        query: &StepSeriesQuery,
    ) -> Result<StepSeries> {
        self.ask(|store| series::step_series(store, run.as_ref(), metric_key, query))
    }

    /// Compares two runs.
    pub fn compare_runs(&self, left: impl AsRef<str>, right: impl AsRef<str>) -> Result<RunComparison> {
        let policy = self.policies().comparison;
        self.ask(|store| two::compare_runs(store, left.as_ref(), right.as_ref(), &policy))
    }

    /// Compares several runs.
    pub fn compare_multiple_runs(&self, runs: &[String]) -> Result<MultiRunComparison> {
        let policy = self.policies().comparison;
        let directions = self.directions();
        self.ask(|store| many::compare_many(store, runs, &policy, &directions))
    }

    /// Compares two reports, section by section.
    #[must_use]
    pub fn compare_report_documents(
        &self,
        left: &ReportDocument,
        right: &ReportDocument,
    ) -> ReportComparison {
        documents::compare_reports(left, right)
    }

    /// Ranks runs by a metric, the best first. If the options name no runs, all runs of the project in the options are
    /// ranked. If the options name neither runs nor a project, all runs of the session's project are ranked.
    pub fn select_best_run(&self, metric_key: &str, options: BestRunOptions) -> Result<BestRun> {
        let project = options.project.or_else(|| Some(self.session.project_ref().to_string()));
        let options = BestRunOptions { project, ..options };
        self.ask(|store| best::select_best_run(store, metric_key, &options))
    }

    /// Diagnoses a run.
    pub fn diagnose_run(&self, run: impl AsRef<str>) -> Result<DiagnosticsResult> {
        let policy = self.policies().diagnostics;
        self.ask(|store| diagnostics::diagnose_run(store, run.as_ref(), &policy))
    }

    /// Walks from a ref of any kind over the lineage graph. The edges of the ref itself have depth 0. Edges deeper
    /// than `depth_max` are not part of the answer. If `depth_max` is `None`, the depth is not limited. An answer has
    /// at most [`TRAVERSAL_MAX`](lineage::TRAVERSAL_MAX) refs, and at most the same number of edges.
    pub fn traverse_lineage(
        &self,
        subject: &str,
        direction: Direction,
        depth_max: impl Into<Option<usize>>,
    ) -> Result<LineageTraversal> {
        let depth_max = depth_max.into();
        self.ask(|store| lineage::traverse_lineage(store, subject, direction, depth_max))
    }

    /// Returns the value of a metric in each run of a population.
    pub fn metric_trend(
        &self,
        metric_key: &str,
        stage: Option<&str>,
        query: impl Into<RunListQuery>,
    ) -> Result<MetricTrend> {
        let (policy, query) = (self.policies().trend, query.into());
        self.ask(|store| metric_trend(store, metric_key, stage, &query, &policy))
    }

    /// Returns the duration of a stage in each run of a population.
    pub fn stage_duration_trend(&self, stage: &str, query: impl Into<RunListQuery>) -> Result<DurationTrend> {
        let (policy, query) = (self.policies().trend, query.into());
        self.ask(|store| stage_duration_trend(store, stage, &query, &policy))
    }

    /// Returns the sizes of the artifacts of a kind in each run of a population.
    pub fn artifact_size_trend(
        &self,
        kind: &str,
        query: impl Into<RunListQuery>,
    ) -> Result<ArtifactSizeTrend> {
        let (policy, query) = (self.policies().trend, query.into());
        self.ask(|store| artifact_size_trend(store, kind, &query, &policy))
    }

    /// Returns statistics of a metric over the runs that a query selects. Each run contributes one value.
    pub fn aggregate_metric(
        &self,
        metric_key: &str,
        stage: Option<&str>,
        query: impl Into<RunListQuery>,
    ) -> Result<MetricAggregate> {
        let (policy, query) = (self.policies().trend, query.into());
        self.ask(|store| aggregation::aggregate_metric(store, metric_key, stage, &query, &policy))
    }

    /// Returns statistics of metric points, grouped by stage and metric. All metric points of the runs that a query
    /// selects are used.
    pub fn aggregate_by_stage(&self, query: impl Into<RunListQuery>) -> Result<RunSummaryTable> {
        let query = query.into();
        self.ask(|store| aggregation::aggregate_by_stage(store, &query))
    }

    /// Returns the number of runs with each status.
    pub fn run_status_distribution(&self, query: impl Into<RunListQuery>) -> Result<RunStatusDistribution> {
        let query = query.into();
        self.ask(|store| aggregation::run_status_distribution(store, &query))
    }

    /// Computes the baseline of a metric over the runs that a query selects.
    pub fn compute_baseline(
        &self,
        metric_key: &str,
        stage: Option<&str>,
        query: impl Into<RunListQuery>,
    ) -> Result<MetricBaseline> {
        let (policy, query) = (self.policies().anomaly, query.into());
        self.ask(|store| anomaly::compute_baseline(store, metric_key, stage, &query, &policy))
    }

    /// Compares the value of a run with a baseline; `None` if the run does not have the metric.
    pub fn detect_anomaly(
        &self,
        run: impl AsRef<str>,
        baseline: &MetricBaseline,
        stage: Option<&str>,
    ) -> Result<Option<AnomalyResult>> {
        let policy = self.policies().anomaly;
        self.ask(|store| anomaly::detect_anomaly(store, run.as_ref(), baseline, stage, &policy))
    }

    /// Compares the metrics of a run with the metrics of earlier runs.
    pub fn detect_anomalies_in_run(
        &self,
        run: impl AsRef<str>,
        query: &AnomalyQuery,
    ) -> Result<AnomalyReport> {
        let policy = self.policies().anomaly;
        self.ask(|store| anomaly::detect_anomalies_in_run(store, run.as_ref(), query, &policy))
    }

    /// Evaluates alert rules for one run.
    pub fn evaluate_alerts(&self, run: impl AsRef<str>, rules: &[AlertRule]) -> Result<AlertReport> {
        let policy = self.policies().alert;
        self.ask(|store| alert::evaluate_alerts(store, run.as_ref(), rules, &policy))
    }

    /// Evaluates alert rules for all runs that a query selects.
    pub fn evaluate_alerts_fleet(
        &self,
        rules: &[AlertRule],
        query: impl Into<RunListQuery>,
    ) -> Result<AlertReport> {
        let (policy, query) = (self.policies().alert, query.into());
        self.ask(|store| alert::evaluate_fleet(store, rules, &query, &policy))
    }

    /// Checks the reproducibility of a run.
    pub fn audit_reproducibility(&self, run: impl AsRef<str>) -> Result<ReproducibilityAudit> {
        self.ask(|store| audit::audit_reproducibility(store, run.as_ref()))
    }

    /// Compares the newest environments of two runs.
    pub fn compare_environments(
        &self,
        left: impl AsRef<str>,
        right: impl AsRef<str>,
    ) -> Result<EnvironmentDiff> {
        self.ask(|store| environment::compare_environments(store, left.as_ref(), right.as_ref()))
    }
}
