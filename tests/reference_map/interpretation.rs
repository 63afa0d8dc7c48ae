//! The questions of the facade: sections D and G of the list of names of the Python package contexta 1.0.0
//! (`docs/REFERENCE-MAP.md`).

use super::Call;
use crate::support::{import_lines, open_sim};
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{
    AlertRule, AnomalyQuery, Comparison, Direction, ReportBuilder, ReportPolicy, RunListQuery, RunSearch,
    Selection,
};
use contexta::services::{
    AggregationService, AlertService, AnomalyService, CompareService, DiagnosticsService, LineageService,
    ProvenanceService, QueryService, TrendService,
};
use contexta::{BestRunOptions, Contexta, Goal, ReportDocument};

/// The runs `a` and `b` of the project `p`. The loss of `b` is lower. `a` has a batch, a sample, a deployment, an
/// artifact that its stage produced, and the provenance of this edge.
const LINES: &str = r#"
{"kind":"project","object":{"project_ref":"project:p","name":"p","created_at":"2024-01-01T00:00:00Z"}}
{"kind":"run","object":{"run_ref":"run:p.a","project_ref":"project:p","name":"first","status":"completed","started_at":"2024-01-01T00:00:00Z","ended_at":"2024-01-01T01:00:00Z"}}
{"kind":"run","object":{"run_ref":"run:p.b","project_ref":"project:p","name":"second","status":"failed","started_at":"2024-01-02T00:00:00Z","ended_at":"2024-01-02T01:00:00Z"}}
{"kind":"deployment","object":{"deployment_execution_ref":"deployment:p.api","project_ref":"project:p","deployment_name":"api","status":"completed","started_at":"2024-01-01T02:00:00Z","ended_at":"2024-01-01T03:00:00Z","run_ref":"run:p.a"}}
{"kind":"environment","object":{"environment_snapshot_ref":"environment:p.a.e","run_ref":"run:p.a","captured_at":"2024-01-01T00:00:00Z","platform":"linux","packages":{"torch":"1"}}}
{"kind":"environment","object":{"environment_snapshot_ref":"environment:p.b.e","run_ref":"run:p.b","captured_at":"2024-01-02T00:00:00Z","platform":"linux","packages":{"torch":"2"}}}
{"kind":"stage","object":{"stage_execution_ref":"stage:p.a.train","run_ref":"run:p.a","stage_name":"train","status":"completed","started_at":"2024-01-01T00:00:00Z","ended_at":"2024-01-01T00:01:30Z"}}
{"kind":"stage","object":{"stage_execution_ref":"stage:p.b.train","run_ref":"run:p.b","stage_name":"train","status":"failed","started_at":"2024-01-02T00:00:00Z","ended_at":"2024-01-02T00:01:00Z"}}
{"kind":"batch","object":{"batch_execution_ref":"batch:p.a.train.b0","run_ref":"run:p.a","stage_execution_ref":"stage:p.a.train","batch_name":"b0","status":"completed","started_at":"2024-01-01T00:00:00Z","ended_at":"2024-01-01T00:01:00Z"}}
{"kind":"sample","object":{"sample_observation_ref":"sample:p.a.train.b0.s","run_ref":"run:p.a","stage_execution_ref":"stage:p.a.train","batch_execution_ref":"batch:p.a.train.b0","sample_name":"s","observed_at":"2024-01-01T00:00:30Z"}}
{"kind":"relation","object":{"relation_ref":"relation:p.e","relation_type":"produced_by","source_ref":"artifact:p.a.model","target_ref":"stage:p.a.train","recorded_at":"2024-01-01T01:00:00Z","origin_marker":"explicit","confidence_marker":"high"}}
{"kind":"provenance","object":{"provenance_ref":"provenance:p.c","relation_ref":"relation:p.e","assertion_mode":"explicit","asserted_at":"2024-01-01T01:00:00Z"}}
{"kind":"artifact","object":{"artifact_ref":"artifact:p.a.model","artifact_kind":"checkpoint","created_at":"2024-01-01T01:00:00Z","producer_ref":"x","run_ref":"run:p.a","stage_execution_ref":"stage:p.a.train","location_ref":"model.bin","size_bytes":3}}
"#;

/// Returns the line of a loss in the stage `train`.
fn loss(run: &str, step: u8, value: f64) -> String {
    let time = format!("2024-01-01T00:00:{:02}Z", 30 - step);
    format!(
        concat!(
            r#"{{"kind":"record","object":{{"envelope":{{"record_ref":"record:p.{r}.m{s}","record_type":"metric","#,
            r#""recorded_at":"2024-01-03T00:00:00Z","observed_at":"{t}","producer_ref":"x","run_ref":"run:p.{r}","#,
            r#""stage_execution_ref":"stage:p.{r}.train"}},"payload":{{"metric_key":"loss","value":{v},"#,
            r#""value_type":"float","step":{s},"unit":"nats"}}}}}}"#,
            "\n"
        ),
        r = run,
        s = step,
        t = time,
        v = value
    )
}

/// Opens a workspace with [`LINES`] and the losses 2.5 and 0.5 of `a`, and 2.25 and 0.25 of `b`. The points with greater
/// steps were observed earlier.
fn workspace() -> Contexta {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    let records = [("a", 0, 2.5), ("a", 1, 0.5), ("b", 0, 2.25), ("b", 1, 0.25)];
    let mut lines = LINES.trim_start().to_owned();
    lines.extend(records.map(|(run, step, value)| loss(run, step, value)));
    import_lines(&contexta, &lines);
    contexta
}

fn both() -> Vec<String> {
    vec!["a".to_owned(), "b".to_owned()]
}

/// Returns the plain text of a section.
fn body(report: &ReportDocument, title: &str) -> String {
    report.sections.iter().find(|section| section.title == title).unwrap().body()
}

fn rules() -> [AlertRule; 2] {
    [AlertRule::new("loss", Comparison::Less, 0.375), AlertRule::new("none", Comparison::Less, 1.0)]
}

pub(super) fn calls() -> Vec<Call> {
    calls! {
        "Contexta::list_projects" => || workspace().list_projects().unwrap().projects[0].name == "p";
        "Contexta::list_runs" => || {
            let runs = workspace().list_runs(None).unwrap().runs;
            // The newest run is the first.
            runs.iter().map(|run| run.run.name.as_str()).eq(["second", "first"])
        };
        "Contexta::list_batches" => || {
            workspace().list_batches("a", Some("train")).unwrap().batches[0].batch_name == "b0"
        };
        "Contexta::list_samples" => || {
            let samples = |batch| workspace().list_samples("a", None, batch).unwrap().samples.len();
            (samples(None), samples(Some("b0"))) == (1, 1)
        };
        "Contexta::list_deployments" => || {
            let contexta = workspace();
            let of_run = |run| contexta.list_deployments(None, Some(run)).unwrap().deployments.len();
            (of_run("a"), of_run("b")) == (1, 0)
        };
        "Contexta::run_snapshot" => || {
            let snapshot = workspace().run_snapshot("a").unwrap();
            (snapshot.records.total, snapshot.stages.len(), snapshot.artifacts.len()) == (2, 1, 1)
                && !snapshot.completeness_notes.contains(&"provenance_missing".to_owned())
        };
        "Contexta::run_provenance" => || {
            let contexta = workspace();
            let found = |run| contexta.run_provenance(run).unwrap().map(|(record, _)| record.provenance_ref.to_string());
            (found("a").as_deref(), found("b")) == (Some("provenance:p.c"), None)
        };
        "Contexta::artifact_origin" => || {
            let contexta = workspace();
            let run = contexta.artifact_origin("artifact:p.a.model").unwrap().unwrap().run;
            run.name == "first" && contexta.artifact_origin("artifact:p.a.none").unwrap().is_none()
        };
        "Contexta::compare_runs" => || {
            let comparison = workspace().compare_runs("a", "b").unwrap();
            let delta = &comparison.stage_comparisons[0].metric_deltas[0];
            // The compared values have the greatest step, although they were observed first.
            delta.delta.as_ref().unwrap().as_f64() == -0.25 && delta.change_ratio == Some(0.5)
        };
        "Contexta::compare_multiple_runs" => || {
            let comparison = workspace().compare_multiple_runs(&both()).unwrap();
            let best = comparison.metric_table[0].best_run.as_ref().unwrap();
            best.as_str() == "run:p.b" && !comparison.metric_table[0].is_higher_better
        };
        "Contexta::compare_report_documents" => || {
            let contexta = workspace();
            let report = |run| contexta.build_snapshot_report(run).unwrap();
            let differs = |right| contexta.compare_report_documents(&report("a"), &report(right));
            differs("b").section_diffs.iter().any(|diff| diff.changed)
                && !differs("a").section_diffs.iter().any(|diff| diff.changed)
        };
        "Contexta::select_best_run" => || {
            let contexta = workspace();
            let best = |goal| {
                let options = BestRunOptions { runs: both(), goal, ..BestRunOptions::default() };
                contexta.select_best_run("loss", options).unwrap().best().unwrap().run.name.clone()
            };
            (best(Goal::Maximize), best(Goal::Minimize)) == ("first".to_owned(), "second".to_owned())
        };
        "Contexta::diagnose_run" => || {
            let issues = workspace().diagnose_run("b").unwrap().issues;
            issues.iter().any(|issue| issue.code == "incomplete_stage")
        };
        "Contexta::traverse_lineage" => || {
            let contexta = workspace();
            let edges = |direction| {
                contexta.traverse_lineage("artifact:p.a.model", direction, None).unwrap().edges.len()
            };
            (edges(Direction::Upstream), edges(Direction::Downstream)) == (1, 0)
        };
        "Contexta::metric_trend" => || {
            let trend = workspace().metric_trend("loss", Some("train"), RunListQuery::oldest_first()).unwrap();
            trend.points.iter().map(|point| point.measured.value.as_f64()).eq([0.5, 0.25])
        };
        "Contexta::step_series" => || {
            let series = workspace().step_series("a", "loss", None).unwrap();
            series.points.iter().map(|point| point.step).eq([0, 1]) && series.unit.as_deref() == Some("nats")
        };
        "Contexta::stage_duration_trend" => || {
            let trend = workspace().stage_duration_trend("train", RunListQuery::oldest_first()).unwrap();
            trend.points.iter().map(|point| point.duration_seconds).eq([90.0, 60.0])
        };
        "Contexta::artifact_size_trend" => || {
            let trend = workspace().artifact_size_trend("checkpoint", RunListQuery::oldest_first()).unwrap();
            trend.points[0].size_bytes == 3
                && trend.completeness_notes[0].summary == "missing_artifact_kind:checkpoint"
        };
        "Contexta::evaluate_alerts" => || {
            let results = workspace().evaluate_alerts("b", &rules()).unwrap().results;
            results[0].triggered && results[1].actual_value.is_none()
        };
        "Contexta::evaluate_alerts_fleet" => || {
            let report = workspace().evaluate_alerts_fleet(&rules(), RunListQuery::oldest_first()).unwrap();
            report.results.iter().map(|result| result.triggered).eq([false, false, true, false])
        };
        "Contexta::audit_reproducibility" => || {
            let contexta = workspace();
            let status = |run| contexta.audit_reproducibility(run).unwrap().status;
            (status("a"), status("b")) == ("complete", "partial")
        };
        "Contexta::compare_environments" => || {
            let diff = workspace().compare_environments("a", "b").unwrap();
            diff.packages.changed[0].key == "torch" && !diff.platform_changed
        };
        "Contexta::build_snapshot_report" => || {
            body(&workspace().build_snapshot_report("a").unwrap(), "Stages").starts_with("train: status=completed")
        };
        "Contexta::build_run_report" => || {
            let report = workspace().build_run_report("a", "b").unwrap();
            body(&report, "Metric Deltas") == "train/loss: left=0.5, right=0.25, delta=-0.25"
        };
        "Contexta::build_project_summary_report" => || {
            body(&workspace().build_project_summary_report("p").unwrap(), "Runs").lines().count() == 2
        };
        "Contexta::build_trend_report" => || {
            let report = workspace().build_trend_report("loss", None, RunListQuery::oldest_first()).unwrap();
            body(&report, "Series").starts_with("run:p.a: value=0.5, captured_at=")
        };
        "Contexta::build_alert_report" => || {
            let report = workspace().build_alert_report("b", &rules()).unwrap();
            body(&report, "Triggered") == "run:p.b: loss:lt:0.375 actual=0.25 threshold=0.375"
        };
        "Contexta::build_multi_run_report" => || {
            let report = workspace().build_multi_run_report(&both()).unwrap();
            body(&report, "Metric Table") == "train/loss: (0.5, 0.25)"
        };
        "services::QueryService" => || {
            let contexta = workspace();
            let mut policy = contexta.query().policy().clone();
            policy.text_match_fields = vec!["project".to_owned()];
            let search = RunSearch { text: "first".to_owned(), ..RunSearch::default() };
            let found = |service: QueryService<'_>| service.search_runs(&search).unwrap().total;
            (found(contexta.query()), found(contexta.query().with_policy(policy))) == (1, 0)
        };
        "services::CompareService" => || {
            let contexta = workspace();
            let service: CompareService<'_> = contexta.compare();
            let mut policy = service.policy().clone();
            policy.directions = policy.directions.declare("loss", true);
            let best = |service: CompareService<'_>| {
                let rows = service.compare_multiple_runs(&both()).unwrap().metric_table;
                rows[0].best_run.as_ref().unwrap().last_component().to_owned()
            };
            (best(service.clone()), best(service.with_policy(policy))) == ("b".to_owned(), "a".to_owned())
        };
        "services::DiagnosticsService" => || {
            let contexta = workspace();
            let service: DiagnosticsService<'_> = contexta.diagnostics();
            let mut policy = service.policy().clone();
            policy.expected_terminal_stage_names = vec!["deploy".to_owned()];
            let found = service.diagnose_run("b").unwrap();
            let other = service.with_policy(policy).diagnose_run("b").unwrap();
            found.run == other.run && found.issues != other.issues
        };
        "services::LineageService" => || {
            let contexta = workspace();
            let service: LineageService<'_> = contexta.lineage();
            let mut policy = *service.policy();
            let edges = |service: &LineageService<'_>| {
                service.traverse_lineage("artifact:p.a.model").unwrap().edges.len()
            };
            let all = edges(&service);
            policy.direction = Direction::Inbound;
            // The artifact is the source of its only edge.
            (all, edges(&service.with_policy(policy))) == (1, 0)
        };
        "services::TrendService" => || {
            let contexta = workspace();
            let service: TrendService<'_> = contexta.trend();
            let mut policy = *service.policy();
            policy.metric_aggregation = Selection::Max;
            let first = |service: TrendService<'_>| {
                let trend = service.metric_trend("loss", None, RunListQuery::oldest_first()).unwrap();
                trend.points[0].measured.value.as_f64()
            };
            (first(service.clone()), first(service.with_policy(policy))) == (0.5, 2.5)
        };
        "services::AlertService" => || {
            let contexta = workspace();
            let service: AlertService<'_> = contexta.alert();
            let mut policy = *service.policy();
            policy.stop_on_first_trigger = true;
            let count = |service: AlertService<'_>| service.evaluate_alerts("b", &rules()).unwrap().results.len();
            (count(service.clone()), count(service.with_policy(policy))) == (2, 1)
        };
        "services::ProvenanceService" => || {
            let contexta = workspace();
            let service: ProvenanceService<'_> = contexta.provenance();
            service.compare_environments("a", "b").unwrap()
                == contexta.compare_environments("a", "b").unwrap()
        };
        "services::AggregationService" => || {
            let contexta = workspace();
            let service: AggregationService<'_> = contexta.aggregation();
            let mut policy = *service.policy();
            policy.metric_aggregation = Selection::Max;
            let mean = |service: AggregationService<'_>| {
                service.aggregate_metric("loss", None, RunListQuery::default()).unwrap().mean
            };
            (mean(service.clone()), mean(service.with_policy(policy))) == (0.375, 2.375)
        };
        "services::AnomalyService" => || {
            let contexta = workspace();
            contexta.list_projects().unwrap();
            let service: AnomalyService<'_> = contexta.anomaly();
            let mut policy = service.policy().clone();
            policy.monitored_metrics = vec!["none".to_owned()];
            // One earlier run is too few for a baseline, so there is a note for each examined metric.
            let count = |service: AnomalyService<'_>| {
                service.detect_anomalies_in_run("b", &AnomalyQuery::default()).unwrap().notes.len()
            };
            (count(service.clone()), count(service.with_policy(policy))) == (1, 0)
        };
        "interpretation::ReportBuilder" => || {
            let contexta = workspace();
            let trend = contexta.metric_trend("loss", None, RunListQuery::oldest_first()).unwrap();
            let builder: ReportBuilder = contexta.report_builder();
            let report = builder.build_trend_report(&trend);
            let mut policy = ReportPolicy::default();
            policy.include_completeness_notes = false;
            let short = builder.with_policy(policy).build_trend_report(&trend);
            body(&report, "Series") == body(&short, "Series")
                && report.sections.len() == short.sections.len() + 1
        };
        "Contexta::query" => || workspace().query().list_projects().unwrap().projects.len() == 1;
        "Contexta::compare" => || workspace().compare().compare_runs("a", "b").unwrap().left.name == "first";
        "Contexta::diagnostics" => || !workspace().diagnostics().diagnose_run("b").unwrap().issues.is_empty();
        "Contexta::lineage" => || workspace().lineage().traverse_lineage("run:p.a").unwrap().root.kind() == "run";
        "Contexta::trend" => || {
            workspace().trend().stage_duration_trend("train", RunListQuery::default()).unwrap().points.len() == 2
        };
        "Contexta::alert" => || workspace().alert().evaluate_alerts("b", &rules()).unwrap().results[0].triggered;
        "Contexta::provenance" => || workspace().provenance().run_provenance("a").unwrap().is_some();
        "Contexta::report_builder" => || {
            let contexta = workspace();
            let runs = contexta.list_runs(None).unwrap();
            body(&contexta.report_builder().build_project_summary_report("p", &runs), "Runs").lines().count() == 2
        };
    }
}
