//! A sink that appends JSON lines to a file.

use crate::capture::result::PayloadFamily;
use crate::capture::sink::error::SinkError;
use crate::capture::sink::interface::{Sink, SinkReceipt};
use crate::capture::sink::request::SinkRequest;
use crate::contract::Value;
use crate::contract::json::write::canonical;
use crate::store::LineFile;
use std::path::Path;

/// A sink that appends each payload as a JSON line to a file. Several processes can append to the same file.
///
/// A line has the members `captured_at`, `family`, `payload`, `payload_ref`, `payload_type`, `position` (in the log) and
/// `sink_name`. A payload that is delivered again has the same position.
#[derive(Debug)]
pub struct JsonLinesSink {
    name: String,
    families: Vec<PayloadFamily>,
    file: LineFile,
}

impl JsonLinesSink {
    /// Creates a sink with the name `local-jsonl`, which appends to the file at `path`.
    pub fn new(path: impl AsRef<Path>) -> JsonLinesSink {
        JsonLinesSink::to(LineFile::new(path.as_ref()))
    }

    /// Creates a sink with the name `local-jsonl`, which appends to this file. The options of the file determine its
    /// rotation and the durability of a line.
    pub fn to(file: LineFile) -> JsonLinesSink {
        JsonLinesSink { name: "local-jsonl".to_owned(), families: PayloadFamily::ALL.to_vec(), file }
    }

    /// Sets the name.
    #[must_use]
    pub fn named(mut self, name: &str) -> JsonLinesSink {
        self.name = name.to_owned();
        self
    }

    /// Sets the families that the sink accepts. An empty list selects all families.
    #[must_use]
    pub fn only(mut self, families: &[PayloadFamily]) -> JsonLinesSink {
        self.families = if families.is_empty() { PayloadFamily::ALL } else { families }.to_vec();
        self
    }
}

impl Sink for JsonLinesSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn families(&self) -> &[PayloadFamily] {
        &self.families
    }

    fn capture(&self, request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        let unwritable = |e| SinkError::permanent("local_jsonl_sink_payload_invalid", format!("{e}"));
        let quoted = |value: Value| canonical(&value).map_err(unwritable);
        let line = format!(
            "{{\"captured_at\":\"{}\",\"family\":\"{}\",\"payload\":{},\"payload_ref\":{},\"payload_type\":\"{}\",\
             \"position\":\"{}\",\"sink_name\":{}}}",
            request.captured_at(),
            request.family(),
            request.json().map_err(unwritable)?,
            quoted(request.payload_ref().into())?,
            request.payload_type(),
            request.position(),
            quoted(self.name.as_str().into())?,
        );
        let path = self.file.path().display();
        let failed = |e| {
            let message = format!("the file {path} cannot be written");
            SinkError::io("local_jsonl_sink_write_failed", &message, e)
        };
        self.file.append(&line).map_err(failed)?;
        Ok(SinkReceipt::success().metadata("path", path.to_string()))
    }
}
