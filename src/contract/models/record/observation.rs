//! The producer, time and context of a record.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::{ExtensionFieldSet, normalize_sets};
use crate::contract::issue::collector::Issues;
use crate::contract::model::declare::model;
use crate::contract::model::members::check_unknown;
use crate::contract::models::payload::family::RecordType;
use crate::contract::models::record::correlation::CorrelationRefs;
use crate::contract::models::record::marker::{Completeness, Degradation};
use crate::contract::models::record::surroundings::Surroundings;
use crate::contract::refs::typed::{
    BatchRef, DeploymentRef, OperationRef, RecordRef, RunRef, SampleRef, StageRef,
};
use crate::contract::rules::place::child_of;
use crate::contract::rules::token::{DOT_TOKEN, token};
use crate::contract::rules::valid::Rules;
use crate::contract::rules::version::schema_version;
use crate::contract::time::Timestamp;
use crate::contract::version::{SCHEMA_VERSION, is_newer};

model! {
    /// The producer, time and context of a record: the part of the envelope that is known before the record has a
    /// position in the log.
    Observation ("RecordEnvelope") {
        /// The time of observation.
        observed_at: Timestamp,
        /// The program that produced the record: a token such as `sdk.rust`.
        producer_ref: String,
        /// The run that the record belongs to.
        run_ref: RunRef,
    } or {
        /// The deployment that the record belongs to, in the same project.
        deployment_execution_ref: Option<DeploymentRef> = None,
        /// The stage that the record belongs to.
        stage_execution_ref: Option<StageRef> = None,
        /// The batch that the record belongs to.
        batch_execution_ref: Option<BatchRef> = None,
        /// The sample that the record belongs to.
        sample_observation_ref: Option<SampleRef> = None,
        /// The operation that the record belongs to.
        operation_context_ref: Option<OperationRef> = None,
        /// Ids that connect the record with traces and sessions of other tools.
        correlation_refs: CorrelationRefs = CorrelationRefs::default(),
        /// The completeness of the record.
        completeness_marker: Completeness = Completeness::Complete,
        /// The kind of data loss; `none` if no data was lost.
        degradation_marker: Degradation = Degradation::None,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Extensions: additional fields, grouped by namespace.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

/// The name of the envelope in errors.
pub(super) const ENVELOPE_NAME: &str = "RecordEnvelope";

/// The names of the members of an envelope in JSON.
const ENVELOPE_MEMBERS: &[&str] = &[
    "record_ref",
    "record_type",
    "recorded_at",
    "observed_at",
    "producer_ref",
    "run_ref",
    "deployment_execution_ref",
    "stage_execution_ref",
    "batch_execution_ref",
    "sample_observation_ref",
    "operation_context_ref",
    "correlation_refs",
    "completeness_marker",
    "degradation_marker",
    "schema_version",
    "extensions",
];

impl Observation {
    pub(crate) fn normalize(&mut self, family: RecordType, issues: &mut Issues) {
        token(issues, "producer_ref", &mut self.producer_ref, DOT_TOKEN, ErrorCode::Producer);
        schema_version(issues, &mut self.schema_version);
        Surroundings {
            run: &self.run_ref,
            deployment: &self.deployment_execution_ref,
            stage: &self.stage_execution_ref,
            batch: &self.batch_execution_ref,
            sample: &self.sample_observation_ref,
            operation: &self.operation_context_ref,
        }
        .check(issues, ErrorCode::RecordPrefix, ErrorCode::RecordStage);
        issues.within("correlation_refs", |issues| self.correlation_refs.normalize(issues));
        normalize_sets(&mut self.extensions, issues);
        check_unknown(ENVELOPE_NAME, &mut self.unknown, ENVELOPE_MEMBERS, issues);
        self.check_markers(family, issues);
    }

    /// Checks the markers. Only a degraded record may have completeness `absent`. A degraded record must have a
    /// degradation marker other than `none`.
    fn check_markers(&self, family: RecordType, issues: &mut Issues) {
        if family == RecordType::Degraded {
            if self.degradation_marker == Degradation::None {
                let message = "a degraded record needs a degradation marker other than none";
                issues.error(ErrorCode::DegradedGap, "degradation_marker", message);
            }
        } else if self.completeness_marker == Completeness::Absent {
            let message = format!("a record of family {family} cannot have the completeness marker absent");
            issues.error(ErrorCode::Absent, "completeness_marker", message);
        }
    }

    /// Checks that the record's ref is directly under the ref of the run. If the record was recorded before it was
    /// observed, adds only a warning, because the two times can come from different clocks.
    pub(crate) fn check_identity(&self, record_ref: &RecordRef, recorded_at: Timestamp, issues: &mut Issues) {
        if recorded_at < self.observed_at {
            let message = format!(
                "the time of recording {recorded_at} is before the time of observation {}",
                self.observed_at
            );
            issues.warning(ErrorCode::RecordTimeOrder, "recorded_at", message);
        }
        child_of(issues, ErrorCode::RecordPrefix, "record_ref", record_ref, &self.run_ref);
    }

    pub(crate) fn is_newer(&self) -> bool {
        is_newer(&self.schema_version)
    }
}
