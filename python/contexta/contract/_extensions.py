"""Extensions: additional fields of models, grouped by namespace, and the registry of namespaces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from contexta import _native
from contexta._model import FrozenMapping, Model
from contexta.contract._base import ContractModel
from contexta.errors import ValidationError


@dataclass(frozen=True, slots=True)
class ExtensionFieldSet(ContractModel):
    """The extension fields of a model that belong to one namespace.

    Example::

        ExtensionFieldSet(namespace="acme.quality", fields={"score": 5}, readonly_fields=["score"])
    """

    _KIND: ClassVar[str] = "ExtensionFieldSet"

    namespace: str
    """The namespace: at least two lower-case words joined by dots."""
    fields: Mapping[str, Any]
    """The values of the fields by key; at least one field."""
    readonly_fields: tuple[str, ...] = ()
    """The keys of read-only fields."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            namespace: str,
            fields: Mapping[str, Any],
            readonly_fields: Iterable[str] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...

    @classmethod
    def _read(cls, data: Any, registry: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        return _native.extension_read(data)

    def get(self, key: str, default: Any = None) -> Any:
        """Returns the value of a field, or ``default`` if the set does not have the field."""
        return self.fields.get(key, default)

    def with_readonly(self, names: Iterable[str]) -> ExtensionFieldSet:
        """Returns the set with more read-only fields."""
        return self._changed(readonly=names)

    def merge(
        self, updates: Mapping[str, Any], *, allow_readonly: bool = False, readonly_fields: Iterable[str] = ()
    ) -> ExtensionFieldSet:
        """Returns the set with added or replaced fields. ``readonly_fields`` are further read-only fields.

        Raises :class:`contexta.errors.ConflictError` for a change of a read-only field, unless ``allow_readonly``.
        """
        return self._changed(readonly=readonly_fields, updates=updates, allow_readonly=allow_readonly)

    def without(self, names: Iterable[str], *, allow_readonly: bool = False) -> ExtensionFieldSet:
        """Returns the set without these fields. Unknown names are ignored.

        Raises :class:`contexta.errors.ConflictError` for a read-only field, unless ``allow_readonly``.
        """
        return self._changed(without=names, allow_readonly=allow_readonly)

    def _changed(
        self,
        *,
        readonly: Iterable[str] = (),
        updates: Mapping[str, Any] | None = None,
        without: Iterable[str] = (),
        allow_readonly: bool = False,
    ) -> ExtensionFieldSet:
        members = _native.extension_change(
            self._members(), _names(readonly), updates or {}, _names(without), allow_readonly
        )
        return ExtensionFieldSet._of(members)


@dataclass(frozen=True, slots=True)
class ExtensionRegistryEntry(ContractModel):
    """The entry of one namespace in a registry."""

    _KIND: ClassVar[str] = "ExtensionRegistryEntry"

    namespace: str
    """The namespace."""
    ownership_class: str
    """The class of the owner, one of :data:`EXTENSION_OWNERSHIP_CLASSES`."""
    owner_slug: str
    """The name of the owner."""
    status: str
    """The status: a lower-case word such as ``active``."""
    target_models: tuple[str, ...]
    """The models on which the namespace is allowed, of :data:`EXTENSION_TARGET_MODELS`."""
    readonly_fields: tuple[str, ...] = ()
    """The keys of read-only fields."""
    field_specs: Mapping[str, str] | None = None
    """The types of the fields by key; ``None`` if the namespace does not declare its fields."""
    notes: str | None = None
    """Notes for people."""

    if TYPE_CHECKING:

        def __init__(
            self,
            namespace: str,
            ownership_class: str,
            owner_slug: str,
            status: str,
            target_models: Iterable[str],
            readonly_fields: Iterable[str] = ...,
            field_specs: Mapping[str, str] | None = ...,
            notes: str | None = ...,
        ) -> None: ...

    @classmethod
    def _read(cls, data: Any, registry: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        return _native.registry_entry(data)

    def to_dict(self) -> dict[str, Any]:
        """Returns the plain form. Field specs and notes are left out if they are ``None``."""
        members = ContractModel.to_dict(self)
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ExtensionRegistry(Model):
    """The entries of all registered namespaces, sorted by namespace. A registry is immutable."""

    entries: tuple[ExtensionRegistryEntry, ...] = ()
    """The entries."""

    if TYPE_CHECKING:

        def __init__(self, entries: Iterable[ExtensionRegistryEntry | Mapping[str, Any]] = ...) -> None: ...

    def __post_init__(self) -> None:
        entries: Sequence[Any] = list(self.entries)
        plain = [entry.to_dict() if isinstance(entry, ExtensionRegistryEntry) else entry for entry in entries]
        checked = tuple(ExtensionRegistryEntry._of(entry) for entry in _native.registry_read(plain))
        object.__setattr__(self, "entries", checked)

    def _plain(self) -> list[dict[str, Any]]:
        return [entry.to_dict() for entry in self.entries]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[ExtensionRegistryEntry]:
        return iter(self.entries)

    def __contains__(self, namespace: object) -> bool:
        return any(entry.namespace == namespace for entry in self.entries)

    def get(self, namespace: str) -> ExtensionRegistryEntry | None:
        """Returns the entry of a namespace; ``None`` if the namespace is not registered."""
        _native.registry_check(self._plain(), namespace, False)
        return next((entry for entry in self.entries if entry.namespace == namespace), None)

    def require(self, namespace: str) -> ExtensionRegistryEntry:
        """Returns the entry of a namespace.

        Raises :class:`contexta.errors.NotFoundError` if the namespace is not registered.
        """
        _native.registry_check(self._plain(), namespace, True)
        return next(entry for entry in self.entries if entry.namespace == namespace)

    def register(self, entry: ExtensionRegistryEntry | Mapping[str, Any]) -> ExtensionRegistry:
        """Returns a registry with one more entry.

        Raises :class:`contexta.errors.ConflictError` if the namespace is registered already.
        """
        return ExtensionRegistry([*self.entries, entry])

    def owner_for(self, namespace: str) -> str | None:
        """Returns the name of the owner of a namespace; ``None`` if the namespace is not registered."""
        return next((entry.owner_slug for entry in self.entries if entry.namespace == namespace), None)

    def allows_target_model(self, namespace: str, target_model: str) -> bool:
        """Returns true if a namespace is allowed on a model."""
        return any(entry.namespace == namespace and target_model in entry.target_models for entry in self.entries)

    def resolve(self, extension: ExtensionFieldSet, target_model: str) -> ExtensionFieldSet:
        """Returns the field set with the read-only fields of the registry."""
        return self.normalize([extension], target_model)[0]

    def normalize(self, extensions: Iterable[ExtensionFieldSet], target_model: str) -> tuple[ExtensionFieldSet, ...]:
        """Returns the field sets of a model, sorted by namespace, with the read-only fields of the registry."""
        sets = [extension._members() for extension in extensions]
        normalized = _native.registry_normalize(self._plain(), sets, target_model)
        return tuple(ExtensionFieldSet._of(members) for members in normalized)


def _names(names: Iterable[str]) -> list[str]:
    """Returns names as a list. One text would be read as a list of letters, so it is refused."""
    if isinstance(names, str):
        raise ValidationError("a list of keys is expected, not one text", code="extension_invalid_field_key")
    return [str(name) for name in names]
