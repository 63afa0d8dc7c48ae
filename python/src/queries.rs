//! Queries of an open workspace.

use crate::answers::Answer;
use crate::error::{raised, refused};
use crate::parts::{Parts, invalid};
use crate::released::Released;
use crate::workspace::Workspace;
use contexta::contract::{MetricValue, RecordType, Severity, Value};
use contexta::interpretation::{
    AlertPolicy, AlertRule, AnomalyPolicy, AnomalyQuery, Archived, ArtifactSearch, Attempts, BestRunOptions,
    ComparePolicy, Comparison, DiagnosticsPolicy, Filter, Goal, GroupColumn, GroupQuery, HistoryQuery,
    LineagePolicy, MetricBaseline, MetricCondition, Moment, PageToken, RecordQuery, RunColumn, RunListQuery,
    RunSearch, SearchPolicy, Selection, Smoothing, StepSeriesQuery, TimeRange, TrendPolicy,
};
use contexta::{Contexta, Direction, interpretation};
use pyo3::prelude::*;
use std::sync::Arc;

/// Named arguments of a Python method.
type Arguments<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// Converts the result of a query to an answer or an exception.
fn asked<T>(result: Result<T, contexta::Error>) -> PyResult<Answer>
where
    Answer: From<T>,
{
    result.map(Answer::from).map_err(raised)
}

fn query_error(error: interpretation::Error) -> PyErr {
    raised(contexta::Error::from(error))
}

impl Workspace {
    /// Runs a query without the lock of the interpreter, so that other Python threads can run.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&Contexta) -> Result<T, contexta::Error> + Send,
    ) -> PyResult<Answer>
    where
        Answer: From<T>,
    {
        let contexta: &Contexta = &self.contexta;
        asked(py.detach(|| question(contexta)))
    }
}

#[pymethods]
impl Workspace {
    /// Returns a read-only view of the workspace as of a time, a date or a stamp of the log.
    fn as_of(&self, moment: &str) -> PyResult<Workspace> {
        let moment: Moment = moment.parse().map_err(|error: contexta::store::ParseMomentError| {
            refused("query_invalid_moment", &error.to_string())
        })?;
        Ok(Workspace { contexta: Released::new(Arc::new(self.contexta.as_of(moment))) })
    }

    fn list_projects(&self, py: Python<'_>) -> PyResult<Answer> {
        self.ask(py, Contexta::list_projects)
    }

    /// Lists runs. `query` has the members of the Python class `RunListQuery`.
    fn list_runs(&self, py: Python<'_>, query: Arguments<'_, '_>) -> PyResult<Answer> {
        let query = run_list_query(&Parts::of(query)?)?;
        self.ask(py, |contexta| contexta.list_runs(query))
    }

    #[pyo3(signature = (project = None, run = None))]
    fn list_deployments(&self, py: Python<'_>, project: Option<&str>, run: Option<&str>) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.list_deployments(project, run))
    }

    #[pyo3(signature = (run, stage = None))]
    fn list_batches(&self, py: Python<'_>, run: &str, stage: Option<&str>) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.list_batches(run, stage))
    }

    #[pyo3(signature = (run, stage = None, batch = None))]
    fn list_samples(
        &self,
        py: Python<'_>,
        run: &str,
        stage: Option<&str>,
        batch: Option<&str>,
    ) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.list_samples(run, stage, batch))
    }

    /// Returns a page of records: `stage`, `record_type`, `offset`, `limit`.
    fn list_records(&self, py: Python<'_>, run: &str, query: Arguments<'_, '_>) -> PyResult<Answer> {
        let parts = Parts::of(query)?;
        let mut query = RecordQuery::default();
        query.stage = parts.text("stage")?;
        if let Some(family) = parts.text("record_type")? {
            let known = [RecordType::Event, RecordType::Metric, RecordType::Span, RecordType::Degraded];
            let found = known.into_iter().find(|known| known.as_str() == family);
            query.family = Some(found.ok_or_else(|| {
                let message =
                    format!("the record type {family:?} is not one of event, metric, span, degraded");
                refused("query_invalid_record_type", &message)
            })?);
        }
        parts.set_count("offset", &mut query.offset)?;
        parts.set_count("limit", &mut query.limit)?;
        self.ask(py, |contexta| contexta.list_records(run, &query))
    }

    /// Searches runs: `project`, `status`, `limit`.
    fn search_runs(
        &self,
        py: Python<'_>,
        text: &str,
        options: Arguments<'_, '_>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let options = Parts::of(options)?;
        let search = RunSearch {
            text: text.to_owned(),
            project: options.text("project")?,
            status: options.text("status")?,
            limit: options.count("limit")?,
        };
        let policy = search_policy(self.contexta.query().policy().clone(), policy)?;
        self.ask(py, |contexta| contexta.query().with_policy(policy).search_runs(&search))
    }

    /// Searches artifacts: `kind`, `limit`.
    fn search_artifacts(
        &self,
        py: Python<'_>,
        text: &str,
        options: Arguments<'_, '_>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let options = Parts::of(options)?;
        let search = ArtifactSearch {
            text: text.to_owned(),
            kind: options.text("kind")?,
            limit: options.count("limit")?,
        };
        let policy = search_policy(self.contexta.query().policy().clone(), policy)?;
        self.ask(py, |contexta| contexta.query().with_policy(policy).search_artifacts(&search))
    }

    #[pyo3(signature = (run, all_attempts = false))]
    fn run_snapshot(&self, py: Python<'_>, run: &str, all_attempts: bool) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.run_snapshot_of(run, attempts(all_attempts)))
    }

    fn run_provenance(&self, py: Python<'_>, run: &str) -> PyResult<Option<Answer>> {
        let found = py.detach(|| self.contexta.run_provenance(run)).map_err(raised)?;
        Ok(found.map(Answer::from))
    }

    fn artifact_origin(&self, py: Python<'_>, artifact: &str) -> PyResult<Option<Answer>> {
        let found = py.detach(|| self.contexta.artifact_origin(artifact)).map_err(raised)?;
        Ok(found.map(Answer::from))
    }

    /// Returns the points of a metric: `stage`, `all_attempts`, `points_max`, `smoothing`.
    fn step_series(
        &self,
        py: Python<'_>,
        run: &str,
        metric_key: &str,
        query: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let parts = Parts::of(query)?;
        let query = StepSeriesQuery {
            stage: parts.text("stage")?,
            attempts: attempts(parts.flag("all_attempts")?.unwrap_or(false)),
            points_max: parts.count("points_max")?,
            smoothing: parts.float("smoothing")?.map(Smoothing::new).transpose().map_err(query_error)?,
        };
        self.ask(py, |contexta| contexta.step_series_of(run, metric_key, &query))
    }

    fn compare_runs(
        &self,
        py: Python<'_>,
        left: &str,
        right: &str,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let policy = compare_policy(self.contexta.compare().policy().clone(), policy)?;
        self.ask(py, |contexta| contexta.compare().with_policy(policy).compare_runs(left, right))
    }

    fn compare_multiple_runs(
        &self,
        py: Python<'_>,
        runs: Vec<String>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let policy = compare_policy(self.contexta.compare().policy().clone(), policy)?;
        self.ask(py, |contexta| contexta.compare().with_policy(policy).compare_multiple_runs(&runs))
    }

    fn compare_with_baseline(
        &self,
        py: Python<'_>,
        runs: Vec<String>,
        baseline: &str,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let policy = compare_policy(self.contexta.compare().policy().clone(), policy)?;
        self.ask(py, |contexta| contexta.compare().with_policy(policy).compare_with_baseline(&runs, baseline))
    }

    /// Ranks runs: `runs`, `project`, `stage_name`, `higher_is_better`. Error: `runs` has fewer than two runs.
    fn rank_runs(
        &self,
        py: Python<'_>,
        metric_key: &str,
        options: Arguments<'_, '_>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let parts = Parts::of(options)?;
        let policy = compare_policy(self.contexta.compare().policy().clone(), policy)?;
        let runs = parts.texts("runs")?;
        if runs.as_ref().is_some_and(Vec::is_empty) {
            return Err(query_error(interpretation::Error::ComparesTooFewRuns { runs: Vec::new() }));
        }
        let options = BestRunOptions {
            runs: runs.unwrap_or_default(),
            project: parts.text("project")?,
            stage_name: parts.text("stage_name")?,
            goal: if parts.flag("higher_is_better")?.unwrap_or(true) {
                Goal::Maximize
            } else {
                Goal::Minimize
            },
            selection: policy.metric_selection,
        };
        self.ask(py, |contexta| contexta.compare().select_best_run(metric_key, options))
    }

    /// Returns the ref of a run that is given by its ref, id or name, or by a prefix.
    fn find_run(&self, py: Python<'_>, run: &str) -> PyResult<String> {
        py.detach(|| self.contexta.find_run(run)).map(|run| run.to_string()).map_err(raised)
    }

    fn diagnose_run(&self, py: Python<'_>, run: &str, policy: Arguments<'_, '_>) -> PyResult<Answer> {
        let policy = diagnostics_policy(self.contexta.diagnostics().policy().clone(), policy)?;
        self.ask(py, |contexta| contexta.diagnostics().with_policy(policy).diagnose_run(run))
    }

    #[pyo3(signature = (subject, direction = None, max_depth = None))]
    fn traverse_lineage(
        &self,
        py: Python<'_>,
        subject: &str,
        direction: Option<&str>,
        max_depth: Option<usize>,
    ) -> PyResult<Answer> {
        let mut policy = LineagePolicy::default();
        if let Some(direction) = direction {
            policy.direction = direction.parse::<Direction>().map_err(query_error)?;
        }
        policy.depth_max = max_depth;
        self.ask(py, |contexta| contexta.lineage().with_policy(policy).traverse_lineage(subject))
    }

    fn metric_trend(
        &self,
        py: Python<'_>,
        metric_key: &str,
        stage: Option<&str>,
        query: Arguments<'_, '_>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let query = run_list_query(&Parts::of(query)?)?;
        let policy = trend_policy(*self.contexta.trend().policy(), policy)?;
        self.ask(py, |contexta| contexta.trend().with_policy(policy).metric_trend(metric_key, stage, query))
    }

    fn stage_duration_trend(
        &self,
        py: Python<'_>,
        stage: &str,
        query: Arguments<'_, '_>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let query = run_list_query(&Parts::of(query)?)?;
        let policy = trend_policy(*self.contexta.trend().policy(), policy)?;
        self.ask(py, |contexta| contexta.trend().with_policy(policy).stage_duration_trend(stage, query))
    }

    fn artifact_size_trend(
        &self,
        py: Python<'_>,
        kind: &str,
        query: Arguments<'_, '_>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let query = run_list_query(&Parts::of(query)?)?;
        let policy = trend_policy(*self.contexta.trend().policy(), policy)?;
        self.ask(py, |contexta| contexta.trend().with_policy(policy).artifact_size_trend(kind, query))
    }

    fn aggregate_metric(
        &self,
        py: Python<'_>,
        metric_key: &str,
        stage: Option<&str>,
        query: Arguments<'_, '_>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let query = run_list_query(&Parts::of(query)?)?;
        let policy = trend_policy(*self.contexta.aggregation().policy(), policy)?;
        self.ask(py, |contexta| {
            contexta.aggregation().with_policy(policy).aggregate_metric(metric_key, stage, query)
        })
    }

    fn aggregate_by_stage(&self, py: Python<'_>, query: Arguments<'_, '_>) -> PyResult<Answer> {
        let query = run_list_query(&Parts::of(query)?)?;
        self.ask(py, |contexta| contexta.aggregate_by_stage(query))
    }

    fn run_status_distribution(&self, py: Python<'_>, query: Arguments<'_, '_>) -> PyResult<Answer> {
        let query = run_list_query(&Parts::of(query)?)?;
        self.ask(py, |contexta| contexta.run_status_distribution(query))
    }

    /// Groups runs: `by`, `stage`, `curve_points_max`.
    fn group_by(
        &self,
        py: Python<'_>,
        metric_key: &str,
        options: Arguments<'_, '_>,
        query: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let parts = Parts::of(options)?;
        let columns = parts.texts("by")?.unwrap_or_default();
        let columns = columns.iter().map(|column| column.parse::<GroupColumn>().map_err(query_error));
        let mut groups = GroupQuery::by(columns.collect::<PyResult<Vec<_>>>()?);
        groups.stage = parts.text("stage")?;
        groups.curve_points_max = parts.count("curve_points_max")?;
        groups.runs = run_list_query(&Parts::of(query)?)?;
        self.ask(py, |contexta| contexta.group_by(metric_key, &groups))
    }

    fn compute_baseline(
        &self,
        py: Python<'_>,
        metric_key: &str,
        stage: Option<&str>,
        query: Arguments<'_, '_>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let query = run_list_query(&Parts::of(query)?)?;
        let policy = anomaly_policy(self.contexta.anomaly().policy().clone(), policy)?;
        self.ask(py, |contexta| {
            contexta.anomaly().with_policy(policy).compute_baseline(metric_key, stage, query)
        })
    }

    fn detect_anomaly(
        &self,
        py: Python<'_>,
        run: &str,
        baseline: &Bound<'_, PyAny>,
        stage: Option<&str>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Option<Answer>> {
        let baseline = metric_baseline(&Parts::of(Some(baseline))?)?;
        let policy = anomaly_policy(self.contexta.anomaly().policy().clone(), policy)?;
        let contexta: &Contexta = &self.contexta;
        let found =
            py.detach(|| contexta.anomaly().with_policy(policy).detect_anomaly(run, &baseline, stage));
        Ok(found.map_err(raised)?.map(Answer::from))
    }

    /// Searches a run for anomalies: `metric_keys`, `stage`, `baseline` (the members of a query for runs).
    fn detect_anomalies_in_run(
        &self,
        py: Python<'_>,
        run: &str,
        options: Arguments<'_, '_>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let parts = Parts::of(options)?;
        let query = AnomalyQuery {
            metric_keys: parts.texts("metric_keys")?.unwrap_or_default(),
            stage: parts.text("stage")?,
            baseline: parts.parts("baseline")?.map(|parts| run_list_query(&parts)).transpose()?,
        };
        let policy = anomaly_policy(self.contexta.anomaly().policy().clone(), policy)?;
        self.ask(py, |contexta| contexta.anomaly().with_policy(policy).detect_anomalies_in_run(run, &query))
    }

    /// Returns the alert rules of the settings: the metric, the operator, the threshold, the stage, the severity and
    /// the name of each rule.
    #[expect(clippy::type_complexity, reason = "the tuple has the members of a rule")]
    fn alert_rules(
        &self,
        py: Python<'_>,
    ) -> PyResult<Vec<(String, &'static str, Py<PyAny>, Option<String>, Option<&'static str>, Option<String>)>>
    {
        let rule = |rule: AlertRule| {
            let threshold = crate::convert::to_python(py, &Value::from(rule.threshold))?.unbind();
            let severity = rule.severity.map(|severity| severity.as_str());
            Ok((rule.metric_key, rule.operator.as_str(), threshold, rule.stage_name, severity, rule.name))
        };
        self.contexta.alert_rules().into_iter().map(rule).collect()
    }

    fn evaluate_alerts(
        &self,
        py: Python<'_>,
        run: &str,
        rules: Vec<Bound<'_, PyAny>>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let rules = alert_rules(&rules)?;
        let policy = alert_policy(*self.contexta.alert().policy(), policy)?;
        self.ask(py, |contexta| contexta.alert().with_policy(policy).evaluate_alerts(run, &rules))
    }

    fn evaluate_alerts_fleet(
        &self,
        py: Python<'_>,
        rules: Vec<Bound<'_, PyAny>>,
        query: Arguments<'_, '_>,
        policy: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let rules = alert_rules(&rules)?;
        let query = run_list_query(&Parts::of(query)?)?;
        let policy = alert_policy(*self.contexta.alert().policy(), policy)?;
        self.ask(py, |contexta| contexta.alert().with_policy(policy).evaluate_alerts_fleet(&rules, query))
    }

    fn audit_reproducibility(&self, py: Python<'_>, run: &str) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.audit_reproducibility(run))
    }

    fn compare_environments(&self, py: Python<'_>, left: &str, right: &str) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.compare_environments(left, right))
    }

    fn diff_code(&self, py: Python<'_>, left: &str, right: &str) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.diff_code(left, right))
    }

    #[pyo3(signature = (run, directory = None))]
    fn reproduce_run(&self, py: Python<'_>, run: &str, directory: Option<&str>) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.reproduce_run(run, directory))
    }

    #[pyo3(signature = (subject, offset = None, limit = None))]
    fn history(
        &self,
        py: Python<'_>,
        subject: &str,
        offset: Option<usize>,
        limit: Option<usize>,
    ) -> PyResult<Answer> {
        let mut query = HistoryQuery::default();
        query.offset = offset.unwrap_or(query.offset);
        query.limit = limit.unwrap_or(query.limit);
        self.ask(py, |contexta| contexta.history(subject, &query))
    }

    fn build_snapshot_report(&self, py: Python<'_>, run: &str) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.build_snapshot_report(run))
    }

    fn build_run_report(&self, py: Python<'_>, left: &str, right: &str) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.build_run_report(left, right))
    }

    fn build_project_summary_report(&self, py: Python<'_>, project: &str) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.build_project_summary_report(project))
    }

    fn build_trend_report(
        &self,
        py: Python<'_>,
        metric_key: &str,
        stage: Option<&str>,
        query: Arguments<'_, '_>,
    ) -> PyResult<Answer> {
        let query = run_list_query(&Parts::of(query)?)?;
        self.ask(py, |contexta| contexta.build_trend_report(metric_key, stage, query))
    }

    fn build_alert_report(
        &self,
        py: Python<'_>,
        run: &str,
        rules: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<Answer> {
        let rules = alert_rules(&rules)?;
        self.ask(py, |contexta| contexta.build_alert_report(run, &rules))
    }

    fn build_multi_run_report(&self, py: Python<'_>, runs: Vec<String>) -> PyResult<Answer> {
        self.ask(py, |contexta| contexta.build_multi_run_report(&runs))
    }

    fn build_health_report(&self, py: Python<'_>) -> PyResult<Answer> {
        self.ask(py, Contexta::build_health_report)
    }

    /// Gives an artifact a name in the project.
    fn alias(&self, py: Python<'_>, artifact: &str, name: &str) -> PyResult<()> {
        let artifact = contexta::contract::ArtifactRef::parse(artifact).map_err(crate::error::contract)?;
        py.detach(|| self.contexta.alias(&artifact, name)).map(drop).map_err(raised)
    }

    /// Stores a file as the report of a run, and returns the ref of the artifact.
    fn register_report(&self, py: Python<'_>, run: &str, path: std::path::PathBuf) -> PyResult<String> {
        py.detach(|| self.contexta.register_report(run, &path)).map(|own| own.to_string()).map_err(raised)
    }
}

fn attempts(all: bool) -> Attempts {
    if all { Attempts::All } else { Attempts::Newest }
}

/// Reads a query for runs. The default query selects all runs that are not archived, the oldest first.
fn run_list_query(parts: &Parts) -> PyResult<RunListQuery> {
    let mut query = RunListQuery::default();
    query.descending = false;
    query.project = parts.text("project_name")?;
    query.status = parts.text("status")?;
    query.tags = parts.text_members("tags")?;
    if let Some(range) = parts.parts("time_range")? {
        let (after, before) = (range.text("started_after")?, range.text("started_before")?);
        query.time_range = TimeRange::parse(after.as_deref(), before.as_deref()).map_err(query_error)?;
    }
    for condition in parts.list("metric_conditions")? {
        let condition = Parts::of_value(condition)?;
        let operator: Comparison = condition.required("operator")?.parse().map_err(query_error)?;
        let key = condition.required("metric_key")?;
        let read =
            MetricCondition::new(key, operator, condition.number("threshold")?).map_err(query_error)?;
        query.metric_conditions.push(match condition.text("stage_name")? {
            Some(stage) => read.in_stage(stage).map_err(query_error)?,
            None => read,
        });
    }
    query.filter =
        parts.text("filter")?.map(|text| text.parse::<Filter>()).transpose().map_err(query_error)?;
    query.archived = match parts.text("archived")?.as_deref() {
        None | Some("exclude") => Archived::Exclude,
        Some("include") => Archived::Include,
        Some("only") => Archived::Only,
        Some(other) => {
            let message = format!("archived is {other:?}, and must be exclude, include or only");
            return Err(refused("query_invalid_run_list_query", &message));
        }
    };
    parts.set_flag("only_starred", &mut query.only_starred)?;
    if let Some(column) = parts.text("sort_by")? {
        query.sort_by = Some(column.parse::<RunColumn>().map_err(query_error)?);
    }
    parts.set_flag("sort_desc", &mut query.descending)?;
    parts.set_count("offset", &mut query.offset)?;
    query.limit = parts.count("limit")?;
    parts.set_flag("limit_to_newest", &mut query.limit_to_newest)?;
    query.after =
        parts.text("after")?.map(|token| token.parse::<PageToken>()).transpose().map_err(query_error)?;
    query.baseline = parts.text("baseline")?;
    query.baseline_selection = selection(parts, "baseline_selection", "query_invalid_run_list_query")?;
    Ok(query)
}

/// Reads the choice of one value from several points.
fn selection(parts: &Parts, name: &str, code: &'static str) -> PyResult<Option<Selection>> {
    let Some(word) = parts.text(name)? else { return Ok(None) };
    let all = [Selection::Latest, Selection::Max, Selection::Min, Selection::Mean];
    let found = all.into_iter().find(|selection| selection.as_str() == word);
    found
        .map(Some)
        .ok_or_else(|| refused(code, &format!("{name} is {word:?}, and must be latest, max, min or mean")))
}

fn severity(parts: &Parts, name: &str, code: &'static str) -> PyResult<Option<Severity>> {
    let Some(word) = parts.text(name)? else { return Ok(None) };
    word.parse::<Severity>()
        .map(Some)
        .map_err(|_| refused(code, &format!("{name} is {word:?}, and must be info, warning or error")))
}

fn compare_policy(mut policy: ComparePolicy, given: Arguments<'_, '_>) -> PyResult<ComparePolicy> {
    let parts = Parts::of(given)?;
    if let Some(selected) = selection(&parts, "metric_selection", "compare_invalid_metric_selection")? {
        policy.metric_selection = selected;
    }
    parts.set_flag("include_unchanged_metrics", &mut policy.include_unchanged_metrics)?;
    if let Some(given) = severity(&parts, "missing_stage_severity", "compare_invalid_missing_stage_severity")?
    {
        policy.missing_stage_severity = given;
    }
    Ok(policy)
}

fn diagnostics_policy(
    mut policy: DiagnosticsPolicy,
    given: Arguments<'_, '_>,
) -> PyResult<DiagnosticsPolicy> {
    let parts = Parts::of(given)?;
    parts
        .set_flag("require_metrics_for_completed_stages", &mut policy.require_metrics_for_completed_stages)?;
    parts.set_flag("detect_degraded_records", &mut policy.detect_degraded_records)?;
    if let Some(names) = parts.texts("expected_terminal_stage_names")? {
        if let Some(name) = names.iter().find(|name| name.trim().is_empty()) {
            let message = format!("the expected stage name {name:?} is blank");
            return Err(refused("diagnostics_invalid_expected_stage_name", &message));
        }
        policy.expected_terminal_stage_names = names;
    }
    Ok(policy)
}

fn search_policy(mut policy: SearchPolicy, given: Arguments<'_, '_>) -> PyResult<SearchPolicy> {
    let parts = Parts::of(given)?;
    parts.set_count("default_limit", &mut policy.default_limit)?;
    if let Some(fields) = parts.texts("text_match_fields")? {
        policy.text_match_fields = fields;
    }
    parts.set_flag("case_sensitive", &mut policy.case_sensitive)?;
    Ok(policy)
}

fn trend_policy(mut policy: TrendPolicy, given: Arguments<'_, '_>) -> PyResult<TrendPolicy> {
    let parts = Parts::of(given)?;
    parts.set_count("default_window_runs", &mut policy.window_runs)?;
    if policy.window_runs == 0 {
        return Err(refused("trend_invalid_window_runs", "the window of a trend has at least one run"));
    }
    if let Some(selected) = selection(&parts, "metric_aggregation", "trend_invalid_metric_aggregation")? {
        policy.metric_aggregation = selected;
    }
    Ok(policy)
}

fn anomaly_policy(mut policy: AnomalyPolicy, given: Arguments<'_, '_>) -> PyResult<AnomalyPolicy> {
    let parts = Parts::of(given)?;
    if let Some(threshold) = parts.float("z_score_threshold")? {
        if threshold.is_nan() || threshold <= 0.0 {
            let message = format!("the threshold {threshold} is not greater than 0");
            return Err(refused("anomaly_invalid_z_score_threshold", &message));
        }
        policy.z_score_threshold = threshold;
    }
    parts.set_count("min_baseline_runs", &mut policy.min_baseline_runs)?;
    if policy.min_baseline_runs == 0 {
        return Err(refused("anomaly_invalid_min_baseline_runs", "a baseline has at least one run"));
    }
    if let Some(metrics) = parts.texts("monitored_metrics")? {
        policy.monitored_metrics = metrics;
    }
    if let Some(selected) = selection(&parts, "metric_aggregation", "trend_invalid_metric_aggregation")? {
        policy.metric_aggregation = selected;
    }
    Ok(policy)
}

fn alert_policy(mut policy: AlertPolicy, given: Arguments<'_, '_>) -> PyResult<AlertPolicy> {
    let parts = Parts::of(given)?;
    parts.set_flag("stop_on_first_trigger", &mut policy.stop_on_first_trigger)?;
    if let Some(given) = severity(&parts, "default_severity", "alert_invalid_severity")? {
        policy.default_severity = given;
    }
    if let Some(selected) = selection(&parts, "metric_aggregation", "trend_invalid_metric_aggregation")? {
        policy.metric_aggregation = selected;
    }
    Ok(policy)
}

fn alert_rules(rules: &[Bound<'_, PyAny>]) -> PyResult<Vec<AlertRule>> {
    let rule = |rule: &Bound<'_, PyAny>| {
        let parts = Parts::of(Some(rule))?;
        let (key, operator) = (parts.required("metric_key")?, parts.required("operator")?);
        let (threshold, severity): (MetricValue, _) = (parts.number("threshold")?, parts.text("severity")?);
        let read = AlertRule::parse(&key, &operator, threshold, severity.as_deref());
        let mut read = read.map_err(query_error)?;
        read.stage_name = parts.text("stage_name")?;
        read.name = parts.text("name")?;
        Ok(read)
    };
    rules.iter().map(rule).collect()
}

fn metric_baseline(parts: &Parts) -> PyResult<MetricBaseline> {
    let number = |name: &str| parts.float(name)?.ok_or_else(|| invalid(name, "a number", &Value::Null));
    Ok(MetricBaseline {
        metric_key: parts.required("metric_key")?,
        mean: number("mean")?,
        std: number("std")?,
        p5: number("p5")?,
        p95: number("p95")?,
        computed_from_n_runs: parts.count("computed_from_n_runs")?.unwrap_or(0),
        median: parts.float("median")?,
        mad: parts.float("mad")?,
    })
}
