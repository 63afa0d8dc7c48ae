//! The report of an import: counts by kind, refused lines, and bodies that are missing or differ from their manifests.

use crate::contract::{ArtifactRef, DroppedMember, StableRef};
use crate::interchange::jsonl::rejection::Rejection;
use crate::store::Note;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The greatest number of refused lines in a report. The same limit applies to members that were left out, and to
/// missing or differing bodies.
pub(super) const REPORTED_MAX: usize = 100;

/// Counts of the lines of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KindCounts {
    /// Lines that were imported.
    pub new: u64,
    /// Lines whose content the workspace already had.
    pub unchanged: u64,
    /// Lines that were refused.
    pub refused: u64,
}

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedLine {
    /// The number of the line, from 1.
    pub line: u64,
    /// The reason for the refusal.
    pub rejection: Rejection,
}

/// An invalid member that was left out, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LossyLine {
    /// The number of the line, from 1.
    pub line: u64,
    /// The object, artifact or record.
    pub subject: StableRef,
    /// The member, with its path in the line.
    pub member: DroppedMember,
}

/// A body that is missing, or that differs from its manifest or from the stored body of the same manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyFinding {
    /// The number of the line of the artifact, from 1.
    pub line: u64,
    /// The artifact.
    pub artifact_ref: ArtifactRef,
    /// The path of the body's file, as the line names it.
    pub body: String,
    /// `import.body_missing` or `import.body_differs`.
    pub code: &'static str,
    /// A description of the cause.
    pub message: String,
}

/// The result of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// The id of the import; `None` if the import recorded nothing.
    pub import: Option<String>,
    /// The name of the source.
    pub source: String,
    /// The number of lines that are not blank.
    pub lines: u64,
    /// Counts of lines, by kind. Lines whose kind is unknown or cannot be read are counted under `?`.
    pub kinds: BTreeMap<String, KindCounts>,
    /// The number of bodies that were stored.
    pub bodies_stored: u64,
    /// The number of bodies that a line names but that could not be found or read.
    pub bodies_missing: u64,
    /// The number of bodies that differ from their manifests, or from the stored bodies of the same manifests.
    pub bodies_differing: u64,
    /// The first 100 bodies that are missing or differ.
    pub bodies: Vec<BodyFinding>,
    /// The number of members that were left out because they are invalid.
    pub members_dropped: u64,
    /// The first 100 members that were left out.
    pub dropped: Vec<LossyLine>,
    /// The number of warnings, by code: deviations from the contract that do not prevent the import, and lines with
    /// status open that were ignored (`import_older_word`).
    pub warnings: BTreeMap<&'static str, u64>,
    /// The first 100 refused lines.
    pub refused: Vec<RefusedLine>,
    /// The file in which the refused lines are saved.
    pub quarantine: Option<PathBuf>,
    /// The number of refused lines that are shortened or left out in the file that the field `quarantine` names,
    /// because they are too long or too many.
    pub not_kept: u64,
    /// The reason for which the input could not be read to its end; `None` if all of the input was read.
    pub cut: Option<String>,
    /// Notes on the workspace, one for each code, such as a note on entries that could not be read. If such entries
    /// exist, lines may have been imported a second time.
    pub notes: Vec<Note>,
}

impl ImportReport {
    /// Returns `true` if the input was read to its end, no line was refused, no member was left out, and no body is
    /// missing or differs.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.total().refused == 0
            && self.members_dropped == 0
            && self.bodies_missing == 0
            && self.bodies_differing == 0
            && self.cut.is_none()
    }

    /// Returns the sum over all kinds.
    #[must_use]
    pub fn total(&self) -> KindCounts {
        self.kinds.values().fold(KindCounts::default(), |sum, k| KindCounts {
            new: sum.new + k.new,
            unchanged: sum.unchanged + k.unchanged,
            refused: sum.refused + k.refused,
        })
    }

    /// Returns the counts of a kind as a mutable reference. A new kind begins with counts of 0.
    pub(super) fn count(&mut self, kind: &str) -> &mut KindCounts {
        self.kinds.entry(kind.to_owned()).or_default()
    }
}
