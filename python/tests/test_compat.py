"""The replacements for wandb, tensorboard and mlflow."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contexta import errors
from contexta.compat import UnsupportedCall, _session, mlflow, tensorboard, wandb


@pytest.fixture(autouse=True)
def _in_own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs each test in a directory of its own, and without runs of another test."""
    monkeypatch.chdir(tmp_path)
    _session._opened.clear()
    monkeypatch.setattr(mlflow, "_directory", None)
    monkeypatch.setattr(mlflow, "_experiment", None)
    wandb._early._values.clear()
    yield
    wandb.finish()
    while mlflow.active_run():
        mlflow.end_run()


def command(*arguments: str) -> Any:
    """Returns the JSON answer of the command."""
    line = [sys.executable, "-m", "contexta", *arguments, "--format", "json"]
    ended = subprocess.run(line, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def runs() -> list[dict[str, Any]]:
    """Returns all runs of the workspace in the current directory."""
    return command("runs")["runs"]  # type: ignore[no-any-return]


def points(run: str, key: str) -> list[tuple[Any, Any]]:
    """Returns steps and values of a metric."""
    return [(point["step"], point["value"]) for point in command("series", run, key)["points"]]


def test_wandb_script() -> None:
    wandb.config.momentum = 0.9
    run = wandb.init(project="wine", name="ridge", config={"lr": 0.1, "net": {"depth": 2}}, tags=["a"], notes="first")
    assert wandb.run is run
    wandb.config.update({"epochs": 3})
    for epoch in range(3):
        wandb.log({"loss": 1 / (epoch + 1), "eval": {"acc": epoch}, "note": "text"})
    wandb.log({"late": 1}, step=10)
    wandb.summary["best"] = 0.5
    assert wandb.summary["loss"] == 1 / 3
    assert (wandb.config.lr, wandb.config["momentum"], run.config.epochs) == (0.1, 0.9, 3)
    ref = run._scope.ref
    wandb.finish()
    assert wandb.run is None
    (row,) = runs()
    assert (row["name"], row["project_name"], row["status"], row["description"]) == ("ridge", "wine", "completed", "first")
    assert row["params"] == {"lr": 0.1, "momentum": 0.9, "net.depth": 2, "epochs": 3}
    assert row["tags"] == {"a": "true"}
    assert points(ref, "loss") == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert points(ref, "eval.acc") == [(0, 0), (1, 1), (2, 2)]
    assert points(ref, "late") == [(10, 1)]
    assert points(ref, "summary/best") == [(0, 0.5)]


def test_wandb_commit_false_collects_the_values_of_a_step() -> None:
    run = wandb.init()
    wandb.log({"a": 1}, commit=False)
    wandb.log({"b": 2})
    wandb.log({"a": 3}, step=5, commit=False)
    wandb.log({"b": 4}, step=6)
    wandb.log({"a": 7}, commit=False)
    wandb.finish()
    assert points(run._scope.ref, "a") == [(0, 1), (5, 3), (6, 7)]
    assert points(run._scope.ref, "b") == [(0, 2), (6, 4)]


def test_wandb_artifacts_and_failure(tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_bytes(b"abc")
    with pytest.raises(RuntimeError):
        with wandb.init(name="r") as run:
            artifact = wandb.Artifact("model", type="Model", metadata={"k": 1})
            artifact.add_file("m.bin")
            run.log_artifact(artifact)
            assert wandb.save("*.bin") == ["m.bin"]
            raise RuntimeError("boom")
    (row,) = runs()
    assert (row["status"], row["end_message"]) == ("failed", "RuntimeError: boom")
    kinds = {one["kind"] for one in command("run", "show", row["run_id"])["artifacts"]}
    assert {"model", "file"} <= kinds


def test_wandb_needs_init_and_names_what_is_missing() -> None:
    with pytest.raises(errors.LifecycleError):
        wandb.log({"a": 1})
    for call in ("Image", "Table", "watch", "sweep"):
        with pytest.raises(UnsupportedCall) as raised:
            getattr(wandb, call)
        assert raised.value.code == "compat_unsupported"
        assert raised.value.hint
    assert not hasattr(wandb, "login")


@pytest.mark.parametrize(("end", "status"), [("", "completed"), ("raise ValueError('boom')", "failed")])
def test_run_ends_with_the_program(end: str, status: str) -> None:
    program = f"import contexta.compat.wandb as w\nw.init(name='r')\nw.log({{'a': 1}})\n{end}\n"
    subprocess.run([sys.executable, "-c", program], capture_output=True)
    (row,) = runs()
    assert row["status"] == status
    assert row["end_message"] == ("ValueError: boom" if end else None)


def test_tensorboard_writer() -> None:
    numpy = pytest.importorskip("numpy")
    with tensorboard.SummaryWriter("runs/ridge") as writer:
        writer.add_scalar("loss/train", numpy.float32(0.5), 1)
        writer.add_scalars("acc", {"train": 0.1, "val": 0.2}, 2)
        writer.add_text("note", "x" * 3000, 3)
        writer.add_hparams({"lr": 0.1, "b": True}, {"hparam/acc": 0.9})
        writer.add_image("img/a", numpy.zeros((3, 4, 5)), 7)
        writer.flush()
        with pytest.raises(UnsupportedCall):
            writer.add_histogram("h", [1])
        ref = writer.run_ref
    (row,) = runs()
    assert (row["name"], row["status"]) == ("ridge", "completed")
    assert row["params"] == {"lr": 0.1, "b": True}
    assert points(ref, "loss/train") == [(1, 0.5)]
    assert points(ref, "acc/val") == [(2, 0.2)]
    assert points(ref, "hparam/acc") == [(0, 0.9)]
    (image,) = command("run", "show", ref)["artifacts"]
    assert image["kind"] == "image"
    assert image["attributes"]["step"] == 7


def test_images_are_valid_png() -> None:
    numpy = pytest.importorskip("numpy")
    image = numpy.arange(2 * 3 * 3, dtype="uint8").reshape(2, 3, 3)
    content = tensorboard.png(image, "HWC")
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, data = 8, b""
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        assert struct.unpack(">I", content[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + body),)
        data += body if kind == b"IDAT" else b""
        at += 12 + size
    rows = zlib.decompress(data)
    assert len(rows) == 2 * (1 + 9)
    assert bytes(rows[1:10] + rows[11:]) == image.tobytes()
    white = zlib.decompress(tensorboard.png(numpy.ones((1, 1)), "HW").split(b"IDAT")[1][:-16])
    assert white == b"\x00\xff"
    for wrong in (numpy.zeros((2, 2)), numpy.zeros((9, 2, 2))):
        with pytest.raises(errors.ValidationError):
            tensorboard.png(wrong, "CHW")


def test_mlflow_script(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("a")
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    mlflow.set_experiment("wine")
    with mlflow.start_run(run_name="ridge", tags={"t": 1}) as run:
        assert run.info.status == "RUNNING"
        assert mlflow.log_param("alpha", 0.1) == 0.1
        mlflow.log_params({"l1": 2})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metrics({"acc": 0.9})
        mlflow.set_tags({"who": "me"})
        mlflow.log_artifact("out/a.txt")
        mlflow.log_artifacts("out", "sub")
        mlflow.log_dict({"k": 1}, "d.json")
        with pytest.raises(errors.LifecycleError):
            mlflow.start_run()
        with mlflow.start_run(run_name="inner", nested=True):
            mlflow.log_metric("loss", 9)
    assert run.info.status == "FINISHED"
    assert mlflow.active_run() is None
    rows = {row["name"]: row for row in command("runs", "--workspace", str(tmp_path / "store"))["runs"]}
    assert rows["ridge"]["params"] == {"alpha": 0.1, "l1": 2}
    assert rows["ridge"]["tags"] == {"t": "1", "who": "me"}
    assert rows["inner"]["metadata"] == {"parent_run": run.info.run_id}
    shown = command("run", "show", run.info.run_id, "--workspace", str(tmp_path / "store"))
    assert len(shown["artifacts"]) == 3
    assert mlflow.start_run(run_id=run.info.run_id).info.run_id == run.info.run_id
    mlflow.end_run("FAILED")
    assert run.info.status == "FINISHED"
    with pytest.raises(errors.ValidationError):
        mlflow.set_tracking_uri("https://example.org")
    with pytest.raises(UnsupportedCall):
        mlflow.sklearn
