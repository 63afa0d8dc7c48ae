//! The log: a directory of streams. A stream is a chain of segments. A segment is a file with a header and a sequence
//! of frames.
//!
//! ```text
//! log/<stream>/lock                       held by the stream's one writer
//! log/<stream>/<first sequence>.seg       header, header again, frames ..., close mark or seal
//! ```
//!
//! [`Log`] appends to the stream of this process. [`StreamReader`] reads one stream as entries, gaps and findings;
//! [`ordered::OrderedReader`] reads the entries of many streams in the order of the stamps. [`merge::merge`] copies the
//! streams of another log. docs/FORMAT.md specifies the bytes.
//!
//! Layers, lowest first. Each layer imports only the layers before it in this list:
//!
//! ```text
//! format   bytes only: names, frames, segment headers, marks
//! read     directory, segment scan, stream reader, ordered reader
//! write    choice of the stream to append to, active segment, group commit, the log
//! merge    families of streams, comparison, plan, application, quarantine
//! compact  closed segments written anew as columns, erasure of entries
//! ```

pub mod compact;
mod format;
pub mod merge;
mod read;
mod write;

pub(in crate::engine) use format::{columns, trace};
pub(in crate::engine) use read::moved;

pub use format::{frame, header, limits, mark, names, pending};
pub use read::{
    Commit, Finding, FindingKind, Item, OpenSegment, ScanMode, StreamReader, Tail, WrittenFrames,
};
pub use read::{directory, ordered, source};
pub(crate) use write::replacement;
pub use write::{
    BatchOptions, Committed, Durability, Log, LogOptions, Payloads, UnknownDurability, cut_stream,
};
