"""The issues of a value: one issue, and a report of all issues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contexta._model import Model
from contexta.contract._words import VALIDATION_SEVERITIES
from contexta.errors import ValidationError


@dataclass(frozen=True, slots=True)
class ValidationIssue(Model):
    """An error or a warning about a value, with the path of the affected part."""

    code: str
    """The code of the rule."""
    path: str
    """The path of the affected part, such as ``$.payload.unit``; ``$`` is the whole value."""
    message: str
    """A description for people."""
    severity: str = "error"
    """The severity, one of :data:`VALIDATION_SEVERITIES`."""

    def __post_init__(self) -> None:
        for name in ("code", "path", "message"):
            text = getattr(self, name)
            if not isinstance(text, str) or not text.strip():
                raise ValidationError(
                    f"{name} must be a text that is not blank",
                    code=f"validation_issue_invalid_{name}",
                    details={"field": name},
                )
            object.__setattr__(self, name, text.strip())
        if self.severity not in VALIDATION_SEVERITIES:
            raise ValidationError(
                f"{self.severity!r} is not one of {', '.join(VALIDATION_SEVERITIES)}",
                code="validation_issue_invalid_severity",
                details={"field": "severity"},
            )


@dataclass(frozen=True, slots=True)
class ValidationReport(Model):
    """All issues of one value, in the order in which the rules were checked. The report is true if it has no errors."""

    issues: tuple[ValidationIssue, ...] = ()
    """The issues."""

    def __post_init__(self) -> None:
        issues = tuple(self.issues)
        for issue in issues:
            if not isinstance(issue, ValidationIssue):
                raise ValidationError(
                    f"an object of type {type(issue).__name__} is not a validation issue",
                    code="validation_report_invalid_issue",
                    details={"type": type(issue).__name__},
                )
        object.__setattr__(self, "issues", issues)

    @property
    def valid(self) -> bool:
        """True if no issue is an error. There may be warnings."""
        return not self.errors

    @property
    def is_valid(self) -> bool:
        """True if no issue is an error. There may be warnings."""
        return self.valid

    @property
    def errors(self) -> tuple[ValidationIssue, ...]:
        """The issues that are errors."""
        return tuple(issue for issue in self.issues if issue.severity == "error")

    @property
    def warnings(self) -> tuple[ValidationIssue, ...]:
        """The issues that are warnings."""
        return tuple(issue for issue in self.issues if issue.severity == "warning")

    def __bool__(self) -> bool:
        return self.valid

    @classmethod
    def ok(cls) -> ValidationReport:
        """Returns a report without issues."""
        return cls()

    @classmethod
    def from_issues(cls, issues: Iterable[ValidationIssue]) -> ValidationReport:
        """Returns a report of these issues."""
        return cls(tuple(issues))

    @classmethod
    def merge(cls, *reports: ValidationReport) -> ValidationReport:
        """Returns a report with the issues of several reports."""
        for report in reports:
            if not isinstance(report, ValidationReport):
                raise ValidationError(
                    f"an object of type {type(report).__name__} is not a validation report",
                    code="validation_report_invalid_merge",
                    details={"type": type(report).__name__},
                )
        return cls(tuple(issue for report in reports for issue in report.issues))

    def raise_for_errors(self) -> None:
        """Raises :class:`contexta.errors.ValidationError` if an issue is an error. Its details contain the errors."""
        if self.errors:
            texts = (f"{issue.code} at {issue.path}: {issue.message}" for issue in self.errors)
            raise ValidationError(
                "; ".join(texts),
                code="validation_failed",
                details={"issues": [issue.to_dict() for issue in self.errors]},
            )

    def to_dict(self) -> dict[str, Any]:
        """Returns the plain form: ``valid`` and the issues."""
        return {"valid": self.valid, "issues": [issue.to_dict() for issue in self.issues]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ValidationReport:
        """Creates a report from its plain form."""
        return cls(tuple(ValidationIssue.from_dict(issue) for issue in data.get("issues") or ()))
