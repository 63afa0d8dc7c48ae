//! The commands `contexta recover`.

use crate::client::{ReplayMode, ScanFilter};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::store_args::ReplayArgs;
use crate::surfaces::cli::workspace::unchanged;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn replay(cli: &Cli, args: &ReplayArgs, out: &Output) -> Outcome {
    let contexta = unchanged(cli, out)?;
    let mut filter = ScanFilter::default();
    if let Some(run) = &args.run {
        filter.run_ref = Some(contexta.find_run(run)?);
    }
    let members = [("stage_execution_ref", &args.stage), ("record_type", &args.record_type)];
    for (name, text) in members.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
        filter = filter.with(name, text)?;
    }
    let mode: ReplayMode = args.mode.parse()?;
    let answer = contexta.record_store().replay(&filter, mode)?;
    out.answer(&answer, || document::replay(&answer))?;
    Ok(0)
}
