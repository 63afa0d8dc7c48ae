//! The check of all streams of a log.

use crate::engine::chain::Head;
use crate::engine::domain::Domain;
use crate::engine::entry::{Event, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::directory::{list_streams, log_bytes};
use crate::engine::storage::Storage;
use crate::engine::verify::note::LogNote;
use crate::engine::verify::options::{KnownEnd, LogCheck};
use crate::engine::verify::problem::Problem;
use crate::engine::verify::report::LogReport;
use crate::engine::verify::stream::{StreamCheck, StreamScan};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Checks every stream of the log in the directory `log` without changing anything. A missing directory is a log
/// without streams.
///
/// An entry whose kind is in [`Event::KINDS`] and whose payload [`Event::decode`] refuses is a problem; an entry of
/// another kind is not. A stream that cannot be read is a note, and the other streams are checked nevertheless.
///
/// Errors: the directory cannot be listed, or a stream belongs to another domain than `domain` or to a newer version of
/// it ([`Error::ForeignDomain`]).
///
/// Cost: reads the log once, and streams with a writer that seem damaged up to three times. Decodes every entry. Keeps
/// in memory the entries of one commit, a report for each stream, and at most [`LogCheck::problems_max`] problems in
/// addition to the problems at the ends of streams and of saved heads.
pub fn verify_log<E: Event>(
    storage: &Arc<dyn Storage>,
    log: &Path,
    domain: Domain,
    check: &LogCheck<'_>,
) -> Result<LogReport> {
    let streams = list_streams(storage.as_ref(), log)?;
    let total = log_bytes(storage.as_ref(), log, &streams);
    let mut done = 0;
    let mut advance = |bytes| {
        done += bytes;
        check.progress.report(done, total.max(done));
    };
    let mut report = LogReport { problems: missing_streams(check, &streams), ..LogReport::default() };
    for stream in streams {
        let problems_max = check.problems_max.saturating_sub(report.problems.len());
        let scan = StreamCheck { storage, log, domain, stream, check, problems_max }.run::<E>(&mut advance);
        match scan {
            Ok(scan) => report.add(scan),
            Err(error @ Error::ForeignDomain { .. }) => return Err(error),
            Err(error) => report.notes.push(unchecked(stream, &error)),
        }
    }
    check.progress.report(total.max(done), total.max(done));
    Ok(report)
}

/// Returns a problem for each saved head and each known end of a stream that is not in the log.
fn missing_streams(check: &LogCheck<'_>, streams: &[StreamId]) -> Vec<Problem> {
    // Exactly one share reports a stream without segments.
    let is_in_share =
        |stream: StreamId| check.share.is_none_or(|share| share.has_segment(stream, Seq::FIRST));
    let is_missing = |stream: StreamId| streams.binary_search(&stream).is_err() && is_in_share(stream);
    let heads = check.heads.iter().filter(|head| is_missing(head.stream));
    let problem = |head: &Head| {
        let message =
            format!("stream {} is not in the log; its saved head is at entry {}", head.stream, head.seq);
        let lost = (head.seq > Seq(0)).then_some((Seq::FIRST, Some(head.seq)));
        Problem { stream: Some(head.stream), lost, ..Problem::new("stream_missing", message) }
    };
    // A stream can have several known ends. Only the last one is reported.
    let mut last = BTreeMap::new();
    for known in check.known.iter().filter(|known| is_missing(known.stream)) {
        let end = last.entry(known.stream).or_insert(known);
        if end.seq < known.seq {
            *end = known;
        }
    }
    let gone = |known: &KnownEnd| {
        let message = format!(
            "stream {} is not in the log any more; an earlier read has seen it up to entry {}",
            known.stream, known.seq
        );
        let lost = (known.seq > Seq(0)).then_some((Seq::FIRST, Some(known.seq)));
        Problem { stream: Some(known.stream), lost, ..Problem::new("stream_missing", message) }
    };
    heads.map(problem).chain(last.into_values().map(gone)).collect()
}

fn unchecked(stream: StreamId, error: &Error) -> LogNote {
    let source = std::error::Error::source(error).map(|s| format!(": {s}")).unwrap_or_default();
    LogNote::StreamUnchecked { stream, reason: format!("{error}{source}") }
}

impl LogReport {
    /// Adds the result of one stream.
    fn add(&mut self, scan: StreamScan) {
        self.problems.extend(scan.problems.found);
        self.omitted += scan.problems.omitted;
        self.known_losses += scan.problems.known_losses;
        self.notes.extend(scan.notes);
        self.heads += scan.heads;
        self.segments.0 += scan.stream.segments as u64;
        self.segments.1 += scan.segments as u64;
        // A share may contain no segment of a stream.
        if scan.stream.segments > 0 || scan.segments == 0 {
            self.streams.push(scan.stream);
        }
    }
}
