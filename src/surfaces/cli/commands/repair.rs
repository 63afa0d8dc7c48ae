//! The command `contexta repair`.

use crate::client::{Backups, Options, RepairSettings};
use crate::recovery::{Progress, RecoveryStatus};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::cli::repair_args::RepairArgs;
use crate::surfaces::cli::workspace::unchanged;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RepairArgs, out: &Output) -> Outcome {
    let RepairArgs { from, repository, forget, dry_run } = args;
    let mut settings = RepairSettings { from: from.clone(), repository: repository.clone(), forget: *forget };
    let backups = Backups::from_config(&cli.loaded.config)?;
    let path = from.as_ref().filter(|path| backups.is_archive(path));
    let archive = path.map(|path| backups.open_archive(path, None)).transpose()?;
    if let Some(archive) = &archive {
        settings.from = Some(archive.backup_ref().as_str().into());
        settings.repository = Some(archive.repository().to_path_buf());
    }
    // A preview must not replace damaged tables, because the plan would then not contain them.
    let planning = unchanged(cli, out)?;
    let bar = out.bar("planning");
    let mover_of_plan = mover(&bar);
    let plan = planning.plan_repair(&settings, Progress::new(&mover_of_plan));
    bar.finish_and_clear();
    let plan = plan?;
    if *dry_run {
        out.answer(&plan, || document::repair_plan(&plan))?;
        return Ok(0);
    }
    drop(planning);
    let contexta = Options::from_config(&cli.loaded.config)?.must_exist().open()?;
    let bar = out.bar("repairing");
    let mover = mover(&bar);
    let result = contexta.repair(&plan, &settings, Progress::new(&mover));
    bar.finish_and_clear();
    let result = result?;
    contexta.close()?;
    out.answer(&result, || document::repair(&result))?;
    Ok(u8::from(result.status != RecoveryStatus::Success))
}
