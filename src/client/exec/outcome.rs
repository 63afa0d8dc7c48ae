//! The outcome of a program: exit code or signal.

use crate::contract::RunStatus;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// The exit code of a shell for a program that does not exist, and for one that cannot be executed.
pub(super) const NOT_FOUND: u8 = 127;
pub(super) const NOT_EXECUTABLE: u8 = 126;

/// The outcome of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The exit code; `None` for a program that was killed by a signal or could not be started.
    pub(super) code: Option<i32>,
    /// The signal that killed the program.
    pub(super) signal: Option<i32>,
    /// `true` if this process was asked to stop, by a signal or from the terminal, and has passed this on.
    pub(super) is_interrupted: bool,
    /// The reason for which the program could not be started.
    pub(super) not_started: Option<String>,
    /// The exit code for the caller.
    pub(super) exit: u8,
}

impl Outcome {
    pub(super) fn of(status: ExitStatus, is_interrupted: bool) -> Outcome {
        let (code, signal) = (status.code(), status.signal());
        let exit = code.unwrap_or_else(|| 128 + signal.unwrap_or_default());
        let exit = u8::try_from(exit).unwrap_or(u8::MAX);
        Outcome { code, signal, is_interrupted, not_started: None, exit }
    }

    pub(super) fn not_started(error: &std::io::Error, program: &str) -> Outcome {
        let exit = if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
        let reason = format!("cannot run {program:?}: {error}");
        Outcome { code: None, signal: None, is_interrupted: false, not_started: Some(reason), exit }
    }

    /// Returns the status of the run.
    pub(super) fn status(&self) -> RunStatus {
        match self.exit {
            _ if self.is_interrupted => RunStatus::Cancelled,
            0 => RunStatus::Completed,
            _ => RunStatus::Failed,
        }
    }

    /// Returns the outcome as text.
    pub(super) fn message(&self) -> String {
        match (&self.not_started, self.code, self.signal) {
            (Some(reason), _, _) => reason.clone(),
            (_, Some(code), _) => format!("exit status {code}"),
            (_, _, Some(signal)) => {
                let name = signal_hook::low_level::signal_name(signal).map(|name| format!(" ({name})"));
                format!("killed by signal {signal}{}", name.unwrap_or_default())
            }
            _ => "ended".to_owned(),
        }
    }
}
