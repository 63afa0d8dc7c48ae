"""Exceptions of contexta.

Every exception has a stable ``code``, optional ``details`` and an optional ``hint`` on how to resolve the problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "AggregationError",
    "AlertError",
    "AnomalyError",
    "ArtifactError",
    "BackupError",
    "CaptureError",
    "ClosedScopeError",
    "ComparisonError",
    "ConfigurationError",
    "ConflictError",
    "ContextaError",
    "DependencyError",
    "DiagnosticsError",
    "DispatchError",
    "InterpretationError",
    "LifecycleError",
    "LineageError",
    "MetadataError",
    "NotFoundError",
    "ProvenanceError",
    "ReadOnlyStoreError",
    "RecordError",
    "RecoveryError",
    "ReplayError",
    "ReportError",
    "RestoreError",
    "SerializationError",
    "StoreAccessError",
    "TrendError",
    "ValidationError",
]


class ContextaError(Exception):
    """The base class of all exceptions of contexta."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "contexta_error",
        details: Mapping[str, Any] | None = None,
        hint: str | None = None,
        retryable: bool = False,
        cause: BaseException | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details: dict[str, Any] | None = dict(sorted(details.items())) if details else None
        self.hint = hint
        self.retryable = retryable
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.message} (hint: {self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.message, self.code, self.details, self.hint, self.retryable)

    def to_dict(self) -> dict[str, Any]:
        """Returns code, message, details, hint and whether a retry may succeed."""
        return {
            "code": self.code,
            "message": self.message,
            "details": self.details,
            "hint": self.hint,
            "retryable": self.retryable,
        }


class ConfigurationError(ContextaError):
    """The settings cannot be used."""


class ValidationError(ContextaError):
    """A value breaks a rule."""


class SerializationError(ContextaError):
    """A text cannot be read as an object, or an object cannot be written as text."""


class ConflictError(ContextaError):
    """A value contradicts a value that exists already."""


class NotFoundError(ContextaError):
    """The requested object does not exist."""


class LifecycleError(ContextaError):
    """A scope is missing, or is of another kind than expected."""


class ClosedScopeError(ContextaError):
    """The scope has ended."""


class CaptureError(ContextaError):
    """A capture failed."""


class DispatchError(ContextaError):
    """A sink did not accept a captured payload. ``result`` is the result of the capture, if there is one."""

    result: Any = None


class StoreAccessError(ContextaError):
    """The workspace cannot be read or written."""


class ReadOnlyStoreError(ContextaError):
    """The workspace is read-only."""


class RecordError(ContextaError):
    """A record cannot be read or written."""


class MetadataError(ContextaError):
    """Metadata cannot be read or written."""


class ArtifactError(ContextaError):
    """An artifact cannot be read or written."""


class InterpretationError(ContextaError):
    """A query failed."""


class ComparisonError(InterpretationError):
    """A comparison failed."""


class DiagnosticsError(InterpretationError):
    """A diagnosis failed."""


class LineageError(InterpretationError):
    """A traversal of the lineage failed."""


class TrendError(InterpretationError):
    """A trend cannot be computed."""


class AggregationError(InterpretationError):
    """An aggregate cannot be computed."""


class AnomalyError(InterpretationError):
    """Anomalies cannot be detected."""


class AlertError(InterpretationError):
    """Alert rules cannot be evaluated."""


class ProvenanceError(InterpretationError):
    """The provenance cannot be read."""


class ReportError(InterpretationError):
    """A report cannot be built."""


class RecoveryError(ContextaError):
    """A check or recovery failed."""


class ReplayError(RecoveryError):
    """A replay failed."""


class BackupError(RecoveryError):
    """A backup failed."""


class RestoreError(RecoveryError):
    """A restore failed."""


class DependencyError(ContextaError):
    """An optional package is missing."""


def _restore(
    kind: type[ContextaError],
    message: str,
    code: str,
    details: dict[str, Any] | None,
    hint: str | None,
    retryable: bool,
) -> ContextaError:
    return kind(message, code=code, details=details, hint=hint, retryable=retryable)


def _from_native(
    kind: str, code: str, message: str, hint: str | None, field: str | None, results: Any
) -> ContextaError:
    """Creates the exception for an error of the native module."""
    details = {"field": field} if field else None
    error: ContextaError = globals()[kind](message, code=code, details=details, hint=hint)
    if results is not None and isinstance(error, DispatchError):
        from contexta._results import BatchCaptureResult

        batch = BatchCaptureResult._of(results)
        error.result = batch.results[0] if len(batch.results) == 1 else batch
    return error
