//! [`Released`], a value that is dropped without the lock of the interpreter.

use pyo3::prelude::*;
use std::fmt;
use std::ops::Deref;

/// A value whose drop may write to the log and call sinks.
///
/// A thread that captures releases the lock of the interpreter, and may hold a lock of the library while a sink waits
/// for the interpreter. A value that is dropped by the garbage collector must therefore release the interpreter before
/// it waits for a lock of the library.
pub(crate) struct Released<T: Send>(Option<T>);

impl<T: Send> Released<T> {
    pub(crate) fn new(value: T) -> Released<T> {
        Released(Some(value))
    }
}

impl<T: Send> Deref for Released<T> {
    type Target = T;

    #[expect(clippy::expect_used, reason = "the value is present until the drop")]
    fn deref(&self) -> &T {
        self.0.as_ref().expect("the value is present until the drop")
    }
}

impl<T: Send + fmt::Debug> fmt::Debug for Released<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Send> Drop for Released<T> {
    fn drop(&mut self) {
        let mut value = self.0.take();
        let released = Python::try_attach(|py| {
            let value = value.take();
            py.detach(|| drop(value));
        });
        // Without an interpreter there is no lock to release.
        if released.is_none() {
            drop(value);
        }
    }
}
