//! Dispatch: the appends of a session, the deliveries to sinks, and the handling of facts that the log could not append.
//!
//! Invariants:
//! 1. A fact is appended before it is delivered. A sink receives only facts that the log or the outbox has taken. The
//!    outbox has the format of the log.
//! 2. A sink receives each fact of a stream at least once. The facts arrive in the order of the stream. With
//!    [`FailureMode::Outbox`], if a sink does not accept a fact, this fact and all later facts wait for a
//!    replay. With [`FailureMode::Raise`], the caller receives the error, and the sink continues with the
//!    next fact.
//! 3. The position of a sink is saved before the append of the first entry that the sink must receive, and after each
//!    delivery of a commit.
//! 4. With [`FailureMode::Outbox`], the capture of a record returns no error because of a full disk, a read-only disk
//!    or an I/O error.
//!
//! Files, lowest first: `options`, `commit` and `counts` contain values; `in_sink` marks a thread that
//! executes code of a sink; `attempt` calls a sink; `sink_state` is one sink with its cursors; `marker`
//! creates degraded markers; `dispatcher` combines these files; `letters` reads and writes dead letters;
//! `replay_options` and `replay_result` contain values of a replay; `replay_sink` delivers waiting facts to
//! one sink; `replay` delivers waiting facts to all sinks; `waiting` lists the waiting deliveries.

mod attempt;
mod commit;
mod counts;
mod dispatcher;
mod in_sink;
mod letters;
mod marker;
mod options;
mod replay;
mod replay_options;
mod replay_result;
mod replay_sink;
mod sink_state;
mod waiting;

pub(in crate::capture) use commit::{Appended, AppendedPoints, Commit, Points};
pub use counts::DispatchCounts;
pub(in crate::capture) use dispatcher::Dispatcher;
pub use options::{DispatchOptions, FailureMode};
pub use replay_options::{LetterFilter, ReplayOptions};
pub use replay_result::{ReplayBatchResult, ReplayEntry, SinkReplay};
pub use waiting::PendingDelivery;
