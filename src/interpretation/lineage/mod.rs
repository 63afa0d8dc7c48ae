//! Walks over the lineage graph: to the objects that an object was made from, and to the objects that were made from
//! it.
//!
//! The edges of the graph are relations. Two kinds of implied edges connect objects without a relation:
//!
//! - A part is connected with its whole. The whole of a stage, artifact, record or environment is its run.
//!   The whole of a batch is its stage. The whole of a sample or operation is its batch or stage. A walk that
//!   reaches a whole also follows the relations of its parts. A walk upstream that reaches a part also
//!   follows the relations of its wholes. A walk downstream follows the relations of the wholes only if the
//!   part is a stage, batch, sample or operation. The depth does not increase between a part and a whole.
//! - A deployment is connected with its artifact, its run and its environment. The deployment was made from
//!   the artifact and the run, and runs in the environment. Each of these edges increases the depth by 1.
//!
//! A walk in the direction [`Direction::Both`] follows relations only. If such a walk reaches a run, the walk
//! also follows the relations of the run's stages, artifacts and deployments. If the walk reaches a stage,
//! the walk also follows the relations of the stage's artifacts.

mod members;
mod model;
mod tie;
mod walk;

use crate::contract::{ArtifactRef, ObjectKind, RelationRef, StableRef};
use crate::interpretation::error::Result;
use crate::store::{Note, Severity, Store, StoreView};

pub use model::{
    Direction, ImpliedEdge, ImpliedKind, LineagePolicy, LineageTraversal, TRAVERSAL_MAX, TraversedEdge,
    VisitedRef,
};

/// Walks from the ref `subject`, which is the root of the walk. The depth of an edge is the number of edges
/// between the edge and the root. Edges with a greater depth than the policy permits are not part of the
/// result. If the policy permits any depth, only [`TRAVERSAL_MAX`] limits the result.
pub fn traverse_lineage(store: &Store, subject: &str, policy: &LineagePolicy) -> Result<LineageTraversal> {
    let root = StableRef::parse(crate::contract::rules::trim(subject))?;
    store.read(|view| {
        let mut traversal = walk::walk(view, &root, policy.direction, policy.depth_max)?;
        // A root with relations is known, even if no fact about it is in the workspace.
        if !traversal.completeness_notes.is_empty() && !exists(view, &root)? {
            let message = format!("the workspace has no {root}");
            let note = Note::new(Severity::Warning, "lineage_subject_unknown", message);
            traversal.notes.push(note.with("subject", &root));
        }
        Ok(traversal)
    })
}

/// Returns `true` if the workspace contains the object or record with this ref.
fn exists(view: &StoreView<'_>, subject: &StableRef) -> Result<bool> {
    if let Ok(artifact) = ArtifactRef::try_from(subject.clone()) {
        return view.has_artifact(&artifact).map_err(Into::into);
    }
    if let Ok(relation) = RelationRef::try_from(subject.clone()) {
        return Ok(view.relation(&relation)?.is_some());
    }
    if subject.kind() == "record" {
        let Some(run) = subject.run() else { return Ok(false) };
        let (records, _) = view.records(&run, &[])?;
        return Ok(records.iter().any(|row| *row.record.envelope().record_ref == *subject));
    }
    let kind = ObjectKind::ALL.iter().find(|kind| kind.ref_kind() == subject.kind());
    Ok(match kind {
        Some(kind) => view.object(*kind, subject)?.is_some(),
        None => false,
    })
}
