//! A sink that writes JSON to a stream, such as the standard output.

use crate::capture::sink::error::SinkError;
use crate::capture::sink::interface::{Sink, SinkReceipt};
use crate::capture::sink::request::SinkRequest;
use crate::contract::Value;
use crate::contract::json::write::canonical;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// A standard stream of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StandardStream {
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
}

impl StandardStream {
    /// Returns the name of the stream: `stdout` or `stderr`.
    pub fn name(self) -> &'static str {
        match self {
            StandardStream::Stdout => "stdout",
            StandardStream::Stderr => "stderr",
        }
    }
}

/// A sink that writes each payload as JSON to a stream, and flushes the stream.
pub struct WriterSink {
    name: String,
    writer: Mutex<Box<dyn Write + Send>>,
}

impl fmt::Debug for WriterSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterSink").field("name", &self.name).finish_non_exhaustive()
    }
}

impl WriterSink {
    /// Creates a sink that writes to `writer`. `name` is the name of the sink.
    pub fn new(name: &str, writer: impl Write + Send + 'static) -> WriterSink {
        let writer: Mutex<Box<dyn Write + Send>> = Mutex::new(Box::new(writer));
        WriterSink { name: name.to_owned(), writer }
    }

    /// Creates a sink with the name of a standard stream, which writes to this stream.
    pub fn standard(stream: StandardStream) -> WriterSink {
        match stream {
            StandardStream::Stdout => WriterSink::new(stream.name(), io::stdout()),
            StandardStream::Stderr => WriterSink::new(stream.name(), io::stderr()),
        }
    }
}

impl Sink for WriterSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn capture(&self, request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        let unwritable = |e| SinkError::permanent("stream_sink_payload_invalid", format!("{e}"));
        let payload = request.json().map_err(unwritable)?;
        let quoted = |value: Value| canonical(&value).map_err(unwritable);
        // The members have the order of the Python package contexta 1.0.0.
        let line = format!(
            "{{\"sink\":{},\"family\":\"{}\",\"payload_type\":\"{}\",\"payload_ref\":{},\"payload\":{payload}}}\n",
            quoted(self.name.as_str().into())?,
            request.family(),
            request.payload_type(),
            quoted(request.payload_ref().into())?,
        );
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let written = writer.write_all(line.as_bytes()).and_then(|()| writer.flush());
        written.map_err(|e| SinkError::io("stream_sink_write_failed", "the stream cannot be written", e))?;
        Ok(SinkReceipt::success().metadata("stream", self.name.as_str()))
    }
}
