//! The methods of [`Contexta`] for the outbox: facts that wait for sinks or for the log, and dead letters.

use crate::capture::{
    DeadLetter, DeadLetters, LetterFilter, LetterState, PendingDelivery, ReplayBatchResult, ReplayOptions,
};
use crate::client::contexta::Contexta;
use crate::client::error::{Error, Result};

/// The facts that wait for sinks or for the log, and the dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxContent {
    /// The facts that wait for sinks, sorted by sink and stream.
    pub deliveries: Vec<PendingDelivery>,
    /// The number of facts in the outbox that the log does not contain yet.
    pub spilled: u64,
    /// The dead letters, and the letters that wait for a replay.
    pub letters: DeadLetters,
}

impl OutboxContent {
    /// Returns `true` if nothing waits and there are no dead letters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.spilled == 0 && self.letters.letters.is_empty()
    }
}

impl Contexta {
    /// Delivers the facts that wait for sinks. Facts in the outbox that the log does not contain are added to
    /// the log. The facts are delivered to the sinks of the workspace, or to the sinks in the options. Each
    /// sink receives only the facts that wait for a sink with its name. A fact is acknowledged after the sink
    /// has accepted it. After a crash, a sink can receive a fact twice, but no fact is omitted.
    ///
    /// Errors: no sink has the name of the target, the workspace is read-only, or a cursor cannot be read or written.
    /// A failed delivery is not an error: the result contains it.
    ///
    /// ```
    /// # fn main() -> Result<(), contexta::Error> {
    /// # let dir = std::env::temp_dir().join(format!("contexta-doc-outbox-{}", std::process::id()));
    /// use contexta::capture::{FailureMode, ReplayOptions};
    ///
    /// let contexta = contexta::Options::new(&dir).failure_mode(FailureMode::Outbox).open()?;
    /// let replay = contexta.replay_outbox(&ReplayOptions::default().dead_letter_after_failures(5))?;
    /// assert_eq!((replay.pending_count, replay.notes), (0, vec!["outbox_empty".to_owned()]));
    /// # drop(contexta);
    /// # let _ = std::fs::remove_dir_all(dir);
    /// # Ok(())
    /// # }
    /// ```
    pub fn replay_outbox(&self, options: &ReplayOptions) -> Result<ReplayBatchResult> {
        self.check_outbox_writable()?;
        Ok(self.session.replay(options)?)
    }

    /// Returns the content of the outbox. Reads the cursors, the facts after the cursors, and the outbox.
    /// Changes nothing. Errors: a directory or the file of dead letters cannot be read.
    pub fn outbox(&self) -> Result<OutboxContent> {
        Ok(OutboxContent {
            deliveries: self.session.pending_deliveries()?,
            spilled: self.session.pending_spill()?,
            letters: self.session.dead_letters()?,
        })
    }

    /// Queues the selected dead letters, so that the next replay delivers them. Returns the letters. Errors: the
    /// workspace is read-only, or the file of dead letters cannot be read or written.
    pub fn requeue_dead_letters(&self, filter: &LetterFilter) -> Result<Vec<DeadLetter>> {
        self.check_outbox_writable()?;
        Ok(self.session.change_letters(filter, LetterState::Queued)?)
    }

    /// Gives up the delivery of the selected dead letters and queued letters. The facts remain in the log, and the
    /// letters remain in the file. Returns the letters. Errors: as for [`Contexta::requeue_dead_letters`].
    pub fn discard_dead_letters(&self, filter: &LetterFilter) -> Result<Vec<DeadLetter>> {
        self.check_outbox_writable()?;
        Ok(self.session.change_letters(filter, LetterState::Discarded)?)
    }

    fn check_outbox_writable(&self) -> Result<()> {
        match self.session.options().records_read_only {
            true => Err(Error::ReadOnly { what: "the outbox" }),
            false => Ok(()),
        }
    }
}
