//! Options of the dispatch.

use crate::capture::sink::Sink;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The reaction to a failed delivery, and to a log that cannot take a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FailureMode {
    /// The capture returns an error. If only a sink failed, the log has the fact, and the error contains the result.
    #[default]
    Raise,
    /// The capture returns a degraded result. A fact that a sink did not accept remains in the log and waits for a
    /// replay. A fact that the log cannot append is written to the outbox. If the outbox cannot store the fact
    /// either, the fact is lost, and the result is failed. If the content of an artifact cannot be stored, the
    /// manifest refers to the original file of the artifact.
    Outbox,
}

/// Options of the dispatch of captured facts.
#[derive(Clone)]
pub struct DispatchOptions {
    /// The sinks, in the order in which they are called.
    pub sinks: Vec<Arc<dyn Sink>>,
    /// The number of further attempts after a failed delivery.
    pub retry_attempts: u32,
    /// The time before the first further attempt. The time doubles with each attempt, up to one hour.
    pub retry_backoff: Duration,
    /// The reaction to a failed delivery, and to a log that cannot take a fact.
    pub failure_mode: FailureMode,
    /// `true` to capture a degraded marker if some but not all deliveries of a commit fail, and another marker when the
    /// log works again after it could not take facts.
    pub degraded_markers: bool,
    /// The directory for facts that the log could not append, and for dead letters. The directory may be on another disk.
    pub outbox: PathBuf,
    /// The directory for the cursors of sinks.
    pub cursors: PathBuf,
    /// The directory for the lock that a replay into the log holds.
    pub quarantine: PathBuf,
}

impl DispatchOptions {
    /// Creates options without sinks, with all directories in `recovery`.
    pub fn new(recovery: &Path) -> DispatchOptions {
        DispatchOptions {
            sinks: Vec::new(),
            retry_attempts: 0,
            retry_backoff: Duration::ZERO,
            failure_mode: FailureMode::Raise,
            degraded_markers: true,
            outbox: recovery.join("outbox"),
            cursors: recovery.join("sinks"),
            quarantine: recovery.join("quarantine"),
        }
    }
}

impl fmt::Debug for DispatchOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DispatchOptions")
            .field("sinks", &self.sinks.len())
            .field("retry_attempts", &self.retry_attempts)
            .field("retry_backoff", &self.retry_backoff)
            .field("failure_mode", &self.failure_mode)
            .field("degraded_markers", &self.degraded_markers)
            .field("outbox", &self.outbox)
            .field("cursors", &self.cursors)
            .field("quarantine", &self.quarantine)
            .finish()
    }
}
