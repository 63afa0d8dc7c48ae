//! The look-up of objects by their refs.

use crate::contract::{ArtifactRef, ObjectKind, RecordRef, StableRef};
use crate::projections::keys;
use crate::projections::metadata::is_by_attribute;
use crate::projections::tables::{FACTS, OBJECTS, RELATIONS};
use crate::store::error::Result;
use crate::store::record_ref::position_of;
use crate::store::view::StoreView;

/// Returns `true` if the workspace has a fact about the object, artifact or record with this ref.
pub(super) fn is_known(view: &StoreView<'_>, own: &StableRef) -> Result<bool> {
    if let Ok(artifact) = ArtifactRef::try_from(own.clone()) {
        return view.has_artifact(&artifact);
    }
    if let Ok(record) = RecordRef::try_from(own.clone()) {
        return is_known_record(view, &record);
    }
    let kind = ObjectKind::ALL.iter().copied().find(|kind| kind.ref_kind() == own.kind());
    Ok(match kind {
        None => false,
        Some(kind) if is_by_attribute(kind) => {
            view.view.rows(FACTS, &keys::of_ref(own))?.next().transpose()?.is_some()
        }
        Some(ObjectKind::Relation) => !view.view.versions_of(RELATIONS, own.as_str().as_bytes())?.is_empty(),
        Some(_) => !view.view.versions_of(OBJECTS, own.as_str().as_bytes())?.is_empty(),
    })
}

fn is_known_record(view: &StoreView<'_>, own: &RecordRef) -> Result<bool> {
    if view.first_imported(&StableRef::from(own))?.is_some() {
        return Ok(true);
    }
    let Some((_, position)) = position_of(own) else { return Ok(false) };
    if !view.view.has_reached(position)? {
        return Ok(false);
    }
    let captured = view.records_at(&[position])?.into_iter().flatten().next();
    Ok(captured.is_some_and(|record| record.envelope().record_ref == *own))
}
