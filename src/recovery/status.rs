//! The status of a backup or restore.

use crate::store::{Note, Severity};
use std::fmt;

/// The status of a completed operation. The text form is in upper case, as in the Python package contexta
/// 1.0.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoveryStatus {
    /// The operation has ended, and nothing is missing.
    Success,
    /// The operation has ended, but data is missing or damaged. Notes describe this data.
    Degraded,
    /// A check has found damage.
    Failure,
}

impl RecoveryStatus {
    /// Returns the status of an operation with these notes.
    pub(in crate::recovery) fn of(notes: &[Note]) -> RecoveryStatus {
        let is_degraded = notes.iter().any(|note| note.severity == Severity::Error);
        if is_degraded { RecoveryStatus::Degraded } else { RecoveryStatus::Success }
    }

    /// Returns the stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RecoveryStatus::Success => "SUCCESS",
            RecoveryStatus::Degraded => "DEGRADED",
            RecoveryStatus::Failure => "FAILURE",
        }
    }
}

impl fmt::Display for RecoveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
