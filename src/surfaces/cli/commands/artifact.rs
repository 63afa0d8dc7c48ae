//! The commands `contexta artifact`.

use crate::client::{ConflictPolicy, Options, SourceMode, VerificationStatus};
use crate::contract::refs::component_of;
use crate::contract::{ArtifactManifest, ArtifactRef};
use crate::interpretation::ArtifactSearch;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::store_args::{
    ArtifactArgs, ArtifactCommand, ArtifactExportArgs, ArtifactGetArgs, ArtifactImportArgs, ArtifactLsArgs,
    ArtifactRegisterArgs, ArtifactVerifyArgs, Mode, OnConflict,
};
use crate::surfaces::cli::workspace::{existing, unchanged};
use crate::surfaces::document;

/// The producer of the manifests of registered files.
const PRODUCER: &str = "cli.artifact-register";

pub(in crate::surfaces::cli) fn run(cli: &Cli, command: &ArtifactCommand, out: &Output) -> Outcome {
    match command {
        ArtifactCommand::Ls(args) => ls(cli, args, out),
        ArtifactCommand::Show(args) => show(cli, args, out),
        ArtifactCommand::Get(args) => get(cli, args, out),
        ArtifactCommand::Verify(args) => verify(cli, args, out),
        ArtifactCommand::Register(args) => register(cli, args, out),
        ArtifactCommand::Export(args) => export(cli, args, out),
        ArtifactCommand::Import(args) => import(cli, args, out),
    }
}

fn ls(cli: &Cli, args: &ArtifactLsArgs, out: &Output) -> Outcome {
    let limit = Some(args.limit.unwrap_or(usize::MAX));
    let search = ArtifactSearch { text: String::new(), kind: args.kind.clone(), limit };
    let answer = existing(cli)?.search_artifacts(&search)?;
    out.answer(&answer, || document::artifacts(&answer))?;
    Ok(0)
}

fn show(cli: &Cli, args: &ArtifactArgs, out: &Output) -> Outcome {
    let store = existing(cli)?.artifact_store();
    let answer = store.get_artifact(&ArtifactRef::parse(&args.artifact)?)?;
    out.answer(&answer, || document::artifact(&answer))?;
    Ok(0)
}

fn get(cli: &Cli, args: &ArtifactGetArgs, out: &Output) -> Outcome {
    let own = ArtifactRef::parse(&args.artifact.artifact)?;
    let answer = existing(cli)?.copy_artifact(&own, &args.output)?;
    out.answer(&answer, || document::artifact_copy(&answer))?;
    Ok(0)
}

fn verify(cli: &Cli, args: &ArtifactVerifyArgs, out: &Output) -> Outcome {
    let store = unchanged(cli, out)?.artifact_store();
    let is_good = |status| matches!(status, VerificationStatus::Verified | VerificationStatus::External);
    if let Some(text) = &args.artifact {
        let report = store.verify_artifact(&ArtifactRef::parse(text)?)?;
        out.answer(&report, || document::verification(&report))?;
        return Ok(u8::from(!is_good(report.status)));
    }
    let sweep = store.verify_all()?;
    out.answer(&sweep, || document::sweep(&sweep))?;
    Ok(u8::from(!sweep.verification_records.iter().all(|record| is_good(record.status))))
}

fn register(cli: &Cli, args: &ArtifactRegisterArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let run = contexta.find_run(&args.run)?;
    let own = match &args.artifact_ref {
        Some(text) => ArtifactRef::parse(text)?,
        None => {
            let stem = args.source_path.file_stem().unwrap_or_default().to_string_lossy();
            ArtifactRef::under(&run, &component_of(&stem, "artifact"))?
        }
    };
    let store = contexta.artifact_store();
    // The manifest contains a time. A repeated command must use the time of the first command, so that the
    // manifests are equal.
    let known = store.find_manifest(&own)?;
    let time = known.map_or_else(|| contexta.session().now(), |known| known.created_at);
    let kind = args.artifact_kind.as_str();
    let mut manifest = ArtifactManifest::new(own, kind, time, PRODUCER, run, "unknown");
    manifest.stage_execution_ref = args.stage.as_deref().map(str::parse).transpose()?;
    let mode = match args.mode {
        Mode::Copy => SourceMode::Copy,
        Mode::Move => SourceMode::Move,
        Mode::Adopt => SourceMode::Adopt,
    };
    let answer = store.put_artifact(manifest, &args.source_path, mode)?;
    out.answer(&answer, || document::artifact_put(&answer))?;
    Ok(0)
}

fn export(cli: &Cli, args: &ArtifactExportArgs, out: &Output) -> Outcome {
    let store = existing(cli)?.artifact_store();
    let own = ArtifactRef::parse(&args.artifact.artifact)?;
    let answer = store.export_artifact(&own, &args.output)?;
    out.answer(&answer, || document::artifact_export(&answer))?;
    Ok(0)
}

fn import(cli: &Cli, args: &ArtifactImportArgs, out: &Output) -> Outcome {
    let policy = match args.on_conflict {
        OnConflict::Error => ConflictPolicy::Error,
        OnConflict::Skip => ConflictPolicy::Skip,
        OnConflict::Replace => ConflictPolicy::Replace,
    };
    let options = Options::from_config(&cli.loaded.config)?;
    let store = options.open()?.artifact_store();
    let answer = store.import_artifact(&args.package, policy)?;
    out.answer(&answer, || document::artifact_import(&answer))?;
    Ok(0)
}
