//! Repairs of a workspace (docs/design/015). Intact copies of streams and bodies heal a workspace first. Remaining damage
//! of the log is then repaired by [`crate::engine::repair`], which keeps every readable entry and moves damaged files to
//! quarantine. Files, lowest first:
//!
//! - `backup_log` presents the log in a backup as a directory. `source` opens the source of the intact
//!   copies.
//! - `streams` compares streams with their copies, and `bodies` examines and heals bodies.
//! - `plan` makes a plan, `losses` records what is lost, and `apply` applies a plan.

mod apply;
mod backup_log;
mod bodies;
mod losses;
mod plan;
mod source;
mod streams;

pub use crate::engine::repair::{RepairAction, RepairStep, Unrepaired};
pub use apply::RepairResult;
pub(crate) use apply::repair;
pub use bodies::{BodyAction, BodyRepair, BodyState};
pub use plan::{Forgotten, RepairPlan};
pub(crate) use plan::{RepairRequest, plan_repair};
pub(crate) use source::{RepairSource, find_source};
pub use streams::StreamHeal;
