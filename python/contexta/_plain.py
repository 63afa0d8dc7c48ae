"""Conversion of values to JSON types: scalars of numpy and torch, paths, times, dataclasses.

The native module calls these functions for objects whose type is not a JSON type.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import decimal
import enum
import fractions
import os
import types
import uuid
from typing import Any

from contexta._model import Model
from contexta.errors import ValidationError


def plain_form(value: Any) -> Any:
    """Returns the usual plain form of an object, or the object itself if there is none."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Model):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, (argparse.Namespace, types.SimpleNamespace)):
        return vars(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, datetime.datetime):
        return time_text(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if type(value).__name__ == "StableRef" and type(value).__module__.startswith("contexta"):
        return str(value)
    if _kind(value) == "M":
        return None if str(value) == "NaT" else f"{value}Z"
    if _kind(value) == "m" and callable(getattr(value, "item", None)):
        return None if str(value) == "NaT" else float(value / type(value)(1, "ns")) / 1e9
    to_list = getattr(value, "tolist", None)
    if callable(to_list):
        return to_list()
    return plain_number(value) if callable(getattr(value, "item", None)) else value


def _is_whole(value: Any) -> bool:
    try:
        return bool(value % 1 == 0)
    except (ArithmeticError, ValueError):
        return False


def _kind(value: Any) -> str | None:
    """Returns the kind of a scalar of numpy: ``M`` for a time, ``m`` for a duration."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    return kind if isinstance(kind, str) and not getattr(value, "ndim", 0) else None


def plain_number(value: Any) -> Any:
    """Returns an object as an integer or float, or ``None`` if the object is not a number."""
    if _kind(value) in ("M", "m"):
        return None
    item = getattr(value, "item", None)
    if callable(item):
        try:
            value = item()
        except Exception:
            return None
    if isinstance(value, (decimal.Decimal, fractions.Fraction)) and _is_whole(value):
        return int(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    for convert in ("__index__", "__float__"):
        method = getattr(value, convert, None)
        if callable(method):
            try:
                return method()
            except Exception:
                return None
    return None


def plain_step(value: Any) -> int | None:
    """Returns an object as the number of a step, or ``None`` if the object is not a whole number."""
    number = plain_number(value)
    if isinstance(number, int):
        return number
    return int(number) if isinstance(number, float) and number.is_integer() else None


def time_text(value: datetime.datetime) -> str:
    """Returns the text of a time in UTC. As everywhere in Python, a time without a zone is in the local zone."""
    try:
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None).isoformat() + "Z"
    except (OverflowError, ValueError) as error:
        message = f"the time {value} is outside the years 1 to 9999 in UTC"
        raise ValidationError(message, code="context_invalid_timestamp") from error
