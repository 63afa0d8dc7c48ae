//! Checking and reading models: `validate_*` gives every issue of a model, `deserialize_*` reads one strictly.

use crate::contract::error::{ContractError, ErrorCode, Result};
use crate::contract::extension::{ExtensionFieldSet, ExtensionRegistry};
use crate::contract::issue::{Issues, ValidationReport};
use crate::contract::json::{Canonical, Value};
use crate::contract::model::{Model, from_value, parse_for};
use crate::contract::models::artifact::ArtifactManifest;
use crate::contract::models::context::{
    BatchExecution, DeploymentExecution, EnvironmentSnapshot, OperationContext, Project, Run,
    SampleObservation, StageExecution,
};
use crate::contract::models::lineage::{LineageEdge, ProvenanceRecord};
use crate::contract::models::payload::{DegradedPayload, EventPayload, MetricPayload, TraceSpanPayload};
use crate::contract::models::record::{
    CorrelationRefs, DegradedRecord, MetricRecord, RecordEnvelope, StructuredEventRecord, TraceSpanRecord,
};
use crate::contract::refs::StableRef;
use crate::contract::rules::{Valid, trim};

/// Every issue of a model: broken rules first, then warnings, then what the registry says of its extensions. Without a
/// registry extensions are checked for their form only.
pub fn validate<M: Model + Clone>(model: &M, registry: Option<&ExtensionRegistry>) -> ValidationReport {
    let mut issues = Issues::default();
    let mut settled = model.clone();
    settled.settle(&mut issues);
    settled.warn(&mut issues);
    ValidationReport::merge([issues.into_report(), check_extensions(&settled, registry)])
}

fn check_extensions<M: Model>(model: &M, registry: Option<&ExtensionRegistry>) -> ValidationReport {
    let (Some(registry), Some(target)) = (registry, M::TARGET) else { return ValidationReport::ok() };
    let check = |(n, set): (usize, &ExtensionFieldSet)| {
        registry.check(set, target).under(&format!("{}[{n}]", M::EXTENSIONS_AT))
    };
    ValidationReport::merge(model.extensions().iter().enumerate().map(check))
}

/// Every issue of a model in a JSON value, and the model if there is no error among them.
pub fn check_value<M: Model + Clone>(
    value: Value,
    registry: Option<&ExtensionRegistry>,
) -> (Option<Valid<M>>, ValidationReport) {
    match from_value::<M>(value) {
        Err(report) => (None, report),
        Ok(model) => {
            let report = validate(&*model, registry);
            (report.is_valid().then_some(model), report)
        }
    }
}

/// Reads a model from JSON text. Errors: nothing to read, no JSON, an unknown or missing member, a broken rule (the
/// first of them), or `validation_failed` with all that the registry says.
pub fn deserialize<M: Model + Clone>(text: &str, registry: Option<&ExtensionRegistry>) -> Result<Valid<M>> {
    let value = parse_for(M::NAME, text)?;
    let model = from_value::<M>(value).map_err(|report| first(&report))?;
    check_extensions(&*model, registry).raise_for_errors()?;
    Ok(model)
}

/// The first error of a report that has one.
fn first(report: &ValidationReport) -> ContractError {
    let first = report.errors().next().cloned().map(ContractError::from);
    first.unwrap_or_else(|| ContractError::new(ErrorCode::ValidationFailed, "the value is not valid"))
}

/// The canonical JSON text of a model.
pub fn to_json(model: &impl Canonical) -> Result<String> {
    model.to_json()
}

/// The canonical JSON value of a model: as [`to_json`] writes it, members that are null left out.
pub fn to_payload(model: &impl Canonical) -> Value {
    let mut value = model.to_value();
    value.drop_nulls();
    value
}

/// Reads a ref: its text, or a JSON text of it. Errors: `deserialize_invalid_ref` for what is no ref.
pub fn deserialize_stable_ref(text: &str) -> Result<StableRef> {
    if trim(text).is_empty() {
        return Err(ContractError::new(ErrorCode::JsonBlank, "no ref: there is nothing to read"));
    }
    let parsed = match trim(text).starts_with('"') {
        true => parse_for("ref", text)?,
        false => Value::from(text),
    };
    StableRef::parse(parsed.as_str().unwrap_or_default())
        .map_err(|e| ContractError::new(ErrorCode::DeserializeRef, e.message))
}

/// Reads an extension field set from JSON text.
pub fn deserialize_extension_field_set(text: &str) -> Result<ExtensionFieldSet> {
    ExtensionFieldSet::from_value(parse_for("ExtensionFieldSet", text)?)
}

/// The functions by name, one pair a model.
macro_rules! functions {
    ($($model:ident: $validate:ident, $deserialize:ident;)*) => {$(
        #[doc = concat!("Every issue of a [`", stringify!($model), "`]; see [`validate`].")]
        pub fn $validate(model: &$model, registry: Option<&ExtensionRegistry>) -> ValidationReport {
            validate(model, registry)
        }

        #[doc = concat!("Reads a [`", stringify!($model), "`] from JSON text; see [`deserialize`].")]
        pub fn $deserialize(text: &str, registry: Option<&ExtensionRegistry>) -> Result<Valid<$model>> {
            deserialize(text, registry)
        }
    )*};
}

functions! {
    Project: validate_project, deserialize_project;
    Run: validate_run, deserialize_run;
    DeploymentExecution: validate_deployment_execution, deserialize_deployment_execution;
    StageExecution: validate_stage_execution, deserialize_stage_execution;
    BatchExecution: validate_batch_execution, deserialize_batch_execution;
    SampleObservation: validate_sample_observation, deserialize_sample_observation;
    OperationContext: validate_operation_context, deserialize_operation_context;
    EnvironmentSnapshot: validate_environment_snapshot, deserialize_environment_snapshot;
    RecordEnvelope: validate_record_envelope, deserialize_record_envelope;
    StructuredEventRecord: validate_structured_event_record, deserialize_structured_event_record;
    MetricRecord: validate_metric_record, deserialize_metric_record;
    TraceSpanRecord: validate_trace_span_record, deserialize_trace_span_record;
    DegradedRecord: validate_degraded_record, deserialize_degraded_record;
    ArtifactManifest: validate_artifact_manifest, deserialize_artifact_manifest;
    LineageEdge: validate_lineage_edge, deserialize_lineage_edge;
    ProvenanceRecord: validate_provenance_record, deserialize_provenance_record;
}

/// Reading the parts that have no version of their own.
macro_rules! parts {
    ($($model:ident: $deserialize:ident;)*) => {$(
        #[doc = concat!("Reads a [`", stringify!($model), "`] from JSON text; see [`deserialize`].")]
        pub fn $deserialize(text: &str) -> Result<Valid<$model>> {
            deserialize(text, None)
        }
    )*};
}

parts! {
    CorrelationRefs: deserialize_correlation_refs;
    EventPayload: deserialize_structured_event_payload;
    MetricPayload: deserialize_metric_payload;
    TraceSpanPayload: deserialize_trace_span_payload;
    DegradedPayload: deserialize_degraded_payload;
}
