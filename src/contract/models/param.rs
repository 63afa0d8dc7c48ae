//! The rule for a parameter of a run.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::json::value::Value;
use crate::contract::rules::object::writable;
use crate::contract::rules::token::unusable_name;
use crate::contract::space::trim;

/// Normalizes a parameter: trims its name, and replaces numbers in its value that are not finite by their text forms.
/// Returns the name and the value. Errors: the name is blank, is too long or contains a control character; the value is
/// nested too deeply or too large.
pub(crate) fn param(key: &str, mut value: Value) -> Result<(String, Value)> {
    let invalid = |message: String| ContractError::field(ErrorCode::Mapping, "params", message);
    let name = trim(key);
    if name.is_empty() {
        return Err(invalid("a parameter needs a name".to_owned()));
    }
    if let Some(reason) = unusable_name(name) {
        return Err(invalid(format!("the name of a parameter is not usable: {reason}")));
    }
    writable(&mut value).map_err(|what| invalid(format!("the parameter {name:?} {what}")))?;
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_json_value_is_a_parameter() {
        let nested = Value::map([("a", Value::List(vec![Value::Float(f64::INFINITY), Value::Null]))]);
        let named = Value::map([("a", Value::List(vec!["Infinity".into(), Value::Null]))]);
        for (value, kept) in [
            (Value::Null, Value::Null),
            ("".into(), "".into()),
            (f64::NAN.into(), "NaN".into()),
            (f64::NEG_INFINITY.into(), "-Infinity".into()),
            (nested, named),
        ] {
            assert_eq!(param(" 模型 ", value).unwrap(), ("模型".to_owned(), kept));
        }
        for key in [" ", "a\nb", &"x".repeat(251)] {
            assert_eq!(param(key, 1.into()).map_err(|e| e.code), Err(ErrorCode::Mapping), "{key:?}");
        }
        let deep = (0..70).fold(Value::Null, |inner, _| Value::List(vec![inner]));
        assert!(param("deep", deep).is_err());
    }
}
