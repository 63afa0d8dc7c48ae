//! The service that compares and ranks runs, and compares reports.

use crate::client::error::Result;
use crate::client::services::declare::service;
use crate::interpretation::compare::{best, documents, many, two};
use crate::interpretation::{
    BestRun, BestRunOptions, ComparePolicy, MultiRunComparison, ReportComparison, ReportDocument,
    RunComparison,
};

service! {
    /// The service that compares and ranks runs, and compares reports.
    CompareService, ComparePolicy;
    /// Returns the service that compares and ranks runs, and compares reports.
    compare = comparison
}

impl CompareService<'_> {
    /// Compares two runs.
    pub fn compare_runs(&self, left: impl AsRef<str>, right: impl AsRef<str>) -> Result<RunComparison> {
        self.contexta.ask(|store| two::compare_runs(store, left.as_ref(), right.as_ref(), &self.policy))
    }

    /// Compares several runs.
    pub fn compare_multiple_runs(&self, runs: &[String]) -> Result<MultiRunComparison> {
        self.contexta.ask(|store| many::compare_many(store, runs, &self.policy))
    }

    /// Compares two reports, section by section.
    #[must_use]
    pub fn compare_report_documents(
        &self,
        left: &ReportDocument,
        right: &ReportDocument,
    ) -> ReportComparison {
        documents::compare_reports(left, right)
    }

    /// Ranks runs by a metric. The best run is first. If the options name no runs, all runs of the project in
    /// the options are ranked. If the options name neither runs nor a project, all runs of the session's
    /// project are ranked.
    pub fn select_best_run(&self, metric_key: &str, options: BestRunOptions) -> Result<BestRun> {
        let own = || Some(self.contexta.session.project_ref().to_string());
        let options = BestRunOptions { project: options.project.or_else(own), ..options };
        self.contexta.ask(|store| best::select_best_run(store, metric_key, &options))
    }

    /// Compares several runs with a baseline run. The result contains the difference between each value and
    /// the value of the baseline run. If `runs` does not contain the baseline run, the baseline run is added
    /// as the first run. To compare a list of runs or a trend with a baseline run, set
    /// [`RunListQuery::baseline`](crate::interpretation::RunListQuery::baseline).
    pub fn compare_with_baseline(
        &self,
        runs: &[String],
        baseline: impl AsRef<str>,
    ) -> Result<MultiRunComparison> {
        self.contexta.ask(|store| many::compare_with_baseline(store, runs, baseline.as_ref(), &self.policy))
    }
}
