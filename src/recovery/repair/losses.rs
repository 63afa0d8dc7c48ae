//! Records of losses. If a missing entry or a lost body may belong to a run, a degraded record is appended to
//! the run. Queries, reports and exports of the run then show the loss.

use crate::contract::error::bounded;
use crate::contract::models::payload::{DegradedCategory, DegradedPayload, DegradedSeverity};
use crate::contract::models::record::Degradation;
use crate::contract::{Fact, Members, RecordDraft, RecordRef, RunRef, StableRef, Timestamp, Valid, Value};
use crate::engine::checksum::Digest;
use crate::engine::entry::StreamId;
use crate::recovery::error::{Error, Result};
use crate::recovery::repair::bodies::BodyRepair;
use crate::store::{Durability, Journal, Note, Store, StoreView};
use std::collections::HashSet;

/// The producer of the degraded records.
const PRODUCER: &str = "contexta.repair";
/// The code of a note about missing entries.
const GAP: &str = "log_gap";
/// The issue key of missing entries.
const ENTRIES_LOST: &str = "repair.entries_lost";
/// The issue key of a lost body.
const BODY_LOST: &str = "repair.body_lost";
/// The greatest number of degraded records that one repair appends. Further losses appear only in the notes
/// of query results.
pub(super) const RECORDS_MAX: usize = 10_000;

/// A loss of a run.
struct Loss {
    run: RunRef,
    key: &'static str,
    summary: String,
    subject: Option<StableRef>,
    attributes: Members,
    /// The identity of the loss. Each loss of a run has a different text.
    identity: String,
}

/// Appends a degraded record for each loss without a record. Losses are missing entries that may belong to a
/// run, and lost bodies of artifacts and of files of directories. The copies of the streams `unread` cannot be read, so
/// no entry of these streams is recorded as lost. The ref of a record depends on the loss only, so a repeated repair
/// appends nothing. Returns the number of appended records, and whether some losses have no record because of
/// [`RECORDS_MAX`].
pub(super) fn record_losses(
    store: &Store,
    journal: &Journal,
    (bodies, unread): (&[BodyRepair], &[StreamId]),
    at: Timestamp,
) -> Result<(u64, bool)> {
    let facts = store.read(|view| {
        let mut losses = lost_entries(view, unread)?;
        losses.extend(lost_bodies(view, bodies)?);
        let mut facts = Vec::new();
        for loss in losses {
            // If the ref of the run is too long, no ref of a record can be built from it.
            let Ok(record_ref) = loss.record_ref() else { continue };
            if view.first_imported(&record_ref.clone().into())?.is_none() {
                facts.push(loss.into_fact(record_ref, at).map_err(crate::store::Error::from)?);
            }
            if facts.len() > RECORDS_MAX {
                break;
            }
        }
        Ok::<_, Error>(facts)
    })?;
    let is_cut = facts.len() > RECORDS_MAX;
    let facts: Vec<Fact> = facts.into_iter().take(RECORDS_MAX).collect();
    let count = facts.len() as u64;
    if count > 0 {
        journal.append(facts, Durability::Fsync)?;
    }
    Ok((count, is_cut))
}

/// Returns a loss for each run and each range of missing entries that may belong to the run.
fn lost_entries(view: &StoreView<'_>, unread: &[StreamId]) -> Result<Vec<Loss>> {
    let mut losses = Vec::new();
    let unread: Vec<String> = unread.iter().map(StreamId::to_string).collect();
    if !view.notes().iter().any(is_gap) {
        return Ok(losses);
    }
    for row in view.runs(None)? {
        for note in view.gaps_of_run(&row.run_ref)?.iter().filter(|note| is_gap(note)) {
            let range = |key: &str| {
                let found = note.details.iter().find(|(name, _)| *name == key);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            if unread.contains(&range("stream")) {
                continue;
            }
            losses.push(Loss {
                run: row.run_ref.clone(),
                key: ENTRIES_LOST,
                summary: bounded(format!("entries of the run may be missing: {}", note.message)),
                subject: None,
                attributes: ["stream", "first", "last"]
                    .map(|key| (key.to_owned(), Value::Text(range(key))))
                    .into_iter()
                    .collect(),
                identity: format!("{} {} {}", range("stream"), range("first"), range("last")),
            });
        }
    }
    Ok(losses)
}

fn is_gap(note: &Note) -> bool {
    note.code == GAP
}

/// Returns a loss for each artifact with a lost body, and for each lost file of a directory.
fn lost_bodies(view: &StoreView<'_>, bodies: &[BodyRepair]) -> Result<Vec<Loss>> {
    let mut losses = Vec::new();
    if bodies.is_empty() {
        return Ok(losses);
    }
    let lost: HashSet<Digest> = bodies.iter().map(|body| body.digest).collect();
    for artifact in view.artifacts(None)? {
        let own = StableRef::from(artifact.manifest.artifact_ref.clone());
        let (Some(run), Some(body)) = (own.run(), artifact.body) else { continue };
        if lost.contains(&body) {
            losses.push(Loss {
                run: run.clone(),
                key: BODY_LOST,
                summary: bounded(format!("the body {body} of {own} is lost")),
                subject: Some(own.clone()),
                attributes: Members::from([("body".to_owned(), Value::text(body))]),
                identity: format!("{own} {body}"),
            });
        }
        // If the list of files is lost or unreadable, the files are unknown. The loss of the list or a note then reports the
        // damage of the directory.
        let files = if artifact.is_tree() { view.tree_files(&body).unwrap_or_default() } else { Vec::new() };
        let is_lost = |(body, _): &(Digest, String)| lost.contains(body);
        losses.extend(
            files.into_iter().filter(is_lost).map(|(body, path)| Loss::of_file(&run, &own, body, path)),
        );
    }
    Ok(losses)
}

impl Loss {
    /// Returns the loss of the file at `path` of the directory `own`.
    fn of_file(run: &RunRef, own: &StableRef, body: Digest, path: String) -> Loss {
        let identity = format!("{own} {body} {path}");
        Loss {
            run: run.clone(),
            key: BODY_LOST,
            summary: bounded(format!("the body {body} of the file {path:?} of {own} is lost")),
            subject: Some(own.clone()),
            attributes: Members::from([
                ("body".to_owned(), Value::text(body)),
                ("path".to_owned(), Value::Text(path)),
            ]),
            identity,
        }
    }

    fn record_ref(&self) -> crate::contract::Result<RecordRef> {
        let digest = Digest::of(format!("{} {}", self.key, self.identity).as_bytes()).to_string();
        RecordRef::under(&self.run, &format!("repair-{}", digest.get(..16).unwrap_or_default()))
    }

    fn into_fact(self, record_ref: RecordRef, at: Timestamp) -> crate::contract::Result<Fact> {
        let (category, severity) = (DegradedCategory::Recovery, DegradedSeverity::Error);
        let mut payload = DegradedPayload::new(self.key, category, severity, self.summary);
        payload.subject_ref = self.subject;
        payload.attributes = self.attributes;
        let mut draft = RecordDraft::new(self.run, None, at, PRODUCER, payload);
        draft.observation.degradation_marker = Degradation::PartialFailure;
        draft.identity = Some((record_ref, at));
        Ok(Fact::Degraded(Valid::new(draft)?))
    }
}
