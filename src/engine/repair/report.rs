//! The result of a repair.

use crate::engine::log::merge::Quarantined;
use crate::engine::repair::plan::write_report;
use crate::engine::repair::step::RepairStep;
use crate::engine::repair::unrepaired::Unrepaired;
use std::fmt;

/// The result of a repair. Every reported change is on disk. Its text form has a line for each step, for each damage
/// that stays, and for each copy in quarantine. It does not end with a newline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairReport {
    /// The steps that were applied.
    pub applied: Vec<RepairStep>,
    /// The damage that stays, and the streams that were not changed.
    pub unrepaired: Vec<Unrepaired>,
    /// The copies in quarantine.
    pub quarantined: Vec<Quarantined>,
    /// The length in bytes of the segments that were written.
    pub bytes: u64,
}

impl RepairReport {
    /// Returns true if the tables must be rebuilt: their files were removed, or segments were changed. Every reader
    /// rebuilds missing tables by itself.
    pub fn needs_rebuild(&self) -> bool {
        use crate::engine::repair::step::RepairAction::RemoveTables;
        self.applied.iter().any(|step| step.action == RemoveTables || step.action.outdates_tables())
    }
}

impl fmt::Display for RepairReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.applied.is_empty() && self.unrepaired.is_empty() {
            return f.write_str("nothing was repaired");
        }
        write_report(f, &self.applied, &self.unrepaired, &self.quarantined)
    }
}
