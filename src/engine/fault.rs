//! The texts of panics and errors.

use std::any::Any;
use std::error::Error;

/// Returns the message of a panic; `None` if the panic has no text.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> Option<&str> {
    match panic.downcast_ref::<&str>() {
        Some(message) => Some(message),
        None => panic.downcast_ref::<String>().map(String::as_str),
    }
}

/// Returns the messages of an error and its sources in one line. A source is left out if the message before it ends
/// with the same text.
#[cfg_attr(not(feature = "ml"), expect(dead_code, reason = "only the ML store and its commands ask"))]
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let message = inner.to_string();
        if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
        source = inner.source();
    }
    text
}
