"""The reading methods of the facade."""

from __future__ import annotations


class Reading:
    """The reading methods of :class:`contexta.Contexta`."""
