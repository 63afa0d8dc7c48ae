"""The stores: metadata, records and artifacts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from contexta import Contexta
from contexta.config import ArtifactStoreConfig, MetadataStoreConfig, RecordStoreConfig, UnifiedConfig, WorkspaceConfig
from contexta.contract import (
    ArtifactManifest,
    BatchExecution,
    DeploymentExecution,
    EnvironmentSnapshot,
    LineageEdge,
    MetricPayload,
    MetricRecord,
    OperationContext,
    Project,
    ProvenanceRecord,
    RecordEnvelope,
    Run,
    SampleObservation,
    StageExecution,
)
from contexta.errors import (
    ArtifactError,
    ConfigurationError,
    ConflictError,
    ContextaError,
    DependencyError,
    MetadataError,
    NotFoundError,
    ReadOnlyStoreError,
    ReplayError,
    SerializationError,
    ValidationError,
)
from contexta.store import artifacts, metadata, records
from contexta.store.artifacts import ArtifactStore
from contexta.store.metadata import MetadataStore
from contexta.store.records import RecordStore, ReplayMode, ScanFilter

T0, T1, T2 = (f"2024-06-01T12:00:0{second}Z" for second in range(3))


def project(name: str = "wine") -> Project:
    return Project(project_ref=f"project:{name}", name=name, created_at=T0)


def run(run_id: str = "r1", **members: Any) -> Run:
    members = {"status": "open", **members}
    return Run(run_ref=f"run:wine.{run_id}", project_ref="project:wine", name=run_id, started_at=T0, **members)


def metric(number: int, value: Any = 0.5, run_id: str = "r1", at: str = T1) -> MetricRecord:
    envelope = RecordEnvelope(
        record_ref=f"record:wine.{run_id}.m{number}",
        record_type="metric",
        recorded_at=at,
        observed_at=at,
        producer_ref="test.py",
        run_ref=f"run:wine.{run_id}",
    )
    payload = MetricPayload(
        metric_key="loss", value=value, value_type="float", subject_ref=f"run:wine.{run_id}", step=number
    )
    return MetricRecord(envelope=envelope, payload=payload)


def code_of(raised: pytest.ExceptionInfo[ContextaError]) -> str:
    return raised.value.code


def damage(root: Path) -> None:
    """Changes some bytes in the middle of the log."""
    (segment,) = [path for path in (root / "log").rglob("*") if path.is_file() and path.stat().st_size > 500]
    content = bytearray(segment.read_bytes())
    for part in range(3, 8):
        content[len(content) * part // 10] ^= 0xFF
    segment.write_bytes(content)


@pytest.fixture
def filled(ctx: Contexta) -> Contexta:
    """A workspace with a project and an open run."""
    ctx.metadata_store.projects.put_project(project())
    ctx.metadata_store.runs.put_run(run())
    return ctx


# Metadata.


def test_put_project_as_printed(tmp_path: Path) -> None:
    config = UnifiedConfig(project_name="advanced-proj", workspace=WorkspaceConfig(root_path=tmp_path / ".contexta"))
    ctx = Contexta(config=config)

    from contexta.contract import Project

    project = Project(
        project_ref="project:advanced-proj",
        name="advanced-proj",
        created_at="2024-06-01T12:00:00Z",
    )
    ctx.metadata_store.projects.put_project(project)

    assert ctx.metadata_store.projects.get_project("project:advanced-proj") == project
    ctx.close()


def test_objects_of_every_kind_are_put_found_and_listed(filled: Contexta) -> None:
    store = filled.metadata_store
    stage_ref, batch_ref = "stage:wine.r1.train", "batch:wine.r1.train.b0"
    stage = StageExecution(
        stage_execution_ref=stage_ref, run_ref="run:wine.r1", stage_name="train", status="open", started_at=T0
    )
    batch = BatchExecution(
        batch_execution_ref=batch_ref,
        run_ref="run:wine.r1",
        stage_execution_ref=stage_ref,
        batch_name="b0",
        status="open",
        started_at=T0,
    )
    sample = SampleObservation(
        sample_observation_ref="sample:wine.r1.train.b0.s0",
        run_ref="run:wine.r1",
        stage_execution_ref=stage_ref,
        batch_execution_ref=batch_ref,
        sample_name="s0",
        observed_at=T1,
    )
    operation = OperationContext(
        operation_context_ref="op:wine.r1.train.load",
        run_ref="run:wine.r1",
        stage_execution_ref=stage_ref,
        operation_name="load",
        observed_at=T1,
    )
    deployment = DeploymentExecution(
        deployment_execution_ref="deployment:wine.d1",
        project_ref="project:wine",
        deployment_name="d1",
        status="open",
        started_at=T1,
        run_ref="run:wine.r1",
    )
    environment = EnvironmentSnapshot(
        environment_snapshot_ref="environment:wine.r1.e1",
        run_ref="run:wine.r1",
        captured_at=T1,
        python_version="3.12.0",
        platform="linux",
    )
    relation = LineageEdge(
        relation_ref="relation:wine.r1.e1",
        relation_type="produced_by",
        source_ref="artifact:wine.r1.model",
        target_ref="run:wine.r1",
        recorded_at=T1,
        origin_marker="explicit",
        confidence_marker="high",
    )
    provenance = ProvenanceRecord(
        provenance_ref="provenance:wine.r1.p1",
        relation_ref="relation:wine.r1.e1",
        assertion_mode="explicit",
        asserted_at=T2,
    )

    kinds: list[tuple[Any, str, Any, str, Any]] = [
        (store.stages, "stage_execution", stage, stage_ref, store.stages.list_stage_executions("run:wine.r1")),
        (store.batches, "batch_execution", batch, batch_ref, None),
        (store.samples, "sample_observation", sample, "sample:wine.r1.train.b0.s0", None),
        (store.operations, "operation_context", operation, "op:wine.r1.train.load", None),
        (store.deployments, "deployment_execution", deployment, "deployment:wine.d1", None),
        (store.environments, "environment_snapshot", environment, "environment:wine.r1.e1", None),
        (store.relations, "relation", relation, "relation:wine.r1.e1", None),
        (store.provenance, "provenance", provenance, "provenance:wine.r1.p1", None),
    ]
    for repository, kind, model, ref, before in kinds:
        assert before is None or before == ()
        assert getattr(repository, f"exists_{kind}")(ref) is False
        assert getattr(repository, f"find_{kind}")(ref) is None
        with pytest.raises(NotFoundError) as raised:
            getattr(repository, f"get_{kind}")(ref)
        assert code_of(raised) == "metadata_row_not_found" and raised.value.details["ref"] == ref
        assert getattr(repository, f"put_{kind}")(model) == model
        assert getattr(repository, f"exists_{kind}")(ref) is True
        assert getattr(repository, f"get_{kind}")(ref) == model == getattr(repository, f"find_{kind}")(ref)

    assert store.stages.list_stage_executions("run:wine.r1") == (stage,)
    assert store.batches.list_batch_executions(run_ref="run:wine.r1") == (batch,)
    assert store.batches.list_batch_executions(stage_ref=stage_ref) == (batch,)
    assert store.samples.list_sample_observations(batch_ref=batch_ref) == (sample,)
    assert store.operations.list_operation_contexts(run_ref="run:wine.r1") == (operation,)
    assert store.deployments.list_deployment_executions(run_ref="run:wine.r1") == (deployment,)
    assert store.deployments.list_deployment_executions(project_ref="project:other") == ()
    assert store.environments.list_environment_snapshots("run:wine.r1") == (environment,)
    assert store.relations.list_relations() == (relation,)
    assert store.relations.list_relations_for_ref("run:wine.r1") == (relation,)
    assert store.relations.list_relations_for_source("run:wine.r1") == ()
    assert store.relations.list_relations_for_target("run:wine.r1") == (relation,)
    assert store.provenance.list_provenance_for_relation("relation:wine.r1.e1") == (provenance,)

    snapshot = store.build_run_snapshot("run:wine.r1")
    assert (snapshot.project, snapshot.run, snapshot.stages) == (project(), run(), (stage,))
    assert (snapshot.batches, snapshot.samples, snapshot.deployments) == ((batch,), (sample,), (deployment,))
    assert (snapshot.environments, snapshot.relations) == ((environment,), (relation,))
    assert snapshot.provenance == (provenance,)
    assert "run:wine.r1" in snapshot.scoped_refs and "project:wine" not in snapshot.scoped_refs
    assert snapshot.completeness_notes == ("record_plane_not_projected", "artifact_plane_not_projected")
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot
    assert metadata.RunSnapshot.from_dict(snapshot.to_dict()) == snapshot


def test_mappings_are_accepted_and_models_are_returned(ctx: Contexta) -> None:
    form = {"project_ref": "project:wine", "name": "红酒", "created_at": T0}
    assert ctx.metadata_store.projects.put_project(form) == Project(**form)
    assert ctx.metadata_store.projects.list_projects() == (Project(**form),)


def test_huge_integers_and_nested_values_are_kept(filled: Contexta) -> None:
    params = {"seed": 10**40, "nested": {"层": [1, None, {"a": True}]}}
    filled.metadata_store.runs.put_run(run("r2", params=params))
    assert filled.metadata_store.runs.get_run("run:wine.r2").to_dict()["params"] == params


def test_put_is_idempotent_ends_open_objects_and_refuses_other_content(filled: Contexta) -> None:
    runs = filled.metadata_store.runs
    runs.put_run(run())
    runs.put_run(run(status="completed", ended_at=T2))
    assert runs.get_run("run:wine.r1").status == "completed"
    changed = dataclasses.replace(project(), name="Wine")
    with pytest.raises(ConflictError) as raised:
        filled.metadata_store.projects.put_project(changed)
    assert code_of(raised) == "metadata_object_conflict"
    assert filled.metadata_store.projects.superseding().put_project(changed) == changed
    assert filled.metadata_store.projects.get_project("project:wine").name == "Wine"


def test_parents_and_refs_are_checked(ctx: Contexta) -> None:
    with pytest.raises(NotFoundError) as missing:
        ctx.metadata_store.runs.put_run(run())
    assert code_of(missing) == "metadata_missing_run_project"
    with pytest.raises(ValidationError):
        ctx.metadata_store.runs.get_run("project:wine")
    with pytest.raises(ValidationError):
        ctx.metadata_store.runs.find_run("no ref")
    with pytest.raises((SerializationError, ValidationError)):
        ctx.metadata_store.projects.put_project({"name": "wine"})
    with pytest.raises((SerializationError, ValidationError)):
        ctx.metadata_store.projects.put_project({**project().to_dict(), "colour": "red"})
    with pytest.raises(NotFoundError):
        ctx.metadata_store.build_run_snapshot("run:wine.none")


def test_list_of_runs_has_the_documented_order(filled: Contexta) -> None:
    runs = filled.metadata_store.runs
    for run_id, started_at in [("b", T2), ("c", T1), ("a", T2)]:
        runs.put_run(dataclasses.replace(run(run_id), started_at=started_at))
    listed = runs.list_runs()
    assert [str(item.run_ref) for item in listed] == ["run:wine.r1", "run:wine.c", "run:wine.a", "run:wine.b"]
    assert runs.list_runs("project:wine") == listed and runs.list_runs(project_ref="project:x") == ()
    assert pickle.loads(pickle.dumps(listed)) == listed and pickle.loads(pickle.dumps(listed)).notes == listed.notes


def test_integrity_and_repairs(filled: Contexta) -> None:
    store = filled.metadata_store
    report = store.check_integrity()
    assert report.ok and report.issues == () and report.issue_counts == {"error": 0, "warning": 0}
    assert report.store_schema_version == str(report.format_version)
    assert store.plan_repairs().ok and store.plan_repairs(report) == metadata.RepairPlan(True)
    assert store.preview_repairs().summary_lines == ("no repair is required",)

    store.relations.put_relation(
        LineageEdge(
            relation_ref="relation:wine.r1.e1",
            relation_type="produced_by",
            source_ref="artifact:wine.r1.model",
            target_ref="run:wine.r1",
            recorded_at=T1,
            origin_marker="explicit",
            confidence_marker="high",
        )
    )
    report = store.check_integrity(full=False)
    assert not report.ok and report.issue_counts == {"error": 0, "warning": 1}
    (issue,) = report.issues
    assert (issue.code, issue.severity, issue.ref) == ("missing_relation_source", "warning", "relation:wine.r1.e1")
    assert issue.details == {"source_ref": "artifact:wine.r1.model"}
    assert issue.category == "integrity" and issue.rule_id is None
    plan = store.plan_repairs(report)
    assert not plan.ok and plan.actions == ("review_or_remove_relation",) and plan.log == ()
    preview = store.preview_repairs(plan)
    assert preview.plan == plan and preview.summary_lines[0] == "1 repair candidates"
    assert metadata.RepairPreview.from_dict(preview.to_dict()) == preview


def test_damage_of_the_log_is_an_issue_of_a_full_check(filled: Contexta, tmp_path: Path) -> None:
    filled.close()
    damage(tmp_path / "ws")
    with MetadataStore(tmp_path / "ws") as store:
        report = store.check_integrity()
        assert not report.ok and "log_damaged" in [issue.code for issue in report.issues]
        plan = store.plan_repairs(report)
        assert "repair_log" in plan.actions and plan.log
        assert store.preview_repairs(plan).summary_lines[-1] == plan.log[-1]


def test_migrations(ctx: Contexta) -> None:
    store = ctx.metadata_store
    store.projects.put_project(project())
    plan = store.plan_migration()
    assert plan.current_version == plan.target_version and plan.steps == () and not plan.requires_migration
    assert store.plan_migration(target_version=plan.target_version) == plan
    dry, result = store.dry_run_migration(), store.migrate()
    assert (dry.dry_run, result.dry_run, result.changed) == (True, False, False)
    assert result.warnings == ("no_schema_changes_required",)
    for version in ("7", "seven", "-1", "99999999"):
        with pytest.raises(MetadataError) as raised:
            store.migrate(target_version=version)
        assert code_of(raised) == "metadata_migration_path_missing"


def test_frames_of_pandas(filled: Contexta) -> None:
    pandas = pytest.importorskip("pandas")
    frame = filled.metadata_store.pandas.table("runs")
    assert isinstance(frame, pandas.DataFrame) and list(frame["ref"]) == ["run:wine.r1"]
    assert list(frame["status"]) == ["open"] and json.loads(frame["payload_json"][0])["name"] == "r1"
    for name in filled.metadata_store.pandas.tables:
        assert "ref" in filled.metadata_store.pandas.table(name).columns
    with pytest.raises(ValidationError) as raised:
        filled.metadata_store.pandas.table("runs; DROP TABLE runs")
    assert code_of(raised) == "metadata_table_unknown"


def test_frames_of_polars(filled: Contexta) -> None:
    polars = pytest.importorskip("polars")
    adapter = filled.metadata_store.polars
    assert adapter.table("stage_executions").schema["order_index"] == polars.Int64
    assert adapter.query("SELECT name FROM runs WHERE status = 'open'").to_dicts() == [{"name": "r1"}]


def test_sql_of_duckdb(filled: Contexta) -> None:
    pytest.importorskip("duckdb")
    adapter = filled.metadata_store.duckdb
    joined = "SELECT r.name, p.name FROM runs r JOIN projects p ON p.ref = r.project_ref"
    assert adapter.query_one(joined) == ("r1", "wine")
    assert adapter.query_all("SELECT ref FROM runs WHERE status = ?", ["open"]) == [("run:wine.r1",)]
    assert adapter.query_one("SELECT ref FROM runs WHERE status = 'failed'") is None
    pandas = pytest.importorskip("pandas")
    frame = filled.metadata_store.pandas.query("SELECT count(*) AS n FROM runs WHERE status = ?", ["open"])
    assert isinstance(frame, pandas.DataFrame) and frame["n"][0] == 1
    adapter.execute("DELETE FROM runs")
    assert filled.metadata_store.runs.exists_run("run:wine.r1")


@pytest.mark.parametrize(
    ("package", "code"),
    [
        ("duckdb", "metadata_store_backend_missing"),
        ("pandas", "metadata_pandas_adapter_not_ready"),
        ("polars", "metadata_polars_adapter_not_ready"),
    ],
)
def test_missing_packages_are_dependency_errors(
    ctx: Contexta, package: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(DependencyError) as raised:
        getattr(ctx.metadata_store, package)
    assert code_of(raised) == code and raised.value.hint == f"pip install {package}"


# Stores on their own.


def test_store_as_a_context_manager_as_printed(tmp_path: Path) -> None:
    config = MetadataStoreConfig(database_path=tmp_path / "ws" / "projections")
    with MetadataStore(config) as store:
        report = store.check_integrity()
    assert report.ok and store.workspace == tmp_path / "ws"


def test_stores_of_sections_open_the_workspace_above_their_path(filled: Contexta, tmp_path: Path) -> None:
    config = filled.config
    filled.record_store.append(metric(1))
    filled.close()
    with MetadataStore(config.metadata) as store:
        assert store.workspace == tmp_path / "ws" and store.runs.exists_run("run:wine.r1")
        assert store.config.database_path == tmp_path / "ws" / "projections"
    with RecordStore(config.records) as recorded:
        assert recorded.replay().record_count == 1
    with ArtifactStore(config.artifacts) as stored:
        assert stored.list_refs() == []
    for whole in (config, tmp_path / "ws", str(tmp_path / "ws")):
        with RecordStore(whole) as recorded:
            assert recorded.replay().record_count == 1


def test_store_without_settings_opens_the_default_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with MetadataStore() as store, RecordStore() as recorded, ArtifactStore() as stored:
        assert store.workspace == recorded.workspace == stored.workspace == tmp_path / ".contexta"


def test_read_only_stores_refuse_writes_and_create_nothing(filled: Contexta, tmp_path: Path) -> None:
    root = tmp_path / "ws"
    filled.close()
    with MetadataStore(MetadataStoreConfig(database_path=root / "projections", read_only=True)) as store:
        assert store.runs.exists_run("run:wine.r1")
        with pytest.raises(ReadOnlyStoreError) as raised:
            store.projects.put_project(project("other"))
        assert code_of(raised) == "metadata_store_read_only"
        with pytest.raises(ReadOnlyStoreError) as raised:
            store.migrate()
        assert code_of(raised) == "metadata_migration_read_only"
    with RecordStore(RecordStoreConfig(root_path=root / "log", read_only=True)) as recorded:
        with pytest.raises(ReadOnlyStoreError) as raised:
            recorded.append(metric(1))
        assert code_of(raised) == "record_store_read_only"
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with ArtifactStore(ArtifactStoreConfig(root_path=root / "artifacts", read_only=True)) as stored:
        with pytest.raises(ReadOnlyStoreError) as raised:
            stored.put_artifact(manifest(), source)
        assert code_of(raised) == "artifact_store_read_only"
    for kind, config in [
        (MetadataStore, MetadataStoreConfig(database_path=tmp_path / "new" / "t", read_only=True)),
        (RecordStore, RecordStoreConfig(root_path=tmp_path / "new" / "t", read_only=True)),
        (ArtifactStore, ArtifactStoreConfig(root_path=tmp_path / "new" / "t", read_only=True)),
    ]:
        with pytest.raises(NotFoundError):
            kind(config)  # type: ignore[operator]
    assert not (tmp_path / "new").exists()


def test_settings_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        MetadataStore(RecordStoreConfig(root_path=tmp_path))  # type: ignore[arg-type]
    assert code_of(raised) == "metadata_store_invalid_config"
    with pytest.raises(ConfigurationError):
        MetadataStore(MetadataStoreConfig(database_path=Path(":memory:")))
    with pytest.raises(ConfigurationError) as adapter:
        MetadataStore(MetadataStoreConfig(storage_adapter="sqlite", database_path=tmp_path / "t"))
    assert code_of(adapter) == "metadata_store_invalid_adapter"


# Records.


def test_replay_as_printed(filled: Contexta, capsys: pytest.CaptureFixture[str]) -> None:
    ctx = filled
    ctx.record_store.append_many([metric(1), metric(2)])

    from contexta.store.records import ReplayMode

    replay = ctx.record_store.replay(mode=ReplayMode.TOLERANT)
    print(replay.record_count)
    print(replay.integrity_state.value)

    assert capsys.readouterr().out == "2\nHEALTHY\n"


def test_captured_records_are_replayed_with_all_values(ctx: Contexta) -> None:
    with ctx.run("训练") as scope:
        ctx.metric("loss", float("nan"), step=1)
        ctx.metric("count", 2**40, step=2)
        ctx.event("data.loaded", message="读取", attributes={"n": 10**30})
        ctx.span("load")
    replay = ctx.record_store.replay()
    assert replay.mode is ReplayMode.STRICT and replay.integrity_state is records.IntegrityState.HEALTHY
    assert [item.record_type for item in replay.records] == ["metric", "metric", "event", "span"]
    loss, count, event, _ = (item.record for item in replay.records)
    assert loss.payload.value != loss.payload.value and count.payload.value == 2**40
    assert event.payload.message == "读取" and event.payload.attributes["n"] == 10**30
    assert {item.run_ref for item in replay.records} == {str(scope.ref)}
    assert [item.record_ref for item in ctx.record_store.scan()] == [item.record_ref for item in replay.records]
    assert list(ctx.record_store.iter_replay()) == list(replay.records)
    assert pickle.loads(pickle.dumps(replay.records[1])) == replay.records[1]


def test_append_is_idempotent_and_rejects_conflicts_and_invalid_records(filled: Contexta) -> None:
    store = filled.record_store
    first = store.append(metric(1))
    assert first.success and first.accepted_count == 1 and first.accepted[0].is_new
    assert first.durability_status == "FLUSHED" and first.durable_count == 1
    assert first.accepted[0].record_ref == "record:wine.r1.m1" and first.accepted[0].run_ref == "run:wine.r1"
    form = metric(3).to_dict()
    invalid = {**form, "payload": {**form["payload"], "metric_key": ""}}
    result = store.append_many([invalid, metric(1), metric(1, 0.75), metric(2), {"envelope": {"record_type": "x"}}, 7])
    assert [receipt.is_new for receipt in result.accepted] == [False, True]
    assert [rejection.index for rejection in result.rejected] == [0, 2, 4, 5]
    codes = [rejection.code for rejection in result.rejected]
    assert codes[1:] == ["record_store_ref_conflict", "unsupported_record_type", "unsupported_record_type"]
    assert result.rejected[0].record_ref == "record:wine.r1.m3" and not result.success
    assert (result.accepted_count, result.rejected_count) == (2, 4)
    assert store.replay().record_count == 2
    assert store.append_many([]) == records.AppendResult(durability_status="FLUSHED")
    assert records.AppendResult.from_dict(result.to_dict()) == result


def test_filters_select_records(filled: Contexta) -> None:
    store = filled.record_store
    filled.metadata_store.runs.put_run(run("r2"))
    store.append_many([metric(1, at=T0), metric(2, at=T1), metric(3, at=T2), metric(1, run_id="r2")])

    def refs(**members: Any) -> list[str]:
        found = [item.record_ref for item in store.scan(ScanFilter(**members))]
        assert [item.record_ref for item in store.replay(members).records] == found
        return [ref.removeprefix("record:wine.") for ref in found]

    assert refs() == ["r1.m1", "r1.m2", "r1.m3", "r2.m1"]
    assert refs(run_ref="run:wine.r1") == ["r1.m1", "r1.m2", "r1.m3"]
    assert refs(run_ref="run:wine.r1", start_time=T1) == ["r1.m2", "r1.m3"]
    assert refs(end_time=T0) == ["r1.m1"] and refs(record_type="event") == []
    assert refs(stage_execution_ref="stage:wine.r1.none") == []
    for members, code in [
        ({"run_ref": " "}, "record_store_invalid_text"),
        ({"record_type": "x"}, "record_store_invalid_record_type"),
        ({"start_time": "yesterday"}, "record_store_invalid_timestamp"),
        ({"start_time": T2, "end_time": T0}, "record_store_invalid_time_range"),
        ({"colour": "red"}, "record_store_invalid_filter"),
    ]:
        with pytest.raises(ValidationError) as raised:
            store.replay(members)
        assert code_of(raised) == code


def test_export_jsonl_writes_canonical_records(filled: Contexta, tmp_path: Path) -> None:
    filled.record_store.append_many([metric(1), metric(2, value=float("nan"))])
    result = records.export_jsonl(filled.record_store, tmp_path / "out.jsonl")
    assert (result.record_count, result.records, result.mode) == (2, (), ReplayMode.STRICT)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["envelope"]["record_ref"] for line in lines] == ["record:wine.r1.m1", "record:wine.r1.m2"]
    only = ScanFilter(record_type="event")
    assert records.export_jsonl(filled.record_store, str(tmp_path / "out.jsonl"), only).record_count == 0
    assert (tmp_path / "out.jsonl").read_text() == ""
    with Contexta(workspace=tmp_path / "other") as other:
        assert other.record_store.append_many(lines).accepted_count == 2
        assert other.record_store.replay().record_count == 2


def test_damage_is_reported_by_every_mode(filled: Contexta, tmp_path: Path) -> None:
    for number in range(50):
        filled.record_store.append(metric(number))
    assert records.check_integrity(filled.record_store).healthy
    filled.close()
    damage(tmp_path / "ws")
    with RecordStore(tmp_path / "ws") as store:
        report = records.check_integrity(store)
        assert not report.healthy and report.state is records.IntegrityState.CORRUPTED and report.issues
        assert report.recommendations
        with pytest.raises(ReplayError) as raised:
            store.replay()
        assert code_of(raised) == "record_replay_unhealthy_store" and raised.value.hint
        with pytest.raises(ReplayError):
            store.export_jsonl(tmp_path / "out.jsonl")
        assert not (tmp_path / "out.jsonl").exists()
        with pytest.raises(ReplayError) as raised:
            list(store.scan())
        assert code_of(raised) == "record_replay_unhealthy_store"
        for mode in (ReplayMode.TOLERANT, ReplayMode.LENIENT, "tolerant"):
            replay = store.replay(mode=mode)
            assert replay.integrity_state is records.IntegrityState.CORRUPTED and replay.known_gaps and replay.warnings
            assert replay.record_count < 50
            scan = store.scan(mode=mode)
            assert len(list(scan)) == replay.record_count and scan.known_gaps
        assert records.ReplayResult.from_dict(replay.to_dict()) == replay
        with pytest.raises(ValidationError) as unknown:
            store.replay(mode="careful")
        assert code_of(unknown) == "record_store_invalid_replay_mode"


# Artifacts.


def manifest(**members: Any) -> ArtifactManifest:
    form = {
        "artifact_ref": "artifact:wine.r1.model",
        "artifact_kind": "model",
        "created_at": T0,
        "producer_ref": "test.py",
        "run_ref": "run:wine.r1",
        "location_ref": "model.bin",
    }
    return ArtifactManifest(**{**form, **members})


@pytest.fixture
def stored(filled: Contexta, tmp_path: Path) -> Contexta:
    """A workspace with one artifact of 10,000 bytes."""
    (tmp_path / "模型.bin").write_bytes(bytes(range(250)) * 40)
    artifacts.put_artifact(filled.artifact_store, manifest(), tmp_path / "模型.bin")
    return filled


BODY = bytes(range(250)) * 40
REF = "artifact:wine.r1.model"


def test_inspect_store_as_printed(stored: Contexta, capsys: pytest.CaptureFixture[str]) -> None:
    ctx = stored
    summary = ctx.artifact_store.inspect_store()
    print(summary.artifact_count)
    print(summary.verified_count)
    assert capsys.readouterr().out == "1\n1\n"
    assert (summary.total_size_bytes, summary.kinds) == (10_000, {"model": 1})
    assert (summary.missing_count, summary.drift_count, summary.orphan_count) == (0, 0, 0)
    assert artifacts.inspect_store(ctx.artifact_store) == summary and summary.format_version >= 0


def test_artifacts_are_read_in_every_way(stored: Contexta) -> None:
    store = stored.artifact_store
    handle = artifacts.get_artifact(store, REF)
    assert (handle.artifact_ref, handle.artifact_kind, handle.size_bytes) == (REF, "model", 10_000)
    assert handle.path.read_bytes() == BODY and not handle.is_tree
    assert handle.manifest.hash_value == hashlib.sha256(BODY).hexdigest()
    assert artifacts.read_artifact_bytes(store, REF) == BODY
    with artifacts.open_artifact(store, REF) as file:
        assert file.read(5) == BODY[:5] and file.seek(9_990) == 9_990 and file.read() == BODY[9_990:]
        assert not file.writable()
    chunks = list(artifacts.iter_artifact_chunks(store, REF, chunk_size=4_096))
    assert [len(chunk) for chunk in chunks] == [4_096, 4_096, 1_808] and b"".join(chunks) == BODY
    assert list(artifacts.iter_artifact_chunks(store, REF)) == [BODY]
    assert artifacts.artifact_exists(store, REF) and not artifacts.artifact_exists(store, "artifact:wine.r1.none")
    assert artifacts.list_refs(store) == [REF]
    assert pickle.loads(pickle.dumps(handle)) == handle


def test_the_chunk_size_of_the_settings_is_the_default(stored: Contexta, tmp_path: Path) -> None:
    stored.close()
    config = ArtifactStoreConfig(root_path=tmp_path / "ws" / "artifacts", chunk_size_bytes=4_096)
    with ArtifactStore(config) as store:
        assert [len(chunk) for chunk in store.iter_artifact_chunks(REF)] == [4_096, 4_096, 1_808]


def test_bad_arguments_of_artifacts_are_typed_errors(stored: Contexta, tmp_path: Path) -> None:
    store = stored.artifact_store
    for size in (0, -1, True, 1.5, 2**64):
        with pytest.raises(ValidationError) as raised:
            store.iter_artifact_chunks(REF, chunk_size=size)  # type: ignore[arg-type]
        assert code_of(raised) == "artifact_store_invalid_chunk_size"
    with pytest.raises(ValidationError) as mode:
        store.open_artifact(REF, mode="wb")
    assert code_of(mode) == "artifact_store_invalid_open_mode"
    with pytest.raises(NotFoundError) as missing:
        store.get_artifact("artifact:wine.r1.none")
    assert code_of(missing) == "artifact_store_binding_not_found"
    with pytest.raises(ValidationError):
        store.get_artifact("run:wine.r1")
    with pytest.raises(ValidationError) as ingest:
        store.put_artifact(manifest(), tmp_path / "模型.bin", mode="link")  # type: ignore[arg-type]
    assert code_of(ingest) == "artifact_store_invalid_ingest_mode"
    with pytest.raises(ContextaError):
        store.put_artifact(manifest(), tmp_path / "none.bin")
    with pytest.raises(NotFoundError) as package:
        store.import_export_package(tmp_path / "none")
    assert code_of(package) == "artifact_export_package_not_found"
    with pytest.raises(ValidationError) as policy:
        store.import_export_package(tmp_path, conflict_policy="merge")  # type: ignore[arg-type]
    assert code_of(policy) == "artifact_store_invalid_conflict_policy"


def test_put_is_idempotent_checks_claims_and_refuses_conflicts(stored: Contexta, tmp_path: Path) -> None:
    store = stored.artifact_store
    again = store.put_artifact(manifest(), tmp_path / "模型.bin")
    assert (again.change, again.size_bytes, again.notes) == ("unchanged", 10_000, ())
    other = tmp_path / "other.bin"
    other.write_bytes(b"other")
    with pytest.raises(ConflictError) as conflict:
        store.put_artifact(manifest(), other)
    assert code_of(conflict) == "artifact_binding_conflict"
    for members, code in [
        ({"size_bytes": 4}, "artifact_store_size_mismatch"),
        ({"hash_value": "0" * 64}, "artifact_store_hash_mismatch"),
    ]:
        with pytest.raises(ArtifactError) as raised:
            store.put_artifact(manifest(artifact_ref="artifact:wine.r1.b", **members), other)
        assert code_of(raised) == code
    moved = store.put_artifact(manifest(artifact_ref="artifact:wine.r1.b").to_dict(), other, mode="move")
    assert moved.change == "created" and moved.manifest.size_bytes == 5 and not other.exists()
    assert store.list_refs() == ["artifact:wine.r1.b", REF]


def test_verification_finds_missing_and_changed_bodies(stored: Contexta) -> None:
    store = stored.artifact_store
    report = artifacts.verify_artifact(store, REF)
    assert report.verified and report.status == "verified" and report.messages == ()
    assert report.actual_hash_value == report.expected_hash_value == hashlib.sha256(BODY).hexdigest()
    wrong = artifacts.verify_artifact(store, REF, manifest=manifest(size_bytes=1))
    assert not wrong.verified and wrong.status == "size_mismatch" and wrong.messages
    with pytest.raises(ValidationError) as raised:
        store.verify_artifact(REF, manifest=manifest(artifact_ref="artifact:wine.r1.b"))
    assert code_of(raised) == "artifact_store_verification_manifest_mismatch"
    path = store.get_artifact(REF).path
    path.chmod(0o644)
    path.write_bytes(BODY[:-1] + b"!")
    sweep = artifacts.verify_all(store)
    assert sweep.drifted_refs == (REF,) and sweep.verification_records[0].status == "hash_mismatch"
    with pytest.raises(ContextaError) as damaged:
        store.read_artifact_bytes(REF)
    assert code_of(damaged) == "artifact_body_damaged"
    path.unlink()
    assert store.verify_all().missing_refs == (REF,) and store.inspect_store().missing_count == 1
    assert store.verify_artifact(REF).status == "missing"
    with pytest.raises(NotFoundError) as missing:
        store.open_artifact(REF)
    assert code_of(missing) == "artifact_store_body_not_found"
    (path.parent / ("0" * 64)).write_bytes(b"orphan")
    assert artifacts.SweepReport.from_dict(sweep.to_dict()) == sweep


def test_directories_are_not_read_as_one_file(filled: Contexta, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.txt").write_text("a")
    with filled.run("r") as scope:
        scope.register_artifact("model", tmp_path / "tree", key="tree")
    (ref,) = [ref for ref in filled.artifact_store.list_refs() if ref.endswith(".tree")]
    assert filled.artifact_store.get_artifact(ref).is_tree
    reads: list[Any] = [
        filled.artifact_store.open_artifact,
        filled.artifact_store.read_artifact_bytes,
        filled.artifact_store.iter_artifact_chunks,
    ]
    for read in reads:
        with pytest.raises(ArtifactError) as raised:
            read(ref)
        assert code_of(raised) == "artifact_is_directory"


def test_packages_are_exported_and_imported(stored: Contexta, tmp_path: Path) -> None:
    package = artifacts.export_artifact(stored.artifact_store, REF)
    assert package.export_directory.parent == tmp_path / "ws" / "exports"
    assert package.body_path.read_bytes() == BODY and package.size_bytes == 10_000
    package = stored.artifact_store.export_artifact(REF, tmp_path / "out")
    assert package.export_directory.parent == tmp_path / "out"
    with Contexta(workspace=tmp_path / "other") as other:
        store = other.artifact_store
        imported = artifacts.import_export_package(store, package.export_directory)
        assert (imported.artifact_ref, imported.outcome, imported.bytes_written) == (REF, "imported", 10_000)
        assert store.read_artifact_bytes(REF) == BODY
        assert store.import_export_package(str(package.export_directory)).outcome == "idempotent"
        source = tmp_path / "v2.bin"
        source.write_bytes(b"v2")
        store.put_artifact(manifest(artifact_ref="artifact:wine.r1.m2"), source)
        second = store.export_artifact("artifact:wine.r1.m2", tmp_path / "out")
    source.write_bytes(b"v3")
    stored.artifact_store.put_artifact(manifest(artifact_ref="artifact:wine.r1.m2"), source)
    with pytest.raises(ConflictError) as raised:
        stored.artifact_store.import_export_package(second.export_directory)
    assert code_of(raised) == "artifact_binding_conflict"
    skipped = stored.artifact_store.import_export_package(second.export_directory, conflict_policy="skip")
    assert skipped.outcome == "skipped" and stored.artifact_store.read_artifact_bytes("artifact:wine.r1.m2") == b"v3"
    replaced = stored.artifact_store.import_export_package(second.export_directory, conflict_policy="replace")
    assert replaced.outcome == "replaced" and stored.artifact_store.read_artifact_bytes("artifact:wine.r1.m2") == b"v2"
    second.body_path.write_bytes(b"no")
    with Contexta(workspace=tmp_path / "third") as third, pytest.raises(ArtifactError) as tampered:
        third.artifact_store.import_export_package(second.export_directory)
    assert code_of(tampered) == "artifact_export_package_invalid"


# The plain forms.


def names(model: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(model) if field.compare}


def test_fields_of_results_are_the_members_of_the_json_forms(stored: Contexta, tmp_path: Path) -> None:
    native = stored._native
    meta, recorded, bodies = native.metadata_store(), native.record_store(), native.artifact_store()
    for number in range(50):
        stored.record_store.append(metric(number))
    exported = bodies.export(REF, str(tmp_path / "out"))
    appended = recorded.append_many([metric(50).to_dict(), {}])
    forms: list[tuple[type[Any], Any]] = [
        (metadata.IntegrityReport, meta.check_integrity(True)),
        (metadata.RunSnapshot, meta.build_run_snapshot("run:wine.r1")),
        (metadata.MigrationPlan, meta.plan_migration()),
        (metadata.MigrationResult, meta.migrate()),
        (records.AppendResult, appended),
        (records.AppendReceipt, appended["accepted"][0]),
        (records.AppendRejection, appended["rejected"][0]),
        (records.ReplayResult, recorded.replay({}, "strict")),
        (records.StoredRecord, recorded.replay({}, "strict")["records"][0]),
        (records.IntegrityReport, recorded.check_integrity()),
        (artifacts.ArtifactHandle, bodies.get(REF)),
        (artifacts.ArtifactExport, exported),
        (artifacts.ArtifactImport, bodies.import_package(exported["export_directory"], "error")),
        (artifacts.ArtifactPut, bodies.put(manifest().to_dict(), str(tmp_path / "模型.bin"), "copy")),
        (artifacts.VerificationReport, bodies.verify(REF)),
        (artifacts.SweepReport, bodies.verify_all()),
        (artifacts.VerificationRecord, bodies.verify_all()["verification_records"][0]),
        (artifacts.StoreSummary, bodies.inspect()),
    ]
    for model, form in forms:
        assert names(model) == set(form), model
        built = model.from_dict(form)
        assert model.from_dict(built.to_dict()) == built == pickle.loads(pickle.dumps(built))
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(built, next(iter(form)), None)
    stored.close()
    damage(tmp_path / "ws")
    with RecordStore(tmp_path / "ws") as store:
        gap = store._workspace.record_store().replay({}, "lenient")["known_gaps"][0]
        assert names(records.KnownGap) == set(gap)
        scan = store.scan(mode="lenient")
        list(scan)
        assert set(scan.known_gaps[0].to_dict()) == set(gap)
