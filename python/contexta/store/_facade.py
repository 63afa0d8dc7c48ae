"""The stores of an open workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contexta.store.artifacts import ArtifactStore
from contexta.store.metadata import MetadataStore
from contexta.store.records import RecordStore

if TYPE_CHECKING:
    from contexta import _native
    from contexta.config import UnifiedConfig


class Stores:
    """The properties of :class:`contexta.Contexta` for direct access to the stores."""

    _native: _native.Workspace
    _config: UnifiedConfig

    @property
    def metadata_store(self) -> MetadataStore:
        """The metadata store: projects, runs, the parts of runs, relations and provenance."""
        return MetadataStore._of(self._native, self._config)

    @property
    def record_store(self) -> RecordStore:
        """The record store: events, metrics, spans and degraded records."""
        return RecordStore._of(self._native, self._config)

    @property
    def artifact_store(self) -> ArtifactStore:
        """The artifact store: files and directories that runs use and create."""
        return ArtifactStore._of(self._native, self._config)
