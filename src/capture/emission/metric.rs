//! The emission of a metric.

use crate::capture::emission::step::Step;
use crate::contract::issue::Issues;
use crate::contract::model::declare::{model, part};
use crate::contract::{AggregationScope, MetricPayload, MetricValue, Rules, StableRef};
use std::collections::BTreeMap;

model! {
    /// A metric of user code.
    MetricEmission ("MetricEmission") {
        /// The key, such as `loss` or `train/loss`.
        key: String,
        /// The value.
        value: MetricValue,
    } or {
        /// The number of the training step.
        step: Option<i64> = None,
        /// The unit of the value.
        unit: Option<String> = None,
        /// The scope that the value describes.
        aggregation_scope: AggregationScope = AggregationScope::Step,
        /// Tags: texts by name.
        tags: BTreeMap<String, String> = BTreeMap::new(),
        /// The way in which the value was summarised from several values: a lower-case word, such as `mean`.
        summary_basis: Option<String> = Some(RAW_OBSERVATION.to_owned()),
    }
}

/// The basis of a value that was not summarised.
const RAW_OBSERVATION: &str = "raw_observation";

part!(MetricEmission, "MetricEmission", RecordPayload);

impl MetricEmission {
    /// Sets the number of the training step.
    #[must_use]
    pub fn step(mut self, step: impl Into<Step>) -> MetricEmission {
        self.step = Some(step.into().0);
        self
    }

    /// Sets the unit of the value, such as `seconds`.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> MetricEmission {
        self.unit = Some(unit.to_owned());
        self
    }

    /// Sets the scope that the value describes; by default one training step.
    #[must_use]
    pub fn scope(mut self, scope: AggregationScope) -> MetricEmission {
        self.aggregation_scope = scope;
        self
    }

    /// Sets the way in which the value was summarised from several values: a lower-case word, such as `mean`. By
    /// default `raw_observation`.
    #[must_use]
    pub fn summary_basis(mut self, basis: &str) -> MetricEmission {
        self.summary_basis = Some(basis.to_owned());
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> MetricEmission {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Returns `true` if only key, step and value are set.
    pub(in crate::capture) fn is_plain(&self) -> bool {
        self.unit.is_none()
            && self.aggregation_scope == AggregationScope::Step
            && self.tags.is_empty()
            && self.summary_basis.as_deref() == Some(RAW_OBSERVATION)
    }

    /// Returns the payload of the metric's record.
    pub(in crate::capture) fn into_payload(self, subject: Option<StableRef>) -> MetricPayload {
        let type_name = self.value.type_name();
        let mut payload = MetricPayload::new(self.key, self.value, type_name);
        payload.step = self.step;
        payload.unit = self.unit;
        payload.aggregation_scope = self.aggregation_scope;
        payload.subject_ref = subject;
        payload.tags = self.tags;
        payload.summary_basis = self.summary_basis;
        payload
    }

    fn check_fields(&self, issues: &mut Issues) {
        self.clone().into_payload(None).normalize(issues);
    }
}
