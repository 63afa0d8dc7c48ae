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
    /// Notes on objects and bodies that could not be exported, and the notes of the view, such as notes on missing
    /// entries.
    pub notes: Vec<Note>,
    /// The number of notes, by code. The field `notes` contains at most 20 notes of each code.
    pub note_counts: BTreeMap<&'static str, u64>,
}

impl ExportReport {
    /// Returns `true` if every selected object and body was exported, and no note has the severity error.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let partial =
            ["object_incomplete", "object_contradictory"].iter().any(|c| self.note_counts.contains_key(c));
        self.bodies_missing == 0 && !partial && self.notes.iter().all(|note| note.severity < Severity::Error)
    }

    /// Counts a note, and adds the note unless the report already has [`NOTES_MAX`] notes of the same code.
    pub(super) fn note(&mut self, note: Note) {
        let count = self.note_counts.entry(note.code).or_default();
        *count += 1;
        if *count <= NOTES_MAX {
            self.notes.push(note);
        }
    }
}
