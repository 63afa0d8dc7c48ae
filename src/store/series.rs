//! Methods of `StoreView` that read metric series and the summaries of series.

use crate::contract::{MetricValue, RecordType, RunRef, StageRef, Timestamp};
use crate::engine;
use crate::engine::projection::Point;
use crate::projections::tables::{IMPORTED_SERIES, IMPORTED_SUMMARIES, SERIES, SUMMARIES};
use crate::projections::{keys, series};
use crate::store::duplicates::without_duplicates;
use crate::store::error::Result;
use crate::store::view::StoreView;
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
}

/// The summary of a metric series.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeriesRow {
    /// The stage; `None` for a series outside any stage.
    pub stage_ref: Option<StageRef>,
    /// The key of the metric.
    pub metric_key: String,
    /// The number of points.
    pub count: u64,
    /// The first point.
    pub first: SeriesPoint,
    /// The last point.
    pub last: SeriesPoint,
    /// The smallest value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

fn point(p: &Point) -> Option<SeriesPoint> {
    let decoded = series::decode(p)?;
    let observed_at = Timestamp::from_micros(p.order.time)?;
    Some(SeriesPoint { observed_at, step: decoded.step, value: decoded.value })
}

impl StoreView<'_> {
    /// Returns the summaries of the metric series of a run, ordered by stage and key. Series outside any stage come
    /// first.
    pub fn series_of(&self, run: &RunRef) -> Result<Vec<SeriesRow>> {
        let mut runs = self.summaries(&keys::series_of(run))?;
        Ok(runs.pop().map_or_else(Vec::new, |(_, series)| series))
    }

    /// Returns the summaries of the metric series whose keys begin with `prefix`, by the text of the run's ref. Runs
    /// are ordered by ref, and the series of a run by stage and key. Runs without series are not returned.
    pub(super) fn summaries(&self, prefix: &[u8]) -> Result<Vec<(String, Vec<SeriesRow>)>> {
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
                    metric_key: metric_key.to_owned(),
                    count: register.count,
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
            if let Some((_, series)) = runs.last_mut() {
                if may_repeat {
                    uncertain.push((at, series.len()));
                }
                series.push(row);
            }
        }
        for (at, n) in uncertain {
            if let Some((run, series)) = runs.get_mut(at)
                && let (Ok(run), Some(row)) = (RunRef::parse(run), series.get_mut(n))
            {
                let points = self.series(&run, row.stage_ref.as_ref(), &row.metric_key)?;
                let values = || points.iter().map(|p| p.value.as_f64());
                row.count = points.len() as u64;
                (row.min, row.max) = (values().fold(f64::NAN, f64::min), values().fold(f64::NAN, f64::max));
                if let (Some(first), Some(last)) = (points.first(), points.last()) {
                    (row.first, row.last) = (first.clone(), last.clone());
                }
            }
        }
        Ok(runs)
    }

    /// Returns the points of one series, ordered by time of observation.
    pub fn series(
        &self,
        run: &RunRef,
        stage: Option<&StageRef>,
        metric_key: &str,
    ) -> Result<Vec<SeriesPoint>> {
        let points = self.view.series(SERIES, &keys::series(run, stage, metric_key))?;
        let points = points.collect::<engine::Result<Vec<Point>>>()?;
        let identity = |p: &Point| Some((p.order.stamp, series::decode(p)?.imported_ref));
        let points = without_duplicates(run, RecordType::Metric, points, identity)?;
        let read: Option<Vec<SeriesPoint>> = points.and_then(|points| points.iter().map(point).collect());
        read.ok_or_else(|| self.malformed_row(SERIES.name))
    }
}
