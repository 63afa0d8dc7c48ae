"""Recovery: backups, restores, replays of the outbox, checks and repairs.

::

    from contexta.recovery import create_workspace_backup, plan_restore, plan_workspace_backup, restore_workspace

    plan = plan_workspace_backup(ctx.config, label="manual")
    result = create_workspace_backup(ctx.config, plan)
    check = restore_workspace(ctx.config, plan_restore(ctx.config, result.backup_ref, verify_only=True))
    print(check.status, check.verification_notes)

Backups, restores, removals and repairs are planned first. Planning changes nothing. In all functions, ``config`` is a
whole configuration such as ``ctx.config``, or an open workspace.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from contexta import _native
from contexta._model import FrozenMapping, Model
from contexta._plain import plain_form
from contexta.config import UnifiedConfig
from contexta.errors import ConfigurationError, RecoveryError, ValidationError
from contexta.store._common import Note, convert

if TYPE_CHECKING:
    from contexta._facade import Contexta
    from contexta._sinks import Sink

    Config: TypeAlias = UnifiedConfig | Contexta
    Level: TypeAlias = Literal["frames", "chain", "bodies", "projections"]

P = TypeVar("P", bound=Model)

__all__ = [
    "BackupList",
    "BackupPlan",
    "BackupProblem",
    "BackupResult",
    "BackupRow",
    "BackupVerification",
    "Note",
    "PrunePlan",
    "RepairPlan",
    "RepairResult",
    "ReplayBatchResult",
    "ReplayEntry",
    "RestorePlan",
    "RestoreResult",
    "UnreadableBackup",
    "WorkspaceVerification",
    "create_workspace_backup",
    "list_backups",
    "plan_prune",
    "plan_repair",
    "plan_restore",
    "plan_workspace_backup",
    "prune_backups",
    "repair",
    "replay_outbox",
    "restore_workspace",
    "verify_backup",
    "verify_workspace",
]


# Plans and results.


@dataclass(frozen=True, slots=True)
class BackupPlan(Model):
    """The plan of a backup. ``estimated_bytes`` is the total length of all files; a backup writes only the content that
    earlier backups do not have.
    """

    backup_ref: str
    label: str | None
    created_at: str
    workspace_root: Path
    backup_root: Path
    included_sections: tuple[str, ...]
    estimated_bytes: int
    notes: tuple[Note, ...] = ()
    _native: Any = field(default=None, repr=False, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        convert(self, workspace_root=Path(self.workspace_root), backup_root=Path(self.backup_root))

    def __reduce__(self) -> tuple[Any, ...]:
        return BackupPlan.from_dict, (self.to_dict(),)


@dataclass(frozen=True, slots=True)
class BackupResult(Model):
    """The result of a backup. ``status`` is ``SUCCESS``, or ``DEGRADED`` if a file could not be copied. ``location`` is
    the file that describes the backup.
    """

    status: str
    backup_ref: str
    created_at: str
    location: Path
    included_sections: tuple[str, ...]
    bytes_written: int
    objects_written: int
    objects_reused: int
    streams: int
    bodies: int
    files: int
    notes: tuple[Note, ...] = ()
    verification_notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        convert(self, location=Path(self.location))


@dataclass(frozen=True, slots=True)
class BackupRow(Model):
    """A backup in a list."""

    backup_ref: str
    label: str | None
    created_at: str
    workspace_root: str
    included_sections: tuple[str, ...]
    bytes: int
    heads: tuple[str, ...]
    streams: int
    bodies: int
    files: int
    status: str
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadableBackup(Model):
    """A file that should describe a backup and cannot be read."""

    path: Path
    reason: str

    def __post_init__(self) -> None:
        convert(self, path=Path(self.path))


@dataclass(frozen=True, slots=True)
class BackupList(Model):
    """The backups of a workspace."""

    backup_root: Path
    backups: tuple[BackupRow, ...] = ()
    unreadable: tuple[UnreadableBackup, ...] = ()

    def __post_init__(self) -> None:
        convert(self, backup_root=Path(self.backup_root))


@dataclass(frozen=True, slots=True)
class BackupProblem(Model):
    """A damaged or missing object of backups. ``object`` is its digest."""

    code: str
    object: str
    message: str
    backups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackupVerification(Model):
    """The verification of backups. ``healed`` is the number of objects that were replaced by intact copies."""

    status: str
    backups: tuple[str, ...]
    objects: int
    bytes: int
    healed: int
    problems: tuple[BackupProblem, ...] = ()
    unreadable: tuple[UnreadableBackup, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class PrunePlan(Model):
    """The plan of a removal of old backups. ``objects`` are the digests of content that only these backups have."""

    backup_root: Path
    keep_last: int
    kept: tuple[str, ...]
    removed: tuple[str, ...]
    objects: tuple[str, ...]
    bytes: int
    _native: Any = field(default=None, repr=False, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        convert(self, backup_root=Path(self.backup_root))

    def __reduce__(self) -> tuple[Any, ...]:
        return PrunePlan.from_dict, (self.to_dict(),)


@dataclass(frozen=True, slots=True)
class RestorePlan(Model):
    """The plan of a restore. A stream is the part of the log that one writer appended. ``removed_streams`` are the
    streams of the target that the backup does not contain, and that the restore removes.
    """

    backup_ref: str
    created_at: str
    source_root: Path
    target_workspace: Path
    staging_root: Path
    create_safety_backup: bool
    verify_only: bool
    to_time: str | None
    included_sections: tuple[str, ...]
    streams: tuple[str, ...]
    removed_streams: tuple[str, ...]
    log_bytes: int
    bodies: int
    missing_bodies: int
    missing_body_bytes: int
    files: int
    notes: tuple[Note, ...] = ()
    _native: Any = field(default=None, repr=False, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        paths = {name: Path(getattr(self, name)) for name in ("source_root", "target_workspace", "staging_root")}
        convert(self, **paths)

    def __reduce__(self) -> tuple[Any, ...]:
        return RestorePlan.from_dict, (self.to_dict(),)


@dataclass(frozen=True, slots=True)
class RestoreResult(Model):
    """The result of a restore. ``applied`` is ``True`` if the log of the target was replaced. ``digest`` is the digest
    of the tables that were derived from the restored log, and ``entries`` the number of its entries.
    """

    status: str
    backup_ref: str
    target_workspace: Path
    applied: bool
    entries: int
    digest: str
    bodies: int
    bodies_added: int
    files_written: int
    safety_backup_ref: str | None = None
    notes: tuple[Note, ...] = ()
    verification_notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        convert(self, target_workspace=Path(self.target_workspace))


@dataclass(frozen=True, slots=True)
class ReplayEntry(Model):
    """The delivery of one payload to a sink. ``attempts`` is the number of failed deliveries so far."""

    replay_ref: str
    family: str
    target: str
    status: str
    detail: str
    attempts: int


@dataclass(frozen=True, slots=True)
class ReplayBatchResult(Model):
    """The result of a replay of the outbox. ``status`` is ``FAILURE`` if every delivery failed, and ``DEGRADED`` if
    some failed. ``details`` has the numbers of payloads of each sink.
    """

    status: str
    entries: tuple[ReplayEntry, ...] = ()
    acknowledged_count: int = 0
    pending_count: int = 0
    dead_lettered_count: int = 0
    log_added_count: int = 0
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=FrozenMapping)


@dataclass(frozen=True, slots=True)
class WorkspaceVerification(Model):
    """The check of a workspace. ``outcome`` is ``whole`` if no problem was found."""

    outcome: str
    subset: Mapping[str, Any] | None
    entries: int
    bodies: int
    heads: int
    projections: Mapping[str, Any]
    streams: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class RepairPlan(Model):
    """The plan of a repair of log, tables and bodies. ``fingerprint`` identifies the state that was examined."""

    fingerprint: str
    source: str | None
    heals: tuple[Mapping[str, Any], ...] = ()
    unread: tuple[str, ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()
    unrepaired: tuple[Mapping[str, Any], ...] = ()
    bodies: tuple[Mapping[str, Any], ...] = ()
    forgets: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[Note, ...] = ()
    _native: Any = field(default=None, repr=False, compare=False, kw_only=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return RepairPlan.from_dict, (self.to_dict(),)


@dataclass(frozen=True, slots=True)
class RepairResult(Model):
    """The result of a repair. ``quarantined`` are the copies of replaced and removed files."""

    status: str
    source: str | None
    healed: tuple[Mapping[str, Any], ...] = ()
    applied: tuple[Mapping[str, Any], ...] = ()
    unrepaired: tuple[Mapping[str, Any], ...] = ()
    missing: tuple[Mapping[str, Any], ...] = ()
    bodies: tuple[Mapping[str, Any], ...] = ()
    quarantined: tuple[Path, ...] = ()
    forgotten: tuple[Mapping[str, Any], ...] = ()
    recorded_losses: int = 0
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        convert(self, quarantined=tuple(Path(path) for path in self.quarantined))


# Backups.


def plan_workspace_backup(
    config: Config,
    *,
    label: str | None = None,
    include_cache: bool = False,
    include_exports: bool = False,
) -> BackupPlan:
    """Plans a backup. Writes nothing.

    ``label`` becomes part of the name of the backup. ``include_cache`` includes cached files, which can be created
    again, and ``include_exports`` includes exports.
    """
    native = _backups(config).plan(label, include_cache, include_exports)
    return _with_native(BackupPlan, native)


def create_workspace_backup(config: Config, plan: BackupPlan) -> BackupResult:
    """Creates the planned backup. Processes may write to the workspace during the backup. A backup that is interrupted
    does not exist afterwards.
    """
    backups = _backups(config, plan.backup_root)
    if Path(backups.workspace_root) != plan.workspace_root:
        details = {"planned": str(plan.workspace_root), "configured": str(backups.workspace_root)}
        message = f"the plan is for the workspace {plan.workspace_root}, not for {backups.workspace_root}"
        raise ValidationError(message, code="recovery_plan_mismatch", details=details)
    native = plan._native
    if native is None:
        sections = plan.included_sections
        earlier = (plan.backup_ref, plan.created_at)
        native = backups.plan(plan.label, "cache" in sections, "exports" in sections, earlier)
        _check_same(plan, _with_native(BackupPlan, native), "estimated_bytes", "notes")
    return BackupResult.from_dict(backups.create(native))


def list_backups(config: Config) -> BackupList:
    """Lists the backups of the workspace."""
    return BackupList.from_dict(_backups(config).list())


def verify_backup(
    config: Config, backup_ref: str | os.PathLike[str] | None = None, *, heal: bool = False
) -> BackupVerification:
    """Reads every object of a backup, or of all backups, and compares it with its digest. With ``heal``, missing and
    damaged objects are replaced by intact copies from the workspace.
    """
    name, root = (None, None) if backup_ref is None else _located(backup_ref)
    backups = _backups(config, root)
    heal_from = str(backups.workspace_root) if heal else None
    return BackupVerification.from_dict(backups.verify(name, heal_from))


def plan_prune(config: Config, *, keep_last: int) -> PrunePlan:
    """Plans a removal of all backups except the newest ``keep_last``, and of content that no other backup has."""
    keep = _number(keep_last, "keep_last")
    return _with_native(PrunePlan, _backups(config).plan_prune(keep))


def prune_backups(config: Config, plan: PrunePlan) -> None:
    """Removes the planned backups. Raises :class:`contexta.errors.RecoveryError` if the backups have changed since."""
    backups = _backups(config, plan.backup_root)
    native = plan._native
    if native is None:
        native = backups.plan_prune(plan.keep_last)
        _check_same(plan, _with_native(PrunePlan, native))
    backups.prune(native)


# Restores.


def plan_restore(
    config: Config,
    backup_ref: str | os.PathLike[str],
    *,
    target_workspace: str | os.PathLike[str] | None = None,
    verify_only: bool = False,
    to_time: str | datetime.datetime | None = None,
) -> RestorePlan:
    """Plans a restore. Writes nothing.

    ``backup_ref`` is the name of a backup, or the path that :attr:`BackupResult.location` has. The backup is restored
    into ``target_workspace``; by default into the workspace of the settings. With ``verify_only``, the backup is only
    checked. Entries after ``to_time`` are left out.
    """
    name, root = _located(backup_ref)
    target = None if target_workspace is None else os.fspath(target_workspace)
    time = None if to_time is None else str(plain_form(to_time))
    return _with_native(RestorePlan, _backups(config, root).plan_restore(name, target, verify_only, time))


def restore_workspace(config: Config, plan: RestorePlan) -> RestoreResult:
    """Restores the planned backup. The restored log is checked completely before it replaces the log of the target. If
    the check fails, the target is not changed.

    Raises :class:`contexta.errors.StoreAccessError` (``workspace_in_use``) if a process writes to the target: close the
    workspace first.
    """
    backups = _backups(config, plan.source_root)
    native = plan._native
    if native is None:
        target = str(plan.target_workspace)
        native = backups.plan_restore(plan.backup_ref, target, plan.verify_only, plan.to_time)
        _check_same(plan, _with_native(RestorePlan, native))
    return RestoreResult.from_dict(backups.restore(native))


# The outbox.


def replay_outbox(
    config: Config,
    *,
    target: str | None = None,
    limit: int | None = None,
    acknowledge_successes: bool = True,
    dead_letter_after_failures: int | None = None,
    sinks: Sequence[Sink] | None = None,
) -> ReplayBatchResult:
    """Delivers the payloads that wait for sinks, and appends payloads to the log whose earlier append failed.

    ``target`` is the name of a sink: the replay then delivers to this sink only. ``limit`` is the greatest number of
    deliveries. With ``acknowledge_successes``, a delivered payload is not delivered again. A payload whose delivery has
    failed ``dead_letter_after_failures`` times becomes a dead letter, which is not delivered again; with ``None``, no
    payload becomes a dead letter. ``sinks`` replaces the sinks of ``config``; each of them receives the payloads that
    wait for a sink with its name.
    """
    if target is not None and not str(target).strip():
        raise ValidationError("the name of the target is blank", code="recovery_invalid_text")
    count = None if limit is None else _number(limit, "limit")
    failures = dead_letter_after_failures
    failures = None if failures is None else _number(failures, "dead_letter_after_failures", least=1, most=2**32 - 1)
    options = (None if target is None else str(target), count, bool(acknowledge_successes), failures)
    given = None if sinks is None else list(sinks)
    workspace = _opened(config)
    if workspace is not None:
        return ReplayBatchResult.from_dict(workspace.replay_outbox(options, given))
    return ReplayBatchResult.from_dict(_native.replay_outbox(_settings(config), options, given))


# Checks and repairs.


def verify_workspace(config: Config, *, level: Level = "projections") -> WorkspaceVerification:
    """Checks a workspace. Each level includes the levels before it: ``frames`` checks the checksums and numbers of the
    entries of the log, ``chain`` the digests of finished segments and the chain of digests over the entries, ``bodies``
    the bodies of artifacts, and ``projections`` compares the tables with the log.
    """
    return WorkspaceVerification.from_dict(_workspace(config).verify(str(level)))


def plan_repair(
    config: Config,
    *,
    source: str | os.PathLike[str] | None = None,
    repository: str | os.PathLike[str] | None = None,
    forget: bool = False,
) -> RepairPlan:
    """Plans a repair of log, tables and bodies. Changes nothing.

    ``source`` has intact copies: the name of a backup, a directory with backups, or another workspace. ``repository``
    is the directory of the named backup. With ``forget``, later checks no longer report parts that are lost.
    """
    paths = [None if path is None else os.fspath(path) for path in (source, repository)]
    return _with_native(RepairPlan, _workspace(config).plan_repair(paths[0], paths[1], forget))


def repair(config: Config, plan: RepairPlan) -> RepairResult:
    """Applies the plan of a repair. Every entry that can be read before the repair can be read afterwards. Copies of
    replaced and removed files are in quarantine.

    A plan that was copied or read from a file cannot be applied: plan again.
    """
    if plan._native is None:
        hint = "call plan_repair again, and apply its result in the same process"
        raise RecoveryError("a copy of the plan cannot be applied", code="recovery_plan_outdated", hint=hint)
    return RepairResult.from_dict(_workspace(config).repair(plan._native))


# Internals.


def _with_native(model: type[P], native: Any) -> P:
    """Creates a plan with its native form."""
    plan = model.from_dict(native.to_dict())
    convert(plan, _native=native)
    return plan


def _check_same(plan: Model, now: Model, *ignored: str) -> None:
    """Raises an error if a plan that was made again differs from the plan."""
    old, new = plan.to_dict(), now.to_dict()
    changed = sorted(name for name in old if name not in ignored and old[name] != new[name])
    if changed:
        message = f"the workspace or its backups have changed since the plan was made: {', '.join(changed)}"
        details = {"changed": ", ".join(changed)}
        raise RecoveryError(message, code="recovery_plan_outdated", details=details, hint="plan again")


def _opened(config: Config) -> _native.Workspace | None:
    """Returns the native workspace of an open workspace; ``None`` for settings."""
    native = getattr(config, "_native", None)
    return native if isinstance(native, _native.Workspace) else None


def _settings(config: Config) -> _native.Settings:
    unified = config if isinstance(config, UnifiedConfig) else getattr(config, "config", None)
    if not isinstance(unified, UnifiedConfig):
        message = f"expected a UnifiedConfig such as ctx.config, not {type(config).__name__}"
        raise ConfigurationError(message, code="recovery_invalid_config")
    return _native.load_settings("load_config", {"config": unified.to_dict(), "use_env": False})


def _backups(config: Config, root: Path | None = None) -> _native.Backups:
    return _native.Backups(_settings(config), None if root is None else str(root))


def _workspace(config: Config) -> _native.Workspace:
    opened = _opened(config)
    return _native.Workspace.open(_settings(config), [], True) if opened is None else opened


_MANIFEST_ENDING = ".jsonl"


def _located(backup: str | os.PathLike[str]) -> tuple[str, Path | None]:
    """Returns the name of a backup, and the directory of its repository if ``backup`` is the path of its manifest."""
    text = os.fspath(backup)
    path = Path(text)
    if path.suffix == _MANIFEST_ENDING and path.parent.name == "backups":
        return path.stem, path.absolute().parent.parent
    return text, None


def _number(value: Any, name: str, *, least: int = 0, most: int = 2**63 - 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        message = f"{name} is {value!r}; expected an integer from {least} to {most}"
        raise ValidationError(message, code="recovery_invalid_number", details={"field": name})
    return value
