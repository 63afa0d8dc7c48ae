"""A replacement for the calls of W&B that most scripts use.

::

    import contexta.compat.wandb as wandb

    wandb.init(project="wine", config={"lr": 0.1})
    for step in range(10):
        wandb.log({"loss": 1 / (step + 1)})
    wandb.finish()

A project of W&B is a project of contexta. Numbers become metrics, other logged values become events with the key
``wandb.log``. Values of the summary become metrics with the prefix ``summary/``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any

from contexta import errors
from contexta._model import plain
from contexta._scopes import RunScope
from contexta.compat import _session

__all__ = ["Artifact", "Config", "Run", "Summary", "finish", "init", "log", "log_artifact", "run", "save"]


class Config(MutableMapping[str, Any]):
    """The parameters of a run, as items and as attributes."""

    def __init__(self, owner: RunScope | None = None) -> None:
        object.__setattr__(self, "_values", {})
        object.__setattr__(self, "_owner", owner)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value
        if self._owner is not None:
            self._owner.param(key, value)

    def __delitem__(self, key: str) -> None:
        raise _session.unsupported("wandb", "config.__delitem__")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        try:
            return object.__getattribute__(self, "_values")[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return repr(self._values)

    def update(self, values: Any = (), allow_val_change: bool | None = None, **more: Any) -> None:  # type: ignore[override]
        """Sets several parameters, from a mapping or a namespace."""
        members = dict(values if isinstance(values, Mapping) else vars(values) if hasattr(values, "__dict__") else values)
        members.update(more)
        self._values.update(members)
        if members and self._owner is not None:
            self._owner.params(members)

    def setdefaults(self, values: Mapping[str, Any]) -> None:
        """Sets the parameters that are not set."""
        self.update({key: value for key, value in values.items() if key not in self._values})


class Summary(MutableMapping[str, Any]):
    """The summary of a run: the last logged values, and values that the script sets."""

    def __init__(self, owner: RunScope | None = None) -> None:
        self._values: dict[str, Any] = {}
        self._owner = owner

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value
        if self._owner is not None:
            _session.log(self._owner, {f"summary/{key}": value}, None, "wandb.summary")

    def __delitem__(self, key: str) -> None:
        raise _session.unsupported("wandb", "summary.__delitem__")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


class Artifact:
    """Files to store with a run: ``add_file`` and ``add_dir``, then ``log_artifact``."""

    def __init__(
        self, name: str, type: str, description: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> None:
        self.name, self.type, self.description = name, type, description
        self.metadata = dict(metadata or {})
        self._paths: list[tuple[str, str | None]] = []

    def add_file(self, local_path: str | os.PathLike[str], name: str | None = None) -> None:
        """Adds a file."""
        self._paths.append((os.fspath(local_path), name))

    def add_dir(self, local_path: str | os.PathLike[str], name: str | None = None) -> None:
        """Adds a directory with all its files."""
        self._paths.append((os.fspath(local_path), name))


class Run:
    """A run, and a context manager: leaving the block ends the run, and an exception marks the run as failed."""

    def __init__(self, scope: RunScope, project: str) -> None:
        self._scope = scope
        self.project = project
        self.config = Config(scope)
        self.summary = Summary(scope)
        self.step = 0
        self._pending: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """The id of the run."""
        return self._scope.run_id

    @property
    def name(self) -> str:
        """The name of the run."""
        return self._scope.name

    @property
    def dir(self) -> str:
        """The directory of the workspace."""
        return self._scope._session.workspace

    def log(self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        """Captures values of a step. Without ``step``, each call is a step of its own, unless ``commit`` is false."""
        if step is not None:
            if self._pending and step != self.step:
                self._write()
            self.step = step
        self._pending.update(_session.flat(data, "."))
        if commit or (commit is None and step is None):
            self._write()
            self.step += 1
        elif step is not None and commit is None:
            self._write()

    def _write(self) -> None:
        values, self._pending = self._pending, {}
        _session.log(self._scope, values, self.step, "wandb.log")
        self.summary._values.update(values)

    def log_artifact(self, artifact: Any, name: str | None = None, type: str | None = None) -> None:
        """Stores the files of an artifact, or one file or directory."""
        if not isinstance(artifact, Artifact):
            one = Artifact(name or Path(artifact).name, type or "file")
            one.add_file(artifact)
            artifact = one
        kind = _kind(artifact.type)
        for path, own in artifact._paths:
            attributes = {"wandb_name": artifact.name, "wandb_type": artifact.type, **plain(artifact.metadata)}
            if artifact.description:
                attributes["description"] = artifact.description
            key = artifact.name if len(artifact._paths) == 1 else f"{artifact.name}-{own or Path(path).name}"
            self._scope.register_artifact(kind, path, key=key, attributes=attributes)

    def save(self, glob_str: str | os.PathLike[str], base_path: Any = None, policy: Any = None) -> list[str]:
        """Stores files that match a pattern as artifacts."""
        import glob

        paths = [path for path in sorted(glob.glob(os.fspath(glob_str), recursive=True)) if os.path.isfile(path)]
        for path in paths:
            self._scope.register_artifact("file", path, key=os.path.relpath(path, base_path) if base_path else None)
        return paths

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """Ends the run: as completed, or as failed if ``exit_code`` is not 0."""
        global run
        if self._pending:
            self._write()
        if not self._scope.is_closed:
            if exit_code:
                self._scope.fail(f"exit code {exit_code}")
            else:
                self._scope.complete()
        _session.ended(self._scope)
        if run is self:
            run = None

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pending:
            self._write()
        self._scope.__exit__(kind, error, trace)
        self.finish()

    def __getattr__(self, name: str) -> Any:
        raise _session.unsupported("wandb", f"Run.{name}")


def _kind(text: str) -> str:
    """Returns a type of W&B as the kind of an artifact: a lower-case word."""
    word = "".join(c if c.isascii() and c.isalnum() else "_" for c in text.lower()).strip("_")
    return word if word and word[0].isalpha() else f"file_{word}".rstrip("_")


run: Run | None = None
_early = Config()


def init(
    project: str | None = None,
    *,
    entity: str | None = None,
    name: str | None = None,
    id: str | None = None,
    config: Any = None,
    tags: Any = None,
    notes: str | None = None,
    dir: str | os.PathLike[str] | None = None,
    group: str | None = None,
    job_type: str | None = None,
    resume: bool | str | None = None,
    reinit: Any = None,
    mode: str | None = None,
    save_code: bool | None = None,
    settings: Any = None,
) -> Run:
    """Starts a run. ``dir`` is the directory of the workspace.

    ``resume`` with an ``id`` continues a run that exists. ``mode``, ``save_code`` and ``settings`` have no effect: all
    data stays on this machine.
    """
    global run
    if run is not None and not run._scope.is_closed:
        if not reinit:
            return run
        run.finish()
    ctx = _session.workspace(dir, project)
    params = config if config is None or isinstance(config, Mapping) else vars(config)
    given = {"entity": entity, "group": group, "job_type": job_type}
    marks = {tag: "" for tag in tags} if tags and not isinstance(tags, Mapping) else dict(tags or {})
    scope: RunScope | None = None
    if resume and id is not None:
        try:
            scope = ctx.resume(id)
        except errors.ContextaError:
            if resume == "must":
                raise
    if scope is None:
        scope = ctx.run(
            name or "run",
            run_id=id,
            tags={str(key): str(value) or "true" for key, value in marks.items()},
            metadata={key: value for key, value in given.items() if value is not None},
            description=notes,
        )
    run = Run(_session.ends_with_the_program(scope), ctx.project_name)
    run.config.update({**_early, **(params or {})})
    return run


def _active(call: str) -> Run:
    if run is None:
        raise errors.LifecycleError(
            f"wandb.{call} needs a run", code="runtime_capture_requires_run", hint="call wandb.init() first"
        )
    return run


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    """Captures values of a step of the current run."""
    _active("log").log(data, step, commit)


def log_artifact(artifact: Any, name: str | None = None, type: str | None = None) -> None:
    """Stores the files of an artifact with the current run."""
    _active("log_artifact").log_artifact(artifact, name, type)


def save(glob_str: str | os.PathLike[str], base_path: Any = None, policy: Any = None) -> list[str]:
    """Stores files that match a pattern with the current run."""
    return _active("save").save(glob_str, base_path, policy)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """Ends the current run."""
    if run is not None:
        run.finish(exit_code, quiet)


def __getattr__(name: str) -> Any:
    if name == "config":
        return _early if run is None else run.config
    if name == "summary":
        return _active("summary").summary
    raise _session.unsupported("wandb", name)
