"""The contract: refs, models, extensions, canonical JSON, validation."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import time
import inspect
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from contexta import contract
from contexta.contract import (
    ARTIFACT_KINDS,
    EXTENSION_TARGET_MODELS,
    SCHEMA_VERSION,
    ArtifactAlias,
    ArtifactManifest,
    BatchExecution,
    CodeState,
    CorrelationRefs,
    DegradedPayload,
    DegradedRecord,
    DeploymentExecution,
    Device,
    EnvironmentSnapshot,
    ExtensionFieldSet,
    ExtensionRegistry,
    ExtensionRegistryEntry,
    HostDescription,
    LineageEdge,
    MetricPayload,
    MetricRecord,
    OperationContext,
    Project,
    ProvenanceRecord,
    RecordEnvelope,
    Run,
    Runtime,
    SampleObservation,
    StableRef,
    StageExecution,
    StructuredEventPayload,
    StructuredEventRecord,
    TraceSpanPayload,
    TraceSpanRecord,
    ValidationIssue,
    ValidationReport,
    deserialize_artifact_manifest,
    deserialize_extension_field_set,
    deserialize_metric_record,
    deserialize_project,
    deserialize_run,
    deserialize_stable_ref,
    normalize_timestamp,
    to_json,
    to_payload,
    validate_artifact_manifest,
    validate_extension_field_set,
    validate_lineage_edge,
    validate_metric_record,
    validate_project,
    validate_provenance_record,
    validate_run,
)
from contexta.errors import ConflictError, ContextaError, NotFoundError, SerializationError, ValidationError

T = "2024-01-01T00:00:00Z"


def code_of(call: Callable[[], Any], kind: type[ContextaError] = ValidationError) -> str:
    """Returns the code of the exception that a call raises."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return caught.value.code


def project(**changes: Any) -> Project:
    return Project(**{"project_ref": "project:p", "name": "P", "created_at": T, **changes})


def run(**changes: Any) -> Run:
    members = {"run_ref": "run:p.r", "project_ref": "project:p", "name": "R", "status": "open", "started_at": T}
    return Run(**{**members, **changes})


def envelope(record_type: str = "metric", **changes: Any) -> RecordEnvelope:
    members = {
        "record_ref": "record:p.r.k",
        "record_type": record_type,
        "recorded_at": T,
        "observed_at": T,
        "producer_ref": "sdk.python.local",
        "run_ref": "run:p.r",
    }
    return RecordEnvelope(**{**members, **changes})


def metric(**changes: Any) -> MetricPayload:
    return MetricPayload(**{"metric_key": "loss", "value": 0.5, "value_type": "float", **changes})


def manifest(**changes: Any) -> ArtifactManifest:
    members = {
        "artifact_ref": "artifact:p.r.model",
        "artifact_kind": "model_bundle",
        "created_at": T,
        "producer_ref": "sdk.python.local",
        "run_ref": "run:p.r",
        "location_ref": "file.bin",
    }
    return ArtifactManifest(**{**members, **changes})


def edge(**changes: Any) -> LineageEdge:
    members = {
        "relation_ref": "relation:p.a",
        "relation_type": "derived_from",
        "source_ref": "artifact:p.r.b",
        "target_ref": "artifact:p.r.a",
        "recorded_at": T,
        "origin_marker": "explicit",
        "confidence_marker": "low",
    }
    return LineageEdge(**{**members, **changes})


PAYLOADS: dict[str, Any] = {
    "event": StructuredEventPayload(event_key="dataset.loaded", level="info", message="ok"),
    "metric": metric(),
    "span": TraceSpanPayload(
        span_id="s",
        trace_id="t",
        span_name="load",
        started_at=T,
        ended_at=T,
        status="ok",
        span_kind="io",
        linked_refs=["run:p.r"],
    ),
    "degraded": DegradedPayload(issue_key="a.b", category="capture", severity="warning", summary="gone"),
}

MODELS: list[Any] = [
    project(tags={"b": "x", "a": "y"}, description="d"),
    run(params={"alpha": 0.1, "none": None}, tags={"env": "prod"}, status="completed", ended_at=T, archived=True),
    DeploymentExecution(
        deployment_execution_ref="deployment:p.d",
        project_ref="project:p",
        deployment_name="d",
        status="open",
        started_at=T,
        run_ref="run:p.r",
    ),
    StageExecution(
        stage_execution_ref="stage:p.r.train", run_ref="run:p.r", stage_name="train", status="open", started_at=T
    ),
    BatchExecution(
        batch_execution_ref="batch:p.r.train.b1",
        run_ref="run:p.r",
        stage_execution_ref="stage:p.r.train",
        batch_name="b1",
        status="failed",
        started_at=T,
        ended_at=T,
        order_index=3,
        metadata={"size": 32},
    ),
    SampleObservation(
        sample_observation_ref="sample:p.r.train.s1",
        run_ref="run:p.r",
        stage_execution_ref="stage:p.r.train",
        sample_name="s1",
        observed_at=T,
        retention_class="short",
    ),
    OperationContext(
        operation_context_ref="op:p.r.train.b1.read",
        run_ref="run:p.r",
        stage_execution_ref="stage:p.r.train",
        batch_execution_ref="batch:p.r.train.b1",
        operation_name="read",
        observed_at=T,
    ),
    EnvironmentSnapshot(
        environment_snapshot_ref="environment:p.r.runtime",
        run_ref="run:p.r",
        captured_at=T,
        platform="linux",
        python_version="3.12",
        packages={"numpy": "2.0"},
        runtime=Runtime(name="cpython", version="3.12"),
        devices=[Device(name="H100", memory_bytes=80 * 2**30)],
        host={"cpu_count": 8},
        code=CodeState(branch="main", dirty=False),
    ),
    CorrelationRefs(trace_id="t"),
    envelope(stage_execution_ref="stage:p.r.train", correlation_refs=CorrelationRefs(session_id="s")),
    *PAYLOADS.values(),
    StructuredEventRecord(envelope=envelope("event"), payload=PAYLOADS["event"]),
    MetricRecord(envelope=envelope("metric"), payload=PAYLOADS["metric"]),
    TraceSpanRecord(envelope=envelope("span"), payload=PAYLOADS["span"]),
    DegradedRecord(envelope=envelope("degraded", degradation_marker="capture_gap"), payload=PAYLOADS["degraded"]),
    manifest(hash_value="a" * 64, size_bytes=7, attributes={"k": [1, {"n": 0.5}]}),
    ArtifactAlias(
        alias_ref="alias:p.best",
        project_ref="project:p",
        name="model:best",
        artifact_ref="artifact:p.r.model",
        recorded_at=T,
    ),
    edge(evidence_refs=["record:p.r.k"], extensions=[ExtensionFieldSet("acme.x", {"b": 1, "a": {"y": [1, 2]}}, ["b"])]),
    ProvenanceRecord(
        provenance_ref="provenance:p.a",
        relation_ref="relation:p.a",
        assertion_mode="explicit",
        asserted_at=T,
        evidence_bundle_ref="artifact:p.r.proof",
    ),
]


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def names(models: list[Any]) -> list[str]:
    return [type(model).__name__ for model in models]


class TestStableRef:
    def test_ref_has_kind_and_value_and_is_equal_to_its_text(self) -> None:
        ref = StableRef(kind="run", value="wine.ridge-1")
        assert (ref.kind, ref.value, ref.text, str(ref)) == ("run", "wine.ridge-1", "run:wine.ridge-1", ref)
        assert type(str(ref)) is str
        assert ref.components == ("wine", "ridge-1")
        assert ref == StableRef.parse("run:wine.ridge-1") == "run:wine.ridge-1"
        assert {ref: 1}["run:wine.ridge-1"] == 1
        assert sorted([StableRef.parse("run:b.c"), ref, StableRef.parse("artifact:a.b.c")])[0].kind == "artifact"
        assert repr(ref) == "StableRef(kind='run', value='wine.ridge-1')"
        assert StableRef.from_dict(ref.to_dict()) == ref
        assert StableRef.parse(ref) is ref
        with pytest.raises(AttributeError):
            ref.kind = "x"  # type: ignore[misc]
        for again in (pickle.loads(pickle.dumps(ref)), copy.copy(ref), copy.deepcopy(ref)):
            assert again == ref and type(again) is StableRef

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("run", "stable_ref_invalid_text"),
            ("run:a:b", "stable_ref_invalid_text"),
            (":a", "stable_ref_invalid_kind"),
            ("Run:a", "stable_ref_invalid_kind"),
            ("run:", "stable_ref_invalid_value"),
            ("run:a..b", "stable_ref_invalid_value"),
            ("run:A", "stable_ref_invalid_value"),
            ("run:a_b", "stable_ref_invalid_value"),
            (" run:a", "stable_ref_invalid_kind"),
            ("run:葡萄酒", "stable_ref_invalid_value"),
            ("run:\ud800", "stable_ref_invalid_value"),
            ("run:" + "a" * 64, "stable_ref_invalid_value"),
            ("run:" + ".".join(["a" * 60] * 5), "stable_ref_too_long"),
            (5, "stable_ref_invalid_text"),
            (None, "stable_ref_invalid_text"),
        ],
    )
    def test_invalid_text_is_refused(self, text: Any, code: str) -> None:
        assert code_of(lambda: StableRef.parse(text)) == code

    def test_shape_is_checked_separately(self) -> None:
        assert code_of(StableRef.parse("op:a").check_shape) == "stable_ref_invalid_shape"
        StableRef.parse("op:a.b.c.d.e").check_shape()
        StableRef.parse("custom:a").check_shape()

    def test_reader_accepts_text_json_and_refs(self) -> None:
        ref = StableRef("run", "p.r")
        assert deserialize_stable_ref("run:p.r") == deserialize_stable_ref('"run:p.r"') == ref
        assert deserialize_stable_ref(ref) is ref
        assert type(deserialize_stable_ref("run:p.r")) is StableRef
        for data, code in (
            ("", "deserialize_blank_input"),
            ("nope", "deserialize_invalid_ref"),
            (5, "deserialize_invalid_shape"),
            ('"run', "deserialize_invalid_json"),
        ):
            assert code_of(lambda data=data: deserialize_stable_ref(data), SerializationError) == code


class TestTimes:
    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ("2024-01-01T00:00:00.1Z", "2024-01-01T00:00:00.100000Z"),
            ("2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00.123456Z"),
            ("2024-01-01T00:00:00.000Z", "2024-01-01T00:00:00Z"),
            ("2024-01-01T09:00:00+09:00", "2024-01-01T00:00:00Z"),
            (" 2024-01-01 00:00:00z ", "2024-01-01T00:00:00Z"),
            (
                datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=-5))),
                "2024-01-01T05:00:00Z",
            ),
        ],
    )
    def test_times_are_normalized(self, given: Any, text: str) -> None:
        assert normalize_timestamp(given) == text
        assert project(created_at=given).created_at == text

    def test_datetime_without_a_zone_is_in_the_local_zone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "EST+5")
        time.tzset()
        try:
            local = datetime.datetime(2024, 1, 1, 0, 0, 0, 5)
            assert normalize_timestamp(local) == "2024-01-01T05:00:00.000005Z"
            assert project(created_at=local).created_at == "2024-01-01T05:00:00.000005Z"
        finally:
            monkeypatch.undo()
            time.tzset()

    @pytest.mark.parametrize(
        "given",
        [
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-02-30T00:00:00Z",
            "2024-01-01T00:00:60Z",
            "",
            "\ud800",
            5,
            None,
            datetime.date(2024, 1, 1),
            datetime.datetime.max.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-5))),
        ],
    )
    def test_other_values_are_refused(self, given: Any) -> None:
        assert code_of(lambda: normalize_timestamp(given)) == "context_invalid_timestamp"
        assert code_of(lambda: project(created_at=given)) == "context_invalid_timestamp"

    def test_order_of_times_is_that_of_instants(self) -> None:
        run(status="completed", started_at="2024-01-01T00:00:00Z", ended_at="2024-01-01T00:00:00.5Z")
        report = validate_run(run(status="failed", started_at="2024-01-01T00:00:00.5Z", ended_at=T))
        assert report.is_valid
        assert [issue.code for issue in report.warnings] == ["context_invalid_time_order"]


class TestModels:
    @pytest.mark.parametrize("model", MODELS, ids=names(MODELS))
    def test_forms_return_an_equal_model(self, model: Any) -> None:
        kind = type(model)
        assert dataclasses.is_dataclass(model)
        assert kind.from_dict(model.to_dict()) == model
        assert kind(**{field.name: getattr(model, field.name) for field in dataclasses.fields(model)}) == model
        read = getattr(contract, f"deserialize_{snake(kind.__name__)}")
        assert read(to_json(model)) == model
        assert read(to_json(model).encode()) == model
        assert read(to_payload(model)) == model
        assert read(model) == model
        assert json.loads(to_json(model)) == to_payload(model)
        assert json.loads(json.dumps(model.to_dict())) == model.to_dict()
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(model, protocol)) == model
        assert copy.deepcopy(model) == model
        assert hash(model) == hash(kind.from_dict(model.to_dict()))
        assert repr(model).startswith(f"{kind.__name__}(")

    @pytest.mark.parametrize("model", MODELS, ids=names(MODELS))
    def test_fields_are_the_members_of_the_library(self, model: Any) -> None:
        from contexta import _native

        members = set(_native.model_read(type(model).__name__, model.to_dict()))
        assert members == {field.name for field in dataclasses.fields(model)} - {"unknown"}
        assert set(model.to_dict()) == members
        assert type(model)._KIND == type(model).__name__

    @pytest.mark.parametrize("model", MODELS, ids=names(MODELS))
    def test_models_are_immutable(self, model: Any) -> None:
        name = dataclasses.fields(model)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(model, name, None)

    @pytest.mark.parametrize("model", MODELS, ids=names(MODELS))
    def test_canonical_json_is_sorted_and_compact(self, model: Any) -> None:
        text = to_json(model)
        payload = to_payload(model)
        params = payload.pop("params", None)
        assert "null" not in json.dumps(payload)
        if params is not None:
            payload["params"] = params
        assert text == json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def test_canonical_json_is_that_of_the_specification(self) -> None:
        extension = ExtensionFieldSet("acme.x", {"b": 1, "a": {"y": [1, 2]}}, ["b"])
        assert to_json(Project(project_ref="project:a", name="n", created_at=T, tags={"b": "x", "a": "y"})) == (
            '{"created_at":"2024-01-01T00:00:00Z","extensions":[],"name":"n","project_ref":"project:a",'
            '"schema_version":"1.0.0","tags":{"a":"y","b":"x"}}'
        )
        assert to_json(extension) == '{"fields":{"a":{"y":[1,2]},"b":1},"namespace":"acme.x","readonly_fields":["b"]}'
        record = MetricRecord(
            envelope=RecordEnvelope(
                record_ref="record:a.b.c",
                record_type="metric",
                recorded_at=T,
                observed_at=T,
                producer_ref="x",
                run_ref="run:a.b",
            ),
            payload=MetricPayload(metric_key="loss", value=1, value_type="int"),
        )
        assert to_json(record) == (
            '{"envelope":{"completeness_marker":"complete","correlation_refs":{},"degradation_marker":"none",'
            '"extensions":[],"observed_at":"2024-01-01T00:00:00Z","producer_ref":"x","record_ref":"record:a.b.c",'
            '"record_type":"metric","recorded_at":"2024-01-01T00:00:00Z","run_ref":"run:a.b",'
            '"schema_version":"1.0.0"},"payload":{"aggregation_scope":"step","metric_key":"loss","tags":{},"value":1,'
            '"value_type":"int"}}'
        )

    def test_program_of_the_guide(self) -> None:
        from contexta.contract import Project

        project = Project(
            project_ref="project:advanced-proj",
            name="advanced-proj",
            created_at="2024-06-01T12:00:00Z",
        )
        assert project.project_ref.kind == "project"
        assert project.project_ref == "project:advanced-proj"
        assert validate_project(project) == ValidationReport.ok()

    def test_values_are_normalized(self) -> None:
        normalized = project(name=" wine ", tags={" b ": " x ", "a": ""}, description="  ")
        assert (normalized.name, normalized.description) == ("wine", "")
        assert normalized.tags == {"a": "", "b": "x"}
        assert list(normalized.tags) == ["a", "b"]
        assert type(normalized.project_ref) is StableRef
        assert project(tags=None) == project()
        assert edge(evidence_refs=None).evidence_refs == ()
        assert edge(evidence_refs=("record:p.r.k", StableRef("run", "p.r"))).evidence_refs[1].kind == "run"

    def test_nested_models_may_be_mappings(self) -> None:
        payload = {"metric_key": "loss", "value": 1, "value_type": "int"}
        record = MetricRecord(envelope=envelope().to_dict(), payload=payload)
        assert record == MetricRecord(envelope=envelope(), payload=metric(value=1, value_type="int"))
        assert isinstance(record.payload, MetricPayload)
        assert isinstance(record.envelope.correlation_refs, CorrelationRefs)
        snapshot = MODELS[7]
        assert isinstance(snapshot.host, HostDescription) and snapshot.host.cpu_count == 8

    def test_changed_copy_is_checked(self) -> None:
        assert dataclasses.replace(run(), name="other").name == "other"
        assert code_of(lambda: dataclasses.replace(run(), status="completed")) == "context_invalid_status_transition"

    @pytest.mark.parametrize(
        ("create", "code", "field"),
        [
            (lambda: project(name=" "), "context_invalid_string", "name"),
            (lambda: project(name=None), "context_invalid_string", "name"),
            (lambda: project(schema_version=None), "context_invalid_string", "schema_version"),
            (lambda: project(schema_version="2.0.0"), "schema.version_mismatch", "schema_version"),
            (lambda: project(project_ref=5), "context_invalid_ref", "project_ref"),
            (lambda: project(project_ref="run:p.r"), "stable_ref_kind_mismatch", "project_ref"),
            (lambda: project(project_ref="project:p.x"), "stable_ref_invalid_shape", "project_ref"),
            (lambda: project(project_ref="P"), "stable_ref_invalid_text", "project_ref"),
            (lambda: project(tags=[1]), "context_invalid_mapping", "tags"),
            (lambda: project(tags={"a": 1}), "context_invalid_mapping", "tags.a"),
            (lambda: project(extensions=5), "deserialize_invalid_shape", "extensions"),
            (lambda: run(run_ref="run:q.r"), "context_ref_prefix_mismatch", "run_ref"),
            (lambda: run(status="paused"), "context_invalid_status", "status"),
            (lambda: run(status="completed"), "context_invalid_status_transition", "ended_at"),
            (lambda: run(ended_at=T), "context_invalid_status_transition", "ended_at"),
            (lambda: dataclasses.replace(MODELS[4], order_index=-1), "context_invalid_order_index", "order_index"),
            (
                lambda: dataclasses.replace(MODELS[4], batch_name="b2"),
                "context_ref_prefix_mismatch",
                "batch_execution_ref",
            ),
            (lambda: envelope("nope"), "record_invalid_marker", "record_type"),
            (lambda: envelope(producer_ref="a b"), "record_invalid_producer_ref", "producer_ref"),
            (
                lambda: envelope(batch_execution_ref="batch:p.r.s.b"),
                "record_missing_stage_context",
                "batch_execution_ref",
            ),
            (lambda: envelope(stage_execution_ref="stage:p.q.s"), "record_ref_prefix_mismatch", "stage_execution_ref"),
            (lambda: envelope(correlation_refs=5), "record_invalid_correlation_refs", "correlation_refs"),
            (lambda: metric(metric_key="a\nb"), "record_invalid_metric_key", "metric_key"),
            (lambda: metric(value=True), "record_invalid_metric_value", "value"),
            (lambda: metric(value="0.5"), "record_invalid_metric_value", "value"),
            (lambda: metric(value=[1, 2]), "record_invalid_metric_value", "value"),
            (lambda: metric(value=10**400), "record_invalid_metric_value", "value"),
            (lambda: metric(value_type="Int"), "record_invalid_value_type", "value_type"),
            (lambda: metric(aggregation_scope="epoch"), "record_invalid_marker", "aggregation_scope"),
            (lambda: metric(subject_ref=5), "record_invalid_ref", "subject_ref"),
            (lambda: metric(slice_ref="A"), "record_invalid_slice_ref", "slice_ref"),
            (lambda: metric(summary_basis="A b"), "record_invalid_summary_basis", "summary_basis"),
            (lambda: metric(step=0.5), "record_invalid_metric_step", "step"),
            (lambda: manifest(artifact_kind="Model"), "artifact_invalid_artifact_kind", "artifact_kind"),
            (lambda: manifest(size_bytes=-1), "artifact_invalid_size_bytes", "size_bytes"),
            (lambda: manifest(artifact_ref="artifact:p.q.m"), "artifact_ref_prefix_mismatch", "artifact_ref"),
            (lambda: edge(target_ref="artifact:p.r.b"), "lineage_self_relation", "target_ref"),
            (lambda: edge(evidence_refs=[None]), "record_invalid_ref", "evidence_refs[0]"),
            (
                lambda: MetricRecord(envelope=envelope("event"), payload=metric()),
                "record_type_mismatch",
                "envelope.record_type",
            ),
            (lambda: MetricRecord(envelope=5, payload=metric()), "record_invalid_envelope", "envelope"),
            (lambda: MetricRecord(envelope=envelope(), payload=5), "record_invalid_payload", "payload"),
            (
                lambda: MetricRecord(envelope=envelope(completeness_marker="absent"), payload=metric()),
                "record_absent_not_allowed",
                "completeness_marker",
            ),
            (
                lambda: DegradedRecord(
                    envelope={**envelope().to_dict(), "record_type": "degraded"}, payload=PAYLOADS["degraded"]
                ),
                "record_degraded_requires_gap",
                "envelope.degradation_marker",
            ),
            (lambda: run(unknown={"new": 1}), "deserialize_unknown_field", "new"),
            (lambda: run(unknown={"name": 1}), "deserialize_unknown_field", "name"),
        ],
    )
    def test_broken_rule_has_code_and_field(self, create: Callable[[], Any], code: str, field: str) -> None:
        with pytest.raises(ValidationError) as caught:
            create()
        assert caught.value.code == code
        assert caught.value.details == {"field": field}
        assert caught.value.message

    def test_values_without_a_json_form_are_refused(self) -> None:
        for value in (object(), lambda: None, 10**5000):
            assert code_of(lambda value=value: manifest(attributes={"a": value})) == "extension_invalid_value"
        deep: Any = 1
        for _ in range(5000):
            deep = [deep]
        assert code_of(lambda: manifest(attributes={"a": deep})) == "extension_invalid_value"
        assert code_of(lambda: manifest(attributes={" ": 1})) == "record_invalid_mapping"

    def test_missing_and_misspelled_arguments_are_type_errors(self) -> None:
        with pytest.raises(TypeError):
            Project(name="x")  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            project(nam="x")
        with pytest.raises(TypeError):
            Project("project:p", "P", T)  # type: ignore[call-arg, misc]


class TestUnusualValues:
    def test_numbers_that_are_not_finite_are_kept(self) -> None:
        for value in (math.nan, math.inf, -math.inf):
            payload = metric(value=value)
            assert repr(payload.value) == repr(value)
            again = MetricPayload.from_dict(json.loads(to_json(payload)))
            assert again == payload
            assert repr(again.value) == repr(value)
            assert pickle.loads(pickle.dumps(payload)) == payload
            assert hash(again) == hash(payload)
        assert metric(value=math.nan) != metric(value=0.5)
        assert to_payload(metric(value=math.inf))["value"] == "Infinity"

    def test_huge_integers_keep_all_digits(self) -> None:
        huge = 2**200 + 1
        assert metric(value=huge, value_type="int").value == huge
        assert deserialize_artifact_manifest(to_json(manifest(attributes={"n": -huge}))).attributes["n"] == -huge
        assert manifest(size_bytes=2**64 - 1).size_bytes == 2**64 - 1

    def test_texts_in_every_script_are_kept(self) -> None:
        named = project(name="葡萄酒 🍷", tags={"Größe": "\u2028/\x7f"}, description="línea\nотчёт")
        assert deserialize_project(to_json(named)) == named
        stage = StageExecution(
            stage_execution_ref="stage:p.r.x1", run_ref="run:p.r", stage_name="训练", status="open", started_at=T
        )
        assert stage.stage_name == "训练"
        assert metric(metric_key="验证/损失").metric_key == "验证/损失"

    def test_null_parameters_are_kept(self) -> None:
        assert run(params={"a": None}).params == {"a": None}
        assert '"params":{"a":null}' in to_json(run(params={"a": None}))

    def test_scalars_of_other_libraries_are_numbers(self) -> None:
        numpy = pytest.importorskip("numpy")
        assert metric(value=numpy.float64(0.5)) == metric()
        assert metric(value=numpy.int64(3), step=numpy.int32(4)).step == 4
        assert manifest(attributes={"shape": numpy.array([1, 2])}).attributes["shape"] == (1, 2)

    def test_floats_are_written_in_the_style_of_python(self) -> None:
        values = [1.0, -0.0, 1e15, 1e16, 1e-5, 1.5e300, 5e-324, 0.1]
        assert to_json(values) == "[" + ",".join(repr(value) for value in values) + "]"

    def test_members_of_a_newer_minor_version_are_kept(self) -> None:
        newer = {**project().to_dict(), "schema_version": "1.7.0", "color": "red", "deep": {"a": [1]}}
        read = deserialize_project(newer)
        assert read.unknown == {"color": "red", "deep": {"a": (1,)}}
        assert json.loads(to_json(read))["color"] == "red"
        assert deserialize_project(to_json(read)) == read
        assert dataclasses.replace(read, name="other").unknown == read.unknown
        assert read.to_dict()["deep"] == {"a": [1]}
        assert pickle.loads(pickle.dumps(read)) == read
        assert [issue.code for issue in validate_project(read).warnings] == ["schema.version_newer"]
        current = {**newer, "schema_version": SCHEMA_VERSION}
        assert code_of(lambda: deserialize_project(current), SerializationError) == "deserialize_unknown_field"


class TestReading:
    @pytest.mark.parametrize(
        ("data", "kind", "code"),
        [
            ("", SerializationError, "deserialize_blank_input"),
            ("{", SerializationError, "deserialize_invalid_json"),
            ('{"a":1,"a":2}', SerializationError, "deserialize_invalid_json"),
            (b"\xff", SerializationError, "deserialize_invalid_json"),
            ("[]", SerializationError, "deserialize_invalid_shape"),
            (5, SerializationError, "deserialize_invalid_shape"),
            (None, SerializationError, "deserialize_invalid_shape"),
            (run(), SerializationError, "deserialize_invalid_shape"),
            ({}, SerializationError, "deserialize_invalid_payload"),
            ({**project().to_dict(), "x": 1}, SerializationError, "deserialize_unknown_field"),
            ({**project().to_dict(), "name": ""}, ValidationError, "context_invalid_string"),
            (
                {**project().to_dict(), "extensions": [{"namespace": "a.b", "fields": {"x": 1}}] * 2},
                ConflictError,
                "extension_duplicate_namespace",
            ),
        ],
    )
    def test_errors_have_codes(self, data: Any, kind: type[ContextaError], code: str) -> None:
        assert code_of(lambda: deserialize_project(data), kind) == code

    def test_registry_is_applied(self) -> None:
        registry = ExtensionRegistry([ExtensionRegistryEntry("acme.x", "private", "acme", "active", ["run"])])
        extended = project(extensions=[ExtensionFieldSet("acme.x", {"a": 1})])
        assert deserialize_project(extended.to_dict()) == extended
        assert code_of(lambda: deserialize_project(extended.to_dict(), registry=registry)) == "validation_failed"
        fits = run(extensions=[ExtensionFieldSet("acme.x", {"a": 1})])
        assert deserialize_run(to_json(fits), registry=registry) == fits
        assert code_of(lambda: deserialize_run(fits, registry={})) == "extension_invalid_registry"

    def test_every_function_exists_with_the_specified_signature(self) -> None:
        for model in MODELS:
            name = snake(type(model).__name__)
            read = inspect.signature(getattr(contract, f"deserialize_{name}")).parameters
            is_part = name.endswith("_payload") or name == "correlation_refs"
            assert list(read) == (["data"] if is_part else ["data", "registry"])
            if not is_part:
                validate = inspect.signature(getattr(contract, f"validate_{name}")).parameters
                assert list(validate)[1:] == ["registry"]
                assert validate["registry"].kind is inspect.Parameter.KEYWORD_ONLY
                assert validate["registry"].default is None
        for name in contract.__all__:
            value = getattr(contract, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                assert value.__doc__ and not value.__doc__.startswith(f"{name}("), name


class TestJson:
    def test_other_values_have_a_canonical_form(self) -> None:
        assert to_json({"b": [None, True, "é\n"], "a": {"x": None}}) == '{"a":{},"b":[null,true,"é\\n"]}'
        assert to_payload({"b": None, "a": (1, 2.0)}) == {"a": [1, 2.0]}
        assert to_json(StableRef("run", "p.r")) == '"run:p.r"'
        assert to_json(None) == "null"
        assert to_json(ValidationReport.ok()) == '{"issues":[],"valid":true}'
        assert to_json([project(), 1]).startswith('[{"created_at"')

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            (math.nan, "serialization_invalid_float"),
            ({"a": [math.inf]}, "serialization_invalid_float"),
            ({1: 2}, "serialization_invalid_mapping_key"),
            ({"a": {None: 2}}, "serialization_invalid_mapping_key"),
            ({1}, "serialization_unsupported_type"),
            (b"x", "serialization_unsupported_type"),
            (object(), "serialization_unsupported_type"),
        ],
    )
    def test_errors_have_codes(self, value: Any, code: str) -> None:
        assert code_of(lambda: to_json(value), SerializationError) == code
        assert code_of(lambda: to_payload(value), SerializationError) == code

    def test_cyclic_value_is_an_error(self) -> None:
        cyclic: list[Any] = []
        cyclic.append(cyclic)
        assert code_of(lambda: to_json(cyclic), SerializationError) == "serialization_unsupported_type"


class TestValidation:
    @pytest.mark.parametrize("model", MODELS, ids=names(MODELS))
    def test_valid_models_have_no_errors(self, model: Any) -> None:
        validate = getattr(contract, f"validate_{snake(type(model).__name__)}", None)
        if validate is None:
            return
        for form in (model, model.to_dict(), to_json(model)):
            assert validate(form).is_valid, form
        for other in (None, 5, "text", object(), [], StableRef("run", "p.r")):
            report = validate(other)
            assert [(issue.code, issue.path) for issue in report.issues] == [("validation.invalid_type", "$")]
            assert not report.is_valid
        wrong = project() if not isinstance(model, Project) else run()
        assert [issue.code for issue in validate(wrong).errors] == ["validation.invalid_type"]

    def test_warnings_name_the_path(self) -> None:
        record = MetricRecord(envelope=envelope(), payload=metric())
        report = validate_metric_record(record)
        assert [(w.code, w.path, w.severity) for w in report.warnings] == [
            ("metric.unit_missing", "$.payload.unit", "warning")
        ]
        assert report.valid and report and report.errors == ()
        assert [w.code for w in validate_artifact_manifest(manifest()).warnings] == [
            "artifact.hash_value_missing",
            "artifact.size_bytes_missing",
        ]
        assert [(w.code, w.path) for w in validate_lineage_edge(edge()).warnings] == [
            ("lineage.evidence_refs_missing", "$.evidence_refs"),
            ("lineage.low_confidence_without_provenance", "$.confidence_marker"),
        ]
        bare = ProvenanceRecord(
            provenance_ref="provenance:a", relation_ref="relation:a", assertion_mode="explicit", asserted_at=T
        )
        assert [(w.code, w.path) for w in validate_provenance_record(bare).warnings] == [
            ("provenance.policy_ref_missing", "$.policy_ref"),
            ("provenance.evidence_bundle_ref_missing", "$.evidence_bundle_ref"),
        ]

    def test_every_error_is_reported(self) -> None:
        report = validate_run({**run().to_dict(), "name": " ", "status": "completed", "run_ref": "run:q.r"})
        assert {(issue.code, issue.path) for issue in report.errors} == {
            ("context_invalid_status_transition", "$.ended_at"),
            ("context_ref_prefix_mismatch", "$.run_ref"),
            ("context_invalid_string", "$.name"),
        }
        with pytest.raises(ValidationError) as caught:
            report.raise_for_errors()
        assert caught.value.code == "validation_failed"
        assert caught.value.details == {"issues": [issue.to_dict() for issue in report.errors]}

    def test_changed_model_is_reported(self) -> None:
        tampered = run()
        object.__setattr__(tampered, "status", "nope")
        assert [(i.code, i.path) for i in validate_run(tampered).issues] == [("context_invalid_status", "$.status")]
        object.__setattr__(tampered, "status", object())
        assert [i.code for i in validate_run(tampered).issues] == ["extension_invalid_value"]
        assert [i.code for i in validate_run("{").issues] == ["deserialize_invalid_json"]

    def test_registry_adds_issues(self) -> None:
        registry = ExtensionRegistry(
            [ExtensionRegistryEntry("acme.x", "private", "acme", "active", ["project"], field_specs={"a": "int"})]
        )
        extended = run(extensions=[ExtensionFieldSet("acme.x", {"a": "text"}), ExtensionFieldSet("other.y", {"a": 1})])
        assert validate_run(extended) == ValidationReport.ok()
        issues = {(i.code, i.path, i.severity) for i in validate_run(extended, registry=registry).issues}
        assert ("extension.target_model_mismatch", "$.extensions[0].namespace", "error") in issues
        assert ("extension.namespace_unregistered", "$.extensions[1].namespace", "warning") in issues
        assert [i.code for i in validate_run(run(), registry=5).issues] == ["extension.invalid_registry"]

    def test_issue_and_report_are_checked(self) -> None:
        issue = ValidationIssue(" a.b ", "$", " m ")
        assert (issue.code, issue.message, issue.severity) == ("a.b", "m", "error")
        for name in ("code", "path", "message"):
            broken = {**issue.to_dict(), name: " "}
            assert code_of(lambda broken=broken: ValidationIssue(**broken)) == f"validation_issue_invalid_{name}"
        assert code_of(lambda: ValidationIssue("a", "$", "m", "info")) == "validation_issue_invalid_severity"
        warning = ValidationIssue("a", "$", "m", "warning")
        merged = ValidationReport.merge(ValidationReport((warning,)), ValidationReport.from_issues([issue]))
        assert merged.issues == (warning, issue)
        assert (merged.errors, merged.warnings, merged.valid) == ((issue,), (warning,), False)
        assert merged.to_dict() == {"valid": False, "issues": [warning.to_dict(), issue.to_dict()]}
        assert ValidationReport.from_dict(merged.to_dict()) == merged == pickle.loads(pickle.dumps(merged))
        assert code_of(lambda: ValidationReport((5,))) == "validation_report_invalid_issue"  # type: ignore[arg-type]
        assert code_of(lambda: ValidationReport.merge(5)) == "validation_report_invalid_merge"  # type: ignore[arg-type]


class TestExtensions:
    def test_field_set_is_normalized(self) -> None:
        extension = ExtensionFieldSet("acme.x", {"b": 1, "a": {"n": None, "m": 1}, "gone": None}, ["b", "b"])
        assert extension.fields == {"a": {"m": 1}, "b": 1}
        assert extension.readonly_fields == ("b",)
        assert extension.get("a") == {"m": 1} and extension.get("zz", 7) == 7
        assert ExtensionFieldSet.from_dict(extension.to_dict()) == extension
        assert deserialize_extension_field_set(to_json(extension)) == extension
        assert deserialize_extension_field_set(extension) == extension
        assert pickle.loads(pickle.dumps(extension)) == extension

    def test_fields_are_merged_and_removed(self) -> None:
        extension = ExtensionFieldSet("acme.x", {"a": 1, "b": 2}, ["a"])
        assert extension.merge({"b": 3, "c": 4}).fields == {"a": 1, "b": 3, "c": 4}
        assert extension.merge({"c": 4}, readonly_fields=["c"]).readonly_fields == ("a", "c")
        assert extension.with_readonly(["b"]).readonly_fields == ("a", "b")
        assert extension.without(["b", "zz"]).fields == {"a": 1}
        assert extension.merge({}) == extension
        assert code_of(lambda: extension.merge({"a": 2}), ConflictError) == "extension_readonly_conflict"
        assert extension.merge({"a": 2}, allow_readonly=True).get("a") == 2
        assert code_of(lambda: extension.without(["a"]), ConflictError) == "extension_readonly_conflict"
        assert extension.without(["a"], allow_readonly=True).readonly_fields == ()
        assert code_of(lambda: extension.with_readonly(["zz"])) == "extension_invalid_readonly_fields"
        assert code_of(lambda: extension.without(["a", "b"], allow_readonly=True)) == "extension_empty_fields"
        assert code_of(lambda: extension.with_readonly("ab")) == "extension_invalid_field_key"

    @pytest.mark.parametrize(
        ("members", "code"),
        [
            ({"namespace": "acme", "fields": {"a": 1}}, "extension_invalid_namespace"),
            ({"namespace": 5, "fields": {"a": 1}}, "extension_invalid_namespace"),
            ({"namespace": "a." + "b" * 130, "fields": {"a": 1}}, "extension_invalid_namespace"),
            ({"namespace": "a.b", "fields": []}, "extension_invalid_fields"),
            ({"namespace": "a.b", "fields": {}}, "extension_empty_fields"),
            ({"namespace": "a.b", "fields": {"A": 1}}, "extension_invalid_field_key"),
            ({"namespace": "a.b", "fields": {"a": object()}}, "extension_invalid_value"),
            ({"namespace": "a.b", "fields": {"a": 1}, "readonly_fields": ["b"]}, "extension_invalid_readonly_fields"),
        ],
    )
    def test_broken_rules_have_codes(self, members: dict[str, Any], code: str) -> None:
        assert code_of(lambda: ExtensionFieldSet(**members)) == code

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"namespace": "x"}, "extension_invalid_namespace"),
            ({"namespace": "contexta.x"}, "extension_registry_invalid_namespace"),
            ({"ownership_class": "core"}, "extension_registry_invalid_namespace"),
            ({"ownership_class": "nobody"}, "extension_registry_invalid_ownership"),
            ({"owner_slug": "A"}, "extension_registry_invalid_owner"),
            ({"status": "A"}, "extension_registry_invalid_status"),
            ({"target_models": []}, "extension_registry_invalid_target_models"),
            ({"target_models": ["table"]}, "extension_registry_invalid_target_models"),
            ({"field_specs": {"a": " "}}, "extension_registry_invalid_field_specs"),
            ({"field_specs": {"a": "int"}, "readonly_fields": ["b"]}, "extension_registry_invalid_readonly_fields"),
        ],
    )
    def test_entry_is_checked(self, changes: dict[str, Any], code: str) -> None:
        members = {
            "namespace": "acme.x",
            "ownership_class": "private",
            "owner_slug": "acme",
            "status": "active",
            "target_models": ["run", "project", "run"],
            "notes": " ",
        }
        entry = ExtensionRegistryEntry(**members)  # type: ignore[arg-type]
        assert entry.target_models == ("project", "run")
        assert entry.notes is None and "notes" not in entry.to_dict()
        assert ExtensionRegistryEntry.from_dict(entry.to_dict()) == entry
        assert code_of(lambda: ExtensionRegistryEntry(**{**members, **changes})) == code

    def test_registry_answers(self) -> None:
        first = ExtensionRegistryEntry("acme.x", "private", "acme", "active", ["run"], readonly_fields=["a"])
        second = ExtensionRegistryEntry("plugin.y", "plugin", "yacht", "active", ["project"])
        registry = ExtensionRegistry().register(second).register(first)
        assert registry == ExtensionRegistry([first, second.to_dict()])
        assert [entry.namespace for entry in registry] == ["acme.x", "plugin.y"] and len(registry) == 2
        assert registry.get("acme.x") == first == registry.require("acme.x") and "acme.x" in registry
        assert registry.get("no.no") is None
        assert code_of(lambda: registry.get("no")) == "extension_invalid_namespace"
        assert code_of(lambda: registry.require("no.no"), NotFoundError) == "extension_registry_missing_namespace"
        assert code_of(lambda: registry.register(first), ConflictError) == "extension_registry_duplicate_namespace"
        assert (registry.owner_for("plugin.y"), registry.owner_for("no.no")) == ("yacht", None)
        assert registry.allows_target_model("acme.x", "run")
        assert not registry.allows_target_model("acme.x", "project")
        extension = ExtensionFieldSet("acme.x", {"a": 1})
        assert registry.resolve(extension, "run").readonly_fields == ("a",)
        assert code_of(lambda: registry.resolve(extension, "project")) == "extension_registry_target_model_mismatch"
        assert code_of(lambda: registry.resolve(extension, "table")) == "extension_registry_invalid_target_models"
        twice = [extension, extension]
        assert code_of(lambda: registry.normalize(twice, "run"), ConflictError) == "extension_duplicate_namespace"
        assert pickle.loads(pickle.dumps(registry)) == registry

    def test_field_set_is_validated(self) -> None:
        extension = ExtensionFieldSet("acme.x", {"a": "text"})
        registry = ExtensionRegistry(
            [ExtensionRegistryEntry("acme.x", "private", "acme", "active", ["run"], field_specs={"a": "int"})]
        )

        def codes(ext: Any, target: str = "run", registry: Any = None) -> list[str]:
            report = validate_extension_field_set(ext, target_model=target, registry=registry)
            return [issue.code for issue in report.issues]

        assert codes(extension) == codes(extension.to_dict()) == []
        assert codes(extension, "table") == ["extension.invalid_target_model"]
        assert codes(extension, registry=5) == ["extension.invalid_registry"]
        assert codes(5) == ["extension.invalid_type"]
        assert codes({"namespace": "x", "fields": {}}) == ["extension_invalid_namespace"]
        assert codes(extension, "project", registry) == [
            "extension.target_model_mismatch",
            "extension.field_type_mismatch",
        ]


class TestWords:
    def allowed(self, create: Callable[[str], Any]) -> list[str]:
        """Returns the words that the error for an unknown word names."""
        with pytest.raises(ValidationError) as caught:
            create("no-such-word")
        return caught.value.message.split("expected one of ")[1].split(", ")

    @pytest.mark.parametrize(
        ("name", "create"),
        [
            ("LIFECYCLE_STATUSES", lambda word: run(status=word)),
            ("RECORD_TYPES", lambda word: envelope(word)),
            ("COMPLETENESS_MARKERS", lambda word: envelope(completeness_marker=word)),
            ("DEGRADATION_MARKERS", lambda word: envelope(degradation_marker=word)),
            ("EVENT_LEVELS", lambda word: dataclasses.replace(PAYLOADS["event"], level=word)),
            ("ORIGIN_MARKERS", lambda word: dataclasses.replace(PAYLOADS["event"], origin_marker=word)),
            ("METRIC_AGGREGATION_SCOPES", lambda word: metric(aggregation_scope=word)),
            ("TRACE_SPAN_STATUSES", lambda word: dataclasses.replace(PAYLOADS["span"], status=word)),
            ("TRACE_SPAN_KINDS", lambda word: dataclasses.replace(PAYLOADS["span"], span_kind=word)),
            ("DEGRADED_CATEGORIES", lambda word: dataclasses.replace(PAYLOADS["degraded"], category=word)),
            ("DEGRADED_SEVERITIES", lambda word: dataclasses.replace(PAYLOADS["degraded"], severity=word)),
            ("RELATION_TYPES", lambda word: edge(relation_type=word)),
            ("LINEAGE_ORIGIN_MARKERS", lambda word: edge(origin_marker=word)),
            ("CONFIDENCE_MARKERS", lambda word: edge(confidence_marker=word)),
            ("ASSERTION_MODES", lambda word: dataclasses.replace(MODELS[-1], assertion_mode=word)),
            (
                "EXTENSION_OWNERSHIP_CLASSES",
                lambda word: ExtensionRegistryEntry("a.b", word, "a", "active", ["run"]),
            ),
            (
                "EXTENSION_TARGET_MODELS",
                lambda word: ExtensionRegistryEntry("a.b", "private", "a", "active", [word]),
            ),
        ],
    )
    def test_constants_are_the_words_of_the_library(self, name: str, create: Callable[[str], Any]) -> None:
        assert list(getattr(contract, name)) == self.allowed(create)

    def test_other_constants(self) -> None:
        report = validate_artifact_manifest(manifest(artifact_kind="other", hash_value="a" * 64, size_bytes=1))
        assert report.warnings[0].code == "artifact.artifact_kind_unknown"
        assert report.warnings[0].message == f"other is not one of {', '.join(ARTIFACT_KINDS)}"
        assert project().schema_version == SCHEMA_VERSION == "1.0.0"
        assert contract.VALIDATION_SEVERITIES == ("error", "warning")
        assert len(set(EXTENSION_TARGET_MODELS)) == 17
