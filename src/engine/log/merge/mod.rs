//! Copying of the streams of another log into this one.

mod apply;
mod compare;
mod content;
pub mod fork;
mod history;
mod merger;
mod plan;
pub mod quarantine;

pub use history::Side;
pub use merger::{
    Change, Fork, MergeLock, MergeOptions, MergeReport, SkipReason, StreamMerge, merge, merge_locked,
};
