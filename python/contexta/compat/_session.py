"""Functions that all replacements use: open workspaces, the end of runs at program exit, and the logging of values."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from contexta import Contexta, _native, errors
from contexta._scopes import RunScope


class UnsupportedCall(errors.ContextaError, AttributeError):
    """The replacement does not have this call."""


def unsupported(library: str, name: str) -> UnsupportedCall:
    """Returns the error for a call that the replacement of a library does not have."""
    return UnsupportedCall(
        f"contexta.compat.{library} has no {name!r}",
        code="compat_unsupported",
        hint=f"use contexta.Contexta for this call, or the package {library} itself",
    )


_lock = threading.Lock()
_opened: dict[tuple[str, str | None], Contexta] = {}
_open_runs: dict[str, RunScope] = {}
_uncaught: list[BaseException] = []


def workspace(directory: str | os.PathLike[str] | None = None, project: str | None = None) -> Contexta:
    """Returns the open workspace of a directory and project. Each is opened once in a process."""
    path = os.fspath(directory) if directory is not None else ".contexta"
    key = (os.path.abspath(path) if directory is not None else path, project)
    with _lock:
        if key not in _opened:
            config = None if project is None else {"project_name": project}
            _opened[key] = Contexta(workspace=path, config=config)
        return _opened[key]


def ends_with_the_program(run: RunScope) -> RunScope:
    """Ends the run when the program ends: as failed after an uncaught exception, otherwise as completed."""
    with _lock:
        if not _open_runs:
            _watch_exceptions()
        _open_runs[run.ref] = run
    return run


def ended(run: RunScope) -> None:
    """Forgets a run that has ended."""
    with _lock:
        _open_runs.pop(run.ref, None)


def _watch_exceptions() -> None:
    if getattr(sys.excepthook, "_contexta", False):
        return
    outer = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _uncaught.append(error)
        outer(kind, error, trace)

    hook._contexta = True  # type: ignore[attr-defined]
    sys.excepthook = hook


@atexit.register
def _end_all() -> None:
    for run in list(_open_runs.values()):
        with contextlib.suppress(errors.ContextaError):
            if not run.is_closed and _uncaught:
                run._fail_with(_uncaught[-1])
            elif not run.is_closed:
                run.complete()


def flat(values: Mapping[Any, Any], separator: str, prefix: str = "") -> dict[str, Any]:
    """Returns the members of nested mappings with joined names."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found.update(flat(value, separator, f"{name}{separator}"))
        else:
            found[name] = value
    return found


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
