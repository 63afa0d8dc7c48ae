//! Lookup of runs by ref, id, name, or a prefix of an id or name.

use crate::contract::nfc::nfc;
use crate::contract::{ArtifactRef, RunRef, StableRef};
use crate::store::artifacts::ArtifactRow;
use crate::store::error::{Error, Result};
use crate::store::rows::RunRow;
use crate::store::view::StoreView;

/// The greatest number of runs that the error for an ambiguous prefix names.
const CANDIDATES_MAX: usize = 10;

impl StoreView<'_> {
    /// Returns the run that `asked` identifies. `asked` is the ref of the run with or without `run:`, the id (the last
    /// component of the ref), the name, or a prefix of the id or name. A prefix is used only if nothing else matches.
    /// `asked` is used as a ref only if the whole text is the ref of a run; a name can therefore contain a colon. A
    /// name is found in its composed and in its decomposed form. Errors: [`Error::RunNotFound`];
    /// [`Error::RunAmbiguous`] if several runs match; [`Error::Contract`] if no run matches and `asked`
    /// begins with `run:`, but is not a ref.
    pub fn find_run(&self, asked: &str) -> Result<RunRow> {
        let asked = crate::contract::rules::trim(asked);
        if asked.is_empty() {
            return Err(Error::RunNotFound { asked: asked.to_owned(), near: Vec::new() });
        }
        if let Ok(run) = RunRef::parse(asked)
            && let Some(row) = self.run(&run)?
        {
            return Ok(row);
        }
        let rows = self.runs_called(asked)?;
        for matches in [
            (|row: &RunRow, asked: &str| row.run_ref.last_component() == asked) as fn(&RunRow, &str) -> bool,
            |row, asked| row.run_ref.value() == asked,
            |row, asked| nfc(&row.name) == nfc(asked),
        ] {
            let mut found: Vec<&RunRow> = rows.iter().filter(|row| matches(row, asked)).collect();
            match (found.pop(), found.is_empty()) {
                (Some(row), true) => return Ok(row.clone()),
                (Some(row), false) => {
                    let all = found.into_iter().chain([row]).map(|r| r.run_ref.to_string()).collect();
                    return Err(Error::RunAmbiguous { asked: asked.to_owned(), candidates: all });
                }
                (None, _) => {}
            }
        }
        let mut rows = self.runs_beginning_with(asked, CANDIDATES_MAX)?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => Ok(row),
            (Some(row), false) => {
                let all = rows.into_iter().chain([row]).map(|r| r.run_ref.to_string()).collect();
                Err(Error::RunAmbiguous { asked: asked.to_owned(), candidates: all })
            }
            (None, _) => match StableRef::parse(asked) {
                // A text that begins with `run:` is reported as a malformed ref.
                Err(malformed) if asked.starts_with("run:") => Err(malformed.into()),
                _ => Err(self.not_found(asked)?),
            },
        }
    }

    /// Returns the artifact that `asked` identifies. `asked` is the ref of the artifact, with or without `artifact:`,
    /// or the last components of the ref. Returns `None` if no artifact matches, or if the last components match
    /// several artifacts.
    pub fn find_artifact(&self, asked: &str) -> Result<Option<ArtifactRow>> {
        let asked = crate::contract::rules::trim(asked);
        for parsed in [ArtifactRef::parse(asked).ok(), ArtifactRef::of(asked).ok()].into_iter().flatten() {
            if let Some(artifact) = self.artifact(&parsed)? {
                return Ok(Some(artifact));
            }
        }
        let end = format!(".{asked}");
        let mut found = None;
        for artifact in self.artifacts_with_prefix(b"artifact:")? {
            let artifact = artifact?;
            if artifact.manifest.artifact_ref.as_str().ends_with(&end) && found.replace(artifact).is_some() {
                return Ok(None);
            }
        }
        Ok(found)
    }

    /// Returns the error for a run that does not exist, with runs that have similar names.
    fn not_found(&self, asked: &str) -> Result<Error> {
        let id = asked.rsplit(['.', ':']).next().unwrap_or(asked).to_lowercase();
        let similar = |known: &str| {
            let known = known.to_lowercase();
            !id.is_empty() && (known.contains(&id) || (!known.is_empty() && id.contains(&known)))
        };
        let near = self.runs_with_names(similar, 3)?.iter().map(RunRef::to_string).collect();
        Ok(Error::RunNotFound { asked: asked.to_owned(), near })
    }
}
