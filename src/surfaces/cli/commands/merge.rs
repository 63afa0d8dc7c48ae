//! The command `contexta merge`.

use crate::client::{Backups, Contexta, MergeSettings, Options, Result};
use crate::recovery::{MergeReport, Progress};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::cli::recovery_args::MergeArgs;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &MergeArgs, out: &Output) -> Outcome {
    let contexta = Options::from_config(&cli.loaded.config)?.open()?;
    let bar = out.bar("merging");
    let mover = mover(&bar);
    let report = merge(cli, args, &contexta, MergeSettings { progress: Progress::new(&mover) });
    bar.finish_and_clear();
    let report = report?;
    out.answer(&report, || document::merge(&report))?;
    Ok(0)
}

/// Merges a workspace, a backup or an archive.
fn merge(cli: &Cli, args: &MergeArgs, into: &Contexta, settings: MergeSettings<'_>) -> Result<MergeReport> {
    let mut backups = Backups::from_config(&cli.loaded.config)?;
    if let Some(dir) = &args.repository {
        backups = backups.repository(dir);
    }
    let from = args.from.clone().unwrap_or_default();
    if let Some(backup) = &args.backup {
        return into.merge_backup(&backups, backup, settings);
    }
    if backups.is_archive(&from) {
        let archive = backups.open_archive(&from, None)?;
        return into.merge_backup(archive.backups(), archive.backup_ref().as_str(), settings);
    }
    into.merge(from, settings)
}
