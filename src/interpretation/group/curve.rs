//! The curve of a group: statistics of its runs at each step.

use crate::contract::MetricValue;
use crate::interpretation::asked_metric::AskedMetric;
use crate::interpretation::curve::StepRanges;
use crate::interpretation::error::Result;
use crate::interpretation::metric;
use crate::interpretation::statistics::Statistics;
use crate::store::{Attempts, Note, RunRow, SeriesPoint, Severity, StoreView, parallel};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The greatest number of values that are in memory while the curve of a group is computed.
const VALUES_MAX: usize = 1 << 21;
/// The minimum number of runs whose points one core reads.
const PIECE_RUNS: usize = 4;
/// The greatest total number of points in all curves of one query.
const ANSWER_POINTS_MAX: usize = 1 << 20;

/// The statistics of a group in one range of steps. Each run contributes its last value in the range.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GroupPoint {
    /// The first step of the range.
    pub step: i64,
    /// The statistics.
    pub statistics: Statistics,
}

/// The parameters of the curves: the metric, the stage, and the ranges of steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curves<'a> {
    pub(super) asked: &'a AskedMetric<'a>,
    pub(super) ranges: StepRanges,
}

/// Returns the ranges of steps for the curves of groups. The ranges are as narrow as `points_max`,
/// `VALUES_MAX` and `ANSWER_POINTS_MAX` permit. Reads only the summaries of the series.
pub(super) fn ranges_of(
    view: &StoreView<'_>,
    asked: &AskedMetric<'_>,
    groups: &[Vec<Arc<RunRow>>],
    points_max: usize,
) -> Result<StepRanges> {
    let mut span: Option<(i64, i64)> = None;
    for run in groups.iter().flatten() {
        for row in asked.answering(&asked.rows(view, run)?) {
            // The first point has the least step, unless there are points without a step.
            let count = i64::try_from(row.count).unwrap_or(i64::MAX);
            let first = row.first.step.unwrap_or(0);
            let last = row.last.step.unwrap_or(count.saturating_sub(1));
            let (low, high) = span.unwrap_or((first, last));
            span = Some((low.min(first), high.max(last)));
        }
    }
    let largest = groups.iter().map(Vec::len).max().unwrap_or(0);
    let ranges_max = points_max.min(VALUES_MAX / largest.max(1)).min(ANSWER_POINTS_MAX / groups.len().max(1));
    let (first, last) = span.unwrap_or((0, 0));
    Ok(StepRanges::covering(first, last, ranges_max.max(1)))
}

impl Curves<'_> {
    /// Returns the points of the curve of a group in ascending order of step. Adds notes to `notes` if a run
    /// has several series, points without a step, or values that are not finite.
    pub(super) fn of_group(
        &self,
        view: &StoreView<'_>,
        runs: &[Arc<RunRow>],
        notes: &mut Vec<Note>,
    ) -> Result<Vec<GroupPoint>> {
        let read = |run: Arc<RunRow>| {
            let mut notes = Vec::new();
            Ok((self.of_run(view, &run, &mut notes)?, notes))
        };
        let of_runs = parallel::map_owned(runs.to_vec(), PIECE_RUNS, read);
        let mut values: BTreeMap<i64, Vec<MetricValue>> = BTreeMap::new();
        for (of_run, more) in of_runs.into_iter().collect::<Result<Vec<_>>>()? {
            notes.extend(more);
            for (range, value) in of_run {
                values.entry(range).or_default().push(value);
            }
        }
        let point = |(range, values): (i64, Vec<MetricValue>)| GroupPoint {
            step: self.ranges.first_step(range),
            statistics: Statistics::of(&values),
        };
        Ok(values.into_iter().map(point).collect())
    }

    /// Returns the last value of the metric of a run in each range of steps, together with the index of the
    /// range. The result is ordered by index. Adds notes about missing steps, joined series and values that
    /// are not finite to `notes`.
    fn of_run(
        &self,
        view: &StoreView<'_>,
        run: &RunRow,
        notes: &mut Vec<Note>,
    ) -> Result<Vec<(i64, MetricValue)>> {
        let (metric, own) = (self.asked.key, &run.run_ref);
        let rows = self.asked.rows(view, run)?;
        let joined = self.asked.answering(&rows);
        let points = metric::points_of(view, &joined, Attempts::Newest)?;
        let has_steps = points.iter().any(|point| point.step.is_some());
        let (last, left_out) = self.last_values(points, has_steps);
        let mut add = |code, message: String| {
            let note = Note::new(Severity::Warning, code, message);
            notes.push(note.with("run", own).with("metric", metric));
        };
        if joined.len() > 1 {
            let labels = Vec::from_iter(joined.iter().map(|row| row.label())).join(", ");
            let message =
                format!("the curve of {metric} in {own} contains the points of several series: {labels}");
            add("step_series_joined", message);
        }
        if left_out > 0 {
            let message = format!(
                "{left_out} points of {metric} in {own} have no step; they are not part of the curve"
            );
            add("curve_points_without_step", message);
        }
        if !has_steps && !last.is_empty() {
            let message =
                format!("the points of {metric} in {own} have no steps; their positions are used as steps");
            add("curve_steps_are_positions", message);
        }
        let non_finite = last.iter().filter(|(_, value)| !value.is_finite()).count();
        if non_finite > 0 {
            let message = format!(
                "{non_finite} values of {metric} in {own} are not finite; they are counted, but not part of the means"
            );
            add("metric_not_finite", message);
        }
        Ok(last)
    }

    /// Returns the last value in each range of steps, together with the index of the range. The first result
    /// is ordered by index. The last value is the value with the greatest step. If several values have this
    /// step, the latest of them is the last value.
    ///
    /// The second result is the number of points that are left out because they have no step. If `has_steps`
    /// is `false`, no point is left out, and the positions of the points are used as steps.
    fn last_values(&self, points: Vec<SeriesPoint>, has_steps: bool) -> (Vec<(i64, MetricValue)>, usize) {
        let (mut found, mut left_out) = (Vec::with_capacity(points.len()), 0);
        for (position, point) in points.into_iter().enumerate() {
            let step = point.step.or_else(|| if has_steps { None } else { i64::try_from(position).ok() });
            match step {
                Some(step) => found.push(((step, point.observed_at, point.stamp), point.value)),
                None => left_out += 1,
            }
        }
        // The points of several series are ordered by time, so a later point can have a lower step.
        found.sort_by_key(|(order, _)| *order);
        let mut last: Vec<(i64, MetricValue)> = Vec::new();
        for ((step, ..), value) in found {
            let range = self.ranges.index(step);
            match last.last_mut() {
                Some((of, kept)) if *of == range => *kept = value,
                _ => last.push((range, value)),
            }
        }
        (last, left_out)
    }
}
