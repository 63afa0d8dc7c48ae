//! Methods of `StoreView` that read metric series and the summaries of series.

use crate::contract::nfc::nfc;
use crate::contract::{MetricValue, RecordType, RunRef, StageRef, Timestamp};
use crate::engine;
use crate::engine::projection::Point;
use crate::projections::tables::{FACTS, IMPORTED_SERIES, IMPORTED_SUMMARIES, NON_FINITE, SERIES, SUMMARIES};
use crate::projections::{keys, series};
use crate::store::attributes::AttributeVersions;
use crate::store::duplicates::without_duplicates;
use crate::store::error::Result;
use crate::store::view::StoreView;
use crate::store::writers::Superseding;
use std::collections::HashMap;

/// One point of a metric series.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeriesPoint {
    /// The time of observation.
    pub observed_at: Timestamp,
    /// The step of training, if one was recorded.
    pub step: Option<i64>,
    /// The value.
    pub value: MetricValue,
    /// `true` if a later attempt of the run resumed at this step or before it. Answers contain such a point only if all
    /// attempts were requested.
    pub is_superseded: bool,
}

/// The summary of a metric series.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeriesRow {
    /// The stage; `None` for a series outside any stage.
    pub stage_ref: Option<StageRef>,
    /// The name of the stage; the last component of the ref if the start of the stage is not in the log.
    pub stage_name: Option<String>,
    /// The key of the metric.
    pub metric_key: String,
    /// The number of points.
    pub count: u64,
    /// The number of points whose values are NaN or infinite.
    pub non_finite: u64,
    /// The first point.
    pub first: SeriesPoint,
    /// The last point.
    pub last: SeriesPoint,
    /// The smallest value; NaN if every value is NaN.
    pub min: f64,
    /// The greatest value; NaN if every value is NaN.
    pub max: f64,
}

impl SeriesRow {
    /// Returns `stage/key`, or `key` for a series outside any stage.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.stage_name {
            Some(stage) => format!("{stage}/{}", self.metric_key),
            None => self.metric_key.clone(),
        }
    }

    /// Returns `true` if the series belongs to the stage with this name, or with this last component of the ref. For
    /// `None`, returns `true` if the series belongs to no stage.
    #[must_use]
    pub fn is_of_stage(&self, stage: Option<&str>) -> bool {
        match (stage, &self.stage_ref, &self.stage_name) {
            (None, own, _) => own.is_none(),
            (Some(stage), Some(own), name) => {
                own.last_component() == stage || name.as_deref().is_some_and(|name| nfc(name) == nfc(stage))
            }
            (Some(_), None, _) => false,
        }
    }
}

/// The attempts of a run whose points an answer contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Attempts {
    /// The points that no later attempt superseded.
    #[default]
    Newest,
    /// The points of all attempts, also superseded ones.
    All,
}

fn point(p: &Point) -> Option<SeriesPoint> {
    let decoded = series::decode(p)?;
    let observed_at = Timestamp::from_micros(p.order.time)?;
    Some(SeriesPoint { observed_at, step: decoded.step, value: decoded.value, is_superseded: false })
}

impl StoreView<'_> {
    /// Returns the summaries of the metric series of a run without superseded points, ordered by stage and key. Series
    /// outside any stage come first.
    pub fn series_of(&self, run: &RunRef) -> Result<Vec<SeriesRow>> {
        self.summaries(run, Attempts::Newest)
    }

    /// Returns the summaries of the metric series of a run like [`series_of`](StoreView::series_of), of the newest attempt
    /// or of all attempts.
    pub fn summaries(&self, run: &RunRef, attempts: Attempts) -> Result<Vec<SeriesRow>> {
        let has_superseded = attempts == Attempts::Newest && !self.supersedings(run)?.is_empty();
        let mut runs = self.all_summaries(&keys::series_of(run), attempts, |_| has_superseded)?;
        Ok(runs.pop().map_or_else(Vec::new, |(_, series)| series))
    }

    /// Returns the summaries of the metric series whose keys begin with `prefix`, by the text of the run's ref. Runs
    /// are ordered by ref, and the series of a run by stage and key. `has_superseded` returns `true` for a run with
    /// superseded points that the summaries must not contain.
    pub(super) fn all_summaries(
        &self,
        prefix: &[u8],
        attempts: Attempts,
        has_superseded: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, Vec<SeriesRow>)>> {
        let mut imported: HashMap<Vec<u8>, (u64, Vec<[u8; 16]>)> = HashMap::new();
        for row in self.view.registers(IMPORTED_SUMMARIES, prefix)? {
            let row = row?;
            imported.insert(row.key().to_vec(), (row.register.count, Vec::new()));
        }
        if !imported.is_empty() {
            for row in self.view.keys(IMPORTED_SERIES, prefix)? {
                let row = row?;
                let parts = row.key().split_last_chunk::<16>();
                let series = parts.and_then(|(series, import)| Some((series.strip_suffix(&[0])?, import)));
                if let Some((_, imports)) = series.and_then(|(series, _)| imported.get_mut(series)) {
                    imports.extend(series.map(|(_, import)| *import));
                }
            }
        }
        let mut non_finite: HashMap<Vec<u8>, u64> = HashMap::new();
        for row in self.view.registers(NON_FINITE, prefix)? {
            let row = row?;
            non_finite.insert(row.key().to_vec(), row.register.count);
        }
        let mut runs: Vec<(String, Vec<SeriesRow>)> = Vec::new();
        // The rows whose points must be read, by run and index.
        let mut uncertain = Vec::new();
        for summary in self.view.registers(SUMMARIES, prefix)? {
            let summary = summary?;
            let (key, register) = (summary.key(), &summary.register);
            let row = keys::split::<3>(key).and_then(|[run, stage, metric_key]| {
                let first = point(&register.first)?;
                let value = |p: &Option<Point>| p.as_ref().and_then(|p| p.measure).unwrap_or(f64::NAN);
                let row = SeriesRow {
                    stage_ref: if stage.is_empty() { None } else { Some(StageRef::parse(stage).ok()?) },
                    stage_name: None,
                    metric_key: metric_key.to_owned(),
                    count: register.count,
                    non_finite: non_finite.get(key).copied().unwrap_or(0),
                    first,
                    last: point(&register.last)?,
                    min: value(&register.min),
                    max: value(&register.max),
                };
                Some((run, row))
            });
            let Some((run, row)) = row else { return Err(self.malformed_row(SUMMARIES.name)) };
            if runs.last().is_none_or(|(last, _)| last != run) {
                runs.push((run.to_owned(), Vec::new()));
            }
            // One import contains each record once. The record may also have been captured here, or be in another
            // import.
            let may_repeat = imported.get(key).is_some_and(|(count, imports)| {
                *count != register.count || imports.len() != 1 || imports.contains(&[0; 16])
            });
            let at = runs.len() - 1;
            if let Some((run, series)) = runs.last_mut() {
                // The summaries count the points of all attempts.
                if may_repeat || has_superseded(run) {
                    uncertain.push((at, series.len()));
                }
                series.push(row);
            }
        }
        for (at, n) in uncertain {
            if let Some((run, series)) = runs.get_mut(at)
                && let (Ok(run), Some(row)) = (RunRef::parse(run), series.get_mut(n))
            {
                let points = self.points(&run, row.stage_ref.as_ref(), &row.metric_key, attempts)?;
                let values = || points.iter().map(|p| p.value.as_f64());
                row.count = points.len() as u64;
                row.non_finite = points.iter().filter(|p| !p.value.is_finite()).count() as u64;
                (row.min, row.max) = (values().fold(f64::NAN, f64::min), values().fold(f64::NAN, f64::max));
                if let (Some(first), Some(last)) = (points.first(), points.last()) {
                    (row.first, row.last) = (first.clone(), last.clone());
                }
            }
        }
        let mut names: HashMap<StageRef, String> = HashMap::new();
        for row in runs.iter_mut().flat_map(|(_, series)| series) {
            let Some(stage) = &row.stage_ref else { continue };
            row.stage_name = Some(match names.get(stage) {
                Some(name) => name.clone(),
                None => {
                    let name = self.stage_name(stage)?;
                    names.insert(stage.clone(), name.clone());
                    name
                }
            });
        }
        runs.iter_mut().for_each(|(_, series)| series.retain(|row| row.count > 0));
        Ok(runs)
    }

    /// Returns the name of a stage; the last component of the ref if no name was recorded. Reads one row.
    fn stage_name(&self, stage: &StageRef) -> Result<String> {
        let mut name = AttributeVersions::default();
        name.add("stage_name", self.view.versions_of(FACTS, &keys::attribute(stage, "stage_name"))?);
        let attributes = name.resolve().ok_or_else(|| self.malformed_row(FACTS.name))?;
        Ok(attributes.text("stage_name").unwrap_or_else(|| stage.last_component().to_owned()))
    }

    /// Returns the points of one series, ordered by time of observation, without superseded points.
    pub fn series(
        &self,
        run: &RunRef,
        stage: Option<&StageRef>,
        metric_key: &str,
    ) -> Result<Vec<SeriesPoint>> {
        self.points(run, stage, metric_key, Attempts::Newest)
    }

    /// Returns the points of one series, ordered by time of observation.
    pub fn points(
        &self,
        run: &RunRef,
        stage: Option<&StageRef>,
        metric_key: &str,
        attempts: Attempts,
    ) -> Result<Vec<SeriesPoint>> {
        let supersedings = self.supersedings(run)?;
        let points = self.view.series(SERIES, &keys::series(run, stage, metric_key))?;
        let points = points.collect::<engine::Result<Vec<Point>>>()?;
        let identity = |p: &Point| Some((p.order.stamp, series::decode(p)?.imported_ref));
        let points = without_duplicates(run, RecordType::Metric, points, identity)?;
        let read_one = |p: &Point| {
            let point = point(p)?;
            let covers = |by: &Superseding| by.covers(p.order.stamp, point.step);
            Some(SeriesPoint { is_superseded: supersedings.iter().any(covers), ..point })
        };
        let read: Option<Vec<SeriesPoint>> = points.and_then(|points| points.iter().map(read_one).collect());
        let mut points = read.ok_or_else(|| self.malformed_row(SERIES.name))?;
        points.retain(|point| attempts == Attempts::All || !point.is_superseded);
        Ok(points)
    }
}
