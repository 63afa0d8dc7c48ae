"""A replacement for the calls of MLflow that most scripts use.

::

    import contexta.compat.mlflow as mlflow

    mlflow.set_experiment("wine")
    with mlflow.start_run(run_name="ridge"):
        mlflow.log_param("alpha", 0.1)
        mlflow.log_metric("loss", 0.5, step=1)

An experiment of MLflow is a project of contexta; the id of an experiment is its name. As in MLflow, each thread has
active runs of its own; so has each task of asyncio. The argument ``timestamp`` has no effect: a value has the time of
its capture.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlparse

from contexta import _native, errors
from contexta._scopes import RunScope
from contexta.compat import _session

__all__ = [
    "ActiveRun",
    "RunInfo",
    "active_run",
    "end_run",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_text",
    "set_experiment",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]

#: The active runs of this thread or task, the innermost last.
_entered: ContextVar[tuple[ActiveRun, ...]] = ContextVar("contexta_mlflow_runs", default=())
_directory: str | None = None
_experiment: str | None = None


@dataclass(frozen=True)
class RunInfo:
    """Id, name and status of a run."""

    run_id: str
    run_name: str
    status: str


class ActiveRun:
    """A run, and a context manager: leaving the block ends the run, and an exception marks the run as failed."""

    def __init__(self, scope: RunScope, name: str) -> None:
        self._scope = scope
        self._name = name

    @property
    def info(self) -> RunInfo:
        """Id, name and status of the run. The id is the ref of the run."""
        words = {"open": "RUNNING", "completed": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
        return RunInfo(self._scope.ref, self._name, words[self._scope.status])

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scope.__exit__(kind, error, trace)
        _ended(self)


def _ended(run: ActiveRun) -> None:
    _session.ended(run._scope)
    _entered.set(tuple(one for one in _runs() if one is not run))


def _runs() -> tuple[ActiveRun, ...]:
    """Returns the active runs of this thread or task without those that another one has ended."""
    return tuple(run for run in _entered.get() if not run._scope.is_closed)


def set_tracking_uri(uri: str | os.PathLike[str]) -> None:
    """Sets the directory of the workspace: a path or a URI ``file:``.

    Other URIs are refused: no data leaves the machine.
    """
    global _directory
    parts = urlparse(os.fspath(uri))
    if parts.scheme not in ("", "file"):
        raise errors.ValidationError(
            f"the tracking URI {uri!r} is not a directory",
            code="compat_remote_uri",
            hint="give the path of a directory",
        )
    _directory = unquote(parts.path) if parts.scheme else os.fspath(uri)


def set_experiment(experiment_name: str) -> None:
    """Sets the project of new runs."""
    global _experiment
    _experiment = experiment_name


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> ActiveRun:
    """Starts a run. A run within a run needs ``nested=True``.

    ``run_id`` continues the run with this ref, or with this id in the project. ``experiment_id`` is the name of the
    project of this run; ``"0"`` is the project of :func:`set_experiment`.
    """
    outer = _runs()
    if outer and not nested:
        raise errors.LifecycleError(
            f"the run {outer[-1]._scope.ref} is active",
            code="runtime_nested_run",
            hint="call mlflow.end_run() first, or start a nested run with nested=True",
        )
    project = _experiment if experiment_id in (None, "0") else str(experiment_id)
    ctx = _session.workspace(_directory, project)
    marks = {str(key): str(value) for key, value in (tags or {}).items()}
    if run_id is not None:
        ref = _session.existing_run(ctx, run_id)
        if ref is None:
            raise _session.no_run(run_id, ctx.project_name)
        name = run_name or ctx.get_run_snapshot(ref).run.name
        scope = ctx.resume(ref)
        _session.describe(scope, run_name, marks, description)
    else:
        name = run_name or "run"
        metadata = {"parent_run": outer[-1]._scope.ref} if outer else None
        scope = ctx.run(name, tags=marks, metadata=metadata, description=description)
    run = ActiveRun(_session.ends_with_the_program(scope), name)
    _entered.set((*outer, run))
    return run


def active_run() -> ActiveRun | None:
    """Returns the active run; ``None`` if there is none."""
    runs = _runs()
    return runs[-1] if runs else None


def end_run(status: str = "FINISHED") -> None:
    """Ends the active run as ``FINISHED``, ``FAILED`` or ``KILLED``."""
    words = {"FINISHED": "completed", "FAILED": "failed", "KILLED": "cancelled"}
    if status not in words:
        raise errors.ValidationError(f"{status!r} is not a status of an ended run", code="runtime_invalid_close_status")
    run = active_run()
    if run is not None:
        run._scope.close(words[status])
        _ended(run)


def _active() -> RunScope:
    """Returns the active run. As in MLflow, the first logged value starts a run."""
    return (active_run() or start_run())._scope


def log_param(key: str, value: Any) -> Any:
    """Sets a parameter, and returns the value."""
    _active().params(_session.params({key: value}))
    return value


def log_params(params: Mapping[str, Any]) -> None:
    """Sets several parameters."""
    _active().params(_session.params(params))


def log_metric(key: str, value: Any, step: int | None = None, timestamp: int | None = None) -> None:
    """Captures a value of a metric. Without a step, the step is 0, as in MLflow."""
    _active().metric(key, value, step=step or 0)


def log_metrics(metrics: Mapping[str, Any], step: int | None = None, timestamp: int | None = None) -> None:
    """Captures values of several metrics in one commit."""
    _active().metrics(_session.members(metrics), step=step or 0)


def set_tag(key: str, value: Any) -> None:
    """Sets a tag of the active run."""
    _active().tag(key, str(value))


def set_tags(tags: Mapping[str, Any]) -> None:
    """Sets several tags of the active run."""
    for key, value in tags.items():
        set_tag(key, value)


def log_artifact(local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Stores a file or directory as an artifact."""
    path = Path(local_path)
    key = path.name if artifact_path is None else f"{artifact_path}/{path.name}"
    _active().register_artifact("file", path, key=key, attributes={"artifact_path": key})


def log_artifacts(local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Stores each file of a directory as an artifact."""
    root = Path(local_dir)
    for path in sorted(file for file in root.rglob("*") if file.is_file()):
        key = (Path(artifact_path or "") / path.relative_to(root)).as_posix()
        _active().register_artifact("file", path, key=key, attributes={"artifact_path": key})


def log_text(text: str, artifact_file: str) -> None:
    """Stores a text as an artifact."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / Path(artifact_file).name
        path.write_text(text, encoding="utf-8")
        _active().register_artifact("file", path, key=artifact_file, attributes={"artifact_path": artifact_file})


def log_dict(dictionary: Mapping[str, Any], artifact_file: str) -> None:
    """Stores a dictionary as an artifact in JSON."""
    log_text(json.dumps(_native.plain(dict(dictionary), as_text=True), ensure_ascii=False, indent=2), artifact_file)


def __getattr__(name: str) -> Any:
    raise _session.unsupported("mlflow", name)
