//! Metric series and their summaries.

use crate::contract::{MetricValue, RecordType, RunRef, StageRef, Timestamp};
use crate::engine;
use crate::engine::entry::Stamp;
use crate::engine::projection::Point;
use crate::projections::tables::{BROUGHT, BROUGHT_SUMMARIES, SERIES, SUMMARIES};
use crate::projections::{keys, series};
use crate::store::error::Result;
use crate::store::records::captured_ref;
use crate::store::view::StoreView;
use std::collections::HashMap;

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
    let decoded = series::decode(p)?;
    let observed_at = Timestamp::from_micros(p.order.time)?;
    Some(SeriesPoint { observed_at, step: decoded.step, value: decoded.value })
}

/// Of points or positions with one record's ref the one that counts: what was captured here before what imports brought,
/// then the first. Each has its stamp, and the digest of the ref that it brought.
pub(super) fn distinct<T>(
    run: &RunRef,
    family: RecordType,
    items: Vec<T>,
    seen: impl Fn(&T) -> Option<(Stamp, Option<[u8; 8]>)>,
) -> Result<Option<Vec<T>>> {
    let Some(all) = items.iter().map(&seen).collect::<Option<Vec<_>>>() else { return Ok(None) };
    if all.iter().all(|(_, brought)| brought.is_none()) {
        return Ok(Some(items));
    }
    let mut first: HashMap<[u8; 8], (bool, Stamp)> = HashMap::new();
    let mut own = Vec::with_capacity(all.len());
    for (stamp, brought) in all {
        let digest = match brought {
            Some(digest) => digest,
            None => keys::ref_digest(&captured_ref(run, family, stamp.position())?),
        };
        let rank = (brought.is_some(), stamp);
        let best = first.entry(digest).or_insert(rank);
        *best = rank.min(*best);
        own.push((digest, rank));
    }
    let counts = own.iter().map(|(digest, rank)| first.get(digest) == Some(rank));
    Ok(Some(items.into_iter().zip(counts).filter_map(|(item, counts)| counts.then_some(item)).collect()))
}

impl StoreView<'_> {
    /// The series of a run, by stage (those outside any first) and key.
    pub fn series_of(&self, run: &RunRef) -> Result<Vec<SeriesRow>> {
        let prefix = keys::series_of(run);
        let mut brought: HashMap<Vec<u8>, (u64, Vec<[u8; 16]>)> = HashMap::new();
        for row in self.view.registers(BROUGHT_SUMMARIES, &prefix)? {
            let row = row?;
            brought.insert(row.key().to_vec(), (row.register.count, Vec::new()));
        }
        if !brought.is_empty() {
            for row in self.view.keys(BROUGHT, &prefix)? {
                let row = row?;
                let parts = row.key().split_last_chunk::<16>();
                let series = parts.and_then(|(series, import)| Some((series.strip_suffix(&[0])?, import)));
                if let Some((_, imports)) = series.and_then(|(series, _)| brought.get_mut(series)) {
                    imports.extend(series.map(|(_, import)| *import));
                }
            }
        }
        let mut rows = Vec::new();
        let mut doubtful = Vec::new();
        let mut malformed = false;
        for summary in self.view.registers(SUMMARIES, &prefix)? {
            let summary = summary?;
            let (key, register) = (summary.key(), &summary.register);
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
            // One import says each thing once; what was captured here, or another import brought, it may say again.
            let may_repeat = brought.get(key).is_some_and(|(count, imports)| {
                *count != register.count || imports.len() != 1 || imports.contains(&[0; 16])
            });
            if may_repeat {
                doubtful.push(rows.len());
            }
            malformed |= row.is_none();
            rows.extend(row);
        }
        if malformed {
            return Err(self.broken_row(SUMMARIES.name));
        }
        for n in doubtful {
            if let Some(row) = rows.get_mut(n) {
                let points = self.series(run, row.stage_ref.as_ref(), &row.metric_key)?;
                let values = || points.iter().map(|p| p.value.as_f64());
                row.count = points.len() as u64;
                (row.min, row.max) = (values().fold(f64::NAN, f64::min), values().fold(f64::NAN, f64::max));
                if let (Some(first), Some(last)) = (points.first(), points.last()) {
                    (row.first, row.last) = (first.clone(), last.clone());
                }
            }
        }
        Ok(rows)
    }

    /// The points of one series, by when they were observed.
    pub fn series(
        &self,
        run: &RunRef,
        stage: Option<&StageRef>,
        metric_key: &str,
    ) -> Result<Vec<SeriesPoint>> {
        let points = self.view.series(SERIES, &keys::series(run, stage, metric_key))?;
        let points = points.collect::<engine::Result<Vec<Point>>>()?;
        let seen = |p: &Point| Some((p.order.stamp, series::decode(p)?.brought));
        let points = distinct(run, RecordType::Metric, points, seen)?;
        let read: Option<Vec<SeriesPoint>> = points.and_then(|points| points.iter().map(point).collect());
        read.ok_or_else(|| self.broken_row(SERIES.name))
    }
}
