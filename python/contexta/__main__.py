"""Runs the command ``contexta`` as ``python -m contexta``."""

import sys

from contexta._command import main

sys.exit(main())
