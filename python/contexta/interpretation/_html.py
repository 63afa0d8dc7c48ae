"""HTML of results for notebooks: small tables and curves without scripts. All text is escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

_ROWS_MAX = 50
_STYLE = "border-collapse:collapse;font-size:0.9em"
_CELL = "padding:2px 8px;text-align:left;border-bottom:1px solid #ccc"


def escaped(value: Any) -> str:
    """Returns a value as escaped text. Control characters, which HTML does not permit, are replaced."""
    text = "" if value is None else number_text(value) if isinstance(value, float) else str(value)
    return html.escape("".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text), quote=True)


def number_text(value: float) -> str:
    """Returns a number with at most six digits."""
    return f"{value:.6g}"


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, total: int | None = None) -> str:
    """Returns a table. If rows are left out, the last row has their number."""
    kept = list(rows)
    total = len(kept) if total is None else total
    kept = kept[:_ROWS_MAX]
    head = "".join(f'<th style="{_CELL}">{escaped(column)}</th>' for column in columns)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in kept)
    more = total - len(kept)
    if more > 0:
        body += f'<tr><td style="{_CELL}" colspan="{len(columns)}">… and {more} more</td></tr>'
    return f'<table style="{_STYLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(value: Any) -> str:
    return f'<td style="{_CELL}">{value if isinstance(value, Markup) else escaped(value)}</td>'


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def sparkline(values: Sequence[Any], *, width: int = 240, height: int = 48) -> Markup:
    """Returns a curve as inline SVG. Values that are not finite interrupt the curve."""
    numbers = [_float(value) for value in values]
    if len(numbers) > 400:
        numbers = _extremes(numbers, 200)
    finite = [number for number in numbers if math.isfinite(number)]
    if not finite:
        return Markup("")
    low, high = min(finite), max(finite)
    scale = max(abs(low), abs(high)) or 1.0
    span = high / scale - low / scale
    parts: list[list[str]] = [[]]
    for position, number in enumerate(numbers):
        if not math.isfinite(number):
            parts.append([])
            continue
        x = 2 + (width - 4) * position / max(len(numbers) - 1, 1)
        share = (number / scale - low / scale) / span if span else 0.5
        parts[-1].append(f"{x:.1f},{height - 2 - (height - 4) * share:.1f}")
    lines = "".join(_line(part) for part in parts if part)
    label = escaped(f"{len(values)} points from {number_text(low)} to {number_text(high)}")
    return Markup(
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
        f"{lines}</svg>"
    )


def _line(points: list[str]) -> str:
    if len(points) == 1:
        x, y = points[0].split(",")
        return f'<circle cx="{x}" cy="{y}" r="2" fill="currentColor"/>'
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="currentColor" stroke-width="1.5"/>'


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _extremes(numbers: list[float], ranges: int) -> list[float]:
    """Returns the extremes of ranges of equal length. A range keeps one of its values that are not finite."""
    kept: list[float] = []
    size = -(-len(numbers) // ranges)
    for start in range(0, len(numbers), size):
        part = numbers[start : start + size]
        finite = [number for number in part if math.isfinite(number)]
        if finite:
            low, high = min(finite), max(finite)
            kept.extend((low, high) if part.index(low) <= part.index(high) else (high, low))
        if len(finite) < len(part):
            kept.append(math.nan)
    return kept


def page(title: str, body: str) -> str:
    """Returns a whole HTML document."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title></head><body>{body}</body></html>\n"
    )


def headed(title: str, *parts: str) -> str:
    """Returns parts under a title."""
    return f"<div><strong>{escaped(title)}</strong>{''.join(parts)}</div>"


def _notes(notes: Iterable[Any]) -> str:
    items = "".join(f"<li>{escaped(note.severity)}: {escaped(note.message)}</li>" for note in notes)
    return f"<ul>{items}</ul>" if items else ""


def _metrics(metrics: Iterable[Any]) -> str:
    rows = [(m.label or m.metric_key, m.value, m.min, m.max, m.count) for m in metrics]
    return table(("metric", "last", "min", "max", "points"), rows) if rows else ""


def _params(params: Any) -> str:
    return table(("parameter", "value"), list(params.items())) if params else ""


def _run(run: Any) -> str:
    facts = [("run", run.run_id), ("status", run.status), ("started", run.started_at), ("ended", run.ended_at)]
    facts.extend((f"tag {key}", value) for key, value in run.tags.items())
    if run.end_message:
        facts.append(("message", run.end_message))
    return headed(f"Run {run.name}", table(("", ""), facts), _params(run.params), _metrics(run.metrics))


def _snapshot(snapshot: Any) -> str:
    stages = [(stage.name, stage.status, stage.started_at, stage.ended_at) for stage in snapshot.stages]
    artifacts = [(artifact.kind, artifact.artifact_ref, artifact.size_bytes) for artifact in snapshot.artifacts]
    parts = [_run(snapshot.run)]
    if stages:
        parts.append(table(("stage", "status", "started", "ended"), stages))
    if artifacts:
        parts.append(table(("artifact", "ref", "bytes"), artifacts))
    return "<div>" + "".join(parts) + _notes(snapshot.notes) + "</div>"


def _comparison(comparison: Any) -> str:
    rows = [
        (f"{d.stage_name}/{d.metric_key}" if d.stage_name else d.metric_key, d.left_value, d.right_value, d.delta)
        for d in comparison.all_metric_deltas()
    ]
    params = [(p.key, p.left_value, p.right_value) for p in comparison.params]
    parts = [f"<p>{escaped(comparison.summary)}</p>"]
    if params:
        parts.append(table(("parameter", comparison.left_run_id, comparison.right_run_id), params))
    parts.append(table(("metric", comparison.left_run_id, comparison.right_run_id, "difference"), rows))
    return headed(f"{comparison.left_run_id} vs {comparison.right_run_id}", *parts, _notes(comparison.notes))


def _many(comparison: Any) -> str:
    rows = []
    for row in comparison.metric_table:
        name = f"{row.stage_name}/{row.metric_key}" if row.stage_name else row.metric_key
        cells: list[Any] = [name]
        for run, value in zip(comparison.run_ids, row.values):
            is_best = value is not None and run == row.best_run_id
            cells.append(Markup(f"<strong>{escaped(value)}</strong>") if is_best else value)
        rows.append(cells)
    names = comparison.run_names or comparison.run_ids
    return headed(comparison.summary, table(("metric", *names), rows), _notes(comparison.notes))


def _series(series: Any) -> str:
    values = series.values
    unit = f" in {series.unit}" if series.unit else ""
    last = [(p.step, p.value, p.observed_at) for p in series.points[-5:]]
    shown = table(("step", "value", "observed"), last)
    title = f"{series.metric_key}{unit} of {series.run_id}: {len(values)} of {series.points_total} points"
    return headed(title, f"<div>{sparkline(values)}</div>", shown, _notes(series.notes))


def _trend(trend: Any) -> str:
    rows = [(point.run_name, point.run_id, point.value, point.captured_at) for point in trend.points]
    curve = f"<div>{sparkline([point.value for point in trend.points])}</div>"
    shown = table(("run", "ref", "value", "observed"), rows)
    return headed(f"Trend of {trend.metric_key}", curve, shown, _notes(trend.notes))


def _diagnosis(diagnosis: Any) -> str:
    rows = [(i.severity, i.code, i.summary) for i in (*diagnosis.issues, *diagnosis.findings)]
    shown = table(("severity", "code", "summary"), rows) if rows else "<p>No issues.</p>"
    return headed(f"Diagnosis of {diagnosis.run_id}", shown, _notes(diagnosis.notes))


def _report(report: Any) -> str:
    return str(report.to_html())


def _plain(result: Any) -> str:
    rows = [(name, value) for name, value in result.to_dict().items() if value not in (None, [], {})]
    return headed(type(result).__name__, table(("member", "value"), rows))


_FORMS = {
    "DiagnosticsResult": _diagnosis,
    "MetricTrend": _trend,
    "MultiRunComparison": _many,
    "ReportDocument": _report,
    "RunComparison": _comparison,
    "RunRecord": _run,
    "RunSnapshot": _snapshot,
    "StepSeries": _series,
}


def of_result(result: Any) -> str:
    """Returns a result as HTML."""
    return _FORMS.get(type(result).__name__, _plain)(result)


def of_items(items: Sequence[Any], total: int, notes: Iterable[Any]) -> str:
    """Returns a list of results as HTML."""
    first = items[0] if items else None
    if type(first).__name__ == "RunRecord":
        rows = [
            (run.name, run.run_id, run.status, run.started_at, ", ".join(map(_short, run.metrics)))
            for run in items[:_ROWS_MAX]
        ]
        shown = table(("name", "run", "status", "started", "metrics"), rows, total=total)
    elif first is not None and hasattr(first, "to_dict"):
        plain = [item.to_dict() for item in items[:_ROWS_MAX]]
        columns = [name for name in plain[0] if any(row.get(name) not in (None, [], {}) for row in plain)]
        shown = table(columns, [[row.get(name) for name in columns] for row in plain], total=total)
    else:
        shown = table(("name",), [(item,) for item in items], total=total)
    return f"<div>{shown}{_notes(notes)}</div>"


def _short(series: Any) -> str:
    value = number_text(series.value) if isinstance(series.value, float) else str(series.value)
    return f"{series.label or series.metric_key}={value}"
