//! The commands `contexta outbox`.

use crate::client::{LetterFilter, LetterState, ReplayOptions, ResultStatus, file_sink};
use crate::surfaces::answer;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::outbox_args::{LetterArgs, OutboxCommand, OutboxReplayArgs};
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, command: &OutboxCommand, out: &Output) -> Outcome {
    match command {
        OutboxCommand::List => {
            let content = existing(cli)?.outbox()?;
            out.answer(&content, || document::outbox(&content))?;
            Ok(0)
        }
        OutboxCommand::Replay(args) => replay(cli, args, out),
        OutboxCommand::Requeue(args) => change(cli, args, LetterState::Queued, out),
        OutboxCommand::Discard(args) => change(cli, args, LetterState::Discarded, out),
    }
}

fn replay(cli: &Cli, args: &OutboxReplayArgs, out: &Output) -> Outcome {
    let to_file = args.to_file.as_ref().zip(args.target.as_ref());
    let options = ReplayOptions {
        target: args.target.clone(),
        limit: args.limit.unwrap_or(u64::MAX),
        acknowledge_successes: !args.no_acknowledge,
        dead_letter_after_failures: args.dead_letter_after,
        sinks: to_file.map(|(file, sink)| vec![file_sink(file, sink)]),
    };
    let result = existing(cli)?.replay_outbox(&options)?;
    out.answer(&result, || document::outbox_replay(&result))?;
    Ok(u8::from(result.status != ResultStatus::Success))
}

fn change(cli: &Cli, args: &LetterArgs, state: LetterState, out: &Output) -> Outcome {
    let mut filter = LetterFilter::default().replay_refs(args.facts.iter().copied());
    filter.target.clone_from(&args.target);
    let contexta = existing(cli)?;
    let letters = match (args.dry_run, state) {
        (true, _) => {
            let listed = contexta.outbox()?.letters.letters.into_iter();
            listed.filter(|letter| filter.selects(letter) && letter.state != state).collect()
        }
        (false, LetterState::Queued) => contexta.requeue_dead_letters(&filter)?,
        (false, _) => contexta.discard_dead_letters(&filter)?,
    };
    let is_applied = !args.dry_run;
    out.answer_value(
        || answer::letters(&letters, is_applied),
        || document::letters(&letters, state, is_applied),
    )?;
    Ok(0)
}
