//! The code of a run: the revision, and the uncommitted change that was captured.

use crate::contract::{CodeState, EnvironmentSnapshot, RunRef};
use crate::interpretation::error::Result;
use crate::store::{self, ArtifactRow, RunRow, StoreView};

/// The kind of the artifact that contains the uncommitted change of the code.
const CHANGE_KIND: &str = "code_change";
/// The greatest size, in bytes, of a patch that is read.
const PATCH_BYTES_MAX: u64 = 64 << 20;
/// The text that capture writes in place of secrets.
pub(super) const REDACTED: &str = "[redacted]";

/// The uncommitted change in the code of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Patch {
    /// The tracked files do not differ from the revision.
    Clean,
    /// The patch, as `git diff` wrote it.
    Content(Vec<u8>),
    /// The patch is not available. The text states the reason.
    Missing(String),
}

/// The code of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RunCode {
    pub(super) run: RunRef,
    pub(super) revision: Option<String>,
    /// The state of the repository, if an environment of the run contains it.
    pub(super) state: Option<CodeState>,
    pub(super) patch: Patch,
    /// The artifact with the patch.
    pub(super) artifact: Option<ArtifactRow>,
    /// The environments of the run, ordered by time and ref.
    pub(super) environments: Vec<EnvironmentSnapshot>,
}

/// Reads the code of a run. `artifacts` contains the artifacts of the run.
pub(super) fn code_of(view: &StoreView<'_>, run: &RunRow, artifacts: &[ArtifactRow]) -> Result<RunCode> {
    let environments: Vec<EnvironmentSnapshot> =
        view.environments(&run.run_ref)?.into_iter().map(|row| row.snapshot).collect();
    let state = environments.iter().rev().find_map(|environment| environment.code.clone());
    let changes = artifacts.iter().filter(|artifact| artifact.manifest.artifact_kind == CHANGE_KIND);
    let artifact = changes.max_by_key(|artifact| artifact.manifest.created_at).cloned();
    let patch = match &artifact {
        Some(artifact) => patch_of(view, artifact)?,
        None => without_artifact(state.as_ref()),
    };
    let revision = run.code_revision.clone();
    Ok(RunCode { run: run.run_ref.clone(), revision, state, patch, artifact, environments })
}

/// Reads the patch in an artifact.
fn patch_of(view: &StoreView<'_>, artifact: &ArtifactRow) -> Result<Patch> {
    let own = &artifact.manifest.artifact_ref;
    Ok(match view.body_bytes(artifact, PATCH_BYTES_MAX) {
        Ok(Some(content)) => Patch::Content(content),
        Ok(None) if artifact.body_present => {
            Patch::Missing(format!("the body of {own} is larger than {PATCH_BYTES_MAX} bytes"))
        }
        Ok(None) => Patch::Missing(format!("the body of {own} is not in this workspace")),
        Err(store::Error::BodyDamaged { .. }) => {
            Patch::Missing(format!("the body of {own} does not match its digest"))
        }
        Err(other) => return Err(other.into()),
    })
}

/// Returns the state of the patch for a run without an artifact of the kind `code_change`.
fn without_artifact(state: Option<&CodeState>) -> Patch {
    let reason = state.and_then(|state| state.diff_left_out.as_deref());
    match (state.and_then(|state| state.dirty), reason) {
        (Some(false), None) => Patch::Clean,
        (Some(true), None) => {
            Patch::Missing("the run has no artifact with the uncommitted change".to_owned())
        }
        (_, Some(reason)) => Patch::Missing(format!("capture did not record the change: {reason}")),
        (None, None) => Patch::Missing("the state of the repository was not recorded".to_owned()),
    }
}

impl RunCode {
    /// Returns `true` if the patch contains [`REDACTED`], the replacement for secrets. The code itself may
    /// also contain this text.
    pub(super) fn is_redacted(&self) -> bool {
        let Patch::Content(patch) = &self.patch else { return false };
        patch.windows(REDACTED.len()).any(|part| part == REDACTED.as_bytes())
    }

    /// Returns the paths that git does not track.
    pub(super) fn untracked(&self) -> &[String] {
        self.state.as_ref().map_or(&[], |state| state.untracked.as_slice())
    }
}
