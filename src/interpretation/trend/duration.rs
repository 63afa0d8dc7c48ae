//! The duration of a stage over runs.

use crate::contract::nfc::nfc;
use crate::contract::{RunRef, Timestamp};
use crate::interpretation::error::Result;
use crate::interpretation::evidence::CompletenessNote;
use crate::interpretation::query::RunListQuery;
use crate::interpretation::trend::population::{TrendPolicy, window};
use crate::store::{Note, Store};

/// The duration of a stage over runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DurationTrend {
    /// The stage.
    pub stage_name: String,
    /// The project of the runs.
    pub project_name: Option<String>,
    /// A point for each run whose stage has ended, in the order of the query.
    pub points: Vec<StageDurationPoint>,
    /// Notes on runs without the stage, and on stages without a duration.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// The duration of a stage of one run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StageDurationPoint {
    /// The run.
    pub run_ref: RunRef,
    /// The name of the run.
    pub run_name: String,
    /// The name of the stage.
    pub stage_name: String,
    /// The duration in seconds.
    pub duration_seconds: f64,
    /// The start of the stage.
    pub started_at: Option<Timestamp>,
}

/// Returns the duration of a stage in each run of a population.
pub fn stage_duration_trend(
    store: &Store,
    stage_name: &str,
    query: &RunListQuery,
    policy: &TrendPolicy,
) -> Result<DurationTrend> {
    store.read(|view| {
        let mut notes = view.notes();
        let (runs, project_name) = window(view, query, policy, &mut notes)?;
        let (mut points, mut completeness_notes) = (Vec::new(), Vec::new());
        for run in runs {
            let stages = view.stages(&run.run_ref)?;
            let by_name = stages.iter().find(|stage| nfc(&stage.name) == nfc(stage_name));
            let stage =
                by_name.or_else(|| stages.iter().find(|s| s.stage_ref.last_component() == stage_name));
            let note = |code: &str| {
                let note = CompletenessNote::warning(format!("{code}:{stage_name}"));
                note.with("run_id", run.run_ref.as_str())
            };
            let Some(stage) = stage else {
                completeness_notes.push(note("missing_stage_for_duration"));
                continue;
            };
            let micros = stage.started_at.zip(stage.ended_at).map(|(start, end)| end.micros_since(start));
            match micros.filter(|micros| *micros >= 0) {
                Some(micros) => points.push(StageDurationPoint {
                    run_ref: run.run_ref.clone(),
                    run_name: run.name.clone(),
                    stage_name: stage.name.clone(),
                    duration_seconds: micros as f64 / 1e6,
                    started_at: stage.started_at,
                }),
                None => {
                    let note = note("stage_duration_unavailable");
                    completeness_notes.push(note.with("stage_id", stage.stage_ref.as_str()));
                }
            }
        }
        let stage_name = stage_name.to_owned();
        Ok(DurationTrend { stage_name, project_name, points, completeness_notes, notes })
    })
}
