//! The settings of a command, from arguments, environment variables and the configuration file.

use crate::config::{CliVerbosity, ConfigError, LoadInputs, OutputFormat, load_config};
use crate::surfaces::cli::args::{Cli, Command, ConfigCommand, Format};
use crate::surfaces::cli::output::{Output, Streams};
use std::path::Path;

/// Loads the settings into `cli` and writes warnings about the settings. Returns the output that the settings describe.
/// Also returns the error if the settings cannot be used. The commands `config check`
/// and `doctor` load their settings themselves.
pub(super) fn load(cli: &mut Cli, streams: &Streams) -> (Output, Option<ConfigError>) {
    let checks = matches!(cli.command, Command::Config(ConfigCommand::Check(_)) | Command::Doctor);
    let loaded = load_config(&inputs(cli, None));
    let error = match loaded {
        Ok(loaded) => {
            cli.loaded = loaded;
            None
        }
        Err(_) if checks => None,
        Err(e) => Some(e),
    };
    let config = &cli.loaded.config;
    let format = cli.format.unwrap_or(match config.surfaces.cli.default_output_format {
        OutputFormat::Text => Format::Text,
        OutputFormat::Json => Format::Json,
    });
    let quiet = cli.quiet || config.surfaces.cli.verbosity == CliVerbosity::Quiet;
    let out = Output::new(streams, format, quiet, config.surfaces.cli.color);
    // The answer of `config` contains the warnings.
    if !matches!(cli.command, Command::Config(_)) {
        out.warnings(&cli.loaded.warnings);
    }
    (out, error)
}

/// Returns all sources of settings. `file` replaces the file of `--config`.
pub(super) fn inputs(cli: &Cli, file: Option<&Path>) -> LoadInputs {
    let mut inputs = LoadInputs::new().discover(true).environment(std::env::vars_os());
    if let Ok(dir) = std::env::current_dir() {
        inputs = inputs.base_dir(dir);
    }
    if let Some(file) = file.or(cli.config.as_deref()) {
        inputs = inputs.file(file);
    }
    if let Some(profile) = &cli.profile {
        inputs = inputs.profile(profile);
    }
    if !cli.overlay.is_empty() {
        inputs = inputs.overlays(&cli.overlay);
    }
    if let Some(workspace) = &cli.workspace {
        inputs = inputs.workspace(workspace);
    }
    cli.set.iter().fold(inputs, |inputs, assignment| inputs.set(assignment))
}

/// Returns a path as text: relative to the current directory if the path is inside that directory, otherwise unchanged.
pub(super) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    let short = short.filter(|short| !short.as_os_str().is_empty());
    short.unwrap_or(path).display().to_string()
}

/// Returns the separator of the cells of CSV files.
pub(super) fn csv_delimiter(cli: &Cli) -> char {
    cli.loaded.config.surfaces.export.csv_delimiter.chars().next().unwrap_or(',')
}
