//! Floor 1: the vocabulary of facts: typed references, canonical models and their rules, facts, canonical JSON.
//!
//! This floor uses no disk, clock or engine. A model is a plain struct. A [`Valid`] contains a model whose rules hold:
//! the constructors of [`Valid`] check the rules. [`model`] has the macros that declare models, and `models/` has the
//! models and the rules between their fields. [`validate`] has one function per model for reading and one for checking.
//!
//! Stability: Stable.

pub mod error;
pub mod extension;
pub mod fact;
pub(crate) mod input;
pub mod issue;
pub mod json;
pub mod model;
pub mod models;
pub(crate) mod nfc;
pub mod object;
pub mod refs;
pub mod rules;
pub(crate) mod salvage;
pub(crate) mod space;
pub mod time;
pub mod validate;
pub(crate) mod version;
pub(crate) mod words;

pub use error::{ContractError, ErrorClass, ErrorCode, Result};
pub use extension::{
    ExtensionFieldSet, ExtensionOwner, ExtensionOwnership, ExtensionRegistry, ExtensionRegistryEntry,
    ExtensionTarget, Readonly, validate_extension_field_set,
};
pub use fact::{AnyRecord, Fact, RecordDraft};
pub use input::ModelInput;
pub use issue::{Issues, Severity, ValidationIssue, ValidationReport};
pub use json::{Canonical, Value};
pub use model::{Members, Model};
pub use models::alias::ArtifactAlias;
pub use models::artifact::ArtifactManifest;
pub use models::batch::BatchExecution;
pub use models::deployment::DeploymentExecution;
pub use models::environment::{CodeState, Device, EnvironmentSnapshot, HostDescription, Runtime};
pub use models::lifecycle::RunStatus;
pub use models::lineage::{Confidence, LineageEdge, LineageOrigin, RelationType};
pub use models::operation::OperationContext;
pub use models::payload::{
    AggregationScope, DegradedCategory, DegradedPayload, DegradedSeverity, EventLevel, EventPayload,
    MetricPayload, MetricValue, Origin, Payload, RecordType, SpanKind, SpanStatus, TraceSpanPayload,
};
pub use models::project::Project;
pub use models::provenance::{AssertionMode, ProvenanceRecord};
pub use models::record::{
    Completeness, CorrelationRefs, Degradation, DegradedRecord, MetricRecord, Observation, Record,
    RecordEnvelope, StructuredEventRecord, TraceSpanRecord,
};
pub use models::run::Run;
pub use models::sample::SampleObservation;
pub use models::stage::StageExecution;
pub(crate) use object::ObjectModel;
pub use object::{Object, ObjectKind};
pub use refs::{
    AliasRef, ArtifactRef, BatchRef, DeploymentRef, EnvironmentRef, OperationRef, ProjectRef, ProvenanceRef,
    RecordRef, RelationRef, RunRef, SampleRef, StableRef, StageRef,
};
pub use rules::{Rules, Valid};
pub use salvage::{DroppedMember, Salvaged, salvage, salvage_value};
pub use time::Timestamp;
pub use validate::{
    deserialize_artifact_manifest, deserialize_batch_execution, deserialize_correlation_refs,
    deserialize_degraded_payload, deserialize_degraded_record, deserialize_deployment_execution,
    deserialize_environment_snapshot, deserialize_extension_field_set, deserialize_lineage_edge,
    deserialize_metric_payload, deserialize_metric_record, deserialize_operation_context,
    deserialize_project, deserialize_provenance_record, deserialize_record_envelope, deserialize_run,
    deserialize_sample_observation, deserialize_stable_ref, deserialize_stage_execution,
    deserialize_structured_event_payload, deserialize_structured_event_record,
    deserialize_trace_span_payload, deserialize_trace_span_record, to_json, to_payload,
    validate_artifact_manifest, validate_batch_execution, validate_degraded_record,
    validate_deployment_execution, validate_environment_snapshot, validate_lineage_edge,
    validate_metric_record, validate_operation_context, validate_project, validate_provenance_record,
    validate_record_envelope, validate_run, validate_sample_observation, validate_stage_execution,
    validate_structured_event_record, validate_trace_span_record,
};
pub use version::SCHEMA_VERSION;
