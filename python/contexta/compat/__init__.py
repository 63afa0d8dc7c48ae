"""Replacements for the calls of other trackers that most scripts use: ``wandb``, ``tensorboard`` and ``mlflow``.

Only the import in a script changes: ``import contexta.compat.wandb as wandb``. Calls without a counterpart raise
:class:`UnsupportedCall` with a hint. Arguments without a counterpart have no effect.
"""

from contexta.compat._session import UnsupportedCall

__all__ = ["UnsupportedCall"]
