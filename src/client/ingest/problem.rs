//! Problems of an ingest: lines and members that were not recorded.

use crate::capture;
use crate::client::error::Error;
use crate::contract::ContractError;
use crate::contract::error::bounded;

/// A line, or a part of a line, that was not recorded or not delivered to all sinks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IngestProblem {
    /// The number of the line, from 1.
    pub line: u64,
    /// The stable code.
    pub code: &'static str,
    /// The message.
    pub message: String,
    /// Advice for the user.
    pub hint: Option<String>,
    /// `true` if the log contains the line in spite of the problem, because only a sink failed. Such a line does not
    /// count as refused.
    pub is_recorded: bool,
}

/// The reason for which a line, or a part of it, is not recorded or not delivered.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// `true` if the log contains the facts, and a sink does not.
    pub(super) is_recorded: bool,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { code, message: bounded(message.into()), hint: None, is_recorded: false }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Refusal {
        Refusal { hint: Some(hint.into()), ..self }
    }

    /// A member with an unsuitable value.
    pub(super) fn invalid(member: &str, what: impl std::fmt::Display) -> Refusal {
        Refusal::new("ingest_invalid_member", format!("the member {member:?} {what}"))
    }

    pub(super) fn at(self, line: u64) -> IngestProblem {
        let Refusal { code, message, hint, is_recorded } = self;
        IngestProblem { line, code, message, hint, is_recorded }
    }
}

impl From<ContractError> for Refusal {
    fn from(e: ContractError) -> Refusal {
        Refusal::new(e.code.as_str(), e.message)
    }
}

impl From<capture::Error> for Refusal {
    fn from(e: capture::Error) -> Refusal {
        let is_recorded = e.is_recorded();
        Refusal { is_recorded, ..Refusal::from(Error::Capture(e)) }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let hint = error.hint();
        Refusal { hint, ..Refusal::new(error.code(), error.to_string()) }
    }
}
