"""Reading: queries, comparisons, diagnoses, lineage, trends, alerts, provenance and reports."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import inspect
import json
import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import contexta.interpretation as interpretation
from contexta import Contexta, errors
from contexta.config import ComparisonPolicy, DiagnosticsPolicy, TrendPolicy
from contexta.interpretation import (
    AggregationService,
    AlertRule,
    AlertService,
    AnomalyService,
    CompareService,
    CompletenessNote,
    DiagnosticsService,
    EvidenceLink,
    LineagePolicy,
    LineageService,
    MetricBaseline,
    MetricCondition,
    ProvenanceService,
    QueryService,
    ReportBuilder,
    ReportDocument,
    ReportSection,
    RunListQuery,
    RunRecord,
    TimeRange,
    TrendService,
)

HUGE = 2**70


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contexta]:
    """A workspace with three runs of the project ``wine``."""
    root = tmp_path_factory.mktemp("wine")
    model = root / "model.bin"
    model.write_bytes(b"weights")
    capture = {"capture_installed_packages": False, "capture_code_revision": False}
    settings = {"project_name": "wine", "capture": capture}
    with Contexta(workspace=root / "ws", config=settings) as ctx:
        for name, rate, losses in (
            ("first", 0.1, [0.9, 0.5, 0.3]),
            ("second", 0.2, [0.8, 0.4, 0.2]),
            ("third", 0.2, [0.7, 0.6, 0.9]),
        ):
            tags = {"env": "prod" if rate == 0.2 else "dev"}
            with ctx.run(name, run_id=name, params={"rate": rate}, tags=tags) as run:
                ctx.metric("score", round(rate * 10), unit="points")
                with run.stage("train") as stage:
                    for step, loss in enumerate(losses):
                        ctx.metric("loss", loss, step=step)
                    if name == "first":
                        ctx.metric("huge", HUGE)
                        ctx.metric("broken", float("nan"))
                        ctx.metric("准确率", 0.5)
                        ctx.event("epoch", message="done <b>")
                        with stage.batch("b0") as batch:
                            batch.sample("s0")
                    if name != "third":
                        ctx.register_artifact("model", model, key=f"model-{name}")
                with run.stage("evaluate"):
                    if name != "third":
                        ctx.metric("accuracy", 0.8 + rate)
        yield ctx


# Lists.


def test_list_runs_is_a_tuple_of_runs_newest_first(wine: Contexta) -> None:
    runs = wine.list_runs()
    assert isinstance(runs, tuple) and len(runs) == 3
    assert [run.name for run in runs] == ["third", "second", "first"]
    assert (runs.total, runs.next_offset) == (3, None)
    assert all(isinstance(note, interpretation.Note) for note in runs.notes)
    first = runs[-1]
    assert (first.run_id, first.project_name, first.status) == ("run:wine.first", "wine", "completed")
    assert first.params == {"rate": 0.1} and first.tags == {"env": "dev"}
    assert first.metrics["train/loss"] == 0.3 and first.metrics["score"] == 1
    assert first.metrics["huge"] == HUGE and math.isnan(first.metrics["train/broken"])
    assert first.metrics["准确率"] == 0.5 and first.metrics.get("none") is None
    assert runs[0].metrics.items() == (("score", 2), ("train/loss", 0.9)) == tuple(dict(runs[0].metrics).items())
    assert "loss" in first.metrics and "none" not in first.metrics and first.metrics[0].metric_key == "score"
    with pytest.raises(KeyError):
        first.metrics["none"]


def test_list_runs_arguments(wine: Contexta) -> None:
    def names(*arguments: Any, **options: Any) -> list[str]:
        return [run.name for run in wine.list_runs(*arguments, **options)]

    assert names("wine", sort_desc=False) == ["first", "second", "third"]
    assert names("nothing") == []
    assert names(status="failed") == [] and len(names(status="completed")) == 3
    assert names(tags={"env": "prod"}) == ["third", "second"]
    assert names(metric_conditions=[MetricCondition("loss", "lt", 0.3, stage_name="train")]) == ["second"]
    assert names(metric_conditions=[{"metric_key": "score", "operator": "GTE", "threshold": 2}]) == ["third", "second"]
    assert names(limit=1, offset=1) == ["second"]
    assert names(sort_by="name", sort_desc=False, limit=2) == ["first", "second"]
    assert names(sort_by="metrics.loss", sort_desc=False) == ["second", "first", "third"]
    assert names(filter="params.rate = 0.1") == ["first"]
    tomorrow = datetime.date.today() + datetime.timedelta(days=2)
    assert names(time_range=TimeRange(started_after=tomorrow)) == []
    assert len(names(time_range=TimeRange(started_after="2020-01-01", started_before=tomorrow.isoformat()))) == 3
    # A query replaces the other arguments.
    assert names(query=RunListQuery(limit=1), status="failed", sort_desc=True) == ["first"]
    page = wine.list_runs(limit=2)
    assert (page.total, page.next_offset) == (3, 2)
    rest = wine.list_runs(query=RunListQuery(sort_desc=True, after=page.next_page))
    assert [run.name for run in rest] == ["first"]


def test_list_runs_defaults_are_those_of_the_specification() -> None:
    parameters = inspect.signature(Contexta.list_runs).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    expected = {
        "project_name": None,
        "status": None,
        "tags": None,
        "metric_conditions": (),
        "time_range": None,
        "limit": None,
        "offset": 0,
        "sort_by": "started_at",
        "sort_desc": True,
        "query": None,
    }
    assert {name: defaults[name] for name in expected} == expected
    assert list(parameters)[1:11] == list(expected)
    assert parameters["status"].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    ("create", "code"),
    [
        (lambda: RunListQuery(limit=0), "query_invalid_run_list_query"),
        (lambda: RunListQuery(limit=True), "query_invalid_run_list_query"),
        (lambda: RunListQuery(offset=-1), "query_invalid_run_list_query"),
        (lambda: RunListQuery(sort_by="size"), "query_invalid_run_list_query"),
        (lambda: RunListQuery(status=" "), "query_invalid_run_list_query"),
        (lambda: RunListQuery(tags={"a": 1}), "query_invalid_run_list_query"),  # type: ignore[dict-item]
        (lambda: RunListQuery(time_range="now"), "query_invalid_run_list_query"),  # type: ignore[arg-type]
        (lambda: MetricCondition("", "gt", 1), "query_invalid_metric_condition"),
        (lambda: MetricCondition("loss", ">", 1), "query_invalid_metric_condition"),
        (lambda: MetricCondition("loss", "gt", True), "query_invalid_metric_condition"),
        (lambda: MetricCondition("loss", "gt", "1"), "query_invalid_metric_condition"),  # type: ignore[arg-type]
        (lambda: TimeRange("2026-02-01", "2026-01-01"), "query_invalid_time_range"),
        (lambda: TimeRange("yesterday"), "query_invalid_time_range"),
        (lambda: LineagePolicy(default_direction="sideways"), "lineage_invalid_direction"),
        (lambda: LineagePolicy(default_max_depth=-1), "lineage_invalid_max_depth"),
    ],
)
def test_invalid_parameters(create: Any, code: str) -> None:
    with pytest.raises(errors.ValidationError) as caught:
        create()
    assert caught.value.code == code


def test_times_with_any_precision_and_offset_are_compared_as_instants() -> None:
    assert TimeRange("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.500000Z")
    assert TimeRange("2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00Z")
    with pytest.raises(errors.ValidationError):
        TimeRange("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00Z")


def test_lists_of_parts(wine: Contexta) -> None:
    assert wine.list_projects() == ("wine",)
    assert wine.list_projects().projects[0].project_ref == "project:wine"
    assert [batch.name for batch in wine.list_batches("first")] == ["b0"]
    assert [sample.name for sample in wine.list_samples("first", stage_id="train")] == ["s0"]
    assert wine.list_deployments() == () and wine.list_deployments(run_id="first") == ()
    events = wine.list_records("first", record_type="event")
    assert [(record.key, record.message) for record in events] == [("epoch", "done <b>")]
    page = wine.list_records("first", limit=2)
    assert (len(page), page.next_offset) == (2, 2) and page.total > 2
    with pytest.raises(errors.ValidationError) as caught:
        wine.list_records("first", record_type="other")
    assert caught.value.code == "query_invalid_record_type"


def test_search(wine: Contexta) -> None:
    assert [run.name for run in wine.search_runs("SECOND")] == ["second"]
    artifacts = wine.search_artifacts("model-", kind="model")
    assert [artifact.artifact_ref for artifact in artifacts] == [
        "artifact:wine.first.model-first",
        "artifact:wine.second.model-second",
    ]


# One run.


def test_snapshot_has_the_evidence_of_the_run(wine: Contexta) -> None:
    snapshot = wine.get_run_snapshot("run:wine.first")
    assert snapshot.run.name == "first" and snapshot.run.metrics["score"] == 1
    assert [stage.name for stage in snapshot.stages] == ["train", "evaluate"]
    assert [batch.name for batch in snapshot.batches] == ["b0"]
    assert snapshot.records_total == len(snapshot.records) >= 8
    values = {record.key: record.value for record in snapshot.records if record.record_type == "metric"}
    assert values["huge"] == HUGE and math.isnan(values["broken"] or 0) and values["accuracy"] == pytest.approx(0.9)
    assert {artifact.kind for artifact in snapshot.artifacts} == {"model"}
    assert EvidenceLink("run", "run:wine.first", "first") in snapshot.evidence_links
    assert "deployment_list_empty" in snapshot.completeness_notes
    for name in ("first", "run:wine.first", "fir"):
        assert wine.get_run_snapshot(name).run.run_id == "run:wine.first"


def test_unknown_run(wine: Contexta) -> None:
    for question in (wine.get_run_snapshot, wine.diagnose_run, wine.audit_reproducibility, wine.build_snapshot_report):
        with pytest.raises(errors.InterpretationError) as caught:
            question("nothing")
        assert caught.value.code == "query_run_not_found" and caught.value.hint


def test_artifact_origin_and_provenance(wine: Contexta) -> None:
    origin = wine.get_artifact_origin("artifact:wine.second.model-second")
    assert origin is not None and origin.run.name == "second"
    assert wine.get_artifact_origin("artifact:wine.second.none") is None
    assert wine.get_provenance("first") is None


def test_step_series(wine: Contexta) -> None:
    series = wine.get_step_series("first", "loss")
    assert (series.run_id, series.metric_key, series.stage_id) == ("run:wine.first", "loss", None)
    assert series.steps == (0, 1, 2) and series.values == (0.9, 0.5, 0.3) and series.points_total == 3
    assert wine.get_step_series("first", "loss", stage_name="train").values == series.values
    by_id = wine.get_step_series("first", "loss", stage_id="stage:wine.first.train")
    assert by_id.stage_id == "stage:wine.first.train" and by_id.values == series.values
    assert wine.get_step_series("first", "loss", stage_name="evaluate").values == ()
    empty = wine.get_step_series("first", "none")
    assert [note.summary for note in empty.completeness_notes] == ["step_series_empty:none"]
    assert series.points[1].value == 0.5 and series.points[-1] == tuple(series.points)[2]
    assert series.points == tuple(series.points) and len(series) == len(series.points) == 3
    assert [point["step"] for point in series.to_dict()["points"]] == [0, 1, 2]
    assert wine.get_step_series("first", "huge").values == (HUGE,)
    assert wine.get_step_series("first", "score").unit == "points"
    smoothed = wine.get_step_series("first", "loss", smoothing=0.5)
    assert smoothed.points[0].smoothed == 0.9
    with pytest.raises(errors.ValidationError):
        wine.get_step_series("first", "loss", points_max=3)


# Comparisons.


def test_compare_runs(wine: Contexta) -> None:
    comparison = wine.compare_runs("first", "second")
    assert (comparison.left_run_id, comparison.right_run_id) == ("run:wine.first", "run:wine.second")
    deltas = {(delta.stage_name, delta.metric_key): delta for delta in comparison.all_metric_deltas()}
    loss = deltas["train", "loss"]
    assert (loss.left_value, loss.right_value) == (0.3, 0.2)
    assert loss.delta == pytest.approx(-0.1) and loss.change_ratio == pytest.approx(2 / 3)
    assert deltas[None, "score"].delta == 1
    assert deltas["train", "huge"].left_value == HUGE and deltas["train", "huge"].right_value is None
    assert [(param.key, param.left_value, param.right_value) for param in comparison.params] == [("rate", 0.1, 0.2)]
    assert "second" in comparison.summary and comparison.to_csv().startswith("stage_name,metric_key,")


def test_policies_of_the_compare_service(wine: Contexta) -> None:
    query_service = QueryService(wine.repository)
    best = CompareService(query_service, config=ComparisonPolicy(metric_selection="min"))
    stages = {stage.stage_name: stage for stage in best.compare_runs("first", "third").stage_comparisons}
    loss = next(delta for delta in stages["train"].metric_deltas if delta.metric_key == "loss")
    assert (loss.left_value, loss.right_value) == (0.3, 0.6)
    unchanged = CompareService(query_service, config={"include_unchanged_metrics": True})
    assert unchanged.compare_runs("first", "first").all_metric_deltas()
    assert not CompareService(query_service).compare_runs("second", "second").all_metric_deltas()
    with pytest.raises(errors.ContextaError) as caught:
        CompareService(query_service, config={"metric_selection": "median"}).compare_runs("first", "second")
    assert caught.value.code == "compare_invalid_metric_selection"


def test_compare_multiple_runs(wine: Contexta) -> None:
    comparison = wine.compare_multiple_runs(["first", "second", "third"])
    assert comparison.run_ids == ("run:wine.first", "run:wine.second", "run:wine.third")
    rows = {(row.stage_name, row.metric_key): row for row in comparison.metric_table}
    assert rows["train", "loss"].values == (0.3, 0.2, 0.9)
    assert rows["train", "loss"].best_run_id == "run:wine.second"
    assert rows["evaluate", "accuracy"].values[2] is None
    with pytest.raises(errors.ComparisonError) as caught:
        wine.compare_multiple_runs(["first", "run:wine.first"])
    assert caught.value.code == "compare_requires_multiple_runs"
    against = wine.compare_with_baseline(["second"], "first")
    assert against.baseline_run_id == "run:wine.first"


def test_select_best_run(wine: Contexta) -> None:
    runs = ["first", "run:wine.second", "third"]
    assert wine.select_best_run(runs, "loss", higher_is_better=False) == "run:wine.second"
    assert wine.select_best_run(runs, "loss") == "third"
    assert wine.select_best_run(["first", "second"], "accuracy", stage_name="evaluate") == "second"
    assert wine.select_best_run(runs, "accuracy", stage_name="train") is None
    assert wine.select_best_run(runs, "nothing") is None
    every: Any = wine.list_runs()
    assert wine.select_best_run(every, "loss", higher_is_better=False) == "run:wine.second"
    assert wine.select_best_run([], "loss") is None
    assert wine.select_best_run(["first"], "loss") == "first"
    assert wine.select_best_run(["first"], "nothing") is None
    ranking = wine.rank_runs("loss", higher_is_better=False)
    assert [ranked.run.name for ranked in ranking.ranking] == ["second", "first", "third"]
    assert ranking.best_run_id == "run:wine.second" and ranking.ranking[0].value == 0.2


def test_compare_reports(wine: Contexta) -> None:
    left = ReportDocument("L", (ReportSection("A", "x"), ReportSection("B", "same")))
    right = ReportDocument("R", (ReportSection("B", "same"),))
    comparison = wine.compare_report_documents(left, right)
    assert [(d.section_title, d.left_body, d.right_body, d.changed) for d in comparison.section_diffs] == [
        ("A", "x", None, True),
        ("B", "same", "same", False),
    ]
    assert [note.summary for note in comparison.completeness_notes] == ["section_presence_changed:A"]
    as_mapping = wine.compare_service.compare_report_documents(left.to_dict(), right)
    assert as_mapping == comparison
    with pytest.raises(errors.ComparisonError) as caught:
        wine.compare_service.compare_report_documents(3, right)
    assert (caught.value.code, caught.value.details) == ("compare_invalid_report_document", {"type": "int"})


# Diagnoses, lineage, provenance.


def test_diagnose_run(wine: Contexta) -> None:
    diagnosis = wine.diagnose_run("third")
    assert diagnosis.run_id == "run:wine.third"
    assert [(issue.severity, issue.code) for issue in diagnosis.issues] == [
        ("info", "missing_stage_metrics"),
        ("info", "missing_expected_stage"),
    ]
    assert [finding.code for finding in wine.diagnose_run("first").findings] == ["metric_not_finite"]
    policy = DiagnosticsPolicy(expected_terminal_stage_names=(), require_metrics_for_completed_stages=False)
    assert DiagnosticsService(wine.query_service, config=policy).diagnose_run("third").issues == ()


def test_traverse_lineage(wine: Contexta) -> None:
    model = "artifact:wine.first.model-first"
    traversal = wine.traverse_lineage(model)
    assert traversal.root_ref == model and traversal.direction == "both" and traversal.depth_max is None
    assert [edge.relation_type for edge in traversal.edges] == ["produced_by"]
    edge = traversal.edges[0]
    assert (edge.source_ref, edge.depth) == (model, 0)
    for direction in ("upstream", "downstream", "inbound", "outbound"):
        assert wine.traverse_lineage(model, direction=direction).direction == direction
    assert wine.traverse_lineage(model, direction="upstream", max_depth=0).depth_max == 0
    with pytest.raises(errors.LineageError) as caught:
        wine.traverse_lineage(model, direction="sideways")
    assert caught.value.code == "lineage_invalid_direction"
    with pytest.raises(errors.LineageError) as caught:
        wine.traverse_lineage(model, max_depth=-1)
    assert caught.value.code == "lineage_invalid_max_depth"
    service = LineageService(wine.query_service, config=LineagePolicy("upstream", 1, include_provenance=False))
    assert service.traverse_lineage(model).direction == "upstream"


def test_reproducibility(wine: Contexta) -> None:
    audit = wine.audit_reproducibility("first")
    assert (audit.run_id, audit.reproducibility_status) == ("run:wine.first", "partial")
    assert audit.checks["params"] is True and 0 < audit.score < 1
    assert "provenance_missing" in [note.summary for note in audit.completeness_notes]
    difference = wine.compare_environments("first", "second")
    assert (difference.left_run_id, difference.python_version_changed) == ("run:wine.first", False)
    assert difference.added_packages == () and difference.changed_variables == ()
    assert wine.diff_code("first", "second").left_run_id == "run:wine.first"
    assert wine.reproduce_run("first").run_id == "run:wine.first"


# Trends, statistics, anomalies, alerts.


def test_trends(wine: Contexta) -> None:
    trend = wine.get_metric_trend("loss")
    assert (trend.metric_key, trend.project_name, trend.values) == ("loss", "wine", (0.3, 0.2, 0.9))
    assert [point.run_name for point in trend.points] == ["first", "second", "third"]
    newest = wine.get_metric_trend("loss", query=RunListQuery(sort_desc=True, limit=2), stage_name="train")
    assert newest.values == (0.9, 0.2)
    accuracy = wine.get_metric_trend("accuracy", project_name="wine")
    assert [note.summary for note in accuracy.completeness_notes] == ["missing_metric_for_run:accuracy"]
    durations = wine.get_stage_duration_trend("train")
    assert len(durations.points) == 3 and all(seconds >= 0 for seconds in durations.values)
    sizes = wine.get_artifact_size_trend("model")
    assert sizes.values == (7, 7) and sizes.points[0].artifact_ref == "artifact:wine.first.model-first"
    window = TrendService(wine.query_service, config=TrendPolicy(default_window_runs=1, metric_aggregation="max"))
    assert window.get_metric_trend("loss").values == (0.9,)
    assert trend.to_csv().splitlines()[0].startswith("run_id,run_name,metric_key")


def test_aggregation(wine: Contexta) -> None:
    service = AggregationService(QueryService(wine))
    aggregate = service.aggregate_metric("loss")
    assert (aggregate.count, aggregate.min, aggregate.max, aggregate.p50) == (3, 0.2, 0.9, 0.3)
    assert aggregate.mean == pytest.approx(1.4 / 3)
    empty = service.aggregate_metric("none", project_name="wine")
    assert (empty.count, empty.mean) == (0, 0.0)
    assert empty.completeness_notes[-1].summary == "aggregate_population_empty:none"
    table = service.aggregate_by_stage()
    rows = {(row.stage_name, row.metric_key): row for row in table.by_stage}
    assert table.total_runs == 3 and rows["train", "loss"].count == 9
    distribution = service.run_status_distribution()
    assert distribution.total == 3 and distribution.pass_rate == 1.0
    assert [(row.status, row.count) for row in distribution.by_status] == [("completed", 3)]
    groups = wine.group_by("loss", ["params.rate"])
    assert [(group.columns[0].value, group.count) for group in groups.groups] == [(0.1, 1), (0.2, 2)]


def test_anomalies(wine: Contexta) -> None:
    service = AnomalyService(wine.query_service, min_baseline_runs=1)
    baseline = service.compute_baseline("loss")
    assert baseline.computed_from_n_runs == 3 and baseline.p5 == pytest.approx(0.21)
    assert MetricBaseline.from_dict(baseline.to_dict()) == baseline
    own = MetricBaseline("loss", mean=0.5, std=0.1, p5=0.4, p95=0.6, computed_from_n_runs=5)
    (anomaly,) = service.detect_anomalies("third", baseline=own)
    assert anomaly.actual_value == 0.9 and anomaly.z_score == pytest.approx(4.0) and anomaly.severity == "error"
    assert anomaly.is_anomaly and anomaly.expected_range == pytest.approx((0.25, 0.75))
    missing = dataclasses.replace(own, metric_key="none")
    assert service.detect_anomalies("third", baseline=missing) == ()
    found = service.detect_anomalies_in_run("third", metric_keys=("loss",))
    assert [result.metric_key for result in found] == ["loss"]
    with pytest.raises(errors.ContextaError) as caught:
        AnomalyService(wine.query_service, z_score_threshold=0).compute_baseline("loss")
    assert caught.value.code == "anomaly_invalid_z_score_threshold"


def test_alerts(wine: Contexta) -> None:
    rules = [AlertRule("loss", "gt", 0.5, severity="error", name="high"), AlertRule("accuracy", "lt", 0.7)]
    high, low = wine.evaluate_alerts("third", rules)
    assert (high.rule_name, high.triggered, high.actual_value, high.severity) == ("high", True, 0.9, "error")
    assert (low.rule_name, low.triggered, low.actual_value, low.severity) == (
        "accuracy:lt:0.7",
        False,
        None,
        "warning",
    )
    assert [note.summary for note in low.completeness_notes] == ["alert_metric_missing:accuracy"]
    report = wine.evaluate_alerts_fleet(rules, project_name="wine")
    assert len(report.run_ids) == 3 and len(report.results) == 6
    assert [result.run_id for result in report.triggered] == ["run:wine.third"]
    empty = wine.evaluate_alerts_fleet(rules, project_name="none")
    assert [note.summary for note in empty.completeness_notes] == ["alert_population_empty"]
    mean = AlertService(wine.query_service, metric_aggregation="mean")
    assert mean.evaluate_alerts("first", [AlertRule("huge", "gte", HUGE)])[0].triggered
    for rule, code in (
        (AlertRule("loss", ">", 1), "alert_invalid_operator"),
        (AlertRule("loss", "gt", 1, severity="fatal"), "alert_invalid_severity"),
        (AlertRule("loss", "gt", "high"), "alert_invalid_threshold"),  # type: ignore[arg-type]
    ):
        with pytest.raises(errors.ValidationError) as caught:
            wine.evaluate_alerts("third", [rule])
        assert caught.value.code == code


# Reports.


def test_reports(wine: Contexta, tmp_path: Path) -> None:
    rules = [AlertRule("loss", "gt", 0.5)]
    reports = {
        "Run Snapshot Report: run:wine.first": wine.build_snapshot_report("first"),
        "Run Comparison Report: run:wine.first vs run:wine.second": wine.build_run_report("first", "second"),
        "Project Summary Report: wine": wine.build_project_summary_report("wine"),
        "Trend Report: loss": wine.build_trend_report("loss"),
        "Alert Report": wine.build_alert_report("third", rules),
        "Multi Run Report: 3 runs": wine.build_multi_run_report(["first", "second", "third"]),
    }
    for title, report in reports.items():
        assert report.title == title
        assert report.to_markdown().startswith(f"# {title}\n")
        assert report.to_html().startswith("<article><h1>")
    snapshot = reports["Run Snapshot Report: run:wine.first"]
    titles = [section.title for section in snapshot.sections]
    assert titles[:3] == ["Run Summary", "Stages", "Artifacts"]
    assert "name: first" in snapshot.sections[0].body
    assert snapshot.section("Stages") is snapshot.sections[1] and snapshot.section("none") is None
    starts = {".md": "# Run", ".html": "<!DOCTYPE html>", ".csv": "section_title,body", ".json": "{"}
    for suffix, start in starts.items():
        path = snapshot.save(tmp_path / f"report{suffix}")
        assert path.read_text(encoding="utf-8").startswith(start)
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == snapshot.to_dict()
    with pytest.raises(errors.ReportError) as caught:
        snapshot.save(tmp_path / "report.pdf")
    assert caught.value.code == "report_format_unknown"


def test_report_builder_builds_the_same_reports(wine: Contexta) -> None:
    builder = wine.report_builder
    first, second = wine.diagnose_run("first"), wine.diagnose_run("second")
    snapshot = wine.get_run_snapshot("first")
    assert builder.build_snapshot_report(snapshot, first) == wine.build_snapshot_report("first")
    comparison = wine.compare_runs("first", "second")
    assert builder.build_run_report(comparison, first) == wine.build_run_report("first", "second")
    trend = wine.get_metric_trend("loss")
    assert builder.build_trend_report(trend) == wine.build_trend_report("loss")
    rules = [AlertRule("loss", "gt", 0.5)]
    results = wine.evaluate_alerts("third", rules)
    assert builder.build_alert_report(results) == wine.build_alert_report("third", rules)
    many = wine.compare_multiple_runs(["first", "second"])
    assert builder.build_multi_run_report(many) == wine.build_multi_run_report(["first", "second"])
    runs = wine.list_runs("wine", sort_desc=False)
    assert builder.build_project_summary_report("wine", runs=runs) == wine.build_project_summary_report("wine")
    assert builder.build_lineage_report(wine.traverse_lineage("run:wine.first")).sections
    # A builder without workspace needs no more than the results.
    alone = ReportBuilder()
    assert alone.build_snapshot_report(snapshot, first) == wine.build_snapshot_report("first")
    report = alone.build_run_report(comparison, first, right_diagnostics=second)
    assert report == wine.build_run_report("first", "second")
    with pytest.raises(errors.ReportError) as caught:
        alone.build_run_report(comparison, first)
    assert caught.value.code == "report_source_detached" and caught.value.hint


def test_reports_on_selected_and_restored_results(wine: Contexta) -> None:
    runs = wine.list_runs()
    note = CompletenessNote("warning", "checked_by_hand")
    report = ReportBuilder().build_project_summary_report("wine", runs=runs[:2], notes=(note,))
    assert report.sections[0].body.count("\n") == 1 and "first" not in report.sections[0].body
    notes = report.section("Completeness Notes")
    assert notes is not None and "warning: checked_by_hand" in notes.body
    assert "checked_by_hand" in report.to_markdown()
    empty = ReportBuilder().build_project_summary_report("wine")
    assert empty.sections[0].body == "No runs." and "info: project_runs_empty" in empty.to_markdown()

    snapshot = pickle.loads(pickle.dumps(wine.get_run_snapshot("first")))
    diagnosis = pickle.loads(pickle.dumps(wine.diagnose_run("first")))
    again = wine.report_builder.build_snapshot_report(snapshot, diagnosis)
    assert again == wine.build_snapshot_report("first")
    with pytest.raises(errors.ReportError) as caught:
        ReportBuilder().build_snapshot_report(snapshot, diagnosis)
    assert caught.value.code == "report_source_detached"
    restored = pickle.loads(pickle.dumps(wine.build_snapshot_report("first")))
    assert restored.to_html() == wine.build_snapshot_report("first").to_html()
    by_hand = [RunRecord("run:p.a", "p", "a", "completed", "2026-01-01T00:00:00Z")]
    report = ReportBuilder().build_project_summary_report("p", runs=by_hand)
    assert report.sections[0].body == "run:p.a: name=a, status=completed, started_at=2026-01-01T00:00:00Z"


# Services, views, models.


def test_services_take_the_query_service_of_the_specification(wine: Contexta) -> None:
    query_service = wine.query_service
    assert isinstance(query_service, QueryService) and isinstance(wine.compare_service, CompareService)
    assert query_service.list_projects() == ("wine",)
    assert [run.name for run in query_service.list_runs("wine")] == ["first", "second", "third"]
    assert query_service.list_runs(query=RunListQuery(project_name="none")) == ()
    assert query_service.get_run_snapshot("run:wine.first") == wine.get_run_snapshot("first")
    assert isinstance(wine.provenance_service, ProvenanceService)
    for name in ("diagnostics", "lineage", "trend", "alert", "aggregation", "anomaly"):
        assert getattr(wine, f"{name}_service").query_service.repository is not None
    with pytest.raises(errors.InterpretationError):
        QueryService(object())


def test_repository(wine: Contexta) -> None:
    repository = wine.repository
    assert repository.list_projects() == ("wine",)
    assert [run.name for run in repository.list_runs()] == ["first", "second", "third"]
    run = repository.get_run("first")
    assert run is not None and run.name == "first" and repository.get_run("nothing") is None
    assert [stage.name for stage in repository.list_stages("first")] == ["train", "evaluate"]
    assert len(repository.list_artifacts()) == 2 and len(repository.list_artifacts("first", "train")) == 1
    assert repository.list_artifacts(stage_id="stage:wine.first.evaluate") == ()
    artifact = repository.get_artifact("artifact:wine.first.model-first")
    assert artifact is not None and artifact.size_bytes == 7
    assert repository.get_artifact("artifact:wine.first.none") is None
    assert [relation.relation_type for relation in repository.list_relations("first")] == ["produced_by"]
    assert repository.get_provenance("first") is None
    assert repository.list_records("first", record_type="event")[0].key == "epoch"


def test_view_of_the_past(ctx: Contexta) -> None:
    with ctx.run("old", run_id="old"):
        ctx.metric("loss", 1.0)
    moment = datetime.datetime.now(datetime.timezone.utc)
    with ctx.run("new", run_id="new"):
        ctx.metric("loss", 0.5)
    past = ctx.as_of(moment)
    assert [run.name for run in past.list_runs()] == ["old"]
    assert [run.name for run in ctx.list_runs()] == ["new", "old"]
    history = ctx.get_history("run:wine.old")
    assert history.subject_ref == "run:wine.old" and history.total == len(history.entries) > 0
    with pytest.raises(errors.ValidationError) as caught:
        ctx.as_of("soon")
    assert caught.value.code == "query_invalid_moment"


def _answers(wine: Contexta) -> dict[str, Any]:
    """Returns answers of the native module of all kinds that results are created from."""
    n, query = wine._native, {"project_name": "wine"}
    rules = [AlertRule("loss", "gt", 0.5).to_dict()]
    return {
        "RunSnapshot": n.run_snapshot("first", False),
        "RunComparison": n.compare_runs("first", "third", None),
        "MultiRunComparison": n.compare_with_baseline(["first", "second"], "third", None),
        "DiagnosticsResult": n.diagnose_run("first", None),
        "LineageTraversal": n.traverse_lineage("run:wine.first"),
        "MetricTrend": n.metric_trend("loss", None, {**query, "baseline": "first"}, None),
        "StepSeries": n.step_series("first", "loss", None),
        "DurationTrend": n.stage_duration_trend("train", query, None),
        "ArtifactSizeTrend": n.artifact_size_trend("model", query, None),
        "MetricAggregate": n.aggregate_metric("loss", None, query, None),
        "RunSummaryTable": n.aggregate_by_stage(query),
        "RunStatusDistribution": n.run_status_distribution(query),
        "RunGroups": n.group_by("loss", {"by": ["params.rate"], "curve_points_max": 9}, query),
        "MetricBaseline": n.compute_baseline("loss", None, query, None),
        "AnomalyResult": n.detect_anomaly("third", n.compute_baseline("loss", None, query, None).to_dict(), None, None),
        "AlertReport": n.evaluate_alerts("third", rules, None),
        "ReproducibilityAudit": n.audit_reproducibility("first"),
        "EnvironmentDiff": n.compare_environments("first", "second"),
        "CodeDiff": n.diff_code("first", "second"),
        "Reproduction": n.reproduce_run("first"),
        "ReportDocument": n.build_snapshot_report("first"),
        "ReportComparison": n.build_snapshot_report("first").compare_reports(n.build_snapshot_report("second")),
        "History": n.history("run:wine.first"),
    }


def _members_agree(kind: Any, data: dict[str, Any], where: str) -> None:
    """Asserts that a class has a field for each member of the plain form, also in the parts."""
    renamed = {"import": "import_id"} if where.endswith("HistoryEntry") else {}
    names = {field.name for field in dataclasses.fields(kind)} - {"_native"}
    only_in_lists = {"metrics", "differences"} if kind is RunRecord else set()
    members = {renamed.get(name, name) for name in data}
    assert members - names == set(), f"{where}: members without a field"
    assert names - members - only_in_lists == set(), f"{where}: fields without a member"


def test_every_member_of_an_answer_is_a_field(wine: Contexta) -> None:
    seen = set()

    def visit(result: Any, data: Any) -> None:
        if isinstance(result, interpretation._base.Result):
            if type(result).__name__ not in seen or True:
                _members_agree(type(result), data, type(result).__name__)
            seen.add(type(result).__name__)
            for field in dataclasses.fields(result):  # type: ignore[arg-type]
                name = "import" if field.name == "import_id" else field.name
                if field.name != "_native" and name in data:
                    visit(getattr(result, field.name), data[name])
        elif isinstance(result, (tuple, interpretation.PointList)):
            for item, plain in zip(result, data, strict=True):
                visit(item, plain)

    for name, answer in _answers(wine).items():
        result = getattr(interpretation, name)._of(answer)
        visit(result, answer.to_dict())
    runs = wine._native.list_runs({"baseline": "first"})
    visit(tuple(interpretation.RunList._of(runs)), runs.to_dict()["runs"])
    assert {"RunRecord", "MetricSeries", "ObservationRecord", "ArtifactRecord", "BaselineDifference"} <= seen
    assert {"GroupPoint", "ReportSection", "WriterRecord", "StageRecord", "ParamDelta"} <= seen


def test_results_are_comparable_printable_and_picklable(wine: Contexta) -> None:
    for name, answer in _answers(wine).items():
        kind = getattr(interpretation, name)
        result = kind._of(answer)
        assert result == kind._of(answer), name
        assert pickle.loads(pickle.dumps(result)) == result, name
        assert copy.deepcopy(result) == result, name
        assert kind.from_dict(result.to_dict()) == result, name
        assert repr(result).startswith(f"{name}(") and "_native" not in repr(result)
        assert isinstance(result._repr_html_(), str)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result, dataclasses.fields(result)[0].name, None)
    runs = wine.list_runs()
    restored = pickle.loads(pickle.dumps(runs))
    assert restored == runs and (restored.total, restored.notes) == (runs.total, runs.notes)
    with pytest.raises(errors.InterpretationError) as caught:
        restored.to_csv()
    assert caught.value.code == "query_result_detached"
    assert runs.to_csv().splitlines()[0] == "run_id,name,project_name,status,started_at,ended_at"


def test_html_of_results_is_escaped(ctx: Contexta) -> None:
    script = "<script>alert('1')</script>"
    with ctx.run(script, run_id="r", params={script: script}, tags={"t": script}):
        for value in (1.0, float("nan"), 2.0, 10**300, -3):
            ctx.metric("loss", value)
        ctx.event("e", message=script)
    with ctx.run("other", run_id="o"):
        ctx.metric("loss", 1.5)
    results: list[Any] = [
        ctx.list_runs(),
        ctx.list_runs()[0],
        ctx.get_run_snapshot("r"),
        ctx.compare_runs("r", "o"),
        ctx.compare_multiple_runs(["r", "o"]),
        ctx.get_step_series("r", "loss"),
        ctx.get_metric_trend("loss"),
        ctx.diagnose_run("r"),
        ctx.build_snapshot_report("r"),
        ctx.list_records("r"),
        ctx.list_projects(),
        ctx.audit_reproducibility("r"),
    ]
    for result in results:
        html = result._repr_html_()
        assert "<script" not in html and "alert(&#x27;" in html or "alert" not in html, type(result)
        assert html.startswith("<")
    assert "&lt;script&gt;" in ctx.list_runs()._repr_html_()
    series = ctx.get_step_series("r", "loss")
    assert "<svg" in series._repr_html_() and str(10**300)[:20] in series._repr_html_()


def test_long_tables_say_how_many_rows_are_left_out(ctx: Contexta) -> None:
    for number in range(60):
        with ctx.run(f"run {number}", run_id=f"r{number}"):
            pass
    assert "… and 10 more" in ctx.list_runs()._repr_html_()
    assert "… and 58 more" in ctx.list_runs(limit=2)._repr_html_()


def test_an_open_run_is_readable(ctx: Contexta) -> None:
    with ctx.run("live", run_id="live"):
        ctx.metric("loss", 0.5, step=1)
        snapshot = ctx.get_run_snapshot("live")
        assert snapshot.run.status == "open" and snapshot.run.metrics["loss"] == 0.5


def test_every_public_name_is_documented() -> None:
    for name in interpretation.__all__:
        thing = getattr(interpretation, name)
        assert thing.__doc__, name
        if inspect.isclass(thing) and thing.__module__.startswith("contexta.interpretation"):
            for method, value in vars(thing).items():
                if not method.startswith("_") and (callable(value) or isinstance(value, property)):
                    assert inspect.getdoc(getattr(thing, method)), f"{name}.{method}"


SIGNATURES = {
    Contexta: {
        "list_projects": "()",
        "get_run_snapshot": "(run_id)",
        "get_provenance": "(run_id)",
        "get_artifact_origin": "(artifact_ref)",
        "compare_runs": "(left_run_id, right_run_id)",
        "compare_multiple_runs": "(run_ids)",
        "compare_report_documents": "(left, right)",
        "select_best_run": "(run_ids, metric_key, *, stage_name=None, higher_is_better=True)",
        "diagnose_run": "(run_id)",
        "traverse_lineage": "(subject_ref, *, direction=None, max_depth=None)",
        "get_metric_trend": "(metric_key, *, project_name=None, stage_name=None, query=None)",
        "get_step_series": "(run_id, metric_key, *, stage_id=None, stage_name=None)",
        "get_stage_duration_trend": "(stage_name, *, project_name=None, query=None)",
        "get_artifact_size_trend": "(artifact_kind, *, project_name=None, query=None)",
        "evaluate_alerts": "(run_id, rules)",
        "evaluate_alerts_fleet": "(rules, *, project_name=None, query=None)",
        "audit_reproducibility": "(run_id)",
        "compare_environments": "(left_run_id, right_run_id)",
        "build_snapshot_report": "(run_id)",
        "build_run_report": "(left_run_id, right_run_id)",
        "build_project_summary_report": "(project_name)",
        "build_trend_report": "(metric_key, *, project_name=None, stage_name=None, query=None)",
        "build_alert_report": "(run_id, rules)",
        "build_multi_run_report": "(run_ids)",
    },
    QueryService: {
        "__init__": "(repository)",
        "list_projects": "()",
        "list_runs": "(project_name=None, *, query=None)",
        "get_run_snapshot": "(run_id)",
        "get_artifact_origin": "(artifact_ref)",
    },
    CompareService: {
        "__init__": "(query_service, *, config=None)",
        "compare_runs": "(left_run_id, right_run_id)",
        "compare_multiple_runs": "(run_ids)",
        "select_best_run": "(run_ids, metric_key, *, stage_name=None, higher_is_better=True)",
        "compare_report_documents": "(left, right)",
    },
    DiagnosticsService: {"__init__": "(query_service, *, config=None)", "diagnose_run": "(run_id)"},
    LineageService: {
        "__init__": "(query_service, *, config=None)",
        "traverse_lineage": "(subject_ref, *, direction=None, max_depth=None)",
    },
    TrendService: {
        "__init__": "(query_service, *, config=None)",
        "get_metric_trend": "(metric_key, *, query=None, project_name=None, stage_name=None)",
        "get_step_series": "(run_id, metric_key, *, stage_id=None)",
        "get_stage_duration_trend": "(stage_name, *, query=None, project_name=None)",
        "get_artifact_size_trend": "(artifact_kind, *, query=None, project_name=None)",
    },
    AlertService: {
        "__init__": "(query_service, *, metric_aggregation='latest')",
        "evaluate_alerts": "(run_id, rules)",
        "evaluate_alerts_fleet": "(rules, *, query=None, project_name=None)",
    },
    ProvenanceService: {
        "__init__": "(query_service)",
        "audit_reproducibility": "(run_id)",
        "compare_environments": "(left_run_id, right_run_id)",
    },
    AggregationService: {
        "__init__": "(query_service, *, metric_aggregation='latest')",
        "aggregate_metric": "(metric_key, *, query=None, project_name=None, stage_name=None)",
        "aggregate_by_stage": "(*, query=None, project_name=None)",
        "run_status_distribution": "(*, query=None, project_name=None)",
    },
    AnomalyService: {
        "__init__": "(query_service, *, z_score_threshold=2.5, min_baseline_runs=3, metric_aggregation='latest', "
        "monitored_metrics=())",
        "compute_baseline": "(metric_key, *, query=None, project_name=None, stage_name=None)",
        "detect_anomalies": "(run_id, *, baseline, stage_name=None)",
        "detect_anomalies_in_run": "(run_id, *, baseline_query=None, metric_keys=None, stage_name=None)",
    },
    ReportBuilder: {
        "__init__": "()",
        "build_snapshot_report": "(snapshot, diagnostics)",
        "build_run_report": "(comparison, diagnostics)",
        "build_project_summary_report": "(project_name, *, runs=(), notes=())",
        "build_trend_report": "(trend)",
        "build_alert_report": "(results)",
        "build_multi_run_report": "(comparison)",
    },
}


@pytest.mark.parametrize(
    ("kind", "name", "signature"),
    [(kind, name, text) for kind, methods in SIGNATURES.items() for name, text in methods.items()],
)
def test_signatures_are_those_of_the_specification(kind: Any, name: str, signature: str) -> None:
    """Arguments beyond those of the specification follow them, have a default and are given by name."""
    own = list(inspect.signature(getattr(kind, name)).parameters.values())[1:]
    count = 0 if signature == "()" else sum(part != "*" for part in signature[1:-1].split(", "))
    expected, more = own[:count], own[count:]
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in expected]
    shown = str(inspect.Signature(plain))
    assert shown == signature
    for parameter in more:
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is not inspect.Parameter.empty


def test_invalid_plain_forms() -> None:
    with pytest.raises(errors.ValidationError) as caught:
        MetricBaseline.from_dict({"metric_key": "loss", "mean": 1.0, "unknown": 3})
    assert caught.value.code == "result_invalid_form"
    assert caught.value.details == {"missing": ["std", "p5", "p95", "computed_from_n_runs"]}


def test_arguments_of_another_type(wine: Contexta) -> None:
    anything: Any = None
    for question in (
        lambda: wine.compare_multiple_runs(anything),
        lambda: wine.get_step_series("first", anything),
        lambda: wine.get_metric_trend(anything),
        lambda: wine.evaluate_alerts("first", [anything]),
        lambda: wine.list_runs(tags=anything or {"a": 1}),
        lambda: wine.list_runs(filter="loss <"),
        lambda: wine.get_run_snapshot("run:"),
    ):
        with pytest.raises(errors.ValidationError) as caught:
            question()
        assert caught.value.code.startswith(("query_invalid", "stable_ref_invalid"))


def test_reports_and_aliases_of_runs_that_ended(ctx: Contexta, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    with ctx.run("train", run_id="train"):
        ctx.register_artifact("model", path, key="model")
    own = ctx.register_report("train", ctx.build_snapshot_report("train").save(tmp_path / "report.md"))
    kinds = {artifact.artifact_ref: artifact.kind for artifact in ctx.get_run_snapshot("train").artifacts}
    assert kinds[own] == "report_bundle"
    ctx.alias_artifact("artifact:wine.train.model", "model:best")
    assert "artifact:wine.train.model" in str(ctx.get_history("artifact:wine.train.model"))
    with pytest.raises(errors.ContextaError) as caught:
        ctx.alias_artifact("artifact:wine.train.none", "model:best")
    assert caught.value.code.endswith("artifact_not_found")
