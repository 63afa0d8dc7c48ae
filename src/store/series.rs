//! Methods of `StoreView` that read metric series and the summaries of series.

use crate::contract::nfc::nfc;
use crate::contract::{AggregationScope, AnyRecord, MetricValue, RecordType, RunRef, StageRef, Timestamp};
use crate::engine::entry::{Position, Stamp};
use crate::engine::projection::{Point, Register};
use crate::projections::series::Decoded;
use crate::projections::series_key::SeriesKey;
use crate::projections::tables::{
    FACTS, IMPORTED_SERIES, IMPORTED_SUMMARIES, NON_FINITE, SERIES, SERIES_UNITS, SUMMARIES,
};
use crate::projections::{keys, series};
use crate::store::attributes::AttributeVersions;
use crate::store::duplicates::without_duplicates;
use crate::store::error::{Error, Result};
use crate::store::lifecycle::Superseding;
use crate::store::view::StoreView;
use std::collections::{BTreeSet, HashMap};

/// The number of records that are read together to find the units of points.
const UNITS_PIECE: usize = 1024;

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
    /// The stamp of the point's entry in the log. The order of stamps is the order in which points were appended.
    pub stamp: Stamp,
    /// `true` if a later attempt of the run resumed at the step of this point or at an earlier step. An answer contains
    /// such a point only if the caller requested all attempts.
    pub is_superseded: bool,
}

/// The summary of a metric series.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeriesRow {
    /// The identity of the series.
    pub key: SeriesKey,
    /// The name of the stage, or the last component of the stage's ref if no name was recorded. `None` for a series
    /// outside any stage.
    pub stage_name: Option<String>,
    /// The units of the points, without duplicates. Most series have one unit. The list is empty if no point has a
    /// unit.
    pub units: Vec<String>,
    /// `true` if some points have a unit and others do not.
    pub has_points_without_unit: bool,
    /// The scopes that the points describe, without duplicates. Most series have one scope.
    pub scopes: Vec<AggregationScope>,
    /// The number of points.
    pub count: u64,
    /// The number of points whose values are NaN or infinite.
    pub non_finite: u64,
    /// The first point in the order of training.
    pub first: SeriesPoint,
    /// The last point in the order of training. If some points have a step, this is the latest of the points
    /// with the greatest step. If no point has a step, this is the latest point.
    pub last: SeriesPoint,
    /// The smallest finite value; `None` if no value is finite.
    pub min: Option<MetricValue>,
    /// The greatest finite value; `None` if no value is finite.
    pub max: Option<MetricValue>,
}

impl SeriesRow {
    /// Returns `stage/key{tag=value}`. Parts that the series does not have are omitted.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.stage_name {
            Some(stage) => format!("{stage}/{}", self.key.metric()),
            None => self.key.metric(),
        }
    }

    /// Returns `true` if the series belongs to the stage `stage`, which is a name or the last component of a ref. If
    /// `stage` is `None`, returns `true` if the series belongs to no stage.
    #[must_use]
    pub fn is_of_stage(&self, stage: Option<&str>) -> bool {
        match (stage, &self.key.stage_ref, &self.stage_name) {
            (None, own, _) => own.is_none(),
            (Some(stage), Some(own), name) => {
                own.last_component() == stage || name.as_deref().is_some_and(|name| nfc(name) == nfc(stage))
            }
            (Some(_), None, _) => false,
        }
    }

    /// Computes the counts, the extremes, the first point and the last point of the summary from `points`.
    /// The points must be in the order of training.
    fn summarize(&mut self, points: &[SeriesPoint]) {
        let finite = || points.iter().map(|point| &point.value).filter(|value| value.is_finite());
        self.count = points.len() as u64;
        self.non_finite = self.count - finite().count() as u64;
        self.min = finite().min_by(|a, b| a.compare(b)).cloned();
        // `max_by` returns the last of several equal values. With `rev`, this is the first value in the order
        // of training, as for the smallest value.
        self.max = finite().rev().max_by(|a, b| a.compare(b)).cloned();
        if let (Some(first), Some(last)) = (points.first(), points.last()) {
            (self.first, self.last) = (first.clone(), last.clone());
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
    Some(series_point(p.order.stamp, series::decode(p.borrowed())?))
}

fn series_point(stamp: Stamp, decoded: Decoded) -> SeriesPoint {
    let Decoded { observed_at, step, value, .. } = decoded;
    SeriesPoint { observed_at, step, value, stamp, is_superseded: false }
}

/// Returns `true` if the extreme value is so large that other values of the series may have the same nearest float.
fn may_be_rounded(extreme: &Point) -> bool {
    extreme.measure.is_some_and(|measure| measure.abs() >= 2f64.powi(53))
}

/// The stored summaries of one run's metric series. The summaries include superseded points.
#[derive(Debug)]
pub(super) struct StoredSummaries {
    /// The text of the run's ref.
    run: String,
    /// The summaries.
    series: Vec<SeriesRow>,
    /// The indices of the series whose summaries must be computed from their points. In such a series, a
    /// record may be counted twice, an extreme value may be rounded or infinite, or points may be later than
    /// the stamp of the view.
    uncertain: Vec<usize>,
}

/// The imported points of series. A key of the map is the key of a series. The value contains the number of
/// its imported points and the ids of their imports.
type ImportedCounts = HashMap<Vec<u8>, (u64, Vec<[u8; 16]>)>;

impl StoreView<'_> {
    /// Returns the summaries of the metric series of a run, ordered by stage and key. Series outside any stage come
    /// first. The summaries do not include superseded points.
    pub fn series_of(&self, run: &RunRef) -> Result<Vec<SeriesRow>> {
        self.summaries(run, Attempts::Newest)
    }

    /// Returns the summaries of the metric series of a run in the order of [`series_of`](StoreView::series_of).
    /// `attempts` selects the points.
    pub fn summaries(&self, run: &RunRef, attempts: Attempts) -> Result<Vec<SeriesRow>> {
        self.summaries_with_prefix(run, &keys::series_of(run), attempts)
    }

    /// Returns the summaries of the series of a run with this metric key, like [`summaries`](StoreView::summaries).
    /// Reads only these series.
    pub fn summaries_of_metric(
        &self,
        run: &RunRef,
        metric_key: &str,
        attempts: Attempts,
    ) -> Result<Vec<SeriesRow>> {
        self.summaries_with_prefix(run, &keys::series_with_key(run, metric_key), attempts)
    }

    fn summaries_with_prefix(
        &self,
        run: &RunRef,
        prefix: &[u8],
        attempts: Attempts,
    ) -> Result<Vec<SeriesRow>> {
        let supersedings = self.supersedings(run)?;
        let stored = self.stored_summaries(prefix)?;
        let mut runs = self.effective_summaries(stored, attempts, |_| supersedings.clone())?;
        Ok(runs.pop().map_or_else(Vec::new, |(_, series)| series))
    }

    /// Returns the stored summaries of the metric series whose keys begin with `prefix`, ordered by run, metric key and
    /// stage.
    pub(super) fn stored_summaries(&self, prefix: &[u8]) -> Result<Vec<StoredSummaries>> {
        let imported = self.imported_counts(prefix)?;
        let mut non_finite: HashMap<Vec<u8>, u64> = HashMap::new();
        for row in self.whole.registers(NON_FINITE, prefix)? {
            let row = row?;
            non_finite.insert(row.key().to_vec(), row.register.count);
        }
        let mut units = self.whole.keys(SERIES_UNITS, prefix)?.peekable();
        let mut runs: Vec<StoredSummaries> = Vec::new();
        for summary in self.whole.registers(SUMMARIES, prefix)? {
            let summary = summary?;
            let (key, register) = (summary.key(), &summary.register);
            let Some(mut row) = summary_row(key, register) else {
                return Err(self.malformed_row(SUMMARIES.name));
            };
            row.non_finite = non_finite.get(key).copied().unwrap_or(0);
            // The rows of both tables are in the order of the keys of the series.
            let fenced = [key, &[0]].concat();
            while let Some(unit) = units.next_if(|unit| {
                unit.as_ref()
                    .is_ok_and(|unit| unit.key() < fenced.as_slice() || unit.key().starts_with(&fenced))
            }) {
                if let Some(unit) = unit?.key().strip_prefix(fenced.as_slice()) {
                    row.add_unit(unit).ok_or_else(|| self.malformed_row(SERIES_UNITS.name))?;
                }
            }
            let run = row.key.run_ref.as_str();
            if runs.last().is_none_or(|last| last.run != run) {
                runs.push(StoredSummaries { run: run.to_owned(), series: Vec::new(), uncertain: Vec::new() });
            }
            // One import contains each record once. The record may also have been captured here, or be in another
            // import.
            let may_repeat = imported.get(key).is_some_and(|(count, imports)| {
                *count != register.count || imports.len() != 1 || imports.contains(&[0; 16])
            });
            let extremes = [&register.min, &register.max];
            let is_rounded = register.count > 1 && extremes.into_iter().flatten().any(may_be_rounded);
            if let Some(StoredSummaries { series, uncertain, .. }) = runs.last_mut() {
                let is_uncertain = may_repeat || is_rounded || row.non_finite > 0 || self.as_of.is_some();
                uncertain.extend(is_uncertain.then_some(series.len()));
                // Many runs have only a few series.
                series.reserve_exact(usize::from(series.is_empty()));
                series.push(row);
            }
        }
        // The loop above leaves an error of `units` as the next item.
        if let Some(unit) = units.next() {
            unit?;
        }
        Ok(runs)
    }

    /// Returns the effective summaries of metric series. Each item contains the text of a run's ref and the
    /// summaries of this run. The summaries of a run are ordered by stage and key. Runs without summaries are
    /// left out. `attempts` selects the points. `supersedings` receives the ref of a run, and returns the
    /// resumes that superseded points of this run.
    pub(super) fn effective_summaries(
        &self,
        stored: Vec<StoredSummaries>,
        attempts: Attempts,
        supersedings: impl Fn(&str) -> Vec<Superseding>,
    ) -> Result<Vec<(String, Vec<SeriesRow>)>> {
        let mut runs = Vec::with_capacity(stored.len());
        for StoredSummaries { run, mut series, uncertain } in stored {
            let resumes = supersedings(&run);
            let mut uncertain = uncertain.into_iter().peekable();
            for (n, row) in series.iter_mut().enumerate() {
                let is_uncertain = uncertain.next_if_eq(&n).is_some();
                // The stored summary includes superseded points.
                let may_omit = attempts == Attempts::Newest && !resumes.is_empty();
                if is_uncertain || may_omit {
                    let points = self.points_of(&row.key, attempts, &resumes)?;
                    if row.count > points.len() as u64 && row.has_several_units() {
                        self.read_units(row, &points)?;
                    }
                    row.summarize(&points);
                } else {
                    for point in [&mut row.first, &mut row.last] {
                        point.is_superseded = resumes.iter().any(|by| by.covers(point.stamp, point.step));
                    }
                }
            }
            series.retain(|row| row.count > 0);
            if series.len() > 1 {
                series.sort_by(|a, b| (&a.key.stage_ref, &a.key).cmp(&(&b.key.stage_ref, &b.key)));
            }
            if !series.is_empty() {
                runs.push((run, series));
            }
        }
        self.add_stage_names(runs.iter_mut().flat_map(|(_, series)| series))?;
        Ok(runs)
    }

    /// Counts the imported points of each series whose key begins with `prefix`. The result also contains the
    /// ids of their imports.
    fn imported_counts(&self, prefix: &[u8]) -> Result<ImportedCounts> {
        let mut imported = ImportedCounts::new();
        for row in self.whole.registers(IMPORTED_SUMMARIES, prefix)? {
            let row = row?;
            imported.insert(row.key().to_vec(), (row.register.count, Vec::new()));
        }
        if !imported.is_empty() {
            for row in self.whole.keys(IMPORTED_SERIES, prefix)? {
                let row = row?;
                let parts = row.key().split_last_chunk::<16>();
                let series = parts.and_then(|(series, import)| Some((series.strip_suffix(&[0])?, import)));
                if let Some((_, imports)) = series.and_then(|(series, _)| imported.get_mut(series)) {
                    imports.extend(series.map(|(_, import)| *import));
                }
            }
        }
        Ok(imported)
    }

    /// Replaces the units and scopes of a series by the units and scopes of `points`. These points are a part
    /// of the series. The tables do not contain the unit of a single point, so the records of the points are
    /// read from the log. If a record cannot be read, the series keeps the units and scopes of all its
    /// points.
    fn read_units(&self, row: &mut SeriesRow, points: &[SeriesPoint]) -> Result<()> {
        let mut found: BTreeSet<(AggregationScope, Option<String>)> = BTreeSet::new();
        for piece in points.chunks(UNITS_PIECE) {
            let positions: Vec<Position> = piece.iter().map(|point| point.stamp.position()).collect();
            for record in self.records_at(&positions)? {
                let Some(AnyRecord::Metric(metric)) = record else { return Ok(()) };
                found.insert((metric.payload.aggregation_scope, metric.payload.unit.clone()));
            }
        }
        (row.units, row.scopes, row.has_points_without_unit) = (Vec::new(), Vec::new(), false);
        found.iter().for_each(|(scope, unit)| row.add_scope_and_unit(*scope, unit.as_deref()));
        Ok(())
    }

    /// Sets the name of the stage of each series in `rows`. The name of a stage is read once.
    fn add_stage_names<'r>(&self, rows: impl Iterator<Item = &'r mut SeriesRow>) -> Result<()> {
        let mut names: HashMap<StageRef, String> = HashMap::new();
        for row in rows {
            let Some(stage) = &row.key.stage_ref else { continue };
            row.stage_name = Some(match names.get(stage) {
                Some(name) => name.clone(),
                None => {
                    let name = self.stage_name(stage)?;
                    names.insert(stage.clone(), name.clone());
                    name
                }
            });
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

    /// Returns the points of one series that `attempts` selects, in the order of training: points without a step by time
    /// of observation, then points with a step by step and time of observation.
    pub fn points(&self, series: &SeriesKey, attempts: Attempts) -> Result<Vec<SeriesPoint>> {
        self.points_of(series, attempts, &self.supersedings(&series.run_ref)?)
    }

    /// Returns the points of one series like [`points`](StoreView::points). `supersedings` are those of the run.
    fn points_of(
        &self,
        series: &SeriesKey,
        attempts: Attempts,
        supersedings: &[Superseding],
    ) -> Result<Vec<SeriesPoint>> {
        let mut points: Vec<(SeriesPoint, Option<[u8; 8]>)> = Vec::new();
        self.view.series(SERIES, &series.to_bytes())?.try_for_each_borrowed(|point| {
            let decoded = series::decode(point).ok_or_else(|| self.malformed_row(SERIES.name))?;
            let imported_ref = decoded.imported_ref;
            let point = series_point(point.order.stamp, decoded);
            let is_superseded = supersedings.iter().any(|by| by.covers(point.stamp, point.step));
            points.push((SeriesPoint { is_superseded, ..point }, imported_ref));
            Ok::<_, Error>(())
        })?;
        let identity = |(point, imported_ref): &(SeriesPoint, _)| Some((point.stamp, *imported_ref));
        let points = without_duplicates(&series.run_ref, RecordType::Metric, points, identity)?;
        let points = points.into_iter().flatten().map(|(point, _)| point);
        Ok(points.filter(|point| attempts == Attempts::All || !point.is_superseded).collect())
    }
}

/// Returns the stored summary of a series, without the units and the number of non-finite values; `None` if the summary
/// is malformed.
fn summary_row(key: &[u8], register: &Register) -> Option<SeriesRow> {
    let value = |extreme: &Option<Point>| match extreme {
        Some(extreme) => Some(Some(series::decode(extreme.borrowed())?.value)),
        None => Some(None),
    };
    Some(SeriesRow {
        key: SeriesKey::from_bytes(key)?,
        stage_name: None,
        units: Vec::new(),
        has_points_without_unit: false,
        scopes: Vec::new(),
        count: register.count,
        non_finite: 0,
        first: point(&register.first)?,
        last: point(&register.last)?,
        min: value(&register.min)?,
        max: value(&register.max)?,
    })
}

impl SeriesRow {
    /// Adds a scope and a unit. `scope_and_unit` consists of the last two parts of a key of [`SERIES_UNITS`].
    /// Returns `None` if the parts are malformed.
    fn add_unit(&mut self, scope_and_unit: &[u8]) -> Option<()> {
        let [scope, unit] = keys::split(scope_and_unit)?;
        self.add_scope_and_unit(scope.parse().ok()?, Some(unit).filter(|unit| !unit.is_empty()));
        Some(())
    }

    /// Adds a scope and a unit that points of the series have.
    fn add_scope_and_unit(&mut self, scope: AggregationScope, unit: Option<&str>) {
        if !self.scopes.contains(&scope) {
            self.scopes.push(scope);
        }
        match unit {
            None => self.has_points_without_unit = true,
            Some(unit) if self.units.iter().any(|known| known == unit) => {}
            Some(unit) => self.units.push(unit.to_owned()),
        }
    }

    /// Returns `true` if the points of the series differ in scope or unit.
    fn has_several_units(&self) -> bool {
        self.scopes.len() > 1 || self.units.len() + usize::from(self.has_points_without_unit) > 1
    }
}
