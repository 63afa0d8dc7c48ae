//! Dispatch: every append of a session, the deliveries to sinks, and the facts that the log could not take.
//!
//! Invariants:
//! 1. The log is first. A sink receives only facts that the log, or the outbox in the format of the log, has taken.
//! 2. A sink receives the facts of a stream in their order, each at least once. With [`FailureMode::Outbox`], after a
//!    failure the later facts wait behind the failed one until a replay. With [`FailureMode::Raise`], the caller gets the
//!    error, and the sink continues with the next fact.
//! 3. The position of a sink is saved before the first entry that the sink must receive, and after deliveries.
//! 4. With [`FailureMode::Outbox`], a full or read-only disk and an I/O error never make a capture of a record return an
//!    error.
//!
//! Files, lowest first: `options` and `commit` are values; `counts`; `in_sink` marks a thread that is in a sink;
//! `attempt` calls a sink; `sink_state` is one sink with its cursors; `marker` creates degraded markers; `dispatcher`
//! combines them; `replay` delivers facts that wait.

mod attempt;
mod commit;
mod counts;
mod dispatcher;
mod in_sink;
mod marker;
mod options;
mod replay;
mod sink_state;

pub(in crate::capture) use commit::{Appended, Commit, Points};
pub use counts::DispatchCounts;
pub(in crate::capture) use dispatcher::Dispatcher;
pub use options::{DispatchOptions, FailureMode};
pub use replay::{ReplayOptions, SinkReplay};
