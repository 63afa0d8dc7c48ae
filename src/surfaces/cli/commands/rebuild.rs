//! `contexta rebuild`

use crate::contract::Value;
use crate::recovery::rebuild::NOT_SAVED;
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
    // The first is the result itself, the second an error below.
    let is_shown = |code| matches!(code, "projections_rebuilt" | NOT_SAVED);
    let lacking: Vec<_> = report.notes.iter().filter(|n| !is_shown(n.code)).cloned().collect();
    out.notes(&lacking);
    if out.is_json() {
        out.json(&Value::map([
            ("entries", report.entries.into()),
            ("digest", Value::text(report.digest)),
            ("saved", report.not_saved.is_none().into()),
            ("notes", wire::notes(&report.notes)),
        ]))?;
    } else {
        out.text(&format!("rebuilt from {} entries\ndigest {}", report.entries, report.digest))?;
    }
    let Some(reason) = &report.not_saved else { return Ok(0) };
    if !out.is_json() {
        let message = format!("the new projections are right, but could not be saved: {reason}");
        let hint = "free or repair the place of the projections, and rebuild again; until then every command rebuilds them";
        out.error(NOT_SAVED, &message, Some(hint));
    }
    Ok(1)
}
