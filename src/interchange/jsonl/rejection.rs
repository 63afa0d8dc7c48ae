//! The reason for which a line is refused.

use crate::contract::error::bounded;
use crate::contract::{ContractError, ErrorCode, RunRef, ValidationReport};

/// The reason for which a line was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The stable code: an error code of the contract, or a code of imports, which begins with `import_`.
    pub code: &'static str,
    /// The path of the faulty value in the line, such as `$.object.payload.value`.
    pub path: String,
    /// The message.
    pub message: String,
    /// The run that the line names, if it can be read.
    pub run: Option<RunRef>,
    /// The kind of the line, if it can be read.
    pub kind: Option<String>,
}

impl Rejection {
    /// Creates a rejection of a whole line.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Rejection {
        Rejection { code, path: "$".into(), message: bounded(message.into()), run: None, kind: None }
    }

    /// Creates the rejection of a whole line because of an error of the contract.
    pub(super) fn of_contract(e: &ContractError) -> Rejection {
        Rejection::new(e.code.as_str(), e.message.clone())
    }

    /// Creates the rejection for a validation report: the first error, and the number of further errors. `prefix` is
    /// the path, in the line, of the value that was validated.
    pub(super) fn of_report(report: &ValidationReport, prefix: &str) -> Rejection {
        let mut errors = report.errors();
        let Some(first) = errors.next() else {
            return Rejection::new(ErrorCode::ValidationFailed.as_str(), "the object is not valid");
        };
        let more = match errors.count() {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        Rejection {
            path: first.path().replacen('$', prefix, 1),
            ..Rejection::new(first.code().as_str(), format!("{}{more}", first.message()))
        }
    }
}
