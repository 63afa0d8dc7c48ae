//! Restores of workspaces from backups. A restore is planned first, and then applied (docs/design/013).

mod apply;
mod check;
mod files;
mod plan;
mod retire;
mod safety;
mod stage;
mod swap;

pub use apply::RestoreResult;
pub(crate) use apply::{RestoreRepositories, restore};
pub(in crate::recovery) use plan::check_domain;
pub(crate) use plan::plan_restore;
pub use plan::{RestoreOptions, RestorePlan};
pub(in crate::recovery) use stage::Staging;
