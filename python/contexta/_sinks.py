"""Sinks: receivers of captured payloads."""

from __future__ import annotations

import json
import os
import sys
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contexta._model import FrozenMapping, Model, freeze, plain
from contexta._results import DeliveryStatus, PayloadFamily
from contexta.errors import DispatchError


@dataclass(frozen=True, slots=True)
class DeliveryReceipt(Model):
    """The answer of a sink that took a payload."""

    status: DeliveryStatus = DeliveryStatus.SUCCESS
    detail: str = ""
    metadata: Mapping[str, Any] = field(default_factory=FrozenMapping)


class Sink:
    """The base class of sinks. A sink receives each captured payload at least once, after the append to the log."""

    name: str = "sink"
    supported_families: tuple[PayloadFamily, ...] = tuple(PayloadFamily)

    def supports(self, family: PayloadFamily | str) -> bool:
        """Returns ``True`` if the sink accepts payloads of this family."""
        return PayloadFamily(family) in self.supported_families

    def capture(self, *, family: PayloadFamily, payload: Mapping[str, Any]) -> DeliveryReceipt | None:
        """Receives a payload. An exception means that the payload was not delivered.

        If the attribute ``retryable`` of the exception is true, the delivery is repeated up to
        ``capture.retry_attempts`` times.
        """
        raise NotImplementedError


class _NamedSink(Sink):
    def __init__(self, name: str, supported_families: Iterable[PayloadFamily | str] = ()) -> None:
        self.name = name
        families = tuple(PayloadFamily(family) for family in supported_families)
        self.supported_families = families or tuple(PayloadFamily)


class MemorySink(_NamedSink):
    """A sink that keeps the newest payloads in memory, at most ``entries_max``."""

    def __init__(
        self,
        name: str = "memory",
        *,
        supported_families: Iterable[PayloadFamily | str] = (),
        entries_max: int = 100_000,
    ) -> None:
        super().__init__(name, supported_families)
        self.entries: list[Mapping[str, Any]] = []
        self.entries_max = entries_max

    def capture(self, *, family: PayloadFamily, payload: Mapping[str, Any]) -> DeliveryReceipt:
        self.entries.append(FrozenMapping({"family": family.value, "payload": freeze(payload)}))
        del self.entries[: -self.entries_max]
        return DeliveryReceipt(metadata=FrozenMapping({"stored_entries": len(self.entries)}))

    def clear(self) -> None:
        """Removes all entries."""
        self.entries.clear()


class StdoutSink(_NamedSink):
    """A sink that prints each payload as one line of JSON."""

    def __init__(
        self,
        name: str = "stdout",
        *,
        stream: typing.TextIO | None = None,
        supported_families: Iterable[PayloadFamily | str] = (),
    ) -> None:
        super().__init__(name, supported_families)
        self.stream = stream

    def capture(self, *, family: PayloadFamily, payload: Mapping[str, Any]) -> DeliveryReceipt:
        stream = self.stream or sys.stdout
        line = {"sink": self.name, "family": family.value, "payload": plain(payload)}
        stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        stream.flush()
        return DeliveryReceipt()


class LocalJsonlSink(_NamedSink):
    """A sink that appends each payload as one line of JSON to a file in the directory ``root``. Each family of payloads
    has a separate file, such as ``record.jsonl``.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        name: str = "local-jsonl",
        *,
        supported_families: Iterable[PayloadFamily | str] = (),
    ) -> None:
        super().__init__(name, supported_families)
        self.root = Path(root)

    def capture(self, *, family: PayloadFamily, payload: Mapping[str, Any]) -> DeliveryReceipt:
        path = self.root / f"{family.value.lower()}.jsonl"
        line = {"family": family.value, "payload": plain(payload), "sink_name": self.name}
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")
        except OSError as error:
            code = "local_jsonl_sink_write_failed"
            raise DispatchError(f"the file {path} cannot be written: {error}", code=code, retryable=True) from error
        return DeliveryReceipt(metadata=FrozenMapping({"path": str(path)}))


class CompositeSink(_NamedSink):
    """A sink that delivers each payload to several sinks."""

    def __init__(self, sinks: Iterable[Sink], name: str = "composite") -> None:
        self.sinks = tuple(sinks)
        super().__init__(name, {family for sink in self.sinks for family in sink.supported_families})

    def capture(self, *, family: PayloadFamily, payload: Mapping[str, Any]) -> DeliveryReceipt:
        failures: list[str] = []
        degraded: list[str] = []
        eligible = [sink for sink in self.sinks if sink.supports(family)]
        if not eligible:
            code = "composite_sink_no_eligible_children"
            raise DispatchError(f"no sink of {self.name} accepts {family.value}", code=code)
        for sink in eligible:
            try:
                receipt = _receipt(sink, sink.capture(family=family, payload=payload))
                if receipt.status is DeliveryStatus.DEGRADED:
                    degraded.append(f"{sink.name}: {receipt.detail}")
            except Exception as error:
                failures.append(f"{sink.name}: {error}")
        if len(failures) == len(eligible):
            raise DispatchError("; ".join(failures), code="composite_sink_all_children_failed")
        status = DeliveryStatus.DEGRADED if failures or degraded else DeliveryStatus.SUCCESS
        return DeliveryReceipt(status, "; ".join([*failures, *degraded]))


def _receipt(sink: Any, answer: Any) -> DeliveryReceipt:
    """Returns the receipt of a sink. Raises :class:`DispatchError` if the sink did not take the payload."""
    if answer is None:
        return DeliveryReceipt()
    status = DeliveryStatus(getattr(answer.status, "value", answer.status))
    if status in (DeliveryStatus.FAILURE, DeliveryStatus.SKIPPED):
        message = answer.detail or f"the sink {sink.name} returned the status {status.value}"
        raise DispatchError(message, code="sink_refused_payload")
    return DeliveryReceipt(status, answer.detail, FrozenMapping(answer.metadata))


def _deliver(sink: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delivers a payload to a sink. The native module calls this function."""
    answer = sink.capture(family=PayloadFamily(request["family"]), payload=request["payload"])
    receipt = _receipt(sink, answer)
    return {"status": receipt.status.value, "detail": receipt.detail, "metadata": plain(receipt.metadata)}
