//! The commands `contexta log ls`, `contexta log heads`, `contexta log dump` and `contexta log tail`.

use crate::contract::json::write::canonical;
use crate::recovery::{
    DumpItem, DumpedEntry, Outcome as Verdict, Progress, TailItem, TailOptions, VerifyOptions,
};
use crate::surfaces::answer::{self, Answer as _};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::interrupt::Interrupt;
use crate::surfaces::cli::output::{Output, mover, plain};
use crate::surfaces::cli::recovery_args::{DumpArgs, TailArgs};
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;
use std::io::{self, Write};
use std::time::Duration;

/// The longest time after which `log tail --follow` notices an interruption or a closed pipe.
const FOLLOW_WAIT: Duration = Duration::from_millis(200);

pub(in crate::surfaces::cli) fn ls(cli: &Cli, out: &Output) -> Outcome {
    let streams = existing(cli)?.log_streams()?;
    out.answer_value(|| answer::streams(&streams), || document::streams(&streams))?;
    Ok(0)
}

pub(in crate::surfaces::cli) fn heads(cli: &Cli, out: &Output) -> Outcome {
    let bar = out.bar("reading the log");
    let mover = mover(&bar);
    let options = VerifyOptions {
        bodies: false,
        projections: false,
        progress: Progress::new(&mover),
        ..VerifyOptions::default()
    };
    let report = existing(cli)?.verify(options);
    bar.finish_and_clear();
    let report = report?;
    out.notes(&report.notes);
    // A stream with a gap has no head.
    let heads: Vec<String> = report.streams.iter().filter_map(|s| s.head).map(|h| h.to_string()).collect();
    if out.is_json() {
        out.json(&answer::heads(&heads, &report))?;
    } else {
        // The heads are not a document, because a head must be one line, even on a narrow terminal.
        out.text(&heads.iter().map(|head| format!("{head}\n")).collect::<String>())?;
        for problem in &report.problems {
            out.error(problem.code, &problem.message, Some("`contexta verify` lists all damage"));
        }
    }
    Ok(u8::from(report.outcome != Verdict::Whole))
}

pub(in crate::surfaces::cli) fn dump(cli: &Cli, args: &DumpArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let mut remaining = args.limit.unwrap_or(u64::MAX);
    let mut stdout = io::BufWriter::new(out.results());
    let mut items = contexta.dump_log(args.stream.as_deref())?;
    while remaining > 0
        && let Some(item) = items.next()
    {
        let item = item?;
        remaining -= u64::from(matches!(item, DumpItem::Entry(_)));
        write_item(&mut stdout, item, out)?;
    }
    stdout.flush()?;
    Ok(0)
}

pub(in crate::surfaces::cli) fn tail(cli: &Cli, args: &TailArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let options = TailOptions {
        last: args.last,
        follow: args.follow.then_some(FOLLOW_WAIT),
        kinds: args.kind.clone(),
        stream: args.stream.clone(),
        run: args.run.as_ref().map(|run| contexta.find_run(run)).transpose()?,
    };
    let interrupt = if args.follow { Some(Interrupt::catch()?) } else { None };
    let mut stdout = io::BufWriter::new(out.results());
    for item in contexta.tail_log(options)? {
        match item? {
            TailItem::Log(item) => write_item(&mut stdout, item, out)?,
            // No entry is available at the moment. A reader of the pipe must not wait for the next entry.
            _ => stdout.flush()?,
        }
        if interrupt.as_ref().is_some_and(|interrupt| interrupt.is_due(out)) {
            break;
        }
    }
    stdout.flush()?;
    Ok(0)
}

fn write_item(stdout: &mut dyn Write, item: DumpItem, out: &Output) -> io::Result<()> {
    match item {
        DumpItem::Entry(entry) if out.is_json() => out.json_line(stdout, &entry.to_value()),
        DumpItem::Entry(entry) => writeln!(stdout, "{}", line(&entry)),
        DumpItem::Note(note) if out.is_json() => out.json_line(stdout, &note.to_value()),
        DumpItem::Note(note) => {
            out.notes(&[note]);
            Ok(())
        }
    }
}

fn line(entry: &DumpedEntry) -> String {
    let object = entry.object.as_ref().map(canonical).and_then(Result::ok);
    let object = object.unwrap_or_else(|| format!("({} bytes)", entry.bytes));
    let DumpedEntry { stream, seq, time, kind, .. } = entry;
    format!("{stream}:{seq}  {time}  {}  {}", plain(kind), plain(&object))
}
