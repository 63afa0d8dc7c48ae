"""Records runs from Python with `contexta ingest`. One file, Python 3.9 or newer, no dependency.

    import contexta_ingest as contexta

    with contexta.start_run("ridge", project="wine", params={"alpha": 0.1}) as run:
        with run.stage("train") as train:
            for step in range(100):
                train.metric("loss", 1 / (step + 1), step=step)
        run.artifact("model.pkl", kind="model")

Scripts that already call `init`, `config`, `log` and `finish`, or `SummaryWriter.add_scalar`, only change the import:

    import contexta_ingest as wandb
    from contexta_ingest import SummaryWriter

The command `contexta` must be in PATH. It is started once per process and receives one line of JSON for each call; the
calls return before the line is recorded. `flush` waits until everything is recorded. No error of the recording raises an
exception in the program: it is reported on standard error, and the recording stops. All functions can be called from any
thread. The runs and stages of a process do not record in a child process that `fork` has created.

Runs that are open when the program ends are ended: as failed after an exception that nothing has caught, as cancelled after
an interrupt key, else as completed. A program that is killed leaves a failed run. A program that reports a failure with
`sys.exit` calls `finish(exit_code)` first, or uses `with`.
"""

import atexit
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

__all__ = ["Ingest", "Run", "Stage", "SummaryWriter", "config", "finish", "flush", "init", "log", "start_run"]


# The time in seconds for which calls wait until their lines are recorded.
_WAIT = 60
# The time for further calls after a call has timed out.
_WAIT_AGAIN = 1
# The greatest depth of nested values.
_DEPTH_MAX = 48


def _plain(value, within=()):
    """Returns a value that JSON can represent. `within` has the ids of the values that contain this one."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if id(value) in within:
        return "(a value that contains itself)"
    if len(within) >= _DEPTH_MAX:
        return "(nested too deeply)"
    within += (id(value),)
    if isinstance(value, Mapping):
        return {_text(key): _plain(value[key], within) for key in value}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, within) for item in value]
    try:
        if getattr(value, "shape", None) == () or getattr(value, "size", None) == 1:
            # A scalar of NumPy, PyTorch, JAX or TensorFlow.
            return _plain(value.item(), within)
        if hasattr(value, "tolist"):
            return _plain(value.tolist(), within)
    except Exception:
        # For example a deleted array, or an error of the device.
        pass
    return _text(os.fspath(value) if isinstance(value, os.PathLike) else value)


def _text(value):
    """Returns the text of a value, whatever its class does."""
    try:
        return str(value)
    except Exception:
        return object.__repr__(value)


def _number(value):
    """Returns a number for a metric; None if the value is not a number."""
    value = _plain(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)) or value in ("NaN", "Infinity", "-Infinity"):
        return value
    return None


class _Uninterrupted:
    """Delays the interrupt key to the end of a block. A second interrupt within the block takes effect at once."""

    def __enter__(self):
        self._handler, self._delayed = None, None
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self._handler = handler
                signal.signal(signal.SIGINT, self._delay)

    def _delay(self, *interrupt):
        if self._delayed is not None:
            self._handler(*interrupt)
        self._delayed = interrupt

    def __exit__(self, *_):
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            if self._delayed is not None:
                self._handler(*self._delayed)
        return False


class Ingest:
    """A running `contexta ingest`."""

    def __init__(self, workspace=None, project=None, command="contexta"):
        self._lock = threading.Lock()
        self._acknowledged = threading.Condition()
        self._pid = os.getpid()
        self._sent = 0
        self._is_cut = False
        self._recorded = 0
        # The number of recorded lines for which a call has timed out; None if no call has.
        self._stalled = None
        # The open runs by name.
        self._runs = {}
        self.refused = 0
        self.refs = {}
        self._process = None
        path = shutil.which(command)
        if path is None:
            self._warn(f"the command {command!r} was not found in PATH; nothing is recorded")
            return
        arguments = [path]
        if workspace is not None:
            arguments += ["--workspace", os.fspath(workspace)]
        arguments += ["ingest", "--ack"]
        if project is not None:
            arguments += ["--project", project]
        try:
            # In a session of its own, so that an interrupt key reaches this program only and its last lines are recorded.
            self._process = subprocess.Popen(
                arguments, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            self._warn(f"{path} cannot be started ({error}); nothing is recorded")
            return
        acks = io.BufferedReader(self._process.stdout)
        self._reader = threading.Thread(target=self._read, args=(acks,), name="contexta-ingest", daemon=True)
        self._reader.start()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._abandon)
        atexit.register(self._end)

    @staticmethod
    def _warn(message):
        print(f"contexta: {message}", file=sys.stderr)

    def _read(self, acks):
        for line in acks:
            try:
                ack = json.loads(line)
            except ValueError:
                continue
            with self._acknowledged:
                self._recorded = ack["lines"]
                self.refused = ack["refused"]
                self.refs.update(ack.get("runs", {}))
                self._acknowledged.notify_all()
        with self._acknowledged:
            self._recorded = math.inf
            self._acknowledged.notify_all()

    def _abandon(self):
        """Closes the pipe in a child process, so that the end of this process alone ends the input."""
        if self._pid != os.getpid():
            # The locks can be held by threads that do not exist in the child.
            self._lock = threading.Lock()
            self._acknowledged = threading.Condition()
            self._recorded = math.inf
            process, self._process = self._process, None
            if process is not None:
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, process.stdin.fileno())
                os.close(null)
                # The process is no child of this one.
                process.returncode = 0

    def send(self, line):
        """Sends one line. Returns False if it cannot be recorded."""
        try:
            text = json.dumps(_plain(line), ensure_ascii=False, allow_nan=False)
        except Exception as error:  # Values of the program can raise any exception when they are read.
            self._warn(f"a line cannot be written as JSON and is not recorded ({type(error).__name__}: {error})")
            return False
        data = (text + "\n").encode("utf-8", "replace")
        with _Uninterrupted(), self._lock:
            if self._process is None:
                return False
            try:
                if self._is_cut:
                    # An exception has ended the write of the line before, which is incomplete or empty.
                    self._write(b"\n")
                self._write(data)
            except (OSError, ValueError):
                self._process = None
                self._warn("`contexta ingest` has ended; nothing more is recorded")
                return False
            return True

    def _write(self, data):
        """Writes a line completely."""
        rest = memoryview(data)
        while rest:
            self._is_cut = True
            rest = rest[self._process.stdin.write(rest) :]
        self._sent, self._is_cut = self._sent + 1, False

    def flush(self, timeout=_WAIT):
        """Waits until all lines so far are recorded. Returns False after the time-out, or if they cannot be recorded."""
        with self._lock:
            sent = self._sent
            if self._process is None:
                return False
        with self._acknowledged:
            if timeout is not None and self._stalled is not None and self._stalled == self._recorded:
                timeout = min(timeout, _WAIT_AGAIN)
            if self._acknowledged.wait_for(lambda: self._recorded >= sent, timeout):
                return self._recorded < math.inf
            is_first, self._stalled = self._stalled is None, self._recorded
        if is_first:
            self._warn(
                f"{sent - self._stalled} lines are not recorded after {timeout} seconds; the program continues, and "
                "`contexta ingest` records them as soon as it can"
            )
        return False

    def _end(self):
        """Ends the open runs at the end of the program, and closes the ingest."""
        error_type = None if hasattr(sys, "ps1") else getattr(sys, "last_type", None)
        how = _end_of(error_type, getattr(sys, "last_value", None))
        for run in list(self._runs.values()):
            run.end(*how)
        self.close()

    def close(self, timeout=60):
        """Ends the input, and waits until everything is recorded."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self._end)
        try:
            process.stdin.close()
        except OSError:
            pass
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._warn(f"`contexta ingest` has not ended after {timeout} seconds")

    def start_run(self, name, **members):
        """Starts a run. A name that is in use gets a number."""
        with self._lock:
            unique, number = name, 1
            while unique in self._runs:
                number += 1
                unique = f"{name}-{number}"
            run = self._runs[unique] = Run(self, unique)
        run._start(members)
        return run

    def _free(self, name):
        with self._lock:
            self._runs.pop(name, None)


class _Scope:
    """The methods that runs and stages have in common."""

    def _send(self, **members):
        line = {"run": self._run_name, "stage": self._stage_name}
        line.update(members)
        return self._ingest.send(line)

    def metric(self, key, value, step=None, unit=None):
        """Records one metric."""
        self.metrics({key: value}, step=step, unit=unit)

    def metrics(self, values, step=None, unit=None):
        """Records several metrics. A value that is no number is left out, with a message on standard error."""
        numbers = {}
        for key, value in values.items():
            number = _number(value)
            if number is None:
                Ingest._warn(f"the metric {key!r} is not a number: {_text(value)}")
            else:
                numbers[_text(key)] = number
        if numbers:
            members = {"metrics": numbers}
            if step is not None:
                members["step"] = step
            if unit is not None:
                members["unit"] = unit
            self._send(**members)

    def event(self, key, message=None, level="info", **attributes):
        """Records an event."""
        members = {"event": key, "level": level}
        if message is not None:
            members["message"] = message
        if attributes:
            members["attributes"] = attributes
        self._send(**members)

    def artifact(self, path, kind="file", key=None, role="output", step=None, **attributes):
        """Stores a file as an artifact, and waits until it is stored."""
        members = {"artifact": os.path.abspath(os.fspath(path)), "kind": kind, "role": role}
        if key is not None:
            members["key"] = key
        if attributes:
            members["attributes"] = attributes
        if step is not None:
            members["step"] = step
        if self._send(**members):
            # The program may change or delete the file afterwards. A large file takes longer.
            self._ingest.flush(_WAIT + _bytes_of(path) / 10e6)

    def span(self, name, **attributes):
        """Returns a context manager that measures a piece of work."""
        return _Span(self, name, attributes)


def _bytes_of(path):
    """Returns the size of a file, or of the files of a directory."""
    try:
        if not os.path.isdir(path):
            return os.path.getsize(path)
        files = (os.path.join(top, name) for top, _, names in os.walk(path) for name in names)
        return sum(os.path.getsize(file) for file in files if os.path.isfile(file))
    except OSError:
        return 0


class _Span:
    def __init__(self, scope, name, attributes):
        self._scope, self._name, self._attributes = scope, name, attributes

    def __enter__(self):
        self._started = time.monotonic()
        return self

    def __exit__(self, error, *_):
        seconds = time.monotonic() - self._started
        members = {"span": self._name, "seconds": seconds, "status": "error" if error else "ok"}
        if self._attributes:
            members["attributes"] = self._attributes
        self._scope._send(**members)
        return False


def _end_of(error_type, error):
    """Returns status and message of a block that an exception has ended; both are None without an exception."""
    if error_type is None:
        return None, None
    if issubclass(error_type, KeyboardInterrupt):
        return "cancelled", None
    if issubclass(error_type, SystemExit) and getattr(error, "code", None) in (None, 0):
        return None, None
    return "failed", f"{error_type.__name__}: {error}"


class Stage(_Scope):
    """A stage of a run."""

    def __init__(self, run, name):
        self._ingest, self._run_name, self._stage_name = run._ingest, run.name, name
        self._ingest.send({"start": "stage", "run": run.name, "stage": name})
        self.name = name
        self._has_ended = False

    def end(self, status=None, message=None):
        """Ends the stage: as completed, or as failed if there is a message."""
        if not self._has_ended:
            self._has_ended = True
            self._send(end="stage", status=status, message=message)

    def __enter__(self):
        return self

    def __exit__(self, error_type, error, _):
        self.end(*_end_of(error_type, error))
        return False


class Run(_Scope):
    """A run."""

    def __init__(self, ingest, name):
        self._ingest, self._run_name, self._stage_name = ingest, name, None
        self.name = name
        self.config = _Config(lambda: self)
        self._step = 0
        self._has_ended = False

    def _start(self, members):
        version = ".".join(str(part) for part in sys.version_info[:3])
        line = {"start": "run", "run": self.name, "runtime": {sys.implementation.name: version}}
        line.update({key: value for key, value in members.items() if value is not None})
        self._ingest.send(line)

    @property
    def ref(self):
        """The ref of the run, such as `run:wine.ridge-8k2m4x0q`; None if the run is not recorded."""
        self._ingest.flush()
        return self._ingest.refs.get(self.name)

    def param(self, key, value):
        """Sets a parameter."""
        self.params({key: value})

    def params(self, values):
        """Sets several parameters."""
        self._ingest.send({"run": self.name, "params": values})

    def stage(self, name):
        """Starts a stage."""
        return Stage(self, name)

    def log(self, data, step=None, commit=True):
        """Records numbers, in the manner of `wandb.log`. Without a step, the calls are counted. Other values become an
        event."""
        self._step = self._step if step is None else step
        data = _plain(data)
        if not isinstance(data, dict):
            Ingest._warn(f"log() needs values with names, such as {{'loss': 0.5}}; not recorded: {data}")
            return
        numbers, others = {}, {}
        for key, value in _flat(data):
            (others if _number(value) is None else numbers)[key] = value
        if numbers:
            self.metrics(numbers, step=self._step)
        if others:
            self.event("log", "values that are not numbers", step=self._step, values=others)
        if commit:
            self._step += 1

    def end(self, status=None, message=None):
        """Ends the run: as completed, or as failed if there is a message. Waits until the run is recorded."""
        global run
        if run is self:
            run = None
        if not self._has_ended:
            self._has_ended = True
            self._ingest.send({"end": "run", "run": self.name, "status": status, "message": message})
            self._ingest.flush()
            self._ingest._free(self.name)

    def finish(self, exit_code=None):
        """Ends the run, in the manner of `wandb.finish`."""
        self.end(message=f"exit code {exit_code}" if exit_code else None)

    def __enter__(self):
        return self

    def __exit__(self, error_type, error, _):
        self.end(*_end_of(error_type, error))
        return False


_guard = threading.Lock()
_default = None


def _release_guard():
    """Replaces the lock in a child process, where the thread that holds it does not exist."""
    global _guard
    _guard = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_guard)


def _ingest(workspace=None):
    """Returns the ingest of this process, and starts it if necessary."""
    global _default
    with _guard:
        if _default is None or _default._pid != os.getpid():
            _default = Ingest(workspace=workspace)
        return _default


def start_run(name, workspace=None, **members):
    """Starts a run. The members are those of a line with "start": "run" in docs/INGEST.md, such as `project`, `params`,
    `tags`, `description` and `dataset`. Only the first run of a process can choose the workspace."""
    return _ingest(workspace).start_run(name, **members)


def flush(timeout=_WAIT):
    """Waits until everything so far is recorded. Returns False after the time-out, or if it cannot be recorded."""
    return _ingest().flush(timeout)


def _members(values):
    """Returns the members of a configuration: of a mapping, of pairs, or the attributes of an object."""
    if isinstance(values, Mapping) or callable(getattr(values, "keys", None)):
        return {str(key): values[key] for key in values.keys()}
    if hasattr(values, "__dict__"):
        return dict(vars(values))
    return dict(values)


class _Config:
    """The parameters of a run, as attributes and as items. `run_of` returns the run, or None."""

    def __init__(self, run_of):
        object.__setattr__(self, "_run_of", run_of)
        object.__setattr__(self, "_values", {})

    def update(self, values, allow_val_change=None):
        try:
            values = _members(values)
        except (AttributeError, TypeError, ValueError):
            Ingest._warn(f"the configuration has no members and is not recorded: {type(values).__name__}")
            return
        self._values.update(values)
        run = self._run_of()
        if run is not None and values:
            run.params(values)

    def __getitem__(self, key):
        return self._values[key]

    def __setitem__(self, key, value):
        self.update({key: value})

    def __getattr__(self, key):
        # A copy has no values before its attributes are set.
        try:
            return self.__dict__["_values"][key]
        except KeyError:
            raise AttributeError(key) from None

    def __setattr__(self, key, value):
        self.update({key: value})

    def __contains__(self, key):
        return key in self._values

    def get(self, key, default=None):
        return self._values.get(key, default)

    def keys(self):
        return self._values.keys()


run = None
config = _Config(lambda: run)


def init(project=None, name=None, config=None, tags=None, notes=None, dir=None, **_others):
    """Starts the current run, in the manner of `wandb.init`. Other arguments are ignored."""
    global run
    finish()
    if tags is not None and not isinstance(tags, Mapping):
        tags = {str(tag): "true" for tag in tags}
    run = start_run(name or "run", workspace=dir, project=project, tags=tags, description=notes)
    # The module and the run have the same configuration.
    object.__setattr__(globals()["config"], "_values", run.config._values)
    if config is not None:
        run.config.update(config)
    return run


def log(data, step=None, commit=True):
    """Records numbers in the current run, in the manner of `wandb.log`. Without a step, the calls are counted."""
    if run is None:
        Ingest._warn("log() was called before init(); the values are not recorded")
        return
    run.log(data, step, commit)


def _flat(data, prefix=""):
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value


def finish(exit_code=None):
    """Ends the current run, in the manner of `wandb.finish`."""
    if run is not None:
        run.finish(exit_code)


class SummaryWriter:
    """Records scalars and texts, in the manner of `torch.utils.tensorboard.SummaryWriter`. The writer is a run of its
    own, which is named after the directory, unless a run is given."""

    def __init__(self, log_dir="run", run=None, **_others):
        self._is_own = run is None
        name = os.path.basename(os.path.normpath(os.fspath(log_dir))) if log_dir else "run"
        self._run = start_run(name) if run is None else run

    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, **_others):
        self._run.metric(tag, scalar_value, step=global_step)

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
        values = {f"{main_tag}/{tag}": value for tag, value in tag_scalar_dict.items()}
        self._run.metrics(values, step=global_step)

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        attributes = {} if global_step is None else {"step": global_step}
        self._run.event(tag, text_string, **attributes)

    def add_hparams(self, hparam_dict, metric_dict, **_others):
        self._run.params(hparam_dict)
        self._run.metrics(metric_dict)

    def flush(self):
        flush()

    def close(self):
        if self._is_own:
            self._run.end()

    def __enter__(self):
        return self

    def __exit__(self, error_type, error, _):
        if self._is_own:
            self._run.end(*_end_of(error_type, error))
        return False
