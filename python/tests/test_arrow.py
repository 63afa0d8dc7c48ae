"""Export of series, trends and lists of runs through the Arrow interface: pyarrow, pandas and polars."""

from __future__ import annotations

import datetime
import math
import pickle
from typing import Any

import pytest

from contexta import Contexta, errors

pa = pytest.importorskip("pyarrow")

BIG = 2**53 + 1


def _captured(ctx: Contexta, values: list[Any], key: str = "m", run_id: str = "r") -> Any:
    with ctx.run(run_id, run_id=run_id):
        for step, value in enumerate(values):
            ctx.metric(key, value, step=step)
    return ctx.get_step_series(run_id, key)


def test_series_has_typed_columns(ctx: Contexta) -> None:
    series = _captured(ctx, [0.5, 0.25, float("nan"), float("inf")])
    table = pa.table(series)
    assert table.schema.names == ["step", "value", "smoothed", "observed_at", "superseded"]
    types = [str(field.type) for field in table.schema]
    assert types == ["int64", "double", "double", "timestamp[us, tz=UTC]", "bool"]
    assert table["step"].to_pylist() == [0, 1, 2, 3]
    values = table["value"].to_pylist()
    assert values[:2] == [0.5, 0.25] and math.isnan(values[2]) and values[3] == math.inf
    # NaN is a value, and a missing value is null.
    assert table["value"].null_count == 0 and table["smoothed"].null_count == 4
    assert table["superseded"].to_pylist() == [False] * 4
    observed = table["observed_at"].to_pylist()[0]
    assert observed.utcoffset() == datetime.timedelta(0)
    assert observed == datetime.datetime.fromisoformat(series.points[0].observed_at.replace("Z", "+00:00"))
    smoothed = pa.table(ctx.get_step_series("r", "m", smoothing=0.5))["smoothed"].to_pylist()
    assert smoothed[0] == 0.5 and smoothed[2] is None


@pytest.mark.parametrize(
    ("values", "kind"),
    [([1, BIG, -(2**63)], "int64"), ([0, 2**64 - 1], "uint64"), ([2**63 - 1], "int64"), ([1, 2.5], "double")],
)
def test_integers_keep_all_digits(ctx: Contexta, values: list[Any], kind: str) -> None:
    table = pa.table(_captured(ctx, values))
    assert str(table.schema.field("value").type) == kind
    assert table["value"].to_pylist() == values
    assert "value_exact" not in table.schema.names


def test_integers_that_no_number_column_holds_are_also_texts(ctx: Contexta) -> None:
    table = pa.table(_captured(ctx, [BIG, 0.5, 2**70 + 1, 3]))
    assert table["value"].to_pylist() == [float(BIG), 0.5, float(2**70 + 1), 3.0]
    assert table["value_exact"].to_pylist() == [str(BIG), None, str(2**70 + 1), "3"]


def test_empty_series(ctx: Contexta) -> None:
    _captured(ctx, [1.0])
    table = pa.table(ctx.get_step_series("r", "none"))
    assert table.num_rows == 0 and str(table.schema.field("value").type) == "double"
    assert pa.table(ctx.list_runs("none").table()).num_rows == 0


def test_lists_of_runs_have_columns_for_parameters_tags_and_metrics(ctx: Contexta) -> None:
    params = {"lr": 0.1, "depth": 3, "opt": "adam", "mixed": 1, "on": True}
    with ctx.run("a", run_id="a", params=params, tags={"t": "x"}):
        ctx.metric("loss", 0.5)
        with ctx.current_run().stage("train"):  # type: ignore[union-attr]
            ctx.metric("tokens", BIG)
    with ctx.run("名", run_id="b", params={"lr": 1, "mixed": "one", "depth": None, "list": [1, "a"]}):
        ctx.metric("loss", float("nan"))
    runs = ctx.list_runs(sort_desc=False)
    table = pa.table(runs.table())
    assert table["name"].to_pylist() == ["a", "名"] and table["status"].to_pylist() == ["completed"] * 2
    assert table["params.lr"].to_pylist() == [0.1, 1.0]
    assert table["params.depth"].to_pylist() == [3, None] and str(table.schema.field("params.depth").type) == "int64"
    assert table["params.opt"].to_pylist() == ["adam", None] and table["params.on"].to_pylist() == [True, None]
    assert table["params.mixed"].to_pylist() == ["1", "one"] and table["params.list"].to_pylist() == [None, '[1,"a"]']
    assert table["tags.t"].to_pylist() == ["x", None]
    assert table["metrics.train/tokens"].to_pylist() == [BIG, None]
    loss = table["metrics.loss"].to_pylist()
    assert loss[0] == 0.5 and math.isnan(loss[1])
    started = table["started_at"].to_pylist()[0]
    assert started == datetime.datetime.fromisoformat((runs[0].started_at or "").replace("Z", "+00:00"))


def test_trends(ctx: Contexta) -> None:
    for number in range(3):
        with ctx.run(f"r{number}", run_id=f"r{number}"):
            ctx.metric("loss", number, step=5, unit="nats")
    table = pa.table(ctx.get_metric_trend("loss"))
    assert table["value"].to_pylist() == [0, 1, 2] and table["step"].to_pylist() == [5, 5, 5]
    assert table["run_id"].to_pylist() == ["run:wine.r0", "run:wine.r1", "run:wine.r2"]
    assert set(table["unit"].to_pylist()) == {"nats"} and table["stage_name"].null_count == 3


def test_pandas(ctx: Contexta) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame.from_arrow(_captured(ctx, [1, BIG]))
    assert list(frame["value"]) == [1, BIG] and str(frame["observed_at"].dt.tz) == "UTC"
    assert list(pd.DataFrame.from_arrow(ctx.list_runs().table())["name"]) == ["r"]


def test_polars(ctx: Contexta) -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(_captured(ctx, [1, BIG]))
    assert frame["value"].to_list() == [1, BIG] and frame["step"].dtype == pl.Int64
    assert frame["observed_at"].dtype == pl.Datetime("us", "UTC")
    assert pl.DataFrame(ctx.list_runs().table())["name"].to_list() == ["r"]


def test_a_stream_can_be_taken_often_and_left_unused(ctx: Contexta) -> None:
    series = _captured(ctx, [1, 2])
    for _ in range(100):
        series.__arrow_c_stream__()
    assert pa.table(series) == pa.table(series)


def test_restored_results_have_no_stream(ctx: Contexta) -> None:
    series = pickle.loads(pickle.dumps(_captured(ctx, [1])))
    with pytest.raises(errors.InterpretationError) as caught:
        series.__arrow_c_stream__()
    assert caught.value.code == "query_result_detached" and caught.value.hint
