//! The report on a walk over the lineage graph.

use crate::interpretation::lineage::{LineageTraversal, TraversedEdge};
use crate::interpretation::report::model::{Block, Cell, ReportDocument, ReportSection, Table};
use crate::interpretation::report::parts::completeness;
use crate::interpretation::report::policy::ReportPolicy;

/// Builds the report on a walk over the lineage graph.
pub fn lineage_report(traversal: &LineageTraversal, policy: &ReportPolicy) -> ReportDocument {
    let root = vec![traversal.root.to_string()];
    let line = |edge: &TraversedEdge| {
        let (source, target) = (&edge.edge.source_ref, &edge.edge.target_ref);
        let relation = edge.edge.relation_type;
        format!("{source} {relation} {target}: direction={}, depth={}", edge.direction.as_str(), edge.depth)
    };
    let row = |edge: &TraversedEdge| {
        vec![
            Cell::text(&edge.edge.source_ref),
            Cell::Text(edge.edge.relation_type.as_str().replace('_', " ")),
            Cell::text(&edge.edge.target_ref),
            Cell::Count(edge.depth as u64),
            Cell::text(edge.edge.confidence_marker),
        ]
    };
    let lines = traversal.edges.iter().map(line).collect();
    let columns = ["Source", "Relation", "Target", "Depth", "Confidence"];
    let edges = match traversal.edges.is_empty() {
        true => Block::Absent("No edges.".to_owned()),
        false => Block::Table(Table::new(&columns, traversal.edges.iter().map(row).collect())),
    };
    let visited: Vec<String> = traversal.visited.iter().map(|visited| visited.subject.to_string()).collect();
    let mut sections = vec![
        ReportSection::of_lines("Root", root.clone(), "").with_blocks([Block::List(root)]),
        ReportSection::of_lines("Edges", lines, "No edges.").with_blocks([edges]),
        ReportSection::of_lines("Visited Refs", visited.clone(), "").with_blocks([Block::List(visited)]),
    ];
    sections.extend(completeness(policy, &traversal.completeness_notes, &traversal.notes));
    policy.document(&format!("Lineage Report: {}", traversal.root), sections)
}
