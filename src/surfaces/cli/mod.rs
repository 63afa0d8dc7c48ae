//! The command `contexta`.
//!
//! The exit code is 0 after success, 1 after an error or if a result is incomplete, and 2 after wrong usage. The exit
//! code of `verify` is 0 without damage, 1 if there is damage, 3 if the check could not be completed, and 4 if the only
//! problems are losses that a repair or a merge has recorded. Results go to standard output; notes, progress and errors
//! to standard error. If the reader of standard output closes the pipe, the exit code does not change.

mod args;
mod backup_args;
mod commands;
mod curve_args;
mod dispatch;
mod erase_args;
mod failure;
mod interrupt;
mod outbox_args;
mod output;
mod query_args;
mod recovery_args;
mod repair_args;
mod settings;
mod store_args;
mod workspace;

pub use dispatch::{CapturedOutput, run, run_captured};
