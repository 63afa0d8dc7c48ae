"""The base class of the models of the contract."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias, TypeVar

from contexta import _native
from contexta._model import FrozenMapping, Model, freeze, plain
from contexta._plain import time_text
from contexta.contract._refs import StableRef
from contexta.errors import SerializationError, ValidationError

_M = TypeVar("_M", bound="ContractModel")

Time: TypeAlias = str | datetime.datetime
"""A time: text in ISO form, or a datetime."""

UNKNOWN = "unknown"
"""The name of the field with the members that only a newer minor version of the schema defines."""


class ContractModel(Model):
    """The base class of the models of the contract. A model is checked and normalized when it is created."""

    __slots__ = ()

    _KIND: ClassVar[str]

    def __post_init__(self) -> None:
        members = self._members()
        try:
            checked = self._read(members)
        except SerializationError as error:
            raise ValidationError(
                error.message, code=error.code, details=error.details, hint=error.hint
            ) from error
        _fill(self, checked)

    def _members(self) -> dict[str, Any]:
        """Returns the members of the model, for a check by the library."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(typing.cast(Any, self))}
        unknown = values.pop(UNKNOWN, None) or {}
        for name in unknown:
            if name in values:
                message = f"{name} is a known member of {self._KIND}"
                raise ValidationError(message, code="deserialize_unknown_field", details={"field": name})
        return {**unknown, **{name: _member(value) for name, value in values.items()}}

    @classmethod
    def _read(cls, data: Any, registry: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """Reads and normalizes members or JSON text. Returns all members."""
        return _native.model_read(cls._KIND, data, registry)

    @classmethod
    def _of(cls: type[_M], members: Mapping[str, Any]) -> _M:
        """Creates the model from members that the library returned, without a second check."""
        model = object.__new__(cls)
        _fill(model, dict(members))
        return model

    def to_dict(self) -> dict[str, Any]:
        """Returns the plain form: dictionaries, lists, texts, numbers, booleans and ``None``."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(typing.cast(Any, self))}
        unknown = plain(values.pop(UNKNOWN, {}))
        return {**{name: _plain(value) for name, value in values.items()}, **unknown}

    @classmethod
    def from_dict(cls: type[_M], data: Mapping[str, Any]) -> _M:
        """Creates the model from its plain form. An unknown member is an error, unless the schema version is newer."""
        return cls._of(cls._read(dict(data)))


def _member(value: Any) -> Any:
    """Returns the value of a field for a check by the library."""
    if isinstance(value, ContractModel):
        return value._members()
    if isinstance(value, datetime.datetime):
        return time_text(value)
    if isinstance(value, (tuple, list)):
        return [_member(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, StableRef):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return plain(value)


def _fill(model: ContractModel, members: dict[str, Any]) -> None:
    """Sets the fields of a model to the members that the library returned."""
    for name, (decode, default) in _fields(typing.cast(Any, type(model))).items():
        value = members.pop(name, None)
        object.__setattr__(model, name, default() if value is None else decode(value))
    if hasattr(type(model), UNKNOWN):
        object.__setattr__(model, UNKNOWN, freeze(members))


@functools.cache
def _fields(model: Any) -> dict[str, tuple[Callable[[Any], Any], Callable[[], Any]]]:
    """Returns for each field of a model the functions that decode its value and that return its default."""
    hints = typing.get_type_hints(model)
    fields = {}
    for field in dataclasses.fields(model):
        if field.name != UNKNOWN:
            fields[field.name] = (_decoder(hints[field.name]), _default(field))
    return fields


def _default(field: dataclasses.Field[Any]) -> Callable[[], Any]:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    default = None if field.default is dataclasses.MISSING else field.default
    return lambda: default


def _decoder(hint: Any) -> Callable[[Any], Any]:
    arguments = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        return _number if float in inner else _decoder(inner[0])
    if hint is StableRef:
        return StableRef._of
    if isinstance(hint, type) and issubclass(hint, ContractModel):
        return hint._of
    if typing.get_origin(hint) is tuple:
        item = _decoder(arguments[0])
        return lambda values: tuple(item(value) for value in values)
    if typing.get_origin(hint) is Mapping or hint is FrozenMapping:
        return freeze
    return lambda value: value


def _number(value: Any) -> Any:
    """Returns a number. The JSON form of a number that is not finite is a text."""
    return float(value) if isinstance(value, str) else value
