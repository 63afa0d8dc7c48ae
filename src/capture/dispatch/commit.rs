//! A commit to append, and its result.

use crate::capture::context::Context;
use crate::capture::result::CaptureResult;
use crate::contract::Fact;
use crate::store::{Durability, EncodedPoint, Head, Receipt, Stamp};
use std::sync::Arc;

/// The facts of one commit. All of them are appended, or none.
#[derive(Debug)]
pub(in crate::capture) struct Commit<'a> {
    pub(in crate::capture) facts: Vec<Fact>,
    /// The stamps of the earlier entries that the first fact of this commit replaces.
    pub(in crate::capture) replaces: Vec<Stamp>,
    pub(in crate::capture) durability: Durability,
    /// `true` if the facts are ends of scopes, which may use the disk space that the log reserves.
    pub(in crate::capture) is_end: bool,
    /// `true` if the commit must fail when the log cannot append the facts. The outbox is then not used, even with
    /// [`FailureMode::Outbox`].
    ///
    /// [`FailureMode::Outbox`]: crate::capture::dispatch::FailureMode::Outbox
    pub(in crate::capture) needs_log: bool,
    pub(in crate::capture) context: &'a Arc<Context>,
}

impl<'a> Commit<'a> {
    pub(in crate::capture) fn new(
        facts: Vec<Fact>,
        durability: Durability,
        context: &'a Arc<Context>,
    ) -> Commit<'a> {
        Commit { facts, replaces: Vec::new(), durability, is_end: false, needs_log: false, context }
    }
}

/// The points of one commit.
#[derive(Debug)]
pub(in crate::capture) struct Points<'a> {
    pub(in crate::capture) points: &'a [EncodedPoint<'a>],
    /// The time of observation, in nanoseconds since the epoch.
    pub(in crate::capture) now: u64,
    pub(in crate::capture) durability: Durability,
    pub(in crate::capture) context: &'a Arc<Context>,
}

/// The result of an append.
#[derive(Debug)]
pub(in crate::capture) struct Appended {
    /// The receipt of the log or of the outbox; `None` if the facts are lost.
    pub(in crate::capture) receipt: Option<Receipt>,
    /// The head of the stream after the ends of scopes, or the last head if the ends are lost; `None` for other
    /// commits.
    pub(in crate::capture) head: Option<Head>,
    /// The results, one for each fact. `None` if the log has appended the facts and no sink was called.
    pub(in crate::capture) results: Option<Vec<CaptureResult>>,
}

/// The result of an append of points.
#[derive(Debug)]
pub(in crate::capture) enum AppendedPoints {
    /// The log has appended the points.
    InLog(Receipt),
    /// The log could not append the points. Contains the results, one for each point.
    Refused(Vec<CaptureResult>),
}
