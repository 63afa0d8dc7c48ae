//! The payload of a metric.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Value;
use crate::contract::model::declare::{model, part};
use crate::contract::models::payload::family::{Payload, RecordType, check_shapes};
use crate::contract::models::payload::metric_value::MetricValue;
use crate::contract::refs::stable::StableRef;
use crate::contract::rules::text::{optional_text, text_map};
use crate::contract::rules::token::{DOT_SNAKE, LOWER_SNAKE, key, optional_token, token, warn_about_key};
use crate::contract::words::words;
use std::collections::BTreeMap;

words! {
    /// The scope that the value of a metric describes.
    AggregationScope, "an aggregation scope", ErrorCode::Marker, {
        /// The whole run.
        Run = "run",
        /// A stage.
        Stage = "stage",
        /// An operation.
        Operation = "operation",
        /// One step of training.
        Step = "step",
        /// A slice of the data.
        Slice = "slice",
    }
}

model! {
    /// The payload of a metric.
    MetricPayload ("MetricPayload") {
        /// The key of the metric, such as `loss` or `train/loss`: at most 250 bytes.
        metric_key: String,
        /// The measured number, which may be NaN or infinite.
        value: MetricValue,
        /// The type of the number, such as `int`, `float` or `float64`.
        value_type: String,
    } or {
        /// The number of the training step. The user decides what a step is.
        step: Option<i64> = None,
        /// The unit of the value.
        unit: Option<String> = None,
        /// The scope that the value describes.
        aggregation_scope: AggregationScope = AggregationScope::Step,
        /// The object or record that the metric concerns.
        subject_ref: Option<StableRef> = None => RecordRef,
        /// The name of the slice of the data that the value describes.
        slice_ref: Option<String> = None,
        /// Tags: texts by name.
        tags: BTreeMap<String, String> = BTreeMap::new(),
        /// The way in which the value was summarised from several values: a lower-case word, such as `mean`.
        summary_basis: Option<String> = None,
    }
}

part!(MetricPayload, "MetricPayload", RecordPayload, warnings);

impl MetricPayload {
    fn check_fields(&mut self, issues: &mut Issues) {
        key(issues, "metric_key", &mut self.metric_key, ErrorCode::MetricKey);
        self.value.normalize();
        if let MetricValue::Big(digits) = &self.value
            && (Value::Big(digits.as_ref().to_owned()).unwritable(1).is_some()
                || !self.value.as_f64().is_finite())
        {
            let message = format!("{digits} is not a whole number in the range of a float");
            issues.error(ErrorCode::MetricValue, "value", message);
        }
        token(issues, "value_type", &mut self.value_type, LOWER_SNAKE, ErrorCode::ValueType);
        optional_text(issues, "unit", &mut self.unit);
        check_shapes(issues, "subject_ref", &self.subject_ref);
        optional_token(issues, "slice_ref", &mut self.slice_ref, DOT_SNAKE, ErrorCode::SliceRef);
        text_map(issues, "tags", &mut self.tags);
        optional_token(
            issues,
            "summary_basis",
            &mut self.summary_basis,
            LOWER_SNAKE,
            ErrorCode::SummaryBasis,
        );
    }

    fn warnings(&self, issues: &mut Issues) {
        warn_about_key(issues, "metric_key", &self.metric_key, ErrorCode::MetricKey);
        if self.unit.is_none() {
            issues.warning(ErrorCode::UnitMissing, "unit", "the metric has no unit");
        }
        let whole = matches!(self.value, MetricValue::Int(_) | MetricValue::Big(_));
        if self.value_type.starts_with("int") && !whole {
            let message =
                format!("{} is not a whole number, but the value type is {}", self.value, self.value_type);
            issues.warning(ErrorCode::ValueTypeMismatch, "value_type", message);
        }
    }
}

impl Payload for MetricPayload {
    const RECORD_TYPE: RecordType = RecordType::Metric;
}
