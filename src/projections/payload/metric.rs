//! The payload of metrics.

use crate::contract::{AggregationScope, MetricPayload, MetricValue};
use crate::projections::payload::codes::Code;
use crate::projections::payload::convert::{Result, optional};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The fields of a metric, in the order in which they are encoded.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct MetricV1 {
    metric_key: String,
    value_type: String,
    unit: Option<String>,
    aggregation_scope: u8,
    subject_ref: Option<String>,
    slice_ref: Option<String>,
    tags: BTreeMap<String, String>,
    summary_basis: Option<String>,
    step: Option<i64>,
    value: MetricValueV1,
}

/// The value of a metric.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum MetricValueV1 {
    Int(i64),
    Float(f64),
    Big(String),
}

impl MetricV1 {
    pub(in crate::projections) fn of(p: &MetricPayload) -> MetricV1 {
        MetricV1 {
            metric_key: p.metric_key.clone(),
            value_type: p.value_type.clone(),
            unit: p.unit.clone(),
            aggregation_scope: p.aggregation_scope.byte(),
            subject_ref: p.subject_ref.as_ref().map(|r| r.to_string()),
            slice_ref: p.slice_ref.clone(),
            tags: p.tags.clone(),
            summary_basis: p.summary_basis.clone(),
            step: p.step,
            value: match &p.value {
                MetricValue::Int(n) => MetricValueV1::Int(*n),
                MetricValue::Float(f) => MetricValueV1::Float(*f),
                MetricValue::Big(digits) => MetricValueV1::Big(digits.as_ref().to_owned()),
            },
        }
    }

    pub(in crate::projections) fn into_payload(self) -> Result<MetricPayload> {
        let value = match self.value {
            MetricValueV1::Int(n) => MetricValue::Int(n),
            MetricValueV1::Float(f) => MetricValue::Float(f),
            MetricValueV1::Big(digits) => MetricValue::Big(digits.into()),
        };
        let mut payload = MetricPayload::new(self.metric_key, value, self.value_type);
        payload.step = self.step;
        payload.unit = self.unit;
        payload.aggregation_scope = AggregationScope::of(self.aggregation_scope)?;
        payload.subject_ref = optional(&self.subject_ref)?;
        payload.slice_ref = self.slice_ref;
        payload.tags = self.tags;
        payload.summary_basis = self.summary_basis;
        Ok(payload)
    }
}
