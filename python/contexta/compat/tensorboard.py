"""A replacement for ``SummaryWriter`` of TensorBoard, tensorboardX and torch.utils.tensorboard.

::

    from contexta.compat.tensorboard import SummaryWriter

    writer = SummaryWriter("runs/ridge")
    writer.add_scalar("loss/train", 0.5, 1)
    writer.close()

Each writer is a run, named after its directory. A call after ``close()`` begins a new attempt of the run. These
arguments have no effect: ``walltime`` (a value has the time of its capture), those of the writer about event files
(``purge_step``, ``max_queue``, ``flush_secs``, ``filename_suffix``), ``new_style``, ``double_precision``,
``display_name`` and ``summary_description`` of scalars, and ``hparam_domain_discrete`` and ``run_name`` of
hyper-parameters.
"""

from __future__ import annotations

import datetime
import os
import socket
import struct
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from contexta import errors
from contexta._scopes import RunScope
from contexta.compat import _session

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """A writer of scalars, texts, hyper-parameters and images. ``workspace`` is the directory of the workspace."""

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
        *,
        logdir: str | os.PathLike[str] | None = None,
        workspace: str | os.PathLike[str] | None = None,
        project: str | None = None,
    ) -> None:
        given = log_dir if log_dir is not None else logdir
        if given is None:
            now = datetime.datetime.now().strftime("%b%d_%H-%M-%S")
            given = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir = os.fspath(given)
        name = os.path.basename(os.path.normpath(self.log_dir))
        self._ctx = _session.workspace(workspace, project)
        self._run = _session.ends_with_the_program(self._ctx.run(name, metadata={"log_dir": self.log_dir}))

    def _open_run(self) -> RunScope:
        """Returns the run; a new attempt of it if the writer is closed."""
        if self._run.is_closed:
            _session.ended(self._run)
            self._run = _session.ends_with_the_program(self._ctx.resume(self._run.ref))
        return self._run

    @property
    def run_ref(self) -> str:
        """The ref of the run."""
        return self._run.ref

    def get_logdir(self) -> str:
        """Returns the directory that the writer was created with."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
        *,
        display_name: str | None = None,
        summary_description: str | None = None,
    ) -> None:
        """Captures a value of a metric."""
        self._open_run().metric(tag, scalar_value, step=global_step)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Captures values of several metrics, with the names ``main_tag/tag``."""
        values = {f"{main_tag}/{tag}": value for tag, value in tag_scalar_dict.items()}
        self._open_run().metrics(values, step=global_step)

    def add_text(
        self, tag: str, text_string: Any, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Captures a text as an event. A text of more than 2,000 characters is also kept whole as an attribute."""
        attributes: dict[str, Any] = {} if global_step is None else {"step": int(global_step)}
        text = str(text_string)
        if len(text) > 2_000:
            attributes["text"] = text
        self._open_run().event(tag, message=text[:2_000], attributes=attributes)

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Mapping[str, Any] | None = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Sets hyper-parameters of the run, and captures the metrics."""
        self._open_run().params(_session.params(hparam_dict))
        if metric_dict:
            self._open_run().metrics(dict(metric_dict), step=global_step)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Stores an image as an artifact in the format PNG. Floats are between 0 and 1, integers between 0 and 255.

        Each call stores an artifact of its own, also with the same tag and step.
        """
        content = png(img_tensor, dataformats)
        step = None if global_step is None else int(global_step)
        key = tag if step is None else f"{tag}-{step}"
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "image.png"
            path.write_bytes(content)
            _session.register(self._open_run(), "image", path, key, {"tag": tag}, step)

    def flush(self) -> None:
        """Does nothing: each value is in the log when the call returns."""

    def close(self) -> None:
        """Ends the run as completed."""
        if not self._run.is_closed:
            self._run.complete()
        _session.ended(self._run)

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run.__exit__(kind, error, trace)
        self.close()

    def __getattr__(self, name: str) -> Any:
        raise _session.unsupported("tensorboard", f"SummaryWriter.{name}")


#: The types of PNG images by the number of channels.
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def png(image: Any, dataformats: str = "CHW") -> bytes:
    """Returns an image as PNG. The format is specified in https://www.w3.org/TR/png-3/."""
    try:
        import numpy
    except ImportError:
        raise errors.DependencyError(
            "images need the package numpy", code="numpy_not_installed", hint="pip install numpy"
        ) from None
    if hasattr(image, "detach"):
        image = image.detach().cpu().numpy()
    array, form = numpy.asarray(image), dataformats.upper()
    if len(form) != array.ndim or not {"H", "W"} <= set(form) or not set(form) <= set("HWC"):
        raise errors.ValidationError(
            f"an image of shape {array.shape} does not have the format {dataformats!r}", code="image_invalid_shape"
        )
    if "C" not in form:
        array, form = array[..., None], form + "C"
    array = array.transpose([form.index(axis) for axis in "HWC"])
    if array.dtype.kind == "f":
        array = numpy.nan_to_num(array).clip(0, 1) * 255 + 0.5
    array = numpy.ascontiguousarray(array.clip(0, 255).astype("uint8"))
    height, width, channels = array.shape
    if channels not in _COLOUR_TYPES or not height or not width:
        raise errors.ValidationError(f"an image has 1 to 4 channels, not {channels}", code="image_invalid_shape")
    rows = numpy.concatenate([numpy.zeros((height, 1), "uint8"), array.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content


def __getattr__(name: str) -> Any:
    raise _session.unsupported("tensorboard", name)
