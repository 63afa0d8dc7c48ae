"""The replacements for wandb, tensorboard and mlflow."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import struct
import subprocess
import sys
import threading
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
    assert (row["name"], row["project_name"], row["status"]) == ("ridge", "wine", "completed")
    assert row["description"] == "first"
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


def test_components_are_those_of_the_library() -> None:
    ctx = _session.workspace(None, "Wine Ü x")
    for one in ("a-b", "Ab c", "A", "a.b", "ünï", "深度", "!!!", " x ", "x" * 80, "a/b", "-a"):
        with ctx.run("r", run_id=one) as run:
            assert run.run_id == _session.component(one, "run", is_id=True)
            assert _session.existing_run(ctx, one) == run.ref
    for project in ("My  Model_v2! ", "a b", "Wine Ü x", "系统"):
        with _session.workspace(None, project).run("r") as run:
            assert run.ref.split(".")[0] == f"run:{_session.component(project, 'project', is_id=False)}"


def test_wandb_resumes_only_the_run_with_the_exact_id() -> None:
    for project, name, own in (("wine", "exp-1", "exp-10"), ("wine", "exp", "other"), ("beer", "r", "exp-1")):
        wandb.init(project=project, name=name, id=own)
        wandb.log({"a": 1})
        wandb.finish()
    before = {row["run_id"] for row in runs()}
    for asked in ("exp-1", "exp", "wine.other", "run:wine.exp-1"):
        with pytest.raises(errors.InterpretationError) as raised:
            wandb.init(project="wine", id=asked, resume="must")
        assert (raised.value.code, wandb.run) == ("query_run_not_found", None)
        assert raised.value.hint
    assert {row["run_id"] for row in runs()} == before
    run = wandb.init(project="wine", id="exp-1", resume="allow")
    assert (run._scope.ref, run.resumed, run.step) == ("run:wine.exp-1", False, 0)
    wandb.finish()
    with pytest.raises(errors.ConflictError):
        wandb.init(project="wine", id="exp-1", resume="never")
    with pytest.raises(errors.InterpretationError):
        wandb.init(resume="must")


def test_wandb_run_continues_where_it_ended() -> None:
    run = wandb.init(id="one", name="first", config={"lr": 0.1, "net": {"depth": 2}, "layers": [1, 2]})
    for value in range(3):
        wandb.log({"loss": 3 - value, "note": f"n{value}"})
    wandb.summary["best"] = 1
    wandb.summary["text"] = "t"
    wandb.log({"only": "text"}, step=7)
    wandb.finish()
    for resume in ("must", "allow", True):
        run = wandb.init(id="one", resume=resume)
        assert (run.name, run.resumed, run.step) == ("first", True, 8)
        assert run.config.as_dict() == {"lr": 0.1, "net": {"depth": 2}, "layers": [1, 2]}
        assert (run.config["net.depth"], run.config.net["depth"]) == (2, 2)
        assert dict(run.summary) == {"loss": 1, "note": "n2", "best": 1, "text": "t", "only": "text"}
        run.config.setdefaults({"lr": 5, "net.depth": 5})
        wandb.finish()
    wandb.init(id="one", resume="allow", name="second", tags=["b"], config={"lr": 0.2})
    wandb.log({"loss": 0})
    wandb.finish()
    (row,) = runs()
    assert (row["name"], row["tags"], row["attempts"]) == ("second", {"b": "true"}, 5)
    assert row["params"] == {"lr": 0.2, "net.depth": 2, "layers": [1, 2]}
    assert points(run._scope.ref, "loss") == [(0, 3), (1, 2), (2, 1), (8, 0)]


def test_wandb_run_with_an_id_in_use_replaces_the_points() -> None:
    for value in (1, 2):
        run = wandb.init(id="one")
        wandb.log({"loss": value})
        if value == 1:
            wandb.log({"loss": 9})
        wandb.finish()
    assert points(run._scope.ref, "loss") == [(0, 2)]


def artifacts(run: str) -> list[tuple[str, int]]:
    """Returns the last components of the refs and the sizes of the artifacts of a run."""
    found = command("run", "show", run)["artifacts"]
    return sorted((one["artifact_ref"].rsplit(".", 1)[-1], one["size_bytes"]) for one in found)


def test_wandb_keeps_all_artifacts(tmp_path: Path) -> None:
    for size, place in enumerate(("a", "b"), 1):
        (tmp_path / place).mkdir()
        (tmp_path / place / "f.txt").write_text("x" * size)
    (tmp_path / "model.bin").write_bytes(b"123")
    run = wandb.init(id="one")
    two = wandb.Artifact("data", type="dataset", metadata={"size": 5})
    two.add_file("a/f.txt")
    two.add_file(str(tmp_path / "b" / "f.txt"))
    run.log_artifact(two)
    for size in (3, 4):
        (tmp_path / "model.bin").write_bytes(b"x" * size)
        run.log_artifact("model.bin", name="model")
    assert wandb.save("*/f.txt") == ["a/f.txt", "b/f.txt"]
    assert sorted(size for _, size in artifacts(run._scope.ref)) == [1, 1, 2, 2, 3, 4]
    wandb.finish()
    wandb.init(id="one", resume="must")
    (tmp_path / "model.bin").write_bytes(b"x" * 5)
    wandb.log_artifact("model.bin", name="model")
    wandb.finish()
    assert [one for one in artifacts(run._scope.ref) if one[0].startswith("model")] == [
        ("model", 3),
        ("model-2", 4),
        ("model-3", 5),
    ]
    found = {one["artifact_ref"].rsplit(".", 1)[-1]: one for one in command("run", "show", run._scope.ref)["artifacts"]}
    assert [found[key]["attributes"]["wandb_version"] for key in ("model", "model-2", "model-3")] == ["v0", "v1", "v2"]
    paths = {one["attributes"]["wandb_path"] for one in found.values() if one["kind"] == "dataset"}
    assert paths == {"a/f.txt", "b/f.txt"}


def test_tensorboard_keeps_all_images() -> None:
    numpy = pytest.importorskip("numpy")
    with tensorboard.SummaryWriter("runs/r") as writer:
        for tag, step in (("i", None), ("i", None), ("i-1", None), ("i", 1), ("i", 1), ("a/b", None), ("a-b", None)):
            writer.add_image(tag, numpy.zeros((3, 2, 2)), step)
    found = artifacts(writer.run_ref)
    assert len(found) == 7
    assert [key for key, _ in found if key.startswith("i")] == ["i", "i-1", "i-1-2", "i-1-3", "i-2"]
    shown = command("run", "show", writer.run_ref)["artifacts"]
    assert sorted(one["attributes"]["tag"] for one in shown) == ["a-b", "a/b", "i", "i", "i", "i", "i-1"]


MAIN = "import sys\nimport contexta.compat.wandb as w\nw.init(name='r')\nw.log({'a': 1}, commit=False)\n"
CAUGHT = "try:\n    sys.exit(1)\nexcept SystemExit:\n    pass\n"
IN_FUNCTION = "def main():\n    try:\n        sys.exit(1)\n    except SystemExit:\n        return 0\n"
RAISED_AGAIN = "try:\n    sys.exit(3)\nexcept SystemExit:\n    print('x')\n    raise\n"


@pytest.mark.parametrize(
    ("end", "status", "message"),
    [
        ("sys.exit(1)", "failed", "SystemExit: 1"),
        ("sys.exit('no data')", "failed", "SystemExit: no data"),
        ("exit(2)", "failed", "SystemExit: 2"),
        ("def main():\n    sys.exit(4)\nmain()", "failed", "SystemExit: 4"),
        ("try:\n    sys.exit(5)\nfinally:\n    print('end')", "failed", "SystemExit: 5"),
        (RAISED_AGAIN, "failed", "SystemExit: 3"),
        ("sys.exit(0)", "completed", None),
        ("sys.exit()", "completed", None),
        (CAUGHT, "completed", None),
        (CAUGHT + "sys.exit(0)", "completed", None),
        (IN_FUNCTION + "main()", "completed", None),
        (IN_FUNCTION + "sys.exit(main())", "completed", None),
        ("import threading\nt = threading.Thread(target=sys.exit, args=(1,))\nt.start()\nt.join()", "completed", None),
        ("raise ValueError('boom')", "failed", "ValueError: boom"),
        ("", "completed", None),
    ],
)
def test_exit_code_and_pending_values_are_recorded(tmp_path: Path, end: str, status: str, message: str | None) -> None:
    script = tmp_path / "script.py"
    script.write_text(MAIN + end + "\n")
    subprocess.run([sys.executable, str(script)], capture_output=True)
    (row,) = runs()
    assert (row["status"], row["end_message"]) == (status, message)
    assert points(row["run_id"], "a") == [(0, 1)]
    assert not _session.workspace().list_records(row["run_id"], record_type="degraded")


@pytest.mark.parametrize("command_line", [["script.py"], ["-m", "script"], ["-c", MAIN + "raise SystemExit(1)"]])
def test_unknown_exit_code_is_marked(tmp_path: Path, command_line: list[str]) -> None:
    (tmp_path / "script.py").write_text(MAIN + "raise SystemExit(1)\n")
    ended = subprocess.run([sys.executable, *command_line], capture_output=True)
    assert ended.returncode == 1
    (row,) = runs()
    assert row["status"] == "completed"
    (marker,) = _session.workspace().list_records(row["run_id"], record_type="degraded")
    assert marker.key == "run.exit_code"


@pytest.mark.parametrize("command_line", [["script.py"], ["-m", "script"]])
@pytest.mark.parametrize(
    ("end", "status"), [("", "completed"), ("sys.exit(1)", "failed"), ("sys.exit(0)", "completed")]
)
def test_known_exit_code_is_not_marked(tmp_path: Path, command_line: list[str], end: str, status: str) -> None:
    (tmp_path / "script.py").write_text(f"{MAIN}{end}\n")
    subprocess.run([sys.executable, *command_line], capture_output=True)
    (row,) = runs()
    assert row["status"] == status
    assert not _session.workspace().list_records(row["run_id"], record_type="degraded")


def test_forked_process_does_not_end_the_run() -> None:
    program = (
        "import os, sys\nimport contexta.compat.wandb as w\nw.init(name='r')\n"
        "child = os.fork()\nif child == 0:\n    sys.exit(1)\nos.waitpid(child, 0)\nw.log({'a': 1})\n"
    )
    if not hasattr(os, "fork"):
        pytest.skip("the platform has no fork")
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    (row,) = runs()
    assert row["status"] == "completed"
    assert points(row["run_id"], "a") == [(0, 1)]


def test_names_that_collide_are_refused() -> None:
    both = {"a": {"b": 1}, "a.b": 2}
    run = wandb.init(config={"kept": 1})
    for call in (wandb.log, wandb.config.update, lambda values: mlflow.log_params(values)):
        with pytest.raises(errors.ValidationError) as raised:
            call(both)
        assert raised.value.code == "capture_model_invalid_mapping"
        assert raised.value.details == {"field": "a.b"}
    assert run.config.as_dict() == {"kept": 1}
    with pytest.raises(errors.ValidationError):
        wandb.log({1: 1, "1": 2})  # type: ignore[dict-item]
    wandb.finish()
    with pytest.raises(errors.ValidationError):
        wandb.init(config=both)
    assert wandb.run is None
    assert _session.flat({"a": {}, "b": {"c": {"d": 1}}}, ".") == {"a": {}, "b.c.d": 1}
    assert _session.nested({"a": 1, "a.b": 2, "c.d": 3, "c.e": {}}) == {"a": 1, "a.b": 2, "c": {"d": 3, "e": {}}}


@dataclasses.dataclass(frozen=True)
class Slots:
    """Parameters without ``__dict__``."""

    __slots__ = ("lr", "name")
    lr: float
    name: str


def test_wandb_config_forms() -> None:
    wandb.config.early = 1
    run = wandb.init(config=Slots(0.1, "n"))
    assert run.config.as_dict() == {"early": 1, "lr": 0.1, "name": "n"}
    run.config.update(argparse.Namespace(seed=3))
    copy = run.config.as_dict()
    copy["lr"] = 7
    assert (run.config.lr, run.config.seed) == (0.1, 3)
    wandb.finish()
    assert wandb.init().config.as_dict() == {}
    wandb.finish()
    for wrong in ("config.yaml", 5, [1, 2]):
        with pytest.raises(errors.ValidationError) as raised:
            wandb.init(config=wrong)
        assert raised.value.code == "capture_model_invalid_mapping"
    assert len(runs()) == 2
    wandb.init()
    for call in (wandb.log, mlflow.log_params, mlflow.log_metrics):
        with pytest.raises(errors.ValidationError):
            call(None)  # type: ignore[arg-type]


def test_tensorboard_writer_continues_after_close() -> None:
    writer = tensorboard.SummaryWriter("runs/r")
    writer.add_scalar("a", 1, 1)
    writer.close()
    ref = writer.run_ref
    writer.add_scalar("a", 2, 2)
    writer.add_text("t", 123)
    assert writer.run_ref == ref
    writer.close()
    (row,) = runs()
    assert (row["status"], row["attempts"]) == ("completed", 2)
    assert points(ref, "a") == [(1, 1), (2, 2)]
    (event,) = _session.workspace().list_records(ref, record_type="event")
    assert (event.key, event.message) == ("t", "123")


def test_mlflow_continues_only_the_exact_run() -> None:
    mlflow.set_experiment("wine")
    with mlflow.start_run(run_name="ridge") as run:
        pass
    ref, own = run.info.run_id, run.info.run_id.rsplit(".", 1)[-1]
    for asked in ("ridge", own[:-1], ref[:-1], "run:wine.absent", "absent"):
        with pytest.raises(errors.InterpretationError) as raised:
            mlflow.start_run(run_id=asked)
        assert raised.value.code == "query_run_not_found"
    assert mlflow.active_run() is None
    for asked in (ref, own):
        with mlflow.start_run(run_id=asked, tags={"t": asked}) as again:
            assert (again.info.run_id, again.info.run_name) == (ref, "ridge")
    with pytest.raises(errors.InterpretationError):
        mlflow.start_run(run_id=own, experiment_id="beer")
    with mlflow.start_run(experiment_id="beer") as other:
        assert other.info.run_id.startswith("run:beer.")
    rows = {row["run_id"]: row for row in runs()}
    assert set(rows) == {ref, other.info.run_id}
    assert rows[ref]["tags"] == {"t": own}


def test_mlflow_runs_belong_to_their_thread_or_task() -> None:
    seen: list[Any] = []

    def work(value: int) -> None:
        seen.append(mlflow.active_run())
        with mlflow.start_run(run_name=f"thread-{value}"):
            mlflow.log_metric("m", value)

    async def task(value: int) -> None:
        with mlflow.start_run(run_name=f"task-{value}"):
            await asyncio.sleep(0)
            mlflow.log_metric("m", value)

    async def tasks() -> None:
        await asyncio.gather(task(1), task(2))

    with mlflow.start_run(run_name="main") as main:
        threads = [threading.Thread(target=work, args=(value,)) for value in (3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert mlflow.active_run() is main
    asyncio.run(tasks())
    assert seen == [None, None]
    values = {row["name"]: points(row["run_id"], "m") for row in runs() if row["name"] != "main"}
    assert values == {"task-1": [(0, 1)], "task-2": [(0, 2)], "thread-3": [(0, 3)], "thread-4": [(0, 4)]}
    assert {row["status"] for row in runs()} == {"completed"}


def test_mlflow_dictionary_keeps_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    with mlflow.start_run() as run:
        mlflow.log_dict({"k": numpy.float32(0.5), "n": [numpy.int64(3)]}, "d.json")
    (artifact,) = _session.workspace().get_run_snapshot(run.info.run_id).artifacts
    assert artifact.size_bytes == len(json.dumps({"k": 0.5, "n": [3]}, indent=2))
