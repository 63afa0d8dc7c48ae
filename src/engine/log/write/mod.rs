//! Appending to the log: the choice of the stream, the active segment, syncs that threads share, and the log itself.
//! Removal of the last entries of a stream that no writer uses.

mod active;
mod claim;
mod create;
mod cut;
mod durability;
mod frame_record;
mod group;
mod log;
mod new_entries;
mod options;
pub(crate) mod replacement;
mod shared;

pub use cut::cut_stream;
pub use durability::{BatchOptions, Durability, UnknownDurability};
pub use log::{Committed, Log};
pub use new_entries::Payloads;
pub use options::LogOptions;
