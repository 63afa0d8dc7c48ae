//! The command `contexta compact`.

use crate::recovery::{CompactionOptions, Progress};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::cli::recovery_args::CompactArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &CompactArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let mut options = CompactionOptions::default();
    options.segment_bytes_min = args.min_bytes.unwrap_or(options.segment_bytes_min);
    let plan = contexta.compaction_plan(&options)?;
    if args.dry_run {
        out.answer(&plan, || document::compaction_plan(&plan))?;
        return Ok(0);
    }
    let bar = out.bar("compacting");
    let mover = mover(&bar);
    let result = contexta.compact(&plan, Progress::new(&mover));
    bar.finish_and_clear();
    let result = result?;
    out.answer(&result, || document::compaction(&result))?;
    Ok(0)
}
