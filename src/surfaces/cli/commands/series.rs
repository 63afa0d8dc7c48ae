//! The command `contexta series`.

use crate::interpretation::{Attempts, StepSeriesQuery};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::curve_args::SeriesArgs;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &SeriesArgs, out: &Output) -> Outcome {
    let query = StepSeriesQuery {
        stage: args.stage.name.clone(),
        attempts: if args.all_attempts { Attempts::All } else { Attempts::Newest },
        points_max: args.points,
        smoothing: args.smoothing,
    };
    let answer = existing(cli)?.step_series_of(&args.run.run, &args.metric_key, &query)?;
    out.answer(&answer, || document::step_series(&answer))?;
    Ok(0)
}
