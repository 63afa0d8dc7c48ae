//! The payload of records: the members of the envelope as plain fields, and the payload of the record's family.

use crate::contract::{
    Canonical, Completeness, CorrelationRefs, Degradation, DegradedPayload, EventPayload, ExtensionFieldSet,
    Members, MetricPayload, Observation, Payload, RecordDraft, RunRef, SCHEMA_VERSION, StableRef,
    TraceSpanPayload, Valid, Value,
};
use crate::projections::payload::codes::Code;
use crate::projections::payload::convert::{
    Result, broken, json_map, json_text, optional, parse, text_of, time,
};
use serde::{Deserialize, Serialize};

/// A record of any family.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct RecordV1<P> {
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
    /// The text of a JSON object with the members that most records do not have; empty if the record has no such
    /// member.
    rest: String,
    payload: P,
    observed_at: i64,
    identity: Option<(String, i64)>,
}
/// The names of the members of [`RecordV1::rest`].
mod rest {
    pub(super) const SCHEMA_VERSION: &str = "schema_version";
    pub(super) const EXTENSIONS: &str = "extensions";
    /// The member with the fields of the envelope that only a newer version of the schema defines. The next three
    /// constants name the members with such fields of the correlation refs, the payload and the record itself.
    pub(super) const ENVELOPE: &str = "envelope";
    pub(super) const CORRELATION: &str = "correlation_refs";
    pub(super) const PAYLOAD: &str = "payload";
    pub(super) const RECORD: &str = "record";
}
/// Builds the value of [`RecordV1::rest`]: the rarely used members of `draft`, as JSON text.
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

/// Returns true if a record has none of the members that most records do not have: the members of [`RecordV1::rest`],
/// ids of other tools, and markers.
pub(super) fn is_plain<P: Unknown>(draft: &RecordDraft<P>) -> bool {
    let (observation, refs) = (&draft.observation, &draft.observation.correlation_refs);
    observation.schema_version == SCHEMA_VERSION
        && observation.extensions.is_empty()
        && refs.trace_id.is_none()
        && refs.session_id.is_none()
        && observation.completeness_marker == Completeness::Complete
        && observation.degradation_marker == Degradation::None
        && [&observation.unknown, &refs.unknown, draft.payload.unknown(), &draft.unknown]
            .into_iter()
            .all(Members::is_empty)
}

impl<W> RecordV1<W> {
    pub(in crate::projections) fn of<P: Unknown>(draft: &RecordDraft<P>, payload: W) -> Result<RecordV1<W>> {
        let seen = &draft.observation;
        Ok(RecordV1 {
            run_ref: seen.run_ref.to_string(),
            deployment: text_of(&seen.deployment_execution_ref),
            stage: text_of(&seen.stage_execution_ref),
            batch: text_of(&seen.batch_execution_ref),
            sample: text_of(&seen.sample_observation_ref),
            operation: text_of(&seen.operation_context_ref),
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

    pub(in crate::projections) fn into_draft<P: Payload + Unknown>(
        self,
        payload: impl FnOnce(W) -> Result<P>,
    ) -> Result<Valid<RecordDraft<P>>> {
        let identity = match self.identity {
            Some((r, t)) => Some((parse(&r)?, time(t)?)),
            None => None,
        };
        let run_ref = RunRef::try_from(StableRef::from_text(self.run_ref)?)?;
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
        // The version is read first, because it decides how the other members are read.
        match rest.remove(rest::SCHEMA_VERSION) {
            Some(Value::Text(version)) => seen.schema_version = version,
            None => {}
            Some(other) => return Err(broken(format!("{} is not a version", other.type_name()))),
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
                _ => return Err(broken(format!("a record has no member {name}"))),
            }
        }
        let draft = Valid::new(RecordDraft { identity, observation: seen, payload, unknown })?;
        // A text of another form is refused: the form that this build writes may be longer, and could exceed the limit
        // of a payload.
        match rest_of(&draft)? == self.rest {
            true => Ok(draft),
            false => Err(broken("the JSON text is not the text that this build writes".into())),
        }
    }
}

/// A payload that keeps members that only a newer version of the schema defines.
pub(in crate::projections) trait Unknown {
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
