//! Bytes of the log: names of files, segment headers, frames and their entries. No I/O. docs/FORMAT.md.

pub mod frame;
pub mod header;
pub mod names;
pub mod pending;
