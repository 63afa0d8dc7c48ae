//! Metric series and their summaries.

use crate::contract::{MetricValue, RunRef, StageRef, Timestamp};
use crate::engine::projection::Point;
use crate::projections::tables::{SERIES, SUMMARIES};
use crate::projections::{keys, series};
use crate::store::error::Result;
use crate::store::view::StoreView;

/// One point of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoint {
    /// When it was observed.
    pub observed_at: Timestamp,
    /// The step of training, if it was given.
    pub step: Option<i64>,
    /// The number.
    pub value: MetricValue,
}

/// A series, in short.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRow {
    /// Its stage; `None` outside any.
    pub stage_ref: Option<StageRef>,
    /// What was measured.
    pub metric_key: String,
    /// Number of points.
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
    let (step, value) = series::decode(p)?;
    Some(SeriesPoint { observed_at: Timestamp::from_micros(p.order.time)?, step, value })
}

impl StoreView<'_> {
    /// The series of a run, by stage (those outside any first) and key.
    pub fn series_of(&self, run: &RunRef) -> Result<Vec<SeriesRow>> {
        let mut rows = Vec::new();
        let mut malformed = false;
        self.view.registers(SUMMARIES, &keys::series_of(run), |key, register| {
            let row = keys::split::<3>(key).and_then(|[_, stage, metric_key]| {
                let first = point(&register.first)?;
                let value = |p: &Option<Point>| p.as_ref().and_then(|p| p.measure).unwrap_or(f64::NAN);
                Some(SeriesRow {
                    stage_ref: if stage.is_empty() { None } else { Some(StageRef::parse(stage).ok()?) },
                    metric_key: metric_key.to_owned(),
                    count: register.count,
                    first,
                    last: point(&register.last)?,
                    min: value(&register.min),
                    max: value(&register.max),
                })
            });
            malformed |= row.is_none();
            rows.extend(row);
            Ok(())
        })?;
        if malformed { Err(self.broken_row(SUMMARIES.name)) } else { Ok(rows) }
    }

    /// The points of one series, by when they were observed.
    pub fn series(
        &self,
        run: &RunRef,
        stage: Option<&StageRef>,
        metric_key: &str,
    ) -> Result<Vec<SeriesPoint>> {
        let points = self.view.series(SERIES, &keys::series(run, stage, metric_key))?;
        let read: Option<Vec<SeriesPoint>> = points.iter().map(point).collect();
        read.ok_or_else(|| self.broken_row(SERIES.name))
    }
}
