"""The base class of sections of settings."""

from __future__ import annotations

import dataclasses
import functools
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from contexta._model import FrozenMapping, Model, freeze, plain
from contexta.errors import ConfigurationError

_S = TypeVar("_S", bound="Section")

Derived = tuple[tuple[str, Path], ...]
"""The names and values of the fields whose paths are derived from the path in another setting."""


class Section(Model):
    """The base class of sections of settings. Values are converted to the types of the fields where this is possible;
    :class:`UnifiedConfig` checks them.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        for name, kind in kinds(type(self)).items():
            value = getattr(self, name)
            converted = kind.converted(value)
            if converted is not value:
                object.__setattr__(self, name, converted)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as a mapping that :func:`load_config` accepts. A derived path is ``None``, so that it is
        derived again if the path from which it is derived changes.
        """
        derived = dict(getattr(self, "_derived", ()))
        values = {name: getattr(self, name) for name in kinds(type(self))}
        unset = {name for name, path in derived.items() if values[name] == path}
        return {name: None if name in unset else plain(value) for name, value in values.items()}

    @classmethod
    def from_dict(cls: type[_S], data: Mapping[str, Any]) -> _S:
        """Creates the section from a mapping. An unknown name is a :class:`ConfigurationError`."""
        unknown = sorted(str(name) for name in data if name not in kinds(cls))
        if unknown:
            message = f"{cls.__name__} has no setting {', '.join(unknown)}"
            hint = f"the settings are: {', '.join(kinds(cls))}"
            raise ConfigurationError(message, code="unknown_config_field", details={"field": unknown[0]}, hint=hint)
        return cls(**data)


@dataclasses.dataclass(frozen=True)
class Kind:
    """The type of a field."""

    section: type[Section] | None = None
    is_path: bool = False

    def converted(self, value: Any) -> Any:
        """Returns the value as an object of this type. A value that cannot be converted is returned unchanged."""
        if self.section is not None:
            known = isinstance(value, Mapping) and all(name in kinds(self.section) for name in value)
            return self.section(**value) if known else value
        if self.is_path and isinstance(value, (str, os.PathLike)):
            return _path(value)
        return value if isinstance(value, (Section, FrozenMapping)) else freeze(value)


def kinds(section: type[Section]) -> dict[str, Kind]:
    """Returns the fields of a section that are settings, with their types."""
    return _kinds(typing.cast(Any, section))


@functools.cache
def _kinds(section: Any) -> dict[str, Kind]:
    hints = typing.get_type_hints(section)
    fields = dataclasses.fields(section)
    return {field.name: _kind(hints[field.name]) for field in fields if field.compare}


def _kind(hint: Any) -> Kind:
    if isinstance(hint, type) and issubclass(hint, Section):
        return Kind(section=hint)
    return Kind(is_path=hint is Path or (isinstance(hint, types.UnionType) and Path in typing.get_args(hint)))


def _path(value: str | os.PathLike[Any]) -> Path:
    """Returns a path in which ``~`` is replaced by the home directory."""
    path = Path(os.fsdecode(value))
    try:
        str(path).encode()
        return path.expanduser()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"the path {str(path)!r} is not text in UTF-8",
            code="invalid_config_value",
            hint="pass the path as the argument workspace, or rename the directory",
        ) from error
    except RuntimeError as error:
        raise ConfigurationError(
            f"the home directory in the path {str(path)!r} is not known",
            code="invalid_config_value",
            hint="write the path without ~, or set the environment variable HOME",
        ) from error
