//! Appending to the log: the choice of the stream, the open segment, shared syncs, the log itself.

mod active;
mod claim;
pub(super) mod durability;
mod group;
pub(super) mod log;
