//! The size of the artifacts of a kind over runs.

use crate::contract::{ArtifactRef, RunRef, Timestamp};
use crate::interpretation::error::Result;
use crate::interpretation::evidence::CompletenessNote;
use crate::interpretation::query::RunListQuery;
use crate::interpretation::trend::population::{TrendPolicy, window};
use crate::store::{Note, Store};

/// The size of the artifacts of a kind over runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ArtifactSizeTrend {
    /// The kind of the artifacts.
    pub artifact_kind: String,
    /// The project of the runs.
    pub project_name: Option<String>,
    /// The points. Each artifact of the kind has one point if the size of the artifact is known. The points
    /// are in the order of the runs in the query. The points of one run are ordered by the refs of the
    /// artifacts.
    pub points: Vec<ArtifactSizePoint>,
    /// Notes on runs without an artifact of the kind, and on artifacts of unknown size.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// The size of one artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtifactSizePoint {
    /// The run.
    pub run_ref: RunRef,
    /// The name of the run.
    pub run_name: String,
    /// The kind of the artifact.
    pub artifact_kind: String,
    /// The size in bytes.
    pub size_bytes: u64,
    /// The artifact.
    pub artifact_ref: ArtifactRef,
    /// The time at which the artifact was created.
    pub created_at: Timestamp,
}

/// Returns the sizes of the artifacts of a kind in each run of a population.
pub fn artifact_size_trend(
    store: &Store,
    artifact_kind: &str,
    query: &RunListQuery,
    policy: &TrendPolicy,
) -> Result<ArtifactSizeTrend> {
    store.read(|view| {
        let mut notes = view.notes();
        let (runs, project_name) = window(view, query, policy, &mut notes)?;
        let (mut points, mut completeness_notes) = (Vec::new(), Vec::new());
        for run in runs {
            let mut artifacts = view.artifacts(Some(&run.run_ref))?;
            artifacts.retain(|artifact| artifact.manifest.artifact_kind == artifact_kind);
            let note = |code: &str| {
                let note = CompletenessNote::warning(format!("{code}:{artifact_kind}"));
                note.with("run_id", run.run_ref.as_str())
            };
            if artifacts.is_empty() {
                completeness_notes.push(note("missing_artifact_kind"));
            }
            for artifact in artifacts {
                match artifact.size_bytes() {
                    Some(size_bytes) => points.push(ArtifactSizePoint {
                        run_ref: run.run_ref.clone(),
                        run_name: run.name.clone(),
                        artifact_kind: artifact_kind.to_owned(),
                        size_bytes,
                        artifact_ref: artifact.manifest.artifact_ref,
                        created_at: artifact.manifest.created_at,
                    }),
                    None => {
                        let note = note("artifact_size_unavailable");
                        completeness_notes
                            .push(note.with("artifact_ref", artifact.manifest.artifact_ref.as_str()));
                    }
                }
            }
        }
        let artifact_kind = artifact_kind.to_owned();
        Ok(ArtifactSizeTrend { artifact_kind, project_name, points, completeness_notes, notes })
    })
}
