//! The parts of runs, read from the interchange file: stages, batches, deployments, environments, artifacts, and records
//! with a degradation marker.

use crate::golden_answers::metrics::time;
use crate::golden_answers::object::text;
use crate::golden_answers::rules::Rules;
use contexta::contract::{Timestamp, Value};
use std::path::Path;

/// A stage, a batch, a deployment or an environment.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) own: String,
    pub(super) run: Option<String>,
    pub(super) name: String,
    /// The stored object.
    pub(super) object: Value,
}

impl Part {
    fn read(object: &Value, own: &str, name: &str) -> Part {
        Part {
            own: text(object, own).unwrap(),
            run: text(object, "run_ref"),
            name: text(object, name).unwrap_or_default(),
            object: object.clone(),
        }
    }

    pub(super) fn text(&self, name: &str) -> String {
        text(&self.object, name).unwrap()
    }

    /// Returns the duration in seconds. Returns `None` if the part has not ended.
    pub(super) fn seconds(&self) -> Option<f64> {
        let instant = |text: &str| text.parse::<Timestamp>().unwrap();
        let micros =
            instant(&text(&self.object, "ended_at")?).micros_since(instant(&self.text("started_at")));
        Some(micros as f64 / 1e6)
    }

    /// Returns the key by which the parts of one stage or run are sorted. The key contains position, start
    /// and ref. A part without a position comes last.
    fn order(&self, rules: Rules) -> (i64, String, String) {
        let position = match self.object.get("order_index") {
            Some(Value::Int(position)) => *position,
            _ => i64::MAX,
        };
        (position, time(&self.text("started_at"), rules), self.own.clone())
    }
}

/// An artifact.
#[derive(Debug)]
pub(super) struct Artifact {
    pub(super) artifact: String,
    pub(super) run: String,
    pub(super) kind: String,
    pub(super) location: String,
    pub(super) body: Vec<u8>,
}

/// The parts of the runs of a workspace.
#[derive(Debug, Default)]
pub(super) struct Parts {
    stages: Vec<Part>,
    batches: Vec<Part>,
    deployments: Vec<Part>,
    environments: Vec<Part>,
    /// The artifacts, in the order of the reference.
    pub(super) artifacts: Vec<Artifact>,
    /// The records with a degradation marker, in the order of append. The name is the key.
    pub(super) degraded: Vec<Part>,
}

impl Parts {
    /// Adds the object in a line of the interchange file in a directory.
    pub(super) fn add(&mut self, line: &Value, directory: &Path) {
        let object = line.get("object").unwrap();
        match line.get("kind").and_then(Value::as_str).unwrap() {
            "stage" => self.stages.push(Part::read(object, "stage_execution_ref", "stage_name")),
            "batch" => self.batches.push(Part::read(object, "batch_execution_ref", "batch_name")),
            "deployment" => {
                self.deployments.push(Part::read(object, "deployment_execution_ref", "deployment_name"));
            }
            "environment" => {
                self.environments.push(Part::read(object, "environment_snapshot_ref", "platform"));
            }
            "artifact" => {
                let body = line.get("body").and_then(Value::as_str).unwrap();
                self.artifacts.push(Artifact {
                    artifact: text(object, "artifact_ref").unwrap(),
                    run: text(object, "run_ref").unwrap(),
                    kind: text(object, "artifact_kind").unwrap(),
                    location: text(object, "location_ref").unwrap(),
                    body: std::fs::read(directory.join(body)).unwrap(),
                });
                // The reference orders artifacts by the names of files, in which a suffix follows the ref.
                self.artifacts.sort_by_key(|artifact| format!("{}.binding.json", artifact.artifact));
            }
            "record" => {
                let (envelope, payload) = (object.get("envelope").unwrap(), object.get("payload").unwrap());
                if text(envelope, "degradation_marker").is_some_and(|marker| marker != "none") {
                    let names = ["metric_key", "event_key", "issue_key", "span_name"];
                    self.degraded.push(Part {
                        own: text(envelope, "record_ref").unwrap(),
                        run: text(envelope, "run_ref"),
                        name: names.iter().find_map(|name| text(payload, name)).unwrap(),
                        object: object.clone(),
                    });
                }
            }
            _ => {}
        }
    }

    /// Returns the stages of a run, in their order.
    pub(super) fn stages(&self, run: &str, rules: Rules) -> Vec<&Part> {
        let mut stages: Vec<&Part> = of_run(&self.stages, run).collect();
        stages.sort_by_key(|stage| stage.order(rules));
        stages
    }

    /// Returns the stage of a run that has the given name.
    pub(super) fn stage(&self, run: &str, name: &str) -> Option<&Part> {
        of_run(&self.stages, run).find(|stage| stage.name == name)
    }

    /// Returns the batches of a run. The batches are sorted by stage and position.
    pub(super) fn batches(&self, run: &str, rules: Rules) -> Vec<&Part> {
        let mut batches: Vec<&Part> = of_run(&self.batches, run).collect();
        batches.sort_by_key(|batch| (batch.text("stage_execution_ref"), batch.order(rules)));
        batches
    }

    /// Returns the deployments of a run, in their order.
    pub(super) fn deployments(&self, run: &str, rules: Rules) -> Vec<&Part> {
        let mut deployments: Vec<&Part> = of_run(&self.deployments, run).collect();
        deployments.sort_by_key(|deployment| deployment.order(rules));
        deployments
    }

    /// Returns the newest environment of a run.
    pub(super) fn environment(&self, run: &str, rules: Rules) -> Option<&Part> {
        of_run(&self.environments, run).max_by_key(|part| (time(&part.text("captured_at"), rules), &part.own))
    }

    /// Returns the artifacts of a run.
    pub(super) fn artifacts_of(&self, run: &str) -> Vec<&Artifact> {
        self.artifacts.iter().filter(|artifact| artifact.run == run).collect()
    }
}

fn of_run<'p>(parts: &'p [Part], run: &str) -> impl Iterator<Item = &'p Part> {
    let run = run.to_owned();
    parts.iter().filter(move |part| part.run.as_deref() == Some(&run))
}
