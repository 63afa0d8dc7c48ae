"""The values that are allowed in fields of models."""

from __future__ import annotations

SCHEMA_VERSION = "1.0.0"
"""The version of the schema of models that this version of contexta writes."""

LIFECYCLE_STATUSES = ("open", "completed", "failed", "cancelled")
"""The statuses of runs, deployments, stages, batches, samples and operations."""

RECORD_TYPES = ("event", "metric", "degraded", "span")
"""The families of records."""

COMPLETENESS_MARKERS = ("complete", "partial", "sampled", "absent", "unknown")
"""The degrees of completeness of a record."""

DEGRADATION_MARKERS = ("none", "partial_failure", "capture_gap", "import_loss", "compatibility_upgrade")
"""The kinds of data loss."""

ORIGIN_MARKERS = ("explicit_capture", "assisted_capture", "wrapped_capture", "imported", "inferred", "replayed")
"""The origins of records."""

EVENT_LEVELS = ("debug", "info", "warning", "error", "critical")
"""The levels of events."""

METRIC_AGGREGATION_SCOPES = ("run", "stage", "operation", "step", "slice")
"""The scopes that the value of a metric can describe."""

TRACE_SPAN_STATUSES = ("ok", "error", "cancelled", "timeout", "unset")
"""The outcomes of spans."""

TRACE_SPAN_KINDS = ("operation", "internal", "io", "network", "process", "stage", "call")
"""The kinds of work that spans measure."""

DEGRADED_CATEGORIES = ("capture", "store", "import", "compatibility", "verification", "recovery")
"""The operations that can cause or find a problem with data."""

DEGRADED_SEVERITIES = ("warning", "error")
"""The severities of degraded records."""

RELATION_TYPES = (
    "generated_from",
    "consumed_by",
    "produced_by",
    "packaged_from",
    "reported_by",
    "evaluated_on",
    "deployed_from",
    "used",
    "derived_from",
    "observed_in",
)
"""The relations of lineage edges, read as "source *relation* target"."""

LINEAGE_ORIGIN_MARKERS = ("explicit", "imported", "inferred", "replayed")
"""The origins of lineage edges."""

ASSERTION_MODES = ("explicit", "imported", "inferred", "replayed")
"""The ways in which lineage edges are asserted."""

CONFIDENCE_MARKERS = ("high", "medium", "low", "unknown")
"""The degrees of confidence in lineage edges."""

ARTIFACT_KINDS = (
    "dataset_snapshot",
    "feature_set",
    "checkpoint",
    "config_snapshot",
    "model_bundle",
    "report_bundle",
    "export_package",
    "evidence_bundle",
    "debug_bundle",
)
"""The usual kinds of artifacts. Any other kind is allowed."""

VALIDATION_SEVERITIES = ("error", "warning")
"""The severities of validation issues."""

EXTENSION_OWNERSHIP_CLASSES = ("core", "compat", "adapter", "bridge", "plugin", "private")
"""The classes of owners of extension namespaces."""

EXTENSION_TARGET_MODELS = (
    "project",
    "run",
    "deployment_execution",
    "stage_execution",
    "batch_execution",
    "sample_observation",
    "operation_context",
    "environment_snapshot",
    "record_envelope",
    "event_payload",
    "metric_payload",
    "trace_span_payload",
    "degraded_payload",
    "artifact_manifest",
    "lineage_edge",
    "provenance_record",
    "artifact_alias",
)
"""The models on which a registry can allow a namespace."""
