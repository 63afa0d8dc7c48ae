//! `contexta verify`

use crate::client::Options;
use crate::recovery::{Outcome as Verdict, ProjectionState, VerifyOptions, VerifyReport};
use crate::surfaces::cli::Failure;
use crate::surfaces::cli::args::{Cli, VerifyArgs};
use crate::surfaces::cli::output::{Output, Paint};
use crate::surfaces::cli::text::{heading, table};
use crate::surfaces::wire;

/// The exit code where nobody can say whether the workspace is whole.
const UNCHECKED: u8 = 3;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &VerifyArgs, out: &Output) -> u8 {
    match check(cli, args, out) {
        Ok((verdict, written)) => {
            if let Err(e) = written {
                out.failure(&Failure::Write(e));
            }
            verdict
        }
        Err(e) => {
            out.failure(&Failure::Client(e));
            UNCHECKED
        }
    }
}

type Checked = (u8, std::io::Result<()>);

fn check(cli: &Cli, args: &VerifyArgs, out: &Output) -> crate::client::Result<Checked> {
    let options = Options::from_config(&cli.loaded.config)?.read_only().temporary_dir(out.temporary_dir());
    let contexta = options.open()?;
    let heads = args.head.clone();
    let options = VerifyOptions { bodies: !args.skip_bodies, projections: !args.skip_projections, heads };
    let bar = out.progress("verifying");
    let report = contexta.verify(options, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let report = report?;
    out.notes(&report.notes);
    let written =
        if out.is_json() { out.json(&wire::verify(&report)) } else { out.text(&text(out, &report)) };
    let verdict = match report.outcome {
        Verdict::Whole => 0,
        Verdict::Damaged => 1,
        Verdict::Unchecked => UNCHECKED,
    };
    Ok((verdict, written))
}

fn text(out: &Output, r: &VerifyReport) -> String {
    let paint = if r.outcome == Verdict::Whole { Paint::Green } else { Paint::Red };
    let projections = match &r.projections {
        ProjectionState::Match => "projections match a rebuild",
        ProjectionState::Mismatch { .. } => "projections differ from a rebuild",
        ProjectionState::Skipped => "projections not compared",
    };
    let mut text = format!(
        "{}: {} entries in {} streams, {} bodies, {}{projections}\n",
        out.paint(paint, r.outcome.as_str()),
        r.entries(),
        r.streams.len(),
        r.bodies,
        match r.heads {
            0 => String::new(),
            1 => "1 head confirmed, ".to_owned(),
            n => format!("{n} heads confirmed, "),
        }
    );
    if !r.problems.is_empty() {
        text.push_str(&heading(out, "Problems"));
        let dash = |v: Option<String>| v.unwrap_or_else(|| "-".to_owned());
        let rows: Vec<_> = r
            .problems
            .iter()
            .map(|p| {
                let lost = p.lost.map(|(first, last)| match last {
                    Some(last) if last == first => first.to_string(),
                    Some(last) => format!("{first} to {last}"),
                    None => format!("unknown number after {}", first.previous()),
                });
                vec![
                    p.code.to_owned(),
                    dash(p.stream.map(|s| s.to_string())),
                    dash(p.segment.map(|s| s.to_string())),
                    dash(p.offset.map(|o| o.to_string())),
                    dash(lost),
                    p.message.clone(),
                ]
            })
            .collect();
        text.push_str(&table(out, &["CODE", "STREAM", "SEGMENT", "OFFSET", "LOST", ""], &rows, ""));
    }
    text
}
