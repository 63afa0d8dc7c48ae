//! The directions of relations and implied edges.

use crate::contract::{DeploymentExecution, LineageEdge, StableRef};
use crate::interpretation::lineage::model::{Direction, ImpliedEdge, ImpliedKind};

impl ImpliedEdge {
    pub(super) fn new(source: &StableRef, kind: ImpliedKind, target: &StableRef) -> ImpliedEdge {
        ImpliedEdge { source: source.clone(), target: target.clone(), kind }
    }

    /// Returns the edges from a deployment to its artifact, its run and its environment.
    pub(super) fn of_deployment(deployment: &DeploymentExecution) -> Vec<ImpliedEdge> {
        let own = &*deployment.deployment_execution_ref;
        let to = |target: Option<&StableRef>, kind| target.map(|target| ImpliedEdge::new(own, kind, target));
        let edges = [
            to(deployment.artifact_ref.as_deref(), ImpliedKind::DeployedFrom),
            to(deployment.run_ref.as_deref(), ImpliedKind::DeployedFrom),
            to(deployment.environment_snapshot_ref.as_deref(), ImpliedKind::RunsIn),
        ];
        edges.into_iter().flatten().collect()
    }

    /// Returns the end that a walk in `direction` reaches from the end `from`. Returns `None` if the walk
    /// does not follow the edge in this direction, or if `from` is not an end of the edge.
    pub(super) fn next(&self, from: &StableRef, direction: Direction) -> Option<&StableRef> {
        next(&self.source, &self.target, true, from, direction)
    }
}

/// Returns the end of a relation that a walk in `direction` reaches from the end `from`. Returns `None` if
/// the walk does not follow the relation in this direction, or if `from` is not an end of the relation.
pub(super) fn next_of<'e>(
    edge: &'e LineageEdge,
    from: &StableRef,
    direction: Direction,
) -> Option<&'e StableRef> {
    let is_target_origin = edge.relation_type.target_is_origin();
    next(&edge.source_ref, &edge.target_ref, is_target_origin, from, direction)
}

fn next<'e>(
    source: &'e StableRef,
    target: &'e StableRef,
    is_target_origin: bool,
    from: &StableRef,
    direction: Direction,
) -> Option<&'e StableRef> {
    let leads_to_target = match direction {
        Direction::Upstream => is_target_origin,
        Direction::Downstream => !is_target_origin,
        Direction::Outbound => true,
        Direction::Inbound => false,
        Direction::Both => from == source,
    };
    let (start, end) = if leads_to_target { (source, target) } else { (target, source) };
    (start == from).then_some(end)
}
