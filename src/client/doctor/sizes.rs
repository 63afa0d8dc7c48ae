//! The sizes of runs and projects.

use crate::client::contexta::Contexta;
use crate::client::doctor::report::{ProjectSize, RunSize, WorkspaceHealth};
use crate::client::error::Result;
use crate::contract::{ProjectRef, RunRef};
use crate::interpretation::report::WorkspaceState;
use crate::recovery::LogUsage;
use crate::store;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Returns the total size of the artifacts of each run.
pub(super) fn artifact_sizes(contexta: &Contexta) -> Result<BTreeMap<RunRef, u64>> {
    contexta.ask(|store| {
        store.read(|view| {
            let mut sizes: BTreeMap<RunRef, u64> = BTreeMap::new();
            for artifact in view.artifacts(None)? {
                let size = artifact.size_bytes().unwrap_or(0);
                *sizes.entry(artifact.manifest.run_ref.clone()).or_default() += size;
            }
            Ok::<_, store::Error>(sizes)
        })
    })
}

/// Adds the sizes of runs and projects.
pub(super) fn add_sizes(
    health: &mut WorkspaceHealth,
    usage: &LogUsage,
    state: Option<&WorkspaceState>,
    artifacts: &BTreeMap<RunRef, u64>,
) {
    let mut runs: BTreeMap<RunRef, RunSize> = BTreeMap::new();
    let known = state.map(|state| state.runs.as_slice()).unwrap_or_default();
    let named = known.iter().map(|run| (&run.run_ref, run.name.clone(), Some(run.shown_status().to_owned())));
    let refs = usage.runs.keys().chain(artifacts.keys());
    let unnamed = refs.map(|run| (run, run.as_str().to_owned(), None));
    for (run, name, status) in named.chain(unnamed) {
        let entries = usage.runs.get(run).copied().unwrap_or_default();
        let artifact_bytes = artifacts.get(run).copied().unwrap_or(0);
        runs.entry(run.clone()).or_insert_with(|| RunSize {
            run_ref: run.clone(),
            name,
            status,
            entries: entries.entries,
            log_bytes: entries.bytes,
            artifact_bytes,
        });
    }
    let projects = state.map(|state| state.projects.as_slice()).unwrap_or_default();
    health.projects = projects.iter().map(|p| project_size(&p.project_ref, &p.name, &runs)).collect();
    health.runs = runs.into_values().collect();
    health.runs.sort_by_key(|run| Reverse(run.log_bytes + run.artifact_bytes));
}

fn project_size(project: &ProjectRef, name: &str, runs: &BTreeMap<RunRef, RunSize>) -> ProjectSize {
    let prefix = project.as_str().replacen("project:", "run:", 1) + ".";
    let mut size = ProjectSize {
        project_ref: project.to_string(),
        name: name.to_owned(),
        runs: 0,
        entries: 0,
        log_bytes: 0,
        artifact_bytes: 0,
    };
    for run in runs.values().filter(|run| run.run_ref.as_str().starts_with(&prefix)) {
        size.runs += 1;
        size.entries += run.entries;
        size.log_bytes += run.log_bytes;
        size.artifact_bytes += run.artifact_bytes;
    }
    size
}
