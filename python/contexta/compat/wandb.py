"""A replacement for the calls of W&B that most scripts use.

::

    import contexta.compat.wandb as wandb

    wandb.init(project="wine", config={"lr": 0.1})
    for step in range(10):
        wandb.log({"loss": 1 / (step + 1)})
    wandb.finish()

A project of W&B is a project of contexta. Numbers become metrics, other logged values become events with the key
``wandb.log``. Values of the summary become metrics with the prefix ``summary/``. These arguments have no effect:
``mode``, ``save_code`` and ``settings`` of ``init``, ``allow_val_change`` of ``config.update``, ``policy`` of ``save``,
and ``quiet`` of ``finish``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from contexta import Contexta, _native, errors
from contexta._model import plain
from contexta._scopes import RunScope
from contexta.compat import _session

__all__ = ["Artifact", "Config", "Run", "Summary", "finish", "init", "log", "log_artifact", "run", "save"]


class Config(MutableMapping[str, Any]):
    """The parameters of a run, as items and as attributes. Members of nested mappings also have dotted names."""

    def __init__(self, owner: RunScope | None = None, values: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "_values", dict(values or {}))
        object.__setattr__(self, "_owner", owner)

    def __getitem__(self, key: str) -> Any:
        if key in self._values or not isinstance(key, str):
            return self._values[key]
        value: Any = self._values
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise KeyError(key)
            value = value[part]
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

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

    def update(  # type: ignore[override]
        self, values: Any = (), allow_val_change: bool | None = None, **more: Any
    ) -> None:
        """Sets several parameters, from a mapping, dataclass or namespace. ``allow_val_change`` has no effect: a
        parameter can always change.
        """
        members = {**_session.members(values), **more}
        if members and self._owner is not None:
            self._owner.params(_session.params(members))
        self._values.update(members)

    def as_dict(self) -> dict[str, Any]:
        """Returns the parameters as a dictionary."""
        return dict(self._values)

    def setdefaults(self, values: Mapping[str, Any]) -> None:
        """Sets the parameters that are not set."""
        self.update({key: value for key, value in values.items() if key not in self})


class Summary(MutableMapping[str, Any]):
    """The summary of a run: the last logged values, and values that the script sets."""

    def __init__(self, owner: RunScope | None = None, values: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, Any] = dict(values or {})
        self._owner = owner

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if self._owner is not None:
            _session.log(self._owner, {f"summary/{key}": value}, None, "wandb.summary")
        self._values[key] = value

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


@dataclass
class _Resumed:
    """What a run that continues has recorded: the next step, the parameters, the summary, and the artifacts."""

    step: int
    config: dict[str, Any]
    summary: dict[str, Any]
    versions: dict[str, int]

    @staticmethod
    def read(ctx: Contexta, ref: str) -> _Resumed:
        """Reads the run."""
        snapshot = ctx.get_run_snapshot(ref)
        steps, values = [-1], list[tuple[str, str, Any]]()
        for series in snapshot.run.metrics:
            if series.last is not None and series.stage_name is None:
                steps.append(-1 if series.last.step is None else series.last.step)
                values.append((series.last.observed_at, series.metric_key, series.last.value))
        offset: int | None = 0
        while offset is not None:
            page = ctx.list_records(ref, record_type="event", offset=offset)
            for record in page:
                attributes = plain((record.payload or {}).get("attributes") or {})
                if record.key == "wandb.log" and isinstance(attributes.get("step"), int):
                    steps.append(attributes.pop("step"))
                if record.key in ("wandb.log", "wandb.summary"):
                    values.extend((record.observed_at, key, value) for key, value in attributes.items())
            offset = page.next_offset
        versions: dict[str, int] = {}
        for artifact in snapshot.artifacts:
            name, version = (artifact.attributes.get(f"wandb_{part}") for part in ("name", "version"))
            if name is not None and version is not None:
                versions[name] = max(versions.get(name, 0), int(version.removeprefix("v")) + 1)
        return _Resumed(
            max(steps) + 1,
            _session.nested(plain(snapshot.run.params)),
            {key.removeprefix("summary/"): value for _, key, value in sorted(values, key=lambda one: one[0])},
            versions,
        )


class Run:
    """A run, and a context manager: leaving the block ends the run, and an exception marks the run as failed."""

    def __init__(self, scope: RunScope, project: str, name: str, resumed: _Resumed | None = None) -> None:
        self._scope = _session.ends_with_the_program(scope, self._write)
        self._name = name
        self.project = project
        self.config = Config(scope, resumed.config if resumed else None)
        self.summary = Summary(scope, resumed.summary if resumed else None)
        self.step = resumed.step if resumed else 0
        self.resumed = resumed is not None
        self._pending: dict[str, Any] = {}
        #: How often each artifact of W&B was logged.
        self._versions: Counter[str] = Counter(resumed.versions if resumed else ())

    @property
    def id(self) -> str:
        """The id of the run."""
        return self._scope.run_id

    @property
    def name(self) -> str:
        """The name of the run."""
        return self._name

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
        self._pending.update(_session.flat(_session.members(data), "."))
        if commit or (commit is None and step is None):
            self._write()
            self.step += 1
        elif step is not None and commit is None:
            self._write()

    def _write(self) -> None:
        values, self._pending = self._pending, {}
        if not values:
            return
        _session.log(self._scope, values, self.step, "wandb.log")
        self.summary._values.update(values)

    def log_artifact(self, artifact: Any, name: str | None = None, type: str | None = None) -> None:
        """Stores the files of an artifact, or one file or directory. Each call stores a new version."""
        if not isinstance(artifact, Artifact):
            one = Artifact(name or Path(artifact).name, type or "file")
            one.add_file(artifact)
            artifact = one
        kind = _kind(artifact.type)
        version = self._versions[artifact.name]
        self._versions[artifact.name] += 1
        for path, own in artifact._paths:
            attributes = {
                **_native.plain(artifact.metadata, as_text=True),
                "wandb_name": artifact.name,
                "wandb_type": artifact.type,
                "wandb_version": f"v{version}",
                "wandb_path": _relative(path) if own is None else own,
            }
            if artifact.description:
                attributes["description"] = artifact.description
            is_one = len(artifact._paths) == 1
            key = artifact.name if is_one else f"{artifact.name}/{attributes['wandb_path']}"
            _session.register(self._scope, kind, path, key, attributes)

    def save(self, glob_str: str | os.PathLike[str], base_path: Any = None, policy: Any = None) -> list[str]:
        """Stores files that match a pattern as artifacts. ``policy`` has no effect: files are stored at once."""
        import glob

        paths = [path for path in sorted(glob.glob(os.fspath(glob_str), recursive=True)) if os.path.isfile(path)]
        for path in paths:
            key = os.path.relpath(path, base_path) if base_path else _relative(path)
            _session.register(self._scope, "file", path, key, {"wandb_path": key})
        return paths

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """Ends the run: as completed, or as failed if ``exit_code`` is not 0. ``quiet`` has no effect."""
        global run
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
        self._write()
        self._scope.__exit__(kind, error, trace)
        self.finish()

    def __getattr__(self, name: str) -> Any:
        raise _session.unsupported("wandb", f"Run.{name}")


def _relative(path: str) -> str:
    """Returns a path relative to the current directory; only the file name if the path is elsewhere."""
    inner = os.path.relpath(path) if os.path.isabs(path) else os.path.normpath(path)
    return Path(path).name if inner.startswith(os.pardir) else Path(inner).as_posix()


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

    If the project has a run with exactly this ``id``, ``resume`` selects what happens: ``"allow"``, ``"must"``,
    ``"auto"`` and ``True`` continue the run after its last step, ``"never"`` is an error, and without ``resume`` a new
    attempt of the run replaces its points. If there is no such run, ``"must"`` is an error. ``resume`` has no other
    effect, and no effect without ``id``. ``entity``, ``group`` and ``job_type`` become metadata of a new run. ``mode``,
    ``save_code`` and ``settings`` have no effect: all data stays on this machine.

    While a run is open, this run is returned and the arguments have no effect, unless ``reinit`` is true: then it ends.
    """
    global run
    if run is not None and not run._scope.is_closed:
        if not reinit:
            return run
        run.finish()
    ctx = _session.workspace(dir, project)
    members = {**_early, **({} if config is None else _session.members(config))}
    _session.params(members)
    given = {"entity": entity, "group": group, "job_type": job_type}
    words = {tag: "" for tag in tags} if tags and not isinstance(tags, Mapping) else dict(tags or {})
    marks = {str(key): str(value) or "true" for key, value in words.items()}
    ref = None if id is None else _session.existing_run(ctx, id)
    if ref is None and resume == "must":
        raise _session.no_run(str(id), ctx.project_name)
    if ref is not None and resume == "never":
        raise errors.ConflictError(
            f"the run {ref} exists",
            code="compat_run_exists",
            hint='continue it with resume="allow", or give another id',
        )
    if ref is None:
        metadata = {key: value for key, value in given.items() if value is not None}
        scope = ctx.run(name or "run", run_id=id, tags=marks, metadata=metadata, description=notes)
        run = Run(scope, ctx.project_name, name or "run")
    else:
        resumed = _Resumed.read(ctx, ref) if resume else None
        known_as = name or ctx.get_run_snapshot(ref).run.name
        scope = ctx.resume(ref) if resume else ctx.resume(ref, from_step=0)
        run = Run(scope, ctx.project_name, known_as, resumed)
        _session.describe(scope, name, marks, notes)
    run.config.update(members)
    _early._values.clear()
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
