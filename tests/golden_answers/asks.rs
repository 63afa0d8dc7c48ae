//! Questions that models answer. A question is read from a method call or from a command line.

use crate::golden_answers::comparisons;
use crate::golden_answers::diagnoses;
use crate::golden_answers::metrics::Selection as Representative;
use crate::golden_answers::object::{text, texts};
use crate::golden_answers::question::{Call, Question};
use crate::golden_answers::runs::{Condition, Selection};
use contexta::contract::Value;

/// A question about runs and metrics.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Runs(Selection),
    Search {
        text: String,
        selection: Selection,
    },
    Trend {
        metric: Metric,
        selection: Selection,
        window: usize,
    },
    Aggregate {
        metric: Metric,
        selection: Selection,
    },
    ByStage(Selection),
    Baseline {
        metric: Metric,
        selection: Selection,
    },
    /// The comparison of a metric with a baseline.
    Detect {
        run: String,
        baseline: Baseline,
    },
    Anomalies {
        run: String,
        metrics: Vec<String>,
        monitored: Vec<String>,
        metric: Metric,
        project: Option<String>,
        policy: Policy,
    },
    Alerts {
        population: Population,
        rules: Vec<Rule>,
        by: Representative,
    },
    Series {
        run: String,
        metric: String,
        stage: Option<String>,
    },
    Best {
        runs: Vec<String>,
        metric: Metric,
        is_greater_better: bool,
    },
    Durations {
        stage: String,
        selection: Selection,
    },
    Sizes {
        kind: String,
        selection: Selection,
    },
    Compare {
        left: String,
        right: String,
        policy: comparisons::Policy,
    },
    Many {
        runs: Vec<String>,
        by: Representative,
    },
    Diagnosis {
        run: String,
        policy: diagnoses::Policy,
        fails_on: Option<String>,
    },
    Provenance(String),
    Audit(String),
    Environments(String, String),
    /// A snapshot of a run.
    Show(String),
    Report(Report),
    /// The comparison of two reports.
    Documents(Report, Report),
}

/// A report.
#[derive(Debug, Clone)]
pub(super) enum Report {
    Snapshot(String),
    Pair(String, String),
    Trend(Metric),
    Alerts(String, Vec<Rule>),
    Many(Vec<String>),
}

/// A metric, its stage, and the rule that selects one value. Without a stage, the values of all stages and
/// the values outside stages are used.
#[derive(Debug, Clone)]
pub(super) struct Metric {
    pub(super) key: String,
    pub(super) stage: Option<String>,
    pub(super) by: Representative,
}

impl Metric {
    /// Returns a metric without a stage, whose latest value is selected.
    pub(super) fn of_all_stages(key: &str) -> Metric {
        Metric { key: key.to_owned(), stage: None, by: Representative::Latest }
    }
}

/// The baseline of a metric.
#[derive(Debug, Clone)]
pub(super) struct Baseline {
    pub(super) metric: String,
    pub(super) mean: f64,
    pub(super) deviation: f64,
    pub(super) runs: usize,
}

/// The settings for the detection of anomalies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) threshold: f64,
    pub(super) runs_min: usize,
}

/// The runs for which alert rules are evaluated.
#[derive(Debug, Clone)]
pub(super) enum Population {
    Run(String),
    Fleet(Selection),
}

/// An alert rule.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) condition: Condition,
    pub(super) severity: String,
    pub(super) name: Option<String>,
    /// The digits of the threshold in a command line. `None` unless the threshold is a whole number that a
    /// float cannot represent.
    pub(super) digits: Option<String>,
}

/// Returns the question. Returns `None` if no model answers the question, or if its arguments are invalid.
pub(super) fn ask(question: &Question) -> Option<Ask> {
    match &question.call {
        Call::Method(method, args) => of_method(method, args),
        Call::Command(argv) => of_command(&Arguments::read(argv), question.id.split('.').nth(1)?),
    }
}

fn number(args: &Value, name: &str) -> Option<f64> {
    match args.get(name)? {
        Value::Int(n) => Some(*n as f64),
        Value::Float(x) => Some(*x),
        _ => None,
    }
}

fn condition(args: &Value) -> Option<Condition> {
    Some(Condition {
        metric: text(args, "metric_key")?,
        operator: text(args, "operator")?.trim().to_lowercase(),
        threshold: number(args, "threshold")?,
        stage: text(args, "stage_name"),
    })
}

/// Reads a selection of runs from the members of a query, or from the keyword arguments of the method
/// `list_runs`.
fn selection(args: &Value) -> Option<Selection> {
    let list = |name: &str| args.get(name).and_then(Value::as_list).unwrap_or_default();
    let range = args.get("time_range").cloned().unwrap_or(Value::Null);
    Some(Selection {
        project: text(args, "project_name"),
        status: text(args, "status"),
        tags: match args.get("tags") {
            Some(Value::Map(tags)) => {
                tags.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
            }
            _ => Vec::new(),
        },
        after: text(&range, "started_after"),
        before: text(&range, "started_before"),
        conditions: list("metric_conditions").iter().map(condition).collect::<Option<_>>()?,
        sort: text(args, "sort_by"),
        is_descending: args.get("sort_desc") == Some(&Value::Bool(true)),
        limit: number(args, "limit").map(|limit| limit as usize),
        offset: number(args, "offset").unwrap_or(0.0) as usize,
        ..Selection::default()
    })
}

/// Reads the selection of runs for a service from the arguments `query` and `project_name`.
fn population(args: &Value) -> Option<Selection> {
    let mut read = selection(args.get("query").unwrap_or(&Value::map([])))?;
    read.project = read.project.or_else(|| text(args, "project_name"));
    Some(read)
}

/// Reads the arguments of the method `list_runs`. If a filter is given, the reference sorts in descending
/// order by default.
fn listed(args: &Value) -> Option<Selection> {
    if args.get("query").is_some_and(|query| *query != Value::Null) {
        return population(args);
    }
    let Value::Map(members) = args else { return None };
    let is_filtered = members.keys().any(|name| name != "project_name");
    let read = selection(args)?;
    let is_sorted = read.sort.is_some() || is_filtered;
    Some(Selection {
        sort: is_sorted.then(|| read.sort.clone().unwrap_or_else(|| "started_at".to_owned())),
        is_descending: is_filtered && args.get("sort_desc") != Some(&Value::Bool(false)),
        is_of_facade: !is_filtered,
        ..read
    })
}

/// Reads alert rules.
fn rules(args: &Value) -> Option<Vec<Rule>> {
    let rule = |args: &Value| {
        let severity = text(args, "severity").unwrap_or_else(|| "warning".to_owned());
        Some(Rule { condition: condition(args)?, severity, name: text(args, "name"), digits: None })
    };
    args.get("rules")?.as_list()?.iter().map(rule).collect()
}

/// Reads a method that builds a report.
fn report(method: &str, args: &Value) -> Option<Report> {
    Some(match method {
        "build_snapshot_report" => Report::Snapshot(text(args, "run_id")?),
        "build_run_report" => Report::Pair(text(args, "left_run_id")?, text(args, "right_run_id")?),
        "build_trend_report" => Report::Trend(Metric::of_all_stages(&text(args, "metric_key")?)),
        "build_alert_report" => Report::Alerts(text(args, "run_id")?, rules(args)?),
        "build_multi_run_report" => Report::Many(texts(args, "run_ids")?),
        _ => return None,
    })
}

fn of_method(method: &str, args: &Value) -> Option<Ask> {
    let metric = || {
        let (key, stage) = (text(args, "metric_key")?, text(args, "stage_name"));
        Some(Metric { key, stage, by: Representative::Latest })
    };
    Some(match method {
        "list_runs" => Ask::Runs(listed(args)?),
        "AggregationService.aggregate_by_stage" => Ask::ByStage(population(args)?),
        "AnomalyService.compute_baseline" => {
            Ask::Baseline { metric: metric()?, selection: population(args)? }
        }
        "AnomalyService.detect_anomalies" => {
            let baseline = args.get("baseline")?;
            Ask::Detect {
                run: text(args, "run_id")?,
                baseline: Baseline {
                    metric: text(baseline, "metric_key")?,
                    mean: number(baseline, "mean")?,
                    deviation: number(baseline, "std")?,
                    runs: number(baseline, "computed_from_n_runs")? as usize,
                },
            }
        }
        "evaluate_alerts" | "evaluate_alerts_fleet" => {
            let population = match text(args, "run_id") {
                Some(run) => Population::Run(run),
                None => Population::Fleet(population(args)?),
            };
            Ask::Alerts { population, rules: rules(args)?, by: Representative::Latest }
        }
        "get_step_series" => {
            let id = |stage: String| stage.rsplit('.').next().unwrap().to_owned();
            let stage = text(args, "stage_id").map(id).or_else(|| text(args, "stage_name"));
            Ask::Series { run: text(args, "run_id")?, metric: text(args, "metric_key")?, stage }
        }
        "select_best_run" => Ask::Best {
            runs: texts(args, "run_ids")?,
            metric: metric()?,
            is_greater_better: args.get("higher_is_better") != Some(&Value::Bool(false)),
        },
        "get_stage_duration_trend" => {
            Ask::Durations { stage: text(args, "stage_name")?, selection: population(args)? }
        }
        "get_artifact_size_trend" => {
            Ask::Sizes { kind: text(args, "artifact_kind")?, selection: population(args)? }
        }
        "get_provenance" => Ask::Provenance(text(args, "run_id")?),
        "compare_report_documents" => {
            let side = |name: &str| {
                let side = args.get(name)?;
                match (text(side, "build_snapshot_report"), texts(side, "build_run_report").as_deref()) {
                    (Some(run), _) => Some(Report::Snapshot(run)),
                    (None, Some([left, right])) => Some(Report::Pair(left.clone(), right.clone())),
                    _ => None,
                }
            };
            Ask::Documents(side("left")?, side("right")?)
        }
        _ => Ask::Report(report(method.split('.').next()?, args)?),
    })
}

/// The words of a command line.
#[derive(Debug, Default)]
pub(super) struct Arguments<'a> {
    words: Vec<&'a str>,
    options: Vec<(&'a str, &'a str)>,
}

impl<'a> Arguments<'a> {
    /// Reads a command line. Every option except `--desc` has a value.
    pub(super) fn read(argv: &'a [String]) -> Arguments<'a> {
        let mut read = Arguments::default();
        let mut rest = argv.iter().map(String::as_str);
        while let Some(word) = rest.next() {
            match (word.split_once('='), word) {
                (_, "--desc") => read.options.push((word, "")),
                (Some((name, value)), _) if name.starts_with("--") => read.options.push((name, value)),
                _ if word.starts_with("--") => read.options.push((word, rest.next().unwrap_or_default())),
                _ => read.words.push(word),
            }
        }
        read
    }

    /// Returns the word at a position. The last word has the position 1, and the word before it has the
    /// position 2.
    pub(super) fn last(&self, position: usize) -> Option<String> {
        Some((*self.words.get(self.words.len().checked_sub(position)?)?).to_owned())
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let of = self.options.iter().filter(|(option, _)| *option == name);
        of.map(|(_, value)| (*value).to_owned()).collect()
    }

    pub(super) fn option(&self, name: &str) -> Option<String> {
        self.all(name).pop()
    }

    /// Returns the value of a setting in the section `interpretation`.
    pub(super) fn setting(&self, name: &str) -> Option<String> {
        let of = |setting: String| {
            let (key, value) = setting.strip_prefix("interpretation.")?.split_once('=')?;
            (key == name).then(|| value.to_owned())
        };
        self.all("--set").into_iter().find_map(of)
    }

    /// Reads the options that select runs. Without such options, the runs are sorted by project and start.
    fn selection(&self) -> Option<Selection> {
        let count = |name: &str| self.option(name).map(|count| count.parse::<usize>().ok());
        let names =
            ["--project", "--status", "--after", "--before", "--sort", "--desc", "--limit", "--offset"];
        let is_sorted = self.options.iter().any(|(option, _)| names.contains(option));
        Some(Selection {
            project: self.option("--project"),
            status: self.option("--status"),
            after: self.option("--after"),
            before: self.option("--before"),
            sort: is_sorted.then(|| self.option("--sort").unwrap_or_else(|| "started_at".to_owned())),
            is_descending: self.option("--desc").is_some(),
            limit: match count("--limit") {
                Some(limit) => Some(limit.filter(|limit| *limit > 0)?),
                None => None,
            },
            offset: count("--offset").unwrap_or(Some(0))?,
            ..Selection::default()
        })
    }
}

fn of_command(args: &Arguments<'_>, command: &str) -> Option<Ask> {
    let last = |n: usize| args.last(n);
    let by = args.setting("trend.metric_aggregation");
    let by = by.map_or(Some(Representative::Latest), |by| Representative::parse(&by))?;
    let metric = |key: String| Metric { key, stage: args.option("--stage"), by };
    let selection = || Some(Selection { is_of_command: true, ..args.selection()? });
    let of_statistics = || Some(Selection { is_of_statistics: true, ..selection()? });
    Some(match command {
        "runs" | "export-runs" => Ask::Runs(selection()?),
        "trend" | "export-trend" => {
            let window = args.setting("trend.default_window_runs").map_or(Ok(20), |window| window.parse());
            Ask::Trend { metric: metric(last(1)?), selection: of_statistics()?, window: window.ok()? }
        }
        "aggregate" => Ask::Aggregate { metric: metric(last(1)?), selection: of_statistics()? },
        "anomaly" | "export-anomaly" => {
            let monitored = args.setting("anomaly.monitored_metrics").map(|list| list_of_texts(&list));
            let number = |name: &str, default: f64| {
                args.setting(name).map_or(Some(default), |value| value.parse().ok())
            };
            Ask::Anomalies {
                run: last(1)?,
                metrics: args.all("--metric"),
                monitored: monitored.unwrap_or_default(),
                metric: metric(String::new()),
                project: args.option("--project"),
                policy: Policy {
                    threshold: number("anomaly.z_score_threshold", 2.5)?,
                    runs_min: number("anomaly.min_baseline_runs", 3.0)? as usize,
                },
            }
        }
        "alert" => Ask::Alerts {
            population: Population::Run(last(1)?),
            rules: vec![Rule {
                condition: Condition {
                    metric: args.option("--metric")?,
                    operator: args.option("--operator")?,
                    threshold: args.option("--threshold")?.parse().ok()?,
                    stage: args.option("--stage"),
                },
                severity: args.option("--severity").unwrap_or_else(|| "warning".to_owned()),
                name: None,
                digits: args
                    .option("--threshold")
                    .filter(|text| text.parse::<i128>().is_ok_and(|whole| whole as f64 as i128 != whole)),
            }],
            by,
        },
        "search-runs" => Ask::Search { text: last(1)?, selection: args.selection()? },
        "compare" | "export-compare" => {
            let setting = |name: &str| args.setting(&format!("comparison.{name}"));
            let by = setting("metric_selection")
                .map_or(Some(Representative::Latest), |by| Representative::parse(&by));
            let policy = comparisons::Policy {
                by: by?,
                includes_unchanged: setting("include_unchanged_metrics").is_some_and(|value| value == "true"),
            };
            Ask::Compare { left: last(2)?, right: last(1)?, policy }
        }
        "compare-multi" => {
            let at = args.words.iter().position(|word| ["compare-multi", "compare-many"].contains(word))?;
            let by = args.setting("comparison.metric_selection");
            let by = by.map_or(Some(Representative::Latest), |by| Representative::parse(&by));
            Ask::Many { runs: args.words[at + 1..].iter().map(|run| (*run).to_owned()).collect(), by: by? }
        }
        "diagnostics" => {
            let setting = |name: &str| args.setting(&format!("diagnostics.{name}"));
            let is_on = |name: &str| setting(name).is_none_or(|value| value == "true");
            let expected = setting("expected_terminal_stage_names").map(|list| list_of_texts(&list));
            let policy = diagnoses::Policy {
                requires_metrics: is_on("require_metrics_for_completed_stages"),
                detects_degraded: is_on("detect_degraded_records"),
                expected_stages: expected.unwrap_or_else(|| diagnoses::Policy::default().expected_stages),
            };
            Ask::Diagnosis { run: last(1)?, policy, fails_on: args.option("--fail-on") }
        }
        "run-show" => Ask::Show(last(1)?),
        "provenance-audit" => Ask::Audit(last(1)?),
        "provenance-diff" => Ask::Environments(last(2)?, last(1)?),
        "report-snapshot" => Ask::Report(Report::Snapshot(last(1)?)),
        "report-compare" => Ask::Report(Report::Pair(last(2)?, last(1)?)),
        "export-html" => Ask::Report(match args.option("--run") {
            Some(run) => Report::Snapshot(run),
            None => Report::Pair(args.option("--left")?, args.option("--right")?),
        }),
        _ => return None,
    })
}

/// Reads a list of texts in JSON.
fn list_of_texts(json: &str) -> Vec<String> {
    let list = contexta::contract::json::read::parse(json).unwrap();
    list.as_list().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}
