//! `contexta rebuild`

use crate::contract::Value;
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::commands::existing;
use crate::surfaces::cli::output::Output;
use crate::surfaces::wire;

pub(in crate::surfaces::cli) fn run(cli: &Cli, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let bar = out.progress("rebuilding");
    let report = contexta.rebuild(&|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let report = report?;
    let lacking: Vec<_> = report.notes.iter().filter(|n| n.code != "projections_rebuilt").cloned().collect();
    out.notes(&lacking);
    if out.is_json() {
        out.json(&Value::map([
            ("entries", report.entries.into()),
            ("digest", Value::text(report.digest)),
            ("notes", wire::notes(&report.notes)),
        ]))?;
    } else {
        out.text(&format!("rebuilt from {} entries\ndigest {}", report.entries, report.digest))?;
    }
    Ok(0)
}
