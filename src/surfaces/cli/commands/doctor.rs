//! The command `contexta doctor`.

use crate::client::Doctor;
use crate::config::check_config;
use crate::recovery::Progress;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::cli::settings::inputs;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, out: &Output) -> Outcome {
    // The valid settings are used even if other settings cannot be used.
    let checked = check_config(&inputs(cli, None));
    let doctor = Doctor::of(&checked.loaded.config).config_problems(&checked.problems);
    let bar = out.bar("reading the log");
    let mover = mover(&bar);
    let health = doctor.temporary_dir(out.temporary_dir()).examine(Progress::new(&mover));
    bar.finish_and_clear();
    let health = health?;
    let program = match &cli.workspace {
        Some(path) => format!("contexta --workspace {}", document::quoted(&path.display().to_string())),
        None => "contexta".to_owned(),
    };
    out.answer(&health, || document::doctor(&health, &program))?;
    Ok(u8::from(!health.is_healthy()))
}
