//! The sinks that the settings declare.

use crate::capture::{JsonLinesSink, Sink, StandardStream, WriterSink};
use crate::engine::storage::Storage;
use crate::store::LineFile;
use std::path::Path;
use std::sync::Arc;

/// The prefix of a setting that declares a file of JSON lines.
const JSON_LINES: &str = "jsonl:";

/// Creates a sink with this name that appends JSON lines to a file.
#[cfg(feature = "cli")]
pub(crate) fn file_sink(path: &Path, name: &str) -> Arc<dyn Sink> {
    Arc::new(JsonLinesSink::new(path).named(name))
}

/// A sink that the setting `capture.sinks` declares: `stdout`, `stderr`, or `jsonl:` and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfiguredSink(pub(super) String);

impl ConfiguredSink {
    /// Creates the sink. A relative path is relative to the directory `root`. A sink that writes to a file has the text
    /// of the setting as its name.
    pub(super) fn open(&self, storage: &Arc<dyn Storage>, root: &Path) -> Arc<dyn Sink> {
        match self.0.strip_prefix(JSON_LINES) {
            Some(path) => {
                let file = LineFile::of(Arc::clone(storage), root.join(path));
                Arc::new(JsonLinesSink::to(file).named(&self.0))
            }
            None if self.0 == StandardStream::Stderr.name() => {
                Arc::new(WriterSink::standard(StandardStream::Stderr))
            }
            None => Arc::new(WriterSink::standard(StandardStream::Stdout)),
        }
    }
}
