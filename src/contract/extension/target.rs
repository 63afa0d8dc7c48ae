//! The models on which the registry can allow a namespace.

use crate::contract::error::code::ErrorCode;
use crate::contract::words::words;

words! {
    /// A model on which a registry entry can allow the namespace. An entry can also name payloads, but payloads have no
    /// extensions yet.
    ExtensionTarget, "a target model", ErrorCode::RegistryTargets, {
        /// A project.
        Project = "project",
        /// A run.
        Run = "run",
        /// A deployment.
        DeploymentExecution = "deployment_execution",
        /// A stage.
        StageExecution = "stage_execution",
        /// A batch.
        BatchExecution = "batch_execution",
        /// A sample.
        SampleObservation = "sample_observation",
        /// An operation.
        OperationContext = "operation_context",
        /// An environment snapshot.
        EnvironmentSnapshot = "environment_snapshot",
        /// The envelope of a record.
        RecordEnvelope = "record_envelope",
        /// The payload of an event.
        EventPayload = "event_payload",
        /// The payload of a metric.
        MetricPayload = "metric_payload",
        /// The payload of a span.
        TraceSpanPayload = "trace_span_payload",
        /// The payload of a degraded record.
        DegradedPayload = "degraded_payload",
        /// The manifest of an artifact.
        ArtifactManifest = "artifact_manifest",
        /// An edge of the lineage graph.
        LineageEdge = "lineage_edge",
        /// A provenance record.
        ProvenanceRecord = "provenance_record",
        /// An alias of an artifact.
        ArtifactAlias = "artifact_alias",
    }
}
