"""The command ``contexta``."""

from __future__ import annotations

import sys

from contexta import _native


def main() -> int:
    """Runs the command with the arguments of the process, and returns the exit code."""
    return _native.main(["contexta", *sys.argv[1:]])
