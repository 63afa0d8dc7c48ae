//! The service that lists, searches and shows captured data.

use crate::client::error::Result;
use crate::client::services::declare::service;
use crate::interpretation::query::{history, listing, record_page, run_list, search, series, snapshot};
use crate::interpretation::{
    ArtifactHits, ArtifactSearch, BatchList, DeploymentList, History, HistoryQuery, ProjectList, RecordPage,
    RecordQuery, RunList, RunListQuery, RunSearch, RunSnapshot, SampleList, SearchPolicy, StepSeries,
    StepSeriesQuery,
};
use crate::store::Attempts;

service! {
    /// The service that lists, searches and shows captured data.
    QueryService, SearchPolicy;
    /// Returns the service that lists, searches and shows captured data.
    query = search
}

impl QueryService<'_> {
    /// Lists all projects.
    pub fn list_projects(&self) -> Result<ProjectList> {
        self.contexta.ask(listing::list_projects)
    }

    /// Lists the runs that a query selects. The default query selects all runs that are not archived, and
    /// lists the newest run first. To list the runs of one project, pass `Some(project)` as the query. To
    /// list the runs of all projects, pass `None`. If the query has a baseline run and no
    /// [`RunListQuery::baseline_selection`], the setting `interpretation.comparison.metric_selection` selects
    /// the values that are compared with the baseline run.
    pub fn list_runs(&self, query: impl Into<RunListQuery>) -> Result<RunList> {
        let mut query = query.into();
        query.baseline_selection.get_or_insert(self.contexta.policies().comparison.metric_selection);
        self.contexta.ask(|store| run_list::list_runs(store, &query))
    }

    /// Lists the deployments of a run. Without a run, lists the deployments of a project. Without a project, lists
    /// all deployments.
    pub fn list_deployments(&self, project: Option<&str>, run: Option<&str>) -> Result<DeploymentList> {
        self.contexta.ask(|store| listing::list_deployments(store, project, run))
    }

    /// Lists the batches of a run, or of one of its stages.
    pub fn list_batches(&self, run: impl AsRef<str>, stage: Option<&str>) -> Result<BatchList> {
        self.contexta.ask(|store| listing::list_batches(store, run.as_ref(), stage))
    }

    /// Lists the samples of a run, of one of its stages, or of one of its batches.
    pub fn list_samples(
        &self,
        run: impl AsRef<str>,
        stage: Option<&str>,
        batch: Option<&str>,
    ) -> Result<SampleList> {
        self.contexta.ask(|store| listing::list_samples(store, run.as_ref(), stage, batch))
    }

    /// Returns a page of the records of a run, in the order in which they were appended.
    pub fn list_records(&self, run: impl AsRef<str>, query: &RecordQuery) -> Result<RecordPage> {
        self.contexta.ask(|store| record_page::list_records(store, run.as_ref(), query))
    }

    /// Returns the runs in which a text occurs. The newest run is first.
    pub fn search_runs(&self, search: &RunSearch) -> Result<RunList> {
        self.contexta.ask(|store| search::search_runs(store, search, &self.policy))
    }

    /// Returns the artifacts in which a text occurs.
    pub fn search_artifacts(&self, search: &ArtifactSearch) -> Result<ArtifactHits> {
        self.contexta.ask(|store| search::search_artifacts(store, search, &self.policy))
    }

    /// Returns everything known about one run. `attempts` determines whether the summaries contain the metric points
    /// that a later attempt superseded.
    pub fn run_snapshot(&self, run: impl AsRef<str>, attempts: Attempts) -> Result<RunSnapshot> {
        self.contexta.ask(|store| snapshot::run_snapshot(store, run.as_ref(), attempts))
    }

    /// Returns the snapshot of the run that an artifact belongs to. Returns `None` if the artifact does not
    /// exist.
    pub fn artifact_origin(&self, artifact: impl AsRef<str>) -> Result<Option<RunSnapshot>> {
        self.contexta.ask(|store| snapshot::artifact_origin(store, artifact.as_ref()))
    }

    /// Returns points of one metric of a run. The query selects the points.
    pub fn step_series(
        &self,
        run: impl AsRef<str>,
        metric_key: &str,
        query: &StepSeriesQuery,
    ) -> Result<StepSeries> {
        self.contexta.ask(|store| series::step_series(store, run.as_ref(), metric_key, query))
    }

    /// Returns a page of the entries of the log about an object. The entries are in the order of their
    /// stamps. Each entry contains the values that were recorded, and the state of each value. `subject` is
    /// the ref of a project, a run, a part of a run, an artifact, a relation, a provenance record or an
    /// alias. `subject` can also be a text that identifies a run. Records are not part of the history. Error:
    /// the log contains no fact about the object.
    pub fn history(&self, subject: impl AsRef<str>, query: &HistoryQuery) -> Result<History> {
        self.contexta.ask(|store| history::history(store, subject.as_ref(), query))
    }
}
