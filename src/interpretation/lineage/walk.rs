//! The walk over the graph, breadth first.

use crate::contract::{
    BatchRef, Confidence, DeploymentExecution, LineageEdge, Object, ObjectKind, RelationRef, RunRef,
    StableRef, StageRef,
};
use crate::interpretation::evidence::{CompletenessNote, unique};
use crate::interpretation::lineage::members::{Members, stage_of, whole_of};
use crate::interpretation::lineage::model::{
    Direction, ImpliedEdge, ImpliedKind, LineageTraversal, TRAVERSAL_MAX, TraversedEdge, VisitedRef,
};
use crate::interpretation::lineage::tie::next_of;
use crate::store::objects::ListedObject;
use crate::store::{Note, Result, Severity, StoreView};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Walks from the ref `root`.
pub(super) fn walk(
    view: &StoreView<'_>,
    root: &StableRef,
    direction: Direction,
    depth_max: Option<usize>,
) -> Result<LineageTraversal> {
    let mut walk = Walk {
        view,
        direction,
        depth_max,
        members: Members::new(view, direction),
        done: HashSet::new(),
        seen: HashSet::from([root.clone()]),
        visited: vec![VisitedRef { subject: root.clone(), depth: 0, confidence: None }],
        edges: BTreeMap::new(),
        order: Vec::new(),
        implied: BTreeSet::new(),
        deployments: HashMap::new(),
        has_provenance: view.objects(ObjectKind::Provenance, "provenance:")?.next().is_some(),
        is_cut: false,
    };
    let has_relations = walk.run()?;
    walk.surround(root)?;
    let mut completeness_notes = Vec::new();
    if !has_relations {
        let note = CompletenessNote::new(Severity::Info, "lineage_root_has_no_relations");
        completeness_notes.push(note.with("root_ref", root.as_str()));
    }
    let mut notes = view.notes();
    if walk.is_cut {
        let message = format!("the walk ended at the limit of {TRAVERSAL_MAX} refs or edges");
        notes.push(Note::new(Severity::Warning, "lineage_limit_reached", message));
    }
    let links = walk.order.iter().filter_map(|relation| walk.edges.get(relation));
    Ok(LineageTraversal {
        root: root.clone(),
        direction,
        depth_max,
        evidence_links: unique(links.flat_map(TraversedEdge::evidence_links)),
        edges: walk.edges.into_values().collect(),
        implied: walk.implied.into_iter().collect(),
        visited: walk.visited,
        completeness_notes,
        notes,
    })
}

struct Walk<'v> {
    view: &'v StoreView<'v>,
    direction: Direction,
    depth_max: Option<usize>,
    members: Members<'v>,
    /// The members whose relations were followed.
    done: HashSet<StableRef>,
    /// The refs in `visited`.
    seen: HashSet<StableRef>,
    /// The refs in the order in which the walk reached them. The queue consists of the refs at the end of the
    /// list whose edges have not been followed yet.
    visited: Vec<VisitedRef>,
    edges: BTreeMap<RelationRef, TraversedEdge>,
    /// The keys of `edges`, in the order in which they were found.
    order: Vec<RelationRef>,
    implied: BTreeSet<ImpliedEdge>,
    deployments: HashMap<StableRef, Vec<ImpliedEdge>>,
    /// `false` if the workspace has no provenance records, so that no edge needs a look-up.
    has_provenance: bool,
    /// `true` if the result is incomplete because a limit was reached.
    is_cut: bool,
}

impl Walk<'_> {
    /// Follows all edges. Returns `true` if the root or one of its members has a relation.
    fn run(&mut self) -> Result<bool> {
        let mut has_relations = self.follow_root_relation()?;
        let mut next = 0;
        while let Some(at) = self.visited.get(next).cloned() {
            let found = self.follow(&at)?;
            has_relations |= found && next == 0;
            next += 1;
        }
        Ok(has_relations)
    }

    /// Follows the root if the root is a relation. A walk in both directions does not follow the root.
    fn follow_root_relation(&mut self) -> Result<bool> {
        let Some(root) = self.visited.first().cloned() else { return Ok(false) };
        let Ok(relation) = RelationRef::try_from(root.subject.clone()) else { return Ok(false) };
        let Some(edge) = self.view.relation(&relation)?.filter(|_| self.direction != Direction::Both) else {
            return Ok(false);
        };
        let ends = [edge.source_ref.clone(), edge.target_ref.clone()];
        let next: Vec<StableRef> =
            ends.iter().filter_map(|end| next_of(&edge, end, self.direction).cloned()).collect();
        self.record(edge, self.direction, &root)?;
        let confidence = self.edges.get(&relation).map(|found| found.edge.confidence_marker);
        next.iter().for_each(|next| self.reach(next, &root, confidence));
        Ok(true)
    }

    /// Follows the edges of the members of a ref. Returns `true` if a member has a relation.
    fn follow(&mut self, at: &VisitedRef) -> Result<bool> {
        let mut named = self.members.of(&at.subject)?;
        named.retain(|(member, _)| !self.done.contains(member));
        self.done.extend(named.iter().map(|(member, _)| member.clone()));
        // The walk follows the relations in the order of their refs.
        named.sort_by(|(a, own_a), (b, own_b)| (own_a, a).cmp(&(own_b, b)));
        let mut has_relations = false;
        for (member, own) in &named {
            let Ok(relation) = RelationRef::try_from(own.clone()) else { continue };
            has_relations = true;
            if self.edges.contains_key(&relation) {
                continue;
            }
            let edge = self.view.relation(&relation)?;
            // A later fact about the relation may have other ends.
            if let Some(edge) = edge.filter(|edge| [&edge.source_ref, &edge.target_ref].contains(&member)) {
                self.follow_edge(at, member, edge)?;
            }
        }
        self.follow_deployments(at, &named)?;
        Ok(has_relations)
    }

    fn follow_edge(&mut self, at: &VisitedRef, member: &StableRef, edge: LineageEdge) -> Result<()> {
        let Some(end) = next_of(&edge, member, self.direction).cloned() else { return Ok(()) };
        let (source, target) = (edge.source_ref.clone(), edge.target_ref.clone());
        // The walk continues at the end that is not `at`. In a walk in both directions, `end` can be `at`
        // itself if `member` is a part of `at`.
        let (direction, next) = match self.direction {
            Direction::Both if source == at.subject => (Direction::Outbound, vec![target]),
            Direction::Both if target == at.subject => (Direction::Inbound, vec![source]),
            Direction::Both => (Direction::Both, vec![source, target]),
            one => (one, vec![end]),
        };
        let confidence = Some(edge.confidence_marker);
        if self.record(edge, direction, at)? {
            self.connect(member, &at.subject)?;
            next.iter().for_each(|next| self.reach(next, at, confidence));
        }
        Ok(())
    }

    /// Follows the implied edges between deployments and members. A walk in both directions adds the implied
    /// edges of the ref `at` to the result, but does not follow these edges.
    fn follow_deployments(&mut self, at: &VisitedRef, named: &[(StableRef, StableRef)]) -> Result<()> {
        let mut links = BTreeMap::new();
        let of_members = named.iter().filter(|(_, own)| own.kind() == "deployment");
        let own = Some((&at.subject, &at.subject)).filter(|(own, _)| own.kind() == "deployment");
        for (member, deployment) in of_members.map(|(member, own)| (member, own)).chain(own) {
            for link in self.links_of(deployment)? {
                let next = match self.direction {
                    Direction::Both if [&link.source, &link.target].contains(&&at.subject) => None,
                    Direction::Both => continue,
                    direction => match link.next(member, direction) {
                        Some(next) => Some(next.clone()),
                        None => continue,
                    },
                };
                links.insert(link, (member.clone(), next));
            }
        }
        for (link, (member, next)) in links {
            if self.imply(link) {
                self.connect(&member, &at.subject)?;
                next.iter().for_each(|next| self.reach(next, at, None));
            }
        }
        Ok(())
    }

    /// Returns the implied edges of a deployment.
    fn links_of(&mut self, deployment: &StableRef) -> Result<Vec<ImpliedEdge>> {
        if let Some(links) = self.deployments.get(deployment) {
            return Ok(links.clone());
        }
        let object = self.view.object(ObjectKind::Deployment, deployment)?;
        let links = match object {
            Some(Object::Deployment(object)) => {
                let object: DeploymentExecution = object.into_inner();
                ImpliedEdge::of_deployment(&object)
            }
            _ => Vec::new(),
        };
        self.deployments.insert(deployment.clone(), links.clone());
        Ok(links)
    }

    /// Adds an edge to the answer. Returns `false` if the limit is reached.
    fn record(&mut self, edge: LineageEdge, direction: Direction, at: &VisitedRef) -> Result<bool> {
        if self.edges.len() >= TRAVERSAL_MAX {
            self.is_cut = true;
            return Ok(false);
        }
        let relation = edge.relation_ref.clone();
        let provenance = match self.has_provenance {
            true => self.view.provenance_of(&relation)?.pop(),
            false => None,
        };
        self.order.push(relation.clone());
        let (depth, found_at) = (at.depth, at.subject.clone());
        self.edges.insert(relation, TraversedEdge { edge, direction, depth, found_at, provenance });
        Ok(true)
    }

    /// Adds an implied edge to the answer. Returns `false` if the limit is reached.
    fn imply(&mut self, edge: ImpliedEdge) -> bool {
        if self.implied.len() >= TRAVERSAL_MAX {
            self.is_cut = true;
            return false;
        }
        self.implied.insert(edge);
        true
    }

    /// Adds the ref `next` to the queue. A ref is not added if the walk has already reached it, or if its
    /// depth is above the limit.
    fn reach(&mut self, next: &StableRef, from: &VisitedRef, confidence: Option<Confidence>) {
        let is_deepest = self.depth_max.is_some_and(|depth_max| from.depth >= depth_max);
        if is_deepest || self.seen.contains(next) {
            return;
        }
        if self.visited.len() >= TRAVERSAL_MAX {
            self.is_cut = true;
            return;
        }
        self.seen.insert(next.clone());
        let confidence = from.confidence.into_iter().chain(confidence).max_by_key(|one| doubt(*one));
        self.visited.push(VisitedRef { subject: next.clone(), depth: from.depth + 1, confidence });
    }

    /// Adds the implied edges between a member and the ref `at`.
    fn connect(&mut self, member: &StableRef, at: &StableRef) -> Result<()> {
        let chain = match (chain(member, at), chain(at, member)) {
            (Some(chain), _) | (None, Some(chain)) => chain,
            // The ref of an artifact does not contain its stage.
            (None, None)
                if member.kind() == "artifact" && stage_of(self.view, member)?.as_ref() == Some(at) =>
            {
                vec![ImpliedEdge::new(member, ImpliedKind::PartOf, at)]
            }
            // `member` is a deployment of the run `at`.
            (None, None) => self.links_of(member)?.into_iter().filter(|link| link.target == *at).collect(),
        };
        chain.into_iter().for_each(|edge| {
            self.imply(edge);
        });
        Ok(())
    }

    /// Adds the implied edges between the root and the objects that contain it, and between the root and its direct
    /// parts.
    fn surround(&mut self, root: &StableRef) -> Result<()> {
        let mut part = root.clone();
        while let Some(whole) = whole_of(&part) {
            self.imply(ImpliedEdge::new(&part, ImpliedKind::PartOf, &whole));
            part = whole;
        }
        let view = self.view;
        let mut parts: Vec<StableRef> = Vec::new();
        if let Ok(run) = RunRef::try_from(root.clone()) {
            parts.extend(view.stages(&run)?.into_iter().map(|row| row.stage_ref.into()));
            parts.extend(view.artifact_refs(&run)?.into_iter().map(StableRef::from));
            for deployment in view.deployments_of(root)? {
                ImpliedEdge::of_deployment(&deployment)
                    .into_iter()
                    .filter(|link| link.target == *root)
                    .for_each(|link| {
                        self.imply(link);
                    });
            }
        } else if StageRef::try_from(root.clone()).is_ok() {
            parts.extend(self.refs_under(ObjectKind::Batch, root)?);
            parts.extend(self.refs_under(ObjectKind::Sample, root)?);
        } else if BatchRef::try_from(root.clone()).is_ok() {
            parts.extend(self.refs_under(ObjectKind::Sample, root)?);
        } else if root.kind() == "project" {
            parts.extend(self.refs_under(ObjectKind::Run, root)?);
        }
        for part in parts.iter().filter(|part| whole_of(part).as_ref() == Some(root)) {
            self.imply(ImpliedEdge::new(part, ImpliedKind::PartOf, root));
        }
        Ok(())
    }

    /// Returns the refs of the objects of a kind under a parent, at most as many as an answer may contain.
    fn refs_under(&self, kind: ObjectKind, parent: &StableRef) -> Result<Vec<StableRef>> {
        let prefix = format!("{}:{}.", kind.ref_kind(), parent.value());
        let mut refs = Vec::new();
        for item in self.view.objects(kind, &prefix)?.take(TRAVERSAL_MAX) {
            if let ListedObject::Object(object) = item? {
                refs.push(object.own_ref().clone());
            }
        }
        Ok(refs)
    }
}

/// Returns the chain of implied edges from `part` up to `whole`; `None` if `whole` does not contain `part`.
fn chain(part: &StableRef, whole: &StableRef) -> Option<Vec<ImpliedEdge>> {
    let (mut edges, mut at) = (Vec::new(), part.clone());
    while at != *whole {
        let next = whole_of(&at)?;
        edges.push(ImpliedEdge::new(&at, ImpliedKind::PartOf, &next));
        at = next;
    }
    Some(edges)
}

/// Returns a number for a confidence. The number is greater for a lower confidence.
fn doubt(confidence: Confidence) -> u8 {
    match confidence {
        Confidence::High => 0,
        Confidence::Medium => 1,
        Confidence::Low => 2,
        Confidence::Unknown => 3,
    }
}
