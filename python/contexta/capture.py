"""Emissions, results of captures, and sinks.

An emission describes a record or artifact to capture. A capture returns a :class:`CaptureResult`. A :class:`Sink`
receives each captured payload after the payload was appended to the log.
"""

from __future__ import annotations

from contexta._emissions import (
    ArtifactRegistrationEmission,
    EventEmission,
    MetricEmission,
    SpanEmission,
)
from contexta._results import (
    BatchCaptureResult,
    BatchResult,
    CaptureResult,
    DegradationNote,
    Delivery,
    DeliveryStatus,
    OperationResult,
    PayloadFamily,
    ResultFailure,
    ResultMessage,
    ResultStatus,
    SeriesResult,
)
from contexta._scopes import (
    BatchScope,
    DeploymentScope,
    OperationScope,
    RunScope,
    SampleScope,
    Scope,
    Series,
    SpanGuard,
    StageScope,
)
from contexta._sinks import (
    CompositeSink,
    DeliveryReceipt,
    LocalJsonlSink,
    MemorySink,
    Sink,
    StdoutSink,
)

__all__ = [
    "ArtifactRegistrationEmission",
    "BatchCaptureResult",
    "BatchResult",
    "BatchScope",
    "CaptureResult",
    "CompositeSink",
    "DegradationNote",
    "Delivery",
    "DeliveryReceipt",
    "DeliveryStatus",
    "DeploymentScope",
    "EventEmission",
    "LocalJsonlSink",
    "MemorySink",
    "MetricEmission",
    "OperationResult",
    "OperationScope",
    "PayloadFamily",
    "ResultFailure",
    "ResultMessage",
    "ResultStatus",
    "RunScope",
    "SampleScope",
    "Scope",
    "Series",
    "SeriesResult",
    "Sink",
    "SpanEmission",
    "SpanGuard",
    "StageScope",
    "StdoutSink",
]
