//! Checks of a log and of its tables, for any [`Event`](crate::engine::entry::Event) type. A check does not change the
//! log.
//!
//! [`verify_log`] reads every stream of a log to the end of its files and checks frames, the chain over the entries,
//! marks, seals and payloads. [`verify_tables`] compares the tables of a projector with a rebuild up to the same
//! position in the log. Damage is part of a report and not an error.
//!
//! Other processes may append during a check. Damage in a stream that has a writer is therefore reported only if three
//! reads find damage. An unfinished end of such a stream is a note.
//!
//! | [`Problem::code`] | Meaning |
//! |---|---|
//! | a name of a [`FindingKind`](crate::engine::log::FindingKind) | faulty bytes, with the entries that are lost because of them |
//! | a name of a [`GapCause`](crate::engine::entry::GapCause) | missing entries without faulty bytes, such as a removed segment |
//! | `entry_unreadable` | an intact entry of a known kind whose payload cannot be decoded |
//! | `stream_missing` | a saved head names a stream that is not in the log |
//! | `entries_missing` | a stream ends before a saved head |
//! | `head_differs` | the entries of a stream differ from those of a saved head |
//! | `projections_damaged` | the saved tables were damaged, and were rebuilt for the check |
//! | `log_changed` | the saved tables contained entries that the log no longer has, and were rebuilt for the check |
//! | `projections_differ` | the tables differ from a rebuild |
//!
//! Files, lowest first. Each file imports only files above it in this list:
//! ```text
//! options, problem, note       values
//! report, problems             the report; problems of one stream while it is read
//! head, stream                 one stream
//! log, tables                  all streams; tables
//! ```

mod head;
mod log;
mod note;
mod options;
mod problem;
mod problems;
mod report;
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
pub use options::LogCheck;
pub use problem::Problem;
pub use report::{LogReport, Outcome, StreamReport};
#[cfg(not(feature = "testing"))]
pub(crate) use tables::verify_tables;
#[cfg(feature = "testing")]
pub use tables::verify_tables;
pub use tables::{TablesReport, TablesState};
