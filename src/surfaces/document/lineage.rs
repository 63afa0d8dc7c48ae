//! The document of a walk over the lineage graph.

use crate::interpretation::{
    Block, Direction, LineageStep, LineageTraversal, ReportDocument, ReportSection, TreeItem,
};

/// Returns a document with the steps in each direction as a list, indented by their distance from the root.
pub(crate) fn lineage(answer: &LineageTraversal) -> ReportDocument {
    let mut sections = vec![ReportSection::new("", Block::Text(answer.root.to_string()))];
    for (direction, title) in [(Direction::Upstream, "Upstream"), (Direction::Downstream, "Downstream")] {
        let steps = answer.steps.iter().filter(|step| step.direction == direction);
        let items: Vec<TreeItem> = steps.map(item).collect();
        if !items.is_empty() {
            sections.push(ReportSection::new(title, Block::Tree(items)));
        }
    }
    sections.push(ReportSection::new("Notes", Block::Notes(answer.notes.clone())));
    ReportDocument { title: format!("Lineage of {}", answer.root), sections }
}

fn item(step: &LineageStep) -> TreeItem {
    let relation = match &step.edge {
        Some(edge) => {
            let relation = edge.relation_type.as_str().replace('_', " ");
            let (source, target, confidence) = (&edge.source_ref, &edge.target_ref, edge.confidence_marker);
            format!("{source} {relation} {target}, confidence {confidence}")
        }
        None if step.to.kind() == "run" => format!("contains {}", step.from),
        None => format!("part of {}", step.from),
    };
    TreeItem { depth: step.depth, text: format!("{}  ({relation})", step.to) }
}
