//! Checks of an engine: its log, its tables, and the heads of its streams.

use crate::engine::chain::Head;
use crate::engine::entry::Event;
use crate::engine::error::Result;
use crate::engine::front::engine::Engine;
use crate::engine::verify::{
    LogCheck, LogNote, LogReport, Outcome, Problem, TablesReport, verify_log, verify_tables,
};

/// The result of [`Engine::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The report on the log.
    pub log: LogReport,
    /// The report on the tables; `None` if a stream could not be read. A rebuild would then lack the entries of this
    /// stream, and could not be compared with the tables.
    pub tables: Option<TablesReport>,
}

/// The heads of all streams of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heads {
    /// The head of each stream: the position of the last entry, and the digest of all entries of the stream. If the
    /// digest is not known because entries are missing, the stream has no head.
    pub heads: Vec<Head>,
    /// The damage that was found. The head of a damaged stream is the head at its last intact entry.
    pub problems: Vec<Problem>,
    /// The notes of the check. A stream that could not be read has a note and no head; other notes are about streams in
    /// use or streams that were not closed.
    pub notes: Vec<LogNote>,
}

impl Verification {
    /// Returns the verdict on log and tables.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let is_damaged = self.tables.as_ref().is_some_and(|tables| !tables.problems.is_empty());
        if is_damaged { Outcome::Damaged } else { self.log.outcome() }
    }
}

impl<E: Event> Engine<E> {
    /// Checks the log and compares the tables with a rebuild. Damage is part of the report and not an error. Other
    /// processes may append meanwhile.
    ///
    /// Damage of saved tables is found only by the first operation of an engine, because an engine repairs the tables
    /// that it opens. The check itself is such an operation: it reports damaged tables and replaces them, so a second
    /// check finds the tables intact. Cost: reads the log at least twice, and rebuilds the tables in memory or in a
    /// temporary file. Errors: the log cannot be listed or read or belongs to another domain, a projection fails, or
    /// buffered entries of this engine cannot be written.
    pub fn verify(&self, check: &LogCheck<'_>) -> Result<Verification> {
        self.flush()?;
        let log = verify_log::<E>(&self.storage, &self.paths.log, self.domain, check)?;
        let tables = if log.is_complete() { Some(verify_tables(&self.projector)?) } else { None };
        Ok(Verification { log, tables })
    }

    /// Checks the log and returns the heads of its streams. Save the heads outside of the log: [`Engine::verify`]
    /// compares saved heads with the log, and so detects entries that were lost or replaced. Cost: reads the log.
    /// Errors: the log cannot be listed or belongs to another domain, or buffered entries of this engine cannot be
    /// written.
    pub fn heads(&self) -> Result<Heads> {
        self.flush()?;
        let log = verify_log::<E>(&self.storage, &self.paths.log, self.domain, &LogCheck::default())?;
        let heads = log.streams.iter().filter_map(|stream| stream.head).collect();
        Ok(Heads { heads, problems: log.problems, notes: log.notes })
    }
}
