//! Sinks: receivers of captured payloads besides the log.

mod composite;
mod error;
mod interface;
mod json_lines;
mod memory;
mod payload;
mod request;
mod writer;

pub use composite::CompositeSink;
pub use error::SinkError;
pub use interface::{Sink, SinkReceipt};
pub use json_lines::JsonLinesSink;
pub use memory::{MemoryEntry, MemorySink};
pub(in crate::capture) use payload::family_of;
pub use request::SinkRequest;
pub use writer::{StandardStream, WriterSink};
