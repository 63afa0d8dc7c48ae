"""Parameters of queries: which runs are selected, rules of alerts, and the policy of walks over the lineage graph."""

from __future__ import annotations

import datetime
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contexta._model import FrozenMapping
from contexta._plain import plain_number
from contexta.errors import ValidationError
from contexta.interpretation._base import Number, Result

OPERATORS = ("gt", "lt", "gte", "lte", "eq", "ne")
SEVERITIES = ("info", "warning", "error")


def _refuse(code: str, message: str, **details: Any) -> ValidationError:
    return ValidationError(message, code=code, details=details or None)


def _check_text(value: Any, code: str, name: str, *, optional: bool = True) -> None:
    if value is None and optional:
        return
    if not isinstance(value, str) or not value.strip():
        raise _refuse(code, f"{name} must be a text that is not blank, and is {value!r}")


def _time(value: Any, name: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime.date):
        return value.isoformat()
    _check_text(value, "query_invalid_time_range", name)
    return str(value)


def _threshold(value: Any) -> Any:
    number = plain_number(value)
    return value if number is None or isinstance(value, (str, bytes)) else number


@dataclass(frozen=True, slots=True)
class TimeRange(Result):
    """A range of start times; both ends are included.

    An end is a time such as ``2026-11-01T08:00:00Z``, a date such as ``2026-11-01``, a ``datetime`` or a ``date``. A
    date stands for the whole day in UTC. A text without an offset is in UTC.
    """

    started_after: str | datetime.date | None = None
    started_before: str | datetime.date | None = None

    def __post_init__(self) -> None:
        after, before = _time(self.started_after, "started_after"), _time(self.started_before, "started_before")
        object.__setattr__(self, "started_after", after)
        object.__setattr__(self, "started_before", before)
        instants = (_instant(after, is_end=False), _instant(before, is_end=True))
        if instants[0] is not None and instants[1] is not None and instants[0] > instants[1]:
            raise _refuse("query_invalid_time_range", f"the range ends at {before}, before its beginning {after}")


def _instant(text: str | None, *, is_end: bool) -> datetime.datetime | None:
    """Returns the instant of an end of a range. Error: the text is neither a time nor a date."""
    if text is None:
        return None
    text = text.strip()
    try:
        if len(text) == 10:
            day = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)
            return day + datetime.timedelta(days=1, microseconds=-1) if is_end else day
        time = datetime.datetime.fromisoformat(_padded(text))
    except ValueError:
        message = f"{text!r} is neither a time such as 2026-11-01T08:00:00Z nor a date"
        raise _refuse("query_invalid_time_range", message) from None
    return time if time.tzinfo else time.replace(tzinfo=datetime.timezone.utc)


def _padded(text: str) -> str:
    """Returns a time in the form that all versions of Python read: a fraction of six digits, and a numeric offset."""
    text = text[:-1] + "+00:00" if text[-1:] in "zZ" else text
    head, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{head}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}" if dot and digits else text


@dataclass(frozen=True, slots=True)
class MetricCondition(Result):
    """A condition on the last value of a metric of a run. The operators are gt, lt, gte, lte, eq and ne.

    Without a stage, the value outside any stage is used; without such a value, the latest value of all stages.
    """

    metric_key: str
    operator: str
    threshold: Number
    stage_name: str | None = None

    def __post_init__(self) -> None:
        code = "query_invalid_metric_condition"
        _check_text(self.metric_key, code, "metric_key", optional=False)
        _check_text(self.stage_name, code, "stage_name")
        operator = self.operator.strip().lower() if isinstance(self.operator, str) else self.operator
        if operator not in OPERATORS:
            message = f"the operator {self.operator!r} is not one of {', '.join(OPERATORS)}"
            raise _refuse(code, message, operator=str(self.operator), allowed=list(OPERATORS))
        object.__setattr__(self, "operator", operator)
        threshold = _threshold(self.threshold)
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
            raise _refuse(code, f"the threshold must be a number, and is {self.threshold!r}")
        object.__setattr__(self, "threshold", threshold)


@dataclass(frozen=True, slots=True)
class RunListQuery(Result):
    """A query for runs: conditions, order, and the part of the list to return.

    ``sort_by`` is started_at, ended_at, name, status, duration, ``metrics.KEY`` or ``params.NAME``. ``filter`` is a
    condition in the filter language, such as ``metrics.loss < 0.3 and params.lr = 0.1``. ``archived`` is exclude,
    include or only. With ``limit_to_newest``, the limit of a trend or statistic selects the runs that started last, in
    any order. ``after`` is the attribute ``next_page`` of an earlier list, after which the list continues.
    ``baseline`` is a run with which the metrics are compared.
    """

    project_name: str | None = None
    status: str | None = None
    tags: Mapping[str, str] | None = None
    time_range: TimeRange | None = None
    metric_conditions: tuple[MetricCondition, ...] = ()
    limit: int | None = None
    offset: int = 0
    sort_by: str = "started_at"
    sort_desc: bool = False
    filter: str | None = None
    archived: str = "exclude"
    only_starred: bool = False
    limit_to_newest: bool = False
    after: str | None = None
    baseline: str | None = None
    baseline_selection: str | None = None

    def __post_init__(self) -> None:
        code = "query_invalid_run_list_query"
        for name in ("project_name", "status", "filter", "after", "baseline"):
            _check_text(getattr(self, name), code, name)
        if self.tags is not None:
            if not isinstance(self.tags, Mapping):
                raise _refuse(code, f"tags must be a mapping, and is {self.tags!r}")
            for key, value in self.tags.items():
                _check_text(key, code, "the name of a tag", optional=False)
                if not isinstance(value, str):
                    raise _refuse(code, f"the value of the tag {key!r} must be a text, and is {value!r}")
            object.__setattr__(self, "tags", FrozenMapping(self.tags))
        if isinstance(self.time_range, Mapping):
            object.__setattr__(self, "time_range", TimeRange.from_dict(self.time_range))
        if not isinstance(self.time_range, (TimeRange, type(None))):
            raise _refuse(code, f"time_range must be a TimeRange, and is {self.time_range!r}")
        conditions = tuple(
            MetricCondition.from_dict(condition) if isinstance(condition, Mapping) else condition
            for condition in self.metric_conditions or ()
        )
        if not all(isinstance(condition, MetricCondition) for condition in conditions):
            raise _refuse(code, "metric_conditions must be MetricCondition objects")
        object.__setattr__(self, "metric_conditions", conditions)
        for name, least in (("limit", 1), ("offset", 0)):
            count: Any = getattr(self, name)
            if hasattr(count, "__index__") and not isinstance(count, bool):
                count = operator.index(count)
                object.__setattr__(self, name, count)
            is_count = isinstance(count, int) and not isinstance(count, bool) and count >= least
            if not is_count and not (name == "limit" and count is None):
                raise _refuse(code, f"{name} must be an integer of at least {least}, and is {count!r}")
        known = ("started_at", "ended_at", "name", "status", "duration")
        column = self.sort_by if isinstance(self.sort_by, str) else ""
        if column not in known and not column.startswith(("metrics.", "params.", "metric.", "param.")):
            message = f"{self.sort_by!r} is not one of {', '.join(known)}, metrics.KEY, params.NAME"
            raise _refuse(code, message, sort_by=str(self.sort_by), allowed=list(known))
        if not isinstance(self.sort_desc, bool):
            raise _refuse(code, f"sort_desc must be true or false, and is {self.sort_desc!r}")


@dataclass(frozen=True, slots=True)
class AlertRule(Result):
    """A rule that compares a metric with a threshold. The operators are gt, lt, gte, lte, eq and ne.

    ``stage_name`` restricts the rule to a stage. Without ``severity``, the severity is that of the settings.
    """

    metric_key: str
    operator: str
    threshold: Number
    stage_name: str | None = None
    severity: str | None = None
    name: str | None = None

    def _checked(self) -> dict[str, Any]:
        """Returns the plain form of a valid rule."""
        if self.operator not in OPERATORS:
            message = f"the operator {self.operator!r} is not one of {', '.join(OPERATORS)}"
            raise _refuse("alert_invalid_operator", message, operator=str(self.operator))
        if self.severity is not None and self.severity not in SEVERITIES:
            message = f"the severity {self.severity!r} is not one of {', '.join(SEVERITIES)}"
            raise _refuse("alert_invalid_severity", message, severity=str(self.severity))
        _check_text(self.metric_key, "alert_invalid_metric", "metric_key", optional=False)
        threshold = _threshold(self.threshold)
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
            raise _refuse("alert_invalid_threshold", f"the threshold must be a number, and is {self.threshold!r}")
        return {**self.to_dict(), "threshold": threshold}


@dataclass(frozen=True, slots=True)
class LineagePolicy(Result):
    """Settings of walks over the lineage graph: the direction and depth of calls without them.

    A depth of ``None`` is unlimited. With ``include_provenance``, edges have their provenance.
    """

    default_direction: str = "both"
    default_max_depth: int | None = None
    include_provenance: bool = True

    def __post_init__(self) -> None:
        if self.default_direction not in ("inbound", "outbound", "both", "upstream", "downstream"):
            message = f"{self.default_direction!r} is not a direction of lineage"
            raise _refuse("lineage_invalid_direction", message, direction=str(self.default_direction))
        depth = self.default_max_depth
        if depth is not None and (not isinstance(depth, int) or depth < 0):
            message = f"the greatest depth must be an integer of at least 0, and is {depth!r}"
            raise _refuse("lineage_invalid_max_depth", message, default_max_depth=str(depth))


def plain_query(query: RunListQuery | Mapping[str, Any] | None, project_name: str | None = None) -> dict[str, Any]:
    """Returns the plain form of a query. The project of the query has precedence."""
    if isinstance(query, Mapping):
        query = RunListQuery.from_dict(query)
    plain = (query or RunListQuery()).to_dict()
    if plain["project_name"] is None:
        plain["project_name"] = project_name
    return plain
