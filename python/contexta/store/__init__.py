"""The stores of a workspace: direct access to metadata, records and artifacts.

::

    from contexta.store.artifacts import ArtifactStore
    from contexta.store.metadata import MetadataStore
    from contexta.store.records import RecordStore

An open workspace has the three stores as ``ctx.metadata_store``, ``ctx.record_store`` and ``ctx.artifact_store``.
"""

from __future__ import annotations

from contexta.store.artifacts import ArtifactStore
from contexta.store.metadata import MetadataStore
from contexta.store.records import RecordStore

__all__ = ["ArtifactStore", "MetadataStore", "RecordStore"]
