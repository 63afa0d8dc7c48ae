"""Reading, checking and writing of any model."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping
from typing import Any, TypeVar

from contexta import _native
from contexta._model import Model
from contexta._plain import plain_number
from contexta.contract._base import ContractModel
from contexta.contract._extensions import ExtensionFieldSet, ExtensionRegistry, ExtensionRegistryEntry
from contexta.contract._refs import StableRef
from contexta.contract._report import ValidationIssue, ValidationReport
from contexta.contract._words import EXTENSION_TARGET_MODELS
from contexta.errors import ContextaError, SerializationError, ValidationError

_M = TypeVar("_M", bound=ContractModel)

_DEPTH_MAX = 64


def to_json(obj: Any) -> str:
    """Returns the canonical JSON text of a model or of another value with a JSON form.

    Keys are sorted, members that are ``None`` are left out, and there is no white space between tokens. Equal models
    have equal texts.
    """
    if _is_model(obj):
        return _native.model_json(obj._KIND, obj._members())
    return _native.canonical_json(_json_form(obj, 0))


def to_payload(obj: Any) -> Any:
    """Returns the canonical JSON value of a model or of another value with a JSON form: the value that
    :func:`to_json` writes.
    """
    if _is_model(obj):
        return _native.model_payload(obj._KIND, obj._members())
    return _native.canonical_payload(_json_form(obj, 0))


def _is_model(obj: Any) -> bool:
    own = (ExtensionFieldSet, ExtensionRegistryEntry)
    return isinstance(obj, ContractModel) and not isinstance(obj, own)


def _json_form(value: Any, depth: int) -> Any:
    """Returns the JSON form of a value."""
    if depth > _DEPTH_MAX:
        raise SerializationError("the value has more than 64 nested levels", code="serialization_unsupported_type")
    if isinstance(value, enum.Enum):
        return _json_form(value.value, depth + 1)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                message = f"the key {key!r} of a mapping is not a text"
                raise SerializationError(message, code="serialization_invalid_mapping_key")
        return {key: _json_form(member, depth + 1) for key, member in value.items()}
    if isinstance(value, (tuple, list)):
        return [_json_form(item, depth + 1) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    to_dict = getattr(value, "to_dict", None)
    if isinstance(value, Model) or (callable(to_dict) and not isinstance(value, type)):
        return _json_form(value.to_dict(), depth + 1)
    number = plain_number(value)
    if number is None:
        kind = type(value).__name__
        message = f"an object of type {kind} has no JSON form"
        raise SerializationError(message, code="serialization_unsupported_type", details={"type": kind})
    return number


def read(model: type[_M], data: Any, registry: ExtensionRegistry | None) -> _M:
    """Reads a model from a mapping, from JSON text or from a model."""
    if isinstance(data, ContractModel) and not isinstance(data, model):
        message = f"expected {model.__name__}, found {type(data).__name__}"
        raise SerializationError(message, code="deserialize_invalid_shape", details={"type": type(data).__name__})
    members = data._members() if isinstance(data, model) else data
    if isinstance(members, (bytes, bytearray)):
        members = _decoded(members)
    return model._of(model._read(members, _entries(registry)))


def _decoded(data: bytes | bytearray) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SerializationError(f"the text is not UTF-8: {error}", code="deserialize_invalid_json") from error


def _entries(registry: ExtensionRegistry | None) -> list[dict[str, Any]] | None:
    if registry is None:
        return None
    if not isinstance(registry, ExtensionRegistry):
        message = f"an object of type {type(registry).__name__} is not a registry"
        raise ValidationError(message, code="extension_invalid_registry")
    return registry._plain()


def read_ref(data: Any) -> StableRef:
    """Reads a ref."""
    if isinstance(data, StableRef):
        return data
    kind, value = _native.ref_read(data)
    return StableRef._of(f"{kind}:{value}")


def report(model: type[ContractModel], value: Any, registry: ExtensionRegistry | None) -> ValidationReport:
    """Returns every issue of a model."""
    if isinstance(value, ContractModel) and not isinstance(value, model):
        return _one("validation.invalid_type", f"expected {model.__name__}, found {type(value).__name__}")
    is_json = isinstance(value, str) and value.lstrip().startswith("{")
    if not (is_json or isinstance(value, (model, Mapping))):
        return _one("validation.invalid_type", f"expected {model.__name__}, found {type(value).__name__}")
    if registry is not None and not isinstance(registry, ExtensionRegistry):
        return _one("extension.invalid_registry", f"an object of type {type(registry).__name__} is not a registry")
    try:
        members = value._members() if isinstance(value, ContractModel) else value
        found = _native.model_report(model._KIND, members, _entries(registry))
    except ContextaError as error:
        return _one(error.code, error.message)
    return ValidationReport.from_dict(found)


def report_of_extension(value: Any, target_model: str, registry: ExtensionRegistry | None) -> ValidationReport:
    """Returns every issue of an extension field set."""
    if target_model not in EXTENSION_TARGET_MODELS:
        message = f"{target_model!r} is not one of {', '.join(EXTENSION_TARGET_MODELS)}"
        return _one("extension.invalid_target_model", message)
    if registry is not None and not isinstance(registry, ExtensionRegistry):
        return _one("extension.invalid_registry", f"an object of type {type(registry).__name__} is not a registry")
    if not isinstance(value, (ExtensionFieldSet, Mapping)):
        return _one("extension.invalid_type", f"expected ExtensionFieldSet, found {type(value).__name__}")
    try:
        members = value._members() if isinstance(value, ExtensionFieldSet) else value
        checked = _native.extension_read(members)
        if registry is None:
            return ValidationReport.ok()
        return ValidationReport.from_dict(_native.registry_report(registry._plain(), checked, target_model))
    except ContextaError as error:
        field = (error.details or {}).get("field")
        return _one(error.code, error.message, f"$.{field}" if field else "$")


def _one(code: str, message: str, path: str = "$") -> ValidationReport:
    return ValidationReport((ValidationIssue(code, path, message),))
