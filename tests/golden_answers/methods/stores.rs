//! Questions to the stores.

use super::{Failure, Method, Result, only};
use contexta::contract::{ArtifactRef, Canonical, RunRef, StableRef, Value};
use contexta::store::records::{ReplayMode, ReplayResult, ScanFilter};
use contexta::{Answer as _, Contexta};
use std::collections::HashMap;

pub(super) const METHODS: &[(&str, Method)] = &[
    ("metadata_store.build_run_snapshot", run_snapshot),
    ("record_store.replay", replay),
    ("repository.list_relations", list_relations),
];

impl From<contexta::store::Error> for Failure {
    fn from(error: contexta::store::Error) -> Failure {
        Failure::Code(error.code().to_owned())
    }
}

fn run_snapshot(contexta: &Contexta, args: &Value) -> Result {
    only(args, &["run_ref"])?;
    let run = args.get("run_ref").and_then(Value::as_str).unwrap_or_default();
    let run = RunRef::parse(run).map_err(|e| Failure::Code(e.code.as_str().to_owned()))?;
    Ok(contexta.metadata_store().build_run_snapshot(&run)?.to_value())
}

/// Lists the relations that begin or end at a run, a stage, an artifact, or a deployment of a run. The
/// reference lists only these relations. The relations are sorted by ref.
fn list_relations(contexta: &Contexta, args: &Value) -> Result {
    only(args, &[])?;
    let store = contexta.metadata_store();
    let is_of_run = |end: &StableRef| -> std::result::Result<bool, Failure> {
        let own = end.clone();
        Ok(match end.kind() {
            "run" => store.runs().exists_run(&own.try_into().unwrap())?,
            "stage" => store.stages().exists_stage_execution(&own.try_into().unwrap())?,
            "artifact" => {
                let own: ArtifactRef = own.try_into().unwrap();
                contexta.store().read(|view| view.has_artifact(&own))?
            }
            "deployment" => {
                let found = store.deployments().find_deployment_execution(&own.try_into().unwrap())?;
                found.is_some_and(|deployment| deployment.run_ref.is_some())
            }
            _ => false,
        })
    };
    let mut listed = Vec::new();
    for edge in store.relations().list_relations()?.items {
        if is_of_run(&edge.source_ref)? || is_of_run(&edge.target_ref)? {
            listed.push(edge);
        }
    }
    listed.sort_by(|a, b| a.relation_ref.cmp(&b.relation_ref));
    Ok(Value::list(listed.iter().map(Canonical::to_value)))
}

/// Returns a summary of a replay, with the members that the recorded answer of the reference has. A sequence
/// number is the position of a record among all records of the workspace.
fn replay(contexta: &Contexta, args: &Value) -> Result {
    let Value::Map(members) = args else { return Err(Failure::Unsupported) };
    let (mut filter, mut mode) = (ScanFilter::default(), ReplayMode::Strict);
    for (name, value) in members {
        match (name.as_str(), value.as_str()) {
            (_, None) => {}
            ("mode", Some(text)) => mode = text.parse()?,
            (name, Some(text)) => filter = filter.with(name, text)?,
        }
    }
    let store = contexta.record_store();
    let refs = |result: &ReplayResult| {
        let records = result.records.iter();
        Vec::from_iter(records.map(|stored| stored.record_ref().to_string()))
    };
    let found = store.replay(&filter, mode)?;
    let all = refs(&store.replay(&ScanFilter::default(), mode)?);
    let sequences: HashMap<&String, u64> = all.iter().zip(1..).collect();
    let found_refs = refs(&found);
    Ok(Value::map([
        ("integrity_state", found.integrity_state.as_str().into()),
        ("known_gaps", Value::list(found.known_gaps.iter().map(|gap| gap.code))),
        ("mode", found.mode.as_str().into()),
        ("record_count", found.record_count.into()),
        ("sequences", Value::list(found_refs.iter().map(|own| sequences[own]))),
        ("record_refs", Value::list(found_refs)),
        ("warnings", Value::list(found.warnings)),
    ]))
}
