//! Writers of JSON: canonical text (compact, without members that are null) and text for people (indented, with nulls).

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::json::value::Value;
use std::fmt::Write as _;

/// The name of the member below which canonical text keeps object members that are null.
const PARAMS: &str = "params";

/// Returns the canonical text of a value. Object members that are null are left out, except below a member `params`.
/// Errors: a number that is not finite.
pub fn canonical(value: &Value) -> Result<String> {
    let mut out = String::new();
    write(&mut out, value, Style { indent: None, nulls: false }, 0)?;
    Ok(out)
}

/// Returns the text of a value like [`canonical`], but keeps all object members that are null. Errors: a number that is
/// not finite.
pub(crate) fn with_nulls(value: &Value) -> Result<String> {
    let mut out = String::new();
    write(&mut out, value, Style { indent: None, nulls: true }, 0)?;
    Ok(out)
}

/// Returns JSON text for people, indented by two spaces. The keys are sorted, and nulls are kept. Errors: a number that
/// is not finite.
pub fn pretty(value: &Value) -> Result<String> {
    let mut out = String::new();
    write(&mut out, value, Style { indent: Some(2), nulls: true }, 0)?;
    Ok(out)
}

#[derive(Clone, Copy)]
struct Style {
    indent: Option<usize>,
    nulls: bool,
}

impl Style {
    fn line(&self, out: &mut String, depth: usize) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }
}

fn write(out: &mut String, value: &Value, style: Style, depth: usize) -> Result<()> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(n) => drop(write!(out, "{n}")),
        Value::Big(digits) => out.push_str(digits),
        Value::Float(f) if f.is_finite() => out.push_str(&float(*f)),
        Value::Float(f) => {
            return Err(ContractError::new(ErrorCode::JsonFloat, format!("JSON cannot hold the number {f}")));
        }
        Value::Text(text) => quoted(out, text),
        Value::List(items) if items.is_empty() => out.push_str("[]"),
        Value::List(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                style.line(out, depth + 1);
                write(out, item, style, depth + 1)?;
            }
            style.line(out, depth);
            out.push(']');
        }
        Value::Map(members) => {
            let mut members = members.iter().filter(|(_, v)| style.nulls || **v != Value::Null).peekable();
            if members.peek().is_none() {
                out.push_str("{}");
                return Ok(());
            }
            out.push('{');
            for (n, (key, member)) in members.enumerate() {
                if n > 0 {
                    out.push(',');
                }
                style.line(out, depth + 1);
                quoted(out, key);
                out.push_str(if style.indent.is_some() { ": " } else { ":" });
                let below = Style { nulls: style.nulls || key == PARAMS, ..style };
                write(out, member, below, depth + 1)?;
            }
            style.line(out, depth);
            out.push('}');
        }
    }
    Ok(())
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Returns the shortest text that reads back as the same number, in the form of Python's `repr`. A number with a
/// decimal exponent from -4 to 15 is written in plain digits with a decimal point, such as `1.0`. Other numbers have an
/// exponent with a sign and at least two digits, such as `1e+16`. Numbers that are not finite are `nan`, `inf` and
/// `-inf`.
pub fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    // The shortest digits with an exponent, such as `1.25e-7`.
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

/// Writes a text without quotes, and any other value as canonical JSON. A float that is not finite is written as `nan`,
/// `inf` or `-inf`; nothing is written for a list or object with such a float.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Float(number) => f.write_str(&float(*number)),
            other => f.write_str(&canonical(other).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_look_as_python_writes_them() {
        for (value, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::MAX, "1.7976931348623157e+308"),
            (1e22, "1e+22"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn canonical_text_sorts_keys_and_leaves_out_nulls_of_objects() {
        let value = Value::map([
            ("b", Value::List(vec![Value::Null, Value::Int(1)])),
            ("a", Value::Null),
            ("é", Value::text("\u{7f}\u{1}/\"\\\n\u{2028}")),
            ("Z", Value::map([("x", Value::Null)])),
        ]);
        let text = "{\"Z\":{},\"b\":[null,1],\"é\":\"\u{7f}\\u0001/\\\"\\\\\\n\u{2028}\"}";
        assert_eq!(canonical(&value).unwrap(), text);
        assert!(canonical(&Value::Float(f64::NAN)).is_err());
        assert_eq!(pretty(&value).unwrap().lines().next(), Some("{"));
        let nested = Value::map([("a", Value::Null), ("b", Value::map([("c", Value::Null)]))]);
        let params = Value::map([("params", nested), ("z", Value::Null)]);
        assert_eq!(canonical(&params).unwrap(), r#"{"params":{"a":null,"b":{"c":null}}}"#);
        assert_eq!(with_nulls(&params).unwrap(), r#"{"params":{"a":null,"b":{"c":null}},"z":null}"#);
        assert!(pretty(&value).unwrap().contains("  \"a\": null,\n"));
    }
}
