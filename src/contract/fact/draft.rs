//! A record before it has a position in the log.

use crate::contract::error::contract_error::Result;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Members;
use crate::contract::model::members::check_unknown;
use crate::contract::models::payload::family::Payload;
use crate::contract::models::record::envelope::RecordEnvelope;
use crate::contract::models::record::observation::Observation;
use crate::contract::models::record::whole::Record;
use crate::contract::refs::typed::{RecordRef, RunRef, StageRef};
use crate::contract::rules::valid::{Rules, Valid};
use crate::contract::time::Timestamp;

/// A record before it has a position in the log. A captured record gets its ref and time of recording from the log; an
/// imported record already has both.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordDraft<P> {
    /// The ref and time of recording of an imported record; `None` for a captured record.
    pub identity: Option<(RecordRef, Timestamp)>,
    /// The producer, time and context of the record.
    pub observation: Observation,
    /// The payload.
    pub payload: P,
    /// Members of the record other than envelope and payload. Only a newer minor version of the schema defines them.
    pub unknown: Members,
}

impl<P> RecordDraft<P> {
    /// Creates the draft of a captured record.
    pub fn of(observation: Observation, payload: P) -> RecordDraft<P> {
        RecordDraft { identity: None, observation, payload, unknown: Members::new() }
    }

    /// Creates the draft of a record in a run and an optional stage, marked as complete and without loss of data.
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
    fn normalize(&mut self, issues: &mut Issues) {
        issues.with_newer(self.observation.is_newer(), |issues| {
            if let Some((record_ref, recorded_at)) = &self.identity {
                // Without this check the draft would be valid, but the record created from the draft would not.
                self.observation.check_identity(record_ref, *recorded_at, issues);
            }
            self.observation.normalize(P::RECORD_TYPE, issues);
            self.payload.normalize(issues);
            check_unknown(P::NAME, &mut self.unknown, Record::<P>::KNOWN, issues);
        });
    }
}

impl<P: Payload> Valid<RecordDraft<P>> {
    /// Creates the record. An imported record keeps its ref and time of recording. A captured record gets `record_ref`
    /// and `recorded_at`. If `recorded_at` is before the time of observation, the record gets the time of observation
    /// instead, because the two times can be from different clocks.
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
    /// Converts the record to a draft. Like the draft of an imported record, the draft contains the record's ref and
    /// time of recording.
    pub fn into_draft(self) -> Result<Valid<RecordDraft<P>>> {
        let Record { envelope, payload, unknown } = self.into_inner();
        let identity = Some((envelope.record_ref, envelope.recorded_at));
        Valid::new(RecordDraft { identity, observation: envelope.observation, payload, unknown })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::error::code::ErrorCode;
    use crate::contract::models::payload::degraded::{DegradedCategory, DegradedPayload, DegradedSeverity};
    use crate::contract::models::record::marker::Degradation;

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
        assert!(draft("record:p.r.k", "2024-01-01T00:00:00Z").is_ok());
    }
}
