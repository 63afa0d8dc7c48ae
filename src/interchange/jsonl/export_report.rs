//! The report of an export.

use crate::store::{Note, Severity};
use std::collections::BTreeMap;

/// The greatest number of notes of one code in a report.
const NOTES_MAX: u64 = 20;

/// The result of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportReport {
    /// The number of exported lines, by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// The number of bodies that were copied.
    pub bodies: u64,
    /// The number of bodies that were not copied, because the workspace does not have them or they are damaged.
    pub bodies_missing: u64,
    /// Notes on objects that could not be exported, and on missing entries.
    pub notes: Vec<Note>,
    /// The number of notes, by code. The field `notes` contains at most 20 notes of each code.
    pub note_counts: BTreeMap<&'static str, u64>,
}

impl ExportReport {
    /// Returns `true` if no selected object, record or body is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let partial =
            ["object_incomplete", "object_contradictory"].iter().any(|c| self.note_counts.contains_key(c));
        self.bodies_missing == 0 && !partial && self.notes.iter().all(|note| note.severity < Severity::Error)
    }

    /// Adds a note.
    pub(super) fn note(&mut self, note: Note) {
        let count = self.note_counts.entry(note.code).or_default();
        *count += 1;
        if *count <= NOTES_MAX {
            self.notes.push(note);
        }
    }
}
