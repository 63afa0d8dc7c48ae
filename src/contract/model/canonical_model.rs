//! The trait of all models of the contract.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::extension::target::ExtensionTarget;
use crate::contract::issue::collector::Issues;
use crate::contract::issue::report::ValidationReport;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::{Members, Value};
use crate::contract::rules::valid::{Rules, Valid};

/// A model of the contract: a type with rules, a canonical JSON form and a strict reader.
pub trait Model: Rules + Canonical + Sized {
    /// The name of the model in errors.
    const NAME: &'static str;
    /// The name by which the extension registry refers to this model; `None` if the model has no extensions.
    const TARGET: Option<ExtensionTarget> = None;
    /// The path of the list of extensions in the JSON form of the model. The paths of issues in extensions begin with
    /// this path.
    const EXTENSIONS_AT: &'static str = "$.extensions";

    /// Reads the model from the members of a JSON object. Adds an issue for every invalid, missing or unknown member.
    /// Returns `None` if a member is missing or cannot be read. The rules between members are not checked here.
    fn from_members(members: Members, issues: &mut Issues) -> Option<Self>;

    /// Reads the model from a JSON value with [`Model::from_members`]. A value that is not an object is an error.
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

    /// Adds warnings about missing or unusual members that do not make the model invalid. This function is also called
    /// for an invalid model.
    fn warn(&self, _issues: &mut Issues) {}

    /// Returns the extension field sets of the model.
    fn extensions(&self) -> &[ExtensionFieldSet] {
        &[]
    }
}

/// Reads a model from a value and checks the rules of the model. Errors: all invalid members or, if every member is
/// valid, all broken rules.
pub fn from_value<M: Model>(value: Value) -> std::result::Result<Valid<M>, ValidationReport> {
    let mut issues = Issues::default();
    match M::from_value(value, &mut issues) {
        Some(model) if !issues.has_errors() => Valid::check(model),
        _ => Err(issues.into_report()),
    }
}
