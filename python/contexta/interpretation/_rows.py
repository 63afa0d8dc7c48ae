"""Runs, their parts, their records, and parts that several results have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contexta._model import freeze
from contexta.interpretation._base import Listing, Number, Result, handle, mapping


@dataclass(frozen=True, slots=True)
class EvidenceLink(Result):
    """A link to an object on which a result is based, such as a run or a record."""

    kind: str
    ref: str
    label: str


@dataclass(frozen=True, slots=True)
class CompletenessNote(Result):
    """A statement that certain data does not exist. ``summary`` is a code, such as ``missing_metric_for_run:loss``."""

    severity: str
    summary: str
    details: Mapping[str, Any] = mapping()
    evidence_links: tuple[EvidenceLink, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "details", freeze(self.details or {}))
        object.__setattr__(self, "evidence_links", tuple(self.evidence_links))


@dataclass(frozen=True, slots=True)
class Note(Result):
    """A remark on missing or unusual data: a severity, a stable code and a message."""

    severity: str
    code: str
    message: str
    details: Mapping[str, Any] = mapping()


@dataclass(frozen=True, slots=True)
class ProjectRecord(Result):
    """A project."""

    project_ref: str
    name: str
    created_at: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = mapping()
    conflicts: tuple[str, ...] = ()


class ProjectList(Listing[str]):
    """The names of projects. ``projects`` has the projects with all members."""

    projects: tuple[ProjectRecord, ...]


@dataclass(frozen=True, slots=True)
class MetricPoint(Result):
    """A point of a metric."""

    observed_at: str
    step: int | None
    value: Number
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class MetricSeries(Result):
    """The summary of one metric series of a run. ``value`` is the last value."""

    metric_key: str
    value: Number
    label: str = ""
    stage_name: str | None = None
    stage_id: str | None = None
    tags: Mapping[str, str] = mapping()
    slice: str | None = None
    deployment_id: str | None = None
    within: str | None = None
    units: tuple[str, ...] = ()
    has_points_without_unit: bool = True
    scopes: tuple[str, ...] = ()
    count: int = 0
    non_finite: int = 0
    first: MetricPoint | None = None
    last: MetricPoint | None = None
    min: Number | None = None
    max: Number | None = None


class MetricTable(tuple[MetricSeries, ...]):
    """The metric series of a run. A name instead of a position returns the last value: ``run.metrics["loss"]``.

    The name is the label of a series, such as ``train/loss``, or a metric key. A key selects the series outside any
    stage. If there is no such series, the key selects the series that was observed last.
    """

    @classmethod
    def _from_plain(cls, values: Iterable[Any]) -> MetricTable:
        return cls(value if isinstance(value, MetricSeries) else MetricSeries.from_dict(value) for value in values)

    def find(self, name: str) -> MetricSeries | None:
        """Returns the series with a label or key; ``None`` if there is none."""
        named = [series for series in self if series.label == name]
        if named:
            return named[0]
        keyed = [series for series in self if series.metric_key == name]
        outside = [series for series in keyed if series.stage_id is None]
        times = sorted(outside or keyed, key=lambda series: series.last.observed_at if series.last else "")
        return times[-1] if times else None

    def get(self, name: str, default: Any = None) -> Any:
        """Returns the last value of a metric, or ``default`` if the run does not have the metric."""
        series = self.find(name)
        return default if series is None else series.value

    def keys(self) -> tuple[str, ...]:
        """Returns the labels of all series."""
        return tuple(series.label for series in self)

    def items(self) -> tuple[tuple[str, Number], ...]:
        """Returns the labels and last values of all series."""
        return tuple((series.label, series.value) for series in self)

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        series = self.find(key)
        if series is None:
            raise KeyError(key)
        return series.value

    def __contains__(self, key: object) -> bool:
        return self.find(key) is not None if isinstance(key, str) else super().__contains__(key)


@dataclass(frozen=True, slots=True)
class BaselineDifference(Result):
    """The difference between a value and the value of a baseline run."""

    metric_key: str
    stage_name: str | None
    value: Number
    baseline_value: Number
    difference: Number | None = None
    percent: float | None = None
    step: int | None = None
    unit: str | None = None
    baseline_step: int | None = None
    baseline_unit: str | None = None
    steps_differ: bool = False
    units_differ: bool = False


@dataclass(frozen=True, slots=True)
class Annotation(Result):
    """A remark that a user added to a run."""

    at: str
    text: str


@dataclass(frozen=True, slots=True)
class RunRecord(Result):
    """A run. ``metrics`` has the summaries of the metric series; ``run.metrics["loss"]`` is the last value."""

    run_id: str
    project_name: str
    name: str
    status: str
    started_at: str | None = None
    ended_at: str | None = None
    tags: Mapping[str, str] = mapping()
    metadata: Mapping[str, Any] = mapping()
    params: Mapping[str, Any] = mapping()
    metrics: MetricTable = MetricTable()
    differences: tuple[BaselineDifference, ...] = ()
    project_ref: str | None = None
    description: str | None = None
    annotations: tuple[Annotation, ...] = ()
    attempts: int = 1
    archived: bool = False
    starred: bool = False
    code_revision: str | None = None
    dataset_ref: str | None = None
    command: str | None = None
    end_message: str | None = None
    end_reason: str | None = None
    last_sign_of_life: str | None = None
    conflicts: tuple[str, ...] = ()
    _native: Any = handle()


class ArrowTable:
    """Columns that pyarrow, pandas and polars read through the Arrow interface, such as ``pl.DataFrame(table)``."""

    __slots__ = ("_native",)

    def __init__(self, native: Any) -> None:
        self._native = native

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Exports the columns as an Arrow stream."""
        return self._native.arrow_stream()


class RunList(Listing[RunRecord]):
    """A list of runs. ``total`` counts the runs of all pages, and ``next_page`` is the token of the next page.

    ``table()`` has the runs as columns: ``pl.DataFrame(runs.table())``, ``pa.table(runs.table())`` and
    ``pd.DataFrame.from_arrow(runs.table())``.
    """

    next_page: str | None
    baseline_run_id: str | None

    @classmethod
    def _of(cls, answer: Any) -> RunList:
        data = answer.to_dict()
        runs = [RunRecord.from_dict(run) for run in data["runs"]]
        for position, run in enumerate(runs):
            object.__setattr__(run, "_native", (answer, position))
        created: RunList = cls._create(
            runs,
            native=answer,
            notes=notes_of(data),
            total=data["total"],
            next_offset=data["next_offset"],
            next_page=data["next_page"],
            baseline_run_id=data["baseline_run_id"],
        )
        return created

    def to_csv(self, delimiter: str = ",") -> str:
        """Returns the runs as CSV."""
        return str(native_of(self, "the list of runs").csv(delimiter))

    def table(self) -> ArrowTable:
        """Returns the runs as columns, with one column for each parameter, tag and metric."""
        return ArrowTable(native_of(self, "the list of runs"))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Exports the columns of :meth:`table` as an Arrow stream."""
        return self.table().__arrow_c_stream__(requested_schema)


@dataclass(frozen=True, slots=True)
class WriterRecord(Result):
    """A process that captured into a run."""

    attempt: int
    joined: str
    status: str
    from_step: int | None = None
    label: str | None = None
    host: str | None = None
    process: int | None = None
    started_at: str | None = None
    ended_at: str | None = None
    end_message: str | None = None
    end_reason: str | None = None
    last_sign_of_life: str | None = None


@dataclass(frozen=True, slots=True)
class StageRecord(Result):
    """A stage of a run."""

    stage_id: str
    run_id: str
    name: str
    status: str
    order: int = 0
    started_at: str | None = None
    ended_at: str | None = None
    tags: Mapping[str, str] = mapping()
    metadata: Mapping[str, Any] = mapping()
    end_message: str | None = None
    end_reason: str | None = None
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeploymentRecord(Result):
    """A deployment."""

    deployment_id: str
    project_name: str
    name: str
    status: str
    run_id: str | None = None
    artifact_ref: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    order: int = 0
    metadata: Mapping[str, Any] = mapping()
    environment_ref: str | None = None
    end_message: str | None = None
    end_reason: str | None = None


@dataclass(frozen=True, slots=True)
class BatchRecord(Result):
    """A batch of a stage."""

    batch_id: str
    run_id: str
    stage_id: str
    name: str
    status: str
    order: int = 0
    started_at: str | None = None
    ended_at: str | None = None
    metadata: Mapping[str, Any] = mapping()
    end_message: str | None = None
    end_reason: str | None = None


@dataclass(frozen=True, slots=True)
class SampleRecord(Result):
    """A sample that was observed in a stage or batch."""

    sample_id: str
    run_id: str
    stage_id: str
    batch_id: str | None
    name: str
    observed_at: str
    retention_class: str | None = None
    redaction_profile: str | None = None
    metadata: Mapping[str, Any] = mapping()
    status: str | None = None
    ended_at: str | None = None
    end_message: str | None = None
    end_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ArtifactRecord(Result):
    """An artifact. ``body`` and ``body_present`` describe the content. The members from ``artifact_kind`` on are those
    of the manifest.
    """

    artifact_ref: str
    run_id: str
    stage_id: str | None
    kind: str
    created_at: str | None = None
    location: str | None = None
    hash_value: str | None = None
    size_bytes: int | None = None
    attributes: Mapping[str, Any] = mapping()
    content_type: str | None = None
    body: str | None = None
    body_present: bool = False
    conflict: bool = False
    artifact_kind: str | None = None
    location_ref: str | None = None
    run_ref: str | None = None
    stage_execution_ref: str | None = None
    batch_execution_ref: str | None = None
    sample_observation_ref: str | None = None
    operation_context_ref: str | None = None
    deployment_execution_ref: str | None = None
    producer_ref: str | None = None
    schema_version: str | None = None
    extensions: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservationRecord(Result):
    """A captured record: an event, a metric point, a span or a degraded marker. A span's value is in milliseconds."""

    record_id: str
    run_id: str
    stage_id: str | None
    record_type: str
    key: str
    observed_at: str
    value: Number | None = None
    message: str | None = None
    completeness_marker: str = "complete"
    degradation_marker: str = "none"
    payload: Mapping[str, Any] = mapping()
    tags: Mapping[str, str] = mapping()
    schema_version: str = "1.0.0"
    producer_ref: str | None = None
    correlation_id: str | None = None
    unit: str | None = None
    recorded_at: str | None = None
    deployment_id: str | None = None
    batch_id: str | None = None
    sample_id: str | None = None
    operation_id: str | None = None
    position: str | None = None
    process_label: str | None = None


@dataclass(frozen=True, slots=True)
class RelationRecord(Result):
    """A lineage relation between two objects."""

    relation_ref: str
    relation_type: str
    source_ref: str
    target_ref: str
    recorded_at: str
    origin_marker: str
    confidence_marker: str
    evidence_refs: tuple[str, ...] = ()
    operation_context_ref: str | None = None


@dataclass(frozen=True, slots=True)
class ProvenanceView(Result):
    """The provenance of a lineage relation of a run."""

    run_id: str
    provenance_ref: str
    relation_ref: str
    assertion_mode: str
    asserted_at: str
    formation_context_ref: str | None = None
    policy_ref: str | None = None
    evidence_bundle_ref: str | None = None


@dataclass(frozen=True, slots=True)
class RunSnapshot(Result):
    """Everything known about one run. ``records`` is the first page of its records; ``records_total`` counts all."""

    run: RunRecord
    deployments: tuple[DeploymentRecord, ...] = ()
    stages: tuple[StageRecord, ...] = ()
    batches: tuple[BatchRecord, ...] = ()
    samples: tuple[SampleRecord, ...] = ()
    artifacts: tuple[ArtifactRecord, ...] = ()
    relations: tuple[RelationRecord, ...] = ()
    records: tuple[ObservationRecord, ...] = ()
    evidence_links: tuple[EvidenceLink, ...] = ()
    completeness_notes: tuple[str, ...] = ()
    provenance: ProvenanceView | None = None
    metrics: MetricTable = MetricTable()
    writers: tuple[WriterRecord, ...] = ()
    environments: tuple[Mapping[str, Any], ...] = ()
    records_total: int = 0
    records_next_offset: int | None = None
    notes: tuple[Note, ...] = ()
    _native: Any = handle()

    @property
    def run_id(self) -> str:
        """The ref of the run."""
        return self.run.run_id


def notes_of(data: Mapping[str, Any]) -> tuple[Note, ...]:
    """Returns the notes of an answer."""
    return tuple(Note.from_dict(note) for note in data["notes"])


def native_of(result: Any, what: str) -> Any:
    """Returns the native answer of a result. Error: the result was not read from a workspace in this process."""
    native = getattr(result, "_native", None)
    if native is None:
        from contexta.errors import InterpretationError

        raise InterpretationError(
            f"{what} was not read from a workspace in this process",
            code="query_result_detached",
            hint="read it again from the workspace",
        )
    return native
