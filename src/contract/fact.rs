//! The closed sum of all that can be captured. A fact is what code said; the log gives it its place and time.
//!
//! Facts are small: a run's start is one, its end another, a parameter a third. What belongs to a thing is derived
//! from all facts about it, so that two processes may speak of one run without knowing of each other.

use crate::contract::error::{ContractError, ErrorCode, Result};
use crate::contract::issue::Issues;
use crate::contract::json::{Canonical, Value};
use crate::contract::model::{Members, settle_unknown};
use crate::contract::models::artifact::ArtifactManifest;
use crate::contract::models::context::{RunStatus, check_param};
use crate::contract::models::payload::{
    DegradedPayload, EventPayload, MetricPayload, Payload, RecordType, TraceSpanPayload,
};
use crate::contract::models::record::{Observation, Record, RecordEnvelope};
use crate::contract::object::Object;
use crate::contract::refs::{RecordRef, RunRef, StableRef, StageRef};
use crate::contract::rules::{Rules, Valid, trim};
use crate::contract::time::Timestamp;

/// Anything that can be captured.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A thing exists, with everything known of it at that moment.
    Object(Object),
    /// An artifact, and the BLAKE3 digest of its body if that lies in this workspace.
    Artifact(Box<Valid<ArtifactManifest>>, Option<[u8; 32]>),
    /// A run, stage, batch or deployment ended.
    Ended(Ended),
    /// A parameter of a run.
    Param(Param),
    /// An event.
    Event(Valid<RecordDraft<EventPayload>>),
    /// A metric.
    Metric(Valid<RecordDraft<MetricPayload>>),
    /// A span.
    Span(Valid<RecordDraft<TraceSpanPayload>>),
    /// A degraded marker.
    Degraded(Valid<RecordDraft<DegradedPayload>>),
    /// Facts of another store follow that name this import as where they come from.
    Import(Import),
}

/// A run, stage, batch or deployment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    subject: StableRef,
    status: RunStatus,
    ended_at: Timestamp,
}

impl Ended {
    /// The kinds of refs that have an end.
    pub const KINDS: &'static [&'static str] = &["run", "stage", "batch", "deployment"];

    /// Errors: the subject has no end, or the status is open.
    pub fn new(subject: StableRef, status: RunStatus, ended_at: Timestamp) -> Result<Ended> {
        subject.check_shape()?;
        if !Ended::KINDS.contains(&subject.kind()) || status == RunStatus::Open {
            let message = format!("{subject} cannot end as {status}");
            return Err(ContractError::new(ErrorCode::StatusTransition, message));
        }
        Ok(Ended { subject, status, ended_at })
    }

    /// What ended.
    pub fn subject(&self) -> &StableRef {
        &self.subject
    }

    /// How.
    pub fn status(&self) -> RunStatus {
        self.status
    }

    /// When.
    pub fn ended_at(&self) -> Timestamp {
        self.ended_at
    }
}

/// A parameter of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    run_ref: RunRef,
    key: String,
    value: Value,
}

impl Param {
    /// Checks name and value.
    pub fn new(run_ref: RunRef, key: &str, value: Value) -> Result<Param> {
        check_param(key, &value)?;
        Ok(Param { run_ref, key: trim(key).to_owned(), value })
    }

    /// The run.
    pub fn run_ref(&self) -> &RunRef {
        &self.run_ref
    }

    /// Its name.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A number, a text or a truth value.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

/// One import: where facts of another store were read from. It stands in the log before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// A random id; facts of the import name it.
    pub id: [u8; 16],
    /// What was read: a file's name, or `-` for standard input.
    pub source: String,
    /// The form it had, such as `jsonl`.
    pub format: String,
    /// When the import began.
    pub started_at: Timestamp,
}

/// Where an imported fact stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportOrigin {
    /// The id of the [`Import`].
    pub import: [u8; 16],
    /// The line, from 1.
    pub line: u64,
}

/// A record before it has its place in the log. A captured one gets ref and time of recording from there; an
/// imported one brings its own.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordDraft<P> {
    /// The ref and time of recording it had elsewhere.
    pub identity: Option<(RecordRef, Timestamp)>,
    /// Who observed it, when, and in which run.
    pub observation: Observation,
    /// What was observed.
    pub payload: P,
    /// Members of a newer minor version of the schema that stand beside envelope and payload.
    pub unknown: Members,
}

impl<P> RecordDraft<P> {
    /// A draft in a run and perhaps a stage, complete and undegraded.
    pub fn new(
        run_ref: RunRef,
        stage: Option<StageRef>,
        observed_at: Timestamp,
        producer_ref: &str,
        payload: P,
    ) -> RecordDraft<P> {
        let mut observation = Observation::new(observed_at, producer_ref, run_ref);
        observation.stage_execution_ref = stage;
        RecordDraft { identity: None, observation, payload, unknown: Members::new() }
    }
}

impl<P: Payload> Rules for RecordDraft<P> {
    fn settle(&mut self, issues: &mut Issues) {
        issues.with_newer(self.observation.is_newer(), |issues| {
            if let Some((record_ref, recorded_at)) = &self.identity {
                // Else the draft is accepted, and the record made of it later is not.
                self.observation.check_identity(record_ref, *recorded_at, issues);
            }
            self.observation.settle(P::RECORD_TYPE, issues);
            self.payload.settle(issues);
            settle_unknown(P::NAME, &mut self.unknown, Record::<P>::KNOWN, issues);
        });
    }
}

impl<P: Payload> Valid<RecordDraft<P>> {
    /// The record, with the identity it brought or else the given one. A captured record counts as recorded no
    /// earlier than it was observed, whatever the clocks said.
    pub fn into_record(self, record_ref: RecordRef, recorded_at: Timestamp) -> Result<Valid<Record<P>>> {
        let draft = self.into_inner();
        let (record_ref, recorded_at) =
            draft.identity.unwrap_or((record_ref, recorded_at.max(draft.observation.observed_at)));
        Valid::new(Record {
            envelope: RecordEnvelope::new(record_ref, P::RECORD_TYPE, recorded_at, draft.observation),
            payload: draft.payload,
            unknown: draft.unknown,
        })
    }
}

impl<P: Payload> Valid<Record<P>> {
    /// The draft that brings this record's ref and time of recording.
    pub fn into_draft(self) -> Result<Valid<RecordDraft<P>>> {
        let Record { envelope, payload, unknown } = self.into_inner();
        let identity = Some((envelope.record_ref, envelope.recorded_at));
        Valid::new(RecordDraft { identity, observation: envelope.observation, payload, unknown })
    }
}

/// A record of any family.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyRecord {
    /// An event.
    Event(Box<Valid<Record<EventPayload>>>),
    /// A metric.
    Metric(Box<Valid<Record<MetricPayload>>>),
    /// A span.
    Span(Box<Valid<Record<TraceSpanPayload>>>),
    /// A degraded marker.
    Degraded(Box<Valid<Record<DegradedPayload>>>),
}

/// The same for each family.
macro_rules! each_family {
    ($any:expr, $record:ident => $body:expr) => {
        match $any {
            AnyRecord::Event($record) => $body,
            AnyRecord::Metric($record) => $body,
            AnyRecord::Span($record) => $body,
            AnyRecord::Degraded($record) => $body,
        }
    };
}

impl AnyRecord {
    /// Its envelope.
    pub fn envelope(&self) -> &RecordEnvelope {
        each_family!(self, record => &record.envelope)
    }

    /// Its family.
    pub fn record_type(&self) -> RecordType {
        self.envelope().record_type
    }

    /// The fact that brings this record's ref and time of recording.
    pub fn into_fact(self) -> Result<Fact> {
        Ok(match self {
            AnyRecord::Event(record) => Fact::Event(record.into_draft()?),
            AnyRecord::Metric(record) => Fact::Metric(record.into_draft()?),
            AnyRecord::Span(record) => Fact::Span(record.into_draft()?),
            AnyRecord::Degraded(record) => Fact::Degraded(record.into_draft()?),
        })
    }
}

impl Canonical for AnyRecord {
    fn to_value(&self) -> Value {
        each_family!(self, record => record.to_value())
    }
}

impl Fact {
    /// The family of a record's fact; `None`: it is no record.
    pub fn family(&self) -> Option<RecordType> {
        Some(match self {
            Fact::Event(_) => RecordType::Event,
            Fact::Metric(_) => RecordType::Metric,
            Fact::Span(_) => RecordType::Span,
            Fact::Degraded(_) => RecordType::Degraded,
            _ => return None,
        })
    }

    /// What a record's fact observed, and the identity it brought.
    pub fn observation(&self) -> Option<(&Observation, Option<&(RecordRef, Timestamp)>)> {
        Some(match self {
            Fact::Event(draft) => (&draft.observation, draft.identity.as_ref()),
            Fact::Metric(draft) => (&draft.observation, draft.identity.as_ref()),
            Fact::Span(draft) => (&draft.observation, draft.identity.as_ref()),
            Fact::Degraded(draft) => (&draft.observation, draft.identity.as_ref()),
            _ => return None,
        })
    }

    /// The record, if the fact is one, with the identity it brought or else the given one.
    pub fn into_record(
        self,
        identity: impl FnOnce(&RunRef, RecordType) -> Result<(RecordRef, Timestamp)>,
    ) -> Result<Option<AnyRecord>> {
        let Some(family) = self.family() else { return Ok(None) };
        let Some((observation, brought)) = self.observation() else { return Ok(None) };
        let (record_ref, at) = match brought {
            Some(identity) => identity.clone(),
            None => identity(&observation.run_ref, family)?,
        };
        Ok(Some(match self {
            Fact::Event(draft) => AnyRecord::Event(Box::new(draft.into_record(record_ref, at)?)),
            Fact::Metric(draft) => AnyRecord::Metric(Box::new(draft.into_record(record_ref, at)?)),
            Fact::Span(draft) => AnyRecord::Span(Box::new(draft.into_record(record_ref, at)?)),
            Fact::Degraded(draft) => AnyRecord::Degraded(Box::new(draft.into_record(record_ref, at)?)),
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::models::payload::{DegradedCategory, DegradedSeverity};
    use crate::contract::models::record::Degradation;

    #[test]
    fn an_identity_that_no_record_could_have_is_refused_with_the_draft() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let draft = |record: &str, recorded_at: &str| {
            let payload = DegradedPayload::new("a.b", DegradedCategory::Import, DegradedSeverity::Error, "s");
            let run = RunRef::parse("run:p.r").unwrap();
            let mut draft = RecordDraft::new(run, None, at("2024-01-02T00:00:00Z"), "x", payload);
            draft.observation.degradation_marker = Degradation::ImportLoss;
            draft.identity = Some((RecordRef::parse(record).unwrap(), at(recorded_at)));
            Valid::new(draft).map_err(|e| e.code)
        };
        let accepted = draft("record:p.r.k", "2024-01-02T00:00:00Z").unwrap();
        let other = RecordRef::parse("record:p.r.other").unwrap();
        let record = accepted.clone().into_record(other, at("2024-01-03T00:00:00Z")).unwrap();
        assert_eq!(record.into_draft(), Ok(accepted));
        assert_eq!(draft("record:t.r.k", "2024-01-02T00:00:00Z").err(), Some(ErrorCode::RecordPrefix));
        assert_eq!(draft("record:p.r.k", "2024-01-01T00:00:00Z").err(), Some(ErrorCode::RecordTimeOrder));
    }
}
