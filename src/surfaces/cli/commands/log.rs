//! `contexta log ls`, `contexta log heads`, `contexta log dump`

use crate::contract::json::write::canonical;
use crate::recovery::{Outcome as Verdict, StreamRow, VerifyOptions};
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::{Cli, DumpArgs};
use crate::surfaces::cli::commands::existing;
use crate::surfaces::cli::output::{Output, plain};
use crate::surfaces::cli::text::{second, table};
use crate::surfaces::wire;
use std::io::{self, Write};

pub(in crate::surfaces::cli) fn ls(cli: &Cli, out: &Output) -> Outcome {
    let streams = existing(cli)?.log_streams()?;
    if out.is_json() {
        out.json(&wire::streams(&streams))?;
        return Ok(0);
    }
    for stream in &streams {
        out.notes(&stream.notes);
    }
    let rows: Vec<Vec<String>> = streams.iter().map(row).collect();
    let headings = ["STREAM", "ENTRIES", "LAST", "LAST TIME", "SEGMENTS", "BYTES", "STATE"];
    out.text(&table(out, &headings, &rows, "no streams"))?;
    Ok(0)
}

pub(in crate::surfaces::cli) fn heads(cli: &Cli, out: &Output) -> Outcome {
    let bar = out.progress("reading the log");
    let options = VerifyOptions { bodies: false, projections: false, heads: Vec::new() };
    let report = existing(cli)?.verify(options, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let report = report?;
    out.notes(&report.notes);
    // A head behind a gap is none.
    let heads: Vec<String> = report.streams.iter().filter_map(|s| s.head).map(|h| h.to_string()).collect();
    if out.is_json() {
        out.json(&wire::heads(&heads, &report))?;
    } else {
        out.text(&heads.iter().map(|head| format!("{head}\n")).collect::<String>())?;
        for problem in &report.problems {
            out.error(problem.code, &problem.message, Some("`contexta verify` says more"));
        }
    }
    Ok(u8::from(report.outcome != Verdict::Whole))
}

fn row(s: &StreamRow) -> Vec<String> {
    let state = match (s.live, s.closed) {
        (true, _) => "live",
        (false, true) => "closed",
        (false, false) => "not closed",
    };
    vec![
        s.stream.to_string(),
        s.entries.to_string(),
        s.last.to_string(),
        second(s.last_time),
        s.segments.len().to_string(),
        s.segments.iter().map(|g| g.bytes).sum::<u64>().to_string(),
        state.to_owned(),
    ]
}

pub(in crate::surfaces::cli) fn dump(cli: &Cli, args: &DumpArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let mut written: io::Result<()> = Ok(());
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    contexta.dump_log(args.stream.as_deref(), |item| {
        if left == 0 {
            return false;
        }
        written = match item {
            Ok(entry) => {
                left -= 1;
                if out.is_json() {
                    out.json_line(&mut stdout, &wire::dumped(&entry))
                } else {
                    let object = entry.object.as_ref().map(canonical).and_then(Result::ok);
                    let object = object.unwrap_or_else(|| format!("({} bytes)", entry.bytes));
                    let (stream, seq, time) = (entry.stream, entry.seq, entry.time);
                    writeln!(stdout, "{stream}:{seq}  {time}  {}  {}", plain(&entry.kind), plain(&object))
                }
            }
            Err(note) if out.is_json() => out.json_line(&mut stdout, &wire::note(&note)),
            Err(note) => {
                out.notes(&[note]);
                Ok(())
            }
        };
        written.is_ok() && left > 0
    })?;
    written?;
    stdout.flush()?;
    Ok(0)
}
