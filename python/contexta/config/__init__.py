"""Settings: classes for all settings, and functions that combine settings from all sources.

::

    from contexta import Contexta
    from contexta.config import UnifiedConfig, WorkspaceConfig

    config = UnifiedConfig(project_name="wine", workspace=WorkspaceConfig(root_path=".contexta"))
    ctx = Contexta(config=config)
"""

from __future__ import annotations

from contexta.config._load import load_config, load_profile, make_local_config, make_test_config
from contexta.config._models import (
    PROFILE_NAMES,
    PROFILE_OVERLAY_NAMES,
    AlertPolicy,
    AnomalyPolicy,
    ArtifactStoreConfig,
    CaptureConfig,
    CLIConfig,
    ComparisonPolicy,
    ContractConfig,
    DiagnosticsPolicy,
    ExportSurfaceConfig,
    HTMLConfig,
    HTTPConfig,
    InterpretationConfig,
    MetadataStoreConfig,
    NotebookConfig,
    ProfileName,
    ProfileOverlayName,
    RecordStoreConfig,
    RecoveryConfig,
    ReportPolicy,
    RetentionConfig,
    SearchPolicy,
    SecurityConfig,
    SurfaceConfig,
    TrendPolicy,
    UnifiedConfig,
    WorkspaceConfig,
)
from contexta.config._models import _loaded as _loaded

__all__ = [
    "PROFILE_NAMES",
    "PROFILE_OVERLAY_NAMES",
    "AlertPolicy",
    "AnomalyPolicy",
    "ArtifactStoreConfig",
    "CLIConfig",
    "CaptureConfig",
    "ComparisonPolicy",
    "ContractConfig",
    "DiagnosticsPolicy",
    "ExportSurfaceConfig",
    "HTMLConfig",
    "HTTPConfig",
    "InterpretationConfig",
    "MetadataStoreConfig",
    "NotebookConfig",
    "ProfileName",
    "ProfileOverlayName",
    "RecordStoreConfig",
    "RecoveryConfig",
    "ReportPolicy",
    "RetentionConfig",
    "SearchPolicy",
    "SecurityConfig",
    "SurfaceConfig",
    "TrendPolicy",
    "UnifiedConfig",
    "WorkspaceConfig",
    "load_config",
    "load_profile",
    "make_local_config",
    "make_test_config",
]
