//! The arguments of the commands `contexta artifact` and `contexta recover`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum ArtifactCommand {
    /// List artifacts
    Ls(ArtifactLsArgs),
    /// Show the manifest of an artifact and the location of its body
    Show(ArtifactArgs),
    /// Copy the content of an artifact to a file or, if the artifact is a directory, to a new directory
    Get(ArtifactGetArgs),
    /// Read the content of artifacts and compare size and digests with the manifests. Exit code 0: no problem
    /// was found, 1: content is missing, changed or unreadable
    Verify(ArtifactVerifyArgs),
    /// Store a file as an artifact of a run
    #[command(visible_alias = "put")]
    Register(ArtifactRegisterArgs),
    /// Export an artifact as a package: a directory with manifest and content
    Export(ArtifactExportArgs),
    /// Import a package that `artifact export` has written
    Import(ArtifactImportArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum RecoverCommand {
    /// Read all records of the log and report damage. Exit code 1: the mode is strict, and the log is damaged
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
pub(super) struct ArtifactLsArgs {
    /// Only artifacts of this kind
    #[arg(long, value_name = "KIND")]
    pub(super) kind: Option<String>,
    /// At most this many artifacts
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
}

#[derive(Debug, Args)]
pub(super) struct ArtifactArgs {
    /// Ref of the artifact
    #[arg(value_name = "ARTIFACT")]
    pub(super) artifact: String,
}

#[derive(Debug, Args)]
pub(super) struct ArtifactGetArgs {
    #[command(flatten)]
    pub(super) artifact: ArtifactArgs,
    /// Output file, or new directory if the artifact is a directory. A file is written completely or not at
    /// all
    #[arg(long, short, value_name = "PATH")]
    pub(super) output: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ArtifactVerifyArgs {
    /// Ref of the artifact [default: all artifacts]
    #[arg(value_name = "ARTIFACT")]
    pub(super) artifact: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ArtifactRegisterArgs {
    /// Kind, such as checkpoint or model_bundle
    #[arg(value_name = "KIND")]
    pub(super) artifact_kind: String,
    /// File to store
    #[arg(value_name = "FILE")]
    pub(super) source_path: PathBuf,
    /// Run of the artifact: its ref, its id, its name, or the beginning of its id or name
    #[arg(long, value_name = "RUN")]
    pub(super) run: String,
    /// Ref of the stage of the artifact
    #[arg(long, value_name = "REF")]
    pub(super) stage: Option<String>,
    /// Ref of the artifact [default: made from the run and the name of the file]
    #[arg(long, value_name = "REF")]
    pub(super) artifact_ref: Option<String>,
    /// Way to store the file
    #[arg(long, value_enum, default_value_t = Mode::Copy)]
    pub(super) mode: Mode,
}

/// The way to store a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// Copy the file
    Copy,
    /// Copy the content and remove the file
    Move,
    /// Take over the file without a copy, if possible. No program may change the file afterwards
    Adopt,
}

#[derive(Debug, Args)]
pub(super) struct ArtifactExportArgs {
    #[command(flatten)]
    pub(super) artifact: ArtifactArgs,
    /// Directory in which the directory of the package is created
    #[arg(long, short, value_name = "DIR")]
    pub(super) output: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ArtifactImportArgs {
    /// Directory of the package
    #[arg(value_name = "DIR")]
    pub(super) package: PathBuf,
    /// Action if the workspace contains another artifact with the same ref
    #[arg(long, value_enum, default_value_t = OnConflict::Error)]
    pub(super) on_conflict: OnConflict,
}

/// The action if the workspace contains another artifact with the same ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnConflict {
    /// Fail
    Error,
    /// Keep the artifact of the workspace
    Skip,
    /// Replace the artifact of the workspace
    Replace,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Treatment of damage: strict fails, tolerant reports damage, and lenient also returns malformed and
    /// salvaged entries
    #[arg(long, value_name = "MODE", default_value = "tolerant", value_parser = ["strict", "tolerant", "lenient"])]
    pub(super) mode: String,
    /// Only the records of this run: its ref, its id, its name, or the beginning of its id or name
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<String>,
    /// Only the records of the stage with this ref
    #[arg(long, value_name = "REF")]
    pub(super) stage: Option<String>,
    /// Only records of this type
    #[arg(long, value_name = "TYPE", value_parser = ["event", "metric", "span", "degraded"])]
    pub(super) record_type: Option<String>,
}
