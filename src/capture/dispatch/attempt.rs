//! The attempts to deliver a payload to a sink.

use crate::capture::dispatch::in_sink::InSink;
use crate::capture::dispatch::options::DispatchOptions;
use crate::capture::sink::{Sink, SinkError, SinkReceipt, SinkRequest};
use crate::store::panic_message;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The longest time between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(3600);
/// The error code for a sink that panics.
const UNEXPECTED: &str = "unexpected_sink_error";

/// The last error of a failed delivery.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: SinkError,
    /// The number of attempts.
    pub(super) attempts: u32,
}

/// Calls a function of a sink. A panic becomes a permanent error.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, SinkError>) -> Result<T, SinkError> {
    let _in_sink = InSink::enter();
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic_message(panic.as_ref()).unwrap_or("the panic has no text");
        let message = format!("the sink panicked: {text}");
        Err(SinkError::permanent(UNEXPECTED, message))
    })
}

/// Delivers a payload to a sink. Retries a failed delivery until the delivery succeeds, the error is permanent, or
/// the maximum number of attempts is reached. Before each retry, calls `sleep` with the waiting time.
pub(super) fn deliver(
    sink: &dyn Sink,
    request: &SinkRequest<'_>,
    options: &DispatchOptions,
    sleep: impl Fn(Duration),
) -> Result<SinkReceipt, Failed> {
    let mut backoff = options.retry_backoff.min(BACKOFF_MAX);
    let mut attempts = 0;
    loop {
        attempts += 1;
        match guarded(|| sink.capture(request)) {
            Ok(receipt) => return Ok(receipt),
            Err(error) if !error.is_retryable() || attempts > options.retry_attempts => {
                return Err(Failed { error, attempts });
            }
            Err(_) => {}
        }
        if !backoff.is_zero() {
            sleep(backoff);
            backoff = backoff.saturating_mul(2).min(BACKOFF_MAX);
        }
    }
}
