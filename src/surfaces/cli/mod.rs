//! The command `contexta`.
//!
//! Exit codes: 0 success, 1 error, 2 wrong usage; of `verify`: 0 no damage, 1 damage found, 3 the check could not be
//! completed. Results go to standard output; notes, progress and errors to standard error. If the reader of standard
//! output closes the pipe, the exit code does not change.

mod args;
mod commands;
mod dispatch;
mod failure;
mod output;
mod settings;
mod workspace;

pub use dispatch::run;
