//! The canonical JSON form of a model.

use crate::contract::error::contract_error::Result;
use crate::contract::json::value::Value;
use crate::contract::json::write;

/// A type with a canonical JSON form.
pub trait Canonical {
    /// Returns the canonical form as a JSON value. Members without a value are null or left out.
    fn to_value(&self) -> Value;

    /// Returns the canonical text. Errors: a number that is not finite.
    fn to_json(&self) -> Result<String> {
        write::canonical(&self.to_value())
    }
}
