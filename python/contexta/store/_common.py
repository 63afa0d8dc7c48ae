"""Parts that the three stores have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from contexta import _native
from contexta._model import FrozenMapping, Model
from contexta.config import UnifiedConfig, _loaded
from contexta.errors import ConfigurationError

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Note(Model):
    """A note of a result, for example on data that is missing in it."""

    severity: str
    code: str
    message: str
    details: Mapping[str, str] = field(default_factory=FrozenMapping)


class Listing(tuple[T, ...]):
    """A list of objects. ``notes`` reports missing data. A note with the severity ``info`` does not mean that data is
    missing.
    """

    notes: tuple[Note, ...]

    def __new__(cls, items: Iterable[T] = (), notes: Iterable[Note] = ()) -> Listing[T]:
        listing = super().__new__(cls, items)
        listing.notes = tuple(notes)
        return listing

    def __reduce__(self) -> tuple[Any, ...]:
        return Listing, (tuple(self), self.notes)


_READERS = {
    "project": "deserialize_project",
    "run": "deserialize_run",
    "deployment_execution": "deserialize_deployment_execution",
    "stage_execution": "deserialize_stage_execution",
    "batch_execution": "deserialize_batch_execution",
    "sample_observation": "deserialize_sample_observation",
    "operation_context": "deserialize_operation_context",
    "environment_snapshot": "deserialize_environment_snapshot",
    "relation": "deserialize_lineage_edge",
    "provenance": "deserialize_provenance_record",
    "artifact": "deserialize_artifact_manifest",
    "event": "deserialize_structured_event_record",
    "metric": "deserialize_metric_record",
    "span": "deserialize_trace_span_record",
    "degraded": "deserialize_degraded_record",
}


def read_model(kind: str, form: Any) -> Any:
    """Returns the model of :mod:`contexta.contract` with this plain form. A model is returned unchanged."""
    from contexta import contract

    return getattr(contract, _READERS[kind])(_without_nulls(form)) if isinstance(form, Mapping) else form


def _without_nulls(form: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a plain form without the members that are ``None``."""
    return {name: value for name, value in form.items() if value is not None}


def read_models(kind: str, forms: Iterable[Any]) -> tuple[Any, ...]:
    """Returns the models with these plain forms."""
    return tuple(read_model(kind, form) for form in forms)


def read_record(form: Any) -> Any:
    """Returns the record of :mod:`contexta.contract` with this plain form. A record is returned unchanged."""
    if not isinstance(form, Mapping):
        return form
    parts = {name: _without_nulls(part) if isinstance(part, Mapping) else part for name, part in form.items()}
    return read_model(form["envelope"]["record_type"], parts)


def plain_model(model: Any) -> Any:
    """Returns the plain form of a model. A mapping is returned unchanged."""
    to_dict = getattr(model, "to_dict", None)
    return to_dict() if callable(to_dict) else model


def as_text(value: Any) -> str:
    """Returns the text of a ref."""
    return value if isinstance(value, str) else str(value)


class Store:
    """The base class of stores. A store that was opened on its own is closed by :meth:`close` or by leaving its block.
    A store of an open workspace stays usable as long as the workspace.
    """

    _section: ClassVar[str]
    _path: ClassVar[str]

    def __init__(self, config: Any = None) -> None:
        settings, must_exist = self._settings(config)
        self._workspace = _native.Workspace.open(settings, None, must_exist)
        self._unified = config if isinstance(config, UnifiedConfig) else _loaded(settings)
        self._is_owner = True
        self._open()

    @classmethod
    def _of(cls, workspace: _native.Workspace, config: UnifiedConfig) -> Self:
        """Creates the store of an open workspace."""
        store = object.__new__(cls)
        store._workspace, store._unified, store._is_owner = workspace, config, False
        store._open()
        return store

    def _open(self) -> None:
        raise NotImplementedError

    @classmethod
    def _settings(cls, config: Any) -> tuple[_native.Settings, bool]:
        """Returns the settings of the workspace of the store, and ``True`` if the workspace must exist."""
        if isinstance(config, UnifiedConfig):
            section = getattr(config, cls._section)
            inputs: dict[str, Any] = {"config": config.to_dict(), "use_env": False}
            return _native.load_settings("load_config", inputs), section.read_only
        inputs = {"discover": True}
        if isinstance(config, (str, os.PathLike)):
            inputs["workspace"] = os.fspath(config)
            return _native.load_settings("load_config", inputs), False
        if config is None:
            return _native.load_settings("load_config", inputs), False
        path = getattr(config, cls._path, None)
        if not hasattr(config, cls._path):
            message = f"{cls.__name__} takes settings or the path of a workspace, not {type(config).__name__}"
            raise ConfigurationError(message, code=f"{cls.__name__[:-5].lower()}_store_invalid_config")
        if str(path) == ":memory:":
            message = "a workspace is a directory, and cannot be in memory"
            raise ConfigurationError(message, code="metadata_store_invalid_config")
        section = config.to_dict()
        if path is not None:
            inputs["workspace"] = str(Path(path).parent)
            section[cls._path] = str(path)
        inputs["config"] = {cls._section: section}
        return _native.load_settings("load_config", inputs), bool(config.read_only)

    @property
    def workspace(self) -> Path:
        """The root directory of the workspace."""
        return Path(self._workspace.root)

    @property
    def config(self) -> Any:
        """The settings of the store."""
        return getattr(self._unified, self._section)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the workspace if the store was opened on its own."""
        if self._is_owner:
            self._workspace.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self.workspace}>"


def convert(model: Any, **values: Any) -> None:
    """Sets fields of a frozen model after its creation."""
    for name, value in values.items():
        object.__setattr__(model, name, value)
