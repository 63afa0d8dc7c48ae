//! How things came to be: edges between refs, and why they are believed.

use crate::contract::SCHEMA_VERSION;
use crate::contract::error::ErrorCode;
use crate::contract::extension::ExtensionFieldSet;
use crate::contract::issue::Issues;
use crate::contract::model::{model, versioned};
use crate::contract::models::words;
use crate::contract::refs::{ArtifactRef, OperationRef, ProvenanceRef, RelationRef, StableRef};
use crate::contract::rules::{DOT_TOKEN, optional_token};
use crate::contract::time::Timestamp;

words! {
    /// What an edge says about its two ends: "source *relation* target".
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

words! {
    /// Who says so.
    LineageOrigin, "an origin of lineage", ErrorCode::Marker, {
        /// The user.
        Explicit = "explicit",
        /// Another store.
        Imported = "imported",
        /// A conclusion.
        Inferred = "inferred",
        /// A replay.
        Replayed = "replayed",
    }
}

words! {
    /// How sure it is.
    Confidence, "a confidence", ErrorCode::Marker, {
        /// Sure.
        High = "high",
        /// Likely.
        Medium = "medium",
        /// A guess.
        Low = "low",
        /// Nobody knows.
        Unknown = "unknown",
    }
}

impl RelationType {
    /// Whether the target came first: data flows from target to source. Only what is consumed flows the other way.
    pub fn target_is_origin(self) -> bool {
        self != RelationType::ConsumedBy
    }
}

words! {
    /// On what a provenance record rests.
    AssertionMode, "an assertion mode", ErrorCode::Marker, {
        /// The user said so.
        Explicit = "explicit",
        /// Another store said so.
        Imported = "imported",
        /// A conclusion.
        Inferred = "inferred",
        /// A replay.
        Replayed = "replayed",
    }
}

model! {
    /// An edge of the lineage graph.
    LineageEdge ("LineageEdge") {
        /// `relation:...`
        relation_ref: RelationRef,
        /// What it says.
        relation_type: RelationType,
        /// One end.
        source_ref: StableRef,
        /// The other end; never the same.
        target_ref: StableRef,
        /// When it was said.
        recorded_at: Timestamp,
        /// Who says so.
        origin_marker: LineageOrigin,
        /// How sure it is.
        confidence_marker: Confidence,
    } or {
        /// The operation in which it happened.
        operation_context_ref: Option<OperationRef> = None,
        /// What speaks for it, in order.
        evidence_refs: Vec<StableRef> = Vec::new() => RecordRef,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Fields of other namespaces.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

model! {
    /// Why an edge is believed.
    ProvenanceRecord ("ProvenanceRecord") {
        /// `provenance:...`
        provenance_ref: ProvenanceRef,
        /// The edge.
        relation_ref: RelationRef,
        /// On what it rests.
        assertion_mode: AssertionMode,
        /// When it was asserted.
        asserted_at: Timestamp,
    } or {
        /// In what the edge came about.
        formation_context_ref: Option<StableRef> = None,
        /// The policy it follows: a token, not a ref.
        policy_ref: Option<String> = None,
        /// An artifact that speaks for it.
        evidence_bundle_ref: Option<ArtifactRef> = None => RecordRef,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Fields of other namespaces.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

versioned!(LineageEdge, "LineageEdge", LineageEdge, warnings);
versioned!(ProvenanceRecord, "ProvenanceRecord", ProvenanceRecord, warnings);

impl LineageEdge {
    fn settle_fields(&mut self, issues: &mut Issues) {
        issues.take("source_ref", self.source_ref.check_shape());
        issues.take("target_ref", self.target_ref.check_shape());
        if self.source_ref == self.target_ref {
            let message = format!("an edge from {} to itself says nothing", self.source_ref);
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
        issues.warning(ErrorCode::EvidenceMissing, "evidence_refs", "nothing speaks for this edge");
        if self.confidence_marker == Confidence::Low {
            let message = "an edge of low confidence that nothing speaks for";
            issues.warning(ErrorCode::LowConfidence, "confidence_marker", message);
        }
    }
}

impl ProvenanceRecord {
    fn settle_fields(&mut self, issues: &mut Issues) {
        if let Some(context) = &self.formation_context_ref {
            issues.take("formation_context_ref", context.check_shape());
        }
        optional_token(issues, "policy_ref", &mut self.policy_ref, DOT_TOKEN, ErrorCode::PolicyRef);
    }

    fn warnings(&self, issues: &mut Issues) {
        if self.policy_ref.is_none() {
            issues.warning(ErrorCode::PolicyMissing, "policy_ref", "no policy says why this is believed");
        }
        if self.evidence_bundle_ref.is_none() {
            let message = "no artifact speaks for it";
            issues.warning(ErrorCode::EvidenceBundleMissing, "evidence_bundle_ref", message);
        }
    }
}
