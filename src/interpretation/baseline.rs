//! The differences between the metrics of runs and the metrics of a baseline run.

use crate::contract::{MetricValue, RunRef};
use crate::interpretation::error::Result;
use crate::interpretation::metric::{Measurement, Selection};
use crate::interpretation::metric_table::{Metrics, metrics_of};
use crate::interpretation::number::difference;
use crate::store::{Note, RunRow, SeriesRow, Severity, StoreView};
use std::collections::BTreeMap;

/// The greatest number of runs that one note names.
const RUNS_MAX: usize = 10;

/// The difference between the value of a metric in a run and the value of the same metric in the baseline
/// run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BaselineDifference {
    /// The metric: a key, possibly with tags.
    pub metric_key: String,
    /// The name of the stage. `None` for values outside any stage, and for values of all stages.
    pub stage_name: Option<String>,
    /// The value of the run.
    pub value: Measurement,
    /// The value of the baseline run.
    pub baseline: Measurement,
    /// The value of the run minus the value of the baseline run. The difference of whole numbers is a whole
    /// number. `None` if the units differ.
    pub difference: Option<MetricValue>,
    /// The difference as a percentage of the magnitude of the baseline value. `None` if the units differ, if
    /// the baseline value is 0 or not finite, or if the percentage is not finite.
    pub percent: Option<f64>,
}

impl BaselineDifference {
    /// Returns `true` if the two values were measured at different steps.
    #[must_use]
    pub fn steps_differ(&self) -> bool {
        self.value.step != self.baseline.step
    }

    /// Returns `true` if the two values have different units, or if one of them represents points with
    /// several units. A value with a unit and a value without a unit have different units.
    #[must_use]
    pub fn units_differ(&self) -> bool {
        let is_mixed = self.value.has_mixed_units || self.baseline.has_mixed_units;
        is_mixed || self.value.unit != self.baseline.unit
    }

    /// Computes the difference between two values of a metric.
    pub(super) fn of(
        (stage_name, metric_key): (Option<String>, String),
        value: Measurement,
        baseline: Measurement,
    ) -> BaselineDifference {
        let mut answer =
            BaselineDifference { metric_key, stage_name, value, baseline, difference: None, percent: None };
        if answer.units_differ() {
            return answer;
        }
        let of_values = difference(&answer.baseline.value, &answer.value.value);
        let from = answer.baseline.value.as_f64();
        let percent = of_values.as_f64() / from.abs() * 100.0;
        answer.percent = (from != 0.0 && from.is_finite()).then_some(percent).filter(|p| p.is_finite());
        answer.difference = Some(of_values);
        answer
    }
}

/// The runs whose values cannot be compared directly with the baseline. The key consists of the code of a
/// note and the name of the metric.
#[derive(Debug, Default)]
pub(super) struct DifferenceNotes(BTreeMap<(&'static str, String), Vec<String>>);

impl DifferenceNotes {
    /// Adds the run `run` if its value cannot be compared directly with the baseline.
    pub(super) fn add(&mut self, run: &str, difference: &BaselineDifference) {
        let metric = match &difference.stage_name {
            Some(stage) => format!("{stage}/{}", difference.metric_key),
            None => difference.metric_key.clone(),
        };
        let findings = [
            ("baseline_steps_differ", difference.steps_differ()),
            ("baseline_units_differ", difference.units_differ()),
        ];
        for (code, _) in findings.into_iter().filter(|(_, is_found)| *is_found) {
            self.0.entry((code, metric.clone())).or_default().push(run.to_owned());
        }
    }

    /// Returns the notes in the order of code and metric.
    pub(super) fn into_notes(self, baseline: &RunRow) -> impl Iterator<Item = Note> {
        let baseline = baseline.run_ref.to_string();
        self.0.into_iter().map(move |((code, metric), runs)| {
            let named = runs.iter().take(RUNS_MAX).map(String::as_str);
            let mut text = Vec::from_iter(named).join(", ");
            if runs.len() > RUNS_MAX {
                text.push_str(&format!(" and {} more", runs.len() - RUNS_MAX));
            }
            let about = format!("the values of {metric} in {baseline} and in {text}");
            let message = match code {
                "baseline_steps_differ" => format!("{about} were measured at different steps"),
                _ => format!("{about} have different units, so their difference is not computed"),
            };
            let note = Note::new(Severity::Warning, code, message);
            note.with("metric", &metric).with("baseline", &baseline).with("runs", runs.len())
        })
    }
}

/// Returns the difference between the values of a metric in a run and in the baseline run. Returns `None` if
/// one of the two runs does not have the metric.
pub(super) fn difference_of(
    key: &(Option<String>, String),
    run: &Metrics,
    baseline: &Metrics,
) -> Option<BaselineDifference> {
    Some(BaselineDifference::of(key.clone(), run.get(key)?.clone(), baseline.get(key)?.clone()))
}

/// Reads one value of each metric of a run. `selection` chooses the value. `rows` contains the summaries of
/// all series of the run.
pub(super) fn values_of(
    view: &StoreView<'_>,
    run: &RunRef,
    rows: &[SeriesRow],
    selection: Selection,
) -> Result<Metrics> {
    let has_stages = rows.iter().any(|row| row.key.stage_ref.is_some());
    let stages = if has_stages { view.stages(run)? } else { Vec::new() };
    metrics_of(view, rows, &stages, selection)
}

/// Returns the differences between the metrics of a run and the metrics of a baseline run. Only metrics that
/// both runs have are compared. The differences are ordered by stage and metric.
pub(super) fn differences(run: &Metrics, baseline: &Metrics) -> Vec<BaselineDifference> {
    run.keys().filter_map(|key| difference_of(key, run, baseline)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Timestamp;

    fn measured(value: impl Into<MetricValue>, unit: Option<&str>) -> Measurement {
        Measurement {
            value: value.into(),
            observed_at: Timestamp::from_nanos(0),
            step: None,
            unit: unit.map(str::to_owned),
            has_mixed_units: false,
        }
    }

    fn of(value: Measurement, baseline: Measurement) -> (Option<String>, Option<f64>) {
        let found = BaselineDifference::of((None, "m".to_owned()), value, baseline);
        (found.difference.map(|value| value.to_string()), found.percent)
    }

    #[test]
    fn percent_needs_a_finite_baseline_other_than_zero() {
        let number = |value: f64| measured(value, None);
        assert_eq!(of(number(3.0), number(-2.0)), (Some("5.0".to_owned()), Some(250.0)));
        assert_eq!(of(number(3.0), number(0.0)), (Some("3.0".to_owned()), None));
        assert_eq!(of(number(3.0), number(f64::INFINITY)).1, None);
        assert_eq!(of(number(3.0), number(f64::NAN)).1, None);
        assert_eq!(of(number(f64::NAN), number(2.0)).1, None);
        let big = 1i64 << 53;
        assert_eq!(of(measured(big + 1, None), measured(big, None)).0, Some("1".to_owned()));
    }

    #[test]
    fn values_with_different_units_are_not_subtracted() {
        assert_eq!(of(measured(1, Some("s")), measured(1, Some("ms"))), (None, None));
        assert_eq!(of(measured(1, Some("s")), measured(1, None)), (None, None));
        let mixed = Measurement { has_mixed_units: true, ..measured(1, None) };
        assert_eq!(of(measured(1, None), mixed), (None, None));
        assert_eq!(of(measured(3, Some("s")), measured(2, Some("s"))), (Some("1".to_owned()), Some(50.0)));
    }
}
