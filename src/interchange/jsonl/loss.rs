//! Losses of an import: refused lines, members that were left out, times in the wrong order, missing bodies, and bodies
//! that differ from their manifests. A loss is recorded as a degraded record of the run that the line or body belongs
//! to. The loss of a body is always recorded. Any other loss is recorded only if the line names a run and the run is in
//! the workspace.

use crate::contract::error::bounded;
use crate::contract::models::payload::{DegradedCategory, DegradedPayload, DegradedSeverity};
use crate::contract::models::record::Degradation;
use crate::contract::{
    DroppedMember, ErrorCode, Fact, Members, Origin, RecordDraft, RecordRef, RunRef, StableRef, Timestamp,
    Valid, Value,
};
use crate::engine::checksum::Digest;
use crate::interchange::error::Result;
use crate::interchange::jsonl::line::LineWarning;
use crate::interchange::jsonl::rejection::Rejection;
use crate::store::StoreView;
use std::collections::HashSet;

/// The producer of the degraded records.
const PRODUCER: &str = "contexta.import";
/// An upper bound of the size in bytes of the entry that records a loss. The texts in the entry have bounded lengths.
pub(super) const LOSS_BYTES_MAX: usize = 8 << 10;

/// A refused line, a member that was left out, times in the wrong order, or a body that is missing or differs from its
/// manifest.
#[derive(Debug)]
pub(super) struct Loss {
    /// The run that the degraded record belongs to.
    pub(super) run: RunRef,
    /// `true` to record the loss even if the run is not in the workspace.
    pub(super) always: bool,
    /// The issue key of the degraded record.
    pub(super) key: &'static str,
    /// The severity of the degraded record.
    pub(super) severity: DegradedSeverity,
    /// The summary of the degraded record.
    pub(super) summary: String,
    /// The object that the loss concerns.
    pub(super) subject: Option<StableRef>,
    /// The attributes of the degraded record.
    pub(super) attributes: Members,
    /// A text that distinguishes this loss from other losses of the run.
    pub(super) identity: String,
}

/// The action for a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Append the degraded record.
    Record,
    /// Keep the loss until the line of its run is imported.
    Defer,
    /// Do nothing: the loss is already recorded, or cannot be recorded.
    Discard,
}

impl Loss {
    /// Returns the action for the loss, from a view of the workspace and the runs in valid lines of the current round.
    /// `record_ref` is the ref of the degraded record.
    pub(super) fn decide(
        &self,
        record_ref: &RecordRef,
        runs: &HashSet<RunRef>,
        view: &StoreView<'_>,
    ) -> Result<Decision> {
        if view.first_imported(record_ref)?.is_some() {
            return Ok(Decision::Discard);
        }
        let is_known = self.always || runs.contains(&self.run) || view.knows_run(&self.run)?;
        Ok(if is_known { Decision::Record } else { Decision::Defer })
    }

    /// Returns the ref of the degraded record. The ref depends only on the run, the key and the identity of the loss,
    /// so a repeated import finds the existing record. Errors: the ref would be too long.
    pub(super) fn record_ref(&self) -> crate::contract::Result<RecordRef> {
        let digest = Digest::of(format!("{} {}", self.key, self.identity).as_bytes()).to_string();
        RecordRef::under(&self.run, &format!("import-{}", digest.get(..16).unwrap_or_default()))
    }

    /// Creates the fact of the degraded record.
    pub(super) fn into_fact(self, at: Timestamp) -> crate::contract::Result<Fact> {
        let identity = Some((self.record_ref()?, at));
        let category = match self.key {
            SCHEMA_VERSION => DegradedCategory::Compatibility,
            _ => DegradedCategory::Import,
        };
        let mut payload = DegradedPayload::new(self.key, category, self.severity, self.summary);
        payload.subject_ref = self.subject;
        payload.origin_marker = Origin::Imported;
        payload.attributes = self.attributes;
        let mut draft = RecordDraft::new(self.run, None, at, PRODUCER, payload);
        draft.observation.degradation_marker = Degradation::ImportLoss;
        draft.identity = identity;
        Ok(Fact::Degraded(Valid::new(draft)?))
    }
}

/// Returns `true` for a degraded record that an import created for a loss.
pub(super) fn is_loss(fact: &Fact) -> bool {
    matches!(fact, Fact::Degraded(draft) if draft.observation.producer_ref == PRODUCER)
}

/// The issue key of a loss: an invalid member was left out.
pub(super) const MEMBER_DROPPED: &str = "import.member_dropped";
/// The issue key of a loss: an object of an unsupported schema version was read by the rules of the version
/// that this build supports.
const SCHEMA_VERSION: &str = "import.schema_version";
/// The issue key of a loss: the times of an object are in the wrong order.
const TIME_ORDER: &str = "import.time_order";

/// The origin of an object in an import: its line and its kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineOrigin<'a> {
    pub(super) number: u64,
    pub(super) kind: &'static str,
    pub(super) subject: &'a StableRef,
    pub(super) is_record: bool,
}

impl LineOrigin<'_> {
    /// Creates a loss of this object. Returns `None` if the object belongs to no run. If several records of a run have
    /// the same loss, only the first one is recorded, because every record of a run can have the same fault.
    fn loss(&self, key: &'static str, what: &str, summary: String, attributes: Members) -> Option<Loss> {
        let run = self.subject.run()?;
        let whose = if self.is_record { "records".to_owned() } else { self.subject.to_string() };
        let mut attributes = attributes;
        attributes.insert("line".to_owned(), Value::from(self.number));
        attributes.insert("kind".to_owned(), self.kind.into());
        Some(Loss {
            run,
            always: false,
            key,
            severity: DegradedSeverity::Warning,
            summary: bounded(summary),
            subject: Some(self.subject.clone()),
            attributes,
            identity: format!("{whose} {what}"),
        })
    }

    /// Creates the loss to record for a member that was left out.
    pub(super) fn dropped_member(&self, member: &DroppedMember) -> Option<Loss> {
        let summary = format!(
            "{} of {} (line {}) was left out: {}",
            member.path, self.subject, self.number, member.message
        );
        let attributes = [("path", member.path.as_str()), ("code", member.code.as_str())];
        let attributes = attributes.map(|(key, value)| (key.to_owned(), Value::from(value)));
        let key = if member.code == ErrorCode::SchemaVersion { SCHEMA_VERSION } else { MEMBER_DROPPED };
        self.loss(key, &member.path, summary, Members::from(attributes))
    }

    /// Creates the loss to record for times in the wrong order; `None` for any other warning.
    pub(super) fn time_order(&self, warning: &LineWarning) -> Option<Loss> {
        if !matches!(warning.code, ErrorCode::ContextTimeOrder | ErrorCode::RecordTimeOrder) {
            return None;
        }
        let summary =
            format!("times of {} (line {}) disagree: {}", self.subject, self.number, warning.message);
        let attributes = Members::from([("code".to_owned(), Value::from(warning.code.as_str()))]);
        self.loss(TIME_ORDER, warning.code.as_str(), summary, attributes)
    }
}

/// Creates the loss to record for a refused line; `None` if the line does not name a run.
pub(super) fn refused_line_loss(number: u64, text: &[u8], rejection: &Rejection) -> Option<Loss> {
    let attributes = [
        ("line", Value::from(number)),
        ("code", rejection.code.into()),
        ("path", rejection.path.as_str().into()),
        ("kind", rejection.kind.clone().into()),
    ];
    Some(Loss {
        run: rejection.run.clone()?,
        always: false,
        key: "import.line_refused",
        severity: DegradedSeverity::Error,
        summary: format!("a line was not imported: {}", rejection.message),
        subject: None,
        attributes: attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        identity: Digest::of(text).to_string(),
    })
}
