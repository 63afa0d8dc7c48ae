//! The result of one capture.

use crate::capture::context::Context;
use crate::capture::result::delivery::Delivery;
use crate::capture::result::failure::ResultFailure;
use crate::capture::result::form::Form;
use crate::capture::result::message::ResultMessage;
use crate::capture::result::note::DegradationNote;
use crate::capture::result::operation::OperationResult;
use crate::capture::result::status::{DeliveryStatus, MessageLevel, PayloadFamily, ResultStatus};
use crate::contract::{self, ContractError, ErrorCode, Members, RecordRef, RecordType, Value};
use crate::store::record_ref::captured_ref;
use crate::store::{Durability, Position};
use std::sync::Arc;

/// The code of the note of a degraded result without a reason.
const DEGRADED: &str = "capture_degraded";
/// The affected area that the notes of a capture state.
const CAPTURE_PLANE: &str = "capture";

/// The result of one capture.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptureResult {
    operation: OperationResult,
    family: PayloadFamily,
    captured: CapturedAs,
    rare: Option<Box<Rare>>,
}

/// The refs, the position and the durability of a captured fact.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::capture) struct CapturedAs {
    pub(in crate::capture) context: Option<Arc<Context>>,
    pub(in crate::capture) record_type: Option<RecordType>,
    pub(in crate::capture) position: Option<Position>,
    pub(in crate::capture) durability: Option<Durability>,
}

/// The members that are empty in the result of a successful capture without sinks.
#[derive(Debug, Clone, PartialEq, Default)]
struct Rare {
    deliveries: Vec<Delivery>,
    warnings: Vec<String>,
    degradation_reasons: Vec<String>,
    payload: Option<Value>,
    degradation_payload: Option<Value>,
    recovered_to_outbox: bool,
    replay_refs: Vec<String>,
    redacted: Vec<String>,
}

impl CaptureResult {
    fn of(family: PayloadFamily, operation: OperationResult) -> CaptureResult {
        CaptureResult { operation, family, captured: CapturedAs::default(), rare: None }
    }

    /// Creates the result of a successful capture.
    pub fn success(family: PayloadFamily, payload: Option<Value>) -> CaptureResult {
        CaptureResult::of(family, OperationResult::success()).payload_of(payload)
    }

    /// Creates the result of a capture that succeeded in part. Without a reason, the note of the result has the code
    /// `capture_degraded`.
    pub fn with_degradation(
        family: PayloadFamily,
        payload: Option<Value>,
        reasons: impl IntoIterator<Item = impl Into<String>>,
    ) -> CaptureResult {
        let mut result = CaptureResult::success(family, payload);
        reasons.into_iter().for_each(|reason| result.add_reason(reason));
        if result.degradation_reasons().is_empty() {
            result.add_reason(DEGRADED);
        }
        result
    }

    /// Creates the result of a failed capture.
    pub fn failure_result(
        family: PayloadFamily,
        payload: Option<Value>,
        failure: ResultFailure,
    ) -> CaptureResult {
        CaptureResult::of(family, OperationResult::failure_result(failure)).payload_of(payload)
    }

    /// Creates the successful result of a captured fact. The caller changes the result if the fact is lost, or waits.
    pub(in crate::capture) fn captured(family: PayloadFamily, captured: CapturedAs) -> CaptureResult {
        CaptureResult { captured, ..CaptureResult::of(family, OperationResult::success()) }
    }

    pub(in crate::capture) fn payload_of(mut self, payload: Option<Value>) -> CaptureResult {
        if payload.is_some() {
            self.rare_mut().payload = payload;
        }
        self
    }

    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn texts(&self, part: impl Fn(&Rare) -> &Vec<String>) -> &[String] {
        self.rare.as_ref().map_or(&[], |rare| part(rare))
    }

    /// Adds a warning, unless the result already has this warning.
    pub(in crate::capture) fn add_warning(&mut self, warning: impl Into<String>) {
        let warning = warning.into();
        if !self.warnings().contains(&warning) {
            let code = format!("capture_warning_{}", self.warnings().len() + 1);
            self.operation.add_message(ResultMessage::new(MessageLevel::Warning, code, warning.as_str()));
            self.rare_mut().warnings.push(warning);
        }
    }

    /// Adds a reason of a degradation, unless the result already has this reason. A successful result becomes degraded.
    pub(in crate::capture) fn add_reason(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if !self.degradation_reasons().contains(&reason) {
            let code = match reason.as_str() {
                DEGRADED => DEGRADED.to_owned(),
                _ => format!("capture_degradation_{}", self.degradation_reasons().len() + 1),
            };
            let mut note = DegradationNote::new(code, reason.as_str());
            note.affected_planes.push(CAPTURE_PLANE.to_owned());
            self.operation.degrade(note);
            self.rare_mut().degradation_reasons.push(reason);
        }
    }

    pub(in crate::capture) fn add_deliveries(&mut self, deliveries: Vec<Delivery>) {
        if !deliveries.is_empty() {
            self.rare_mut().deliveries.extend(deliveries);
        }
    }

    /// Marks the capture as failed. The fact is in the log if `is_recorded` is true.
    pub(in crate::capture) fn fail(&mut self, failure: ResultFailure, is_recorded: bool) {
        if is_recorded {
            self.operation.fail_applied(failure);
        } else {
            self.operation.fail(failure);
        }
    }

    /// Marks the fact as waiting for a replay.
    pub(in crate::capture) fn wait_for_replay(&mut self) {
        self.add_reason("recovered_to_outbox");
        let own = self.captured.position.map(|position| position.to_string());
        let rare = self.rare_mut();
        rare.recovered_to_outbox = true;
        rare.replay_refs.extend(own.filter(|own| !rare.replay_refs.contains(own)));
    }

    /// Sets the degraded marker that was captured because of this capture.
    pub(in crate::capture) fn set_degradation_payload(&mut self, payload: Value) {
        let rare = self.rare_mut();
        rare.degradation_payload = Some(payload);
    }

    /// Adds the paths of values that were redacted before the capture.
    pub(in crate::capture) fn add_redacted(&mut self, paths: Vec<String>) {
        if !paths.is_empty() {
            self.rare_mut().redacted.extend(paths);
        }
    }

    /// Returns the members that results of all kinds have.
    pub fn operation(&self) -> &OperationResult {
        &self.operation
    }

    /// Returns the status.
    pub fn status(&self) -> ResultStatus {
        self.operation.status()
    }

    /// Returns the family of the payload.
    pub fn family(&self) -> PayloadFamily {
        self.family
    }

    /// Returns the type of the captured record; `None` if no record was captured.
    pub fn record_type(&self) -> Option<RecordType> {
        self.captured.record_type
    }

    /// Returns the position of the captured fact in the log, or in the outbox if the log could not append the fact. The
    /// position identifies the fact, and does not change when the fact is replayed into the log. Returns `None` if no
    /// fact was captured.
    pub fn position(&self) -> Option<Position> {
        self.captured.position
    }

    /// Returns the durability that the append of the fact guaranteed; `None` if no fact was captured.
    pub fn durability(&self) -> Option<Durability> {
        self.captured.durability
    }

    /// Returns the record's ref, computed from the position. Errors: no record was captured, or the ref of the run is so
    /// long that the record's ref would exceed the greatest length of a ref.
    pub fn record_ref(&self) -> contract::Result<RecordRef> {
        let CapturedAs { context, record_type, position, .. } = &self.captured;
        let run = context.as_ref().and_then(|context| context.run.as_ref());
        match (run, record_type, position) {
            (Some(run), Some(family), Some(at)) => captured_ref(run, *family, *at),
            _ => Err(ContractError::new(ErrorCode::RefText, "no record was captured, so it has no ref")),
        }
    }

    /// Returns the deliveries to sinks, in the order of the sinks.
    pub fn deliveries(&self) -> &[Delivery] {
        self.rare.as_ref().map_or(&[], |rare| &rare.deliveries)
    }

    /// Returns the warnings.
    pub fn warnings(&self) -> &[String] {
        self.texts(|rare| &rare.warnings)
    }

    /// Returns the reasons of a degradation.
    pub fn degradation_reasons(&self) -> &[String] {
        self.texts(|rare| &rare.degradation_reasons)
    }

    /// Returns the captured object as JSON. Returns `None` if the log has appended the fact and no sink was called.
    /// In this case, the result does not contain the object.
    pub fn payload(&self) -> Option<&Value> {
        self.rare.as_ref()?.payload.as_ref()
    }

    /// Returns `true` if a degraded marker was captured because of this capture.
    pub fn degradation_emitted(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.degradation_payload.is_some())
    }

    /// Returns the degraded marker that was captured because of this capture.
    pub fn degradation_payload(&self) -> Option<&Value> {
        self.rare.as_ref()?.degradation_payload.as_ref()
    }

    /// Returns `true` if the fact waits for a replay, into the log or to a sink.
    pub fn recovered_to_outbox(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.recovered_to_outbox)
    }

    /// Returns the positions of the facts that wait for a replay, as text.
    pub fn replay_refs(&self) -> &[String] {
        self.texts(|rare| &rare.replay_refs)
    }

    /// Returns the paths of values that were redacted before the capture.
    pub fn redacted(&self) -> &[String] {
        self.texts(|rare| &rare.redacted)
    }

    /// Returns the code of the failure.
    pub fn error_code(&self) -> Option<&str> {
        Some(self.operation.failure()?.code.as_str())
    }

    /// Returns the message of the failure.
    pub fn error_message(&self) -> Option<&str> {
        Some(self.operation.failure()?.message.as_str())
    }

    /// Returns the metadata: service, identity of the record, and numbers of deliveries.
    pub fn metadata(&self) -> Members {
        let mut metadata = self.operation.metadata();
        let mut put = |key: &str, value: Value| drop(metadata.insert(key.to_owned(), value));
        if let Some(record_type) = self.captured.record_type {
            put("service", record_type.as_str().into());
            put("record_type", record_type.as_str().into());
        } else if self.family == PayloadFamily::Artifact {
            put("service", "artifact_registration".into());
        }
        if let Ok(record_ref) = self.record_ref() {
            put("record_ref", record_ref.as_str().into());
        }
        put("dispatch_pending", false.into());
        let deliveries = self.deliveries();
        let count = |status| deliveries.iter().filter(|delivery| delivery.status == status).count();
        let skipped = count(DeliveryStatus::Skipped);
        put("delivery_count", deliveries.len().into());
        put("eligible_delivery_count", (deliveries.len() - skipped).into());
        put("success_delivery_count", count(DeliveryStatus::Success).into());
        put("degraded_delivery_count", count(DeliveryStatus::Degraded).into());
        put("failure_delivery_count", count(DeliveryStatus::Failure).into());
        metadata
    }

    /// Returns the object form.
    pub fn to_value(&self) -> Value {
        self.form().into_value()
    }

    /// Returns the object form as compact JSON, with the members in the order of the Python package contexta 1.0.0,
    /// followed by position, durability and redacted paths. Errors: a number is not finite.
    pub fn to_json(&self) -> contract::Result<String> {
        self.form().to_json()
    }

    pub(super) fn form(&self) -> Form {
        let deliveries = self.deliveries().iter().map(Delivery::form).collect();
        let mut members = vec![
            ("family", self.family.as_str().into()),
            ("status", self.status().as_str().into()),
            ("deliveries", Form::List(deliveries)),
            ("warnings", Form::texts(self.warnings())),
            ("degradation_reasons", Form::texts(self.degradation_reasons())),
            ("payload", self.payload().cloned().into()),
            ("degradation_emitted", self.degradation_emitted().into()),
            ("degradation_payload", self.degradation_payload().cloned().into()),
            ("recovered_to_outbox", self.recovered_to_outbox().into()),
            ("replay_refs", Form::texts(self.replay_refs())),
            ("error_code", self.error_code().into()),
            ("error_message", self.error_message().into()),
        ];
        members.extend(self.operation.last_members(self.metadata()));
        members.push(("position", self.position().map(|position| position.to_string()).into()));
        members.push(("durability", self.durability().map(|durability| durability.name()).into()));
        members.push(("redacted", Form::texts(self.redacted())));
        Form::Object(members)
    }
}
