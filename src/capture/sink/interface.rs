//! The interface of a sink.

use crate::capture::result::PayloadFamily;
use crate::capture::sink::error::SinkError;
use crate::capture::sink::request::SinkRequest;
use crate::contract::{Members, Value};

/// A receiver of captured payloads.
///
/// The log takes a payload first. Then the capturing thread calls each sink, one call at a time, in the order of the
/// entries in the log. A sink receives each payload at least once: after a crash, it receives the payloads since the
/// last save of its cursor again. A repeated payload has the same [`SinkRequest::position`].
///
/// A sink may capture into the same session, in the thread that calls the sink. The log takes such a capture. The sinks
/// do not receive the capture at once, but they can receive it later, before the next capture of the session. A sink
/// must not wait for another thread that captures into the same session. A panic counts as a permanent error.
pub trait Sink: Send + Sync {
    /// Returns the name. The names of the sinks of a session are different. A sink continues where the last sink of the
    /// same name in the same workspace stopped.
    fn name(&self) -> &str;

    /// Returns the families that the sink accepts; by default all families.
    fn families(&self) -> &[PayloadFamily] {
        PayloadFamily::ALL
    }

    /// Takes a payload. After an error, the payload counts as not delivered. After a retryable error, further attempts
    /// may follow.
    fn capture(&self, request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError>;
}

/// The acknowledgement of a sink that took a payload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SinkReceipt {
    is_degraded: bool,
    detail: String,
    metadata: Members,
}

impl SinkReceipt {
    /// Creates the receipt of a payload that the sink accepted completely.
    pub fn success() -> SinkReceipt {
        SinkReceipt::default()
    }

    /// Creates the receipt of a payload that the sink accepted only in part. `detail` names the missing part.
    pub fn degraded(detail: &str) -> SinkReceipt {
        SinkReceipt { is_degraded: true, ..SinkReceipt::success().detail(detail) }
    }

    /// Sets the text for people.
    #[must_use]
    pub fn detail(mut self, detail: &str) -> SinkReceipt {
        self.detail = detail.trim().to_owned();
        self
    }

    /// Adds additional data.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: impl Into<Value>) -> SinkReceipt {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// Returns `true` if the sink accepted the payload in part.
    pub fn is_degraded(&self) -> bool {
        self.is_degraded
    }

    /// Returns the detail and the additional data.
    pub(in crate::capture) fn into_parts(self) -> (String, Members) {
        (self.detail, self.metadata)
    }
}
