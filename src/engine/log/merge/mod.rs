//! Merging: the streams of another log are copied into this log. [`merge`] states cost and errors; `merger.rs` lists
//! the guarantees.

mod apply;
mod compare;
mod content;
mod damage;
mod digest;
mod encode;
mod end;
mod family;
mod fork;
#[cfg(feature = "ml")]
mod heal;
mod history;
mod links;
mod lock;
mod merger;
mod options;
mod outline;
mod plan;
mod quarantine;
mod repair;
mod report;
mod sealing;
mod sides;
mod staged;
mod survey;

pub(in crate::engine::log) use digest::digest_of;
pub(in crate::engine::log) use lock::Hold;
pub(in crate::engine::log) use sealing::Sealing;
pub(in crate::engine::log) use sides::Sides;
pub(in crate::engine::log) use staged::{Staged, is_leftover, remove_names};

pub use digest::content_digest;
pub use fork::derived_id;
#[cfg(feature = "ml")]
pub(crate) use heal::{HealSite, Healing};
pub use lock::MergeLock;
#[cfg(feature = "ml")]
pub(crate) use merger::merge_streams;
pub use merger::{merge, merge_locked};
pub use options::MergeOptions;
pub use quarantine::{Quarantined, quarantine};
pub(in crate::engine) use repair::{RepairedLog, StreamRepair};
pub use report::{Change, Fork, LogMerge, SkipReason, StreamMerge};
pub use sides::Side;
pub(in crate::engine) use survey::{FileAction, FileSurvey, Left};
