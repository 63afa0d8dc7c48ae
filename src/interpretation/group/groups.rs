//! Statistics of a metric over groups of runs.

use crate::contract::{MetricValue, RunRef, Value};
use crate::interpretation::asked_metric::AskedMetric;
use crate::interpretation::curve::StepRanges;
use crate::interpretation::error::{Error, Result};
use crate::interpretation::group::curve::{Curves, GroupPoint, ranges_of};
use crate::interpretation::group::key::{GroupColumn, compare_keys};
use crate::interpretation::query::RunListQuery;
use crate::interpretation::query::run_list::project_of;
use crate::interpretation::query::selected::selected_runs;
use crate::interpretation::statistics::Statistics;
use crate::store::{Note, RunRow, Severity, Store, StoreView};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The parameters of a query for groups of runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GroupQuery {
    /// The columns. The runs of a group have equal values in all columns. There must be at least one column.
    pub by: Vec<GroupColumn>,
    /// The name of the stage whose points are used. `None` selects the points of all stages and the points
    /// outside any stage.
    pub stage: Option<String>,
    /// The greatest number of points in the curve of a group. If `None`, no curves are computed. If the limit
    /// is 1, a curve with negative and other steps has two points.
    pub curve_points_max: Option<usize>,
    /// The query that selects the runs.
    pub runs: RunListQuery,
}

impl GroupQuery {
    /// Creates a query for groups of all runs that are not archived. No curves are computed.
    #[must_use]
    pub fn by(columns: impl IntoIterator<Item = GroupColumn>) -> GroupQuery {
        let runs = RunListQuery::oldest_first();
        GroupQuery { by: columns.into_iter().collect(), stage: None, curve_points_max: None, runs }
    }

    fn check(&self) -> Result<()> {
        let reason = if self.by.is_empty() {
            "no column is given; give a column such as params.lr"
        } else if self.curve_points_max == Some(0) {
            "the limit for the number of points is 0; it must be at least 1"
        } else {
            return Ok(());
        };
        Err(Error::InvalidGroupQuery { reason: reason.to_owned() })
    }
}

/// Statistics of a metric over groups of runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunGroups {
    /// The metric.
    pub metric_key: String,
    /// The stage, as the caller named it.
    pub stage_name: Option<String>,
    /// The project of the runs.
    pub project_name: Option<String>,
    /// The columns.
    pub by: Vec<GroupColumn>,
    /// The groups, in the order of the values of the columns. Numbers come before texts. Groups of runs
    /// without the parameter or tag come last.
    pub groups: Vec<RunGroup>,
    /// The ranges of steps that the points of the curves represent; `None` without curves. The width is 1 if
    /// each point represents a single step.
    pub ranges: Option<StepRanges>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Runs with equal values in all columns.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunGroup {
    /// The value of each column. The value is `None` if the runs do not have the parameter or the tag.
    /// Numbers are compared by value, so the runs of a group may have recorded 1 and 1.0. In this case, the
    /// group has the value of its first run.
    pub values: Vec<Option<Value>>,
    /// The runs that have the metric, in the order of the query.
    pub runs: Vec<RunRef>,
    /// The runs that do not have the metric, in the order of the query.
    pub without: Vec<RunRef>,
    /// The statistics of the last value of each run.
    pub statistics: Statistics,
    /// The points of the curve in ascending order of step; empty without curves.
    pub curve: Vec<GroupPoint>,
}

/// Divides the runs that a query selects into groups, and returns statistics of a metric for each group. Each
/// run contributes its last value.
pub fn group_runs(store: &Store, metric_key: &str, query: &GroupQuery) -> Result<RunGroups> {
    query.check()?;
    store.read(|view| {
        let (runs, _) = selected_runs(view, &query.runs)?;
        let project_name = project_of(&runs, query.runs.project.as_ref());
        let (keys, groups) = divide(runs, &query.by);
        let asked = AskedMetric::new(metric_key, query.stage.as_deref());
        let mut notes = view.notes();
        let curves = match query.curve_points_max {
            Some(points_max) => {
                let ranges = ranges_of(view, &asked, &groups, points_max)?;
                notes.extend(ranges_note(metric_key, ranges));
                Some(Curves { asked: &asked, ranges })
            }
            None => None,
        };
        let mut answer = Vec::new();
        for (values, runs) in keys.into_iter().zip(groups) {
            let group = RunGroup { values, ..last_values(view, &asked, &runs, &mut notes)? };
            let curve = match &curves {
                Some(curves) => curves.of_group(view, &runs, &mut notes)?,
                None => Vec::new(),
            };
            answer.push(RunGroup { curve, ..group });
        }
        Ok(RunGroups {
            metric_key: metric_key.to_owned(),
            stage_name: query.stage.clone(),
            project_name,
            by: query.by.clone(),
            groups: answer,
            ranges: curves.map(|curves| curves.ranges),
            notes,
        })
    })
}

/// Returns a note if each point of a curve represents several steps, otherwise `None`.
fn ranges_note(metric_key: &str, ranges: StepRanges) -> Option<Note> {
    let width = ranges.width();
    (width > 1).then(|| {
        let message =
            format!("each point of a curve of {metric_key} represents the last values in {width} steps");
        let note = Note::new(Severity::Info, "curve_steps_joined", message);
        note.with("metric", metric_key).with("step_width", width)
    })
}

/// The value of each column in a group.
type Key = Vec<Option<Value>>;

/// Divides runs into groups. The first result contains the values of the columns for each group. The second
/// result contains the runs of each group.
fn divide(runs: Vec<Arc<RunRow>>, by: &[GroupColumn]) -> (Vec<Key>, Vec<Vec<Arc<RunRow>>>) {
    let keyed =
        runs.into_iter().map(|run| (by.iter().map(|column| column.value(&run)).collect::<Key>(), run));
    let mut keyed: Vec<(Key, Arc<RunRow>)> = keyed.collect();
    // The sort is stable, so the runs of a group keep their order.
    keyed.sort_by(|(a, _), (b, _)| compare_keys(a, b));
    let (mut keys, mut groups): (Vec<Key>, Vec<Vec<Arc<RunRow>>>) = (Vec::new(), Vec::new());
    for (key, run) in keyed {
        let is_same = keys.last().is_some_and(|last| compare_keys(last, &key).is_eq());
        match groups.last_mut() {
            Some(group) if is_same => group.push(run),
            _ => {
                keys.push(key);
                groups.push(vec![run]);
            }
        }
    }
    (keys, groups)
}

/// Computes the statistics of the last values in a group. The answer has no values of columns and no curve.
fn last_values(
    view: &StoreView<'_>,
    asked: &AskedMetric<'_>,
    members: &[Arc<RunRow>],
    notes: &mut Vec<Note>,
) -> Result<RunGroup> {
    let (mut runs, mut without, mut last) = (Vec::new(), Vec::new(), Vec::<MetricValue>::new());
    let mut units = BTreeSet::new();
    for run in members {
        let Some(measured) = asked.measure(view, run, notes)? else {
            without.push(run.run_ref.clone());
            continue;
        };
        if !measured.value.is_finite() {
            notes.push(asked.not_finite(run, &measured.value));
        }
        units.insert(measured.unit_text().to_owned());
        last.push(measured.value);
        runs.push(run.run_ref.clone());
    }
    if units.len() > 1 {
        let units = Vec::from_iter(units).join(", ");
        let first = runs.first().map(ToString::to_string).unwrap_or_default();
        let message =
            format!("the runs in the group of {first} measured {} in different units: {units}", asked.key);
        let note = Note::new(Severity::Warning, "metric_units_differ", message);
        notes.push(note.with("metric", asked.key).with("run", first));
    }
    let (values, curve) = (Vec::new(), Vec::new());
    Ok(RunGroup { values, runs, without, statistics: Statistics::of(&last), curve })
}
