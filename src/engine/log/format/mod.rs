//! Bytes of the log: names of files, segment headers, marks, frames and their entries. This layer does no I/O.
//! docs/FORMAT.md specifies the bytes.

pub(in crate::engine) mod columns;
pub(in crate::engine::log) mod erased;
pub mod frame;
pub mod header;
pub mod limits;
pub mod mark;
pub mod names;
pub mod pending;
mod rows;
pub(in crate::engine) mod trace;
