//! The command `contexta import jsonl`.

use crate::client::{Error, ImportReport, ImportSettings, ImportSource, Options};
use crate::contract::ExtensionRegistry;
use crate::recovery::Progress;
use crate::surfaces::cli::args::{Cli, ImportJsonlArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn jsonl(cli: &Cli, args: &ImportJsonlArgs, out: &Output) -> Outcome {
    let registry = match &args.registry {
        Some(path) => {
            let text = out.read_file(path)?;
            Some(ExtensionRegistry::from_json(&text).map_err(Error::from)?)
        }
        None => None,
    };
    // The input is opened first, so that a mistake in its name does not create a workspace.
    let stream = out.open_stream(&args.file)?;
    let contexta = Options::from_config(&cli.loaded.config)?.open()?;
    let bar = out.bar("importing");
    let mover = mover(&bar);
    let settings = ImportSettings {
        bodies: args.bodies.clone(),
        strict: args.strict,
        registry,
        lines_before: 0,
        progress: Progress::new(&mover),
    };
    let name = args.file.to_string_lossy();
    let report = match stream {
        Some(mut stream) => contexta.import_jsonl(ImportSource::Reader(&name, stream.as_mut()), settings),
        None => contexta.import_jsonl(ImportSource::File(&args.file), settings),
    };
    bar.finish_and_clear();
    let report = report?;
    contexta.close()?;
    out.answer(&report, || document::import(&report))?;
    if !out.is_json() {
        explain(&report, out);
    }
    Ok(u8::from(!report.is_complete()))
}

/// The greatest number of refused lines that are named individually. The same limit applies to members that were left
/// out, and to missing or different bodies.
const NAMED_MAX: usize = 10;

/// Writes the reasons for which the import is incomplete to standard error.
fn explain(report: &ImportReport, out: &Output) {
    for refused in report.refused.iter().take(NAMED_MAX) {
        let message =
            format!("line {}: {} at {}", refused.line, refused.rejection.message, refused.rejection.path);
        out.error(refused.rejection.code, &message, None);
    }
    let more = report.total().refused.saturating_sub(NAMED_MAX as u64);
    if let Some(path) = &report.quarantine {
        let others = if more > 0 { format!("further refused lines: {more}; ") } else { String::new() };
        let cut = match report.not_kept {
            0 => String::new(),
            n => format!(
                "; refused lines that are shortened or left out there, because they are too long or too many: {n}"
            ),
        };
        let path = path.display();
        out.done(&format!("{others}the refused lines are in {path}, the reasons in the file beside it{cut}"));
    }
    for dropped in report.dropped.iter().take(NAMED_MAX) {
        let (subject, member) = (&dropped.subject, &dropped.member);
        let message =
            format!("line {}: {} at {} of {subject} was left out", dropped.line, member.message, member.path);
        out.error(member.code.as_str(), &message, None);
    }
    for body in report.bodies.iter().take(NAMED_MAX) {
        out.error(body.code, &format!("line {}: {} (body {:?})", body.line, body.message, body.body), None);
    }
    if let Some(why) = &report.cut {
        let message = format!("the input ends early, {why}");
        out.error("import_input_cut", &message, Some("the lines before the end of the input are imported"));
    }
    if !report.is_complete() {
        out.done(&reasons(report));
    }
}

/// Returns the reasons for exit code 1, each with a count.
fn reasons(report: &ImportReport) -> String {
    let count =
        |n: u64, one: &str, more: &str| (n > 0).then(|| format!("{n} {}", if n == 1 { one } else { more }));
    let reasons = [
        count(report.total().refused, "line refused", "lines refused"),
        count(report.members_dropped, "member left out", "members left out"),
        count(report.bodies_missing, "body missing", "bodies missing"),
        count(
            report.bodies_differing,
            "body different from its manifest",
            "bodies different from their manifests",
        ),
        report.cut.as_ref().map(|_| "the input ends early".to_owned()),
    ];
    format!("exit code 1: {}", reasons.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
