//! The status of an execution, and the rules that relate the status to the end.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::rules::text::optional_text;
use crate::contract::rules::token::{LOWER_SNAKE, optional_token};
use crate::contract::time::Timestamp;
use crate::contract::words::words;

words! {
    /// The status of an execution: a run, deployment, stage, batch, sample or operation.
    RunStatus, "a status", ErrorCode::Status, {
        /// The execution has not ended, or its end was not recorded.
        Open = "open",
        /// The execution ended with success.
        Completed = "completed",
        /// The execution ended with failure.
        Failed = "failed",
        /// The execution was cancelled.
        Cancelled = "cancelled",
    }
}

/// Checks that an object with status `open` has no end time and that any other object has one. If the end is before the
/// start, adds only a warning, because the two times can come from different clocks.
pub(super) fn check_lifecycle(
    issues: &mut Issues,
    status: RunStatus,
    started: Timestamp,
    ended: Option<Timestamp>,
) {
    match (status, ended) {
        (RunStatus::Open, Some(_)) => {
            issues.error(
                ErrorCode::StatusTransition,
                "ended_at",
                "an open execution must not have an end time",
            );
        }
        (RunStatus::Open, None) => {}
        (status, None) => {
            let message = format!("an execution with status {status} must have an end time");
            issues.error(ErrorCode::StatusTransition, "ended_at", message);
        }
        (_, Some(ended)) if ended < started => {
            let message = format!("the end {ended} is before the start {started}");
            issues.warning(ErrorCode::ContextTimeOrder, "ended_at", message);
        }
        _ => {}
    }
}

/// Applies [`check_lifecycle`] to a sample or operation, whose status is optional. Without a status, there must be no
/// end time.
pub(super) fn check_ended(
    issues: &mut Issues,
    status: Option<RunStatus>,
    observed: Timestamp,
    ended: Option<Timestamp>,
) {
    check_lifecycle(issues, status.unwrap_or(RunStatus::Open), observed, ended);
}

/// Checks the message and the reason of an end.
pub(in crate::contract) fn check_end(
    issues: &mut Issues,
    message: &mut Option<String>,
    reason: &mut Option<String>,
) {
    optional_text(issues, "end_message", message);
    optional_token(issues, "end_reason", reason, LOWER_SNAKE, ErrorCode::Marker);
}
