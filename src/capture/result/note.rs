//! Notes on the missing parts of a degraded result.

use crate::capture::result::form::Form;
use crate::contract::{Members, Value};

/// A note on a missing part of a degraded result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DegradationNote {
    /// The stable code.
    pub code: String,
    /// The text for people.
    pub message: String,
    /// `true` if data is missing or changed.
    pub fidelity_loss: bool,
    /// `true` if the missing part can be recovered later.
    pub recoverable: bool,
    /// The affected areas, such as `capture`.
    pub affected_planes: Vec<String>,
    /// Additional data.
    pub details: Members,
}

impl DegradationNote {
    /// Creates a note on a recoverable loss, without affected areas and additional data.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> DegradationNote {
        DegradationNote {
            code: code.into(),
            message: message.into(),
            fidelity_loss: true,
            recoverable: true,
            affected_planes: Vec::new(),
            details: Members::new(),
        }
    }

    pub(super) fn form(&self) -> Form {
        Form::Object(vec![
            ("code", self.code.as_str().into()),
            ("message", self.message.as_str().into()),
            ("fidelity_loss", self.fidelity_loss.into()),
            ("recoverable", self.recoverable.into()),
            ("affected_planes", Form::texts(&self.affected_planes)),
            ("details", Value::Map(self.details.clone()).into()),
        ])
    }
}
