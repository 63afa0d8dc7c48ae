//! Parts that the answers of all services share: links to evidence, and notes on incomplete data.

use crate::contract::Value;
use crate::store::Severity;
use std::collections::{BTreeMap, HashSet};

/// A link to an object on which an answer is based.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EvidenceLink {
    /// The kind of the object, such as `run`, `stage` or `record`.
    pub kind: String,
    /// The ref of the object.
    pub subject: String,
    /// A name for the object, such as the name of a run, the kind of an artifact or the key of a record.
    pub label: String,
}

impl EvidenceLink {
    /// Creates a link.
    pub fn new(kind: &str, subject: impl ToString, label: impl Into<String>) -> EvidenceLink {
        EvidenceLink { kind: kind.to_owned(), subject: subject.to_string(), label: label.into() }
    }
}

/// Removes duplicates from links. Keeps the first of several equal links.
pub(super) fn unique(links: impl IntoIterator<Item = EvidenceLink>) -> Vec<EvidenceLink> {
    let mut seen = HashSet::new();
    links.into_iter().filter(|link| seen.insert(link.clone())).collect()
}

/// Adds the notes in `more` to `notes`. Leaves out a note whose severity and summary equal those of a note in
/// `notes`.
pub(super) fn add_new(notes: &mut Vec<CompletenessNote>, more: impl IntoIterator<Item = CompletenessNote>) {
    for note in more {
        if !notes.iter().any(|known| known.severity == note.severity && known.summary == note.summary) {
            notes.push(note);
        }
    }
}

/// A completeness note: a statement that a run, a stage or a set of runs does not have certain data.
///
/// The note names the missing data and the reason. In contrast, a [`Note`](crate::store::Note) reports data
/// that cannot be read, and data that is unusual.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CompletenessNote {
    /// The severity.
    pub severity: Severity,
    /// A stable code, often followed by a colon and the subject: `missing_metric_for_run:loss`.
    pub summary: String,
    /// Details of the note. The key is the name of a detail.
    pub details: BTreeMap<String, Value>,
}

impl CompletenessNote {
    /// Creates a note.
    pub fn new(severity: Severity, summary: impl Into<String>) -> CompletenessNote {
        CompletenessNote { severity, summary: summary.into(), details: BTreeMap::new() }
    }

    /// Creates a warning.
    pub fn warning(summary: impl Into<String>) -> CompletenessNote {
        CompletenessNote::new(Severity::Warning, summary)
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> CompletenessNote {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}
