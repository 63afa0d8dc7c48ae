//! The log: a directory of streams, each a chain of segments, each a run of frames.
//!
//! ```text
//! log/<stream>/lock                       held by the stream's one writer
//! log/<stream>/<first sequence>.seg       header, header again, frames ..., close mark or seal
//! ```
//!
//! [`Log`] appends to this process's own stream and lists all; [`StreamReader`] reads one stream as a flow of
//! entries, gaps and findings. Bytes: docs/FORMAT.md.

mod active;
mod claim;
pub mod durability;
pub mod frame;
mod group;
pub mod names;
pub mod reader;
pub mod resync;
pub mod rows;
pub mod segment;
pub mod stream;
pub mod writer;

pub use durability::{BatchOptions, Durability};
pub use reader::{Finding, FindingKind, Item, ScanMode, StreamReader, Tail};
pub use writer::{Committed, Log, LogOptions};
