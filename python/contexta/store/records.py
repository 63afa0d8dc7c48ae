"""The record store: appends, scans, replays, exports and checks of records.

::

    from contexta.store.records import ReplayMode, export_jsonl

    replay = ctx.record_store.replay(mode=ReplayMode.TOLERANT)
    print(replay.record_count, replay.integrity_state.value)
    export_jsonl(ctx.record_store, "records.jsonl")
"""

from __future__ import annotations

import datetime
import enum
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

from contexta import _native
from contexta._model import Model
from contexta._plain import plain_form
from contexta.errors import ReplayError, ValidationError
from contexta.store._common import Note, Store, as_text, convert, plain_model, read_record

if TYPE_CHECKING:
    from contexta.config import RecordStoreConfig, UnifiedConfig
    from contexta.contract import (
        DegradedRecord,
        MetricRecord,
        StableRef,
        StructuredEventRecord,
        TraceSpanRecord,
    )

    Record: TypeAlias = StructuredEventRecord | MetricRecord | TraceSpanRecord | DegradedRecord

__all__ = [
    "AppendReceipt",
    "AppendRejection",
    "AppendResult",
    "IntegrityReport",
    "IntegrityState",
    "KnownGap",
    "MalformedRecord",
    "RecordScan",
    "RecordStore",
    "ReplayMode",
    "ReplayResult",
    "SalvagedRecord",
    "ScanFilter",
    "StoredRecord",
    "check_integrity",
    "export_jsonl",
]


class ReplayMode(str, enum.Enum):
    """The behaviour of a replay if the log is damaged."""

    STRICT = "strict"
    """Damage is an error."""
    TOLERANT = "tolerant"
    """Readable records are returned. Damage is reported as known gaps."""
    LENIENT = "lenient"
    """Like ``TOLERANT``; malformed records, and entries that were found in damaged bytes, are returned too."""


class IntegrityState(str, enum.Enum):
    """The state of the log."""

    HEALTHY = "HEALTHY"
    """Everything that was read is intact."""
    DEGRADED = "DEGRADED"
    """Entries are missing, and the loss is recorded; or some entries could not be read."""
    CORRUPTED = "CORRUPTED"
    """The log is damaged, or entries are missing without a record of the loss."""


@dataclass(frozen=True, slots=True)
class ScanFilter(Model):
    """A filter of records. A record is accepted if all members that are not ``None`` accept it.

    ``record_type`` is ``event``, ``metric``, ``span`` or ``degraded``. ``start_time`` and ``end_time`` limit the time
    of recording; both limits are included.
    """

    run_ref: str | StableRef | None = None
    stage_execution_ref: str | StableRef | None = None
    batch_execution_ref: str | StableRef | None = None
    sample_observation_ref: str | StableRef | None = None
    record_type: str | None = None
    start_time: str | datetime.datetime | None = None
    end_time: str | datetime.datetime | None = None
    deployment_execution_ref: str | StableRef | None = None
    operation_context_ref: str | StableRef | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not isinstance(value, str):
                convert(self, **{field.name: as_text(plain_form(value))})
            elif isinstance(value, enum.Enum):
                convert(self, **{field.name: as_text(value.value)})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ScanFilter:
        """Creates the filter from a mapping. An unknown member is a :class:`contexta.errors.ValidationError`."""
        known = {field.name for field in fields(cls)}
        for name in data:
            if name not in known:
                message = f"the filter has no member {name!r}; its members are {', '.join(sorted(known))}"
                raise ValidationError(message, code="record_store_invalid_filter", details={"field": str(name)})
        return cls(**data)


@dataclass(frozen=True, slots=True)
class AppendReceipt(Model):
    """The receipt of an appended record. ``is_new`` is ``False`` if the log contained the same record already."""

    record_ref: str
    record_type: str
    run_ref: str
    stream: str
    sequence: int
    is_new: bool
    durability_status: str


@dataclass(frozen=True, slots=True)
class AppendRejection(Model):
    """The reason why a record was not appended. ``index`` is the position of the record in the call."""

    index: int
    code: str
    message: str
    record_ref: str | None = None
    record_type: str | None = None


@dataclass(frozen=True, slots=True)
class AppendResult(Model):
    """The result of an append. ``durability_status`` is ``ACCEPTED``, ``FLUSHED`` or ``FSYNCED``."""

    accepted: tuple[AppendReceipt, ...] = ()
    rejected: tuple[AppendRejection, ...] = ()
    durability_status: str = "ACCEPTED"

    @property
    def accepted_count(self) -> int:
        """The number of accepted records."""
        return len(self.accepted)

    @property
    def rejected_count(self) -> int:
        """The number of rejected records."""
        return len(self.rejected)

    @property
    def durable_count(self) -> int:
        """The number of accepted records that a killed process does not lose."""
        return sum(receipt.durability_status != "ACCEPTED" for receipt in self.accepted)

    @property
    def success(self) -> bool:
        """``True`` if no record was rejected."""
        return not self.rejected


@dataclass(frozen=True, slots=True)
class StoredRecord(Model):
    """A record and its position in the log."""

    record: Record
    stream: str
    sequence: int
    appended_at: str

    def __post_init__(self) -> None:
        convert(self, record=read_record(self.record))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StoredRecord:
        """Creates the stored record from its plain form. Unknown members are ignored."""
        return cls(data["record"], data["stream"], data["sequence"], data["appended_at"])

    @property
    def record_ref(self) -> str:
        """The ref of the record."""
        return str(self.record.envelope.record_ref)

    @property
    def record_type(self) -> str:
        """The type of the record: ``event``, ``metric``, ``span`` or ``degraded``."""
        return str(self.record.envelope.record_type)

    @property
    def run_ref(self) -> str:
        """The run of the record."""
        return str(self.record.envelope.run_ref)


@dataclass(frozen=True, slots=True)
class KnownGap(Model):
    """A damaged or missing part of the log."""

    code: str
    message: str
    stream: str | None = None
    segment: int | None = None
    offset: int | None = None
    len: int | None = None
    start_sequence: int | None = None
    end_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class MalformedRecord(Model):
    """An intact entry of the log that cannot be read as a record. ``payload_hex`` has its bytes as hexadecimal text."""

    stream: str
    sequence: int
    appended_at: str
    kind: str
    is_unknown: bool
    reason: str
    payload_hex: str


@dataclass(frozen=True, slots=True)
class SalvagedRecord(Model):
    """An entry that was found in damaged bytes of the log. ``record`` is ``None`` if the entry is no record."""

    stream: str
    sequence: int
    appended_at: str
    record: Record | None
    payload_hex: str

    def __post_init__(self) -> None:
        convert(self, record=read_record(self.record))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SalvagedRecord:
        """Creates the entry from its plain form. Unknown members are ignored."""
        return cls(**{name: value for name, value in data.items() if name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class ReplayResult(Model):
    """The result of a replay. After an export, ``records`` is empty and ``record_count`` is the number of written
    records.
    """

    mode: ReplayMode
    record_count: int
    records: tuple[StoredRecord, ...]
    warnings: tuple[str, ...]
    known_gaps: tuple[KnownGap, ...]
    integrity_state: IntegrityState
    malformed: tuple[MalformedRecord, ...] = ()
    salvaged: tuple[SalvagedRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class IntegrityReport(Model):
    """The integrity of the log. ``issues_omitted`` is the number of issues that are not listed."""

    healthy: bool
    state: IntegrityState
    issues: tuple[KnownGap, ...]
    issues_omitted: int
    stream_count: int
    segment_count: int
    entry_count: int
    record_count: int
    recommendations: tuple[str, ...]
    notes: tuple[Note, ...] = ()


class RecordScan(Iterator[StoredRecord]):
    """An iterator over records. With the mode ``TOLERANT`` or ``LENIENT``, the damage that was met so far is in
    ``known_gaps`` and ``malformed``.
    """

    def __init__(self, scan: _native.RecordScan, mode: ReplayMode) -> None:
        self._scan = scan
        self._mode = mode
        self.known_gaps: list[KnownGap] = []
        self.malformed: list[MalformedRecord] = []

    def __iter__(self) -> RecordScan:
        return self

    def __next__(self) -> StoredRecord:
        while (item := self._scan.next_item()) is not None:
            kind, form = item
            if kind == "record":
                return StoredRecord.from_dict(form)
            if self._mode is ReplayMode.STRICT:
                raise ReplayError(
                    f"the records cannot be read completely: {form.get('message') or form.get('reason')}",
                    code="record_replay_unhealthy_store",
                    details={name: value for name, value in form.items() if value is not None},
                    hint="scan with the mode `tolerant` or `lenient`, or list all damage with `contexta verify`",
                )
            if kind == "gap":
                self.known_gaps.append(KnownGap.from_dict(form))
            else:
                self.malformed.append(MalformedRecord.from_dict(form))
        raise StopIteration


class RecordStore(Store):
    """The records of a workspace: events, metrics, spans and degraded records.

    ``config`` is a :class:`contexta.config.RecordStoreConfig`, a whole :class:`contexta.config.UnifiedConfig`, or the
    path of a workspace. Without ``config``, the settings name the workspace. With a ``RecordStoreConfig``, the
    directory above ``root_path`` is the workspace. A read-only store does not create a workspace.
    """

    _section = "records"
    _path = "root_path"

    def __init__(self, config: RecordStoreConfig | UnifiedConfig | str | os.PathLike[str] | None = None) -> None:
        super().__init__(config)

    def _open(self) -> None:
        self._native = self._workspace.record_store()

    def append(self, record: Record | Mapping[str, Any]) -> AppendResult:
        """Appends a record that already has a ref, such as a record of another workspace."""
        return self.append_many([record])

    def append_many(self, records: Iterable[Record | Mapping[str, Any]]) -> AppendResult:
        """Appends records that already have refs. A record that the workspace contains is not appended again, so a
        failed call can be repeated. A record that breaks a rule, or has the ref of another record, is rejected, and the
        other records are appended.
        """
        return AppendResult.from_dict(self._native.append_many([plain_model(record) for record in records]))

    def scan(
        self,
        scan_filter: ScanFilter | Mapping[str, Any] | None = None,
        *,
        mode: ReplayMode | str = ReplayMode.STRICT,
    ) -> RecordScan:
        """Returns an iterator over the records that the filter accepts, in constant memory. With the mode ``STRICT``,
        the iterator raises :class:`contexta.errors.ReplayError` at the first damage.
        """
        return RecordScan(self._native.scan(_members(scan_filter)), _mode(mode))

    def iter_replay(
        self,
        scan_filter: ScanFilter | Mapping[str, Any] | None = None,
        *,
        mode: ReplayMode | str = ReplayMode.STRICT,
    ) -> Iterator[StoredRecord]:
        """Checks the log, and returns an iterator over the records of :meth:`replay`."""
        return iter(self.replay(scan_filter, mode=mode).records)

    def replay(
        self,
        scan_filter: ScanFilter | Mapping[str, Any] | None = None,
        *,
        mode: ReplayMode | str = ReplayMode.STRICT,
    ) -> ReplayResult:
        """Checks the log, and returns the records that the filter accepts. All these records are in memory;
        :meth:`scan` and :meth:`export_jsonl` need constant memory. With the mode ``STRICT``, damage anywhere in the log
        is a :class:`contexta.errors.ReplayError`.
        """
        return ReplayResult.from_dict(self._native.replay(_members(scan_filter), _mode(mode).value))

    def export_jsonl(
        self,
        destination: str | os.PathLike[str],
        scan_filter: ScanFilter | Mapping[str, Any] | None = None,
        *,
        mode: ReplayMode | str = ReplayMode.STRICT,
    ) -> ReplayResult:
        """Writes the records that the filter accepts to a file, one canonical record in each line. An existing file is
        replaced when the export is complete.
        """
        answer = self._native.export_jsonl(os.fspath(destination), _members(scan_filter), _mode(mode).value)
        return ReplayResult.from_dict(answer)

    def check_integrity(self) -> IntegrityReport:
        """Checks the frames, the checksums, the chains and the payloads of the log, and finds missing entries. Changes
        nothing.
        """
        return IntegrityReport.from_dict(self._native.check_integrity())


def export_jsonl(
    store: RecordStore,
    destination: str | os.PathLike[str],
    scan_filter: ScanFilter | None = None,
    *,
    mode: ReplayMode = ReplayMode.STRICT,
) -> ReplayResult:
    """Writes the records that the filter accepts to a file. See :meth:`RecordStore.export_jsonl`."""
    return store.export_jsonl(destination, scan_filter, mode=mode)


def check_integrity(store: RecordStore) -> IntegrityReport:
    """Checks the log. See :meth:`RecordStore.check_integrity`."""
    return store.check_integrity()


def _members(scan_filter: ScanFilter | Mapping[str, Any] | None) -> dict[str, str]:
    """Returns the members of a filter that are set."""
    if scan_filter is None:
        return {}
    if not isinstance(scan_filter, ScanFilter):
        scan_filter = ScanFilter.from_dict(scan_filter)
    return {name: as_text(value) for name, value in scan_filter.to_dict().items() if value is not None}


def _mode(mode: ReplayMode | str) -> ReplayMode:
    try:
        return ReplayMode(mode)
    except ValueError:
        message = f"there is no replay mode {mode!r}"
        hint = "use the mode `strict`, `tolerant` or `lenient`"
        raise ValidationError(message, code="record_store_invalid_replay_mode", hint=hint) from None
