//! What an import could not take over as it was, said as a degraded record of the run it is lost from.

use crate::contract::models::payload::{DegradedCategory, DegradedPayload, DegradedSeverity};
use crate::contract::models::record::Degradation;
use crate::contract::{
    Fact, Members, Origin, RecordDraft, RecordRef, RunRef, StableRef, Timestamp, Valid, Value,
};
use crate::engine::checksum::Digest;
use crate::store::interchange::line::Rejection;

/// Who says that something was lost.
const PRODUCER: &str = "contexta.import";
/// More than what the entry of a loss takes: its texts are bounded.
pub(super) const LOSS_BYTES_MAX: usize = 8 << 10;

/// Something that could not be taken over as it was.
#[derive(Debug)]
pub(super) struct Loss {
    pub(super) run: RunRef,
    /// Whether it is said also where nobody knows of the run.
    pub(super) always: bool,
    pub(super) key: &'static str,
    pub(super) severity: DegradedSeverity,
    pub(super) summary: String,
    pub(super) subject: Option<StableRef>,
    pub(super) attributes: Members,
    /// What tells this loss from others of the run.
    pub(super) identity: String,
}

impl Loss {
    /// Its ref follows from what was lost: lost again, it is one.
    pub(super) fn record_ref(&self) -> crate::contract::Result<RecordRef> {
        let digest = Digest::of(format!("{} {}", self.key, self.identity).as_bytes()).to_string();
        RecordRef::under(&self.run, &format!("import-{}", digest.get(..16).unwrap_or_default()))
    }

    pub(super) fn into_fact(self, at: Timestamp) -> crate::contract::Result<Fact> {
        let identity = Some((self.record_ref()?, at));
        let mut payload =
            DegradedPayload::new(self.key, DegradedCategory::Import, self.severity, self.summary);
        payload.subject_ref = self.subject;
        payload.origin_marker = Origin::Imported;
        payload.attributes = self.attributes;
        let mut draft = RecordDraft::new(self.run, None, at, PRODUCER, payload);
        draft.observation.degradation_marker = Degradation::ImportLoss;
        draft.identity = identity;
        Ok(Fact::Degraded(Valid::new(draft)?))
    }
}

/// Whether a record says that an import lost something.
pub(super) fn is_loss(fact: Option<&Fact>) -> bool {
    matches!(fact, Some(Fact::Degraded(draft)) if draft.observation.producer_ref == PRODUCER)
}

/// That a line was refused, for the run it speaks of.
pub(super) fn lost_line(number: u64, text: &[u8], rejection: &Rejection) -> Option<Loss> {
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
        summary: format!("a line was not taken over: {}", rejection.message),
        subject: None,
        attributes: attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        identity: Digest::of(text).to_string(),
    })
}
