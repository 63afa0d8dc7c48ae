//! The outcome of a command, and the errors that end a command.

use crate::client::chain;
use std::io;
use std::path::PathBuf;

/// The exit code of a command, or the error that ended it.
pub(super) type Outcome = Result<u8, Failure>;

/// An error that ended a command.
pub(super) enum Failure {
    /// The client returned an error.
    Client(crate::client::Error),
    /// The result could not be written to standard output.
    Write(io::Error),
    /// A file named by the user could not be written.
    WriteFile(PathBuf, io::Error),
    /// A file named by the user could not be read.
    Read(PathBuf, io::Error),
    /// The command has no alert rule.
    NoAlertRule,
    /// The user did not confirm the command.
    NotConfirmed,
    /// A pattern of files that cannot be parsed, and the reason.
    #[cfg(unix)]
    Pattern(String, String),
}

impl From<crate::client::Error> for Failure {
    fn from(e: crate::client::Error) -> Failure {
        Failure::Client(e)
    }
}

impl From<crate::interpretation::Error> for Failure {
    fn from(e: crate::interpretation::Error) -> Failure {
        Failure::Client(e.into())
    }
}

impl From<crate::client::StoreError> for Failure {
    fn from(e: crate::client::StoreError) -> Failure {
        Failure::Client(e.into())
    }
}

impl From<crate::contract::ContractError> for Failure {
    fn from(e: crate::contract::ContractError) -> Failure {
        Failure::Client(e.into())
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Failure {
        Failure::Write(e)
    }
}

impl Failure {
    /// Returns `true` if the reader of standard output has closed the pipe, which is no error.
    pub(super) fn is_closed_pipe(&self) -> bool {
        matches!(self, Failure::Write(e) if e.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Returns the stable code.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Failure::Client(e) => e.code(),
            Failure::Write(_) | Failure::WriteFile(..) => "output_failed",
            Failure::Read(..) => "input_unreadable",
            Failure::NoAlertRule => "alert_rules_missing",
            Failure::NotConfirmed => "confirmation_required",
            #[cfg(unix)]
            Failure::Pattern(..) => "pattern_invalid",
        }
    }

    /// Returns the message, with the messages of all sources.
    pub(super) fn message(&self) -> String {
        match self {
            Failure::Client(e) => chain(e),
            Failure::Write(e) => format!("cannot write the result: {e}"),
            Failure::WriteFile(path, e) => format!("cannot write {}: {e}", path.display()),
            Failure::Read(path, e) => format!("cannot read {}: {e}", path.display()),
            Failure::NoAlertRule => "there is no complete alert rule".to_owned(),
            Failure::NotConfirmed => "nothing was deleted, because the command was not confirmed".to_owned(),
            #[cfg(unix)]
            Failure::Pattern(pattern, e) => format!("the pattern {pattern:?} matches no file: {e}"),
        }
    }

    /// Returns advice for the user.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Failure::Client(e) => e.hint(),
            Failure::NotConfirmed => Some("pass `--yes` to delete without a question".into()),
            Failure::NoAlertRule => Some(
                "give --metric, --operator and --threshold, or declare rules in the setting interpretation.alert.rules"
                    .into(),
            ),
            #[cfg(unix)]
            Failure::Pattern(..) => {
                Some("write a character with a special meaning in brackets, such as [*]".into())
            }
            _ => None,
        }
    }
}
