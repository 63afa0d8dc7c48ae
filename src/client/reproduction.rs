//! Methods of [`Contexta`] that compare the code of runs, and that return the commands that reproduce a run.

use crate::client::contexta::Contexta;
use crate::client::error::{Result, engine_io};
use crate::interpretation::provenance::{code_diff, reproduce};
use crate::interpretation::{CodeDiff, ReproduceOptions, Reproduction};
use std::path::Path;

impl Contexta {
    /// Compares the revision, the branch and the uncommitted change of the code of two runs, as unified text.
    pub fn diff_code(&self, left: impl AsRef<str>, right: impl AsRef<str>) -> Result<CodeDiff> {
        self.ask(|store| code_diff::diff_code(store, left.as_ref(), right.as_ref()))
    }

    /// Returns the commands that reproduce a run in a clone of its git repository: the revision with the uncommitted
    /// change, the packages, the used artifacts, and the command line. `directory` is the directory that the commands
    /// create for the code; `None` for `reproduce-` and the id of the run. The answer names the parts of the run that
    /// the commands do not reproduce.
    pub fn reproduce_run(&self, run: impl AsRef<str>, directory: Option<&str>) -> Result<Reproduction> {
        // The paths of bodies must not depend on the directory in which the commands run.
        let here = Path::new(".");
        let base = std::path::absolute(here).map_err(|e| engine_io("inspect", here, e))?;
        let options = ReproduceOptions { directory: directory.map(str::to_owned), base };
        self.ask(|store| reproduce::reproduce(store, run.as_ref(), &options))
    }
}
