//! Answers of the library, held behind an opaque handle.

use crate::convert::{Unknown, to_python, to_value};
use crate::error::refused;
use crate::parts::Parts;
use contexta::contract::{MetricValue, ProvenanceRecord, RunRef, Severity, Value};
use contexta::interpretation::{
    AlertReport, AlertResult, AnomalyReport, AnomalyResult, ArtifactHits, ArtifactSizeTrend, BatchList,
    BestRun, Block, Cell, CodeDiff, CompletenessNote, DeploymentList, DiagnosticsResult, DurationTrend,
    EnvironmentDiff, EvidenceLink, History, LineageTraversal, MetricAggregate, MetricBaseline, MetricTrend,
    MultiRunComparison, ProjectList, RecordPage, ReportBuilder, ReportComparison, ReportDocument,
    ReportPolicy, ReportSection, ReproducibilityAudit, Reproduction, RunComparison, RunGroups, RunList,
    RunSnapshot, RunStatusDistribution, RunSummary, RunSummaryTable, SampleList, StepPoint, StepSeries,
    Table,
};
use contexta::{Answer as JsonForm, csv};
use pyo3::prelude::*;
use pyo3::types::PyFloat;

/// A provenance record and the run that its lineage edge belongs to.
type Provenance = (ProvenanceRecord, RunRef);

/// The columns of the points of a series.
type PointColumns = (Vec<i64>, Vec<Py<PyAny>>, Vec<String>, Vec<Option<f64>>, Vec<bool>);

/// Declares the enum of all answers with the conversions from them.
macro_rules! answers {
    ($($variant:ident($answer:ty)),+ $(,)?) => {
        /// An answer of the library.
        #[derive(Debug)]
        pub(crate) enum Held {
            $($variant(Box<$answer>)),+
        }

        impl Held {
            fn name(&self) -> &'static str {
                match self {
                    $(Held::$variant(_) => stringify!($variant)),+
                }
            }

            fn value(&self) -> Value {
                match self {
                    $(Held::$variant(answer) => answer.to_value()),+
                }
            }
        }

        $(impl From<$answer> for Answer {
            fn from(answer: $answer) -> Answer {
                Answer { held: Held::$variant(Box::new(answer)) }
            }
        })+
    };
}

answers! {
    AlertReport(AlertReport),
    AnomalyReport(AnomalyReport),
    AnomalyResult(AnomalyResult),
    ArtifactHits(ArtifactHits),
    ArtifactSizeTrend(ArtifactSizeTrend),
    BatchList(BatchList),
    BestRun(BestRun),
    CodeDiff(CodeDiff),
    DeploymentList(DeploymentList),
    DiagnosticsResult(DiagnosticsResult),
    DurationTrend(DurationTrend),
    EnvironmentDiff(EnvironmentDiff),
    History(History),
    LineageTraversal(LineageTraversal),
    MetricAggregate(MetricAggregate),
    MetricBaseline(MetricBaseline),
    MetricTrend(MetricTrend),
    MultiRunComparison(MultiRunComparison),
    ProjectList(ProjectList),
    ProvenanceView(Provenance),
    RecordPage(RecordPage),
    ReportComparison(ReportComparison),
    ReportDocument(ReportDocument),
    Reproduction(Reproduction),
    ReproducibilityAudit(ReproducibilityAudit),
    RunComparison(RunComparison),
    RunGroups(RunGroups),
    RunList(RunList),
    RunSnapshot(RunSnapshot),
    RunStatusDistribution(RunStatusDistribution),
    RunSummaryTable(RunSummaryTable),
    SampleList(SampleList),
    StepSeries(StepSeries),
}

/// An answer of the library. Python classes read the members from `to_dict`, and pass the answer back to the library.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) held: Held,
}

#[pymethods]
impl Answer {
    /// The name of the kind of answer, such as `RunSnapshot`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.held.name()
    }

    fn __repr__(&self) -> String {
        format!("<Answer {}>", self.held.name())
    }

    /// Returns the answer itself, which is immutable.
    fn __copy__(own: Py<Answer>) -> Py<Answer> {
        own
    }

    /// Returns the answer itself, which is immutable.
    fn __deepcopy__(own: Py<Answer>, _copied: &Bound<'_, PyAny>) -> Py<Answer> {
        own
    }

    /// Returns the JSON form as a dictionary.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = py.detach(|| self.held.value());
        to_python(py, &value)
    }

    /// Returns the JSON form of a series without its points, and the number of points.
    fn series_head<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, usize)> {
        let Held::StepSeries(series) = &self.held else { return Err(other_kind("a series")) };
        let head = py.detach(|| {
            let mut head = (**series).clone();
            head.points.clear();
            head.to_value()
        });
        Ok((to_python(py, &head)?, series.points.len()))
    }

    /// Returns the steps, values, times of observation, smoothed values and states of the points of a series.
    fn series_columns(&self, py: Python<'_>) -> PyResult<PointColumns> {
        let Held::StepSeries(series) = &self.held else { return Err(other_kind("a series")) };
        let points = &series.points;
        let times = py.detach(|| points.iter().map(|point| point.observed_at.to_string()).collect());
        let value = |point: &StepPoint| match &point.value {
            MetricValue::Float(number) => Ok(PyFloat::new(py, *number).into_any().unbind()),
            other => Ok(to_python(py, &Value::from(other.clone()))?.unbind()),
        };
        Ok((
            points.iter().map(|point| point.step).collect(),
            points.iter().map(value).collect::<PyResult<_>>()?,
            times,
            points.iter().map(|point| point.smoothed).collect(),
            points.iter().map(|point| point.is_superseded).collect(),
        ))
    }

    /// Returns the text of a report in Markdown.
    fn markdown(&self, py: Python<'_>) -> PyResult<String> {
        let report = self.report()?;
        Ok(py.detach(|| contexta::to_markdown(report)))
    }

    /// Returns a report as an HTML fragment.
    fn html(&self, py: Python<'_>) -> PyResult<String> {
        let report = self.report()?;
        Ok(py.detach(|| contexta::to_html(report)))
    }

    /// Returns the rows of a report, list of runs, comparison, trend or list of anomalies as CSV.
    fn csv(&self, py: Python<'_>, delimiter: char) -> PyResult<String> {
        py.detach(|| {
            Some(match &self.held {
                Held::ReportDocument(report) => csv::report(report, &[], delimiter),
                Held::RunList(runs) => csv::runs(runs, delimiter),
                Held::RunComparison(comparison) => csv::comparison(comparison, delimiter),
                Held::MetricTrend(trend) => csv::trend(trend, None, delimiter),
                Held::AnomalyReport(anomalies) => csv::anomalies(anomalies, delimiter),
                _ => return None,
            })
        })
        .ok_or_else(|| refused("report_csv_unsupported", &format!("{} has no CSV form", self.held.name())))
    }

    /// Creates a report from its JSON form.
    #[staticmethod]
    fn report_from(document: &Bound<'_, PyAny>) -> PyResult<Answer> {
        let value = to_value(document, Unknown::AsText)?;
        let text = |value: &Value, name: &str| -> String {
            value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let sections = value.get("sections").and_then(Value::as_list).unwrap_or_default();
        let sections = sections.iter().map(|section| {
            let links = section.get("evidence_links").and_then(Value::as_list).unwrap_or_default();
            let blocks = section.get("blocks").and_then(Value::as_list).unwrap_or_default();
            ReportSection {
                title: text(section, "title"),
                blocks: blocks.iter().map(block).collect(),
                lines: text(section, "body").split('\n').map(str::to_owned).collect(),
                evidence_links: links
                    .iter()
                    .map(|link| {
                        EvidenceLink::new(&text(link, "kind"), text(link, "ref"), text(link, "label"))
                    })
                    .collect(),
            }
        });
        Ok(ReportDocument { title: text(&value, "title"), sections: sections.collect() }.into())
    }

    /// Builds the report on a run from its snapshot and its diagnosis.
    fn snapshot_report(&self, diagnosis: &Answer, policy: Option<&Bound<'_, PyAny>>) -> PyResult<Answer> {
        match (&self.held, &diagnosis.held) {
            (Held::RunSnapshot(snapshot), Held::DiagnosticsResult(diagnosis)) => {
                Ok(builder(policy)?.build_snapshot_report(snapshot, diagnosis).into())
            }
            _ => Err(other_kind("a snapshot and a diagnosis")),
        }
    }

    /// Builds the report on two runs from their comparison and their diagnoses.
    fn run_report(
        &self,
        left: &Answer,
        right: &Answer,
        policy: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Answer> {
        match (&self.held, &left.held, &right.held) {
            (
                Held::RunComparison(comparison),
                Held::DiagnosticsResult(left),
                Held::DiagnosticsResult(right),
            ) => {
                let diagnoses = [(**left).clone(), (**right).clone()];
                Ok(builder(policy)?.build_run_report(comparison, &diagnoses).into())
            }
            _ => Err(other_kind("a comparison and two diagnoses")),
        }
    }

    /// Builds the report on a trend, a comparison of several runs, or a walk over the lineage graph.
    fn own_report(&self, policy: Option<&Bound<'_, PyAny>>) -> PyResult<Answer> {
        let builder = builder(policy)?;
        Ok(match &self.held {
            Held::MetricTrend(trend) => builder.build_trend_report(trend),
            Held::MultiRunComparison(comparison) => builder.build_multi_run_report(comparison),
            Held::LineageTraversal(traversal) => builder.build_lineage_report(traversal),
            _ => return Err(other_kind("a trend, a comparison or a walk")),
        }
        .into())
    }

    /// Compares two reports.
    fn compare_reports(&self, right: &Answer) -> PyResult<Answer> {
        let (left, right) = (self.report()?, right.report()?);
        Ok(contexta::interpretation::compare::compare_reports(left, right).into())
    }
}

impl Answer {
    fn report(&self) -> PyResult<&ReportDocument> {
        match &self.held {
            Held::ReportDocument(report) => Ok(report),
            _ => Err(other_kind("a report")),
        }
    }
}

fn other_kind(expected: &str) -> PyErr {
    refused("report_invalid_source", &format!("the answer is not {expected}"))
}

/// Creates a builder of reports with the settings that `policy` has by name.
fn builder(policy: Option<&Bound<'_, PyAny>>) -> PyResult<ReportBuilder> {
    let parts = Parts::of(policy)?;
    let mut policy = ReportPolicy::default();
    parts.set_flag("include_completeness_notes", &mut policy.include_completeness_notes)?;
    parts.set_flag("include_lineage_summary", &mut policy.include_lineage_summary)?;
    parts.set_flag("include_evidence_summary", &mut policy.include_evidence_summary)?;
    Ok(ReportBuilder::new(policy))
}

/// Reads a block of a section from its JSON form.
fn block(value: &Value) -> Block {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_list().unwrap_or_default();
        items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
    };
    match value.get("type").and_then(Value::as_str) {
        Some("heading") => Block::Heading(text("text")),
        Some("list") => Block::List(value.get("items").map(texts).unwrap_or_default()),
        Some("table") => {
            let rows = value.get("rows").and_then(Value::as_list).unwrap_or_default();
            let rows = rows.iter().map(|row| texts(row).into_iter().map(Cell::Text).collect());
            let columns = value.get("columns").map(texts).unwrap_or_default();
            Block::Table(Table { columns, rows: rows.collect(), ..Table::default() })
        }
        _ => Block::Text(text("text")),
    }
}

/// The items of lists that a Python program selected: each is a list and a position in it.
type Picked<'py> = Vec<(PyRef<'py, Answer>, usize)>;

/// Builds the report on runs of a project. The runs are given by lists of runs and positions in them.
#[pyfunction]
pub(crate) fn project_report(
    project: &str,
    picked: Picked<'_>,
    notes: &Bound<'_, PyAny>,
    policy: Option<&Bound<'_, PyAny>>,
) -> PyResult<Answer> {
    let mut list: Option<RunList> = None;
    let mut runs: Vec<RunSummary> = Vec::new();
    for (answer, position) in &picked {
        let Held::RunList(all) = &answer.held else { return Err(other_kind("a list of runs")) };
        runs.extend(all.runs.get(*position).cloned());
        match &mut list {
            None => list = Some((**all).clone()),
            Some(list) => {
                let new =
                    all.notes.iter().filter(|note| !list.notes.contains(note)).cloned().collect::<Vec<_>>();
                list.notes.extend(new);
            }
        }
    }
    let Some(mut list) = list else { return Err(other_kind("a list of runs")) };
    list.total = runs.len();
    list.runs = runs;
    let mut report = builder(policy)?.build_project_summary_report(project, &list);
    add_notes(&mut report, &completeness_notes(&to_value(notes, Unknown::AsText)?));
    Ok(report.into())
}

/// Builds the report on results of alert rules. The results are given by alert reports and positions in them.
#[pyfunction]
pub(crate) fn alert_report(picked: Picked<'_>, policy: Option<&Bound<'_, PyAny>>) -> PyResult<Answer> {
    let mut report: Option<AlertReport> = None;
    let mut results: Vec<AlertResult> = Vec::new();
    for (answer, position) in &picked {
        let Held::AlertReport(all) = &answer.held else { return Err(other_kind("an alert report")) };
        results.extend(all.results.get(*position).cloned());
        match &mut report {
            None => report = Some((**all).clone()),
            Some(report) => {
                let new =
                    all.notes.iter().filter(|note| !report.notes.contains(note)).cloned().collect::<Vec<_>>();
                report.notes.extend(new);
            }
        }
    }
    let Some(mut report) = report else { return Err(other_kind("an alert report")) };
    report.runs = Vec::new();
    for result in &results {
        if !report.runs.contains(&result.run_ref) {
            report.runs.push(result.run_ref.clone());
        }
    }
    report.results = results;
    Ok(builder(policy)?.build_alert_report(&report).into())
}

/// Reads completeness notes from their JSON form.
fn completeness_notes(value: &Value) -> Vec<CompletenessNote> {
    let notes = value.as_list().unwrap_or_default();
    let note = |note: &Value| {
        let text = |name: &str| note.get(name).and_then(Value::as_str);
        let severity = text("severity").and_then(|severity| severity.parse::<Severity>().ok());
        let severity = severity.unwrap_or(Severity::Warning);
        let mut read = CompletenessNote::new(severity, text("summary").unwrap_or_default());
        if let Some(Value::Map(details)) = note.get("details") {
            read.details.clone_from(details);
        }
        read
    };
    notes.iter().map(note).collect()
}

/// Adds notes to the section with the completeness notes.
fn add_notes(report: &mut ReportDocument, notes: &[CompletenessNote]) {
    if notes.is_empty() {
        return;
    }
    let lines = notes.iter().map(|note| format!("{}: {}", note.severity.as_str(), note.summary));
    for section in &mut report.sections {
        let known = section.blocks.iter_mut().find_map(|block| match block {
            Block::Completeness(known) => Some(known),
            _ => None,
        });
        if let Some(known) = known {
            if known.is_empty() {
                section.lines.clear();
            }
            known.extend(notes.iter().cloned());
            section.lines.extend(lines);
            return;
        }
    }
}
