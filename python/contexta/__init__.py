"""Local-first ML observability on an append-only log: capture, store, query, compare, diagnose, report, recover.

::

    from contexta import Contexta

    ctx = Contexta(workspace=".contexta")
    with ctx.run("ridge", params={"alpha": 0.1}) as run:
        with run.stage("train"):
            for step, loss in enumerate([0.9, 0.5, 0.3]):
                ctx.metric("loss", loss, step=step)
"""

from contexta import errors
from contexta._facade import Contexta
from contexta._native import __version__
from contexta.errors import ContextaError

__all__ = ["Contexta", "ContextaError", "__version__", "errors"]
