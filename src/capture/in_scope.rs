//! Futures that run in a scope.

use crate::capture::scopes::AnyScope;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that runs in a scope: while the future is polled or dropped, the scope is the current scope of the thread.
/// Made by [`InScopeExt::in_scope`].
#[must_use = "a future does nothing unless it is polled"]
pub struct InScope<F> {
    scope: AnyScope,
    future: Option<Pin<Box<F>>>,
}

impl<F> fmt::Debug for InScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InScope").field("scope", self.scope.object_ref()).finish_non_exhaustive()
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = self.scope.enter();
        match &mut self.future {
            Some(future) => future.as_mut().poll(context),
            // Not possible: only `drop` takes the future.
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for InScope<F> {
    fn drop(&mut self) {
        let _entered = self.scope.enter();
        self.future = None;
    }
}

/// The method that runs a future in a scope.
pub trait InScopeExt: Future + Sized {
    /// Returns a future that runs this future with `scope` as the current scope, on whatever thread it is polled. The
    /// scope is a reference to the handle of a scope, such as `&run`. The future is allocated on the heap.
    fn in_scope(self, scope: impl Into<AnyScope>) -> InScope<Self> {
        InScope { scope: scope.into(), future: Some(Box::pin(self)) }
    }
}

impl<F: Future> InScopeExt for F {}
