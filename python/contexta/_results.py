"""Results of captures."""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from contexta._model import FrozenMapping, Model, freeze, plain
from contexta.errors import ContextaError, ValidationError

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


class PayloadFamily(str, enum.Enum):
    """The family of a captured payload."""

    CONTEXT = "CONTEXT"
    RECORD = "RECORD"
    ARTIFACT = "ARTIFACT"
    DEGRADATION = "DEGRADATION"


class DeliveryStatus(str, enum.Enum):
    """The outcome of the delivery to one sink."""

    SUCCESS = "SUCCESS"
    DEGRADED = "DEGRADED"
    FAILURE = "FAILURE"
    SKIPPED = "SKIPPED"


class ResultStatus(str, enum.Enum):
    """The outcome of an operation."""

    SUCCESS = "SUCCESS"
    DEGRADED = "DEGRADED"
    FAILURE = "FAILURE"


@dataclass(frozen=True, slots=True)
class ResultMessage(Model):
    """A message of a result."""

    level: str
    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=FrozenMapping)


@dataclass(frozen=True, slots=True)
class DegradationNote(Model):
    """The reason why a result is degraded."""

    code: str
    message: str
    fidelity_loss: bool = True
    recoverable: bool = True
    affected_planes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=FrozenMapping)


@dataclass(frozen=True, slots=True)
class ResultFailure(Model):
    """The failure of an operation."""

    code: str
    message: str
    retryable: bool = False
    error_type: str | None = None
    details: Mapping[str, Any] = field(default_factory=FrozenMapping)

    @classmethod
    def of(cls, error: BaseException) -> ResultFailure:
        """Returns the failure that an exception describes."""
        code = getattr(error, "code", "unexpected_error")
        return cls(str(code), str(error) or type(error).__name__, error_type=type(error).__name__)


@dataclass(frozen=True, slots=True)
class Delivery(Model):
    """The delivery of a payload to one sink."""

    sink_name: str
    family: PayloadFamily | str
    status: DeliveryStatus | str
    detail: str = ""
    metadata: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "family", PayloadFamily(self.family))
        object.__setattr__(self, "status", DeliveryStatus(self.status))
        object.__setattr__(self, "metadata", freeze(self.metadata) if self.metadata else FrozenMapping())


def _parts_of(items: Iterable[Any] | None, model: type[Model]) -> tuple[Any, ...]:
    return tuple(item if isinstance(item, model) else model.from_dict(item) for item in items or ())


class OperationResult(Generic[T]):
    """The result of an operation: status, value, messages, notes, failure and metadata."""

    __slots__ = ("_members", "_native")
    _fields: typing.ClassVar[tuple[str, ...]] = (
        "status",
        "value",
        "messages",
        "degradation_notes",
        "failure",
        "applied",
        "planned_only",
        "metadata",
    )
    _native: Any
    _members: dict[str, Any] | None

    def __init__(
        self,
        status: ResultStatus | str = ResultStatus.SUCCESS,
        value: T | None = None,
        messages: Sequence[ResultMessage | Mapping[str, Any]] = (),
        degradation_notes: Sequence[DegradationNote | Mapping[str, Any]] = (),
        failure: ResultFailure | Mapping[str, Any] | None = None,
        applied: bool = True,
        planned_only: bool = False,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        members = {
            "status": ResultStatus(status),
            "value": value,
            "messages": _parts_of(messages, ResultMessage),
            "degradation_notes": _parts_of(degradation_notes, DegradationNote),
            "failure": _parts_of([failure], ResultFailure)[0] if failure is not None else None,
            "applied": applied and not planned_only,
            "planned_only": planned_only,
            "metadata": FrozenMapping(metadata),
        }
        _set_native(self, None)
        _set_members(self, members)

    @classmethod
    def _of(cls, native: Any) -> Self:
        """Wraps the native result of a capture or of a batch."""
        result = object.__new__(cls)
        _set_native(result, native)
        _set_members(result, None)
        return result

    def _read(self) -> dict[str, Any]:
        """Returns the members; reads them from the native result when they are asked for the first time."""
        members = self._members
        if members is None:
            members = self._decode(self._native.to_dict())
            _set_members(self, members)
        return members

    @classmethod
    def _decode(cls, form: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "status": ResultStatus(form["status"]),
            "value": freeze(form.get("value", form.get("payload"))),
            "messages": _parts_of(form.get("messages"), ResultMessage),
            "degradation_notes": _parts_of(form.get("degradation_notes"), DegradationNote),
            "failure": None if not form.get("failure") else ResultFailure.from_dict(form["failure"]),
            "applied": form.get("applied", True),
            "planned_only": form.get("planned_only", False),
            "metadata": freeze(form.get("metadata") or {}),
        }

    def __getattr__(self, name: str) -> Any:
        if name in self._fields:
            return self._read()[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    @property
    def succeeded(self) -> bool:
        """``True`` if the operation succeeded completely."""
        return bool(self.status is ResultStatus.SUCCESS)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OperationResult) or type(self) is not type(other):
            return NotImplemented
        return self._read() == other._read()

    def __hash__(self) -> int:
        return hash((type(self), self.status))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={_short(value)}" for name, value in self._shown().items())
        return f"{type(self).__name__}({shown})"

    def _shown(self) -> dict[str, Any]:
        """Returns the members that the printed form shows: those that say more than a plain success."""
        members = self._read()
        shown = {name: members[name] for name in self._fields if members[name] not in (None, (), {}, False, "")}
        shown.pop("metadata", None)
        if members["applied"]:
            shown.pop("applied", None)
        return shown

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._read())

    def to_dict(self) -> dict[str, Any]:
        """Returns the plain form: dictionaries, lists, texts, numbers, booleans and ``None``."""
        members = self._read()
        return {name: plain(members[name]) for name in self._fields}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Any:
        """Creates the result from its plain form."""
        return _restore(cls, cls._decode(data))


_set_native = OperationResult.__dict__["_native"].__set__
_set_members = OperationResult.__dict__["_members"].__set__


def _short(value: Any) -> str:
    return value.value if isinstance(value, enum.Enum) else repr(value)


def _restore(kind: type[OperationResult[Any]], members: dict[str, Any]) -> Any:
    result = object.__new__(kind)
    _set_native(result, None)
    _set_members(result, members)
    return result


class CaptureResult(OperationResult[Any]):
    """The result of one capture.

    ``value`` and ``payload`` are the captured object in JSON form. They are ``None`` unless a sink received the object
    or the object could not be appended to the log. ``position`` is the position in the log, ``durability`` the
    durability of the append, and ``redacted`` the paths of values that were redacted before the capture.
    """

    __slots__ = ()
    _fields: typing.ClassVar[tuple[str, ...]] = (
        "family",
        "status",
        "deliveries",
        "warnings",
        "degradation_reasons",
        "payload",
        "degradation_emitted",
        "degradation_payload",
        "recovered_to_outbox",
        "replay_refs",
        "error_code",
        "error_message",
        "value",
        "messages",
        "degradation_notes",
        "failure",
        "applied",
        "planned_only",
        "metadata",
        "position",
        "durability",
        "redacted",
    )

    def __init__(
        self,
        status: ResultStatus | str = ResultStatus.SUCCESS,
        value: Any | None = None,
        messages: Sequence[ResultMessage | Mapping[str, Any]] = (),
        degradation_notes: Sequence[DegradationNote | Mapping[str, Any]] = (),
        failure: ResultFailure | Mapping[str, Any] | None = None,
        applied: bool = True,
        planned_only: bool = False,
        metadata: Mapping[str, Any] | None = None,
        family: PayloadFamily | str = PayloadFamily.RECORD,
        deliveries: Sequence[Delivery] = (),
        warnings: Sequence[str] = (),
        degradation_reasons: Sequence[str] = (),
        payload: Any | None = None,
        degradation_emitted: bool = False,
        degradation_payload: Any | None = None,
        recovered_to_outbox: bool = False,
        replay_refs: Sequence[str] = (),
        error_code: str | None = None,
        error_message: str | None = None,
    ) -> None:
        if value is not None and payload is not None and value != payload:
            raise _invalid("value and payload of a capture result are different")
        if degradation_payload is not None and not degradation_emitted:
            raise _invalid("a degradation payload requires degradation_emitted=True")
        payload = value if payload is None else payload
        messages = list(messages) + [
            ResultMessage("WARNING", f"capture_warning_{n}", text) for n, text in enumerate(warnings, 1)
        ]
        if not degradation_notes and status == ResultStatus.DEGRADED:
            reasons = enumerate(degradation_reasons, 1)
            notes = [DegradationNote(f"capture_degradation_{n}", text, affected_planes=("capture",)) for n, text in reasons]
            degradation_notes = notes or [DegradationNote("capture_degraded", "capture_degraded")]
        if failure is None and status == ResultStatus.FAILURE:
            failure = ResultFailure(error_code or "capture_failed", error_message or "the capture failed")
        super().__init__(status, payload, messages, degradation_notes, failure, applied, planned_only, metadata)
        fault = self._read()["failure"]
        self._read().update(
            family=PayloadFamily(family),
            deliveries=tuple(deliveries),
            warnings=tuple(warnings),
            degradation_reasons=tuple(degradation_reasons),
            payload=payload,
            degradation_emitted=degradation_emitted,
            degradation_payload=degradation_payload,
            recovered_to_outbox=recovered_to_outbox,
            replay_refs=tuple(replay_refs),
            error_code=error_code or (fault.code if fault else None),
            error_message=error_message or (fault.message if fault else None),
            position=None,
            durability=None,
            redacted=(),
        )

    @classmethod
    def _decode(cls, form: Mapping[str, Any]) -> dict[str, Any]:
        members = super()._decode(form)
        members.update(
            family=PayloadFamily(form["family"]),
            deliveries=_parts_of(form.get("deliveries"), Delivery),
            warnings=tuple(form.get("warnings") or ()),
            degradation_reasons=tuple(form.get("degradation_reasons") or ()),
            payload=freeze(form.get("payload")),
            degradation_emitted=bool(form.get("degradation_emitted")),
            degradation_payload=freeze(form.get("degradation_payload")),
            recovered_to_outbox=bool(form.get("recovered_to_outbox")),
            replay_refs=tuple(form.get("replay_refs") or ()),
            error_code=form.get("error_code"),
            error_message=form.get("error_message"),
            position=form.get("position"),
            durability=form.get("durability"),
            redacted=tuple(form.get("redacted") or ()),
        )
        return members

    def _shown(self) -> dict[str, Any]:
        ref = {"record_ref": self.record_ref} if self.record_ref else {}
        return {**super()._shown(), **ref}

    @property
    def record_ref(self) -> str | None:
        """The ref of the captured record; ``None`` if no record was captured."""
        return self.metadata.get("record_ref")  # type: ignore[no-any-return]

    @property
    def artifact_ref(self) -> str | None:
        """The ref of the registered artifact; ``None`` if no artifact was registered."""
        return self.payload.get("artifact_ref") if isinstance(self.payload, Mapping) else None

    @classmethod
    def success(
        cls, payload: Any | None = None, *, family: PayloadFamily | str = PayloadFamily.RECORD, **members: Any
    ) -> CaptureResult:
        """Creates the result of a successful capture."""
        return cls(ResultStatus.SUCCESS, payload=payload, family=family, **members)

    @classmethod
    def with_degradation(
        cls,
        payload: Any | None = None,
        *,
        family: PayloadFamily | str = PayloadFamily.RECORD,
        degradation_reasons: Sequence[str] = (),
        **members: Any,
    ) -> CaptureResult:
        """Creates the result of a capture that succeeded in part."""
        status = ResultStatus.DEGRADED
        return cls(status, payload=payload, family=family, degradation_reasons=degradation_reasons, **members)

    @classmethod
    def failure_result(
        cls,
        failure: ResultFailure | BaseException | None = None,
        *,
        family: PayloadFamily | str = PayloadFamily.RECORD,
        applied: bool = False,
        **members: Any,
    ) -> CaptureResult:
        """Creates the result of a failed capture, from a failure or an exception."""
        if isinstance(failure, BaseException):
            failure = ResultFailure.of(failure)
        return cls(ResultStatus.FAILURE, failure=failure, family=family, applied=applied, **members)


def _invalid(message: str) -> ContextaError:
    return ValidationError(message, code="capture_result_invalid")


class BatchResult(OperationResult[tuple[T, ...]]):
    """The result of several operations. ``items`` are the results of the operations."""

    __slots__ = ()
    _fields: typing.ClassVar[tuple[str, ...]] = (
        "status",
        "items",
        "messages",
        "degradation_notes",
        "failure",
        "applied",
        "planned_only",
        "metadata",
    )

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> T:
        return self.items[index]  # type: ignore[no-any-return]


class BatchCaptureResult(BatchResult[CaptureResult]):
    """The result of several captures of one family. ``results`` is another name of ``items``."""

    __slots__ = ()
    _fields: typing.ClassVar[tuple[str, ...]] = (
        "family",
        "status",
        "results",
        "messages",
        "degradation_notes",
        "failure",
        "applied",
        "planned_only",
        "metadata",
    )

    def __init__(self, items: Sequence[CaptureResult] = (), family: PayloadFamily | str = PayloadFamily.RECORD) -> None:
        results = tuple(items)
        statuses = [result.status for result in results]
        status, failure = ResultStatus.SUCCESS, None
        if results and all(status is ResultStatus.FAILURE for status in statuses):
            status, failure = ResultStatus.FAILURE, results[0].failure
        elif any(status is not ResultStatus.SUCCESS for status in statuses):
            status = ResultStatus.DEGRADED
        notes = [note for result in results for note in result.degradation_notes]
        if status is ResultStatus.DEGRADED and not notes:
            notes = [DegradationNote("capture_batch_partial_failure", "some captures of the batch failed")]
        applied = not results or any(result.applied for result in results)
        super().__init__(status, results, (), notes, failure, applied)
        self._read().update(family=PayloadFamily(family), results=results, items=results)

    @classmethod
    def _decode(cls, form: Mapping[str, Any]) -> dict[str, Any]:
        members = super()._decode(form)
        results = tuple(
            item if isinstance(item, CaptureResult) else CaptureResult.from_dict(item)
            for item in form.get("results") or ()
        )
        members.update(family=PayloadFamily(form["family"]), results=results, items=results, value=results)
        return members

    def __getattr__(self, name: str) -> Any:
        return self._read()["items"] if name == "items" else super().__getattr__(name)

    def __len__(self) -> int:
        return len(self._native) if self._native is not None else len(self.items)

    @classmethod
    def from_results(cls, results: Iterable[CaptureResult]) -> BatchCaptureResult:
        """Creates the result of a batch. All results must have one family."""
        results = tuple(results)
        families = {result.family for result in results}
        if len(families) > 1:
            raise _invalid("the results of a batch have different families")
        return cls(results, families.pop() if families else PayloadFamily.RECORD)

    @classmethod
    def aggregate(
        cls, results: Iterable[CaptureResult], *, family: PayloadFamily | str = PayloadFamily.RECORD
    ) -> BatchCaptureResult:
        """Creates the result of a batch of this family."""
        return cls(tuple(results), family)


@dataclass(frozen=True, slots=True)
class SeriesResult(Model):
    """The result of capturing many points: their number, and the results of those that did not succeed completely."""

    status: ResultStatus
    points: int
    problems: tuple[CaptureResult, ...] = ()

    def __len__(self) -> int:
        return self.points
