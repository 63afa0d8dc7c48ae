//! The end of a scope: status, reason and message.

use crate::capture::redact::Redactor;
use crate::contract::RunStatus;
use crate::contract::rules::trim;
use crate::store::panic_message;
use std::any::Any;
use std::borrow::Cow;

/// The reason of the end of a scope that was dropped while it was open.
pub(super) const SCOPE_DROPPED: &str = "scope_dropped";
/// The reason of the end of a scope whose parent ended while the scope was open.
const PARENT_ENDED: &str = "parent_ended";
/// The reason of the end of a scope whose closure panicked.
const PANIC: &str = "panic";

/// The greatest length of the message of an end in bytes. A longer message is cut.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// The end of a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) status: RunStatus,
    reason: Option<&'static str>,
    message: String,
}

impl End {
    /// The end with this status and without a message.
    pub(super) fn new(status: RunStatus) -> End {
        End { status, reason: None, message: String::new() }
    }

    /// A failure with this message.
    pub(super) fn failed(message: &str) -> End {
        End { message: cut(message), ..End::new(RunStatus::Failed) }
    }

    /// A failure with this reason and without a message.
    pub(super) fn failed_because(reason: &'static str) -> End {
        End { reason: Some(reason), ..End::new(RunStatus::Failed) }
    }

    /// A failure with this reason and this message.
    pub(super) fn failed_with(reason: &'static str, message: &str) -> End {
        End { reason: Some(reason), ..End::failed(message) }
    }

    /// A failure because of a panic with this payload.
    pub(super) fn panicked(payload: &(dyn Any + Send)) -> End {
        End::failed_with(PANIC, panic_message(payload).unwrap_or("the panic has no text"))
    }

    /// Returns the end with the secrets in its message replaced.
    pub(super) fn redacted(mut self, redactor: &Redactor) -> End {
        if let Cow::Owned(replaced) = redactor.redact_text(&self.message) {
            self.message = replaced;
        }
        self
    }

    /// The end of a child that is open when its parent ends.
    pub(super) fn of_child(&self) -> End {
        let reason = self.reason.unwrap_or(PARENT_ENDED);
        End { reason: Some(reason), message: String::new(), ..self.clone() }
    }

    /// Returns the message; `None` if there is no message, or if it is blank.
    pub(super) fn message(&self) -> Option<String> {
        Some(self.message.clone()).filter(|text| !trim(text).is_empty())
    }

    /// Returns the reason.
    pub(super) fn reason(&self) -> Option<String> {
        self.reason.map(str::to_owned)
    }
}

/// Cuts a message that is too long, between two characters.
fn cut(message: &str) -> String {
    let mut len = message.len().min(MESSAGE_BYTES_MAX);
    while !message.is_char_boundary(len) {
        len -= 1;
    }
    message.get(..len).unwrap_or_default().to_owned()
}
