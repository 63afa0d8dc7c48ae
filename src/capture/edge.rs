//! Lineage edges that a program states.

use crate::contract::{
    Confidence, LineageEdge, LineageOrigin, RelationRef, RelationType, Result, RunRef, StableRef, Timestamp,
    Valid,
};
use crate::store::journal::short_digest;

/// Creates a lineage edge. The ref of the edge is derived from source, relation and target. An edge that is captured
/// several times therefore has one ref, and appears once in answers.
pub(super) fn edge(
    run: &RunRef,
    source: StableRef,
    relation: RelationType,
    target: StableRef,
    at: Timestamp,
) -> Result<Valid<LineageEdge>> {
    let content = format!("{source} {relation} {target}");
    let own = RelationRef::under(run, &short_digest(&content))?;
    let (origin, confidence) = (LineageOrigin::Explicit, Confidence::High);
    Valid::new(LineageEdge::new(own, relation, source, target, at, origin, confidence))
}
