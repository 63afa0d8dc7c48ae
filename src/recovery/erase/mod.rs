//! The erasure of runs. An erasure is planned first, and then applied.
//!
//! `scan` finds the entries of the runs in the log. `plan` adds the bodies that only these runs use (`bodies`) and
//! the backup that contains the runs (`held`). `apply` records the erasure, removes the bodies, and removes the bytes
//! of the entries from the log (`rewrite`). `outbox` reads the facts that could not be appended to the log.

mod apply;
mod bodies;
mod held;
mod outbox;
mod plan;
mod rewrite;
mod scan;
mod site;

pub(crate) use apply::erase;
pub use apply::{EraseOptions, EraseResult};
pub(in crate::recovery) use bodies::{
    is_captured_into, may_hide_artifacts, remove_unused as remove_bodies, used_bodies,
};
pub(in crate::recovery) use outbox::are_facts_spilled;
pub(crate) use plan::plan_erasure;
pub use plan::{ErasePlan, PlannedErasure};
pub(crate) use site::EraseSite;
