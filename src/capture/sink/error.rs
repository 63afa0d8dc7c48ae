//! Errors of sinks.

use std::error::Error;
use std::io;

/// The error of a sink that did not take a payload.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    code: String,
    message: String,
    is_retryable: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SinkError {
    fn new(code: impl Into<String>, message: impl Into<String>, is_retryable: bool) -> SinkError {
        SinkError { code: code.into(), message: message.into(), is_retryable, source: None }
    }

    /// Creates an error after which the delivery is tried again, for a cause such as a broken connection.
    pub fn retryable(code: impl Into<String>, message: impl Into<String>) -> SinkError {
        SinkError::new(code, message, true)
    }

    /// Creates an error after which the delivery is not tried again, because the sink would refuse the payload again.
    pub fn permanent(code: impl Into<String>, message: impl Into<String>) -> SinkError {
        SinkError::new(code, message, false)
    }

    /// Creates a retryable error from an I/O error.
    pub fn io(code: impl Into<String>, message: &str, source: io::Error) -> SinkError {
        SinkError { source: Some(source.into()), ..SinkError::retryable(code, message) }
    }

    /// Sets the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> SinkError {
        self.source = Some(source.into());
        self
    }

    /// Returns the stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns `true` if the delivery may succeed when it is tried again.
    pub fn is_retryable(&self) -> bool {
        self.is_retryable
    }

    /// Returns the message and the messages of all causes.
    pub fn full_message(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}
