//! The method of [`Contexta`] that compares runs with a baseline.

use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::interpretation::compare::many;
use crate::interpretation::{Directions, MultiRunComparison};

impl Contexta {
    /// Compares several runs with a baseline run: the answer contains the difference of each value from the value of
    /// the baseline. If `runs` does not contain the baseline, it becomes the first run. Lists of runs and trends are
    /// compared with a baseline by [`RunListQuery::baseline`](crate::interpretation::RunListQuery::baseline).
    pub fn compare_with_baseline(
        &self,
        runs: &[String],
        baseline: impl AsRef<str>,
    ) -> Result<MultiRunComparison> {
        let (policy, directions) = (self.policies().comparison, Directions::default());
        self.ask(|store| many::compare_with_baseline(store, runs, baseline.as_ref(), &policy, &directions))
    }
}
