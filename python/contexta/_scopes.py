"""Scopes: the handles of runs, deployments, stages, batches, samples and operations, and the current scope.

Opening a scope makes it the current scope of the thread or asyncio task. Closing it makes the outer scope current again.
A task sees the scopes that were open when the task was created; a new thread sees none.
"""

from __future__ import annotations

import asyncio
import atexit
import datetime
import multiprocessing.util
import secrets
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from contexta import _native
from contexta._emissions import (
    ArtifactRegistrationEmission,
    EventEmission,
    MetricEmission,
    SpanEmission,
)
from contexta._model import FrozenMapping, Model
from contexta._results import BatchCaptureResult, CaptureResult, PayloadFamily, ResultStatus, SeriesResult
from contexta.errors import ContextaError, LifecycleError, SerializationError, StoreAccessError, ValidationError

if TYPE_CHECKING:
    from typing_extensions import Self

    from contexta._facade import Contexta

_captured = CaptureResult._of
_captured_batch = BatchCaptureResult._of

#: The open scopes of this context, the innermost last.
_entered: ContextVar[tuple[Scope, ...]] = ContextVar("contexta_scopes", default=())
#: The run and the id of the innermost measured span of this context.
_span: ContextVar[tuple[str | None, str] | None] = ContextVar("contexta_span", default=None)

#: The number of points of a series that are captured in one commit. The log takes at most 65,536 entries in a commit.
_COMMIT_POINTS = 32_768
#: The length of the recorded text of an exception's traceback.
_TRACEBACK_CHARS_MAX = 16_000

_S = TypeVar("_S", bound="Scope")


def current(session: Contexta) -> Scope | None:
    """Returns the current scope of a session in this context; ``None`` if no scope is open."""
    for scope in reversed(_entered.get()):
        # Another thread or task may have closed the scope.
        if scope._session is session and not scope.is_closed:
            return scope
    return None


def _leave(outer: Scope) -> None:
    """Removes a scope and the scopes in it from the open scopes of this context."""
    _entered.set(tuple(scope for scope in _entered.get() if not scope._is_within(outer)))


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
        self._make_current()

    def _make_current(self) -> None:
        others = tuple(scope for scope in _entered.get() if scope is not self)
        _entered.set((*others, self))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

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
        try:
            self._native.end(str(status).strip().lower(), message)
        finally:
            # The end may be recorded although a sink failed.
            if self.is_closed:
                _leave(self)

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
        self._make_current()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self.is_closed:
                return
            if error is None or (isinstance(error, SystemExit) and not error.code):
                self.close("completed")
            elif isinstance(error, (GeneratorExit, asyncio.CancelledError)):
                self._end_with(error, "cancelled")
            else:
                self._fail_with(error)
        finally:
            _leave(self)

    def _fail_with(self, error: BaseException) -> None:
        """Marks the scope as failed because of an exception. An error of this capture is only a warning."""
        self._end_with(error, "failed")

    def _end_with(self, error: BaseException, status: str) -> None:
        steps: tuple[Callable[[], None], ...] = (
            lambda: self._record_exception(error),
            lambda: self.close(status, message=_message(error)),
        )
        for step in steps:
            try:
                step()
            except Exception as failure:
                text = f"the end of {self.ref} could not be recorded completely: {_message(failure)}"
                warnings.warn(text, RuntimeWarning, stacklevel=4)

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
            except _REFUSALS as error:
                return self._refused(error, key)
        def capture() -> CaptureResult:
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

        return self._attempt(capture, key)

    def metrics(self, values: Mapping[str, Any], *, step: Any | None = None) -> BatchCaptureResult:
        """Captures several metric values of one step in one commit, such as ``{"loss": 0.5, "acc": 0.9}``."""
        try:
            return _captured_batch(self._native.metrics(dict(values), step))
        except _REFUSALS:
            if not self._session._tolerates_invalid:
                raise
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
        return Series(self._native.series(key, unit, aggregation_scope, text, summary_basis), self)

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
            parent_span_id=parent_span_id or self._current_span(),
        )
        return self._emit("span", parts)

    def _current_span(self) -> str | None:
        """Returns the id of the innermost measured span of the run."""
        current = _span.get()
        return current[1] if current is not None and current[0] == self._native.run_ref else None

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

        def capture() -> CaptureResult:
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
            return _captured(self._native.register(parts))

        return self._attempt(capture, str(path))

    def register_artifacts(
        self, emissions: Sequence[ArtifactRegistrationEmission | Mapping[str, Any]]
    ) -> BatchCaptureResult:
        """Registers several artifacts. Each has a result of its own: a missing file does not stop the others."""
        parts = [_emission_parts(emission) for emission in emissions]
        try:
            return _captured_batch(self._native.register_all(parts))
        except _REFUSALS:
            if not self._session._tolerates_invalid:
                raise
            results = [self._register(one) for one in parts]
            return BatchCaptureResult(results, PayloadFamily.ARTIFACT)

    def _register(self, parts: Mapping[str, Any]) -> CaptureResult:
        return self._attempt(lambda: _captured(self._native.register(parts)), str(parts.get("path")))

    def relate(self, source: Any, relation: str, target: Any) -> str:
        """Records a lineage edge between two objects, and returns the ref of the edge."""
        return self._native.relate(str(source), relation, str(target))  # type: ignore[no-any-return]

    def _emit(self, family: str, parts: Mapping[str, Any]) -> CaptureResult:
        member = str(parts.get("key", parts.get("name", "")))
        return self._attempt(lambda: _captured(self._native.emit(family, parts)), member)

    def _emit_all(self, family: str, emissions: Iterable[Model | Mapping[str, Any]]) -> BatchCaptureResult:
        parts = [_emission_parts(emission) for emission in emissions]
        if len(parts) > _COMMIT_POINTS:
            commits = [parts[start : start + _COMMIT_POINTS] for start in range(0, len(parts), _COMMIT_POINTS)]
            return BatchCaptureResult([one for commit in commits for one in self._emit_all(family, commit)])
        try:
            return _captured_batch(self._native.emit_all(family, parts))
        except _REFUSALS:
            if not self._session._tolerates_invalid:
                raise
            return BatchCaptureResult([self._emit(family, one) for one in parts])

    def _attempt(self, capture: Callable[[], CaptureResult], member: str) -> CaptureResult:
        """Captures, and treats a refused value as the settings say."""
        try:
            return capture()
        except _REFUSALS as error:
            return self._refused(error, member)

    def _refused(self, error: Exception, member: str) -> CaptureResult:
        """Raises the error of a value that breaks a rule, or captures a degraded marker in its place.

        The marker is captured if the settings tolerate invalid values: with ``dispatch_failure_mode="outbox"``
        or ``validation_mode="lenient"``.
        """
        if isinstance(error, StoreAccessError) and error.code not in _SIZE_CODES:
            raise error
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


#: The exceptions of values that break a rule or are too large.
_REFUSALS = (ValidationError, SerializationError, StoreAccessError, UnicodeEncodeError, TypeError)
_SIZE_CODES = ("entry_too_large", "commit_too_large")


def _message(error: BaseException) -> str:
    """Returns the type and the text of an exception."""
    try:
        text = str(error)
    except Exception:
        text = ""
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

    def __init__(self, native: Any, session: Contexta, parent: Scope | None = None) -> None:
        super().__init__(native, session, parent)
        _handles[(session.workspace, self.ref)] = self

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
        self._native.note(str(text))

    def describe(self, text: str) -> None:
        """Sets the description."""
        self._native.describe(str(text))

    def rename(self, name: str) -> None:
        """Changes the name. The ref does not change."""
        self._native.rename(str(name))

    def leave_open(self) -> None:
        """Releases the handle and leaves the run open, so that another process can resume the run."""
        self._native.leave_open()
        _leave(self)

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


#: The handles of runs in this process, by workspace and ref.
_handles: WeakValueDictionary[tuple[str, str], RunScope] = WeakValueDictionary()
#: The runs to which this process is attached because a handle was sent to it.
_received: list[RunScope] = []


def _attach(arguments: dict[str, Any], run: str) -> RunScope:
    """Returns the handle of a run that was sent to this process.

    The process attaches to the run once. Its part of the run ends with the process: as failed after an exception that
    ends the process, otherwise as completed.
    """
    from contexta._facade import Contexta

    known = _handles.get((arguments["workspace"], run))
    if known is not None and not known.is_closed:
        return known
    handle = Contexta(**arguments).attach(run)
    _leave(handle)
    if not _received:
        atexit.register(_end_received)
        multiprocessing.util.Finalize(None, _end_received, exitpriority=0)
    _received.append(handle)
    return handle


def _end_received() -> None:
    error = sys.exc_info()[1] or getattr(sys, "last_value", None)
    while _received:
        run = _received.pop()
        if not run.is_closed:
            run.__exit__(None if error is None else type(error), error, None)


class Series:
    """A handle that captures many points of one metric. The key, unit and tags are checked once for all points."""

    __slots__ = ("_native", "_scope")

    def __init__(self, native: Any, scope: Scope) -> None:
        self._native = native
        self._scope = scope

    @property
    def key(self) -> str:
        """The key of the metric."""
        return self._native.key  # type: ignore[no-any-return]

    def point(self, value: Any, step: Any | None = None) -> CaptureResult:
        """Captures one point."""
        try:
            return _captured(self._native.point(value, step))
        except _REFUSALS as error:
            return self._scope._refused(error, self.key)

    def extend(self, steps: Any, values: Any) -> SeriesResult:
        """Captures points. ``steps`` and ``values`` are sequences or arrays of the same length.

        Up to 32,768 points are captured in one commit: all of them or none. If a later commit of a call fails, the
        exception has the number of points that are recorded in ``details["points_recorded"]``.
        """
        steps, values = _array(steps), _array(values)
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

    def _one_by_one(self, error: Exception, steps: Any, values: Any) -> list[CaptureResult]:
        """Captures the points of a refused commit one by one, and returns the results of those that failed."""
        if isinstance(values, bytes):
            return [self._scope._refused(error, self.key)]
        results = [self.point(value, step) for step, value in zip(steps, values, strict=True)]
        return [result for result in results if result.status is not ResultStatus.SUCCESS]

    def _captured_all(self, commits: Iterator[tuple[int, Any, Any]], capture: Any) -> SeriesResult:
        points, problems = 0, list[CaptureResult]()
        for count, steps, values in commits:
            try:
                captured = capture(steps, values)
            except _REFUSALS as error:
                if not self._scope._session._tolerates_invalid:
                    raise _with_points(error, points) from None
                problems.extend(self._one_by_one(error, steps, values))
            except ContextaError as error:
                raise _with_points(error, points) from None
            else:
                if captured.status() != "SUCCESS":
                    problems.extend(_captured(one) for one in captured.problems())
            points += count
        status = ResultStatus.DEGRADED if problems else ResultStatus.SUCCESS
        if points and len(problems) == points and all(one.status is ResultStatus.FAILURE for one in problems):
            status = ResultStatus.FAILURE
        return SeriesResult(status, points, tuple(problems))


def _with_points(error: Exception, points: int) -> Exception:
    """Adds the number of recorded points to the details of an error."""
    if isinstance(error, ContextaError):
        error.details = {**(error.details or {}), "points_recorded": points}
    return error


def _array(items: Any) -> Any:
    """Returns a series of pandas or polars as an array. In a masked array, masked floats become NaN."""
    if hasattr(items, "to_numpy") and not hasattr(items, "tobytes"):
        items = items.to_numpy()
    if hasattr(items, "mask") and hasattr(items, "filled"):
        if getattr(items.dtype, "kind", None) == "f":
            return items.filled(float("nan"))
        if bool(items.mask.any()):
            raise ValidationError("an array has masked numbers", code="capture_model_invalid_metric_value")
        return items.filled()
    return items


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
        self._outer: tuple[str | None, str] | None = None
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
        _span.set((self._scope._native.run_ref, self.span_id))
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
            attributes=_native.plain(self._attributes, as_text=True) if self._attributes else None,
            parent_span_id=self._scope._current_span(),
            span_id=self.span_id,
        )
        try:
            self.result = self._scope._emit("span", parts)
        except Exception as failure:
            if error is None:
                raise
            text = f"the span {self.name} could not be recorded: {_message(failure)}"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
