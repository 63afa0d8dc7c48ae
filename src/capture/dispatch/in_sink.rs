//! The mark of a thread that is in a sink. A capture in such a thread is not delivered to sinks, because the sinks are
//! locked.

use std::cell::Cell;

thread_local! {
    static IN_SINK: Cell<bool> = const { Cell::new(false) };
}

/// Marks the thread until the value is dropped.
#[derive(Debug)]
pub(super) struct InSink;

impl InSink {
    pub(super) fn enter() -> InSink {
        IN_SINK.set(true);
        InSink
    }

    /// Returns `true` if the thread is in a sink.
    pub(super) fn is_entered() -> bool {
        // During the destruction of the thread the mark is gone.
        IN_SINK.try_with(Cell::get).unwrap_or(false)
    }
}

impl Drop for InSink {
    fn drop(&mut self) {
        IN_SINK.set(false);
    }
}
