//! What the payloads of the kinds hold, version 1 of each. docs/FORMAT.md, "Kinds".
//!
//! Plain structs for the codec. Fields that repeat from entry to entry come first and those that change last: a
//! frame shares the common front (and back) of neighbouring payloads. Reading goes through the contract's
//! constructors, so a payload that breaks a rule is an unreadable entry, never a wrong value.

use crate::contract::fact::{Ended, Param};
use crate::contract::json::{read, write};
use crate::contract::{
    AggregationScope, ArtifactManifest, Completeness, Confidence, ContractError, CorrelationRefs,
    Degradation, DegradedCategory, DegradedPayload, DegradedSeverity, EnvironmentSnapshot, EventLevel,
    EventPayload, Fact, LineageEdge, LineageOrigin, MetricPayload, MetricValue, Origin, Project, RecordDraft,
    RelationType, Run, RunStatus, StableRef, StageExecution, Timestamp, Valid, Value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, ContractError>;

/// A closed set of words as one byte: its place in the set.
macro_rules! word_bytes {
    ($($name:ident),*) => {$(
        impl WordByte for $name {
            fn all() -> &'static [$name] { $name::ALL }
        }
    )*};
}

trait WordByte: Copy + PartialEq + 'static {
    fn all() -> &'static [Self];

    fn byte(self) -> u8 {
        Self::all().iter().position(|w| *w == self).unwrap_or(0) as u8
    }

    fn of(byte: u8) -> Result<Self> {
        let word = Self::all().get(usize::from(byte)).copied();
        word.ok_or_else(|| broken(format!("no word has the number {byte}")))
    }
}

word_bytes!(
    RunStatus,
    Completeness,
    Degradation,
    Origin,
    EventLevel,
    AggregationScope,
    DegradedCategory,
    DegradedSeverity,
    RelationType,
    LineageOrigin,
    Confidence
);

fn broken(message: String) -> ContractError {
    ContractError::new(crate::contract::ErrorCode::JsonSyntax, message)
}

fn time(micros: i64) -> Result<Timestamp> {
    Timestamp::from_micros(micros).ok_or_else(|| broken(format!("{micros} microseconds are no time")))
}

fn json_text(map: &BTreeMap<String, Value>) -> Result<String> {
    if map.is_empty() {
        return Ok(String::new());
    }
    write::canonical(&Value::Map(map.clone()))
}

fn json_map(text: &str) -> Result<BTreeMap<String, Value>> {
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    let value = read::parse(text)?;
    // Another form may be shorter than the canonical one: a fact could be read that is too long for a row.
    if write::canonical(&value)? != text {
        return Err(broken("not in the canonical form".into()));
    }
    match value {
        Value::Map(map) => Ok(map),
        _ => Err(broken("not a JSON object".into())),
    }
}

fn optional<R: TryFrom<StableRef, Error: Into<ContractError>>>(text: &Option<String>) -> Result<Option<R>> {
    text.as_deref().map(parse).transpose()
}

fn parse<R: TryFrom<StableRef, Error: Into<ContractError>>>(text: &str) -> Result<R> {
    StableRef::parse(text)?.try_into().map_err(Into::into)
}

fn texts<R: std::ops::Deref<Target = StableRef>>(r: &Option<R>) -> Option<String> {
    r.as_ref().map(|r| r.as_str().to_owned())
}

fn number(value: &Value) -> Option<Number> {
    Some(match value {
        Value::Bool(b) => Number::Bool(*b),
        Value::Int(n) => Number::Int(*n),
        Value::Float(f) => Number::Float(*f),
        Value::Text(t) => Number::Text(t.clone()),
        _ => return None,
    })
}

/// The stamp of an entry that a fact replaces: time, stream, sequence number.
pub(super) type StampV1 = (u64, [u8; 16], u64);

/// A parameter's value.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
}

impl From<Number> for Value {
    fn from(n: Number) -> Value {
        match n {
            Number::Int(n) => Value::Int(n),
            Number::Float(f) => Value::Float(f),
            Number::Text(t) => Value::Text(t),
            Number::Bool(b) => Value::Bool(b),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ProjectV1 {
    project_ref: String,
    name: String,
    description: Option<String>,
    tags: BTreeMap<String, String>,
    schema_version: String,
    created_at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunV1 {
    project_ref: String,
    run_ref: String,
    name: String,
    status: u8,
    started_at: i64,
    ended_at: Option<i64>,
    description: Option<String>,
    params: Vec<(String, Number)>,
    tags: BTreeMap<String, String>,
    code_revision: Option<String>,
    dataset_ref: Option<String>,
    command: Option<String>,
    schema_version: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StageV1 {
    run_ref: String,
    stage_ref: String,
    stage_name: String,
    status: u8,
    started_at: i64,
    ended_at: Option<i64>,
    order_index: Option<u64>,
    schema_version: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EndedV1 {
    subject: String,
    status: u8,
    ended_at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ParamV1 {
    run_ref: String,
    key: String,
    value: Number,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EnvironmentV1 {
    environment_ref: String,
    run_ref: String,
    python_version: Option<String>,
    runtime: Option<(String, String)>,
    platform: String,
    packages: BTreeMap<String, String>,
    environment_variables: BTreeMap<String, String>,
    schema_version: String,
    captured_at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RecordV1<P> {
    run_ref: String,
    deployment: Option<String>,
    stage: Option<String>,
    batch: Option<String>,
    sample: Option<String>,
    operation: Option<String>,
    producer_ref: String,
    trace_id: Option<String>,
    session_id: Option<String>,
    completeness: u8,
    degradation: u8,
    payload: P,
    observed_at: i64,
    identity: Option<(String, i64)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EventV1 {
    event_key: String,
    level: u8,
    origin: u8,
    subject_ref: Option<String>,
    tags: BTreeMap<String, String>,
    attributes: String,
    message: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MetricV1 {
    metric_key: String,
    value_type: String,
    unit: Option<String>,
    aggregation_scope: u8,
    subject_ref: Option<String>,
    slice_ref: Option<String>,
    tags: BTreeMap<String, String>,
    summary_basis: Option<String>,
    step: Option<i64>,
    value: MetricNumber,
}

#[derive(Debug, Serialize, Deserialize)]
enum MetricNumber {
    Int(i64),
    Float(f64),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DegradedV1 {
    issue_key: String,
    category: u8,
    severity: u8,
    origin: u8,
    subject_ref: Option<String>,
    attributes: String,
    summary: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ArtifactV1 {
    run_ref: String,
    deployment: Option<String>,
    stage: Option<String>,
    batch: Option<String>,
    sample: Option<String>,
    operation: Option<String>,
    producer_ref: String,
    artifact_kind: String,
    schema_version: String,
    artifact_ref: String,
    created_at: i64,
    location_ref: String,
    hash_value: Option<String>,
    size_bytes: Option<u64>,
    attributes: String,
    body: Option<[u8; 32]>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RelationV1 {
    relation_type: u8,
    origin: u8,
    confidence: u8,
    schema_version: String,
    source_ref: String,
    target_ref: String,
    relation_ref: String,
    operation: Option<String>,
    evidence_refs: Vec<String>,
    recorded_at: i64,
}

impl ProjectV1 {
    pub(super) fn of(p: &Project) -> ProjectV1 {
        ProjectV1 {
            project_ref: p.project_ref.to_string(),
            name: p.name.clone(),
            description: p.description.clone(),
            tags: p.tags.clone(),
            schema_version: p.schema_version.clone(),
            created_at: p.created_at.micros(),
        }
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        Ok(Fact::Project(Valid::new(Project {
            project_ref: parse(&self.project_ref)?,
            name: self.name,
            created_at: time(self.created_at)?,
            description: self.description,
            tags: self.tags,
            schema_version: self.schema_version,
        })?))
    }
}

impl RunV1 {
    pub(super) fn of(r: &Run) -> RunV1 {
        RunV1 {
            project_ref: r.project_ref.to_string(),
            run_ref: r.run_ref.to_string(),
            name: r.name.clone(),
            status: r.status.byte(),
            started_at: r.started_at.micros(),
            ended_at: r.ended_at.map(Timestamp::micros),
            description: r.description.clone(),
            params: r.params.iter().filter_map(|(k, v)| Some((k.clone(), number(v)?))).collect(),
            tags: r.tags.clone(),
            code_revision: r.code_revision.clone(),
            dataset_ref: r.dataset_ref.clone(),
            command: r.command.clone(),
            schema_version: r.schema_version.clone(),
        }
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        Ok(Fact::Run(Valid::new(Run {
            run_ref: parse(&self.run_ref)?,
            project_ref: parse(&self.project_ref)?,
            name: self.name,
            status: RunStatus::of(self.status)?,
            started_at: time(self.started_at)?,
            ended_at: self.ended_at.map(time).transpose()?,
            description: self.description,
            params: self.params.into_iter().map(|(k, v)| (k, v.into())).collect(),
            tags: self.tags,
            code_revision: self.code_revision,
            dataset_ref: self.dataset_ref,
            command: self.command,
            schema_version: self.schema_version,
        })?))
    }
}

impl StageV1 {
    pub(super) fn of(s: &StageExecution) -> StageV1 {
        StageV1 {
            run_ref: s.run_ref.to_string(),
            stage_ref: s.stage_execution_ref.to_string(),
            stage_name: s.stage_name.clone(),
            status: s.status.byte(),
            started_at: s.started_at.micros(),
            ended_at: s.ended_at.map(Timestamp::micros),
            order_index: s.order_index,
            schema_version: s.schema_version.clone(),
        }
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        Ok(Fact::Stage(Valid::new(StageExecution {
            stage_execution_ref: parse(&self.stage_ref)?,
            run_ref: parse(&self.run_ref)?,
            stage_name: self.stage_name,
            status: RunStatus::of(self.status)?,
            started_at: time(self.started_at)?,
            ended_at: self.ended_at.map(time).transpose()?,
            order_index: self.order_index,
            schema_version: self.schema_version,
        })?))
    }
}

impl EndedV1 {
    pub(super) fn of(e: &Ended) -> EndedV1 {
        EndedV1 { subject: e.subject.to_string(), status: e.status.byte(), ended_at: e.ended_at.micros() }
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        let subject = StableRef::parse(&self.subject)?;
        subject.check_shape()?;
        let status = RunStatus::of(self.status)?;
        if !matches!(subject.kind(), "run" | "stage") || status == RunStatus::Open {
            return Err(broken(format!("{subject} cannot end as {status}")));
        }
        Ok(Fact::Ended(Ended { subject, status, ended_at: time(self.ended_at)? }))
    }
}

impl ParamV1 {
    pub(super) fn of(p: &Param) -> Result<ParamV1> {
        let value = number(&p.value).ok_or_else(|| broken("not a parameter's value".into()))?;
        Ok(ParamV1 { run_ref: p.run_ref.to_string(), key: p.key.clone(), value })
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        Ok(Fact::Param(Param::new(parse(&self.run_ref)?, &self.key, self.value.into())?))
    }
}

impl EnvironmentV1 {
    pub(super) fn of(e: &EnvironmentSnapshot) -> EnvironmentV1 {
        EnvironmentV1 {
            environment_ref: e.environment_snapshot_ref.to_string(),
            run_ref: e.run_ref.to_string(),
            python_version: e.python_version.clone(),
            runtime: e.runtime.clone(),
            platform: e.platform.clone(),
            packages: e.packages.clone(),
            environment_variables: e.environment_variables.clone(),
            schema_version: e.schema_version.clone(),
            captured_at: e.captured_at.micros(),
        }
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        Ok(Fact::Environment(Valid::new(EnvironmentSnapshot {
            environment_snapshot_ref: parse(&self.environment_ref)?,
            run_ref: parse(&self.run_ref)?,
            captured_at: time(self.captured_at)?,
            python_version: self.python_version,
            runtime: self.runtime,
            platform: self.platform,
            packages: self.packages,
            environment_variables: self.environment_variables,
            schema_version: self.schema_version,
        })?))
    }
}

impl<W> RecordV1<W> {
    pub(super) fn of<P>(draft: &RecordDraft<P>, payload: W) -> RecordV1<W> {
        RecordV1 {
            run_ref: draft.run_ref.to_string(),
            deployment: texts(&draft.deployment_execution_ref),
            stage: texts(&draft.stage_execution_ref),
            batch: texts(&draft.batch_execution_ref),
            sample: texts(&draft.sample_observation_ref),
            operation: texts(&draft.operation_context_ref),
            producer_ref: draft.producer_ref.clone(),
            trace_id: draft.correlation_refs.trace_id.clone(),
            session_id: draft.correlation_refs.session_id.clone(),
            completeness: draft.completeness_marker.byte(),
            degradation: draft.degradation_marker.byte(),
            payload,
            observed_at: draft.observed_at.micros(),
            identity: draft.identity.as_ref().map(|(r, t)| (r.to_string(), t.micros())),
        }
    }

    pub(super) fn into_draft<P>(self, payload: impl FnOnce(W) -> Result<P>) -> Result<Valid<RecordDraft<P>>>
    where
        RecordDraft<P>: crate::contract::Rules,
    {
        let identity = match self.identity {
            Some((r, t)) => Some((parse(&r)?, time(t)?)),
            None => None,
        };
        Valid::new(RecordDraft {
            identity,
            observed_at: time(self.observed_at)?,
            producer_ref: self.producer_ref,
            run_ref: parse(&self.run_ref)?,
            deployment_execution_ref: optional(&self.deployment)?,
            stage_execution_ref: optional(&self.stage)?,
            batch_execution_ref: optional(&self.batch)?,
            sample_observation_ref: optional(&self.sample)?,
            operation_context_ref: optional(&self.operation)?,
            correlation_refs: CorrelationRefs { trace_id: self.trace_id, session_id: self.session_id },
            completeness_marker: Completeness::of(self.completeness)?,
            degradation_marker: Degradation::of(self.degradation)?,
            payload: payload(self.payload)?,
        })
    }
}

impl EventV1 {
    pub(super) fn of(p: &EventPayload) -> Result<EventV1> {
        Ok(EventV1 {
            event_key: p.event_key.clone(),
            level: p.level.byte(),
            origin: p.origin_marker.byte(),
            subject_ref: p.subject_ref.as_ref().map(|r| r.to_string()),
            tags: p.tags.clone(),
            attributes: json_text(&p.attributes)?,
            message: p.message.clone(),
        })
    }

    pub(super) fn into_payload(self) -> Result<EventPayload> {
        Ok(EventPayload {
            event_key: self.event_key,
            level: EventLevel::of(self.level)?,
            message: self.message,
            subject_ref: optional(&self.subject_ref)?,
            attributes: json_map(&self.attributes)?,
            tags: self.tags,
            origin_marker: Origin::of(self.origin)?,
        })
    }
}

impl MetricV1 {
    pub(super) fn of(p: &MetricPayload) -> MetricV1 {
        MetricV1 {
            metric_key: p.metric_key.clone(),
            value_type: p.value_type.clone(),
            unit: p.unit.clone(),
            aggregation_scope: p.aggregation_scope.byte(),
            subject_ref: p.subject_ref.as_ref().map(|r| r.to_string()),
            slice_ref: p.slice_ref.clone(),
            tags: p.tags.clone(),
            summary_basis: p.summary_basis.clone(),
            step: p.step,
            value: match p.value {
                MetricValue::Int(n) => MetricNumber::Int(n),
                MetricValue::Float(f) => MetricNumber::Float(f),
            },
        }
    }

    pub(super) fn into_payload(self) -> Result<MetricPayload> {
        Ok(MetricPayload {
            metric_key: self.metric_key,
            value: match self.value {
                MetricNumber::Int(n) => MetricValue::Int(n),
                MetricNumber::Float(f) => MetricValue::Float(f),
            },
            value_type: self.value_type,
            step: self.step,
            unit: self.unit,
            aggregation_scope: AggregationScope::of(self.aggregation_scope)?,
            subject_ref: optional(&self.subject_ref)?,
            slice_ref: self.slice_ref,
            tags: self.tags,
            summary_basis: self.summary_basis,
        })
    }
}

impl DegradedV1 {
    pub(super) fn of(p: &DegradedPayload) -> Result<DegradedV1> {
        Ok(DegradedV1 {
            issue_key: p.issue_key.clone(),
            category: p.category.byte(),
            severity: p.severity.byte(),
            origin: p.origin_marker.byte(),
            subject_ref: p.subject_ref.as_ref().map(|r| r.to_string()),
            attributes: json_text(&p.attributes)?,
            summary: p.summary.clone(),
        })
    }

    pub(super) fn into_payload(self) -> Result<DegradedPayload> {
        Ok(DegradedPayload {
            issue_key: self.issue_key,
            category: DegradedCategory::of(self.category)?,
            severity: DegradedSeverity::of(self.severity)?,
            summary: self.summary,
            subject_ref: optional(&self.subject_ref)?,
            origin_marker: Origin::of(self.origin)?,
            attributes: json_map(&self.attributes)?,
        })
    }
}

impl ArtifactV1 {
    pub(super) fn of(m: &ArtifactManifest, body: Option<[u8; 32]>) -> Result<ArtifactV1> {
        Ok(ArtifactV1 {
            run_ref: m.run_ref.to_string(),
            deployment: texts(&m.deployment_execution_ref),
            stage: texts(&m.stage_execution_ref),
            batch: texts(&m.batch_execution_ref),
            sample: texts(&m.sample_observation_ref),
            operation: texts(&m.operation_context_ref),
            producer_ref: m.producer_ref.clone(),
            artifact_kind: m.artifact_kind.clone(),
            schema_version: m.schema_version.clone(),
            artifact_ref: m.artifact_ref.to_string(),
            created_at: m.created_at.micros(),
            location_ref: m.location_ref.clone(),
            hash_value: m.hash_value.clone(),
            size_bytes: m.size_bytes,
            attributes: json_text(&m.attributes)?,
            body,
        })
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        let manifest = Valid::new(ArtifactManifest {
            artifact_ref: parse(&self.artifact_ref)?,
            artifact_kind: self.artifact_kind,
            created_at: time(self.created_at)?,
            producer_ref: self.producer_ref,
            run_ref: parse(&self.run_ref)?,
            location_ref: self.location_ref,
            deployment_execution_ref: optional(&self.deployment)?,
            stage_execution_ref: optional(&self.stage)?,
            batch_execution_ref: optional(&self.batch)?,
            sample_observation_ref: optional(&self.sample)?,
            operation_context_ref: optional(&self.operation)?,
            hash_value: self.hash_value,
            size_bytes: self.size_bytes,
            attributes: json_map(&self.attributes)?,
            schema_version: self.schema_version,
        })?;
        Ok(Fact::Artifact(Box::new(manifest), self.body))
    }
}

#[cfg(test)]
impl ArtifactV1 {
    /// As another writer would fill the attributes.
    pub(super) fn with_attributes(self, attributes: String) -> ArtifactV1 {
        ArtifactV1 { attributes, ..self }
    }
}

impl RelationV1 {
    pub(super) fn of(e: &LineageEdge) -> RelationV1 {
        RelationV1 {
            relation_type: e.relation_type.byte(),
            origin: e.origin_marker.byte(),
            confidence: e.confidence_marker.byte(),
            schema_version: e.schema_version.clone(),
            source_ref: e.source_ref.to_string(),
            target_ref: e.target_ref.to_string(),
            relation_ref: e.relation_ref.to_string(),
            operation: texts(&e.operation_context_ref),
            evidence_refs: e.evidence_refs.iter().map(|r| r.to_string()).collect(),
            recorded_at: e.recorded_at.micros(),
        }
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        let edge = Valid::new(LineageEdge {
            relation_ref: parse(&self.relation_ref)?,
            relation_type: RelationType::of(self.relation_type)?,
            source_ref: parse(&self.source_ref)?,
            target_ref: parse(&self.target_ref)?,
            recorded_at: time(self.recorded_at)?,
            origin_marker: LineageOrigin::of(self.origin)?,
            confidence_marker: Confidence::of(self.confidence)?,
            operation_context_ref: optional(&self.operation)?,
            evidence_refs: self.evidence_refs.iter().map(|r| parse(r)).collect::<Result<_>>()?,
            schema_version: self.schema_version,
        })?;
        Ok(Fact::Relation(Box::new(edge)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of a word is its place among its kin: new words go to the end, and none is ever moved.
    #[test]
    fn words_keep_their_numbers() {
        fn of<W: WordByte + std::fmt::Display>() -> String {
            let words: Vec<String> = W::all().iter().map(ToString::to_string).collect();
            words.join(" ")
        }
        assert_eq!(of::<RunStatus>(), "open completed failed cancelled");
        assert_eq!(of::<Completeness>(), "complete partial sampled absent unknown");
        assert_eq!(of::<Degradation>(), "none partial_failure capture_gap import_loss compatibility_upgrade");
        assert_eq!(
            of::<Origin>(),
            "explicit_capture assisted_capture wrapped_capture imported inferred replayed"
        );
        assert_eq!(of::<EventLevel>(), "debug info warning error critical");
        assert_eq!(of::<AggregationScope>(), "run stage operation step slice");
        assert_eq!(of::<DegradedCategory>(), "capture store import compatibility verification recovery");
        assert_eq!(of::<DegradedSeverity>(), "warning error");
        assert_eq!(
            of::<RelationType>(),
            "generated_from consumed_by produced_by packaged_from reported_by evaluated_on deployed_from used derived_from \
             observed_in"
        );
        assert_eq!(of::<LineageOrigin>(), "explicit imported inferred replayed");
        assert_eq!(of::<Confidence>(), "high medium low unknown");
    }
}
