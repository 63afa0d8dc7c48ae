"""The artifact store: reads, writes, checks and packages of artifacts.

::

    from contexta.store.artifacts import iter_artifact_chunks, verify_all

    for chunk in iter_artifact_chunks(ctx.artifact_store, "artifact:wine.ridge.model"):
        ...
    print(verify_all(ctx.artifact_store).drifted_refs)
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

from contexta._model import FrozenMapping, Model
from contexta.errors import ValidationError
from contexta.store._common import Note, Store, as_text, convert, plain_model, read_model

if TYPE_CHECKING:
    from contexta.config import ArtifactStoreConfig, UnifiedConfig
    from contexta.contract import ArtifactManifest, StableRef

    Ref: TypeAlias = str | StableRef
    Manifest: TypeAlias = ArtifactManifest | Mapping[str, Any]
    IngestMode: TypeAlias = Literal["copy", "move", "adopt"]
    ConflictPolicy: TypeAlias = Literal["error", "skip", "replace"]

__all__ = [
    "ArtifactExport",
    "ArtifactHandle",
    "ArtifactImport",
    "ArtifactPut",
    "ArtifactStore",
    "StoreSummary",
    "SweepReport",
    "VerificationRecord",
    "VerificationReport",
    "artifact_exists",
    "export_artifact",
    "get_artifact",
    "import_export_package",
    "inspect_store",
    "iter_artifact_chunks",
    "list_refs",
    "open_artifact",
    "put_artifact",
    "read_artifact_bytes",
    "verify_all",
    "verify_artifact",
]


@dataclass(frozen=True, slots=True)
class ArtifactHandle(Model):
    """An artifact whose body is in the workspace. ``digest`` is the BLAKE3 digest of the body, and ``path`` is the file
    with the body, which must not be changed. If ``is_tree``, the artifact is a directory, and its body is a list of
    files.
    """

    manifest: ArtifactManifest
    digest: str
    size_bytes: int
    path: Path
    is_tree: bool = False

    def __post_init__(self) -> None:
        convert(self, manifest=read_model("artifact", self.manifest), path=Path(self.path))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ArtifactHandle:
        """Creates the handle from its plain form. Unknown members are ignored."""
        return cls(**{name: value for name, value in data.items() if name in cls.__slots__})

    @property
    def artifact_ref(self) -> str:
        """The ref of the artifact."""
        return str(self.manifest.artifact_ref)

    @property
    def artifact_kind(self) -> str:
        """The kind of the artifact, such as ``model``."""
        return str(self.manifest.artifact_kind)


@dataclass(frozen=True, slots=True)
class ArtifactPut(Model):
    """The result of :func:`put_artifact`. ``change`` is ``created``, or ``unchanged`` if the workspace had the artifact
    already. ``manifest`` is the manifest in the log.
    """

    manifest: ArtifactManifest
    digest: str
    size_bytes: int
    change: str
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        notes = tuple(note if isinstance(note, Note) else Note.from_dict(note) for note in self.notes)
        convert(self, manifest=read_model("artifact", self.manifest), notes=notes)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ArtifactPut:
        """Creates the result from its plain form. Unknown members are ignored."""
        return cls(**{name: value for name, value in data.items() if name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class ArtifactExport(Model):
    """An exported package. ``files`` is the number of files of a directory in the package."""

    artifact_ref: str
    export_directory: Path
    body_path: Path
    size_bytes: int
    files: int
    exported_at: str

    def __post_init__(self) -> None:
        convert(self, export_directory=Path(self.export_directory), body_path=Path(self.body_path))


@dataclass(frozen=True, slots=True)
class ArtifactImport(Model):
    """The result of an import. ``outcome`` is ``imported``; ``idempotent`` if the workspace had the same artifact;
    ``restored`` if it had the same artifact without an intact body; ``skipped`` or ``replaced`` if it had another
    artifact with the same ref.
    """

    artifact_ref: str
    outcome: str
    bytes_written: int


@dataclass(frozen=True, slots=True)
class VerificationReport(Model):
    """The verification of one artifact. ``status`` is ``verified``, ``missing``, ``size_mismatch``, ``hash_mismatch``,
    ``unreadable``, or ``external`` for content outside the workspace. The hash values are SHA-256 digests.
    """

    artifact_ref: str
    status: str
    verified: bool
    exists: bool
    actual_size_bytes: int | None
    expected_size_bytes: int | None
    actual_hash_value: str | None
    expected_hash_value: str | None
    checked_at: str
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerificationRecord(Model):
    """The verification of one artifact in a :class:`SweepReport`. ``message`` is the first difference."""

    artifact_ref: str
    status: str
    checked_at: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class SweepReport(Model):
    """The verification of all artifacts. ``missing_refs`` are the artifacts without content, ``drifted_refs`` the
    artifacts whose content differs from the manifest, and ``orphan_paths`` the files of bodies that no artifact refers
    to.
    """

    verification_records: tuple[VerificationRecord, ...] = ()
    missing_refs: tuple[str, ...] = ()
    drifted_refs: tuple[str, ...] = ()
    orphan_paths: tuple[Path, ...] = ()
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        convert(self, orphan_paths=tuple(Path(path) for path in self.orphan_paths))


@dataclass(frozen=True, slots=True)
class StoreSummary(Model):
    """The number of artifacts, by kind and by the result of their verification."""

    artifact_count: int
    total_size_bytes: int
    kinds: Mapping[str, int] = field(default_factory=FrozenMapping)
    verified_count: int = 0
    missing_count: int = 0
    drift_count: int = 0
    unreadable_count: int = 0
    external_count: int = 0
    orphan_count: int = 0
    format_version: int = 0
    notes: tuple[Note, ...] = ()


class ArtifactStore(Store):
    """The artifacts of a workspace. Equal bodies are stored once.

    ``config`` is a :class:`contexta.config.ArtifactStoreConfig`, a whole :class:`contexta.config.UnifiedConfig`, or the
    path of a workspace. Without ``config``, the settings name the workspace. With an ``ArtifactStoreConfig``, the
    directory above ``root_path`` is the workspace. A read-only store does not create a workspace.
    """

    _section = "artifacts"
    _path = "root_path"

    def __init__(self, config: ArtifactStoreConfig | UnifiedConfig | str | os.PathLike[str] | None = None) -> None:
        super().__init__(config)

    def _open(self) -> None:
        self._native = self._workspace.artifact_store()

    # Writes.

    def put_artifact(
        self, manifest: Manifest, source: str | os.PathLike[str], *, mode: IngestMode | None = None
    ) -> ArtifactPut:
        """Stores a file as an artifact. The location, the size, the digest and the name of the file are added to the
        manifest. ``mode`` is the treatment of the file: ``copy``, ``move`` or ``adopt``; by default the one of the
        settings.

        Raises :class:`contexta.errors.ConflictError` if another artifact has the same ref, and
        :class:`contexta.errors.ArtifactError` if the manifest states another size or digest than the file has.
        """
        mode = self.config.default_ingest_mode if mode is None else mode
        return ArtifactPut.from_dict(self._native.put(plain_model(manifest), os.fspath(source), as_text(mode)))

    # Reads.

    def get_artifact(self, artifact_ref: Ref) -> ArtifactHandle:
        """Returns the handle of an artifact. Does not read the body. Raises :class:`contexta.errors.NotFoundError` if
        the artifact or its body is missing.
        """
        return ArtifactHandle.from_dict(self._native.get(as_text(artifact_ref)))

    def read_artifact_bytes(self, artifact_ref: Ref) -> bytes:
        """Returns the verified body of an artifact. The whole body is in memory."""
        return self._native.read(as_text(artifact_ref))

    def open_artifact(self, artifact_ref: Ref, *, mode: str = "rb") -> BinaryIO:
        """Opens the body of an artifact for reading. The caller closes the result."""
        if mode != "rb":
            code = "artifact_store_invalid_open_mode"
            raise ValidationError(f"the mode is {mode!r}; a body can only be read: expected 'rb'", code=code)
        return open(self._native.body_path(as_text(artifact_ref)), "rb")

    def iter_artifact_chunks(self, artifact_ref: Ref, *, chunk_size: int | None = None) -> Iterator[bytes]:
        """Returns an iterator over the body of an artifact in chunks of ``chunk_size`` bytes; by default of the size in
        the settings.
        """
        size = self.config.chunk_size_bytes if chunk_size is None else chunk_size
        if isinstance(size, bool) or not isinstance(size, int) or not 0 < size < 1 << 63:
            code = "artifact_store_invalid_chunk_size"
            raise ValidationError(f"the chunk size is {size!r}; expected a positive integer", code=code)
        chunks = self._native.chunks(as_text(artifact_ref), size)
        return iter(chunks.next_chunk, None)

    def artifact_exists(self, artifact_ref: Ref) -> bool:
        """Returns ``True`` if the workspace has the artifact and its body."""
        return self._native.exists(as_text(artifact_ref))

    def list_refs(self) -> list[str]:
        """Returns the sorted refs of all artifacts."""
        return self._native.list_refs()

    # Checks.

    def verify_artifact(self, artifact_ref: Ref, *, manifest: Manifest | None = None) -> VerificationReport:
        """Reads the content of an artifact and compares it with its manifest in the log, or with ``manifest``."""
        form = None if manifest is None else plain_model(manifest)
        return VerificationReport.from_dict(self._native.verify(as_text(artifact_ref), form))

    def verify_all(self) -> SweepReport:
        """Verifies all artifacts, and lists the bodies that no artifact refers to."""
        return SweepReport.from_dict(self._native.verify_all())

    def inspect_store(self) -> StoreSummary:
        """Verifies and counts all artifacts."""
        return StoreSummary.from_dict(self._native.inspect())

    # Packages.

    def export_artifact(self, artifact_ref: Ref, export_root: str | os.PathLike[str] | None = None) -> ArtifactExport:
        """Exports an artifact as a package: a directory in ``export_root``; by default in the directory of exports of
        the settings. The body is verified during the copy.
        """
        root = self._workspace.exports if export_root is None else export_root
        return ArtifactExport.from_dict(self._native.export(as_text(artifact_ref), os.fspath(root)))

    def import_export_package(
        self, package: str | os.PathLike[str], *, conflict_policy: ConflictPolicy = "error"
    ) -> ArtifactImport:
        """Imports a package. ``conflict_policy`` is the treatment of another artifact with the same ref: ``error``,
        ``skip`` or ``replace``. Content is stored only if it has the size and the digests that the package states.
        """
        return ArtifactImport.from_dict(self._native.import_package(os.fspath(package), as_text(conflict_policy)))


def put_artifact(
    store: ArtifactStore,
    manifest: Manifest,
    source: str | os.PathLike[str],
    *,
    mode: IngestMode | None = None,
) -> ArtifactPut:
    """Stores a file as an artifact. See :meth:`ArtifactStore.put_artifact`."""
    return store.put_artifact(manifest, source, mode=mode)


def get_artifact(store: ArtifactStore, artifact_ref: Ref) -> ArtifactHandle:
    """Returns the handle of an artifact. See :meth:`ArtifactStore.get_artifact`."""
    return store.get_artifact(artifact_ref)


def read_artifact_bytes(store: ArtifactStore, artifact_ref: Ref) -> bytes:
    """Returns the verified body of an artifact. The whole body is in memory."""
    return store.read_artifact_bytes(artifact_ref)


def open_artifact(store: ArtifactStore, artifact_ref: Ref, *, mode: str = "rb") -> BinaryIO:
    """Opens the body of an artifact for reading. The caller closes the result."""
    return store.open_artifact(artifact_ref, mode=mode)


def iter_artifact_chunks(store: ArtifactStore, artifact_ref: Ref, *, chunk_size: int | None = None) -> Iterator[bytes]:
    """Returns an iterator over the body of an artifact. See :meth:`ArtifactStore.iter_artifact_chunks`."""
    return store.iter_artifact_chunks(artifact_ref, chunk_size=chunk_size)


def artifact_exists(store: ArtifactStore, artifact_ref: Ref) -> bool:
    """Returns ``True`` if the workspace has the artifact and its body."""
    return store.artifact_exists(artifact_ref)


def list_refs(store: ArtifactStore) -> list[str]:
    """Returns the sorted refs of all artifacts."""
    return store.list_refs()


def verify_artifact(store: ArtifactStore, artifact_ref: Ref, *, manifest: Manifest | None = None) -> VerificationReport:
    """Verifies an artifact. See :meth:`ArtifactStore.verify_artifact`."""
    return store.verify_artifact(artifact_ref, manifest=manifest)


def verify_all(store: ArtifactStore) -> SweepReport:
    """Verifies all artifacts, and lists the bodies that no artifact refers to."""
    return store.verify_all()


def inspect_store(store: ArtifactStore) -> StoreSummary:
    """Verifies and counts all artifacts."""
    return store.inspect_store()


def export_artifact(
    store: ArtifactStore, artifact_ref: Ref, export_root: str | os.PathLike[str] | None = None
) -> ArtifactExport:
    """Exports an artifact as a package. See :meth:`ArtifactStore.export_artifact`."""
    return store.export_artifact(artifact_ref, export_root)


def import_export_package(
    store: ArtifactStore, package: str | os.PathLike[str], *, conflict_policy: ConflictPolicy = "error"
) -> ArtifactImport:
    """Imports a package. See :meth:`ArtifactStore.import_export_package`."""
    return store.import_export_package(package, conflict_policy=conflict_policy)
