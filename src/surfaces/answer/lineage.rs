//! The JSON form of lineage.

use crate::contract::Value;
use crate::interpretation::{ImpliedEdge, LineageTraversal, TraversedEdge, VisitedRef};
use crate::surfaces::answer::parts::{list, text};
use crate::surfaces::answer::rows::provenance;
use crate::surfaces::answer::to_json::{ToJson, object};

pub(super) fn lineage(t: &LineageTraversal) -> Value {
    object!(t;
        root_ref: t.root, direction: t.direction.as_str(), depth_max, edges, implied,
        visited_refs: list(&t.visited, |v| Value::text(&v.subject)), visited, completeness_notes, evidence_links,
        notes
    )
}

impl ToJson for TraversedEdge {
    fn json(&self) -> Value {
        let edge = &self.edge;
        let provenance = self.provenance.as_ref().map(|record| {
            let mut value = provenance(record, "");
            if let Value::Map(members) = &mut value {
                members.insert("run_id".to_owned(), text(&self.run()));
            }
            value
        });
        object!(edge;
            relation_ref: text(&Some(&edge.relation_ref)), source_ref, target_ref,
            relation_type: edge.relation_type.as_str(), recorded_at, direction: self.direction.as_str(),
            depth: self.depth, provenance: provenance, evidence_links: self.evidence_links(),
            origin_marker: edge.origin_marker.as_str(), confidence_marker: edge.confidence_marker.as_str(), evidence_refs,
            operation_context_ref: text(&edge.operation_context_ref)
        )
    }
}

impl ToJson for ImpliedEdge {
    fn json(&self) -> Value {
        object!(self; kind: self.kind.as_str(), source_ref: self.source, target_ref: self.target)
    }
}

impl ToJson for VisitedRef {
    fn json(&self) -> Value {
        let confidence = self.confidence.map(|confidence| confidence.as_str());
        object!(self; subject_ref: self.subject, depth, weakest_confidence: confidence)
    }
}
