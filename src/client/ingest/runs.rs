//! The runs that an ingest has started and not ended, and their stages.

use crate::capture::{self, AnyScope, RunScope, Session, StageScope};
use crate::client::ingest::problem::Refusal;
use std::collections::BTreeMap;

/// The greatest number of runs that are open at the same time, and of open stages of one run.
const OPEN_MAX: usize = 1000;

/// The advice for a line that belongs to no open run.
const START_HINT: &str = r#"start the run first: {"start":"run","run":"NAME"}"#;

/// A run that is open.
#[derive(Debug)]
pub(super) struct OpenRun {
    pub(super) scope: RunScope,
    /// The open stages by name. The last one is the current stage.
    stages: Vec<(String, StageScope)>,
}

impl OpenRun {
    /// Starts a stage, which becomes the current stage.
    pub(super) fn start_stage(
        &mut self,
        name: String,
        start: impl FnOnce(&RunScope) -> capture::Result<StageScope>,
    ) -> Result<(), Refusal> {
        if self.stages.iter().any(|(open, _)| *open == name) {
            let message = format!("the stage {name:?} is already open");
            return Err(
                Refusal::new("ingest_stage_open", message).hint("end the stage first, or use another name")
            );
        }
        if self.stages.len() >= OPEN_MAX {
            let message = format!("{OPEN_MAX} stages of the run are open");
            return Err(
                Refusal::new("ingest_too_many_open", message).hint("end the stages that are finished")
            );
        }
        let stage = start(&self.scope)?;
        self.stages.push((name, stage));
        Ok(())
    }

    /// Returns the position of a stage: of the stage with this name, or of the current stage.
    fn stage_at(&self, name: Option<&str>) -> Result<usize, Refusal> {
        let found = match name {
            Some(name) => self.stages.iter().rposition(|(open, _)| open == name),
            None => self.stages.len().checked_sub(1),
        };
        found.ok_or_else(|| {
            let message = match name {
                Some(name) => format!("no stage {name:?} is open"),
                None => "no stage is open".to_owned(),
            };
            Refusal::new("ingest_stage_not_open", message)
                .hint(r#"start the stage first: {"start":"stage","stage":"NAME"}"#)
        })
    }

    /// Ends a stage: the stage with this name, or the current stage.
    pub(super) fn end_stage(
        &mut self,
        name: Option<&str>,
        end: impl FnOnce(&StageScope) -> capture::Result<()>,
    ) -> Result<(), Refusal> {
        let at = self.stage_at(name)?;
        let Some((_, stage)) = self.stages.get(at) else { return Ok(()) };
        let ended = end(stage);
        if has_ended(&ended) {
            drop(self.stages.remove(at));
        }
        Ok(ended?)
    }

    /// Returns the scope for the records of a line: the stage that the line names, or else the current stage. If no
    /// stage is open, or if the line has `"stage": null` (`is_outside`), returns the run.
    pub(super) fn scope_for(&self, stage: Option<&str>, is_outside: bool) -> Result<AnyScope, Refusal> {
        if stage.is_none() && (is_outside || self.stages.is_empty()) {
            return Ok((&self.scope).into());
        }
        let at = self.stage_at(stage)?;
        Ok(self.stages.get(at).map_or_else(|| (&self.scope).into(), |(_, stage)| stage.into()))
    }
}

/// Returns `true` if the end of a scope is in the log.
pub(super) fn has_ended<T>(ended: &capture::Result<T>) -> bool {
    ended.as_ref().err().is_none_or(capture::Error::is_recorded)
}

/// The open runs.
#[derive(Debug, Default)]
pub(super) struct Runs {
    open: BTreeMap<String, OpenRun>,
    /// The names of the open runs, in the order of their starts. The last one is the current run.
    order: Vec<String>,
    /// A session for each project other than the default project.
    sessions: BTreeMap<String, Session>,
}

impl Runs {
    /// Returns the session for a project. `default` is the session of the default project.
    pub(super) fn session(&mut self, default: &Session, project: &str) -> Result<Session, Refusal> {
        if project == default.options().project {
            return Ok(default.clone());
        }
        if let Some(session) = self.sessions.get(project) {
            return Ok(session.clone());
        }
        if self.sessions.len() >= OPEN_MAX {
            self.sessions.clear();
        }
        let session = default.with_options(|options| options.project = project.to_owned())?;
        self.sessions.insert(project.to_owned(), session.clone());
        Ok(session)
    }

    /// Checks that a run with this name can be started.
    pub(super) fn check_free(&self, name: &str) -> Result<(), Refusal> {
        if self.open.contains_key(name) {
            let message = format!("the run {name:?} is already open");
            return Err(
                Refusal::new("ingest_run_open", message).hint("end the run first, or use another name")
            );
        }
        if self.open.len() >= OPEN_MAX {
            let message = format!("{OPEN_MAX} runs are open");
            return Err(Refusal::new("ingest_too_many_open", message).hint("end the runs that are finished"));
        }
        Ok(())
    }

    /// Adds a run that was started. It becomes the current run.
    pub(super) fn add(&mut self, name: &str, scope: RunScope) {
        self.open.insert(name.to_owned(), OpenRun { scope, stages: Vec::new() });
        self.order.push(name.to_owned());
    }

    /// Returns the open run with this name, or the current run.
    pub(super) fn get(&mut self, name: Option<&str>) -> Result<&mut OpenRun, Refusal> {
        let none = || Refusal::new("ingest_run_required", "no run is open").hint(START_HINT);
        let wanted = match name {
            Some(name) => name,
            None => self.order.last().ok_or_else(none)?,
        };
        self.open.get_mut(wanted).ok_or_else(|| {
            Refusal::new("ingest_run_not_open", format!("no run {wanted:?} is open")).hint(START_HINT)
        })
    }

    /// Ends the run with this name, or the current run.
    pub(super) fn end(
        &mut self,
        name: Option<&str>,
        end: impl FnOnce(&RunScope) -> capture::Result<()>,
    ) -> Result<(), Refusal> {
        let run = self.get(name)?;
        let ended = end(&run.scope);
        if has_ended(&ended) {
            let name = name.map(str::to_owned).or_else(|| self.order.last().cloned()).unwrap_or_default();
            self.open.remove(&name);
            self.order.retain(|open| *open != name);
        }
        Ok(ended?)
    }

    /// Removes and returns all open runs, in the order of their starts.
    pub(super) fn take_all(&mut self) -> Vec<OpenRun> {
        let order = std::mem::take(&mut self.order);
        order.iter().filter_map(|name| self.open.remove(name)).collect()
    }
}
