//! Errors of capture.

use crate::capture::result::{ALL_SINKS_FAILED, BODY_NOT_STORED, BatchCaptureResult, SOME_SINKS_FAILED};
use crate::contract::{ContractError, RunStatus, StableRef};
use crate::store;

/// The error of a failed capture. The log contains the entries of the capture if [`Error::is_recorded`] returns `true`.
/// The log can also contain the entries after a failed sync, or after a failed write that could not be undone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value breaks a rule.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The log or the object store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The scope has ended.
    #[error("{scope} has already ended with status {status}")]
    ScopeClosed {
        /// The ref of the run or stage that has ended.
        scope: StableRef,
        /// The status with which the run or stage ended.
        status: RunStatus,
    },
    /// No scope is entered in this thread.
    #[error("no run is current in this thread")]
    NoCurrentRun,
    /// The scope is a deployment that is not linked to a run. Records and artifacts belong to a run.
    #[error("the deployment is not linked to a run, so it has no records and artifacts")]
    DeploymentWithoutRun,
    /// The scope is not within a stage.
    #[error("the scope is not within a stage")]
    StageRequired,
    /// The name of the project is blank.
    #[error("the name {name:?} of the project is blank")]
    UnusableName {
        /// The name.
        name: String,
    },
    /// The numbers of steps and values of a metric differ.
    #[error("the numbers of steps and values of a metric differ: after {pairs} pairs, there are only {more}")]
    StepsAndValues {
        /// The number of steps that have a value.
        pairs: usize,
        /// The items that are left: `steps` or `values`.
        more: &'static str,
    },
    /// The workspace is read-only.
    #[error("the workspace is read-only: {what} cannot be written")]
    ReadOnly {
        /// The data that cannot be written.
        what: &'static str,
    },
    /// A sink did not accept facts that the log contains. An ingest also reports this error if the content of an
    /// artifact could not be stored. The results name the sinks and the errors.
    #[error("{}", undelivered(.0))]
    Delivery(Box<BatchCaptureResult>),
    /// A sink cannot be used.
    #[error("the sink {name:?} {what}")]
    Sink {
        /// The name of the sink.
        name: String,
        /// The fault, in words that follow the name in the message.
        what: String,
    },
    /// A replay names a sink that does not take part in the replay.
    #[error("no sink of the replay has the name {target:?}")]
    ReplayTargetMissing {
        /// The name.
        target: String,
        /// The names of the sinks that take part.
        sinks: Vec<String>,
    },
    /// A sink tried to start a replay. All sinks are locked while a sink is called.
    #[error("a sink cannot start a replay")]
    ReplayInSink,
    /// The file of an artifact is missing, cannot be read, or is not a regular file.
    #[error("the artifact {path} {what}")]
    Source {
        /// The file.
        path: std::path::PathBuf,
        /// The fault, in words that follow the path in the message, such as `is not a regular file`.
        what: &'static str,
    },
    /// The file to adopt is not in the staging directory of the workspace.
    #[error("the file {path} cannot be adopted, because it is not in the staging directory {staging}")]
    NotStaged {
        /// The file.
        path: std::path::PathBuf,
        /// The staging directory.
        staging: std::path::PathBuf,
    },
}

/// Returns the message of the first failed result, or a general message if no result has failed.
fn undelivered(results: &BatchCaptureResult) -> String {
    let message = results.iter().find_map(|result| result.error_message());
    message.unwrap_or("captured, but not delivered to all sinks").to_owned()
}

/// Returns the stable code of the first failed result if the code is that of a failed delivery or of a body that was
/// not stored, and `capture_failed` otherwise.
fn undelivered_code(results: &BatchCaptureResult) -> &'static str {
    let code = results.iter().find_map(|result| result.error_code());
    let known = [ALL_SINKS_FAILED, SOME_SINKS_FAILED, BODY_NOT_STORED];
    known.into_iter().find(|known| code == Some(*known)).unwrap_or("capture_failed")
}

impl Error {
    /// Returns the results of the capture that [`Error::Delivery`] contains; `None` for any other error.
    pub fn results(&self) -> Option<&BatchCaptureResult> {
        match self {
            Error::Delivery(results) => Some(results),
            _ => None,
        }
    }

    /// Returns `true` if the log contains the captured facts although the capture returned this error.
    pub fn is_recorded(&self) -> bool {
        self.results().is_some_and(|results| results.iter().all(|result| result.operation().applied()))
    }

    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Contract(e) => e.code.as_str(),
            Error::Store(e) => e.code(),
            Error::ScopeClosed { .. } => "runtime_scope_closed",
            Error::NoCurrentRun => "runtime_capture_requires_run",
            Error::DeploymentWithoutRun => "capture_run_context_required",
            Error::StageRequired => "runtime_stage_required",
            Error::UnusableName { .. } => "runtime_invalid_component",
            Error::StepsAndValues { .. } => "metric_steps_and_values_differ",
            Error::ReadOnly { .. } => "workspace_read_only",
            Error::Delivery(results) => undelivered_code(results),
            Error::Sink { .. } => "sink_invalid",
            Error::ReplayTargetMissing { .. } => "recovery_replay_target_missing",
            Error::ReplayInSink => "recovery_replay_in_sink",
            Error::Source { .. } => "artifact_source_missing",
            Error::NotStaged { .. } => "artifact_store_invalid_adopt_source",
        }
    }

    /// Returns a hint on how to resolve the error.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Contract(e) => e.hint().map(str::to_owned),
            Error::Store(e) => e.hint(),
            Error::ScopeClosed { .. } => {
                Some("capture before complete() or fail(), or open another scope".into())
            }
            Error::NoCurrentRun => Some(
                "start a run and call run.enter() in this thread, or capture with the handle of the run"
                    .into(),
            ),
            Error::DeploymentWithoutRun => {
                Some("describe the deployment with the run that produced its artifact".into())
            }
            Error::StageRequired => Some("start a stage of the run, and use its handle".into()),
            Error::UnusableName { .. } => Some("give the project a name, in any script".into()),
            Error::StepsAndValues { .. } => Some("give one step for each value".into()),
            Error::ReadOnly { .. } => {
                let settings = "`records.read_only` and `artifacts.read_only`";
                Some(format!("leave out the overlay `readonly`, or set {settings} to false"))
            }
            Error::Delivery(results) if undelivered_code(results) == BODY_NOT_STORED => {
                Some("make space on the disk of the workspace, and register the artifact again".into())
            }
            Error::Delivery(_) => Some(
                "remove the cause in the sink; with `capture.dispatch_failure_mode = \"outbox\"`, undelivered captures wait for a replay"
                    .into(),
            ),
            Error::Sink { .. } => Some("give each sink a name of its own".into()),
            Error::ReplayTargetMissing { sinks, .. } if sinks.is_empty() => Some(
                "there is no sink; declare sinks in the setting `capture.sinks`, or run the replay in the program \
                 that has the sink"
                    .into(),
            ),
            Error::ReplayTargetMissing { sinks, .. } => Some(format!("the sinks are: {}", sinks.join(", "))),
            Error::ReplayInSink => Some("start the replay after the sink has returned".into()),
            Error::Source { .. } => Some("give the path of an existing file".into()),
            Error::NotStaged { .. } => Some(
                "write the file into the staging directory, or use the ingest mode `move` or `copy`".into(),
            ),
        }
    }
}

/// Allows emissions where a conversion that can fail is expected.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Error {
        match never {}
    }
}

/// The result of a capture.
pub type Result<T> = std::result::Result<T, Error>;
