//! Appending to the log: the choice of the stream, the active segment, syncs that threads share, and the log itself.

mod active;
mod claim;
mod create;
mod durability;
mod group;
mod log;
mod new_entries;
mod options;
mod shared;

pub use durability::{BatchOptions, Durability, UnknownDurability};
pub use log::{Committed, Log};
pub use new_entries::Payloads;
pub use options::LogOptions;
