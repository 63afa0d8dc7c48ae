"""Stable refs and times."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from contexta import _native
from contexta._plain import time_text
from contexta.errors import ValidationError


class StableRef(str):
    """The ref of an object, record or artifact, such as ``run:wine.ridge-1``: a text with a kind and a value.

    The class is a subclass of ``str``: a ref is equal to its text, and is accepted wherever the text is accepted.
    """

    __slots__ = ()

    def __new__(cls, kind: str, value: str) -> StableRef:
        """Creates a ref from its kind and its value."""
        return cls.parse(f"{kind}:{value}")

    @classmethod
    def parse(cls, text: str) -> StableRef:
        """Parses the text ``kind:value``. The text is not trimmed or changed."""
        if isinstance(text, StableRef):
            return text
        if not isinstance(text, str):
            message = f"an object of type {type(text).__name__} is not the text of a ref"
            raise ValidationError(message, code="stable_ref_invalid_text")
        if not text.isascii():
            raise ValidationError(
                f"{text!a} has characters that a ref cannot have",
                code="stable_ref_invalid_value" if text.count(":") == 1 else "stable_ref_invalid_text",
            )
        _native.ref_parse(text)
        return cls._of(text)

    @classmethod
    def _of(cls, text: str) -> StableRef:
        """Returns the ref with a text that is known to be a ref."""
        return str.__new__(cls, text)

    @property
    def kind(self) -> str:
        """The kind, such as ``run``."""
        return self.partition(":")[0]

    @property
    def value(self) -> str:
        """The value, without the kind."""
        return self.partition(":")[2]

    @property
    def text(self) -> str:
        """The whole text."""
        return str(self)

    @property
    def components(self) -> tuple[str, ...]:
        """The components of the value, from the project to the name of the object."""
        return tuple(self.value.split("."))

    def check_shape(self) -> None:
        """Checks that the value has the number of components that the kind requires."""
        _native.ref_check_shape(str(self))

    def to_dict(self) -> dict[str, str]:
        """Returns kind and value as a dictionary."""
        return {"kind": self.kind, "value": self.value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StableRef:
        """Creates a ref from a mapping with kind and value."""
        return cls(data["kind"], data["value"])

    def __repr__(self) -> str:
        return f"StableRef(kind={self.kind!r}, value={self.value!r})"

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        return self.kind, self.value


def normalize_timestamp(value: str | datetime.datetime) -> str:
    """Returns a time as text in UTC: ``YYYY-MM-DDTHH:MM:SS[.ffffff]Z``.

    ``value`` is a text with ``Z`` or an offset, or a :class:`datetime.datetime`. A datetime without a zone is in the
    local zone, as everywhere in Python; a text without an offset is in UTC.
    """
    if isinstance(value, datetime.datetime):
        return _native.time_text(time_text(value))
    if not isinstance(value, str):
        message = f"an object of type {type(value).__name__} is not a time"
        raise ValidationError(message, code="context_invalid_timestamp")
    return _native.time_text(value.encode("utf-8", "replace").decode())
