//! The current scope of a thread.
//!
//! Each thread has a stack of entered scopes and open span guards. The innermost entered scope of a session is the
//! current scope of that session in the thread. Entered scopes do not affect other threads. A thread that destroys
//! its thread-local values has no current scope. The destructors of the values can still capture with the handle of a
//! scope.

use crate::capture::scope::Scope;
use crate::capture::session::Session;
use crate::capture::trace::TraceContext;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

thread_local! {
    static ENTERED: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
    static NEXT_TOKEN: Cell<u64> = const { Cell::new(0) };
}

/// An entered scope or an open span guard.
struct Entry {
    token: u64,
    scope: Arc<Scope>,
    /// The span of a guard; `None` for an entered scope.
    span: Option<TraceContext>,
}

/// A guard that makes a scope the current scope of this thread until the guard is dropped. Guards may be dropped in any
/// order.
#[must_use = "the scope is current only until the guard is dropped"]
pub struct Entered {
    token: u64,
    /// The stack belongs to the thread, so the guard must not be sent to another thread.
    not_send: PhantomData<*const ()>,
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // The scope is dropped after the stack is released, because dropping the last handle of a scope records its
        // end. During the destruction of the thread the stack may be gone.
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            let at = entered.iter().rposition(|entry| entry.token == self.token)?;
            Some(entered.remove(at))
        });
    }
}

fn push(scope: Arc<Scope>, span: Option<TraceContext>) -> Entered {
    let token = NEXT_TOKEN.get();
    NEXT_TOKEN.set(token + 1);
    let _ = ENTERED.try_with(|entered| entered.borrow_mut().push(Entry { token, scope, span }));
    Entered { token, not_send: PhantomData }
}

/// Makes `scope` the current scope of this thread.
pub(super) fn enter(scope: &Arc<Scope>) -> Entered {
    push(Arc::clone(scope), None)
}

/// Makes a span of `scope` the parent of new spans in this thread.
pub(super) fn enter_span(scope: &Arc<Scope>, span: TraceContext) -> Entered {
    push(Arc::clone(scope), Some(span))
}

/// Returns the current scope of the session in this thread; `None` if no scope is entered.
pub(super) fn current(session: &Session) -> Option<Arc<Scope>> {
    let own =
        |entry: &&Entry| entry.span.is_none() && Arc::ptr_eq(&entry.scope.session.inner, &session.inner);
    let find = |entered: &RefCell<Vec<Entry>>| {
        entered.borrow().iter().rev().find(own).map(|entry| Arc::clone(&entry.scope))
    };
    ENTERED.try_with(find).ok().flatten()
}

/// Returns the innermost open span guard in this thread that belongs to `scope` or to a scope that contains it.
pub(super) fn current_span(scope: &Scope) -> Option<TraceContext> {
    let contains = |outer: &Arc<Scope>| {
        let mut inner = Some(scope);
        while let Some(at) = inner {
            if std::ptr::eq(at, outer.as_ref()) {
                return true;
            }
            inner = at.parent.as_deref();
        }
        false
    };
    let find = |entered: &RefCell<Vec<Entry>>| {
        entered.borrow().iter().rev().filter(|entry| contains(&entry.scope)).find_map(|entry| entry.span)
    };
    ENTERED.try_with(find).ok().flatten()
}
