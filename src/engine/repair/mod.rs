//! Repair of a log, and recovery of entries from damaged bytes, for any [`Event`](crate::engine::entry::Event) type.
//!
//! [`Engine::repair_plan`](crate::engine::Engine::repair_plan) examines a log and its tables, and returns a
//! [`RepairPlan`]: a list of steps as data, to be shown before anything is changed.
//! [`Engine::repair`](crate::engine::Engine::repair) applies a plan. Damaged segments are written anew from their whole
//! frames. Files without entries of their stream move to quarantine. Damaged tables are removed, because they are
//! derived from the log. [`Engine::salvage`](crate::engine::Engine::salvage) reads entries from damaged bytes.
//!
//! Guarantees of a repair:
//!
//! 1. Every entry that could be read before can be read afterwards.
//! 2. A complete copy of every file of the log that is replaced or removed is in quarantine, on disk, before.
//! 3. Entries that are known to be missing are still reported as missing.
//! 4. Streams that a writer holds are not changed.
//! 5. If the process ends or the machine loses power at any time, a new plan completes the repair. The plan after a
//!    complete repair has no steps.
//!
//! After a repair, a check finds no damaged bytes, but only missing entries, and the damage that the plan names in
//! [`RepairPlan::unrepaired`]. A loss within a segment that the repair has written anew is a known loss. If the check
//! finds no other problems, its verdict is
//! [`Outcome::WholeExceptKnownLosses`](crate::engine::verify::Outcome::WholeExceptKnownLosses). The loss of entries
//! between segments, such as those of a deleted file, cannot be recorded. After such a loss, the verdict stays
//! [`Outcome::Damaged`](crate::engine::verify::Outcome::Damaged). A merge with a copy of the log that contains the
//! missing entries fills both kinds of gaps. Repaired streams are never continued by a writer.
//!
//! Files, lowest first. Each file imports only files above it in this list:
//! ```text
//! step, unrepaired, site       values
//! plan, report                 a plan with its planner; the result of a repair
//! apply                        the application of a plan
//! salvage                      recovery of entries from arbitrary bytes
//! ```

mod apply;
mod plan;
mod report;
pub(crate) mod salvage;
mod site;
mod step;
mod tables;
mod unrepaired;

#[cfg(not(feature = "testing"))]
pub(crate) use apply::repair;
#[cfg(feature = "testing")]
pub use apply::repair;
pub use plan::RepairPlan;
#[cfg(not(feature = "testing"))]
pub(crate) use plan::plan_repair;
#[cfg(feature = "testing")]
pub use plan::plan_repair;
pub use report::RepairReport;
#[cfg(not(feature = "testing"))]
pub(crate) use salvage::salvage;
#[cfg(feature = "testing")]
pub use salvage::salvage;
pub use salvage::{Certainty, Salvage, Salvaged};
#[cfg(not(feature = "testing"))]
pub(crate) use site::RepairSite;
#[cfg(feature = "testing")]
pub use site::RepairSite;
pub use step::{RepairAction, RepairStep};
pub use unrepaired::Unrepaired;

pub use crate::engine::log::{Finding, FindingKind};
