"""The base class of models: immutable objects with a plain form."""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

_M = TypeVar("_M", bound="Model")


class FrozenMapping(dict[str, Any]):
    """An immutable dictionary with sorted keys."""

    __slots__ = ()

    def __init__(self, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(sorted(members.items()) if members else ())

    def _refuse(self, *arguments: Any, **members: Any) -> typing.NoReturn:
        raise TypeError("a mapping of a model is immutable; copy it with dict(mapping)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __copy__(self) -> FrozenMapping:
        return self

    def __deepcopy__(self, memo: Any) -> FrozenMapping:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenMapping, (dict(self),)


class Model:
    """The base class of models. Models are frozen dataclasses: comparable, printable and picklable."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the plain form: dictionaries, lists, texts, numbers, booleans and ``None``."""
        fields = dataclasses.fields(typing.cast(Any, self))
        return {field.name: plain(getattr(self, field.name)) for field in fields if field.compare}

    @classmethod
    def from_dict(cls: type[_M], data: Mapping[str, Any]) -> _M:
        """Creates the model from its plain form. Unknown members are ignored."""
        decoders = _decoders(typing.cast(Any, cls))
        return cls(**{name: decoders[name](value) for name, value in data.items() if name in decoders})

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


def plain(value: Any) -> Any:
    """Returns the plain form of a member of a model."""
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def freeze(value: Any) -> Any:
    """Returns an immutable form of a plain value: mappings become :class:`FrozenMapping`, lists become tuples."""
    if isinstance(value, FrozenMapping):
        return value
    if isinstance(value, Mapping):
        return FrozenMapping({str(key): freeze(member) for key, member in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(freeze(item) for item in value)
    return value


@functools.cache
def _decoders(model: type[Model]) -> dict[str, typing.Callable[[Any], Any]]:
    """Returns the function that decodes each field of a model from its plain form."""
    hints = typing.get_type_hints(model)
    fields = dataclasses.fields(typing.cast(Any, model))
    return {field.name: _decoder(hints[field.name]) for field in fields if field.init}


def _decoder(hint: Any) -> typing.Callable[[Any], Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        decode = _decoder(inner[0]) if len(inner) == 1 else freeze
        return lambda value: None if value is None else decode(value)
    if origin in (tuple, list, Sequence) and arguments:
        item = _decoder(arguments[0])
        return lambda values: tuple(item(value) for value in values)
    if origin in (dict, Mapping) or hint in (dict, Mapping, FrozenMapping):
        inner_hint = arguments[1] if len(arguments) == 2 else Any
        if isinstance(inner_hint, type) and issubclass(inner_hint, Model):
            return lambda value: FrozenMapping({k: inner_hint.from_dict(v) for k, v in value.items()})
        return freeze
    if isinstance(hint, type) and issubclass(hint, Model):
        return lambda value: value if isinstance(value, hint) else hint.from_dict(value)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint
    return freeze
