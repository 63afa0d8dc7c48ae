"""Functions that all replacements use: open workspaces, the lookup of runs, the end of runs at program exit, and the
logging of values and artifacts.
"""

from __future__ import annotations

import atexit
import builtins
import dataclasses
import dis
import functools
import hashlib
import os
import re
import sys
import threading
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any, TypeVar

from contexta import Contexta, _native, errors
from contexta._results import CaptureResult
from contexta._scopes import RunScope

_C = TypeVar("_C", bound=Callable[..., Any])


class UnsupportedCall(errors.ContextaError, AttributeError):
    """The replacement does not have this call."""


def unsupported(library: str, name: str) -> UnsupportedCall:
    """Returns the error for a call that the replacement of a library does not have."""
    return UnsupportedCall(
        f"contexta.compat.{library} has no {name!r}",
        code="compat_unsupported",
        hint=f"use contexta.Contexta for this call, or the package {library} itself",
    )


_lock = threading.RLock()
_opened: dict[tuple[str, str | None], Contexta] = {}
#: The runs that the end of the program ends, by the identity of the handle: the run, a function that writes its pending
#: values, and the process that started it.
_open_runs: dict[int, tuple[RunScope, Callable[[], None] | None, int]] = {}
#: The last exception that ended the program, and the last exit that the program asked for.
_uncaught: list[BaseException] = []
_exits: list[SystemExit] = []
#: The outermost frame of the main thread.
_main: list[FrameType] = []
#: The keys of the artifacts of a run, by workspace and ref.
_keys: dict[tuple[str, str], set[str]] = {}


def workspace(directory: str | os.PathLike[str] | None = None, project: str | None = None) -> Contexta:
    """Returns the open workspace of a directory and project. Each is opened once in a process."""
    path = os.fspath(directory) if directory is not None else ".contexta"
    key = (os.path.abspath(path) if directory is not None else path, project)
    with _lock:
        if key not in _opened:
            config = None if project is None else {"project_name": project}
            _opened[key] = Contexta(workspace=path, config=config)
        return _opened[key]


# Runs that exist.


def component(text: str, fallback: str, *, is_id: bool) -> str:
    """Returns the component of a ref that the library makes from a name or an id."""
    name = unicodedata.normalize("NFC", text.strip())
    stem = _slug(name, 63)
    if stem and (name == stem if is_id else name.isascii()):
        return stem
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_slug(stem, 56) or fallback}-{digest[:6]}"


def _slug(name: str, length_max: int) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:length_max].rstrip("-")


def existing_run(ctx: Contexta, run: str) -> str | None:
    """Returns the ref of the run with exactly this ref, or with this id in the project; ``None`` if there is none."""
    project = component(ctx.project_name, "project", is_id=False)
    ref = run if run.startswith("run:") else f"run:{project}.{component(run, 'run', is_id=True)}"
    try:
        found = ctx._native.find_run(ref)
    except errors.InterpretationError as error:
        if error.code == "query_run_not_found":
            return None
        raise
    return ref if found == ref else None


def no_run(run: str, project: str) -> errors.InterpretationError:
    """Returns the error for a run that does not exist."""
    return errors.InterpretationError(
        f"there is no run {run!r} in the project {project!r}",
        code="query_run_not_found",
        hint="give the ref or the whole id of a run; `contexta runs` lists all runs",
    )


def describe(run: RunScope, name: str | None, tags: Mapping[str, str], description: str | None) -> None:
    """Sets the given name, tags and description of a run that continues."""
    if name is not None:
        run.rename(name)
    for key, value in tags.items():
        run.tag(key, value)
    if description is not None:
        run.describe(description)


# The end of the program.


def ends_with_the_program(run: RunScope, before: Callable[[], None] | None = None) -> RunScope:
    """Ends the run when the program ends: as failed after an uncaught exception or an exit code other than 0, otherwise
    as completed. ``before`` writes values that are pending at that time.
    """
    with _lock:
        _watch()
        _open_runs[id(run)] = (run, before, os.getpid())
    return run


def ended(run: RunScope) -> None:
    """Forgets a run that has ended."""
    with _lock:
        _open_runs.pop(id(run), None)
        _keys.pop((run._session.workspace, run.ref), None)


def _watch() -> None:
    """Notes uncaught exceptions, and calls of ``sys.exit``, ``exit`` and ``quit``."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        _main[:], frame = [frame], frame.f_back
    if not getattr(sys.excepthook, "_contexta", False):
        outer = sys.excepthook

        def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            if not hasattr(sys, "ps1"):  # In an interactive session, the program goes on.
                _uncaught.append(error)
            outer(kind, error, trace)

        hook._contexta = True  # type: ignore[attr-defined]
        sys.excepthook = hook
    if not getattr(sys.exit, "_contexta", False):
        sys.exit = _noting_exits(sys.exit)
    quitter: Any = type(getattr(builtins, "exit", None))
    if quitter.__name__ == "Quitter" and not getattr(quitter.__call__, "_contexta", False):
        quitter.__call__ = _noting_exits(quitter.__call__)


def _noting_exits(function: _C) -> _C:
    @functools.wraps(function)
    def leave(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except SystemExit as error:
            _exits[:] = [error]
            raise

    leave._contexta = True  # type: ignore[attr-defined]
    return leave  # type: ignore[return-value]


def _uncaught_exit() -> SystemExit | None:
    """Returns the exit that ends the program; ``None`` if there is none, or if the program has not called a function
    to exit.

    An exit that the program has caught does not count. Its traceback begins with the frame that has caught it, and this
    frame has returned. An uncaught exit has left this frame and all outer frames.
    """
    if not _exits or _exits[0].__traceback__ is None:
        return None
    frame: FrameType | None = _exits[0].__traceback__.tb_frame
    while frame is not None:
        if _has_returned(frame):
            return None
        frame = frame.f_back
    return _exits[0]


def _has_returned(frame: FrameType) -> bool:
    """Tells whether a frame that has ended has returned, and was not left by an exception."""
    return frame.f_lasti >= 0 and dis.opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN")


@atexit.register
def _end_all() -> None:
    leaving = _uncaught[-1] if _uncaught else _uncaught_exit()
    error = None if isinstance(leaving, SystemExit) and leaving.code in (None, 0) else leaving
    # Only `raise SystemExit(code)` leaves the main program without a note. The exception is gone, and so is its code.
    is_unknown = leaving is None and bool(_main) and not _has_returned(_main[0])
    for run, before, process in list(_open_runs.values()):
        if run.is_closed or process != os.getpid():
            continue
        try:
            if before is not None:
                before()
        except errors.ContextaError as failure:
            warnings.warn(f"values of {run.ref} are lost: {failure}", RuntimeWarning, stacklevel=1)
        try:
            if error is not None:
                run._fail_with(error)
                continue
            if is_unknown:
                run.degraded("run.exit_code", summary="the exit code of the program is not known: it raised SystemExit")
            run.complete()
        except errors.ContextaError as failure:
            warnings.warn(f"the end of {run.ref} could not be recorded: {failure}", RuntimeWarning, stacklevel=1)


# Values.


def members(values: Any) -> dict[str, Any]:
    """Returns the members of a mapping, dataclass or namespace, or of pairs."""
    if isinstance(values, Mapping):
        return dict(values)
    if dataclasses.is_dataclass(values) and not isinstance(values, type):
        return {field.name: getattr(values, field.name) for field in dataclasses.fields(values)}
    try:
        return dict(vars(values) if hasattr(values, "__dict__") else values)
    except (TypeError, ValueError):
        raise errors.ValidationError(
            f"a mapping, a dataclass or a namespace is expected, not {type(values).__name__}",
            code="capture_model_invalid_mapping",
            hint='give values as a mapping, such as {"lr": 0.1}; the content of a file must be read first',
        ) from None


def params(values: Any) -> dict[str, Any]:
    """Returns parameters as plain values with dotted names."""
    return flat(_native.plain(members(values)), ".")


def flat(values: Mapping[Any, Any], separator: str, prefix: str = "") -> dict[str, Any]:
    """Returns the members of nested mappings with joined names. Two members with the same joined name are refused."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        is_nested = isinstance(value, Mapping) and value
        for joined, one in (flat(value, separator, f"{name}{separator}") if is_nested else {name: value}).items():
            if joined in found:
                raise errors.ValidationError(
                    f"two values have the name {joined!r}",
                    code="capture_model_invalid_mapping",
                    details={"field": joined},
                    hint=f"members of nested mappings have names with {separator!r}; rename one of the two",
                )
            found[joined] = one
    return found


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values with dotted names as nested dictionaries. A name that does not fit in stays as it is."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        place: Any = found
        *path, last = key.split(".")
        for part in path:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if isinstance(place, dict) and last not in place:
            place[last] = value
        else:
            found[key] = value
    return found


def register(
    run: RunScope, kind: str, path: Any, key: str, attributes: Mapping[str, Any], step: int | None = None
) -> CaptureResult:
    """Stores an artifact. If another artifact of the run has the key, a number is added: the artifact stays."""
    with _lock:
        place = (run._session.workspace, run.ref)
        if place not in _keys:
            artifacts = run._session.get_run_snapshot(run.ref).artifacts
            _keys[place] = {artifact.artifact_ref.rsplit(".", 1)[-1] for artifact in artifacts}
        stem = name = component(key, kind, is_id=True)
        number = 1
        while name in _keys[place]:
            number += 1
            name = f"{stem[: 62 - len(str(number))].rstrip('-')}-{number}"
        _keys[place].add(name)
    return run.register_artifact(kind, path, key=name, attributes=attributes, step=step)


def numbers_and_others(values: Mapping[str, Any]) -> tuple[dict[str, int | float], dict[str, Any]]:
    """Separates numbers from values of other types. Booleans count as the numbers 0 and 1."""
    numbers: dict[str, int | float] = {}
    others: dict[str, Any] = {}
    for key, value in values.items():
        try:
            numbers[key] = int(value) if isinstance(value, bool) else _native.metric_number(value)
        except errors.ValidationError:
            others[key] = value
    return numbers, others


def log(run: RunScope, values: Mapping[str, Any], step: int | None, event: str) -> None:
    """Captures numbers as metrics, and values of other types as one event with the key ``event``."""
    numbers, others = numbers_and_others(values)
    if numbers:
        run.metrics(numbers, step=step)
    if others:
        attributes = {key: _native.plain(value, as_text=True) for key, value in others.items()}
        if step is not None:
            attributes.setdefault("step", step)
        run.event(event, message=", ".join(sorted(others)), attributes=attributes)
