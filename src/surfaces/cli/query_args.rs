//! The arguments of the commands that answer questions.

use crate::contract::MetricValue;
use crate::interpretation::{
    Archived, ArtifactSearch, Error, PageToken, RunColumn, RunListQuery, RunSearch, Severity, TimeRange,
};
use crate::surfaces::cli::failure::Failure;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Run: its ref, its id, its name, or the beginning of its id or name. If several runs match, the command fails
    #[arg(value_name = "RUN")]
    pub(super) run: String,
}

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Left run
    #[arg(value_name = "LEFT")]
    pub(super) left: String,
    /// Right run
    #[arg(value_name = "RIGHT")]
    pub(super) right: String,
}

/// Parses `KEY=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("expected KEY=VALUE, found {text:?}")),
    }
}

/// The options that select and order runs.
#[derive(Debug, Args)]
pub(super) struct RunListArgs {
    /// Only the runs of this project
    #[arg(long, value_name = "NAME")]
    pub(super) project: Option<String>,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
}

/// The options of a list of runs.
#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    #[command(flatten)]
    pub(super) list: RunListArgs,
    #[command(flatten)]
    pub(super) baseline: BaselineArgs,
    /// Token of the page to list. The token is in the answer of the same command for the previous page
    #[arg(long, value_name = "TOKEN")]
    pub(super) page: Option<PageToken>,
}

/// The run with which values are compared.
#[derive(Debug, Args)]
pub(super) struct BaselineArgs {
    /// Show the difference between each metric and the metric of this run
    #[arg(long = "baseline", value_name = "RUN")]
    pub(super) run: Option<String>,
}

/// The options that select and order the runs of a project.
#[derive(Debug, Args)]
pub(super) struct SelectionArgs {
    /// Only runs with this status: open, completed, failed, cancelled, interrupted
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only runs with this tag. May be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    tag: Vec<(String, String)>,
    /// Only runs that started at this time or later: 2026-11-01, or 2026-11-01T08:00:00Z
    #[arg(long, value_name = "TIME")]
    after: Option<String>,
    /// Only runs that started at this time or earlier. A date includes the whole day
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// Only runs that fulfil this condition, such as 'metrics.loss < 0.3 and not status = failed' (docs/QUERY.md)
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,
    /// Treatment of archived runs: exclude them, include them, or list only archived runs
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = ArchivedArg::Exclude)]
    archived: ArchivedArg,
    /// Only starred runs
    #[arg(long)]
    starred: bool,
    /// Column to sort by: started_at, ended_at, name, status, duration, metrics.KEY, params.NAME [default: started_at;
    /// without any option the runs are listed project by project]
    #[arg(long, value_name = "COLUMN")]
    sort: Option<RunColumn>,
    /// Greatest value first [default: greatest value last, so that the newest run is next to the prompt]
    #[arg(long)]
    desc: bool,
    /// Greatest number of runs. If the runs are sorted by start, the newest runs are selected
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    limit: Option<i64>,
    /// Number of runs to skip
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    offset: i64,
}

/// The treatment of archived runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArchivedArg {
    Exclude,
    Include,
    Only,
}

impl From<ArchivedArg> for Archived {
    fn from(arg: ArchivedArg) -> Archived {
        match arg {
            ArchivedArg::Exclude => Archived::Exclude,
            ArchivedArg::Include => Archived::Include,
            ArchivedArg::Only => Archived::Only,
        }
    }
}

impl RunListArgs {
    /// Returns the query. Errors: invalid times or numbers.
    pub(super) fn query(&self) -> Result<RunListQuery, Failure> {
        self.selection.query(self.project.as_deref())
    }

    /// Returns the query for an analysis of several runs. The limit of the query selects the newest runs.
    /// Errors: invalid times or numbers.
    pub(super) fn newest_query(&self) -> Result<RunListQuery, Failure> {
        Ok(RunListQuery { limit_to_newest: self.selection.is_newest_last(), ..self.query()? })
    }
}

impl SelectionArgs {
    /// Returns the query for runs of a project. Errors: invalid times or numbers.
    pub(super) fn query(&self, project: Option<&str>) -> Result<RunListQuery, Failure> {
        let mut query = RunListQuery::oldest_first();
        query.project = project.map(str::to_owned);
        query.status = self.status.clone();
        query.tags = self.tag.iter().cloned().collect();
        query.time_range = TimeRange::parse(self.after.as_deref(), self.before.as_deref())?;
        query.filter = self.filter.as_deref().map(str::parse).transpose()?;
        query.archived = self.archived.into();
        query.only_starred = self.starred;
        query.descending = self.desc;
        query.limit = self.limit.map(|limit| count("limit", limit)).transpose()?;
        query.offset = count("offset", self.offset)?;
        let is_plain = query == RunListQuery::oldest_first();
        query.sort_by = self.sort.clone().or_else(|| (!is_plain).then_some(RunColumn::StartedAt));
        Ok(query)
    }

    /// Returns `true` if the runs are listed oldest first, and only the newest of them.
    pub(super) fn is_newest_last(&self) -> bool {
        self.sort.as_ref().is_none_or(|column| *column == RunColumn::StartedAt)
            && !self.desc
            && self.limit.is_some()
    }
}

/// Converts the value of an option to a number of results. Error: the value is negative.
fn count(name: &str, number: i64) -> Result<usize, Failure> {
    usize::try_from(number).map_err(|_| {
        let reason = format!("the {name} is {number}; it must not be negative");
        Error::InvalidRunListQuery { reason }.into()
    })
}

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Ref of an object, such as stage:project.run.train. A run can also be given by its id, its name, or the
    /// beginning of its id or name
    #[arg(value_name = "REF")]
    pub(super) subject: String,
    /// At most this many entries
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(super) limit: usize,
    /// Number of entries to skip
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) offset: usize,
}

#[derive(Debug, Args)]
pub(super) struct CompareManyArgs {
    /// Runs to compare
    #[arg(value_name = "RUN", required = true)]
    pub(super) runs: Vec<String>,
    #[command(flatten)]
    pub(super) baseline: BaselineArgs,
}

#[derive(Debug, Args)]
pub(super) struct DiagnosticsArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    #[command(flatten)]
    pub(super) fail_on: FailOnArgs,
}

/// The severity at which a command fails.
#[derive(Debug, Args)]
pub(super) struct FailOnArgs {
    /// Exit with code 1 if a result has this severity or a higher severity
    #[arg(long = "fail-on", value_enum, value_name = "SEVERITY")]
    level: Option<Level>,
}

impl FailOnArgs {
    /// Returns the exit code of a command whose results have at most the severity `worst`.
    pub(super) fn exit_code(&self, worst: Option<Severity>) -> u8 {
        let limit = self.level.map(Severity::from);
        u8::from(limit.is_some_and(|limit| worst.is_some_and(|worst| worst >= limit)))
    }
}

/// A severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    /// Information
    Info,
    /// Possibly a problem
    Warning,
    /// A problem
    Error,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Severity {
        match level {
            Level::Info => Severity::Info,
            Level::Warning => Severity::Warning,
            Level::Error => Severity::Error,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum SearchCommand {
    /// Find runs by name, project, tags and status
    Runs(SearchRunsArgs),
    /// Find artifacts by ref, kind and location
    Artifacts(SearchArtifactsArgs),
}

#[derive(Debug, Args)]
pub(super) struct SearchRunsArgs {
    /// Text to look for
    #[arg(value_name = "TEXT")]
    text: String,
    /// Only the runs of this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only runs with this status
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// At most this many runs [default: setting interpretation.search.default_limit]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    limit: Option<i64>,
}

#[derive(Debug, Args)]
pub(super) struct SearchArtifactsArgs {
    /// Text to look for
    #[arg(value_name = "TEXT")]
    text: String,
    /// Only artifacts of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// At most this many artifacts [default: setting interpretation.search.default_limit]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    limit: Option<i64>,
}

impl SearchRunsArgs {
    /// Returns the search. Error: the limit is negative.
    pub(super) fn search(&self) -> Result<RunSearch, Failure> {
        Ok(RunSearch {
            text: self.text.clone(),
            project: self.project.clone(),
            status: self.status.clone(),
            limit: self.limit.map(|limit| count("limit", limit)).transpose()?,
        })
    }
}

impl SearchArtifactsArgs {
    /// Returns the search. Error: the limit is negative.
    pub(super) fn search(&self) -> Result<ArtifactSearch, Failure> {
        let limit = self.limit.map(|limit| count("limit", limit)).transpose()?;
        Ok(ArtifactSearch { text: self.text.clone(), kind: self.kind.clone(), limit })
    }
}

/// The destination of a text.
#[derive(Debug, Clone, Args)]
pub(super) struct OutputArgs {
    /// Output file [default: standard output]
    #[arg(long = "output", short = 'o', value_name = "PATH")]
    pub(super) path: Option<PathBuf>,
}

/// The stage whose values are used.
#[derive(Debug, Args)]
pub(super) struct StageArgs {
    /// Only the values of this stage [default: all stages]
    #[arg(long = "stage", value_name = "NAME")]
    pub(super) name: Option<String>,
}

/// A metric, and the runs whose values are used.
#[derive(Debug, Args)]
pub(super) struct MetricArgs {
    /// Metric: a key, possibly with tags, such as acc{subset=val}
    #[arg(value_name = "METRIC")]
    pub(super) metric_key: String,
    #[command(flatten)]
    pub(super) stage: StageArgs,
    #[command(flatten)]
    pub(super) runs: RunListArgs,
}

#[derive(Debug, Args)]
pub(super) struct TrendArgs {
    #[command(flatten)]
    pub(super) metric: MetricArgs,
    #[command(flatten)]
    pub(super) baseline: BaselineArgs,
}

#[derive(Debug, Args)]
pub(super) struct AnomalyArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Only this metric [default: setting interpretation.anomaly.monitored_metrics, or all]. May be repeated
    #[arg(long, value_name = "KEY")]
    pub(super) metric: Vec<String>,
    /// Compare with runs of this project [default: the project of the run]
    #[arg(long, value_name = "NAME")]
    pub(super) project: Option<String>,
    #[command(flatten)]
    pub(super) stage: StageArgs,
    #[command(flatten)]
    pub(super) fail_on: FailOnArgs,
}

#[derive(Debug, Args)]
pub(super) struct AlertArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Metric: a key, possibly with tags [default: evaluate the rules of the setting interpretation.alert.rules]
    #[arg(long, value_name = "KEY", requires_all = ["operator", "threshold"])]
    pub(super) metric: Option<String>,
    /// Comparison: gt, lt, gte, lte, eq, ne
    #[arg(long, value_name = "OP", requires = "metric")]
    #[arg(value_parser = ["gt", "lt", "gte", "lte", "eq", "ne"])]
    pub(super) operator: Option<String>,
    /// Number to compare with
    #[arg(long, value_name = "X", requires = "metric", allow_hyphen_values = true, value_parser = number)]
    pub(super) threshold: Option<MetricValue>,
    #[command(flatten)]
    pub(super) stage: StageArgs,
    /// Severity of the alert: info, warning, error [default: setting interpretation.alert.default_severity]
    #[arg(long, value_name = "SEVERITY")]
    pub(super) severity: Option<String>,
    /// Exit with code 1 if the alert is triggered
    #[arg(long)]
    pub(super) fail_on_trigger: bool,
}

/// Parses a number as a float. A whole number that would be rounded as a float is parsed as an integer.
fn number(text: &str) -> Result<MetricValue, String> {
    let float = text.parse::<f64>().map(MetricValue::from).map_err(|e| e.to_string())?;
    let whole = text.parse::<i64>().map(MetricValue::from);
    Ok(whole.ok().filter(|whole| whole.compare(&float).is_ne()).unwrap_or(float))
}

#[derive(Debug, Subcommand)]
pub(super) enum ProvenanceCommand {
    /// Check that everything that is needed to repeat a run was recorded
    Audit(RunArgs),
    /// Compare the environments of two runs
    Diff(CompareArgs),
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Render {
    /// Markdown
    Markdown,
    /// JSON
    Json,
    /// HTML without a page around it
    Html,
    /// A table of the titles and texts of the sections
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct RenderArgs {
    /// Form of the report
    #[arg(long, value_enum, default_value_t = Render::Markdown)]
    pub(super) render: Render,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Save the report in the directory of reports (setting workspace.reports_path) and print its path
    #[arg(long, conflicts_with = "path")]
    pub(super) save: bool,
    /// Save the report, and store the file as an artifact of this run with the kind `report_bundle`
    #[arg(long, value_name = "RUN", conflicts_with = "path")]
    pub(super) register: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum CsvCommand {
    /// One row for each run
    Runs {
        #[command(flatten)]
        runs: RunListArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// One row for each metric that differs between two runs
    Compare {
        #[command(flatten)]
        runs: CompareArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// One row for each run with a metric
    Trend {
        #[command(flatten)]
        metric: MetricArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// One row for each metric of a run that is compared with earlier runs
    Anomaly {
        #[command(flatten)]
        anomaly: AnomalyArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct ExportHtmlArgs {
    /// Run whose report is written
    #[arg(long, value_name = "RUN", required_unless_present = "left")]
    pub(super) run: Option<String>,
    /// Left run of a comparison
    #[arg(long, value_name = "RUN", requires = "right")]
    pub(super) left: Option<String>,
    /// Right run of a comparison
    #[arg(long, value_name = "RUN", requires = "left")]
    pub(super) right: Option<String>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}
