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
    /// `true` if a later attempt of the run resumed at the step of this point or at an earlier step. An answer contains
    /// such a point only if the caller requested all attempts.
    pub is_superseded: bool,
}

/// The summary of a metric series.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeriesRow {
    /// The stage; `None` for a series outside any stage.
    pub stage_ref: Option<StageRef>,
    /// The name of the stage, or the last component of the stage's ref if no name was recorded. `None` for a series
    /// outside any stage.
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

    /// Returns `true` if the series belongs to the stage `stage`, which is a name or the last component of a ref. If
    /// `stage` is `None`, returns `true` if the series belongs to no stage.
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

/// A selection of the points of a run by attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Attempts {
    /// All points that no later attempt superseded.
    #[default]
    Newest,
    /// The points of all attempts, including superseded points.
    All,
}

fn point(p: &Point) -> Option<SeriesPoint> {
    let decoded = series::decode(p)?;
    let observed_at = Timestamp::from_micros(p.order.time)?;
    Some(SeriesPoint { observed_at, step: decoded.step, value: decoded.value, is_superseded: false })
}

/// The stored summaries of the metric series of one run. They include superseded points.
#[derive(Debug)]
pub(super) struct StoredSummaries {
    /// The text of the run's ref.
    run: String,
    /// The summaries, ordered by stage and key.
    series: Vec<SeriesRow>,
    /// The indices of the series that may contain points of one record twice.
    repeated: Vec<usize>,
}

impl StoreView<'_> {
    /// Returns the summaries of the metric series of a run, ordered by stage and key. Series outside any stage come
    /// first. The summaries do not include superseded points.
    pub fn series_of(&self, run: &RunRef) -> Result<Vec<SeriesRow>> {
        self.summaries(run, Attempts::Newest)
    }

    /// Returns the summaries of the metric series of a run in the order of [`series_of`](StoreView::series_of).
    /// `attempts` selects the points.
    pub fn summaries(&self, run: &RunRef, attempts: Attempts) -> Result<Vec<SeriesRow>> {
        let supersedings = if attempts == Attempts::Newest { self.supersedings(run)? } else { Vec::new() };
        let stored = self.stored_summaries(&keys::series_of(run))?;
        let mut runs = self.effective_summaries(stored, attempts, |_| supersedings.clone())?;
        Ok(runs.pop().map_or_else(Vec::new, |(_, series)| series))
    }

    /// Returns the stored summaries of the metric series whose keys begin with `prefix`, ordered by run, stage and key.
    pub(super) fn stored_summaries(&self, prefix: &[u8]) -> Result<Vec<StoredSummaries>> {
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
        let mut runs: Vec<StoredSummaries> = Vec::new();
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
            if runs.last().is_none_or(|last| last.run != run) {
                runs.push(StoredSummaries { run: run.to_owned(), series: Vec::new(), repeated: Vec::new() });
            }
            // One import contains each record once. The record may also have been captured here, or be in another
            // import.
            let may_repeat = imported.get(key).is_some_and(|(count, imports)| {
                *count != register.count || imports.len() != 1 || imports.contains(&[0; 16])
            });
            if let Some(StoredSummaries { series, repeated, .. }) = runs.last_mut() {
                repeated.extend(may_repeat.then_some(series.len()));
                // Many runs have only a few series.
                series.reserve_exact(usize::from(series.is_empty()));
                series.push(row);
            }
        }
        Ok(runs)
    }

    /// Returns the effective summaries of metric series. Each item is the text of a run's ref, with the summaries of
    /// this run. `attempts` selects the points, and `supersedings` returns the resumes of a run that superseded points
    /// which the summaries must not include.
    pub(super) fn effective_summaries(
        &self,
        stored: Vec<StoredSummaries>,
        attempts: Attempts,
        supersedings: impl Fn(&str) -> Vec<Superseding>,
    ) -> Result<Vec<(String, Vec<SeriesRow>)>> {
        let mut runs = Vec::with_capacity(stored.len());
        for StoredSummaries { run, mut series, repeated } in stored {
            let resumes = supersedings(&run);
            // The stored summaries include superseded points.
            let uncertain = if resumes.is_empty() { repeated } else { (0..series.len()).collect() };
            for n in uncertain {
                if let (Ok(run), Some(row)) = (RunRef::parse(&run), series.get_mut(n)) {
                    self.recompute(&run, row, attempts, &resumes)?;
                }
            }
            runs.push((run, series));
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

    /// Computes the summary of a series from its points.
    fn recompute(
        &self,
        run: &RunRef,
        row: &mut SeriesRow,
        attempts: Attempts,
        resumes: &[Superseding],
    ) -> Result<()> {
        let points = self.points_of(run, row.stage_ref.as_ref(), &row.metric_key, attempts, resumes)?;
        let values = || points.iter().map(|p| p.value.as_f64());
        row.count = points.len() as u64;
        row.non_finite = points.iter().filter(|p| !p.value.is_finite()).count() as u64;
        (row.min, row.max) = (values().fold(f64::NAN, f64::min), values().fold(f64::NAN, f64::max));
        if let (Some(first), Some(last)) = (points.first(), points.last()) {
            (row.first, row.last) = (first.clone(), last.clone());
        }
        Ok(())
    }

    /// Returns the name of a stage; the last component of the ref if no name was recorded. Reads one attribute only.
    fn stage_name(&self, stage: &StageRef) -> Result<String> {
        let mut name = AttributeVersions::default();
        for version in self.view.versions_of(FACTS, &keys::attribute(stage, "stage_name"))? {
            name.add("stage_name", version);
        }
        let mut attributes = name.resolve().ok_or_else(|| self.malformed_row(FACTS.name))?;
        Ok(attributes.take_text("stage_name").unwrap_or_else(|| stage.last_component().to_owned()))
    }

    /// Returns the points of one series that are not superseded, ordered by time of observation.
    pub fn series(
        &self,
        run: &RunRef,
        stage: Option<&StageRef>,
        metric_key: &str,
    ) -> Result<Vec<SeriesPoint>> {
        self.points(run, stage, metric_key, Attempts::Newest)
    }

    /// Returns the points of one series that `attempts` selects, ordered by time of observation.
    pub fn points(
        &self,
        run: &RunRef,
        stage: Option<&StageRef>,
        metric_key: &str,
        attempts: Attempts,
    ) -> Result<Vec<SeriesPoint>> {
        self.points_of(run, stage, metric_key, attempts, &self.supersedings(run)?)
    }

    /// Returns the points of one series like [`points`](StoreView::points). `supersedings` are those of the run.
    fn points_of(
        &self,
        run: &RunRef,
        stage: Option<&StageRef>,
        metric_key: &str,
        attempts: Attempts,
        supersedings: &[Superseding],
    ) -> Result<Vec<SeriesPoint>> {
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
