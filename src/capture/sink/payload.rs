//! Payloads: family, type, ref and JSON form of a fact.

use crate::capture::result::PayloadFamily;
use crate::contract::{Canonical, Fact, ObjectKind, RecordType, Value};
use crate::store::Stamp;
use crate::store::record_ref::{captured_ref, record_at};

/// Returns the family of a fact.
pub(in crate::capture) fn family_of(fact: &Fact) -> PayloadFamily {
    match fact {
        Fact::Event(_) | Fact::Metric(_) | Fact::Span(_) => PayloadFamily::Record,
        Fact::Degraded(_) => PayloadFamily::Degradation,
        Fact::Artifact(..) => PayloadFamily::Artifact,
        _ => PayloadFamily::Context,
    }
}

/// Returns the name of the payload's type: the name of the model, `Ended`, `Param`, `Annotation` or `RunWriter`.
pub(super) fn type_of(fact: &Fact) -> &'static str {
    if let Some(family) = fact.family() {
        return match family {
            RecordType::Event => "StructuredEventRecord",
            RecordType::Metric => "MetricRecord",
            RecordType::Span => "TraceSpanRecord",
            RecordType::Degraded => "DegradedRecord",
        };
    }
    match fact {
        Fact::Artifact(..) => "ArtifactManifest",
        Fact::Ended(_) => "Ended",
        Fact::Param(_) => "Param",
        Fact::Annotation(_) => "Annotation",
        Fact::Writer(_) => "RunWriter",
        Fact::Object(object) => match object.kind() {
            ObjectKind::Project => "Project",
            ObjectKind::Run => "Run",
            ObjectKind::Deployment => "DeploymentExecution",
            ObjectKind::Environment => "EnvironmentSnapshot",
            ObjectKind::Stage => "StageExecution",
            ObjectKind::Batch => "BatchExecution",
            ObjectKind::Sample => "SampleObservation",
            ObjectKind::Operation => "OperationContext",
            ObjectKind::Relation => "LineageEdge",
            ObjectKind::Provenance => "ProvenanceRecord",
            ObjectKind::Alias => "ArtifactAlias",
        },
        _ => "Fact",
    }
}

/// Returns the JSON form of a fact. The ref of a record is made from the stamp.
pub(super) fn value_of(fact: &Fact, stamp: Stamp) -> Value {
    match fact {
        Fact::Object(object) => object.to_value(),
        Fact::Artifact(manifest, _) => manifest.to_value(),
        Fact::Ended(ended) => Value::map([
            ("subject_ref", ended.subject().as_str().into()),
            ("status", ended.status().as_str().into()),
            ("ended_at", Value::text(ended.ended_at())),
            ("end_message", ended.message().into()),
            ("end_reason", ended.reason().into()),
        ]),
        Fact::Param(param) => Value::map([
            ("run_ref", param.run_ref().as_str().into()),
            ("key", param.key().into()),
            ("value", param.value().clone()),
        ]),
        Fact::Annotation(annotation) => annotation.to_value(),
        Fact::Writer(writer) => writer.to_value(),
        // A record without a valid ref has no object form.
        fact => record_at(fact.clone(), stamp).ok().flatten().map_or(Value::Null, |record| record.to_value()),
    }
}

/// Returns the ref of the object that a fact is about: its own ref, the ref of the ended or annotated object, or the
/// ref of the run of a parameter or writer.
pub(super) fn ref_of(fact: &Fact, stamp: Stamp) -> Option<String> {
    Some(match fact {
        Fact::Object(object) => object.own_ref().to_string(),
        Fact::Artifact(manifest, _) => manifest.artifact_ref.to_string(),
        Fact::Ended(ended) => ended.subject().to_string(),
        Fact::Param(param) => param.run_ref().to_string(),
        Fact::Annotation(annotation) => annotation.subject().to_string(),
        Fact::Writer(writer) => writer.run_ref().to_string(),
        fact => match fact.observation()? {
            (_, Some((record_ref, _))) => record_ref.to_string(),
            (observation, None) => {
                captured_ref(&observation.run_ref, fact.family()?, stamp.position()).ok()?.to_string()
            }
        },
    })
}
