//! The command `contexta merge`.

use crate::client::{MergeSettings, Options};
use crate::recovery::Progress;
use crate::surfaces::cli::args::{Cli, MergeArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &MergeArgs, out: &Output) -> Outcome {
    let contexta = Options::from_config(&cli.loaded.config)?.open()?;
    let bar = out.bar("merging");
    let mover = mover(&bar);
    let report = contexta.merge(&args.from, MergeSettings { progress: Progress::new(&mover) });
    bar.finish_and_clear();
    let report = report?;
    out.answer(&report, || document::merge(&report))?;
    Ok(0)
}
