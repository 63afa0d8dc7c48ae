//! The closed sum of all that can be captured. A fact is what code said; the log gives it its place and time.
//!
//! Facts are small: a run's start is one, its end another, a parameter a third. What belongs to a thing is derived
//! from all facts about it, so that two processes may speak of one run without knowing of each other.

use crate::contract::error::Result;
use crate::contract::json::Value;
use crate::contract::models::artifact::ArtifactManifest;
use crate::contract::models::context::{
    EnvironmentSnapshot, Project, Run, RunStatus, StageExecution, check_param,
};
use crate::contract::models::lineage::LineageEdge;
use crate::contract::models::record::{
    Completeness, CorrelationRefs, Degradation, DegradedPayload, EventPayload, MetricPayload, Payload,
    Record, RecordEnvelope, check_markers, check_times,
};
use crate::contract::refs::{
    BatchRef, DeploymentRef, OperationRef, RecordRef, RunRef, SampleRef, StableRef, StageRef,
};
use crate::contract::rules::{DOT_TOKEN, Rules, Valid, child_of, optional_text, token};
use crate::contract::time::Timestamp;
use crate::contract::{ErrorCode, SCHEMA_VERSION};

/// Anything that can be captured.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A project exists.
    Project(Valid<Project>),
    /// A run exists, with everything known of it at that moment (usually that it is open).
    Run(Valid<Run>),
    /// A stage exists.
    Stage(Valid<StageExecution>),
    /// A run or stage ended.
    Ended(Ended),
    /// A parameter of a run.
    Param(Param),
    /// An environment snapshot.
    Environment(Valid<EnvironmentSnapshot>),
    /// An event.
    Event(Valid<RecordDraft<EventPayload>>),
    /// A metric.
    Metric(Valid<RecordDraft<MetricPayload>>),
    /// A degraded marker.
    Degraded(Valid<RecordDraft<DegradedPayload>>),
    /// An artifact, and the BLAKE3 digest of its body if that lies in this workspace.
    Artifact(Box<Valid<ArtifactManifest>>, Option<[u8; 32]>),
    /// A lineage edge.
    Relation(Box<Valid<LineageEdge>>),
}

/// A run or stage ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// A run or stage.
    pub subject: StableRef,
    /// How; never open.
    pub status: RunStatus,
    /// When.
    pub ended_at: Timestamp,
}

/// A parameter of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// The run.
    pub run_ref: RunRef,
    /// Its name.
    pub key: String,
    /// A number, a text or a truth value.
    pub value: Value,
}

impl Param {
    /// Checks name and value.
    pub fn new(run_ref: RunRef, key: &str, value: Value) -> Result<Param> {
        check_param(key, &value)?;
        Ok(Param { run_ref, key: crate::contract::rules::trim(key).to_owned(), value })
    }
}

/// A record before it has its place in the log. A captured one gets ref and time of recording from there; an
/// imported one brings its own.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordDraft<P> {
    /// The ref and time of recording it had elsewhere.
    pub identity: Option<(RecordRef, Timestamp)>,
    /// When it was observed.
    pub observed_at: Timestamp,
    /// Who observed it.
    pub producer_ref: String,
    /// Its run.
    pub run_ref: RunRef,
    /// The deployment it belongs to.
    pub deployment_execution_ref: Option<DeploymentRef>,
    /// The stage it belongs to.
    pub stage_execution_ref: Option<StageRef>,
    /// The batch it belongs to.
    pub batch_execution_ref: Option<BatchRef>,
    /// The sample it belongs to.
    pub sample_observation_ref: Option<SampleRef>,
    /// The operation it belongs to.
    pub operation_context_ref: Option<OperationRef>,
    /// Ties to other tools.
    pub correlation_refs: CorrelationRefs,
    /// How much of it there is.
    pub completeness_marker: Completeness,
    /// What went wrong on the way.
    pub degradation_marker: Degradation,
    /// What was observed.
    pub payload: P,
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
        RecordDraft {
            identity: None,
            observed_at,
            producer_ref: producer_ref.to_owned(),
            run_ref,
            deployment_execution_ref: None,
            stage_execution_ref: stage,
            batch_execution_ref: None,
            sample_observation_ref: None,
            operation_context_ref: None,
            correlation_refs: CorrelationRefs::default(),
            completeness_marker: Completeness::Complete,
            degradation_marker: Degradation::None,
            payload,
        }
    }
}

impl<P: Payload> Rules for RecordDraft<P> {
    fn settle(&mut self) -> Result<()> {
        token("producer_ref", &mut self.producer_ref, DOT_TOKEN, ErrorCode::Producer)?;
        crate::contract::models::record::Surroundings {
            run: &self.run_ref,
            stage: &self.stage_execution_ref,
            batch: &self.batch_execution_ref,
            sample: &self.sample_observation_ref,
            operation: &self.operation_context_ref,
        }
        .check(ErrorCode::RecordPrefix, ErrorCode::RecordStage)?;
        optional_text("correlation_refs.trace_id", &mut self.correlation_refs.trace_id)?;
        optional_text("correlation_refs.session_id", &mut self.correlation_refs.session_id)?;
        check_markers(P::RECORD_TYPE, self.completeness_marker, self.degradation_marker)?;
        if let Some((record_ref, recorded_at)) = &self.identity {
            // Else the draft is accepted, and the record made of it later is not.
            check_times(*recorded_at, self.observed_at)?;
            child_of(ErrorCode::RecordPrefix, "record_ref", record_ref, &self.run_ref)?;
        }
        self.payload.settle()
    }
}

impl<P: Payload> Valid<RecordDraft<P>> {
    /// The record, with the identity it brought or else the given one. A captured record counts as recorded no
    /// earlier than it was observed, whatever the clocks said.
    pub fn into_record(self, record_ref: RecordRef, recorded_at: Timestamp) -> Result<Valid<Record<P>>> {
        let draft = self.into_inner();
        let (record_ref, recorded_at) =
            draft.identity.unwrap_or((record_ref, recorded_at.max(draft.observed_at)));
        Valid::new(Record {
            envelope: RecordEnvelope {
                record_ref,
                recorded_at,
                observed_at: draft.observed_at,
                producer_ref: draft.producer_ref,
                run_ref: draft.run_ref,
                deployment_execution_ref: draft.deployment_execution_ref,
                stage_execution_ref: draft.stage_execution_ref,
                batch_execution_ref: draft.batch_execution_ref,
                sample_observation_ref: draft.sample_observation_ref,
                operation_context_ref: draft.operation_context_ref,
                correlation_refs: draft.correlation_refs,
                completeness_marker: draft.completeness_marker,
                degradation_marker: draft.degradation_marker,
                schema_version: SCHEMA_VERSION.to_owned(),
            },
            payload: draft.payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::models::record::{DegradedCategory, DegradedSeverity, Origin};

    #[test]
    fn an_identity_that_no_record_could_have_is_refused_with_the_draft() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let draft = |record: &str, recorded_at: &str| {
            let payload = DegradedPayload {
                issue_key: "a.b".into(),
                category: DegradedCategory::Import,
                severity: DegradedSeverity::Error,
                summary: "s".into(),
                subject_ref: None,
                origin_marker: Origin::Imported,
                attributes: Default::default(),
            };
            let run = RunRef::parse("run:p.r").unwrap();
            let mut draft = RecordDraft::new(run, None, at("2024-01-02T00:00:00Z"), "x", payload);
            draft.degradation_marker = Degradation::ImportLoss;
            draft.identity = Some((RecordRef::parse(record).unwrap(), at(recorded_at)));
            Valid::new(draft).map_err(|e| e.code)
        };
        let accepted = draft("record:p.r.k", "2024-01-02T00:00:00Z").unwrap();
        let other = RecordRef::parse("record:p.r.other").unwrap();
        assert!(accepted.into_record(other, at("2024-01-03T00:00:00Z")).is_ok());
        assert_eq!(draft("record:t.r.k", "2024-01-02T00:00:00Z").err(), Some(ErrorCode::RecordPrefix));
        assert_eq!(draft("record:p.r.k", "2024-01-01T00:00:00Z").err(), Some(ErrorCode::RecordTimeOrder));
    }
}
