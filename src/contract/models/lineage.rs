//! How things came to be: edges between refs.

use crate::contract::error::{ContractError, ErrorCode, Result};
use crate::contract::json::{Canonical, Value};
use crate::contract::models::{optional_ref, ref_value, words};
use crate::contract::refs::{OperationRef, RelationRef, StableRef};
use crate::contract::rules::{Rules, text};
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

/// An edge of the lineage graph.
#[derive(Debug, Clone, PartialEq)]
pub struct LineageEdge {
    /// `relation:...`
    pub relation_ref: RelationRef,
    /// What it says.
    pub relation_type: RelationType,
    /// One end.
    pub source_ref: StableRef,
    /// The other end; never the same.
    pub target_ref: StableRef,
    /// When it was said.
    pub recorded_at: Timestamp,
    /// Who says so.
    pub origin_marker: LineageOrigin,
    /// How sure it is.
    pub confidence_marker: Confidence,
    /// The operation in which it happened.
    pub operation_context_ref: Option<OperationRef>,
    /// What speaks for it.
    pub evidence_refs: Vec<StableRef>,
    /// Version of the schema.
    pub schema_version: String,
}

impl Rules for LineageEdge {
    fn settle(&mut self) -> Result<()> {
        self.source_ref.check_shape().map_err(|e| e.at("source_ref"))?;
        self.target_ref.check_shape().map_err(|e| e.at("target_ref"))?;
        for evidence in &self.evidence_refs {
            evidence.check_shape().map_err(|e| e.at("evidence_refs"))?;
        }
        if self.source_ref == self.target_ref {
            let message = format!("an edge from {} to itself says nothing", self.source_ref);
            return Err(ContractError::field(ErrorCode::SelfRelation, "target_ref", message));
        }
        text("schema_version", &mut self.schema_version)
    }
}

impl Canonical for LineageEdge {
    fn to_value(&self) -> Value {
        Value::map([
            ("relation_ref", ref_value(&self.relation_ref)),
            ("relation_type", self.relation_type.into()),
            ("source_ref", ref_value(&self.source_ref)),
            ("target_ref", ref_value(&self.target_ref)),
            ("recorded_at", Value::text(self.recorded_at)),
            ("origin_marker", self.origin_marker.into()),
            ("confidence_marker", self.confidence_marker.into()),
            ("operation_context_ref", optional_ref(&self.operation_context_ref)),
            ("evidence_refs", Value::List(self.evidence_refs.iter().map(ref_value).collect())),
            ("schema_version", Value::text(&self.schema_version)),
            ("extensions", Value::List(Vec::new())),
        ])
    }
}
