"""Results of comparisons, diagnoses, trends, statistics, alerts, lineage and provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, overload

from contexta._model import plain as plain_form
from contexta.interpretation._base import Listing, Number, Result, handle, mapping, one_nan
from contexta.interpretation._rows import (
    BaselineDifference,
    CompletenessNote,
    EvidenceLink,
    Note,
    ProvenanceView,
    RunRecord,
    native_of,
    notes_of,
)


@dataclass(frozen=True, slots=True)
class ValueChange(Result):
    """A value that differs between two sides, such as the version of a package."""

    key: str
    left_value: str | None = None
    right_value: str | None = None


@dataclass(frozen=True, slots=True)
class Changes(Result):
    """Values that only the right side has, values that only the left side has, and values that differ."""

    added: tuple[ValueChange, ...] = ()
    removed: tuple[ValueChange, ...] = ()
    changed: tuple[ValueChange, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentDiff(Result):
    """The differences between the environments of two runs."""

    left_run_id: str | None
    right_run_id: str | None
    left_environment_ref: str | None = None
    right_environment_ref: str | None = None
    python_version_changed: bool = False
    platform_changed: bool = False
    added_packages: tuple[ValueChange, ...] = ()
    removed_packages: tuple[ValueChange, ...] = ()
    changed_packages: tuple[ValueChange, ...] = ()
    added_variables: tuple[ValueChange, ...] = ()
    removed_variables: tuple[ValueChange, ...] = ()
    changed_variables: tuple[ValueChange, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    evidence_links: tuple[EvidenceLink, ...] = ()
    devices: Changes = Changes()
    machine: Changes = Changes()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricDelta(Result):
    """The values of one metric in two runs. ``delta`` is right minus left, ``change_ratio`` is right / left."""

    metric_key: str
    left_value: Number | None = None
    right_value: Number | None = None
    delta: Number | None = None
    change_ratio: float | None = None
    stage_name: str | None = None
    evidence_links: tuple[EvidenceLink, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    change_percent: float | None = None
    left_step: int | None = None
    right_step: int | None = None
    left_unit: str | None = None
    right_unit: str | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class ParamDelta(Result):
    """A parameter, a tag or a member of the metadata that differs between two runs."""

    key: str
    left_value: Any = None
    right_value: Any = None


@dataclass(frozen=True, slots=True)
class StageComparison(Result):
    """A stage of two runs, and the metrics of the stage that differ."""

    stage_name: str
    left_stage_id: str | None = None
    right_stage_id: str | None = None
    left_status: str | None = None
    right_status: str | None = None
    metric_deltas: tuple[MetricDelta, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    evidence_links: tuple[EvidenceLink, ...] = ()


@dataclass(frozen=True, slots=True)
class ArtifactChange(Result):
    """Artifacts of one kind that differ between two runs."""

    artifact_kind: str
    left_ref: str | None
    right_ref: str | None
    change: str
    evidence_links: tuple[EvidenceLink, ...] = ()
    change_detail: str | None = None


@dataclass(frozen=True, slots=True)
class ProvenanceComparison(Result):
    """The comparison of the provenance of two runs."""

    code_revision_changed: bool = False
    config_hash_changed: bool = False
    environment_changed: bool = False
    dataset_refs_changed: bool = False
    left_provenance: ProvenanceView | None = None
    right_provenance: ProvenanceView | None = None


@dataclass(frozen=True, slots=True)
class RunComparison(Result):
    """The comparison of two runs. ``metric_deltas`` has the metrics outside any stage."""

    left_run_id: str
    right_run_id: str
    summary: str
    stage_comparisons: tuple[StageComparison, ...] = ()
    artifact_changes: tuple[ArtifactChange, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    evidence_links: tuple[EvidenceLink, ...] = ()
    provenance_comparison: ProvenanceComparison | None = None
    metric_deltas: tuple[MetricDelta, ...] = ()
    params: tuple[ParamDelta, ...] = ()
    metadata: tuple[ParamDelta, ...] = ()
    tags: tuple[ParamDelta, ...] = ()
    environment: EnvironmentDiff | None = None
    code_revision_changed: bool | None = None
    dataset_changed: bool | None = None
    environment_changed: bool | None = None
    notes: tuple[Note, ...] = ()
    _native: Any = handle()

    def all_metric_deltas(self) -> tuple[MetricDelta, ...]:
        """Returns the metrics outside any stage, followed by the metrics of the stages."""
        staged = [delta for stage in self.stage_comparisons for delta in stage.metric_deltas]
        return (*self.metric_deltas, *staged)

    def to_csv(self, delimiter: str = ",") -> str:
        """Returns the metrics that differ as CSV."""
        return str(native_of(self, "the comparison").csv(delimiter))


@dataclass(frozen=True, slots=True)
class MultiRunMetricRow(Result):
    """The values of one metric in several runs; ``None`` for a run without the metric."""

    metric_key: str
    stage_name: str | None = None
    values: tuple[Number | None, ...] = ()
    best_run_id: str | None = None
    is_higher_better: bool = True
    differences: tuple[BaselineDifference | None, ...] = ()
    evidence_links: tuple[EvidenceLink, ...] = ()


@dataclass(frozen=True, slots=True)
class ArtifactKindCountRow(Result):
    """The number of artifacts of one kind in several runs."""

    artifact_kind: str
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MultiRunComparison(Result):
    """The comparison of several runs."""

    run_ids: tuple[str, ...]
    run_names: tuple[str, ...] = ()
    metric_table: tuple[MultiRunMetricRow, ...] = ()
    artifact_kind_counts: tuple[ArtifactKindCountRow, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    evidence_links: tuple[EvidenceLink, ...] = ()
    summary: str = ""
    baseline_run_id: str | None = None
    notes: tuple[Note, ...] = ()
    _native: Any = handle()


@dataclass(frozen=True, slots=True)
class RankedRun(Result):
    """A run and the value by which it is ranked. The members of the run are those of :class:`RunRecord`."""

    run: RunRecord
    value: Number
    step: int | None = None

    @property
    def run_id(self) -> str:
        """The ref of the run."""
        return self.run.run_id


@dataclass(frozen=True, slots=True)
class BestRun(Result):
    """Runs ranked by a metric, the best first."""

    metric_key: str
    stage_name: str | None
    goal: str
    best_run_id: str | None
    ranking: tuple[RankedRun, ...] = ()
    without: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    @classmethod
    def _of(cls, answer: Any) -> BestRun:
        data = answer.to_dict()
        own = ("value", "step")
        data["ranking"] = [
            {"run": {key: row[key] for key in row if key not in own}, "value": row["value"], "step": row["step"]}
            for row in data["ranking"]
        ]
        return cls.from_dict(data)


@dataclass(frozen=True, slots=True)
class SectionDiff(Result):
    """A section of two reports; ``None`` for the text of a section that a report does not have."""

    section_title: str
    left_body: str | None = None
    right_body: str | None = None
    changed: bool = False


@dataclass(frozen=True, slots=True)
class ReportComparison(Result):
    """The comparison of two reports, section by section."""

    left_title: str
    right_title: str
    section_diffs: tuple[SectionDiff, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()


@dataclass(frozen=True, slots=True)
class DiagnosticsIssue(Result):
    """A problem of a run."""

    severity: str
    code: str
    summary: str
    details: Mapping[str, Any] = mapping()
    subject_ref: str | None = None
    evidence_links: tuple[EvidenceLink, ...] = ()


@dataclass(frozen=True, slots=True)
class DiagnosticsResult(Result):
    """The diagnosis of a run. ``issues`` has the problems that the Python package contexta 1.0.0 also reports, and
    ``findings`` has further problems, such as values that are not finite."""

    run_id: str
    issues: tuple[DiagnosticsIssue, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    evidence_links: tuple[EvidenceLink, ...] = ()
    findings: tuple[DiagnosticsIssue, ...] = ()
    notes: tuple[Note, ...] = ()
    _native: Any = handle()


@dataclass(frozen=True, slots=True)
class LineageEdge(Result):
    """A relation that a walk over the lineage graph found."""

    relation_ref: str
    source_ref: str
    target_ref: str
    relation_type: str
    recorded_at: str
    direction: str
    depth: int
    provenance: ProvenanceView | None = None
    evidence_links: tuple[EvidenceLink, ...] = ()
    origin_marker: str = "explicit"
    confidence_marker: str = "unknown"
    evidence_refs: tuple[str, ...] = ()
    operation_context_ref: str | None = None


@dataclass(frozen=True, slots=True)
class ImpliedEdge(Result):
    """An edge that follows from the attributes of objects, such as a stage that is a part of a run."""

    kind: str
    source_ref: str
    target_ref: str


@dataclass(frozen=True, slots=True)
class VisitedRef(Result):
    """An object that a walk reached. ``depth`` is the number of edges from the root."""

    subject_ref: str
    depth: int
    weakest_confidence: str | None = None


@dataclass(frozen=True, slots=True)
class LineageTraversal(Result):
    """The result of a walk over the lineage graph."""

    root_ref: str
    edges: tuple[LineageEdge, ...] = ()
    visited_refs: tuple[str, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    evidence_links: tuple[EvidenceLink, ...] = ()
    direction: str = "both"
    depth_max: int | None = None
    implied: tuple[ImpliedEdge, ...] = ()
    visited: tuple[VisitedRef, ...] = ()
    notes: tuple[Note, ...] = ()
    _native: Any = handle()


@dataclass(frozen=True, slots=True)
class TrendPoint(Result):
    """The value of a metric in one run of a trend."""

    run_id: str
    run_name: str
    value: Number
    captured_at: str | None = None
    stage_name: str | None = None
    step: int | None = None
    unit: str | None = None
    difference: BaselineDifference | None = None


@dataclass(frozen=True, slots=True)
class MetricTrend(Result):
    """The value of a metric in each of several runs."""

    metric_key: str
    project_name: str | None
    points: tuple[TrendPoint, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    baseline_run_id: str | None = None
    notes: tuple[Note, ...] = ()
    _native: Any = handle()

    @property
    def values(self) -> tuple[Number, ...]:
        """The values of all points."""
        return tuple(point.value for point in self.points)

    def to_csv(self, delimiter: str = ",") -> str:
        """Returns the points as CSV."""
        return str(native_of(self, "the trend").csv(delimiter))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Exports the points as an Arrow stream."""
        return native_of(self, "the trend").arrow_stream()


@dataclass(frozen=True, slots=True)
class StepPoint(Result):
    """A point of a series. Without recorded steps, ``step`` is the position of the point."""

    step: int
    value: Number
    observed_at: str
    smoothed: float | None = None
    superseded: bool = False


class PointList(Sequence[StepPoint]):
    """The points of a series: a sequence that is equal to a tuple with the same points.

    The objects of the points are created on first access. :meth:`columns` does not create them.
    """

    __slots__ = ("_columns", "_items", "_length", "_native")

    def __init__(self, native: Any, length: int) -> None:
        self._native = native
        self._length = length
        self._columns: tuple[Any, ...] | None = None
        self._items: tuple[StepPoint, ...] | None = None

    def columns(self) -> tuple[Any, ...]:
        """Returns the steps, values, times of observation, smoothed values and states of the points as tuples."""
        if self._columns is None:
            steps, values, observed, smoothed, superseded = self._native.series_columns()
            numbers = tuple(map(one_nan, values))
            self._columns = (tuple(steps), numbers, tuple(observed), tuple(smoothed), tuple(superseded))
        return self._columns

    def _all(self) -> tuple[StepPoint, ...]:
        if self._items is None:
            self._items = tuple(map(StepPoint, *self.columns()))
        return self._items

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, position: int) -> StepPoint: ...
    @overload
    def __getitem__(self, position: slice) -> tuple[StepPoint, ...]: ...
    def __getitem__(self, position: int | slice) -> StepPoint | tuple[StepPoint, ...]:
        if self._items is not None:
            return self._items[position]
        columns = [column[position] for column in self.columns()]
        return tuple(map(StepPoint, *columns)) if isinstance(position, slice) else StepPoint(*columns)

    def __iter__(self) -> Iterator[StepPoint]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PointList):
            return self is other or self.columns() == other.columns()
        return self._all() == other

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (list(self._all()),)


@dataclass(frozen=True, slots=True)
class StepSeries(Result):
    """The points of one metric of a run. ``points_total`` also counts points that were left out."""

    run_id: str
    metric_key: str
    stage_id: str | None = None
    points: Sequence[StepPoint] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    unit: str | None = None
    points_total: int = 0
    step_width: int | None = None
    has_steps: bool = True
    series: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    _native: Any = handle()

    @classmethod
    def _of(cls, answer: Any) -> StepSeries:
        head, length = answer.series_head()
        series = cls.from_dict(head)
        object.__setattr__(series, "points", PointList(answer, length))
        object.__setattr__(series, "_native", answer)
        return series

    def to_dict(self) -> dict[str, Any]:
        """Returns the plain form."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.compare}
        return {name: plain_form(tuple(value) if name == "points" else value) for name, value in plain.items()}

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of all points."""
        points = self.points
        return points.columns()[0] if isinstance(points, PointList) else tuple(point.step for point in points)

    @property
    def values(self) -> tuple[Number, ...]:
        """The values of all points."""
        points = self.points
        return points.columns()[1] if isinstance(points, PointList) else tuple(point.value for point in points)

    def __len__(self) -> int:
        return len(self.points)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Exports the points as an Arrow stream: step, value, smoothed, observed_at and superseded."""
        return native_of(self, "the series").arrow_stream()


@dataclass(frozen=True, slots=True)
class StageDurationPoint(Result):
    """The duration of a stage in one run."""

    run_id: str
    run_name: str
    stage_name: str
    duration_seconds: float
    started_at: str | None = None


@dataclass(frozen=True, slots=True)
class DurationTrend(Result):
    """The duration of a stage in each of several runs."""

    stage_name: str
    project_name: str | None
    points: tuple[StageDurationPoint, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def values(self) -> tuple[float, ...]:
        """The durations of all points in seconds."""
        return tuple(point.duration_seconds for point in self.points)


@dataclass(frozen=True, slots=True)
class ArtifactSizePoint(Result):
    """The size of an artifact of one run."""

    run_id: str
    run_name: str
    artifact_kind: str
    size_bytes: int
    artifact_ref: str
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class ArtifactSizeTrend(Result):
    """The sizes of the artifacts of one kind in each of several runs."""

    artifact_kind: str
    project_name: str | None
    points: tuple[ArtifactSizePoint, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def values(self) -> tuple[int, ...]:
        """The sizes of all points in bytes."""
        return tuple(point.size_bytes for point in self.points)


@dataclass(frozen=True, slots=True)
class MetricAggregate(Result):
    """Statistics of a metric over several runs. Each run contributes one value. ``std`` is the population standard
    deviation.
    """

    metric_key: str
    project_name: str | None
    count: int
    mean: float
    std: float
    min: float
    p25: float
    p50: float
    p75: float
    p90: float
    p95: float
    p99: float
    max: float
    completeness_notes: tuple[CompletenessNote, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class StageAggregate(Result):
    """Statistics of all points of a metric in a stage."""

    stage_name: str
    metric_key: str
    count: int
    mean: float
    min: float
    max: float


@dataclass(frozen=True, slots=True)
class RunSummaryTable(Result):
    """Statistics of metrics by stage."""

    project_name: str | None
    total_runs: int
    by_stage: tuple[StageAggregate, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusCount(Result):
    """The number of runs with a status."""

    status: str
    count: int


@dataclass(frozen=True, slots=True)
class RunStatusDistribution(Result):
    """The number of runs with each status. ``pass_rate`` is the share of completed runs."""

    project_name: str | None
    total: int
    by_status: tuple[StatusCount, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    pass_rate: float = 0.0
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupColumnValue(Result):
    """The value of a column that the runs of a group have in common. ``present`` is ``False`` if the runs have no value
    in the column.
    """

    column: str
    value: Any = None
    present: bool = True


@dataclass(frozen=True, slots=True)
class GroupPoint(Result):
    """Statistics of a group of runs at one step."""

    step: int
    count: int
    mean: float | None = None
    std: float | None = None
    min: Number | None = None
    max: Number | None = None
    non_finite: int = 0


@dataclass(frozen=True, slots=True)
class RunGroup(Result):
    """A group of runs and the statistics of their last values."""

    columns: tuple[GroupColumnValue, ...]
    runs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    count: int = 0
    mean: float | None = None
    std: float | None = None
    min: Number | None = None
    max: Number | None = None
    non_finite: int = 0
    curve: tuple[GroupPoint, ...] = ()


@dataclass(frozen=True, slots=True)
class RunGroups(Result):
    """Statistics of a metric over groups of runs, such as the seeds of each configuration."""

    metric_key: str
    stage_name: str | None
    project_name: str | None
    by: tuple[str, ...] = ()
    groups: tuple[RunGroup, ...] = ()
    step_width: int | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricBaseline(Result):
    """Statistics of a metric in several runs, with which the value of another run is compared."""

    metric_key: str
    mean: float
    std: float
    p5: float
    p95: float
    computed_from_n_runs: int
    median: float | None = None
    mad: float | None = None


@dataclass(frozen=True, slots=True)
class AnomalyResult(Result):
    """The comparison of the value of a run with a baseline."""

    metric_key: str
    run_id: str
    actual_value: Number
    expected_range: tuple[float, ...]
    z_score: float
    severity: str
    evidence_links: tuple[EvidenceLink, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    robust_z_score: float | None = None
    is_anomaly: bool = False


class AnomalyList(Listing[AnomalyResult]):
    """The comparisons of the metrics of a run with baselines."""

    @classmethod
    def _of(cls, answer: Any) -> AnomalyList:
        data = answer.to_dict()
        anomalies = [AnomalyResult.from_dict(anomaly) for anomaly in data["anomalies"]]
        created: AnomalyList = cls._create(anomalies, native=answer, notes=notes_of(data))
        return created

    def to_csv(self, delimiter: str = ",") -> str:
        """Returns the comparisons as CSV."""
        return str(native_of(self, "the list of anomalies").csv(delimiter))


@dataclass(frozen=True, slots=True)
class AlertResult(Result):
    """The result of an alert rule for one run. ``actual_value`` is ``None`` if the run does not have the metric."""

    rule_name: str
    metric_key: str
    run_id: str
    actual_value: Number | None
    threshold: Number
    operator: str
    triggered: bool
    severity: str
    stage_name: str | None = None
    evidence_links: tuple[EvidenceLink, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    _native: Any = handle()


@dataclass(frozen=True, slots=True)
class AlertReport(Result):
    """The results of alert rules for several runs, run by run."""

    run_ids: tuple[str, ...]
    results: tuple[AlertResult, ...] = ()
    completeness_notes: tuple[CompletenessNote, ...] = ()
    notes: tuple[Note, ...] = ()
    _native: Any = handle()

    @classmethod
    def _of(cls, answer: Any) -> AlertReport:
        report = cls.from_dict(answer.to_dict())
        object.__setattr__(report, "_native", answer)
        for position, result in enumerate(report.results):
            object.__setattr__(result, "_native", (answer, position))
        return report

    @property
    def triggered(self) -> tuple[AlertResult, ...]:
        """The results of the rules that were triggered."""
        return tuple(result for result in self.results if result.triggered)


class AlertList(Listing[AlertResult]):
    """The results of alert rules for one run, in the order of the rules."""

    @classmethod
    def _of(cls, answer: Any) -> AlertList:
        report = AlertReport._of(answer)
        created: AlertList = cls._create(report.results, native=answer, notes=report.notes)
        return created


@dataclass(frozen=True, slots=True)
class ReproducibilityAudit(Result):
    """The check of the data that is needed to repeat a run. ``score`` is the share of the checks that passed."""

    run_id: str
    provenance: ProvenanceView | None = None
    environment_ref: str | None = None
    python_version: str | None = None
    platform: str | None = None
    package_count: int = 0
    environment_variable_count: int = 0
    reproducibility_status: str = "missing"
    completeness_notes: tuple[CompletenessNote, ...] = ()
    evidence_links: tuple[EvidenceLink, ...] = ()
    score: float = 0.0
    checks: Mapping[str, bool] = mapping()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeDiff(Result):
    """The differences between the code of two runs, in the unified format."""

    left_run_id: str
    right_run_id: str
    left_revision: str | None = None
    right_revision: str | None = None
    text: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class ReproductionStep(Result):
    """One step of the reproduction of a run, with its shell commands."""

    name: str
    title: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MissingPart(Result):
    """A part of a run that cannot be reproduced."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Reproduction(Result):
    """The commands that reproduce a run. ``script`` is a shell script with all commands."""

    run_id: str
    directory: str
    complete: bool
    steps: tuple[ReproductionStep, ...] = ()
    missing: tuple[MissingPart, ...] = ()
    script: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryValue(Result):
    """A value that an entry of the log recorded, and whether the value is still current."""

    name: str
    value: Any
    state: str


@dataclass(frozen=True, slots=True)
class HistoryEntry(Result):
    """An entry of the log about an object."""

    time: str
    stream: str | None
    seq: int
    kind: str
    imported: bool
    state: str
    values: tuple[HistoryValue, ...] = ()
    import_id: str | None = None
    line: int | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> HistoryEntry:
        """Creates the object from its plain form. The member ``import`` is the field ``import_id``."""
        members = {"import_id" if name == "import" else name: value for name, value in data.items()}
        return super(HistoryEntry, cls).from_dict(members)


@dataclass(frozen=True, slots=True)
class History(Result):
    """Entries of the log about an object, in the order of their stamps."""

    subject_ref: str
    entries: tuple[HistoryEntry, ...] = ()
    total: int = 0
    next_offset: int | None = None
    notes: tuple[Note, ...] = ()
