//! The rule for a parameter of a run.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::json::value::Value;
use crate::contract::space::trim;

/// Checks that the name of a parameter is not blank, and that the value is a finite number, a text or a boolean.
pub fn check_param(key: &str, value: &Value) -> Result<()> {
    if trim(key).is_empty() {
        return Err(ContractError::field(ErrorCode::Mapping, "params", "a parameter needs a name"));
    }
    let fits = match value {
        Value::Bool(_) | Value::Int(_) | Value::Text(_) => true,
        Value::Float(_) | Value::Big(_) => value.unwritable(1).is_none(),
        Value::Null | Value::List(_) | Value::Map(_) => false,
    };
    if fits {
        return Ok(());
    }
    let message =
        format!("the parameter {key:?} is {}, not a finite number, a text or a boolean", value.type_name());
    Err(ContractError::field(ErrorCode::Mapping, "params", message))
}
