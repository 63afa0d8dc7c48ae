"""The facade :class:`Contexta`: an open workspace."""

from __future__ import annotations

import datetime
import os
import platform
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any

from contexta import _native, _scopes
from contexta._emissions import (
    ArtifactRegistrationEmission,
    EventEmission,
    MetricEmission,
    SpanEmission,
)
from contexta._reading import Reading
from contexta._results import BatchCaptureResult, CaptureResult
from contexta._scopes import (
    BatchScope,
    DeploymentScope,
    OperationScope,
    RunScope,
    SampleScope,
    Scope,
    Series,
    SpanGuard,
    StageScope,
)
from contexta._sinks import Sink
from contexta.config import UnifiedConfig, _loaded
from contexta.errors import ClosedScopeError
from contexta.store._facade import Stores

if TYPE_CHECKING:
    from typing_extensions import Self

_DEFAULT_WORKSPACE = ".contexta"
_captured = CaptureResult._of


class Contexta(Reading, Stores):
    """An open workspace: captures runs, answers queries, and gives access to the stores.

    The workspace is created if it does not exist. The settings come from the profile, the file ``contexta.toml`` in
    the workspace and the environment variables ``CONTEXTA_*``. If ``config`` is a mapping, its settings override these
    sources. If ``config`` is a :class:`contexta.config.UnifiedConfig`, it contains all settings, and ``workspace`` and
    ``profile`` are ignored. ``sinks`` replaces the sinks of the settings.
    """

    def __init__(
        self,
        *,
        workspace: str | os.PathLike[str] = _DEFAULT_WORKSPACE,
        profile: str | None = None,
        config: UnifiedConfig | Mapping[str, object] | None = None,
        sinks: Sequence[Sink] | None = None,
    ) -> None:
        self._sinks = tuple(sinks or ())
        inputs: dict[str, Any] = {}
        if isinstance(config, UnifiedConfig):
            inputs = {"config": config.to_dict(), "use_env": False}
        else:
            is_default = os.fspath(workspace) == _DEFAULT_WORKSPACE
            inputs = {"workspace": None if is_default else os.fspath(workspace), "profile": profile}
            inputs.update(config=config, discover=True)
        settings = _native.load_settings("load_config", inputs)
        self._settings = settings
        self._native = _native.Workspace.open(settings, None if sinks is None else list(sinks))
        self._config = config if isinstance(config, UnifiedConfig) else _loaded(settings)
        self._warnings = tuple(settings.warnings())
        capture, contract = self._config.capture, self._config.contract
        self._tolerates_invalid = (
            capture.dispatch_failure_mode == "outbox" or contract.validation_mode == "lenient"
        )

    @classmethod
    def open(
        cls,
        *,
        workspace: str | os.PathLike[str] = _DEFAULT_WORKSPACE,
        profile: str | None = None,
        config: UnifiedConfig | Mapping[str, object] | None = None,
        sinks: Sequence[Sink] | None = None,
    ) -> Contexta:
        """Opens a workspace. Identical to the constructor."""
        return cls(workspace=workspace, profile=profile, config=config, sinks=sinks)

    def _arguments(self) -> dict[str, Any]:
        """Returns the arguments that open the same workspace in another process, with the path made absolute."""
        if self._sinks:
            names = ", ".join(sink.name for sink in self._sinks)
            warnings.warn(f"the sinks that were given in code are not sent: {names}", RuntimeWarning, stacklevel=3)
        return {"workspace": self.workspace, "config": _loaded(self._settings)}

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (self._arguments(),)

    def __repr__(self) -> str:
        return f"<Contexta {self.project_name!r} in {self.workspace}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Writes the end of the log of this process and releases the sinks. A later capture opens the log again."""
        self._native.close()

    # Properties.

    @property
    def workspace(self) -> str:
        """The root directory of the workspace."""
        return str(self._native.root)

    @property
    def config(self) -> UnifiedConfig:
        """The settings."""
        return self._config

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about settings that can be used, but may be mistakes."""
        return self._warnings

    @property
    def project_name(self) -> str:
        """The name of the project that new runs belong to."""
        return self._native.project_name  # type: ignore[no-any-return]

    @property
    def session(self) -> Contexta:
        """The session of captures: this object."""
        return self

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """The sinks that were given in code."""
        return self._sinks

    # Runs and deployments.

    def run(
        self,
        name: str,
        *,
        run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        code_revision: str | None = None,
        config_snapshot: Mapping[str, Any] | None = None,
        dataset_ref: str | None = None,
        params: Any | None = None,
        description: str | None = None,
    ) -> RunScope:
        """Starts a run. Use the result as a context manager: leaving the block completes the run, and an exception
        fails the run with its message.

        ``run_id`` is generated when it is ``None``. ``metadata`` and ``config_snapshot`` are mappings of any values.
        ``params`` is a mapping, a dataclass or a namespace of hyper-parameters. ``code_revision`` is detected from git
        when it is ``None``.

        Example::

            with ctx.run("training", tags={"env": "prod"}) as run:
                ctx.metric("accuracy", 0.94)
        """
        parts = {
            "run_id": run_id,
            "tags": tags,
            "metadata": metadata,
            "code_revision": code_revision,
            "config_snapshot": config_snapshot,
            "dataset_ref": dataset_ref,
            "params": params,
            "description": description,
        }
        capture = self.config.capture
        if capture.capture_environment_snapshot:
            parts["runtime"] = ("python", platform.python_version())
            if capture.capture_installed_packages:
                parts["packages"] = _installed_packages()
        return RunScope(self._native.start_run(name, parts), self)

    def attach(self, run: str, *, label: str | None = None) -> RunScope:
        """Attaches to an open run as a further writer, for example in another process. ``label`` names the writer."""
        return RunScope(self._native.join_run(self._native.find_run(str(run)), False, None, label), self)

    def resume(self, run: str, *, from_step: int | None = None, label: str | None = None) -> RunScope:
        """Begins a new attempt of a run. The attempt replaces the points of earlier attempts from ``from_step`` on."""
        return RunScope(self._native.join_run(self._native.find_run(str(run)), True, from_step, label), self)

    def attach_from_environment(self) -> RunScope | None:
        """Attaches to the run that the environment variable ``CONTEXTA_RUN`` names, which ``contexta exec`` sets.

        Returns ``None`` if the variable is not set.
        """
        native = self._native.join_run()
        return None if native is None else RunScope(native, self)

    def deployment(
        self,
        name: str,
        *,
        deployment_ref: Any | None = None,
        run_ref: Any | None = None,
        artifact_ref: Any | None = None,
        environment_snapshot_ref: Any | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> DeploymentScope:
        """Starts a deployment of an artifact. Records of the deployment belong to the run ``run_ref``."""
        own = None if deployment_ref is None else str(deployment_ref).rsplit(".", 1)[-1]
        links = [None if ref is None else str(ref) for ref in (run_ref, artifact_ref, environment_snapshot_ref)]
        return DeploymentScope(self._native.start_deployment(name, own, *links, metadata), self)

    # The current scope.

    def current_scope(self) -> Scope | None:
        """Returns the innermost open scope of this thread or task; ``None`` if no scope is open."""
        return _scopes.current(self)

    def _nearest(self, kind: type[_scopes._S]) -> _scopes._S | None:
        for entered in reversed(_scopes._entered.get()):
            scope: Scope | None = entered if entered._session is self else None
            while scope is not None:
                if isinstance(scope, kind) and not scope.is_closed:
                    return scope
                scope = scope._parent
        return None

    def current_run(self) -> RunScope | None:
        """Returns the current run; ``None`` if no run is open."""
        return self._nearest(RunScope)

    def current_stage(self) -> StageScope | None:
        """Returns the current stage; ``None`` if no stage is open."""
        return self._nearest(StageScope)

    def current_batch(self) -> BatchScope | None:
        """Returns the current batch; ``None`` if no batch is open."""
        return self._nearest(BatchScope)

    def current_sample(self) -> SampleScope | None:
        """Returns the current sample; ``None`` if no sample is open."""
        return self._nearest(SampleScope)

    def current_operation(self) -> OperationScope | None:
        """Returns the current operation; ``None`` if no operation is open."""
        return self._nearest(OperationScope)

    def current_deployment(self) -> DeploymentScope | None:
        """Returns the current deployment; ``None`` if no deployment is open."""
        return self._nearest(DeploymentScope)

    # Capture into the current scope.

    def event(
        self,
        key: str,
        *,
        message: str,
        level: str = "info",
        attributes: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> CaptureResult:
        """Captures an event into the current scope.

        ``key`` is a key such as ``dataset.loaded``, ``message`` a text for people, and ``level`` one of ``debug``,
        ``info``, ``warning``, ``error`` and ``critical``. ``attributes`` is a mapping of values with a JSON form.
        """
        scope = _scopes.required(self)
        return scope.event(key, message=message, level=level, attributes=attributes, tags=tags)

    def emit_events(self, emissions: Sequence[EventEmission | Mapping[str, Any]]) -> BatchCaptureResult:
        """Captures several events into the current scope, in one commit."""
        return _scopes.required(self).emit_events(emissions)

    def metric(
        self,
        key: str,
        value: Any,
        *,
        unit: str | None = None,
        aggregation_scope: str = "step",
        tags: Mapping[str, str] | None = None,
        summary_basis: str = "raw_observation",
        step: Any | None = None,
    ) -> CaptureResult:
        """Captures a metric value into the current scope.

        ``value`` is a number; scalars of numpy and torch are accepted. ``step`` is the number of the training step.
        """
        scopes = _scopes._entered.get()
        scope = scopes[-1] if scopes else None
        if scope is None or scope._session is not self:
            scope = _scopes.required(self)
        try:
            # The path of most calls has no further call of Python code.
            if unit is None and tags is None and aggregation_scope == "step" and summary_basis == "raw_observation":
                return _captured(scope._native.metric(key, value, step))
            return scope.metric(
                key,
                value,
                unit=unit,
                aggregation_scope=aggregation_scope,
                tags=tags,
                summary_basis=summary_basis,
                step=step,
            )
        except _scopes._REFUSALS as error:
            return scope._refused(error, key)
        except ClosedScopeError:
            # Another thread or task has closed the innermost scope.
            return _scopes.required(self).metric(
                key,
                value,
                unit=unit,
                aggregation_scope=aggregation_scope,
                tags=tags,
                summary_basis=summary_basis,
                step=step,
            )

    def metrics(self, values: Mapping[str, Any], *, step: Any | None = None) -> BatchCaptureResult:
        """Captures several metric values of one step into the current scope, in one commit.

        Example::

            ctx.metrics({"loss": 0.5, "accuracy": 0.9}, step=3)
        """
        return _scopes.required(self).metrics(values, step=step)

    def emit_metrics(self, emissions: Sequence[MetricEmission | Mapping[str, Any]]) -> BatchCaptureResult:
        """Captures several metric values into the current scope, in one commit."""
        return _scopes.required(self).emit_metrics(emissions)

    def series(
        self,
        key: str,
        *,
        unit: str | None = None,
        aggregation_scope: str = "step",
        tags: Mapping[str, str] | None = None,
        summary_basis: str = "raw_observation",
    ) -> Series:
        """Returns a handle that captures many points of one metric into the current scope. The handle is faster than
        separate calls of :meth:`metric`.
        """
        return _scopes.required(self).series(
            key, unit=unit, aggregation_scope=aggregation_scope, tags=tags, summary_basis=summary_basis
        )

    def span(
        self,
        name: str,
        *,
        started_at: str | datetime.datetime | None = None,
        ended_at: str | datetime.datetime | None = None,
        status: str = "ok",
        span_kind: str = "operation",
        attributes: Mapping[str, Any] | None = None,
        linked_refs: Sequence[Any] | None = None,
        parent_span_id: str | None = None,
    ) -> CaptureResult:
        """Captures a span into the current scope. Start and end are times as ISO text or ``datetime``."""
        return _scopes.required(self).span(
            name,
            started_at=started_at,
            ended_at=ended_at,
            status=status,
            span_kind=span_kind,
            attributes=attributes,
            linked_refs=linked_refs,
            parent_span_id=parent_span_id,
        )

    def start_span(
        self, name: str, *, span_kind: str = "operation", attributes: Mapping[str, Any] | None = None
    ) -> SpanGuard:
        """Returns a context manager that measures a span in the current scope."""
        return _scopes.required(self).start_span(name, span_kind=span_kind, attributes=attributes)

    def emit_spans(self, emissions: Sequence[SpanEmission | Mapping[str, Any]]) -> BatchCaptureResult:
        """Captures several spans into the current scope, in one commit."""
        return _scopes.required(self).emit_spans(emissions)

    def register_artifact(
        self,
        artifact_kind: str,
        path: Any,
        *,
        artifact_ref: Any | None = None,
        attributes: Mapping[str, Any] | None = None,
        compute_hash: bool = True,
        allow_missing: bool = False,
        key: str | None = None,
        role: str = "output",
        ingest_mode: str | None = None,
        step: Any | None = None,
    ) -> CaptureResult:
        """Stores a file or directory as an artifact of the current scope. By default, the content is copied into the
        workspace; ``ingest_mode`` selects another method.

        ``artifact_kind`` is a lower-case word such as ``model`` or ``dataset``. With ``allow_missing``, a file that
        does not exist is recorded without content. ``key`` is the last component of the artifact's ref.
        """
        return _scopes.required(self).register_artifact(
            artifact_kind,
            path,
            artifact_ref=artifact_ref,
            attributes=attributes,
            compute_hash=compute_hash,
            allow_missing=allow_missing,
            key=key,
            role=role,
            ingest_mode=ingest_mode,
            step=step,
        )

    def register_artifacts(
        self, emissions: Sequence[ArtifactRegistrationEmission | Mapping[str, Any]]
    ) -> BatchCaptureResult:
        """Registers several artifacts of the current scope."""
        return _scopes.required(self).register_artifacts(emissions)


def _open(arguments: dict[str, Any]) -> Contexta:
    return Contexta(**arguments)


@cache
def _installed_packages() -> dict[str, str]:
    """Returns the versions of the installed distributions. A distribution without name or version is left out."""
    from importlib import metadata

    packages: dict[str, str] = {}
    for distribution in metadata.distributions():
        try:
            name, version = distribution.metadata["Name"], distribution.version
        except Exception:
            continue
        if name and version:
            packages.setdefault(str(name), str(version))
    return packages
