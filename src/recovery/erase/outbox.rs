//! The facts in the outbox: facts that could not be appended to the log.
//!
//! A replay copies these facts into the log. The outbox keeps its copies, until an erasure removes them.

use crate::contract::fact::ErasedEntries;
use crate::contract::{Fact, RunRef};
use crate::engine::entry::{Seq, Stamp, StreamId};
use crate::engine::log::names::segment_path;
use crate::engine::progress::Progress;
use crate::projections::entry::Captured;
use crate::projections::fact_runs::runs_of;
use crate::recovery::erase::scan::{FoundEntries, Wanted, find_entries};
use crate::recovery::erase::site::EraseSite;
use crate::recovery::error::Result;
use crate::store::{self, Spill, StreamFacts};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Returns the log in the outbox.
pub(super) fn spill(site: &EraseSite<'_>) -> Spill {
    Spill::new(Arc::clone(site.storage), &site.dirs.outbox)
}

/// Returns `true` if an artifact in the outbox is not in the log yet. Its body is in use. Artifacts of erased runs and of
/// the runs `excluded` are left out. An entry that cannot be decoded may be an artifact.
pub(in crate::recovery) fn are_facts_spilled(
    site: &EraseSite<'_>,
    excluded: &BTreeSet<RunRef>,
) -> Result<bool> {
    let is_excluded = |fact: &Fact| runs_of(fact).iter().any(|run| excluded.contains(run));
    let spill = spill(site);
    for stream in spill.streams()? {
        let spilled = facts(site, spill.dir(), stream, |fact| {
            fact.is_none_or(|captured| {
                matches!(captured.fact, Fact::Artifact(..)) && !is_excluded(&captured.fact)
            })
        })?;
        if spilled.is_empty() {
            continue;
        }
        let known = facts(site, &site.dirs.log, stream, |_| true)?;
        let known: BTreeSet<Seq> = known.into_iter().map(|(stamp, _)| stamp.seq).collect();
        let is_waiting = site.store.read(|view| {
            let is_erased = |stamp: &Stamp, fact: &Option<Captured>| {
                fact.as_ref().is_some_and(|captured| view.is_erased(captured, *stamp))
            };
            let mut waiting = spilled.iter().filter(|(stamp, _)| !known.contains(&stamp.seq));
            Ok::<_, store::Error>(waiting.any(|(stamp, fact)| !is_erased(stamp, fact)))
        })?;
        if is_waiting {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the entries of the runs in the outbox. The outbox keeps its entries after a replay, so an entry can be in the
/// outbox and in the log.
pub(super) fn spilled_entries(site: &EraseSite<'_>, wanted: Wanted<'_>) -> Result<FoundEntries> {
    let spill = spill(site);
    if spill.streams()?.is_empty() {
        return Ok(FoundEntries::default());
    }
    find_entries(site.storage, spill.dir(), wanted, Progress::none())
}

/// Returns the segments in the outbox with entries that the log does not contain. `spilled` are the entries of the runs in
/// the outbox, and `logged` are their entries in the log.
pub(super) fn files_only_in_outbox(
    site: &EraseSite<'_>,
    spilled: &FoundEntries,
    logged: &FoundEntries,
) -> Vec<PathBuf> {
    let is_logged = |run: &RunRef, entries: &ErasedEntries| {
        let stream = StreamId(entries.stream);
        logged.runs.get(run).and_then(|run| run.streams.get(&stream)) == Some(entries)
    };
    let all =
        spilled.runs.iter().flat_map(|(run, own)| own.streams.values().map(move |entries| (run, entries)));
    let streams = all.filter(|(run, entries)| !is_logged(run, entries)).map(|(_, entries)| entries.stream);
    let streams: BTreeSet<StreamId> = streams.map(StreamId).collect();
    let spill = spill(site);
    let segments = spilled.segments.keys().filter(|(stream, _)| streams.contains(stream));
    segments.map(|(stream, base)| segment_path(spill.dir(), *stream, *base)).collect()
}

/// Returns the selected facts of a stream. An entry that cannot be decoded has no fact.
fn facts(
    site: &EraseSite<'_>,
    log: &Path,
    stream: StreamId,
    selects: impl Fn(Option<&Captured>) -> bool,
) -> Result<Vec<(Stamp, Option<Captured>)>> {
    let mut found = Vec::new();
    for fact in StreamFacts::open(site.storage, &[log], stream, Seq::FIRST)? {
        let (stamp, fact) = fact?;
        if selects(fact.as_ref()) {
            found.push((stamp, fact));
        }
    }
    Ok(found)
}
