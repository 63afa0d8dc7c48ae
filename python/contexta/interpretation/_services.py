"""Services that answer questions about captured data. Each service covers one topic."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contexta import _native
from contexta.errors import InterpretationError, LineageError, ValidationError
from contexta.interpretation._base import Listing
from contexta.interpretation._queries import AlertRule, LineagePolicy, RunListQuery, plain_query
from contexta.interpretation._reports import report_answer
from contexta.interpretation._results import (
    AlertList,
    AlertReport,
    AnomalyList,
    AnomalyResult,
    ArtifactSizeTrend,
    BestRun,
    CodeDiff,
    DiagnosticsResult,
    DurationTrend,
    EnvironmentDiff,
    History,
    LineageTraversal,
    MetricAggregate,
    MetricBaseline,
    MetricTrend,
    MultiRunComparison,
    ReportComparison,
    Reproduction,
    ReproducibilityAudit,
    RunComparison,
    RunGroups,
    RunStatusDistribution,
    RunSummaryTable,
    StepSeries,
)
from contexta.interpretation._rows import (
    ArtifactRecord,
    BatchRecord,
    DeploymentRecord,
    ObservationRecord,
    ProjectList,
    ProjectRecord,
    ProvenanceView,
    RelationRecord,
    RunList,
    RunRecord,
    RunSnapshot,
    SampleRecord,
    StageRecord,
    notes_of,
)

if TYPE_CHECKING:
    from contexta.config import ComparisonPolicy, DiagnosticsPolicy, SearchPolicy, TrendPolicy

_ALL = 2**31


def _plain_policy(policy: Any) -> dict[str, Any] | None:
    """Returns the members of a policy: an object of ``contexta.config``, or a mapping."""
    if policy is None or isinstance(policy, Mapping):
        return None if policy is None else dict(policy)
    if dataclasses.is_dataclass(policy) and not isinstance(policy, type):
        return {field.name: getattr(policy, field.name) for field in dataclasses.fields(policy)}
    raise InterpretationError(
        f"a policy or a mapping is expected, not {type(policy).__name__}", code="query_invalid_policy"
    )


def _text(ref: Any) -> str:
    """Returns the text of a ref, an id or a result with a run."""
    if isinstance(ref, str):
        return ref
    run = getattr(ref, "run_id", None) or getattr(ref, "ref", None)
    return run if isinstance(run, str) else str(ref)


def _texts(refs: Iterable[Any]) -> list[str]:
    if not isinstance(refs, Iterable):
        raise _unusable("a list of texts", refs)
    return [refs] if isinstance(refs, str) else [_text(ref) for ref in refs]


def _key(name: Any) -> str:
    """Returns the key of a metric, the name of a stage, or the kind of an artifact."""
    if isinstance(name, str):
        return name
    raise _unusable("a text", name)


def _unusable(expected: str, given: Any) -> ValidationError:
    return ValidationError(f"{expected} is expected, and {given!r} is given", code="query_invalid_argument")


def _optional(ref: Any) -> str | None:
    return None if ref is None else _text(ref)


def _listing(answer: Any, member: str, kind: Any) -> Any:
    data = answer.to_dict()
    items = [kind.from_dict(item) for item in data[member]]
    total, offset = data.get("total", len(items)), data.get("next_offset")
    return Listing._create(items, native=answer, notes=notes_of(data), total=total, next_offset=offset)


def _snapshot(answer: Any) -> RunSnapshot:
    """Creates a snapshot. Its run has the summaries of the metrics, like a run of a list."""
    data = answer.to_dict()
    data["run"] = {**data["run"], "metrics": data["metrics"]}
    snapshot = RunSnapshot.from_dict(data)
    object.__setattr__(snapshot, "_native", answer)
    return snapshot


class CompositeRepository:
    """The rows of an open workspace: projects, runs, and the parts of runs."""

    def __init__(self, workspace: Any) -> None:
        native = getattr(workspace, "_native", workspace)
        if not isinstance(native, _native.Workspace):
            raise InterpretationError(
                f"an open workspace is expected, not {type(workspace).__name__}", code="query_invalid_repository"
            )
        self._native = native

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._native.root}>"

    def list_projects(self) -> tuple[str, ...]:
        """Returns the names of all projects."""
        return QueryService(self).list_projects()

    def list_runs(self, project_name: str | None = None) -> RunList:
        """Returns the runs of a project, or of all projects, the oldest first. Archived runs are included."""
        return QueryService(self).list_runs(project_name, query=RunListQuery(archived="include"))

    def get_run(self, run_id: str) -> RunRecord | None:
        """Returns a run; ``None`` if it does not exist."""
        try:
            return QueryService(self).get_run_snapshot(run_id).run
        except InterpretationError as error:
            if error.code != "query_run_not_found":
                raise
            return None

    def list_deployments(
        self, project_name: str | None = None, run_id: str | None = None
    ) -> Listing[DeploymentRecord]:
        """Returns the deployments of a run, of a project, or of all projects."""
        return QueryService(self).list_deployments(project_name, run_id=run_id)

    def list_stages(self, run_id: str) -> tuple[StageRecord, ...]:
        """Returns the stages of a run."""
        return QueryService(self).get_run_snapshot(run_id).stages

    def list_batches(self, run_id: str, stage_id: str | None = None) -> Listing[BatchRecord]:
        """Returns the batches of a run or stage."""
        return QueryService(self).list_batches(run_id, stage_id=stage_id)

    def list_samples(
        self, run_id: str, stage_id: str | None = None, batch_id: str | None = None
    ) -> Listing[SampleRecord]:
        """Returns the samples of a run, stage or batch."""
        return QueryService(self).list_samples(run_id, stage_id=stage_id, batch_id=batch_id)

    def list_records(
        self, run_id: str, stage_id: str | None = None, record_type: str | None = None
    ) -> Listing[ObservationRecord]:
        """Returns the records of a run or stage in the order in which they were appended."""
        return QueryService(self).list_records(run_id, stage_id=stage_id, record_type=record_type, limit=_ALL)

    def list_artifacts(
        self, run_id: str | None = None, stage_id: str | None = None
    ) -> Listing[ArtifactRecord]:
        """Returns the artifacts of a run or stage, or all artifacts."""
        if run_id is None and stage_id is None:
            return QueryService(self).search_artifacts("", limit=_ALL)
        if run_id is None:
            run_id = "run:" + ".".join(str(stage_id).partition(":")[2].split(".")[:2])
        snapshot = QueryService(self).get_run_snapshot(run_id)
        wanted = {stage.stage_id for stage in snapshot.stages if stage_id in (stage.stage_id, stage.name)}
        artifacts = [a for a in snapshot.artifacts if stage_id is None or a.stage_id in wanted]
        listing: Listing[ArtifactRecord] = Listing._create(artifacts, notes=snapshot.notes)
        return listing

    def get_artifact(self, artifact_ref: str) -> ArtifactRecord | None:
        """Returns an artifact; ``None`` if it does not exist."""
        wanted = _text(artifact_ref)
        origin = QueryService(self).get_artifact_origin(wanted)
        artifacts = origin.artifacts if origin is not None else ()
        return next((artifact for artifact in artifacts if artifact.artifact_ref == wanted), None)

    def list_relations(self, run_id: str) -> tuple[RelationRecord, ...]:
        """Returns the lineage relations of a run and its parts."""
        return QueryService(self).get_run_snapshot(run_id).relations

    def get_provenance(self, run_id: str) -> ProvenanceView | None:
        """Returns the newest provenance of a run; ``None`` if there is none."""
        return QueryService(self).get_provenance(run_id)


class QueryService:
    """Lists, searches and shows captured data."""

    def __init__(self, repository: Any, *, config: SearchPolicy | Mapping[str, Any] | None = None) -> None:
        self.repository = repository if isinstance(repository, CompositeRepository) else CompositeRepository(repository)
        self._native = self.repository._native
        self._policy = _plain_policy(config)

    def list_projects(self) -> ProjectList:
        """Returns the names of all projects. The attribute ``projects`` of the result has all members of them."""
        data = self._native.list_projects().to_dict()
        projects = tuple(ProjectRecord.from_dict(project) for project in data["projects"])
        names = [project.name for project in projects]
        listing: ProjectList = ProjectList._create(names, notes=notes_of(data), projects=projects)
        return listing

    def list_runs(self, project_name: str | None = None, *, query: RunListQuery | None = None) -> RunList:
        """Returns the runs that a query selects. Without a query, the oldest run is first."""
        return RunList._of(self._native.list_runs(plain_query(query, project_name)))

    def list_deployments(
        self, project_name: str | None = None, *, run_id: str | None = None
    ) -> Listing[DeploymentRecord]:
        """Returns the deployments of a run, of a project, or of all projects."""
        answer = self._native.list_deployments(project_name, _optional(run_id))
        return _listing(answer, "deployments", DeploymentRecord)  # type: ignore[no-any-return]

    def list_batches(self, run_id: str, *, stage_id: str | None = None) -> Listing[BatchRecord]:
        """Returns the batches of a run or stage."""
        answer = self._native.list_batches(_text(run_id), _optional(stage_id))
        return _listing(answer, "batches", BatchRecord)  # type: ignore[no-any-return]

    def list_samples(
        self, run_id: str, *, stage_id: str | None = None, batch_id: str | None = None
    ) -> Listing[SampleRecord]:
        """Returns the samples of a run, stage or batch."""
        answer = self._native.list_samples(_text(run_id), _optional(stage_id), _optional(batch_id))
        return _listing(answer, "samples", SampleRecord)  # type: ignore[no-any-return]

    def list_records(
        self,
        run_id: str,
        *,
        stage_id: str | None = None,
        record_type: str | None = None,
        offset: int = 0,
        limit: int = 1000,
    ) -> Listing[ObservationRecord]:
        """Returns records of a run in the order in which they were appended."""
        query = {"stage": _optional(stage_id), "record_type": record_type, "offset": offset, "limit": limit}
        answer = self._native.list_records(_text(run_id), query)
        return _listing(answer, "records", ObservationRecord)  # type: ignore[no-any-return]

    def search_runs(
        self, text: str, *, project_name: str | None = None, status: str | None = None, limit: int | None = None
    ) -> RunList:
        """Returns the runs in which a text occurs, the newest first."""
        options = {"project": project_name, "status": status, "limit": limit}
        return RunList._of(self._native.search_runs(text, options, self._policy))

    def search_artifacts(
        self, text: str, *, kind: str | None = None, limit: int | None = None
    ) -> Listing[ArtifactRecord]:
        """Returns the artifacts whose ref, kind or location contains a text."""
        answer = self._native.search_artifacts(text, {"kind": kind, "limit": limit}, self._policy)
        return _listing(answer, "artifacts", ArtifactRecord)  # type: ignore[no-any-return]

    def get_run_snapshot(self, run_id: str, *, all_attempts: bool = False) -> RunSnapshot:
        """Returns everything known about a run. ``run_id`` is a ref, an id, a name, or a prefix of an id or name."""
        return _snapshot(self._native.run_snapshot(_text(run_id), all_attempts))

    def get_provenance(self, run_id: str) -> ProvenanceView | None:
        """Returns the newest provenance of a run; ``None`` if there is none."""
        answer = self._native.run_provenance(_text(run_id))
        return None if answer is None else ProvenanceView.from_dict(answer.to_dict())

    def get_artifact_origin(self, artifact_ref: str) -> RunSnapshot | None:
        """Returns the snapshot of the run that an artifact belongs to; ``None`` if there is no such artifact."""
        answer = self._native.artifact_origin(_text(artifact_ref))
        return None if answer is None else _snapshot(answer)

    def get_history(self, subject_ref: str, *, offset: int = 0, limit: int = 1000) -> History:
        """Returns entries of the log about an object, in the order in which they were made."""
        return History._of(self._native.history(_text(subject_ref), offset, limit))


class _Service:
    """A service that reads through a query service."""

    def __init__(self, query_service: QueryService | Any) -> None:
        service = query_service if isinstance(query_service, QueryService) else QueryService(query_service)
        self.query_service = service
        self._native = service._native


class CompareService(_Service):
    """Compares and ranks runs, and compares reports."""

    def __init__(
        self, query_service: QueryService, *, config: ComparisonPolicy | Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(query_service)
        self._policy = _plain_policy(config)

    def compare_runs(self, left_run_id: str, right_run_id: str) -> RunComparison:
        """Compares two runs."""
        return RunComparison._of(self._native.compare_runs(_text(left_run_id), _text(right_run_id), self._policy))

    def compare_multiple_runs(self, run_ids: Sequence[str]) -> MultiRunComparison:
        """Compares several runs. Error: fewer than two distinct runs are given."""
        return MultiRunComparison._of(self._native.compare_multiple_runs(_texts(run_ids), self._policy))

    def compare_with_baseline(self, run_ids: Sequence[str], baseline_run_id: str) -> MultiRunComparison:
        """Compares several runs with a baseline run."""
        answer = self._native.compare_with_baseline(_texts(run_ids), _text(baseline_run_id), self._policy)
        return MultiRunComparison._of(answer)

    def select_best_run(
        self,
        run_ids: Sequence[str],
        metric_key: str,
        *,
        stage_name: str | None = None,
        higher_is_better: bool = True,
    ) -> str | None:
        """Returns the run with the best value of a metric, as it was given in ``run_ids``; ``None`` if no run has the
        metric. Without ``stage_name``, the values of all stages and the values outside any stage are used.
        """
        given = _texts(run_ids)
        if len(set(given)) < 2:
            return self._only_run(given, metric_key, stage_name)
        best = self.rank_runs(
            metric_key, run_ids=given, stage_name=stage_name, higher_is_better=higher_is_better
        ).best_run_id
        if best is None or best in given:
            return best
        return next((run for run in given if self._native.find_run(run) == best), best)

    def _only_run(self, given: list[str], metric_key: str, stage_name: str | None) -> str | None:
        """Returns the single candidate if it has the metric."""
        for run in given[:1]:
            series = RunSnapshot._of(self._native.run_snapshot(run)).metrics
            if any(one.metric_key == metric_key and stage_name in (None, one.stage_name) for one in series):
                return run
        return None

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
        options = {
            "runs": None if run_ids is None else _texts(run_ids),
            "project": project_name,
            "stage_name": stage_name,
            "higher_is_better": higher_is_better,
        }
        return BestRun._of(self._native.rank_runs(_key(metric_key), options, self._policy))

    def compare_report_documents(self, left: object, right: object) -> ReportComparison:
        """Compares two reports section by section. A report is a document, a mapping, or an object with sections."""
        return ReportComparison._of(report_answer(left).compare_reports(report_answer(right)))


class DiagnosticsService(_Service):
    """Diagnoses runs."""

    def __init__(
        self, query_service: QueryService, *, config: DiagnosticsPolicy | Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(query_service)
        self._policy = _plain_policy(config)

    def diagnose_run(self, run_id: str) -> DiagnosticsResult:
        """Diagnoses a run."""
        return DiagnosticsResult._of(self._native.diagnose_run(_text(run_id), self._policy))


class LineageService(_Service):
    """Walks over the lineage graph."""

    def __init__(
        self, query_service: QueryService, *, config: LineagePolicy | Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(query_service)
        self._policy = LineagePolicy.from_dict(config) if isinstance(config, Mapping) else config or LineagePolicy()

    def traverse_lineage(
        self, subject_ref: str, *, direction: str | None = None, max_depth: int | None = None
    ) -> LineageTraversal:
        """Walks from an object over the lineage graph.

        ``direction`` is upstream (to origins), downstream, inbound, outbound or both. Edges of the object itself have
        depth 0. Without arguments, the policy determines direction and depth.
        """
        depth = self._policy.default_max_depth if max_depth is None else max_depth
        if depth is not None and (not isinstance(depth, int) or isinstance(depth, bool) or depth < 0):
            raise LineageError(
                f"the greatest depth must be an integer of at least 0, and is {max_depth!r}",
                code="lineage_invalid_max_depth",
                details={"max_depth": str(max_depth)},
            )
        way = direction if direction is not None else self._policy.default_direction
        traversal = LineageTraversal._of(self._native.traverse_lineage(_text(subject_ref), way, depth))
        if self._policy.include_provenance:
            return traversal
        edges = tuple(dataclasses.replace(edge, provenance=None) for edge in traversal.edges)
        return dataclasses.replace(traversal, edges=edges)


class TrendService(_Service):
    """Shows how values change over the steps of a run, and from run to run."""

    def __init__(self, query_service: QueryService, *, config: TrendPolicy | Mapping[str, Any] | None = None) -> None:
        super().__init__(query_service)
        self._policy = _plain_policy(config)

    def get_metric_trend(
        self,
        metric_key: str,
        *,
        query: RunListQuery | None = None,
        project_name: str | None = None,
        stage_name: str | None = None,
    ) -> MetricTrend:
        """Returns the value of a metric in each run that a query selects. Without a query, the oldest run is first."""
        plain = plain_query(query, project_name)
        return MetricTrend._of(self._native.metric_trend(_key(metric_key), stage_name, plain, self._policy))

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
        query = {
            "stage": _optional(stage_id if stage_id is not None else stage_name),
            "points_max": points_max,
            "smoothing": smoothing,
            "all_attempts": all_attempts,
        }
        return StepSeries._of(self._native.step_series(_text(run_id), _key(metric_key), query))

    def get_stage_duration_trend(
        self, stage_name: str, *, query: RunListQuery | None = None, project_name: str | None = None
    ) -> DurationTrend:
        """Returns the duration of a stage in each run that a query selects."""
        plain = plain_query(query, project_name)
        return DurationTrend._of(self._native.stage_duration_trend(_key(stage_name), plain, self._policy))

    def get_artifact_size_trend(
        self, artifact_kind: str, *, query: RunListQuery | None = None, project_name: str | None = None
    ) -> ArtifactSizeTrend:
        """Returns the sizes of the artifacts of a kind in each run that a query selects."""
        plain = plain_query(query, project_name)
        return ArtifactSizeTrend._of(self._native.artifact_size_trend(_key(artifact_kind), plain, self._policy))


class AlertService(_Service):
    """Evaluates alert rules."""

    def __init__(
        self,
        query_service: QueryService,
        *,
        metric_aggregation: str = "latest",
        stop_on_first_trigger: bool | None = None,
        default_severity: str | None = None,
    ) -> None:
        super().__init__(query_service)
        self._policy = {
            "metric_aggregation": metric_aggregation,
            "stop_on_first_trigger": stop_on_first_trigger,
            "default_severity": default_severity,
        }

    def evaluate_alerts(self, run_id: str, rules: Sequence[AlertRule]) -> AlertList:
        """Evaluates rules for one run, and returns one result for each rule."""
        return AlertList._of(self._native.evaluate_alerts(_text(run_id), plain_rules(rules), self._policy))

    def evaluate_alerts_fleet(
        self,
        rules: Sequence[AlertRule],
        *,
        query: RunListQuery | None = None,
        project_name: str | None = None,
    ) -> AlertReport:
        """Evaluates rules for all runs that a query selects."""
        plain = plain_query(query, project_name)
        return AlertReport._of(self._native.evaluate_alerts_fleet(plain_rules(rules), plain, self._policy))


class ProvenanceService(_Service):
    """Answers questions about the origin and the reproducibility of runs."""

    def audit_reproducibility(self, run_id: str) -> ReproducibilityAudit:
        """Checks which of the data that is needed to repeat a run was recorded."""
        return ReproducibilityAudit._of(self._native.audit_reproducibility(_text(run_id)))

    def compare_environments(self, left_run_id: str, right_run_id: str) -> EnvironmentDiff:
        """Compares the newest environments of two runs."""
        return EnvironmentDiff._of(self._native.compare_environments(_text(left_run_id), _text(right_run_id)))

    def diff_code(self, left_run_id: str, right_run_id: str) -> CodeDiff:
        """Compares the code of two runs."""
        return CodeDiff._of(self._native.diff_code(_text(left_run_id), _text(right_run_id)))

    def reproduce_run(self, run_id: str, *, directory: str | None = None) -> Reproduction:
        """Returns the commands that reproduce a run in a clone of its git repository."""
        return Reproduction._of(self._native.reproduce_run(_text(run_id), directory))


class AggregationService(_Service):
    """Computes statistics over several runs."""

    def __init__(self, query_service: QueryService, *, metric_aggregation: str = "latest") -> None:
        super().__init__(query_service)
        self._policy = {"metric_aggregation": metric_aggregation}

    def aggregate_metric(
        self,
        metric_key: str,
        *,
        query: RunListQuery | None = None,
        project_name: str | None = None,
        stage_name: str | None = None,
    ) -> MetricAggregate:
        """Returns statistics of a metric over the runs that a query selects. Each run contributes one value."""
        plain = plain_query(query, project_name)
        return MetricAggregate._of(self._native.aggregate_metric(_key(metric_key), stage_name, plain, self._policy))

    def aggregate_by_stage(
        self, *, query: RunListQuery | None = None, project_name: str | None = None
    ) -> RunSummaryTable:
        """Returns statistics of all metric points of the selected runs, by stage and metric."""
        return RunSummaryTable._of(self._native.aggregate_by_stage(plain_query(query, project_name)))

    def run_status_distribution(
        self, *, query: RunListQuery | None = None, project_name: str | None = None
    ) -> RunStatusDistribution:
        """Returns the number of runs with each status."""
        return RunStatusDistribution._of(self._native.run_status_distribution(plain_query(query, project_name)))

    def group_by(
        self,
        metric_key: str,
        by: Sequence[str] | str,
        *,
        query: RunListQuery | None = None,
        project_name: str | None = None,
        stage_name: str | None = None,
        curve_points_max: int | None = None,
    ) -> RunGroups:
        """Returns statistics of a metric over groups of runs that have equal values in the columns ``by``.

        A column is ``params.NAME``, ``tags.NAME``, ``name``, ``status`` or ``project``.
        """
        options = {"by": _texts(by), "stage": stage_name, "curve_points_max": curve_points_max}
        return RunGroups._of(self._native.group_by(_key(metric_key), options, plain_query(query, project_name)))


class AnomalyService(_Service):
    """Detects values that are far from the values of other runs."""

    def __init__(
        self,
        query_service: QueryService,
        *,
        z_score_threshold: float = 2.5,
        min_baseline_runs: int = 3,
        metric_aggregation: str = "latest",
        monitored_metrics: tuple[str, ...] = (),
    ) -> None:
        super().__init__(query_service)
        self._policy = {
            "z_score_threshold": z_score_threshold,
            "min_baseline_runs": min_baseline_runs,
            "metric_aggregation": metric_aggregation,
            "monitored_metrics": list(monitored_metrics),
        }

    def compute_baseline(
        self,
        metric_key: str,
        *,
        query: RunListQuery | None = None,
        project_name: str | None = None,
        stage_name: str | None = None,
    ) -> MetricBaseline:
        """Returns the statistics of a metric over the runs that a query selects."""
        plain = plain_query(query, project_name)
        return MetricBaseline._of(self._native.compute_baseline(_key(metric_key), stage_name, plain, self._policy))

    def detect_anomalies(
        self, run_id: str, *, baseline: MetricBaseline, stage_name: str | None = None
    ) -> tuple[AnomalyResult, ...]:
        """Compares the value of a run with a baseline; the result is empty if the run does not have the metric.

        The result is also returned if the value is normal: ``severity`` is then ``info``.
        """
        answer = self._native.detect_anomaly(_text(run_id), baseline.to_dict(), stage_name, self._policy)
        return () if answer is None else (AnomalyResult.from_dict(answer.to_dict()),)

    def detect_anomalies_in_run(
        self,
        run_id: str,
        *,
        baseline_query: RunListQuery | None = None,
        metric_keys: tuple[str, ...] | None = None,
        stage_name: str | None = None,
    ) -> AnomalyList:
        """Compares the metrics of a run with those of earlier runs of its project."""
        options = {
            "metric_keys": None if metric_keys is None else _texts(metric_keys),
            "stage": stage_name,
            "baseline": None if baseline_query is None else plain_query(baseline_query),
        }
        return AnomalyList._of(self._native.detect_anomalies_in_run(_text(run_id), options, self._policy))


def plain_rules(rules: Iterable[AlertRule | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the plain forms of valid alert rules."""
    plain = []
    for rule in rules:
        rule = AlertRule.from_dict(rule) if isinstance(rule, Mapping) else rule
        if not isinstance(rule, AlertRule):
            raise _unusable("an AlertRule", rule)
        plain.append(rule._checked())
    return plain

