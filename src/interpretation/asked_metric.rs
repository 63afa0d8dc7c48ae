//! [`AskedMetric`]: a metric as a caller names it, read in one run after another.

use crate::contract::{MetricValue, Value};
use crate::interpretation::evidence::CompletenessNote;
use crate::interpretation::metric::{self, Measurement, MetricName, Selection};
use crate::store::{Attempts, Note, Result, RunRow, SeriesRow, Severity, StoreView};

/// A metric of one stage or of all stages, and the rule that selects its value in a run.
#[derive(Debug, Clone)]
pub(super) struct AskedMetric<'a> {
    /// The name of the metric as the caller gave it.
    pub(super) key: &'a str,
    /// The stage as the caller named it; `None` for all stages and the series outside any stage.
    pub(super) stage: Option<&'a str>,
    name: MetricName,
    selection: Selection,
}

impl<'a> AskedMetric<'a> {
    /// Creates a metric that is represented by its last value in a run.
    pub(super) fn new(key: &'a str, stage: Option<&'a str>) -> AskedMetric<'a> {
        AskedMetric { key, stage, name: MetricName::parse(key), selection: Selection::Latest }
    }

    /// Replaces the rule that selects the value in a run.
    pub(super) fn with_selection(self, selection: Selection) -> AskedMetric<'a> {
        AskedMetric { selection, ..self }
    }

    /// Reads the summaries of the series of a run that can have the name of the metric.
    pub(super) fn rows(&self, view: &StoreView<'_>, run: &RunRow) -> Result<Vec<SeriesRow>> {
        metric::rows_of(view, &run.run_ref, &self.name, Attempts::Newest)
    }

    /// Returns the series to which the metric refers. `rows` are the summaries that [`rows`](Self::rows) returned.
    pub(super) fn answering<'r>(&self, rows: &'r [SeriesRow]) -> Vec<&'r SeriesRow> {
        metric::answering(rows, &self.name, self.stage)
    }

    /// Returns the value in a run and its step; `None` if the run does not have the metric. Adds notes if the value
    /// represents several series that are not comparable. If the step is not needed, use [`value`](Self::value).
    pub(super) fn measure(
        &self,
        view: &StoreView<'_>,
        run: &RunRow,
        notes: &mut Vec<Note>,
    ) -> Result<Option<Measurement>> {
        let rows = self.rows(view, run)?;
        metric::measure(view, &self.noted(&rows, run, notes), self.selection, Attempts::Newest)
    }

    /// Returns the value in a run, like [`measure`](Self::measure). Reads points only to compute a mean.
    pub(super) fn value(
        &self,
        view: &StoreView<'_>,
        run: &RunRow,
        notes: &mut Vec<Note>,
    ) -> Result<Option<MetricValue>> {
        let rows = self.rows(view, run)?;
        metric::value(view, &self.noted(&rows, run, notes), self.selection, Attempts::Newest)
    }

    /// Returns the series to which the metric refers. Adds notes on series that are not comparable.
    fn noted<'r>(&self, rows: &'r [SeriesRow], run: &RunRow, notes: &mut Vec<Note>) -> Vec<&'r SeriesRow> {
        let answering = self.answering(rows);
        notes.extend(metric::mixture_notes(self.key, run.run_ref.as_str(), &answering));
        answering
    }

    /// Returns a completeness note on the metric in a run. The summary is `code`, a colon and the metric.
    pub(super) fn completeness(&self, code: &str, run: &RunRow) -> CompletenessNote {
        let note = CompletenessNote::warning(format!("{code}:{}", self.key));
        let note = note.with("run_id", run.run_ref.as_str());
        note.with("stage_name", self.stage.map_or(Value::Null, Value::text))
    }

    /// Returns a note on a value that statistics leave out because it is not finite.
    pub(super) fn not_finite(&self, run: &RunRow, value: &MetricValue) -> Note {
        let (metric, own) = (self.key, &run.run_ref);
        let message = format!("the value of {metric} in {own} is {value}; it is not part of the statistics");
        let note = Note::new(Severity::Warning, "metric_not_finite", message);
        note.with("run", own).with("metric", metric)
    }
}
