//! The answer to a walk over the lineage graph.

use crate::contract::{Confidence, LineageEdge, ProvenanceRecord, RunRef, StableRef};
use crate::interpretation::error::{Error, Result};
use crate::interpretation::evidence::{CompletenessNote, EvidenceLink};
use crate::store::Note;
use std::str::FromStr;

/// The greatest number of refs, of edges and of implied edges in one answer.
pub const TRAVERSAL_MAX: usize = 100_000;

/// The settings of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineagePolicy {
    /// The direction of the walk.
    pub direction: Direction,
    /// The greatest depth of an edge in the result; `None` for any depth.
    pub depth_max: Option<usize>,
}

impl Default for LineagePolicy {
    fn default() -> LineagePolicy {
        LineagePolicy { direction: Direction::Both, depth_max: None }
    }
}

/// The direction of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Direction {
    /// To the objects that the root was made from. The type of an edge determines which of its two ends is the
    /// origin.
    Upstream,
    /// To the objects that were made from the root.
    Downstream,
    /// From the targets of edges to the sources.
    Inbound,
    /// From the sources of edges to the targets.
    Outbound,
    /// From each end of an edge to the other one.
    Both,
}

impl Direction {
    /// All directions.
    pub const ALL: [Direction; 5] = [
        Direction::Upstream,
        Direction::Downstream,
        Direction::Inbound,
        Direction::Outbound,
        Direction::Both,
    ];

    /// Returns the stable name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Upstream => "upstream",
            Direction::Downstream => "downstream",
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
            Direction::Both => "both",
        }
    }
}

impl FromStr for Direction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Direction> {
        let found = Direction::ALL.into_iter().find(|direction| direction.as_str() == text);
        found.ok_or_else(|| Error::InvalidDirection { asked: text.to_owned() })
    }
}

/// An edge that a walk found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TraversedEdge {
    /// The edge.
    pub edge: LineageEdge,
    /// The direction of the walk. If the direction of the walk is `Both`, this value depends on the ref at
    /// which the walk found the edge. The value is `Outbound` for the source of the edge, and `Inbound` for
    /// the target. The value is `Both` for a run or stage with a part that is an end of the edge.
    pub direction: Direction,
    /// The number of edges between the root and this edge.
    pub depth: usize,
    /// The visited ref at which the walk found the edge. One end of the edge is this ref, the ref of a part,
    /// or the ref of an object that contains the visited object.
    pub found_at: StableRef,
    /// The newest provenance record of the edge.
    pub provenance: Option<ProvenanceRecord>,
}

impl TraversedEdge {
    /// Returns the run that the edge belongs to. An edge belongs to the run of the source. If the source has
    /// no run, the edge belongs to the run of the target.
    #[must_use]
    pub fn run(&self) -> Option<RunRef> {
        self.edge.source_ref.run().or_else(|| self.edge.target_ref.run())
    }

    /// Returns links to the relation, its source and its target.
    #[must_use]
    pub fn evidence_links(&self) -> [EvidenceLink; 3] {
        let LineageEdge { relation_ref, relation_type, source_ref, target_ref, .. } = &self.edge;
        [
            EvidenceLink::new("relation", relation_ref, relation_type.as_str()),
            EvidenceLink::new("ref", source_ref, source_ref.as_str()),
            EvidenceLink::new("ref", target_ref, target_ref.as_str()),
        ]
    }
}

/// A ref that a walk reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VisitedRef {
    /// The ref.
    pub subject: StableRef,
    /// The number of edges between the root and the ref.
    pub depth: usize,
    /// The lowest confidence of the edges on the path from the root to the ref. `None` if no edge on the path
    /// has a confidence. An unknown confidence counts as the lowest.
    pub confidence: Option<Confidence>,
}

/// The kind of an implied edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ImpliedKind {
    /// The source is a part of the target.
    PartOf,
    /// The deployment `source` was made from the artifact or run `target`.
    DeployedFrom,
    /// The deployment `source` runs in the environment `target`.
    RunsIn,
}

impl ImpliedKind {
    /// Returns the stable name in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ImpliedKind::PartOf => "part_of",
            ImpliedKind::DeployedFrom => "deployed_from",
            ImpliedKind::RunsIn => "runs_in",
        }
    }
}

/// An edge that follows from the attributes of objects, without a relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ImpliedEdge {
    /// The source.
    pub source: StableRef,
    /// The target.
    pub target: StableRef,
    /// The kind.
    pub kind: ImpliedKind,
}

/// The result of a walk.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LineageTraversal {
    /// The ref at which the walk starts.
    pub root: StableRef,
    /// The direction of the walk.
    pub direction: Direction,
    /// The greatest depth of an edge; `None` for a walk without a limit.
    pub depth_max: Option<usize>,
    /// The relations that the walk found, ordered by ref.
    pub edges: Vec<TraversedEdge>,
    /// The implied edges that connect the root, the edges and the visited refs, ordered by source, target and kind.
    pub implied: Vec<ImpliedEdge>,
    /// The refs that the walk reached by edges, in the order in which it reached them, the root first.
    pub visited: Vec<VisitedRef>,
    /// Notes on the root.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Links to the edges and their ends, in the order in which the walk found them.
    pub evidence_links: Vec<EvidenceLink>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

impl LineageTraversal {
    /// Returns `true` if the walk reached the ref by edges.
    #[must_use]
    pub fn reaches(&self, subject: &StableRef) -> bool {
        self.visited.iter().any(|visited| visited.subject == *subject)
    }
}
