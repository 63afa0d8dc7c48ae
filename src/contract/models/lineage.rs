//! An edge of the lineage graph.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::model::declare::{model, versioned};
use crate::contract::refs::stable::StableRef;
use crate::contract::refs::typed::{OperationRef, RelationRef};
use crate::contract::time::Timestamp;
use crate::contract::version::SCHEMA_VERSION;
use crate::contract::words::words;

words! {
    /// The relation of an edge, read as "source *relation* target".
    RelationType, "a relation type", ErrorCode::Marker, {
        /// The source was generated from the target.
        GeneratedFrom = "generated_from",
        /// The source was consumed by the target.
        ConsumedBy = "consumed_by",
        /// The source was produced by the target.
        ProducedBy = "produced_by",
        /// The source was packaged from the target.
        PackagedFrom = "packaged_from",
        /// The source was reported by the target.
        ReportedBy = "reported_by",
        /// The source was evaluated on the target.
        EvaluatedOn = "evaluated_on",
        /// The source was deployed from the target.
        DeployedFrom = "deployed_from",
        /// The source used the target.
        Used = "used",
        /// The source was derived from the target.
        DerivedFrom = "derived_from",
        /// The source was observed in the target.
        ObservedIn = "observed_in",
    }
}

impl RelationType {
    /// Returns true if data flows from the target to the source. This is so for every relation except `consumed_by`.
    pub fn target_is_origin(self) -> bool {
        self != RelationType::ConsumedBy
    }
}

words! {
    /// The origin of an edge.
    LineageOrigin, "an origin of lineage", ErrorCode::Marker, {
        /// The user stated the edge.
        Explicit = "explicit",
        /// The edge was imported from another store.
        Imported = "imported",
        /// A program inferred the edge.
        Inferred = "inferred",
        /// A replay created the edge.
        Replayed = "replayed",
    }
}

words! {
    /// The confidence in an edge.
    Confidence, "a confidence", ErrorCode::Marker, {
        /// Certain.
        High = "high",
        /// Likely.
        Medium = "medium",
        /// Uncertain.
        Low = "low",
        /// The confidence is not known.
        Unknown = "unknown",
    }
}

model! {
    /// An edge of the lineage graph.
    LineageEdge ("LineageEdge") {
        /// The ref, `relation:...`.
        relation_ref: RelationRef,
        /// The relation between source and target.
        relation_type: RelationType,
        /// The source.
        source_ref: StableRef,
        /// The target; different from the source.
        target_ref: StableRef,
        /// The time at which the edge was recorded.
        recorded_at: Timestamp,
        /// The origin of the edge.
        origin_marker: LineageOrigin,
        /// The confidence in the edge.
        confidence_marker: Confidence,
    } or {
        /// The operation in which the edge was created.
        operation_context_ref: Option<OperationRef> = None,
        /// The refs of the objects and records that support the edge, in the order given by the caller.
        evidence_refs: Vec<StableRef> = Vec::new() => RecordRef,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Extensions: additional fields, grouped by namespace.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

versioned!(LineageEdge, "LineageEdge", LineageEdge, warnings);

impl LineageEdge {
    fn check_fields(&mut self, issues: &mut Issues) {
        issues.take("source_ref", self.source_ref.check_shape());
        issues.take("target_ref", self.target_ref.check_shape());
        if self.source_ref == self.target_ref {
            let message = format!(
                "source and target are both {}; an edge connects two different refs",
                self.source_ref
            );
            issues.error(ErrorCode::SelfRelation, "target_ref", message);
        }
        for evidence in &self.evidence_refs {
            issues.take("evidence_refs", evidence.check_shape());
        }
    }

    fn warnings(&self, issues: &mut Issues) {
        if !self.evidence_refs.is_empty() {
            return;
        }
        issues.warning(ErrorCode::EvidenceMissing, "evidence_refs", "the edge has no evidence");
        if self.confidence_marker == Confidence::Low {
            let message = "the edge has low confidence and no evidence";
            issues.warning(ErrorCode::LowConfidence, "confidence_marker", message);
        }
    }
}
