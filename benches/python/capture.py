"""Speed of capture from Python, beside trackio, tensorboardX and W&B offline in the same process.

Usage: ``python benches/python/capture.py [--points N] [--only NAME]``. Peers that are not installed are left out:
``pip install trackio tensorboardX wandb``. Each line is the best of three rounds, in points a second, with the ratio to
the bare loop: the loop that writes the same number of bytes with ``os.write`` for each point.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

#: The bytes of the log for one point with the durability ``flush``.
BYTES_OF_A_POINT = 120

Loop = Callable[[int], int]


@contextmanager
def contexta(directory: str, durability: str, call: str) -> Iterator[Loop]:
    """Captures with contexta."""
    from contexta import Contexta

    ctx = Contexta(workspace=directory, config={"records": {"durability_mode": durability}})
    with ctx.run("bench"):

        def metric(points: int) -> int:
            for step in range(points):
                ctx.metric("loss", 0.5, step=step)
            return points

        def metrics(points: int) -> int:
            for step in range(points // 5):
                ctx.metrics({"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4, "e": 0.5}, step=step)
            return points // 5 * 5

        def point(points: int) -> int:
            series = ctx.series("loss")
            for step in range(points):
                series.point(0.5, step)
            return points

        def extend(points: int) -> int:
            import numpy

            steps, values = numpy.arange(points), numpy.random.default_rng(1).random(points)
            ctx.series("loss").extend(steps, values)
            return points

        yield {"metric": metric, "metrics": metrics, "series.point": point, "series.extend": extend}[call]


@contextmanager
def bare(directory: str) -> Iterator[Loop]:
    """Writes as many bytes as a point has in the log."""
    file = os.open(os.path.join(directory, "bare"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    content = b"x" * BYTES_OF_A_POINT

    def loop(points: int) -> int:
        for _ in range(points):
            os.write(file, content)
        return points

    yield loop
    os.close(file)


@contextmanager
def tensorboardx(directory: str) -> Iterator[Loop]:
    """Captures with tensorboardX."""
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(directory)

    def loop(points: int) -> int:
        for step in range(points):
            writer.add_scalar("loss", 0.5, step)
        return points

    yield loop
    writer.close()


@contextmanager
def trackio(directory: str) -> Iterator[Loop]:
    """Captures with trackio."""
    os.environ["TRACKIO_DIR"] = directory
    import trackio as peer

    peer.init(project="bench", embed=False)

    def loop(points: int) -> int:
        for _ in range(points):
            peer.log({"loss": 0.5})
        return points

    yield loop
    peer.finish()


@contextmanager
def wandb(directory: str) -> Iterator[Loop]:
    """Captures with W&B offline."""
    import wandb as peer

    run: Any = peer.init(project="bench", mode="offline", dir=directory, settings=peer.Settings(silent=True))

    def loop(points: int) -> int:
        for step in range(points):
            run.log({"loss": 0.5}, step=step)
        return points

    yield loop
    run.finish()


def measured(name: str, open_peer: Callable[[str], Any], points: int, to_bare: float | None) -> float | None:
    """Prints and returns the points a second of the best round."""
    best = 0.0
    for _ in range(3):
        directory = tempfile.mkdtemp()
        try:
            with open_peer(directory) as loop:
                start = time.perf_counter()
                done = loop(points)
                best = max(best, done / (time.perf_counter() - start))
        except ImportError as error:
            print(f"{name:40} not measured: {error}")
            return None
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    ratio = "" if to_bare is None else f"{best / to_bare:10.2f}"
    print(f"{name:40} {best:14,.0f} {ratio}")
    return best


def main() -> None:
    """Measures all calls."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print(f"{'call':40} {'points/second':>14} {'to bare':>10}")
    limit = measured("os.write of the same bytes", bare, options.points, None)
    calls = [("metric", 1), ("metrics", 1), ("series.point", 1), ("series.extend", 5)]
    for durability in ("flush", "batched"):
        for call, factor in calls:
            name = f"contexta {durability}: {call}"
            if options.only in name:
                measured(name, lambda d, c=call, m=durability: contexta(d, m, c), options.points * factor, limit)  # type: ignore[misc]
    for name, peer, share in [("tensorboardX", tensorboardx, 10), ("trackio", trackio, 10), ("wandb offline", wandb, 20)]:
        if options.only in name:
            measured(name, peer, options.points // share, limit)


if __name__ == "__main__":
    main()
