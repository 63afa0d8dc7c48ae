"""Emissions: descriptions of records and artifacts to capture."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from contexta import _native
from contexta._model import Model, freeze


class _Emission(Model):
    """An emission. Its members are checked when it is created."""

    __slots__ = ()
    _family: typing.ClassVar[str]

    def __post_init__(self) -> None:
        names = [f.name for f in fields(typing.cast(Any, self))]
        given = {name: getattr(self, name) for name in names}
        form = _native.emission_form(self._family, {k: v for k, v in given.items() if v is not None})
        for name in names:
            value = freeze(form.get(name))
            if name == "value" and isinstance(value, str):
                # JSON has no number for NaN and the infinities, and writes their names.
                value = float(value)
            object.__setattr__(self, name, None if given[name] is None and not value else value)


@dataclass(frozen=True, slots=True)
class EventEmission(_Emission):
    """An event to capture. Raises :class:`~contexta.errors.ValidationError` if a member breaks a rule."""

    key: str
    message: str
    level: str = "info"
    attributes: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None

    _family: typing.ClassVar[str] = "event"


@dataclass(frozen=True, slots=True)
class MetricEmission(_Emission):
    """A metric value to capture. NaN and infinite values are accepted; booleans are refused."""

    key: str
    value: int | float
    unit: str | None = None
    aggregation_scope: str = "step"
    tags: Mapping[str, str] | None = None
    summary_basis: str = "raw_observation"
    step: int | None = None

    _family: typing.ClassVar[str] = "metric"


@dataclass(frozen=True, slots=True)
class SpanEmission(_Emission):
    """A span to capture: one piece of work with a start and an end."""

    name: str
    started_at: str | None = None
    ended_at: str | None = None
    status: str = "ok"
    span_kind: str = "operation"
    attributes: Mapping[str, Any] | None = None
    linked_refs: tuple[Any, ...] | None = None
    parent_span_id: str | None = None
    span_id: str | None = None
    trace_id: str | None = None

    _family: typing.ClassVar[str] = "span"


@dataclass(frozen=True, slots=True)
class ArtifactRegistrationEmission(_Emission):
    """A file to register as an artifact."""

    artifact_kind: str
    path: str
    artifact_ref: Any | None = None
    attributes: Mapping[str, Any] | None = None
    compute_hash: bool = True
    allow_missing: bool = False
    key: str | None = None
    role: str = "output"
    ingest_mode: str | None = None
    step: int | None = None

    _family: typing.ClassVar[str] = "artifact"
