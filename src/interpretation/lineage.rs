//! Walks over the lineage graph: to the objects that an object was made from, and to the objects that were made from
//! it.
//!
//! The type of an edge decides which of the edge's refs is the origin: the source for `consumed_by`, the target for
//! every other type. A stage is part of its run, so a walk that reaches a stage also follows the edges of the run. A
//! walk that starts at a run, or reaches a run by an edge, also follows the edges of the run's stages.

use crate::contract::{ArtifactRef, LineageEdge, RunRef, StableRef};
use crate::interpretation::error::{Error, Result};
use crate::store::{Note, Severity, Store, StoreView};
use std::collections::{BTreeSet, VecDeque};

/// The direction of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the objects that the root was made from.
    Upstream,
    /// To the objects that were made from the root.
    Downstream,
    /// Two walks from the root: one upstream and one downstream.
    Both,
}

impl Direction {
    /// Returns the stable name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Upstream => "upstream",
            Direction::Downstream => "downstream",
            Direction::Both => "both",
        }
    }
}

/// One step of a walk.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LineageStep {
    /// The edge; `None` between a stage and its run, which need no edge.
    pub edge: Option<LineageEdge>,
    /// The direction of the step; never `Both`.
    pub direction: Direction,
    /// The number of edges between the root and the start of the step.
    pub depth: usize,
    /// The ref at the start of the step.
    pub from: StableRef,
    /// The ref at the end of the step.
    pub to: StableRef,
}

/// The result of a walk.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LineageTraversal {
    /// The ref at which the walk starts.
    pub root: StableRef,
    /// The steps: upstream before downstream, and the nearest to the root first.
    pub steps: Vec<LineageStep>,
    /// All refs that the walk reached, the root first.
    pub visited: Vec<StableRef>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Walks from the ref `subject` to all refs at a distance of at most `depth_max` edges.
pub fn traverse_lineage(
    store: &Store,
    subject: &str,
    direction: Direction,
    depth_max: usize,
) -> Result<LineageTraversal> {
    let root = StableRef::parse(crate::contract::rules::trim(subject))?;
    root.check_shape()?;
    let walked = store.read(|view| {
        let mut traversal = LineageTraversal {
            root: root.clone(),
            steps: Vec::new(),
            visited: vec![root.clone()],
            notes: view.notes(),
        };
        for way in [Direction::Upstream, Direction::Downstream] {
            if direction == way || direction == Direction::Both {
                walk(view, &mut traversal, way, depth_max)?;
            }
        }
        let known = !traversal.steps.is_empty() || exists(view, &root)?;
        if known && traversal.steps.is_empty() {
            let message = match direction {
                Direction::Both => format!("{root} has no relations"),
                one => format!("{root} has no {} relations", one.as_str()),
            };
            traversal.notes.push(Note::new(Severity::Info, "lineage_root_has_no_relations", message));
        }
        Ok::<_, Error>((traversal, known))
    })?;
    match walked {
        (traversal, true) => Ok(traversal),
        (_, false) => Err(Error::SubjectNotFound { subject: root.to_string() }),
    }
}

fn exists(view: &StoreView<'_>, subject: &StableRef) -> crate::store::Result<bool> {
    Ok(match subject.kind() {
        "artifact" => view.artifact(&ArtifactRef::try_from(subject.clone())?)?.is_some(),
        "run" => view.run(&RunRef::try_from(subject.clone())?)?.is_some(),
        "stage" => match subject.run() {
            Some(run) => view.stages(&run)?.iter().any(|s| *s.stage_ref == *subject),
            None => false,
        },
        _ => !view.relations_of(subject)?.is_empty(),
    })
}

fn walk(
    view: &StoreView<'_>,
    traversal: &mut LineageTraversal,
    way: Direction,
    depth_max: usize,
) -> crate::store::Result<()> {
    let mut seen = BTreeSet::from([traversal.root.clone()]);
    let mut queue = VecDeque::from([(traversal.root.clone(), 0usize)]);
    while let Some((at, depth)) = queue.pop_front() {
        if depth >= depth_max {
            continue;
        }
        for place in same_place(view, &at, &mut seen)? {
            let steps = edge_steps(view, &place, way, depth)?;
            // A step from a run to a stage is added only if the stage has an edge in the direction of the walk.
            if place != at && (at.kind() == "stage" || !steps.is_empty()) {
                traversal.reach(&place);
                let (from, to) = (at.clone(), place.clone());
                traversal.steps.push(LineageStep { edge: None, direction: way, depth, from, to });
            }
            for step in steps {
                if seen.insert(step.to.clone()) {
                    traversal.reach(&step.to);
                    queue.push_back((step.to.clone(), depth + 1));
                }
                traversal.steps.push(step);
            }
        }
    }
    Ok(())
}

impl LineageTraversal {
    fn reach(&mut self, to: &StableRef) {
        if !self.visited.contains(to) {
            self.visited.push(to.clone());
        }
    }
}

/// Returns one step for each edge that leads from the ref `place` in the direction `way`.
fn edge_steps(
    view: &StoreView<'_>,
    place: &StableRef,
    way: Direction,
    depth: usize,
) -> crate::store::Result<Vec<LineageStep>> {
    let mut steps = Vec::new();
    for edge in view.relations_of(place)? {
        let (origin, outcome) = match edge.relation_type.target_is_origin() {
            true => (&edge.target_ref, &edge.source_ref),
            false => (&edge.source_ref, &edge.target_ref),
        };
        let (from, to) = if way == Direction::Upstream { (outcome, origin) } else { (origin, outcome) };
        if from == place {
            let (from, to) = (from.clone(), to.clone());
            steps.push(LineageStep { edge: Some(edge), direction: way, depth, from, to });
        }
    }
    steps.sort_by(|a, b| {
        let key = |s: &LineageStep| (s.edge.as_ref().map(|e| e.relation_type), s.to.clone());
        key(a).cmp(&key(b))
    });
    Ok(steps)
}

/// Returns the refs whose edges a walk follows when it reaches the ref `at`: `at` itself, and the run of a stage or the
/// stages of a run. Runs and stages in `seen` are left out; the others are added to `seen`.
fn same_place(
    view: &StoreView<'_>,
    at: &StableRef,
    seen: &mut BTreeSet<StableRef>,
) -> crate::store::Result<Vec<StableRef>> {
    let mut places = vec![at.clone()];
    let more: Vec<StableRef> = match (at.kind(), at.run()) {
        ("stage", Some(run)) => vec![run.into()],
        ("run", Some(run)) => view.stages(&run)?.into_iter().map(|s| s.stage_ref.into()).collect(),
        _ => Vec::new(),
    };
    places.extend(more.into_iter().filter(|place| seen.insert(place.clone())));
    Ok(places)
}
