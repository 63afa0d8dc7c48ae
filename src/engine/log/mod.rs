//! The log: a directory of streams, each a chain of segments, each a run of frames.
//!
//! ```text
//! log/<stream>/lock                       held by the stream's one writer
//! log/<stream>/<first sequence>.seg       header, header again, frames ..., close mark or seal
//! ```
//!
//! [`Log`] appends to this process's own stream and lists all; [`StreamReader`] reads one stream as a flow of
//! entries, gaps and findings, [`ordered`] many as one; [`merge::merge`] copies the streams of another log in. Bytes: docs/FORMAT.md.

mod active;
mod claim;
mod content;
pub mod durability;
pub mod fork;
pub mod frame;
mod group;
mod history;
pub mod merge;
pub mod names;
pub mod ordered;
pub mod pending;
pub mod quarantine;
pub mod reader;
mod replace;
pub mod resync;
mod rewrite;
mod same;
pub mod segment;
pub mod stream;
pub mod writer;

pub use durability::{BatchOptions, Durability};
pub use reader::{Finding, FindingKind, Item, ScanMode, StreamReader, Tail};
pub use writer::{Committed, Log, LogOptions};
