"""Capture: scopes, records, results, and what programs hand over as values."""

from __future__ import annotations

import argparse
import asyncio
import copy
import dataclasses
import datetime
import decimal
import fractions
import gc
import json
import math
import os
import pickle
import platform
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from contexta import Contexta, errors
from contexta.capture import (
    ArtifactRegistrationEmission,
    BatchCaptureResult,
    CaptureResult,
    CompositeSink,
    DeliveryReceipt,
    DeliveryStatus,
    EventEmission,
    LocalJsonlSink,
    MemorySink,
    MetricEmission,
    PayloadFamily,
    ResultStatus,
    Sink,
    SpanEmission,
)


def exported(ctx: Contexta) -> list[dict[str, Any]]:
    """Returns the objects of the workspace, as the command exports them."""
    command = [sys.executable, "-m", "contexta", "--workspace", ctx.workspace, "export", "jsonl"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line)["object"] for line in ended.stdout.splitlines()]


def metrics(ctx: Contexta, run: str, key: str, stage: str | None = None) -> list[tuple[Any, Any]]:
    """Returns steps and values of a metric, as the command shows them."""
    command = [sys.executable, "-m", "contexta", "--workspace", ctx.workspace, "series", run, key, "--format", "json"]
    if stage:
        command += ["--stage", stage]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return [(point["step"], point["value"]) for point in json.loads(ended.stdout)["points"]]


# Scopes.


def test_block_that_ends_completes_the_run(ctx: Contexta) -> None:
    with ctx.run("training", tags={"env": "prod"}) as run:
        assert run.status == "open"
        assert ctx.current_run() is run
        result = ctx.metric("accuracy", 0.94)
    assert run.status == "completed"
    assert run.is_closed and run.closed_at is not None
    assert ctx.current_run() is None
    assert result.status is ResultStatus.SUCCESS
    assert metrics(ctx, run.ref, "accuracy") == [(0, 0.94)]


def test_exception_fails_the_run_and_goes_on(ctx: Contexta) -> None:
    with pytest.raises(ValueError, match="boom"):
        with ctx.run("training") as run:
            with run.stage("train") as stage:
                raise ValueError("boom")
    assert (run.status, stage.status) == ("failed", "failed")
    objects = exported(ctx)
    assert any("ValueError: boom" in json.dumps(one) for one in objects)
    assert any("Traceback (most recent call last)" in json.dumps(one) for one in objects)


def test_exit_with_code_zero_completes_the_run(ctx: Contexta) -> None:
    with pytest.raises(SystemExit):
        with ctx.run("training") as run:
            sys.exit(0)
    assert run.status == "completed"
    with pytest.raises(SystemExit):
        with ctx.run("training") as failed:
            sys.exit(3)
    assert failed.status == "failed"


def test_scopes_nest_and_become_current_again(ctx: Contexta) -> None:
    with ctx.run("r") as run, run.stage("train") as stage:
        assert ctx.current_stage() is stage
        with stage.batch("epoch-1") as batch:
            assert ctx.current_batch() is batch
            with batch.sample("s", retention_class="short") as sample:
                assert ctx.current_sample() is sample
                assert ctx.current_batch() is batch
            with batch.operation("forward") as outer, outer.operation("inner") as inner:
                assert ctx.current_operation() is inner
                assert ctx.current_run() is run
            assert ctx.current_operation() is None
        assert ctx.current_batch() is None
    assert ctx.current_scope() is None


def test_closing_a_run_ends_the_open_scopes_in_it(ctx: Contexta) -> None:
    run = ctx.run("r")
    stage = run.stage("train")
    run.close()
    assert stage.status == "completed"
    assert ctx.current_scope() is None
    with pytest.raises(errors.ClosedScopeError) as raised:
        stage.metric("loss", 1)
    assert raised.value.code == "runtime_scope_closed"
    with pytest.raises(errors.ValidationError) as invalid:
        ctx.run("other").close("done")
    assert invalid.value.code == "runtime_invalid_close_status"


def test_capture_without_a_run_is_a_lifecycle_error(ctx: Contexta) -> None:
    for capture in (
        lambda: ctx.metric("loss", 1),
        lambda: ctx.metrics({"loss": 1}),
        lambda: ctx.event("a.b", message="m"),
        lambda: ctx.span("s"),
        lambda: ctx.register_artifact("model", "x"),
    ):
        with pytest.raises(errors.LifecycleError) as raised:
            capture()
        assert raised.value.code == "runtime_capture_requires_run"
        assert raised.value.hint is not None


def test_names_in_any_script_are_kept(ctx: Contexta) -> None:
    with ctx.run("训练 Modèle") as run, run.stage("Évaluation") as stage:
        assert (run.name, stage.name) == ("训练 Modèle", "Évaluation")
        ctx.metric("系统/温度", 36.6)
        ctx.metric("mAP@0.5", 0.5)
    assert metrics(ctx, run.ref, "系统/温度") == [(0, 36.6)]
    assert metrics(ctx, run.ref, "mAP@0.5") == [(0, 0.5)]


def test_run_in_a_thread_is_not_current_in_another(ctx: Contexta) -> None:
    seen: list[Any] = []
    with ctx.run("r") as run:

        def work() -> None:
            seen.append(ctx.current_run())
            run.metric("loss", 1, step=1)
            with ctx.run("own") as own:
                seen.append(ctx.current_run() is own)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert ctx.current_run() is run
    assert seen == [None, True]
    assert metrics(ctx, run.ref, "loss") == [(1, 1)]


def test_a_thousand_tasks_keep_their_scopes_apart(ctx: Contexta) -> None:
    async def work(number: int) -> None:
        with ctx.current_stage().batch(f"b-{number}") as batch:  # type: ignore[union-attr]
            await asyncio.sleep(0)
            assert ctx.current_batch() is batch
            result = ctx.metric("loss", number, step=number)
            await asyncio.sleep(0)
            assert ctx.current_batch() is batch
            assert result.status is ResultStatus.SUCCESS

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(1000)))

    with ctx.run("r") as run, run.stage("train"):
        asyncio.run(main())
        assert ctx.current_batch() is None
    objects = exported(ctx)
    points = [one for one in objects if "metric_key" in one.get("payload", {})]
    within = {one["payload"]["value"]: one["envelope"]["batch_execution_ref"] for one in points}
    assert len(within) == 1000
    assert all(ref.endswith(f".b-{number}") for number, ref in within.items())


def test_entering_makes_a_scope_the_innermost(ctx: Contexta) -> None:
    first, second = ctx.run("a"), ctx.run("b")
    with first:
        ctx.metric("m", 1)
    assert ctx.current_run() is second
    second.close()
    assert metrics(ctx, first.ref, "m") == [(0, 1)]
    assert copy.deepcopy(first) is first and copy.copy(first) is first


def test_scope_that_another_task_closed_is_not_current(ctx: Contexta) -> None:
    with ctx.run("r") as run:
        stage = run.stage("train")
        thread = threading.Thread(target=stage.complete)
        thread.start()
        thread.join()
        assert ctx.current_stage() is None
        assert ctx.current_run() is run
        ctx.metric("m", 1)
        ctx.event("a.b", message="m")
        with ctx.deployment("d", run_ref=run.ref):
            assert ctx.current_run() is run
    assert metrics(ctx, run.ref, "m") == [(0, 1)]


def test_cancelled_task_and_closed_generator_cancel_their_scopes(ctx: Contexta) -> None:
    scopes: list[Any] = []

    def generate() -> Any:
        with ctx.run("g") as run:
            scopes.append(run)
            yield 1

    async def work() -> None:
        with ctx.run("t") as run:
            scopes.append(run)
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    generator = generate()
    next(generator)
    generator.close()
    asyncio.run(main())
    assert [run.status for run in scopes] == ["cancelled", "cancelled"]


def test_exception_without_a_text_fails_the_run(ctx: Contexta) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(Mute):
        with ctx.run("r") as run, ctx.start_span("s") as span:
            span.attribute("odd", object())
            raise Mute
    assert run.status == "failed"
    assert ctx.current_run() is None


def test_failing_sink_does_not_keep_a_run_current(tmp_path: Path) -> None:
    class Late(Sink):
        name = "late"
        fails = False

        def capture(self, *, family: PayloadFamily, payload: Any) -> None:
            if self.fails:
                raise RuntimeError("offline")

    sink = Late()
    ctx = Contexta(workspace=tmp_path / "ws", sinks=[sink])
    with pytest.warns(RuntimeWarning, match="could not be recorded completely"):
        with pytest.raises(KeyError):
            with ctx.run("r") as run:
                sink.fails = True
                raise KeyError("x")
    assert run.status == "failed"
    assert ctx.current_run() is None


# Values.


def test_values_that_programs_hand_over(ctx: Contexta) -> None:
    numpy = pytest.importorskip("numpy")

    class Tensor:
        def item(self) -> float:
            return 0.5

    with ctx.run("r", params={"at": numpy.datetime64("2024-01-01T00:00:00.000000001"), "for": numpy.timedelta64(5, "ms")}) as run:
        for odd in (numpy.datetime64("2024-01-01", "ns"), numpy.timedelta64(5, "ns")):
            with pytest.raises(errors.ValidationError):
                ctx.metric("odd", odd)
        ctx.metric("g", decimal.Decimal("123456789012345678"))
        ctx.metric("h", fractions.Fraction(1, 4))
        ctx.metric("a", numpy.float32(0.25), step=numpy.int64(7))
        ctx.metric("b", numpy.int64(2**53 + 1))
        ctx.metric("c", Tensor())
        ctx.metric("d", 2**80)
        ctx.metric("e", float("nan"))
        ctx.metric("f", numpy.array(3.0))
    assert metrics(ctx, run.ref, "a") == [(7, 0.25)]
    assert metrics(ctx, run.ref, "b") == [(0, 2**53 + 1)]
    assert metrics(ctx, run.ref, "c") == [(0, 0.5)]
    assert metrics(ctx, run.ref, "d") == [(0, 2**80)]
    assert metrics(ctx, run.ref, "e") == [(0, "NaN")]
    assert metrics(ctx, run.ref, "f") == [(0, 3.0)]
    assert metrics(ctx, run.ref, "g") == [(0, 123456789012345678)]
    assert metrics(ctx, run.ref, "h") == [(0, 0.25)]
    (params,) = [one["params"] for one in exported(ctx) if "params" in one]
    assert params == {"at": "2024-01-01T00:00:00.000000001Z", "for": 0.005}


@pytest.mark.parametrize("value", [True, "0.5", None, [1.0], {"a": 1}, b"1", object()])
def test_value_that_is_no_number_is_refused(ctx: Contexta, value: object) -> None:
    with ctx.run("r"):
        with pytest.raises(errors.ValidationError) as raised:
            ctx.metric("loss", value)
        assert raised.value.code == "capture_model_invalid_metric_value"


@pytest.mark.parametrize("setting", [{"capture": {"dispatch_failure_mode": "outbox"}}, {"contract": {"validation_mode": "lenient"}}])
def test_unusual_value_does_not_stop_a_tolerant_training(tmp_path: Path, setting: dict[str, Any]) -> None:
    ctx = Contexta(workspace=tmp_path / "ws", config=setting)
    with ctx.run("r") as run:
        result = ctx.metric("loss", "abc")
        assert result.status is ResultStatus.DEGRADED
        assert result.error_code == "capture_model_invalid_metric_value"
        assert result.degradation_emitted
        batch = ctx.metrics({"good": 1.5, "bad": None}, step=2)
        assert [one.status for one in batch] == [ResultStatus.SUCCESS, ResultStatus.DEGRADED]
        degraded = [
            ctx.event("", message="m"),
            ctx.event("large", message="m", attributes={"x": "y" * (5 << 20)}),
            ctx.register_artifact("Not A Kind", "x"),
            ctx.register_artifact("model", "x", step=1.5),
            *ctx.emit_metrics([{"key": "a"}]),
            *ctx.register_artifacts([{"artifact_kind": "Not A Kind", "path": "x"}]),
            ctx.series("s").point("x"),
            *ctx.series("s").extend([0, 1], [1.5, "x"]).problems,
        ]
        assert [one.status for one in degraded] == [ResultStatus.DEGRADED] * len(degraded)
        run.note(3)  # type: ignore[arg-type]
    assert metrics(ctx, run.ref, "good") == [(2, 1.5)]
    assert metrics(ctx, run.ref, "s") == [(0, 1.5)]
    assert "capture.invalid_value" in json.dumps(exported(ctx))


def test_environment_has_the_interpreter_and_the_packages(ctx: Contexta) -> None:
    with ctx.run("r") as run:
        pass
    audit = ctx.audit_reproducibility(run.ref)
    assert audit.python_version == platform.python_version()
    assert audit.package_count > 0
    (environment,) = ctx.get_run_snapshot(run.ref).environments
    assert environment["packages"]["pytest"] == pytest.__version__


def test_parameters_of_any_form(ctx: Contexta) -> None:
    @dataclasses.dataclass
    class Optimizer:
        lr: float
        path: Path

    for collision in ({"a": {"b": 1}, "a.b": 2}, {1: 1, "1": 2}):
        with pytest.raises(errors.ValidationError) as raised:
            ctx.run("r", params=collision)
        assert "mapping" in str(raised.value.code)
    with ctx.run("r", params=argparse.Namespace(seed=1, optimizer=Optimizer(0.1, Path("a/b")))) as run:
        run.params({"n": None, "nan": float("nan"), "list": [1, 2], "big": 2**70, "odd": {3, 1}})
        run.param("late", datetime.timedelta(seconds=1.5))
    (params,) = [one["params"] for one in exported(ctx) if "params" in one]
    assert params["seed"] == 1
    assert params["optimizer.lr"] == 0.1
    assert params["optimizer.path"] == "a/b"
    assert params["list"] == [1, 2]
    assert params["big"] == 2**70
    assert params["nan"] == "NaN"
    assert params["late"] == 1.5
    assert params["n"] is None
    assert params["odd"] == [1, 3]


def test_values_without_a_usual_form_do_not_stop_a_run(ctx: Contexta) -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    class Odd(datetime.datetime):
        def astimezone(self, tz: Any = None) -> Any:
            raise ValueError("not a time")

    itself: list[Any] = []
    itself.append(itself)
    with ctx.run("r", params={"mute": Mute(), "odd": Odd(2024, 1, 1)}, metadata={"lone": "\ud800"}):
        with pytest.raises(errors.ValidationError) as raised:
            ctx.event("a.b", message="m", attributes={"x": itself})
        assert raised.value.code == "capture_model_invalid_json_value"
        with pytest.raises(errors.ValidationError) as raised:
            ctx.event("a.b", message="m", attributes={1: "a", "1": "b"})  # type: ignore[dict-item]
        assert raised.value.code == "capture_model_invalid_mapping"
        with pytest.raises(errors.ValidationError) as raised:
            ctx.metric("huge", 10**5000)
        assert raised.value.code == "serialization_integer_too_long"
    (params,) = [one["params"] for one in exported(ctx) if "params" in one]
    assert params == {"mute": "<Mute>", "odd": "2024-01-01 00:00:00"}


def test_series_takes_more_points_than_one_commit(ctx: Contexta) -> None:
    numpy = pytest.importorskip("numpy")
    count = 100_000
    with ctx.run("r") as run:
        series = ctx.series("loss")
        assert series.extend(numpy.arange(count), numpy.arange(count) * 0.5).points == count
        assert series.extend([], []).points == 0
        run.close()
        with pytest.raises(errors.ClosedScopeError) as raised:
            series.extend([1], [1])
        assert raised.value.details == {"points_recorded": 0}
    series_of_run = metrics(ctx, run.ref, "loss")
    assert len(series_of_run) == count
    assert series_of_run[-1] == (count - 1, (count - 1) * 0.5)


def test_series_extends_with_arrays_and_lists(ctx: Contexta) -> None:
    numpy = pytest.importorskip("numpy")
    with ctx.run("r") as run:
        series = ctx.series("loss", unit="nats", tags={"split": "train"})
        assert series.key == "loss"
        result = series.extend(numpy.arange(3), numpy.array([0.5, float("nan"), 0.25]))
        assert (result.status, len(result)) == (ResultStatus.SUCCESS, 3)
        series.extend([3, 4], [2**60 + 1, 0.5])
        series.extend(numpy.array([5], dtype="uint64"), numpy.array([2**64 - 1], dtype="uint64"))
        series.point(1, step=6)
        for steps, values in [([1, 2], [1.0]), (numpy.arange(2), numpy.zeros(3))]:
            with pytest.raises(errors.ValidationError) as raised:
                series.extend(steps, values)
            assert raised.value.code == "metric_steps_and_values_differ"
        with pytest.raises(errors.ValidationError) as raised:
            series.extend([0.5], [1])
        assert raised.value.code == "record_invalid_metric_step"
        series.extend(numpy.array([7.0]), numpy.array([1], dtype="int32"))
        masked = numpy.ma.masked_array([1.0, 2.0], mask=[False, True])
        series.extend([8, 9], masked)
        with pytest.raises(errors.ValidationError):
            series.extend([10], numpy.ma.masked_array([1], mask=[True]))
        pandas = pytest.importorskip("pandas")
        series.extend(pandas.Series([11, 12]), pandas.Series([0.5, 0.25]))
    points = metrics(ctx, run.ref, "loss")
    assert points == [(0, 0.5), (1, "NaN"), (2, 0.25), (3, 2**60 + 1), (4, 0.5), (5, 2**64 - 1), (6, 1), (7, 1), (8, 1.0), (9, "NaN"), (11, 0.5), (12, 0.25)]


# Records.


def test_emissions_from_models_and_mappings(ctx: Contexta) -> None:
    with ctx.run("r") as run:
        events = ctx.emit_events([EventEmission("a.b", "first"), {"key": "a.c", "message": "second", "level": "error"}])
        values = ctx.emit_metrics([MetricEmission("m", 1), {"key": "m", "value": 2, "unit": "s"}])
        spans = ctx.emit_spans([SpanEmission("s"), {"name": "t", "status": "error"}])
    for batch in (events, values, spans):
        assert isinstance(batch, BatchCaptureResult)
        assert batch.status is ResultStatus.SUCCESS
        assert len(batch.results) == 2
        assert batch.results == batch.items
    text = json.dumps(exported(ctx))
    assert '"second"' in text and '"error"' in text
    del run


def test_emissions_are_checked_immutable_and_picklable() -> None:
    event = EventEmission("a.b", "m", attributes={"x": [1, 2]}, tags={"k": "v"})
    assert event.level == "info"
    assert event.attributes == {"x": (1, 2)}
    assert event.to_dict() == {
        "key": "a.b",
        "message": "m",
        "level": "info",
        "attributes": {"x": [1, 2]},
        "tags": {"k": "v"},
    }
    assert EventEmission.from_dict(event.to_dict()) == event
    assert pickle.loads(pickle.dumps(event)) == event
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.key = "c"  # type: ignore[misc]
    assert MetricEmission("k", 1).aggregation_scope == "step"
    assert MetricEmission("k", 1).summary_basis == "raw_observation"
    assert math.isnan(MetricEmission("k", float("nan")).value)
    assert (SpanEmission("s").status, SpanEmission("s").span_kind) == ("ok", "operation")
    artifact = ArtifactRegistrationEmission("model", "m.bin")
    assert (artifact.compute_hash, artifact.allow_missing) == (True, False)
    for invalid in (
        lambda: EventEmission("", "m"),
        lambda: EventEmission("a", "m", level="loud"),
        lambda: EventEmission("a", "m", attributes={"x": object()}),
        lambda: MetricEmission("k", True),
        lambda: SpanEmission("s", started_at="2024-01-02T00:00:00Z", ended_at="2024-01-01T00:00:00Z"),
        lambda: SpanEmission("s", started_at="yesterday"),
        lambda: ArtifactRegistrationEmission("Not A Kind", "p"),
    ):
        with pytest.raises(errors.ValidationError) as raised:
            invalid()
        assert raised.value.code


def test_spans_are_measured_and_nested(ctx: Contexta) -> None:
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    with ctx.run("r"):
        with ctx.start_span("outer") as outer:
            with ctx.start_span("inner") as inner:
                pass
        with pytest.raises(KeyError):
            with ctx.start_span("failed"):
                raise KeyError("x")
        ctx.span("given", started_at=start, ended_at="2024-01-01T00:00:02+00:00")
    payloads = [one["payload"] for one in exported(ctx) if "span_id" in one.get("payload", {})]
    spans = {payload["span_name"]: payload for payload in payloads}
    assert spans["inner"]["parent_span_id"] == outer.span_id
    assert spans["inner"]["span_id"] == inner.span_id
    assert spans["failed"]["status"] == "error"
    assert spans["given"]["started_at"] == "2024-01-01T00:00:00Z"
    assert spans["given"]["ended_at"] == "2024-01-01T00:00:02Z"


def test_artifacts(ctx: Contexta, tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"weights")
    with ctx.run("r") as run:
        result = ctx.register_artifact("model", file, attributes={"format": "raw"}, step=3)
        assert result.family is PayloadFamily.ARTIFACT
        assert result.artifact_ref == f"artifact:{run.ref.removeprefix('run:')}.model"
        assert result.payload["size_bytes"] == 7
        missing = ctx.register_artifact("model", str(tmp_path / "none"), allow_missing=True)
        assert missing.status is ResultStatus.DEGRADED
        with pytest.raises(errors.ValidationError) as raised:
            ctx.register_artifact("model", tmp_path / "none")
        assert raised.value.code == "artifact_source_missing"
        batch = ctx.register_artifacts(
            [ArtifactRegistrationEmission("model", str(file), key="second"), {"artifact_kind": "model", "path": "none"}]
        )
        assert [one.status for one in batch] == [ResultStatus.SUCCESS, ResultStatus.FAILURE]
        assert batch.status is ResultStatus.DEGRADED


# Results.


def test_results_have_the_fields_of_the_specification(ctx: Contexta) -> None:
    with ctx.run("r"):
        result = ctx.metric("loss", 0.5)
    assert result.family is PayloadFamily.RECORD
    assert (result.deliveries, result.warnings, result.degradation_reasons) == ((), (), ())
    assert result.payload is None and result.value is None
    assert result.degradation_emitted is False and result.degradation_payload is None
    assert result.recovered_to_outbox is False and result.replay_refs == ()
    assert result.error_code is None and result.error_message is None
    assert result.applied and not result.planned_only and result.failure is None
    assert result.durability == "flush"
    assert result.record_ref is not None and result.record_ref.startswith("record:wine.r-")
    position, record = result.position, result.record_ref
    assert repr(result) == (
        f"CaptureResult(family=RECORD, status=SUCCESS, position={position!r}, durability='flush', record_ref={record!r})"
    )
    copy = pickle.loads(pickle.dumps(result))
    assert copy == result and copy.to_dict() == result.to_dict()
    assert CaptureResult.from_dict(result.to_dict()) == result
    with pytest.raises(AttributeError):
        result.family = PayloadFamily.ARTIFACT


def test_results_made_in_code() -> None:
    success = CaptureResult.success({"a": 1})
    assert (success.status, success.payload, success.value) == (ResultStatus.SUCCESS, {"a": 1}, {"a": 1})
    degraded = CaptureResult.with_degradation(degradation_reasons=("late",))
    assert degraded.degradation_notes[0].code == "capture_degradation_1"
    assert CaptureResult.with_degradation().degradation_notes[0].code == "capture_degraded"
    failure = CaptureResult.failure_result(errors.DispatchError("no", code="x"))
    assert (failure.error_code, failure.error_message, failure.applied) == ("x", "no", False)
    batch = BatchCaptureResult.aggregate([success, failure])
    assert batch.status is ResultStatus.DEGRADED
    assert BatchCaptureResult.aggregate([failure]).status is ResultStatus.FAILURE
    assert BatchCaptureResult.aggregate([]).status is ResultStatus.SUCCESS
    with pytest.raises(errors.ValidationError):
        CaptureResult(value=1, payload=2)
    with pytest.raises(errors.ValidationError):
        BatchCaptureResult.from_results([success, CaptureResult.success(family=PayloadFamily.ARTIFACT)])


# Sinks.


class Broken(Sink):
    name = "broken"

    def capture(self, *, family: PayloadFamily, payload: Any) -> None:
        raise RuntimeError("offline")


def test_sinks_receive_what_the_log_has_taken(tmp_path: Path) -> None:
    memory, lines = MemorySink(), LocalJsonlSink(tmp_path / "lines")
    ctx = Contexta(workspace=tmp_path / "ws", sinks=[memory, CompositeSink([lines])])
    assert [sink.name for sink in ctx.sinks] == ["memory", "composite"]
    with ctx.run("r"):
        result = ctx.metric("loss", 0.5)
        assert [delivery.status for delivery in result.deliveries] == [DeliveryStatus.SUCCESS] * 2
        assert result.payload["payload"]["value"] == 0.5
    assert any(entry["family"] == "RECORD" for entry in memory.entries)
    assert "0.5" in (tmp_path / "lines" / "record.jsonl").read_text("utf-8")


def test_sinks_of_the_settings_stay_unless_code_gives_sinks(tmp_path: Path) -> None:
    config = {"capture": {"sinks": ["jsonl:lines.jsonl"]}}
    for number, sinks in enumerate([None, []]):
        ctx = Contexta(workspace=tmp_path / str(number), config=config, sinks=sinks)
        with ctx.run("r"):
            assert len(ctx.metric("loss", 0.5).deliveries) == (1 if sinks is None else 0)
        ctx.close()
    assert '"value":0.5' in (tmp_path / "0" / "lines.jsonl").read_text("utf-8")
    assert not (tmp_path / "1" / "lines.jsonl").exists()


def test_composite_sink_reports_what_its_sinks_say(tmp_path: Path) -> None:
    class Answering(Sink):
        supported_families = ("RECORD",)  # type: ignore[assignment]

        def __init__(self, status: str) -> None:
            self.name, self.status = status, status

        def capture(self, *, family: PayloadFamily, payload: Any) -> DeliveryReceipt:
            return DeliveryReceipt(DeliveryStatus(self.status), "why")

    for statuses, expected in [
        (["SUCCESS", "DEGRADED"], DeliveryStatus.DEGRADED),
        (["SUCCESS", "FAILURE"], DeliveryStatus.DEGRADED),
        (["FAILURE", "SKIPPED"], DeliveryStatus.FAILURE),
    ]:
        sink = CompositeSink([Answering(status) for status in statuses])
        config = {"capture": {"dispatch_failure_mode": "outbox"}}
        ctx = Contexta(workspace=tmp_path / statuses[1] / statuses[0], sinks=[sink], config=config)
        with ctx.run("r"):
            (delivery,) = ctx.metric("loss", 0.5).deliveries
            assert delivery.status is expected, statuses


def test_failing_sink_raises_and_under_outbox_waits(tmp_path: Path) -> None:
    ctx = Contexta(workspace=tmp_path / "a", sinks=[Broken()])
    with pytest.raises(errors.DispatchError) as raised:
        ctx.run("r")
    assert raised.value.result is not None
    tolerant = Contexta(workspace=tmp_path / "b", sinks=[Broken()], config={"capture": {"dispatch_failure_mode": "outbox"}})
    with tolerant.run("r") as run:
        result = tolerant.metric("loss", 0.5)
        assert result.status is ResultStatus.DEGRADED
        assert result.recovered_to_outbox and result.replay_refs
    assert metrics(tolerant, run.ref, "loss") == [(0, 0.5)]


def test_threads_with_a_sink_do_not_block_each_other(tmp_path: Path) -> None:
    program = """
import gc, sys, threading
from contexta import Contexta
from contexta.capture import MemorySink

sink = MemorySink()
ctx = Contexta(workspace=sys.argv[1], sinks=[sink])
with ctx.run("r") as run:
    def work(number):
        for step in range(200):
            run.metric(f"loss-{number}", step, step=step)
            run.params({"last": step})
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads: thread.start()
    while any(thread.is_alive() for thread in threads):
        assert run.status == "open" and not run.is_closed
        run.series("other")
        stage = run.stage("train")
        stage.close()
        del stage
        gc.collect()
    for thread in threads: thread.join()
points = [entry for entry in sink.entries if "loss-" in str(entry)]
assert len(points) == 800, len(points)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "ws")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr


# Processes.


def test_killed_process_loses_no_call_that_returned(tmp_path: Path) -> None:
    program = """
import sys
from contexta import Contexta
ctx = Contexta(workspace=sys.argv[1])
with ctx.run("r", run_id="r"):
    step = 0
    while True:
        ctx.metric("loss", step, step=step)
        sys.stdout.write(f"{step}\\n")
        sys.stdout.flush()
        step += 1
"""
    for attempt in range(5):
        workspace = tmp_path / f"ws-{attempt}"
        command = [sys.executable, "-c", program, str(workspace)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            acknowledged = -1
            for line in child.stdout:
                acknowledged = int(line)
                if acknowledged >= 40 * (attempt + 1):
                    child.kill()
                    break
            rest = child.stdout.read().splitlines()
        # The last line can be incomplete.
        acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
        ctx = Contexta(workspace=workspace)
        points = metrics(ctx, "run:default.r", "loss")
        assert points[: acknowledged + 1] == [(step, step) for step in range(acknowledged + 1)]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_eight_processes_capture_into_one_run(tmp_path: Path, method: str) -> None:
    program = """
import multiprocessing, sys
from contexta import Contexta

def work(run, number):
    for step in range(50):
        run.metric(f"loss-{number}", step * number, step=step)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    ctx = Contexta(workspace=sys.argv[1])
    with ctx.run("r", run_id="r") as run:
        children = [context.Process(target=work, args=(run, number)) for number in range(8)]
        for child in children: child.start()
        for child in children: child.join()
        assert all(child.exitcode == 0 for child in children), [child.exitcode for child in children]
    assert run.status == "completed"
"""
    script = tmp_path / "program.py"
    script.write_text(program)
    ended = subprocess.run([sys.executable, str(script), str(tmp_path / "ws"), method], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    ctx = Contexta(workspace=tmp_path / "ws")
    for number in range(8):
        assert metrics(ctx, "run:default.r", f"loss-{number}") == [(step, step * number) for step in range(50)]
    shown = subprocess.run(
        [sys.executable, "-m", "contexta", "--workspace", ctx.workspace, "runs", "--format", "json"],
        capture_output=True,
        text=True,
    )
    assert [run["status"] for run in json.loads(shown.stdout)["runs"]] == ["completed"]


def test_program_under_exec_joins_the_run(tmp_path: Path) -> None:
    program = """
from contexta import Contexta
ctx = Contexta()
with ctx.attach_from_environment() as run:
    ctx.metric("loss", 0.5, step=1)
print(run.ref)
"""
    command = [sys.executable, "-m", "contexta", "--workspace", str(tmp_path / "ws"), "exec", "--run", "outer", "--"]
    ended = subprocess.run([*command, sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    ctx = Contexta(workspace=tmp_path / "ws")
    assert metrics(ctx, ended.stdout.strip(), "loss") == [(1, 0.5)]
    assert Contexta(workspace=tmp_path / "other").attach_from_environment() is None


def test_notebook_leaves_a_run_open_and_attaches_again(tmp_path: Path) -> None:
    ctx = Contexta(workspace=tmp_path / "ws")
    run = ctx.run("notebook")
    ref = run.ref
    ctx.metric("loss", 1, step=1)
    with ctx.attach(ref) as again:
        ctx.metric("loss", 2, step=2)
        assert again.ref == ref
    assert metrics(ctx, ref, "loss") == [(1, 1), (2, 2)]
    run.leave_open()
    assert ctx.current_run() is None
    with ctx.resume(ref, from_step=2):
        ctx.metric("loss", 3, step=2)
    assert metrics(ctx, ref, "loss") == [(1, 1), (2, 3)]
    (row,) = ctx.list_runs()
    assert (row.status, row.attempts) == ("completed", 2)
    for call in (ctx.attach, ctx.resume):
        with pytest.raises(errors.InterpretationError) as raised:
            call("run:default.unknown")
        assert raised.value.code == "query_run_not_found"


def test_handle_that_was_sent_to_another_directory_opens_the_same_workspace(tmp_path: Path) -> None:
    program = """
import os, pickle, subprocess, sys
from contexta import Contexta
ctx = Contexta(config={"workspace": {"root_path": "ws"}})
with ctx.run("r") as run:
    assert pickle.loads(pickle.dumps(run)) is run
    os.mkdir("elsewhere")
    child = "import pickle,sys; run = pickle.load(sys.stdin.buffer); run.metric('loss', 1)"
    ended = subprocess.run([sys.executable, "-c", child], input=pickle.dumps(run), cwd="elsewhere")
    assert ended.returncode == 0
(row,) = ctx.list_runs()
assert (row.status, row.metrics["loss"]) == ("completed", 1), row
assert os.listdir("elsewhere") == []
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_captures_leave_no_objects_behind(ctx: Contexta) -> None:
    with ctx.run("r"):
        for _ in range(100):
            ctx.metric("loss", 0.5, step=1)
        gc.collect()
        before = len(gc.get_objects())
        for step in range(5000):
            ctx.metric("loss", 0.5, step=step)
            ctx.metrics({"a": 1.0, "b": 2.0}, step=step)
        gc.collect()
        assert len(gc.get_objects()) - before < 50


def test_memory_stays_flat(ctx: Contexta) -> None:
    def resident() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    if not Path("/proc/self/statm").exists():
        pytest.skip("the memory of a process is read from /proc")
    with ctx.run("r") as run:
        series = run.series("s")

        def work(calls: int) -> None:
            for step in range(calls):
                ctx.metric("loss", 0.5, step=step)
                series.point(0.5, step)
                ctx.event("a.b", message="m", attributes={"k": [1, 2.5, "x"]})

        work(5_000)
        before = resident()
        work(30_000)
        # A leak of 100 bytes in each call would be 9 MB.
        assert resident() - before < 6 << 20
