//! What an import did: counts by kind, what was refused, and where it is kept.

use crate::contract::ArtifactRef;
use crate::store::interchange::line::Rejection;
use crate::store::note::Note;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What became of the lines of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindCounts {
    /// Said for the first time here.
    pub new: u64,
    /// Here already.
    pub unchanged: u64,
    /// Refused.
    pub refused: u64,
}

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLine {
    /// Its number, from 1.
    pub line: u64,
    /// Why.
    pub rejection: Rejection,
}

/// A body that is missing, or is not what its manifest records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyFinding {
    /// Number of the artifact's line, from 1.
    pub line: u64,
    /// The artifact.
    pub artifact_ref: ArtifactRef,
    /// The file of the body, as the line names it.
    pub body: String,
    /// `import.body_missing` or `import.body_differs`.
    pub code: &'static str,
    /// The cause.
    pub message: String,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// The import's id, if anything was new.
    pub import: Option<String>,
    /// What was read.
    pub source: String,
    /// Lines with something in them.
    pub lines: u64,
    /// What became of them, by kind; those whose kind cannot be read stand under `?`.
    pub kinds: BTreeMap<String, KindCounts>,
    /// Bodies that were stored.
    pub bodies_stored: u64,
    /// Bodies that a line names and that could not be found or read.
    pub bodies_missing: u64,
    /// Bodies of another size or hash than their manifests say.
    pub bodies_differing: u64,
    /// The first bodies that are missing or differ.
    pub bodies: Vec<BodyFinding>,
    /// What is usable but not as it should be: code and how often.
    pub warnings: BTreeMap<&'static str, u64>,
    /// The first refused lines.
    pub refused: Vec<RefusedLine>,
    /// Where all refused lines are kept.
    pub quarantine: Option<PathBuf>,
    /// Refused lines that are not kept there, or not whole: too long, or too many.
    pub not_kept: u64,
    /// Why the input ended before its end, if it did.
    pub cut: Option<String>,
    /// What stood in the way of knowing everything that is here already.
    pub notes: Vec<Note>,
}

impl ImportReport {
    /// `true`: every line and every body was imported or was here already.
    pub fn is_complete(&self) -> bool {
        self.total().refused == 0
            && self.bodies_missing == 0
            && self.bodies_differing == 0
            && self.cut.is_none()
    }

    /// The sum over all kinds.
    pub fn total(&self) -> KindCounts {
        self.kinds.values().fold(KindCounts::default(), |sum, k| KindCounts {
            new: sum.new + k.new,
            unchanged: sum.unchanged + k.unchanged,
            refused: sum.refused + k.refused,
        })
    }

    pub(super) fn count(&mut self, kind: &str) -> &mut KindCounts {
        self.kinds.entry(kind.to_owned()).or_default()
    }
}
