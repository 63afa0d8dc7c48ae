"""The names, signatures, defaults and programs of the specification."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import contexta

LINES = (Path(__file__).parent / "specification.txt").read_text("utf-8").splitlines()
SIGNATURES = [line for line in LINES if " fields: " not in line]
MODELS = [line for line in LINES if " fields: " in line]

#: Defaults that differ from the specification on purpose. The reasons are in docs/DEVIATIONS.md.
OTHER_DEFAULTS = {
    ("contexta.config.MetadataStoreConfig", "storage_adapter"): "redb",
    ("contexta.config.RecordStoreConfig", "max_segment_bytes"): 64 << 20,
    ("contexta.config.RecordStoreConfig", "durability_mode"): "flush",
    ("contexta.config.RecordStoreConfig", "layout_mode"): "segments",
    ("contexta.config.ArtifactStoreConfig", "layout_version"): "1",
}


def named(path: str) -> Any:
    """Returns the object of a dotted path."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            found = getattr(found, name)
        return found
    raise AssertionError(path)


def value(text: str) -> Any:
    """Returns the value of a default as the specification prints it."""
    names = {"ReplayMode": named("contexta.store.records.ReplayMode"), "PayloadFamily": named("contexta.capture.PayloadFamily")}
    return eval(text, {**names, "Path": Path})


@pytest.mark.parametrize("line", SIGNATURES)
def test_signature(line: str) -> None:
    path, _, rest = line.partition("(")
    parameters = dict(inspect.signature(named(path)).parameters)
    parameters.pop("self", None)
    expected, kind = [], inspect.Parameter.POSITIONAL_OR_KEYWORD
    for part in filter(None, rest[:-1].split(", ")):
        if part == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
            continue
        name, equals, default = part.partition("=")
        expected.append(name)
        own = parameters[name]
        assert own.kind is kind, f"{name} is {own.kind}"
        assert own.default == (value(default) if equals else inspect.Parameter.empty), name
    assert [name for name in parameters if name in expected] == expected
    for name, own in parameters.items():
        if name not in expected:
            assert own.default is not inspect.Parameter.empty, f"{name} is required"
    assert inspect.getdoc(named(path)), "a docstring is missing"


@pytest.mark.parametrize("line", MODELS)
def test_model(line: str) -> None:
    path, _, rest = line.partition(" fields: ")
    model = named(path)
    fields = {field.name: field for field in dataclasses.fields(model)} if dataclasses.is_dataclass(model) else {}
    parameters = inspect.signature(model).parameters
    for part in rest.split("; "):
        name, equals, default = part.partition("=")
        assert name in parameters, name
        own = parameters[name].default
        if name in fields and fields[name].default_factory is not dataclasses.MISSING:
            own = fields[name].default_factory()
        if not equals:
            assert own is inspect.Parameter.empty, name
        elif default != "...":
            expected = OTHER_DEFAULTS.get((path, name), value(default))
            own = own.value if isinstance(own, enum.Enum) and not isinstance(expected, enum.Enum) else own
            assert own == expected, name


def test_import_homes() -> None:
    homes = ["", ".config", ".contract", ".capture", ".store.metadata", ".store.records", ".store.artifacts"]
    for home in [*homes, ".interpretation", ".recovery"]:
        module = importlib.import_module(f"contexta{home}")
        for name in module.__all__:
            assert getattr(module, name, None) is not None, f"{module.__name__}.{name}"


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[contexta.Contexta]:
    """The workspace of the programs: the project ``advanced-proj`` with two runs."""
    from contexta import Contexta
    from contexta.config import UnifiedConfig, WorkspaceConfig

    monkeypatch.chdir(tmp_path)
    config = UnifiedConfig(
        project_name="advanced-proj",
        workspace=WorkspaceConfig(root_path=Path(".contexta")),
    )
    ctx = Contexta(config=config)
    for number, name in enumerate(["demo-run", "demo-run-v2"]):
        with ctx.run(name, run_id=name) as run, run.stage("train"):
            ctx.metric("loss", 0.5 - number / 4)
            Path("model.bin").write_text(name)
            ctx.register_artifact("model", "model.bin")
    yield ctx
    ctx.close()


# The programs are printed as in the specification.


def test_program_run(demo: contexta.Contexta) -> None:
    ctx = demo
    with ctx.run("training", tags={"env": "prod"}) as run:
        ctx.metric("accuracy", 0.94)
    (found,) = ctx.list_runs(tags={"env": "prod"})
    assert found.run_id == run.ref
    assert found.metrics["accuracy"] == 0.94


def test_program_explicit_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    from pathlib import Path

    from contexta import Contexta
    from contexta.config import UnifiedConfig, WorkspaceConfig

    config = UnifiedConfig(
        project_name="advanced-proj",
        workspace=WorkspaceConfig(root_path=Path(".contexta")),
    )
    ctx = Contexta(config=config)
    assert ctx.project_name == "advanced-proj"
    assert ctx.config == config
    assert Path(ctx.workspace) == tmp_path / ".contexta"


def test_program_load_config() -> None:
    from contexta.config import load_config

    resolved = load_config(
        profile="test",
        workspace=".contexta",
        config={"project_name": "advanced-proj"},
    )
    assert (resolved.profile_name, resolved.project_name) == ("test", "advanced-proj")
    assert resolved.workspace.root_path == Path.cwd() / ".contexta"


def test_program_metadata_plane(demo: contexta.Contexta) -> None:
    ctx = demo
    from contexta.contract import Project

    project = Project(
        project_ref="project:advanced-proj-2",
        name="advanced-proj",
        created_at="2024-06-01T12:00:00Z",
    )
    ctx.metadata_store.projects.put_project(project)
    assert ctx.metadata_store.projects.get_project("project:advanced-proj-2") == project


def test_program_record_plane(demo: contexta.Contexta, capsys: pytest.CaptureFixture[str]) -> None:
    ctx = demo
    from contexta.store.records import ReplayMode

    replay = ctx.record_store.replay(mode=ReplayMode.TOLERANT)
    print(replay.record_count)
    print(replay.integrity_state.value)
    assert capsys.readouterr().out.lower() == "2\nhealthy\n"


def test_program_artifact_plane(demo: contexta.Contexta, capsys: pytest.CaptureFixture[str]) -> None:
    ctx = demo
    summary = ctx.artifact_store.inspect_store()
    print(summary.artifact_count)
    print(summary.verified_count)
    artifacts = [line for line in capsys.readouterr().out.split()]
    assert int(artifacts[0]) >= 2


def test_program_services(demo: contexta.Contexta) -> None:
    ctx = demo
    query_service = ctx.query_service
    compare_service = ctx.compare_service

    snapshot = query_service.get_run_snapshot("run:advanced-proj.demo-run")
    comparison = compare_service.compare_runs(
        "run:advanced-proj.demo-run",
        "run:advanced-proj.demo-run-v2",
    )
    assert snapshot.run.name == "demo-run"
    (stage,) = comparison.stage_comparisons
    assert [(delta.metric_key, delta.delta) for delta in stage.metric_deltas] == [("loss", -0.25)]


def test_programs_backup_and_restore(demo: contexta.Contexta) -> None:
    ctx = demo
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
    assert Path(result.location).exists()
    assert str(getattr(restore_check.status, "value", restore_check.status)) == "SUCCESS"
    assert restore_check.verification_notes[0].startswith("manifest:manual-")


def test_program_metadata_store(demo: contexta.Contexta) -> None:
    from contexta.store.metadata import MetadataStore

    config = demo.config.metadata
    with MetadataStore(config) as store:
        report = store.check_integrity()
    assert report.issues == ()
