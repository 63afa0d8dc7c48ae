"""Scopes: the handles of runs, deployments, stages, batches, samples and operations, and the current scope.

Opening a scope makes it the current scope of the thread or asyncio task. Closing it makes the outer scope current again.
A task sees the scopes that were open when the task was created; a new thread sees none.
"""

from __future__ import annotations

import datetime
import secrets
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from contexta import _native
from contexta._emissions import (
    ArtifactRegistrationEmission,
    EventEmission,
    MetricEmission,
    SpanEmission,
)
from contexta._model import FrozenMapping, Model
from contexta._results import BatchCaptureResult, CaptureResult, PayloadFamily, ResultStatus, SeriesResult
from contexta.errors import ContextaError, LifecycleError, ValidationError

if TYPE_CHECKING:
    from typing_extensions import Self

    from contexta._facade import Contexta

_captured = CaptureResult._of
_captured_batch = BatchCaptureResult._of

#: The open scopes of this context, the innermost last.
_entered: ContextVar[tuple[Scope, ...]] = ContextVar("contexta_scopes", default=())
#: The id of the innermost measured span of this context.
_span: ContextVar[str | None] = ContextVar("contexta_span", default=None)

#: The number of points of a series that are captured in one commit. The log takes at most 65,536 entries in a commit.
_COMMIT_POINTS = 32_768
#: The length of the recorded text of an exception's traceback.
_TRACEBACK_CHARS_MAX = 16_000

_S = TypeVar("_S", bound="Scope")


def current(session: Contexta) -> Scope | None:
    """Returns the current scope of a session in this context; ``None`` if no scope is open."""
    for scope in reversed(_entered.get()):
        if scope._session is session:
            return scope
    return None


def required(session: Contexta) -> Scope:
    """Returns the current scope of a session. Raises :class:`LifecycleError` if no scope is open."""
    scope = current(session)
    if scope is None:
        raise LifecycleError(
            "no run is current in this thread or task",
            code="runtime_capture_requires_run",
            hint="open a run with `with ctx.run(...)`, or capture with the handle of the run",
        )
    return scope


def _parts(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _emission_parts(emission: Model | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(emission, Model):
        return {name: value for name, value in emission.to_dict().items() if value is not None}
    if not isinstance(emission, Mapping):
        kind = type(emission).__name__
        raise ValidationError(f"an emission is a model or a mapping, not {kind}", code="capture_invalid_value")
    return {name: value for name, value in emission.items() if value is not None}


class Scope:
    """The handle of a scope, and a context manager: leaving the block completes the scope, or marks the scope as failed
    if an exception leaves the block.
    """

    __slots__ = ("__weakref__", "_native", "_parent", "_session")
    _kind = ""

    def __init__(self, native: Any, session: Contexta, parent: Scope | None = None) -> None:
        self._native = native
        self._session = session
        self._parent = parent
        _entered.set((*_entered.get(), self))

    # Properties.

    @property
    def ref(self) -> str:
        """The ref of the object of the scope, such as ``run:project.run``."""
        return self._native.object_ref  # type: ignore[no-any-return]

    @property
    def name(self) -> str:
        """The name."""
        return self._native.name  # type: ignore[no-any-return]

    @property
    def scope_kind(self) -> str:
        """The kind: ``run``, ``deployment``, ``stage``, ``batch``, ``sample`` or ``operation``."""
        return self._native.kind  # type: ignore[no-any-return]

    @property
    def started_at(self) -> str:
        """The time of the start."""
        return self._native.started_at  # type: ignore[no-any-return]

    @property
    def closed_at(self) -> str | None:
        """The time of the end; ``None`` while the scope is open."""
        return self._native.closed_at  # type: ignore[no-any-return]

    @property
    def status(self) -> str:
        """The status: ``open``, ``completed``, ``failed`` or ``cancelled``."""
        return self._native.status  # type: ignore[no-any-return]

    @property
    def is_closed(self) -> bool:
        """``True`` if the scope has ended."""
        return self._native.closed_at is not None

    @property
    def traceparent(self) -> str:
        """The trace context of the scope as the value of the HTTP header ``traceparent``."""
        return self._native.traceparent  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.ref} {self.status}>"

    # End.

    def close(self, status: str = "completed", *, message: str | None = None) -> None:
        """Ends the scope and the open scopes in it as ``completed``, ``failed`` or ``cancelled``."""
        self._native.end(str(status).strip().lower(), message)
        _entered.set(tuple(scope for scope in _entered.get() if not scope._is_within(self)))

    def complete(self) -> None:
        """Marks the scope as completed."""
        self.close("completed")

    def fail(self, message: str = "") -> None:
        """Marks the scope as failed. The message is recorded, such as the text of an exception."""
        self.close("failed", message=message)

    def cancel(self) -> None:
        """Marks the scope as cancelled."""
        self.close("cancelled")

    def _is_within(self, outer: Scope) -> bool:
        scope: Scope | None = self
        while scope is not None:
            if scope is outer:
                return True
            scope = scope._parent
        return False

    def __enter__(self) -> Self:
        if self not in _entered.get():
            _entered.set((*_entered.get(), self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.is_closed:
            _entered.set(tuple(scope for scope in _entered.get() if not scope._is_within(self)))
        elif error is None or (isinstance(error, SystemExit) and not error.code):
            self.close("completed")
        else:
            self._fail_with(error)

    def _fail_with(self, error: BaseException) -> None:
        """Marks the scope as failed because of an exception. An error of this capture is only a warning."""
        try:
            self._record_exception(error)
            self.close("failed", message=_message(error))
        except Exception as failure:
            warnings.warn(f"the end of {self.ref} could not be recorded: {failure}", RuntimeWarning, stacklevel=3)

    def _record_exception(self, error: BaseException) -> None:
        """Captures an exception with its traceback as an event. Only runs do so; other scopes capture nothing."""

    # Capture.

    def event(
        self,
        key: str,
        *,
        message: str,
        level: str = "info",
        attributes: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> CaptureResult:
        """Captures an event. See :meth:`contexta.Contexta.event`."""
        return self._emit("event", _parts(key=key, message=message, level=level, attributes=attributes, tags=tags))

    def emit_events(self, emissions: Sequence[EventEmission | Mapping[str, Any]]) -> BatchCaptureResult:
        """Captures several events in one commit."""
        return self._emit_all("event", emissions)

    def metric(
        self,
        key: str,
        value: Any,
        *,
        unit: str | None = None,
        aggregation_scope: str = "step",
        tags: Mapping[str, str] | None = None,
        summary_basis: str = "raw_observation",
        step: Any | None = None,
    ) -> CaptureResult:
        """Captures a metric value. See :meth:`contexta.Contexta.metric`."""
        if unit is None and tags is None and aggregation_scope == "step" and summary_basis == "raw_observation":
            try:
                return _captured(self._native.metric(key, value, step))
            except (ValidationError, UnicodeEncodeError, TypeError) as error:
                return self._refused(error, key)
        try:
            parts = _parts(
                key=key,
                value=_native.metric_number(value),
                unit=unit,
                aggregation_scope=aggregation_scope,
                tags=tags,
                summary_basis=summary_basis,
                step=None if step is None else _native.step_number(step),
            )
            return _captured(self._native.emit("metric", parts))
        except ValidationError as error:
            return self._refused(error, key)

    def metrics(self, values: Mapping[str, Any], *, step: Any | None = None) -> BatchCaptureResult:
        """Captures several metric values of one step in one commit, such as ``{"loss": 0.5, "acc": 0.9}``."""
        try:
            return _captured_batch(self._native.metrics(dict(values), step))
        except ValidationError as error:
            if not self._session._tolerates_invalid:
                raise
            del error
            return BatchCaptureResult([self.metric(key, value, step=step) for key, value in values.items()])

    def emit_metrics(self, emissions: Sequence[MetricEmission | Mapping[str, Any]]) -> BatchCaptureResult:
        """Captures several metric values in one commit."""
        return self._emit_all("metric", emissions)

    def series(
        self,
        key: str,
        *,
        unit: str | None = None,
        aggregation_scope: str = "step",
        tags: Mapping[str, str] | None = None,
        summary_basis: str = "raw_observation",
    ) -> Series:
        """Returns a handle that captures many points of one metric faster than separate calls of :meth:`metric`."""
        text = {str(name): str(value) for name, value in (tags or {}).items()}
        return Series(self._native.series(key, unit, aggregation_scope, text, summary_basis))

    def span(
        self,
        name: str,
        *,
        started_at: str | datetime.datetime | None = None,
        ended_at: str | datetime.datetime | None = None,
        status: str = "ok",
        span_kind: str = "operation",
        attributes: Mapping[str, Any] | None = None,
        linked_refs: Sequence[Any] | None = None,
        parent_span_id: str | None = None,
    ) -> CaptureResult:
        """Captures a span. See :meth:`contexta.Contexta.span`."""
        parts = _parts(
            name=name,
            started_at=started_at,
            ended_at=ended_at,
            status=status,
            span_kind=span_kind,
            attributes=attributes,
            linked_refs=None if linked_refs is None else [str(ref) for ref in linked_refs],
            parent_span_id=parent_span_id or _span.get(),
        )
        return self._emit("span", parts)

    def start_span(
        self, name: str, *, span_kind: str = "operation", attributes: Mapping[str, Any] | None = None
    ) -> SpanGuard:
        """Returns a context manager that measures a span. Spans within the block get it as their parent."""
        return SpanGuard(self, name, span_kind, attributes)

    def emit_spans(self, emissions: Sequence[SpanEmission | Mapping[str, Any]]) -> BatchCaptureResult:
        """Captures several spans in one commit."""
        return self._emit_all("span", emissions)

    def degraded(
        self, issue_key: str, *, summary: str, severity: str = "warning", attributes: Mapping[str, Any] | None = None
    ) -> CaptureResult:
        """Captures a degraded marker: the statement that data is missing or doubtful."""
        parts = _parts(issue_key=issue_key, summary=summary, severity=severity, attributes=attributes)
        return self._emit("degraded", parts)

    def register_artifact(
        self,
        artifact_kind: str,
        path: Any,
        *,
        artifact_ref: Any | None = None,
        attributes: Mapping[str, Any] | None = None,
        compute_hash: bool = True,
        allow_missing: bool = False,
        key: str | None = None,
        role: str = "output",
        ingest_mode: str | None = None,
        step: Any | None = None,
    ) -> CaptureResult:
        """Stores a file or directory as an artifact. See :meth:`contexta.Contexta.register_artifact`."""
        parts = _parts(
            artifact_kind=artifact_kind,
            path=path,
            artifact_ref=None if artifact_ref is None else str(artifact_ref),
            attributes=attributes,
            compute_hash=compute_hash,
            allow_missing=allow_missing,
            key=key,
            role=role,
            ingest_mode=ingest_mode,
            step=None if step is None else _native.step_number(step),
        )
        try:
            return _captured(self._native.register(parts))
        except ValidationError as error:
            return self._refused(error, str(path))

    def register_artifacts(
        self, emissions: Sequence[ArtifactRegistrationEmission | Mapping[str, Any]]
    ) -> BatchCaptureResult:
        """Registers several artifacts. Each has a result of its own: a missing file does not stop the others."""
        return _captured_batch(self._native.register_all([_emission_parts(emission) for emission in emissions]))

    def relate(self, source: Any, relation: str, target: Any) -> str:
        """Records a lineage edge between two objects, and returns the ref of the edge."""
        return self._native.relate(str(source), relation, str(target))  # type: ignore[no-any-return]

    def _emit(self, family: str, parts: Mapping[str, Any]) -> CaptureResult:
        try:
            return _captured(self._native.emit(family, parts))
        except ValidationError as error:
            return self._refused(error, str(parts.get("key", parts.get("name", ""))))

    def _emit_all(self, family: str, emissions: Iterable[Model | Mapping[str, Any]]) -> BatchCaptureResult:
        parts = [_emission_parts(emission) for emission in emissions]
        try:
            return _captured_batch(self._native.emit_all(family, parts))
        except ValidationError:
            if not self._session._tolerates_invalid:
                raise
            return BatchCaptureResult([self._emit(family, one) for one in parts])

    def _refused(self, error: Exception, member: str) -> CaptureResult:
        """Raises the error of a value that breaks a rule, or captures a degraded marker in its place.

        The marker is captured if the settings tolerate invalid values: with ``dispatch_failure_mode="outbox"``
        or ``validation_mode="lenient"``.
        """
        if isinstance(error, (UnicodeEncodeError, TypeError)):
            kind = "a text that can be encoded as UTF-8"
            error = ValidationError(f"the key of a metric must be {kind}: {error}", code="record_invalid_metric_key")
        if not self._session._tolerates_invalid:
            raise error
        code = getattr(error, "code", "capture_invalid_value")
        attributes = {"error_code": code, "member": member.encode("utf-8", "replace").decode()[:250]}
        summary = str(error)[:1000]
        marker = self.degraded("capture.invalid_value", summary=summary, attributes=attributes)
        return CaptureResult.with_degradation(
            family=PayloadFamily.RECORD,
            degradation_reasons=(code,),
            degradation_emitted=True,
            degradation_payload=FrozenMapping({"record_ref": marker.record_ref, "error_code": code}),
            error_code=code,
            error_message=summary,
        )


def _message(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class _Owner(Scope):
    """A scope that contains operations."""

    __slots__ = ()

    def operation(self, name: str, *, metadata: Mapping[str, Any] | None = None) -> OperationScope:
        """Starts an operation: a part of the work with a start and an end."""
        return OperationScope(self._native.open("operation", name, metadata), self._session, self)


class _SampleOwner(_Owner):
    """A scope that contains samples and operations."""

    __slots__ = ()

    def sample(
        self,
        name: str,
        *,
        retention_class: str | None = None,
        redaction_profile: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> SampleScope:
        """Starts a sample: one observed example of the data."""
        native = self._native.open("sample", name, metadata, retention_class, redaction_profile)
        return SampleScope(native, self._session, self)


class RunScope(Scope):
    """The handle of a run."""

    __slots__ = ()

    @property
    def run_id(self) -> str:
        """The id: the last component of the run's ref."""
        return self.ref.rsplit(".", 1)[-1]

    def stage(self, name: str, *, metadata: Mapping[str, Any] | None = None) -> StageScope:
        """Starts a stage, such as ``train``. If the name is in use, a number is added."""
        return StageScope(self._native.open("stage", name, metadata), self._session, self)

    def param(self, key: str, value: Any) -> None:
        """Sets a parameter. The value replaces an earlier value."""
        self._native.params({key: value})

    def params(self, params: Any) -> None:
        """Sets parameters from a mapping, dataclass or namespace. Members of nested mappings get dotted names."""
        self._native.params(params)

    def tag(self, key: str, value: str) -> None:
        """Sets a tag."""
        self._native.tag(str(key), str(value))

    def note(self, text: str) -> None:
        """Adds a note."""
        self._native.note(text)

    def describe(self, text: str) -> None:
        """Sets the description."""
        self._native.describe(text)

    def rename(self, name: str) -> None:
        """Changes the name. The ref does not change."""
        self._native.rename(name)

    def leave_open(self) -> None:
        """Releases the handle and leaves the run open, so that another process can attach to it."""
        self._native.leave_open()
        _entered.set(tuple(scope for scope in _entered.get() if not scope._is_within(self)))

    def _record_exception(self, error: BaseException) -> None:
        if isinstance(error, Exception):
            text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            attributes = {"traceback": text[-_TRACEBACK_CHARS_MAX:], "type": type(error).__name__}
            self.event("exception", message=_message(error), level="error", attributes=attributes)

    def __reduce__(self) -> tuple[Any, ...]:
        return _attach, (self._session._arguments(), self.ref)


class DeploymentScope(Scope):
    """The handle of a deployment."""

    __slots__ = ()


class StageScope(_SampleOwner):
    """The handle of a stage."""

    __slots__ = ()

    def batch(self, name: str, *, metadata: Mapping[str, Any] | None = None) -> BatchScope:
        """Starts a batch: one unit of data processing, such as an epoch."""
        return BatchScope(self._native.open("batch", name, metadata), self._session, self)


class BatchScope(_SampleOwner):
    """The handle of a batch."""

    __slots__ = ()


class OperationScope(_Owner):
    """The handle of an operation."""

    __slots__ = ()


class SampleScope(Scope):
    """The handle of a sample."""

    __slots__ = ()


def _attach(arguments: dict[str, Any], run: str) -> RunScope:
    """Attaches to a run in another process, for a handle that was sent there."""
    from contexta._facade import Contexta

    return Contexta(**arguments).attach(run)


class Series:
    """A handle that captures many points of one metric. The key, unit and tags are checked once for all points."""

    __slots__ = ("_native",)

    def __init__(self, native: Any) -> None:
        self._native = native

    @property
    def key(self) -> str:
        """The key of the metric."""
        return self._native.key  # type: ignore[no-any-return]

    def point(self, value: Any, step: Any | None = None) -> CaptureResult:
        """Captures one point."""
        return _captured(self._native.point(value, step))

    def extend(self, steps: Any, values: Any) -> SeriesResult:
        """Captures points. ``steps`` and ``values`` are sequences or arrays of the same length.

        Up to 32,768 points are captured in one commit: all of them or none. If a later commit of a call fails, the
        exception has the number of points that are recorded in ``details["points_recorded"]``.
        """
        step_words, value_words = _words(steps), _words(values)
        if step_words is None or value_words is None or step_words[1] != "q":
            steps, values = list(steps), list(values)
            commits = self._commits(len(steps), len(values), steps, values, 1)
            return self._captured_all(commits, self._native.extend_numbers)
        (step_bytes, _), (value_bytes, kind) = step_words, value_words
        commits = self._commits(len(steps), len(values), step_bytes, value_bytes, 8)
        return self._captured_all(commits, lambda s, v: self._native.extend(s, v, kind == "q"))

    @staticmethod
    def _commits(steps_len: int, values_len: int, steps: Any, values: Any, width: int) -> Iterator[tuple[int, Any, Any]]:
        """Yields the parts of steps and values that belong to one commit, with the number of points of each part."""
        if steps_len != values_len:
            message = f"there are {steps_len} steps and {values_len} values"
            hint = "give one step for each value"
            raise ValidationError(message, code="metric_steps_and_values_differ", hint=hint)
        for start in range(0, values_len, _COMMIT_POINTS):
            end = min(start + _COMMIT_POINTS, values_len)
            yield end - start, steps[start * width : end * width], values[start * width : end * width]

    @staticmethod
    def _captured_all(commits: Iterator[tuple[int, Any, Any]], capture: Any) -> SeriesResult:
        points, problems = 0, list[CaptureResult]()
        for count, steps, values in commits:
            try:
                captured = capture(steps, values)
            except ContextaError as error:
                error.details = {**(error.details or {}), "points_recorded": points}
                raise
            points += count
            if captured.status() != "SUCCESS":
                problems.extend(_captured(one) for one in captured.problems())
        status = ResultStatus.DEGRADED if problems else ResultStatus.SUCCESS
        if points and len(problems) == points and all(one.status is ResultStatus.FAILURE for one in problems):
            status = ResultStatus.FAILURE
        return SeriesResult(status, points, tuple(problems))


def _words(items: Any) -> tuple[bytes, str] | None:
    """Returns the numbers of a one-dimensional array as bytes, with their type: ``q`` for 64-bit integers, ``d`` for
    64-bit floats.

    Returns ``None`` for all other objects, and for arrays with numbers that do not fit into 64 bits.
    """
    kind = getattr(getattr(items, "dtype", None), "kind", None)
    if getattr(items, "ndim", 0) != 1 or not hasattr(items, "astype"):
        return None
    if kind == "f":
        return items.astype("float64").tobytes(), "d"
    if kind == "i" or (kind == "u" and not (items.size and int(items.max()) > 0x7FFF_FFFF_FFFF_FFFF)):
        return items.astype("int64").tobytes(), "q"
    return None


class SpanGuard:
    """A context manager that measures a span. An exception marks the span as ``error``."""

    __slots__ = ("_attributes", "_kind", "_outer", "_scope", "_started_at", "name", "result", "span_id")

    def __init__(self, scope: Scope, name: str, span_kind: str, attributes: Mapping[str, Any] | None) -> None:
        self._scope = scope
        self._kind = span_kind
        self._attributes = dict(attributes or {})
        self._outer: str | None = None
        self._started_at: datetime.datetime | None = None
        self.name = name
        self.span_id = secrets.token_hex(8)
        self.result: CaptureResult | None = None

    def attribute(self, key: str, value: Any) -> None:
        """Adds an attribute to the span."""
        self._attributes[key] = value

    def __enter__(self) -> Self:
        self._outer = _span.get()
        self._started_at = datetime.datetime.now(datetime.timezone.utc)
        _span.set(self.span_id)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _span.set(self._outer)
        if error is not None:
            self._attributes.setdefault("error", _message(error))
        parts = _parts(
            name=self.name,
            started_at=self._started_at,
            ended_at=datetime.datetime.now(datetime.timezone.utc),
            status="ok" if error is None else "error",
            span_kind=self._kind,
            attributes=self._attributes or None,
            parent_span_id=self._outer,
            span_id=self.span_id,
        )
        self.result = self._scope._emit("span", parts)
