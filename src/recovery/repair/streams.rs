//! The comparison of damaged, shortened and missing streams with their copies in a source.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::Error as EngineError;
use crate::engine::fault::chain;
use crate::engine::log::directory::{is_held, list_streams};
use crate::engine::log::merge::{HealSite, Healing};
use crate::engine::storage::Storage;
use crate::engine::verify::LogReport;
use crate::projections::DOMAIN;
use crate::recovery::error::Result;
use crate::recovery::known::{Known, KnownState};
use crate::recovery::repair::source::Copies;
use crate::store::{Note, Severity};
use std::collections::BTreeSet;
use std::path::Path;

/// A stream that a copy heals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamHeal {
    /// The stream.
    pub stream: StreamId,
    /// The number of entries that the copy adds.
    pub added: u64,
    /// The number of added entries that fill gaps.
    pub filled: u64,
    /// The number of entries that neither the stream nor the copy has.
    pub missing: u64,
}

/// The result of comparing streams with their copies.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) heals: Vec<StreamHeal>,
    /// The streams whose copies cannot be read.
    pub(super) unread: Vec<StreamId>,
    pub(super) notes: Vec<Note>,
}

/// Returns the streams that the copies heal, the streams whose copies cannot be read, and notes on streams whose copies cannot be used.
pub(super) fn healed_streams(
    storage: &dyn Storage,
    log: &Path,
    found: &LogReport,
    state: &KnownState,
    copies: &Copies,
) -> Result<Comparison> {
    let known = state.clone().into_known();
    let damaged: BTreeSet<StreamId> = found.problems.iter().filter_map(|problem| problem.stream).collect();
    let present = list_streams(storage, log)?;
    let Comparison { mut heals, mut unread, mut notes } = Comparison::default();
    for stream in candidates(storage, log, found, state, copies)? {
        if is_held(storage, log, stream) {
            // The plan names every stream with a writer.
            continue;
        }
        let site = HealSite { storage: &copies.storage, domain: DOMAIN, from: &copies.log, into: log };
        match site.compare(stream, &anchors(&known, stream)) {
            Ok(Healing::Nothing) => {}
            Ok(Healing::Adds { added, filled, missing }) => {
                heals.push(StreamHeal { stream, added, filled, missing });
            }
            Ok(Healing::Differs(seq)) => {
                notes.push(refused(stream, &format!("the copy contains another entry with the number {seq}")))
            }
            Ok(Healing::Contradicts(seq)) => notes.push(refused(
                stream,
                &format!("the entries up to {seq} contradict the chain over the entries"),
            )),
            Ok(Healing::Newer) => {
                notes.push(refused(stream, "a part of it was written by a newer version of the program"));
            }
            Err(e @ EngineError::Io { .. }) if concerns(&e, &copies.log) => {
                // A stream without damage is also compared if no streams are known.
                if damaged.contains(&stream) || !present.contains(&stream) {
                    unread.push(stream);
                    notes.push(unreadable(stream, &chain(&e)));
                } else {
                    notes.push(not_compared(stream, &chain(&e)));
                }
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(Comparison { heals, unread, notes })
}

fn concerns(error: &EngineError, dir: &Path) -> bool {
    matches!(error, EngineError::Io { path, .. } if path.starts_with(dir))
}

fn anchors(known: &Known, stream: StreamId) -> Vec<(Seq, crate::engine::checksum::Digest)> {
    known.ends_of(stream).filter_map(|end| Some((end.seq, end.link?))).collect()
}

/// Returns the streams of the source that may heal the workspace. These are streams with a problem, and known
/// streams that are gone. If no known streams are recorded, all streams that both logs contain are added. If
/// the source is a backup of the workspace, all streams of the backup are then added.
fn candidates(
    storage: &dyn Storage,
    log: &Path,
    found: &LogReport,
    state: &KnownState,
    copies: &Copies,
) -> Result<Vec<StreamId>> {
    let damaged: BTreeSet<StreamId> = found.problems.iter().filter_map(|problem| problem.stream).collect();
    let is_known = matches!(state, KnownState::Known(known) if known.has_streams());
    let present = list_streams(storage, log)?;
    let is_candidate = |stream: &StreamId| {
        let may_be_shorter = !is_known && (copies.is_backup_of_workspace || present.contains(stream));
        damaged.contains(stream) || may_be_shorter
    };
    Ok(list_streams(copies.storage.as_ref(), &copies.log)?.into_iter().filter(is_candidate).collect())
}

fn not_compared(stream: StreamId, reason: &str) -> Note {
    let message = format!(
        "stream {stream} has no damage, but could not be compared with its copy, because the copy cannot be read: {reason}"
    );
    Note::new(Severity::Warning, "repair_copy_not_compared", message).with("stream", stream)
}

fn unreadable(stream: StreamId, reason: &str) -> Note {
    let message = format!(
        "stream {stream} is not repaired, because its copy cannot be read: {reason}; repeat the repair when the source \
         can be read, or repair without `--from` to accept the loss"
    );
    Note::new(Severity::Error, "repair_copy_unreadable", message).with("stream", stream)
}

fn refused(stream: StreamId, reason: &str) -> Note {
    let message = format!("stream {stream} is not healed from its copy: {reason}");
    Note::new(Severity::Warning, "repair_copy_refused", message).with("stream", stream)
}
