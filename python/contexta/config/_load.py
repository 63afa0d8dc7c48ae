"""Functions that combine settings from all sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contexta import _native
from contexta.config._models import ProfileName, ProfileOverlayName, UnifiedConfig, _loaded


def load_config(
    *,
    profile: ProfileName | None = None,
    overlays: Sequence[ProfileOverlayName] | None = None,
    config_file: str | Path | None = None,
    config: UnifiedConfig | Mapping[str, object] | None = None,
    workspace: str | Path | None = None,
    project_name: str | None = None,
    env: Mapping[str, str] | None = None,
    use_env: bool = True,
) -> UnifiedConfig:
    """Combines settings from all sources. Nothing is created on disk.

    The sources are, each overriding those before it: the defaults, the profile, the overlays, the file, the environment
    variables ``CONTEXTA_*``, ``project_name`` and ``workspace``, and last ``config``. A whole ``config`` replaces every
    setting. ``env`` replaces the variables of the process, and ``use_env=False`` ignores variables. The paths of the
    result are absolute.

    Raises :class:`contexta.errors.ConfigurationError` for a setting that is unknown or out of range.

    Example::

        config = load_config(profile="test", workspace=".contexta", config={"project_name": "wine"})
    """
    return _load(
        "load_config",
        profile=profile,
        overlays=overlays,
        config_file=config_file,
        config=config,
        workspace=workspace,
        project_name=project_name,
        env=env,
        use_env=use_env,
    )


def load_profile(
    name: ProfileName,
    *,
    overlays: Sequence[ProfileOverlayName] = (),
    workspace: str | Path | None = None,
    project_name: str | None = None,
) -> UnifiedConfig:
    """Returns the settings of a profile, with overlays. Files and environment variables are ignored.

    ``name`` is one of :data:`PROFILE_NAMES`.
    """
    return _load("load_profile", profile=name, overlays=overlays, workspace=workspace, project_name=project_name)


def make_local_config(
    *,
    overlays: Sequence[ProfileOverlayName] | None = None,
    config_file: str | Path | None = None,
    config: UnifiedConfig | Mapping[str, object] | None = None,
    workspace: str | Path | None = None,
    project_name: str | None = None,
    env: Mapping[str, str] | None = None,
    use_env: bool = True,
) -> UnifiedConfig:
    """Combines settings like :func:`load_config` with the profile ``local``."""
    return _load(
        "make_local_config",
        overlays=overlays,
        config_file=config_file,
        config=config,
        workspace=workspace,
        project_name=project_name,
        env=env,
        use_env=use_env,
    )


def make_test_config(
    *,
    overlays: Sequence[ProfileOverlayName] | None = None,
    config_file: str | Path | None = None,
    config: UnifiedConfig | Mapping[str, object] | None = None,
    workspace: str | Path | None = None,
    project_name: str | None = None,
    env: Mapping[str, str] | None = None,
    use_env: bool = False,
) -> UnifiedConfig:
    """Combines settings like :func:`load_config` with the profile ``test``. Environment variables are ignored unless
    ``use_env`` is true, so that tests behave the same on every machine.
    """
    return _load(
        "make_test_config",
        overlays=overlays,
        config_file=config_file,
        config=config,
        workspace=workspace,
        project_name=project_name,
        env=env,
        use_env=use_env,
    )


def _load(how: str, **inputs: Any) -> UnifiedConfig:
    config, overlays, env = inputs.get("config"), inputs.get("overlays"), inputs.get("env")
    if isinstance(config, UnifiedConfig):
        inputs["config"] = config.to_dict()
    if isinstance(overlays, str):
        inputs["overlays"] = overlays.split(",")
    if isinstance(env, Mapping):
        inputs["env"] = dict(env)
    return _loaded(_native.load_settings(how, inputs))
