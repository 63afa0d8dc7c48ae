//! The provenance of a lineage edge: the mode, time, policy and evidence with which the edge was asserted.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::model::declare::{model, versioned};
use crate::contract::refs::stable::StableRef;
use crate::contract::refs::typed::{ArtifactRef, ProvenanceRef, RelationRef};
use crate::contract::rules::token::{DOT_TOKEN, optional_token};
use crate::contract::time::Timestamp;
use crate::contract::version::SCHEMA_VERSION;
use crate::contract::words::words;

words! {
    /// The way in which a lineage edge was asserted.
    AssertionMode, "an assertion mode", ErrorCode::Marker, {
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

model! {
    /// The provenance of a lineage edge: the mode, time, policy and evidence with which the edge was asserted.
    ProvenanceRecord ("ProvenanceRecord") {
        /// The ref, `provenance:...`.
        provenance_ref: ProvenanceRef,
        /// The lineage edge.
        relation_ref: RelationRef,
        /// The way in which the edge was asserted.
        assertion_mode: AssertionMode,
        /// The time of the assertion.
        asserted_at: Timestamp,
    } or {
        /// The object or record in whose context the edge was asserted, such as a run or an operation.
        formation_context_ref: Option<StableRef> = None,
        /// The policy by which the edge was asserted: a token, not a ref.
        policy_ref: Option<String> = None,
        /// An artifact with the evidence.
        evidence_bundle_ref: Option<ArtifactRef> = None => RecordRef,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Extensions: additional fields, grouped by namespace.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

versioned!(ProvenanceRecord, "ProvenanceRecord", ProvenanceRecord, warnings);

impl ProvenanceRecord {
    fn check_fields(&mut self, issues: &mut Issues) {
        if let Some(context) = &self.formation_context_ref {
            issues.take("formation_context_ref", context.check_shape());
        }
        optional_token(issues, "policy_ref", &mut self.policy_ref, DOT_TOKEN, ErrorCode::PolicyRef);
    }

    fn warnings(&self, issues: &mut Issues) {
        if self.policy_ref.is_none() {
            issues.warning(ErrorCode::PolicyMissing, "policy_ref", "no policy is given");
        }
        if self.evidence_bundle_ref.is_none() {
            let message = "no artifact with evidence is given";
            issues.warning(ErrorCode::EvidenceBundleMissing, "evidence_bundle_ref", message);
        }
    }
}
