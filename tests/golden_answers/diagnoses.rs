//! A model of the problems that a diagnosis finds, in the form of the reference.

use crate::golden_answers::answers::Model;
use crate::golden_answers::object::link;
use crate::golden_answers::parts::Part;
use crate::golden_answers::runs::Run;
use contexta::contract::Value;

/// The settings of a diagnosis.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) requires_metrics: bool,
    pub(super) detects_degraded: bool,
    pub(super) expected_stages: Vec<String>,
}

impl Default for Policy {
    fn default() -> Policy {
        let expected_stages = ["evaluate", "package"].map(str::to_owned).to_vec();
        Policy { requires_metrics: true, detects_degraded: true, expected_stages }
    }
}

/// A problem.
pub(super) struct Issue {
    pub(super) severity: &'static str,
    code: &'static str,
    summary: String,
    details: Value,
    /// The kind, the ref and the label of the object that has the problem.
    subject: [String; 3],
}

impl Issue {
    pub(super) fn to_value(&self) -> Value {
        let [kind, own, label] = &self.subject;
        Value::map([
            ("severity", Value::text(self.severity)),
            ("code", Value::text(self.code)),
            ("summary", Value::text(&self.summary)),
            ("details", self.details.clone()),
            ("subject_ref", Value::text(own)),
            ("evidence_links", Value::list([link(kind, own, label)])),
        ])
    }

    /// Returns the line of a text.
    pub(super) fn text(&self) -> String {
        format!("{}: {} | {} | {}", self.severity, self.code, self.summary, self.subject[1])
    }

    /// Returns the line of a report.
    pub(super) fn line(&self) -> String {
        format!("{}:{}: {}", self.severity, self.code, self.summary)
    }
}

fn subject(kind: &str, part: &Part) -> [String; 3] {
    [kind.to_owned(), part.own.clone(), part.name.clone()]
}

/// Returns the problems of a run, in their order. According to the documents of the reference, the severity
/// of a degraded record is used, and an open batch is incomplete.
pub(super) fn issues(model: Model<'_>, run: &Run, policy: &Policy) -> Vec<Issue> {
    let is_promised = model.rules.mends("promised");
    let own = Value::text(&run.run);
    let mut issues = Vec::new();
    let degraded = model.parts.degraded.iter().filter(|record| record.run.as_deref() == Some(&run.run));
    for record in degraded.filter(|_| policy.detects_degraded) {
        let (envelope, payload) =
            (record.object.get("envelope").unwrap(), record.object.get("payload").unwrap());
        let of = |name: &str| envelope.get(name).cloned().unwrap_or(Value::Null);
        let is_error =
            payload.get("issue_key").is_some() && payload.get("severity") == Some(&Value::text("error"));
        issues.push(Issue {
            severity: if is_promised && is_error { "error" } else { "warning" },
            code: "degraded_record",
            summary: format!("degraded record detected for {}", record.name),
            details: Value::map([
                ("record_type", of("record_type")),
                ("degradation_marker", of("degradation_marker")),
                ("stage_id", of("stage_execution_ref")),
            ]),
            subject: subject("record", record),
        });
    }
    let stages = model.parts.stages(&run.run, model.rules);
    for stage in &stages {
        let status = stage.text("status");
        let has_metrics =
            model.metrics.of_run(&run.run).any(|point| point.stage.as_ref() == Some(&stage.name));
        if status != "completed" {
            issues.push(Issue {
                severity: "warning",
                code: "incomplete_stage",
                summary: format!("stage {} is not completed", stage.name),
                details: Value::map([("status", Value::text(status)), ("run_id", own.clone())]),
                subject: subject("stage", stage),
            });
        } else if policy.requires_metrics && !has_metrics {
            issues.push(Issue {
                severity: "info",
                code: "missing_stage_metrics",
                summary: format!("completed stage {} has no metric records", stage.name),
                details: Value::map([("stage_name", Value::text(&stage.name)), ("run_id", own.clone())]),
                subject: subject("stage", stage),
            });
        }
    }
    for batch in model.parts.batches(&run.run, model.rules) {
        let status = batch.text("status");
        let (batch_id, run_id) = (("batch_id", Value::text(&batch.own)), ("run_id", own.clone()));
        let issue = match status.as_str() {
            "completed" => continue,
            "open" if !is_promised || run.status == "open" => continue,
            "failed" => Issue {
                severity: "error",
                code: "failed_batch",
                summary: format!("batch {} failed", batch.name),
                details: Value::map([
                    batch_id,
                    ("stage_id", Value::text(batch.text("stage_execution_ref"))),
                    run_id,
                ]),
                subject: subject("batch", batch),
            },
            _ => Issue {
                severity: "warning",
                code: "incomplete_batch",
                summary: format!("batch {} ended with status {status}", batch.name),
                details: Value::map([batch_id, ("status", Value::text(status)), run_id]),
                subject: subject("batch", batch),
            },
        };
        issues.push(issue);
    }
    let deployments = model.parts.deployments(&run.run, model.rules);
    for deployment in deployments.into_iter().filter(|deployment| deployment.text("status") == "failed") {
        issues.push(Issue {
            severity: "error",
            code: "failed_deployment",
            summary: format!("deployment {} failed", deployment.name),
            details: Value::map([("deployment_id", Value::text(&deployment.own)), ("run_id", own.clone())]),
            subject: subject("deployment", deployment),
        });
    }
    for name in &policy.expected_stages {
        if stages.iter().all(|stage| stage.name != *name) {
            issues.push(Issue {
                severity: "info",
                code: "missing_expected_stage",
                summary: format!("expected terminal stage {name} is missing"),
                details: Value::map([("expected_stage_name", Value::text(name)), ("run_id", own.clone())]),
                subject: ["run".to_owned(), run.run.clone(), run.name.clone()],
            });
        }
    }
    issues
}
