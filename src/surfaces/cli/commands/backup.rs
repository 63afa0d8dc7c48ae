//! The commands `contexta backup` and `contexta restore`.

use crate::client::{ApplyPart, Backups, Error, Options, RestoredPart};
use crate::contract::ArtifactRef;
use crate::recovery::{
    BackupOptions, BackupRef, BackupVerifyOptions, Error as RecoveryError, KeepRules, Progress,
    RecoveryStatus, RestoreOptions,
};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::backup_args::{
    BackupCommand, BackupCreateArgs, BackupPruneArgs, BackupVerifyArgs, RepositoryArgs, RestoreApplyArgs,
};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, command: &BackupCommand, out: &Output) -> Outcome {
    match command {
        BackupCommand::Create(args) => create(cli, args, out),
        BackupCommand::List(args) => {
            let list = backups(cli, args)?.list()?;
            out.answer(&list, || document::backup_list(&list))?;
            Ok(0)
        }
        BackupCommand::Verify(args) => verify(cli, args, out),
        BackupCommand::Prune(args) => prune(cli, args, out),
    }
}

/// Returns access to the backups of the configured workspace. The arguments can name another repository.
fn backups(cli: &Cli, args: &RepositoryArgs) -> crate::client::Result<Backups> {
    let backups = Backups::from_config(&cli.loaded.config)?;
    Ok(match &args.repository {
        Some(dir) => backups.repository(dir),
        None => backups,
    })
}

fn create(cli: &Cli, args: &BackupCreateArgs, out: &Output) -> Outcome {
    let mut backups = backups(cli, &args.repository)?;
    if let Some(archive) = &args.archive {
        backups = backups.repository(archive);
    }
    let plan = backups.plan(&BackupOptions {
        label: args.label.clone(),
        include_cache: args.include_cache,
        include_exports: args.include_exports,
    })?;
    if args.dry_run {
        out.answer(&plan, || document::backup_plan(&plan))?;
        return Ok(0);
    }
    let bar = out.bar("backing up");
    let mover = mover(&bar);
    let result = match &args.archive {
        Some(archive) => backups.create_archive(archive, &plan, Progress::new(&mover)),
        None => backups.create(&plan, Progress::new(&mover)),
    };
    bar.finish_and_clear();
    let result = result?;
    out.answer(&result, || document::backup(&result))?;
    Ok(u8::from(result.status != RecoveryStatus::Success))
}

fn verify(cli: &Cli, args: &BackupVerifyArgs, out: &Output) -> Outcome {
    let backups = backups(cli, &args.repository)?;
    if let Some(archive) =
        args.backup.as_ref().filter(|text| args.heal_from.is_none() && backups.is_archive(text))
    {
        let report = backups.verify_archive(archive)?;
        out.answer(&report, || document::backup_verification(&report))?;
        return Ok(u8::from(report.status != RecoveryStatus::Success));
    }
    let name = |text: &String| {
        BackupRef::parse(text)
            .ok_or_else(|| Error::from(RecoveryError::BackupRefInvalid { text: text.clone() }))
    };
    let backup = args.backup.as_ref().map(name).transpose()?;
    let bar = out.bar("verifying");
    let mover = mover(&bar);
    let options = BackupVerifyOptions { backup, progress: Progress::new(&mover) };
    let report = match &args.heal_from {
        Some(workspace) => backups.heal(workspace, &options),
        None => backups.verify(&options),
    };
    bar.finish_and_clear();
    let report = report?;
    out.answer(&report, || document::backup_verification(&report))?;
    Ok(u8::from(report.status != RecoveryStatus::Success))
}

fn prune(cli: &Cli, args: &BackupPruneArgs, out: &Output) -> Outcome {
    let backups = backups(cli, &args.repository)?;
    let plan = backups.plan_prune(KeepRules { last: args.keep_last.get() })?;
    if !args.dry_run {
        backups.prune(&plan)?;
    }
    out.answer(&plan, || document::prune(&plan, !args.dry_run))?;
    Ok(0)
}

pub(in crate::surfaces::cli) fn restore(cli: &Cli, args: &RestoreApplyArgs, out: &Output) -> Outcome {
    let named = backups(cli, &args.repository)?;
    let target = args.target_workspace.as_deref();
    let is_archive = named.is_archive(&args.backup);
    let archive = is_archive.then(|| named.open_archive(&args.backup, target)).transpose()?;
    let (backups, backup) = match &archive {
        Some(archive) => (archive.backups(), archive.backup_ref().as_str()),
        None => (&named, args.backup.as_str()),
    };
    if let Some(part) = part(args)? {
        return restore_part(cli, args, (backups, backup), &part, out);
    }
    let options = RestoreOptions {
        target_workspace: args.target_workspace.clone(),
        verify_only: args.verify_only,
        to_time: args.to_time,
    };
    let plan = backups.plan_restore(backup, &options)?;
    if args.dry_run {
        out.answer(&plan, || document::restore_plan(&plan))?;
        return Ok(0);
    }
    let bar = out.bar("restoring");
    let mover = mover(&bar);
    let result = backups.restore(&plan, Progress::new(&mover));
    bar.finish_and_clear();
    let result = result?;
    out.answer(&result, || document::restore(&result))?;
    Ok(u8::from(result.status != RecoveryStatus::Success))
}

/// Returns the run or the artifact that the arguments name.
fn part(args: &RestoreApplyArgs) -> crate::contract::Result<Option<RestoredPart>> {
    match (&args.run, &args.artifact) {
        (Some(run), _) => Ok(Some(RestoredPart::Run(run.clone()))),
        (None, Some(text)) => Ok(Some(RestoredPart::Artifact(ArtifactRef::parse(text)?))),
        (None, None) => Ok(None),
    }
}

fn restore_part(
    cli: &Cli,
    args: &RestoreApplyArgs,
    (backups, backup): (&Backups, &str),
    part: &RestoredPart,
    out: &Output,
) -> Outcome {
    let contexta = Options::from_config(&cli.loaded.config)?.open()?;
    if let (Some(path), RestoredPart::Artifact(artifact)) = (&args.to, part) {
        let copy = contexta.copy_artifact_from_backup(backups, backup, artifact, path)?;
        out.answer(&copy, || document::artifact_copy(&copy))?;
        return Ok(0);
    }
    let apply = if args.dry_run { ApplyPart::PlanOnly } else { ApplyPart::Apply };
    let result = contexta.restore_part(backups, backup, part, apply)?;
    out.answer(&result, || document::restore_part(&result))?;
    Ok(u8::from(result.status != RecoveryStatus::Success))
}
