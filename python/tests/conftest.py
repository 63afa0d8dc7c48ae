"""Fixtures: an open workspace in a directory of the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contexta import Contexta


@pytest.fixture(autouse=True)
def _without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the variables that would change settings."""
    import os

    for name in list(os.environ):
        if name.startswith("CONTEXTA_"):
            monkeypatch.delenv(name)


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Contexta]:
    """An open workspace with the project ``wine``."""
    with Contexta(workspace=tmp_path / "ws", config={"project_name": "wine"}) as opened:
        yield opened
