//! `contexta init`

use crate::client::Contexta;
use crate::contract::Value;
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::output::Output;

pub(in crate::surfaces::cli) fn run(cli: &Cli, out: &Output) -> Outcome {
    let existed = Contexta::open_existing(&cli.workspace).is_ok();
    Contexta::open(&cli.workspace)?;
    let path = cli.workspace.display().to_string();
    if out.is_json() {
        out.json(&Value::map([("workspace", Value::Text(path)), ("created", (!existed).into())]))?;
    } else if existed {
        out.text(&format!("{path} is a workspace already"))?;
    } else {
        out.text(&format!("created the workspace {path}"))?;
    }
    Ok(0)
}
