//! The attempts to deliver a payload to a sink.

use crate::capture::dispatch::in_sink::InSink;
use crate::capture::dispatch::options::DispatchOptions;
use crate::capture::sink::{Sink, SinkError, SinkReceipt, SinkRequest};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The longest time between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(3600);
/// The code of the error for a panic of a sink.
const UNEXPECTED: &str = "unexpected_sink_error";

/// The last error of a delivery.
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
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let message = format!("the sink panicked: {}", text.unwrap_or("the panic has no text"));
        Err(SinkError::permanent(UNEXPECTED, message))
    })
}

/// Delivers a payload: tries until the sink takes it, the error is permanent, or no attempt is left. `sleep` waits
/// between two attempts.
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
