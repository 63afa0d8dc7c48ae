//! What the payloads of the kinds hold, version 1 of each. docs/FORMAT.md, "Kinds".
//!
//! A thing of the contract is its canonical JSON text: it says itself what its members are, so that members of newer
//! versions are kept. Records, of which there are many, are plain structs for the codec. Fields that repeat from entry to
//! entry come first and those that change last: a frame shares the common front (and back) of neighbouring payloads.
//! Reading goes through the contract's constructors, so a payload that breaks a rule is an unreadable entry, never a
//! wrong value.

use crate::contract::fact::{Ended, Import, Param};
use crate::contract::json::{read, write};
use crate::contract::model::{Model, from_value};
use crate::contract::{
    AggregationScope, ArtifactManifest, Canonical, Completeness, ContractError, CorrelationRefs, Degradation,
    DegradedCategory, DegradedPayload, DegradedSeverity, ErrorCode, EventLevel, EventPayload,
    ExtensionFieldSet, Fact, Members, MetricPayload, MetricValue, Object, ObjectKind, Observation, Origin,
    Payload, RecordDraft, RunStatus, SCHEMA_VERSION, SpanKind, SpanStatus, StableRef, Timestamp,
    TraceSpanPayload, Valid, Value,
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
    SpanStatus,
    SpanKind,
    DegradedCategory,
    DegradedSeverity
);

fn broken(message: String) -> ContractError {
    ContractError::new(ErrorCode::JsonSyntax, message)
}

fn time(micros: i64) -> Result<Timestamp> {
    Timestamp::from_micros(micros).ok_or_else(|| broken(format!("{micros} microseconds are no time")))
}

fn json_text(map: &Members) -> Result<String> {
    if map.is_empty() {
        return Ok(String::new());
    }
    write::canonical(&Value::Map(map.clone()))
}

/// Reads a JSON text in its canonical form. Another form may be shorter than the canonical one: a fact could be read that
/// is too long for a row.
fn canonical(text: &str) -> Result<Value> {
    let value = read::parse(text)?;
    if write::canonical(&value)? == text {
        Ok(value)
    } else {
        Err(broken("not in the canonical form".into()))
    }
}

fn json_map(text: &str) -> Result<Members> {
    if text.is_empty() {
        return Ok(Members::new());
    }
    match canonical(text)? {
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
        Value::Big(digits) => Number::Big(digits.clone()),
        _ => return None,
    })
}

/// The stamp of an entry that a fact replaces: time, stream, sequence number.
pub(super) type StampV1 = (u64, [u8; 16], u64);
/// Where an imported fact stood: id of the import, line.
pub(super) type OriginV1 = ([u8; 16], u64);

/// A parameter's value.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
    Big(String),
}

impl From<Number> for Value {
    fn from(n: Number) -> Value {
        match n {
            Number::Int(n) => Value::Int(n),
            Number::Float(f) => Value::Float(f),
            Number::Text(t) => Value::Text(t),
            Number::Bool(b) => Value::Bool(b),
            Number::Big(digits) => Value::Big(digits),
        }
    }
}

/// A thing of the contract.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ObjectV1 {
    json: String,
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
    /// What most records do not have, as a JSON object; empty: nothing.
    rest: String,
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
    Big(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SpanV1 {
    trace_id: String,
    span_name: String,
    status: u8,
    span_kind: u8,
    attributes: String,
    linked_refs: Vec<String>,
    parent_span_id: Option<String>,
    span_id: String,
    started_at: i64,
    ended_at: i64,
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
    json: String,
    body: Option<[u8; 32]>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ImportV1 {
    id: [u8; 16],
    source: String,
    format: String,
    started_at: i64,
}

impl ObjectV1 {
    pub(super) fn of(object: &Object) -> Result<ObjectV1> {
        Ok(ObjectV1 { json: object.to_json()? })
    }

    pub(super) fn into_fact(self, kind: ObjectKind) -> Result<Fact> {
        let object = Object::from_value(kind, canonical(&self.json)?)?;
        same_again(&object, &self.json)?;
        Ok(Fact::Object(object))
    }
}

/// A text that says less, or more, than the model made of it is none that this build writes.
fn same_again(model: &impl Canonical, text: &str) -> Result<()> {
    if model.to_json()? == text { Ok(()) } else { Err(broken("not in the form of its model".into())) }
}

impl EndedV1 {
    pub(super) fn of(e: &Ended) -> EndedV1 {
        EndedV1 {
            subject: e.subject().to_string(),
            status: e.status().byte(),
            ended_at: e.ended_at().micros(),
        }
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        let (subject, status) = (StableRef::parse(&self.subject)?, RunStatus::of(self.status)?);
        Ok(Fact::Ended(Ended::new(subject, status, time(self.ended_at)?)?))
    }
}

impl ParamV1 {
    pub(super) fn of(p: &Param) -> Result<ParamV1> {
        let value = number(p.value()).ok_or_else(|| broken("not a parameter's value".into()))?;
        Ok(ParamV1 { run_ref: p.run_ref().to_string(), key: p.key().to_owned(), value })
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        Ok(Fact::Param(Param::new(parse(&self.run_ref)?, &self.key, self.value.into())?))
    }
}

impl ImportV1 {
    pub(super) fn of(i: &Import) -> ImportV1 {
        ImportV1 {
            id: i.id,
            source: i.source.clone(),
            format: i.format.clone(),
            started_at: i.started_at.micros(),
        }
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        let started_at = time(self.started_at)?;
        Ok(Fact::Import(Import { id: self.id, source: self.source, format: self.format, started_at }))
    }
}

/// The members of a record's rest.
mod rest {
    pub(super) const SCHEMA_VERSION: &str = "schema_version";
    pub(super) const EXTENSIONS: &str = "extensions";
    /// Members of a newer version, by what they stand in.
    pub(super) const ENVELOPE: &str = "envelope";
    pub(super) const CORRELATION: &str = "correlation_refs";
    pub(super) const PAYLOAD: &str = "payload";
    pub(super) const RECORD: &str = "record";
}

fn rest_of<P: Unknown>(draft: &RecordDraft<P>) -> Result<String> {
    let observation = &draft.observation;
    let mut members = Members::new();
    if observation.schema_version != SCHEMA_VERSION {
        members.insert(rest::SCHEMA_VERSION.into(), Value::text(&observation.schema_version));
    }
    if !observation.extensions.is_empty() {
        let sets = observation.extensions.iter().map(Canonical::to_value).collect();
        members.insert(rest::EXTENSIONS.into(), Value::List(sets));
    }
    for (name, unknown) in [
        (rest::ENVELOPE, &observation.unknown),
        (rest::CORRELATION, &observation.correlation_refs.unknown),
        (rest::PAYLOAD, draft.payload.unknown()),
        (rest::RECORD, &draft.unknown),
    ] {
        if !unknown.is_empty() {
            members.insert(name.into(), Value::Map(unknown.clone()));
        }
    }
    json_text(&members)
}

impl<W> RecordV1<W> {
    pub(super) fn of<P: Unknown>(draft: &RecordDraft<P>, payload: W) -> Result<RecordV1<W>> {
        let seen = &draft.observation;
        Ok(RecordV1 {
            run_ref: seen.run_ref.to_string(),
            deployment: texts(&seen.deployment_execution_ref),
            stage: texts(&seen.stage_execution_ref),
            batch: texts(&seen.batch_execution_ref),
            sample: texts(&seen.sample_observation_ref),
            operation: texts(&seen.operation_context_ref),
            producer_ref: seen.producer_ref.clone(),
            trace_id: seen.correlation_refs.trace_id.clone(),
            session_id: seen.correlation_refs.session_id.clone(),
            completeness: seen.completeness_marker.byte(),
            degradation: seen.degradation_marker.byte(),
            rest: rest_of(draft)?,
            payload,
            observed_at: seen.observed_at.micros(),
            identity: draft.identity.as_ref().map(|(r, t)| (r.to_string(), t.micros())),
        })
    }

    pub(super) fn into_draft<P: Payload + Unknown>(
        self,
        payload: impl FnOnce(W) -> Result<P>,
    ) -> Result<Valid<RecordDraft<P>>> {
        let identity = match self.identity {
            Some((r, t)) => Some((parse(&r)?, time(t)?)),
            None => None,
        };
        let run_ref = crate::contract::RunRef::try_from(StableRef::from_text(self.run_ref)?)?;
        let mut seen = Observation::new(time(self.observed_at)?, self.producer_ref, run_ref);
        seen.deployment_execution_ref = optional(&self.deployment)?;
        seen.stage_execution_ref = optional(&self.stage)?;
        seen.batch_execution_ref = optional(&self.batch)?;
        seen.sample_observation_ref = optional(&self.sample)?;
        seen.operation_context_ref = optional(&self.operation)?;
        seen.correlation_refs = CorrelationRefs::new();
        seen.correlation_refs.trace_id = self.trace_id;
        seen.correlation_refs.session_id = self.session_id;
        seen.completeness_marker = Completeness::of(self.completeness)?;
        seen.degradation_marker = Degradation::of(self.degradation)?;
        let mut payload = payload(self.payload)?;
        let mut rest = json_map(&self.rest)?;
        let mut unknown = Members::new();
        // First, as it decides how the others are read.
        match rest.remove(rest::SCHEMA_VERSION) {
            Some(Value::Text(version)) => seen.schema_version = version,
            None => {}
            Some(other) => return Err(broken(format!("{} is no version", other.type_name()))),
        }
        for (name, value) in rest {
            match (name.as_str(), value) {
                (rest::EXTENSIONS, Value::List(sets)) => {
                    let read = |set| ExtensionFieldSet::from_value_of(set, &seen.schema_version);
                    seen.extensions = sets.into_iter().map(read).collect::<Result<_>>()?;
                }
                (rest::ENVELOPE, Value::Map(members)) => seen.unknown = members,
                (rest::CORRELATION, Value::Map(members)) => seen.correlation_refs.unknown = members,
                (rest::PAYLOAD, Value::Map(members)) => payload.put_unknown(members),
                (rest::RECORD, Value::Map(members)) => unknown = members,
                _ => return Err(broken(format!("a record has no {name}"))),
            }
        }
        let draft = Valid::new(RecordDraft { identity, observation: seen, payload, unknown })?;
        // Another form of the rest may be shorter than what this build writes of it.
        match rest_of(&draft)? == self.rest {
            true => Ok(draft),
            false => Err(broken("not in the form of its model".into())),
        }
    }
}

/// What a payload keeps of a newer version of the schema.
pub(super) trait Unknown {
    fn unknown(&self) -> &Members;
    fn put_unknown(&mut self, members: Members);
}

macro_rules! unknown {
    ($($payload:ident),*) => {$(
        impl Unknown for $payload {
            fn unknown(&self) -> &Members {
                &self.unknown
            }

            fn put_unknown(&mut self, members: Members) {
                self.unknown = members;
            }
        }
    )*};
}
unknown!(EventPayload, MetricPayload, TraceSpanPayload, DegradedPayload);

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
        let mut payload = EventPayload::new(self.event_key, EventLevel::of(self.level)?, self.message);
        payload.subject_ref = optional(&self.subject_ref)?;
        payload.attributes = json_map(&self.attributes)?;
        payload.tags = self.tags;
        payload.origin_marker = Origin::of(self.origin)?;
        Ok(payload)
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
            value: match &p.value {
                MetricValue::Int(n) => MetricNumber::Int(*n),
                MetricValue::Float(f) => MetricNumber::Float(*f),
                MetricValue::Big(digits) => MetricNumber::Big(digits.as_ref().to_owned()),
            },
        }
    }

    pub(super) fn into_payload(self) -> Result<MetricPayload> {
        let value = match self.value {
            MetricNumber::Int(n) => MetricValue::Int(n),
            MetricNumber::Float(f) => MetricValue::Float(f),
            MetricNumber::Big(digits) => MetricValue::Big(digits.into()),
        };
        let mut payload = MetricPayload::new(self.metric_key, value, self.value_type);
        payload.step = self.step;
        payload.unit = self.unit;
        payload.aggregation_scope = AggregationScope::of(self.aggregation_scope)?;
        payload.subject_ref = optional(&self.subject_ref)?;
        payload.slice_ref = self.slice_ref;
        payload.tags = self.tags;
        payload.summary_basis = self.summary_basis;
        Ok(payload)
    }
}

impl SpanV1 {
    pub(super) fn of(p: &TraceSpanPayload) -> Result<SpanV1> {
        Ok(SpanV1 {
            trace_id: p.trace_id.clone(),
            span_name: p.span_name.clone(),
            status: p.status.byte(),
            span_kind: p.span_kind.byte(),
            attributes: json_text(&p.attributes)?,
            linked_refs: p.linked_refs.iter().map(|r| r.to_string()).collect(),
            parent_span_id: p.parent_span_id.clone(),
            span_id: p.span_id.clone(),
            started_at: p.started_at.micros(),
            ended_at: p.ended_at.micros(),
        })
    }

    pub(super) fn into_payload(self) -> Result<TraceSpanPayload> {
        let mut payload = TraceSpanPayload::new(
            self.span_id,
            self.trace_id,
            self.span_name,
            time(self.started_at)?,
            time(self.ended_at)?,
            SpanStatus::of(self.status)?,
            SpanKind::of(self.span_kind)?,
        );
        payload.parent_span_id = self.parent_span_id;
        payload.attributes = json_map(&self.attributes)?;
        payload.linked_refs = self.linked_refs.iter().map(|r| parse(r)).collect::<Result<_>>()?;
        Ok(payload)
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
        let category = DegradedCategory::of(self.category)?;
        let severity = DegradedSeverity::of(self.severity)?;
        let mut payload = DegradedPayload::new(self.issue_key, category, severity, self.summary);
        payload.subject_ref = optional(&self.subject_ref)?;
        payload.origin_marker = Origin::of(self.origin)?;
        payload.attributes = json_map(&self.attributes)?;
        Ok(payload)
    }
}

impl ArtifactV1 {
    pub(super) fn of(m: &ArtifactManifest, body: Option<[u8; 32]>) -> Result<ArtifactV1> {
        Ok(ArtifactV1 { json: m.to_json()?, body })
    }

    pub(super) fn into_fact(self) -> Result<Fact> {
        let manifest: Valid<ArtifactManifest> = from_value(canonical(&self.json)?)
            .map_err(|report| broken(format!("{} of {}", report.issues().len(), ArtifactManifest::NAME)))?;
        same_again(&*manifest, &self.json)?;
        Ok(Fact::Artifact(Box::new(manifest), self.body))
    }
}

#[cfg(test)]
impl ObjectV1 {
    /// As another writer would write it.
    pub(super) fn of_text(json: &str) -> ObjectV1 {
        ObjectV1 { json: json.to_owned() }
    }
}

#[cfg(test)]
impl EventV1 {
    /// As another writer would fill the attributes.
    pub(super) fn with_attributes(self, attributes: String) -> EventV1 {
        EventV1 { attributes, ..self }
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
        assert_eq!(of::<SpanStatus>(), "ok error cancelled timeout");
        assert_eq!(of::<SpanKind>(), "operation internal io network process");
    }
}
