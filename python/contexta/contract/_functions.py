"""Functions that read, check and write models.

Every ``deserialize_*`` function reads a model from a mapping, from JSON text, or from an existing model. An unknown or
missing member and a broken rule are errors. With a registry, the extensions are compared with the registry; without
one, only their form is checked.

Every ``validate_*`` function returns every issue of a model, and never raises: an object that is not such a model is
an issue.
"""

from __future__ import annotations

from typing import Any

from contexta.contract import _checks
from contexta.contract._extensions import ExtensionFieldSet, ExtensionRegistry
from contexta.contract._objects import (
    ArtifactAlias,
    ArtifactManifest,
    BatchExecution,
    DeploymentExecution,
    EnvironmentSnapshot,
    LineageEdge,
    OperationContext,
    Project,
    ProvenanceRecord,
    Run,
    SampleObservation,
    StageExecution,
)
from contexta.contract._records import (
    CorrelationRefs,
    DegradedPayload,
    DegradedRecord,
    MetricPayload,
    MetricRecord,
    RecordEnvelope,
    StructuredEventPayload,
    StructuredEventRecord,
    TraceSpanPayload,
    TraceSpanRecord,
)
from contexta.contract._refs import StableRef
from contexta.contract._report import ValidationReport


def deserialize_stable_ref(data: Any) -> StableRef:
    """Reads a ref from its text or from a JSON string in quotes. A ref is returned unchanged."""
    return _checks.read_ref(data)


def deserialize_extension_field_set(data: Any) -> ExtensionFieldSet:
    """Reads an extension field set."""
    return _checks.read(ExtensionFieldSet, data, None)


def validate_extension_field_set(
    ext: Any,
    *,
    target_model: str,
    registry: ExtensionRegistry | None = None,
) -> ValidationReport:
    """Returns every issue of an extension field set of the model ``target_model``."""
    return _checks.report_of_extension(ext, target_model, registry)


def deserialize_project(data: Any, *, registry: ExtensionRegistry | None = None) -> Project:
    """Reads a project."""
    return _checks.read(Project, data, registry)


def validate_project(project: Any, *, registry: ExtensionRegistry | None = None) -> ValidationReport:
    """Returns every issue of a project."""
    return _checks.report(Project, project, registry)


def deserialize_run(data: Any, *, registry: ExtensionRegistry | None = None) -> Run:
    """Reads a run."""
    return _checks.read(Run, data, registry)


def validate_run(run: Any, *, registry: ExtensionRegistry | None = None) -> ValidationReport:
    """Returns every issue of a run."""
    return _checks.report(Run, run, registry)


def deserialize_deployment_execution(
    data: Any, *, registry: ExtensionRegistry | None = None
) -> DeploymentExecution:
    """Reads a deployment."""
    return _checks.read(DeploymentExecution, data, registry)


def validate_deployment_execution(
    deployment: Any, *, registry: ExtensionRegistry | None = None
) -> ValidationReport:
    """Returns every issue of a deployment."""
    return _checks.report(DeploymentExecution, deployment, registry)


def deserialize_stage_execution(data: Any, *, registry: ExtensionRegistry | None = None) -> StageExecution:
    """Reads a stage."""
    return _checks.read(StageExecution, data, registry)


def validate_stage_execution(stage: Any, *, registry: ExtensionRegistry | None = None) -> ValidationReport:
    """Returns every issue of a stage."""
    return _checks.report(StageExecution, stage, registry)


def deserialize_batch_execution(data: Any, *, registry: ExtensionRegistry | None = None) -> BatchExecution:
    """Reads a batch."""
    return _checks.read(BatchExecution, data, registry)


def validate_batch_execution(batch: Any, *, registry: ExtensionRegistry | None = None) -> ValidationReport:
    """Returns every issue of a batch."""
    return _checks.report(BatchExecution, batch, registry)


def deserialize_sample_observation(
    data: Any, *, registry: ExtensionRegistry | None = None
) -> SampleObservation:
    """Reads a sample."""
    return _checks.read(SampleObservation, data, registry)


def validate_sample_observation(
    sample: Any, *, registry: ExtensionRegistry | None = None
) -> ValidationReport:
    """Returns every issue of a sample."""
    return _checks.report(SampleObservation, sample, registry)


def deserialize_operation_context(
    data: Any, *, registry: ExtensionRegistry | None = None
) -> OperationContext:
    """Reads an operation."""
    return _checks.read(OperationContext, data, registry)


def validate_operation_context(
    operation: Any, *, registry: ExtensionRegistry | None = None
) -> ValidationReport:
    """Returns every issue of an operation."""
    return _checks.report(OperationContext, operation, registry)


def deserialize_environment_snapshot(
    data: Any, *, registry: ExtensionRegistry | None = None
) -> EnvironmentSnapshot:
    """Reads an environment snapshot."""
    return _checks.read(EnvironmentSnapshot, data, registry)


def validate_environment_snapshot(
    snapshot: Any, *, registry: ExtensionRegistry | None = None
) -> ValidationReport:
    """Returns every issue of an environment snapshot."""
    return _checks.report(EnvironmentSnapshot, snapshot, registry)


def deserialize_record_envelope(data: Any, *, registry: ExtensionRegistry | None = None) -> RecordEnvelope:
    """Reads the envelope of a record."""
    return _checks.read(RecordEnvelope, data, registry)


def validate_record_envelope(envelope: Any, *, registry: ExtensionRegistry | None = None) -> ValidationReport:
    """Returns every issue of the envelope of a record."""
    return _checks.report(RecordEnvelope, envelope, registry)


def deserialize_structured_event_record(
    data: Any, *, registry: ExtensionRegistry | None = None
) -> StructuredEventRecord:
    """Reads the record of an event."""
    return _checks.read(StructuredEventRecord, data, registry)


def validate_structured_event_record(
    record: Any, *, registry: ExtensionRegistry | None = None
) -> ValidationReport:
    """Returns every issue of the record of an event."""
    return _checks.report(StructuredEventRecord, record, registry)


def deserialize_metric_record(data: Any, *, registry: ExtensionRegistry | None = None) -> MetricRecord:
    """Reads the record of a metric."""
    return _checks.read(MetricRecord, data, registry)


def validate_metric_record(record: Any, *, registry: ExtensionRegistry | None = None) -> ValidationReport:
    """Returns every issue of the record of a metric."""
    return _checks.report(MetricRecord, record, registry)


def deserialize_trace_span_record(data: Any, *, registry: ExtensionRegistry | None = None) -> TraceSpanRecord:
    """Reads the record of a span."""
    return _checks.read(TraceSpanRecord, data, registry)


def validate_trace_span_record(record: Any, *, registry: ExtensionRegistry | None = None) -> ValidationReport:
    """Returns every issue of the record of a span."""
    return _checks.report(TraceSpanRecord, record, registry)


def deserialize_degraded_record(data: Any, *, registry: ExtensionRegistry | None = None) -> DegradedRecord:
    """Reads a degraded record."""
    return _checks.read(DegradedRecord, data, registry)


def validate_degraded_record(record: Any, *, registry: ExtensionRegistry | None = None) -> ValidationReport:
    """Returns every issue of a degraded record."""
    return _checks.report(DegradedRecord, record, registry)


def deserialize_artifact_manifest(
    data: Any, *, registry: ExtensionRegistry | None = None
) -> ArtifactManifest:
    """Reads the manifest of an artifact."""
    return _checks.read(ArtifactManifest, data, registry)


def validate_artifact_manifest(
    manifest: Any, *, registry: ExtensionRegistry | None = None
) -> ValidationReport:
    """Returns every issue of the manifest of an artifact."""
    return _checks.report(ArtifactManifest, manifest, registry)


def deserialize_artifact_alias(data: Any, *, registry: ExtensionRegistry | None = None) -> ArtifactAlias:
    """Reads an alias of an artifact."""
    return _checks.read(ArtifactAlias, data, registry)


def validate_artifact_alias(alias: Any, *, registry: ExtensionRegistry | None = None) -> ValidationReport:
    """Returns every issue of an alias of an artifact."""
    return _checks.report(ArtifactAlias, alias, registry)


def deserialize_lineage_edge(data: Any, *, registry: ExtensionRegistry | None = None) -> LineageEdge:
    """Reads an edge of the lineage."""
    return _checks.read(LineageEdge, data, registry)


def validate_lineage_edge(edge: Any, *, registry: ExtensionRegistry | None = None) -> ValidationReport:
    """Returns every issue of an edge of the lineage."""
    return _checks.report(LineageEdge, edge, registry)


def deserialize_provenance_record(
    data: Any, *, registry: ExtensionRegistry | None = None
) -> ProvenanceRecord:
    """Reads a provenance record."""
    return _checks.read(ProvenanceRecord, data, registry)


def validate_provenance_record(record: Any, *, registry: ExtensionRegistry | None = None) -> ValidationReport:
    """Returns every issue of a provenance record."""
    return _checks.report(ProvenanceRecord, record, registry)


def deserialize_correlation_refs(data: Any) -> CorrelationRefs:
    """Reads correlation refs."""
    return _checks.read(CorrelationRefs, data, None)


def deserialize_structured_event_payload(data: Any) -> StructuredEventPayload:
    """Reads the payload of an event."""
    return _checks.read(StructuredEventPayload, data, None)


def deserialize_metric_payload(data: Any) -> MetricPayload:
    """Reads the payload of a metric."""
    return _checks.read(MetricPayload, data, None)


def deserialize_trace_span_payload(data: Any) -> TraceSpanPayload:
    """Reads the payload of a span."""
    return _checks.read(TraceSpanPayload, data, None)


def deserialize_degraded_payload(data: Any) -> DegradedPayload:
    """Reads the payload of a degraded record."""
    return _checks.read(DegradedPayload, data, None)
