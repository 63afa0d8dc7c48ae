//! Search for runs and artifacts by text.

use crate::contract::nfc::nfc;
use crate::interpretation::error::Result;
use crate::interpretation::query::run_list::{RunList, RunSummary, page_of};
use crate::interpretation::query::run_query::RunListQuery;
use crate::interpretation::query::snapshot::run_notes;
use crate::store::{ArtifactRow, Note, RunRow, Store};
use std::sync::Arc;

/// The settings of a search: the fields, the number of hits, and the treatment of upper and lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchPolicy {
    /// The greatest number of hits if the search has no limit.
    pub default_limit: usize,
    /// The fields of a run that a search reads: `name`, `tags`, `status`, `description`, `params` or `notes`.
    /// A search always reads the ref of the run and the name of the project, too. Names of unknown fields are
    /// ignored.
    pub text_match_fields: Vec<String>,
    /// `true` to distinguish upper and lower case.
    pub case_sensitive: bool,
}

impl Default for SearchPolicy {
    fn default() -> SearchPolicy {
        let fields = ["name", "tags", "status"].map(str::to_owned).to_vec();
        SearchPolicy { default_limit: 50, text_match_fields: fields, case_sensitive: false }
    }
}

impl SearchPolicy {
    /// Converts a text to the form that a search compares. The text is converted to the composed form (NFC).
    /// Unless the search distinguishes upper and lower case, the text is also converted to lower case.
    fn folded(&self, text: &str) -> String {
        let text = nfc(text);
        if self.case_sensitive { text.into_owned() } else { text.to_lowercase() }
    }

    fn matches(&self, wanted: &str, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.folded(field).contains(wanted))
    }
}

/// A search for runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunSearch {
    /// The text. The empty text matches every run.
    pub text: String,
    /// The name or ref of a project; `None` for all projects.
    pub project: Option<String>,
    /// The status of the runs; `None` for any status.
    pub status: Option<String>,
    /// The greatest number of hits; `None` for the limit of the policy.
    pub limit: Option<usize>,
}

/// A search for artifacts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ArtifactSearch {
    /// The text, which is looked up in ref, kind and location. The empty text matches every artifact.
    pub text: String,
    /// The kind of the artifacts; `None` for any kind.
    pub kind: Option<String>,
    /// The greatest number of hits; `None` for the limit of the policy.
    pub limit: Option<usize>,
}

/// Artifacts that a search found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ArtifactHits {
    /// The artifacts, ordered by ref.
    pub artifacts: Vec<ArtifactRow>,
    /// The number of artifacts that match, including those beyond the limit.
    pub total: usize,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Returns the newest runs that match, newest first.
pub fn search_runs(store: &Store, search: &RunSearch, policy: &SearchPolicy) -> Result<RunList> {
    let wanted = policy.folded(&search.text);
    let query = RunListQuery {
        project: search.project.clone(),
        status: search.status.clone(),
        ..RunListQuery::default()
    };
    let limit = search.limit.unwrap_or(policy.default_limit);
    RunListQuery { limit: Some(limit), ..query.clone() }.check()?;
    store.read(|view| {
        let (mut runs, _) = page_of(view, &query)?;
        runs.retain(|run| matches_run(policy, &wanted, run));
        let total = runs.len();
        runs.truncate(limit);
        let mut notes = view.notes();
        notes.extend(runs.iter().flat_map(|run| run_notes(run)));
        let mut hits = Vec::new();
        for run in runs {
            let metrics = view.series_of(&run.run_ref)?;
            hits.push(RunSummary { metrics, run: Arc::unwrap_or_clone(run), differences: Vec::new() });
        }
        let next_offset = (hits.len() < total).then_some(hits.len());
        Ok(RunList { runs: hits, total, next_offset, next_page: None, baseline: None, notes })
    })
}

fn matches_run(policy: &SearchPolicy, wanted: &str, run: &RunRow) -> bool {
    policy.matches(wanted, &[run.run_ref.as_str(), &run.project_name])
        || policy.text_match_fields.iter().any(|field| match field.as_str() {
            "name" => policy.matches(wanted, &[&run.name]),
            "status" => policy.matches(wanted, &[run.shown_status()]),
            "description" => policy.matches(wanted, &[run.description.as_deref().unwrap_or_default()]),
            "tags" => run
                .tags
                .iter()
                .any(|(name, value)| policy.matches(wanted, &[name, value, &format!("{name}={value}")])),
            "params" => run.params.iter().any(|(name, value)| {
                policy.matches(wanted, &[name, &value.to_string(), &format!("{name}={value}")])
            }),
            "notes" => run.notes.iter().any(|(_, note)| policy.matches(wanted, &[note])),
            _ => false,
        })
}

/// Returns the artifacts that match, ordered by ref.
pub fn search_artifacts(
    store: &Store,
    search: &ArtifactSearch,
    policy: &SearchPolicy,
) -> Result<ArtifactHits> {
    let wanted = policy.folded(&search.text);
    let limit = search.limit.unwrap_or(policy.default_limit);
    store.read(|view| {
        let mut artifacts = view.artifacts(None)?;
        artifacts.retain(|artifact| {
            let manifest = &artifact.manifest;
            let fields =
                [manifest.artifact_ref.as_str(), &manifest.artifact_kind, manifest.location_ref.as_str()];
            search.kind.as_ref().is_none_or(|kind| *kind == manifest.artifact_kind)
                && policy.matches(&wanted, &fields)
        });
        let total = artifacts.len();
        artifacts.truncate(limit);
        let artifacts = artifacts.into_iter().map(|artifact| view.with_sha256(artifact)).collect();
        Ok(ArtifactHits { artifacts, total, notes: view.notes() })
    })
}
