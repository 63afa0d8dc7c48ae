//! Groups of runs with equal parameters or tags, such as the seeds of one configuration.

pub mod curve;
pub mod groups;
pub mod key;

pub use curve::GroupPoint;
pub use groups::{GroupQuery, RunGroup, RunGroups, group_runs};
pub use key::GroupColumn;
