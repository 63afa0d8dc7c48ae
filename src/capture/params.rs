//! The conversion of a structured value to parameters with dotted names.

use crate::contract::{ContractError, ErrorCode, Members, Result, Value};
use serde::Serialize;

/// Converts a serializable value, such as the struct of a configuration, to parameters. The members of a nested object
/// get dotted names: `optimizer.lr`. An empty nested object remains the value of one parameter. Errors: the value has
/// no JSON form, its JSON form is not an object, or two members get one name.
pub(super) fn dotted<T: Serialize + ?Sized>(params: &T) -> Result<Members> {
    flat(members_of(Value::from_serialize(params)?)?)
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

/// Gives the members of nested objects dotted names. Error: two members get one name.
pub(super) fn flat(members: Members) -> Result<Members> {
    let mut flat = Members::new();
    for (name, value) in members {
        add(&mut flat, name, value)?;
    }
    Ok(flat)
}

fn add(flat: &mut Members, name: String, value: Value) -> Result<()> {
    match value {
        Value::Map(members) if !members.is_empty() => {
            for (member, value) in members {
                add(flat, format!("{name}.{member}"), value)?;
            }
        }
        value => {
            if flat.contains_key(&name) {
                let message = format!("two parameters have the name {name:?}");
                return Err(ContractError::field(ErrorCode::Mapping, "params", message));
            }
            flat.insert(name, value);
        }
    }
    Ok(())
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
        let same = Value::map([("a", Value::map([("b", 1.into())])), ("a.b", 2.into())]);
        assert_eq!(dotted(&same).unwrap_err().code, ErrorCode::Mapping);
    }
}
