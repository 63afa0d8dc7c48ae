//! A problem that a diagnosis found.

use crate::contract::{Severity, Value};
use crate::interpretation::evidence::EvidenceLink;
use std::collections::BTreeMap;

/// A problem.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DiagnosticsIssue {
    /// The severity.
    pub severity: Severity,
    /// A stable code, such as `failed_batch`.
    pub code: &'static str,
    /// The problem in one line.
    pub summary: String,
    /// Details of the problem. The key is the name of a detail.
    pub details: BTreeMap<String, Value>,
    /// The ref of the object that has the problem.
    pub subject_ref: String,
    /// A link to the object that has the problem.
    pub evidence_links: Vec<EvidenceLink>,
}

impl DiagnosticsIssue {
    pub(super) fn new(
        severity: Severity,
        code: &'static str,
        summary: String,
        subject: EvidenceLink,
    ) -> DiagnosticsIssue {
        let subject_ref = subject.subject.clone();
        let evidence_links = vec![subject];
        DiagnosticsIssue { severity, code, summary, details: BTreeMap::new(), subject_ref, evidence_links }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> DiagnosticsIssue {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}
