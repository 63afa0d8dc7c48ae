//! Parameters with dotted names from the members of a structured value.

use crate::contract::{ContractError, ErrorCode, Members, Result, Value};
use serde::Serialize;

/// Converts a serializable value, such as the struct of a configuration, to parameters. The members of a nested object
/// get dotted names: `optimizer.lr`. An empty object stays a value. Errors: the value has no JSON form, or the form is not
/// an object.
pub(super) fn dotted<T: Serialize + ?Sized>(params: &T) -> Result<Members> {
    Ok(flat(members_of(Value::from_serialize(params)?)?))
}

/// Returns the members of an object. Error: the value is not an object.
pub(super) fn members_of(value: Value) -> Result<Members> {
    match value {
        Value::Map(members) => Ok(members),
        other => {
            let message =
                format!("parameters are an object with a member for each, not {}", other.type_name());
            Err(ContractError::field(ErrorCode::Mapping, "params", message))
        }
    }
}

/// Gives the members of nested objects dotted names.
pub(super) fn flat(members: Members) -> Members {
    let mut flat = Members::new();
    for (name, value) in members {
        add(&mut flat, name, value);
    }
    flat
}

fn add(flat: &mut Members, name: String, value: Value) {
    match value {
        Value::Map(members) if !members.is_empty() => {
            for (member, value) in members {
                add(flat, format!("{name}.{member}"), value);
            }
        }
        value => {
            flat.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_nested_objects_get_dotted_names() {
        let optimizer = Value::map([("lr", 0.5.into()), ("betas", vec![0.9, 0.99].into())]);
        let config = Value::map([("optimizer", optimizer), ("empty", Value::map([])), ("seed", Value::Null)]);
        let expected = Value::map([
            ("optimizer.lr", 0.5.into()),
            ("optimizer.betas", vec![0.9, 0.99].into()),
            ("empty", Value::map([])),
            ("seed", Value::Null),
        ]);
        assert_eq!(Value::Map(dotted(&config).unwrap()), expected);
        assert_eq!(dotted(&[1, 2]).unwrap_err().code, ErrorCode::Mapping);
    }
}
