//! The look-up of objects by their refs.

use crate::contract::{ArtifactRef, RecordRef, StableRef};
use crate::store::error::Result;
use crate::store::view::StoreView;

/// Returns `true` if the workspace has a fact about the object, artifact or record with this ref.
pub(super) fn is_known(view: &StoreView<'_>, own: &StableRef) -> Result<bool> {
    if let Ok(artifact) = ArtifactRef::try_from(own.clone()) {
        return view.has_artifact(&artifact);
    }
    match RecordRef::try_from(own.clone()) {
        Ok(record) => Ok(view.first_imported(own)?.is_some() || view.has_captured_record(&record)?),
        Err(_) => view.has_object(own),
    }
}
