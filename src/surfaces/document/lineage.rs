//! The document of a walk over the lineage graph.

use crate::contract::{Confidence, LineageEdge, StableRef};
use crate::interpretation::{
    Block, ImpliedEdge, ImpliedKind, LineageTraversal, ReportDocument, ReportSection, TraversedEdge, TreeItem,
};
use std::collections::{HashMap, HashSet};

/// The greatest number of implied edges that are shown.
const IMPLIED_MAX: usize = 20;

/// Returns a document with the counts, the edges as a tree, and the implied edges.
pub(crate) fn lineage(answer: &LineageTraversal) -> ReportDocument {
    let (edges, visited) = (answer.edges.len(), answer.visited.len());
    let mut counts =
        format!("Edges: {edges}, visited refs: {visited}, direction: {}", answer.direction.as_str());
    if let Some(depth_max) = answer.depth_max {
        counts.push_str(&format!(", depth at most {depth_max}"));
    }
    let summary = ReportSection::new("", Block::Text(counts));
    let mut sections = vec![summary];
    let items = tree(answer);
    if !items.is_empty() {
        sections.push(ReportSection::new("Edges", Block::Tree(items)));
    }
    if !answer.implied.is_empty() {
        let mut lines: Vec<String> = answer.implied.iter().take(IMPLIED_MAX).map(implied).collect();
        let more = answer.implied.len().saturating_sub(IMPLIED_MAX);
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        sections.push(ReportSection::new("Implied", Block::List(lines)));
    }
    let of_root =
        answer.completeness_notes.iter().map(|note| note.summary.replace('_', " ")).collect::<Vec<_>>();
    if !of_root.is_empty() {
        sections.push(ReportSection::new("Completeness", Block::List(of_root)));
    }
    sections.push(ReportSection::new("Notes", Block::Notes(answer.notes.clone())));
    ReportDocument { title: format!("Lineage of {}", answer.root), sections }
}

/// The tree of the edges, while it is being built.
struct Tree<'a> {
    edges: HashMap<&'a StableRef, Vec<&'a TraversedEdge>>,
    implied: HashMap<&'a StableRef, Vec<(&'a ImpliedEdge, &'a StableRef)>>,
    depths: HashMap<&'a StableRef, usize>,
    /// The refs that already have a position in the tree. The edges of a ref are shown below this position.
    placed: HashSet<&'a StableRef>,
}

/// A line of the tree, and the refs whose edges follow below the line.
type Line<'a> = (TreeItem, Vec<&'a StableRef>);

/// Returns the edges as a tree. The edges of a ref are below the edge that leads to the ref.
fn tree(answer: &LineageTraversal) -> Vec<TreeItem> {
    let mut tree = Tree {
        edges: HashMap::new(),
        implied: HashMap::new(),
        depths: answer.visited.iter().map(|visited| (&visited.subject, visited.depth)).collect(),
        placed: HashSet::from([&answer.root]),
    };
    for edge in &answer.edges {
        tree.edges.entry(&edge.found_at).or_default().push(edge);
    }
    for edge in answer.implied.iter().filter(|edge| edge.kind != ImpliedKind::PartOf) {
        tree.implied.entry(&edge.source).or_default().push((edge, &edge.target));
        tree.implied.entry(&edge.target).or_default().push((edge, &edge.source));
    }
    let mut items = Vec::new();
    // A stack instead of recursion, because a chain of edges may be long.
    let mut stack: Vec<Line<'_>> = tree.lines(&answer.root, 0);
    while let Some((item, below)) = stack.pop() {
        let depth = item.depth;
        items.push(item);
        for subject in below.into_iter().rev() {
            stack.extend(tree.lines(subject, depth + 1));
        }
    }
    items
}

impl<'a> Tree<'a> {
    /// Returns the lines below a ref, in reverse order.
    fn lines(&mut self, at: &'a StableRef, depth: usize) -> Vec<Line<'a>> {
        let mut lines = Vec::new();
        for edge in self.edges.remove(at).unwrap_or_default() {
            let text = item(edge, at);
            let ends = [&edge.edge.source_ref, &edge.edge.target_ref];
            lines.push((TreeItem { depth, text }, self.place(ends, at)));
        }
        for (edge, end) in self.implied.remove(at).unwrap_or_default() {
            let below = self.place([end, end], at);
            if !below.is_empty() {
                lines.push((TreeItem { depth, text: implied(edge) }, below));
            }
        }
        lines.reverse();
        lines
    }

    /// Returns the refs in `ends` that the walk reached from `at`. Refs that already have a position in the
    /// tree are excluded. Marks the returned refs as placed.
    fn place(&mut self, ends: [&'a StableRef; 2], at: &StableRef) -> Vec<&'a StableRef> {
        let next = self.depths.get(at).map(|depth| depth + 1);
        let is_next = |end: &&StableRef| next.is_some() && self.depths.get(*end).copied() == next;
        let new: Vec<&StableRef> = ends.into_iter().filter(is_next).collect();
        new.into_iter().filter(|end| self.placed.insert(end)).collect()
    }
}

/// Returns the text of an edge below the ref `at`.
fn item(edge: &TraversedEdge, at: &StableRef) -> String {
    let LineageEdge { source_ref, target_ref, relation_type, confidence_marker, .. } = &edge.edge;
    let relation = relation_type.as_str().replace('_', " ");
    let confidence = match confidence_marker {
        Confidence::High => String::new(),
        other => format!(" ({other} confidence)"),
    };
    match () {
        () if source_ref == at => format!("{relation} {target_ref}{confidence}"),
        () if target_ref == at => format!("{source_ref} {relation} this{confidence}"),
        () => format!("{source_ref} {relation} {target_ref}{confidence}"),
    }
}

fn implied(edge: &ImpliedEdge) -> String {
    format!("{} {} {}", edge.source, edge.kind.as_str().replace('_', " "), edge.target)
}
