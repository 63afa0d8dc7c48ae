//! The mark of a thread that is executing code of a sink. A capture in such a thread is not offered to the sinks,
//! because the sinks are locked.

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

    /// Returns `true` if the thread is executing code of a sink.
    pub(super) fn is_entered() -> bool {
        // While the thread destroys its thread-local values, the mark may not be available.
        IN_SINK.try_with(Cell::get).unwrap_or(false)
    }
}

impl Drop for InSink {
    fn drop(&mut self) {
        IN_SINK.set(false);
    }
}
