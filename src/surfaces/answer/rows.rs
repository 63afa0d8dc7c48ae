//! The JSON form of runs, their parts, and their records.

use crate::contract::{
    AnyRecord, BatchExecution, Canonical, DeploymentExecution, LineageEdge, ProvenanceRecord,
    SampleObservation, Value,
};
use crate::interpretation::query::record_line;
use crate::interpretation::{
    ArtifactRow, ProjectRow, RecordRow, RunRow, SeriesPoint, SeriesRow, StageRow, WriterRow,
};
use crate::surfaces::answer::parts::{list, text, with};
use crate::surfaces::answer::to_json::{ToJson, object};

/// The optional members of payloads, for each type of record. A missing optional member is written as null.
const OPTIONAL_MEMBERS: &[(&str, &[&str])] = &[
    ("metric", &["unit", "subject_ref", "slice_ref", "summary_basis", "step"]),
    ("event", &["subject_ref", "origin_marker"]),
    ("degraded", &["subject_ref", "origin_marker"]),
    ("span", &["parent_span_id"]),
];

impl ToJson for ProjectRow {
    fn json(&self) -> Value {
        object!(self;
            project_ref: text(&Some(&self.project_ref)), name, created_at, description, tags, conflicts
        )
    }
}

impl ToJson for RunRow {
    fn json(&self) -> Value {
        let annotations = list(&self.notes, |(at, text)| {
            Value::map([("at", Value::text(at)), ("text", Value::text(text))])
        });
        object!(self;
            run_id: self.run_ref, project_ref: text(&Some(&self.project_ref)), project_name, name,
            status: self.shown_status(), started_at, ended_at, end_message, end_reason,
            last_sign_of_life: self.interrupted_at, attempts, annotations: annotations, metadata, description,
            params, tags, archived: self.is_archived, starred: self.is_starred, code_revision, dataset_ref, command, conflicts
        )
    }
}

impl ToJson for SeriesPoint {
    fn json(&self) -> Value {
        object!(self; observed_at, step, value, superseded: self.is_superseded)
    }
}

impl ToJson for SeriesRow {
    fn json(&self) -> Value {
        let key = &self.key;
        object!(self;
            metric_key: key.metric_key, label: self.label(), tags: key.tags, slice: key.slice,
            stage_id: key.stage_ref, stage_name, deployment_id: text(&key.deployment_ref), within: key.within,
            units, has_points_without_unit, scopes: list(&self.scopes, |scope| scope.as_str().into()),
            count, non_finite, value: self.last.value, first, last, min, max
        )
    }
}

impl ToJson for WriterRow {
    fn json(&self) -> Value {
        object!(self;
            attempt, joined: self.joined.as_str(), from_step: self.joined.from_step(), label, host,
            process: Value::from(self.process_number), status: self.shown_status(), started_at, ended_at, end_message, end_reason,
            last_sign_of_life: self.interrupted_at
        )
    }
}

impl ToJson for StageRow {
    fn json(&self) -> Value {
        let run = self.stage_ref.run();
        object!(self;
            stage_id: self.stage_ref, run_id: run, name, status: self.shown_status(),
            order: self.order_index.unwrap_or(0), started_at, ended_at, tags: Value::map([]), metadata, end_message,
            end_reason, conflicts
        )
    }
}

pub(super) fn deployment((d, project): &(DeploymentExecution, String)) -> Value {
    object!(d;
        deployment_id: text(&Some(&d.deployment_execution_ref)), project_name: project, name: d.deployment_name,
        status: d.status.as_str(), run_id: d.run_ref, artifact_ref, started_at, ended_at,
        order: d.order_index.unwrap_or(0), metadata, environment_ref: d.environment_snapshot_ref, end_message,
        end_reason
    )
}

impl ToJson for BatchExecution {
    fn json(&self) -> Value {
        object!(self;
            batch_id: text(&Some(&self.batch_execution_ref)), run_id: self.run_ref,
            stage_id: self.stage_execution_ref, name: self.batch_name, status: self.status.as_str(),
            order: self.order_index.unwrap_or(0), started_at, ended_at, metadata, end_message, end_reason
        )
    }
}

impl ToJson for SampleObservation {
    fn json(&self) -> Value {
        object!(self;
            sample_id: text(&Some(&self.sample_observation_ref)), run_id: self.run_ref,
            stage_id: self.stage_execution_ref, batch_id: text(&self.batch_execution_ref), name: self.sample_name,
            observed_at, retention_class, redaction_profile, metadata,
            status: self.status.map(|status| status.to_string()), ended_at, end_message, end_reason
        )
    }
}

impl ToJson for ArtifactRow {
    fn json(&self) -> Value {
        let m = &self.manifest;
        let hash_value = m.sha256().or_else(|| m.hash_value.clone()).or_else(|| self.stored_sha256.clone());
        let own = object!(self;
            artifact_ref: m.artifact_ref, run_id: m.run_ref, stage_id: m.stage_execution_ref,
            kind: m.artifact_kind, created_at: m.created_at, location: m.location_ref, hash_value: hash_value,
            size_bytes: self.size_bytes(), attributes: m.attributes, content_type: None::<String>,
            body: text(&self.body), body_present, conflict
        );
        // The members of the manifest come first. The members of `own` follow.
        match (m.to_value(), own) {
            (Value::Map(mut members), Value::Map(own)) => {
                members.extend(own);
                Value::Map(members)
            }
            (_, own) => own,
        }
    }
}

impl ToJson for LineageEdge {
    fn json(&self) -> Value {
        object!(self;
            relation_ref: text(&Some(&self.relation_ref)), relation_type: self.relation_type.as_str(), source_ref,
            target_ref, recorded_at, origin_marker: self.origin_marker.as_str(),
            confidence_marker: self.confidence_marker.as_str(), evidence_refs,
            operation_context_ref: text(&self.operation_context_ref)
        )
    }
}

/// Converts a provenance record to JSON. `run` is the run to which the lineage edge of the record belongs.
pub(super) fn provenance(record: &ProvenanceRecord, run: impl ToString) -> Value {
    object!(record;
        run_id: Value::text(run), provenance_ref: text(&Some(&record.provenance_ref)),
        relation_ref: text(&Some(&record.relation_ref)), assertion_mode: record.assertion_mode.as_str(), asserted_at,
        formation_context_ref, policy_ref, evidence_bundle_ref
    )
}

/// Converts a record to JSON. The value of a span is its duration in milliseconds.
impl ToJson for RecordRow {
    fn json(&self) -> Value {
        let envelope = self.record.envelope();
        let observation = &envelope.observation;
        let record_type = self.record.record_type().as_str();
        let mut payload = match self.record.to_value() {
            Value::Map(mut members) => members.remove("payload").unwrap_or(Value::Null),
            _ => Value::Null,
        };
        if let (Value::Map(members), Some((_, optional))) =
            (&mut payload, OPTIONAL_MEMBERS.iter().find(|(family, _)| *family == record_type))
        {
            for name in *optional {
                members.entry((*name).to_owned()).or_insert(Value::Null);
            }
        }
        let (value, unit, message, tags) = match &self.record {
            AnyRecord::Metric(m) => {
                (m.payload.value.json(), m.payload.unit.clone(), None, m.payload.tags.json())
            }
            AnyRecord::Span(s) => {
                let micros = s.payload.ended_at.micros_since(s.payload.started_at);
                ((micros as f64 / 1000.0).json(), Some("ms".to_owned()), None, Value::map([]))
            }
            AnyRecord::Event(e) => {
                (Value::Null, None, Some(e.payload.message.clone()), e.payload.tags.json())
            }
            AnyRecord::Degraded(d) => (Value::Null, None, Some(d.payload.summary.clone()), Value::map([])),
        };
        let correlation = &observation.correlation_refs;
        let own = object!(self;
            record_id: text(&Some(&envelope.record_ref)), run_id: observation.run_ref,
            stage_id: observation.stage_execution_ref, record_type: record_type,
            key: record_line(&self.record).key, observed_at: observation.observed_at, value: value, message: message,
            completeness_marker: observation.completeness_marker.as_str(),
            degradation_marker: observation.degradation_marker.as_str(), payload: payload, tags: tags,
            schema_version: observation.schema_version, producer_ref: observation.producer_ref,
            correlation_id: correlation.trace_id.clone().or_else(|| correlation.session_id.clone()), unit: unit
        );
        with(
            own,
            vec![
                ("recorded_at", envelope.recorded_at.json()),
                ("deployment_id", text(&observation.deployment_execution_ref)),
                ("batch_id", text(&observation.batch_execution_ref)),
                ("sample_id", text(&observation.sample_observation_ref)),
                ("operation_id", text(&observation.operation_context_ref)),
                ("position", Value::text(self.position)),
                ("process_label", self.process_label.clone().into()),
            ],
        )
    }
}
