//! The options of a replay.

use crate::capture::sink::Sink;
use crate::store::{DeadLetter, Position};
use std::fmt;
use std::sync::Arc;

/// Options of a replay to sinks.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReplayOptions {
    /// The name of a sink. The replay then delivers to this sink only. By default, the replay delivers to all sinks.
    pub target: Option<String>,
    /// The greatest number of deliveries that the replay attempts. By default, there is no limit.
    pub limit: u64,
    /// `true`, the default, to acknowledge each accepted fact. An acknowledged fact no longer waits. With
    /// `false`, delivered facts keep waiting, and the next replay delivers them again. The facts of a stream
    /// are acknowledged in order. If a fact was not acknowledged, failures of later facts are therefore not
    /// counted.
    pub acknowledge_successes: bool,
    /// The number of failures after which a fact becomes a dead letter: the fact is written to the file
    /// `dead_letter.jsonl` in the outbox, and the sink continues with the next fact. With `None`, the default, no fact
    /// becomes a dead letter.
    pub dead_letter_after_failures: Option<u32>,
    /// The sinks to deliver to, instead of the sinks of the session. Each of these sinks receives the facts
    /// that wait for the sink with its name.
    pub sinks: Option<Vec<Arc<dyn Sink>>>,
}

impl Default for ReplayOptions {
    fn default() -> ReplayOptions {
        ReplayOptions {
            target: None,
            limit: u64::MAX,
            acknowledge_successes: true,
            dead_letter_after_failures: None,
            sinks: None,
        }
    }
}

impl fmt::Debug for ReplayOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayOptions")
            .field("target", &self.target)
            .field("limit", &self.limit)
            .field("acknowledge_successes", &self.acknowledge_successes)
            .field("dead_letter_after_failures", &self.dead_letter_after_failures)
            .field("sinks", &self.sinks.as_ref().map(Vec::len))
            .finish()
    }
}

impl ReplayOptions {
    /// Delivers only to the sink with this name.
    #[must_use]
    pub fn target(mut self, sink: &str) -> ReplayOptions {
        self.target = Some(sink.to_owned());
        self
    }

    /// Sets the greatest number of deliveries that the replay attempts.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> ReplayOptions {
        self.limit = limit;
        self
    }

    /// Sets whether accepted facts are acknowledged. See [`ReplayOptions::acknowledge_successes`].
    #[must_use]
    pub fn acknowledge_successes(mut self, on: bool) -> ReplayOptions {
        self.acknowledge_successes = on;
        self
    }

    /// Sets the number of failures after which a fact becomes a dead letter.
    #[must_use]
    pub fn dead_letter_after_failures(mut self, failures: u32) -> ReplayOptions {
        self.dead_letter_after_failures = Some(failures);
        self
    }

    /// Delivers to these sinks instead of the sinks of the session.
    #[must_use]
    pub fn sinks(mut self, sinks: impl IntoIterator<Item = Arc<dyn Sink>>) -> ReplayOptions {
        self.sinks = Some(sinks.into_iter().collect());
        self
    }
}

/// A selection of dead letters. The default selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LetterFilter {
    /// The name of the sink; `None` for all sinks.
    pub target: Option<String>,
    /// The positions of the facts; an empty list selects all facts.
    pub replay_refs: Vec<Position>,
}

impl LetterFilter {
    /// Selects the letters of the sink with this name.
    #[must_use]
    pub fn target(mut self, sink: &str) -> LetterFilter {
        self.target = Some(sink.to_owned());
        self
    }

    /// Selects the letters of these facts.
    #[must_use]
    pub fn replay_refs(mut self, refs: impl IntoIterator<Item = Position>) -> LetterFilter {
        self.replay_refs.extend(refs);
        self
    }

    /// Returns `true` if the filter selects the letter.
    #[must_use]
    pub fn selects(&self, letter: &DeadLetter) -> bool {
        self.target.as_ref().is_none_or(|target| *target == letter.sink)
            && (self.replay_refs.is_empty() || self.replay_refs.contains(&letter.replay_ref))
    }
}
