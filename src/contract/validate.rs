//! Functions that check and read models: `validate_*` returns every issue of a model, `deserialize_*` reads a model
//! strictly.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::extension::registry::ExtensionRegistry;
use crate::contract::input::ModelInput;
use crate::contract::issue::collector::Issues;
use crate::contract::issue::report::ValidationReport;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::read::parse_for;
use crate::contract::json::value::Value;
use crate::contract::model::canonical_model::{Model, from_value};
use crate::contract::models::artifact::ArtifactManifest;
use crate::contract::models::batch::BatchExecution;
use crate::contract::models::deployment::DeploymentExecution;
use crate::contract::models::environment::EnvironmentSnapshot;
use crate::contract::models::lineage::LineageEdge;
use crate::contract::models::operation::OperationContext;
use crate::contract::models::payload::degraded::DegradedPayload;
use crate::contract::models::payload::event::EventPayload;
use crate::contract::models::payload::metric::MetricPayload;
use crate::contract::models::payload::span::TraceSpanPayload;
use crate::contract::models::project::Project;
use crate::contract::models::provenance::ProvenanceRecord;
use crate::contract::models::record::correlation::CorrelationRefs;
use crate::contract::models::record::envelope::RecordEnvelope;
use crate::contract::models::record::whole::{
    DegradedRecord, MetricRecord, StructuredEventRecord, TraceSpanRecord,
};
use crate::contract::models::run::Run;
use crate::contract::models::sample::SampleObservation;
use crate::contract::models::stage::StageExecution;
use crate::contract::refs::stable::StableRef;
use crate::contract::rules::valid::Valid;
use crate::contract::space::trim;

/// Returns every issue of a model: first broken rules, then warnings, then the issues that the registry finds in
/// extensions. Without a registry, only the form of extensions is checked.
pub fn validate<M: Model + Clone>(model: &M, registry: Option<&ExtensionRegistry>) -> ValidationReport {
    let mut issues = Issues::default();
    let mut normalized = model.clone();
    normalized.normalize(&mut issues);
    normalized.warn(&mut issues);
    ValidationReport::merge([issues.into_report(), check_extensions(&normalized, registry)])
}

fn check_extensions<M: Model>(model: &M, registry: Option<&ExtensionRegistry>) -> ValidationReport {
    let (Some(registry), Some(target)) = (registry, M::TARGET) else { return ValidationReport::ok() };
    let check = |(n, set): (usize, &ExtensionFieldSet)| {
        registry.check(set, target).under(&format!("{}[{n}]", M::EXTENSIONS_AT))
    };
    ValidationReport::merge(model.extensions().iter().enumerate().map(check))
}

/// Reads a model from a JSON value and checks the model. Returns all issues, and the model if no issue is an error. The
/// members are read first, then the rules are checked. If a registry is given, the extensions are then compared with
/// the registry. After an error, the later steps are left out.
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

/// Reads a model from JSON text or a JSON value, or checks a given model. Without a registry, extensions are accepted
/// without a check of their fields. Errors: an empty text, invalid JSON, an unknown or missing member, the first broken
/// rule, or `validation_failed` with the errors that the registry finds.
pub fn deserialize<'a, M: Model + Clone>(
    data: impl Into<ModelInput<'a, M>>,
    registry: Option<&ExtensionRegistry>,
) -> Result<Valid<M>> {
    let read = match data.into() {
        ModelInput::Text(text) => from_value::<M>(parse_for(M::NAME, text)?),
        ModelInput::Value(value) => from_value::<M>(value),
        ModelInput::Model(model) => Valid::check(model),
    };
    let model = read.map_err(|report| report.first_error())?;
    check_extensions(&*model, registry).raise_for_errors()?;
    Ok(model)
}

/// Returns the canonical JSON text of a model. Errors: a number that is not finite.
pub fn to_json(model: &impl Canonical) -> Result<String> {
    model.to_json()
}

/// Returns the canonical JSON value of a model, which is the value that [`to_json`] writes. Members that are null are
/// left out, except parameters of a run that are null.
pub fn to_payload(model: &impl Canonical) -> Value {
    let mut value = model.to_value();
    let params = match &mut value {
        Value::Map(members) => members.remove("params"),
        _ => None,
    };
    value.drop_nulls();
    if let (Value::Map(members), Some(params)) = (&mut value, params.filter(|params| *params != Value::Null))
    {
        members.insert("params".to_owned(), params);
    }
    value
}

/// Reads a ref from plain text, from a JSON string in quotes, or from a JSON value. Errors: `deserialize_invalid_ref`
/// for text that is not a ref, and other codes for a blank text, invalid JSON, or a JSON value that is not a string.
pub fn deserialize_stable_ref<'a>(data: impl Into<ModelInput<'a, StableRef>>) -> Result<StableRef> {
    let parsed = match data.into() {
        ModelInput::Model(any) => return Ok(any),
        ModelInput::Value(value) => value,
        ModelInput::Text(text) if trim(text).is_empty() => {
            return Err(ContractError::new(ErrorCode::JsonBlank, "the text is empty; expected a ref"));
        }
        ModelInput::Text(text) if trim(text).starts_with('"') => parse_for("ref", text)?,
        ModelInput::Text(text) => Value::from(text),
    };
    let Some(text) = parsed.as_str() else {
        let message = format!("expected a ref as text, found {}", parsed.type_name());
        return Err(ContractError::new(ErrorCode::JsonShape, message));
    };
    StableRef::parse(text).map_err(|e| ContractError::new(ErrorCode::DeserializeRef, e.message))
}

/// Reads an extension field set from JSON text or a JSON value. A given field set is returned unchanged.
pub fn deserialize_extension_field_set<'a>(
    data: impl Into<ModelInput<'a, ExtensionFieldSet>>,
) -> Result<ExtensionFieldSet> {
    match data.into() {
        ModelInput::Text(text) => ExtensionFieldSet::from_value(parse_for("ExtensionFieldSet", text)?),
        ModelInput::Value(value) => ExtensionFieldSet::from_value(value),
        ModelInput::Model(set) => Ok(set),
    }
}

/// Declares two functions for each model: `validate_*` and `deserialize_*`.
macro_rules! functions {
    ($($model:ident: $validate:ident, $deserialize:ident;)*) => {$(
        #[doc = concat!("Returns every issue of a [`", stringify!($model), "`]; see [`validate`].")]
        pub fn $validate(model: &$model, registry: Option<&ExtensionRegistry>) -> ValidationReport {
            validate(model, registry)
        }

        #[doc = concat!("Reads a [`", stringify!($model), "`] from JSON text or a JSON value; see [`deserialize`].")]
        pub fn $deserialize<'a>(
            data: impl Into<ModelInput<'a, $model>>,
            registry: Option<&ExtensionRegistry>,
        ) -> Result<Valid<$model>> {
            deserialize(data, registry)
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

/// Declares `deserialize_*` for parts of records: the payloads and the correlation refs. A part has no schema version
/// of its own.
macro_rules! parts {
    ($($model:ident: $deserialize:ident;)*) => {$(
        #[doc = concat!("Reads a [`", stringify!($model), "`] from JSON text or a JSON value; see [`deserialize`].")]
        pub fn $deserialize<'a>(data: impl Into<ModelInput<'a, $model>>) -> Result<Valid<$model>> {
            deserialize(data, None)
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
