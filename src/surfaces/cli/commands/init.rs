//! The command `contexta init`.

use crate::client::{Error, Options};
use crate::contract::Value;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, plain};
use crate::surfaces::cli::settings::shown;
use crate::surfaces::cli::workspace::existing;

pub(in crate::surfaces::cli) fn run(cli: &Cli, out: &Output) -> Outcome {
    let config = &cli.loaded.config;
    let existed = existing(cli).is_ok();
    if !existed && config.records.read_only {
        return Err(Error::ReadOnly { what: "the workspace" }.into());
    }
    Options::from_config(config)?.may_create().open()?;
    let path = plain(&shown(&config.workspace.root_path));
    if out.is_json() {
        out.json(&Value::map([("workspace", Value::Text(path)), ("created", (!existed).into())]))?;
    } else if existed {
        out.text(&format!("{path} is already a workspace"))?;
    } else {
        out.text(&format!("created the workspace {path}"))?;
    }
    Ok(0)
}
