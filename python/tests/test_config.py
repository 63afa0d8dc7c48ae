"""Settings: defaults, sources, derived paths, errors."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import os
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from contexta import Contexta, _native, config as config_module
from contexta.config import (
    PROFILE_NAMES,
    AnomalyPolicy,
    ArtifactStoreConfig,
    CaptureConfig,
    CLIConfig,
    InterpretationConfig,
    MetadataStoreConfig,
    RecordStoreConfig,
    SecurityConfig,
    UnifiedConfig,
    WorkspaceConfig,
    load_config,
    load_profile,
    make_local_config,
    make_test_config,
)
from contexta.errors import ConfigurationError


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Returns the settings of a tree by dotted key."""
    for name, value in tree.items():
        if isinstance(value, dict) and value and prefix + name != "metrics":
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def refused(code: str, **settings: Any) -> ConfigurationError:
    """Returns the error for settings that cannot be used."""
    with pytest.raises(ConfigurationError) as caught:
        UnifiedConfig(**settings)
    assert caught.value.code == code
    return caught.value


class TestClasses:
    def test_every_setting_of_the_library_is_a_field_with_the_same_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        library = dict(flat(_native.load_settings("load_config", {"use_env": False}).to_dict()))
        loaded = load_config(use_env=False)
        assert set(dict(flat(UnifiedConfig().to_dict()))) == set(library)
        constructed = UnifiedConfig()
        for key, default in library.items():
            value: Any = constructed
            value_loaded: Any = loaded
            for name in key.split("."):
                value, value_loaded = getattr(value, name), getattr(value_loaded, name)
            if isinstance(value, Path):
                assert not value.is_absolute(), key
                assert tmp_path / value == value_loaded == Path(default), key
            else:
                assert value == value_loaded, key
                assert (list(value) if isinstance(value, tuple) else value) == default, key

    def test_defaults_of_the_sections_are_those_of_the_whole_configuration(self) -> None:
        whole = UnifiedConfig()
        for field in dataclasses.fields(UnifiedConfig):
            section = getattr(whole, field.name)
            if dataclasses.is_dataclass(section):
                alone = type(section)()
                for inner in dataclasses.fields(section):
                    if inner.compare and not isinstance(getattr(section, inner.name), Path):
                        assert getattr(alone, inner.name) == getattr(section, inner.name), inner.name

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("config_version", "1"),
            ("profile_name", "local"),
            ("project_name", "default"),
            ("contract.schema_version", "1.0.0"),
            ("contract.validation_mode", "strict"),
            ("capture.producer_ref", "sdk.python.local"),
            ("capture.retry_attempts", 0),
            ("capture.retry_backoff_seconds", 0.0),
            ("capture.dispatch_failure_mode", "raise"),
            ("capture.write_degraded_marker_on_partial_failure", True),
            ("metadata.storage_adapter", "redb"),
            ("metadata.auto_create", True),
            ("metadata.auto_migrate", False),
            ("records.durability_mode", "flush"),
            ("records.enable_indexes", True),
            ("artifacts.default_ingest_mode", "copy"),
            ("artifacts.verification_mode", "manifest_if_available"),
            ("artifacts.chunk_size_bytes", 1_048_576),
            ("interpretation.comparison.metric_selection", "latest"),
            ("interpretation.comparison.include_unchanged_metrics", False),
            ("interpretation.comparison.missing_stage_severity", "warning"),
            ("interpretation.diagnostics.expected_terminal_stage_names", ("evaluate", "package")),
            ("interpretation.reports.include_lineage_summary", True),
            ("interpretation.search.default_limit", 50),
            ("interpretation.search.text_match_fields", ("name", "tags", "status")),
            ("interpretation.trend.default_window_runs", 20),
            ("interpretation.anomaly.z_score_threshold", 2.5),
            ("interpretation.anomaly.min_baseline_runs", 3),
            ("interpretation.anomaly.monitored_metrics", ()),
            ("interpretation.alert.stop_on_first_trigger", False),
            ("recovery.replay_mode_default", "tolerant"),
            ("recovery.create_backup_before_restore", True),
            ("surfaces.cli.verbosity", "normal"),
            ("surfaces.http.port", 8765),
            ("surfaces.html.inline_charts", True),
            ("surfaces.notebook.enabled", True),
            ("surfaces.export.csv_delimiter", ","),
            ("retention.cache_ttl_days", 7),
            ("retention.report_ttl_days", None),
            ("retention.artifact_retention_mode", "manual"),
            ("security.redaction_mode", "safe_default"),
            ("security.secret_key_patterns", ("token", "secret", "password", "passwd", "key")),
            ("security.encryption_provider", None),
        ],
    )
    def test_default_is_the_specified_one(self, key: str, value: Any) -> None:
        found: Any = UnifiedConfig()
        for name in key.split("."):
            found = getattr(found, name)
        assert found == value
        assert type(found) is type(value)

    def test_objects_are_immutable_comparable_hashable_and_picklable(self) -> None:
        config = UnifiedConfig(project_name="wine", metrics={"loss": {"better": "lower"}})
        with pytest.raises(dataclasses.FrozenInstanceError):
            config.project_name = "other"  # type: ignore[misc]
        assert config == UnifiedConfig(project_name="wine", metrics={"loss": {"better": "lower"}})
        assert config != UnifiedConfig(project_name="beer")
        assert hash(config) == hash(copy.deepcopy(config))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(config, protocol))
            assert again == config
            moved = dataclasses.replace(again, workspace=dataclasses.replace(again.workspace, root_path="far"))
            assert moved.records.root_path == Path("far/log")
        assert "project_name='wine'" in repr(config)
        assert "_derived" not in repr(config)

    def test_nested_sections_and_lists_are_converted(self) -> None:
        config = UnifiedConfig(
            workspace={"root_path": "ws"},  # type: ignore[arg-type]
            interpretation={"anomaly": {"monitored_metrics": ["loss"], "z_score_threshold": 3}},
            security=SecurityConfig(secret_key_patterns=["pin"]),  # type: ignore[arg-type]
        )
        assert config.workspace == dataclasses.replace(UnifiedConfig(workspace=WorkspaceConfig(Path("ws"))).workspace)
        assert config.interpretation.anomaly == AnomalyPolicy(z_score_threshold=3.0, monitored_metrics=("loss",))
        assert isinstance(config.interpretation.anomaly.z_score_threshold, float)
        assert config.security.secret_key_patterns == ("pin",)
        assert InterpretationConfig(anomaly={"min_baseline_runs": 5}).anomaly.min_baseline_runs == 5

    def test_mapping_form_returns_the_same_configuration(self) -> None:
        config = UnifiedConfig(
            project_name="葡萄酒",
            workspace=WorkspaceConfig(root_path=Path("ws"), cache_path=Path("/tmp/cache")),
            metrics={"val/损失": {"better": "lower"}},
            interpretation={"alert": {"rules": [{"metric": "loss", "operator": "gt", "threshold": 0.5}]}},
        )
        assert UnifiedConfig.from_dict(config.to_dict()) == config
        assert config.to_dict()["workspace"]["metadata_path"] is None
        assert config.to_dict()["workspace"]["cache_path"] == "/tmp/cache"
        assert config.interpretation.alert.rules[0]["threshold"] == 0.5
        with pytest.raises(ConfigurationError, match="no setting projct_name") as caught:
            UnifiedConfig.from_dict({"projct_name": "x"})
        assert caught.value.code == "unknown_config_field"


class TestPaths:
    def test_paths_are_derived_from_a_relative_root(self) -> None:
        config = UnifiedConfig(workspace=WorkspaceConfig(root_path=Path("some/ws")))
        root = Path("some/ws")
        assert config.workspace.root_path == root
        assert config.workspace.metadata_path == root / "projections"
        assert config.workspace.records_path == config.records.root_path == root / "log"
        assert config.workspace.artifacts_path == config.artifacts.root_path == root / "artifacts"
        assert config.workspace.reports_path == root / "reports"
        assert config.workspace.exports_path == root / "exports"
        assert config.workspace.cache_path == root / "cache"
        assert config.metadata.database_path == root / "projections"
        assert config.recovery.outbox_root == root / "recovery/outbox"
        assert config.recovery.backup_root == root / "recovery/backups"
        assert config.recovery.restore_staging_root == root / "recovery/staging"

    def test_derived_paths_are_those_that_the_library_uses(self, tmp_path: Path) -> None:
        config = UnifiedConfig(workspace=WorkspaceConfig(root_path=tmp_path / "ws", records_path=tmp_path / "far"))
        library = _native.load_settings("load_config", {"config": config.to_dict(), "use_env": False}).to_dict()
        for key, value in flat(library):
            found: Any = config
            for name in key.split("."):
                found = getattr(found, name)
            if isinstance(found, Path):
                assert found == Path(value), key
        assert config.records.root_path == tmp_path / "far"

    def test_derived_paths_move_with_the_root_and_given_paths_stay(self, tmp_path: Path) -> None:
        config = UnifiedConfig(
            workspace=WorkspaceConfig(root_path=tmp_path / "a", exports_path=tmp_path / "exports"),
            recovery={"backup_root": str(tmp_path / "backups")},  # type: ignore[arg-type]
        )
        moved = dataclasses.replace(config, workspace=dataclasses.replace(config.workspace, root_path=tmp_path / "b"))
        assert moved.workspace.cache_path == tmp_path / "b/cache"
        assert moved.records.root_path == tmp_path / "b/log"
        assert moved.metadata.database_path == tmp_path / "b/projections"
        assert moved.recovery.outbox_root == tmp_path / "b/recovery/outbox"
        assert moved.workspace.exports_path == tmp_path / "exports"
        assert moved.recovery.backup_root == tmp_path / "backups"
        loaded = load_config(config={"project_name": "p"}, workspace=tmp_path / "c", use_env=False)
        moved = dataclasses.replace(loaded, workspace=dataclasses.replace(loaded.workspace, root_path=tmp_path / "d"))
        assert moved.artifacts.root_path == tmp_path / "d/artifacts"
        again = load_config(config=moved, use_env=False)
        assert again == moved

    def test_section_paths_move_with_the_workspace_path(self, tmp_path: Path) -> None:
        config = UnifiedConfig(workspace=WorkspaceConfig(root_path=tmp_path))
        moved = dataclasses.replace(
            config, workspace=dataclasses.replace(config.workspace, records_path=tmp_path / "elsewhere")
        )
        assert moved.records.root_path == tmp_path / "elsewhere"
        fixed = dataclasses.replace(config, records=RecordStoreConfig(root_path=tmp_path / "fixed"))
        assert fixed.records.root_path == tmp_path / "fixed"
        assert fixed.workspace.records_path == tmp_path / "log"

    def test_home_directory_is_expanded(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert UnifiedConfig(workspace=WorkspaceConfig(root_path=Path("~/ws"))).workspace.root_path == tmp_path / "ws"
        for config in (
            make_test_config(workspace="~/ws"),
            load_profile("local", workspace="~/ws"),
            load_config(workspace="~/ws", use_env=False),
        ):
            assert config.workspace.root_path == tmp_path / "ws"

    def test_path_that_is_not_text_is_refused(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            WorkspaceConfig(root_path=Path(os.fsdecode(b"ws\xff")))
        assert caught.value.code == "invalid_config_value"


class TestErrors:
    @pytest.mark.parametrize(
        ("settings", "code", "field"),
        [
            ({"config_version": "2"}, "invalid_config_value", "config_version"),
            ({"profile_name": "prod"}, "invalid_config_value", "profile_name"),
            ({"project_name": " "}, "invalid_config_value", "project_name"),
            ({"capture": CaptureConfig(retry_attempts=-1)}, "invalid_config_value", "capture.retry_attempts"),
            (
                {"capture": CaptureConfig(retry_backoff_seconds=float("nan"))},
                "invalid_config_value",
                "capture.retry_backoff_seconds",
            ),
            ({"capture": {"retry_attempt": 1}}, "unknown_config_field", "capture.retry_attempt"),
            ({"capture": 5}, "invalid_config_value", "capture"),
            ({"capture": None}, "invalid_config_value", "capture"),
            ({"workspace": {"root_path": None}}, "invalid_config_value", "workspace.root_path"),
            (
                {"metadata": MetadataStoreConfig(storage_adapter="duckdb")},
                "metadata_store_invalid_adapter",
                "metadata.storage_adapter",
            ),
            (
                {"records": RecordStoreConfig(max_segment_bytes=10**30)},
                "record_store_invalid_config",
                "records.max_segment_bytes",
            ),
            (
                {"records": {"layout_mode": "jsonl_segments"}},
                "record_store_invalid_layout_mode",
                "records.layout_mode",
            ),
            (
                {"artifacts": ArtifactStoreConfig(chunk_size_bytes=0)},
                "artifact_store_invalid_config",
                "artifacts.chunk_size_bytes",
            ),
            ({"surfaces": {"cli": CLIConfig(verbosity="loud")}}, "invalid_config_value", "surfaces.cli.verbosity"),
            ({"security": {"encryption_provider": "aes"}}, "invalid_config_value", "security.encryption_provider"),
            ({"metrics": {"loss": "lower"}}, "invalid_config_value", "metrics"),
        ],
    )
    def test_values_are_checked_on_construction(self, settings: dict[str, Any], code: str, field: str) -> None:
        error = refused(code, **settings)
        assert error.details == {"field": field}
        assert error.hint
        assert field in str(error)

    def test_unknown_setting_suggests_the_nearest(self) -> None:
        error = refused("unknown_config_field", records={"durabilty_mode": "flush"})
        assert error.hint == "did you mean records.durability_mode?"

    def test_bad_inputs_of_the_loader_have_codes(self, tmp_path: Path) -> None:
        def code(**inputs: Any) -> str:
            with pytest.raises(ConfigurationError) as caught:
                load_config(**inputs)
            return caught.value.code

        assert code(profile="prod") == "invalid_profile_selector"
        assert code(overlays=["fast"]) == "invalid_profile_selector"
        assert code(overlays=5) == "invalid_config_input"
        assert code(config=[1]) == "invalid_config_input"
        assert code(config={"project_name": object()}) == "invalid_config_input"
        assert code(config={"project_nam": "x"}) == "unknown_config_field"
        assert code(config={"capture": {"retry_attempts": "many"}}) == "invalid_config_value"
        assert code(workspace=5) == "invalid_config_input"
        assert code(env={"CONTEXTA_PROJECT_NAME": 5}) == "invalid_config_input"
        assert code(config_file=tmp_path / "none.toml") == "config_file_not_found"
        assert code(config_file=tmp_path) == "config_file_unreadable"
        (tmp_path / "a.ini").write_text("")
        assert code(config_file=tmp_path / "a.ini") == "unsupported_config_file"
        (tmp_path / "a.toml").write_text("project_name = [")
        assert code(config_file=tmp_path / "a.toml") == "invalid_config_file"
        assert code(env={"CONTEXTA_PROFILE_NAME": "test"}) == "non_overridable_config_key"
        assert code(env={"CONTEXTA_PROFILE": "prod"}) == "invalid_profile_selector"


class TestSources:
    def test_later_source_overrides_earlier_ones(self, tmp_path: Path) -> None:
        file = tmp_path / "settings.toml"
        file.write_text('project_name = "file"\n[capture]\nretry_attempts = 1\nretry_backoff_seconds = 1.5\n')
        env = {"CONTEXTA_PROJECT_NAME": "env", "CONTEXTA_CAPTURE_RETRY_ATTEMPTS": "2"}
        inputs: dict[str, Any] = {"profile": "test", "config_file": file}
        assert load_config(profile="test", use_env=False).project_name == "test"
        loaded = load_config(**inputs, use_env=False)
        assert (loaded.project_name, loaded.capture.retry_attempts) == ("file", 1)
        loaded = load_config(**inputs, env=env)
        assert (loaded.project_name, loaded.capture.retry_attempts) == ("env", 2)
        assert loaded.capture.retry_backoff_seconds == 1.5
        assert load_config(**inputs, env=env, project_name="argument").project_name == "argument"
        patched = load_config(**inputs, env=env, project_name="argument", config={"project_name": "patch"})
        assert patched.project_name == "patch"
        assert patched.profile_name == "test"

    def test_whole_configuration_replaces_every_setting(self, tmp_path: Path) -> None:
        file = tmp_path / "settings.toml"
        file.write_text('[metrics.loss]\nbetter = "lower"\n[capture]\nretry_attempts = 1\n')
        config = UnifiedConfig(project_name="whole", workspace=WorkspaceConfig(root_path=tmp_path / "ws"))
        loaded = load_config(config_file=file, config=config, project_name="argument", workspace=tmp_path / "other")
        assert loaded == config
        merged = load_config(config_file=file, config={"project_name": "some"})
        assert merged.metrics == {"loss": {"better": "lower"}}
        assert merged.capture.retry_attempts == 1

    def test_environment_of_the_process_is_the_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CONTEXTA_PROJECT_NAME", "from-process")
        assert load_config().project_name == "from-process"
        assert make_local_config().project_name == "from-process"
        assert load_config(use_env=False).project_name == "default"
        assert load_config(env={}).project_name == "default"
        assert load_config(env=os.environ).project_name == "from-process"
        assert make_test_config().project_name == "test"
        assert make_test_config(use_env=True).project_name == "from-process"
        assert load_profile("local").project_name == "default"
        assert UnifiedConfig().project_name == "default"

    def test_profiles_and_overlays(self) -> None:
        assert PROFILE_NAMES == ("local", "test")
        test = load_profile("test")
        assert test == make_test_config() == load_config(profile="test", use_env=False)
        assert test.profile_name == test.project_name == "test"
        assert test.workspace.root_path == Path.cwd() / ".contexta-test"
        assert (test.security.redaction_mode, test.artifacts.verification_mode) == ("strict", "strict")
        assert not test.capture.capture_environment_snapshot
        assert not test.recovery.create_backup_before_restore
        local = load_profile("local", overlays=("ci", "debug"), workspace="ws", project_name="p")
        assert local.surfaces.cli == CLIConfig(default_output_format="json", verbosity="debug", color=False)
        assert local.retention.cache_ttl_days is None
        assert (local.workspace.root_path, local.project_name) == (Path.cwd() / "ws", "p")
        readonly = make_local_config(overlays=["readonly"], use_env=False)
        assert readonly.records.read_only and readonly.metadata.read_only and readonly.artifacts.read_only
        assert load_config(overlays="ci,debug", use_env=False).surfaces.cli.verbosity == "debug"
        assert load_config(env={"CONTEXTA_PROFILE_OVERLAYS": "ci"}, overlays=[]).surfaces.cli.color

    @pytest.mark.parametrize("suffix", ["toml", "yaml", "json"])
    def test_file_formats(self, tmp_path: Path, suffix: str) -> None:
        text = {
            "toml": '[records]\ndurability_mode = "fsync"\n',
            "yaml": "records:\n  durability_mode: fsync\n",
            "json": '{"records": {"durability_mode": "fsync"}}',
        }[suffix]
        (tmp_path / f"c.{suffix}").write_text(text)
        for file in (tmp_path / f"c.{suffix}", str(tmp_path / f"c.{suffix}")):
            loaded = load_config(config_file=file, use_env=False)
            assert loaded.records == dataclasses.replace(loaded.records, durability_mode="fsync")

    def test_signatures_are_the_specified_ones(self) -> None:
        inputs = ["overlays", "config_file", "config", "workspace", "project_name", "env", "use_env"]
        for function, names, use_env in (
            (load_config, ["profile", *inputs], True),
            (make_local_config, inputs, True),
            (make_test_config, inputs, False),
        ):
            parameters = inspect.signature(function).parameters
            assert list(parameters) == names
            assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters.values())
            assert parameters["use_env"].default is use_env
        parameters = inspect.signature(load_profile).parameters
        assert list(parameters) == ["name", "overlays", "workspace", "project_name"]
        assert parameters["overlays"].default == ()

    def test_every_public_name_is_documented(self) -> None:
        for name in config_module.__all__:
            value = getattr(config_module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                assert value.__doc__ and not value.__doc__.startswith(f"{name}("), name


class TestFacade:
    def test_program_of_the_guide_with_a_configuration(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        assert ctx.config is config
        assert ctx.warnings == ()
        with ctx.run("first"):
            ctx.metric("loss", 0.5)
        assert (tmp_path / ".contexta/log").is_dir()
        ctx.close()

    def test_program_of_the_guide_with_the_loader(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        from contexta.config import load_config

        resolved = load_config(
            profile="test",
            workspace=".contexta",
            config={"project_name": "advanced-proj"},
        )
        assert resolved.project_name == "advanced-proj"
        assert resolved.profile_name == "test"
        assert resolved.workspace.root_path == tmp_path / ".contexta"
        with Contexta(config=resolved) as ctx, ctx.run("first"):
            pass
        assert (tmp_path / ".contexta/log").is_dir()

    def test_mapping_is_applied_over_the_arguments(self, tmp_path: Path) -> None:
        config = {"project_name": "mapped", "capture": {"retry_attempts": 2}}
        with Contexta(workspace=tmp_path / "ws", config=config) as ctx:
            assert isinstance(ctx.config, UnifiedConfig)
            assert ctx.config.project_name == ctx.project_name == "mapped"
            assert ctx.config.capture.retry_attempts == 2
            assert ctx.config.workspace.root_path == tmp_path / "ws"
            assert ctx.config.capture.producer_ref == "sdk.python.local"
        with pytest.raises(ConfigurationError) as caught:
            Contexta(workspace=tmp_path / "ws", config={"capture": {"retry_attempts": -2}})
        assert caught.value.code == "invalid_config_value"

    def test_mapping_may_contain_sections(self, tmp_path: Path) -> None:
        old = UnifiedConfig(workspace=WorkspaceConfig(root_path=tmp_path / "old")).workspace
        moved = dataclasses.replace(old, root_path=tmp_path / "new")
        with Contexta(config={"workspace": moved, "capture": CaptureConfig(retry_attempts=1)}) as ctx:
            assert ctx.config.capture.retry_attempts == 1
            assert ctx.config.records.root_path == tmp_path / "new/log"
        assert load_config(config={"workspace": moved}, use_env=False).workspace.cache_path == tmp_path / "new/cache"

    def test_settings_take_effect(self, tmp_path: Path) -> None:
        root = tmp_path / "ws"
        config = UnifiedConfig(workspace=WorkspaceConfig(root_path=root), capture=CaptureConfig(sinks=("jsonl:out",)))
        with Contexta(config=config) as ctx, ctx.run("first"):
            ctx.metric("loss", 0.5)
        assert '"sdk.python.local"' in (root / "out").read_text()
        readonly = dataclasses.replace(config, records=RecordStoreConfig(read_only=True))
        with Contexta(config=readonly) as ctx, pytest.raises(Exception) as caught:
            ctx.run("second")
        assert getattr(caught.value, "code", None) == "workspace_read_only"
