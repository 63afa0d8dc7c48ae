//! The trait of all canonical models.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::extension::target::ExtensionTarget;
use crate::contract::issue::collector::Issues;
use crate::contract::issue::report::ValidationReport;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::{Members, Value};
use crate::contract::rules::valid::{Rules, Valid};

/// A canonical model.
pub trait Model: Rules + Canonical + Sized {
    /// The model's name in errors.
    const NAME: &'static str;
    /// The target of its extensions; `None` if it has no extensions.
    const TARGET: Option<ExtensionTarget> = None;
    /// The path of its extensions.
    const EXTENSIONS_AT: &'static str = "$.extensions";

    /// Reads the object. An issue is added for every invalid member; after an error the result is `None`. The rules
    /// between members are not checked here.
    fn from_members(members: Members, issues: &mut Issues) -> Option<Self>;

    /// Reads the object from a value.
    fn from_value(value: Value, issues: &mut Issues) -> Option<Self> {
        match value {
            Value::Map(members) => Self::from_members(members, issues),
            other => {
                let message = format!("{} is not {}", other.type_name(), Self::NAME);
                issues.error(ErrorCode::JsonShape, "", message);
                None
            }
        }
    }

    /// Adds warnings about members that are usable but incomplete, even for an invalid model.
    fn warn(&self, _issues: &mut Issues) {}

    /// Returns the extension field sets of the model.
    fn extensions(&self) -> &[ExtensionFieldSet] {
        &[]
    }
}

/// Reads a model from a value. Errors: every issue.
pub fn from_value<M: Model>(value: Value) -> std::result::Result<Valid<M>, ValidationReport> {
    let mut issues = Issues::default();
    match M::from_value(value, &mut issues) {
        Some(model) if !issues.has_errors() => Valid::check(model),
        _ => Err(issues.into_report()),
    }
}
