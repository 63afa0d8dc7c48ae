//! The arguments of the command `contexta outbox`.

use crate::client::Position;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// List the facts that wait for sinks or for the log, and the dead letters
    List,
    /// Deliver the facts that wait for sinks. Add facts in the outbox to the log if the log does not contain
    /// them. Exit code 0: no delivery failed, 1: a delivery failed or was skipped
    Replay(OutboxReplayArgs),
    /// Queue dead letters, so that the next replay delivers them
    Requeue(LetterArgs),
    /// Give up the delivery of dead letters. The facts remain in the log
    Discard(LetterArgs),
}

#[derive(Debug, Args)]
pub(super) struct OutboxReplayArgs {
    /// Deliver only to this sink
    #[arg(long, value_name = "SINK")]
    pub(super) target: Option<String>,
    /// Attempt at most this many deliveries
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) limit: Option<u64>,
    /// Do not acknowledge accepted facts: the next replay delivers them again
    #[arg(long)]
    pub(super) no_acknowledge: bool,
    /// After this many failures, write a fact to the dead letters and continue with the next fact
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) dead_letter_after: Option<u32>,
    /// Append the facts to this file as JSON lines, instead of delivering them to the sink
    #[arg(long, value_name = "FILE", requires = "target")]
    pub(super) to_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct LetterArgs {
    /// Facts, as `outbox list` shows them [default: all]
    #[arg(value_name = "FACT")]
    pub(super) facts: Vec<Position>,
    /// Only dead letters of this sink
    #[arg(long, value_name = "SINK")]
    pub(super) target: Option<String>,
    /// Show the dead letters and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}
