"""The reading methods of the facade."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contexta.interpretation import (
    AggregationService,
    AlertList,
    AlertReport,
    AlertRule,
    AlertService,
    AnomalyList,
    AnomalyService,
    ArtifactRecord,
    ArtifactSizeTrend,
    BatchRecord,
    BestRun,
    CodeDiff,
    CompareService,
    CompositeRepository,
    DeploymentRecord,
    DiagnosticsResult,
    DiagnosticsService,
    DurationTrend,
    EnvironmentDiff,
    History,
    LineageService,
    LineageTraversal,
    Listing,
    MetricAggregate,
    MetricCondition,
    MetricTrend,
    MultiRunComparison,
    ObservationRecord,
    ProjectList,
    ProvenanceService,
    ProvenanceView,
    QueryService,
    ReportBuilder,
    ReportComparison,
    ReportDocument,
    ReproducibilityAudit,
    Reproduction,
    RunComparison,
    RunGroups,
    RunList,
    RunListQuery,
    RunSnapshot,
    RunStatusDistribution,
    RunSummaryTable,
    SampleRecord,
    StepSeries,
    TimeRange,
    TrendService,
)
from contexta.interpretation._queries import plain_query
from contexta.interpretation._services import _text, _texts, plain_rules

if TYPE_CHECKING:
    from contexta.config import UnifiedConfig


class Reading:
    """The reading methods of :class:`contexta.Contexta`.

    A run is specified by its ref (``run:project.id``), its id, its name, or a prefix of the id or name that matches
    only one run.
    """

    _native: Any
    _config: UnifiedConfig

    # Services.

    @property
    def repository(self) -> CompositeRepository:
        """The rows of the workspace: projects, runs, and the parts of runs."""
        return CompositeRepository(self)

    @property
    def query_service(self) -> QueryService:
        """The service that lists, searches and shows captured data."""
        return QueryService(self.repository)

    @property
    def compare_service(self) -> CompareService:
        """The service that compares and ranks runs."""
        return CompareService(self.query_service)

    @property
    def diagnostics_service(self) -> DiagnosticsService:
        """The service that diagnoses runs."""
        return DiagnosticsService(self.query_service)

    @property
    def lineage_service(self) -> LineageService:
        """The service that walks over the lineage graph."""
        return LineageService(self.query_service)

    @property
    def trend_service(self) -> TrendService:
        """The service that shows how values change over steps and from run to run."""
        return TrendService(self.query_service)

    @property
    def alert_service(self) -> AlertService:
        """The service that evaluates alert rules."""
        return AlertService(self.query_service, metric_aggregation=self._aggregation())

    @property
    def provenance_service(self) -> ProvenanceService:
        """The service that answers questions about the origin and the reproducibility of runs."""
        return ProvenanceService(self.query_service)

    @property
    def aggregation_service(self) -> AggregationService:
        """The service that computes statistics over several runs."""
        return AggregationService(self.query_service, metric_aggregation=self._aggregation())

    @property
    def anomaly_service(self) -> AnomalyService:
        """The service that detects values that are far from the values of other runs."""
        policy = self._config.interpretation.anomaly
        return AnomalyService(
            self.query_service,
            z_score_threshold=policy.z_score_threshold,
            min_baseline_runs=policy.min_baseline_runs,
            metric_aggregation=self._aggregation(),
            monitored_metrics=tuple(policy.monitored_metrics),
        )

    @property
    def report_builder(self) -> ReportBuilder:
        """The builder of reports."""
        return ReportBuilder(config=self._config.interpretation.reports, workspace=self._native)

    def _aggregation(self) -> str:
        return str(self._config.interpretation.trend.metric_aggregation)

    def as_of(self, time: str | datetime.datetime | datetime.date) -> Reading:
        """Returns a read-only view of the workspace as of a time. Later entries of the log are ignored.

        ``time`` is a time as ISO text or ``datetime``, a date (the end of the day in UTC), or the stamp of an entry of
        the log (``time:stream:sequence``).
        """
        if isinstance(time, datetime.datetime):
            time = time.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds")
        view = Reading.__new__(Reading)
        view._native = self._native.as_of(time if isinstance(time, str) else time.isoformat())
        view._config = self._config
        return view

    def __repr__(self) -> str:
        return f"<view of {self._native.root}>"

    # Lists.

    def list_projects(self) -> ProjectList:
        """Returns the names of all projects."""
        return self.query_service.list_projects()

    def list_runs(
        self,
        project_name: str | None = None,
        *,
        status: str | None = None,
        tags: Mapping[str, str] | None = None,
        metric_conditions: Sequence[MetricCondition] = (),
        time_range: TimeRange | None = None,
        limit: int | None = None,
        offset: int = 0,
        sort_by: str = "started_at",
        sort_desc: bool = True,
        query: RunListQuery | None = None,
        filter: str | None = None,
        archived: str = "exclude",
        baseline: str | None = None,
    ) -> RunList:
        """Returns the runs that fit all conditions; by default the newest first.

        Without ``project_name``, the runs of all projects are listed. ``tags`` are tags that a run must have.
        ``time_range`` must contain the start of a run. ``sort_by`` is started_at, ended_at, name, status, duration,
        ``metrics.KEY`` or ``params.NAME``. ``filter`` is a condition such as ``metrics.loss < 0.3``. With ``query``,
        the other arguments are ignored, except ``project_name`` if the query has no project.

        The result is a tuple of runs with further attributes: ``total`` is the number of runs without the limit,
        ``next_offset`` is the offset of the next runs, and ``notes`` report missing or unusual data.
        """
        if query is None:
            query = RunListQuery(
                status=status,
                tags=tags,
                time_range=time_range,
                metric_conditions=tuple(metric_conditions),
                limit=limit,
                offset=offset,
                sort_by=sort_by,
                sort_desc=sort_desc,
                filter=filter,
                archived=archived,
                baseline=baseline,
            )
        return self.query_service.list_runs(project_name, query=query)

    def list_deployments(
        self, project_name: str | None = None, *, run_id: str | None = None
    ) -> Listing[DeploymentRecord]:
        """Returns the deployments of a run, of a project, or of all projects."""
        return self.query_service.list_deployments(project_name, run_id=run_id)

    def list_batches(self, run_id: str, *, stage_id: str | None = None) -> Listing[BatchRecord]:
        """Returns the batches of a run or stage."""
        return self.query_service.list_batches(run_id, stage_id=stage_id)

    def list_samples(
        self, run_id: str, *, stage_id: str | None = None, batch_id: str | None = None
    ) -> Listing[SampleRecord]:
        """Returns the samples of a run, stage or batch."""
        return self.query_service.list_samples(run_id, stage_id=stage_id, batch_id=batch_id)

    def list_records(
        self,
        run_id: str,
        *,
        stage_id: str | None = None,
        record_type: str | None = None,
        offset: int = 0,
        limit: int = 1000,
    ) -> Listing[ObservationRecord]:
        """Returns records of a run in the order in which they were appended. ``record_type`` is event, metric, span or
        degraded.
        """
        return self.query_service.list_records(
            run_id, stage_id=stage_id, record_type=record_type, offset=offset, limit=limit
        )

    def search_runs(
        self, text: str, *, project_name: str | None = None, status: str | None = None, limit: int | None = None
    ) -> RunList:
        """Returns the runs in which a text occurs, the newest first."""
        return self.query_service.search_runs(text, project_name=project_name, status=status, limit=limit)

    def search_artifacts(
        self, text: str, *, kind: str | None = None, limit: int | None = None
    ) -> Listing[ArtifactRecord]:
        """Returns the artifacts whose ref, kind or location contains a text."""
        return self.query_service.search_artifacts(text, kind=kind, limit=limit)

    # One run.

    def get_run_snapshot(self, run_id: str, *, all_attempts: bool = False) -> RunSnapshot:
        """Returns everything known about a run."""
        return self.query_service.get_run_snapshot(run_id, all_attempts=all_attempts)

    def get_provenance(self, run_id: str) -> ProvenanceView | None:
        """Returns the newest provenance of a run; ``None`` if the run has none."""
        return self.query_service.get_provenance(run_id)

    def get_artifact_origin(self, artifact_ref: str) -> RunSnapshot | None:
        """Returns the snapshot of the run that an artifact belongs to; ``None`` if there is no such artifact."""
        return self.query_service.get_artifact_origin(artifact_ref)

    def diagnose_run(self, run_id: str) -> DiagnosticsResult:
        """Returns the problems of a run, such as stages without metrics, degraded records, and non-finite values."""
        return self.diagnostics_service.diagnose_run(run_id)

    def get_history(self, subject_ref: str, *, offset: int = 0, limit: int = 1000) -> History:
        """Returns entries of the log about an object, in the order in which they were made."""
        return self.query_service.get_history(subject_ref, offset=offset, limit=limit)

    # Comparisons.

    def compare_runs(self, left_run_id: str, right_run_id: str) -> RunComparison:
        """Compares two runs."""
        return self.compare_service.compare_runs(left_run_id, right_run_id)

    def compare_multiple_runs(self, run_ids: Sequence[str]) -> MultiRunComparison:
        """Compares two or more runs."""
        return self.compare_service.compare_multiple_runs(run_ids)

    def compare_with_baseline(self, run_ids: Sequence[str], baseline_run_id: str) -> MultiRunComparison:
        """Compares several runs with a baseline run."""
        return self.compare_service.compare_with_baseline(run_ids, baseline_run_id)

    def compare_report_documents(self, left: ReportDocument, right: ReportDocument) -> ReportComparison:
        """Compares two reports, section by section."""
        return self.compare_service.compare_report_documents(left, right)

    def select_best_run(
        self,
        run_ids: Sequence[str],
        metric_key: str,
        *,
        stage_name: str | None = None,
        higher_is_better: bool = True,
    ) -> str | None:
        """Returns the run of ``run_ids`` with the best value of a metric; ``None`` if no run has the metric.

        Without ``stage_name``, the values of all stages and the values outside any stage are used.
        """
        return self.compare_service.select_best_run(
            run_ids, metric_key, stage_name=stage_name, higher_is_better=higher_is_better
        )

    def rank_runs(
        self,
        metric_key: str,
        *,
        run_ids: Sequence[str] | None = None,
        project_name: str | None = None,
        stage_name: str | None = None,
        higher_is_better: bool = True,
    ) -> BestRun:
        """Ranks runs by a metric, the best first. Without ``run_ids``, all runs of the project are ranked."""
        return self.compare_service.rank_runs(
            metric_key,
            run_ids=run_ids,
            project_name=project_name,
            stage_name=stage_name,
            higher_is_better=higher_is_better,
        )

    # Lineage and provenance.

    def traverse_lineage(
        self, subject_ref: str, *, direction: str | None = None, max_depth: int | None = None
    ) -> LineageTraversal:
        """Walks from an object over the lineage graph.

        ``direction`` is upstream (to origins), downstream, inbound or outbound; ``None`` for both. Without
        ``max_depth``, the depth is not limited.
        """
        return self.lineage_service.traverse_lineage(subject_ref, direction=direction, max_depth=max_depth)

    def audit_reproducibility(self, run_id: str) -> ReproducibilityAudit:
        """Checks which of the data that is needed to repeat a run was recorded."""
        return self.provenance_service.audit_reproducibility(run_id)

    def compare_environments(self, left_run_id: str, right_run_id: str) -> EnvironmentDiff:
        """Compares the newest environments of two runs."""
        return self.provenance_service.compare_environments(left_run_id, right_run_id)

    def diff_code(self, left_run_id: str, right_run_id: str) -> CodeDiff:
        """Compares the code of two runs."""
        return self.provenance_service.diff_code(left_run_id, right_run_id)

    def reproduce_run(self, run_id: str, *, directory: str | None = None) -> Reproduction:
        """Returns the commands that reproduce a run in a clone of its git repository."""
        return self.provenance_service.reproduce_run(run_id, directory=directory)

    # Trends and statistics.

    def get_metric_trend(
        self,
        metric_key: str,
        *,
        project_name: str | None = None,
        stage_name: str | None = None,
        query: RunListQuery | None = None,
    ) -> MetricTrend:
        """Returns the value of a metric in each run that a query selects. Without a query, the oldest run is first."""
        return self.trend_service.get_metric_trend(
            metric_key, query=query, project_name=project_name, stage_name=stage_name
        )

    def get_step_series(
        self,
        run_id: str,
        metric_key: str,
        *,
        stage_id: str | None = None,
        stage_name: str | None = None,
        points_max: int | None = None,
        smoothing: float | None = None,
        all_attempts: bool = False,
    ) -> StepSeries:
        """Returns the points of a metric of a run. Without a stage, the points of all stages are returned.

        ``points_max`` limits the number of points: the ends and extremes of ranges of steps are kept. ``smoothing`` is
        the weight of a debiased exponential average, from 0 to less than 1.
        """
        return self.trend_service.get_step_series(
            run_id,
            metric_key,
            stage_id=stage_id,
            stage_name=stage_name,
            points_max=points_max,
            smoothing=smoothing,
            all_attempts=all_attempts,
        )

    def get_stage_duration_trend(
        self, stage_name: str, *, project_name: str | None = None, query: RunListQuery | None = None
    ) -> DurationTrend:
        """Returns the duration of a stage in each run that a query selects."""
        return self.trend_service.get_stage_duration_trend(stage_name, query=query, project_name=project_name)

    def get_artifact_size_trend(
        self, artifact_kind: str, *, project_name: str | None = None, query: RunListQuery | None = None
    ) -> ArtifactSizeTrend:
        """Returns the sizes of the artifacts of a kind in each run that a query selects."""
        return self.trend_service.get_artifact_size_trend(artifact_kind, query=query, project_name=project_name)

    def aggregate_metric(
        self,
        metric_key: str,
        *,
        project_name: str | None = None,
        stage_name: str | None = None,
        query: RunListQuery | None = None,
    ) -> MetricAggregate:
        """Returns statistics of a metric over the runs that a query selects. Each run contributes one value."""
        return self.aggregation_service.aggregate_metric(
            metric_key, query=query, project_name=project_name, stage_name=stage_name
        )

    def aggregate_by_stage(
        self, *, project_name: str | None = None, query: RunListQuery | None = None
    ) -> RunSummaryTable:
        """Returns statistics of all metric points of the selected runs, by stage and metric."""
        return self.aggregation_service.aggregate_by_stage(query=query, project_name=project_name)

    def run_status_distribution(
        self, *, project_name: str | None = None, query: RunListQuery | None = None
    ) -> RunStatusDistribution:
        """Returns the number of runs with each status."""
        return self.aggregation_service.run_status_distribution(query=query, project_name=project_name)

    def group_by(
        self,
        metric_key: str,
        by: Sequence[str] | str,
        *,
        project_name: str | None = None,
        stage_name: str | None = None,
        query: RunListQuery | None = None,
        curve_points_max: int | None = None,
    ) -> RunGroups:
        """Returns statistics of a metric over groups of runs, such as the seeds of each configuration.

        The runs of a group have equal values in the columns ``by``: ``params.NAME``, ``tags.NAME``, ``name``,
        ``status`` or ``project``.
        """
        return self.aggregation_service.group_by(
            metric_key,
            by,
            query=query,
            project_name=project_name,
            stage_name=stage_name,
            curve_points_max=curve_points_max,
        )

    # Alerts and anomalies.

    def evaluate_alerts(self, run_id: str, rules: Sequence[AlertRule]) -> AlertList:
        """Evaluates alert rules for one run, and returns one result for each rule."""
        return self.alert_service.evaluate_alerts(run_id, rules)

    def evaluate_alerts_fleet(
        self,
        rules: Sequence[AlertRule],
        *,
        project_name: str | None = None,
        query: RunListQuery | None = None,
    ) -> AlertReport:
        """Evaluates alert rules for all runs that a query selects."""
        return self.alert_service.evaluate_alerts_fleet(rules, query=query, project_name=project_name)

    def alert_rules(self) -> tuple[AlertRule, ...]:
        """Returns the alert rules of the settings."""
        return tuple(AlertRule(*rule) for rule in self._native.alert_rules())

    def detect_anomalies_in_run(
        self,
        run_id: str,
        *,
        baseline_query: RunListQuery | None = None,
        metric_keys: tuple[str, ...] | None = None,
        stage_name: str | None = None,
    ) -> AnomalyList:
        """Compares the metrics of a run with those of earlier runs of its project."""
        return self.anomaly_service.detect_anomalies_in_run(
            run_id, baseline_query=baseline_query, metric_keys=metric_keys, stage_name=stage_name
        )

    # Reports.

    def build_snapshot_report(self, run_id: str) -> ReportDocument:
        """Builds the report on one run: its snapshot and its diagnosis."""
        return ReportDocument._of(self._native.build_snapshot_report(_text(run_id)))

    def build_run_report(self, left_run_id: str, right_run_id: str) -> ReportDocument:
        """Builds the report on two runs: their comparison and their diagnoses."""
        return ReportDocument._of(self._native.build_run_report(_text(left_run_id), _text(right_run_id)))

    def build_project_summary_report(self, project_name: str) -> ReportDocument:
        """Builds the report on all runs of a project."""
        return ReportDocument._of(self._native.build_project_summary_report(project_name))

    def build_trend_report(
        self,
        metric_key: str,
        *,
        project_name: str | None = None,
        stage_name: str | None = None,
        query: RunListQuery | None = None,
    ) -> ReportDocument:
        """Builds the report on a trend of a metric over the runs that a query selects."""
        plain = plain_query(query, project_name)
        return ReportDocument._of(self._native.build_trend_report(metric_key, stage_name, plain))

    def build_alert_report(self, run_id: str, rules: Sequence[AlertRule]) -> ReportDocument:
        """Builds the report on the results of alert rules for one run."""
        return ReportDocument._of(self._native.build_alert_report(_text(run_id), plain_rules(rules)))

    def build_multi_run_report(self, run_ids: Sequence[str]) -> ReportDocument:
        """Builds the report on a comparison of several runs."""
        return ReportDocument._of(self._native.build_multi_run_report(_texts(run_ids)))

    def build_health_report(self) -> ReportDocument:
        """Builds the report on the state of the workspace."""
        return ReportDocument._of(self._native.build_health_report())

    def register_report(self, run_id: str, path: str | os.PathLike[str]) -> str:
        """Stores a report file as an artifact of a run, which may have ended, and returns the ref of the artifact."""
        return str(self._native.register_report(_text(run_id), Path(path)))

    def alias_artifact(self, artifact_ref: str, name: str) -> None:
        """Gives an artifact a name in the project, such as ``model:best``. The log keeps earlier assignments."""
        self._native.alias(_text(artifact_ref), name)
