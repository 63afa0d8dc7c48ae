//! The payload of degraded records.

use crate::contract::{DegradedCategory, DegradedPayload, DegradedSeverity, Origin};
use crate::projections::payload::codes::Code;
use crate::projections::payload::convert::{Result, json_map, json_text, optional};
use serde::{Deserialize, Serialize};

/// The fields of a degraded record, in the order in which they are encoded.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct DegradedV1 {
    issue_key: String,
    category: u8,
    severity: u8,
    origin: u8,
    subject_ref: Option<String>,
    attributes: String,
    summary: String,
}

impl DegradedV1 {
    pub(in crate::projections) fn of(p: &DegradedPayload) -> Result<DegradedV1> {
        Ok(DegradedV1 {
            issue_key: p.issue_key.clone(),
            category: p.category.byte(),
            severity: p.severity.byte(),
            origin: p.origin_marker.byte(),
            subject_ref: p.subject_ref.as_ref().map(|r| r.to_string()),
            attributes: json_text(&p.attributes)?,
            summary: p.summary.clone(),
        })
    }

    pub(in crate::projections) fn into_payload(self) -> Result<DegradedPayload> {
        let category = DegradedCategory::of(self.category)?;
        let severity = DegradedSeverity::of(self.severity)?;
        let mut payload = DegradedPayload::new(self.issue_key, category, severity, self.summary);
        payload.subject_ref = optional(&self.subject_ref)?;
        payload.origin_marker = Origin::of(self.origin)?;
        payload.attributes = json_map(&self.attributes)?;
        Ok(payload)
    }
}
