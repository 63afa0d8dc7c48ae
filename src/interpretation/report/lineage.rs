//! The report on a walk over the lineage graph.

use crate::interpretation::lineage::{Direction, LineageStep, LineageTraversal};
use crate::interpretation::report::model::{Block, ReportDocument, ReportSection, TreeItem};
use crate::interpretation::report::parts::completeness;
use crate::interpretation::report::policy::ReportPolicy;

/// Builds the report on a walk over the lineage graph.
pub fn lineage_report(traversal: &LineageTraversal, policy: &ReportPolicy) -> ReportDocument {
    let root = vec![traversal.root.to_string()];
    let mut sections =
        vec![ReportSection::of_lines("Root", root.clone(), "").with_blocks([Block::List(root)])];
    for (direction, title) in [(Direction::Upstream, "Upstream"), (Direction::Downstream, "Downstream")] {
        let steps = traversal.steps.iter().filter(|step| step.direction == direction);
        let items: Vec<TreeItem> = steps.map(item).collect();
        let lines = items.iter().map(|item| format!("{}{}", "  ".repeat(item.depth), item.text)).collect();
        let block = match items.is_empty() {
            true => Block::Absent("No steps.".to_owned()),
            false => Block::Tree(items),
        };
        sections.push(ReportSection::of_lines(title, lines, "No steps.").with_blocks([block]));
    }
    sections.extend(completeness(policy, &[], &traversal.notes));
    policy.document(&format!("Lineage Report: {}", traversal.root), sections)
}

fn item(step: &LineageStep) -> TreeItem {
    let relation = match &step.edge {
        Some(edge) => {
            let relation = edge.relation_type.as_str().replace('_', " ");
            format!("{} {relation} {}", edge.source_ref, edge.target_ref)
        }
        None if step.to.kind() == "run" => format!("contains {}", step.from),
        None => format!("part of {}", step.from),
    };
    TreeItem { depth: step.depth, text: format!("{} ({relation})", step.to) }
}
