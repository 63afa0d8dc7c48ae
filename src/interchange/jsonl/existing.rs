//! The state that objects, artifacts and records of imported lines have in the workspace.

use crate::contract::{RecordRef, RunStatus, StableRef};
use crate::engine::entry::{Position, Stamp};
use crate::interchange::error::Result;
use crate::interchange::jsonl::candidate::{Candidate, Item, status_of};
use crate::store::record_ref::position_of;
use crate::store::{ArtifactRow, EncodedFact, StoreView};
use std::collections::HashMap;

/// The state that one object, artifact or record has in the workspace.
#[derive(Debug, Default)]
pub(super) struct Existing {
    /// The effective object or manifest, or the captured record.
    pub(super) encoded: Option<EncodedFact>,
    /// The stamps of the facts that earlier imports recorded about the object or artifact. A line with new content
    /// replaces these facts.
    pub(super) replaceable: Vec<Stamp>,
    /// `true` if the object has a terminal status.
    pub(super) is_ended: bool,
    /// The artifact, if the workspace has one with this ref.
    pub(super) artifact: Option<ArtifactRow>,
    /// `true` if the workspace has a record with this ref, even if the content of the record differs.
    pub(super) record_exists: bool,
}

/// Looks up the objects, artifacts and records of some lines. Each ref is looked up once.
pub(super) fn existing(
    view: &StoreView<'_>,
    candidates: &[&Candidate],
) -> Result<HashMap<StableRef, Existing>> {
    let mut all: HashMap<StableRef, Existing> = HashMap::new();
    let mut captured: Vec<(&RecordRef, Position)> = Vec::new();
    for candidate in candidates {
        let subject = &candidate.subject;
        if all.contains_key(subject) {
            continue;
        }
        let mut existing = Existing::default();
        match &candidate.item {
            Item::Object(kind, _) => {
                let object = view.object(*kind, subject)?;
                let status = object.as_ref().and_then(status_of);
                existing.is_ended = status.is_some_and(|status| status != RunStatus::Open);
                existing.encoded = object.and_then(|object| EncodedFact::of_object(&object).ok());
            }
            Item::Artifact(manifest, _) => {
                existing.artifact = view.artifact(&manifest.artifact_ref)?;
                let row = existing.artifact.as_ref();
                existing.encoded = row.and_then(|row| EncodedFact::of_manifest(&row.manifest).ok());
            }
            Item::Record { record_ref, .. } => {
                existing.record_exists = view.first_imported(subject)?.is_some();
                captured.extend(position_of(record_ref).map(|(_, position)| (record_ref, position)));
            }
        }
        if !candidate.item.is_record() && view.first_imported(subject)?.is_some() {
            existing.replaceable = view.imported_stamps_of(subject)?;
        }
        all.insert(subject.clone(), existing);
    }
    let positions: Vec<Position> = captured.iter().map(|(_, position)| *position).collect();
    for ((record_ref, _), record) in captured.into_iter().zip(view.records_at(&positions)?) {
        if let (Some(record), Some(existing)) = (record, all.get_mut(&StableRef::from(record_ref)))
            && record.envelope().record_ref == *record_ref
        {
            existing.record_exists = true;
            existing.encoded = record.into_fact().ok().and_then(|fact| EncodedFact::new(&fact).ok());
        }
    }
    Ok(all)
}
