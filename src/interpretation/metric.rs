//! Selection of metric values. The name of a metric selects series of a run, and one value represents these
//! series.
//!
//! The following rules apply to all queries:
//!
//! - Series with different tags are different metrics. `acc{subset=val}` names the series of `acc` whose only
//!   tag is `subset=val`. These series include the series of all data and the series of slices.
//!   `acc{slice=eu,subset=val}` names the series of one slice. `acc` names the series without tags. If all
//!   series of `acc` have tags, `acc` names all of them.
//! - Lists of runs and filters of runs use the series outside any stage. If there is no such series, lists
//!   and filters use the series of all stages. All other queries use the series of all stages together with
//!   the series outside any stage.
//!   has no series of its own.
//! - The last value of a series is the value with the greatest step. If no point has a step, the last value is the
//!   latest value. If several series are selected, the series whose last value was observed latest is used.
//! - NaN and infinite values can be the last value. The smallest and the greatest value are chosen among the finite
//!   values. If no value is finite, the last value is used instead.

use crate::contract::{MetricValue, Timestamp};
use crate::interpretation::number::Sum;
use crate::store::{Attempts, Note, Result, SeriesKey, SeriesPoint, SeriesRow, Severity, StoreView};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The choice of one value from the points of one or several series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Selection {
    /// The last value.
    #[default]
    Latest,
    /// The greatest finite value.
    Max,
    /// The smallest finite value.
    Min,
    /// The mean of all values; NaN if a value is NaN.
    Mean,
}

impl Selection {
    /// Returns the stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Selection::Latest => "latest",
            Selection::Max => "max",
            Selection::Min => "min",
            Selection::Mean => "mean",
        }
    }
}

/// The name of a metric as the user gives it: a key, and possibly tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetricName {
    /// The name as it was given.
    pub(super) text: String,
    key: String,
    labels: Option<BTreeMap<String, String>>,
}

impl MetricName {
    /// Parses a name such as `acc` or `acc{subset=val,split=a}`. A text with other braces is a key.
    pub(super) fn parse(text: &str) -> MetricName {
        let labelled = text.strip_suffix('}').and_then(|text| text.split_once('{'));
        let (key, labels) = labelled.map_or((text, None), |(key, labels)| {
            let pairs = labels.split(',').map(|pair| {
                let (name, value) = pair.split_once('=')?;
                Some((name.trim().to_owned(), value.trim().to_owned()))
            });
            (key, pairs.collect())
        });
        MetricName { text: text.to_owned(), key: key.to_owned(), labels }
    }

    /// Returns `true` if the name selects the series `series`. A name with tags and without a slice also
    /// selects the series of slices with these tags.
    fn names(&self, series: &SeriesKey) -> bool {
        let is_key = self.text == series.metric_key;
        if is_key || self.text == series.metric() || self.text == name_of_whole(series) {
            return true;
        }
        let Some(labels) = &self.labels else { return false };
        let slice = series.slice.iter().filter(|_| self.names_slice()).map(|slice| ("slice", slice));
        let tags = series.tags.iter().map(|(name, value)| (name.as_str(), value));
        let all: BTreeMap<&str, &String> = slice.chain(tags).collect();
        series.metric_key == self.key
            && all.len() == labels.len()
            && labels.iter().all(|(name, value)| all.get(name.as_str()) == Some(&value))
    }

    /// Returns `true` if the name contains a slice.
    fn names_slice(&self) -> bool {
        self.labels.as_ref().is_some_and(|labels| labels.contains_key("slice"))
    }
}

/// Reads the summaries of the series that `name` selects in a run.
pub(super) fn rows_of(
    view: &StoreView<'_>,
    run: &crate::contract::RunRef,
    name: &MetricName,
    attempts: Attempts,
) -> Result<Vec<SeriesRow>> {
    let mut rows = view.summaries_of_metric(run, &name.text, attempts)?;
    if name.key != name.text {
        rows.extend(view.summaries_of_metric(run, &name.key, attempts)?);
    }
    rows.retain(|row| name.names(&row.key));
    Ok(rows)
}

/// Returns the series that represent a run, its stages and its deployments. An object is represented by the
/// series that were recorded for the object itself. Without such series, the object is represented by the
/// series of its batches, samples and slices. Series with different keys or tags are treated separately.
pub(super) fn of_places<'r>(rows: impl IntoIterator<Item = &'r SeriesRow>) -> Vec<&'r SeriesRow> {
    let rows: Vec<&SeriesRow> = rows.into_iter().collect();
    let place = |row: &'r SeriesRow| {
        let key = &row.key;
        (&key.stage_ref, &key.deployment_ref, &key.metric_key, &key.tags)
    };
    let is_own = |row: &SeriesRow| row.key.within.is_none() && row.key.slice.is_none();
    let own: BTreeSet<_> = rows.iter().filter(|row| is_own(row)).map(|row| place(row)).collect();
    rows.into_iter().filter(|row| is_own(row) || !own.contains(&place(row))).collect()
}

/// Returns the series in `rows` to which the metric `name` refers in a stage. `rows` contains the series that
/// [`rows_of`] returned for the name. `stage` is the name or the id of the stage. If `stage` is `None`, the series of
/// all stages and the series outside any stage are searched.
pub(super) fn answering<'r>(
    rows: &'r [SeriesRow],
    name: &MetricName,
    stage: Option<&str>,
) -> Vec<&'r SeriesRow> {
    let in_stage = rows.iter().filter(|row| stage.is_none() || row.is_of_stage(stage));
    let in_stage: Vec<&SeriesRow> = in_stage.collect();
    let is_plain = |row: &SeriesRow| row.key.tags.is_empty();
    if name.key == name.text && in_stage.iter().any(|row| is_plain(row)) {
        return of_places(in_stage.into_iter().filter(|row| is_plain(row)));
    }
    if name.names_slice() {
        return in_stage;
    }
    of_places(in_stage)
}

/// Returns the series in `rows` that represent the metric `name` for the run. If there are series outside any
/// stage, returns only these series. Otherwise returns the series of all stages.
pub(super) fn answering_for_run<'r>(rows: &'r [SeriesRow], name: &MetricName) -> Vec<&'r SeriesRow> {
    let mut answering = answering(rows, name, None);
    if answering.iter().any(|row| row.key.stage_ref.is_none()) {
        answering.retain(|row| row.key.stage_ref.is_none());
    }
    answering
}

/// Returns the name of the metric of a series, with the tags and without the slice. The series of all data
/// has this name.
pub(super) fn name_of_whole(series: &SeriesKey) -> String {
    SeriesKey { slice: None, ..series.clone() }.metric()
}

/// One value that represents one or several series.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Measurement {
    /// The value.
    pub value: MetricValue,
    /// The time of observation of the last point.
    pub observed_at: Timestamp,
    /// The step of the point with this value; `None` if the point has no step, and for a mean. If several
    /// points have the smallest or the greatest value, the step of the last of these points.
    pub step: Option<i64>,
    /// The unit of the points; `None` if no point has a unit, or if there are several units.
    pub unit: Option<String>,
    /// `true` if the points have different units, or if only some of the points have a unit.
    pub has_mixed_units: bool,
}

impl Measurement {
    /// Returns the unit for a message; `no unit` without a unit.
    pub(super) fn unit_text(&self) -> &str {
        self.unit.as_deref().unwrap_or("no unit")
    }
}

/// Returns the summary whose last point was observed latest; `None` if `rows` is empty.
fn latest<'r>(rows: &[&'r SeriesRow]) -> Option<&'r SeriesRow> {
    rows.iter().copied().max_by_key(|row| (row.last.observed_at, row.last.stamp))
}

/// Returns the point value that represents the series in `rows`, and the series that contains it. Returns `None` if
/// `rows` is empty, and for a mean, which is not the value of a point.
fn chosen<'r>(rows: &[&'r SeriesRow], selection: Selection) -> Option<(&'r SeriesRow, &'r MetricValue)> {
    let all = rows.iter().copied();
    let extreme = match selection {
        Selection::Max => {
            all.filter_map(|row| Some((row, row.max.as_ref()?))).max_by(|a, b| a.1.compare(b.1))
        }
        Selection::Min => {
            all.filter_map(|row| Some((row, row.min.as_ref()?))).min_by(|a, b| a.1.compare(b.1))
        }
        Selection::Latest => None,
        Selection::Mean => return None,
    };
    // If no value is finite, the last value is used.
    extreme.or_else(|| latest(rows).map(|row| (row, &row.last.value)))
}

/// Returns the mean of all values of the series in `rows`; `None` if `rows` is empty.
fn mean(view: &StoreView<'_>, rows: &[&SeriesRow], attempts: Attempts) -> Result<Option<MetricValue>> {
    let mut sum = Sum::default();
    for row in rows {
        // The summary of a series with one point contains the value.
        if row.count == 1 {
            sum.add(&row.last.value);
            continue;
        }
        view.points(&row.key, attempts)?.iter().for_each(|point| sum.add(&point.value));
    }
    Ok(sum.mean().map(MetricValue::from))
}

/// Returns the value that represents the series in `rows`; `None` if `rows` is empty. Reads points only to compute a
/// mean.
pub(super) fn value(
    view: &StoreView<'_>,
    rows: &[&SeriesRow],
    selection: Selection,
    attempts: Attempts,
) -> Result<Option<MetricValue>> {
    match chosen(rows, selection) {
        Some((_, value)) => Ok(Some(value.clone())),
        None => mean(view, rows, attempts),
    }
}

/// Returns the step of a point with the value `value`. If a series has several such points, returns the step
/// of the last of them in the order of training. Reads points only if the last point of the series has
/// another value and the series has further points.
fn step_of(
    view: &StoreView<'_>,
    row: &SeriesRow,
    value: &MetricValue,
    attempts: Attempts,
) -> Result<Option<i64>> {
    if row.count == 1 || row.last.value.compare(value).is_eq() {
        return Ok(row.last.step);
    }
    let points = view.points(&row.key, attempts)?;
    let found = points.iter().rev().find(|point| point.value.compare(value).is_eq());
    Ok(found.and_then(|point| point.step))
}

/// Returns the value that represents the series in `rows`, with its step and unit; `None` if `rows` is empty.
/// Reads points only to compute a mean, or to find the step of the smallest or the greatest value. If the
/// step is not needed, use [`value`].
pub(super) fn measure(
    view: &StoreView<'_>,
    rows: &[&SeriesRow],
    selection: Selection,
    attempts: Attempts,
) -> Result<Option<Measurement>> {
    let (value, step) = match chosen(rows, selection) {
        Some((row, value)) => (Some(value.clone()), step_of(view, row, value, attempts)?),
        None => (mean(view, rows, attempts)?, None),
    };
    let Some((latest, value)) = latest(rows).zip(value) else { return Ok(None) };
    Ok(Some(Measurement {
        value,
        observed_at: latest.last.observed_at,
        step,
        unit: unit(rows),
        has_mixed_units: has_mixed_units(rows),
    }))
}

/// Returns the common unit of the series in `rows`; `None` if no point has a unit, or if there are several
/// units.
pub(super) fn unit(rows: &[&SeriesRow]) -> Option<String> {
    let units: BTreeSet<&String> = rows.iter().flat_map(|row| &row.units).collect();
    units.first().filter(|_| units.len() == 1).map(|unit| (*unit).clone())
}

/// Returns `true` if the points of the series in `rows` have different units, or if only some of the points
/// have a unit.
fn has_mixed_units(rows: &[&SeriesRow]) -> bool {
    let units: BTreeSet<&String> = rows.iter().flat_map(|row| &row.units).collect();
    let is_without = |row: &&SeriesRow| row.has_points_without_unit || row.units.is_empty();
    units.len() > 1 || (!units.is_empty() && rows.iter().any(is_without))
}

/// Returns notes if one value represents series that are not comparable. Such series have different units,
/// have different tags, or are series of batches, samples and slices that represent a stage.
pub(super) fn mixture_notes(name: &str, run: &str, rows: &[&SeriesRow]) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut add = |code: &'static str, message: String| {
        let note = Note::new(Severity::Warning, code, message);
        notes.push(note.with("metric", name).with("run", run));
    };
    let units: BTreeSet<&String> = rows.iter().flat_map(|row| &row.units).collect();
    if units.len() > 1 {
        let units = Vec::from_iter(units.into_iter().map(String::as_str)).join(", ");
        add("metric_units_mixed", format!("{name} in {run} has points with different units: {units}"));
    }
    let tags: BTreeSet<String> = rows.iter().map(|row| row.key.metric()).collect();
    if tags.len() > 1 {
        let tags = Vec::from_iter(tags).join(", ");
        add(
            "metric_tags_mixed",
            format!("{name} in {run} has several series, of which the latest is used: {tags}"),
        );
    }
    if rows.iter().any(|row| row.key.within.is_some() || row.key.slice.is_some()) {
        let message = format!("{name} in {run} is measured for batches, samples or slices only");
        add("metric_of_parts", message);
    }
    notes
}

/// Compares two values for a ranking. The better value is the lesser value in this order. NaN comes after
/// infinite values, and infinite values come after finite values.
pub(super) fn rank(a: &MetricValue, b: &MetricValue, is_higher_better: bool) -> Ordering {
    let class = |value: &MetricValue| (value.as_f64().is_nan(), !value.is_finite());
    let by_value = if is_higher_better { b.compare(a) } else { a.compare(b) };
    class(a).cmp(&class(b)).then(by_value)
}

/// Returns the points of the series in `rows`. The points of a single series are in the order of training. The points
/// of several series are ordered by time of observation.
pub(super) fn points_of(
    view: &StoreView<'_>,
    rows: &[&SeriesRow],
    attempts: Attempts,
) -> Result<Vec<SeriesPoint>> {
    if let [row] = rows {
        return view.points(&row.key, attempts);
    }
    let mut points = Vec::new();
    for row in rows {
        points.extend(view.points(&row.key, attempts)?);
    }
    points.sort_by_key(|point| (point.observed_at, point.stamp));
    Ok(points)
}
