//! The input of the `deserialize_*` functions.

use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::json::value::Value;
use crate::contract::model::canonical_model::Model;
use crate::contract::refs::stable::StableRef;

/// The input of the `deserialize_*` functions: JSON text, a JSON value, or a model.
///
/// ```
/// use contexta::contract::json::read::parse;
/// use contexta::contract::{Canonical, deserialize_project};
///
/// let text = r#"{"project_ref":"project:p","name":"P","created_at":"2024-06-01T12:00:00Z"}"#;
/// let project = deserialize_project(text, None)?;
/// assert_eq!(deserialize_project(parse(text)?, None)?, project);
/// assert_eq!(deserialize_project(project.clone().into_inner(), None)?, project);
/// # Ok::<(), contexta::contract::ContractError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ModelInput<'a, M> {
    /// JSON text.
    Text(&'a str),
    /// A JSON value that is already parsed.
    Value(Value),
    /// A model. Only its rules are checked.
    Model(M),
}

impl<'a, M> From<&'a str> for ModelInput<'a, M> {
    fn from(text: &'a str) -> ModelInput<'a, M> {
        ModelInput::Text(text)
    }
}

impl<'a, M> From<&'a String> for ModelInput<'a, M> {
    fn from(text: &'a String) -> ModelInput<'a, M> {
        ModelInput::Text(text)
    }
}

impl<M> From<Value> for ModelInput<'_, M> {
    fn from(value: Value) -> Self {
        ModelInput::Value(value)
    }
}

impl<M> From<&Value> for ModelInput<'_, M> {
    fn from(value: &Value) -> Self {
        ModelInput::Value(value.clone())
    }
}

impl<M: Model> From<M> for ModelInput<'_, M> {
    fn from(model: M) -> Self {
        ModelInput::Model(model)
    }
}

impl From<ExtensionFieldSet> for ModelInput<'_, ExtensionFieldSet> {
    fn from(set: ExtensionFieldSet) -> Self {
        ModelInput::Model(set)
    }
}

impl From<StableRef> for ModelInput<'_, StableRef> {
    fn from(any: StableRef) -> Self {
        ModelInput::Model(any)
    }
}
