//! Calls of a closure within a scope.

use crate::capture::current::enter;
use crate::capture::end::End;
use crate::capture::error::Error;
use crate::capture::scope::Scope;
use crate::contract::RunStatus;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

/// Calls `work` with `scope` as the current scope, and ends the scope according to the result.
pub(super) fn within<T, E>(scope: &Arc<Scope>, work: impl FnOnce() -> Result<T, E>) -> Result<T, E>
where
    E: Display + From<Error>,
{
    let entered = enter(scope);
    let result = catch_unwind(AssertUnwindSafe(work));
    drop(entered);
    let end = match &result {
        Ok(Ok(_)) => End::new(RunStatus::Completed),
        // The alternate form of some error types includes the causes of the error.
        Ok(Err(error)) => End::failed(&format!("{error:#}")),
        Err(panic) => End::panicked(panic.as_ref()),
    };
    let ended = if scope.check_open().is_ok() { scope.end(end) } else { Ok(()) };
    match result {
        Ok(Ok(value)) => ended.map(|()| value).map_err(E::from),
        // The error of `work` is more important than a second error. If the end could not be recorded, dropping the
        // scope records it.
        Ok(Err(error)) => Err(error),
        Err(panic) => resume_unwind(panic),
    }
}
