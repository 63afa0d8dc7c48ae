"""Replacements for the calls of other trackers that most scripts use: ``wandb``, ``tensorboard`` and ``mlflow``.

One line changes a script: ``import contexta.compat.wandb as wandb``. Calls without a counterpart raise
:class:`UnsupportedCall` with a hint; no data is dropped without an error.
"""

from contexta.compat._session import UnsupportedCall

__all__ = ["UnsupportedCall"]
