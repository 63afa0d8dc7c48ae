"""Replacements for the calls of other trackers that most scripts use: ``wandb``, ``tensorboard`` and ``mlflow``.

Only the import in a script changes: ``import contexta.compat.wandb as wandb``. Calls without a counterpart raise
:class:`UnsupportedCall` with a hint. The calls have the arguments that most scripts use; other arguments raise
``TypeError``. Arguments without an effect are named in the documentation of the module or the call.

The end of the program ends open runs: as failed after an uncaught exception, or if ``sys.exit``, ``exit`` or ``quit``
ends the program with a code other than 0. The code of ``raise SystemExit(code)`` is not known at that time: the run is
completed with the degraded marker ``run.exit_code``. ``os._exit`` leaves the run open.
"""

from contexta.compat._session import UnsupportedCall

__all__ = ["UnsupportedCall"]
