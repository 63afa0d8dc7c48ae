//! The command `contexta`.
//!
//! Exit codes: 0 success, 1 error, 2 wrong usage; of `verify`: 0 whole, 1 damaged, 3 could not check. Results go to
//! standard output; notes, progress and errors to standard error. A closed standard output changes no exit code.

mod args;
mod commands;
mod dispatch;
mod failure;
mod output;
mod settings;
mod workspace;

pub use dispatch::run;
