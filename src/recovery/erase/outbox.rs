//! The facts in the outbox: facts that could not be appended to the log.
//!
//! A replay copies these facts into the log. The outbox keeps its copies.

use crate::contract::{Fact, RunRef};
use crate::engine::entry::{Seq, Stamp, StreamId};
use crate::projections::entry::Captured;
use crate::projections::fact_runs::runs_of;
use crate::recovery::erase::site::EraseSite;
use crate::recovery::error::Result;
use crate::store::{self, Spill, StreamFacts};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Returns the log in the outbox.
pub(super) fn spill(site: &EraseSite<'_>) -> Spill {
    Spill::new(Arc::clone(site.storage), &site.dirs.outbox)
}

/// Returns `true` if an artifact in the outbox is not in the log yet. Its body is in use. Artifacts of erased runs are
/// left out. An entry that cannot be decoded may be an artifact.
pub(in crate::recovery) fn are_facts_spilled(site: &EraseSite<'_>) -> Result<bool> {
    let spill = spill(site);
    for stream in spill.streams()? {
        let spilled = facts(site, spill.dir(), stream, |fact| {
            fact.is_none_or(|captured| matches!(captured.fact, Fact::Artifact(..)))
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

/// Returns the number of facts in the outbox that belong to one of the runs.
pub(super) fn spilled_of(site: &EraseSite<'_>, runs: &BTreeSet<RunRef>) -> Result<u64> {
    let (spill, mut count) = (spill(site), 0);
    let is_of_runs = |fact: Option<&Captured>| {
        fact.is_some_and(|captured| runs_of(&captured.fact).iter().any(|run| runs.contains(run)))
    };
    for stream in spill.streams()? {
        count += facts(site, spill.dir(), stream, is_of_runs)?.len() as u64;
    }
    Ok(count)
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
