//! The emission of a degraded marker.

use crate::contract::issue::Issues;
use crate::contract::model::declare::{model, part};
use crate::contract::{
    DegradedCategory, DegradedPayload, DegradedSeverity, Members, Rules, StableRef, Value,
};

model! {
    /// A degraded marker of user code: the statement that data is missing or doubtful.
    DegradedEmission ("DegradedEmission") {
        /// The key of the problem, such as `input.missing`.
        issue_key: String,
        /// A description of the problem for people.
        summary: String,
    } or {
        /// The operation that caused or found the problem.
        category: DegradedCategory = DegradedCategory::Capture,
        /// The severity of the problem.
        severity: DegradedSeverity = DegradedSeverity::Warning,
        /// The object or record that the problem concerns; by default the object of the scope.
        subject_ref: Option<StableRef> = None => RecordRef,
        /// Additional data, as a JSON object.
        attributes: Members = Members::new(),
    }
}

part!(DegradedEmission, "DegradedEmission", RecordPayload);

impl DegradedEmission {
    /// Sets the operation that caused or found the problem; by default the capture.
    #[must_use]
    pub fn category(mut self, category: DegradedCategory) -> DegradedEmission {
        self.category = category;
        self
    }

    /// Sets the severity; by default a warning, which means that data is doubtful.
    #[must_use]
    pub fn severity(mut self, severity: DegradedSeverity) -> DegradedEmission {
        self.severity = severity;
        self
    }

    /// Sets the object or record that the problem concerns; by default the object of the scope.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<StableRef>) -> DegradedEmission {
        self.subject_ref = Some(subject.into());
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, key: &str, value: impl Into<Value>) -> DegradedEmission {
        self.attributes.insert(key.to_owned(), value.into());
        self
    }

    /// Returns the payload of the record. `subject` is the object of the scope.
    pub(in crate::capture) fn into_payload(self, subject: Option<StableRef>) -> DegradedPayload {
        let mut payload = DegradedPayload::new(self.issue_key, self.category, self.severity, self.summary);
        payload.subject_ref = self.subject_ref.or(subject);
        payload.attributes = self.attributes;
        payload
    }

    fn check_fields(&self, issues: &mut Issues) {
        self.clone().into_payload(None).normalize(issues);
    }
}
