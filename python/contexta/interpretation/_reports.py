"""Reports: documents of sections, and the builder of reports."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexta import _native
from contexta.errors import ReportError
from contexta.interpretation._base import Result, handle
from contexta.interpretation._results import (
    AlertReport,
    AlertResult,
    DiagnosticsResult,
    LineageTraversal,
    MetricTrend,
    MultiRunComparison,
    RunComparison,
)
from contexta.interpretation._rows import CompletenessNote, EvidenceLink, RunRecord, RunSnapshot


@dataclass(frozen=True, slots=True)
class ReportSection(Result):
    """A section of a report: its text, and the same content as blocks with tables."""

    title: str
    body: str
    evidence_links: tuple[EvidenceLink, ...] = ()
    blocks: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title.strip())
        object.__setattr__(self, "evidence_links", tuple(self.evidence_links))


@dataclass(frozen=True, slots=True)
class ReportDocument(Result):
    """A report: a title and sections."""

    title: str
    sections: tuple[ReportSection, ...] = ()
    _native: Any = handle()

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title.strip())
        object.__setattr__(self, "sections", tuple(self.sections))

    def _answer(self) -> Any:
        """Returns the report of the native module."""
        return self._native if self._native is not None else _native.Answer.report_from(self.to_dict())

    def section(self, title: str) -> ReportSection | None:
        """Returns the section with a title; ``None`` if there is none."""
        return next((section for section in self.sections if section.title == title), None)

    def to_markdown(self) -> str:
        """Returns the report in Markdown."""
        return str(self._answer().markdown())

    def to_html(self) -> str:
        """Returns the report as an HTML fragment without scripts. All text is escaped."""
        return str(self._answer().html())

    def to_csv(self, delimiter: str = ",") -> str:
        """Returns the titles and texts of the sections as CSV."""
        return str(self._answer().csv(delimiter))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the report to a file and returns its path. The suffix determines the format: ``.md``, ``.html``,
        ``.csv`` or ``.json``.
        """
        target = Path(path)
        formats = {".md": self.to_markdown, ".html": self._page, ".htm": self._page, ".csv": self.to_csv}
        formats[".json"] = self._json
        write = formats.get(target.suffix.lower())
        if write is None:
            raise ReportError(
                f"a report cannot be written as {target.suffix or 'a file without suffix'}",
                code="report_format_unknown",
                hint="use the suffix .md, .html, .csv or .json",
            )
        target.write_text(write(), encoding="utf-8")
        return target

    def _page(self) -> str:
        from contexta.interpretation import _html

        return _html.page(self.title, self.to_html())

    def _json(self) -> str:
        import json

        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


class ReportBuilder:
    """Builds reports from results. A report is built from the result itself, without reading the workspace again.

    A result that was created by hand, or restored by ``pickle``, does not have the data of the library. The builder of
    a workspace (``ctx.report_builder``) then reads the result again.
    """

    def __init__(self, *, config: Any | None = None, workspace: Any | None = None) -> None:
        self._policy = None if config is None else config.to_dict() if hasattr(config, "to_dict") else dict(config)
        self._workspace = workspace

    def _again(self, what: str) -> Any:
        """Returns the workspace from which a result can be read again."""
        if self._workspace is None:
            raise ReportError(
                f"{what} was not read from a workspace in this process",
                code="report_source_detached",
                hint="use the builder of the workspace, ctx.report_builder, or read the result again",
            )
        return self._workspace

    def _source(self, result: Any, what: str) -> Any:
        """Returns the native answer of a result; ``None`` if it must be read again."""
        if result is not None and not isinstance(result, Result):
            raise ReportError(f"{what} is expected, not {type(result).__name__}", code="report_invalid_source")
        return getattr(result, "_native", None)

    def _diagnosis(self, diagnosis: DiagnosticsResult | None, run_id: str) -> Any:
        native = self._source(diagnosis, "a DiagnosticsResult")
        is_own = native is not None and diagnosis is not None and diagnosis.run_id == run_id
        return native if is_own else self._again("the diagnosis").diagnose_run(run_id, None)

    def build_snapshot_report(self, snapshot: RunSnapshot, diagnostics: DiagnosticsResult) -> ReportDocument:
        """Builds the report on one run."""
        native = self._source(snapshot, "a RunSnapshot")
        if native is None:
            native = self._again("the snapshot").run_snapshot(snapshot.run_id, False)
        diagnosis = self._diagnosis(diagnostics, snapshot.run_id)
        return ReportDocument._of(native.snapshot_report(diagnosis, self._policy))

    def build_run_report(
        self,
        comparison: RunComparison,
        diagnostics: DiagnosticsResult,
        *,
        right_diagnostics: DiagnosticsResult | None = None,
    ) -> ReportDocument:
        """Builds the report on two runs. ``diagnostics`` is the diagnosis of the left run.

        Without ``right_diagnostics``, the right run is diagnosed if the builder has a workspace.
        """
        native = self._source(comparison, "a RunComparison")
        if native is None:
            native = self._again("the comparison").compare_runs(comparison.left_run_id, comparison.right_run_id, None)
        left = self._diagnosis(diagnostics, comparison.left_run_id)
        right = self._diagnosis(right_diagnostics, comparison.right_run_id)
        return ReportDocument._of(native.run_report(left, right, self._policy))

    def build_project_summary_report(
        self,
        project_name: str,
        *,
        runs: Sequence[RunRecord] = (),
        notes: Sequence[CompletenessNote] = (),
    ) -> ReportDocument:
        """Builds the report on runs of a project. ``notes`` are added to the completeness notes."""
        picked = [run._native for run in runs]
        plain_notes = [note.to_dict() for note in notes]
        if picked and all(source is not None for source in picked):
            return ReportDocument._of(_native.project_report(project_name, picked, plain_notes, self._policy))
        lines = [f"{r.run_id}: name={r.name}, status={r.status}, started_at={r.started_at}" for r in runs]
        if not runs:
            empty = CompletenessNote("info", "project_runs_empty", {"project_name": project_name})
            plain_notes.insert(0, empty.to_dict())
        sections = [_section("Runs", lines, "No runs.")]
        return self._document(f"Project Summary Report: {project_name}", sections, plain_notes)

    def build_trend_report(self, trend: MetricTrend) -> ReportDocument:
        """Builds the report on a trend of a metric."""
        native = self._source(trend, "a MetricTrend")
        if native is not None:
            return ReportDocument._of(native.own_report(self._policy))
        lines = [f"{p.run_id}: value={p.value}, captured_at={p.captured_at}" for p in trend.points]
        notes = [note.to_dict() for note in trend.completeness_notes]
        sections = [_section("Series", lines, "No series points.")]
        return self._document(f"Trend Report: {trend.metric_key}", sections, notes)

    def build_alert_report(self, results: Sequence[AlertResult] | AlertReport) -> ReportDocument:
        """Builds the report on results of alert rules."""
        items = results.results if isinstance(results, AlertReport) else tuple(results)
        picked = [result._native for result in items]
        if picked and all(source is not None for source in picked):
            return ReportDocument._of(_native.alert_report(picked, self._policy))

        def lines(triggered: bool) -> list[str]:
            return [
                f"{r.run_id}: {r.rule_name} actual={r.actual_value} threshold={r.threshold}"
                for r in items
                if r.triggered is triggered and (triggered or r.actual_value is not None)
            ]

        missing = [f"{r.run_id}: {r.rule_name} threshold={r.threshold}" for r in items if r.actual_value is None]
        sections = [
            _section("Triggered", lines(True), "No triggered alerts."),
            _section("Passed", lines(False), "No passing alerts."),
        ]
        if missing:
            sections.append(_section("Not Evaluated", missing, ""))
        notes = [note.to_dict() for r in items for note in r.completeness_notes]
        return self._document("Alert Report", sections, notes)

    def build_multi_run_report(self, comparison: MultiRunComparison) -> ReportDocument:
        """Builds the report on a comparison of several runs."""
        native = self._source(comparison, "a MultiRunComparison")
        if native is None:
            again = self._again("the comparison")
            native = again.compare_multiple_runs(list(comparison.run_ids), None)
        return ReportDocument._of(native.own_report(self._policy))

    def build_lineage_report(self, traversal: LineageTraversal) -> ReportDocument:
        """Builds the report on a walk over the lineage graph."""
        native = self._source(traversal, "a LineageTraversal")
        if native is None:
            again = self._again("the walk")
            native = again.traverse_lineage(traversal.root_ref, traversal.direction, traversal.depth_max)
        return ReportDocument._of(native.own_report(self._policy))

    def _document(self, title: str, sections: list[dict[str, Any]], notes: list[dict[str, Any]]) -> ReportDocument:
        """Creates a report from sections of plain text."""
        if (self._policy or {}).get("include_completeness_notes", True):
            lines = [f"{note['severity']}: {note['summary']}" for note in notes]
            sections.append(_section("Completeness Notes", lines, "No completeness notes."))
        return ReportDocument._of(_native.Answer.report_from({"title": title, "sections": sections}))


def _section(title: str, lines: list[str], otherwise: str) -> dict[str, Any]:
    return {"title": title, "body": "\n".join(lines or [otherwise]), "evidence_links": [], "blocks": []}


def report_answer(report: object) -> Any:
    """Returns the native form of a report, a mapping with its members, or an object with ``to_dict`` or attributes."""
    if isinstance(report, ReportDocument):
        return report._answer()
    to_dict = getattr(report, "to_dict", None)
    if isinstance(report, Mapping):
        plain: Any = report
    elif callable(to_dict):
        plain = to_dict()
    elif hasattr(report, "sections") or hasattr(report, "title"):
        plain = {"title": getattr(report, "title", None), "sections": getattr(report, "sections", ())}
    else:
        from contexta.errors import ComparisonError

        raise ComparisonError(
            f"an object of type {type(report).__name__} is not a report",
            code="compare_invalid_report_document",
            details={"type": type(report).__name__},
        )
    sections = [_plain_section(section) for section in plain.get("sections") or ()]
    title = plain.get("title")
    document = {"title": "Untitled Report" if title is None else str(title), "sections": sections}
    return _native.Answer.report_from(document)


def _plain_section(section: Any) -> dict[str, Any]:
    def member(name: str) -> Any:
        return section.get(name) if isinstance(section, Mapping) else getattr(section, name, None)

    title = member("title") or member("section_title") or "Untitled Section"
    body = member("body")
    return {"title": str(title), "body": "" if body is None else str(body), "evidence_links": [], "blocks": []}


