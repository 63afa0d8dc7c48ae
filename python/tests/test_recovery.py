"""Backups, restores, replays of the outbox, checks and repairs."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from contexta import Contexta, _native
from contexta import recovery as recover
from contexta.capture import MemorySink, Sink
from contexta.config import UnifiedConfig, WorkspaceConfig
from contexta.errors import (
    ConfigurationError,
    ContextaError,
    NotFoundError,
    RecoveryError,
    ReplayError,
    StoreAccessError,
    ValidationError,
)
from contexta.recovery import (
    create_workspace_backup,
    list_backups,
    plan_prune,
    plan_repair,
    plan_restore,
    plan_workspace_backup,
    prune_backups,
    repair,
    replay_outbox,
    restore_workspace,
    verify_backup,
    verify_workspace,
)


def code_of(raised: pytest.ExceptionInfo[ContextaError]) -> str:
    return raised.value.code


def capture_run(ctx: Contexta, name: str = "first") -> None:
    with ctx.run(name):
        ctx.metric("loss", 0.5, step=1)


def run_names(ctx: Contexta) -> list[str]:
    return sorted(run.name for run in ctx.metadata_store.runs.list_runs())


@pytest.fixture
def filled(ctx: Contexta) -> Contexta:
    """A workspace with one run."""
    capture_run(ctx)
    return ctx


# Backups and restores.


def test_backup_and_verification_as_printed(filled: Contexta, capsys: pytest.CaptureFixture[str]) -> None:
    ctx = filled

    from contexta.recovery import create_workspace_backup, plan_workspace_backup

    plan = plan_workspace_backup(ctx.config, label="manual")
    result = create_workspace_backup(ctx.config, plan)
    print(result.backup_ref)
    print(result.location)

    from contexta.recovery import plan_restore, restore_workspace

    restore_plan = plan_restore(
        ctx.config,
        result.backup_ref,
        verify_only=True,
    )
    restore_check = restore_workspace(ctx.config, restore_plan)
    print(restore_check.status)
    print(restore_check.verification_notes)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("manual-") and lines[0] == plan.backup_ref
    assert Path(lines[1]).is_file() and lines[2] == "SUCCESS" and f"manifest:{lines[0]}" in lines[3]
    assert result.status == "SUCCESS" and not restore_check.applied and restore_check.entries > 0
    assert run_names(ctx) == ["first"]


def test_plans_write_nothing_and_have_the_documented_defaults(filled: Contexta, tmp_path: Path) -> None:
    filled.close()
    before = sorted(tmp_path.rglob("*"))
    plan = plan_workspace_backup(filled.config)
    assert sorted(tmp_path.rglob("*")) == before
    assert plan.label is None and plan.backup_ref.startswith("backup-") and plan.workspace_root == tmp_path / "ws"
    assert [note.code for note in plan.notes] == ["cache_excluded", "exports_excluded"]
    assert "records" in plan.included_sections and plan.estimated_bytes > 0
    whole = plan_workspace_backup(filled.config, include_cache=True, include_exports=True, label="标签 x")
    assert {"cache", "exports"} <= set(whole.included_sections) and whole.notes == ()
    assert whole.label == "标签 x" and whole.backup_ref.startswith("标签-x-")
    result = create_workspace_backup(filled.config, plan)
    before = sorted(tmp_path.rglob("*"))
    restore = plan_restore(filled.config, result.backup_ref)
    assert sorted(tmp_path.rglob("*")) == before
    assert (restore.verify_only, restore.create_safety_backup, restore.to_time) == (False, True, None)
    assert restore.target_workspace == tmp_path / "ws"


def test_restore_replaces_the_workspace_and_keeps_a_safety_backup(filled: Contexta) -> None:
    config = filled.config
    backup = create_workspace_backup(config, plan_workspace_backup(config))
    capture_run(filled, "second")
    filled.close()
    result = restore_workspace(config, plan_restore(config, backup.backup_ref))
    assert result.applied and result.status == "SUCCESS" and result.safety_backup_ref is not None
    with Contexta(config=config) as ctx:
        assert run_names(ctx) == ["first"]
    again = restore_workspace(config, plan_restore(config, result.safety_backup_ref))
    assert again.applied
    with Contexta(config=config) as ctx:
        assert run_names(ctx) == ["first", "second"]
    refs = [row.backup_ref for row in list_backups(config).backups]
    assert backup.backup_ref in refs and result.safety_backup_ref in refs


def test_restore_into_another_workspace(filled: Contexta, tmp_path: Path) -> None:
    config, target = filled.config, tmp_path / "restored"
    backup = create_workspace_backup(config, plan_workspace_backup(config))
    for backup_ref in (backup.backup_ref, backup.location, str(backup.location)):
        plan = plan_restore(config, backup_ref, target_workspace=target, verify_only=True)
        assert plan.target_workspace == target and not restore_workspace(config, plan).applied
    assert not target.exists()
    result = restore_workspace(config, plan_restore(config, backup.location, target_workspace=target))
    assert result.applied and result.safety_backup_ref is None and result.target_workspace == target
    with Contexta(workspace=target) as ctx:
        assert run_names(ctx) == ["first"]


def test_restore_up_to_a_time_leaves_later_entries_out(filled: Contexta, tmp_path: Path) -> None:
    (first,) = filled.metadata_store.runs.list_runs()
    capture_run(filled, "second")
    backup = create_workspace_backup(filled.config, plan_workspace_backup(filled.config))
    target = tmp_path / "restored"
    plan = plan_restore(filled.config, backup.backup_ref, target_workspace=target, to_time=first.ended_at)
    assert plan.to_time is not None
    restore_workspace(filled.config, pickle.loads(pickle.dumps(plan)))
    with Contexta(workspace=target) as ctx:
        assert run_names(ctx) == ["first"]
    with pytest.raises(ValidationError) as raised:
        plan_restore(filled.config, backup.backup_ref, to_time="yesterday")
    assert code_of(raised) == "recovery_invalid_time"


def test_restore_beside_a_writer_is_refused(filled: Contexta) -> None:
    backup = create_workspace_backup(filled.config, plan_workspace_backup(filled.config))
    scope = filled.run("open")
    with pytest.raises(StoreAccessError) as raised:
        restore_workspace(filled.config, plan_restore(filled.config, backup.backup_ref))
    assert code_of(raised) == "workspace_in_use" and raised.value.hint
    scope.__enter__()
    scope.__exit__(None, None, None)
    assert run_names(filled) == ["first", "open"]


def test_unknown_and_unusable_backups_are_typed_errors(filled: Contexta, tmp_path: Path) -> None:
    for backup_ref, code in [
        ("none-2024-01-01T00-00-00_000000Z", "recovery_backup_not_found"),
        ("../../ws", "recovery_backup_ref_invalid"),
        ("", "recovery_backup_ref_invalid"),
        (tmp_path / "backups" / "x.jsonl", "recovery_backup_not_found"),
    ]:
        with pytest.raises(ContextaError) as raised:
            plan_restore(filled.config, backup_ref)
        assert code_of(raised) == code
        with pytest.raises(ContextaError):
            verify_backup(filled.config, backup_ref)
    missing = UnifiedConfig(workspace=WorkspaceConfig(root_path=tmp_path / "none"))
    with pytest.raises(NotFoundError) as absent:
        plan_workspace_backup(missing)
    assert code_of(absent) == "workspace_not_found"
    with pytest.raises(ConfigurationError) as settings:
        plan_workspace_backup({"workspace": "x"})  # type: ignore[arg-type]
    assert code_of(settings) == "recovery_invalid_config"


def test_an_open_workspace_is_accepted_instead_of_its_settings(filled: Contexta) -> None:
    backup = create_workspace_backup(filled, plan_workspace_backup(filled, label="open"))
    assert list_backups(filled) == list_backups(filled.config)
    assert restore_workspace(filled, plan_restore(filled, backup.backup_ref, verify_only=True)).status == "SUCCESS"


# Plans that were copied.


def test_a_copied_plan_of_a_backup_creates_the_planned_backup(filled: Contexta) -> None:
    plan = plan_workspace_backup(filled.config, label="copied", include_exports=True)
    copy = pickle.loads(pickle.dumps(plan))
    assert copy == plan and copy._native is None and recover.BackupPlan.from_dict(plan.to_dict()) == plan
    capture_run(filled, "second")
    result = create_workspace_backup(filled.config, copy)
    assert (result.backup_ref, result.created_at) == (plan.backup_ref, plan.created_at)
    assert "exports" in result.included_sections
    for same in (plan, copy):
        with pytest.raises(RecoveryError) as raised:
            create_workspace_backup(filled.config, same)
        assert code_of(raised) == "recovery_backup_exists"


def test_a_plan_for_another_workspace_is_refused(filled: Contexta, tmp_path: Path) -> None:
    plan = plan_workspace_backup(filled.config)
    with Contexta(workspace=tmp_path / "other") as other:
        with pytest.raises(ValidationError) as raised:
            create_workspace_backup(other.config, plan)
        assert code_of(raised) == "recovery_plan_mismatch"
        assert list_backups(other.config).backups == () == list_backups(filled.config).backups


def test_a_copied_plan_of_a_restore_is_compared_with_the_present_state(filled: Contexta) -> None:
    config = filled.config
    backup = create_workspace_backup(config, plan_workspace_backup(config))
    plan = plan_restore(config, backup.backup_ref, verify_only=True)
    copy = pickle.loads(pickle.dumps(plan))
    assert copy == plan and restore_workspace(config, copy).status == "SUCCESS"
    changed = dataclasses.replace(copy, streams=("0" * 32,))
    with pytest.raises(RecoveryError) as raised:
        restore_workspace(config, changed)
    assert code_of(raised) == "recovery_plan_outdated" and raised.value.details["changed"] == "streams"


# Lists, checks and removals of backups.


def test_backups_are_listed_verified_healed_and_pruned(filled: Contexta, tmp_path: Path) -> None:
    config = filled.config
    body = tmp_path / "unchanged.bin"
    body.write_bytes(b"unchanged" * 1000)
    with filled.run("with-body"):
        filled.register_artifact("model", body)
    assert list_backups(config).backups == ()
    first = create_workspace_backup(config, plan_workspace_backup(config, label="a"))
    capture_run(filled, "second")
    filled.close()
    second = create_workspace_backup(config, plan_workspace_backup(config, label="b"))
    assert second.objects_reused > 0
    assert {row.label for row in list_backups(config).backups} == {"a", "b"}
    report = verify_backup(config)
    assert report.status == "SUCCESS" and set(report.backups) == {first.backup_ref, second.backup_ref}
    assert verify_backup(config, second.backup_ref).backups == (second.backup_ref,)
    assert verify_backup(config, second.location).objects > 0

    objects = [path for path in (first.location.parent.parent / "objects").rglob("*") if path.is_file()]
    objects[0].chmod(0o644)
    objects[0].write_bytes(b"damaged")
    report = verify_backup(config)
    assert report.status != "SUCCESS" and report.problems and report.problems[0].backups
    assert recover.BackupVerification.from_dict(report.to_dict()) == report
    healed = verify_backup(config, heal=True)
    assert healed.healed == 1 and verify_backup(config).status == "SUCCESS"

    plan = plan_prune(config, keep_last=1)
    assert (plan.kept, plan.removed) == ((second.backup_ref,), (first.backup_ref,))
    prune_backups(config, pickle.loads(pickle.dumps(plan)))
    assert [row.backup_ref for row in list_backups(config).backups] == [second.backup_ref]
    with pytest.raises(ContextaError):
        prune_backups(config, plan)
    with pytest.raises(ValidationError) as raised:
        plan_prune(config, keep_last=-1)
    assert code_of(raised) == "recovery_invalid_number"


# The outbox.


class FailingSink(Sink):
    """A sink that refuses every payload."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0

    def capture(self, *, family: Any, payload: Mapping[str, Any]) -> None:
        self.calls += 1
        raise RuntimeError("unreachable")


@pytest.fixture
def waiting(tmp_path: Path) -> Callable[..., Contexta]:
    """Returns a function that opens a workspace with the mode ``outbox`` and the given sinks."""

    def opened(*sinks: Sink) -> Contexta:
        config = {"project_name": "wine", "capture": {"dispatch_failure_mode": "outbox"}}
        return Contexta(workspace=tmp_path / "ws", config=config, sinks=list(sinks))

    return opened


def test_replay_of_an_empty_outbox(filled: Contexta) -> None:
    for config in (filled.config, filled):
        result = replay_outbox(config)
        assert result == recover.ReplayBatchResult("SUCCESS", notes=("outbox_empty",))
        assert recover.ReplayBatchResult.from_dict(result.to_dict()) == result


def test_replay_delivers_waiting_payloads_to_the_sink_of_their_name(waiting: Callable[..., Contexta]) -> None:
    failing = FailingSink("s1")
    with waiting(failing, MemorySink("s2")) as ctx:
        capture_run(ctx)
        config = ctx.config
    kept = replay_outbox(config, sinks=[])
    assert kept.acknowledged_count == 0 and kept.pending_count > 0
    failed = replay_outbox(config, sinks=[failing])
    assert failed.status == "FAILURE" and failed.acknowledged_count == 0
    assert failed.entries[0].target == "s1" and "unreachable" in failed.entries[0].detail

    memory, other = MemorySink("s1"), MemorySink("s3")
    tried = replay_outbox(config, sinks=[memory], acknowledge_successes=False)
    assert tried.acknowledged_count == 0 and len(memory.entries) > 0 and tried.pending_count == kept.pending_count
    memory.clear()
    one = replay_outbox(config, sinks=[memory], limit=1)
    assert (one.acknowledged_count, len(memory.entries)) == (1, 1) and one.pending_count == kept.pending_count - 1
    result = replay_outbox(config, target="s1", sinks=[memory, other])
    assert result.status == "SUCCESS" and result.pending_count == 0 and other.entries == []
    assert len(memory.entries) == result.acknowledged_count + 1 == kept.pending_count
    metrics = [entry for entry in memory.entries if entry["family"] == "RECORD"]
    assert metrics and replay_outbox(config, sinks=[memory]).acknowledged_count == 0


def test_replay_of_an_open_workspace_uses_its_sinks(waiting: Callable[..., Contexta]) -> None:
    with waiting(FailingSink("s1")) as ctx:
        capture_run(ctx)
    memory = MemorySink("s1")
    with waiting(memory) as ctx:
        assert replay_outbox(ctx).status == "SUCCESS" and memory.entries
        assert replay_outbox(ctx).notes == ("outbox_empty",)


def test_payloads_become_dead_letters_after_failures(waiting: Callable[..., Contexta]) -> None:
    failing = FailingSink("s1")
    with waiting(failing) as ctx:
        capture_run(ctx)
        result = replay_outbox(ctx, dead_letter_after_failures=1)
        assert result.dead_lettered_count > 0 and result.status in ("FAILURE", "DEGRADED")
        assert f"dead_lettered:{result.dead_lettered_count}" in result.notes


def test_bad_arguments_of_a_replay_are_typed_errors(filled: Contexta) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"limit": -1}, "recovery_invalid_number"),
        ({"limit": 1.5}, "recovery_invalid_number"),
        ({"limit": 2**70}, "recovery_invalid_number"),
        ({"dead_letter_after_failures": 0}, "recovery_invalid_number"),
        ({"target": "  "}, "recovery_invalid_text"),
    ]
    for arguments, code in bad:
        with pytest.raises(ValidationError) as raised:
            replay_outbox(filled.config, **arguments)
        assert code_of(raised) == code
    with pytest.raises(ReplayError) as missing:
        replay_outbox(filled.config, target="none")
    assert code_of(missing) == "recovery_replay_target_missing"


# Checks and repairs.


def damage(root: Path) -> None:
    (segment,) = [path for path in (root / "log").rglob("*") if path.is_file() and path.stat().st_size > 500]
    content = bytearray(segment.read_bytes())
    for part in range(3, 10):
        content[len(content) * part // 10] ^= 0xFF
    segment.write_bytes(content)


def test_a_damaged_workspace_is_found_and_healed_from_a_backup(filled: Contexta, tmp_path: Path) -> None:
    config = filled.config
    filled.close()
    assert verify_workspace(config).outcome == "whole" and verify_workspace(config, level="frames").problems == ()
    backup = create_workspace_backup(config, plan_workspace_backup(config))
    assert plan_repair(config).steps == ()
    damage(tmp_path / "ws")
    report = verify_workspace(config)
    assert report.outcome != "whole" and report.problems[0]["message"]
    assert recover.WorkspaceVerification.from_dict(report.to_dict()) == report
    plan = plan_repair(config, source=backup.backup_ref)
    assert plan.heals and recover.RepairPlan.from_dict(plan.to_dict()) == plan
    with pytest.raises(RecoveryError) as raised:
        repair(config, pickle.loads(pickle.dumps(plan)))
    assert code_of(raised) == "recovery_plan_outdated"
    result = repair(config, plan)
    assert result.status == "SUCCESS" and result.healed and result.recorded_losses == 0
    assert verify_workspace(config).outcome == "whole"
    with Contexta(config=config) as ctx:
        assert run_names(ctx) == ["first"]
        assert ctx.record_store.replay().record_count == 1
    with pytest.raises(ValidationError) as level:
        verify_workspace(config, level="everything")  # type: ignore[arg-type]
    assert code_of(level) == "recovery_invalid_level"


# The plain forms.


def names(model: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(model) if field.compare}


def test_fields_of_results_are_the_members_of_the_json_forms(waiting: Callable[..., Contexta], tmp_path: Path) -> None:
    with waiting(FailingSink("s1")) as ctx:
        capture_run(ctx)
        config = ctx.config
    backups = _native.Backups(recover._settings(config))
    plan = backups.plan("x", False, False)
    created = backups.create(plan)
    restore = backups.plan_restore(created["backup_ref"], str(tmp_path / "restored"))
    replay = _native.replay_outbox(recover._settings(config), (None, None, True, None), [FailingSink("s1")])
    row = backups.list()["backups"][0]
    objects = [path for path in (tmp_path / "ws/recovery/backups/objects").rglob("*") if path.is_file()]
    verification = backups.verify()
    workspace = _native.Workspace.open(recover._settings(config), [], True)
    repairing = workspace.plan_repair()
    forms: list[tuple[type[Any], Any]] = [
        (recover.BackupPlan, plan.to_dict()),
        (recover.BackupResult, created),
        (recover.BackupList, backups.list()),
        (recover.BackupRow, row),
        (recover.Note, plan.to_dict()["notes"][0]),
        (recover.BackupVerification, verification),
        (recover.PrunePlan, backups.plan_prune(1).to_dict()),
        (recover.RestorePlan, restore.to_dict()),
        (recover.RestoreResult, backups.restore(restore)),
        (recover.ReplayBatchResult, replay),
        (recover.ReplayEntry, replay["entries"][0]),
        (recover.WorkspaceVerification, workspace.verify("frames")),
        (recover.RepairPlan, repairing.to_dict()),
        (recover.RepairResult, workspace.repair(repairing)),
    ]
    objects[0].unlink()
    forms.append((recover.BackupProblem, backups.verify()["problems"][0]))
    (tmp_path / "ws/recovery/backups/backups" / "bad.jsonl").write_text("{")
    forms.append((recover.UnreadableBackup, backups.list()["unreadable"][0]))
    for model, form in forms:
        assert names(model) == set(form), model
        built = model.from_dict(form)
        assert model.from_dict(built.to_dict()) == built == pickle.loads(pickle.dumps(built))
        assert repr(built).startswith(model.__name__)
