"""The models of records: envelopes, payloads and records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, SupportsFloat

from contexta._model import FrozenMapping
from contexta.contract._base import ContractModel, Time
from contexta.contract._extensions import ExtensionFieldSet
from contexta.contract._refs import StableRef
from contexta.contract._words import SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationRefs(ContractModel):
    """Ids that connect a record with traces and sessions of other tools."""

    _KIND: ClassVar[str] = "CorrelationRefs"

    trace_id: str | None = None
    """The id of a trace."""
    session_id: str | None = None
    """The id of a session."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            trace_id: str | None = ...,
            session_id: str | None = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEnvelope(ContractModel):
    """The envelope of a record: the ref, family and times of the record, its producer and its context."""

    _KIND: ClassVar[str] = "RecordEnvelope"

    record_ref: StableRef
    """The ref, ``record:PROJECT.RUN.KEY``."""
    record_type: str
    """The family of the payload, one of :data:`RECORD_TYPES`."""
    recorded_at: str
    """The time of recording."""
    observed_at: str
    """The time of observation."""
    producer_ref: str
    """The program that produced the record: a token such as ``sdk.python.local``."""
    run_ref: StableRef
    """The run that the record belongs to."""
    deployment_execution_ref: StableRef | None = None
    """The deployment that the record belongs to, in the same project."""
    stage_execution_ref: StableRef | None = None
    """The stage that the record belongs to."""
    batch_execution_ref: StableRef | None = None
    """The batch that the record belongs to."""
    sample_observation_ref: StableRef | None = None
    """The sample that the record belongs to."""
    operation_context_ref: StableRef | None = None
    """The operation that the record belongs to."""
    correlation_refs: CorrelationRefs = field(default_factory=CorrelationRefs)
    """Ids that connect the record with traces and sessions of other tools."""
    completeness_marker: str = "complete"
    """The completeness of the record, one of :data:`COMPLETENESS_MARKERS`."""
    degradation_marker: str = "none"
    """The kind of data loss; ``none`` if no data was lost; one of :data:`DEGRADATION_MARKERS`."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            record_ref: str,
            record_type: str,
            recorded_at: Time,
            observed_at: Time,
            producer_ref: str,
            run_ref: str,
            deployment_execution_ref: str | None = ...,
            stage_execution_ref: str | None = ...,
            batch_execution_ref: str | None = ...,
            sample_observation_ref: str | None = ...,
            operation_context_ref: str | None = ...,
            correlation_refs: CorrelationRefs | Mapping[str, Any] = ...,
            completeness_marker: str = ...,
            degradation_marker: str = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuredEventPayload(ContractModel):
    """The payload of an event."""

    _KIND: ClassVar[str] = "StructuredEventPayload"

    event_key: str
    """The key of the event, such as ``dataset.loaded``: at most 250 bytes."""
    level: str
    """The level, one of :data:`EVENT_LEVELS`."""
    message: str
    """A description for people, which may be empty."""
    subject_ref: StableRef | None = None
    """The object or record that the event concerns."""
    attributes: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Additional data, as a JSON object."""
    tags: Mapping[str, str] = field(default_factory=FrozenMapping)
    """Tags: texts by name."""
    origin_marker: str = "explicit_capture"
    """The origin of the record, one of :data:`ORIGIN_MARKERS`."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            event_key: str,
            level: str,
            message: str,
            subject_ref: str | None = ...,
            attributes: Mapping[str, Any] = ...,
            tags: Mapping[str, str] = ...,
            origin_marker: str = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPayload(ContractModel):
    """The payload of a metric."""

    _KIND: ClassVar[str] = "MetricPayload"

    metric_key: str
    """The key of the metric, such as ``loss`` or ``train/loss``: at most 250 bytes."""
    value: int | float
    """The measured number, which may be NaN or infinite."""
    value_type: str
    """The type of the number, such as ``int``, ``float`` or ``float64``."""
    step: int | None = None
    """The number of the training step. The user decides what a step is."""
    unit: str | None = None
    """The unit of the value."""
    aggregation_scope: str = "step"
    """The scope that the value describes, one of :data:`METRIC_AGGREGATION_SCOPES`."""
    subject_ref: StableRef | None = None
    """The object or record that the metric concerns."""
    slice_ref: str | None = None
    """The name of the slice of the data that the value describes."""
    tags: Mapping[str, str] = field(default_factory=FrozenMapping)
    """Tags: texts by name."""
    summary_basis: str | None = None
    """The way in which the value was summarised from several values: a lower-case word, such as ``mean``."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    def __eq__(self, other: object) -> bool:
        """Returns true if all fields are equal. Two values that are NaN are equal."""
        if not isinstance(other, MetricPayload):
            return NotImplemented
        return _comparable(self) == _comparable(other)

    def __hash__(self) -> int:
        return hash((self.metric_key, self.step, self.value_type))

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            metric_key: str,
            value: SupportsFloat,
            value_type: str,
            step: int | None = ...,
            unit: str | None = ...,
            aggregation_scope: str = ...,
            subject_ref: str | None = ...,
            slice_ref: str | None = ...,
            tags: Mapping[str, str] = ...,
            summary_basis: str | None = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSpanPayload(ContractModel):
    """The payload of a span."""

    _KIND: ClassVar[str] = "TraceSpanPayload"

    span_id: str
    """The id of the span within its trace."""
    trace_id: str
    """The id of the trace."""
    span_name: str
    """The name of the work that the span measures."""
    started_at: str
    """The start."""
    ended_at: str
    """The end."""
    status: str
    """The outcome, one of :data:`TRACE_SPAN_STATUSES`."""
    span_kind: str
    """The kind of work, one of :data:`TRACE_SPAN_KINDS`."""
    parent_span_id: str | None = None
    """The id of the parent span."""
    attributes: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Additional data, as a JSON object."""
    linked_refs: tuple[StableRef, ...] = ()
    """The refs of related objects, in the order given by the caller."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            span_id: str,
            trace_id: str,
            span_name: str,
            started_at: Time,
            ended_at: Time,
            status: str,
            span_kind: str,
            parent_span_id: str | None = ...,
            attributes: Mapping[str, Any] = ...,
            linked_refs: Sequence[str] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DegradedPayload(ContractModel):
    """The payload of a degraded record: a record of missing or doubtful data."""

    _KIND: ClassVar[str] = "DegradedPayload"

    issue_key: str
    """The key of the problem, such as ``metric.non_finite``."""
    category: str
    """The operation that caused or found the problem, one of :data:`DEGRADED_CATEGORIES`."""
    severity: str
    """The severity of the problem, one of :data:`DEGRADED_SEVERITIES`."""
    summary: str
    """A description of the problem for people."""
    subject_ref: StableRef | None = None
    """The object or record that the problem concerns."""
    origin_marker: str = "explicit_capture"
    """The origin of the record, one of :data:`ORIGIN_MARKERS`."""
    attributes: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Additional data, as a JSON object."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            issue_key: str,
            category: str,
            severity: str,
            summary: str,
            subject_ref: str | None = ...,
            origin_marker: str = ...,
            attributes: Mapping[str, Any] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuredEventRecord(ContractModel):
    """A record of an event."""

    _KIND: ClassVar[str] = "StructuredEventRecord"

    envelope: RecordEnvelope
    """The envelope."""
    payload: StructuredEventPayload
    """The payload."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            envelope: RecordEnvelope | Mapping[str, Any],
            payload: StructuredEventPayload | Mapping[str, Any],
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRecord(ContractModel):
    """A record of a metric."""

    _KIND: ClassVar[str] = "MetricRecord"

    envelope: RecordEnvelope
    """The envelope."""
    payload: MetricPayload
    """The payload."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            envelope: RecordEnvelope | Mapping[str, Any],
            payload: MetricPayload | Mapping[str, Any],
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSpanRecord(ContractModel):
    """A record of a span: one piece of work with a start and an end."""

    _KIND: ClassVar[str] = "TraceSpanRecord"

    envelope: RecordEnvelope
    """The envelope."""
    payload: TraceSpanPayload
    """The payload."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            envelope: RecordEnvelope | Mapping[str, Any],
            payload: TraceSpanPayload | Mapping[str, Any],
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DegradedRecord(ContractModel):
    """A record of missing or doubtful data."""

    _KIND: ClassVar[str] = "DegradedRecord"

    envelope: RecordEnvelope
    """The envelope."""
    payload: DegradedPayload
    """The payload."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            envelope: RecordEnvelope | Mapping[str, Any],
            payload: DegradedPayload | Mapping[str, Any],
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


def _comparable(payload: MetricPayload) -> dict[str, Any]:
    """Returns the fields of a payload, with a value that is equal to itself."""
    members = payload.to_dict()
    if isinstance(payload.value, float) and math.isnan(payload.value):
        members["value"] = None
    return members
