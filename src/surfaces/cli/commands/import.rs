//! `contexta import jsonl`

use crate::client::{ImportReport, ImportSettings, ImportSource, Options};
use crate::contract::ExtensionRegistry;
use crate::interchange::jsonl::kinds;
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::{Cli, ImportJsonlArgs};
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::text::table;
use crate::surfaces::wire;

pub(in crate::surfaces::cli) fn jsonl(cli: &Cli, args: &ImportJsonlArgs, out: &Output) -> Outcome {
    let registry = match &args.registry {
        Some(path) => {
            let text = out.read_file(path)?;
            Some(ExtensionRegistry::from_json(&text).map_err(crate::client::Error::from)?)
        }
        None => None,
    };
    let settings = ImportSettings { bodies: args.bodies.clone(), strict: args.strict, registry };
    // Before a workspace is made for nothing.
    let stream = out.open_stream(&args.file)?;
    let contexta = Options::from_config(&cli.loaded.config)?.open()?;
    let bar = out.progress("importing");
    let tell = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let name = args.file.to_string_lossy();
    let report = match stream {
        Some(mut stream) => {
            contexta.import_jsonl(ImportSource::Reader(&name, stream.as_mut()), settings, &tell)
        }
        None => contexta.import_jsonl(ImportSource::File(&args.file), settings, &tell),
    };
    bar.finish_and_clear();
    let report = report?;
    contexta.close()?;
    if out.is_json() {
        out.json(&wire::import(&report))?;
    } else {
        out.notes(&report.notes);
        show(&report, out)?;
    }
    Ok(u8::from(!report.is_complete()))
}

/// How many refused lines, and how many bodies, are named for people.
const NAMED_MAX: usize = 10;

fn show(report: &ImportReport, out: &Output) -> std::io::Result<()> {
    let rows: Vec<Vec<String>> = kinds()
        .chain(["?"])
        .filter_map(|kind| Some((kind, report.kinds.get(kind)?)))
        .map(|(kind, n)| {
            vec![kind.to_owned(), n.new.to_string(), n.unchanged.to_string(), n.refused.to_string()]
        })
        .collect();
    let mut text = table(out, &["KIND", "NEW", "UNCHANGED", "REFUSED"], &rows, "no lines");
    if report.bodies_stored + report.bodies_missing + report.bodies_differing > 0 {
        let (stored, missing) = (report.bodies_stored, report.bodies_missing);
        text.push_str(&format!("bodies: {stored} stored, {missing} missing"));
        match report.bodies_differing {
            0 => text.push('\n'),
            n => text.push_str(&format!(", {n} not what their manifests say\n")),
        }
    }
    let warnings: Vec<String> = report.warnings.iter().map(|(code, n)| format!("{code} {n}")).collect();
    if !warnings.is_empty() {
        text.push_str(&format!("warnings: {}\n", warnings.join(", ")));
    }
    out.text(&text)?;
    for refused in report.refused.iter().take(NAMED_MAX) {
        let message =
            format!("line {}: {} at {}", refused.line, refused.rejection.message, refused.rejection.path);
        out.error(refused.rejection.code, &message, None);
    }
    let more = report.total().refused.saturating_sub(NAMED_MAX as u64);
    if let Some(path) = &report.quarantine {
        let others = if more > 0 { format!("{more} more; ") } else { String::new() };
        let cut = match report.not_kept {
            0 => String::new(),
            n => format!("; {n} of them are too long or too many, and not whole"),
        };
        out.done(&format!("{others}the refused lines are kept in {}, why beside it{cut}", path.display()));
    }
    for body in report.bodies.iter().take(NAMED_MAX) {
        out.error(body.code, &format!("line {}: {} (body {:?})", body.line, body.message, body.body), None);
    }
    if let Some(why) = &report.cut {
        out.error(
            "import_input_cut",
            &format!("the input ends early, {why}"),
            Some("what came before is taken over"),
        );
    }
    if !report.is_complete() {
        out.done(&reasons(report));
    }
    Ok(())
}

/// The reasons for exit code 1, counted.
fn reasons(report: &ImportReport) -> String {
    let count =
        |n: u64, one: &str, more: &str| (n > 0).then(|| format!("{n} {}", if n == 1 { one } else { more }));
    let reasons = [
        count(report.total().refused, "line refused", "lines refused"),
        count(report.bodies_missing, "body missing", "bodies missing"),
        count(
            report.bodies_differing,
            "body not what its manifest says",
            "bodies not what their manifests say",
        ),
        report.cut.as_ref().map(|_| "the input ends early".to_owned()),
    ];
    format!("exit code 1: {}", reasons.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
