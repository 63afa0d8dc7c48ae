//! The command `contexta salvage`.

use crate::client::Remains;
use crate::recovery::{Progress, RecoveryStatus};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::cli::recovery_args::SalvageArgs;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(args: &SalvageArgs, out: &Output) -> Outcome {
    let bar = out.bar("salvaging");
    let mover = mover(&bar);
    let report = Remains::new(&args.remains).salvage(&args.into, Progress::new(&mover));
    bar.finish_and_clear();
    let report = report?;
    out.answer(&report, || document::salvage(&report))?;
    Ok(u8::from(report.status != RecoveryStatus::Success))
}
