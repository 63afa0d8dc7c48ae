//! Retention: the removal of old cached files, reports and exports, of bodies that no artifact uses, and of temporary
//! files of interrupted programs. A removal is planned first, and then applied.

mod apply;
mod plan;

pub use apply::RetentionResult;
pub(crate) use apply::retain;
pub(crate) use plan::plan_retention;
pub use plan::{RetentionPlan, RetentionRules, RetiredFile};
