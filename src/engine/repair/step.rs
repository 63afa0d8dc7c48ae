//! The steps of a repair.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Gap, Seq, StreamId};
use crate::engine::log::Finding;
use std::fmt;
use std::path::PathBuf;

/// The action of a step. The text form is the stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RepairAction {
    /// Removes a file of tables. The tables are derived from the log and are rebuilt.
    RemoveTables,
    /// Writes a segment anew from its whole frames. A copy of the old file is in quarantine.
    RewriteSegment,
    /// Moves a file that has the name of a segment, but none of its entries, to quarantine.
    MoveFile,
    /// Removes a segment file that never held an entry, because its creation was interrupted. A copy is in quarantine,
    /// unless the file is empty.
    RemoveUnfinished,
    /// Removes a temporary file of an interrupted operation.
    RemoveLeftover,
}

impl RepairAction {
    /// Returns the stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            RepairAction::RemoveTables => "remove_tables",
            RepairAction::RewriteSegment => "rewrite_segment",
            RepairAction::MoveFile => "move_file",
            RepairAction::RemoveUnfinished => "remove_unfinished",
            RepairAction::RemoveLeftover => "remove_leftover",
        }
    }

    /// Returns true if tables that were saved before do not match the log after the action.
    pub(super) fn outdates_tables(self) -> bool {
        match self {
            RepairAction::RewriteSegment | RepairAction::MoveFile => true,
            RepairAction::RemoveUnfinished | RepairAction::RemoveTables | RepairAction::RemoveLeftover => {
                false
            }
        }
    }
}

impl fmt::Display for RepairAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A step of a repair. The text form is a line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairStep {
    /// The action.
    pub action: RepairAction,
    /// The file that is written anew, moved or removed.
    pub path: PathBuf,
    /// The stream, for a file of a stream.
    pub stream: Option<StreamId>,
    /// The segment, by the first sequence number in the name of the file.
    pub segment: Option<Seq>,
    /// The length of the file in bytes when the repair was planned, for a file of a stream. All of them are copied to
    /// quarantine.
    pub len: Option<u64>,
    /// The BLAKE3 digest of the file when the repair was planned.
    pub digest: Option<Digest>,
    /// The reason for the step, as message text.
    pub reason: String,
    /// The damage of the file: ranges of bytes, each with a kind. `kind.name()` is one of the codes in the first rows
    /// of the table at [`Problem::code`](crate::engine::verify::Problem::code).
    pub findings: Vec<Finding>,
    /// The entries that are lost because of this damage. After the repair they are still reported as missing.
    pub lost: Vec<Gap>,
}

impl fmt::Display for RepairStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.action, self.path.display(), self.reason)?;
        if let Some(len) = self.len.filter(|len| *len > 0) {
            write!(f, "; {len} bytes are copied to quarantine")?;
        }
        for gap in &self.lost {
            write!(f, "; lost: {gap}")?;
        }
        Ok(())
    }
}
