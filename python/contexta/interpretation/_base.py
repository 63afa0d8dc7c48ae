"""The base classes of results."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, Union

from contexta._model import FrozenMapping, Model, freeze
from contexta.errors import ValidationError

_R = TypeVar("_R", bound="Result")
_T = TypeVar("_T")

#: A metric value. An integer has all its digits, also beyond 64 bits.
Number = Union[int, float]

_EMPTY = FrozenMapping()
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def mapping() -> Any:
    """Returns the default of a field with a mapping: an empty immutable mapping."""
    return dataclasses.field(default=_EMPTY)


def handle() -> Any:
    """Returns the field with the answer of the native module. It takes no part in comparison, text and pickling."""
    return dataclasses.field(default=None, repr=False, compare=False)


class Result(Model):
    """The base class of results: immutable, comparable, printable and picklable objects with a plain form."""

    __slots__ = ()

    @classmethod
    def from_dict(cls: type[_R], data: Mapping[str, Any]) -> _R:
        """Creates the object from its plain form. Unknown members are ignored."""
        decoders = _decoders(cls)
        members = {}
        for name, value in data.items():
            if name in decoders:
                decode = decoders[name]
                members[name] = value if decode is None else decode(value)
        try:
            return cls(**members)
        except TypeError as error:
            missing = [field.name for field in dataclasses.fields(typing.cast(Any, cls)) if _lacks(field, members)]
            raise ValidationError(
                f"members of {cls.__name__} are missing: {', '.join(missing)}",
                code="result_invalid_form",
                details={"missing": missing},
            ) from error

    @classmethod
    def _of(cls: type[_R], answer: Any) -> _R:
        """Creates the object from an answer of the native module, and keeps the answer."""
        created = cls.from_dict(answer.to_dict())
        if "_native" in _field_names(cls):
            object.__setattr__(created, "_native", answer)
        return created

    def __reduce__(self) -> tuple[Any, ...]:
        names = [name for name in _field_names(type(self)) if name != "_native"]
        return _restored, (type(self), {name: getattr(self, name) for name in names})

    def _repr_html_(self) -> str:
        from contexta.interpretation import _html

        return _html.of_result(self)


def _lacks(field: Any, members: dict[str, Any]) -> bool:
    """Returns ``True`` if a field must be given and is not."""
    has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    return not has_default and field.name not in members


def _restored(kind: type[_T], members: dict[str, Any]) -> _T:
    return kind(**{name: one_nan(value) for name, value in members.items()})


def one_nan(value: Any) -> Any:
    """Returns the same object for every NaN, so that restored results are equal to the original."""
    if isinstance(value, float) and math.isnan(value):
        return math.nan
    if type(value) is tuple and any(isinstance(item, float) for item in value):
        return tuple(one_nan(item) for item in value)
    return value


_NAMES: dict[Any, tuple[str, ...]] = {}
_DECODERS: dict[Any, dict[str, Callable[[Any], Any] | None]] = {}


def _field_names(kind: Any) -> tuple[str, ...]:
    """Returns the names of the fields of a class."""
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple(field.name for field in dataclasses.fields(kind))
    return names


def _decoders(kind: Any) -> dict[str, Callable[[Any], Any] | None]:
    """Returns the function that decodes each field from its plain form."""
    decoders = _DECODERS.get(kind)
    if decoders is None:
        hints = typing.get_type_hints(kind)
        decoders = {name: _decoder(hints[name]) for name in _field_names(kind) if name != "_native"}
        _DECODERS[kind] = decoders
    return decoders


def _number(value: Any) -> Any:
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value


def _frozen(value: Any) -> Any:
    return _EMPTY if value == {} else freeze(value)


def _decoder(hint: Any) -> Callable[[Any], Any] | None:
    """Returns the function that decodes a value of a type; ``None`` if the plain form is the value."""
    if hint is float or hint == Number:
        return _number
    if hint in (int, str, bool):
        return None
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        decode = _decoder(inner[0]) if len(inner) == 1 else _number
        return decode if decode in (_number, None) else lambda value: None if value is None else decode(value)
    if origin in (tuple, Sequence):
        item = _decoder(arguments[0])
        return tuple if item is None else lambda values: tuple(map(item, values))
    if isinstance(hint, type) and issubclass(hint, Result):
        return lambda value: value if isinstance(value, hint) else hint.from_dict(value)
    plain_reader = getattr(hint, "_from_plain", None)
    return plain_reader if callable(plain_reader) else _frozen


class Listing(tuple[_T, ...]):
    """A tuple of results with the notes of the answer.

    ``notes`` reports data that is missing or unusual. ``total`` is the number of results, including results that are
    not in the tuple because of a limit. ``next_offset`` is the offset of the next results; ``None`` if there are none.
    """

    notes: tuple[Any, ...]
    total: int
    next_offset: int | None
    _native: Any
    _extra: ClassVar[tuple[str, ...]] = ("notes", "total", "next_offset")

    @classmethod
    def _create(cls, items: Iterable[_T], *, native: Any = None, **extra: Any) -> Any:
        created = cls(items)
        extra.setdefault("notes", ())
        extra.setdefault("total", len(created))
        extra.setdefault("next_offset", None)
        for name, value in extra.items():
            setattr(created, name, value)
        created._native = native
        return created

    def __reduce__(self) -> tuple[Any, ...]:
        extra = {name: value for name, value in vars(self).items() if name != "_native"}
        return _restored_listing, (type(self), tuple(self), extra)

    def to_dicts(self) -> list[Any]:
        """Returns the plain forms of the items."""
        return [item.to_dict() if isinstance(item, Model) else item for item in self]

    def _repr_html_(self) -> str:
        from contexta.interpretation import _html

        return _html.of_items(self, self.total, self.notes)


def _restored_listing(kind: Any, items: tuple[Any, ...], extra: dict[str, Any]) -> Any:
    return kind._create(items, **extra)
