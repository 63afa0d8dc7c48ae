//! The differences between the metrics of two runs.

use crate::contract::MetricValue;
use crate::interpretation::evidence::CompletenessNote;
use crate::interpretation::metric::Measurement;
use crate::interpretation::metric_table::Metrics;
use crate::interpretation::number::{difference, ratio};
use crate::store::{Note, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// A metric that differs between two runs, or that only one of the runs has.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MetricDelta {
    /// The metric: a key, possibly with tags, such as `acc{subset=val}`.
    pub metric_key: String,
    /// The name of the stage; `None` outside any stage.
    pub stage_name: Option<String>,
    /// The value in the left run; `None` if that run does not have the metric.
    pub left: Option<Measurement>,
    /// The value in the right run; `None` if that run does not have the metric.
    pub right: Option<Measurement>,
    /// The right value minus the left value; `None` if a value is missing.
    pub delta: Option<MetricValue>,
    /// The right value divided by the left value; `None` if a value is missing or the left value is 0.
    pub change_ratio: Option<f64>,
    /// The difference as a percentage of the magnitude of the left value. The percentage is `None` if
    /// `change_ratio` is `None`.
    pub change_percent: Option<f64>,
    /// A note if one of the runs does not have the metric.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Notes on values that are compared although they were measured at different steps or in different units.
    pub notes: Vec<Note>,
}

/// Returns the differences of the metrics of two runs in one stage, or outside any stage, ordered by metric. Equal values
/// are included if `include_unchanged` is `true`.
pub(super) fn deltas(
    left: &Metrics,
    right: &Metrics,
    stage: Option<&str>,
    include_unchanged: bool,
) -> Vec<MetricDelta> {
    let of_stage = |metrics: &Metrics| -> BTreeMap<String, Measurement> {
        let in_stage = metrics.iter().filter(|((of, _), _)| of.as_deref() == stage);
        in_stage.map(|((_, metric), measured)| (metric.clone(), measured.clone())).collect()
    };
    let (left, right) = (of_stage(left), of_stage(right));
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let delta = |key: &String| {
        let delta = delta(key, stage, left.get(key), right.get(key));
        (include_unchanged || !is_unchanged(&delta)).then_some(delta)
    };
    keys.into_iter().filter_map(delta).collect()
}

fn is_unchanged(delta: &MetricDelta) -> bool {
    let both = delta.left.as_ref().zip(delta.right.as_ref());
    both.is_some_and(|(left, right)| left.value.compare(&right.value).is_eq() && left.unit == right.unit)
}

fn delta(
    key: &str,
    stage: Option<&str>,
    left: Option<&Measurement>,
    right: Option<&Measurement>,
) -> MetricDelta {
    let both = left.zip(right);
    let change_ratio = both.and_then(|(left, right)| ratio(&left.value, &right.value));
    let delta = both.map(|(left, right)| difference(&left.value, &right.value));
    let percent = |delta: &MetricValue| {
        let left = left?.value.as_f64();
        (left != 0.0).then(|| delta.as_f64() / left.abs() * 100.0)
    };
    let mut completeness_notes = Vec::new();
    if both.is_none() {
        let note =
            CompletenessNote::warning(format!("sparse_metric_capture:{}:{key}", stage.unwrap_or("run")));
        let value = |side: Option<&Measurement>| side.map(|side| side.value.clone());
        completeness_notes.push(note.with("left_value", value(left)).with("right_value", value(right)));
    }
    MetricDelta {
        metric_key: key.to_owned(),
        stage_name: stage.map(str::to_owned),
        change_percent: delta.as_ref().and_then(percent),
        delta,
        change_ratio,
        completeness_notes,
        notes: both.map_or_else(Vec::new, |(left, right)| difference_notes(key, left, right)),
        left: left.cloned(),
        right: right.cloned(),
    }
}

/// Returns notes on two values that are not directly comparable.
fn difference_notes(key: &str, left: &Measurement, right: &Measurement) -> Vec<Note> {
    let mut notes = Vec::new();
    let text = |step: Option<i64>| step.map_or_else(|| "no step".to_owned(), |step| format!("step {step}"));
    if left.step != right.step {
        let message = format!(
            "the values of {key} were measured at different steps: {} and {}",
            text(left.step),
            text(right.step)
        );
        let note = Note::new(Severity::Warning, "metric_steps_differ", message).with("metric", key);
        notes.push(note.with("left_step", text(left.step)).with("right_step", text(right.step)));
    }
    if left.unit != right.unit {
        let (left, right) = (left.unit_text(), right.unit_text());
        let message = format!("the values of {key} have different units: {left} and {right}");
        let note = Note::new(Severity::Warning, "metric_units_differ", message).with("metric", key);
        notes.push(note.with("left_unit", left).with("right_unit", right));
    }
    notes
}
