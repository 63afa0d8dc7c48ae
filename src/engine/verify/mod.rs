//! Checks of a log and of its tables, for any [`Event`](crate::engine::entry::Event) type. A check does not change the
//! log.
//!
//! [`Engine::verify`](crate::engine::Engine::verify) reads every stream of a log to the end of its files and checks
//! frames, the chain over the entries, marks, seals and payloads. It then compares the tables with a rebuild up to the
//! same position in the log. Damage is part of a report and not an error. [`Problem::code`] lists the codes of
//! problems.
//!
//! Saved tables that are damaged, or that do not belong to the log, are a problem, and are rebuilt before the
//! comparison. A report can therefore contain such a problem together with [`TablesState::Match`].
//!
//! Other processes may append during a check. Damage in a stream that has a writer is therefore reported only if three
//! reads find damage. An unfinished end of such a stream is a note.
//!
//! Files, lowest first. Each file imports only files above it in this list:
//! ```text
//! share, options               values: the part of a log to read, and the options
//! problem, note                values
//! report, problems             the report; problems of one stream while it is read
//! head, segments, stream       one stream
//! log, tables                  all streams; tables
//! ```

mod head;
mod log;
mod note;
mod options;
mod problem;
mod problems;
mod report;
mod segments;
mod share;
mod stream;
pub(crate) mod tables;
#[cfg(test)]
#[cfg(feature = "testing")]
mod tests;

#[cfg(not(feature = "testing"))]
pub(crate) use log::verify_log;
#[cfg(feature = "testing")]
pub use log::verify_log;
pub use note::{LogNote, Severity};
pub use options::{KnownEnd, LogCheck};
pub use problem::Problem;
pub use report::{LogReport, Outcome, StreamReport};
pub use share::Share;
#[cfg(not(feature = "testing"))]
pub(crate) use tables::verify_tables;
#[cfg(feature = "testing")]
pub use tables::verify_tables;
pub use tables::{TablesReport, TablesState};
